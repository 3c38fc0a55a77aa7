package payouts_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/payouts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

// raise plants an open flag about a person, and perhaps another.
func (s *teller) raise(who, other string) string {
	s.t.Helper()
	id, now, second := shell.NewID(), shell.Stamp(s.Deps.Clock.Now()), ""
	if other != "" {
		second = s.User(other).Id
	}
	s.Insert("risk_flags", dbx.Params{"id": id, "user": s.User(who).Id, "kind": "shared_payout_account", "subject_type": "users", "subject_id": id,
		"other": second, "state": "open", "created": now, "updated": now})
	return id
}

func (s *teller) decide(who, flag, outcome, reason string, headers ...string) apptest.Answer {
	s.t.Helper()
	return s.Do(who, "POST", flagsPath+flag+"/decide", map[string]any{"outcome": outcome, "reason": reason}, headers...)
}

func TestFlagDecided(t *testing.T) {
	s := openTeller(t)
	flag := s.raise(apptest.Ada, apptest.Bola)
	s.Want(s.decide(apptest.Guest, flag, "cleared", "x"), 401, "sign_in_required")
	s.Want(s.decide(apptest.Chidi, flag, "cleared", "x"), 403, "not_allowed")
	for _, bad := range [][2]string{{"open", "x"}, {"", "x"}, {"cleared", ""}, {"cleared", "  "}, {"cleared", strings.Repeat("x", 501)}} {
		s.Want(s.decide(apptest.Musa, flag, bad[0], bad[1]), 400, "invalid_input")
	}
	s.Want(s.decide(apptest.Musa, "nothing00000000", "cleared", "x"), 404, "not_found")
	answer := s.Want(s.decide(apptest.Musa, flag, "confirmed", " They are one. "), 200, "")
	if answer.Data()["state"] != "confirmed" || answer.Data()["user"] != s.User(apptest.Ada).Id {
		t.Errorf("%v", answer.Data())
	}
	for _, who := range []string{apptest.Musa, apptest.Admin} {
		s.Want(s.decide(who, flag, "cleared", "x"), 409, "flag_decided")
	}
	stored, err := s.App.FindRecordById("risk_flags", flag)
	if err != nil {
		t.Fatal(err)
	}
	if stored.GetString("state") != "confirmed" || stored.GetString("reason") != "They are one." || stored.GetString("decided_by") != "user:"+s.User(apptest.Musa).Id ||
		stored.GetDateTime("decided_at").IsZero() || s.audited("risk_flag.decide") != 1 {
		t.Errorf("stored is %v", stored)
	}
	s.Want(s.decide(apptest.Admin, s.raise(apptest.Ada, ""), "cleared", "x"), 200, "")
	if list := s.Want(s.Do(apptest.Musa, "GET", "/api/collections/risk_flags/records", nil), 200, "").Items("items"); len(list) != 2 {
		t.Errorf("a moderator sees %d flags", len(list))
	}
	if list := s.Want(s.Do(apptest.Ada, "GET", "/api/collections/risk_flags/records", nil), 200, "").Items("items"); len(list) != 0 {
		t.Errorf("the person sees %d flags", len(list))
	}
}

