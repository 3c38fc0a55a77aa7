package consensus

import (
	"math"
	"slices"
	"strings"

	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// Engine names the rule that [Decide] follows. A stored explanation says which
// engine made it, so a change of the arithmetic needs a new name.
const Engine = "crowd-1"

// Vote is one vote with what is known about who cast it.
type Vote struct {
	ID        string // unique among the votes of a clip, also between deliveries
	Validator string // copied into the explanation, never used to decide
	Choice    Choice
	Reason    Reason // of a rejection; may be empty
	Skill     crowd.Skill
	Related   bool // an earlier voter on the clip is known to be the same person
}

// Language is what is known about the clip's language.
type Language struct {
	crowd.Language
	Calibration Calibration
}

// Decide weighs the votes of one clip and explains the result.
//
// The policy must be valid (version is its row's, for the record) and the vote
// ids distinct. The order of votes does not matter: they are taken by id. A vote
// that weighs nothing says why ([crowd.Unweighed]); it counts towards MaxVotes,
// so that the clip cannot stay open for ever, but not towards MinVotes or
// MinRejects.
func Decide(p *Policy, version int64, language Language, votes []Vote) Explanation {
	e := Explanation{
		Engine: Engine, PolicyVersion: version,
		Prior: p.Prior(language.Language), AcceptAt: p.AcceptanceAt(language.Language), RejectAt: p.RejectAt,
		MinVotes: p.MinVotes, MaxVotes: p.MaxVotes, MinRejects: p.MinRejects,
		Votes: make([]ExplainedVote, len(votes)),
	}
	if language.Calibration != (Calibration{}) {
		e.Calibration = &language.Calibration
	}
	for i, v := range votes {
		rates := p.Rates(v.Skill)
		e.Votes[i] = ExplainedVote{
			ID: v.ID, Validator: v.Validator, Choice: v.Choice, Reason: v.Reason,
			Sensitivity: rates.Sensitivity, Specificity: rates.Specificity, Unweighed: p.Unweighed(language.Language, v.Skill),
		}
		if v.Related {
			e.Votes[i].Unweighed = crowd.Related
		}
	}
	slices.SortFunc(e.Votes, func(a, b ExplainedVote) int { return strings.Compare(a.ID, b.ID) })
	e.reckon()
	return e
}

// TimedOut turns a clip that is still in doubt over to the experts because
// nobody is left who could vote on it.
func (e Explanation) TimedOut() Explanation {
	e.Reason = ByTimeout
	e.reckon()
	return e
}

// Expert puts an expert's word in the place of what the votes come to. What they
// come to stays in the explanation. The outcome is Approved or Rejected; reason
// is that of a rejection.
func (e Explanation) Expert(outcome Outcome, reason Reason) Explanation {
	e.Outcome, e.Reason, e.RejectReason = outcome, ByExpert, reason
	e.reckon()
	return e
}

// reckon fills in everything that follows from the inputs: prior, thresholds,
// minima and the votes; and from the reason and outcome where an expert or the
// time has decided.
func (e *Explanation) reckon() {
	bar := crowd.Bar{
		Prior: crowd.Logit(e.Prior), Accept: crowd.Logit(e.AcceptAt), Reject: -crowd.Logit(e.RejectAt),
		MinVotes: e.MinVotes, MaxVotes: e.MaxVotes, MinRejects: e.MinRejects,
	}
	e.PriorLogOdds, e.AcceptLogOdds, e.RejectLogOdds = bar.Prior.Nats(), bar.Accept.Nats(), bar.Reject.Nats()
	ballots, sum := make([]crowd.Ballot, len(e.Votes)), bar.Prior
	for i := range e.Votes {
		v := &e.Votes[i]
		ballots[i].Approve = v.Choice == Approve
		if v.Unweighed == "" {
			ballots[i].Weight = crowd.Rates{Sensitivity: v.Sensitivity, Specificity: v.Specificity}.Weights().Of(v.Choice == Approve)
		}
		sum += ballots[i].Weight
		v.Weight, v.LogOdds = ballots[i].Weight.Nats(), sum.Nats()
	}
	decision := bar.Judge(ballots)
	e.LogOdds, e.Posterior = decision.LogOdds.Nats(), nominal(decision.LogOdds)
	switch {
	case e.Reason == ByExpert:
	case decision.Outcome == crowd.Accepted:
		e.Outcome, e.Reason, e.RejectReason = Approved, ByAcceptance, ""
	case decision.Outcome == crowd.Rejected:
		e.Outcome, e.Reason, e.RejectReason = Rejected, ByRejection, plurality(e.Votes)
	case e.Reason == ByTimeout:
		e.Outcome, e.RejectReason = Escalated, ""
	case decision.Outcome == crowd.Escalated:
		e.Outcome, e.Reason, e.RejectReason = Escalated, ByMaxVotes, ""
	default:
		e.Outcome, e.Reason, e.RejectReason = Undecided, ByNothingYet, ""
	}
	e.CalibratedError = 0
	if e.Calibration != nil {
		e.CalibratedError = e.Calibration.Error(e.Outcome, e.Prior)
	}
}

// nominal is P(good) to nine decimals, never quite 0 or 1.
func nominal(l crowd.LogOdds) float64 {
	const decimals = 1e9
	return min(max(math.Round(l.Probability()*decimals), 1), decimals-1) / decimals
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

// Lesson is what the decision teaches about one of its voters: exactly, when an
// expert decided, else by what the other votes say. It is false for a clip in
// doubt, which teaches nothing.
func (e Explanation) Lesson(v ExplainedVote) (crowd.Event, bool) {
	approve := v.Choice == Approve
	if e.Reason == ByExpert {
		return crowd.Exactly(crowd.FromExpert, e.Outcome.Label(), approve), true
	}
	return crowd.FromDecision(e.decision(), crowd.Ballot{Approve: approve, Weight: crowd.FromNats(v.Weight)})
}

// Settle adds the decided clip to what is known about its language.
func (e Explanation) Settle(l crowd.Language) crowd.Language {
	if e.Reason == ByExpert {
		return l.SettleExactly(e.Outcome.Label())
	}
	return l.Settle(e.decision())
}

func (e Explanation) decision() crowd.Decision {
	d := crowd.Decision{LogOdds: crowd.FromNats(e.LogOdds)}
	switch e.Outcome {
	case Approved:
		d.Outcome = crowd.Accepted
	case Rejected:
		d.Outcome = crowd.Rejected
	case Escalated:
		d.Outcome = crowd.Escalated
	case Undecided:
	}
	return d
}

// Label is what the outcome says about the clip.
func (o Outcome) Label() crowd.Label {
	switch o {
	case Approved:
		return crowd.Good
	case Rejected:
		return crowd.Bad
	default:
		return crowd.Unknown
	}
}

// Calibration counts what the crowd made of controls, whose truth is known.
type Calibration struct {
	GoodApproved int64 `json:"good_approved"`
	GoodRejected int64 `json:"good_rejected"`
	BadApproved  int64 `json:"bad_approved"`
	BadRejected  int64 `json:"bad_rejected"`
}

// Controls is how many were decided by the crowd.
func (c Calibration) Controls() int64 {
	return c.GoodApproved + c.GoodRejected + c.BadApproved + c.BadRejected
}

// leastControls of each label, before anything is said about real errors.
const leastControls = 20

// Error is the share of verdicts with this outcome that are wrong, as far as the
// controls tell, for a share of good clips; 0 while they tell too little. The
// nominal error of the model is smaller: on public data it was half to a third.
func (c Calibration) Error(outcome Outcome, good float64) float64 {
	goods, bads := float64(c.GoodApproved+c.GoodRejected), float64(c.BadApproved+c.BadRejected)
	if goods < leastControls || bads < leastControls {
		return 0
	}
	// Rates by Jeffreys' prior, so that no error is ever taken for impossible.
	rate := func(n int64, of float64) float64 { return (float64(n) + 0.5) / (of + 1) }
	var right, wrong float64
	switch outcome {
	case Approved:
		right, wrong = good*rate(c.GoodApproved, goods), (1-good)*rate(c.BadApproved, bads)
	case Rejected:
		right, wrong = (1-good)*rate(c.BadRejected, bads), good*rate(c.GoodRejected, goods)
	default:
		return 0
	}
	return math.Round(1e9*wrong/(right+wrong)) / 1e9
}
