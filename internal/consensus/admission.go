package consensus

import (
	"math"
	"time"

	"github.com/lingualink/lingualink/internal/fault"
)

// The clip statuses that the rules of a vote tell apart; all others mean that
// the clip has its verdict.
const (
	statusPending   = "pending"
	statusWithdrawn = "withdrawn"
)

// VoteFacts is what the rules of a vote look at.
type VoteFacts struct {
	Voter        string
	Owner        string
	Voted        bool // the voter has a vote on this clip
	Status       string
	Hidden       bool
	Speaks       bool // the voter has declared exactly the clip's language
	Related      bool // voter and owner block each other (either way) or are linked accounts
	Duration     time.Duration
	AssignedAt   time.Time
	AssignedTill time.Time // end of the lease; zero without an assignment
	LastVoteAt   time.Time // the voter's last vote on any clip; zero if there is none
	HeardUntil   time.Time // until when the clips voted on so far kept the voter listening; zero for a first vote
}

// CheckVote says whether a vote may be cast now, nil or the first of these
// faults, all on the field "clip":
//
//  1. own_clip and already_voted, which nothing will change, and which hold
//     whatever became of the clip;
//  2. clip_withdrawn, clip_decided and clip_hidden, the final states first;
//  3. language_not_spoken, then not_eligible: about the person;
//  4. assignment_required, not_heard and cooldown: about the moment. not_heard
//     and cooldown carry retry_after, whole seconds rounded up.
//
// What is earlier cannot be mended by what is later, so an app never waits or
// fetches an assignment for a vote that would be refused all the same.
func CheckVote(p Policy, f VoteFacts, now time.Time) error {
	switch {
	case f.Voter == f.Owner:
		return fault.OwnClip.On("clip")
	case f.Voted:
		return fault.AlreadyVoted.On("clip")
	case f.Status == statusWithdrawn:
		return fault.ClipWithdrawn.On("clip")
	case f.Status != statusPending:
		return fault.ClipDecided.On("clip")
	case f.Hidden:
		return fault.ClipHidden.On("clip")
	case !f.Speaks:
		return fault.LanguageNotSpoken.On("clip")
	case f.Related:
		return fault.NotEligible.On("clip")
	}
	if p.Assignment == AssignmentRequired {
		if !now.Before(f.AssignedTill) {
			return fault.AssignmentRequired.On("clip")
		}
		if wait := secondsUntil(Heard(p, f), now); wait > 0 {
			return fault.NotHeard.On("clip").With("retry_after", wait)
		}
	}
	if !f.LastVoteAt.IsZero() {
		cooldown := time.Duration(p.CooldownS) * time.Second
		if wait := secondsUntil(f.LastVoteAt.Add(cooldown), now); wait > 0 {
			return fault.Cooldown.On("clip").With("retry_after", wait)
		}
	}
	return nil
}

// Heard is the earliest moment at which the voter can have heard the clip: its
// duration, or the part of it that the policy asks for, after it was assigned and
// after all that the voter heard before. So votes that a phone without network
// kept back are taken together, and votes on clips that nobody heard are not.
func Heard(p Policy, f VoteFacts) time.Time {
	from := f.AssignedAt
	if f.HeardUntil.After(from) {
		from = f.HeardUntil
	}
	return from.Add(time.Duration(p.MinListen * float64(f.Duration)))
}

// secondsUntil rounds up; it is 0 or less once the moment has come.
func secondsUntil(moment, now time.Time) int64 {
	return int64(math.Ceil(moment.Sub(now).Seconds()))
}
