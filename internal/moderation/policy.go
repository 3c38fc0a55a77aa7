package moderation

import (
	"time"

	"github.com/lingualink/lingualink/internal/policy"
)

// PerSeverity is one whole number for each severity.
type PerSeverity struct {
	Low      int64 `json:"low"`
	Medium   int64 `json:"medium"`
	High     int64 `json:"high"`
	Critical int64 `json:"critical"`
}

// Of returns the number of a severity; 0 for none.
func (n PerSeverity) Of(s Severity) int64 {
	switch s {
	case Low:
		return n.Low
	case Medium:
		return n.Medium
	case High:
		return n.High
	case Critical:
		return n.Critical
	default:
		return 0
	}
}

// Severities are how grave each reason is: 1 low, 2 medium, 3 high, 4 critical.
type Severities struct {
	Spam                Severity `json:"spam"`
	Harassment          Severity `json:"harassment"`
	Inappropriate       Severity `json:"inappropriate"`
	Hate                Severity `json:"hate"`
	WrongLanguage       Severity `json:"wrong_language"`
	PersonalInformation Severity `json:"personal_information"`
	Copyright           Severity `json:"copyright"`
	ChildSafety         Severity `json:"child_safety"`
	Other               Severity `json:"other"`
	UnclearAudio        Severity `json:"unclear_audio"`
	DialectDispute      Severity `json:"dialect_dispute"`
}

// Points are the strike points that each action gives, by the severity of what
// was found.
type Points struct {
	Warn         PerSeverity `json:"warn"`
	Hide         PerSeverity `json:"hide"`
	RejectClip   PerSeverity `json:"reject_clip"`
	StripRewards PerSeverity `json:"strip_rewards"`
	EndStream    PerSeverity `json:"end_stream"`
	Suspend      PerSeverity `json:"suspend"`
	Ban          PerSeverity `json:"ban"`
}

// Policy holds the values of the subject "moderation". Shares and weights are
// basis points: 10,000 is one whole report.
type Policy struct {
	Gravity    Severities  `json:"severity"`
	SLAMinutes PerSeverity `json:"sla_minutes"` // from a report until the case is due

	ReportsPerHour  int64 `json:"reports_per_hour"` // by one person
	ReportsPerDay   int64 `json:"reports_per_day"`
	PriorRight      int64 `json:"prior_right"` // a reporter nobody knows counts as this often right
	PriorWrong      int64 `json:"prior_wrong"` // and wrong
	NewDays         int64 `json:"new_days"`    // an account is new for so long
	NewWeightBps    int64 `json:"new_weight_bps"`
	LeastWeightBps  int64 `json:"least_weight_bps"`
	ScreenWeightBps int64 `json:"screen_weight_bps"` // of what the screening of texts reports
	ReliableBps     int64 `json:"reliable_bps"`      // reliability from which reports can hide,
	ReliableRight   int64 `json:"reliable_right"`    // after so many right ones

	HideWeightBps PerSeverity `json:"hide_weight_bps"` // of reliable voices; 0: never
	HideVoices    PerSeverity `json:"hide_voices"`     // at least so many of them
	HideRaiseBps  int64       `json:"hide_raise_bps"`  // added to the weight for each earlier dismissal

	LeaseMinutes    int64 `json:"lease_minutes"`     // of a claim, from the last activity
	HoldMinutes     int64 `json:"hold_minutes"`      // of a claim in all
	HandOverMinutes int64 `json:"hand_over_minutes"` // of a claim that was handed over
	AssignedHours   int64 `json:"assigned_hours"`    // a case escalated to one person waits for them
	MostClaims      int64 `json:"most_claims"`       // held by one person

	Points          Points      `json:"points"`
	StrikeDays      PerSeverity `json:"strike_days"`    // until a strike expires
	WarnPoints      int64       `json:"warn_points"`    // points from which a person is warned,
	SuspendPoints   int64       `json:"suspend_points"` // suspended,
	SuspendDays     int64       `json:"suspend_days"`
	LongPoints      int64       `json:"long_points"` // suspended for long,
	LongDays        int64       `json:"long_days"`
	BanPoints       int64       `json:"ban_points"`        // and banned
	ModeratorDays   int64       `json:"moderator_days"`    // longest suspension by a moderator,
	MostSuspendDays int64       `json:"most_suspend_days"` // and by an admin

	StripByModerators bool `json:"strip_by_moderators"` // else only admins take rewards back

	AppealDays     int64 `json:"appeal_days"`      // in which a decision can be appealed
	AppealDueHours int64 `json:"appeal_due_hours"` // in which an appeal is to be decided
}

