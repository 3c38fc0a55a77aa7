package rewards

import (
	"fmt"
	"time"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/policy"
)

// What a vote is paid for.
const (
	// PayInformativeness pays every vote on a decided clip by how much the
	// voter's answers tell in that language, whatever this one says.
	PayInformativeness = "informativeness"
	// PayAgreement pays the full rate to those who agree with the verdict.
	PayAgreement = "agreement"
)

// Policy holds the values of the subject "rewards". Rates and shares are in
// basis points: 10,000 is the whole.
type Policy struct {
	ValidationPay  string `json:"validation_pay"`   // informativeness or agreement
	HoldHours      int64  `json:"hold_hours"`       // from the verdict until a reward may be paid out
	ValidatorBps   int64  `json:"validator_bps"`    // multiplies the validation pay of the role validator
	AmbassadorBps  int64  `json:"ambassador_bps"`   // multiplies the validation pay of the role ambassador
	RemixParentBps int64  `json:"remix_parent_bps"` // share of a remix's clip rate for the parent's owner
}

// DefaultPolicy pays votes by informativeness, holds rewards for seven days, pays
// validators 40 % and ambassadors 50 % on top, and shares a remix 70 to 30.
func DefaultPolicy() Policy {
	return Policy{ValidationPay: PayInformativeness, HoldHours: 168, ValidatorBps: 14_000, AmbassadorBps: 15_000, RemixParentBps: 3_000}
}

// ParsePolicy lays a stored JSON object over the defaults. What does not fit is
// fault.PolicyInvalid.
func ParsePolicy(values []byte) (Policy, error) {
	return policy.Merge(DefaultPolicy(), values)
}

// Validate returns fault.PolicyInvalid on the first value out of range.
func (p Policy) Validate() error {
	if p.ValidationPay != PayInformativeness && p.ValidationPay != PayAgreement {
		return fault.PolicyInvalid.On("validation_pay").
			Saying("validation_pay is " + PayInformativeness + " or " + PayAgreement + ".")
	}
	const year, tenfold = 365 * 24, 10 * money.Unit
	for _, v := range []struct {
		name                 string
		value, least, utmost int64
	}{
		{"hold_hours", p.HoldHours, 0, year},
		{"validator_bps", p.ValidatorBps, money.Unit, tenfold}, // a role never pays less than none
		{"ambassador_bps", p.AmbassadorBps, money.Unit, tenfold},
		{"remix_parent_bps", p.RemixParentBps, 0, money.Unit},
	} {
		if v.value < v.least || v.value > v.utmost {
			return fault.PolicyInvalid.On(v.name).Saying(fmt.Sprintf("%s is %d to %d.", v.name, v.least, v.utmost))
		}
	}
	return nil
}

// Hold is the time from a verdict until its rewards become available.
func (p Policy) Hold() time.Duration { return time.Duration(p.HoldHours) * time.Hour }

// multiplier is the highest of the roles', in basis points.
func (p Policy) multiplier(roles []string) int64 {
	highest := int64(money.Unit)
	for _, role := range roles {
		switch role {
		case "validator":
			highest = max(highest, p.ValidatorBps)
		case "ambassador":
			highest = max(highest, p.AmbassadorBps)
		}
	}
	return highest
}
