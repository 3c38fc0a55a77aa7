package payouts

import (
	"errors"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/payout"
)

// refusals is the one table of what a caller is told when an event does not
// apply to a payout.
var refusals = map[payout.Why]*fault.Error{
	payout.WrongState:  fault.PayoutState.On("id"),
	payout.BadRequest:  fault.PayoutCurrency.On("currency"),
	payout.BelowLeast:  fault.PayoutMinimum.On("amount_minor"),
	payout.OwnPayout:   fault.OwnPayout.On("authorization"),
	payout.OwnAccount:  fault.OwnAccountChange.On("authorization"),
	payout.SamePerson:  fault.SecondPerson.On("authorization"),
	payout.NotTheirs:   fault.NotFound.On("id"), // a stranger is not told that it exists
	payout.SwitchedOff: fault.PayoutWaits.On("id"),
	payout.TooEarly:    fault.PayoutWaits.On("id"),
	payout.Stale:       fault.PayoutChanged.On("id"),
	payout.NoProof:     fault.PayoutUnproven.On("id"),
}

// refusalOf turns what keeps an event from being applied into an answer. Other
// errors stay as they are.
func refusalOf(err error) error {
	var conflict *payout.Conflict
	switch {
	case errors.Is(err, errLost):
		return fault.PayoutChanged.On("id").Because(err)
	case !errors.As(err, &conflict):
		return err
	}
	answer, known := refusals[conflict.Why]
	if !known {
		return err
	}
	answer = answer.Because(err)
	if conflict.Why == payout.WrongState {
		status, _ := said(payout.Payout{State: conflict.State})
		return answer.With("status", status)
	}
	return answer
}

// codeOf is the code of a refusal, or nothing; errors of other kinds stay.
func codeOf(err error) (string, error) {
	var refused *fault.Error
	if errors.As(err, &refused) {
		return refused.Code.Name, nil
	}
	return "", err
}
