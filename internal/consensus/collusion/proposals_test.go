package collusion_test

import (
	"math"
	"testing"

	"github.com/lingualink/lingualink/internal/consensus/collusion"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

func counts(tp, fn, tn, fp crowd.Mass) crowd.Counts {
	return crowd.Counts{TP: tp * crowd.Answer, FN: fn * crowd.Answer, TN: tn * crowd.Answer, FP: fp * crowd.Answer}
}

func TestOneAnswer(t *testing.T) {
	cases := []struct {
		name      string
		skill     crowd.Skill
		approvals float64
		only      bool
	}{
		{"nobody knows", crowd.Skill{}, 0, false},
		{"approves everything", crowd.Skill{Gold: counts(12, 0, 0, 12), Learned: counts(70, 0, 0, 6)}, 1, true},
		{"95 of 100, ten bad ones", crowd.Skill{Gold: counts(10, 0, 5, 5), Learned: counts(75, 0, 0, 5)}, 0.95, true},
		{"94 of 100", crowd.Skill{Gold: counts(10, 0, 6, 4), Learned: counts(75, 0, 0, 5)}, 0.94, false},
		{"99 answers", crowd.Skill{Gold: counts(10, 0, 0, 10), Learned: counts(79, 0, 0, 0)}, 0, false},
		{"nine bad ones", crowd.Skill{Gold: counts(10, 0, 0, 9), Learned: counts(181, 0, 0, 0)}, 0, false},
		{"bad ones by verdict only", crowd.Skill{Gold: counts(10, 0, 0, 0), Learned: counts(181, 0, 0, 90)}, 0, false},
		{"rejects everything", crowd.Skill{Gold: counts(0, 10, 10, 0), Learned: counts(4, 76, 0, 0)}, 0.04, true},
		{"an honest one in a language of good clips", crowd.Skill{Gold: counts(10, 0, 8, 2), Learned: counts(170, 0, 2, 0)}, 182.0 / 192, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			approvals, only := collusion.OneAnswer(c.skill)
			if only != c.only || math.Abs(approvals-c.approvals) > 1e-12 {
				t.Errorf("%v, %v; want %v, %v", approvals, only, c.approvals, c.only)
			}
		})
	}
}

func TestWords(t *testing.T) {
	wrong := collusion.Tally{Clips: 34, Hits: 21, Expected: collusion.Mass(8.16), Variance: collusion.Mass(6.25)}
	for got, want := range map[string]string{
		collusion.PairSum{Wrong: wrong, Together: 80, Bursts: 3}.Says(): "Of 34 clips on which several voters were wrong, both of these were on 21; 8.2 were to be expected (5.1 standard deviations). " +
			"They voted on 80 clips together, 3 times within minutes of each other.",
		collusion.AffinitySays(collusion.Tally{Clips: 1, Hits: 1, Expected: collusion.Mass(0.25), Variance: crowd.Answer}): "Approved 1 of 1 clip of this speaker; 0.2 were to be expected (0.8 standard deviations).",
		collusion.OneAnswerSays(0.97): "Approves 97 % of all clips, though 10 or more were known to be bad.",
		collusion.OneAnswerSays(0.04): "Rejects 96 % of all clips, though 10 or more were known to be bad.",
	} {
		if got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}
