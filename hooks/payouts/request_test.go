package payouts_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/payout"
)

func TestASmallCleanRequestIsApprovedAtOnce(t *testing.T) {
	c := openCounter(t)
	answer := c.Want(c.ask(apptest.Ada, 5_000*naira), 200, "")
	data := answer.Data()
	id, _ := data["id"].(string)
	for name, want := range map[string]any{
		"status": "scheduled", "amount_minor": float64(5_000 * naira), "currency": "NGN", "account": c.accounts["adaNGN"], "last4": "4321",
		"bank_name": "First Test Bank", "resolved_name": "ADA LOVELACE", "cancellable": true, "reference": "ll-test-" + id, "user": c.User(apptest.Ada).Id,
		"paid_at": nil, "reason": "", "fee_minor": 0.0, "session_id": "",
	} {
		if data[name] != want {
			t.Errorf("%s is %v, want %v", name, data[name], want)
		}
	}
	for column, want := range map[string]string{"state": "approved", "approved_by": "system", "first_approver": "", "policy_version": "0", "rev": "1",
		"recipient_code": "RCP_" + c.accounts["adaNGN"], "account_editor": c.User(apptest.Ada).Id} {
		if got := c.field(id, column); got != want {
			t.Errorf("%s is %q, want %q", column, got, want)
		}
	}
	if c.field(id, "approved_at") == "" || len(c.field(id, "input_hash")) != 64 {
		t.Error("it is not said when it was approved, or what was asked for")
	}
	history := c.Text("SELECT group_concat(seq || ' ' || event || ' ' || from_state || '>' || to_state || ' ' || actor, ', ') FROM payout_events WHERE payout = {:id}", dbx.Params{"id": id})
	if want := "1 request >requested user:" + c.User(apptest.Ada).Id + ", 2 checked requested>approved system"; history != want {
		t.Errorf("the history is %q", history)
	}
	if balance := c.Balance(apptest.Ada); balance["available"] != 995_000*naira || balance["held"] != 5_000*naira || balance["earned"] != 1_000_000*naira {
		t.Errorf("the wallet is %v", balance)
	}
	c.books()
	c.Drain()
	if n := c.Int("SELECT COUNT(*) FROM notifications WHERE kind = 'payout_approved'"); n != 1 {
		t.Errorf("%d notices", n)
	}
}

func TestWhatSendsARequestToReview(t *testing.T) {
	limits := payout.DefaultPolicy().NGN
	for name, test := range map[string]struct {
		minor  int64
		change func(*counter)
		state  string
	}{
		"at the limit":   {limits.AutoLimitMinor, func(*counter) {}, "approved"},
		"above it":       {limits.AutoLimitMinor + 1, func(*counter) {}, "review"},
		"another's flag": {limits.MinimumMinor, func(c *counter) { c.flag(apptest.Bola, "shared_payout_account") }, "approved"},
		"a flag":         {limits.MinimumMinor, func(c *counter) { c.flag(apptest.Ada, "shared_payout_account") }, "review"},
		"a cleared flag": {limits.MinimumMinor, func(c *counter) {
			c.flag(apptest.Ada, "shared_payout_account")
			c.exec("UPDATE risk_flags SET state = 'cleared'", nil)
		}, "approved"},
		"a name alike":   {limits.MinimumMinor, func(c *counter) { c.exec("UPDATE payout_accounts SET name_match = 'review'", nil) }, "review"},
		"a name unknown": {limits.MinimumMinor, func(c *counter) { c.exec("UPDATE payout_accounts SET name_match = 'unverified'", nil) }, "review"},
	} {
		t.Run(name, func(t *testing.T) {
			c := openCounter(t)
			test.change(c)
			id := c.asked(apptest.Ada, test.minor)
			if state := c.field(id, "state"); state != test.state {
				t.Errorf("it is %s", state)
			}
			if by := c.field(id, "approved_by"); (by == "system") != (test.state == "approved") {
				t.Errorf("approved by %q", by)
			}
			c.books()
		})
	}
}

