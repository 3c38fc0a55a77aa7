package ambassadors_test

import (
	"slices"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/ambassadors"
	"github.com/lingualink/lingualink/hooks/shell"
)

// same compares what was paid with what should have been.
func (o *office) same(who string, want ...string) {
	o.t.Helper()
	if got := o.paid(who); !slices.Equal(got, want) {
		o.t.Errorf("%s was paid %q, want %q", who, got, want)
	}
}

func TestTheFirstStipendIsOfTheNextMonth(t *testing.T) {
	o := open(t)
	o.Fund(100 * stipendMinor)
	o.appoint(ada)
	o.stipends()
	o.same(ada)
	o.turnTo(1, 1)
	o.stipends()
	o.same(ada, o.month(0)+" 500000 pending v1")
	if balance := o.Balance(ada); balance["pending"] != stipendMinor || balance["available"] != 0 {
		t.Errorf("the wallet: %v", balance)
	}
	if o.notices(ada, "stipend") != 1 || o.Text("SELECT next_month FROM ambassadors", nil) != o.month(1) {
		t.Error("the notice, or the month that comes")
	}
	// The hold is that of the policy of referrals.
	held := o.Int("SELECT CAST(round(julianday(available_at) - julianday(created)) AS INTEGER) FROM rewards WHERE rule = 'ambassador_stipend'")
	if held != 14 {
		t.Errorf("held for %d days", held)
	}
	o.books()
}

func TestAMonthIsPostedOnceByTwoSweeps(t *testing.T) {
	o := open(t)
	o.Fund(100 * stipendMinor)
	people := []string{ada, bola, chidi, dayo}
	for _, who := range people {
		o.appoint(who)
	}
	o.turnTo(1, 1)
	sweep := func() {
		if err := ambassadors.PostStipends(o.App, o.Deps); err != nil {
			t.Error(err)
		}
	}
	together(sweep, sweep, sweep, sweep)
	o.stipends()
	for _, who := range people {
		o.same(who, o.month(0)+" 500000 pending v1")
		if o.notices(who, "stipend") != 1 {
			t.Errorf("%s was told more than once", who)
		}
	}
	// A row that forgot what was posted changes nothing.
	o.exec("UPDATE ambassadors SET next_month = {:month}", dbx.Params{"month": o.month(0)})
	o.stipends()
	o.same(ada, o.month(0)+" 500000 pending v1")
	if next := o.Int("SELECT COUNT(*) FROM ambassadors WHERE next_month = {:next}", dbx.Params{"next": o.month(1)}); next != 4 {
		t.Errorf("%d moved on", next)
	}
	o.books()
}

func TestThreeMonthsOfDowntimeAreMadeUpFor(t *testing.T) {
	o := open(t)
	o.Fund(100 * stipendMinor)
	o.appoint(ada)
	o.turnTo(3, 20)
	o.stipends()
	o.same(ada, o.month(-2)+" 500000 pending v1", o.month(-1)+" 500000 pending v1", o.month(0)+" 500000 pending v1")
	if o.notices(ada, "stipend") != 3 {
		t.Error("she was not told of each month")
	}
	o.stipends()
	if len(o.paid(ada)) != 3 {
		t.Error("again")
	}
	o.books()
}

func TestMoreThanABatch(t *testing.T) {
	o := open(t)
	o.Fund(1_000 * stipendMinor)
	id := o.appoint(ada)
	o.exec("UPDATE ambassadors SET next_month = '2020-01' WHERE id = {:id}", dbx.Params{"id": id})
	o.stipends()
	months := o.Int("SELECT COUNT(DISTINCT subject) FROM rewards")
	if months < 60 || int(months) != len(o.paid(ada)) || !slices.IsSorted(o.paid(ada)) || o.Text("SELECT next_month FROM ambassadors", nil) != o.month(1) {
		t.Errorf("%d months, %v", months, o.paid(ada))
	}
	o.books()
}

func TestAStipendWaitsForTheCampaign(t *testing.T) {
	o := open(t)
	o.appoint(ada)
	o.turnTo(2, 2)
	o.stipends()
	o.same(ada, o.month(-1)+" 500000 unfunded v1", o.month(0)+" 500000 unfunded v1")
	o.Fund(stipendMinor + 1)
	o.same(ada, o.month(-1)+" 500000 pending v1", o.month(0)+" 500000 unfunded v1")
	o.Fund(stipendMinor)
	o.same(ada, o.month(-1)+" 500000 pending v1", o.month(0)+" 500000 pending v1")
	o.books()
}

func TestAMonthIsPaidByTheTermsOfItsTime(t *testing.T) {
	o := open(t)
	o.Fund(100 * stipendMinor)
	id := o.appoint(ada)
	o.turnTo(2, 2) // two months are due and nothing was posted yet
	data := o.Want(o.change(chief, id, 1, "stipend_minor", 2*stipendMinor, "region", "Kaduna"), 200, "").Data()
	if data["version"] != 2.0 || data["next_month"] != o.month(1) {
		t.Errorf("the answer: %v", data)
	}
	o.stipends()
	o.same(ada, o.month(-1)+" 500000 pending v1", o.month(0)+" 500000 pending v1")
	o.turnTo(1, 1)
	o.stipends()
	o.same(ada, o.month(-2)+" 500000 pending v1", o.month(-1)+" 500000 pending v1", o.month(0)+" 1000000 pending v2")
	o.books()
}

