package crowd_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// proven is somebody with so many answers on gold.
func proven(tp, fn, tn, fp crowd.Mass) crowd.Skill {
	return crowd.Skill{Gold: crowd.Counts{TP: tp * crowd.Answer, FN: fn * crowd.Answer, TN: tn * crowd.Answer, FP: fp * crowd.Answer}}
}

// ungated is the default policy, with the thresholds of a language that has gold.
func ungated() *crowd.Policy {
	p := crowd.DefaultPolicy()
	p.AcceptAnswers = 0
	return &p
}

func TestRates(t *testing.T) {
	p := ungated()
	cases := []struct {
		name       string
		skill      crowd.Skill
		sens, spec float64
		informed   float64
		pay        float64 // of the fee, to two decimals
		out        bool
	}{
		{name: "nobody knows", sens: 4.0 / 5, spec: 2.0 / 3, informed: 4.0/5 + 2.0/3 - 1, pay: 0.06},
		{name: "ten of ten on gold", skill: proven(5, 0, 5, 0), sens: 9.0 / 10, spec: 7.0 / 8, informed: 0.775, pay: 1},
		{name: "approves everything", skill: proven(5, 0, 0, 5), sens: 9.0 / 10, spec: 2.0 / 8, informed: 0.15, pay: 0, out: true},
		{name: "rejects everything", skill: proven(0, 5, 5, 0), sens: 4.0 / 10, spec: 7.0 / 8, informed: 0.275, pay: 0},
		{name: "always wrong", skill: proven(0, 50, 0, 50), sens: 4.0 / 55, spec: 2.0 / 53, informed: 4.0/55 + 2.0/53 - 1, pay: 0, out: true},
		{name: "nobody is infallible", skill: proven(10000, 0, 10000, 0), sens: 0.98, spec: 0.98, informed: 0.96, pay: 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := p.Rates(c.skill)
			if math.Abs(r.Sensitivity-c.sens) > 1e-12 || math.Abs(r.Specificity-c.spec) > 1e-12 {
				t.Errorf("rates %+v, want %v and %v", r, c.sens, c.spec)
			}
			if j := r.Informativeness(); math.Abs(j-c.informed) > 1e-12 {
				t.Errorf("informativeness %v, want %v", j, c.informed)
			}
			if pay := p.PayShare(c.skill); math.Abs(pay-c.pay) > 0.005 {
				t.Errorf("pay share %v, want %v", pay, c.pay)
			}
			if out := p.Out(c.skill); out != c.out {
				t.Errorf("out is %v, want %v", out, c.out)
			}
		})
	}
}

func TestOutNeedsEnoughGold(t *testing.T) {
	p := ungated()
	for answers, want := range map[crowd.Mass]bool{7: false, 8: true} {
		if got := p.Out(proven(0, 0, 0, answers)); got != want {
			t.Errorf("%d wrong answers on gold: out is %v", answers, got)
		}
	}
	learned := crowd.Skill{Learned: crowd.Counts{FP: 100 * crowd.Answer}}
	if p.Out(learned) {
		t.Error("verdicts alone put nobody out: the crowd may be what is wrong")
	}
}

func TestWeightsOfWhomCannotBeCounted(t *testing.T) {
	p := ungated()
	gated := crowd.Language{GoldClips: p.GateClips}
	none := crowd.Weights{}
	cases := []struct {
		name     string
		language crowd.Language
		skill    crowd.Skill
		want     crowd.Unweighed
	}{
		{"unproven without gold in the language", crowd.Language{GoldClips: p.GateClips - 1}, crowd.Skill{}, ""},
		{"unproven with gold in the language", gated, crowd.Skill{}, crowd.Unproven},
		{"four gold answers", gated, proven(2, 0, 2, 0), crowd.Unproven},
		{"five gold answers", gated, proven(3, 0, 2, 0), ""},
		{"verdicts do not open the gate", gated, crowd.Skill{Learned: proven(50, 0, 50, 0).Gold}, crowd.Unproven},
		{"worse than chance", crowd.Language{}, crowd.Skill{Learned: proven(0, 20, 0, 20).Gold}, crowd.Uninformative},
		{"out", crowd.Language{}, proven(5, 0, 0, 5), crowd.Excluded},
		{"out and worse than chance", crowd.Language{}, proven(0, 9, 0, 9), crowd.Excluded},
		{"out where there is gold", gated, proven(5, 0, 0, 5), crowd.Excluded},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := p.Unweighed(c.language, c.skill); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			if got := p.Weigh(c.language, c.skill); (got != none) != (c.want == "") {
				t.Errorf("weights %+v", got)
			}
		})
	}
	if !p.Gated(gated) || p.Gated(crowd.Language{GoldClips: p.GateClips - 1, GoldAnswers: 1000}) {
		t.Error("the gate shuts with the number of gold clips, and not before")
	}
}

