package payout_test

import (
	"errors"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/payout"
)

// refusedFor tells whether the event does not apply for the reason; with no
// reason, whether it applies.
func refusedFor(err error, why payout.Why) bool {
	var conflict *payout.Conflict
	if why == "" {
		return err == nil
	}
	return errors.As(err, &conflict) && conflict.Why == why
}

func TestProofOfClosingByHand(t *testing.T) {
	const day = 24 * time.Hour
	cases := []struct {
		name   string
		change func(*payout.Payout, *payout.Proof)
		now    time.Time
		why    payout.Why
	}{
		{"the least that is a proof", func(*payout.Payout, *payout.Proof) {}, t0.Add(day), ""},
		{"a day less a moment", func(_ *payout.Payout, p *payout.Proof) {
			p.NotFoundFirst, p.NotFoundLast = t0.Add(1), t0.Add(2*time.Hour)
		}, t0.Add(day - 1), payout.NoProof},
		{"too close together", func(_ *payout.Payout, p *payout.Proof) { p.NotFoundFirst = p.NotFoundFirst.Add(1) }, t0.Add(day), payout.NoProof},
		{"from before the send", func(_ *payout.Payout, p *payout.Proof) { p.NotFoundFirst = t0 }, t0.Add(day), payout.NoProof},
		{"in the future", func(_ *payout.Payout, p *payout.Proof) { p.NotFoundLast = p.NotFoundLast.Add(1) }, t0.Add(day), payout.NoProof},
		{"on a list", func(_ *payout.Payout, p *payout.Proof) { p.AbsentFromLists = false }, t0.Add(day), payout.NoProof},
		{"in the ledger", func(_ *payout.Payout, p *payout.Proof) { p.AbsentFromLedger = false }, t0.Add(day), payout.NoProof},
		{"known to Paystack since", func(p *payout.Payout, _ *payout.Proof) { p.SeenAt = t0.Add(23 * time.Hour) }, t0.Add(day), payout.NoProof},
		{"known to Paystack before", func(p *payout.Payout, _ *payout.Proof) { p.SeenAt = t0.Add(22 * time.Hour) }, t0.Add(day), ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, itsProof := base(payout.Manual, sent, func(p *payout.Payout) { p.Closer = "bob" }), proof
			c.change(&p, &itsProof)
			out, err := payout.Step(p, payout.Close{By: "eve", Proof: itsProof}, payout.DefaultPolicy(), c.now)
			if !refusedFor(err, c.why) {
				t.Fatalf("%v, want %q", err, c.why)
			}
			if err == nil && (out.State != payout.Failed || out.Effects[0].Kind != payout.ReleaseHold) {
				t.Errorf("%+v", out)
			}
		})
	}
}

// TestNewsEndClosingByHand: the first of the two did not know what verify said
// after it.
func TestNewsEndClosingByHand(t *testing.T) {
	p := base(payout.Manual, sent, func(p *payout.Payout) { p.Closer = "bob" })
	for status, closer := range map[payout.Status]string{payout.NotFound: "bob", payout.StatusPending: "", "queued": ""} {
		out, err := payout.Step(p, seen(p, status), payout.DefaultPolicy(), t0.Add(time.Hour))
		if err != nil || out.State != payout.Manual || out.Closer != closer {
			t.Errorf("%s: %+v, %v, want the closer %q", status, out, err, closer)
		}
		if known := status != payout.NotFound; out.SeenAt.IsZero() == known {
			t.Errorf("%s: known to Paystack at %v", status, out.SeenAt)
		}
	}
}

