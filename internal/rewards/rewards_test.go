package rewards_test

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/rewards"
)

func voter(id, choice string, roles ...string) rewards.Voter {
	return rewards.Voter{Person: rewards.Person{ID: id, Roles: roles}, Choice: choice, Rewarded: true}
}

// worth is the voter whose answers are worth so much of the rate.
func worth(factorBps int64, v rewards.Voter) rewards.Voter {
	v.FactorBps, v.SkillSeq, v.ConsensusVersion = factorBps, 90, 3
	return v
}

func unproven(v rewards.Voter) rewards.Voter {
	v.Unproven = true
	return v
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

func byAgreement() rewards.Policy {
	p := rewards.DefaultPolicy()
	p.ValidationPay = rewards.PayAgreement
	return p
}

// amounts maps each key to its amount.
func amounts(t *testing.T, p rewards.Policy, in rewards.Input) map[string]int64 {
	t.Helper()
	paid, err := rewards.Decide(p, in)
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

func TestDecideByAgreement(t *testing.T) {
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
		{"what is known about a voter does not matter", func(in *rewards.Input) {
			in.Voters = []rewards.Voter{unproven(voter("ada", "approve")), worth(10, voter("femi", "approve")), worth(10_000, voter("emeka", "reject"))}
		}, map[string]int64{"reward:clip:v1:bola": 15_000, "reward:validation:v1:ada": 1_500, "reward:validation:v1:femi": 1_500}},
		{"a second verdict pays those who agree with it and were not paid before", func(in *rewards.Input) {
			in.Verdict = "v2"
			in.Voters = []rewards.Voter{voter("ada", "approve"), voter("femi", "reject"), voter("emeka", "approve")}
			in.AlreadyPaid = []rewards.Paid{{rewards.Validation, "femi"}, {rewards.Validation, "emeka"}, {rewards.Validation, "bola"}}
		}, map[string]int64{"reward:clip:v2:bola": 15_000, "reward:validation:v2:ada": 1_500}},
		{"a clip that was paid for before", func(in *rewards.Input) {
			in.ParentOwner = "chidi"
			in.Voters = []rewards.Voter{voter("chidi", "approve")}
			in.AlreadyPaid = []rewards.Paid{{rewards.RemixParent, "chidi"}}
		}, map[string]int64{"reward:remix:v1:bola": 10_500, "reward:validation:v1:chidi": 1_500}},
		{"rates of nothing", func(in *rewards.Input) {
			in.ParentOwner, in.ClipRate.AmountMinor, in.ValidationRate.AmountMinor = "chidi", 0, 0
			in.Voters = []rewards.Voter{voter("ada", "approve", "ambassador")}
		}, map[string]int64{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := verdict()
			c.in(&in)
			if got := amounts(t, byAgreement(), in); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %v\nwant %v", got, c.want)
			}
		})
	}
}

func TestDecideByInformativeness(t *testing.T) {
	const clip = "reward:clip:v1:bola"
	cases := []struct {
		name string
		in   func(*rewards.Input)
		want map[string]int64
	}{
		{"whatever the vote says", func(in *rewards.Input) {
			in.Voters = []rewards.Voter{worth(10_000, voter("ada", "approve")), worth(10_000, voter("femi", "reject")), worth(6_000, voter("emeka", "reject"))}
		}, map[string]int64{clip: 15_000, "reward:validation:v1:ada": 1_500, "reward:validation:v1:femi": 1_500, "reward:validation:v1:emeka": 900}},
		{"on a rejected clip, too", func(in *rewards.Input) {
			in.Outcome = "rejected"
			in.Voters = []rewards.Voter{worth(5_000, voter("ada", "approve")), worth(5_000, voter("femi", "reject"))}
		}, map[string]int64{"reward:validation:v1:ada": 750, "reward:validation:v1:femi": 750}},
		{"nobody on an escalated clip", func(in *rewards.Input) {
			in.Outcome = "escalated"
			in.Voters = []rewards.Voter{worth(10_000, voter("ada", "approve")), unproven(voter("femi", "reject"))}
		}, map[string]int64{}},
		{"answers that tell nothing", func(in *rewards.Input) {
			in.Voters = []rewards.Voter{worth(0, voter("ada", "approve", "ambassador")), worth(6, voter("femi", "approve")), worth(7, voter("emeka", "approve"))}
		}, map[string]int64{clip: 15_000, "reward:validation:v1:emeka": 1}}, // 0, 0.9 and 1.05
		{"the multiplier after the factor, one floor at the end", func(in *rewards.Input) {
			in.ValidationRate.AmountMinor = 3
			in.Voters = []rewards.Voter{worth(5_000, voter("ada", "approve", "validator"))} // 2.1; rounded on the way it would be 1
		}, map[string]int64{clip: 15_000, "reward:validation:v1:ada": 2}},
		{"unproven voters accrue at most the full rate", func(in *rewards.Input) {
			in.Voters = []rewards.Voter{unproven(voter("ada", "reject", "validator")), unproven(worth(1, voter("femi", "approve")))}
		}, map[string]int64{clip: 15_000, "reward:validation:v1:ada": 2_100, "reward:validation:v1:femi": 1_500}},
		{"nothing accrues beyond the daily cap or from a rate of nothing", func(in *rewards.Input) {
			in.ValidationRate.AmountMinor = 0
			in.Voters = []rewards.Voter{unrewarded(unproven(voter("ada", "reject"))), unproven(voter("femi", "approve"))}
		}, map[string]int64{clip: 15_000}},
		{"a control pays its voters and no speaker", func(in *rewards.Input) {
			in.ClipRate, in.ParentOwner = rewards.Rate{}, "chidi"
			in.Voters = []rewards.Voter{worth(10_000, voter("ada", "approve")), unproven(voter("femi", "reject"))}
		}, map[string]int64{"reward:validation:v1:ada": 1_500, "reward:validation:v1:femi": 1_500}},
		{"a second verdict pays nobody twice", func(in *rewards.Input) {
			in.Voters = []rewards.Voter{worth(10_000, voter("ada", "approve")), unproven(voter("femi", "reject")), worth(10_000, voter("emeka", "reject"))}
			in.AlreadyPaid = []rewards.Paid{{rewards.Validation, "ada"}, {rewards.Validation, "femi"}}
		}, map[string]int64{clip: 15_000, "reward:validation:v1:emeka": 1_500}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := verdict()
			c.in(&in)
			if got := amounts(t, rewards.DefaultPolicy(), in); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %v\nwant %v", got, c.want)
			}
		})
	}
}

