package accounts_test

import (
	"fmt"
	"testing"

	"github.com/pocketbase/pocketbase/tools/filesystem"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/internal/apptest"
)

// onePixel is the smallest PNG.
const onePixel = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89" +
	"\x00\x00\x00\rIDATx\x9cc\xf8\xff\xff?\x00\x05\xfe\x02\xfe\xa75\x81\x84\x00\x00\x00\x00IEND\xaeB`\x82"

func TestTheCardOfABannedPersonSaysNothing(t *testing.T) {
	s := hookstest.Start(t)
	ada := s.User(apptest.Ada)
	picture, err := filesystem.NewFileFromBytes([]byte(onePixel), "ada.png")
	if err != nil {
		t.Fatal(err)
	}
	ada.Load(map[string]any{"name": "Ada L.", "bio": "Buy at example.org", "avatar": picture})
	if err := s.App.Save(ada); err != nil {
		t.Fatal(err)
	}
	avatar := "/api/files/users/" + ada.Id + "/" + s.User(apptest.Ada).GetString("avatar")
	s.Want(s.Do(apptest.Bola, "POST", blocksPath, map[string]any{"blocked": ada.Id}), 200, "")

	look := func(who string) string {
		card := s.Want(s.Do(who, "GET", usersPath+"/"+ada.Id, nil), 200, "")
		listed := s.Want(s.Do(who, "GET", usersPath+"?filter="+`username="ada"`, nil), 200, "").Items("items")
		found := s.Want(s.Do(who, "GET", usersPath+"?filter="+`bio~"example"`, nil), 200, "").Items("items")
		picture := s.Do(who, "GET", avatar, nil)
		return fmt.Sprintf("%s|%s|%t %d %d %d", card.Text("name"), card.Text("bio"), card.Text("avatar") != "", len(listed), len(found), picture.Status)
	}
	const whole = "Ada L.|Buy at example.org|true 1 1 200"
	for _, standing := range []string{"good", "warned", "suspended", "good"} {
		setStanding(t, s, apptest.Ada, standing)
		if got := look(apptest.Bola); got != whole {
			t.Errorf("%s: %s", standing, got)
		}
	}
	setStanding(t, s, apptest.Ada, "banned")
	for who, want := range map[string]string{apptest.Bola: "||false 0 0 404", apptest.Musa: whole, apptest.Admin: whole} {
		if got := look(who); got != want {
			t.Errorf("%s sees %s, want %s", who, got, want)
		}
	}
	if answer := s.Do(apptest.Guest, "GET", avatar, nil); answer.Status != 404 {
		t.Errorf("a guest gets the picture: %d", answer.Status)
	}
	own := s.Want(s.Do(apptest.Ada, "GET", usersPath+"/"+ada.Id, nil), 200, "")
	if own.Text("bio") != "Buy at example.org" || own.Text("standing") != "banned" {
		t.Errorf("she sees of herself %s", own.Raw)
	}
	expanded := s.Want(s.Do(apptest.Bola, "GET", blocksPath+"?expand=blocked", nil), 200, "").Items("items")
	card := expanded[0]["expand"].(map[string]any)["blocked"].(map[string]any)
	if card["bio"] != "" || card["name"] != "" || card["avatar"] != "" || card["username"] != "ada" {
		t.Errorf("an expanded card: %v", card)
	}
	if stored := s.User(apptest.Ada); stored.GetString("bio") != "Buy at example.org" || stored.GetString("avatar") == "" {
		t.Error("the ban changed what is stored")
	}
	setStanding(t, s, apptest.Ada, "good")
	if got := look(apptest.Bola); got != whole {
		t.Errorf("after the ban: %s", got)
	}
}
