package consensus

import (
	"fmt"

	"github.com/lingualink/lingualink/internal/consensus/crowd"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/policy"
)

// The two ways in which a validator comes to a clip.
const (
	AssignmentRequired = "required" // the server hands out the next clip, under a lease
	AssignmentOpen     = "open"     // any pending clip may be voted on
)

// Policy holds the numbers of the subject "consensus", for all languages or for
// one. In JSON all of them are on one level.
type Policy struct {
	crowd.Policy // how votes weigh and what they come to
	Admission
	Queue
	Experts
	GoldRules
	TrustRules
	Refit
}

// Admission is when a vote may be cast.
type Admission struct {
	Assignment string `json:"assignment"` // AssignmentRequired or AssignmentOpen
	LeaseS     int64  `json:"lease_s"`    // seconds that an assignment is kept for its validator
	CooldownS  int64  `json:"cooldown_s"` // seconds between two votes of a person, 0 = none
	DailyCap   int64  `json:"daily_cap"`  // rewarded votes per person and UTC day, 0 = no cap
	// MinListen is the share of the clip's duration that must have been there to
	// listen to it, 0 to 1.
	MinListen    float64 `json:"min_listen"`
	VotesPerHour int64   `json:"votes_per_hour"` // votes per person and hour, 0 = no limit
}

// Queue is who gets which clip.
type Queue struct {
	OwnerVotes  int64 `json:"owner_votes"`  // one validator judges at most so many, 0 = no limit
	OwnerWindow int64 `json:"owner_window"` // of so many of a speaker's last clips
	ActiveS     int64 `json:"active_s"`     // who asked for clips within so many seconds may be the better validator
	WaitS       int64 `json:"wait_s"`       // seconds that a clip waits for a better validator
}

// Experts is when and how experts decide.
type Experts struct {
	EscalateHours int64 `json:"escalate_hours"` // a clip nobody is left to vote on goes to the experts after so many hours
	ClaimS        int64 `json:"claim_s"`        // seconds that an expert has a clip to himself
	// ExpertSteps is how many experts who are no moderators it takes to decide: 1, or 2
	// who say the same without knowing of each other.
	ExpertSteps int64 `json:"expert_steps"`
}

// GoldRules is when a gold clip stops to serve.
type GoldRules struct {
	GoldExposures   int64   `json:"gold_exposures"`    // validators it is handed to at most
	GoldMissAnswers int64   `json:"gold_miss_answers"` // honest answers before its truth is doubted
	GoldMissShare   float64 `json:"gold_miss_share"`   // share of honest misses above which it is doubted
	GoldLeakAnswers int64   `json:"gold_leak_answers"` // answers before it may be found to have leaked
	GoldLeakSD      float64 `json:"gold_leak_sd"`      // standard deviations by which misses fall short of what is expected
}

// TrustRules is what a validator is told, and what follows from it.
type TrustRules struct {
	AssessS          int64   `json:"assess_s"`           // seconds between two assessments of a person in a language
	ProvenAnswers    int64   `json:"proven_answers"`     // answers that prove a validator where there is little gold
	RetakeHours      int64   `json:"retake_hours"`       // hours between two onboardings
	SilverAnswers    int64   `json:"silver_answers"`     // answers and lower end of the accuracy for the tier silver
	SilverAccuracy   float64 `json:"silver_accuracy"`    //
	GoldTierAnswers  int64   `json:"gold_tier_answers"`  // the same for the tier gold
	GoldTierAccuracy float64 `json:"gold_tier_accuracy"` //
	PromoteVotes     int64   `json:"promote_votes"`      // votes, accuracy and active days for the role validator
	PromoteAccuracy  float64 `json:"promote_accuracy"`   //
	PromoteDays      int64   `json:"promote_days"`       //
	DemoteAccuracy   float64 `json:"demote_accuracy"`    // accuracy below which the role is lost
}

// Refit is when all skills of a language are re-estimated.
type Refit struct {
	FitHours int64   `json:"fit_hours"` // at the latest after so many hours with a new verdict
	FitShare float64 `json:"fit_share"` // or when so large a share of the verdicts is new
}

