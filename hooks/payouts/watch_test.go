package payouts_test

import (
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/payouts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

func TestPausesByHand(t *testing.T) {
	c := openCounter(t)
	pause := func(scope, reason string) apptest.Answer {
		return c.Do(apptest.Admin, "POST", payoutsPath+"/pause", map[string]any{"scope": scope, "reason": reason})
	}
	why := func() string {
		t.Helper()
		why, err := payouts.Paused(c.App, c.Deps)
		c.must(err)
		return why
	}
	for _, bad := range [][2]string{{"NGN", ""}, {"NGN", strings.Repeat("x", 301)}, {"USD", "x"}, {"", "x"}, {"ngn", "x"}} {
		c.Want(pause(bad[0], bad[1]), 400, "invalid_input")
	}
	c.Want(pause("GHS", "The bank is closed."), 200, "")
	if why() != "" {
		t.Error("a pause of GHS stops NGN")
	}
	all := c.Want(pause("all", "Something is wrong."), 200, "").Data()
	c.Want(pause("all", "Again."), 409, "already_paused")
	id, _ := all["id"].(string)
	if why() != "admin" || all["lifted_at"] != nil || all["detail"] != "Something is wrong." || c.audits("payout.pause", id) != 1 {
		t.Errorf("paused: %q, %v", why(), all)
	}
	listed := c.Want(c.Do(apptest.Admin, "GET", payoutsPath+"/pauses", nil), 200, "")
	if len(listed.Items("pauses")) != 2 || listed.Data()["enabled"] != false || listed.Data()["switched_on"] != true {
		t.Errorf("the list is %s", listed.Raw)
	}

	path, body := payoutsPath+"/pauses/"+id+"/lift", map[string]any{"reason": "It was nothing."}
	c.Want(c.do(chief, "POST", path, map[string]any{"reason": ""}), 400, "invalid_input")
	c.Want(c.do(chief, "POST", path, body), 403, "confirmation_required")
	c.Want(c.do(chief, "POST", path, body, c.confirmed(chief, "payout_approve")), 403, "confirmation_required")
	c.Want(c.do(apptest.Admin, "POST", path, body, c.confirmed(apptest.Admin, "payout_pause")), 403, "approver_unknown")
	c.Want(c.do(chief, "POST", payoutsPath+"/pauses/nothing00000000/lift", body, c.confirmed(chief, "payout_pause")), 404, "not_found")
	if why() != "admin" {
		t.Fatal("it was lifted all the same")
	}
	lifted := c.Want(c.do(chief, "POST", path, body, c.confirmed(chief, "payout_pause")), 200, "").Data()
	if why() != "" || lifted["lifted_at"] == nil || lifted["lift_reason"] != "It was nothing." || c.audits("payout.lift", id) != 1 {
		t.Errorf("lifted: %v", lifted)
	}
	c.Want(c.do(chief, "POST", path, body, c.confirmed(chief, "payout_pause")), 409, "already_done")
	c.Want(pause("all", "Anew."), 200, "")
}

func TestAlertsAndWhatMustBeExplained(t *testing.T) {
	c := openCounter(t)
	c.must(c.App.RunInTransaction(func(tx core.App) error { return payouts.Alert(tx, c.Deps, "low_balance", "x") }))
	stamp := shell.Stamp(c.Deps.Clock.Now())
	c.Insert("orphan_transfers", dbx.Params{"id": "orphan000000000", "reference": "ll-test-x", "state": "open", "seen_at": stamp})
	alert := c.Text("SELECT id FROM alerts", nil)
	for _, test := range []struct{ table, id, verb, word, state, audit, text, by string }{
		{"alerts", alert, "done", "note", "done", "alert.done", "note", "done_by"},
		{"orphan_transfers", "orphan000000000", "explain", "reason", "explained", "orphan_transfer.explain", "reason", "explained_by"},
	} {
		path := "/api/lingualink/" + strings.ReplaceAll(test.table, "_", "-") + "/" + test.id + "/" + test.verb
		for _, bad := range []string{"", " ", strings.Repeat("x", 301)} {
			c.Want(c.Do(apptest.Admin, "POST", path, map[string]any{test.word: bad}), 400, "invalid_input")
		}
		c.Want(c.Do(apptest.Admin, "POST", path, map[string]any{test.word: "It was a test."}), 200, "")
		row := dbx.NullStringMap{}
		c.must(c.App.DB().NewQuery("SELECT * FROM " + test.table).One(row))
		if row["state"].String != test.state || row[test.text].String != "It was a test." || c.audits(test.audit, test.id) != 1 {
			t.Errorf("%s: %v", test.table, row)
		}
		if test.by != "" && !strings.HasPrefix(row[test.by].String, "superuser:") {
			t.Errorf("%s: by %q", test.table, row[test.by].String)
		}
		c.Want(c.Do(apptest.Admin, "POST", path, map[string]any{test.word: "Again."}), 409, "already_done")
		c.Want(c.Do(apptest.Admin, "POST", "/api/lingualink/"+strings.ReplaceAll(test.table, "_", "-")+"/nothing00000000/"+test.verb, map[string]any{test.word: "x"}), 404, "not_found")
	}
	// What was seen to again is a new alert.
	c.must(c.App.RunInTransaction(func(tx core.App) error { return payouts.Alert(tx, c.Deps, "low_balance", "x") }))
	if n := c.Int("SELECT COUNT(*) FROM alerts"); n != 2 {
		t.Errorf("%d alerts", n)
	}
}
