package consensus

import "math"

// fixedEngine is the rule before [Engine]: every validator had the same two
// rates. It decides nothing any more; its verdicts still replay.
const fixedEngine = "fixed-1"

// fixedOdds are log odds in billionths of a nat. Their rounding differs from
// that of package crowd in the last place, so they stay.
type fixedOdds int64

func (l fixedOdds) nats() float64 { return float64(l) / 1e9 }

func fixedRatio(a, b float64) fixedOdds { return fixedOdds(math.Round((a - b) * 1e9)) }

func fixedLogit(p float64) fixedOdds { return fixedRatio(math.Log(p), math.Log1p(-p)) }

func (v ExplainedVote) fixedWeight() fixedOdds {
	switch {
	case v.Sensitivity+v.Specificity <= 1:
		return 0
	case v.Choice == Approve:
		return fixedRatio(math.Log(v.Sensitivity), math.Log1p(-v.Specificity))
	default:
		return fixedRatio(math.Log1p(-v.Sensitivity), math.Log(v.Specificity))
	}
}

// reckonFixed is [Explanation.reckon] of the engine before.
func (e *Explanation) reckonFixed() {
	sum, accept, reject := fixedLogit(e.Prior), fixedLogit(e.AcceptAt), -fixedLogit(e.RejectAt)
	e.PriorLogOdds, e.AcceptLogOdds, e.RejectLogOdds = sum.nats(), accept.nats(), reject.nats()
	counted, rejects := 0, 0
	for i := range e.Votes {
		v := &e.Votes[i]
		w := v.fixedWeight()
		sum += w
		v.Weight, v.LogOdds = w.nats(), sum.nats()
		if w != 0 {
			counted++
		}
		if w < 0 {
			rejects++
		}
	}
	e.LogOdds = sum.nats()
	e.Posterior = min(max(math.Round(1e9/(1+math.Exp(-sum.nats()))), 1), 1e9-1) / 1e9
	e.RejectReason = ""
	switch {
	case sum >= accept && counted >= e.MinVotes:
		e.Outcome, e.Reason = Approved, ByAcceptance
	case sum <= reject && counted >= e.MinVotes && rejects >= e.MinRejects:
		e.Outcome, e.Reason, e.RejectReason = Rejected, ByRejection, plurality(e.Votes)
	case len(e.Votes) >= e.MaxVotes:
		e.Outcome, e.Reason = Escalated, ByMaxVotes
	default:
		e.Outcome, e.Reason = Undecided, ByNothingYet
	}
}
