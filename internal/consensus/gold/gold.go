// Package gold decides how a gold clip, a recording of known truth, is used to
// measure validators: which truth somebody meets next, what an answer says about
// the clip itself, and when the clip must not serve any longer, because its answer
// went round or because its truth is wrong.
//
// It refuses to give away by the order what is good and what is bad, and to call
// a clip leaked or wrong on a few answers.
//
// Policy, skills and randomness are arguments; there is no state here.
package gold

import (
	"math"

	"github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// Record is what the answers on one gold clip came to.
type Record struct {
	Answers  int64
	Misses   int64
	Expected float64 // misses to be expected from the skills of those who answered
	Variance float64 // of that number
	// Honest answers are those of proven validators who are not out; only they can
	// say that the truth is wrong.
	HonestAnswers int64
	HonestMisses  int64
}

// Answer is one answer as far as the clip is concerned.
type Answer struct {
	Missed bool
	Chance float64 // of a miss, before it was given
	Honest bool
}

// Weigh says what an answer tells about a clip of the given truth, Good or Bad.
// The skill is that of the validator before the answer.
func Weigh(p *consensus.Policy, truth crowd.Label, skill crowd.Skill, approve bool) Answer {
	return Answer{
		Missed: approve != (truth == crowd.Good),
		Chance: Chance(p.Rates(skill), truth),
		Honest: skill.GoldAnswers() >= int64(p.GateAnswers) && !p.Out(skill),
	}
}

// Chance is the probability that somebody with these rates misses a clip of the
// given truth.
func Chance(rates crowd.Rates, truth crowd.Label) float64 {
	if truth == crowd.Good {
		return 1 - rates.Sensitivity
	}
	return 1 - rates.Specificity
}

// Add counts one more answer.
func (r Record) Add(a Answer) Record {
	r.Answers++
	r.Expected += a.Chance
	r.Variance += a.Chance * (1 - a.Chance)
	if a.Missed {
		r.Misses++
	}
	if a.Honest {
		r.HonestAnswers++
		if a.Missed {
			r.HonestMisses++
		}
	}
	return r
}

// Leaked says that so many people know the answer that it must have gone round:
// the misses fall short of what is expected by more than GoldLeakSD standard
// deviations.
func (r Record) Leaked(rules consensus.GoldRules) bool {
	return r.Answers >= rules.GoldLeakAnswers && r.Expected-float64(r.Misses) > rules.GoldLeakSD*math.Sqrt(r.Variance)
}

// Doubted says that honest validators miss the clip so often that its truth may
// be wrong.
func (r Record) Doubted(rules consensus.GoldRules) bool {
	return r.HonestAnswers >= rules.GoldMissAnswers && float64(r.HonestMisses) > rules.GoldMissShare*float64(r.HonestAnswers)
}

// laterSet is how many gold clips make up a set after the onboarding.
const laterSet = 10

// GoodNext is the probability with which the next gold clip that somebody meets
// should be a good one, after so many good and bad ones. It is that of drawing
// blindly from what is left of a set, which ends with as many good as bad ones; a
// rule that takes turns would tell every second answer. The first set is the
// onboarding of the given size, later ones are of ten.
func GoodNext(good, bad, onboarding int) float64 {
	seen, set := good+bad, onboarding
	if seen >= onboarding {
		seen, set = seen-onboarding, laterSet
	}
	left := float64(set - seen%set)
	return min(max((left-float64(good-bad))/(2*left), 0), 1)
}

// Order is what to look for, the wanted truth first, for a uniformly random draw
// of 0 up to 1. The other truth stands in where there is none of the wanted one,
// unless the set could then no longer end in balance.
func Order(goodNext, draw float64) []crowd.Label {
	switch {
	case goodNext >= 1:
		return []crowd.Label{crowd.Good}
	case goodNext <= 0:
		return []crowd.Label{crowd.Bad}
	case draw < goodNext:
		return []crowd.Label{crowd.Good, crowd.Bad}
	default:
		return []crowd.Label{crowd.Bad, crowd.Good}
	}
}
