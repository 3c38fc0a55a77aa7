package crowd

import "math"

// Counts are a validator's answers by what the clip was and what he said.
type Counts struct {
	TP Mass `json:"tp"` // good, approved
	FN Mass `json:"fn"` // good, rejected
	TN Mass `json:"tn"` // bad, rejected
	FP Mass `json:"fp"` // bad, approved
}

// Plus is the sum of two counts.
func (c Counts) Plus(d Counts) Counts {
	return Counts{c.TP + d.TP, c.FN + d.FN, c.TN + d.TN, c.FP + d.FP}
}

// Total is the mass of all answers.
func (c Counts) Total() Mass { return c.TP + c.FN + c.TN + c.FP }

// taught is one answer on a clip that is good with the given mass.
func taught(approve bool, good Mass) Counts {
	if approve {
		return Counts{TP: good, FP: Answer - good}
	}
	return Counts{FN: good, TN: Answer - good}
}

// Skill is what is known about one validator in one language.
type Skill struct {
	Gold    Counts `json:"gold"`    // from gold clips and experts: the truth was known
	Learned Counts `json:"learned"` // from verdicts and re-estimates: the truth was inferred
}

// All is everything that counts.
func (s Skill) All() Counts { return s.Gold.Plus(s.Learned) }

// GoldAnswers is the number of answers on clips whose truth was known.
func (s Skill) GoldAnswers() int64 { return int64(s.Gold.Total() / Answer) }

// Beta is a Beta distribution by its pseudo-counts.
type Beta struct {
	Hits   float64 `json:"hits"`
	Misses float64 `json:"misses"`
}

// mean and variance after more hits and misses.
func (b Beta) after(hits, misses Mass) (mean, variance float64) {
	h, m := b.Hits+hits.Answers(), b.Misses+misses.Answers()
	mean = h / (h + m)
	return mean, mean * (1 - mean) / (h + m + 1)
}

// Rates are a validator's two coins.
type Rates struct {
	Sensitivity float64 `json:"sensitivity"` // P(approve | good clip)
	Specificity float64 `json:"specificity"` // P(reject | bad clip)
}

// The rates that anybody may be credited with: nobody is infallible.
const (
	LeastRate = 0.02
	MostRate  = 0.98
)

func clip(x, low, high float64) float64 { return min(max(x, low), high) }

// Rates are the means of the two posterior Betas, brought into LeastRate to
// MostRate. A validator votes once per clip, so the means are the exact
// predictive probabilities under independent Betas.
func (p *Policy) Rates(s Skill) Rates {
	c := s.All()
	sensitivity, _ := p.Sensitivity.after(c.TP, c.FN)
	specificity, _ := p.Specificity.after(c.TN, c.FP)
	return Rates{clip(sensitivity, LeastRate, MostRate), clip(specificity, LeastRate, MostRate)}
}

// Informativeness is Youden's J = sensitivity + specificity - 1: 0 for anybody
// whose answer does not depend on the clip, 1 for the infallible.
func (r Rates) Informativeness() float64 { return r.Sensitivity + r.Specificity - 1 }

// PayShare is the share of the fee, 0 to 1, that a validator's answers are
// worth: (J_low - PayFrom) / (PayFull - PayFrom), where J_low is the lower bound
// of J that lies PayDeviations standard deviations below its mean. Somebody of
// whom little is known has a low bound and is paid once it is known.
func (p *Policy) PayShare(s Skill) float64 {
	c := s.All()
	sensitivity, v1 := p.Sensitivity.after(c.TP, c.FN)
	specificity, v0 := p.Specificity.after(c.TN, c.FP)
	low := sensitivity + specificity - 1 - p.PayDeviations*math.Sqrt(v1+v0)
	return clip((low-p.PayFrom)/(p.PayFull-p.PayFrom), 0, 1)
}

// Out says that a validator's answers are known to be worth so little that they
// no longer count and that a person should look at the account.
func (p *Policy) Out(s Skill) bool {
	return s.GoldAnswers() >= int64(p.OutAnswers) && p.Rates(s).Informativeness() < p.OutBelow
}

// Weights are what a validator's two answers add to the log odds of "good".
type Weights struct{ Approve, Reject LogOdds }

// Of is the weight of one answer.
func (w Weights) Of(approve bool) LogOdds {
	if approve {
		return w.Approve
	}
	return w.Reject
}

// Unweighed says why a vote weighs nothing; empty if it does weigh.
type Unweighed string

// Why a vote weighs nothing.
const (
	Unproven      Unweighed = "unproven"      // too few gold answers where there is gold to prove oneself
	Excluded      Unweighed = "excluded"      // known to tell too little
	Uninformative Unweighed = "uninformative" // no better than chance
	Related       Unweighed = "related"       // an earlier voter on the clip is the same person, as far as is known
)

// Unweighed says whether and why the answers of a validator in a language weigh
// nothing. It never says Related, which is about two votes.
func (p *Policy) Unweighed(l Language, s Skill) Unweighed {
	switch {
	case p.Gated(l) && s.GoldAnswers() < int64(p.GateAnswers):
		return Unproven
	case p.Out(s):
		return Excluded
	case p.Rates(s).Informativeness() <= 0:
		return Uninformative
	}
	return ""
}

// Gated says that the language has the gold to prove oneself by.
func (p *Policy) Gated(l Language) bool { return l.GoldClips >= p.GateClips }

// Weigh gives the weights of a validator in a language. They are zero for
// whoever is no better than chance, is out, or is unproven where gold is there
// to prove oneself.
func (p *Policy) Weigh(l Language, s Skill) Weights {
	if p.Unweighed(l, s) != "" {
		return Weights{}
	}
	return p.Rates(s).Weights()
}

// Weights are ln(sens/(1-spec)) for an approval and ln((1-sens)/spec) for a
// rejection; zero for rates no better than chance, which are not turned round:
// that would let an attacker steer by voting wrong.
func (r Rates) Weights() Weights {
	if !(r.Informativeness() > 0) {
		return Weights{}
	}
	return Weights{
		Approve: ratio(r.Sensitivity, 1-r.Specificity),
		Reject:  ratio(1-r.Sensitivity, r.Specificity),
	}
}
