// Package consensus decides what the votes on a clip come to, and whether
// somebody's vote may be cast at all.
//
// It refuses to let one person, a repeat or a guess decide: a verdict needs the
// posterior to pass a threshold with enough votes behind it, and a clip that
// stays in doubt goes to an expert. Every decision is a value ([Explanation])
// that holds all of its inputs and can be replayed.
//
// How much a vote weighs is the matter of package crowd. Time, policy and skills
// are arguments; there is no state here.
package consensus

import (
	"slices"
	"strings"

	"github.com/lingualink/lingualink/internal/fault"
)

// Choice is what a vote says about its clip.
type Choice string

// The two choices; "skip" is not a vote.
const (
	Approve Choice = "approve"
	Reject  Choice = "reject"
)

// ParseChoice reads the verdict field of a vote; anything but the two choices
// is fault.InvalidInput.
func ParseChoice(text string) (Choice, error) {
	if c := Choice(text); c == Approve || c == Reject {
		return c, nil
	}
	return "", fault.InvalidInput.On("verdict").Saying("Send approve or reject.")
}

// Reason says why a vote rejects.
type Reason string

// The reasons for a rejection.
const (
	Offensive       Reason = "offensive"
	WrongLanguage   Reason = "wrong_language"
	WrongText       Reason = "wrong_text"
	CutOff          Reason = "cut_off"
	UnclearAudio    Reason = "unclear_audio"
	BackgroundNoise Reason = "background_noise"
	Other           Reason = "other"
)

// reasons in the order that breaks ties: what the speaker can least mend by
// recording again in a better place comes first.
var reasons = []Reason{Offensive, WrongLanguage, WrongText, CutOff, UnclearAudio, BackgroundNoise, Other}

// Reasons returns all reasons, in the order that breaks ties.
func Reasons() []Reason { return slices.Clone(reasons) }

// ParseReason reads the reason field of a rejecting vote; an unknown or empty
// one is fault.InvalidInput.
func ParseReason(text string) (Reason, error) {
	if r := Reason(text); slices.Contains(reasons, r) {
		return r, nil
	}
	names := make([]string, len(reasons))
	for i, r := range reasons {
		names[i] = string(r)
	}
	return "", fault.InvalidInput.On("reason").Saying("Choose one of: " + strings.Join(names, ", ") + ".")
}

// Outcome is what the votes on a clip come to.
type Outcome string

// The outcomes. Undecided means that the clip needs another vote.
const (
	Undecided Outcome = ""
	Approved  Outcome = "approved"
	Rejected  Outcome = "rejected"
	Escalated Outcome = "escalated"
)

// Basis says what an outcome rests on.
type Basis string

// The bases of the outcomes.
const (
	ByAcceptance Basis = "accepted"
	ByRejection  Basis = "rejected"
	ByMaxVotes   Basis = "escalated:max_votes"
	ByTimeout    Basis = "escalated:timeout"
	ByExpert     Basis = "expert"
	ByNothingYet Basis = "undecided"
)
