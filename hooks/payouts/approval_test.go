package payouts_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/payouts"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/payout"
)

const (
	waiting = 100_000 * naira // needs one person
	large   = 200_000 * naira // needs two
)

func TestOnePersonApproves(t *testing.T) {
	c := openCounter(t)
	id := c.asked(apptest.Ada, waiting)
	c.Want(c.do(chief, "POST", payoutsPath+"/"+id+"/approve", nil), 403, "confirmation_required")
	c.Want(c.do(chief, "POST", payoutsPath+"/"+id+"/approve", nil, c.confirmed(chief, "payout_pause")), 403, "confirmation_required")
	c.Want(c.do(chief, "POST", payoutsPath+"/"+id+"/approve", nil, c.confirmed(deputy, "payout_approve")), 403, "confirmation_required")
	if state := c.field(id, "state"); state != "review" || c.audits("payout.approve", id) != 0 {
		t.Fatalf("it is %s", state)
	}
	token := c.confirmed(chief, "payout_approve")
	data := c.Want(c.do(chief, "POST", payoutsPath+"/"+id+"/approve", map[string]any{"reason": "I called her."}, token), 200, "").Data()
	if data["state"] != "approved" || data["approved_by"] != c.User(apptest.Fatima).Id || data["first_approver"] != "" {
		t.Errorf("the answer is %v", data)
	}
	if c.field(id, "approved_by") != c.User(apptest.Fatima).Id || c.field(id, "approved_at") == "" || c.field(id, "reason") != "" {
		t.Errorf("approved by %s at %s, and she reads %q", c.field(id, "approved_by"), c.field(id, "approved_at"), c.field(id, "reason"))
	}
	if c.audits("payout.approve", id) != 1 ||
		c.Int("SELECT COUNT(*) FROM audit_log WHERE action = 'payout.approve' AND reason = 'I called her.' AND data LIKE '%\"person\":\"'||{:id}||'\"%'", dbx.Params{"id": c.User(apptest.Fatima).Id}) != 1 {
		t.Error("the audit row lacks something")
	}
	second := c.asked(apptest.Bola, waiting)
	c.Want(c.do(chief, "POST", payoutsPath+"/"+second+"/approve", nil, token), 403, "confirmation_required") // spent
	c.Want(c.approve(chief, id), 409, "payout_state")
	c.Want(c.reject(deputy, id), 409, "payout_state")
	c.books()
}

func TestTwoPeopleApproveWhatIsLarge(t *testing.T) {
	c := openCounter(t)
	c.admin("twin@lingualink.test", apptest.Fatima) // the same person again
	id := c.asked(apptest.Ada, large)
	first := c.Want(c.approve(chief, id), 200, "").Data()
	if first["state"] != "review" || first["first_approver"] != c.User(apptest.Fatima).Id || first["approved_by"] != "" {
		t.Errorf("after the first: %v", first)
	}
	c.Want(c.approve(chief, id), 403, "second_person_needed")
	c.Want(c.approve("twin@lingualink.test", id), 403, "second_person_needed")
	second := c.Want(c.approve(deputy, id), 200, "").Data()
	if second["state"] != "approved" || second["approved_by"] != c.User(apptest.Musa).Id || second["first_approver"] != c.User(apptest.Fatima).Id {
		t.Errorf("after the second: %v", second)
	}
	if c.audits("payout.approve", id) != 2 {
		t.Errorf("%d audit rows", c.audits("payout.approve", id))
	}
}

