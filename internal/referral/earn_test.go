package referral_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/referral"
	"github.com/lingualink/lingualink/internal/rewards"
)

func TestBonus(t *testing.T) {
	p := referral.DefaultPolicy()
	p.BonusMinor.GHS, p.BonusMinor.XOF = 0, 333
	cases := []struct {
		name     string
		currency money.Currency
		tier     referral.Tier
		used     referral.Usage
		want     referral.Earned
	}{
		{"first", "NGN", "", referral.Usage{}, referral.Earned{75_000, 75_000, ""}},
		{"fifth of the day", "NGN", "", referral.Usage{4, 29}, referral.Earned{75_000, 75_000, ""}},
		{"sixth of the day", "NGN", "", referral.Usage{5, 5}, referral.Earned{0, 75_000, referral.CutDay}},
		{"thirty-first of the month", "NGN", "", referral.Usage{0, 30}, referral.Earned{0, 75_000, referral.CutMonth}},
		{"both caps", "NGN", "", referral.Usage{9, 99}, referral.Earned{0, 75_000, referral.CutMonth}},
		{"bronze", "NGN", referral.Bronze, referral.Usage{}, referral.Earned{78_750, 78_750, ""}},
		{"silver", "NGN", referral.Silver, referral.Usage{}, referral.Earned{82_500, 82_500, ""}},
		{"gold, rounded down", "XOF", referral.Gold, referral.Usage{}, referral.Earned{416, 416, ""}}, // 416.25
		{"a tier nobody knows", "NGN", "platinum", referral.Usage{}, referral.Earned{75_000, 75_000, ""}},
		{"not in cedis", "GHS", "", referral.Usage{}, referral.Earned{0, 0, referral.CutCurrency}},
		{"no such currency", "EUR", "", referral.Usage{}, referral.Earned{0, 0, referral.CutCurrency}},
	}
	for _, c := range cases {
		if got, err := p.Bonus(c.currency, c.tier, c.used); err != nil || got != c.want {
			t.Errorf("%s: %+v, %v, want %+v", c.name, got, err, c.want)
		}
	}
}

func TestCommission(t *testing.T) {
	p := referral.DefaultPolicy()
	const most = 750_000 // ten bonuses
	sound := referral.Released{Rule: rewards.Clip, Currency: "NGN", AmountMinor: 15_000, At: t0.Add(day), Activated: t0}
	cases := []struct {
		name   string
		change func(*referral.Released)
		want   referral.Earned
	}{
		{"a clip", nil, referral.Earned{750, 750, ""}},
		{"a validation, rounded down", func(r *referral.Released) { r.Rule, r.AmountMinor = rewards.Validation, 1_519 }, referral.Earned{75, 75, ""}}, // 75.95
		{"a remix", func(r *referral.Released) { r.Rule = rewards.Remix }, referral.Earned{750, 750, ""}},
		{"remixed by another", func(r *referral.Released) { r.Rule = rewards.RemixParent }, referral.Earned{750, 750, ""}},
		{"on a bonus", func(r *referral.Released) { r.Rule = referral.Bonus }, referral.Earned{0, 0, referral.CutRule}},
		{"over two generations", func(r *referral.Released) { r.Rule = referral.Commission }, referral.Earned{0, 0, referral.CutRule}},
		{"on a stipend", func(r *referral.Released) { r.Rule = "stipend" }, referral.Earned{0, 0, referral.CutRule}},
		{"too little", func(r *referral.Released) { r.AmountMinor = 19 }, referral.Earned{0, 0, referral.CutTooLittle}},
		{"just enough", func(r *referral.Released) { r.AmountMinor = 20 }, referral.Earned{1, 1, ""}},
		{"nothing", func(r *referral.Released) { r.AmountMinor = 0 }, referral.Earned{0, 0, referral.CutTooLittle}},
		{"never activated", func(r *referral.Released) { r.Activated = time.Time{} }, referral.Earned{0, 750, referral.CutInactive}},
		{"before activation", func(r *referral.Released) { r.At = t0.Add(-1) }, referral.Earned{0, 750, referral.CutInactive}},
		{"at activation", func(r *referral.Released) { r.At = t0 }, referral.Earned{750, 750, ""}},
		{"at the end", func(r *referral.Released) { r.At = t0.Add(90*day - 1) }, referral.Earned{750, 750, ""}},
		{"after the end", func(r *referral.Released) { r.At = t0.Add(90 * day) }, referral.Earned{0, 750, referral.CutPeriod}},
		{"the last of ten bonuses", func(r *referral.Released) { r.BeforeMinor = most - 750 }, referral.Earned{750, 750, ""}},
		{"part of it", func(r *referral.Released) { r.BeforeMinor = most - 1 }, referral.Earned{1, 750, referral.CutPerson}},
		{"none of it", func(r *referral.Released) { r.BeforeMinor = most }, referral.Earned{0, 750, referral.CutPerson}},
		{"more than there may be", func(r *referral.Released) { r.BeforeMinor = most + 9 }, referral.Earned{0, 750, referral.CutPerson}},
		{"less than nothing before", func(r *referral.Released) { r.BeforeMinor, r.AmountMinor = -9, money.MaxMinor }, referral.Earned{most, money.MaxMinor / 20, referral.CutPerson}},
		{"no bonus in the currency", func(r *referral.Released) { r.Currency = "EUR" }, referral.Earned{0, 750, referral.CutPerson}},
	}
	for _, c := range cases {
		r := sound
		if c.change != nil {
			c.change(&r)
		}
		if got, err := p.Commission(r); err != nil || got != c.want {
			t.Errorf("%s: %+v, %v, want %+v", c.name, got, err, c.want)
		}
	}
	for amount, want := range map[int64]*fault.Code{-1: fault.AmountInvalid, money.MaxMinor + 1: fault.AmountOverflow} {
		r := sound
		r.AmountMinor = amount
		if got, err := p.Commission(r); !errors.Is(err, want.On("")) || got != (referral.Earned{}) {
			t.Errorf("%d: %+v, %v", amount, got, err)
		}
	}
}

