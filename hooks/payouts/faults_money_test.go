package payouts_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/payouts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/payout"
	"github.com/lingualink/lingualink/internal/paystack"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

func pauseOf(scope, why string, now time.Time) dbx.Params {
	return dbx.Params{"id": shell.NewID(), "scope": scope, "cause": why, "detail": "", "automatic": false,
		"since": shell.Stamp(now), "lifted_at": "", "lifted_by": "", "lift_reason": ""}
}

// lines are the states of Paystack's lines, with how often each is there.
func (k *kit) lines() string {
	return k.Text("SELECT COALESCE(group_concat(s, ', '), '') FROM (SELECT model || ' ' || state || ' ' || COUNT(*) AS s FROM balance_rows GROUP BY model, state ORDER BY 1)", nil)
}

func TestF51FeesAndLevies(t *testing.T) {
	k := start(t, paystacktest.Fault{Op: verify, Kind: paystacktest.Overwrite, Fields: map[string]any{"fee_charged": 500}})
	id := k.request(apptest.Ada, askedMinor)
	k.work()
	k.want(id, payout.Paid, 1, nothingHeld)
	if got := k.record(id).GetInt("fee_minor"); got != 500 {
		t.Errorf("the fee is %d before the money is compared", got)
	}
	if err := k.fake.Levy(k.reference(id), 50_00); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a second run changes nothing
		k.round("payouts.money")
		if got := fmt.Sprint(k.balance("expense:payout_fee:NGN"), k.balance("expense:levy:NGN"), k.record(id).GetInt("fee_minor")); got != fmt.Sprint(-feeMinor, -50_00, feeMinor+50_00) {
			t.Errorf("fee, levy and the payout's cost are %s", got)
		}
		if got := -k.balance("paystack:NGN"); got != k.fakeBalance() {
			t.Errorf("the ledger holds %d, Paystack %d", got, k.fakeBalance())
		}
		if got := k.lines(); got != "Transaction suspense 1, Transfer matched 2" {
			t.Errorf("lines: %s", got)
		}
	}
	if n := k.Int("SELECT COUNT(*) FROM balance_rows b WHERE model = 'Transfer' AND NOT EXISTS (SELECT 1 FROM ledger_txs t WHERE t.id = b.tx)"); n != 0 {
		t.Errorf("%d lines name no posting", n)
	}
}

func TestF52TheBalanceIsSettledAway(t *testing.T) {
	k := start(t)
	first := k.request(apptest.Ada, askedMinor)
	k.work()
	k.fake.Fund("NGN", -k.fakeBalance())
	second := k.request(apptest.Bola, askedMinor)
	k.work()
	k.want(first, payout.Paid, 1, nothingHeld)
	k.want(second, payout.Approved, 0, allHeld)
	k.wantTrouble("low_balance", "NGN:low_balance")
	k.round("payouts.money")
	k.explainLines(payouts.ExplainedSwept)
	if got := k.balance("suspense:paystack:NGN"); got != 0 {
		t.Errorf("%d are left in suspense", got)
	}
	k.fake.Fund("NGN", openingMinor)
	k.advance(2 * time.Minute)
	k.want(second, payout.Paid, 1, nothingHeld)
}

// explainLines explains every line in suspense.
func (k *kit) explainLines(kind string) {
	k.t.Helper()
	lines := []string{}
	if err := k.App.DB().NewQuery("SELECT id FROM balance_rows WHERE state = 'suspense'").Column(&lines); err != nil {
		k.t.Fatal(err)
	}
	for _, line := range lines {
		if err := payouts.Explain(k.App, line, kind); err != nil {
			k.t.Fatal(err)
		}
	}
}

func TestMoneyInTransit(t *testing.T) {
	k := startWith(t, pending)
	id := k.request(apptest.Ada, askedMinor)
	k.work()
	lines, err := payouts.Money(t.Context(), k.App)
	if got := lines["NGN"]; err != nil || got.TransitMinor != -(askedMinor+feeMinor) || got.DifferenceMinor != 0 || got.Doubtful != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	k.becomes(id, "success")
	k.round("payouts.money")
	if got := k.lines(); got != "Transaction suspense 1, Transfer matched 1" {
		t.Errorf("lines: %s", got)
	}
	// Reversed there, not heard of here: that is no income, but asked for.
	if err := k.fake.SetStatus(k.reference(id), "reversed"); err != nil {
		t.Fatal(err)
	}
	lines, err = payouts.Money(t.Context(), k.App)
	if got := lines["NGN"]; err != nil || got.TransitMinor != askedMinor || got.Doubtful != 1 || got.DifferenceMinor != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	k.work()
	k.want(id, payout.Reversed, 1, allBack)
}

