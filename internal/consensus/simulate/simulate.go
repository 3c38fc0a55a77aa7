// Package simulate decides how the engine would stand up to a crowd: honest
// people, people who approve everything, people who guess, and a ring that
// approves its own bad clips, under a given policy and beside the simple rules
// that others use.
//
// It refuses to show one figure for "accuracy": nine clips of ten are good, so a
// rule that accepts everything looks right. It reports bad clips accepted and
// good clips rejected apart, and what each group earns.
//
// The crowd is made up. Only the share of bad clips is taken from life (9 %, the
// share that Mozilla Common Voice's releases hold invalid); its attackers do not
// adapt. So the figures compare rules and policies with each other and promise
// nothing about a real language.
package simulate

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"

	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// Options of a simulation.
type Options struct {
	Scenario string       // one of Scenarios
	Policy   crowd.Policy // of the engine; a valid one
	Seeds    int          // how many crowds
}

// Result is what the rules reach, each figure a mean over the seeds.
type Result struct {
	Scenario string `json:"scenario"`
	Rules    Rules  `json:"rules"`
}

// Rules holds a score per rule.
type Rules struct {
	Lingualink   Score `json:"lingualink"`
	FirstToTwo   Score `json:"first_to_two"`   // the first answer with two votes
	FirstToThree Score `json:"first_to_three"` // the first answer with three votes
}

// Score is what a rule reaches; all but VotesPerClip are shares, 0 to 1.
type Score struct {
	BadAccepted     float64 `json:"bad_accepted"`     // of all bad clips
	RingAccepted    float64 `json:"ring_accepted"`    // of the ring's bad clips
	GoodRejected    float64 `json:"good_rejected"`    // of the good clips
	VotesPerClip    float64 `json:"votes_per_clip"`   // without gold and experts
	Escalated       float64 `json:"escalated"`        // clips that an expert decided
	HonestExcluded  float64 `json:"honest_excluded"`  // honest people whose votes came to count for nothing
	AttackersCaught float64 `json:"attackers_caught"` // attackers for whom the same holds
	Pay             Pay     `json:"pay"`
}

// Pay is the share of the fee that a vote earns on average, by group: under the
// engine the voter's informativeness when the pay is settled, at the end; under
// the simple rules the share of votes that match the verdict.
type Pay struct {
	Honest    float64 `json:"honest"`
	Attackers float64 `json:"attackers"` // 0 if there are none
}

// scenario says who attacks, and how many of the people are attackers.
type scenario struct {
	name      string
	attack    kind
	attackers int
}

// people in every scenario.
const people = 60

var scenarios = []scenario{
	{"clean", honest, 0},
	{"approvers30", approver, people * 3 / 10},
	{"approvers50", approver, people / 2},
	{"random30", guesser, people * 3 / 10},
	{"ring", ringMember, people / 10},
}

// Scenarios returns the names of the scenarios.
func Scenarios() []string {
	names := make([]string, len(scenarios))
	for i, s := range scenarios {
		names[i] = s.name
	}
	return names
}

// Run simulates. Its figures depend on nothing but the options. Errors are about
// the options; that of an invalid policy is its fault.PolicyInvalid.
func Run(options Options) (Result, error) {
	if options.Seeds < 1 {
		return Result{}, fmt.Errorf("seeds: there must be at least one")
	}
	if err := options.Policy.Validate(); err != nil {
		return Result{}, err
	}
	for _, s := range scenarios {
		if s.name == options.Scenario {
			return Result{s.name, s.run(options)}, nil
		}
	}
	return Result{}, fmt.Errorf("scenario: choose one of %s", strings.Join(Scenarios(), ", "))
}

// run simulates all seeds, as many at a time as there are processors.
func (s scenario) run(options Options) Rules {
	results := make([]Rules, options.Seeds)
	turns := make(chan struct{}, runtime.GOMAXPROCS(0))
	var wait sync.WaitGroup
	for seed := range results {
		turns <- struct{}{}
		wait.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(seed), 2))
			w := newWorld(s, rng)
			results[seed] = Rules{
				Lingualink:   w.engine(&options.Policy, rng),
				FirstToTwo:   w.firstTo(2, rng),
				FirstToThree: w.firstTo(3, rng),
			}
			<-turns
		})
	}
	wait.Wait()
	var mean Rules
	for _, r := range results {
		mean.Lingualink.add(r.Lingualink, options.Seeds)
		mean.FirstToTwo.add(r.FirstToTwo, options.Seeds)
		mean.FirstToThree.add(r.FirstToThree, options.Seeds)
	}
	return mean
}

// add adds one of so many scores to their mean.
func (s *Score) add(one Score, of int) {
	n := float64(of)
	s.BadAccepted += one.BadAccepted / n
	s.RingAccepted += one.RingAccepted / n
	s.GoodRejected += one.GoodRejected / n
	s.VotesPerClip += one.VotesPerClip / n
	s.Escalated += one.Escalated / n
	s.HonestExcluded += one.HonestExcluded / n
	s.AttackersCaught += one.AttackersCaught / n
	s.Pay.Honest += one.Pay.Honest / n
	s.Pay.Attackers += one.Pay.Attackers / n
}