func TestADuplicateIsKnownToPaystack(t *testing.T) {
	out, err := payout.Step(base(payout.Sending, sent), payout.Answer{Attempt: 1, Class: payout.Duplicate}, payout.DefaultPolicy(), t0.Add(time.Minute))
	if err != nil || !out.SeenAt.Equal(t0.Add(time.Minute)) {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestWhoMayApprove(t *testing.T) {
	policy := payout.DefaultPolicy()
	edited := func(p *payout.Payout) { p.AccountEditor = "eve" }
	exactly := func(amount int64) func(*payout.Payout) { return func(p *payout.Payout) { p.AmountMinor = amount } }
	bobAgreed := func(p *payout.Payout) { p.First = "bob" }
	cases := []struct {
		name string
		payout.Payout
		by    string
		state payout.State
		why   payout.Why
	}{
		{"one person", base(payout.Review), "bob", payout.Approved, ""},
		{"who edited the account", base(payout.Review, edited), "eve", payout.Review, payout.OwnAccount},
		{"somebody else", base(payout.Review, edited), "bob", payout.Approved, ""},
		{"at the high limit", base(payout.Review, exactly(policy.NGN.HighLimitMinor)), "bob", payout.Approved, ""},
		{"above the high limit", base(payout.Review, exactly(policy.NGN.HighLimitMinor+1)), "bob", payout.Review, ""},
		{"the second", base(payout.Review, large, bobAgreed), "eve", payout.Approved, ""},
		{"the first again", base(payout.Review, large, bobAgreed), "bob", payout.Review, payout.SamePerson},
		{"the beneficiary as second", base(payout.Review, large, bobAgreed), "ada", payout.Review, payout.OwnPayout},
	}
	for _, c := range cases {
		out, err := payout.Step(c.Payout, payout.Approve{By: c.by}, policy, t0)
		if out.State != c.state || !refusedFor(err, c.why) {
			t.Errorf("%s: %s, %v, want %s, %q", c.name, out.State, err, c.state, c.why)
		}
	}
	out, err := payout.Step(base(payout.Review, large, bobAgreed), payout.AccountChanged{By: "ada"}, policy, t0)
	if err != nil || out.First != "" || out.AccountEditor != "ada" {
		t.Errorf("after a change of account bob's approval still counts: %+v, %v", out, err)
	}
}

// TestAFlagTakesApprovalsBack: whoever agreed before did not know of it.
func TestAFlagTakesApprovalsBack(t *testing.T) {
	for _, p := range []payout.Payout{
		base(payout.Requested), base(payout.Approved), base(payout.Review, large, func(p *payout.Payout) { p.First = "bob" }),
	} {
		out, err := payout.Step(p, payout.Flagged{}, payout.DefaultPolicy(), t0)
		if err != nil || out.State != payout.Review || out.First != "" || out.Settled != payout.Unsettled {
			t.Errorf("%s: %+v, %v", p.State, out, err)
		}
		if told := len(out.Effects) == 1; told != (p.State != payout.Review) {
			t.Errorf("%s: %v", p.State, out.Effects)
		}
	}
	for _, state := range []payout.State{payout.Sending, payout.InFlight, payout.Manual} {
		if _, err := payout.Step(base(state, sent), payout.Flagged{}, payout.DefaultPolicy(), t0); !refusedFor(err, payout.WrongState) {
			t.Errorf("%s: %v", state, err)
		}
	}
}

func TestAutomaticLimitAndMinimum(t *testing.T) {
	policy := payout.DefaultPolicy()
	for amount, want := range map[int64]payout.State{policy.NGN.AutoLimitMinor: payout.Approved, policy.NGN.AutoLimitMinor + 1: payout.Review} {
		p := base(payout.Requested, func(p *payout.Payout) { p.AmountMinor = amount })
		if out, err := payout.Step(p, payout.Checked{}, policy, t0); err != nil || out.State != want {
			t.Errorf("%d: %s, %v, want %s", amount, out.State, err, want)
		}
	}
	for _, c := range []struct {
		change func(*payout.Payout)
		why    payout.Why
	}{
		{func(p *payout.Payout) { p.AmountMinor = policy.NGN.MinimumMinor }, ""},
		{func(p *payout.Payout) { p.AmountMinor = policy.NGN.MinimumMinor - 1 }, payout.BelowLeast},
		{func(p *payout.Payout) { p.Currency = "USD" }, payout.BadRequest},
		{func(p *payout.Payout) { p.Reference = "" }, payout.BadRequest},
		{func(p *payout.Payout) { p.Recipient = "" }, payout.BadRequest},
		{func(p *payout.Payout) { p.Beneficiary = "" }, payout.BadRequest},
	} {
		p := base(payout.New, c.change)
		if _, err := payout.Step(p, payout.Request{}, policy, t0); !refusedFor(err, c.why) {
			t.Errorf("%+v: %v, want %q", p, err, c.why)
		}
	}
}
