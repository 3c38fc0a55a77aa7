package payout

import "time"

// observe applies what verify says. The rules by state are those of the table
// in testdata/matrix.txt.
func (s *step) observe(o Observation) Why {
	if s.State == New {
		return WrongState
	}
	if o.Status != NotFound {
		s.SeenAt, s.Closer = s.now, "" // who began to close it by hand did not know this
	}
	if !o.matches(s.Payout) {
		s.mismatch()
		return ""
	}
	switch s.State {
	case Requested, Review, Approved:
		s.observeUnsent(o)
	case Sending, InFlight:
		s.observeOpen(o)
	case Manual:
		s.observeManual(o)
	case Paid:
		s.observePaid(o)
	case Failed, Rejected, Cancelled:
		s.observeReleased(o)
	case Reversed:
		s.observeEnd(o, StatusReversed, StatusFailed)
	case PaidLate:
		s.observeEnd(o, StatusSuccess, "")
	default: // a new payout has no transfer to observe
	}
	return ""
}

// mismatch stops all sending: somebody else uses our key or our references, or
// we are wrong about what we sent.
func (s *step) mismatch() {
	s.add(Effect{Kind: PauseAll})
	if s.in(Failed, Rejected, Cancelled, Reversed, PaidLate) {
		s.add(Effect{Kind: Alert, Alert: AlertMismatch})
		return
	}
	s.doubt(AlertMismatch)
}

// doubt is manual for a payout of which something may be on its way: the proof
// of closing by hand counts from now if nothing was sent by us.
func (s *step) doubt(alert AlertKind) {
	if s.SentAt.IsZero() {
		s.SentAt = s.now
	}
	s.manual(alert)
}

// observeUnsent is for payouts that are not sent, as after a restore from a
// backup: what Paystack knows of them must not be sent again.
func (s *step) observeUnsent(o Observation) {
	if o.Status == NotFound {
		return
	}
	s.doubt(AlertUnexpected)
	s.add(Effect{Kind: PauseAll})
}

func (s *step) observeOpen(o Observation) {
	old := s.now.Sub(s.SentAt)
	switch o.Status {
	case StatusSuccess:
		s.pay(o.FeeMinor)
	case StatusFailed, StatusBlocked, StatusRejected, StatusDropped, StatusReversed:
		s.release(Failed, NoticeFailed)
	case NotFound:
		s.notFound(old)
	case StatusOTP:
		if s.State == InFlight && old >= s.policy.OTPAge() {
			s.manual(AlertOTP)
			return
		}
		s.inFlight(AlertOTP)
	case StatusPending, StatusReceived:
		s.pending(old, "")
	default:
		s.pending(old, AlertUnknownStatus)
	}
}

func (s *step) pending(old time.Duration, alert AlertKind) {
	if s.State == InFlight && old >= s.policy.PendingAge() {
		s.manual(AlertPendingLong)
		return
	}
	s.inFlight(alert)
}

func (s *step) inFlight(alert AlertKind) {
	s.State = InFlight
	if alert != "" {
		s.add(Effect{Kind: Alert, Alert: alert})
	}
	s.verifyLater()
}

// notFound proves nothing shortly after a send: Paystack answers so until the
// transfer is created. Later the same reference is sent again.
func (s *step) notFound(old time.Duration) {
	switch {
	case s.State == InFlight:
		s.manual(AlertVanished)
	case s.Refused && s.NotFoundAt.IsZero():
		s.NotFoundAt = s.now
		s.add(verifyAt(s.now.Add(s.policy.NotFoundAge())))
	case s.Refused && s.now.Sub(s.NotFoundAt) >= s.policy.NotFoundAge():
		s.release(Failed, NoticeFailed)
	case s.Refused:
		s.add(verifyAt(s.NotFoundAt.Add(s.policy.NotFoundAge())))
	case old < s.policy.NotFoundAge(), !s.policy.Enabled, s.now.Before(s.NotBefore):
		s.verifyLater() // no try is spent while sending is off
	case s.Posts >= int(s.policy.MostSends):
		s.manual(AlertTriesSpent)
	default:
		s.send()
	}
}

// observeManual ends a payout on a conclusive answer only, and by what was
// settled before it came here.
func (s *step) observeManual(o Observation) {
	paid := s.Settled == SettledPaid
	switch o.Status {
	case StatusSuccess:
		if paid {
			s.State = Paid
			s.paidPoll()
			return
		}
		s.pay(o.FeeMinor)
	case StatusReversed:
		if paid {
			s.reverse()
			return
		}
		s.release(Failed, NoticeFailed)
	case StatusFailed, StatusBlocked, StatusRejected, StatusDropped:
		if paid {
			s.add(Effect{Kind: Alert, Alert: AlertContradicted})
			return
		}
		s.release(Failed, NoticeFailed)
	default:
		s.verifyLater()
	}
}

func (s *step) observePaid(o Observation) {
	switch o.Status {
	case StatusSuccess:
		s.paidPoll()
	case StatusReversed:
		s.reverse()
	case NotFound, StatusFailed, StatusBlocked, StatusRejected, StatusDropped:
		s.manual(AlertContradicted)
	default:
		s.add(Effect{Kind: Alert, Alert: AlertContradicted})
		s.verifyLater()
	}
}

func (s *step) paidPoll() {
	if next := afterPaid(s.PaidAt, s.now); !next.IsZero() {
		s.add(verifyAt(next))
	}
}

func (s *step) reverse() {
	s.State = Reversed
	s.add(Effect{Kind: PostReversal}, Effect{Kind: NotifyUser, Notice: NoticeReversed})
}

// observeReleased debits what was paid after the hold had been given back.
func (s *step) observeReleased(o Observation) {
	switch o.Status {
	case NotFound, StatusFailed, StatusBlocked, StatusRejected, StatusDropped, StatusReversed:
	case StatusSuccess:
		s.State = PaidLate
		s.add(Effect{Kind: PostPaidLate, FeeMinor: o.FeeMinor}, Effect{Kind: FreezeUser}, Effect{Kind: Alert, Alert: AlertPaidLate})
	default:
		s.add(Effect{Kind: Alert, Alert: AlertContradicted})
		s.verifyLater()
	}
}

// observeEnd is for the last states: whatever is not expected is told, and
// mended by hand.
func (s *step) observeEnd(o Observation, expected ...Status) {
	for _, status := range expected {
		if o.Status == status {
			return
		}
	}
	s.add(Effect{Kind: Alert, Alert: AlertContradicted})
}

// silence waits; a payout that nobody can say anything about goes to people.
func (s *step) silence() Why {
	switch {
	case !s.in(Sending, InFlight, Manual, Paid, Failed, Rejected, Cancelled):
		return WrongState
	case s.State == Sending && s.now.Sub(s.SentAt) >= s.policy.SilentAge(),
		s.State == InFlight && s.now.Sub(s.SentAt) >= s.policy.SilentAge() && s.now.Sub(s.SeenAt) >= s.policy.SilentAge():
		s.manual(AlertSilent)
		return ""
	}
	s.verifyLater()
	return ""
}