func TestFlagsAreDecidedByOthers(t *testing.T) {
	s := openTeller(t)
	about, beside := s.raise(apptest.Musa, apptest.Ada), s.raise(apptest.Ada, apptest.Musa)
	for _, flag := range []string{about, beside} {
		s.Want(s.decide(apptest.Musa, flag, "cleared", "x"), 403, "not_allowed")
	}
	_, isMusa := s.superuser("other@lingualink.test", apptest.Musa)
	_, sameMail := s.superuser("Musa@lingualink.test", "")
	_, linked := s.superuser("linked@lingualink.test", apptest.Bola)
	s.Insert("relations", dbx.Params{"id": shell.NewID(), "a": s.User(apptest.Bola).Id, "b": s.User(apptest.Musa).Id})
	for name, session := range map[string]string{"the person": isMusa, "the address": sameMail, "a linked person": linked} {
		for _, flag := range []string{about, beside} {
			if answer := s.decide(apptest.Guest, flag, "cleared", "x", session); answer.Status != 403 || answer.Code() != "not_allowed" {
				t.Errorf("%s decided: %s", name, answer.Raw)
			}
		}
	}
	s.Insert("relations", dbx.Params{"id": shell.NewID(), "a": s.User(apptest.Musa).Id, "b": s.User(apptest.Chidi).Id})
	s.Want(s.decide(apptest.Musa, s.raise(apptest.Chidi, ""), "cleared", "x"), 403, "not_allowed")
	s.Want(s.decide(apptest.Musa, s.raise(apptest.Dayo, ""), "cleared", "x"), 200, "")
	s.stand(apptest.Musa, "suspended")
	s.Want(s.decide(apptest.Musa, s.raise(apptest.Emeka, ""), "cleared", "x"), 403, "account_suspended")
	s.Want(s.decide(apptest.Admin, about, "cleared", "x"), 200, "")
}

func TestFlagDecidedOnceAtTheSameMoment(t *testing.T) {
	s := openTeller(t)
	flag := s.raise(apptest.Ada, "")
	s.Token(apptest.Musa)
	s.Token(apptest.Admin)
	answers := make([]apptest.Answer, 6)
	var wait sync.WaitGroup
	for i := range answers {
		wait.Go(func() {
			answers[i] = s.decide([]string{apptest.Musa, apptest.Admin}[i%2], flag, []string{"cleared", "confirmed"}[i%2], "x")
		})
	}
	wait.Wait()
	won := 0
	for _, answer := range answers {
		if answer.Status == 200 {
			won++
		} else {
			s.Want(answer, 409, "flag_decided")
		}
	}
	if won != 1 || s.audited("risk_flag.decide") != 1 {
		t.Errorf("%d decisions, %d in the log", won, s.audited("risk_flag.decide"))
	}
}

func TestAdminsAndPersons(t *testing.T) {
	s := openTeller(t)
	id, _ := s.superuser("chief@lingualink.test", apptest.Fatima)
	chief, err := s.App.FindRecordById(core.CollectionNameSuperusers, id)
	if err != nil {
		t.Fatal(err)
	}
	s.run("UPDATE _superusers SET person = {:bola} WHERE id = {:id}", dbx.Params{"id": id, "bola": s.User(apptest.Bola).Id})
	if person, known := payouts.AdminPerson(s.App, chief); !known || person != s.User(apptest.Bola).Id {
		t.Errorf("the person is %q: what is stored counts, not what was read at sign-in", person)
	}
	if person, known := payouts.AdminPerson(s.App, s.User(apptest.Ada)); known || person != "" {
		t.Errorf("a user is the admin %q", person)
	}
	s.run("UPDATE users SET email = 'CHIEF@lingualink.test' WHERE username = 'dayo'", nil)
	for who, want := range map[string]bool{apptest.Bola: true, apptest.Dayo: true, apptest.Fatima: false, apptest.Ada: false} {
		if same, err := payouts.SamePerson(s.App, chief, s.User(who).Id); err != nil || same != want {
			t.Errorf("%s: %t, %v", who, same, err)
		}
	}
	if same, err := payouts.SamePerson(s.App, s.User(apptest.Ada), s.User(apptest.Ada).Id); err != nil || !same {
		t.Errorf("Ada is not Ada: %v", err)
	}
	s.run("UPDATE _superusers SET email = '' WHERE id = {:id}", dbx.Params{"id": id})
	s.run("UPDATE users SET email = '' WHERE username = 'dayo'", nil)
	if chief, err = s.App.FindRecordById(core.CollectionNameSuperusers, id); err != nil {
		t.Fatal(err)
	}
	if same, err := payouts.SamePerson(s.App, chief, s.User(apptest.Dayo).Id); err != nil || same {
		t.Errorf("two without an address are one: %v", err)
	}
}