// flag plants an open flag without what raising one does.
func (c *counter) flag(who, kind string) {
	c.t.Helper()
	c.Insert("risk_flags", dbx.Params{"id": shell.NewID(), "user": c.User(who).Id, "kind": kind, "score": 5000, "state": "open"})
}

// TestAmountsThatAreNone is F58: nothing is held for any of them.
func TestAmountsThatAreNone(t *testing.T) {
	c := openCounter(t)
	account := c.accounts["adaNGN"]
	for body, want := range map[string]struct {
		status int
		code   string
	}{
		`{"amount_minor": 99999, "currency": "NGN", "account": "%s"}`:                  {400, "payout_minimum"},
		`{"amount_minor": 0, "currency": "NGN", "account": "%s"}`:                      {400, "amount_invalid"},
		`{"amount_minor": -5, "currency": "NGN", "account": "%s"}`:                     {400, "amount_invalid"},
		`{"amount_minor": 9007199254740992, "currency": "NGN", "account": "%s"}`:       {400, "amount_overflow"},
		`{"amount_minor": 9223372036854775808, "currency": "NGN", "account": "%s"}`:    {400, "invalid_input"},
		`{"amount_minor": 10.5, "currency": "NGN", "account": "%s"}`:                   {400, "invalid_input"},
		`{"amount_minor": 1e6, "currency": "NGN", "account": "%s"}`:                    {400, "invalid_input"},
		`{"amount_minor": "500000", "currency": "NGN", "account": "%s"}`:               {400, "invalid_input"},
		`{"amount_minor": 500000, "currency": "NGN", "account": "%s", "state": "x"}`:   {400, "invalid_input"},
		`{"amount_minor": 500000, "currency": "ngn", "account": "%s"}`:                 {400, "currency_unknown"},
		`{"amount_minor": 500000, "currency": "USD", "account": "%s"}`:                 {400, "payout_account_currency"},
		`{"amount_minor": 30000001, "currency": "NGN", "account": "%s"}`:               {400, "payout_maximum"},
		`{"amount_minor": 500000, "currency": "NGN", "account": "nothing0000000%.0s"}`: {404, "not_found"},
	} {
		answer := c.Do(apptest.Ada, "POST", payoutsPath, fmt.Sprintf(body, account), "Idempotency-Key: one")
		if answer.Status != want.status || answer.Code() != want.code {
			t.Errorf("%s: %d %s", body, answer.Status, answer.Code())
		}
	}
	if n := c.Int("SELECT COUNT(*) FROM payouts"); n != 0 {
		t.Errorf("%d payouts", n)
	}
	if balance := c.Balance(apptest.Ada); balance["held"] != 0 {
		t.Errorf("held: %v", balance)
	}
}

// TestTheAccountOfAPayout is F60 and what else an account may not be.
func TestTheAccountOfAPayout(t *testing.T) {
	c := openCounter(t)
	send := func(currency, account string) apptest.Answer {
		return c.Do(apptest.Ada, "POST", payoutsPath, map[string]any{"amount_minor": 5_000 * naira, "currency": currency, "account": account}, "Idempotency-Key: one")
	}
	c.earn(apptest.Ada, money.GHS, 100_000)
	c.Want(send("NGN", c.accounts["bolaNGN"]), 404, "not_found")
	c.Want(send("GHS", c.accounts["adaNGN"]), 400, "payout_account_currency")
	for _, status := range []string{"replaced", "unusable"} {
		c.exec("UPDATE payout_accounts SET status = {:status}", dbx.Params{"status": status})
		c.Want(send("NGN", c.accounts["adaNGN"]), 409, "payout_account_inactive")
	}
	usd := c.account(apptest.Ada, money.USD)
	c.earn(apptest.Ada, money.USD, 100_000)
	c.Want(send("USD", usd), 400, "payout_currency")
	ghs := c.account(apptest.Ada, money.GHS)
	c.Want(send("GHS", ghs), 400, "payout_maximum")
	c.books()
}

