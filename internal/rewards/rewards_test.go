package rewards_test

import (
	"errors"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/rewards"
)

func voter(id, choice string, roles ...string) rewards.Voter {
	return rewards.Voter{Person: rewards.Person{ID: id, Roles: roles}, Choice: choice, Rewarded: true}
}

func unrewarded(v rewards.Voter) rewards.Voter {
	v.Rewarded = false
	return v
}

// verdict is an approved clip of bola's at the ordinary rates.
func verdict(voters ...rewards.Voter) rewards.Input {
	return rewards.Input{
		Verdict: "v1", Outcome: "approved", Owner: "bola", Voters: voters, Currency: money.NGN,
		ClipRate: rewards.Rate{AmountMinor: 15_000, Version: 4}, ValidationRate: rewards.Rate{AmountMinor: 1_500, Version: 7},
	}
}

// amounts maps each key to its amount.
func amounts(t *testing.T, in rewards.Input) map[string]int64 {
	t.Helper()
	paid, err := rewards.Decide(rewards.DefaultPolicy(), in)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int64{}
	for _, r := range paid {
		if _, twice := found[r.Key]; twice {
			t.Errorf("%s is paid twice", r.Key)
		}
		found[r.Key] = r.AmountMinor
	}
	return found
}

func TestDecide(t *testing.T) {
	cases := []struct {
		name string
		in   func(*rewards.Input)
		want map[string]int64
	}{
		{"approved", func(in *rewards.Input) {
			in.Voters = []rewards.Voter{voter("ada", "approve"), voter("emeka", "approve"), voter("femi", "reject")}
		}, map[string]int64{"reward:clip:v1:bola": 15_000, "reward:validation:v1:ada": 1_500, "reward:validation:v1:emeka": 1_500}},
		{"rejected", func(in *rewards.Input) {
			in.Outcome = "rejected"
			in.Voters = []rewards.Voter{voter("ada", "reject"), voter("femi", "approve")}
		}, map[string]int64{"reward:validation:v1:ada": 1_500}},
		{"escalated", func(in *rewards.Input) {
			in.Outcome, in.ParentOwner = "escalated", "chidi"
			in.Voters = []rewards.Voter{voter("ada", "reject"), voter("femi", "approve")}
		}, map[string]int64{}},
		{"approved without voters, by a moderator", func(in *rewards.Input) {}, map[string]int64{"reward:clip:v1:bola": 15_000}},
		{"validator +40 %", func(in *rewards.Input) {
			in.Voters = []rewards.Voter{voter("ada", "approve", "validator")}
		}, map[string]int64{"reward:clip:v1:bola": 15_000, "reward:validation:v1:ada": 2_100}},
		{"the higher of two roles", func(in *rewards.Input) {
			in.Voters = []rewards.Voter{voter("ada", "approve", "ambassador", "validator"), voter("femi", "approve", "validator", "moderator", "ambassador")}
		}, map[string]int64{"reward:clip:v1:bola": 15_000, "reward:validation:v1:ada": 2_250, "reward:validation:v1:femi": 2_250}},
		{"a moderator is paid as anybody", func(in *rewards.Input) {
			in.Voters = []rewards.Voter{voter("ada", "approve", "moderator")}
		}, map[string]int64{"reward:clip:v1:bola": 15_000, "reward:validation:v1:ada": 1_500}},
		{"the smallest rate +40 % floors", func(in *rewards.Input) {
			in.ValidationRate.AmountMinor = 1
			in.Voters = []rewards.Voter{voter("ada", "approve", "validator")}
		}, map[string]int64{"reward:clip:v1:bola": 15_000, "reward:validation:v1:ada": 1}},
		{"over the daily cap", func(in *rewards.Input) {
			in.Voters = []rewards.Voter{unrewarded(voter("ada", "approve")), voter("femi", "approve")}
		}, map[string]int64{"reward:clip:v1:bola": 15_000, "reward:validation:v1:femi": 1_500}},
		{"a remix", func(in *rewards.Input) {
			in.ParentOwner = "chidi"
		}, map[string]int64{"reward:remix:v1:bola": 10_500, "reward:remix_parent:v1:chidi": 4_500}},
		{"a remix that does not divide", func(in *rewards.Input) {
			in.ParentOwner, in.ClipRate.AmountMinor = "chidi", 15_001 // 10,500.7 and 4,500.3
		}, map[string]int64{"reward:remix:v1:bola": 10_501, "reward:remix_parent:v1:chidi": 4_500}},
		{"a remix for one unit", func(in *rewards.Input) {
			in.ParentOwner, in.ClipRate.AmountMinor = "chidi", 1
		}, map[string]int64{"reward:remix:v1:bola": 1}},
		{"a rejected remix", func(in *rewards.Input) {
			in.Outcome, in.ParentOwner = "rejected", "chidi"
		}, map[string]int64{}},
		{"the parent's owner votes too", func(in *rewards.Input) {
			in.ParentOwner = "chidi"
			in.Voters = []rewards.Voter{voter("chidi", "approve")}
		}, map[string]int64{"reward:remix:v1:bola": 10_500, "reward:remix_parent:v1:chidi": 4_500, "reward:validation:v1:chidi": 1_500}},
		{"rates of nothing", func(in *rewards.Input) {
			in.ParentOwner, in.ClipRate.AmountMinor, in.ValidationRate.AmountMinor = "chidi", 0, 0
			in.Voters = []rewards.Voter{voter("ada", "approve", "ambassador")}
		}, map[string]int64{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := verdict()
			c.in(&in)
			if got := amounts(t, in); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %v\nwant %v", got, c.want)
			}
		})
	}
}