func TestAnUnansweredTransferIsPlacedByItsReference(t *testing.T) {
	k := start(t, paystacktest.Fault{Op: initiate, Kind: paystacktest.Cut, Act: paystacktest.ActAfter})
	id := k.request(apptest.Ada, askedMinor)
	k.work()
	lines, err := payouts.Money(t.Context(), k.App)
	if got := lines["NGN"]; err != nil || got.TransitMinor != -(askedMinor+feeMinor) || got.DifferenceMinor != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if got := k.lines(); got != "Transaction suspense 1, Transfer in_transit 1" {
		t.Errorf("lines: %s", got)
	}
	k.work() // the sweep has it asked for
	k.want(id, payout.Paid, 1, nothingHeld)
}

func TestADifferencePausesUntilItIsExplained(t *testing.T) {
	k := start(t)
	k.request(apptest.Ada, askedMinor)
	k.work()
	k.round("payouts.money")
	k.fake.Inject(paystacktest.Fault{Op: "balance.ledger", Times: 3, Kind: paystacktest.Answer, Status: 200,
		Body: map[string]any{"status": true, "message": "", "data": []any{}, "meta": map[string]any{"page": 1, "pageCount": 1}}})
	k.fake.Fund("NGN", -7_00) // a line that is not listed
	k.round("payouts.money")
	k.wantTrouble("balance balance_line", "NGN:balance")
	next := k.request(apptest.Bola, askedMinor)
	k.advance(time.Hour)
	k.want(next, payout.Approved, 0, allHeld)
	if got := -k.balance("paystack:NGN"); got != k.fakeBalance() {
		t.Errorf("the ledger holds %d, Paystack %d", got, k.fakeBalance())
	}
	k.explainLines(payouts.ExplainedTopUp)
	k.round("payouts.money") // the line is listed now, so that the difference is back, the other way
	k.explainLines(payouts.ExplainedTopUp)
	k.round("payouts.money")
	if got := k.pauses(); got != "" {
		t.Errorf("pauses %q", got)
	}
	k.work()
	k.want(next, payout.Paid, 1, nothingHeld)
	if got := k.balance("suspense:paystack:NGN"); got != 0 {
		t.Errorf("%d are left in suspense", got)
	}
}

func TestOrphansStopEverything(t *testing.T) {
	k := start(t)
	account := k.account(apptest.Ada)
	_, err := k.client.InitiateTransfer(t.Context(), paystack.TransferOrder{
		Reference: "ll-test-not-of-this-server", AmountMinor: 100_000, Currency: "NGN", RecipientCode: account.GetString("recipient_code"),
	})
	if err != nil {
		t.Fatal(err)
	}
	id := k.request(apptest.Bola, askedMinor)
	for range 2 {
		k.round("payouts.sweep")
	}
	k.wantTrouble("orphan", "all:orphan")
	if n := k.Int("SELECT COUNT(*) FROM orphan_transfers"); n != 1 {
		t.Errorf("%d orphans", n)
	}
	k.work()
	k.want(id, payout.Approved, 0, allHeld)
	if n := k.Int("SELECT COUNT(*) FROM reconciliations WHERE kind = 'transfers' AND clean = FALSE"); n != 2 {
		t.Errorf("%d reconciliations are not clean", n)
	}
	if _, err := k.App.DB().NewQuery("UPDATE orphan_transfers SET state = 'explained'").Execute(); err != nil {
		t.Fatal(err)
	}
	k.lift()
	k.round("payouts.sweep")
	k.work()
	k.want(id, payout.Paid, 1, nothingHeld)
}

