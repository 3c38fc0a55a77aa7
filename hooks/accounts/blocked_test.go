package accounts_test

import (
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

// inbox is what the person was told.
func inbox(s *hookstest.Server, who string) string {
	s.Drain()
	kinds := []string{}
	for _, row := range s.Want(s.Do(who, "GET", "/api/collections/notifications/records?sort=kind", nil), 200, "").Items("items") {
		kinds = append(kinds, row["kind"].(string))
	}
	return strings.Join(kinds, " ")
}

func TestNothingIsToldAcrossABlock(t *testing.T) {
	s := hookstest.Start(t)
	s.Deps.Strict = false // the kinds are made up: only who is told matters here
	tell := func(to, from, kind string) {
		t.Helper()
		notice := shell.Notice{User: s.User(to).Id, Kind: kind, Title: "Hello"}
		if from != "" {
			notice.From = s.User(from).Id
		}
		if err := s.App.RunInTransaction(func(tx core.App) error { return shell.Notify(tx, s.Deps, kind, notice) }); err != nil {
			t.Fatal(err)
		}
	}
	tell(apptest.Ada, apptest.Bola, "before")
	inbox(s, apptest.Ada)
	tell(apptest.Ada, apptest.Bola, "queued") // written before the block, told after it
	block := s.Want(s.Do(apptest.Ada, "POST", blocksPath, map[string]any{"blocked": s.User(apptest.Bola).Id}), 200, "").Text("id")
	tell(apptest.Ada, apptest.Bola, "to_who_blocks")
	tell(apptest.Bola, apptest.Ada, "to_the_blocked")
	tell(apptest.Ada, apptest.Chidi, "of_others")
	tell(apptest.Ada, "", "of_nobody")
	if got := inbox(s, apptest.Ada); got != "before of_nobody of_others" {
		t.Errorf("ada: %s", got)
	}
	if got := inbox(s, apptest.Bola); got != "" {
		t.Errorf("bola: %s", got)
	}
	if n := s.Int("SELECT COUNT(*) FROM jobs WHERE state != 'done'"); n != 0 {
		t.Errorf("%d jobs are tried again", n)
	}
	s.Want(s.Do(apptest.Ada, "DELETE", blocksPath+"/"+block, nil), 204, "")
	tell(apptest.Ada, apptest.Bola, "after")
	if got := inbox(s, apptest.Ada); got != "after before of_nobody of_others" {
		t.Errorf("ada, after the block: %s", got)
	}
}

// TestBlockingTellsNobody looks at everything that the blocked person can: what
// they hear, what they read, and what they are answered.
func TestBlockingTellsNobody(t *testing.T) {
	s := hookstest.Start(t)
	s.OpenVoting()
	s.Consent(apptest.Ada)
	s.Consent(apptest.Bola)
	clip := s.Clip(apptest.Ada)
	s.Decide(clip, "approve", apptest.Chidi, apptest.Dayo, apptest.Emeka)
	s.Drain()
	ada, bola := s.User(apptest.Ada).Id, s.User(apptest.Bola).Id
	reads := func(path string) string { return string(s.Do(apptest.Bola, "GET", path, nil).Raw) }
	paths := []string{
		usersPath + "/" + ada, usersPath + "/" + bola, usersPath + "?sort=id", blocksPath,
		"/api/collections/notifications/records", usersPath + "/" + ada + "?expand=blocks_via_user,blocks_via_blocked",
	}
	before := map[string]string{}
	for _, path := range paths {
		before[path] = reads(path)
	}
	hears := listen(t, s, apptest.Bola, "blocks/*", "users/*", "notifications/*", "clips/*", "verdicts/*", "languages/*")
	s.Want(s.Do(apptest.Ada, "POST", blocksPath, map[string]any{"blocked": bola}), 200, "")
	s.Drain()
	language, err := s.App.FindRecordById("languages", s.Language("ha"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.App.Save(language); err != nil {
		t.Fatal(err)
	}
	if first := <-hears.heard; first.Name != "languages/*" {
		t.Errorf("bola hears %s %s", first.Name, first.Data)
	}
	for _, path := range paths {
		if after := reads(path); after != before[path] {
			t.Errorf("%s changed from %s to %s", path, before[path], after)
		}
	}
	// What is not shown any more is answered like what does not exist.
	gone, none := s.Do(apptest.Bola, "GET", "/api/collections/clips/records/"+clip, nil), s.Do(apptest.Bola, "GET", "/api/collections/clips/records/abcdefghijklmno", nil)
	if gone.Status != none.Status || string(gone.Raw) != string(none.Raw) {
		t.Errorf("the clip: %s, no clip: %s", gone.Raw, none.Raw)
	}
	remix, other := s.UploadClip(apptest.Bola, s.Voice(), "parent", clip), s.UploadClip(apptest.Bola, s.Voice(), "parent", "abcdefghijklmno")
	s.Want(remix, 400, "parent_invalid")
	if string(remix.Raw) != string(other.Raw) {
		t.Errorf("a remix of it: %s, of none: %s", remix.Raw, other.Raw)
	}
	// Neither can the one who blocks.
	own := s.Clip(apptest.Bola)
	s.Decide(own, "approve", apptest.Chidi, apptest.Dayo, apptest.Emeka)
	s.Want(s.UploadClip(apptest.Ada, s.Voice(), "parent", own), 400, "parent_invalid")
	if n := s.Int("SELECT COUNT(*) FROM clips WHERE parent != ''"); n != 0 {
		t.Errorf("%d remixes", n)
	}
}