func TestRewardsShowHowTheyWereReckoned(t *testing.T) {
	in := verdict(voter("zainab", "approve", "ambassador"), voter("ada", "approve"))
	in.ParentOwner = "chidi"
	got, err := rewards.Decide(rewards.DefaultPolicy(), in)
	want := []rewards.Reward{
		{"reward:remix:v1:bola", rewards.Remix, "bola", "NGN", 15_000, 10_000, 10_000, 7_000, 10_500, 4},
		{"reward:remix_parent:v1:chidi", rewards.RemixParent, "chidi", "NGN", 15_000, 10_000, 10_000, 3_000, 4_500, 4},
		{"reward:validation:v1:zainab", rewards.Validation, "zainab", "NGN", 1_500, 10_000, 15_000, 10_000, 2_250, 7},
		{"reward:validation:v1:ada", rewards.Validation, "ada", "NGN", 1_500, 10_000, 10_000, 10_000, 1_500, 7},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
	}
}

func TestDecideRefusesWhatNoVerdictCanBe(t *testing.T) {
	cases := []struct {
		name string
		in   func(*rewards.Input)
		says string
	}{
		{"undecided", func(in *rewards.Input) { in.Outcome = "" }, `outcome is ""`},
		{"a choice as an outcome", func(in *rewards.Input) { in.Outcome = "approve" }, `outcome is "approve"`},
		{"no id", func(in *rewards.Input) { in.Verdict = "" }, "no id"},
		{"no owner", func(in *rewards.Input) { in.Owner = "" }, "no owner"},
		{"remix of an own clip", func(in *rewards.Input) { in.ParentOwner = "bola" }, "bola remixes"},
		{"the owner votes", func(in *rewards.Input) { in.Voters = []rewards.Voter{voter("bola", "reject")} }, "bola votes on"},
		{"the owner votes unpaid", func(in *rewards.Input) {
			in.Outcome, in.Voters = "escalated", []rewards.Voter{unrewarded(voter("bola", "approve"))}
		}, "bola votes on"},
		{"two votes of one person", func(in *rewards.Input) {
			in.Voters = []rewards.Voter{voter("ada", "approve"), voter("ada", "reject")}
		}, "ada votes twice"},
		{"a vote of nobody", func(in *rewards.Input) { in.Voters = []rewards.Voter{voter("", "approve")} }, "nobody's"},
		{"no choice", func(in *rewards.Input) { in.Voters = []rewards.Voter{voter("ada", "skip")} }, `votes "skip"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := verdict()
			c.in(&in)
			got, err := rewards.Decide(rewards.DefaultPolicy(), in)
			if err == nil || !strings.Contains(err.Error(), c.says) || got != nil {
				t.Errorf("%v, %v; want an error with %q", got, err, c.says)
			}
		})
	}
}

func TestDecideRefusesRatesOutOfRange(t *testing.T) {
	for _, c := range []struct {
		rate int64
		code *fault.Code
	}{{-1, fault.AmountInvalid}, {money.MaxMinor + 1, fault.AmountOverflow}, {math.MaxInt64, fault.AmountOverflow}} {
		in := verdict()
		in.Outcome, in.ClipRate.AmountMinor = "rejected", c.rate
		if got, err := rewards.Decide(rewards.DefaultPolicy(), in); !errors.Is(err, c.code.On("")) || got != nil {
			t.Errorf("clip rate %d: %v, %v", c.rate, got, err)
		}
		in = verdict()
		in.ValidationRate.AmountMinor = c.rate
		if got, err := rewards.Decide(rewards.DefaultPolicy(), in); !errors.Is(err, c.code.On("")) || got != nil {
			t.Errorf("validation rate %d: %v, %v", c.rate, got, err)
		}
	}
	in := verdict(voter("ada", "approve", "validator"))
	in.ValidationRate.AmountMinor = money.MaxMinor
	if got, err := rewards.Decide(rewards.DefaultPolicy(), in); !errors.Is(err, fault.AmountOverflow.On("")) || got != nil {
		t.Errorf("140 %% of the largest amount: %v, %v", got, err)
	}
}

func TestDecideRefusesSharesBeyondTheWhole(t *testing.T) {
	for _, parentBps := range []int64{-1, money.Unit + 1} {
		p, in := rewards.DefaultPolicy(), verdict()
		p.RemixParentBps, in.ParentOwner = parentBps, "chidi"
		if got, err := rewards.Decide(p, in); err == nil || got != nil {
			t.Errorf("%d bps for the parent: %v, want an error", parentBps, got)
		}
	}
}

func TestPay(t *testing.T) {
	for _, c := range []struct{ base, factor, multiplier, want int64 }{
		{1, 10_000, 14_000, 1},
		{1_500, 10_000, 14_000, 2_100},
		{1_500, 10_000, 15_000, 2_250},
		{3, 5_000, 14_000, 2}, // 2.1; with a floor after the factor it would be 1
		{1, 6_667, 15_000, 1}, // 1.00005; with a floor after the multiplier it would be 0
		{1, 7_143, 14_000, 1}, // 1.00002
		{1, 7_142, 14_000, 0}, // 0.99988
		{1_500, 0, 15_000, 0}, // a voter whose votes tell nothing
		{0, 10_000, 15_000, 0},
		{money.MaxMinor, 10_000, 10_000, money.MaxMinor},
		{money.MaxMinor, 5_000, 20_000, money.MaxMinor}, // the product needs 80 bits
	} {
		if got, err := rewards.Pay(c.base, c.factor, c.multiplier); got != c.want || err != nil {
			t.Errorf("Pay(%d, %d, %d) = %d, %v, want %d", c.base, c.factor, c.multiplier, got, err, c.want)
		}
	}
}

func FuzzPay(f *testing.F) {
	f.Add(int64(1_500), int64(10_000), int64(14_000))
	f.Add(int64(money.MaxMinor), int64(10_000), int64(10_001))
	f.Add(int64(1), int64(math.MaxInt64), int64(3))
	f.Add(int64(money.MaxMinor), int64(1<<31), int64(1<<32))
	f.Add(int64(-1), int64(1), int64(1))
	f.Fuzz(func(t *testing.T, base, factor, multiplier int64) {
		got, err := rewards.Pay(base, factor, multiplier)
		rate := new(big.Int).Mul(big.NewInt(factor), big.NewInt(multiplier))
		want := new(big.Int).Mul(big.NewInt(base), rate)
		want.Quo(want, big.NewInt(100_000_000))
		switch {
		case base < 0 || factor < 0 || multiplier < 0:
			if !errors.Is(err, fault.AmountInvalid.On("")) {
				t.Fatalf("Pay(%d, %d, %d): %v, want amount_invalid", base, factor, multiplier, err)
			}
		case base > money.MaxMinor || !rate.IsUint64() || want.Cmp(big.NewInt(money.MaxMinor)) > 0:
			if !errors.Is(err, fault.AmountOverflow.On("")) {
				t.Fatalf("Pay(%d, %d, %d): %v, want amount_overflow", base, factor, multiplier, err)
			}
		case err != nil || got != want.Int64():
			t.Fatalf("Pay(%d, %d, %d) = %d, %v, want %s", base, factor, multiplier, got, err, want)
		}
	})
}

// FuzzSharesOfAClip: whatever the rate and the share, what the makers of a clip
// get is exactly the rate, and each is within one unit of the exact share.
func FuzzSharesOfAClip(f *testing.F) {
	f.Add(int64(15_001), int64(3_000), true)
	f.Add(int64(money.MaxMinor), int64(3_333), true)
	f.Add(int64(1), int64(5_000), true)
	f.Add(int64(15_000), int64(0), false)
	f.Fuzz(func(t *testing.T, rate, parentBps int64, remix bool) {
		rate, parentBps = int64(uint64(rate)&money.MaxMinor), int64(uint64(parentBps)%(money.Unit+1))
		p := rewards.DefaultPolicy()
		p.RemixParentBps = parentBps
		in := verdict()
		in.ClipRate.AmountMinor = rate
		if remix {
			in.ParentOwner = "chidi"
		}
		paid, err := rewards.Decide(p, in)
		if err != nil {
			t.Fatal(err)
		}
		var sum int64
		for _, r := range paid {
			sum += r.AmountMinor
			exact := new(big.Int).Mul(big.NewInt(rate), big.NewInt(r.ShareBps))
			off := new(big.Int).Sub(new(big.Int).Mul(big.NewInt(r.AmountMinor), big.NewInt(money.Unit)), exact)
			if off.CmpAbs(big.NewInt(money.Unit)) >= 0 || r.AmountMinor < 1 {
				t.Fatalf("%s gets %d of %d at %d bps", r.User, r.AmountMinor, rate, r.ShareBps)
			}
		}
		if sum != rate {
			t.Fatalf("the shares of %d at %d bps sum to %d: %+v", rate, parentBps, sum, paid)
		}
	})
}

func BenchmarkDecideSevenVoters(b *testing.B) {
	in := verdict()
	in.ParentOwner = "chidi"
	for _, id := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		in.Voters = append(in.Voters, voter(id, "approve", "validator"))
	}
	p := rewards.DefaultPolicy()
	b.ReportAllocs()
	for b.Loop() {
		if paid, err := rewards.Decide(p, in); err != nil || len(paid) != 9 {
			b.Fatal(paid, err)
		}
	}
}
