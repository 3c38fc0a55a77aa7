package payout

import (
	"fmt"
	"time"
)

// EffectKind is what an [Effect] asks for.
type EffectKind string

// The kinds of effects. The first five are postings of the ledger.
const (
	PostHold            EffectKind = "post hold"
	ReleaseHold         EffectKind = "release hold"
	PostPaid            EffectKind = "post paid"      // with FeeMinor
	PostReversal        EffectKind = "post reversal"  // the bank returned it: back to the user
	PostPaidLate        EffectKind = "post paid late" // debits the user, below zero if need be; with FeeMinor
	Send                EffectKind = "send"           // POST with Reference, once, after the commit
	VerifyNow           EffectKind = "verify now"
	VerifyAt            EffectKind = "verify at" // At
	PauseCurrency       EffectKind = "pause currency"
	PauseAll            EffectKind = "pause all"
	Alert               EffectKind = "alert"
	FreezeUser          EffectKind = "freeze user"
	MarkAccountUnusable EffectKind = "mark account unusable"
	NotifyUser          EffectKind = "notify user"
)

// Money tells whether the effect is a posting of the ledger.
func (k EffectKind) Money() bool {
	switch k {
	case PostHold, ReleaseHold, PostPaid, PostReversal, PostPaidLate:
		return true
	default:
		return false
	}
}

// AlertKind says what the operators are told.
type AlertKind string

// The alerts.
const (
	AlertMismatch      AlertKind = "mismatch"          // Paystack's transfer is not the one ordered
	AlertUnexpected    AlertKind = "unexpected"        // Paystack knows a payout that was not sent
	AlertOTP           AlertKind = "otp"               // transfers need an OTP; they must not
	AlertPendingLong   AlertKind = "pending_long"      // older than the policy allows
	AlertVanished      AlertKind = "vanished"          // Paystack had it and now does not
	AlertUnknownStatus AlertKind = "unknown_status"    // a status outside the documentation
	AlertSilent        AlertKind = "silent"            // verify has not answered for long
	AlertTriesSpent    AlertKind = "tries_spent"       // sent as often as the policy allows
	AlertLowBalance    AlertKind = "low_balance"       // top up, or wait for settlement
	AlertAccess        AlertKind = "access"            // key, business or payouts on hold
	AlertRecipient     AlertKind = "refused_recipient" // refused after an earlier send
	AlertRefused       AlertKind = "refused_as_wrong"  // a request that should not have been made
	AlertPaidLate      AlertKind = "paid_late"         // critical: paid after it was released
	AlertContradicted  AlertKind = "contradicted"      // verify takes back what was conclusive
)

// Notice says what the user is told.
type Notice string

// The notices.
const (
	NoticeReview    Notice = "review"
	NoticeApproved  Notice = "approved"
	NoticeRejected  Notice = "rejected"
	NoticeCancelled Notice = "cancelled"
	NoticePaid      Notice = "paid"
	NoticeFailed    Notice = "failed"
	NoticeReversed  Notice = "reversed"
	NoticeAccount   Notice = "account_unusable"
)

// Effect is one thing to do after an event; only the fields of its kind are set.
type Effect struct {
	Kind      EffectKind
	Reference string
	FeeMinor  int64
	At        time.Time
	Alert     AlertKind
	Notice    Notice
}

// String is the effect in one line, as in the matrix of the tests.
func (e Effect) String() string {
	switch e.Kind {
	case Send:
		return fmt.Sprintf("send(%s)", e.Reference)
	case PostPaid, PostPaidLate:
		return fmt.Sprintf("%s(fee %d)", e.Kind, e.FeeMinor)
	case VerifyAt:
		return fmt.Sprintf("verify at(%s)", e.At.UTC().Format(time.RFC3339))
	case Alert:
		return fmt.Sprintf("alert(%s)", e.Alert)
	case NotifyUser:
		return fmt.Sprintf("notify user(%s)", e.Notice)
	default:
		return string(e.Kind)
	}
}

func verifyAt(t time.Time) Effect { return Effect{Kind: VerifyAt, At: t} }

// The polls after a send and after a payment. Banks return transfers days later.
var (
	sendPolls = []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour}
	paidPolls = []time.Duration{time.Hour, 24 * time.Hour, 3 * 24 * time.Hour, 7 * 24 * time.Hour}
)

// afterSend is the next poll of a payout whose end is not known: after 1, 2, 5,
// 15, 30 and 60 minutes, hourly for 72 hours, then daily.
func afterSend(sent, now time.Time) time.Time {
	for _, d := range sendPolls {
		if t := sent.Add(d); t.After(now) {
			return t
		}
	}
	if now.Sub(sent) < 72*time.Hour {
		return now.Add(time.Hour)
	}
	return now.Add(24 * time.Hour)
}

// afterPaid is the next look for a reversal, or zero after the last one.
func afterPaid(paid, now time.Time) time.Time {
	for _, d := range paidPolls {
		if t := paid.Add(d); t.After(now) {
			return t
		}
	}
	return time.Time{}
}
