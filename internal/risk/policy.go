package risk

import (
	"time"

	"github.com/lingualink/lingualink/internal/policy"
)

// Weight is what signals of a kind are worth: points for each of the count, up
// to most points.
type Weight struct {
	Points int64 `json:"points"`
	Most   int64 `json:"most"`
}

// points of a count; it neither wraps nor falls as the count grows.
func (w Weight) points(count int64) int64 {
	if count < 1 || w.Points < 1 || w.Most < 1 {
		return 0
	}
	if count > w.Most/w.Points {
		return w.Most
	}
	return count * w.Points
}

// Policy holds the values of the subject "risk".
type Policy struct {
	Watch         int64 `json:"watch"`         // score of two people from which a person looks
	Freeze        int64 `json:"freeze"`        // score from which their money waits for a person
	Circumstances int64 `json:"circumstances"` // most that referral, burst and address add together

	PayoutAccount Weight `json:"payout_account"`
	Device        Weight `json:"device"`
	HolderName    Weight `json:"holder_name"`
	MutualVoting  Weight `json:"mutual_voting"`
	Refund        Weight `json:"refund"`
	CodeSwap      Weight `json:"code_swap"`
	ClaimRace     Weight `json:"claim_race"`
	Referral      Weight `json:"referral"`
	SignupBurst   Weight `json:"signup_burst"`
	IP            Weight `json:"ip"`

	MutualFrom    int64 `json:"mutual_from"`    // standard deviations from which mutual voting is a signal
	BurstPeople   int64 `json:"burst_people"`   // sign-ups from one address from which there is a burst,
	BurstMinutes  int64 `json:"burst_minutes"`  // in so many minutes
	RaceSeconds   int64 `json:"race_seconds"`   // claims of one thing within so many seconds race
	NewMuleDays   int64 `json:"new_mule_days"`  // how young an account of HolderName is
	SignalDays    int64 `json:"signal_days"`    // older signals are not asked about, but those of devices and accounts
	DecisionHours int64 `json:"decision_hours"` // in which a person decides about a freeze
}

// DefaultPolicy freezes for one shared payout account or device, or for arranged
// votes that come with something else; it watches the rest.
func DefaultPolicy() Policy {
	return Policy{
		Watch: 4_000, Freeze: 8_000, Circumstances: 3_000,
		PayoutAccount: Weight{10_000, 10_000},
		Device:        Weight{8_000, 10_000},
		HolderName:    Weight{5_000, 6_500},
		MutualVoting:  Weight{1_200, 6_000},
		Refund:        Weight{4_500, 9_000},
		CodeSwap:      Weight{2_000, 4_000},
		ClaimRace:     Weight{1_500, 3_000},
		Referral:      Weight{2_000, 2_000},
		SignupBurst:   Weight{100, 2_000},
		IP:            Weight{500, 2_000},
		MutualFrom:    4, BurstPeople: 5, BurstMinutes: 60, RaceSeconds: 10, NewMuleDays: 30, SignalDays: 90, DecisionHours: 7 * 24,
	}
}

// ParsePolicy lays a stored JSON object over the defaults. What does not fit is
// fault.PolicyInvalid.
func ParsePolicy(values []byte) (Policy, error) {
	return policy.Merge(DefaultPolicy(), values)
}

// Validate returns fault.PolicyInvalid on the first value out of range.
func (p Policy) Validate() error {
	ranges := []policy.Range{
		{Name: "watch", Value: p.Watch, Least: 1, Most: p.Freeze},
		{Name: "freeze", Value: p.Freeze, Least: 1, Most: Most},
		{Name: "circumstances", Value: p.Circumstances, Least: 0, Most: p.Freeze - 1}, // alone they never suffice
		{Name: "mutual_from", Value: p.MutualFrom, Least: 2, Most: 100},
		{Name: "burst_people", Value: p.BurstPeople, Least: 2, Most: 10_000},
		{Name: "burst_minutes", Value: p.BurstMinutes, Least: 1, Most: 7 * 24 * 60},
		{Name: "race_seconds", Value: p.RaceSeconds, Least: 1, Most: 3_600},
		{Name: "new_mule_days", Value: p.NewMuleDays, Least: 1, Most: 365},
		{Name: "signal_days", Value: p.SignalDays, Least: 1, Most: 10 * 365},
		{Name: "decision_hours", Value: p.DecisionHours, Least: 1, Most: 365 * 24},
	}
	for _, kind := range kinds {
		w := p.weight(kind)
		ranges = append(ranges,
			policy.Range{Name: string(kind) + ".points", Value: w.Points, Least: 0, Most: w.Most},
			policy.Range{Name: string(kind) + ".most", Value: w.Most, Least: 0, Most: Most})
	}
	return policy.InRanges(ranges...)
}

func (p Policy) weight(kind Kind) Weight {
	switch kind {
	case PayoutAccount:
		return p.PayoutAccount
	case Device:
		return p.Device
	case HolderName:
		return p.HolderName
	case MutualVoting:
		return p.MutualVoting
	case Refund:
		return p.Refund
	case CodeSwap:
		return p.CodeSwap
	case ClaimRace:
		return p.ClaimRace
	case Referral:
		return p.Referral
	case SignupBurst:
		return p.SignupBurst
	case IP:
		return p.IP
	default:
		return Weight{}
	}
}

// DecideBy is until when a person decides about a freeze.
func (p Policy) DecideBy(frozen time.Time) time.Time {
	return frozen.Add(time.Duration(p.DecisionHours) * time.Hour)
}

// Burst is the count of a [SignupBurst] signal for so many sign-ups from one
// address within BurstMinutes; 0 when that is nothing.
func (p Policy) Burst(people int64) int64 {
	if people < p.BurstPeople {
		return 0
	}
	return people
}

// Mutual is the count of a [MutualVoting] signal for votes that lie so many
// standard deviations beyond chance, as package collusion reckons them; 0 when
// that is nothing.
func (p Policy) Mutual(z float64) int64 {
	if !(z >= float64(p.MutualFrom)) { // also for no number at all
		return 0
	}
	return int64(min(z, Most))
}
