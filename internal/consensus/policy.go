package consensus

import (
	"fmt"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/policy"
)

// The two ways in which a validator comes to a clip.
const (
	AssignmentRequired = "required" // the server hands out the next clip, under a lease
	AssignmentOpen     = "open"     // any pending clip may be voted on
)

// mostVotes bounds MaxVotes: beyond it a clip belongs before a moderator.
const mostVotes = 15

// Policy holds the numbers of the subject "consensus".
type Policy struct {
	Assignment string `json:"assignment"` // AssignmentRequired or AssignmentOpen
	LeaseS     int64  `json:"lease_s"`    // seconds that an assignment is kept for its validator
	CooldownS  int64  `json:"cooldown_s"` // seconds between two votes of a person, 0 = none
	DailyCap   int64  `json:"daily_cap"`  // rewarded votes per person and UTC day, 0 = no cap
	// MinListen is the share of the clip's duration that must have passed since
	// the assignment, 0 to 1.
	MinListen    float64 `json:"min_listen"`
	VotesPerHour int64   `json:"votes_per_hour"` // votes per person and hour, 0 = no limit

	Sensitivity float64 `json:"sensitivity"` // P(approve | good clip) of every validator
	Specificity float64 `json:"specificity"` // P(reject | bad clip) of every validator
	Prior       float64 `json:"prior"`       // P(good) before any vote
	AcceptAt    float64 `json:"accept_at"`   // P(good) that approves
	RejectAt    float64 `json:"reject_at"`   // P(bad) that rejects
	MinVotes    int     `json:"min_votes"`   // weighing votes before any verdict
	MaxVotes    int     `json:"max_votes"`   // votes at which a clip in doubt escalates
	MinRejects  int     `json:"min_rejects"` // weighing rejections before a rejection
}

// DefaultPolicy needs three equal votes for a verdict: two approvals reach a
// posterior of 0.981 of the 0.99 asked, two rejections 0.934 of 0.97.
func DefaultPolicy() Policy {
	return Policy{
		Assignment: AssignmentRequired, LeaseS: 600, CooldownS: 1, DailyCap: 300, VotesPerHour: 600,
		Sensitivity: 0.90, Specificity: 0.75, Prior: 0.80, AcceptAt: 0.99, RejectAt: 0.97,
		MinVotes: 2, MaxVotes: 7, MinRejects: 2,
	}
}

// ParsePolicy lays a stored JSON object over the defaults. What does not fit is
// fault.PolicyInvalid.
func ParsePolicy(values []byte) (Policy, error) {
	return policy.Merge(DefaultPolicy(), values)
}

// Validate returns fault.PolicyInvalid on the first value out of range, and for
// numbers that do not make sense together.
func (p Policy) Validate() error {
	for _, check := range []func() error{p.checkAdmission, p.checkReliability, p.checkDecision, p.checkReach} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (p Policy) checkAdmission() error {
	const day, plenty = 24 * 60 * 60, 1_000_000
	switch {
	case p.Assignment != AssignmentRequired && p.Assignment != AssignmentOpen:
		return invalid("assignment", "assignment is required or open.")
	case p.LeaseS < 1 || p.LeaseS > day:
		return invalid("lease_s", "lease_s is 1 to %d seconds.", day)
	case p.CooldownS < 0 || p.CooldownS > day:
		return invalid("cooldown_s", "cooldown_s is 0 to %d seconds.", day)
	case p.DailyCap < 0 || p.DailyCap > plenty:
		return invalid("daily_cap", "daily_cap is 0 to %d votes; 0 is no cap.", plenty)
	case p.VotesPerHour < 0 || p.VotesPerHour > plenty:
		return invalid("votes_per_hour", "votes_per_hour is 0 to %d; 0 is no limit.", plenty)
	case !(p.MinListen >= 0 && p.MinListen <= 1):
		return invalid("min_listen", "min_listen is a share, 0 to 1.")
	case p.MinListen > 0 && p.Assignment == AssignmentOpen:
		// Listening is timed from the assignment, so without one nothing is.
		return invalid("min_listen", "min_listen needs assignment to be required.")
	}
	return nil
}

func (p Policy) checkReliability() error {
	switch {
	case reliability(p.Sensitivity) != p.Sensitivity:
		return invalid("sensitivity", "sensitivity is %v to %v.", leastReliable, mostReliable)
	case reliability(p.Specificity) != p.Specificity:
		return invalid("specificity", "specificity is %v to %v.", leastReliable, mostReliable)
	case p.Sensitivity+p.Specificity <= 1:
		return invalid("specificity", "sensitivity and specificity must be more than 1 together: at 1 a vote tells nothing.")
	}
	return nil
}

// checkDecision covers what a stored explanation repeats of its policy.
func (p Policy) checkDecision() error {
	switch {
	case !(p.Prior > 0 && p.Prior < 1):
		return invalid("prior", "prior lies between 0 and 1.")
	case !(p.AcceptAt > 0.5 && p.AcceptAt < 1):
		return invalid("accept_at", "accept_at lies between 0.5 and 1.")
	case !(p.RejectAt > 0.5 && p.RejectAt < 1):
		return invalid("reject_at", "reject_at lies between 0.5 and 1.")
	case p.Prior >= p.AcceptAt || 1-p.Prior >= p.RejectAt:
		return invalid("prior", "prior must be in doubt: below accept_at, and 1 - prior below reject_at.")
	case p.MinVotes < 1 || p.MinVotes > mostVotes:
		return invalid("min_votes", "min_votes is 1 to %d.", mostVotes)
	case p.MaxVotes < p.MinVotes || p.MaxVotes > mostVotes:
		return invalid("max_votes", "max_votes is min_votes to %d.", mostVotes)
	case p.MinRejects < 1 || p.MinRejects > p.MaxVotes:
		return invalid("min_rejects", "min_rejects is 1 to max_votes.")
	}
	return nil
}

// checkReach refuses a policy under which even votes of one mind escalate.
func (p Policy) checkReach() error {
	n := logOdds(p.MaxVotes)
	switch {
	case logit(p.Prior)+n*weight(Approve, p.Sensitivity, p.Specificity) < logit(p.AcceptAt):
		return invalid("accept_at", "accept_at is out of reach: %d approvals do not get there.", p.MaxVotes)
	case logit(p.Prior)+n*weight(Reject, p.Sensitivity, p.Specificity) > -logit(p.RejectAt):
		return invalid("reject_at", "reject_at is out of reach: %d rejections do not get there.", p.MaxVotes)
	}
	return nil
}

func invalid(name, format string, args ...any) error {
	return fault.PolicyInvalid.On(name).Saying(fmt.Sprintf(format, args...))
}
