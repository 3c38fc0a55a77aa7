// Package replay decides how the engine would have done on votes that were cast
// long ago: it plays them back in random orders and compares the labels with a
// known truth, next to the simple rules that others use.
//
// It refuses files that it would have to guess about (labels other than 0 and 1,
// truth that contradicts itself) and says in which line. It has a policy of its
// own: one threshold for both sides, no limit of votes, no cap on the prior, no
// gate, and a best guess for items that run out of votes. So its figures are
// comparable with what is published, but are not what a server with its stricter
// policy would show.
package replay

import (
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"

	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// Options of a replay.
type Options struct {
	Votes     io.Reader // CSV with the columns item, worker, label (0 or 1)
	Truth     io.Reader // CSV with the columns item, truth (0, 1 or empty)
	Gold      float64   // share of the items with truth that the engine is told; they are not scored
	Seeds     int       // how many random orders
	Threshold float64   // posterior that decides, of either label
}

// Result is what the rules reach, each figure a mean over the seeds.
type Result struct {
	Items     int     `json:"items"` // with votes, with or without truth
	Votes     int     `json:"votes"` // without repeats
	Seeds     int     `json:"seeds"`
	Threshold float64 `json:"threshold"`
	Rules     Rules   `json:"rules"`
}

// Rules holds a score per rule.
type Rules struct {
	Online       Stopping `json:"online"`         // the engine, as votes arrive
	Batch        Offline  `json:"batch"`          // the engine's re-estimate on all votes
	Majority     Fixed    `json:"majority"`       // the majority of all votes
	FirstToTwo   Stopping `json:"first_to_two"`   // the first label with two votes
	FirstToThree Stopping `json:"first_to_three"` // the first label with three votes
}

// Stopping is the score of a rule that says when an item has enough votes. All
// scores are over the items with truth that are not gold.
type Stopping struct {
	Accuracy     float64 `json:"accuracy"` // a tie is half right
	VotesPerItem float64 `json:"votes_per_item"`
	Undecided    float64 `json:"undecided"` // share that ran out of votes and was guessed
}

// Offline is the score of a rule that takes what it is given.
type Offline struct {
	Accuracy float64 `json:"accuracy"`
}

// Fixed is the score of a rule that takes all votes.
type Fixed struct {
	Accuracy     float64 `json:"accuracy"`
	VotesPerItem float64 `json:"votes_per_item"`
}

// policy of a replay. A Beta of mean 0.8 and strength 3 for both coins, because
// the two labels of a data set are alike; and no opinion on their shares that
// twenty items of one label could shake.
func policy(threshold float64) *crowd.Policy {
	return &crowd.Policy{
		Sensitivity: crowd.Beta{Hits: 2.4, Misses: 0.6},
		Specificity: crowd.Beta{Hits: 2.4, Misses: 0.6},
		PriorGood:   10, PriorBad: 10, PriorFloor: 0, PriorCap: 1,
		AcceptAt: threshold, AcceptAtFirst: threshold, RejectAt: threshold,
		MinVotes: 2, OutBelow: -1,
	}
}

// Run reads the two files and replays them. Its figures depend on nothing but
// the options. Errors are about the options or name the file and line.
func Run(options Options) (Result, error) {
	switch {
	case options.Seeds < 1:
		return Result{}, errors.New("seeds: there must be at least one")
	case !(options.Threshold > 0.5 && options.Threshold < 1):
		return Result{}, errors.New("threshold: it lies between 0.5 and 1")
	case !(options.Gold >= 0 && options.Gold < 1):
		return Result{}, errors.New("gold: it is a share of the items, at least 0 and less than 1")
	}
	data, err := read(options.Votes, options.Truth)
	if err != nil {
		return Result{}, err
	}
	gold := int(options.Gold*float64(data.known) + 0.5)
	if gold == data.known {
		return Result{}, errors.New("gold: no item with truth is left to score; take a smaller share")
	}
	result := Result{Items: data.items(), Votes: len(data.votes), Seeds: options.Seeds, Threshold: options.Threshold}
	result.Rules = mean(parallel(options.Seeds, func(seed int) Rules {
		return data.replay(policy(options.Threshold), gold, rand.New(rand.NewPCG(uint64(seed), 1)))
	}))
	return result, nil
}

// replay runs all rules on one shuffle.
func (d *dataset) replay(p *crowd.Policy, gold int, rng *rand.Rand) Rules {
	s := d.shuffle(gold, rng)
	all := len(d.votes)
	majority := s.score(s.each(func(votes []vote) guess { return firstTo(all, votes) }))
	return Rules{
		Batch:        Offline{s.score(s.batch(p)).Accuracy},
		Majority:     Fixed{majority.Accuracy, majority.VotesPerItem},
		FirstToTwo:   s.score(s.each(func(votes []vote) guess { return firstTo(2, votes) })),
		FirstToThree: s.score(s.each(func(votes []vote) guess { return firstTo(3, votes) })),
		Online:       s.score(s.online(p, rng)),
	}
}

// parallel calls run for every seed, as many at a time as there are processors,
// and returns the results by seed.
func parallel[T any](seeds int, run func(seed int) T) []T {
	results := make([]T, seeds)
	turns := make(chan struct{}, runtime.GOMAXPROCS(0))
	var wait sync.WaitGroup
	for seed := range results {
		turns <- struct{}{}
		wait.Go(func() {
			results[seed] = run(seed)
			<-turns
		})
	}
	wait.Wait()
	return results
}

func mean(results []Rules) Rules {
	var m Rules
	n := float64(len(results))
	for _, r := range results {
		m.Online.add(r.Online, n)
		m.Batch.Accuracy += r.Batch.Accuracy / n
		m.Majority.Accuracy += r.Majority.Accuracy / n
		m.Majority.VotesPerItem += r.Majority.VotesPerItem / n
		m.FirstToTwo.add(r.FirstToTwo, n)
		m.FirstToThree.add(r.FirstToThree, n)
	}
	return m
}

func (s *Stopping) add(t Stopping, n float64) {
	s.Accuracy += t.Accuracy / n
	s.VotesPerItem += t.VotesPerItem / n
	s.Undecided += t.Undecided / n
}
