package moderation

import (
	"strings"
	"time"
	"unicode/utf8"
)

// takesReports refuses where reports belong to another case.
func (s *step) takesReports() Why {
	switch {
	case s.State == Resolved:
		return Closed
	case s.Appeal == AppealOpen:
		return UnderAppeal
	}
	return ""
}

// filed takes over what the reports come to. A case never becomes lighter by one.
func (s *step) filed(e Filed) Why {
	if why := s.takesReports(); why != "" {
		return why
	}
	if s.ID == "" || !s.Subject.valid() || e.Tally.Reports < 1 {
		return BadRequest
	}
	if s.State == New {
		s.State, s.FirstAt, s.LastAt, s.DueAt = Opened, e.Tally.FirstAt, e.Tally.LastAt, e.Tally.DueAt
		s.Dismissed = max(e.Dismissed, 0)
	}
	s.Severity, s.WeightBps, s.Reports = max(s.Severity, e.Tally.Severity), e.Tally.WeightBps, e.Tally.Reports
	s.FirstAt, s.LastAt, s.DueAt = earlier(s.FirstAt, e.Tally.FirstAt), later(s.LastAt, e.Tally.LastAt), earlier(s.DueAt, e.Tally.DueAt)
	s.hide(e.Tally)
	return ""
}

// hide hides the subject once, if the reports suffice, until a person decides.
func (s *step) hide(tally Tally) bool {
	if s.Hidden || !s.policy.Hides(s.Subject.Type, tally, s.Dismissed) {
		return false
	}
	s.Hidden = true
	s.add(Effect{Kind: HideSubject})
	s.notify(Owner, NoticeAutoHidden)
	return true
}

func (s *step) autoHide(e AutoHide) Why {
	if why := s.takesReports(); why != "" {
		return why
	}
	switch {
	case s.State == New:
		return WrongState
	case s.Hidden:
		return NothingToDo
	case !s.hide(e.Tally):
		return TooWeak
	}
	return ""
}

// may tells whether somebody may have the case at all.
func (s *step) may(by Actor) Why {
	switch {
	case by.ID == "":
		return Nobody
	case !by.Role.Staff():
		return NotStaff
	case by.ID == s.Subject.Owner:
		return OwnSubject
	case by.Interested:
		return IsInterested
	case s.ForAdmins && by.Role != Admin:
		return AdminOnly
	case s.Appeal == AppealOpen && by.ID == s.DecidedBy:
		return FirstDecider
	}
	return ""
}

// exists refuses where there is no open case.
func (s *step) exists() Why {
	switch s.State {
	case New:
		return WrongState
	case Resolved:
		return Closed
	default:
		return ""
	}
}

// held refuses whoever does not have the case at this moment.
func (s *step) held(by Actor) Why {
	if why := s.exists(); why != "" {
		return why
	}
	switch {
	case by.ID == "":
		return Nobody
	case s.State != Claimed || s.Holder != by.ID:
		return NotHolder
	case !s.now.Before(s.Until):
		return LeaseLost
	}
	return s.may(by) // they may have lost their role since
}

// hold gives the case to one person. It is the only place that does.
func (s *step) hold(by Actor, lease time.Duration) {
	s.free()
	s.State, s.Holder, s.HeldSince, s.Until = Claimed, by.ID, s.now, s.now.Add(lease)
}

// free takes the case from everybody.
func (s *step) free() {
	s.State, s.Holder, s.HeldSince, s.Until, s.Assigned = Opened, "", time.Time{}, time.Time{}, ""
	if s.ForAdmins {
		s.State = Escalated
	}
}

func (s *step) open(e Open) Why {
	if s.State != New {
		return WrongState
	}
	severity := s.policy.Severity(e.Reason)
	switch why := s.may(e.By); {
	case why != "":
		return why
	case s.ID == "" || !s.Subject.valid():
		return BadRequest
	case e.Reason != "" && !e.Reason.Fits(s.Subject.Type):
		return DoesNotFit
	case e.Holds >= s.policy.MostClaims:
		return TooMany
	}
	s.Severity = max(severity, Low)
	s.FirstAt, s.LastAt, s.DueAt = s.now, s.now, s.now.Add(s.policy.SLA(s.Severity))
	s.hold(e.By, s.policy.Lease())
	return ""
}

// claim takes a case that nobody has. The lease of another that is over does not
// count, whether or not somebody has cleared it away.
func (s *step) claim(e Claim) Why {
	if why := s.exists(); why != "" {
		return why
	}
	lasts := s.now.Before(s.Until)
	switch why := s.may(e.By); {
	case why != "":
		return why
	case s.State == Claimed && lasts && s.Holder == e.By.ID:
		return "" // repeated
	case s.State == Claimed && lasts:
		return Held
	case s.Assigned != "" && lasts && s.Assigned != e.By.ID && e.By.Role != Admin:
		return NotAssigned
	case e.Holds >= s.policy.MostClaims:
		return TooMany
	}
	s.hold(e.By, s.policy.Lease())
	return ""
}

// renew prolongs a lease, up to the longest claim.
func (s *step) renew(e Renew) Why {
	if why := s.held(e.By); why != "" {
		return why
	}
	last := s.HeldSince.Add(s.policy.Hold())
	if !s.Until.Before(last) {
		return HeldLong
	}
	s.Until = later(s.Until, earlier(s.now.Add(s.policy.Lease()), last))
	return ""
}