func TestAnAccountThatMustWaitIsNotPaidBefore(t *testing.T) {
	c := openCounter(t)
	from := c.Deps.Clock.Now().Add(72 * time.Hour)
	c.exec("UPDATE payout_accounts SET usable_from = {:from}", dbx.Params{"from": from.Format("2006-01-02 15:04:05.000Z")})
	id := c.asked(apptest.Ada, 5_000*naira)
	c.Policy("payouts", map[string]any{"enabled": true})
	if err := c.apply(id, payout.Claim{}); !conflicts(err, payout.TooEarly) {
		t.Errorf("claimed: %v", err)
	}
	c.Advance(72 * time.Hour)
	if err := c.apply(id, payout.Claim{}); err != nil {
		t.Errorf("after the wait: %v", err)
	}
}

func TestKeysOfRequests(t *testing.T) {
	c := openCounter(t)
	c.Want(c.askAs(apptest.Ada, 5_000*naira, ""), 400, "idempotency_key_required")
	first := c.Want(c.askAs(apptest.Ada, 5_000*naira, "one"), 200, "").Data()
	again := c.Want(c.askAs(apptest.Ada, 5_000*naira, "one"), 200, "").Data()
	if again["id"] != first["id"] {
		t.Errorf("%v, then %v", first, again)
	}
	c.Want(c.askAs(apptest.Ada, 5_001*naira, "one"), 409, "idempotency_conflict")
	c.Want(c.askAs(apptest.Bola, 5_001*naira, "one"), 200, "") // keys are per person
	// The repeat answers with the payout as it stands, whatever a new one would be refused for.
	c.Want(c.Do(apptest.Ada, "POST", payoutsPath+"/"+first["id"].(string)+"/cancel", nil), 200, "")
	again = c.Want(c.askAs(apptest.Ada, 5_000*naira, "one"), 200, "").Data()
	if again["status"] != "cancelled" {
		t.Errorf("the repeat says %v", again["status"])
	}
	c.books()
}

// TestOneKeyAtOnce is F25 and F26 as races.
func TestOneKeyAtOnce(t *testing.T) {
	for name, other := range map[string]int64{"the same": 5_000 * naira, "another amount": 6_000 * naira} {
		t.Run(name, func(t *testing.T) {
			c := openCounter(t)
			c.Token(apptest.Ada)
			acts := []func() apptest.Answer{}
			for i := range 8 {
				minor := int64(5_000 * naira)
				if i%2 == 1 {
					minor = other
				}
				acts = append(acts, func() apptest.Answer { return c.askAs(apptest.Ada, minor, "one") })
			}
			answers := together(acts...)
			want := 8
			if other != 5_000*naira {
				want = 4
			}
			if got := count(answers, 200); got != want {
				t.Errorf("%d were accepted, want %d", got, want)
			}
			for _, answer := range answers {
				if answer.Status != 200 {
					c.Want(answer, 409, "idempotency_conflict")
				}
			}
			if n := c.Int("SELECT COUNT(*) FROM payouts"); n != 1 {
				t.Errorf("%d payouts", n)
			}
			if n := c.Int("SELECT COUNT(*) FROM ledger_txs WHERE kind = 'payout_held'"); n != 1 {
				t.Errorf("%d holds", n)
			}
			c.books()
		})
	}
}

