package payouts_test

import (
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/payout"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

const (
	initiate = "transfer.initiate"
	verify   = "transfer.verify"
)

func TestAPayoutIsPaid(t *testing.T) {
	k := start(t)
	id := k.request(apptest.Ada, askedMinor)
	k.want(id, payout.Approved, 0, allHeld)
	k.work()
	k.want(id, payout.Paid, 1, nothingHeld)
	k.wantTrouble("", "")
	record := k.record(id)
	if record.GetString("transfer_code") == "" || record.GetString("transfer_id") == "" || record.GetString("session_id") == "" || record.GetString("provider_status") != "success" {
		t.Errorf("what Paystack said is not kept: %v", record.PublicExport())
	}
	if got := int64(record.GetInt("fee_minor")); got != feeMinor {
		t.Errorf("the fee is %d, want %d", got, feeMinor)
	}
	k.advance(time.Hour)
	if k.posts() != 1 {
		t.Errorf("%d orders were sent", k.posts())
	}
}

func TestF01TimeoutCreated(t *testing.T) {
	k := start(t, paystacktest.Fault{Op: initiate, Kind: paystacktest.Hang, Act: paystacktest.ActAfter})
	id := k.request(apptest.Ada, askedMinor)
	k.workUntilHung()
	k.want(id, payout.Sending, 1, allHeld)
	k.advance(time.Minute)
	k.want(id, payout.Paid, 1, nothingHeld)
}

func TestF02TimeoutNeverCreated(t *testing.T) {
	k := start(t, paystacktest.Fault{Op: initiate, Kind: paystacktest.Hang})
	id := k.request(apptest.Ada, askedMinor)
	k.workUntilHung()
	for range 9 {
		k.advance(time.Minute)
	}
	k.want(id, payout.Sending, 0, allHeld)
	if k.posts() != 1 {
		t.Errorf("%d orders in the first nine minutes", k.posts())
	}
	k.advance(10 * time.Minute)
	k.want(id, payout.Paid, 1, nothingHeld)
	if k.posts() != 2 || k.record(id).GetInt("attempt") != 2 {
		t.Errorf("%d orders, attempt %d", k.posts(), k.record(id).GetInt("attempt"))
	}
}

func TestF03TheFirstArrivesAfterTheSecond(t *testing.T) {
	k := start(t, paystacktest.Fault{Op: initiate, Kind: paystacktest.Hang, Act: paystacktest.ActLate})
	id := k.request(apptest.Ada, askedMinor)
	k.workUntilHung()
	k.advance(15 * time.Minute)
	if n := k.fake.DeliverLate(); n != 1 {
		t.Fatalf("%d requests were on their way", n)
	}
	k.advance(2 * time.Hour)
	k.want(id, payout.Paid, 1, nothingHeld)

	// And the other way round: it arrives just before the second.
	k = start(t, paystacktest.Fault{Op: initiate, Kind: paystacktest.Hang, Act: paystacktest.ActLate})
	id = k.request(apptest.Ada, askedMinor)
	k.workUntilHung()
	k.fake.Inject(paystacktest.NotFound(verify, 1)) // asked a moment too early
	k.Advance(15 * time.Minute)
	k.fake.DeliverLate()
	k.work()
	if k.posts() != 2 {
		t.Errorf("%d orders, want a second one", k.posts())
	}
	k.advance(time.Minute)
	k.want(id, payout.Paid, 1, nothingHeld)
}

func TestF04ServerErrorsCreated(t *testing.T) {
	for _, status := range []int{500, 502, 503, 504} {
		k := start(t, paystacktest.Fault{Op: initiate, Kind: paystacktest.Answer, Status: status, Act: paystacktest.ActAfter})
		id := k.request(apptest.Ada, askedMinor)
		k.work()
		k.want(id, payout.Sending, 1, allHeld)
		k.advance(time.Minute)
		k.want(id, payout.Paid, 1, nothingHeld)
	}
}

func TestF05ConnectionReset(t *testing.T) {
	for _, kind := range []paystacktest.Kind{paystacktest.Cut, paystacktest.CutMidway} {
		k := start(t, paystacktest.Fault{Op: initiate, Kind: kind, Act: paystacktest.ActAfter})
		id := k.request(apptest.Ada, askedMinor)
		k.work()
		k.want(id, payout.Sending, 1, allHeld)
		k.advance(time.Minute)
		k.want(id, payout.Paid, 1, nothingHeld)
	}
}

func TestF06UnreadableAnswer(t *testing.T) {
	for _, kind := range []paystacktest.Kind{paystacktest.HTML, paystacktest.Truncated} {
		k := start(t, paystacktest.Fault{Op: initiate, Kind: kind})
		id := k.request(apptest.Ada, askedMinor)
		k.work()
		k.want(id, payout.Sending, 0, allHeld)
		k.advance(20 * time.Minute)
		k.want(id, payout.Paid, 1, nothingHeld)
	}
}

func TestF07StatusFalse(t *testing.T) {
	k := start(t, paystacktest.Fault{Op: initiate, Kind: paystacktest.Denied, Act: paystacktest.ActAfter})
	id := k.request(apptest.Ada, askedMinor)
	k.work()
	k.want(id, payout.Sending, 1, allHeld)
	k.advance(time.Minute)
	k.want(id, payout.Paid, 1, nothingHeld)
}

func TestF08NotReached(t *testing.T) {
	k := start(t)
	id := k.request(apptest.Ada, askedMinor)
	k.unplug()
	k.work()
	k.want(id, payout.Approved, 0, allHeld)
	if posts := k.record(id).GetInt("posts"); posts != 0 {
		t.Errorf("%d tries are spent", posts)
	}
	k.plug(apptest.Ada)
	k.work()
	if k.posts() != 0 {
		t.Error("it was tried again at once")
	}
	k.advance(20 * time.Second)
	k.want(id, payout.Paid, 1, nothingHeld)
}

func TestF09Duplicate(t *testing.T) {
	for _, status := range []int{400, 404} {
		// The order is acted upon, and the answer says that it had been before.
		k := start(t, paystacktest.Fault{Op: initiate, Kind: paystacktest.Duplicate, Status: status, Act: paystacktest.ActAfter},
			paystacktest.NotFound(verify, 2))
		id := k.request(apptest.Ada, askedMinor)
		k.work()
		k.want(id, payout.Sending, 1, allHeld)
		k.advance(time.Minute)
		k.want(id, payout.Sending, 1, allHeld)
		k.advance(time.Minute)
		k.want(id, payout.Paid, 1, nothingHeld)
		if k.posts() != 1 {
			t.Errorf("%d: %d orders", status, k.posts())
		}
	}
}

func TestF10DuplicateThenVerifyFailsForHours(t *testing.T) {
	k := start(t, paystacktest.Fault{Op: initiate, Kind: paystacktest.Duplicate, Act: paystacktest.ActAfter},
		paystacktest.Fault{Op: verify, Times: -1, Kind: paystacktest.Answer, Status: 503})
	id := k.request(apptest.Ada, askedMinor)
	k.work()
	for range 26 {
		k.advance(time.Hour)
	}
	k.want(id, payout.Manual, 1, allHeld)
	k.wantTrouble("silent", "")
	k.fake.Heal()
	k.advance(2 * time.Hour)
	k.want(id, payout.Paid, 1, nothingHeld)
}

func TestF11LowBalance(t *testing.T) {
	k := start(t)
	k.fake.Fund("NGN", -openingMinor)
	first, second := k.request(apptest.Ada, askedMinor), k.request(apptest.Bola, askedMinor)
	references := []string{k.reference(first), k.reference(second)}
	k.work()
	k.want(first, payout.Approved, 0, allHeld)
	k.want(second, payout.Approved, 0, allHeld)
	k.wantTrouble("low_balance", "NGN:low_balance")
	if k.posts() != 1 {
		t.Errorf("%d orders although the balance is too low", k.posts())
	}
	k.fake.Fund("NGN", askedMinor+feeMinor) // not enough for both
	k.advance(2 * time.Minute)
	k.wantTrouble("low_balance", "NGN:low_balance")
	k.fake.Fund("NGN", 2*askedMinor)
	k.work() // within a minute nobody asks
	k.wantTrouble("low_balance", "NGN:low_balance")
	k.advance(time.Minute)
	k.wantTrouble("low_balance", "")
	k.want(first, payout.Paid, 1, nothingHeld)
	k.want(second, payout.Paid, 1, nothingHeld)
	if references[0] != k.reference(first) || references[1] != k.reference(second) {
		t.Error("a reference changed")
	}
}

func TestF12KeyRotated(t *testing.T) {
	k := start(t, paystacktest.Refusal(initiate, 401, "invalid_Key", "Invalid key"))
	first, second := k.request(apptest.Ada, askedMinor), k.request(apptest.Bola, askedMinor)
	k.work()
	k.want(first, payout.Approved, 0, allHeld)
	k.want(second, payout.Approved, 0, allHeld)
	k.wantTrouble("access", "all:payout")
	k.advance(time.Hour)
	if k.posts() != 1 {
		t.Errorf("%d orders while everything is paused", k.posts())
	}
	k.lift()
	k.work()
	k.want(first, payout.Paid, 1, nothingHeld)
	k.want(second, payout.Paid, 1, nothingHeld)
}

func TestF14OneTimeCode(t *testing.T) {
	k := startWith(t, paystacktest.Options{Script: paystacktest.OTP()})
	id := k.request(apptest.Ada, askedMinor)
	k.work()
	k.want(id, payout.InFlight, 0, allHeld)
	k.wantTrouble("otp", "")
	k.advance(29 * time.Minute)
	k.want(id, payout.InFlight, 0, allHeld)
	if err := k.fake.SetStatus(k.reference(id), "queued"); err != nil { // it does not end by itself
		t.Fatal(err)
	}
	if err := k.fake.SetStatus(k.reference(id), "otp"); err != nil {
		t.Fatal(err)
	}
	k.advance(31 * time.Minute)
	k.want(id, payout.Manual, 0, allHeld)
	if err := k.fake.SetStatus(k.reference(id), "abandoned"); err != nil {
		t.Fatal(err)
	}
	k.advance(2 * time.Hour)
	k.want(id, payout.Failed, 0, allBack)
	k.advance(24 * time.Hour)
	k.want(id, payout.Failed, 0, allBack)
}

func TestF15EndsWithoutAnEvent(t *testing.T) {
	for _, status := range []string{"blocked", "rejected", "abandoned"} {
		k := startWith(t, paystacktest.Options{Script: []paystacktest.Step{{AfterSeconds: 30, Status: status}}})
		id := k.request(apptest.Ada, askedMinor)
		k.work()
		k.want(id, payout.InFlight, 0, allHeld)
		k.advance(time.Minute)
		k.want(id, payout.Failed, 0, allBack)
		k.advance(time.Hour)
		k.want(id, payout.Failed, 0, allBack)
	}
}

func TestF16UnknownStatus(t *testing.T) {
	for _, status := range []string{"queued", "successful"} {
		k := startWith(t, paystacktest.Options{Script: []paystacktest.Step{{Status: status}}})
		id := k.request(apptest.Ada, askedMinor)
		k.work()
		k.advance(time.Hour)
		k.want(id, payout.InFlight, 0, allHeld)
		k.wantTrouble("unknown_status", "")
		if err := k.fake.SetStatus(k.reference(id), "success"); err != nil {
			t.Fatal(err)
		}
		k.advance(time.Hour)
		k.want(id, payout.Paid, 1, nothingHeld)
	}
}
