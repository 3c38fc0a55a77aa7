package moderation

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Action is what a decision does.
type Action string

// The actions.
const (
	Dismiss      Action = "dismiss"       // there is nothing wrong
	Warn         Action = "warn"          // its owner is warned
	Hide         Action = "hide"          // nobody but its owner and staff sees it
	Unhide       Action = "unhide"        // it is seen again
	RejectClip   Action = "reject_clip"   // a verdict against the clip
	ApproveClip  Action = "approve_clip"  // a verdict for it
	StripRewards Action = "strip_rewards" // what it brought is taken back, for fraud
	Suspend      Action = "suspend"       // its owner may not act until a time
	Ban          Action = "ban"           // its owner may not act any more
	Unban        Action = "unban"         // the person may act again
	EndStream    Action = "end_stream"    // the stream ends
)

var actions = []Action{Dismiss, Warn, Hide, Unhide, RejectClip, ApproveClip, StripRewards, Suspend, Ban, Unban, EndStream}

// Actions returns all actions.
func Actions() []Action { return slices.Clone(actions) }

// ParseAction reads an action; the error is fault.InvalidInput.
func ParseAction(text string) (Action, error) {
	return parse(actions, text, "action", "There is no such action.")
}

// Adverse tells whether the action is against its subject or owner. Adverse
// actions name what was found, may give strikes, and can be appealed.
func (a Action) Adverse() bool {
	switch a {
	case Warn, Hide, RejectClip, StripRewards, Suspend, Ban, EndStream:
		return true
	default:
		return false
	}
}

// Fits tells whether the action can be taken in a case about the type.
func (a Action) Fits(t SubjectType) bool {
	switch a {
	case Dismiss, Warn, Suspend, Ban:
		return slices.Contains(subjectTypes, t)
	case Hide, Unhide:
		return t.Hideable()
	case RejectClip, ApproveClip:
		return t == Clip
	case StripRewards:
		return t == Clip || t == User
	case Unban:
		return t == User
	case EndStream:
		return t == Stream
	default:
		return false
	}
}

// NeedsNote tells whether the decision must say why in words: it takes or gives
// back standing or money.
func (a Action) NeedsNote() bool { return a == StripRewards || a == Suspend || a == Ban || a == Unban }

// onOwner tells whether the action is about the owner and so needs one.
func (a Action) onOwner() bool {
	return a == Warn || a == StripRewards || a == Suspend || a == Ban || a == Unban
}

// May tells whether somebody of the role may take the action, about an owner of a
// role: only admins lift bans and take what is against moderators and admins
// themselves; whether moderators take rewards back is policy.
func (p Policy) May(by Role, a Action, owner Role) bool {
	switch {
	case by == Admin:
		return true
	case by != Moderator, a == Unban, a == StripRewards && !p.StripByModerators:
		return false
	}
	return !owner.Staff() || !a.onOwner()
}

// Decision is what was decided about a case.
type Decision struct {
	Action    Action
	Reason    Reason    // what was found; of an adverse action
	Note      string    // why, in words
	Until     time.Time // of [Suspend]
	GoodFaith bool      // of [Dismiss]: the reports were wrong, but nobody is to blame
}

// form checks what can be said of a decision by itself.
func (p Policy) form(t SubjectType, d Decision, now time.Time, by Role) Why {
	longest := p.MostSuspendDays
	if by != Admin {
		longest = min(longest, p.ModeratorDays)
	}
	switch {
	case !d.Action.Fits(t):
		return DoesNotFit
	case d.Action.Adverse() && d.Reason == "":
		return NoReason
	case d.Action.Adverse() && !d.Reason.Fits(t), !d.Action.Adverse() && d.Reason != "":
		return DoesNotFit
	case d.Reason.Dispute() && d.Action != RejectClip: // a matter of the work, not of conduct
		return DoesNotFit
	case d.Action.NeedsNote() && strings.TrimSpace(d.Note) == "":
		return NoText
	case utf8.RuneCountInString(d.Note) > MostTextRunes:
		return LongText
	case d.GoodFaith && d.Action != Dismiss:
		return BadRequest
	case d.Action != Suspend && !d.Until.IsZero():
		return BadRequest
	case d.Action == Suspend && (!d.Until.After(now) || d.Until.After(now.Add(days(longest)))):
		return BadTime
	}
	return ""
}

// Facts are what a decision must know beside the case, read in its transaction.
type Facts struct {
	Owner           Person // zero when there is none
	Hidden          bool   // the subject is hidden
	HiddenElsewhere bool   // something else than this case hides it
	Gone            bool   // withdrawn or deleted; of a stream: ended
	Verdict         string // of a clip: "approved", "rejected", or anything else for none in force
}

// The verdicts in [Facts] and of [Overrule].
const (
	Approved = "approved"
	Rejected = "rejected"
)

// Person is the owner of a subject.
type Person struct {
	Role     Role
	Standing Standing
	Until    time.Time // as stored with the standing; none: until an act
	Strikes  []Strike  // all of them
}

