package accounts_test

import (
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/internal/apptest"
)

const adminsPath = "/api/collections/_superusers/records"

// secondAdmin makes another superuser and returns their id and session.
func secondAdmin(t testing.TB, s *hookstest.Server) (id, session string) {
	t.Helper()
	collection, err := s.App.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		t.Fatal(err)
	}
	admin := core.NewRecord(collection)
	admin.SetEmail("second@lingualink.test")
	admin.SetPassword(apptest.Password)
	if err := s.App.Save(admin); err != nil {
		t.Fatal(err)
	}
	token, err := admin.NewAuthToken()
	if err != nil {
		t.Fatal(err)
	}
	return admin.Id, "Authorization: " + token
}

// deeds are the changes of persons in the audit log, oldest first.
func deeds(t testing.TB, s *hookstest.Server) []string {
	t.Helper()
	var rows []string
	err := s.App.DB().NewQuery("SELECT actor || ' ' || subject_id || ' ' || data FROM audit_log WHERE action = 'superuser.person' ORDER BY seq").Column(&rows)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestAdminsDoNotSayWhoTheyAre(t *testing.T) {
	s := hookstest.Start(t)
	first := account(s, apptest.Admin).Id
	second, asSecond := secondAdmin(t, s)
	ada, bola := s.User(apptest.Ada).Id, s.User(apptest.Bola).Id
	person := func(admin string) string {
		return s.Text("SELECT person FROM _superusers WHERE id = {:id}", dbx.Params{"id": admin})
	}

	s.Want(s.Do(apptest.Admin, "PATCH", adminsPath+"/"+first, map[string]any{"person": ada}), 403, "own_person")
	s.Want(s.Do(apptest.Guest, "PATCH", adminsPath+"/"+first, map[string]any{"person": ada}, asSecond), 200, "")
	// Once set it is not theirs either; all else still is.
	for _, to := range []string{"", bola} {
		s.Want(s.Do(apptest.Admin, "PATCH", adminsPath+"/"+first, map[string]any{"person": to}), 403, "own_person")
	}
	s.Want(s.Do(apptest.Admin, "PATCH", adminsPath+"/"+first, map[string]any{"person": ada, "emailVisibility": true}), 200, "")
	if got := person(first); got != ada {
		t.Errorf("the admin is %q", got)
	}
	s.Want(s.Do(apptest.Admin, "PATCH", adminsPath+"/"+second, map[string]any{"person": bola}), 200, "")
	s.Want(s.Do(apptest.Admin, "PATCH", adminsPath+"/"+second, map[string]any{"person": ""}), 200, "")
	created := s.Want(s.Do(apptest.Admin, "POST", adminsPath, map[string]any{
		"email": "third@lingualink.test", "password": apptest.Password, "passwordConfirm": apptest.Password, "person": bola,
	}), 200, "").Text("id")
	s.Want(s.Do(apptest.Admin, "POST", adminsPath, map[string]any{
		"email": "fourth@lingualink.test", "password": apptest.Password, "passwordConfirm": apptest.Password,
	}), 200, "")

	want := []string{
		"superuser:" + second + " " + first + ` {"from":"","to":"` + ada + `"}`,
		"superuser:" + first + " " + second + ` {"from":"","to":"` + bola + `"}`,
		"superuser:" + first + " " + second + ` {"from":"` + bola + `","to":""}`,
		"superuser:" + first + " " + created + ` {"from":"","to":"` + bola + `"}`,
	}
	if got := deeds(t, s); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the log has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, who := range []string{apptest.Guest, apptest.Ada, apptest.Musa} {
		if answer := s.Do(who, "PATCH", adminsPath+"/"+first, map[string]any{"person": bola}); answer.Status < 400 {
			t.Errorf("%q changed it: %s", who, answer.Raw)
		}
	}
}

func TestSetAdminPerson(t *testing.T) {
	s := hookstest.Start(t)
	set := func(email, username string) error { return accounts.SetAdminPerson(s.App, s.Deps, email, username) }
	for name, names := range map[string][2]string{
		"no such admin": {"nobody@lingualink.test", "ada"}, "a user's address": {"ada@lingualink.test", "ada"},
		"no such user": {apptest.Admin, "nobody"}, "no username": {apptest.Admin, "a b"},
	} {
		if err := set(names[0], names[1]); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for range 2 { // again changes nothing
		if err := set(apptest.Admin, "ADA"); err != nil {
			t.Fatal(err)
		}
	}
	admin := account(s, apptest.Admin)
	if admin.GetString("person") != s.User(apptest.Ada).Id || !admin.ValidatePassword(apptest.Password) {
		t.Errorf("the admin is %q", admin.GetString("person"))
	}
	if err := set(apptest.Admin, ""); err != nil || account(s, apptest.Admin).GetString("person") != "" {
		t.Errorf("the admin is somebody still: %v", err)
	}
	ada := s.User(apptest.Ada).Id
	want := "command " + admin.Id + ` {"from":"","to":"` + ada + `"}` + "\n" + "command " + admin.Id + ` {"from":"` + ada + `","to":""}`
	if got := strings.Join(deeds(t, s), "\n"); got != want {
		t.Errorf("the log has\n%s\nwant\n%s", got, want)
	}
}
