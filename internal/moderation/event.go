package moderation

// Event is something that happens to a case: one of the types of this file.
type Event interface{ name() string }

// Name is what an event is called in a case's history, for example "claim".
func Name(e Event) string { return e.name() }

// Filed says that a report came. Tally is that of all reports of the case, the new
// one among them; Dismissed counts earlier cases of the subject that people
// dismissed, and is read when the case is [New]. A case that is closed or under
// appeal takes no reports: the caller opens the next one.
type Filed struct {
	Tally     Tally
	Dismissed int64
}

// Open is staff opening a case on their own account, and holding it. Reason may be
// empty, for a case that lifts something.
type Open struct {
	By     Actor
	Reason Reason
	Holds  int64 // cases that the actor holds
}

// AutoHide is a new look at whether reports hide the subject, when the policy or
// the reporters' records have changed. [Filed] looks by itself.
type AutoHide struct{ Tally Tally }

// Claim is an actor taking the case. Repeating it gives the claim that they have.
type Claim struct {
	By    Actor
	Holds int64 // other cases that the actor holds
}

// Renew is the holder being busy with the case.
type Renew struct{ By Actor }

// Release gives the case back: by its holder, by whom it waits for, or by an admin.
type Release struct{ By Actor }

// LeaseExpired says that a claim, or the wait for one person, is over.
type LeaseExpired struct{}

// HandOver gives the case to somebody else: by its holder or an admin.
type HandOver struct{ By, To Actor }

// Escalate lets the case wait for one other person, or with To empty for admins:
// by its holder, or by anybody who could claim it while nobody has.
type Escalate struct{ By, To Actor }

// Resolve decides the case.
type Resolve struct {
	By       Actor
	Decision Decision
	Facts    Facts
}

// Reopen is the owner's appeal against the decision, in their words.
type Reopen struct {
	By   string
	Text string
}

// DecideAppeal ends an appeal. The note says why and is needed both ways.
type DecideAppeal struct {
	By       Actor
	Overturn bool
	Note     string
	Facts    Facts
}

// Settled says that experts decided on the clip of a case that asks them about it,
// or that nothing is left to decide. It ends the case, unless people reported the
// clip, too: that is for staff.
type Settled struct {
	By      string // who decided
	Verdict string // [Approved], [Rejected], or empty for none
	Others  int64  // reports of the case that people made
}

func (Filed) name() string        { return "report" }
func (Settled) name() string      { return "settled" }
func (Open) name() string         { return "open" }
func (AutoHide) name() string     { return "auto-hide" }
func (Claim) name() string        { return "claim" }
func (Renew) name() string        { return "renew" }
func (Release) name() string      { return "release" }
func (LeaseExpired) name() string { return "lease expired" }
func (HandOver) name() string     { return "hand over" }
func (Escalate) name() string     { return "escalate" }
func (e Resolve) name() string    { return "resolve " + string(e.Decision.Action) }
func (Reopen) name() string       { return "appeal" }
func (e DecideAppeal) name() string {
	if e.Overturn {
		return "overturn"
	}
	return "uphold"
}