// TestGuessersWeighNothingAndAreNotTurnedRound: rates at chance and below.
func TestGuessersWeighNothingAndAreNotTurnedRound(t *testing.T) {
	for _, r := range []crowd.Rates{{Sensitivity: 0.5, Specificity: 0.5}, {Sensitivity: 0.98, Specificity: 0.02}, {Sensitivity: 0.1, Specificity: 0.2}, {Sensitivity: math.NaN(), Specificity: 0.9}} {
		if w := r.Weights(); w != (crowd.Weights{}) {
			t.Errorf("%+v weighs %+v", r, w)
		}
	}
	if w := (crowd.Rates{Sensitivity: 0.9, Specificity: 0.9}).Weights(); w.Approve <= 0 || w.Reject != -w.Approve || w.Of(true) != w.Approve || w.Of(false) != w.Reject {
		t.Errorf("%+v", w)
	}
}

func TestWeightsAreLogLikelihoodRatios(t *testing.T) {
	w := ungated().Weigh(crowd.Language{}, crowd.Skill{})
	if want := math.Log(0.8 / (1.0 / 3)); math.Abs(w.Approve.Nats()-want) > 1e-9 {
		t.Errorf("approve weighs %v, want %v", w.Approve.Nats(), want)
	}
	if want := math.Log(0.2 / (2.0 / 3)); math.Abs(w.Reject.Nats()-want) > 1e-9 {
		t.Errorf("reject weighs %v, want %v", w.Reject.Nats(), want)
	}
}

// TestRebuildGivesTheStoredSkills replays random event logs and compares with
// what was stored along the way, to the last bit, also with the validators'
// histories interleaved another way.
func TestRebuildGivesTheStoredSkills(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 11))
	sources := []crowd.Source{crowd.FromGold, crowd.FromExpert, crowd.FromVerdict, crowd.FromVerdict, crowd.FromFit, crowd.FromReview}
	mass := func() crowd.Mass { return crowd.Mass(rng.Int64N(int64(crowd.Answer))) }
	const validators, events = 20, 5000
	stored := map[int]crowd.Skill{}
	histories := make([][]crowd.Event, validators)
	type line struct {
		who   int
		event crowd.Event
	}
	var log []line
	for range events {
		who := rng.IntN(validators)
		e := crowd.Event{Source: sources[rng.IntN(len(sources))], Counts: crowd.Counts{TP: mass(), FN: mass(), TN: mass(), FP: mass()}}
		stored[who] = stored[who].Apply(e)
		histories[who] = append(histories[who], e)
		log = append(log, line{who, e})
	}
	inOrder := crowd.Rebuild(func(yield func(int, crowd.Event) bool) {
		for _, l := range log {
			if !yield(l.who, l.event) {
				return
			}
		}
	})
	onePersonAtATime := crowd.Rebuild(func(yield func(int, crowd.Event) bool) {
		for who := validators - 1; who >= 0; who-- {
			for _, e := range histories[who] {
				if !yield(who, e) {
					return
				}
			}
		}
	})
	for who, skill := range stored {
		if inOrder[who] != skill || onePersonAtATime[who] != skill {
			t.Errorf("validator %d: stored %+v, rebuilt %+v and %+v", who, skill, inOrder[who], onePersonAtATime[who])
		}
	}
	if len(inOrder) != len(stored) || len(onePersonAtATime) != len(stored) {
		t.Errorf("%d and %d rebuilt, %d stored", len(inOrder), len(onePersonAtATime), len(stored))
	}
}
