package collusion

import (
	"math"

	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// LeastVariance is the variance below which a tally says nothing: a few rare
// events make a large z by chance. In simulated honest crowds 0.08 % of the pairs
// above it came out beyond [PairZ].
const LeastVariance = crowd.Answer / 2

// Tally holds how often something happened against how often it was to be
// expected.
type Tally struct {
	Clips    int64 // clips on which it could have happened
	Hits     int64 // clips on which it did
	Expected crowd.Mass
	Variance crowd.Mass
}

// Plus is the sum of two tallies over different clips.
func (t Tally) Plus(u Tally) Tally {
	return Tally{t.Clips + u.Clips, t.Hits + u.Hits, t.Expected + u.Expected, t.Variance + u.Variance}
}

// Z is by how many standard deviations the hits exceed what was expected:
// (hits - expected) / sqrt(variance), about N(0,1) where only chance is at work;
// 0 while the variance is below [LeastVariance].
func (t Tally) Z() float64 {
	if t.Variance < LeastVariance {
		return 0
	}
	return (float64(t.Hits) - t.Expected.Answers()) / math.Sqrt(t.Variance.Answers())
}

// once is the tally of one clip on which something happens with probability p:
// a Bernoulli variable has variance p (1-p).
func once(happened bool, p float64) Tally {
	t := Tally{Clips: 1, Expected: Mass(p), Variance: Mass(p * (1 - p))}
	if happened {
		t.Hits = 1
	}
	return t
}

// Mass reads an amount back from a number of answers, in billionths. It is the
// exact inverse of [crowd.Mass.Answers] up to two million answers.
func Mass(answers float64) crowd.Mass {
	return crowd.Mass(math.Round(answers * float64(crowd.Answer)))
}

// mistakes are the wrong votes on one clip, by the verdict.
type mistakes struct {
	wrong []bool
	count int
	odds  []float64 // of being wrong: (1-r)/r with r the rate of being right
}

// mistakesOf tells who voted against the label. A clip's truth fixes which of the
// two coins each voter tossed: r is the sensitivity on a good clip, the
// specificity on a bad one.
func mistakesOf(votes []Vote, label crowd.Label) mistakes {
	m := mistakes{make([]bool, len(votes)), 0, make([]float64, len(votes))}
	for i, v := range votes {
		r := v.Rates.Specificity
		if label == crowd.Good {
			r = v.Rates.Sensitivity
		}
		m.odds[i] = (1 - r) / r
		m.wrong[i] = v.Approve != (label == crowd.Good)
		if m.wrong[i] {
			m.count++
		}
	}
	return m
}

// pair is what the clip says about two of its voters. It says something only if
// at least two were wrong, but not all: otherwise it is certain beforehand
// whether both of them were.
func (m mistakes) pair(i, j int) Tally {
	if m.count < 2 || m.count == len(m.odds) {
		return Tally{}
	}
	return once(m.wrong[i] && m.wrong[j], bothWrong(m.odds, m.count, i, j))
}

// bothWrong is the probability that voters i and j are both among the count
// wrong ones, where everybody errs by himself with the given odds o:
//
//	o_i o_j e(count-2, odds of the others) / e(count, all odds)
//
// with e(k, ...) the sum over all products of k of them (an elementary symmetric
// polynomial). This is the conditional Bernoulli distribution (Chen, Dempster
// and Liu, Biometrika 81, 1994): P(exactly the set S is wrong | count) is the
// product of the odds in S over the sum of such products.
//
// The condition on the number of wrong votes is what makes it hold in practice:
//   - A clip is voted on until it is decided, and escalates because its votes
//     disagree. How many are wrong rules how many vote and who decides; given
//     that number, neither says more about who they are. Agreement as such is far
//     below the product of the rates on clips that escalated.
//   - A clip on which everybody errs more easily multiplies all odds by the same
//     number (as in Rasch's model), which cancels. Without it, honest people who
//     stumble over the same hard clips would look like a ring.
func bothWrong(odds []float64, count, i, j int) float64 {
	others := make([]float64, 0, len(odds))
	for k, o := range odds {
		if k != i && k != j {
			others = append(others, o)
		}
	}
	return odds[i] * odds[j] * symmetric(others, count-2) / symmetric(odds, count)
}

// symmetric is the elementary symmetric polynomial of degree k.
func symmetric(x []float64, k int) float64 {
	sums := make([]float64, k+1)
	sums[0] = 1
	for _, v := range x {
		for d := k; d > 0; d-- {
			sums[d] += v * sums[d-1]
		}
	}
	return sums[k]
}
