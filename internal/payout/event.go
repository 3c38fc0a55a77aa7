package payout

import (
	"time"

	"github.com/lingualink/lingualink/internal/money"
)

// Event is something that happened to a payout: one of the types of this file.
type Event interface{ name() string }

// Name is what an event is called in a payout's history, for example
// "verify success".
func Name(e Event) string { return e.name() }

// Request is the user asking for the payout; its first block is filled.
type Request struct{}

// Checked is the result of the checks of risk after a request.
type Checked struct{ Flagged bool }

// Approve is the approval of a person. The caller knows that By may approve.
type Approve struct{ By string }

// Reject is a refusal, by a person or, with By empty, by a rule.
type Reject struct{ By string }

// Cancel withdraws the payout before it is sent: the beneficiary hers, an admin any.
type Cancel struct {
	By    string
	Admin bool
}

// AccountChanged says that By changed the bank account the payout goes to.
type AccountChanged struct{ By string }

// Flagged says that something speaks against sending: the person's standing, a
// risk flag, the account, or the hold. What nobody has sent yet waits for people.
type Flagged struct{}

// Claim is a worker taking the payout to send it.
type Claim struct{}

// LeaseExpired says that the worker who claimed the payout was not heard of again.
type LeaseExpired struct{}

// Silence is a verify without an answer: it is down, or cannot be read.
type Silence struct{}

// Recheck is an admin asking to look at a [Manual] payout again.
type Recheck struct{}

// Close is one of two people closing a [Manual] payout as never paid.
type Close struct {
	By    string
	Proof Proof
}

// Proof is what must be known before an unanswered payout is released by hand.
type Proof struct {
	NotFoundFirst, NotFoundLast time.Time // two verifies that said "not found"
	AbsentFromLists             bool      // not in the list of transfers, of any status
	AbsentFromLedger            bool      // not in the balance ledger
}

// Class is how Paystack's answer to the order of a transfer is to be read.
type Class string

// The classes of answers.
const (
	Accepted         Class = "accepted"          // 2xx and status true: see the observation
	Duplicate        Class = "duplicate"         // duplicate_transfer_reference: it exists
	LowBalance       Class = "low_balance"       // "Your balance is not enough to fulfil this request"
	NoAccess         Class = "no_access"         // 401, 403, starter business, payouts on hold
	RateLimited      Class = "rate_limited"      // 429; Until is x-ratelimit-reset
	RefusedRecipient Class = "refused_recipient" // recipient, bank, account or watch list, by a pinned list of codes
	OtherRefusal     Class = "other_refusal"     // any other 4xx: our mistake
	Ambiguous        Class = "ambiguous"         // 5xx, timeout, unreadable, 2xx with status false
	NotSent          Class = "not_sent"          // no byte of the request was written
)

// Answer is the result of one order to send.
type Answer struct {
	Attempt     int64 // the payout's Attempt that it answers
	Class       Class
	Until       time.Time   // of RateLimited
	Observation Observation // of Accepted
}

// Status is what Paystack says of a transfer. Any string outside the constants
// is taken as not conclusive.
type Status string

// The statuses of a transfer; [NotFound] is ours. Source: how transfers work.
const (
	NotFound       Status = "not_found"
	StatusPending  Status = "pending"
	StatusReceived Status = "received"
	StatusOTP      Status = "otp"
	StatusSuccess  Status = "success"
	StatusFailed   Status = "failed"
	StatusBlocked  Status = "blocked"
	StatusRejected Status = "rejected"
	StatusDropped  Status = "abandoned"
	StatusReversed Status = "reversed"
)

// Observation is what verify (never a webhook) said of the payout's transfer.
// With [NotFound] only Reference is filled: what was asked for.
type Observation struct {
	Status      Status
	Reference   string
	AmountMinor int64
	Currency    money.Currency
	Recipient   string
	FeeMinor    int64 // fee_charged
}

// matches tells whether the observation is of this payout in every detail.
func (o Observation) matches(p Payout) bool {
	if o.Reference != p.Reference {
		return false
	}
	return o.Status == NotFound || o.AmountMinor == p.AmountMinor && o.Currency == p.Currency && o.Recipient == p.Recipient && o.FeeMinor >= 0
}

func (Request) name() string        { return "request" }
func (Checked) name() string        { return "checked" }
func (Approve) name() string        { return "approve" }
func (Reject) name() string         { return "reject" }
func (Cancel) name() string         { return "cancel" }
func (AccountChanged) name() string { return "account changed" }
func (Flagged) name() string        { return "flagged" }
func (Claim) name() string          { return "claim" }
func (a Answer) name() string       { return "answer " + string(a.Class) }
func (LeaseExpired) name() string   { return "lease expired" }
func (o Observation) name() string  { return "verify " + string(o.Status) }
func (Silence) name() string        { return "verify silent" }
func (Recheck) name() string        { return "recheck" }
func (Close) name() string          { return "close" }
