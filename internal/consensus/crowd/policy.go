package crowd

import (
	"fmt"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/policy"
)

// Policy holds the numbers of the engine, per language.
type Policy struct {
	Sensitivity Beta    `json:"sensitivity_prior"` // of a validator nobody knows
	Specificity Beta    `json:"specificity_prior"`
	PriorGood   float64 `json:"prior_good"`  // good clips assumed before any was settled
	PriorBad    float64 `json:"prior_bad"`   // bad clips assumed
	PriorFloor  float64 `json:"prior_floor"` // P(good) before the votes, at least
	PriorCap    float64 `json:"prior_cap"`   // and at most

	AcceptAt      float64 `json:"accept_at"`       // P(good) that accepts
	AcceptAtFirst float64 `json:"accept_at_first"` // the same while the language has few gold answers; accept_at where that is higher
	AcceptAnswers int     `json:"accept_answers"`  // gold answers that end "first"
	RejectAt      float64 `json:"reject_at"`       // P(bad) that rejects
	MinVotes      int     `json:"min_votes"`       // weighing votes before any verdict
	MaxVotes      int     `json:"max_votes"`       // votes at which a clip in doubt escalates; 0, in replays only: never
	MinRejects    int     `json:"min_rejects"`     // weighing rejections before a rejection

	GateClips   int     `json:"gate_clips"`   // active gold clips from which the gate is shut
	GateAnswers int     `json:"gate_answers"` // gold answers that open it for a validator
	OutAnswers  int     `json:"out_answers"`  // gold answers before anybody is out
	OutBelow    float64 `json:"out_below"`    // informativeness below which a validator is out

	PayFrom       float64 `json:"pay_from"`       // informativeness that begins to be paid
	PayFull       float64 `json:"pay_full"`       // informativeness that is paid in full
	PayDeviations float64 `json:"pay_deviations"` // standard deviations from the mean down to the bound that is paid

	Onboarding  int     `json:"onboarding"`   // gold clips at the start, half of them bad
	GoldShare   float64 `json:"gold_share"`   // share of hidden gold among later clips
	BestOf      int     `json:"best_of"`      // validators sampled for a second or later vote
	RandomShare float64 `json:"random_share"` // share of those votes that goes to anybody
}

// DefaultPolicy is sceptical about the specificity of people it does not know:
// who approves everything is right nine times of ten.
func DefaultPolicy() Policy {
	return Policy{
		Sensitivity: Beta{4, 1}, Specificity: Beta{2, 1},
		PriorGood: 9, PriorBad: 1, PriorFloor: 0.2, PriorCap: 0.8,
		AcceptAt: 0.98, AcceptAtFirst: 0.99, AcceptAnswers: 200, RejectAt: 0.97,
		MinVotes: 2, MaxVotes: 7, MinRejects: 2,
		GateClips: 20, GateAnswers: 5, OutAnswers: 8, OutBelow: 0.2,
		PayFrom: 0.2, PayFull: 0.6, PayDeviations: 0.84,
		Onboarding: 10, GoldShare: 0.05, BestOf: 3, RandomShare: 0.2,
	}
}

// ParsePolicy lays a stored JSON object over the defaults. What does not fit is
// fault.PolicyInvalid.
func ParsePolicy(values []byte) (Policy, error) {
	return policy.Merge(DefaultPolicy(), values)
}