// DefaultPolicy hides at the word of three proven reporters, or of two where
// children are concerned, and bans for two of the gravest breaches in a year.
func DefaultPolicy() Policy {
	return Policy{
		Gravity: Severities{
			Spam: Medium, Harassment: High, Inappropriate: Medium, Hate: High, WrongLanguage: Low, PersonalInformation: High,
			Copyright: Medium, ChildSafety: Critical, Other: Low, UnclearAudio: Low, DialectDispute: Low,
		},
		SLAMinutes:     PerSeverity{7 * 24 * 60, 48 * 60, 4 * 60, 60},
		ReportsPerHour: 20, ReportsPerDay: 60, PriorRight: 2, PriorWrong: 2, NewDays: 14,
		NewWeightBps: 2_500, LeastWeightBps: 500, ScreenWeightBps: 5_000, ReliableBps: 6_500, ReliableRight: 3,
		HideWeightBps: PerSeverity{0, 0, 20_000, 13_000}, HideVoices: PerSeverity{0, 0, 3, 2}, HideRaiseBps: 10_000,
		LeaseMinutes: 10, HoldMinutes: 120, HandOverMinutes: 60, AssignedHours: 24, MostClaims: 5,
		Points: Points{
			Warn: PerSeverity{0, 1, 1, 2}, Hide: PerSeverity{0, 1, 2, 4}, RejectClip: PerSeverity{0, 1, 2, 4}, StripRewards: PerSeverity{2, 2, 3, 4},
			EndStream: PerSeverity{0, 1, 2, 4}, Suspend: PerSeverity{1, 2, 3, 4}, Ban: PerSeverity{2, 3, 4, 5},
		},
		StrikeDays: PerSeverity{30, 90, 180, 365},
		WarnPoints: 1, SuspendPoints: 3, SuspendDays: 3, LongPoints: 5, LongDays: 14, BanPoints: 7,
		ModeratorDays: 30, MostSuspendDays: 365, AppealDays: 20, AppealDueHours: 72,
	}
}

// ParsePolicy lays a stored JSON object over the defaults. What does not fit is
// fault.PolicyInvalid.
func ParsePolicy(values []byte) (Policy, error) {
	return policy.Merge(DefaultPolicy(), values)
}

// Validate returns fault.PolicyInvalid on the first value out of range.
func (p Policy) Validate() error {
	const year = 365
	ranges := []policy.Range{
		{Name: "reports_per_hour", Value: p.ReportsPerHour, Least: 1, Most: p.ReportsPerDay},
		{Name: "reports_per_day", Value: p.ReportsPerDay, Least: 1, Most: 10_000},
		{Name: "prior_right", Value: p.PriorRight, Least: 1, Most: 1_000},
		{Name: "prior_wrong", Value: p.PriorWrong, Least: 1, Most: 1_000}, // at 0 the first right report would prove everything
		{Name: "new_days", Value: p.NewDays, Least: 1, Most: year},
		{Name: "new_weight_bps", Value: p.NewWeightBps, Least: 0, Most: Whole},
		{Name: "least_weight_bps", Value: p.LeastWeightBps, Least: 0, Most: Whole},
		{Name: "screen_weight_bps", Value: p.ScreenWeightBps, Least: 0, Most: Whole},
		{Name: "reliable_bps", Value: p.ReliableBps, Least: 1, Most: Whole},
		{Name: "reliable_right", Value: p.ReliableRight, Least: 1, Most: 1_000}, // at 0 a sleeping account would be reliable
		{Name: "hide_raise_bps", Value: p.HideRaiseBps, Least: 1, Most: 100 * Whole},
		{Name: "lease_minutes", Value: p.LeaseMinutes, Least: 1, Most: p.HoldMinutes},
		{Name: "hold_minutes", Value: p.HoldMinutes, Least: 1, Most: 24 * 60},
		{Name: "hand_over_minutes", Value: p.HandOverMinutes, Least: 1, Most: p.HoldMinutes},
		{Name: "assigned_hours", Value: p.AssignedHours, Least: 1, Most: 14 * 24},
		{Name: "most_claims", Value: p.MostClaims, Least: 1, Most: 1_000},
		{Name: "warn_points", Value: p.WarnPoints, Least: 1, Most: p.SuspendPoints},
		{Name: "suspend_points", Value: p.SuspendPoints, Least: 1, Most: p.LongPoints},
		{Name: "suspend_days", Value: p.SuspendDays, Least: 1, Most: p.LongDays},
		{Name: "long_points", Value: p.LongPoints, Least: 1, Most: p.BanPoints},
		{Name: "long_days", Value: p.LongDays, Least: 1, Most: p.MostSuspendDays},
		{Name: "ban_points", Value: p.BanPoints, Least: 2, Most: 1_000},
		{Name: "moderator_days", Value: p.ModeratorDays, Least: 1, Most: p.MostSuspendDays},
		{Name: "most_suspend_days", Value: p.MostSuspendDays, Least: 1, Most: 10 * year},
		{Name: "appeal_days", Value: p.AppealDays, Least: 1, Most: year},
		{Name: "appeal_due_hours", Value: p.AppealDueHours, Least: 1, Most: 60 * 24},
	}
	for _, reason := range reasons {
		ranges = append(ranges, policy.Range{
			Name: "severity." + string(reason), Value: int64(p.Severity(reason)), Least: int64(Low), Most: int64(Critical),
		})
	}
	for _, s := range severities {
		at := func(name string) string { return name + "." + s.String() }
		ranges = append(ranges,
			policy.Range{Name: at("sla_minutes"), Value: p.SLAMinutes.Of(s), Least: 1, Most: 60 * 24 * 60},
			policy.Range{Name: at("hide_weight_bps"), Value: p.HideWeightBps.Of(s), Least: 0, Most: 1_000 * Whole},
			policy.Range{Name: at("strike_days"), Value: p.StrikeDays.Of(s), Least: 1, Most: 10 * year})
		least := int64(0)
		if p.HideWeightBps.Of(s) > 0 {
			least = 2 // nobody hides alone
		}
		ranges = append(ranges, policy.Range{Name: at("hide_voices"), Value: p.HideVoices.Of(s), Least: least, Most: 1_000})
		for _, action := range actions {
			if action.Adverse() {
				ranges = append(ranges, policy.Range{Name: at("points." + string(action)), Value: p.points(action).Of(s), Least: 0, Most: 100})
			}
		}
	}
	return policy.InRanges(ranges...)
}

