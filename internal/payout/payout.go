// Package payout decides what happens to a payout: a pure function from a
// payout and an event to the payout after it and the effects to carry out.
//
// It refuses to believe silence. A hold is released when nothing was sent, when
// Paystack's verify gives a conclusive failure, or when two people close it with
// a proof; it is paid out on a conclusive success that matches. A timeout, "not
// found", a duplicate reference and an unknown status move no money. A payout
// has one reference for life, so that whatever is sent twice is refused by
// Paystack; an event that does not apply is a [Conflict] and changes nothing.
//
// What the statuses and answers mean is Paystack's documentation of transfers
// (how transfers work, transfer API, errors). Time and policy are arguments;
// storage, network, and who may act at all belong to the callers.
package payout

import (
	"fmt"
	"slices"
	"time"

	"github.com/lingualink/lingualink/internal/money"
)

// State is where a payout stands. A new one has the state [New].
type State string

// The states.
const (
	New       State = ""          // not asked for yet
	Requested State = "requested" // held, not checked
	Review    State = "review"    // waits for one or two approvers
	Approved  State = "approved"  // may be sent; nothing of it is on its way
	Sending   State = "sending"   // claimed; what Paystack knows of it is not known
	InFlight  State = "in_flight" // Paystack has it
	Paid      State = "paid"      // sent to the bank; may still be reversed
	Failed    State = "failed"    // conclusively not paid; released
	Rejected  State = "rejected"  // refused by a rule or a person; released
	Cancelled State = "cancelled" // withdrawn before sending; released
	Manual    State = "manual"    // people must look; the money stays where it is
	Reversed  State = "reversed"  // paid, then returned by the bank
	PaidLate  State = "paid_late" // paid although it had been released
)

var states = []State{New, Requested, Review, Approved, Sending, InFlight, Paid, Failed, Rejected, Cancelled, Manual, Reversed, PaidLate}

// States returns all states, [New] first.
func States() []State { return slices.Clone(states) }

// Settlement says what became of a payout's hold. It outlives the state: a paid
// payout in [Manual] must not be released.
type Settlement string

// The settlements.
const (
	Unsettled      Settlement = ""         // still held
	SettledPaid    Settlement = "paid"     // turned into a payment
	SettledRelease Settlement = "released" // given back
)

// Payout is what the decisions need to know of a payout. The first block never
// changes after the request.
type Payout struct {
	Reference   string
	AmountMinor int64
	Currency    money.Currency
	Recipient   string // Paystack's recipient code, of the account as it was at the request
	Beneficiary string // the person who is paid

	State         State
	Settled       Settlement
	AccountEditor string    // the person who last changed the account
	AccountAt     time.Time // when that was; zero: never changed
	First         string    // the first of two approvers
	Closer        string    // the first of two people who close it by hand
	Attempt       int64     // number of the latest order to send; never goes back
	Answered      int64     // the latest attempt that had its answer: one answer is counted once
	Posts         int       // sends that Paystack has not conclusively refused
	Refused       bool      // Paystack refused the recipient at the only send
	NotFoundAt    time.Time // first "not found" after that refusal
	SentAt        time.Time // latest order to send
	SeenAt        time.Time // Paystack last said that it knows the transfer
	NotBefore     time.Time // no sending until then
	PaidAt        time.Time
}

// Outcome is the payout after an event and what must be done about it. The
// postings belong into the transaction that stores the payout, [Send] comes
// after its commit.
type Outcome struct {
	Payout
	Effects []Effect
}

// Why says what kept an event from being applied.
type Why string

// The reasons of a [Conflict].
const (
	WrongState  Why = "wrong_state"  // the event has no meaning in this state
	BadRequest  Why = "bad_request"  // no reference, recipient, beneficiary, or currency to pay out
	BelowLeast  Why = "below_least"  // less than the policy's minimum
	OwnPayout   Why = "own_payout"   // by the beneficiary
	OwnAccount  Why = "own_account"  // by whoever last edited the account
	SamePerson  Why = "same_person"  // the second of two people is the first, or nobody
	NotTheirs   Why = "not_theirs"   // cancelled by another user
	SwitchedOff Why = "switched_off" // the kill switch
	TooEarly    Why = "too_early"    // before the end of a wait or the cool-off
	Stale       Why = "stale"        // the answer to an earlier send
	NoProof     Why = "no_proof"     // closing by hand without the whole proof
)

// Conflict is the error of an event that does not apply; the payout is as it was.
type Conflict struct { //nolint:errname // it is what happened: payout.Conflict
	State State
	Event string
	Why   Why
}

// Error names the state, the event and the reason.
func (c *Conflict) Error() string {
	return fmt.Sprintf("payout %q: %s does not apply: %s", c.State, c.Event, c.Why)
}

// Step applies an event to a payout. An event that does not apply gives the
// payout unchanged, no effects and a [*Conflict].
func Step(p Payout, e Event, policy Policy, now time.Time) (Outcome, error) {
	s := &step{Payout: p, policy: policy, now: now}
	why := s.apply(e)
	if why != "" {
		return Outcome{Payout: p}, &Conflict{State: p.State, Event: e.name(), Why: why}
	}
	if s.State != Manual {
		s.Closer = ""
	}
	return Outcome{Payout: s.Payout, Effects: s.effects}, nil
}

// step is one event being applied.
type step struct {
	Payout
	policy  Policy
	now     time.Time
	effects []Effect
}

func (s *step) apply(event Event) Why {
	switch e := event.(type) {
	case Request:
		return s.request()
	case Checked:
		return s.checked(e)
	case Approve:
		return s.approve(e)
	case Reject:
		return s.reject(e)
	case Cancel:
		return s.cancel(e)
	case AccountChanged:
		return s.accountChanged(e)
	case Flagged:
		return s.flagged()
	case Claim:
		return s.claim()
	case Answer:
		return s.answer(e)
	case LeaseExpired:
		return s.leaseExpired()
	case Observation:
		return s.observe(e)
	case Silence:
		return s.silence()
	case Recheck:
		return s.recheck()
	case Close:
		return s.close(e)
	}
	return WrongState
}

func (s *step) in(some ...State) bool { return slices.Contains(some, s.State) }

func (s *step) add(effects ...Effect) { s.effects = append(s.effects, effects...) }

// release closes an unsettled payout and gives its hold back. It is the only
// place that does.
func (s *step) release(to State, notice Notice) {
	s.State, s.Settled = to, SettledRelease
	s.add(Effect{Kind: ReleaseHold}, Effect{Kind: NotifyUser, Notice: notice})
}

// pay closes an unsettled payout as paid. It is the only place that does.
func (s *step) pay(feeMinor int64) {
	s.State, s.Settled, s.PaidAt = Paid, SettledPaid, s.now
	s.add(Effect{Kind: PostPaid, FeeMinor: feeMinor}, Effect{Kind: NotifyUser, Notice: NoticePaid}, verifyAt(afterPaid(s.now, s.now)))
}

// manual leaves the payout to people; its money stays where it is, and verify
// is still asked because it may yet be conclusive.
func (s *step) manual(alert AlertKind) {
	s.State = Manual
	s.add(Effect{Kind: Alert, Alert: alert})
	s.verifyLater()
}

// verifyLater puts off the next look by the schedule of polls.
func (s *step) verifyLater() { s.add(verifyAt(afterSend(s.SentAt, s.now))) }
