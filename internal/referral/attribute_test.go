package referral_test

import (
	"slices"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/referral"
)

var t0 = time.Date(2027, 1, 5, 10, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

func TestAttribute(t *testing.T) {
	sound := referral.Claim{Referred: "bola", Referrer: "ada", ReferredAt: t0, ReferrerAt: t0.Add(-day), Ancestors: []string{"chidi", "dayo"}}
	cases := []struct {
		name   string
		change func(*referral.Claim)
		after  time.Duration
		want   referral.Reason
	}{
		{"at sign-up", nil, 0, referral.Attributed},
		{"at the last moment", nil, 7*day - 1, referral.Attributed},
		{"a moment too late", nil, 7 * day, referral.TooLate},
		{"the clock went back", nil, -time.Hour, referral.Attributed},
		{"repeat", func(c *referral.Claim) { c.Current = "ada" }, 0, referral.AttributedBefore},
		{"repeat, years later, as a contributor", func(c *referral.Claim) { c.Current, c.FirstClip = "ada", t0 }, 999 * day, referral.AttributedBefore},
		{"code swapped", func(c *referral.Claim) { c.Current = "chidi" }, 0, referral.AttributedOther},
		{"own code", func(c *referral.Claim) { c.Referrer = "bola" }, 0, referral.OwnCode},
		{"own code, when somebody else's holds", func(c *referral.Claim) { c.Referrer, c.Current = "bola", "ada" }, 0, referral.OwnCode},
		{"after the first clip", func(c *referral.Claim) { c.FirstClip = t0 }, time.Hour, referral.AfterFirstClip},
		{"younger referrer", func(c *referral.Claim) { c.ReferrerAt = t0.Add(1) }, 0, referral.ReferrerYounger},
		{"signed up at once", func(c *referral.Claim) { c.ReferrerAt = t0 }, 0, referral.ReferrerYounger},
		{"each brings the other", func(c *referral.Claim) { c.Ancestors = []string{"bola"} }, 0, referral.Cycle},
		{"ring of three", func(c *referral.Claim) { c.Ancestors = []string{"chidi", "bola"} }, 0, referral.Cycle},
		{"ring of eleven", func(c *referral.Claim) { c.Ancestors = append(slices.Repeat([]string{"x"}, 9), "bola") }, 0, referral.Cycle},
		{"beyond where it is looked", func(c *referral.Claim) { c.Ancestors = append(slices.Repeat([]string{"x"}, 10), "bola") }, 0, referral.Attributed},
		{"barred referrer", func(c *referral.Claim) { c.Barred = true }, 0, referral.ReferrerBarred},
		{"second account on the phone", func(c *referral.Claim) { c.SameDevice = true }, 0, referral.SameDevice},
		{"second account at the bank", func(c *referral.Claim) { c.SamePayoutAccount = true }, 0, referral.SamePayoutAccount},
		{"known ring", func(c *referral.Claim) { c.Linked = true }, 0, referral.KnownLink},
	}
	for _, c := range cases {
		claim := sound
		if c.change != nil {
			c.change(&claim)
		}
		if got := referral.Attribute(referral.DefaultPolicy(), claim, t0.Add(c.after)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestWhatOthersDidStaysPrivate(t *testing.T) {
	for reason, want := range map[referral.Reason]referral.Reason{
		referral.SameDevice: referral.NotEligible, referral.SamePayoutAccount: referral.NotEligible, referral.KnownLink: referral.NotEligible,
		referral.ReferrerBarred: referral.NotEligible, referral.TooLate: referral.TooLate, referral.Attributed: referral.Attributed, referral.OwnCode: referral.OwnCode,
	} {
		if got := reason.Public(); got != want {
			t.Errorf("%s is told as %s", reason, got)
		}
	}
}

// TestChainsOfTrueSignUpsHaveNoCycle lets everybody claim everybody in an order
// of their own: what is stored never comes back to where it began.
func TestChainsOfTrueSignUpsHaveNoCycle(t *testing.T) {
	p := referral.DefaultPolicy()
	people := []string{"a", "b", "c", "d", "e"}
	by := map[string]string{}
	stored := 0
	for i := range 25 {
		for j := range 25 {
			referred, referrer := people[(i*7+j*3)%5], people[(i+j*2)%5]
			claim := referral.Claim{Referred: referred, Referrer: referrer, Current: by[referred]}
			claim.ReferredAt, claim.ReferrerAt = t0.Add(time.Duration(referred[0])*time.Hour), t0.Add(time.Duration(referrer[0])*time.Hour)
			for up := by[referrer]; up != ""; up = by[up] {
				claim.Ancestors = append(claim.Ancestors, up)
			}
			if referral.Attribute(p, claim, t0.Add(5*day)) == referral.Attributed {
				by[referred] = referrer
				stored++
			}
		}
	}
	for person := range by {
		steps := 0
		for up := by[person]; up != ""; up = by[up] {
			if steps++; up == person || steps > len(people) {
				t.Fatalf("%s is their own ancestor: %v", person, by)
			}
		}
	}
	if stored != 4 {
		t.Errorf("%d of 4 were attributed: %v", stored, by)
	}
}
