package referral

import (
	"cmp"
	"slices"
	"time"
)

// Terms are what makes a person active: those of the policy in force when they
// were brought, so that nothing is taken back because a rule changed later.
type Terms struct {
	Clips      int64 `json:"clips"`
	Votes      int64 `json:"votes"`
	Days       int64 `json:"days"`
	WindowDays int64 `json:"window_days"`
	Outside    int64 `json:"outside"`
}

// Activation is what is known of one referred person, kept as JSON and changed
// by [Activation.Apply] only. Start one with [Policy.Start].
type Activation struct {
	Terms       Terms      `json:"terms"`
	Since       time.Time  `json:"since"` // sign-up
	Verified    bool       `json:"verified,omitempty"`
	Fraud       bool       `json:"fraud,omitempty"` // confirmed; only an appeal leads back
	Reduced     bool       `json:"reduced,omitempty"`
	TrustAt     time.Time  `json:"trust_at,omitzero"`
	Acts        []Recorded `json:"acts,omitempty"`
	Active      bool       `json:"active,omitempty"`
	Round       int64      `json:"round,omitempty"`       // how often the person became active
	ActivatedAt time.Time  `json:"activated_at,omitzero"` // the latest time
}

// Recorded is the latest verdict on one act, as it is kept.
type Recorded struct {
	Kind    ActKind `json:"kind"`
	ID      string  `json:"id"`
	Verdict int64   `json:"verdict"`
	Day     int64   `json:"day"` // UTC days from that of the sign-up
	Counts  bool    `json:"counts,omitempty"`
}

// Event is something that happened to the referred person: [Verified], [Act],
// [Trust], [Fraud] or [Cleared].
type Event interface{ change(*Activation) }

// Verified says that the person proved an e-mail address or a phone number.
type Verified struct{}

// Trust says that the person's trust was reduced, or is whole again.
type Trust struct {
	Reduced bool
	At      time.Time // the latest counts; of two at once the reduction
}

// Fraud says that somebody found the person to be no person of their own.
type Fraud struct{}

// Cleared says that an appeal against [Fraud] was granted. Of the two the later
// one holds, so they are applied in the order of the decisions.
type Cleared struct{}

// ActKind is what an act is.
type ActKind string

// The kinds of acts.
const (
	Clip ActKind = "clip"
	Vote ActKind = "vote"
)

// Act is a verdict on a clip that the person sent or voted on.
type Act struct {
	Kind    ActKind
	ID      string    // of the clip or vote
	Verdict int64     // number of the verdict on that clip, from 1: the highest counts
	At      time.Time // when the person sent or voted, not when it was decided
	Stands  bool      // the clip is approved; the vote agrees with the verdict
	Outside int64     // agreeing voters, besides the person, outside the referrer's cluster
}

// Turn is what an event changed for the referrer.
type Turn string

// The turns.
const (
	Unchanged Turn = ""
	Activated Turn = "activated" // the bonus of this round is due
	Withdrawn Turn = "withdrawn" // the bonus of this round is taken back
)

// Start begins to follow somebody who signed up then.
func (p Policy) Start(signedUp time.Time) Activation {
	return Activation{
		Terms: Terms{p.ActivationClips, p.ActivationVotes, p.ActivationDays, p.ActivationWindowDays, p.OutsideVoters},
		Since: signedUp.UTC(),
	}
}

// Apply adds an event. An event that was applied before changes nothing, and the
// order of events does not matter to what the person has done, so they may be
// delivered more than once and late; [Cleared] alone has a place, after [Fraud]. A person who fell below the terms and meets
// them again becomes active anew, in the next round. The receiver is not changed.
//
// To stay small it keeps of a kind at most twice the wanted acts per day and,
// when there are twice the wanted acts on twice the wanted days, no more at all.
// Only somebody of whose acts more than half are overturned later can tell.
func (a Activation) Apply(e Event, now time.Time) (Activation, Turn) {
	a.Acts = slices.Clone(a.Acts)
	e.change(&a)
	done := a.Progress()
	switch {
	case a.Active && (a.Fraud || !done.worked()):
		a.Active = false
		return a, Withdrawn
	case !a.Active && !a.Fraud && !a.Reduced && a.Verified && done.worked():
		a.Active, a.ActivatedAt = true, now.UTC()
		a.Round++
		return a, Activated
	}
	return a, Unchanged
}

func (Verified) change(a *Activation) { a.Verified = true }
func (Fraud) change(a *Activation)    { a.Fraud = true }
func (Cleared) change(a *Activation)  { a.Fraud = false }

func (t Trust) change(a *Activation) {
	at := t.At.UTC()
	if at.After(a.TrustAt) || at.Equal(a.TrustAt) && t.Reduced {
		a.Reduced, a.TrustAt = t.Reduced, at
	}
}

func (act Act) change(a *Activation) {
	if act.At.Before(a.Since) || !act.At.Before(a.Since.Add(days(a.Terms.WindowDays))) {
		return
	}
	r := Recorded{
		Kind: act.Kind, ID: act.ID, Verdict: act.Verdict,
		Day: dayNumber(act.At) - dayNumber(a.Since), Counts: act.Stands && act.Outside >= a.Terms.Outside,
	}
	at, found := slices.BinarySearchFunc(a.Acts, r, byAct)
	switch {
	case found && r.Verdict > a.Acts[at].Verdict:
		a.Acts[at] = r
	case found:
	case r.Counts && !a.full(r), !r.Counts && r.Verdict > 1: // the latter: an earlier verdict may still come
		a.Acts = slices.Insert(a.Acts, at, r)
	}
}

func byAct(a, b Recorded) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
}

func dayNumber(t time.Time) int64 { return t.UTC().Truncate(24*time.Hour).Unix() / (24 * 60 * 60) }

// full tells whether one more act like this would prove nothing more.
func (a Activation) full(r Recorded) bool {
	enough, onDay, ofKind := 2*a.Terms.Clips, int64(0), int64(0)
	if r.Kind == Vote {
		enough = 2 * a.Terms.Votes
	}
	for _, other := range a.Acts {
		if other.Kind == r.Kind && other.Counts {
			ofKind++
			if other.Day == r.Day {
				onDay++
			}
		}
	}
	return onDay >= enough || ofKind >= enough && a.Progress().Days >= 2*a.Terms.Days
}

// Progress is how far a person has come, for the referrer to see.
type Progress struct {
	Terms    Terms `json:"terms"`
	Verified bool  `json:"verified"`
	Clips    int64 `json:"clips"`
	Votes    int64 `json:"votes"`
	Days     int64 `json:"days"` // with a clip or vote that counts
}

// Progress counts what stands.
func (a Activation) Progress() Progress {
	p, seen := Progress{Terms: a.Terms, Verified: a.Verified}, map[int64]bool{}
	for _, r := range a.Acts {
		if !r.Counts {
			continue
		}
		if r.Kind == Clip {
			p.Clips++
		} else {
			p.Votes++
		}
		seen[r.Day] = true
	}
	p.Days = int64(len(seen))
	return p
}

// worked tells whether the acts suffice.
func (p Progress) worked() bool {
	return (p.Clips >= p.Terms.Clips || p.Votes >= p.Terms.Votes) && p.Days >= p.Terms.Days
}