// Validate returns fault.PolicyInvalid on the first value out of range.
func (p Policy) Validate() error {
	for _, check := range []func() error{p.checkPriors, p.checkThresholds, p.checkGold, p.checkPay} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// Ranges of the numbers that have no natural bound.
const (
	mostPseudo = 1000
	mostVotes  = 15
	mostCount  = 1_000_000
)

func (b Beta) proper() bool {
	return b.Hits > 0 && b.Hits <= mostPseudo && b.Misses > 0 && b.Misses <= mostPseudo
}

func (p Policy) checkPriors() error {
	switch {
	case !p.Sensitivity.proper():
		return invalid("sensitivity_prior", "sensitivity_prior needs hits and misses, above 0 up to %d.", mostPseudo)
	case !p.Specificity.proper():
		return invalid("specificity_prior", "specificity_prior needs hits and misses, above 0 up to %d.", mostPseudo)
	case p.Rates(Skill{}).Informativeness() <= 0:
		return invalid("specificity_prior", "sensitivity and specificity must be more than 1 together: at 1 a vote tells nothing.")
	case !(p.PriorGood > 0 && p.PriorGood <= mostPseudo):
		return invalid("prior_good", "prior_good is above 0, up to %d clips.", mostPseudo)
	case !(p.PriorBad > 0 && p.PriorBad <= mostPseudo):
		return invalid("prior_bad", "prior_bad is above 0, up to %d clips.", mostPseudo)
	case !(p.PriorFloor > 0 && p.PriorFloor < 1):
		return invalid("prior_floor", "prior_floor lies between 0 and 1.")
	case !(p.PriorCap >= p.PriorFloor && p.PriorCap < 1):
		return invalid("prior_cap", "prior_cap lies between prior_floor and 1.")
	}
	return nil
}

func (p Policy) checkThresholds() error {
	switch {
	case !(p.AcceptAt > 0.5 && p.AcceptAt < 1):
		return invalid("accept_at", "accept_at lies between 0.5 and 1.")
	case !(p.AcceptAtFirst > 0.5 && p.AcceptAtFirst < 1):
		return invalid("accept_at_first", "accept_at_first lies between 0.5 and 1.")
	case p.AcceptAnswers < 0 || p.AcceptAnswers > mostCount:
		return invalid("accept_answers", "accept_answers is 0 to %d.", mostCount)
	case !(p.RejectAt > 0.5 && p.RejectAt < 1):
		return invalid("reject_at", "reject_at lies between 0.5 and 1.")
	case p.PriorCap >= p.AcceptAt || 1-p.PriorFloor >= p.RejectAt:
		return invalid("prior_cap", "A clip must be in doubt before its votes: prior_cap below accept_at, 1 - prior_floor below reject_at.")
	case p.MinVotes < 1 || p.MinVotes > mostVotes:
		return invalid("min_votes", "min_votes is 1 to %d.", mostVotes)
	case p.MaxVotes < p.MinVotes || p.MaxVotes > mostVotes:
		return invalid("max_votes", "max_votes is min_votes to %d.", mostVotes)
	case p.MinRejects < 1 || p.MinRejects > p.MaxVotes:
		return invalid("min_rejects", "min_rejects is 1 to max_votes.")
	}
	return nil
}

func (p Policy) checkGold() error {
	switch {
	case p.GateClips < 0 || p.GateClips > mostCount:
		return invalid("gate_clips", "gate_clips is 0 to %d.", mostCount)
	case p.GateAnswers < 0 || p.GateAnswers > mostCount:
		return invalid("gate_answers", "gate_answers is 0 to %d.", mostCount)
	case p.OutAnswers < 1 || p.OutAnswers > mostCount:
		return invalid("out_answers", "out_answers is 1 to %d.", mostCount)
	case !(p.OutBelow >= 0 && p.OutBelow < 1):
		return invalid("out_below", "out_below is at least 0 and less than 1.")
	case p.Onboarding < 0 || p.Onboarding > mostPseudo:
		return invalid("onboarding", "onboarding is 0 to %d clips.", mostPseudo)
	case !(p.GoldShare >= 0 && p.GoldShare <= 0.5):
		return invalid("gold_share", "gold_share is 0 to 0.5.")
	case p.BestOf < 1 || p.BestOf > 100:
		return invalid("best_of", "best_of is 1 to 100 validators.")
	case !(p.RandomShare >= 0 && p.RandomShare <= 1):
		return invalid("random_share", "random_share is a share, 0 to 1.")
	}
	return nil
}

func (p Policy) checkPay() error {
	switch {
	case !(p.PayFrom >= 0 && p.PayFrom < 1):
		return invalid("pay_from", "pay_from is at least 0 and less than 1.")
	case !(p.PayFull > p.PayFrom && p.PayFull <= 1):
		return invalid("pay_full", "pay_full is more than pay_from, up to 1.")
	case !(p.PayDeviations >= 0 && p.PayDeviations <= 5):
		return invalid("pay_deviations", "pay_deviations is 0 to 5.")
	}
	return nil
}

func invalid(name, format string, args ...any) error {
	return fault.PolicyInvalid.On(name).Saying(fmt.Sprintf(format, args...))
}