// TestWhoMayNotApprove compares persons and verified addresses.
func TestWhoMayNotApprove(t *testing.T) {
	const other = "other@lingualink.test"
	verify := func(who string) func(*counter) {
		return func(c *counter) {
			c.exec("UPDATE users SET verified = TRUE WHERE username = {:who}", dbx.Params{"who": who})
		}
	}
	for name, test := range map[string]struct {
		person string
		before func(*counter)
		minor  int64
		code   string
	}{
		"nobody":          {"", func(*counter) {}, waiting, "approver_unknown"},
		"the beneficiary": {apptest.Ada, func(*counter) {}, waiting, "own_payout"},
		"somebody with her verified address": {apptest.Emeka, func(c *counter) {
			c.exec("UPDATE users SET verified = TRUE, email = 'Other@lingualink.test' WHERE username = 'ada'", nil)
		}, waiting, "own_payout"},
		"somebody with her unproven address": {apptest.Emeka, func(c *counter) {
			c.exec("UPDATE users SET email = 'other@lingualink.test' WHERE username = 'ada'", nil)
		}, waiting, "own_payout"},
		"another person": {apptest.Emeka, verify(apptest.Ada), waiting, ""},
		"who entered the account": {apptest.Emeka, func(c *counter) {
			c.exec("UPDATE payout_accounts SET set_by = {:by}", dbx.Params{"by": "user:" + c.User(apptest.Emeka).Id})
		}, waiting, "own_account_change"},
		"the admin who entered it": {apptest.Emeka, func(c *counter) {
			c.exec("UPDATE payout_accounts SET set_by = (SELECT 'superuser:' || id FROM _superusers WHERE email = {:email})", dbx.Params{"email": other})
		}, waiting, "own_account_change"},
		"the first one's other name": {apptest.Emeka, func(c *counter) {
			c.exec("UPDATE users SET verified = TRUE, email = {:email} WHERE username = 'emeka'", dbx.Params{"email": chief})
		}, large, "second_person_needed"},
	} {
		t.Run(name, func(t *testing.T) {
			c := openCounter(t)
			c.admin(other, test.person)
			test.before(c)
			id := c.asked(apptest.Ada, test.minor)
			if test.minor == large {
				c.Want(c.approve(chief, id), 200, "")
			}
			before := c.Int("SELECT COUNT(*) FROM audit_log")
			token := c.confirmed(other, "payout_approve")
			answer := c.do(other, "POST", payoutsPath+"/"+id+"/approve", nil, token)
			if test.code == "" {
				c.Want(answer, 200, "")
				return
			}
			c.Want(answer, 403, test.code)
			if c.Int("SELECT COUNT(*) FROM audit_log") != before || c.field(id, "state") != "review" {
				t.Error("something was done")
			}
			// What could not be done leaves the confirmation.
			another := c.asked(apptest.Bola, waiting)
			if test.code == "own_payout" || test.code == "second_person_needed" {
				c.Want(c.do(other, "POST", payoutsPath+"/"+another+"/approve", nil, token), 200, "")
			}
		})
	}
}

func TestAnAdminRefuses(t *testing.T) {
	c := openCounter(t)
	id := c.asked(apptest.Ada, waiting)
	path := payoutsPath + "/" + id + "/reject"
	for _, bad := range []string{"", "   ", strings.Repeat("ä", 301)} {
		c.Want(c.do(chief, "POST", path, map[string]any{"reason": bad}), 400, "invalid_input")
	}
	c.Want(c.do(chief, "POST", path, nil), 400, "invalid_input")
	c.Want(c.Do(apptest.Admin, "POST", path, map[string]any{"reason": "No."}), 403, "approver_unknown")
	c.Want(c.do(chief, "POST", path, map[string]any{"reason": strings.Repeat("ä", 300)}), 200, "")
	if c.field(id, "state") != "rejected" || c.field(id, "settled") != "released" || c.audits("payout.reject", id) != 1 {
		t.Errorf("it is %s", c.field(id, "state"))
	}
	seen := c.Want(c.Do(apptest.Ada, "GET", "/api/collections/payouts/records/"+id, nil), 200, "")
	if seen.Text("status") != "refused" || seen.Text("reason") != strings.Repeat("ä", 300) {
		t.Errorf("she reads %s", seen.Raw)
	}
	if c.Balance(apptest.Ada)["held"] != 0 {
		t.Error("the money is still held")
	}
	c.Drain()
	if n := c.Int("SELECT COUNT(*) FROM notifications WHERE kind = 'payout_rejected' AND user = {:id}", dbx.Params{"id": c.User(apptest.Ada).Id}); n != 1 {
		t.Errorf("%d notices", n)
	}
	c.books()
}

