package ambassadors_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/ambassadors"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/referral"
)

// brought plants somebody whom a person brought: active since then, and seen last.
func (o *office) brought(referrer, state string, activated, last time.Time) string {
	o.t.Helper()
	person := shell.NewID()
	o.brings(o.User(referrer).Id, person, state, activated, last)
	return person
}

func (o *office) brings(referrer, person, state string, activated, last time.Time) {
	o.t.Helper()
	now := shell.Stamp(o.now())
	o.Insert("referrals", dbx.Params{
		"id": shell.NewID(), "referred": person, "referrer": referrer, "code": "codecodecodecod", "state": state,
		"activated_at": shell.Stamp(activated), "created": now, "updated": now,
	})
	if !last.IsZero() {
		o.Insert("contributors", dbx.Params{"id": shell.NewID(), "user": person, "last_at": shell.Stamp(last), "updated": now})
	}
}

func (o *office) tiers() {
	o.t.Helper()
	if err := (&ambassadors.TierPass{}).Run(o.App, o.Deps); err != nil {
		o.t.Fatal(err)
	}
}

// tier is tier, month, retained and version of a person; empty without a row.
func (o *office) tier(who string) string {
	o.t.Helper()
	return o.Text("SELECT COALESCE((SELECT tier || ' ' || month || ' ' || retained || ' v' || policy_version FROM referrers WHERE user = {:id}), '')", o.id(who))
}

func TestTiers(t *testing.T) {
	o := open(t)
	start := referral.MonthStart(o.now())
	edge := start.Add(-30 * day)
	for range 5 {
		o.brought(ada, "active", edge, edge)
	}
	for range 4 {
		o.brought(bola, "active", edge, edge)
	}
	// Each of these lacks one thing.
	o.brought(bola, "active", edge.Add(time.Millisecond), start)
	o.brought(bola, "active", edge, edge.Add(-time.Millisecond))
	o.brought(bola, "active", edge, time.Time{})
	o.brought(bola, "withdrawn", edge, start)
	o.brought(bola, "barred", edge, start)
	o.brought(bola, "invited", time.Time{}, start)
	o.tiers()
	if got, want := o.tier(ada), "bronze "+o.month(0)+" 5 v0"; got != want {
		t.Errorf("Ada is %q, want %q", got, want)
	}
	if got, want := o.tier(bola), " "+o.month(0)+" 4 v0"; got != want {
		t.Errorf("Bola is %q, want %q", got, want)
	}
	if o.tier(chidi) != "" || o.notices(ada, "referral_tier") != 1 || o.notices(bola, "referral_tier") != 0 {
		t.Error("who brought nobody has a tier, or somebody was told wrongly")
	}
	// She reads it, others do not.
	for who, rows := range map[string]int{ada: 1, bola: 1, chidi: 0, guest: 0} {
		if got := len(o.Want(o.Do(who, "GET", "/api/collections/referrers/records", nil), 200, "").Items("items")); got != rows {
			t.Errorf("%q lists %d", who, got)
		}
	}
}

func TestATierIsReckonedOnceAMonth(t *testing.T) {
	o := open(t)
	old := o.now().Add(-90 * day)
	for range 5 {
		o.brought(ada, "active", old, o.now())
	}
	run := func() { o.tiers() }
	together(run, run, run)
	before := o.tier(ada)
	// What happens in the month changes nothing before the next, however often a pass begins anew.
	o.exec("UPDATE referrals SET state = 'withdrawn'")
	o.Policy(shell.PolicyReferrals, map[string]any{"bronze_from": 1})
	o.tiers()
	if o.tier(ada) != before || before != "bronze "+o.month(0)+" 5 v0" || o.Int("SELECT COUNT(*) FROM referrers") != 1 {
		t.Errorf("%q became %q", before, o.tier(ada))
	}
	o.turnTo(3, 20) // and no server ran meanwhile
	o.tiers()
	if got, want := o.tier(ada), " "+o.month(0)+" 0 v1"; got != want {
		t.Errorf("after downtime %q, want %q", got, want)
	}
	if o.notices(ada, "referral_tier") != 2 {
		t.Error("she was not told that the tier is lost")
	}
}

// TestOnePassGoesOnInTheNextMonth: a pass that is done looks again when the month
// turns, and not before.
func TestOnePassGoesOnInTheNextMonth(t *testing.T) {
	o := open(t)
	pass := &ambassadors.TierPass{}
	run := func() {
		t.Helper()
		if err := pass.Run(o.App, o.Deps); err != nil {
			t.Fatal(err)
		}
	}
	old := o.now().Add(-90 * day)
	o.brought(ada, "active", old, o.now())
	run()
	o.brought(bola, "active", old, o.now())
	run()
	if o.tier(ada) == "" || o.tier(bola) != "" {
		t.Errorf("Ada %q, Bola %q", o.tier(ada), o.tier(bola))
	}
	o.turnTo(1, 1)
	run()
	if want := " " + o.month(0) + " 1 v0"; o.tier(ada) != want || o.tier(bola) != want {
		t.Errorf("Ada %q, Bola %q", o.tier(ada), o.tier(bola))
	}
}

func TestManyReferrersTakeManyTransactions(t *testing.T) {
	o := open(t)
	const referrers = 2*ambassadors.TierBatch + 7
	users := o.many(referrers)
	old := o.now().Add(-90 * day)
	for _, user := range users {
		for range 2 {
			o.brings(user, shell.NewID(), "active", old, o.now())
		}
	}
	o.tiers()
	if n := o.Int("SELECT COUNT(*) FROM referrers WHERE retained = 2 AND month = {:month}", dbx.Params{"month": o.month(0)}); n != referrers {
		t.Errorf("%d have a tier", n)
	}
}

// many plants people and returns their ids.
func (o *office) many(n int) []string {
	o.t.Helper()
	ids := []string{}
	for i := range n {
		id, now := shell.NewID(), shell.Stamp(o.now())
		o.Insert("users", dbx.Params{
			"id": id, "username": fmt.Sprint("many", i), "username_key": fmt.Sprint("many", i), "standing": "good", "country": "NG",
			"tokenKey": id + id, "password": "x", "roles": "[]", "created": now, "updated": now,
		})
		o.Insert("private_profiles", dbx.Params{"id": shell.NewID(), "user": id, "updated": now})
		ids = append(ids, id)
	}
	return ids
}
