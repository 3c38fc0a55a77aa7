package payout

import (
	"time"

	"github.com/lingualink/lingualink/internal/money"
)

// Usage is what a user asked for before, in one currency. The caller reads it in
// the transaction that stores the new request, or two of them could both pass.
type Usage struct {
	LastRequest time.Time // zero: never
	DayMinor    int64     // of the last 24 hours, without what was given back
	Open        bool      // a payout that is neither paid nor released
}

// Limit names the limit that a request or a send does not keep.
type Limit string

// The limits.
const (
	WithinLimits Limit = ""
	LimitUnknown Limit = "currency" // no payouts in it
	LimitMinimum Limit = "minimum"
	LimitOpen    Limit = "open_payout" // one at a time
	LimitGap     Limit = "request_gap"
	LimitDay     Limit = "day_limit"
	CeilingHour  Limit = "hour_ceiling"
	CeilingDay   Limit = "day_ceiling"
)

// Admit tells whether a user may ask for an amount, or the first limit against it.
func (p Policy) Admit(c money.Currency, amountMinor int64, used Usage, now time.Time) Limit {
	limits, known := p.Limits(c)
	switch {
	case !known:
		return LimitUnknown
	case amountMinor < limits.MinimumMinor:
		return LimitMinimum
	case used.Open:
		return LimitOpen
	case !used.LastRequest.IsZero() && now.Before(used.LastRequest.Add(p.RequestGap())):
		return LimitGap
	case amountMinor > limits.DayLimitMinor-max(used.DayMinor, 0):
		return LimitDay
	}
	return WithinLimits
}

// Ceiling tells whether an amount may be sent beside what was sent of its
// currency in the last hour and 24 hours; a reached ceiling pauses the currency.
func (p Policy) Ceiling(c money.Currency, amountMinor, hourMinor, dayMinor int64) Limit {
	limits, known := p.Limits(c)
	switch {
	case !known:
		return LimitUnknown
	case amountMinor > limits.HourCeilingMinor-max(hourMinor, 0):
		return CeilingHour
	case amountMinor > limits.DayCeilingMinor-max(dayMinor, 0):
		return CeilingDay
	}
	return WithinLimits
}