// release needs no role of the holder: whoever has lost it, or has become
// interested, gives the case back.
func (s *step) release(e Release) Why {
	if why := s.exists(); why != "" {
		return why
	}
	theirs := s.State == Claimed && s.Holder == e.By.ID || s.Assigned != "" && s.Assigned == e.By.ID
	switch {
	case e.By.ID == "":
		return Nobody
	case s.Holder == "" && s.Assigned == "":
		return NothingToDo
	case theirs:
		s.free()
		return ""
	case e.By.Role != Admin:
		return NotHolder
	}
	if why := s.may(e.By); why != "" && why != FirstDecider {
		return why
	}
	s.free()
	return ""
}

func (s *step) leaseExpired() Why {
	if why := s.exists(); why != "" {
		return why
	}
	switch {
	case s.Holder == "" && s.Assigned == "":
		return WrongState
	case s.now.Before(s.Until):
		return TooEarly
	}
	s.free()
	return ""
}

func (s *step) handOver(e HandOver) Why {
	why := s.held(e.By)
	if why != "" && e.By.Role == Admin && e.By.ID != "" && s.exists() == "" {
		why = s.may(e.By) // an admin moves what others have, or nobody
	}
	if why != "" {
		return why
	}
	if why := s.may(e.To); why != "" {
		return why
	}
	if e.To.ID == e.By.ID || e.To.ID == s.Holder {
		return SamePerson
	}
	s.hold(e.To, s.policy.HandOverLease())
	s.notify(Holder, NoticeHandedOver)
	return ""
}

func (s *step) escalate(e Escalate) Why {
	why := s.held(e.By)
	if why == NotHolder && s.State == Opened {
		why = s.may(e.By)
	}
	if why != "" {
		return why
	}
	if e.To == (Actor{}) {
		if s.ForAdmins {
			return NothingToDo
		}
		s.ForAdmins = true
		s.free()
		s.notify(Admins, NoticeEscalated)
		return ""
	}
	if why := s.may(e.To); why != "" {
		return why
	}
	if e.To.ID == e.By.ID {
		return SamePerson
	}
	s.free()
	s.State, s.Assigned, s.Until = Escalated, e.To.ID, s.now.Add(s.policy.AssignedFor())
	s.notify(Holder, NoticeEscalated)
	return ""
}

// close ends the hold of a decided case.
func (s *step) close() {
	s.free()
	s.State = Resolved
}

// resolve decides the case. It is the only place where staff make a decision.
func (s *step) resolve(e Resolve) Why {
	if why := s.held(e.By); why != "" {
		return why
	}
	if s.Appeal == AppealOpen {
		return UnderAppeal
	}
	if why := s.policy.form(s.Subject.Type, e.Decision, s.now, e.By.Role); why != "" {
		return why
	}
	if !s.policy.May(e.By.Role, e.Decision.Action, e.Facts.Owner.Role) {
		return AdminOnly
	}
	if why := s.applicable(e.Decision, e.Facts); why != "" {
		return why
	}
	s.close()
	s.Decision, s.DecidedBy, s.DecidedAt = e.Decision, e.By.ID, s.now
	s.AdminDecision = s.ForAdmins || !s.policy.May(Moderator, e.Decision.Action, e.Facts.Owner.Role) ||
		s.policy.form(s.Subject.Type, e.Decision, s.now, Moderator) != ""
	return s.consequences(e.By.Role, e.Facts)
}

// settled takes over what experts said about the work. It is no decision about
// anybody's conduct: nothing else follows from it here, and an appeal against it is
// a dispute of the verdict.
func (s *step) settled(e Settled) Why {
	if why := s.exists(); why != "" {
		return why
	}
	decision := Decision{Action: Dismiss, GoodFaith: true}
	switch {
	case s.Appeal == AppealOpen:
		return UnderAppeal
	case s.Subject.Type != Clip:
		return WrongState
	case e.By == "":
		return Nobody
	case e.Others > 0:
		return Reported
	case e.Verdict == Approved:
		decision = Decision{Action: ApproveClip}
	case e.Verdict == Rejected:
		decision = Decision{Action: RejectClip, Reason: UnclearAudio}
	}
	s.close()
	s.Decision, s.DecidedBy, s.DecidedAt = decision, e.By, s.now
	if s.Reports > 0 {
		s.add(Effect{Kind: JudgeReports})
	}
	return ""
}

// reopen lets the owner appeal once. What only admins could decide goes to admins.
func (s *step) reopen(e Reopen) Why {
	switch {
	case s.State == New:
		return WrongState
	case e.By == "":
		return Nobody
	case e.By != s.Subject.Owner:
		return NotTheirs
	case s.Appeal != NoAppeal:
		return AlreadyAppealed
	case s.State != Resolved:
		return WrongState
	case !s.Decision.Action.Adverse():
		return NotAppealable
	case !s.now.Before(s.policy.AppealEnds(s.DecidedAt)):
		return TooLate
	case strings.TrimSpace(e.Text) == "":
		return NoText
	case utf8.RuneCountInString(e.Text) > MostTextRunes:
		return LongText
	}
	s.Appeal, s.ForAdmins = AppealOpen, s.AdminDecision
	s.DueAt = s.now.Add(hours(s.policy.AppealDueHours))
	s.free()
	return ""
}

func (s *step) decideAppeal(e DecideAppeal) Why {
	if why := s.held(e.By); why != "" {
		return why
	}
	switch {
	case s.Appeal != AppealOpen:
		return WrongState
	case strings.TrimSpace(e.Note) == "":
		return NoText
	case utf8.RuneCountInString(e.Note) > MostTextRunes:
		return LongText
	}
	s.close()
	s.Appeal, s.AppealBy, s.AppealAt = Upheld, e.By.ID, s.now
	notice := NoticeUpheld
	if e.Overturn {
		s.Appeal, notice = Overturned, NoticeOverturned
		s.undo(e.Facts)
	}
	s.notify(Owner, notice)
	s.notify(Decider, notice)
	return ""
}