// TestTwoRequestsForOneBalance is F27. The limit of one open payout does not
// apply across currencies and people, so the balance itself must hold: here the
// second is refused for the open payout, and with that fence gone by the ledger.
func TestTwoRequestsForOneBalance(t *testing.T) {
	c := openCounter(t)
	c.Token(apptest.Ada)
	answers := together(
		func() apptest.Answer { return c.askAs(apptest.Ada, 200_000*naira, "one") },
		func() apptest.Answer { return c.askAs(apptest.Ada, 200_000*naira, "two") },
	)
	if count(answers, 200) != 1 || count(answers, 409) != 1 {
		t.Fatalf("%s %s", answers[0].Raw, answers[1].Raw)
	}
	c.books()

	poor := openCounter(t)
	poor.exec("DROP INDEX idx_payouts_open", nil)
	poor.earn(apptest.Chidi, money.NGN, 3_000*naira)
	poor.account(apptest.Chidi, money.NGN)
	poor.Want(poor.ask(apptest.Chidi, 3_001*naira), 409, "insufficient_funds")
	if n := poor.Int("SELECT (SELECT COUNT(*) FROM payouts) + (SELECT COUNT(*) FROM payout_events) + (SELECT COUNT(*) FROM payout_settlements)"); n != 0 {
		t.Errorf("%d rows stayed of a refused request", n)
	}
	poor.Want(poor.ask(apptest.Chidi, 3_000*naira), 200, "")
	poor.books()
}

// TestTheIndexOfOpenPayouts: also without the look before, a second open payout
// does not come to be.
func TestTheIndexOfOpenPayouts(t *testing.T) {
	c := openCounter(t)
	id := c.asked(apptest.Ada, 5_000*naira)
	err := c.App.RunInTransaction(func(tx core.App) error {
		row := dbx.NullStringMap{}
		if err := tx.DB().NewQuery("SELECT * FROM payouts WHERE id = {:id}").Bind(dbx.Params{"id": id}).One(row); err != nil {
			return err
		}
		copied := dbx.Params{}
		for name, value := range row {
			copied[name] = value.String
		}
		copied["id"], copied["reference"], copied["idem_key"] = "secondsecond000", "ll-test-secondsecond000", "second"
		_, err := tx.NonconcurrentDB().Insert("payouts", copied).Execute()
		return err
	})
	if err == nil {
		t.Error("there are two open payouts of a person and currency")
	}
}

func TestLimitsOfRequests(t *testing.T) {
	c := openCounter(t)
	id := c.asked(apptest.Ada, 5_000*naira)
	c.Want(c.ask(apptest.Ada, 5_000*naira), 409, "payout_open")
	c.Want(c.Do(apptest.Ada, "POST", payoutsPath+"/"+id+"/cancel", nil), 200, "")

	c.Advance(24*time.Hour - 10*time.Second)
	answer := c.Want(c.ask(apptest.Ada, 5_000*naira), 429, "payout_gap")
	if after := answer.Header.Get("Retry-After"); after < "1" || len(after) > 2 {
		t.Errorf("Retry-After is %q", after)
	}
	c.Advance(10 * time.Second)
	id = c.asked(apptest.Ada, 5_000*naira)

	// What came back does not count for the day, what was paid does.
	c.Policy("payouts", map[string]any{"request_hours": 0})
	c.Want(c.Do(apptest.Ada, "POST", payoutsPath+"/"+id+"/cancel", nil), 200, "")
	id = c.asked(apptest.Ada, 200_000*naira)
	if version := c.field(id, "policy_version"); version != "1" {
		t.Errorf("policy version %s", version)
	}
	c.exec("UPDATE payouts SET state = 'paid', settled = 'paid' WHERE id = {:id}", dbx.Params{"id": id})
	c.Advance(time.Hour)
	answer = c.Want(c.ask(apptest.Ada, 100_001*naira), 429, "payout_day_limit")
	params := answer.JSON["data"].(map[string]any)["amount_minor"].(map[string]any)["params"].(map[string]any)
	wait, _ := params["retry_after"].(float64)
	if params["left_minor"] != float64(100_000*naira) || wait < 22.9*3600 || wait > 23*3600 {
		t.Errorf("the limit says %v", params)
	}
	c.Want(c.ask(apptest.Ada, 100_000*naira), 200, "")
}

