package referral

import (
	"time"

	"github.com/lingualink/lingualink/internal/money"
)

// Tier is the rank of a referrer by the people who stayed. It is reckoned once a
// month and multiplies the bonuses that come after, never those before.
type Tier string

// The tiers.
const (
	NoTier Tier = ""
	Bronze Tier = "bronze"
	Silver Tier = "silver"
	Gold   Tier = "gold"
)

// Retention says which activations count at a moment: those that stand, are from
// ActivatedBy or earlier, and whose person did something at ActiveSince or later.
type Retention struct{ ActivatedBy, ActiveSince time.Time }

// Retention returns the two times for a moment.
func (p Policy) Retention(at time.Time) Retention {
	earlier := at.Add(-days(p.RetentionDays))
	return Retention{ActivatedBy: earlier, ActiveSince: earlier}
}

// Counts tells whether an activation counts.
func (r Retention) Counts(active bool, activated, lastSeen time.Time) bool {
	return active && !activated.After(r.ActivatedBy) && !lastSeen.Before(r.ActiveSince)
}

// TierOf is the tier of a referrer with so many activations that count.
func (p Policy) TierOf(retained int64) Tier {
	switch {
	case retained >= p.GoldFrom:
		return Gold
	case retained >= p.SilverFrom:
		return Silver
	case retained >= p.BronzeFrom:
		return Bronze
	}
	return NoTier
}

// TierBps multiplies the bonus, in basis points.
func (p Policy) TierBps(t Tier) int64 {
	switch t {
	case Gold:
		return p.GoldBps
	case Silver:
		return p.SilverBps
	case Bronze:
		return p.BronzeBps
	default:
		return money.Unit
	}
}

// MonthStart is when the tiers of a moment's month take effect: the first of the
// month at 0:00 UTC.
func MonthStart(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}
