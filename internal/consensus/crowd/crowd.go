// Package crowd decides how reliable each validator is, and what a clip's votes
// come to once that is known. It learns only from what is settled: a decided
// clip, a gold clip, an expert's answer.
//
// It refuses to let a voter confirm himself (his own vote is left out of what it
// teaches about him), to learn from clips in doubt, to turn the vote of somebody
// worse than chance round, and to put a re-estimate into force that would upset
// what is known to be right ([Estimate.Check]).
//
// The model is the two-coin one of Dawid and Skene (1979) with Beta priors: a
// validator approves a good clip with probability sensitivity and rejects a bad
// one with probability specificity. All that is stored and summed is a whole
// number of billionths, so sums do not depend on their order and a rebuild from
// the event log gives the stored skills bit for bit.
//
// Time, policy and counts are arguments; there is no state here.
package crowd

import "math"

// Label says what a clip is, or is held to be.
type Label int8

// The labels; the zero value is that nobody knows.
const (
	Bad     Label = -1
	Unknown Label = 0
	Good    Label = 1
)

// LogOdds is a log-likelihood ratio or log odds in billionths of a nat.
type LogOdds int64

// Mass is an amount of answers in billionths of one answer: a vote on a clip
// that is good with probability 0.9 is 0.9 answers on a good clip and 0.1 on a
// bad one. A Mass holds nine billion whole answers.
type Mass int64

// Answer is the mass of one whole answer.
const Answer Mass = 1e9

const perNat = 1e9

// Nats gives the value in nats.
func (l LogOdds) Nats() float64 { return float64(l) / perNat }

// FromNats is the exact inverse of [LogOdds.Nats].
func FromNats(nats float64) LogOdds { return LogOdds(math.Round(nats * perNat)) }

// Probability is 1/(1+e^-l).
func (l LogOdds) Probability() float64 { return 1 / (1 + math.Exp(-l.Nats())) }

// mass is the probability in billionths; that of -l is what is left of an answer.
func (l LogOdds) mass() Mass {
	if l < 0 {
		return Answer - (-l).mass()
	}
	return Mass(math.Round(float64(Answer) * l.Probability()))
}

// Answers gives the mass as a number of answers.
func (m Mass) Answers() float64 { return float64(m) / float64(Answer) }

// Logit is the log odds of a probability, which lies between 0 and 1.
func Logit(p float64) LogOdds { return ratio(p, 1-p) }

// ratio is ln(a/b); exactly minus ln(b/a), so that neither label is favoured.
func ratio(a, b float64) LogOdds {
	if a < b {
		return -ratio(b, a)
	}
	return LogOdds(math.Round(perNat * math.Log(a/b)))
}

// Label is the side that the log odds are on; Unknown for even odds.
func (l LogOdds) Label() Label {
	switch {
	case l > 0:
		return Good
	case l < 0:
		return Bad
	default:
		return Unknown
	}
}
