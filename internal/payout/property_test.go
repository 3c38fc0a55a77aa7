package payout_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/payout"
)

// conclusive says again, apart from the code, what may move money: a posting of
// the kind may follow the event on the payout.
func conclusive(kind payout.EffectKind, p payout.Payout, event payout.Event) bool {
	if a, ok := event.(payout.Answer); ok && a.Class == payout.Accepted {
		event = a.Observation
	}
	o, observed := event.(payout.Observation)
	if observed && o != seen(p, o.Status) {
		return false
	}
	wasSent := slices.Contains([]payout.State{payout.Sending, payout.InFlight, payout.Manual}, p.State)
	switch kind {
	case payout.PostHold:
		return event == payout.Request{} && p.State == payout.New
	case payout.PostPaid:
		return observed && o.Status == payout.StatusSuccess && wasSent && p.Settled == payout.Unsettled
	case payout.PostReversal:
		return observed && o.Status == payout.StatusReversed && p.Settled == payout.SettledPaid
	case payout.PostPaidLate:
		return observed && o.Status == payout.StatusSuccess && p.Settled == payout.SettledRelease
	default: // a release, below
	}
	if kind != payout.ReleaseHold || p.Settled != payout.Unsettled {
		return false
	}
	switch e := event.(type) {
	case payout.Reject:
		return p.Posts == 0 && (p.State == payout.Requested || p.State == payout.Review)
	case payout.Cancel:
		return p.Posts == 0 && (p.State == payout.Requested || p.State == payout.Review || p.State == payout.Approved)
	case payout.Close:
		return p.State == payout.Manual && p.Closer != "" && p.Closer != e.By && e.Proof == proof
	}
	ends := []payout.Status{payout.StatusFailed, payout.StatusBlocked, payout.StatusRejected, payout.StatusDropped, payout.StatusReversed}
	secondNotFound := o.Status == payout.NotFound && p.Refused && !p.NotFoundAt.IsZero() && p.State == payout.Sending
	return observed && wasSent && (slices.Contains(ends, o.Status) || secondNotFound)
}

func TestMoneyMovesOnConclusiveAnswersOnly(t *testing.T) {
	moved := 0
	for _, c := range cases {
		for _, h := range happenings() {
			out, err := h.to(c.Payout)
			if err != nil {
				continue
			}
			for _, effect := range out.Effects {
				if !effect.Kind.Money() {
					continue
				}
				moved++
				if !conclusive(effect.Kind, c.Payout, h.make(c.Payout)) {
					t.Errorf("%s, %s: %s", c.name, h.name, effect)
				}
			}
		}
	}
	if moved < 50 {
		t.Errorf("only %d postings in the whole matrix", moved)
	}
}

// book counts what happened on one path.
type book struct {
	holds, releases, payments, late, reversals int
	open                                       map[int64]bool // sends without a conclusive refusal
}

var refusals = []payout.Class{payout.LowBalance, payout.NoAccess, payout.RateLimited, payout.NotSent}

// follow applies the events that the bytes choose and checks what holds on every
// path. Two bytes choose an event and how far the clock goes, or jumps back.
func follow(t *testing.T, p payout.Payout, choices []byte) book {
	t.Helper()
	all, now := happenings(), t0
	b := book{open: map[int64]bool{}}
	for i := range int64(p.Posts) {
		b.open[p.Attempt-i] = true
	}
	first := p
	for len(choices) >= 2 {
		h := all[int(choices[0])%len(all)]
		steps := []time.Duration{0, time.Minute, 11 * time.Minute, 25 * time.Hour, 80 * time.Hour, -time.Hour}
		now = now.Add(steps[int(choices[1])%len(steps)])
		choices = choices[2:]
		policy, event := payout.DefaultPolicy(), h.make(p)
		policy.Enabled = !h.off
		out, err := payout.Step(p, event, policy, now)
		if err != nil {
			continue
		}
		if a, ok := event.(payout.Answer); ok && slices.Contains(refusals, a.Class) {
			delete(b.open, a.Attempt)
		}
		b.check(t, first, p, event, out)
		p = out.Payout
	}
	return b
}

func (b *book) check(t *testing.T, first, p payout.Payout, event payout.Event, out payout.Outcome) {
	t.Helper()
	for _, effect := range out.Effects {
		if effect.Kind.Money() && !conclusive(effect.Kind, p, event) {
			t.Errorf("%+v, %+v: %s", p, event, effect)
		}
		switch effect.Kind {
		case payout.PostHold:
			b.holds++
		case payout.ReleaseHold:
			b.releases++
			if _, cancelled := event.(payout.Cancel); cancelled && len(b.open) > 0 {
				t.Errorf("%+v: cancelled with the sends %v on their way", p, b.open)
			}
		case payout.PostPaid:
			b.payments++
		case payout.PostPaidLate:
			b.late++
		case payout.PostReversal:
			b.reversals++
		case payout.Send:
			b.open[out.Attempt] = true
			if effect.Reference != first.Reference || out.Attempt != p.Attempt+1 {
				t.Errorf("sent as %q, attempt %d after %d", effect.Reference, out.Attempt, p.Attempt)
			}
		default: // moves no money
		}
	}
	if b.holds > 1 || b.releases+b.payments > 1 || b.late > 1 || b.reversals > 1 {
		t.Errorf("settled more than once: %+v", *b)
	}
	if out.Reference != first.Reference || out.AmountMinor != first.AmountMinor || out.Recipient != first.Recipient || out.Currency != first.Currency {
		t.Errorf("the order changed: %+v", out.Payout)
	}
	if out.State == payout.Approved && len(b.open) > 0 {
		t.Errorf("approved with the sends %v on their way", b.open)
	}
	final := p.State == payout.Reversed || p.State == payout.PaidLate
	released := p.State == payout.Failed || p.State == payout.Rejected || p.State == payout.Cancelled
	if final && out.State != p.State || released && out.State != p.State && out.State != payout.PaidLate {
		t.Errorf("%s ended and became %s", p.State, out.State)
	}
}

func TestRandomPaths(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	total := book{}
	for range 60_000 {
		choices := make([]byte, 2*(1+random.IntN(8)))
		for i := range choices {
			choices[i] = byte(random.Uint32())
		}
		b := follow(t, cases[random.IntN(len(cases))].Payout, choices)
		if t.Failed() {
			t.Fatalf("choices %v", choices)
		}
		total.releases, total.payments = total.releases+b.releases, total.payments+b.payments
		total.late, total.reversals = total.late+b.late, total.reversals+b.reversals
	}
	if total.releases < 1000 || total.payments < 1000 || total.late < 1000 || total.reversals < 1000 {
		t.Errorf("the paths prove little: %+v", total)
	}
}

func FuzzStep(f *testing.F) {
	for i := range cases {
		f.Add(byte(i), []byte{0, 0, 14, 1, 25, 2})
	}
	f.Fuzz(func(t *testing.T, start byte, choices []byte) {
		follow(t, cases[int(start)%len(cases)].Payout, choices[:min(len(choices), 200)])
	})
}
