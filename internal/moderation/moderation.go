// Package moderation decides what reports come to: how grave and how weighty a
// case is, who may hold it and decide it, what an action brings with it, what
// strikes add up to, when reports alone hide something, and what an appeal undoes.
//
// It refuses a decision by the person concerned, by whoever reported it, and a
// second decision on what is closed; an appeal is never decided by whoever
// decided first. It refuses to let a crowd decide: reports hide nothing unless
// several people do who were right before and are not linked to each other, and
// what a person looked at and left standing needs more of them. And it refuses to
// take money or standing without a reason that was written down.
//
// [Step] is a pure function from a case and an event to the case after it and the
// effects to carry out; an event that does not apply is a [Conflict] and changes
// nothing. Time and policy are arguments. Weights are basis points: 10,000 is one
// whole report. Ids of people are those of persons: whoever moderates as a user
// and as an admin has one id, or the rules about different people are void.
package moderation

import (
	"slices"

	"github.com/lingualink/lingualink/internal/fault"
)

// Whole is one whole report, in basis points.
const Whole = 10_000

// SubjectType is what a report is about.
type SubjectType string

// The types of subjects.
const (
	Clip    SubjectType = "clip"
	User    SubjectType = "user"
	Stream  SubjectType = "stream"
	Message SubjectType = "message"
)

var subjectTypes = []SubjectType{Clip, User, Stream, Message}

// SubjectTypes returns all types of subjects.
func SubjectTypes() []SubjectType { return slices.Clone(subjectTypes) }

// ParseSubjectType reads a type; the error is fault.InvalidInput.
func ParseSubjectType(text string) (SubjectType, error) {
	return parse(subjectTypes, text, "subject_type", "A report is about a clip, user, stream or message.")
}

// Hideable tells whether a subject of the type can be hidden. People cannot:
// their standing says what they may do.
func (t SubjectType) Hideable() bool { return t == Clip || t == Stream || t == Message }

// Subject is the one thing that a case is about. Owner is the person who answers
// for it, the person itself for a [User], and empty when they are gone.
type Subject struct {
	Type  SubjectType
	ID    string
	Owner string
}

func (s Subject) valid() bool {
	return slices.Contains(subjectTypes, s.Type) && s.ID != "" && (s.Type != User || s.Owner == s.ID || s.Owner == "")
}

// Severity is how grave a report is, from [Low] to [Critical]; 0 is none.
type Severity int64

// The severities.
const (
	Low      Severity = 1
	Medium   Severity = 2
	High     Severity = 3
	Critical Severity = 4
)

var severities = []Severity{Low, Medium, High, Critical}

// String is the name of the severity, as in the policy.
func (s Severity) String() string {
	switch s {
	case Low:
		return "low"
	case Medium:
		return "medium"
	case High:
		return "high"
	case Critical:
		return "critical"
	default:
		return "none"
	}
}

// Reason says what a report claims, or what a decision found.
type Reason string

// The reasons. The last two are disputes about a clip.
const (
	Spam                Reason = "spam"
	Harassment          Reason = "harassment"
	Inappropriate       Reason = "inappropriate"
	Hate                Reason = "hate"
	WrongLanguage       Reason = "wrong_language"
	PersonalInformation Reason = "personal_information"
	Copyright           Reason = "copyright"
	ChildSafety         Reason = "child_safety"
	Other               Reason = "other"
	UnclearAudio        Reason = "unclear_audio"
	DialectDispute      Reason = "dialect_dispute"
)

var reasons = []Reason{
	Spam, Harassment, Inappropriate, Hate, WrongLanguage, PersonalInformation, Copyright, ChildSafety, Other, UnclearAudio, DialectDispute,
}

// Reasons returns all reasons.
func Reasons() []Reason { return slices.Clone(reasons) }

// ParseReason reads a reason; the error is fault.InvalidInput.
func ParseReason(text string) (Reason, error) {
	return parse(reasons, text, "reason", "This is not a reason of a report.")
}

// Dispute tells whether the reason is about the work rather than about conduct.
func (r Reason) Dispute() bool { return r == UnclearAudio || r == DialectDispute }

// Fits tells whether the reason can be given for a subject of the type: only what
// is spoken has a language, only clips are disputed, a line of chat has no
// copyright worth a case.
func (r Reason) Fits(t SubjectType) bool {
	switch {
	case !slices.Contains(reasons, r) || !slices.Contains(subjectTypes, t):
		return false
	case r.Dispute():
		return t == Clip
	case r == WrongLanguage:
		return t == Clip || t == Stream
	case r == Copyright:
		return t != Message
	}
	return true
}

// VerdictReason is the reason of a rejecting vote that says the same; it goes with
// the verdict that [RejectClip] brings.
func (r Reason) VerdictReason() string {
	switch r {
	case Harassment, Inappropriate, Hate, ChildSafety:
		return "offensive"
	case WrongLanguage, UnclearAudio:
		return string(r)
	default:
		return "other"
	}
}

// Role is what an actor may do as.
type Role string

// The roles.
const (
	NoRole    Role = ""
	Moderator Role = "moderator"
	Admin     Role = "admin"
)

// Staff tells whether the role holds cases.
func (r Role) Staff() bool { return r == Moderator || r == Admin }

// Actor is a person who does something to a case.
type Actor struct {
	ID         string
	Role       Role
	Interested bool // reported the subject, is linked to its owner or a reporter, or earns by it
}

// Standing of a person, from [Good] to [Banned].
type Standing string

// The standings.
const (
	Good      Standing = "good"
	Warned    Standing = "warned"
	Suspended Standing = "suspended"
	Banned    Standing = "banned"
)

var standings = []Standing{Good, Warned, Suspended, Banned}

func (s Standing) rank() int { return slices.Index(standings, s) }

// restricted tells whether a person of the standing may not act.
func (s Standing) restricted() bool { return s == Suspended || s == Banned }

func parse[T ~string](known []T, text, field, says string) (T, error) {
	if slices.Contains(known, T(text)) {
		return T(text), nil
	}
	return "", fault.InvalidInput.On(field).Saying(says)
}
