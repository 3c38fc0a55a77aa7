package payout

import (
	"fmt"
	"time"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/policy"
)

// Limits are the limits of one currency, in its minor units.
type Limits struct {
	MinimumMinor     int64 `json:"minimum_minor"`      // least amount of a payout
	AutoLimitMinor   int64 `json:"auto_limit_minor"`   // clean ones up to this need no approver
	HighLimitMinor   int64 `json:"high_limit_minor"`   // above this two people approve
	DayLimitMinor    int64 `json:"day_limit_minor"`    // per user in 24 hours
	HourCeilingMinor int64 `json:"hour_ceiling_minor"` // of all sends in an hour
	DayCeilingMinor  int64 `json:"day_ceiling_minor"`  // of all sends in 24 hours: the worst loss of a day
}

// Policy holds the values of the subject "payouts". Only businesses in Nigeria,
// Ghana, Kenya and South Africa can transfer (Paystack's help page of
// transfers), so other currencies have no limits and no payouts.
type Policy struct {
	Enabled         bool   `json:"enabled"`           // the kill switch: off stops sending and nothing else
	CoolOffHours    int64  `json:"cool_off_hours"`    // no sending for so long after a change of account
	RequestHours    int64  `json:"request_hours"`     // between two requests of a user
	NotFoundMinutes int64  `json:"not_found_minutes"` // "not found" proves nothing before
	OTPMinutes      int64  `json:"otp_minutes"`       // Paystack abandons after 30
	PendingHours    int64  `json:"pending_hours"`     // then people look
	SilentHours     int64  `json:"silent_hours"`      // verify without an answer, then people look
	MostSends       int64  `json:"most_sends"`        // of one reference, without an answer
	NGN             Limits `json:"NGN"`
	GHS             Limits `json:"GHS"`
	KES             Limits `json:"KES"`
	ZAR             Limits `json:"ZAR"`
}

// DefaultPolicy is off, approves small clean payouts alone and wants two people
// from about a hundred dollars.
func DefaultPolicy() Policy {
	// amounts in major units; the minor unit of all four is a hundredth
	limits := func(minimum, auto, high, day, hourCeiling, dayCeiling int64) Limits {
		return Limits{minimum * 100, auto * 100, high * 100, day * 100, hourCeiling * 100, dayCeiling * 100}
	}
	return Policy{
		CoolOffHours: 72, RequestHours: 24, NotFoundMinutes: 10, OTPMinutes: 30, PendingHours: 72, SilentHours: 24, MostSends: 5,
		NGN: limits(1_000, 20_000, 150_000, 300_000, 1_000_000, 5_000_000),
		GHS: limits(10, 150, 1_200, 2_400, 8_000, 40_000),
		KES: limits(100, 1_500, 13_000, 26_000, 90_000, 450_000),
		ZAR: limits(20, 250, 1_800, 3_600, 12_000, 60_000),
	}
}

// ParsePolicy lays a stored JSON object over the defaults. What does not fit is
// fault.PolicyInvalid.
func ParsePolicy(values []byte) (Policy, error) {
	return policy.Merge(DefaultPolicy(), values)
}

// Validate returns fault.PolicyInvalid on the first value out of range.
func (p Policy) Validate() error {
	const year = 365 * 24
	if err := inRanges([]valueRange{
		{"cool_off_hours", p.CoolOffHours, 0, year},
		{"request_hours", p.RequestHours, 0, year},
		{"not_found_minutes", p.NotFoundMinutes, 10, 24 * 60}, // sooner the transfer may not be created yet
		{"otp_minutes", p.OTPMinutes, 1, 24 * 60},
		{"pending_hours", p.PendingHours, 1, year},
		{"silent_hours", p.SilentHours, 1, year},
		{"most_sends", p.MostSends, 1, 100},
	}); err != nil {
		return err
	}
	for _, currency := range money.Currencies() {
		l, known := p.Limits(currency)
		if !known {
			continue
		}
		at := func(name string) string { return string(currency) + "." + name }
		if err := inRanges([]valueRange{
			{at("minimum_minor"), l.MinimumMinor, 1, money.MaxMinor},
			{at("auto_limit_minor"), l.AutoLimitMinor, 0, l.HighLimitMinor}, // 0: nothing without a person
			{at("high_limit_minor"), l.HighLimitMinor, 0, money.MaxMinor},
			{at("day_limit_minor"), l.DayLimitMinor, l.MinimumMinor, money.MaxMinor},
			{at("hour_ceiling_minor"), l.HourCeilingMinor, l.MinimumMinor, l.DayCeilingMinor},
			{at("day_ceiling_minor"), l.DayCeilingMinor, l.MinimumMinor, money.MaxMinor},
		}); err != nil {
			return err
		}
	}
	return nil
}

type valueRange struct {
	name                 string
	value, least, utmost int64
}

func inRanges(ranges []valueRange) error {
	for _, v := range ranges {
		if v.value < v.least || v.value > v.utmost {
			return fault.PolicyInvalid.On(v.name).Saying(fmt.Sprintf("%s is %d to %d.", v.name, v.least, v.utmost))
		}
	}
	return nil
}

// Limits returns the limits of a currency, or false if there are no payouts in it.
func (p Policy) Limits(c money.Currency) (Limits, bool) {
	switch c {
	case money.NGN:
		return p.NGN, true
	case money.GHS:
		return p.GHS, true
	case money.KES:
		return p.KES, true
	case money.ZAR:
		return p.ZAR, true
	default:
		return Limits{}, false
	}
}

// CoolOff is the wait from a change of account until a send.
func (p Policy) CoolOff() time.Duration { return time.Duration(p.CoolOffHours) * time.Hour }

// RequestGap is the wait from one request of a user to the next.
func (p Policy) RequestGap() time.Duration { return time.Duration(p.RequestHours) * time.Hour }

// NotFoundAge is how old a send must be for "not found" to allow another.
func (p Policy) NotFoundAge() time.Duration { return time.Duration(p.NotFoundMinutes) * time.Minute }

// OTPAge is how long a transfer may ask for an OTP before people look.
func (p Policy) OTPAge() time.Duration { return time.Duration(p.OTPMinutes) * time.Minute }

// PendingAge is how long a transfer may be pending before people look.
func (p Policy) PendingAge() time.Duration { return time.Duration(p.PendingHours) * time.Hour }

// SilentAge is how long verify may not answer for a send before people look.
func (p Policy) SilentAge() time.Duration { return time.Duration(p.SilentHours) * time.Hour }
