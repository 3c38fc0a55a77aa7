package accounts_test

import (
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/internal/apptest"
)

func TestBlocks(t *testing.T) {
	s := hookstest.Start(t)
	ada, bola, chidi := s.User(apptest.Ada).Id, s.User(apptest.Bola).Id, s.User(apptest.Chidi).Id
	const id = "myblock00000001"
	body := map[string]any{"id": id, "blocked": bola}

	s.Want(s.Do(apptest.Ada, "POST", blocksPath, map[string]any{"blocked": ada}), 400, "block_self")
	s.Want(s.Do(apptest.Ada, "POST", blocksPath, map[string]any{"blocked": "nobody000000000"}), 400, "")
	first := s.Want(s.Do(apptest.Ada, "POST", blocksPath, body), 200, "")
	if first.Text("user") != ada || first.Text("blocked") != bola {
		t.Errorf("got %s", first.Raw)
	}
	again := s.Want(s.Do(apptest.Ada, "POST", blocksPath, body), 200, "")
	if again.Text("id") != id || again.Text("created") != first.Text("created") {
		t.Errorf("first %s\nagain %s", first.Raw, again.Raw)
	}
	s.Want(s.Do(apptest.Ada, "POST", blocksPath, map[string]any{"id": id, "blocked": chidi}), 409, "id_conflict")
	s.Want(s.Do(apptest.Bola, "POST", blocksPath, body), 409, "id_conflict")
	s.Want(s.Do(apptest.Guest, "POST", blocksPath, body), 400, "")
	if n := s.Int("SELECT COUNT(*) FROM blocks"); n != 1 {
		t.Errorf("%d blocks", n)
	}
	s.Want(s.Do(apptest.Bola, "DELETE", blocksPath+"/"+id, nil), 404, "")
	s.Want(s.Do(apptest.Ada, "DELETE", blocksPath+"/"+id, nil), 204, "")
	if blocked, err := accounts.Blocked(s.App, ada, bola); blocked || err != nil {
		t.Errorf("still blocked: %v, %v", blocked, err)
	}
}

func TestBlockedAndLinkedReadBothWays(t *testing.T) {
	s := hookstest.Start(t)
	ada, bola, chidi, dayo := s.User(apptest.Ada).Id, s.User(apptest.Bola).Id, s.User(apptest.Chidi).Id, s.User(apptest.Dayo).Id
	s.Want(s.Do(apptest.Ada, "POST", blocksPath, map[string]any{"blocked": bola}), 200, "")
	exec(t, s, "INSERT INTO relations (id, a, b, kind) VALUES ('relation0000001', {:a}, {:b}, 'device')", dbx.Params{"a": chidi, "b": dayo})
	for _, test := range []struct {
		a, b            string
		blocked, linked bool
	}{
		{ada, bola, true, false}, {bola, ada, true, false},
		{chidi, dayo, false, true}, {dayo, chidi, false, true},
		{ada, chidi, false, false}, {ada, ada, false, false}, {ada, "", false, false},
	} {
		blocked, err := accounts.Blocked(s.App, test.a, test.b)
		if blocked != test.blocked || err != nil {
			t.Errorf("Blocked(%s, %s) = %v, %v", test.a, test.b, blocked, err)
		}
		linked, err := accounts.Linked(s.App, test.a, test.b)
		if linked != test.linked || err != nil {
			t.Errorf("Linked(%s, %s) = %v, %v", test.a, test.b, linked, err)
		}
	}
}
