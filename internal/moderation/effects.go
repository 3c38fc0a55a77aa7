package moderation

import (
	"fmt"
	"time"
)

// EffectKind is what an [Effect] asks for.
type EffectKind string

// The kinds of effects. Those that change nothing any more are done.
const (
	HideSubject    EffectKind = "hide"
	UnhideSubject  EffectKind = "unhide"
	Overrule       EffectKind = "overrule"        // Verdict and Reason, as by an expert
	TakeRewards    EffectKind = "take rewards"    // what the subject brought its owner, released or not
	RestoreRewards EffectKind = "restore rewards" // what this case took, exactly
	StopStream     EffectKind = "stop stream"
	AddStrike      EffectKind = "add strike"     // Strike, to the owner
	UndoStrike     EffectKind = "undo strike"    // those of this case
	LiftSanctions  EffectKind = "lift sanctions" // LiftedAt of all strikes of the owner that have none: now
	SetStanding    EffectKind = "set standing"   // of the owner; At: when [Ladder] is to be asked again
	JudgeReports   EffectKind = "judge reports"  // all reports of the case, by [Policy.Judge]
	Notify         EffectKind = "notify"         // To and Notice
)

// Whom says who is notified.
type Whom string

// The people of a case.
const (
	Owner     Whom = "owner"
	Reporters Whom = "reporters"
	Holder    Whom = "holder" // who has it now, or for whom it waits
	Decider   Whom = "decider"
	Admins    Whom = "admins"
)

// Notice says what somebody is told.
type Notice string

// The notices.
const (
	NoticeAutoHidden  Notice = "auto_hidden" // a person will look
	NoticeUnhidden    Notice = "unhidden"
	NoticeWarned      Notice = "warned"
	NoticeHidden      Notice = "hidden"
	NoticeRejected    Notice = "rejected"
	NoticeApproved    Notice = "approved"
	NoticeStripped    Notice = "rewards_stripped"
	NoticeSuspended   Notice = "suspended"
	NoticeBanned      Notice = "banned"
	NoticeUnbanned    Notice = "unbanned"
	NoticeStreamEnded Notice = "stream_ended"
	NoticeFound       Notice = "report_upheld"
	NoticeNotFound    Notice = "report_dismissed"
	NoticeHandedOver  Notice = "handed_over"
	NoticeEscalated   Notice = "escalated"
	NoticeUpheld      Notice = "appeal_upheld" // the decision stands
	NoticeOverturned  Notice = "appeal_overturned"
)

// noticeOf is what the owner is told of a decision. Of a report that was dismissed
// they know nothing, unless it had hidden something.
func noticeOf(c Case) Notice {
	switch c.Decision.Action {
	case Dismiss:
		if c.Hidden {
			return NoticeUnhidden
		}
		return ""
	case Warn:
		return NoticeWarned
	case Hide:
		return NoticeHidden
	case Unhide:
		return NoticeUnhidden
	case RejectClip:
		return NoticeRejected
	case ApproveClip:
		return NoticeApproved
	case StripRewards:
		return NoticeStripped
	case Suspend:
		return NoticeSuspended
	case Ban:
		return NoticeBanned
	case Unban:
		return NoticeUnbanned
	case EndStream:
		return NoticeStreamEnded
	default:
		return ""
	}
}

// Effect is one thing to do in the transaction of the event; only the fields of
// its kind are set. What a ban brings with it (sessions, payouts, content) binds
// to the change of standing and is not listed here. The audit row is always due.
type Effect struct {
	Kind     EffectKind
	Verdict  string
	Reason   Reason
	Strike   Strike
	Standing Standing
	At       time.Time
	To       Whom
	Notice   Notice
}

// String is the effect in one line, as in the matrix of the tests.
func (e Effect) String() string {
	switch e.Kind {
	case Overrule:
		if e.Reason != "" {
			return fmt.Sprintf("overrule(%s, %s)", e.Verdict, e.Reason)
		}
		return fmt.Sprintf("overrule(%s)", e.Verdict)
	case AddStrike:
		if e.Strike.Sanction != "" {
			return fmt.Sprintf("add strike(%d, %s)", e.Strike.Points, e.Strike.Sanction)
		}
		return fmt.Sprintf("add strike(%d)", e.Strike.Points)
	case SetStanding:
		if !e.At.IsZero() {
			return fmt.Sprintf("set standing(%s until %s)", e.Standing, e.At.UTC().Format(time.RFC3339))
		}
		return fmt.Sprintf("set standing(%s)", e.Standing)
	case Notify:
		return fmt.Sprintf("notify %s(%s)", e.To, e.Notice)
	default:
		return string(e.Kind)
	}
}