func TestBooksThatAreWrongStopEverything(t *testing.T) {
	k := start(t)
	id := k.request(apptest.Ada, askedMinor)
	k.work()
	books, err := payouts.Prove(t.Context(), k.App)
	if err != nil || len(books.Findings) != 0 || books.Payouts != 1 {
		t.Fatalf("%+v, %v", books, err)
	}
	for _, statement := range []string{
		"DROP TRIGGER payout_settlements_no_update", "UPDATE payout_settlements SET outcome = 'released'",
	} {
		if _, err := k.App.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
			t.Fatal(err)
		}
	}
	books, err = payouts.Prove(t.Context(), k.App)
	if err != nil || len(books.Findings) != 1 || books.Findings[0].Promise != payouts.PromiseSettled || books.Findings[0].Row != id {
		t.Errorf("%+v, %v", books, err)
	}
	k.wantTrouble("books", "all:books")
	if _, err := k.App.NonconcurrentDB().NewQuery("UPDATE payout_settlements SET outcome = 'paid'").Execute(); err != nil {
		t.Fatal(err)
	}
}

func TestClassify(t *testing.T) {
	now := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	refused := func(status int, code, message string) error {
		return &paystack.Error{Kind: paystack.ErrRefused, HTTPStatus: status, Code: code, Message: message}
	}
	for name, test := range map[string]struct {
		err  error
		want payout.Answer
	}{
		"accepted":           {nil, payout.Answer{Class: payout.Accepted}},
		"not sent":           {&paystack.Error{Kind: paystack.ErrNotSent}, payout.Answer{Class: payout.NotSent}},
		"limited":            {&paystack.Error{Kind: paystack.ErrRateLimited, RetryAfter: time.Minute}, payout.Answer{Class: payout.RateLimited, Until: now.Add(time.Minute)}},
		"our mistake":        {&paystack.Error{Kind: paystack.ErrInvalid}, payout.Answer{Class: payout.OtherRefusal}},
		"ambiguous":          {&paystack.Error{Kind: paystack.ErrAmbiguous}, payout.Answer{Class: payout.Ambiguous}},
		"unavailable":        {&paystack.Error{Kind: paystack.ErrUnavailable}, payout.Answer{Class: payout.Ambiguous}},
		"not found":          {&paystack.Error{Kind: paystack.ErrNotFound}, payout.Answer{Class: payout.Ambiguous}},
		"another error":      {errors.New("?"), payout.Answer{Class: payout.Ambiguous}},
		"duplicate":          {refused(400, "duplicate_transfer_reference", ""), payout.Answer{Class: payout.Duplicate}},
		"duplicate as 404":   {refused(404, "duplicate_transfer_reference", ""), payout.Answer{Class: payout.Duplicate}},
		"low balance":        {refused(400, "", "Your balance is not enough to fulfil this request"), payout.Answer{Class: payout.LowBalance}},
		"the key":            {refused(401, "invalid_Key", ""), payout.Answer{Class: payout.NoAccess}},
		"forbidden":          {refused(403, "", "No"), payout.Answer{Class: payout.NoAccess}},
		"a starter business": {refused(400, "", "You cannot initiate third party payouts as a starter business"), payout.Answer{Class: payout.NoAccess}},
		"the recipient":      {refused(400, "invalid_transfer_recipient", ""), payout.Answer{Class: payout.RefusedRecipient}},
		"the reference":      {refused(400, "invalid_transfer_reference", ""), payout.Answer{Class: payout.OtherRefusal}},
	} {
		if got := payouts.Classify(test.err, now); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

func TestAgrees(t *testing.T) {
	want := map[payout.State]string{
		payout.Paid: "success", payout.PaidLate: "success", payout.Reversed: "reversed",
		payout.Failed: "failed reversed abandoned blocked rejected", payout.Rejected: "failed reversed abandoned blocked rejected", payout.Cancelled: "failed reversed abandoned blocked rejected",
		payout.InFlight: "received otp pending", payout.Manual: "received otp pending",
	}
	for _, state := range payout.States() {
		got := ""
		for _, status := range paystack.Statuses() {
			if payouts.Agrees(state, status) {
				got += " " + string(status)
			}
		}
		if want := want[state]; got != "" && got[1:] != want || got == "" && want != "" {
			t.Errorf("%s agrees with%s, want %s", state, got, want)
		}
	}
}
