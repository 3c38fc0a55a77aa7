package payouts_test

import (
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/payouts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/payout"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

// hint is what an event of Paystack's comes to: ask now.
func (k *kit) hint(reference string) {
	if _, err := shell.Exec(k.App, "UPDATE payouts SET next_check_at = {:now} WHERE reference = {:reference}",
		dbx.Params{"now": shell.Stamp(k.Deps.Clock.Now()), "reference": reference}); err != nil {
		k.t.Error(err)
	}
}

// becomes moves a transfer at Paystack, tells of it and has the worker look.
func (k *kit) becomes(id, status string) {
	k.t.Helper()
	if err := k.fake.SetStatus(k.reference(id), status); err != nil {
		k.t.Fatal(err)
	}
	k.hint(k.reference(id))
	k.work()
}

// pending is a fake whose transfers wait for SetStatus.
var pending = paystacktest.Options{Script: []paystacktest.Step{}}

func TestF29TheEventComesBeforeTheAnswer(t *testing.T) {
	var k *kit
	k = startWith(t, paystacktest.Options{Approve: func(transfer paystacktest.Transfer) paystacktest.Decision {
		k.hint(transfer.Reference) // the order is not answered yet
		return paystacktest.Approved
	}})
	id := k.request(apptest.Ada, askedMinor)
	k.work()
	k.want(id, payout.Paid, 1, nothingHeld)
	k.wantTrouble("", "")
	// An answer that comes after verify has nothing more to say.
	late := payout.Answer{Attempt: 1, Class: payout.Ambiguous}
	if err := payouts.Apply(k.App, id, shell.System, late); err == nil {
		t.Error("a late answer was applied")
	}
	k.want(id, payout.Paid, 1, nothingHeld)
}

func TestF30SuccessThenAFailedEvent(t *testing.T) {
	k := start(t)
	id := k.request(apptest.Ada, askedMinor)
	k.work()
	k.hint(k.reference(id))
	k.work()
	k.want(id, payout.Paid, 1, nothingHeld)
	k.wantTrouble("", "")
}

func TestF31AFailedEventAndVerifyStillPending(t *testing.T) {
	k := startWith(t, pending)
	id := k.request(apptest.Ada, askedMinor)
	k.work()
	k.hint(k.reference(id))
	k.work()
	k.want(id, payout.InFlight, 0, allHeld)
	k.becomes(id, "failed")
	k.want(id, payout.Failed, 0, allBack)
}

func TestF32ReversedDaysLater(t *testing.T) {
	for _, returnFee := range []bool{false, true} {
		k := startWith(t, paystacktest.Options{ReturnFee: returnFee})
		id := k.request(apptest.Ada, askedMinor)
		k.work()
		for range 6 {
			k.advance(24 * time.Hour)
		}
		if err := k.fake.SetStatus(k.reference(id), "reversed"); err != nil {
			t.Fatal(err)
		}
		k.want(id, payout.Paid, 1, nothingHeld)
		k.advance(25 * time.Hour)
		k.want(id, payout.Reversed, 1, allBack)
		if got := k.balance("expense:payout_fee:NGN"); got != -feeMinor {
			t.Errorf("the fee is %d before the money is compared", got)
		}
		k.round("payouts.money")
		want := -feeMinor
		if returnFee {
			want = 0
		}
		if got := k.balance("expense:payout_fee:NGN"); got != want {
			t.Errorf("fee returned %v: the expense is %d, want %d", returnFee, got, want)
		}
	}
}

func TestF33ReversedWithoutBeingPaid(t *testing.T) {
	k := startWith(t, pending)
	id := k.request(apptest.Ada, askedMinor)
	k.work()
	k.becomes(id, "reversed")
	k.want(id, payout.Failed, 0, allBack)
	k.becomes(id, "reversed")
	k.want(id, payout.Failed, 0, allBack)
}

func TestF34VerifySaysReversedThreeTimes(t *testing.T) {
	k := start(t)
	id := k.request(apptest.Ada, askedMinor)
	k.work()
	for range 3 {
		k.becomes(id, "reversed")
		k.want(id, payout.Reversed, 1, allBack)
	}
	k.becomes(id, "failed")
	k.want(id, payout.Reversed, 1, allBack)
	k.wantTrouble("", "")
}

func TestF35SuccessAfterTheRelease(t *testing.T) {
	k := startWith(t, pending)
	id := k.request(apptest.Ada, askedMinor)
	k.work()
	k.becomes(id, "failed")
	k.want(id, payout.Failed, 0, allBack)
	if err := k.fake.SetStatus(k.reference(id), "success"); err != nil {
		t.Fatal(err)
	}
	k.round("payouts.sweep") // nobody polls a failed one: the sweep finds it
	k.work()
	k.want(id, payout.PaidLate, 1, nothingHeld)
	k.wantTrouble("paid_late", "")
	if n := k.Int("SELECT COUNT(*) FROM risk_flags WHERE kind = 'paid_late' AND state = 'open'"); n != 1 {
		t.Errorf("%d flags: the person is not frozen", n)
	}
	next := k.request(apptest.Ada, askedMinor)
	k.work()
	k.want(next, payout.Review, 0, allHeld)
}

func TestF37AnotherTransferThanTheOneOrdered(t *testing.T) {
	for name, test := range map[string]struct {
		op     string
		fields map[string]any
	}{
		"amount":                {verify, map[string]any{"amount": 1}},
		"currency":              {verify, map[string]any{"currency": "GHS"}},
		"recipient":             {verify, map[string]any{"recipient": map[string]any{"recipient_code": "RCP_other"}}},
		"reference":             {verify, map[string]any{"reference": "ll-test-another-one"}},
		"domain":                {verify, map[string]any{"domain": "live"}},
		"amount of the answer":  {initiate, map[string]any{"amount": 1}},
		"domain of the answer":  {initiate, map[string]any{"domain": "live"}},
		"account of the answer": {initiate, map[string]any{"recipient": "RCP_other"}},
	} {
		t.Run(name, func(t *testing.T) {
			k := start(t, paystacktest.Fault{Op: test.op, Kind: paystacktest.Overwrite, Fields: test.fields})
			id, next := k.request(apptest.Ada, askedMinor), k.request(apptest.Bola, askedMinor)
			k.work()
			if got := k.state(id); got != payout.Manual && test.op == initiate {
				t.Errorf("it is %s", got)
			}
			k.wantTrouble("mismatch", "all:payout")
			k.advance(30 * time.Minute)
			if test.op == initiate {
				k.want(next, payout.Approved, 0, allHeld)
			}
			k.advance(3 * time.Hour) // Paystack says what is right
			k.want(id, payout.Paid, 1, nothingHeld)
		})
	}
}

func TestF41NoEventEverComes(t *testing.T) {
	k := startWith(t, paystacktest.Options{Script: []paystacktest.Step{{AfterSeconds: 240, Status: "success"}}})
	id := k.request(apptest.Ada, askedMinor)
	k.work()
	for range 3 {
		k.advance(time.Minute)
	}
	k.want(id, payout.InFlight, 0, allHeld)
	k.advance(2 * time.Minute)
	k.want(id, payout.Paid, 1, nothingHeld)
}

func TestF42VerifyIsDown(t *testing.T) {
	k := startWith(t, paystacktest.Options{Script: []paystacktest.Step{{AfterSeconds: 3600, Status: "failed"}}},
		paystacktest.Fault{Op: verify, Times: -1, Kind: paystacktest.Answer, Status: 502})
	id := k.request(apptest.Ada, askedMinor)
	k.work()
	for range 6 {
		k.advance(time.Hour)
		k.want(id, payout.InFlight, 0, allHeld)
	}
	k.fake.Heal()
	k.advance(time.Hour)
	k.want(id, payout.Failed, 0, allBack)
	if k.posts() != 1 {
		t.Errorf("%d orders", k.posts())
	}
}

func TestF43NotFoundForTwoMinutes(t *testing.T) {
	k := start(t, paystacktest.Fault{Op: initiate, Kind: paystacktest.Cut, Act: paystacktest.ActAfter}, paystacktest.NotFound(verify, 2))
	id := k.request(apptest.Ada, askedMinor)
	k.work()
	k.advance(time.Minute)
	k.advance(time.Minute)
	k.want(id, payout.Sending, 1, allHeld)
	k.advance(3 * time.Minute)
	k.want(id, payout.Paid, 1, nothingHeld)
	if k.posts() != 1 {
		t.Errorf("%d orders", k.posts())
	}
}

func TestF44TheAccountIsChangedBeforeTheSend(t *testing.T) {
	k := start(t)
	id := k.request(apptest.Ada, askedMinor)
	if _, err := k.App.DB().NewQuery("UPDATE payout_accounts SET status = 'replaced'").Execute(); err != nil {
		t.Fatal(err)
	}
	k.advance(time.Hour)
	k.want(id, payout.Review, 0, allHeld)
	if k.posts() != 0 {
		t.Error("it was sent to the old account")
	}
}

func TestARecipientThatIsRefused(t *testing.T) {
	k := start(t)
	id := k.request(apptest.Ada, askedMinor)
	if err := k.fake.Block(k.record(id).GetString("recipient_code")); err != nil {
		t.Fatal(err)
	}
	k.work()
	k.want(id, payout.Sending, 0, allHeld)
	k.advance(5 * time.Minute)
	k.want(id, payout.Sending, 0, allHeld)
	k.advance(6 * time.Minute)
	k.want(id, payout.Failed, 0, allBack)
	if status := k.Text("SELECT status FROM payout_accounts", nil); status != "unusable" {
		t.Errorf("the account is %s", status)
	}
}
