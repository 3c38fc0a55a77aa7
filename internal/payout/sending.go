package payout

import "time"

// claim orders the first send, or the next after a conclusive "not now". The
// callers check pauses, ceilings, freezes and the account again before the POST
// and answer [NotSent] if one of them forbids it.
func (s *step) claim() Why {
	switch {
	case s.State != Approved:
		return WrongState
	case !s.policy.Enabled:
		return SwitchedOff
	case s.now.Before(s.NotBefore), !s.AccountAt.IsZero() && s.now.Before(s.AccountAt.Add(s.policy.CoolOff())):
		return TooEarly
	}
	s.State = Sending
	s.send()
	return ""
}

// send orders a POST with the reference that the payout has for life.
func (s *step) send() {
	s.Attempt++
	s.Posts++
	s.SentAt = s.now
	s.add(Effect{Kind: Send, Reference: s.Reference}, verifyAt(afterSend(s.now, s.now)))
}

func (s *step) answer(e Answer) Why {
	if e.Class == Accepted {
		if e.Observation.Status == NotFound {
			e.Observation.Status = "" // an accepted order was found: nothing conclusive
		}
		return s.observe(e.Observation) // verify may have been faster: any state
	}
	switch {
	case s.State != Sending:
		return WrongState
	case e.Attempt != s.Attempt, e.Attempt <= s.Answered:
		return Stale
	}
	s.Answered = e.Attempt
	switch e.Class {
	case Duplicate:
		s.SeenAt = s.now
		// Paystack's hint is a new reference; that is how people are paid twice.
		s.add(Effect{Kind: VerifyNow})
	case LowBalance:
		s.notCreated(time.Time{})
		s.add(Effect{Kind: PauseCurrency}, Effect{Kind: Alert, Alert: AlertLowBalance})
	case NoAccess:
		s.notCreated(time.Time{})
		s.add(Effect{Kind: PauseAll}, Effect{Kind: Alert, Alert: AlertAccess})
	case RateLimited:
		s.notCreated(e.Until)
	case NotSent:
		s.notCreated(time.Time{})
	case RefusedRecipient:
		s.refusedRecipient()
	case OtherRefusal:
		s.manual(AlertRefused)
		s.add(Effect{Kind: PauseAll})
	case Ambiguous:
		s.verifyLater()
	default:
		return WrongState
	}
	return ""
}

// notCreated takes back the latest send. If an earlier one is unanswered the
// payout stays in [Sending], where nobody can cancel it.
func (s *step) notCreated(until time.Time) {
	s.NotBefore = until
	if s.Posts > 0 {
		s.Posts--
	}
	if s.Posts == 0 {
		s.State = Approved
		return
	}
	s.verifyLater()
}

// refusedRecipient is conclusive only for the first send, and only together
// with two "not found" (see observe); later the refusal says nothing about the
// send before.
func (s *step) refusedRecipient() {
	s.add(Effect{Kind: MarkAccountUnusable}, Effect{Kind: NotifyUser, Notice: NoticeAccount})
	if s.Posts > 1 {
		s.manual(AlertRecipient)
		return
	}
	s.Refused = true
	s.add(Effect{Kind: VerifyNow})
}

// leaseExpired knows nothing of what the worker did, so verify comes first.
func (s *step) leaseExpired() Why {
	if s.State != Sending {
		return WrongState
	}
	s.add(Effect{Kind: VerifyNow})
	return ""
}
