package consensus

import (
	"math"
	"math/rand/v2"
)

// Slots is how far a validator has come in the clips of a language, and where
// the next control is among them. Counted from 1, hand-outs form blocks of
// round(1/share); each block has one control, at a place that nobody can foresee.
type Slots struct {
	Handed     int64 // clips handed out so far, controls included
	Onboarding int64 // controls still to come before anything else
	GoldAt     int64 // which hand-out is the next control; 0: not drawn yet
}

// GoldDue tells whether the next hand-out is the control of its block, drawing
// the place in the block where that has not been done. A place that was passed,
// because there was no control or during the onboarding, is not made up for:
// whatever happened before, any later hand-out is a control with probability
// one in the size of a block.
func (s *Slots) GoldDue(share float64, rng *rand.Rand) bool {
	size := blockSize(share)
	if size == 0 {
		return false
	}
	block := s.Handed / size // of the next hand-out
	drawn := (s.GoldAt - 1) / size
	if s.GoldAt == 0 || drawn < block || drawn > block+1 {
		s.GoldAt = placeIn(block, size, rng)
	}
	if s.GoldAt <= s.Handed {
		s.GoldAt = placeIn(block+1, size, rng)
	}
	return s.GoldAt == s.Handed+1
}

// blockSize is how many hand-outs have one control among them; 0 is none.
func blockSize(share float64) int64 {
	const largest = 1e9
	if !(share >= 1/largest) {
		return 0
	}
	return int64(math.Round(1 / share))
}

func placeIn(block, size int64, rng *rand.Rand) int64 {
	return block*size + 1 + rng.Int64N(size)
}

// MayTake tells whether a validator gets a clip that has votes already. Second
// and later votes go to the best of BestOf validators, by informativeness: the
// one who asks and others who could have it, drawn at random. A RandomShare of
// these votes goes to anybody, so that newcomers can show what they are worth.
// The order of others is changed.
func (p *Policy) MayTake(own float64, others []float64, rng *rand.Rand) bool {
	if rng.Float64() < p.RandomShare {
		return true
	}
	for range min(p.BestOf-1, len(others)) {
		i := rng.IntN(len(others))
		if others[i] > own {
			return false
		}
		others[i] = others[len(others)-1]
		others = others[:len(others)-1]
	}
	return true
}
