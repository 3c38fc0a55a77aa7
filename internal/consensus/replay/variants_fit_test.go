package replay

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// fit learns everything anew from the votes on all items, those in doubt with two
// votes included, as the engine's re-estimate does.
func (m *mixture) fit(of func(item int) []vote, known []crowd.Label) {
	if m.starts == 1 {
		m.fitFrom(of, known, 1)
		return
	}
	best := *m
	most := math.Inf(-1)
	for start := range m.starts {
		try := newMixture(m.variant, m.workers)
		if bound := try.fitFrom(of, known, uint64(start)+1); bound > most {
			best, most = *try, bound
		}
	}
	*m = best
}

// fitFrom starts from each item's share of approvals, spread over groups by lot
// and evenly over levels, and returns the evidence's lower bound.
func (m *mixture) fitFrom(of func(item int) []vote, known []crowd.Label, start uint64) (bound float64) {
	rng := rand.New(rand.NewPCG(start, 2))
	shares := make([][]float64, len(known)) // by item and state; nil: teaches nothing
	if m.pairs > 0 {
		clear(m.agreement)
		clear(m.together)
	}
	for item, truth := range known {
		if votes := of(item); truth != crowd.Unknown || len(votes) >= 2 {
			shares[item] = m.first(votes, truth, rng)
		}
	}
	const still = 1e-6
	moved := 1.0
	for round := 0; round < m.rounds && moved > still; round++ {
		m.maximise(of, shares)
		bound, moved = m.expect(of, known, shares)
	}
	m.learn(of, shares) // the coins stay those of the last round, as in the engine
	m.weighAll()
	return bound - m.divergence()
}

func (m *mixture) first(votes []vote, truth crowd.Label, rng *rand.Rand) []float64 {
	good := 0.0
	for _, v := range votes {
		if v.approve {
			good += 1 / float64(len(votes))
		}
	}
	switch truth {
	case crowd.Good:
		good = 1
	case crowd.Bad:
		good = 0
	default: // the votes are all there is
	}
	steps := float64(len(m.levels))
	shares := make([]float64, 0, m.states)
	for _, label := range []float64{1 - good, good} {
		group := []float64{1}
		if m.groups > 1 {
			group = noise(m.groups, rng)
		}
		for _, share := range group {
			for range m.levels {
				shares = append(shares, label*share/steps)
			}
		}
	}
	return shares
}

func (m *mixture) learn(of func(item int) []vote, shares [][]float64) {
	clear(m.right)
	clear(m.wrong)
	clear(m.items)
	for item, s := range shares {
		if s == nil {
			continue
		}
		for state, r := range s {
			m.items[state] += r
		}
		for _, v := range of(item) {
			m.teach(v, s)
		}
	}
}

func (m *mixture) maximise(of func(item int) []vote, shares [][]float64) {
	m.learn(of, shares)
	m.weighAll()
	if m.pairs > 0 {
		m.correlate(of, shares)
	}
}

// expect returns the sum of the log evidence of all items and the largest move.
func (m *mixture) expect(of func(item int) []vote, known []crowd.Label, shares [][]float64) (evidence, moved float64) {
	m.found = make([]float64, len(known))
	for item, s := range shares {
		scores := m.scores(of(item))
		m.found[item] = logSum(scores[m.states/2:]) - logSum(scores[:m.states/2])
		if s == nil {
			continue
		}
		if known[item] != crowd.Unknown {
			copy(s, m.among(of(item), known[item]))
			continue
		}
		evidence += logSum(scores)
		normalise(scores)
		for state, r := range scores {
			moved = max(moved, math.Abs(r-s[state]))
		}
		copy(s, scores)
	}
	return evidence, moved
}

// correlate finds who errs together: the mean product of two people's residuals
// on the items that both voted on, the posterior held for the truth.
func (m *mixture) correlate(of func(item int) []vote, shares [][]float64) {
	clear(m.agreement)
	clear(m.together)
	var residuals []float64
	for item, s := range shares {
		votes := of(item)
		if s == nil || len(votes) < 2 {
			continue
		}
		residuals = residuals[:0]
		for _, v := range votes {
			residuals = append(residuals, m.residual(v, s))
		}
		for i, a := range votes {
			for k, b := range votes {
				if i != k {
					pair := int(a.worker)*m.workers + int(b.worker)
					m.agreement[pair] += residuals[i] * residuals[k]
					m.together[pair]++
				}
			}
		}
	}
}

// residual is how far a vote is from what was expected, in standard deviations.
func (m *mixture) residual(v vote, shares []float64) float64 {
	p := 0.0
	for state, r := range shares {
		p += r * math.Exp(m.approve[int(v.worker)*m.states+state])
	}
	p = min(max(p, crowd.LeastRate), crowd.MostRate)
	deviation := math.Sqrt(p * (1 - p))
	if v.approve {
		return (1 - p) / deviation
	}
	return -p / deviation
}

// divergence is that of the coins and shares from their priors, for the bound of
// the variational fit. Only fits with several starts compare bounds.
func (m *mixture) divergence() (d float64) {
	if m.starts == 1 {
		return 0
	}
	for at := range m.right {
		b := m.betas[m.label(at%m.states)]
		d += dirichletDivergence([]float64{b[0] + m.right[at], b[1] + m.wrong[at]}, b[:])
	}
	half := m.states / 2
	even := slices.Repeat([]float64{0.1 / float64(m.groups)}, m.groups)
	for label := range 2 {
		now := slices.Clone(even)
		for i := range now {
			now[i] += m.items[label*half+i]
		}
		d += dirichletDivergence(now, even)
	}
	bad, good := sum(m.items[:half]), sum(m.items[half:])
	return d + dirichletDivergence([]float64{m.mass/2 + bad, m.mass/2 + good}, []float64{m.mass / 2, m.mass / 2})
}

// dirichletDivergence is the Kullback-Leibler divergence of p from q.
func dirichletDivergence(p, q []float64) float64 {
	all, d := sum(p), 0.0
	lp, _ := math.Lgamma(all)
	lq, _ := math.Lgamma(sum(q))
	d = lp - lq
	for i := range p {
		a, _ := math.Lgamma(p[i])
		b, _ := math.Lgamma(q[i])
		d += b - a + (p[i]-q[i])*(digamma(p[i])-digamma(all))
	}
	return d
}
