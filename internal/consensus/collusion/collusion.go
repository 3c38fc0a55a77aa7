// Package collusion reckons what settled clips say about validators who should
// judge apart from each other: pairs who are wrong together more often than
// their skills explain, validators who approve one speaker more often than the
// clips deserve, pairs who decide much of what one speaker sends.
//
// It decides nothing. Its figures are put before a person, and it refuses to let
// a verdict, a skill or a payment follow from them. It also refuses evidence
// that the suspects made themselves: two people who were right together, or who
// brought a verdict about, look like any two good validators.
//
// All sums are whole billionths, so they do not depend on the order of the clips
// or on where one sum ends and the next begins. There is no state here.
package collusion

import (
	"slices"
	"strings"
	"time"

	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// Burst is how close to each other two votes on a clip look arranged.
const Burst = 2 * time.Minute

// Vote is one vote on a settled clip.
type Vote struct {
	Validator string
	Approve   bool
	Rates     crowd.Rates // as the verdict reckoned with them
	At        time.Time
}

// Clip is a clip whose verdict is final.
type Clip struct {
	Owner    string
	Language string
	Label    crowd.Label // what the verdict says: Good or Bad
	// Good is P(good) after all votes, 0 or 1 where an expert knew. The voter's
	// own vote is in it, see [Signals.Add].
	Good  float64
	Votes []Vote // at most one per validator, in any order
}

// Pair names two validators in a language; A is the smaller id.
type Pair struct{ A, B, Language string }

// Affinity names a validator and a speaker whom he judges, in a language.
type Affinity struct{ Validator, Owner, Language string }

// PairOwner names two validators and a speaker whom both judge; A is the smaller
// id.
type PairOwner struct{ A, B, Owner string }

// PairSum is what is known about a pair.
type PairSum struct {
	Wrong    Tally // clips that went against several voters; hits: against both of these
	Together int64 // clips that both voted on
	Bursts   int64 // of these, with votes within [Burst] of each other
}

// Plus is the sum of two sums over different clips.
func (s PairSum) Plus(t PairSum) PairSum {
	return PairSum{s.Wrong.Plus(t.Wrong), s.Together + t.Together, s.Bursts + t.Bursts}
}

// Signals are sums over clips; the zero value is ready to use.
type Signals struct {
	Pairs      map[Pair]PairSum
	Affinities map[Affinity]Tally  // hits: approvals
	PairOwners map[PairOwner]int64 // clips whose verdict both votes supported
}

// Add adds one clip, each clip once.
//
// Of a pair it counts how often both were wrong where several were, see
// [bothWrong] for why only that.
//
// Of a validator and a speaker it counts approvals against
//
//	P(approve) = p sens + (1-p) (1-spec)
//
// with p = P(good) after all votes. The voter's own vote belongs into p: votes
// are taken until they decide, so whether there are more votes depends on this
// one, and what the others say is a biased sample (a clip that closed early
// closed because he approved). With all votes in it p is what the model believes
// of the truth, E[p] = P(good), so approvals minus expectation is 0 on average
// whatever ended the voting.
func (s *Signals) Add(c Clip) {
	if s.Pairs == nil {
		s.Pairs, s.Affinities, s.PairOwners = map[Pair]PairSum{}, map[Affinity]Tally{}, map[PairOwner]int64{}
	}
	votes := slices.Clone(c.Votes)
	slices.SortFunc(votes, func(a, b Vote) int { return strings.Compare(a.Validator, b.Validator) })
	wrong := mistakesOf(votes, c.Label)
	for i, v := range votes {
		key := Affinity{v.Validator, c.Owner, c.Language}
		approve := c.Good*v.Rates.Sensitivity + (1-c.Good)*(1-v.Rates.Specificity)
		s.Affinities[key] = s.Affinities[key].Plus(once(v.Approve, approve))
		for j := i + 1; j < len(votes); j++ {
			s.addPair(c, v, votes[j], wrong.pair(i, j), !wrong.wrong[i] && !wrong.wrong[j])
		}
	}
}

func (s *Signals) addPair(c Clip, a, b Vote, wrong Tally, right bool) {
	sum := PairSum{Wrong: wrong, Together: 1}
	if a.At.Sub(b.At).Abs() <= Burst {
		sum.Bursts = 1
	}
	key := Pair{a.Validator, b.Validator, c.Language}
	s.Pairs[key] = s.Pairs[key].Plus(sum)
	if right {
		s.PairOwners[PairOwner{a.Validator, b.Validator, c.Owner}]++
	}
}
