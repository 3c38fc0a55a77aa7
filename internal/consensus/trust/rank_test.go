package trust_test

import (
	"testing"

	"github.com/lingualink/lingualink/internal/consensus/trust"
)

// known is a proven validator of that accuracy.
func known(accuracy float64, answers int64) trust.Assessment {
	return trust.Assessment{State: trust.Proven, Accuracy: accuracy, Answers: answers}
}

func in(state trust.State, accuracy float64, answers int64) trust.Assessment {
	return trust.Assessment{State: state, Accuracy: accuracy, Answers: answers}
}

func TestRank(t *testing.T) {
	cases := []struct {
		name        string
		votes, days int64
		languages   []trust.Assessment
		fresh, kept bool // the rank afterwards, of who had none and of who had it
	}{
		{"just enough of everything", 200, 10, []trust.Assessment{known(0.90, 200)}, true, true},
		{"a vote short", 199, 10, []trust.Assessment{known(0.99, 200)}, false, true},
		{"a day short", 200, 9, []trust.Assessment{known(0.99, 200)}, false, true},
		{"a little less accurate", 200, 10, []trust.Assessment{known(0.8999, 200)}, false, true},
		{"as accurate as keeps the rank", 5000, 90, []trust.Assessment{known(0.85, 200)}, false, true},
		{"less accurate than that", 5000, 90, []trust.Assessment{known(0.8499, 200)}, false, false},
		{"nothing known", 200, 10, nil, false, true},
		{"nothing proven", 200, 10, []trust.Assessment{in(trust.Unproven, 0.77, 300)}, false, true},
		{"proven, but without an answer", 200, 10, []trust.Assessment{known(0.77, 0)}, false, true},
		{"the mean is weighted by answers", 400, 20, []trust.Assessment{known(0.92, 300), known(0.84, 100)}, true, true},
		{"and may be too low", 400, 20, []trust.Assessment{known(0.92, 100), known(0.84, 300)}, false, true},
		{"a language too little known says nothing", 400, 20, []trust.Assessment{known(0.92, 100), in(trust.Unproven, 0.5, 900)}, true, true},
		{"excluded where most answers are", 400, 20, []trust.Assessment{in(trust.Excluded, 0.92, 300), known(0.95, 100)}, false, false},
		{"and where as many are", 400, 20, []trust.Assessment{known(0.95, 300), in(trust.Excluded, 0.92, 300)}, false, false},
		{"excluded elsewhere, accurate over all", 400, 20, []trust.Assessment{known(0.95, 300), in(trust.Excluded, 0.70, 20)}, true, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := trust.Rank(policy(), c.votes, c.days, c.languages, false); got != c.fresh {
				t.Errorf("who has no rank: %v", got)
			}
			if got := trust.Rank(policy(), c.votes, c.days, c.languages, true); got != c.kept {
				t.Errorf("who has it: %v", got)
			}
		})
	}
}

// TestMoreNeverCostsTheRank raises votes, days and accuracy one by one.
func TestMoreNeverCostsTheRank(t *testing.T) {
	votes, days, accuracies := []int64{0, 199, 200, 201, 9999}, []int64{0, 9, 10, 11, 999}, []float64{0.5, 0.8499, 0.85, 0.8999, 0.9, 1}
	rank := func(v, d, a int, holds bool) bool {
		return trust.Rank(policy(), votes[v], days[d], []trust.Assessment{known(accuracies[a], 100)}, holds)
	}
	for _, holds := range []bool{false, true} {
		for v := range votes {
			for d := range days {
				for a := range accuracies {
					has := rank(v, d, a, holds)
					if has && (v+1 < len(votes) && !rank(v+1, d, a, holds) || d+1 < len(days) && !rank(v, d+1, a, holds) ||
						a+1 < len(accuracies) && !rank(v, d, a+1, holds)) {
						t.Errorf("more votes than %d, days than %d or accuracy than %v cost the rank", votes[v], days[d], accuracies[a])
					}
					if has && !rank(v, d, a, true) {
						t.Errorf("who earns the rank loses it by having it")
					}
					if has != rank(v, d, a, has) {
						t.Errorf("asking again changes the rank")
					}
				}
			}
		}
	}
}
