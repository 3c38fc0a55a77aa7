package referral

import (
	"slices"
	"time"
)

// MostAncestors is how far up the chain of referrers a cycle is looked for. That
// a referrer is older than whom they bring already rules cycles out; this finds
// them in rows that came from elsewhere.
const MostAncestors = 10

// Claim is a code of Referrer, used by or for Referred.
type Claim struct {
	Referred, Referrer     string // ids
	ReferredAt, ReferrerAt time.Time
	Current                string    // who brought Referred according to the database; empty: nobody yet
	FirstClip              time.Time // of Referred; zero: none yet
	Ancestors              []string  // the referrer's referrer, theirs, and so on, up to [MostAncestors]
	Barred                 bool      // the referrer is suspended, banned or frozen
	SameDevice             bool      // both were seen on one device
	SamePayoutAccount      bool      // both are paid into one account
	Linked                 bool      // a relation says that both are one person or one ring
}

// Reason is the outcome of a claim, stable for records and apps.
type Reason string

// The outcomes. [Attributed] is to be stored; all others change nothing.
const (
	Attributed        Reason = "attributed"
	AttributedBefore  Reason = "attributed_before"   // to this very referrer: the claim is a repeat
	AttributedOther   Reason = "attributed_other"    // to another referrer, for ever
	OwnCode           Reason = "own_code"            // nobody brings themselves
	TooLate           Reason = "too_late"            // after the days from sign-up
	AfterFirstClip    Reason = "after_first_clip"    // the person is a contributor already
	ReferrerYounger   Reason = "referrer_younger"    // the referrer came later, or at the same moment
	Cycle             Reason = "cycle"               // the person brought the referrer, or who brought them
	ReferrerBarred    Reason = "referrer_barred"     // see [Claim]
	SameDevice        Reason = "same_device"         // see [Claim]
	SamePayoutAccount Reason = "same_payout_account" // see [Claim]
	KnownLink         Reason = "known_link"          // see [Claim]
	NotEligible       Reason = "not_eligible"        // what the person is told instead of the last four
)

// Attribute decides a claim. The first one that succeeds holds for ever; two at
// once are settled by the unique index on the referred person, and the loser
// asks again with Current filled.
func Attribute(p Policy, c Claim, now time.Time) Reason {
	switch {
	case c.Referrer == c.Referred:
		return OwnCode
	case c.Current == c.Referrer:
		return AttributedBefore
	case c.Current != "":
		return AttributedOther
	case !now.Before(p.AttributionEnds(c.ReferredAt)):
		return TooLate
	case !c.FirstClip.IsZero():
		return AfterFirstClip
	case !c.ReferrerAt.Before(c.ReferredAt):
		return ReferrerYounger
	case slices.Contains(c.Ancestors[:min(len(c.Ancestors), MostAncestors)], c.Referred):
		return Cycle
	case c.Barred:
		return ReferrerBarred
	case c.SameDevice:
		return SameDevice
	case c.SamePayoutAccount:
		return SamePayoutAccount
	case c.Linked:
		return KnownLink
	}
	return Attributed
}

// Public is the reason as the person may know it: what was seen of others, and
// how they stand, is nobody's business, and would teach how not to be seen.
func (r Reason) Public() Reason {
	switch r {
	case ReferrerBarred, SameDevice, SamePayoutAccount, KnownLink:
		return NotEligible
	default:
		return r
	}
}
