package referral

import (
	"time"

	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/policy"
)

// Amounts are minor units by currency. 0 pays nothing in that currency.
type Amounts struct {
	NGN int64 `json:"NGN"`
	GHS int64 `json:"GHS"`
	KES int64 `json:"KES"`
	ZAR int64 `json:"ZAR"`
	USD int64 `json:"USD"`
	XOF int64 `json:"XOF"`
}

// Of returns the amount of a currency; 0 for one that it does not name.
func (a Amounts) Of(c money.Currency) int64 {
	switch c {
	case money.NGN:
		return a.NGN
	case money.GHS:
		return a.GHS
	case money.KES:
		return a.KES
	case money.ZAR:
		return a.ZAR
	case money.USD:
		return a.USD
	case money.XOF:
		return a.XOF
	default:
		return 0
	}
}

// Policy holds the values of the subject "referrals". Rates are in basis points:
// 10,000 is the whole.
type Policy struct {
	CodeChangeDays  int64 `json:"code_change_days"` // between two changes of a chosen code
	AttributionDays int64 `json:"attribution_days"` // from sign-up until a code comes too late

	ActivationClips      int64 `json:"activation_clips"`       // approved clips, or
	ActivationVotes      int64 `json:"activation_votes"`       // votes that agree with the verdict,
	ActivationDays       int64 `json:"activation_days"`        // on so many days (UTC)
	ActivationWindowDays int64 `json:"activation_window_days"` // in so many days from sign-up
	OutsideVoters        int64 `json:"outside_voters"`         // agreeing voters outside the referrer's cluster, per clip

	BonusMinor      Amounts `json:"bonus_minor"` // for one activation, before the tier
	BonusesPerDay   int64   `json:"bonuses_per_day"`
	BonusesPerMonth int64   `json:"bonuses_per_month"`

	CommissionBps     int64 `json:"commission_bps"`     // of rewards that are released to the referred person
	CommissionDays    int64 `json:"commission_days"`    // from activation
	CommissionBonuses int64 `json:"commission_bonuses"` // all commission for one person is at most so many bonuses

	HoldHours int64 `json:"hold_hours"` // from bonus or commission until it may be paid out

	RetentionDays int64 `json:"retention_days"` // an activation counts for the tier after so many days
	BronzeFrom    int64 `json:"bronze_from"`    // activations that still count
	SilverFrom    int64 `json:"silver_from"`
	GoldFrom      int64 `json:"gold_from"`
	BronzeBps     int64 `json:"bronze_bps"` // multiplies the bonus
	SilverBps     int64 `json:"silver_bps"`
	GoldBps       int64 `json:"gold_bps"`
}

// DefaultPolicy pays about half a dollar for an activation, which is what five
// approved clips bring in Nigeria, and 5 % of what the person earns for 90 days.
func DefaultPolicy() Policy {
	return Policy{
		CodeChangeDays: 90, AttributionDays: 7,
		ActivationClips: 3, ActivationVotes: 20, ActivationDays: 3, ActivationWindowDays: 30, OutsideVoters: 2,
		BonusMinor:    Amounts{NGN: 75_000, GHS: 600, KES: 6_000, ZAR: 900, USD: 50, XOF: 300},
		BonusesPerDay: 5, BonusesPerMonth: 30,
		CommissionBps: 500, CommissionDays: 90, CommissionBonuses: 10,
		HoldHours:     14 * 24,
		RetentionDays: 30, BronzeFrom: 5, SilverFrom: 20, GoldFrom: 50,
		BronzeBps: 10_500, SilverBps: 11_000, GoldBps: 12_500,
	}
}

// ParsePolicy lays a stored JSON object over the defaults. What does not fit is
// fault.PolicyInvalid.
func ParsePolicy(values []byte) (Policy, error) {
	return policy.Merge(DefaultPolicy(), values)
}

// Validate returns fault.PolicyInvalid on the first value out of range.
func (p Policy) Validate() error {
	const (
		years   = 10 * 365
		many    = 1_000_000
		tenfold = 10 * money.Unit
		largest = money.MaxMinor / 1_000 // times tier or commission_bonuses still an amount
	)
	ranges := []policy.Range{
		{Name: "code_change_days", Value: p.CodeChangeDays, Least: 0, Most: years},
		{Name: "attribution_days", Value: p.AttributionDays, Least: 0, Most: 90},
		{Name: "activation_clips", Value: p.ActivationClips, Least: 1, Most: 100}, // at 0 a sign-up alone would pay
		{Name: "activation_votes", Value: p.ActivationVotes, Least: 1, Most: 500},
		{Name: "activation_window_days", Value: p.ActivationWindowDays, Least: 1, Most: 90},
		{Name: "activation_days", Value: p.ActivationDays, Least: 1, Most: p.ActivationWindowDays},
		{Name: "outside_voters", Value: p.OutsideVoters, Least: 1, Most: 20}, // at 0 a ring would judge itself
		{Name: "bonuses_per_day", Value: p.BonusesPerDay, Least: 0, Most: p.BonusesPerMonth},
		{Name: "bonuses_per_month", Value: p.BonusesPerMonth, Least: 0, Most: many},
		{Name: "commission_bps", Value: p.CommissionBps, Least: 0, Most: money.Unit / 2},
		{Name: "commission_days", Value: p.CommissionDays, Least: 0, Most: years},
		{Name: "commission_bonuses", Value: p.CommissionBonuses, Least: 0, Most: 1_000},
		{Name: "hold_hours", Value: p.HoldHours, Least: 0, Most: 365 * 24},
		{Name: "retention_days", Value: p.RetentionDays, Least: 1, Most: 365},
		{Name: "bronze_from", Value: p.BronzeFrom, Least: 1, Most: p.SilverFrom},
		{Name: "silver_from", Value: p.SilverFrom, Least: 1, Most: p.GoldFrom},
		{Name: "gold_from", Value: p.GoldFrom, Least: 1, Most: many},
		{Name: "bronze_bps", Value: p.BronzeBps, Least: money.Unit, Most: p.SilverBps}, // a tier never pays less than none
		{Name: "silver_bps", Value: p.SilverBps, Least: money.Unit, Most: p.GoldBps},
		{Name: "gold_bps", Value: p.GoldBps, Least: money.Unit, Most: tenfold},
	}
	for _, c := range money.Currencies() {
		ranges = append(ranges, policy.Range{Name: "bonus_minor." + string(c), Value: p.BonusMinor.Of(c), Least: 0, Most: largest})
	}
	return policy.InRanges(ranges...)
}

// Hold is the time from a bonus or commission until it becomes available.
func (p Policy) Hold() time.Duration { return time.Duration(p.HoldHours) * time.Hour }

// NextCodeChange is when a person who last changed the code then may change it again.
func (p Policy) NextCodeChange(last time.Time) time.Time { return last.Add(days(p.CodeChangeDays)) }

// AttributionEnds is when a code comes too late for somebody who signed up then.
func (p Policy) AttributionEnds(signedUp time.Time) time.Time {
	return signedUp.Add(days(p.AttributionDays))
}

// CommissionEnds is when rewards of somebody activated then bring no more commission.
func (p Policy) CommissionEnds(activated time.Time) time.Time {
	return activated.Add(days(p.CommissionDays))
}

func days(n int64) time.Duration { return time.Duration(n) * 24 * time.Hour }