// DefaultPolicy is the policy where no row says otherwise.
func DefaultPolicy() Policy {
	return Policy{
		Policy:    crowd.DefaultPolicy(),
		Admission: Admission{Assignment: AssignmentRequired, LeaseS: 600, DailyCap: 300, MinListen: 1, VotesPerHour: 600},
		Queue:     Queue{OwnerVotes: 10, OwnerWindow: 100, ActiveS: 900, WaitS: 60},
		Experts:   Experts{EscalateHours: 72, ClaimS: 1800, ExpertSteps: 2},
		GoldRules: GoldRules{GoldExposures: 50, GoldMissAnswers: 10, GoldMissShare: 0.4, GoldLeakAnswers: 20, GoldLeakSD: 3},
		TrustRules: TrustRules{
			AssessS: 3600, ProvenAnswers: 20, RetakeHours: 168,
			SilverAnswers: 100, SilverAccuracy: 0.80, GoldTierAnswers: 300, GoldTierAccuracy: 0.88,
			PromoteVotes: 200, PromoteAccuracy: 0.90, PromoteDays: 10, DemoteAccuracy: 0.85,
		},
		Refit: Refit{FitHours: 24, FitShare: 0.05},
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
	if err := p.Policy.Validate(); err != nil {
		return err
	}
	switch {
	case p.Assignment != AssignmentRequired && p.Assignment != AssignmentOpen:
		return invalid("assignment", "assignment is required or open.")
	case !(p.MinListen >= 0 && p.MinListen <= 1):
		return invalid("min_listen", "min_listen is a share, 0 to 1.")
	case p.DemoteAccuracy > p.PromoteAccuracy:
		return invalid("demote_accuracy", "demote_accuracy is at most promote_accuracy.")
	case p.OwnerVotes > p.OwnerWindow:
		return invalid("owner_votes", "owner_votes is at most owner_window.")
	}
	const day, year, plenty = 24 * 60 * 60, 365 * 24, 1_000_000
	for _, v := range []struct {
		name                 string
		value, least, utmost int64
	}{
		{"lease_s", p.LeaseS, 1, day}, {"cooldown_s", p.CooldownS, 0, day},
		{"daily_cap", p.DailyCap, 0, plenty}, {"votes_per_hour", p.VotesPerHour, 0, plenty},
		{"owner_votes", p.OwnerVotes, 0, 1000}, {"owner_window", p.OwnerWindow, 1, 1000},
		{"active_s", p.ActiveS, 0, day}, {"wait_s", p.WaitS, 0, day},
		{"escalate_hours", p.EscalateHours, 1, year}, {"claim_s", p.ClaimS, 60, day}, {"expert_steps", p.ExpertSteps, 1, 2},
		{"gold_exposures", p.GoldExposures, 1, plenty}, {"gold_miss_answers", p.GoldMissAnswers, 1, plenty}, {"gold_leak_answers", p.GoldLeakAnswers, 1, plenty},
		{"assess_s", p.AssessS, 0, 7 * day}, {"proven_answers", p.ProvenAnswers, 1, plenty}, {"retake_hours", p.RetakeHours, 0, year},
		{"silver_answers", p.SilverAnswers, 0, plenty}, {"gold_tier_answers", p.GoldTierAnswers, p.SilverAnswers, plenty},
		{"promote_votes", p.PromoteVotes, 1, plenty}, {"promote_days", p.PromoteDays, 1, 365},
		{"fit_hours", p.FitHours, 1, year},
	} {
		if v.value < v.least || v.value > v.utmost {
			return invalid(v.name, "%s is %d to %d.", v.name, v.least, v.utmost)
		}
	}
	for _, v := range []struct {
		name  string
		value float64
	}{
		{"gold_miss_share", p.GoldMissShare}, {"silver_accuracy", p.SilverAccuracy}, {"gold_tier_accuracy", p.GoldTierAccuracy},
		{"promote_accuracy", p.PromoteAccuracy}, {"demote_accuracy", p.DemoteAccuracy}, {"fit_share", p.FitShare},
	} {
		if !(v.value > 0 && v.value < 1) {
			return invalid(v.name, "%s lies between 0 and 1.", v.name)
		}
	}
	if !(p.GoldLeakSD >= 1 && p.GoldLeakSD <= 10) {
		return invalid("gold_leak_sd", "gold_leak_sd is 1 to 10.")
	}
	return nil
}

func invalid(name, format string, args ...any) error {
	return fault.PolicyInvalid.On(name).Saying(fmt.Sprintf(format, args...))
}
