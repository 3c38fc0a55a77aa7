package payouts

import (
	"errors"
	"time"

	"github.com/lingualink/lingualink/internal/payout"
	"github.com/lingualink/lingualink/internal/paystack"
)

// classify reads how the order of a transfer went. What it does not know is
// ambiguous, which moves no money.
func classify(err error, now time.Time) payout.Answer {
	var failure *paystack.Error
	switch {
	case err == nil:
		return payout.Answer{Class: payout.Accepted}
	case !errors.As(err, &failure):
		return payout.Answer{Class: payout.Ambiguous}
	}
	switch failure.Kind {
	case paystack.ErrNotSent:
		return payout.Answer{Class: payout.NotSent}
	case paystack.ErrRateLimited:
		return payout.Answer{Class: payout.RateLimited, Until: now.Add(failure.RetryAfter)}
	case paystack.ErrInvalid: // refused here: our mistake, and the same at every try
		return payout.Answer{Class: payout.OtherRefusal}
	case paystack.ErrRefused:
		return payout.Answer{Class: classes[failure.Refusal()]}
	}
	return payout.Answer{Class: payout.Ambiguous}
}

var classes = map[paystack.Refusal]payout.Class{
	paystack.RefusedDuplicate: payout.Duplicate,
	paystack.RefusedBalance:   payout.LowBalance,
	paystack.RefusedAccess:    payout.NoAccess,
	paystack.RefusedRecipient: payout.RefusedRecipient,
	paystack.RefusedOther:     payout.OtherRefusal,
}

// observation is what Paystack says of a transfer. One of the other domain is
// not the one that was ordered, whatever its reference.
func observation(t paystack.Transfer, domain string) payout.Observation {
	o := payout.Observation{
		Status: payout.Status(t.Status), Reference: t.Reference,
		AmountMinor: t.AmountMinor, Currency: t.Currency, Recipient: t.RecipientCode,
	}
	if t.FeeChargedMinor != nil {
		o.FeeMinor = *t.FeeChargedMinor
	}
	if o.Status == payout.NotFound { // ours alone: Paystack knows what it gives a status
		o.Status = "unknown"
	}
	if t.Domain != "" && t.Domain != domain {
		o.Reference = t.Domain + ":" + t.Reference
	}
	return o
}

// accepted is what the answer to an order proves. It names neither the
// recipient's code nor the fee, so what is conclusive in it is left to verify,
// which is asked soon.
func accepted(t paystack.Transfer, domain, recipient string) (o payout.Observation, soon bool) {
	o = observation(t, domain)
	if o.Recipient == "" {
		o.Recipient = recipient
	}
	if t.Status.Conclusive() {
		o.Status, soon = payout.StatusPending, true
	}
	return o, soon
}

// heard is what a verify says: an observation, silence, or, with a wait, nothing
// because we are asking too often.
func heard(t paystack.Transfer, err error, reference, domain string) (event payout.Event, wait time.Duration) {
	var failure *paystack.Error
	switch {
	case err == nil:
		return observation(t, domain), 0
	case !errors.As(err, &failure):
		return payout.Silence{}, 0
	case failure.Kind == paystack.ErrNotFound:
		return payout.Observation{Status: payout.NotFound, Reference: reference}, 0
	case failure.Kind == paystack.ErrRateLimited:
		return nil, max(failure.RetryAfter, time.Second)
	}
	return payout.Silence{}, 0
}

// agrees tells whether Paystack's word is what a payout in the state should have
// there. What is not sure is asked again.
func agrees(state payout.State, status paystack.Status) bool {
	switch state {
	case payout.Paid, payout.PaidLate:
		return status == paystack.StatusSuccess
	case payout.Reversed:
		return status == paystack.StatusReversed
	case payout.Failed, payout.Rejected, payout.Cancelled:
		return status.Conclusive() && status != paystack.StatusSuccess
	case payout.InFlight, payout.Manual:
		return !status.Conclusive()
	default: // nothing of it should be there, or it is not known yet
		return false
	}
}
