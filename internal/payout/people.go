package payout

import "time"

func (s *step) request() Why {
	limits, known := s.policy.Limits(s.Currency)
	switch {
	case s.State != New:
		return WrongState
	case !known, s.Reference == "", s.Recipient == "", s.Beneficiary == "":
		return BadRequest
	case s.AmountMinor < limits.MinimumMinor:
		return BelowLeast
	}
	s.State = Requested
	s.add(Effect{Kind: PostHold})
	return ""
}

// checked approves a clean payout up to the automatic limit; all others wait
// for a person.
func (s *step) checked(e Checked) Why {
	if s.State != Requested {
		return WrongState
	}
	limits, known := s.policy.Limits(s.Currency)
	if e.Flagged || !known || s.AmountMinor > limits.AutoLimitMinor {
		s.State = Review
		s.add(Effect{Kind: NotifyUser, Notice: NoticeReview})
		return ""
	}
	s.approved()
	return ""
}

func (s *step) approve(e Approve) Why {
	limits, known := s.policy.Limits(s.Currency)
	switch {
	case s.State != Review || !known:
		return WrongState
	case e.By == s.Beneficiary:
		return OwnPayout
	case e.By == "", e.By == s.First:
		return SamePerson
	case e.By == s.AccountEditor:
		return OwnAccount
	case s.AmountMinor > limits.HighLimitMinor && s.First == "":
		s.First = e.By
		return ""
	}
	s.approved()
	return ""
}

func (s *step) approved() {
	s.State = Approved
	s.add(Effect{Kind: NotifyUser, Notice: NoticeApproved})
}

func (s *step) reject(e Reject) Why {
	switch {
	case !s.in(Requested, Review), e.By == "" && s.State == Review:
		return WrongState
	case e.By == s.Beneficiary:
		return OwnPayout
	}
	s.release(Rejected, NoticeRejected)
	return ""
}

// cancel is safe in these states because nothing of them is on its way: a send
// without a conclusive refusal keeps a payout out of [Approved].
func (s *step) cancel(e Cancel) Why {
	switch {
	case !s.in(Requested, Review, Approved):
		return WrongState
	case !e.Admin && e.By != s.Beneficiary:
		return NotTheirs
	}
	s.release(Cancelled, NoticeCancelled)
	return ""
}

// accountChanged takes back what was approved for the account before.
func (s *step) accountChanged(e AccountChanged) Why {
	if why := s.flagged(); why != "" {
		return why
	}
	s.AccountEditor, s.AccountAt = e.By, s.now
	return ""
}

// flagged takes back every approval: it was given without knowing this. What is
// on its way finishes.
func (s *step) flagged() Why {
	if !s.in(Requested, Review, Approved) {
		return WrongState
	}
	if s.State != Review {
		s.add(Effect{Kind: NotifyUser, Notice: NoticeReview})
	}
	s.State, s.First = Review, ""
	return ""
}

// recheck looks again. A settled payout stays in [Manual] meanwhile: in flight
// it could be settled a second time.
func (s *step) recheck() Why {
	if s.State != Manual {
		return WrongState
	}
	if s.Settled == Unsettled {
		s.State = InFlight
	}
	s.add(Effect{Kind: VerifyNow})
	return ""
}

// close releases an unsettled payout when two people have the whole proof that
// it was never paid.
func (s *step) close(e Close) Why {
	switch {
	case s.State != Manual || s.Settled != Unsettled:
		return WrongState
	case e.By == s.Beneficiary:
		return OwnPayout
	case e.By == "", e.By == s.Closer:
		return SamePerson
	case !s.proven(e.Proof):
		return NoProof
	case s.Closer == "":
		s.Closer = e.By
		return ""
	}
	s.release(Failed, NoticeFailed)
	return ""
}

func (s *step) proven(proof Proof) bool {
	const quiet, apart = 24 * time.Hour, time.Hour
	return s.now.Sub(s.SentAt) >= quiet &&
		proof.NotFoundFirst.After(s.SentAt) && proof.NotFoundFirst.After(s.SeenAt) && proof.NotFoundLast.Sub(proof.NotFoundFirst) >= apart &&
		!proof.NotFoundLast.After(s.now) && proof.AbsentFromLists && proof.AbsentFromLedger
}