func TestNoStipendForWhoMayNotAct(t *testing.T) {
	o := open(t)
	o.Fund(100 * stipendMinor)
	o.appoint(ada)
	o.appoint(bola)
	o.standing(ada, "banned")
	o.standing(bola, "warned")
	o.turnTo(1, 1)
	o.stipends()
	o.same(ada, o.month(0)+" 0 void standing v1")
	o.same(bola, o.month(0)+" 500000 pending v1")
	if o.notices(ada, "stipend") != 1 || o.Int("SELECT COUNT(*) FROM notifications WHERE user = {:id} AND title LIKE 'No stipend%'", o.id(ada)) != 1 {
		t.Error("she was not told")
	}
	o.standing(ada, "good")
	o.stipends()
	o.turnTo(1, 1)
	o.standing(ada, "suspended")
	o.stipends()
	o.standing(ada, "good")
	o.turnTo(1, 1)
	o.stipends()
	o.same(ada, o.month(-2)+" 0 void standing v1", o.month(-1)+" 0 void standing v1", o.month(0)+" 500000 pending v1")
	o.books()
}

func TestNoStipendIsNoReward(t *testing.T) {
	o := open(t)
	o.appoint(ada, "stipend_minor", 0, "campaign", "")
	o.turnTo(2, 1)
	o.standing(ada, "banned")
	o.stipends()
	o.same(ada)
	if o.Text("SELECT next_month FROM ambassadors", nil) != o.month(1) || o.notices(ada, "stipend") != 0 {
		t.Error("the months did not pass, or she was told of nothing")
	}
	o.books()
}

func TestChangingTerms(t *testing.T) {
	o := open(t)
	id := o.appoint(ada)
	body := o.offer("version", 1, "reason", "We talked.")
	o.Want(o.Do(guest, "POST", terms+id+"/terms", body), 401, "sign_in_required")
	for _, who := range []string{ada, musa} {
		o.Want(o.Do(who, "POST", terms+id+"/terms", body), 403, "not_allowed")
	}
	o.Want(o.Do(chief, "POST", terms+id+"/terms", body), 403, "confirmation_required")
	o.Want(o.change(chief, id, 1, "reason", " "), 400, "invalid_input")
	o.Want(o.change(chief, id, 1, "campaign", shell.NewID()), 404, "not_found")
	o.Want(o.change(chief, id, 0), 409, "ambassador_changed")
	o.Want(o.change(chief, shell.NewID(), 1), 404, "not_found")
	o.Want(o.change("admin@lingualink.test", id, 1), 403, "approver_unknown")
	o.admin("ada@lingualink.test", bola)
	o.Want(o.change("ada@lingualink.test", id, 1), 403, "own_application")
	if o.Int("SELECT version FROM ambassadors") != 1 {
		t.Fatal("the terms changed")
	}

	first, second := o.confirmed(chief, forTerms), o.confirmed(deputy, forTerms)
	codes := make([]string, 2)
	together(
		func() { codes[0] = o.Do(chief, "POST", terms+id+"/terms", body, first).Code() },
		func() { codes[1] = o.Do(deputy, "POST", terms+id+"/terms", body, second).Code() },
	)
	slices.Sort(codes)
	if !slices.Equal(codes, []string{"", "ambassador_changed"}) || o.Int("SELECT version FROM ambassadors") != 2 {
		t.Errorf("both at once: %q", codes)
	}
	if o.notices(ada, "ambassador_terms") != 1 || o.Int("SELECT COUNT(*) FROM audit_log WHERE action = 'ambassador.terms'") != 1 {
		t.Error("the notice or the audit row")
	}
	o.Want(o.end(chief, id), 200, "")
	o.Want(o.change(chief, id, 2), 409, "ambassador_ended")
}

func TestTheEnd(t *testing.T) {
	o := open(t)
	o.Fund(100 * stipendMinor)
	id := o.appoint(musa)
	o.turnTo(1, 1)
	o.stipends()
	o.turnTo(2, 2) // two months are due when it ends
	for _, who := range []string{ada, musa} {
		o.Want(o.end(who, id), 403, "not_allowed")
	}
	o.Want(o.end(guest, id), 401, "sign_in_required")
	o.Want(o.Do(chief, "POST", terms+id+"/end", map[string]any{"reason": ""}), 400, "invalid_input")
	o.Want(o.end(deputy, id), 403, "own_application") // is Musa
	codes := make([]string, 3)
	together(
		func() { codes[0] = o.end(chief, id).Code() },
		func() { codes[1] = o.end("admin@lingualink.test", id).Code() },
		func() { codes[2] = o.end(chief, id).Code() },
	)
	slices.Sort(codes)
	if !slices.Equal(codes, []string{"", "ambassador_ended", "ambassador_ended"}) {
		t.Errorf("the answers: %q", codes)
	}
	if o.roles(musa) != `["moderator"]` || o.notices(musa, "ambassador_ended") != 1 {
		t.Errorf("roles %s", o.roles(musa))
	}
	o.same(musa, o.month(-2)+" 500000 pending v1", o.month(-1)+" 0 void standing v1", o.month(0)+" 0 void standing v1")
	o.Want(o.Do(musa, "GET", "/api/lingualink/ambassador/dashboard", nil), 403, "not_ambassador")
	o.turnTo(2, 1)
	o.stipends()
	if len(o.paid(musa)) != 3 {
		t.Errorf("after the end: %v", o.paid(musa))
	}
	// It can begin anew.
	o.appoint(musa)
	o.turnTo(1, 1)
	o.stipends()
	if paid := o.paid(musa); len(paid) != 4 || paid[3] != o.month(0)+" 500000 pending v1" {
		t.Errorf("anew: %v", paid)
	}
	o.books()
}
