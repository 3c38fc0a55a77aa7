// Package consensus decides whether a clip is good, from the votes of people of
// known reliability, and whether somebody's vote may be cast at all.
//
// It refuses to let one person, a repeat or a guess decide: a verdict needs the
// posterior to pass a threshold with enough votes behind it, and a clip that
// stays in doubt escalates to moderators. Every decision is a value
// ([Explanation]) that holds all of its inputs and can be replayed.
//
// The model is the two-coin one of Dawid and Skene (1979): a validator approves
// a good clip with probability sensitivity and rejects a bad one with
// probability specificity. Votes are independent given the clip, so each adds
// its log-likelihood ratio to the log odds of "good":
//
//	approve: ln(sensitivity / (1 - specificity))
//	reject:  ln((1 - sensitivity) / specificity)
//
// Time, policy and reliabilities are arguments; there is no state here.
package consensus

import (
	"math"
	"slices"
	"strings"

	"github.com/lingualink/lingualink/internal/fault"
)

// Engine names the rule that [Decide] follows. A stored explanation of another
// engine is not replayed by this one, so a change of the arithmetic needs a new
// name.
const Engine = "fixed-1"

// Choice is what a vote says about its clip.
type Choice string

// The two choices; "skip" is not a vote.
const (
	Approve Choice = "approve"
	Reject  Choice = "reject"
)

// ParseChoice reads the verdict field of a vote; anything but the two choices
// is fault.InvalidInput.
func ParseChoice(text string) (Choice, error) {
	if c := Choice(text); c == Approve || c == Reject {
		return c, nil
	}
	return "", fault.InvalidInput.On("verdict").Saying("Send approve or reject.")
}

// Reason says why a vote rejects.
type Reason string

// The reasons for a rejection.
const (
	Offensive       Reason = "offensive"
	WrongLanguage   Reason = "wrong_language"
	WrongText       Reason = "wrong_text"
	CutOff          Reason = "cut_off"
	UnclearAudio    Reason = "unclear_audio"
	BackgroundNoise Reason = "background_noise"
	Other           Reason = "other"
)

// reasons in the order that breaks ties: what the speaker can least mend by
// recording again in a better place comes first.
var reasons = []Reason{Offensive, WrongLanguage, WrongText, CutOff, UnclearAudio, BackgroundNoise, Other}

// Reasons returns all reasons, in the order that breaks ties.
func Reasons() []Reason { return slices.Clone(reasons) }

// ParseReason reads the reason field of a rejecting vote; an unknown or empty
// one is fault.InvalidInput.
func ParseReason(text string) (Reason, error) {
	if r := Reason(text); slices.Contains(reasons, r) {
		return r, nil
	}
	names := make([]string, len(reasons))
	for i, r := range reasons {
		names[i] = string(r)
	}
	return "", fault.InvalidInput.On("reason").Saying("Choose one of: " + strings.Join(names, ", ") + ".")
}

// Outcome is what the votes on a clip come to.
type Outcome string

// The outcomes. Undecided means that the clip needs another vote.
const (
	Undecided Outcome = ""
	Approved  Outcome = "approved"
	Rejected  Outcome = "rejected"
	Escalated Outcome = "escalated"
)

// Basis says what an outcome rests on.
type Basis string

// The bases of the outcomes.
const (
	ByAcceptance Basis = "accepted"
	ByRejection  Basis = "rejected"
	ByMaxVotes   Basis = "escalated:max_votes"
	ByNothingYet Basis = "undecided"
)

// Vote is one vote with the reliability that it is counted with, both
// probabilities. They are brought into 0.02 to 0.98 before use, so nobody is
// ever taken for infallible.
type Vote struct {
	ID          string // unique among the votes of a clip, also between deliveries
	Validator   string // copied into the explanation, never used to decide
	Choice      Choice
	Reason      Reason // of a rejection; may be empty
	Sensitivity float64
	Specificity float64
}

