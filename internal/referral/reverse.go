package referral

import "github.com/lingualink/lingualink/internal/rewards"

// Posted is a bonus or commission as the ledger has it.
type Posted struct {
	Key         string // [BonusKey] or [CommissionKey]
	Rule        rewards.Rule
	Subject     string // [BonusSubject] of a bonus, the reward's transaction of a commission
	AmountMinor int64
	Reversed    bool
}

// Cause is why something that was earned is taken back.
type Cause struct {
	Kind    CauseKind
	Subject string // of the first two kinds, as in [Posted]
}

// CauseKind is a kind of cause.
type CauseKind string

// The causes.
const (
	RewardReversed      CauseKind = "reward_reversed"      // the commission on that reward goes
	ActivationWithdrawn CauseKind = "activation_withdrawn" // the bonus of that round goes; commission on rewards that stand stays
	FraudConfirmed      CauseKind = "fraud"                // all of it goes
	Duplicate           CauseKind = "duplicate"            // the person had an account already: all of it goes
)

// Reverse returns what is to be taken back for a cause, of all that was posted
// for one referral, in the order given. What was taken back before is not there:
// the same cause again returns nothing once it was carried out.
func Reverse(c Cause, posted []Posted) []Posted {
	var taken []Posted
	for _, p := range posted {
		if !p.Reversed && p.AmountMinor > 0 && c.hits(p) {
			taken = append(taken, p)
		}
	}
	return taken
}

func (c Cause) hits(p Posted) bool {
	switch c.Kind {
	case RewardReversed:
		return p.Rule == Commission && p.Subject == c.Subject
	case ActivationWithdrawn:
		return p.Rule == Bonus && p.Subject == c.Subject
	case FraudConfirmed, Duplicate:
		return true
	default:
		return false
	}
}
