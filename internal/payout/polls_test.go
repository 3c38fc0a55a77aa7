package payout_test

import (
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/payout"
)

// polls follows the verifies that are asked for until the given time.
func polls(t *testing.T, p payout.Payout, e payout.Event, until time.Duration) []time.Duration {
	t.Helper()
	policy, now, got := payout.DefaultPolicy(), t0, []time.Duration{}
	for {
		out, err := payout.Step(p, e, policy, now)
		if err != nil {
			t.Fatal(err)
		}
		next := time.Time{}
		for _, effect := range out.Effects {
			if effect.Kind == payout.VerifyAt {
				next = effect.At
			}
		}
		if next.IsZero() || next.Sub(t0) > until {
			return got
		}
		p, now, got = out.Payout, next, append(got, next.Sub(t0))
	}
}

func TestPolls(t *testing.T) {
	open := base(payout.InFlight, sent)
	got := polls(t, open, seen(open, payout.StatusPending), 73*time.Hour)
	want := []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour}
	if len(got) != 6+71 || got[len(got)-1] != 72*time.Hour {
		t.Errorf("%d polls to 72 h, the last after %v", len(got), got[len(got)-1])
	}
	for i, w := range want {
		if got[i] != w {
			t.Errorf("poll %d after %v, want %v", i, got[i], w)
		}
	}
	done := base(payout.Paid, paid)
	got = polls(t, done, seen(done, payout.StatusSuccess), 365*24*time.Hour)
	if len(got) != 4 || got[0] != time.Hour || got[3] != 7*24*time.Hour {
		t.Errorf("after a payment: %v, want 1 h, 1, 3 and 7 days", got)
	}
}