// Decide weighs the votes of one clip and explains the result.
//
// The policy must be valid (version is its row's, for the record) and the vote
// ids distinct. The order of votes does not matter: they are taken by id. A vote
// of somebody no better than chance (sensitivity + specificity <= 1) or of an
// unknown choice weighs nothing; it is not turned round, because that would let
// an attacker steer by voting wrong. Such a vote counts towards MaxVotes, so
// that the clip cannot stay open for ever, but not towards MinVotes or
// MinRejects.
func Decide(p Policy, version int64, votes []Vote) Explanation {
	sum := logit(p.Prior)
	e := Explanation{
		Engine: Engine, PolicyVersion: version,
		Prior: p.Prior, PriorLogOdds: sum.nats(),
		AcceptAt: p.AcceptAt, AcceptLogOdds: logit(p.AcceptAt).nats(),
		RejectAt: p.RejectAt, RejectLogOdds: (-logit(p.RejectAt)).nats(),
		MinVotes: p.MinVotes, MaxVotes: p.MaxVotes, MinRejects: p.MinRejects,
		Votes: make([]ExplainedVote, len(votes)),
	}
	for i, v := range votes {
		e.Votes[i] = explain(v)
	}
	slices.SortFunc(e.Votes, func(a, b ExplainedVote) int { return strings.Compare(a.ID, b.ID) })

	counted, rejects := 0, 0
	for i := range e.Votes {
		v := &e.Votes[i]
		w := weight(v.Choice, v.Sensitivity, v.Specificity)
		sum += w
		v.Weight, v.LogOdds = w.nats(), sum.nats()
		if w != 0 {
			counted++
		}
		if w < 0 {
			rejects++
		}
	}
	e.LogOdds, e.Posterior = sum.nats(), sum.probability()

	switch {
	case sum >= logit(p.AcceptAt) && counted >= p.MinVotes:
		e.Outcome, e.Reason = Approved, ByAcceptance
	case sum <= -logit(p.RejectAt) && counted >= p.MinVotes && rejects >= p.MinRejects:
		e.Outcome, e.Reason, e.RejectReason = Rejected, ByRejection, plurality(e.Votes)
	case len(votes) >= p.MaxVotes:
		e.Outcome, e.Reason = Escalated, ByMaxVotes
	default:
		e.Outcome, e.Reason = Undecided, ByNothingYet
	}
	return e
}

// plurality is the reason most rejecters gave, of those whose vote weighed;
// empty if nobody gave one.
func plurality(votes []ExplainedVote) Reason {
	var best Reason
	most := 0
	for _, r := range reasons {
		n := 0
		for _, v := range votes {
			if v.Weight < 0 && v.Reason == r {
				n++
			}
		}
		if n > most {
			best, most = r, n
		}
	}
	return best
}

// The reliabilities that a vote may be counted with.
const (
	leastReliable = 0.02
	mostReliable  = 0.98
)

// reliability brings a probability into the range; NaN becomes the least.
func reliability(x float64) float64 {
	if x >= leastReliable {
		return min(x, mostReliable)
	}
	return leastReliable
}

// logOdds is a log-likelihood ratio or log odds in billionths of a nat. Whole
// numbers add up to the same sum in any order and on any processor, which the
// last bits of a float64 do not (compilers fuse multiply and add where they
// can). A billionth is far below what any reliability is known to.
type logOdds int64

const perNat = 1e9

// nats gives the value in nats, exact to all nine decimals.
func (l logOdds) nats() float64 { return float64(l) / perNat }

// probability is 1/(1+e^-l) to nine decimals, never quite 0 or 1.
func (l logOdds) probability() float64 {
	p := 1 / (1 + math.Exp(-l.nats()))
	return min(max(math.Round(p*perNat), 1), perNat-1) / perNat
}

// ratio is ln(e^a / e^b) for logarithms a and b.
func ratio(a, b float64) logOdds { return logOdds(math.Round((a - b) * perNat)) }

func logit(p float64) logOdds { return ratio(math.Log(p), math.Log1p(-p)) }

func weight(c Choice, sensitivity, specificity float64) logOdds {
	switch {
	case sensitivity+specificity <= 1:
		return 0
	case c == Approve:
		return ratio(math.Log(sensitivity), math.Log1p(-specificity))
	case c == Reject:
		return ratio(math.Log1p(-sensitivity), math.Log(specificity))
	default:
		return 0
	}
}