func TestWhoMayAsk(t *testing.T) {
	c := openCounter(t)
	c.Want(c.ask(apptest.Guest, 5_000*naira), 401, "sign_in_required")
	c.Want(c.ask(apptest.Admin, 5_000*naira), 403, "not_allowed")
	c.flag(apptest.Bola, "paid_late")
	c.Want(c.ask(apptest.Bola, 5_000*naira), 403, "payouts_frozen")
	c.exec("UPDATE risk_flags SET state = 'cleared'", nil)
	c.Want(c.ask(apptest.Bola, 5_000*naira), 200, "")
	for standing, code := range map[string]string{"suspended": "account_suspended", "banned": "account_banned"} {
		c.standing(apptest.Ada, standing)
		c.Want(c.ask(apptest.Ada, 5_000*naira), 403, code)
	}
	c.standing(apptest.Ada, "warned")
	c.Want(c.ask(apptest.Ada, 5_000*naira), 200, "")
}

// standing sets somebody's standing as an admin and signs them in anew.
func (c *counter) standing(who, standing string) {
	c.t.Helper()
	c.Want(c.Do(apptest.Admin, "PATCH", "/api/collections/users/records/"+c.User(who).Id, map[string]any{"standing": standing}), 200, "")
	c.Forget(who)
}

func TestPayoutsThatAreOff(t *testing.T) {
	s := hookstest.Start(t)
	body := map[string]any{"amount_minor": 500_000, "currency": "NGN", "account": "nothing00000000"}
	s.Want(s.Do(apptest.Ada, "POST", payoutsPath, body, "Idempotency-Key: one"), 503, "not_configured")

	off := openCounter(t, "LL_PAYOUTS=off")
	off.Want(off.ask(apptest.Ada, 5_000*naira), 503, "not_configured")
	off.books()
}

// TestTheKillSwitch: the policy row counts from the moment it is stored. It stops
// what is sent, not what is asked for.
func TestTheKillSwitch(t *testing.T) {
	c := openCounter(t)
	id := c.asked(apptest.Ada, 5_000*naira) // the default is off
	if err := c.apply(id, payout.Claim{}); !conflicts(err, payout.SwitchedOff) {
		t.Errorf("by default: %v", err)
	}
	path := "/api/collections/policies/records"
	c.Want(c.Do(apptest.Admin, "POST", path, map[string]any{"subject": "payouts", "values": map[string]any{"enabled": true}}), 200, "")
	if err := c.apply(id, payout.Claim{}); err != nil {
		t.Errorf("switched on: %v", err)
	}
	c.Want(c.Do(apptest.Admin, "POST", path, map[string]any{"subject": "payouts", "values": map[string]any{"enabled": false}}), 200, "")
	second := c.asked(apptest.Bola, 5_000*naira)
	if err := c.apply(second, payout.Claim{}); !conflicts(err, payout.SwitchedOff) {
		t.Errorf("switched off: %v", err)
	}
	c.Want(c.Do(apptest.Admin, "POST", path, map[string]any{
		"subject": "payouts", "language": c.Language("ha"), "values": map[string]any{"enabled": true},
	}), 400, "policy_invalid")
}

// TestAFloodOfRequests is F59: whoever asks again and again holds money once.
func TestAFloodOfRequests(t *testing.T) {
	c := openCounter(t)
	for range 30 {
		c.ask(apptest.Ada, 5_000*naira)
	}
	answer := c.Want(c.ask(apptest.Ada, 5_000*naira), 429, "rate_limited")
	if answer.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if n := c.Int("SELECT COUNT(*) FROM payouts"); n != 1 || c.fake.Count("transfer.initiate") != 0 {
		t.Errorf("%d payouts", n)
	}
	c.Want(c.ask(apptest.Bola, 5_000*naira), 200, "")
	c.books()
}
