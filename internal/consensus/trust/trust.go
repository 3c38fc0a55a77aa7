// Package trust decides what validators are told about their accuracy in a
// language, which share of the fee it earns them, and who holds the rank of a
// validator.
//
// It refuses to call anybody accurate for saying what is mostly true: the
// accuracy is that on a mix of clips in which good ones are held to at most the
// policy's prior_cap, so approving everything is no merit. A tier hangs on the
// lower end of the interval, so luck in few answers earns none. And it refuses
// to take a rank away for a dip: between earning and losing lies a margin.
//
// Policy and counts are arguments; there is no state here.
package trust

import (
	"math"

	"github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// State is what is known about a validator in a language.
type State string

// The states.
const (
	Unproven State = "unproven" // too little to go by
	Proven   State = "proven"
	Excluded State = "excluded" // enough to see that the answers tell nothing
)

// Tier is how good a proven validator is known to be.
type Tier string

// The tiers; somebody who is not proven has none.
const (
	NoTier Tier = ""
	Bronze Tier = "bronze"
	Silver Tier = "silver"
	Gold   Tier = "gold"
)

// Assessment is what is known about a validator in a language at one moment.
// Accuracy, Low and High are shares of right answers, 0 to 1, rounded to four
// decimals: what a person reads is what decides.
type Assessment struct {
	State    State
	Tier     Tier
	Accuracy float64
	Low      float64 // ends of the 90 % credible interval of the accuracy
	High     float64
	Answers  int64 // whole answers that it rests on
	PayBps   int64 // share of the fee, in basis points; 0 unless proven
}

// Assess looks at a validator's skill in a language. The policy must be valid.
//
// The accuracy is pi sens + (1-pi) spec, with the share pi of good clips that
// the engine starts from ([crowd.Policy.Prior]). Its interval is the normal
// approximation from the variances of the two posterior Betas, which are
// independent: variance = pi^2 var(sens) + (1-pi)^2 var(spec).
func Assess(p *consensus.Policy, l crowd.Language, s crowd.Skill) Assessment {
	pi, rates, all := p.Prior(l), p.Rates(s), s.All()
	accuracy := pi*rates.Sensitivity + (1-pi)*rates.Specificity
	spread := deviations * math.Sqrt(
		pi*pi*variance(p.Sensitivity, all.TP, all.FN)+(1-pi)*(1-pi)*variance(p.Specificity, all.TN, all.FP))
	a := Assessment{
		State: state(p, l, s), Tier: NoTier, Answers: int64(all.Total() / crowd.Answer),
		Accuracy: rounded(accuracy), Low: rounded(accuracy - spread), High: rounded(accuracy + spread),
	}
	if a.State == Proven {
		a.Tier = tier(p, a)
		a.PayBps = int64(math.Floor(whole * p.PayShare(s)))
	}
	return a
}

const (
	// deviations of a normal distribution hold its middle 90 %.
	deviations = 1.6448536269514722
	// whole is the whole fee in basis points.
	whole = 10_000
	// places is to how many parts of one a share is rounded.
	places = 10_000
)

// variance of the Beta that the prior has become.
func variance(prior crowd.Beta, hits, misses crowd.Mass) float64 {
	h, m := prior.Hits+hits.Answers(), prior.Misses+misses.Answers()
	n := h + m
	return h * m / (n * n * (n + 1))
}

func rounded(share float64) float64 {
	return math.Round(places*min(max(share, 0), 1)) / places
}

// state asks for gold where there is gold to prove oneself by, and else for
// answers of any kind.
func state(p *consensus.Policy, l crowd.Language, s crowd.Skill) State {
	switch {
	case p.Out(s):
		return Excluded
	case p.Gated(l) && s.GoldAnswers() >= int64(p.GateAnswers):
		return Proven
	case !p.Gated(l) && s.All().Total() >= crowd.Mass(p.ProvenAnswers)*crowd.Answer:
		return Proven
	}
	return Unproven
}

func tier(p *consensus.Policy, a Assessment) Tier {
	switch {
	case a.Answers >= p.GoldTierAnswers && a.Low >= p.GoldTierAccuracy:
		return Gold
	case a.Answers >= p.SilverAnswers && a.Low >= p.SilverAccuracy:
		return Silver
	}
	return Bronze
}

// Lessons is how many lessons there are from one assessment of a validator to
// the next, so that none of them shows what a single answer was taken for. It is
// less where less proves a validator.
func Lessons(p *consensus.Policy) int {
	return int(max(1, min(usualLessons, int64(p.GateAnswers), p.ProvenAnswers)))
}

const usualLessons = 5