// TestCommissionNeverExceedsTheCap: whatever is released in whatever parts.
func TestCommissionNeverExceedsTheCap(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	p := referral.DefaultPolicy()
	for range 200 {
		sum := int64(0)
		for range 300 {
			amount := random.Int64N(200_000)
			got, err := p.Commission(referral.Released{Rule: rewards.Clip, Currency: "NGN", AmountMinor: amount, At: t0, Activated: t0, BeforeMinor: sum})
			if err != nil || got.AmountMinor < 0 || got.AmountMinor > got.FullMinor || got.FullMinor*20 > amount || (got.Cut == "") != (got.AmountMinor == got.FullMinor && got.FullMinor > 0) {
				t.Fatalf("%d: %+v, %v", amount, got, err)
			}
			sum += got.AmountMinor
		}
		if sum != 750_000 { // 300 rewards of ₦1,000 on average bring more than that
			t.Fatalf("%d in all", sum)
		}
	}
}

func TestKeys(t *testing.T) {
	for got, want := range map[string]string{
		referral.BonusKey("r1", 2, "ada"):    "reward:referral_bonus:r1.2:ada",
		referral.CommissionKey("tx1", "ada"): "reward:referral_commission:tx1:ada",
		referral.BonusSubject("r1", 1<<53-1): "r1.9007199254740991",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestReverse(t *testing.T) {
	posted := []referral.Posted{
		{"b1", referral.Bonus, "r.1", 75_000, true},
		{"c1", referral.Commission, "tx1", 750, false},
		{"b2", referral.Bonus, "r.2", 75_000, false},
		{"c2", referral.Commission, "tx2", 75, false},
		{"c3", referral.Commission, "tx3", 75, true},
		{"cut", referral.Commission, "tx4", 0, false},
	}
	cases := []struct {
		cause referral.Cause
		want  []string
	}{
		{referral.Cause{referral.RewardReversed, "tx1"}, []string{"c1"}},
		{referral.Cause{referral.RewardReversed, "tx3"}, nil},
		{referral.Cause{referral.RewardReversed, "tx4"}, nil},
		{referral.Cause{referral.RewardReversed, "tx9"}, nil},
		{referral.Cause{referral.RewardReversed, "r.2"}, nil},
		{referral.Cause{referral.ActivationWithdrawn, "r.2"}, []string{"b2"}},
		{referral.Cause{referral.ActivationWithdrawn, "r.1"}, nil},
		{referral.Cause{referral.ActivationWithdrawn, "tx1"}, nil},
		{referral.Cause{referral.FraudConfirmed, ""}, []string{"c1", "b2", "c2"}},
		{referral.Cause{referral.Duplicate, ""}, []string{"c1", "b2", "c2"}},
		{referral.Cause{"", ""}, nil},
	}
	for _, c := range cases {
		book := slices.Clone(posted)
		taken := referral.Reverse(c.cause, book)
		keys := []string{}
		for _, p := range taken {
			keys = append(keys, p.Key)
			for i := range book {
				book[i].Reversed = book[i].Reversed || book[i].Key == p.Key
			}
		}
		if !slices.Equal(keys, c.want) && len(keys)+len(c.want) > 0 {
			t.Errorf("%+v: %v, want %v", c.cause, keys, c.want)
		}
		if again := referral.Reverse(c.cause, book); len(again) > 0 {
			t.Errorf("%+v, carried out and told again: %v", c.cause, again)
		}
	}
}

func TestTiers(t *testing.T) {
	p := referral.DefaultPolicy()
	for retained, want := range map[int64]referral.Tier{-1: "", 0: "", 4: "", 5: referral.Bronze, 19: referral.Bronze, 20: referral.Silver, 49: referral.Silver, 50: referral.Gold, 1 << 60: referral.Gold} {
		if got := p.TierOf(retained); got != want {
			t.Errorf("%d: %q, want %q", retained, got, want)
		}
	}
	at := referral.MonthStart(time.Date(2027, 5, 31, 23, 30, 0, 0, time.FixedZone("", -3600)))
	if want := time.Date(2027, 6, 1, 0, 0, 0, 0, time.UTC); !at.Equal(want) {
		t.Errorf("the month starts at %v", at)
	}
	r := p.Retention(at)
	month := 30 * day
	for name, c := range map[string]struct {
		active          bool
		activated, seen time.Duration // before
		want            bool
	}{
		"stayed":               {true, month, 0, true},
		"seen just in time":    {true, month, month, true},
		"not seen for long":    {true, 3 * month, month + 1, false},
		"activated too lately": {true, month - 1, 0, false},
		"withdrawn":            {false, 3 * month, 0, false},
	} {
		if got := r.Counts(c.active, at.Add(-c.activated), at.Add(-c.seen)); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