// applicable checks a decision against the facts: it must have something to do.
func (s *step) applicable(d Decision, f Facts) Why {
	ownerGone := s.Subject.Owner == ""
	switch {
	case d.Action.onOwner() && ownerGone:
		return Gone
	case f.Gone && (d.Action == Hide || d.Action == Unhide || d.Action == RejectClip || d.Action == ApproveClip || d.Action == EndStream):
		return Gone
	case d.Action == Hide && f.Hidden && !s.Hidden, // hidden by another decision
		d.Action == Unhide && !f.Hidden,
		d.Action == RejectClip && f.Verdict == Rejected,
		d.Action == ApproveClip && f.Verdict == Approved,
		(d.Action == Ban || d.Action == Suspend) && f.Owner.Standing == Banned,
		d.Action == Unban && !f.Owner.Standing.restricted():
		return NothingToDo
	}
	return ""
}

// consequences are the effects of the decision that was just made.
func (s *step) consequences(by Role, f Facts) Why {
	d := s.Decision
	switch d.Action {
	case Hide:
		s.add(Effect{Kind: HideSubject})
	case Unhide:
		s.add(Effect{Kind: UnhideSubject})
	case RejectClip:
		s.add(Effect{Kind: Overrule, Verdict: Rejected, Reason: d.Reason})
	case ApproveClip:
		s.add(Effect{Kind: Overrule, Verdict: Approved})
	case StripRewards:
		s.add(Effect{Kind: TakeRewards})
	case EndStream:
		s.add(Effect{Kind: StopStream})
	default: // nothing happens to the subject
	}
	// What reports hid comes back when nothing was found; else it stays hidden.
	if s.Hidden && (d.Action == Dismiss || d.Action == ApproveClip) && !f.HiddenElsewhere && !f.Gone {
		s.add(Effect{Kind: UnhideSubject})
	}
	if why := s.strike(by, f.Owner); why != "" {
		return why
	}
	if s.Reports > 0 && d.Action != Unban {
		s.add(Effect{Kind: JudgeReports})
	}
	if notice := noticeOf(s.Case); notice != "" {
		s.notify(Owner, notice)
	}
	if s.Reports > 0 && d.Action != Unban {
		notice := NoticeNotFound
		if d.Action.Adverse() {
			notice = NoticeFound
		}
		s.notify(Reporters, notice)
	}
	return ""
}

// strike adds what the decision gives its owner, and what follows for them. The
// standing of staff falls by the hand of an admin only, also by the ladder.
func (s *step) strike(by Role, owner Person) Why {
	if s.Subject.Owner == "" {
		return ""
	}
	before := Ladder(s.policy, owner.Strikes, s.now)
	after := slices.Clone(owner.Strikes)
	switch strike, given := s.policy.strikeOf(s.ID, s.Decision, s.now); {
	case s.Decision.Action == Unban:
		s.add(Effect{Kind: LiftSanctions})
		for i := range after {
			after[i] = after[i].lifted(s.now)
		}
		// whoever set the standing, it is lifted
		s.setStanding(Ladder(s.policy, after, s.now))
		return ""
	case !given:
		return ""
	default:
		s.add(Effect{Kind: AddStrike, Strike: strike})
		after = append(after, strike)
	}
	to := s.follow(owner, before, Ladder(s.policy, after, s.now))
	if !to.restricted() {
		return ""
	}
	if owner.Role.Staff() && by != Admin {
		return AdminOnly
	}
	s.AdminDecision = s.AdminDecision || owner.Role.Staff()
	notice := NoticeSuspended
	if to == Banned {
		notice = NoticeBanned
	}
	if notice != noticeOf(s.Case) {
		s.notify(Owner, notice) // the ladder's, beside that of the decision
	}
	return ""
}

// follow sets the standing that strikes call for and returns it, empty when it
// stays as it is. What somebody set without strikes, and is graver, stays; what
// has run out and was not cleared away yet does not.
func (s *step) follow(owner Person, before, after Sanction) Standing {
	now := owner.Standing
	if now == "" || !owner.Until.IsZero() && !owner.Until.After(s.now) {
		now = before.Standing
	}
	if after.Standing.rank() > now.rank() || now == before.Standing && after != before {
		s.setStanding(after)
		return after.Standing
	}
	return ""
}

func (s *step) setStanding(to Sanction) {
	s.add(Effect{Kind: SetStanding, Standing: to.Standing, At: to.Until})
}

// undo adds the effects that take the decision in force back, as far as nobody
// else has dealt with its subject since.
func (s *step) undo(f Facts) {
	d := s.Decision
	switch d.Action {
	case RejectClip:
		if f.Verdict == Rejected && !f.Gone {
			s.add(Effect{Kind: Overrule, Verdict: Approved})
		}
	case StripRewards:
		s.add(Effect{Kind: RestoreRewards})
	default: // below
	}
	if (d.Action == Hide || s.Hidden) && f.Hidden && !f.HiddenElsewhere && !f.Gone {
		s.add(Effect{Kind: UnhideSubject})
	}
	struck := slices.ContainsFunc(f.Owner.Strikes, func(strike Strike) bool { return strike.Case == s.ID && !strike.Undone })
	if s.Subject.Owner != "" && struck {
		s.add(Effect{Kind: UndoStrike})
		after := slices.Clone(f.Owner.Strikes)
		for i := range after {
			after[i].Undone = after[i].Undone || after[i].Case == s.ID
		}
		s.follow(f.Owner, Ladder(s.policy, f.Owner.Strikes, s.now), Ladder(s.policy, after, s.now))
	}
	if s.Reports > 0 {
		s.add(Effect{Kind: JudgeReports})
	}
}
