package replay

import (
	"math/rand/v2"
	"slices"

	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// shuffle is one random order of the items and of the votes on each, the same
// for all rules, and a choice of gold items.
type shuffle struct {
	data  *dataset
	order []int         // of the items
	votes []vote        // laid out as in the dataset
	gold  []crowd.Label // per item: its truth if it is gold
}

// shuffle makes so many of the items with truth gold.
func (d *dataset) shuffle(gold int, rng *rand.Rand) *shuffle {
	s := &shuffle{data: d, order: rng.Perm(d.items()), votes: slices.Clone(d.votes), gold: make([]crowd.Label, d.items())}
	for item := range d.items() {
		votes := s.of(item)
		rng.Shuffle(len(votes), func(i, j int) { votes[i], votes[j] = votes[j], votes[i] })
	}
	for _, item := range rng.Perm(d.items()) {
		if gold > 0 && d.truth[item] != crowd.Unknown {
			s.gold[item] = d.truth[item]
			gold--
		}
	}
	return s
}

// of returns the votes on an item, in this order.
func (s *shuffle) of(item int) []vote {
	return s.votes[s.data.starts[item]:s.data.starts[item+1]]
}

// guess is what a rule says about an item.
type guess struct {
	label     crowd.Label // Unknown: a tie
	votes     int         // that it took
	undecided bool        // it ran out of votes
}

// each applies a rule that looks at one item at a time.
func (s *shuffle) each(rule func([]vote) guess) []guess {
	guesses := make([]guess, s.data.items())
	for item := range guesses {
		guesses[item] = rule(s.of(item))
	}
	return guesses
}

// firstTo takes the first label with k votes, else the majority.
func firstTo(k int, votes []vote) guess {
	ones, zeros := 0, 0
	for _, v := range votes {
		if v.approve {
			ones++
		} else {
			zeros++
		}
		if max(ones, zeros) == k {
			break
		}
	}
	return guess{crowd.LogOdds(ones - zeros).Label(), ones + zeros, max(ones, zeros) < k}
}

// batch is the re-estimate on all votes.
func (s *shuffle) batch(p *crowd.Policy) []guess {
	var log crowd.Log
	for item := range s.data.items() {
		for _, v := range s.of(item) {
			log.Vote(int(v.worker), v.approve)
		}
		log.Close(crowd.Clip{Known: s.gold[item]})
	}
	estimate := log.Estimate(p)
	guesses := make([]guess, s.data.items())
	for item, odds := range estimate.LogOdds {
		guesses[item] = guess{label: odds.Label(), votes: len(s.of(item))}
	}
	return guesses
}

// score compares guesses with the truth, where it is known and not gold.
func (s *shuffle) score(guesses []guess) Stopping {
	right, items, votes, undecided := 0.0, 0.0, 0, 0
	for item, truth := range s.data.truth {
		if truth == crowd.Unknown || s.gold[item] != crowd.Unknown {
			continue
		}
		g := guesses[item]
		items++
		votes += g.votes
		switch g.label {
		case truth:
			right++
		case crowd.Unknown:
			right += 0.5
		default: // wrong
		}
		if g.undecided {
			undecided++
		}
	}
	return Stopping{right / items, float64(votes) / items, float64(undecided) / items}
}