// Severity of a reason; 0 for one that is not known.
func (p Policy) Severity(r Reason) Severity {
	switch r {
	case Spam:
		return p.Gravity.Spam
	case Harassment:
		return p.Gravity.Harassment
	case Inappropriate:
		return p.Gravity.Inappropriate
	case Hate:
		return p.Gravity.Hate
	case WrongLanguage:
		return p.Gravity.WrongLanguage
	case PersonalInformation:
		return p.Gravity.PersonalInformation
	case Copyright:
		return p.Gravity.Copyright
	case ChildSafety:
		return p.Gravity.ChildSafety
	case Other:
		return p.Gravity.Other
	case UnclearAudio:
		return p.Gravity.UnclearAudio
	case DialectDispute:
		return p.Gravity.DialectDispute
	default:
		return 0
	}
}

func (p Policy) points(a Action) PerSeverity {
	switch a {
	case Warn:
		return p.Points.Warn
	case Hide:
		return p.Points.Hide
	case RejectClip:
		return p.Points.RejectClip
	case StripRewards:
		return p.Points.StripRewards
	case EndStream:
		return p.Points.EndStream
	case Suspend:
		return p.Points.Suspend
	case Ban:
		return p.Points.Ban
	default:
		return PerSeverity{}
	}
}

// SLA is the time from a report of the severity until its case is due.
func (p Policy) SLA(s Severity) time.Duration { return minutes(p.SLAMinutes.Of(s)) }

// Lease is how long a claim lasts after the holder last did something.
func (p Policy) Lease() time.Duration { return minutes(p.LeaseMinutes) }

// Hold is how long a claim lasts at most, renewed or not.
func (p Policy) Hold() time.Duration { return minutes(p.HoldMinutes) }

// HandOverLease is how long a case waits for whom it was handed to.
func (p Policy) HandOverLease() time.Duration { return minutes(p.HandOverMinutes) }

// AssignedFor is how long a case that was escalated to one person waits for them.
func (p Policy) AssignedFor() time.Duration { return hours(p.AssignedHours) }

// AppealEnds is when a decision made then can no longer be appealed.
func (p Policy) AppealEnds(decided time.Time) time.Time { return decided.Add(days(p.AppealDays)) }

func minutes(n int64) time.Duration { return time.Duration(n) * time.Minute }
func hours(n int64) time.Duration   { return time.Duration(n) * time.Hour }
func days(n int64) time.Duration    { return time.Duration(n) * 24 * time.Hour }