func TestRewardsShowHowTheyWereReckoned(t *testing.T) {
	in := verdict(worth(8_000, voter("zainab", "approve", "ambassador")), worth(10_000, voter("ada", "reject")), unproven(worth(9, voter("femi", "approve", "validator"))))
	in.ParentOwner = "chidi"
	makers := []rewards.Reward{
		{Key: "reward:remix:v1:bola", Rule: rewards.Remix, User: "bola", Currency: "NGN", BaseMinor: 15_000, FactorBps: 10_000, MultiplierBps: 10_000, ShareBps: 7_000, AmountMinor: 10_500, RateVersion: 4},
		{Key: "reward:remix_parent:v1:chidi", Rule: rewards.RemixParent, User: "chidi", Currency: "NGN", BaseMinor: 15_000, FactorBps: 10_000, MultiplierBps: 10_000, ShareBps: 3_000, AmountMinor: 4_500, RateVersion: 4},
	}
	zainab := rewards.Reward{Key: "reward:validation:v1:zainab", Rule: rewards.Validation, User: "zainab", Currency: "NGN", BaseMinor: 1_500, FactorBps: 8_000, MultiplierBps: 15_000, ShareBps: 10_000, AmountMinor: 1_800, RateVersion: 7, SkillSeq: 90, ConsensusVersion: 3}
	ada := rewards.Reward{Key: "reward:validation:v1:ada", Rule: rewards.Validation, User: "ada", Currency: "NGN", BaseMinor: 1_500, FactorBps: 10_000, MultiplierBps: 10_000, ShareBps: 10_000, AmountMinor: 1_500, RateVersion: 7, SkillSeq: 90, ConsensusVersion: 3}
	femi := rewards.Reward{Key: "reward:validation:v1:femi", Rule: rewards.Validation, User: "femi", Currency: "NGN", Accruing: true, BaseMinor: 1_500, MultiplierBps: 14_000, ShareBps: 10_000, AmountMinor: 2_100, RateVersion: 7}

	got, err := rewards.Decide(rewards.DefaultPolicy(), in)
	if want := append(slices.Clone(makers), zainab, ada, femi); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("by informativeness: %v\ngot  %+v\nwant %+v", err, got, want)
	}

	// By agreement the factor is one and rests on nothing.
	zainab.FactorBps, zainab.AmountMinor, zainab.SkillSeq, zainab.ConsensusVersion = 10_000, 2_250, 0, 0
	femi.Accruing, femi.FactorBps = false, 10_000
	got, err = rewards.Decide(byAgreement(), in)
	if want := append(slices.Clone(makers), zainab, femi); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("by agreement: %v\ngot  %+v\nwant %+v", err, got, want)
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
		{"less than nothing", func(in *rewards.Input) { in.Voters = []rewards.Voter{worth(-1, voter("ada", "approve"))} }, "ada are worth -1"},
		{"more than everything", func(in *rewards.Input) {
			in.Voters = []rewards.Voter{worth(money.Unit+1, voter("ada", "approve"))}
		}, "ada are worth 10001"},
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

func TestDecideRefusesToPayByNothing(t *testing.T) {
	if got, err := rewards.Decide(rewards.Policy{}, verdict(voter("ada", "approve"))); err == nil || got != nil {
		t.Errorf("a policy without values: %v, want an error", got)
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
	for _, who := range []rewards.Voter{unproven(voter("ada", "approve", "validator")), worth(money.Unit, voter("ada", "reject", "validator"))} {
		in := verdict(who)
		in.ValidationRate.AmountMinor = money.MaxMinor
		if got, err := rewards.Decide(rewards.DefaultPolicy(), in); !errors.Is(err, fault.AmountOverflow.On("")) || got != nil {
			t.Errorf("140 %% of the largest amount: %v, %v", got, err)
		}
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

func BenchmarkDecideSevenVoters(b *testing.B) {
	in := verdict()
	in.ParentOwner = "chidi"
	for _, id := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		in.Voters = append(in.Voters, worth(9_000, voter(id, "approve", "validator")))
	}
	p := rewards.DefaultPolicy()
	b.ReportAllocs()
	for b.Loop() {
		if paid, err := rewards.Decide(p, in); err != nil || len(paid) != 9 {
			b.Fatal(paid, err)
		}
	}
}
