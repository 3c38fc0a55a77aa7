package accounts_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/subscriptions"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/internal/apptest"
)

// changes records every change of standing of one person, "from>to reason actor".
func changes(s *hookstest.Server) *[]string {
	list := &[]string{}
	accounts.OnStandingChange(s.App).BindFunc(func(e *accounts.StandingEvent) error {
		inside := ""
		if !e.App.IsTransactional() {
			inside = " outside"
		}
		var stored string
		if err := e.App.DB().NewQuery("SELECT standing FROM users WHERE id = {:id}").
			Bind(dbx.Params{"id": e.User.Id}).Row(&stored); err != nil {
			return err
		}
		if stored != e.To {
			inside += " before the write"
		}
		*list = append(*list, e.From+">"+e.To+" "+e.Reason+" "+e.Actor+inside)
		return e.Next()
	})
	return list
}

func set(s *hookstest.Server, id, standing, reason, actor string) error {
	return s.App.RunInTransaction(func(tx core.App) error {
		return accounts.SetStanding(tx, id, standing, reason, actor)
	})
}

func TestStandingChangesFireOnce(t *testing.T) {
	s := hookstest.Start(t)
	heard := changes(s)
	ada := s.User(apptest.Ada).Id
	for _, step := range []struct{ standing, want string }{
		{"good", ""},
		{"warned", "good>warned because user:mod"},
		{"suspended", "warned>suspended because user:mod"},
		{"suspended", ""},
		{"banned", "suspended>banned because user:mod"},
		{"good", "banned>good because user:mod"},
	} {
		*heard = nil
		before := row(t, s, "users", ada)
		if err := set(s, ada, step.standing, "because", "user:mod"); err != nil {
			t.Fatal(err)
		}
		after := row(t, s, "users", ada)
		want := []string{step.want}
		if step.want == "" {
			want = nil
		}
		if !slices.Equal(*heard, want) || after["standing"] != step.standing {
			t.Errorf("to %s: heard %q, stored %s", step.standing, *heard, after["standing"])
		}
		ended := before["tokenKey"] != after["tokenKey"]
		if ended != (step.want != "" && (step.standing == "suspended" || step.standing == "banned")) {
			t.Errorf("to %s: sessions ended: %v", step.standing, ended)
		}
	}
	rows := s.Int(`SELECT COUNT(*) FROM audit_log WHERE action = 'user.standing' AND subject_id = {:id}
		AND reason = 'because' AND actor = 'user:mod'`, dbx.Params{"id": ada})
	if rows != 4 {
		t.Errorf("%d audit rows for 4 changes", rows)
	}
	if err := accounts.SetStanding(s.App, ada, "banned", "", "system"); err == nil {
		t.Error("it was set outside a transaction")
	}
	if err := set(s, ada, "excellent", "", "system"); err == nil {
		t.Error("an unknown standing was set")
	}
	if err := set(s, "nobody000000000", "banned", "", "system"); err == nil {
		t.Error("nobody was banned")
	}
}

func TestStandingSetInTheDashboard(t *testing.T) {
	s := hookstest.Start(t)
	heard := changes(s)
	ada := s.User(apptest.Ada)
	admin := "superuser:" + func() string {
		record, err := s.App.FindAuthRecordByEmail("_superusers", apptest.Admin)
		if err != nil {
			t.Fatal(err)
		}
		return record.Id
	}()
	s.Want(s.Do(apptest.Ada, "GET", "/api/lingualink/wallet", nil), 200, "")
	s.Want(s.Do(apptest.Admin, "PATCH", usersPath+"/"+ada.Id, map[string]any{"standing": "banned"}), 200, "")
	if want := []string{"good>banned  " + admin}; !slices.Equal(*heard, want) {
		t.Errorf("heard %q, want %q", *heard, want)
	}
	// The old token is dead, also for what is open to banned people.
	s.Want(s.Do(apptest.Ada, "GET", "/api/lingualink/wallet", nil), 401, "")
	for _, action := range []string{"users.update", "user.standing"} {
		if n := s.Int("SELECT COUNT(*) FROM audit_log WHERE action = {:action} AND actor = {:admin}", dbx.Params{"action": action, "admin": admin}); n != 1 {
			t.Errorf("%d audit rows of %s", n, action)
		}
	}
	s.Want(s.Do(apptest.Admin, "PATCH", usersPath+"/"+ada.Id, map[string]any{"standing": "banned", "name": "Ada"}), 200, "")
	if len(*heard) != 1 {
		t.Errorf("heard %q", *heard)
	}
}

// A record in memory fires for what it changes in the database, no more.
func TestStandingSavedByCode(t *testing.T) {
	s := hookstest.Start(t)
	heard := changes(s)
	stale := s.User(apptest.Ada)
	person := s.User(apptest.Ada)
	person.Set("standing", "suspended")
	for range 2 {
		if err := s.App.Save(person); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(*heard, []string{"good>suspended  system"}) {
		t.Errorf("heard %q", *heard)
	}
	key := row(t, s, "users", person.Id)["tokenKey"]

	// Loaded before, saved after: the suspension and the dead sessions stay.
	stale.Set("name", "Ada L.")
	if err := s.App.Save(stale); err != nil {
		t.Fatal(err)
	}
	stored := row(t, s, "users", person.Id)
	if stored["standing"] != "suspended" || stored["tokenKey"] != key || stored["name"] != "Ada L." || len(*heard) != 1 {
		t.Errorf("standing %s, name %s, heard %q", stored["standing"], stored["name"], *heard)
	}
}

func TestListenerCanRefuseAChange(t *testing.T) {
	s := hookstest.Start(t)
	refusal := errors.New("not now")
	accounts.OnStandingChange(s.App).BindFunc(func(*accounts.StandingEvent) error { return refusal })
	before := row(t, s, "users", s.User(apptest.Ada).Id)
	audit := s.Int("SELECT COUNT(*) FROM audit_log")
	if err := set(s, before["id"], "banned", "", "system"); !errors.Is(err, refusal) {
		t.Errorf("got %v", err)
	}
	if after := row(t, s, "users", before["id"]); after["standing"] != "good" || after["tokenKey"] != before["tokenKey"] {
		t.Errorf("the change stayed: %s", after["standing"])
	}
	if s.Int("SELECT COUNT(*) FROM audit_log") != audit {
		t.Error("the audit row stayed")
	}
}

func TestSuspensionEndsRealtimeSessions(t *testing.T) {
	s := hookstest.Start(t)
	client := subscriptions.NewDefaultClient()
	client.Set(apis.RealtimeClientAuthKey, s.User(apptest.Ada))
	s.App.SubscriptionsBroker().Register(client)
	setStanding(t, s, apptest.Ada, "suspended")
	if client.Get(apis.RealtimeClientAuthKey) != nil {
		t.Error("the connection is still hers")
	}
}

func TestEachAppHasItsListeners(t *testing.T) {
	first, second := hookstest.Start(t), hookstest.Start(t)
	heard := changes(first)
	if err := set(second, second.User(apptest.Ada).Id, "banned", "", "system"); err != nil {
		t.Fatal(err)
	}
	if len(*heard) != 0 {
		t.Errorf("heard %q of another app", *heard)
	}
}
