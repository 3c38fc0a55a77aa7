package simulate_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/lingualink/lingualink/internal/consensus/crowd"
	"github.com/lingualink/lingualink/internal/consensus/simulate"
	"github.com/lingualink/lingualink/internal/fault"
)

func run(t *testing.T, scenario string, p crowd.Policy, seeds int) simulate.Rules {
	t.Helper()
	result, err := simulate.Run(simulate.Options{Scenario: scenario, Policy: p, Seeds: seeds})
	if err != nil {
		t.Fatal(err)
	}
	if result.Scenario != scenario {
		t.Errorf("scenario %q, want %q", result.Scenario, scenario)
	}
	return result.Rules
}

// TestTheDefaultPolicyWithstandsEveryCrowd is the promise of the default policy.
func TestTheDefaultPolicyWithstandsEveryCrowd(t *testing.T) {
	for _, scenario := range []string{"clean", "approvers30", "approvers50", "random30", "ring"} {
		t.Run(scenario, func(t *testing.T) {
			r := run(t, scenario, crowd.DefaultPolicy(), 20)
			s := r.Lingualink
			if scenario == "ring" {
				if s.RingAccepted > 0.08 || s.RingAccepted == 0 {
					t.Errorf("%v of the ring's bad clips accepted", s.RingAccepted)
				}
			} else if s.BadAccepted > 0.03 {
				t.Errorf("%v of the bad clips accepted", s.BadAccepted)
			}
			if s.GoodRejected > 0.003 {
				t.Errorf("%v of the good clips rejected", s.GoodRejected)
			}
			if s.VotesPerClip > 2.8 || s.VotesPerClip < 2 {
				t.Errorf("%v votes per clip", s.VotesPerClip)
			}
			if s.HonestExcluded > 0.03 {
				t.Errorf("%v of the honest excluded", s.HonestExcluded)
			}
			if s.BadAccepted > r.FirstToTwo.BadAccepted/2 || s.BadAccepted > r.FirstToThree.BadAccepted {
				t.Errorf("%v of the bad clips accepted; first to two %v, first to three %v", s.BadAccepted, r.FirstToTwo.BadAccepted, r.FirstToThree.BadAccepted)
			}
			if s.Pay.Honest < 0.9 || s.Pay.Attackers > 0.02 {
				t.Errorf("pay %+v", s.Pay)
			}
		})
	}
}

func TestApprovingEverythingPaysUnlessInformativenessIsPaid(t *testing.T) {
	r := run(t, "approvers50", crowd.DefaultPolicy(), 3)
	if r.FirstToTwo.Pay.Attackers <= r.FirstToTwo.Pay.Honest || r.FirstToThree.Pay.Attackers <= r.FirstToThree.Pay.Honest {
		t.Errorf("first to two %+v, first to three %+v", r.FirstToTwo.Pay, r.FirstToThree.Pay)
	}
	if r.Lingualink.Pay.Attackers != 0 || r.Lingualink.AttackersCaught != 1 {
		t.Errorf("%+v", r.Lingualink)
	}
}

func TestThePolicyRules(t *testing.T) {
	strict, blind := crowd.DefaultPolicy(), crowd.DefaultPolicy()
	strict.AcceptAt, strict.AcceptAtFirst = 0.995, 0.995
	blind.Onboarding, blind.GoldShare, blind.GateAnswers = 0, 0, 0
	usual := run(t, "approvers50", crowd.DefaultPolicy(), 3).Lingualink
	if s := run(t, "approvers50", strict, 3).Lingualink; s.BadAccepted >= usual.BadAccepted || s.VotesPerClip <= usual.VotesPerClip {
		t.Errorf("a stricter threshold: %+v, usually %+v", s, usual)
	}
	if b := run(t, "approvers50", blind, 3).Lingualink; b.BadAccepted > 0.03 || b.VotesPerClip < usual.VotesPerClip+0.5 || b.Escalated < 2*usual.Escalated {
		t.Errorf("without any gold the experts should do more, and keep the bad clips out: %+v, usually %+v", b, usual)
	}
}

// TestWithoutGoldAnswersTheGateSendsEverythingToExperts: nobody's vote weighs.
func TestWithoutGoldAnswersTheGateSendsEverythingToExperts(t *testing.T) {
	p := crowd.DefaultPolicy()
	p.Onboarding, p.GoldShare, p.GateAnswers, p.MaxVotes, p.OutAnswers = 0, 0, 1_000_000, 3, 1_000_000
	s := run(t, "clean", p, 1).Lingualink
	if s.Escalated != 1 || s.VotesPerClip != 3 || s.BadAccepted != 0 || s.GoodRejected != 0 {
		t.Errorf("%+v", s)
	}
}

func TestTheFigureDependsOnTheOptionsAlone(t *testing.T) {
	a := run(t, "ring", crowd.DefaultPolicy(), 3)
	if b := run(t, "ring", crowd.DefaultPolicy(), 3); a != b {
		t.Errorf("%+v, again %+v", a, b)
	}
	if b := run(t, "ring", crowd.DefaultPolicy(), 2); a == b {
		t.Error("three seeds give what two give")
	}
}

func TestTheFormOfTheResult(t *testing.T) {
	result, err := simulate.Run(simulate.Options{Scenario: "clean", Policy: crowd.DefaultPolicy(), Seeds: 1})
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	var form struct {
		Scenario string                                `json:"scenario"`
		Rules    map[string]map[string]json.RawMessage `json:"rules"`
	}
	if err := json.Unmarshal(data, &form); err != nil {
		t.Fatal(err)
	}
	if form.Scenario != "clean" || len(form.Rules) != 3 {
		t.Errorf("%s", data)
	}
	want := []string{"attackers_caught", "bad_accepted", "escalated", "good_rejected", "honest_excluded", "pay", "ring_accepted", "votes_per_clip"}
	for _, rule := range []string{"lingualink", "first_to_two", "first_to_three"} {
		if got := slices.Sorted(maps.Keys(form.Rules[rule])); !slices.Equal(got, want) {
			t.Errorf("%s has %v, want %v", rule, got, want)
		}
		var pay map[string]float64
		if err := json.Unmarshal(form.Rules[rule]["pay"], &pay); err != nil || !slices.Equal(slices.Sorted(maps.Keys(pay)), []string{"attackers", "honest"}) {
			t.Errorf("%s pays %v, %v", rule, pay, err)
		}
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	bad := crowd.DefaultPolicy()
	bad.MaxVotes = 0
	_, err := simulate.Run(simulate.Options{Scenario: "clean", Policy: bad, Seeds: 1})
	if !errors.Is(err, fault.PolicyInvalid.On("")) {
		t.Errorf("a bad policy: %v", err)
	}
	_, err = simulate.Run(simulate.Options{Scenario: "riot", Policy: crowd.DefaultPolicy(), Seeds: 1})
	if err == nil || !strings.Contains(err.Error(), strings.Join(simulate.Scenarios(), ", ")) {
		t.Errorf("an unknown scenario: %v", err)
	}
	if _, err = simulate.Run(simulate.Options{Scenario: "clean", Policy: crowd.DefaultPolicy()}); err == nil || !strings.HasPrefix(err.Error(), "seeds:") {
		t.Errorf("no seeds: %v", err)
	}
}
