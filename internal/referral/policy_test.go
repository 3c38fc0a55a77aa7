package referral_test

import (
	"errors"
	"flag"
	"os"
	"testing"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/referral"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestDefaultPolicy(t *testing.T) {
	p, err := referral.ParsePolicy(nil)
	if err != nil || p != referral.DefaultPolicy() {
		t.Fatalf("no values: %+v, %v", p, err)
	}
	if p.Hold() != 14*day || p.AttributionEnds(t0) != t0.Add(7*day) || p.NextCodeChange(t0) != t0.Add(90*day) || p.CommissionEnds(t0) != t0.Add(90*day) {
		t.Errorf("%+v", p)
	}
	for _, c := range money.Currencies() {
		bonus := p.BonusMinor.Of(c)
		most, err := p.MostCommission(c)
		if err != nil || bonus < 1 || most != 10*bonus {
			t.Errorf("%s: a bonus of %d, at most %d of commission, %v", c, bonus, most, err)
		}
	}
}

func TestParsePolicy(t *testing.T) {
	cases := []struct{ values, field string }{ // no field: taken
		{`{}`, ""},
		{`{"bonus_minor":{"NGN":0}}`, ""},
		{`{"commission_bps":0,"bonuses_per_day":0}`, ""},
		{`{"activation_clips":1,"activation_votes":1,"activation_days":1,"activation_window_days":1}`, ""},
		{`{"bonus":{"NGN":1}}`, "values"},
		{`{"bonus_minor":{"EUR":1}}`, "values"},
		{`{"bonus_minor":{"NGN":1.5}}`, "values"},
		{`{"code_change_days":-1}`, "code_change_days"},
		{`{"attribution_days":91}`, "attribution_days"},
		{`{"activation_clips":0}`, "activation_clips"},
		{`{"activation_votes":0}`, "activation_votes"},
		{`{"activation_days":0}`, "activation_days"},
		{`{"activation_days":31}`, "activation_days"},
		{`{"activation_window_days":0}`, "activation_window_days"},
		{`{"outside_voters":0}`, "outside_voters"},
		{`{"bonus_minor":{"NGN":-1}}`, "bonus_minor.NGN"},
		{`{"bonus_minor":{"XOF":9007199254741}}`, "bonus_minor.XOF"},
		{`{"bonuses_per_day":31}`, "bonuses_per_day"},
		{`{"bonuses_per_month":-1}`, "bonuses_per_day"},
		{`{"commission_bps":5001}`, "commission_bps"},
		{`{"commission_days":-1}`, "commission_days"},
		{`{"commission_bonuses":1001}`, "commission_bonuses"},
		{`{"hold_hours":-1}`, "hold_hours"},
		{`{"retention_days":0}`, "retention_days"},
		{`{"bronze_from":21}`, "bronze_from"},
		{`{"silver_from":51}`, "silver_from"},
		{`{"gold_from":1000001}`, "gold_from"},
		{`{"bronze_bps":9999}`, "bronze_bps"},
		{`{"silver_bps":10499}`, "bronze_bps"},
		{`{"gold_bps":10999}`, "silver_bps"},
		{`{"gold_bps":100001}`, "gold_bps"},
	}
	for _, c := range cases {
		t.Run(c.values, func(t *testing.T) {
			_, err := referral.ParsePolicy([]byte(c.values))
			var refusal *fault.Error
			if c.field == "" && err != nil {
				t.Errorf("%v, want it taken", err)
			}
			if c.field != "" && (!errors.As(err, &refusal) || refusal.Code != fault.PolicyInvalid || refusal.Field != c.field) {
				t.Errorf("%v, want policy_invalid on %s", err, c.field)
			}
		})
	}
}

// TestStory keeps the worked example as people read it.
func TestStory(t *testing.T) {
	steps, err := referral.Story(referral.DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/story.md"
	got := referral.Table(steps)
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || got != string(want) {
		t.Errorf("%v; the story is\n%s\nand was\n%s", err, got, want)
	}
	total := int64(0)
	for _, s := range steps {
		total += s.AmountMinor
	}
	if total != 75_000+2*7_500 {
		t.Errorf("Ada earns %d", total)
	}
}

func TestTheStoryFollowsThePolicy(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*referral.Policy)
		steps  int
		total  int64
		fails  bool
	}{
		"five clips on four days": {func(p *referral.Policy) { p.ActivationClips, p.ActivationDays = 5, 4 }, 12, 90_000, false},
		"commission for 15 days":  {func(p *referral.Policy) { p.CommissionDays = 15 }, 10, 82_500, false},
		"7.5 %":                   {func(p *referral.Policy) { p.CommissionBps = 750 }, 10, 97_500, false},
		"no naira":                {func(p *referral.Policy) { p.BonusMinor.NGN = 0 }, 10, 0, false},
		"no clip in the window":   {func(p *referral.Policy) { p.ActivationClips, p.ActivationWindowDays, p.ActivationDays = 9, 5, 5 }, 0, 0, true},
		"nobody in time":          {func(p *referral.Policy) { p.AttributionDays = 0 }, 0, 0, true},
	} {
		p := referral.DefaultPolicy()
		c.change(&p)
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		steps, err := referral.Story(p)
		total := int64(0)
		for i, s := range steps {
			total += s.AmountMinor
			if i > 0 && s.At.Before(steps[i-1].At) {
				t.Errorf("%s: %v comes after %v", name, s.At, steps[i-1].At)
			}
		}
		if (err != nil) != c.fails || len(steps) != c.steps || total != c.total {
			t.Errorf("%s: %d steps, %d, %v\n%s", name, len(steps), total, err, referral.Table(steps))
		}
	}
}
