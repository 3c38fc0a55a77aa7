package payouts_test

import (
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

// TestALostPayoutIsChargedToItsPerson: after a restore the wallet has again what
// the bank has paid out. Explaining the transfer's line takes it from there, once.
func TestALostPayoutIsChargedToItsPerson(t *testing.T) {
	c := openCounter(t)
	user := c.User(apptest.Ada).Id
	wallet := func() int64 {
		return c.Int("SELECT balance_minor FROM ledger_accounts WHERE [[key]] = 'user:' || {:user} || ':available:NGN'", dbx.Params{"user": user})
	}
	had, stamp := wallet(), shell.Stamp(c.Deps.Clock.Now())
	c.Insert("orphan_transfers", dbx.Params{
		"id": "orphan000000000", "reference": "ll-test-lost", "transfer_id": "77", "amount_minor": 5_000 * naira, "currency": "NGN",
		"recipient_code": "RCP_" + c.accounts[apptest.Ada+"NGN"], "state": "open", "seen_at": stamp,
	})
	for id, row := range map[string]dbx.Params{
		"line00000000001": {"row_id": "1", "difference_minor": -5_025 * naira, "model": "Transfer", "model_row": "77"},
		"line00000000002": {"row_id": "2", "difference_minor": 9_000 * naira, "model": "Transaction", "model_row": "0"},
	} {
		row["id"], row["currency"], row["state"], row["at"], row["seen_at"] = id, "NGN", "suspense", stamp, stamp
		c.Insert("balance_rows", row)
	}
	explain := func(who, id, kind, reason string, headers ...string) apptest.Answer {
		return c.do(who, "POST", "/api/lingualink/balance-rows/"+id+"/explain", map[string]any{"kind": kind, "reason": reason}, headers...)
	}
	confirmed := func(who string) string { return c.confirmed(who, "payout_approve") }
	const line, other = "line00000000001", "line00000000002"
	c.Want(explain(chief, line, "payout", "A restore."), 403, "confirmation_required")
	c.Want(explain(chief, line, "payout", "A restore.", c.confirmed(chief, "payout_pause")), 403, "confirmation_required")
	c.Want(explain(apptest.Admin, line, "payout", "A restore.", confirmed(apptest.Admin)), 403, "approver_unknown")
	c.Want(explain(chief, line, "", "A restore.", confirmed(chief)), 400, "invalid_input")
	c.Want(explain(chief, line, "payout", "", confirmed(chief)), 400, "invalid_input")
	c.Want(explain(chief, other, "payout", "No transfer.", confirmed(chief)), 400, "invalid_input")
	c.Want(explain(chief, "nothing00000000", "fee", "A fee.", confirmed(chief)), 404, "not_found")
	if wallet() != had || c.Int("SELECT COUNT(*) FROM balance_rows WHERE state = 'suspense'") != 2 {
		t.Fatal("something was booked")
	}
	c.Want(explain(chief, line, "payout", "A restore.", confirmed(chief)), 200, "")
	c.Want(explain(chief, line, "payout", "A restore.", confirmed(chief)), 409, "already_done")
	c.Want(explain(deputy, other, "topped_up", "A top-up.", confirmed(deputy)), 200, "")
	if got := had - wallet(); got != 5_000*naira {
		t.Errorf("the wallet is charged with %d", got)
	}
	if got := c.Int("SELECT balance_minor FROM ledger_accounts WHERE [[key]] = 'expense:payout_fee:NGN'"); got != -25*naira {
		t.Errorf("the fee is %d", got)
	}
	if c.audits("balance.explain", line) != 1 || c.audits("balance.explain", other) != 1 {
		t.Error("the audit log has not one row of each")
	}
	c.books()
}
