package payouts_test

import (
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/payouts"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/payout"
)

func (c *counter) raise(who, kind string) error {
	return c.App.RunInTransaction(func(tx core.App) error { return payouts.Flag(tx, c.Deps, c.User(who).Id, kind) })
}

// TestABanTakesApprovalsBack is F46, with what else does the same.
func TestABanTakesApprovalsBack(t *testing.T) {
	for name, test := range map[string]struct {
		act   func(*counter)
		state string
	}{
		"banned":       {func(c *counter) { c.standing(apptest.Ada, "banned") }, "review"},
		"suspended":    {func(c *counter) { c.standing(apptest.Ada, "suspended") }, "review"},
		"warned":       {func(c *counter) { c.standing(apptest.Ada, "warned") }, "approved"},
		"bola banned":  {func(c *counter) { c.standing(apptest.Bola, "banned") }, "approved"},
		"flagged":      {func(c *counter) { c.must(c.raise(apptest.Ada, "shared_payout_account")) }, "review"},
		"bola flagged": {func(c *counter) { c.must(c.raise(apptest.Bola, "shared_payout_account")) }, "approved"},
	} {
		t.Run(name, func(t *testing.T) {
			c := openCounter(t)
			id := c.asked(apptest.Ada, 5_000*naira)
			test.act(c)
			if state := c.field(id, "state"); state != test.state {
				t.Fatalf("it is %s", state)
			}
			back := test.state == "review"
			if (c.field(id, "approved_by") == "") != back || (c.field(id, "approved_at") == "") != back || c.field(id, "reason") != "" {
				t.Errorf("approved by %q, and she reads %q", c.field(id, "approved_by"), c.field(id, "reason"))
			}
			c.Drain()
			told := c.Int("SELECT COUNT(*) FROM notifications WHERE kind = 'payout_review' AND user = {:id}", dbx.Params{"id": c.User(apptest.Ada).Id})
			if (told == 1) != back {
				t.Errorf("%d notices", told)
			}
			if back {
				c.Want(c.approve(chief, id), 200, "") // what she earned is hers, a person decides
			}
			c.books()
		})
	}
}

// TestWhatIsOnItsWayFinishes: a ban or flag leaves every other state alone.
func TestWhatIsOnItsWayFinishes(t *testing.T) {
	c := openCounter(t)
	id := c.asked(apptest.Ada, 5_000*naira)
	kinds := 0
	for _, state := range payout.States()[1:] {
		if state == payout.Requested || state == payout.Review || state == payout.Approved {
			continue
		}
		kinds++
		c.exec("UPDATE payouts SET state = {:state}, rev = rev + 1 WHERE id = {:id}", dbx.Params{"state": string(state), "id": id})
		before := c.field(id, "rev")
		c.must(c.raise(apptest.Ada, "kind_"+string(state)))
		c.standing(apptest.Ada, "banned")
		c.standing(apptest.Ada, "good")
		if c.field(id, "state") != string(state) || c.field(id, "rev") != before {
			t.Errorf("%s became %s", state, c.field(id, "state"))
		}
	}
	if kinds != len(payout.States())-4 {
		t.Errorf("%d states were tried", kinds)
	}
}

// TestTheSecondApproverKnowsOfTheFlag: the first one did not, so both decide anew.
func TestTheSecondApproverKnowsOfTheFlag(t *testing.T) {
	c := openCounter(t)
	id := c.asked(apptest.Ada, large)
	c.Want(c.approve(chief, id), 200, "")
	c.must(c.raise(apptest.Ada, "shared_payout_account"))
	c.must(c.raise(apptest.Ada, "shared_payout_account")) // open already: nothing happens
	if first := c.field(id, "first_approver"); first != "" {
		t.Errorf("%s has approved it still", first)
	}
	if n := c.Int("SELECT COUNT(*) FROM payout_events WHERE payout = {:id} AND event = 'flagged' AND reason = 'flag: shared_payout_account'", dbx.Params{"id": id}); n != 1 {
		t.Errorf("it was flagged %d times", n)
	}
	if data := c.Want(c.approve(deputy, id), 200, "").Data(); data["state"] != "review" {
		t.Errorf("one person approved: %v", data["state"])
	}
	c.Want(c.approve(chief, id), 200, "")
}

// TestPaidLateFreezes: the flag of the state machine itself reaches the payouts of
// other currencies, in its own transaction.
func TestPaidLateFreezes(t *testing.T) {
	c := openCounter(t)
	first := c.asked(apptest.Ada, 5_000*naira)
	c.Want(c.Do(apptest.Ada, "POST", payoutsPath+"/"+first+"/cancel", nil), 200, "")
	c.earn(apptest.Ada, money.GHS, 10_000)
	body := map[string]any{"amount_minor": 5_000, "currency": "GHS", "account": c.account(apptest.Ada, money.GHS)}
	second, _ := c.Want(c.Do(apptest.Ada, "POST", payoutsPath, body, "Idempotency-Key: cedis"), 200, "").Data()["id"].(string)
	c.must(c.apply(first, payout.Observation{
		Status: payout.StatusSuccess, Reference: "ll-test-" + first, AmountMinor: 5_000 * naira, Currency: "NGN", Recipient: c.field(first, "recipient_code"),
	}))
	if c.field(first, "state") != "paid_late" || c.field(second, "state") != "review" {
		t.Errorf("the first is %s, the second %s", c.field(first, "state"), c.field(second, "state"))
	}
	c.Advance(week)
	c.Want(c.ask(apptest.Ada, 5_000*naira), 403, "payouts_frozen")
}

// TestBannedPeopleReadTheirPayouts and nothing of others'.
func TestBannedPeopleReadTheirPayouts(t *testing.T) {
	c := openCounter(t)
	own, other := c.asked(apptest.Ada, 5_000*naira), c.asked(apptest.Bola, 5_000*naira)
	const path = "/api/collections/payouts/records"
	for _, standing := range []string{"suspended", "banned"} {
		c.standing(apptest.Ada, standing)
		list := c.Want(c.Do(apptest.Ada, "GET", path, nil), 200, "").Items("items")
		if len(list) != 1 || list[0]["id"] != own {
			t.Errorf("%s: she lists %v", standing, list)
		}
		c.Want(c.Do(apptest.Ada, "GET", path+"/"+own, nil), 200, "")
		c.Want(c.Do(apptest.Ada, "GET", path+"/"+other, nil), 404, "")
		c.Want(c.Do(apptest.Ada, "GET", path+"?expand=user", nil), 403, "account_"+standing)
		c.Want(c.Do(apptest.Ada, "POST", payoutsPath+"/"+own+"/cancel", nil), 403, "account_"+standing)
	}
	c.Want(c.Do(apptest.Guest, "GET", path+"/"+own, nil), 404, "")
	c.Want(c.Do(apptest.Musa, "GET", path+"/"+own, nil), 404, "")
}

// TestAStaleReadLoses: what was decided on an older payout is a 409, not a write.
func TestAStaleReadLoses(t *testing.T) {
	c := openCounter(t)
	id := c.asked(apptest.Ada, 5_000*naira)
	err := c.App.RunInTransaction(func(tx core.App) error {
		return payouts.ApplyTwice(tx, c.Deps, id, payout.Flagged{})
	})
	if refused, ok := refusal(err); !ok || refused.Code.Name != "payout_changed" {
		t.Errorf("got %v", err)
	}
	if c.field(id, "state") != "approved" {
		t.Errorf("it is %s", c.field(id, "state"))
	}
}
