package paystack

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// The kinds of failure; every error of a call is an *[Error] of exactly one.
var (
	// ErrInvalid: the request was refused here and not sent.
	ErrInvalid = errors.New("invalid request")
	// ErrNotSent: no byte of the request left. It may be made again.
	ErrNotSent = errors.New("not sent")
	// ErrRateLimited: too many requests; not acted upon. See Error.RetryAfter.
	ErrRateLimited = errors.New("rate limited")
	// ErrRefused: Paystack answered no, with a reason. See Error.Refusal.
	ErrRefused = errors.New("refused")
	// ErrNotFound: Paystack does not know what was asked for. Shortly after a
	// transfer was sent this proves nothing: it is created after it was checked.
	ErrNotFound = errors.New("not found")
	// ErrAmbiguous: a request that changes something was sent, and its answer
	// does not tell whether it was acted upon. Verify before anything else.
	ErrAmbiguous = errors.New("outcome unknown")
	// ErrUnavailable: a question got no usable answer.
	ErrUnavailable = errors.New("no usable answer")
)

// Error is why a call failed. Neither it nor what it wraps holds the key or an
// account number.
type Error struct {
	Op         string // as in "transfer.initiate"
	Kind       error  // one of the above
	HTTPStatus int    // 0 without an answer
	// What Paystack said, cut to a few hundred characters, long numbers hidden.
	Code, Type, Message, NextStep string
	// RetryAfter is how long a rate limit lasts.
	RetryAfter time.Duration

	cause error
}

// Error says what happened, on one line.
func (e *Error) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "paystack: %s: %v", e.Op, e.Kind)
	if e.HTTPStatus != 0 {
		fmt.Fprintf(&text, " (%d)", e.HTTPStatus)
	}
	for _, part := range []string{e.Code, e.Message} {
		if part != "" {
			text.WriteString(": " + part)
		}
	}
	if e.cause != nil {
		fmt.Fprintf(&text, ": %v", e.cause)
	}
	return text.String()
}

// Unwrap gives the kind and what caused it.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.cause}
}

// Refusal is the part of a refusal that decides what happens next.
type Refusal string

// The refusals that are told apart.
const (
	// RefusedDuplicate: a transfer, or a payment, with this reference exists. It
	// is proof that it was made, however the hint reads ("Create a new
	// reference"): verify it, and never use another reference.
	RefusedDuplicate Refusal = "duplicate_reference"
	// RefusedBalance: our balance does not cover amount and fee.
	RefusedBalance Refusal = "balance"
	// RefusedAccess: the key, or what the business may do.
	RefusedAccess Refusal = "access"
	// RefusedRecipient: this bank account cannot be paid.
	RefusedRecipient Refusal = "recipient"
	// RefusedOther: anything else, most likely a mistake of ours.
	RefusedOther Refusal = "other"
)

// refusals are pinned: what is not listed is RefusedOther, which a person has
// to look at. Codes are compared as a whole, texts as a part. Sources: the
// page "Transfer errors" of Paystack's documentation, which names the texts;
// the code samples for invalid_transfer_recipient; public code of users for
// duplicate_transfer_reference and the two texts on third party payouts.
var refusals = []struct {
	refusal Refusal
	codes   []string
	texts   []string
}{
	{RefusedDuplicate,
		[]string{"duplicate_transfer_reference", "duplicate_reference"},
		[]string{"reference already exists", "provide a unique reference", "duplicate transaction reference"}},
	{RefusedBalance,
		[]string{"insufficient_balance"},
		[]string{"balance is not enough"}},
	{RefusedAccess,
		[]string{"invalid_key", "invalid_Key", "unauthorized"},
		[]string{"invalid key", "third party payouts", "starter business", "registered business", "on hold"}},
	{RefusedRecipient,
		[]string{"invalid_transfer_recipient", "invalid_bank_code", "account_closed"},
		[]string{"recipient specified is invalid", "transfer to this recipient", "bank code", "account number", "account is closed"}},
}

// Refusal classifies an error of kind ErrRefused; any other is "".
func (e *Error) Refusal() Refusal {
	if e.Kind != ErrRefused {
		return ""
	}
	// The duplicate comes first in the list, whatever the status: releasing
	// money upon it pays twice.
	message := strings.ToLower(e.Message)
	for _, row := range refusals {
		for _, code := range row.codes {
			if e.Code == code {
				return row.refusal
			}
		}
		for _, text := range row.texts {
			if strings.Contains(message, text) {
				return row.refusal
			}
		}
	}
	if e.HTTPStatus == http.StatusUnauthorized || e.HTTPStatus == http.StatusForbidden {
		return RefusedAccess
	}
	return RefusedOther
}

// RefusalOf is the refusal of an error of this package, or "".
func RefusalOf(err error) Refusal {
	var e *Error
	if errors.As(err, &e) {
		return e.Refusal()
	}
	return ""
}