// TestAccountsThatAreGone: what was asked for with them can be refused, not approved.
func TestAccountsThatAreGone(t *testing.T) {
	c := openCounter(t)
	id := c.asked(apptest.Ada, waiting)
	c.exec("UPDATE payout_accounts SET status = 'replaced'", nil)
	c.Want(c.approve(chief, id), 409, "payout_account_inactive")
	c.Want(c.reject(chief, id), 200, "")
}

func TestRoutesOfAdminsAreTheirs(t *testing.T) {
	c := openCounter(t)
	id := c.asked(apptest.Ada, waiting)
	for _, route := range []string{
		"GET /payouts/review", "GET /payouts/pauses", "POST /payouts/pause", "POST /payouts/pauses/" + id + "/lift",
		"POST /payouts/" + id + "/approve", "POST /payouts/" + id + "/reject", "POST /payouts/" + id + "/recheck", "POST /payouts/" + id + "/close",
		"POST /alerts/" + id + "/done", "POST /orphan-transfers/" + id + "/explain", "POST /balance-rows/" + id + "/explain",
	} {
		method, path, _ := strings.Cut(route, " ")
		c.Want(c.Do(apptest.Guest, method, "/api/lingualink"+path, nil), 401, "sign_in_required")
		for _, who := range []string{apptest.Ada, apptest.Bola, apptest.Musa} {
			c.Want(c.Do(who, method, "/api/lingualink"+path, nil), 403, "not_allowed")
		}
	}
	if c.field(id, "state") != "review" {
		t.Error("it moved")
	}
	for _, verb := range []string{"approve", "reject", "recheck", "close"} {
		c.Want(c.do(chief, "POST", payoutsPath+"/nothing00000000/"+verb, map[string]any{"reason": "x"}), 404, "not_found")
	}
}

// TestTwoAdminsAtOnce is F24.
func TestTwoAdminsAtOnce(t *testing.T) {
	for name, verbs := range map[string][2]string{"approve twice": {"approve", "approve"}, "approve and reject": {"approve", "reject"}, "reject twice": {"reject", "reject"}} {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				c := openCounter(t)
				id := c.asked(apptest.Ada, waiting)
				acts := []func() apptest.Answer{}
				for i, admin := range []string{chief, deputy} {
					token := c.confirmed(admin, "payout_approve")
					session := "Authorization: " + c.session(admin)
					acts = append(acts, func() apptest.Answer {
						return c.Do(apptest.Guest, "POST", payoutsPath+"/"+id+"/"+verbs[i], map[string]any{"reason": "x"}, token, session)
					})
				}
				answers := together(acts...)
				if count(answers, 200) != 1 {
					t.Fatalf("%s %s", answers[0].Raw, answers[1].Raw)
				}
				for _, answer := range answers {
					if answer.Status != 200 {
						c.Want(answer, 409, "payout_state")
					}
				}
				if n := c.audits("payout.approve", id) + c.audits("payout.reject", id); n != 1 {
					t.Errorf("%d audit rows", n)
				}
				c.books()
			}
		})
	}
}

