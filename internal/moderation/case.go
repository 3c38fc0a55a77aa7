package moderation

import (
	"fmt"
	"slices"
	"time"
)

// State is where a case stands. A new one has the state [New].
type State string

// The states.
const (
	New       State = ""          // there is none yet
	Opened    State = "open"      // anybody of the staff may claim it
	Claimed   State = "claimed"   // Holder alone decides, until Until
	Escalated State = "escalated" // waits for admins, or until Until for Assigned
	Resolved  State = "resolved"  // decided; only an appeal opens it again
)

var states = []State{New, Opened, Claimed, Escalated, Resolved}

// States returns all states, [New] first.
func States() []State { return slices.Clone(states) }

// AppealState is where the one appeal of a case stands.
type AppealState string

// The states of an appeal.
const (
	NoAppeal   AppealState = ""
	AppealOpen AppealState = "open"
	Upheld     AppealState = "upheld"     // the decision stands
	Overturned AppealState = "overturned" // it was undone
)

// Case is what the decisions need to know of a case. ID and Subject never change.
type Case struct {
	ID      string
	Subject Subject

	State     State
	Severity  Severity
	WeightBps int64
	Reports   int64
	FirstAt   time.Time
	LastAt    time.Time
	DueAt     time.Time
	Dismissed int64 // earlier cases of the subject that people dismissed
	Hidden    bool  // its reports hid the subject; says nothing about now

	Holder    string    // of [Claimed]
	HeldSince time.Time // of [Claimed]
	Until     time.Time // of [Claimed], and of [Escalated] with Assigned
	Assigned  string    // of [Escalated]: the one person it waits for
	ForAdmins bool      // only admins may have it

	Decision      Decision // the one there is, from the first resolution on
	DecidedBy     string
	DecidedAt     time.Time
	AdminDecision bool // only admins could make it, so only admins decide its appeal

	Appeal   AppealState
	AppealBy string // who decided the appeal
	AppealAt time.Time
}

// Outcome is the case after an event and what must be done about it, in the
// transaction that stores the case.
type Outcome struct {
	Case
	Effects []Effect
}

// Why says what kept something from being done; empty when nothing does.
type Why string

// The reasons of a [Conflict] and of [Policy.Admit].
const (
	WrongState      Why = "wrong_state"       // the event has no meaning in this state
	Closed          Why = "closed"            // decided already
	UnderAppeal     Why = "under_appeal"      // the appeal is decided, nothing else
	Held            Why = "held"              // somebody else has it
	NotHolder       Why = "not_holder"        // claim it first
	LeaseLost       Why = "lease_lost"        // the claim is over; claim it again
	HeldLong        Why = "held_long"         // a claim is not renewed any longer
	TooEarly        Why = "too_early"         // the lease lasts
	NothingToDo     Why = "nothing_to_do"     // it is so already
	Reported        Why = "reported"          // people reported it, too
	Gone            Why = "gone"              // the subject, or its owner, is no more
	TooWeak         Why = "too_weak"          // the reports do not suffice to hide
	AlreadyReported Why = "already_reported"  // an open report of the reporter
	AlreadyAppealed Why = "already_appealed"  // once per decision
	NotAppealable   Why = "not_appealable"    // it was against nobody
	TooLate         Why = "too_late"          // the time for an appeal is over
	Nobody          Why = "nobody"            // no actor
	NotStaff        Why = "not_staff"         // neither moderator nor admin
	AdminOnly       Why = "admin_only"        // an admin does this
	OwnSubject      Why = "own_subject"       // about oneself, or what is one's own
	IsInterested    Why = "interested"        // see [Actor]
	FirstDecider    Why = "first_decider"     // decided what is appealed
	NotAssigned     Why = "not_assigned"      // it waits for another person
	SamePerson      Why = "same_person"       // handed to whoever has it
	NotTheirs       Why = "not_theirs"        // appealed by another person
	TooMany         Why = "too_many_claims"   // release one first
	HourLimit       Why = "reports_this_hour" // too many
	DayLimit        Why = "reports_this_day"  // too many
	BadRequest      Why = "bad_request"       // a value is missing or makes no sense
	DoesNotFit      Why = "does_not_fit"      // the reason or action, for this subject
	NoReason        Why = "no_reason"         // say what was found
	NoText          Why = "no_text"           // say why, in words
	LongText        Why = "long_text"         // more than [MostTextRunes]
	BadTime         Why = "bad_time"          // the end of a suspension
)

// Status is the HTTP status that answers the reason: 403 for who may not, 429 for
// a limit, 400 for bad input, else 409.
func (w Why) Status() int {
	switch w {
	case Nobody, NotStaff, AdminOnly, OwnSubject, IsInterested, FirstDecider, NotAssigned, NotTheirs:
		return 403
	case HourLimit, DayLimit:
		return 429
	case BadRequest, DoesNotFit, NoReason, NoText, LongText, BadTime:
		return 400
	default:
		return 409
	}
}

// Conflict is the error of an event that does not apply; the case is as it was.
type Conflict struct { //nolint:errname // it is what happened: moderation.Conflict
	State State
	Event string
	Why   Why
}

// Error names the state, the event and the reason.
func (c *Conflict) Error() string {
	return fmt.Sprintf("case %q: %s does not apply: %s", c.State, c.Event, c.Why)
}

// Step applies an event to a case. An event that does not apply gives the case
// unchanged, no effects and a [*Conflict].
func Step(c Case, e Event, policy Policy, now time.Time) (Outcome, error) {
	s := &step{Case: c, policy: policy, now: now}
	if why := s.apply(e); why != "" {
		return Outcome{Case: c}, &Conflict{State: c.State, Event: e.name(), Why: why}
	}
	return Outcome{Case: s.Case, Effects: s.effects}, nil
}

// step is one event being applied.
type step struct {
	Case
	policy  Policy
	now     time.Time
	effects []Effect
}

func (s *step) apply(event Event) Why {
	switch e := event.(type) {
	case Filed:
		return s.filed(e)
	case Open:
		return s.open(e)
	case AutoHide:
		return s.autoHide(e)
	case Claim:
		return s.claim(e)
	case Renew:
		return s.renew(e)
	case Release:
		return s.release(e)
	case LeaseExpired:
		return s.leaseExpired()
	case HandOver:
		return s.handOver(e)
	case Escalate:
		return s.escalate(e)
	case Resolve:
		return s.resolve(e)
	case Reopen:
		return s.reopen(e)
	case DecideAppeal:
		return s.decideAppeal(e)
	case Settled:
		return s.settled(e)
	}
	return WrongState
}

func (s *step) add(effects ...Effect) { s.effects = append(s.effects, effects...) }

// notify tells people who exist.
func (s *step) notify(to Whom, notice Notice) {
	if to == Owner && s.Subject.Owner == "" {
		return
	}
	s.add(Effect{Kind: Notify, To: to, Notice: notice})
}
