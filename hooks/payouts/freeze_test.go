package payouts_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/risk"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/payout"
)

// freezeBoth has Ada and Dayo seen with one phone.
func freezeBoth(t *testing.T, s interface {
	Do(who, method, path string, body any, headers ...string) apptest.Answer
	Want(a apptest.Answer, status int, code string) apptest.Answer
	Drain() int
}) {
	t.Helper()
	for _, who := range []string{apptest.Ada, apptest.Dayo} {
		s.Want(s.Do(who, "POST", "/api/collections/users/auth-refresh", nil, risk.DeviceHeader+": phone-of-ada"), 200, "")
	}
	s.Drain()
}

// thaw clears the open cluster.
func (c *counter) thaw() {
	c.t.Helper()
	id := c.Text("SELECT id FROM risk_clusters WHERE state = 'open'", nil)
	c.Want(c.Do(apptest.Emeka, "POST", "/api/lingualink/risk-clusters/"+id+"/decide", map[string]any{"outcome": "cleared", "reason": "Two people."}), 200, "")
	c.Drain()
}

func TestAFrozenPersonIsNotPaid(t *testing.T) {
	c := openCounter(t)
	c.exec(`UPDATE users SET roles = '["moderator"]' WHERE username = 'emeka'`, nil)
	waits := c.asked(apptest.Ada, waiting)
	bolas := c.asked(apptest.Bola, 5_000*naira)
	freezeBoth(t, c)
	c.Want(c.approve(chief, waits), 403, "payouts_frozen")
	if state := c.field(waits, "state"); state != "review" {
		t.Errorf("it is %s", state)
	}
	if state := c.field(bolas, "state"); state != "approved" {
		t.Errorf("Bola's is %s", state)
	}
	c.Want(c.reject(chief, waits), 200, "") // giving back is not paying
	answer := c.Want(c.ask(apptest.Ada, 5_000*naira), 403, "payouts_frozen")
	if !strings.Contains(string(answer.Raw), "wait for a decision") {
		t.Errorf("Ada reads %s", answer.Raw)
	}
	c.Want(c.ask(apptest.Dayo, 5_000*naira), 403, "payouts_frozen")
	c.thaw()
	c.Want(c.ask(apptest.Dayo, 5_000*naira), 404, "not_found") // has no account, but may ask
	c.exec("UPDATE payouts SET requested_at = '2026-01-01 00:00:00.000Z'", nil)
	second := c.asked(apptest.Ada, 5_000*naira)
	if state := c.field(second, "state"); state != "approved" {
		t.Errorf("it is %s: flags that were cleared leave nothing behind", state)
	}
	c.books()
}

func TestAFreezeTakesApprovalsBack(t *testing.T) {
	c := openCounter(t)
	c.exec(`UPDATE users SET roles = '["moderator"]' WHERE username = 'emeka'`, nil)
	id := c.asked(apptest.Ada, 5_000*naira)
	if state := c.field(id, "state"); state != "approved" {
		t.Fatalf("it is %s", state)
	}
	freezeBoth(t, c)
	if c.field(id, "state") != "review" || c.field(id, "approved_by") != "" || c.field(id, "reason") != "" {
		t.Errorf("it is %s, approved by %q", c.field(id, "state"), c.field(id, "approved_by"))
	}
	c.thaw()
	c.Want(c.approve(chief, id), 200, "")
	c.books()
}

// TestTheWorkerDoesNotPayTheFrozen: also where the event that takes the approval
// back was lost.
func TestTheWorkerDoesNotPayTheFrozen(t *testing.T) {
	k := start(t)
	id := k.request(apptest.Ada, askedMinor)
	now := shell.Stamp(k.Deps.Clock.Now())
	k.Insert("freezes", dbx.Params{"id": shell.NewID(), "user": k.User(apptest.Ada).Id, "cluster": "", "reason": "x", "state": "frozen", "created": now, "updated": now})
	k.work()
	k.want(id, payout.Review, 0, allHeld)
	if k.posts() != 0 {
		t.Errorf("%d orders left", k.posts())
	}
}

// TestWhatIsOnItsWayArrives: a freeze is no reason to lose track of money.
func TestWhatIsOnItsWayArrives(t *testing.T) {
	k := start(t)
	id := k.request(apptest.Ada, askedMinor)
	k.work()
	freezeBoth(t, k)
	k.advance(time.Hour)
	k.want(id, payout.Paid, 1, nothingHeld)
}

// TestOneAccountOfTwoFreezes: entered by two people through the routes.
func TestOneAccountOfTwoFreezes(t *testing.T) {
	s := openTeller(t)
	s.entered(apptest.Ada, numberOfAda)
	s.Drain()
	if s.told(apptest.Ada, "account_frozen") != 0 {
		t.Fatal("frozen for an own account")
	}
	s.entered(apptest.Bola, numberOfAda)
	for _, who := range []string{apptest.Ada, apptest.Bola} {
		if s.told(who, "account_frozen") != 1 || s.flags(who, risk.FlagCluster) != 1 || s.flags(who, "shared_payout_account") != 1 {
			t.Errorf("%s: told %d times, %d and %d flags", who, s.told(who, "account_frozen"), s.flags(who, risk.FlagCluster), s.flags(who, "shared_payout_account"))
		}
	}
	flag := s.Text("SELECT id FROM risk_flags WHERE kind = 'cluster' AND user = {:u}", dbx.Params{"u": s.User(apptest.Ada).Id})
	s.Want(s.decide(apptest.Musa, flag, "cleared", "x"), 409, "flag_of_cluster")
	// Accounts are entered from somewhere, too.
	if n := s.Int("SELECT COUNT(DISTINCT user) FROM sightings WHERE kind = 'address'"); n != 2 {
		t.Errorf("%d people were seen", n)
	}
}