func TestCancel(t *testing.T) {
	c := openCounter(t)
	id := c.asked(apptest.Ada, 5_000*naira)
	path := payoutsPath + "/" + id + "/cancel"
	c.Want(c.Do(apptest.Guest, "POST", path, nil), 401, "sign_in_required")
	c.Want(c.Do(apptest.Bola, "POST", path, nil), 404, "not_found")
	c.Want(c.Do(apptest.Musa, "POST", path, nil), 404, "not_found")
	c.Want(c.Do(apptest.Admin, "POST", path, nil), 400, "invalid_input")
	c.Want(c.Do(apptest.Ada, "POST", payoutsPath+"/nothing00000000/cancel", nil), 404, "not_found")
	data := c.Want(c.Do(apptest.Ada, "POST", path, nil), 200, "").Data()
	if data["status"] != "cancelled" || data["cancellable"] != false || c.Balance(apptest.Ada)["held"] != 0 {
		t.Errorf("the answer is %v", data)
	}
	answer := c.Want(c.Do(apptest.Ada, "POST", path, nil), 409, "payout_state")
	if params := answer.Data()["id"].(map[string]any)["params"].(map[string]any); params["status"] != "cancelled" {
		t.Errorf("the refusal says %v", params)
	}
	if c.audits("payout.cancel", id) != 0 {
		t.Error("her own act is in the log of admins")
	}

	id = c.asked(apptest.Bola, waiting)
	path = payoutsPath + "/" + id + "/cancel"
	c.Want(c.Do(apptest.Admin, "POST", path, map[string]any{"reason": "She asked us to."}), 200, "")
	if c.field(id, "state") != "cancelled" || c.field(id, "reason") != "She asked us to." || c.audits("payout.cancel", id) != 1 {
		t.Errorf("it is %s, she reads %q", c.field(id, "state"), c.field(id, "reason"))
	}
	c.books()
}

// TestWhenItIsTooLateToCancel tries every state.
func TestWhenItIsTooLateToCancel(t *testing.T) {
	c := openCounter(t)
	id := c.asked(apptest.Ada, 5_000*naira)
	for _, state := range payout.States()[1:] {
		c.exec("UPDATE payouts SET state = {:state} WHERE id = {:id}", dbx.Params{"state": string(state), "id": id})
		answer := c.Do(apptest.Ada, "POST", payoutsPath+"/"+id+"/cancel", nil)
		switch state {
		case payout.Requested, payout.Review, payout.Approved:
			if answer.Status != 200 {
				t.Fatalf("%s: %s", state, answer.Raw)
			}
			c.Advance(25 * time.Hour)
			id = c.asked(apptest.Ada, 5_000*naira)
		default:
			c.Want(answer, 409, "payout_state")
		}
	}
}

// TestCancelAgainstTheWorker: of a claim and a cancel one wins.
func TestCancelAgainstTheWorker(t *testing.T) {
	wins := map[string]int{}
	for range 10 {
		c := openCounter(t)
		c.Policy("payouts", map[string]any{"enabled": true})
		id := c.asked(apptest.Ada, 5_000*naira)
		c.Token(apptest.Ada)
		var claim error
		answers := together(
			func() apptest.Answer { return c.Do(apptest.Ada, "POST", payoutsPath+"/"+id+"/cancel", nil) },
			func() apptest.Answer { claim = c.apply(id, payout.Claim{}); return apptest.Answer{} },
		)
		state := c.field(id, "state")
		switch {
		case answers[0].Status == 200 && conflicts(claim, payout.WrongState) && state == "cancelled":
		case answers[0].Status == 409 && claim == nil && state == "sending":
			c.Want(answers[0], 409, "payout_state")
		default:
			t.Fatalf("it is %s: %s, %v", state, answers[0].Raw, claim)
		}
		wins[state]++
		c.books()
	}
	t.Logf("%v", wins)
}

// TestEveryConflictHasACode: none of them may reach a caller as our mistake.
func TestEveryConflictHasACode(t *testing.T) {
	for _, why := range []payout.Why{
		payout.WrongState, payout.BadRequest, payout.BelowLeast, payout.OwnPayout, payout.OwnAccount, payout.SamePerson,
		payout.NotTheirs, payout.SwitchedOff, payout.TooEarly, payout.Stale, payout.NoProof,
	} {
		refused, ok := refusal(&payout.Conflict{State: payout.Sending, Event: "x", Why: why})
		if !ok || refused.Code.Status < 400 || refused.Code.Status > 409 {
			t.Errorf("%s is %v", why, refused)
		}
	}
	if refused, ok := refusal(payouts.ErrLost); !ok || refused.Code != fault.PayoutChanged {
		t.Errorf("a lost race is %v", refused)
	}
}
