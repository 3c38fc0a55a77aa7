package crowd

// Language is what is known about a language as a whole.
type Language struct {
	Good        Mass `json:"good"`         // of the settled clips, those that are good
	Settled     Mass `json:"settled"`      // clips settled by verdict, expert or re-estimate
	GoldClips   int  `json:"gold_clips"`   // active gold clips
	GoldAnswers int  `json:"gold_answers"` // answers given on gold clips, by anybody
}

// Share is the share of good clips that a language is known to have:
// (PriorGood + good) / (PriorGood + PriorBad + settled).
func (p *Policy) Share(l Language) float64 {
	return (p.PriorGood + l.Good.Answers()) / (p.PriorGood + p.PriorBad + l.Settled.Answers())
}

// Prior is P(good) of a clip before its votes: the share, brought into PriorFloor
// to PriorCap. The cap keeps a high share of good clips from outweighing the
// rejections of a bad one.
func (p *Policy) Prior(l Language) float64 {
	return clip(p.Share(l), p.PriorFloor, p.PriorCap)
}

// AcceptanceAt is the P(good) that accepts: stricter while the language has
// little gold.
func (p *Policy) AcceptanceAt(l Language) float64 {
	if l.GoldAnswers < p.AcceptAnswers {
		return max(p.AcceptAt, p.AcceptAtFirst)
	}
	return p.AcceptAt
}

// Ballot is one vote: what was said, and by whom.
type Ballot struct {
	Approve bool
	Skill   Skill
	Weight  LogOdds // filled in by [Decide]; 0: not counted
}

// Outcome is what the votes on a clip come to.
type Outcome uint8

// The outcomes. Undecided means that the clip needs another vote.
const (
	Undecided Outcome = iota
	Accepted
	Rejected
	Escalated
)

// Label is what the outcome says about the clip.
func (o Outcome) Label() Label {
	switch o {
	case Accepted:
		return Good
	case Rejected:
		return Bad
	default:
		return Unknown
	}
}

// Decision is an outcome with what it was compared to.
type Decision struct {
	Outcome Outcome
	LogOdds LogOdds // of "good": the prior and the weights
	Prior   LogOdds
	Accept  LogOdds // the threshold that accepts, at least
	Reject  LogOdds // the threshold that rejects, at most
	Counted int     // votes that weighed
	Rejects int     // rejections that weighed
}

// Decide weighs the votes of one clip, at most one per validator, in any order,
// and writes each one's weight into its ballot. It does not allocate.
//
// A vote that weighs nothing counts towards MaxVotes, so that no clip stays open
// for ever, but not towards MinVotes and MinRejects.
func Decide(p *Policy, l Language, ballots []Ballot) Decision {
	for i := range ballots {
		ballots[i].Weight = p.Weigh(l, ballots[i].Skill).Of(ballots[i].Approve)
	}
	return Judge(p, l, ballots)
}

// Judge is [Decide] for ballots whose weights are already filled in.
func Judge(p *Policy, l Language, ballots []Ballot) Decision {
	return p.Bar(l).Judge(ballots)
}

// Bar is what the log odds of a clip are held against.
type Bar struct {
	Prior      LogOdds // of "good", before the votes
	Accept     LogOdds // at least, to accept
	Reject     LogOdds // at most, to reject
	MinVotes   int
	MaxVotes   int // 0: never escalates
	MinRejects int
}

// Bar is that of a language under the policy.
func (p *Policy) Bar(l Language) Bar {
	return Bar{
		Prior: Logit(p.Prior(l)), Accept: Logit(p.AcceptanceAt(l)), Reject: -Logit(p.RejectAt),
		MinVotes: p.MinVotes, MaxVotes: p.MaxVotes, MinRejects: p.MinRejects,
	}
}

// Judge holds ballots whose weights are filled in against the bar.
func (b Bar) Judge(ballots []Ballot) Decision {
	d := Decision{LogOdds: b.Prior, Prior: b.Prior, Accept: b.Accept, Reject: b.Reject}
	for _, ballot := range ballots {
		d.LogOdds += ballot.Weight
		if ballot.Weight != 0 {
			d.Counted++
			if !ballot.Approve {
				d.Rejects++
			}
		}
	}
	switch {
	case d.LogOdds >= b.Accept && d.Counted >= b.MinVotes:
		d.Outcome = Accepted
	case d.LogOdds <= b.Reject && d.Counted >= b.MinVotes && d.Rejects >= b.MinRejects:
		d.Outcome = Rejected
	case b.MaxVotes > 0 && len(ballots) >= b.MaxVotes:
		d.Outcome = Escalated
	}
	return d
}
