package replay

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// trial is [run] with a variant in place of the engine: the same open items, the
// same re-estimates, the same draws.
type trial struct {
	*shuffle
	model     *mixture
	threshold float64 // log odds
	sharp     float64 // what gold says: factor from nominal to real log odds
	taken     []int
	odds      []float64
	decided   []bool
	open, dry []int
}

// batchOf is a variant's labels from all votes.
func (s *shuffle) batchOf(v variant) []guess {
	good := make([]float64, s.data.items())
	for _, member := range append([]variant{v}, v.committee...) {
		m := newMixture(member, s.data.workers)
		m.fit(s.of, s.gold)
		for item, odds := range m.found {
			good[item] += sigmoid(odds) - 0.5
		}
	}
	guesses := make([]guess, s.data.items())
	for item := range guesses {
		guesses[item] = guess{label: side(good[item]), votes: len(s.of(item))}
	}
	return guesses
}

// side is the label that log odds are on, to the billionth as in the engine.
func side(odds float64) crowd.Label { return crowd.FromNats(odds).Label() }

// onlineOf is a variant's labels when votes come one by one.
func (s *shuffle) onlineOf(v variant, threshold float64, rng *rand.Rand) []guess {
	items := s.data.items()
	own := *s
	own.votes = slices.Clone(s.votes)
	r := &trial{
		shuffle: &own, model: newMixture(v, s.data.workers), threshold: math.Log(threshold / (1 - threshold)), sharp: 1,
		taken: make([]int, items), odds: make([]float64, items), decided: make([]bool, items),
	}
	fits := estimates
	if v.fits > 0 {
		fits = v.fits
	}
	every := max(1, items/fits)
	waiting, closed := s.order, 0
	for {
		n := min(openItems-len(r.open), len(waiting))
		r.open, waiting = append(r.open, waiting[:n]...), waiting[n:]
		if len(r.open) == 0 {
			break
		}
		if r.step(r.pick(rng), rng) {
			if closed++; closed%every == 0 {
				r.estimate()
			}
		}
	}
	r.estimate()
	guesses := make([]guess, items)
	for item := range guesses {
		if v.relabel {
			r.odds[item], _ = r.model.odds(r.of(item)[:r.taken[item]])
		}
		guesses[item] = guess{side(r.odds[item]), r.taken[item], !r.decided[item]}
	}
	return guesses
}

// pick takes one of the open items by lot, or of so many drawn by lot the one
// that is closest to a verdict, so that those in doubt wait until more is known of
// their voters; the one that is farthest from it, if the number is negative.
func (r *trial) pick(rng *rand.Rand) int {
	best := rng.IntN(len(r.open))
	for n := 1; n < max(r.model.nearest, -r.model.nearest); n++ {
		other := rng.IntN(len(r.open))
		nearer := math.Abs(r.odds[r.open[other]]) > math.Abs(r.odds[r.open[best]])
		if nearer == (r.model.nearest > 0) {
			best = other
		}
	}
	return best
}

func (r *trial) step(place int, rng *rand.Rand) bool {
	item := r.open[place]
	r.assign(item, rng)
	v := r.of(item)[r.taken[item]]
	r.taken[item]++
	empty := r.taken[item] == len(r.of(item))
	if truth := r.gold[item]; truth != crowd.Unknown {
		r.model.told(v, truth)
	} else if r.judge(item) {
		empty = true
	} else if empty {
		r.dry = append(r.dry, item)
	}
	if empty {
		last := len(r.open) - 1
		r.open[place] = r.open[last]
		r.open = r.open[:last]
	}
	return empty
}

// assign brings the vote of the most informative of a few waiting voters to the
// front. The votes of an item are in random order, so the next few are a sample.
func (r *trial) assign(item int, rng *rand.Rand) {
	votes, next := r.of(item), r.taken[item]
	if r.model.bestOf < 2 || next == 0 {
		return
	}
	best := next
	for i := next + 1; i < min(next+r.model.bestOf, len(votes)); i++ {
		if r.model.informativeness(int(votes[i].worker)) > r.model.informativeness(int(votes[best].worker)) {
			best = i
		}
	}
	votes[next], votes[best] = votes[best], votes[next]
}

func (r *trial) judge(item int) bool {
	votes := r.of(item)[:r.taken[item]]
	odds, counted := r.model.odds(votes)
	r.odds[item] = odds
	if counted < 2 || math.Abs(odds) < r.bar(counted) {
		return false
	}
	r.decided[item] = true
	r.model.decided(votes)
	return true
}

func (r *trial) bar(counted int) float64 {
	return r.threshold / r.sharp * (1 + r.model.taper*float64(counted-2))
}

func (r *trial) estimate() {
	r.model.fit(func(item int) []vote { return r.of(item)[:r.taken[item]] }, r.gold)
	if r.model.calibrate {
		r.calibrate()
	}
	r.dry = slices.DeleteFunc(r.dry, r.judge)
}

// calibrate fits the factor on log odds under which gold items, stopped where
// they would have been decided, are as often right as their posterior says. One
// answer's worth of doubt holds it at 1, and it stays within 0.4 and 1.5.
func (r *trial) calibrate() {
	var margins []float64 // log odds at the verdict, negative if it was wrong
	for item, truth := range r.gold {
		if truth == crowd.Unknown {
			continue
		}
		for n := 2; n <= r.taken[item]; n++ {
			odds, counted := r.model.odds(r.of(item)[:n])
			if counted >= 2 && math.Abs(odds) >= r.threshold {
				margins = append(margins, odds*float64(truth))
				break
			}
		}
	}
	best, least := 1.0, math.Inf(1)
	for step := range 23 {
		sharp := 0.4 + 0.05*float64(step)
		loss := math.Pow(math.Log(sharp)/0.3, 2) / 2
		for _, margin := range margins {
			loss += math.Log1p(math.Exp(-sharp * margin))
		}
		if loss < least {
			best, least = sharp, loss
		}
	}
	r.sharp = best
}
