package notify

import (
	"time"

	"github.com/lingualink/lingualink/internal/policy"
)

// Policy holds the values of the subject "notifications".
type Policy struct {
	// Quiet hours of whoever has set none, in minutes after midnight by the clock on
	// their wall. Two equal values mean none.
	QuietFromMinute int64 `json:"quiet_from_minute"`
	QuietToMinute   int64 `json:"quiet_to_minute"`
	// DigestMinutes: after one was told, what is alike waits this long and is told as
	// one.
	DigestMinutes int64 `json:"digest_minutes"`
	// LastsHours is how long a push or mail is worth sending, where the catalogue does
	// not say.
	LastsHours int64 `json:"lasts_hours"`
	// PushAttempts and MailAttempts are how often it is tried before a person looks.
	PushAttempts int64 `json:"push_attempts"`
	MailAttempts int64 `json:"mail_attempts"`
	// The first pause, which doubles, and the longest.
	BackoffSeconds     int64 `json:"backoff_seconds"`
	BackoffMostSeconds int64 `json:"backoff_most_seconds"`
	// MisconfiguredMinutes is how long a channel rests whose keys are not accepted.
	MisconfiguredMinutes int64 `json:"misconfigured_minutes"`
	// Receipts are asked for after the first, and no longer after the second.
	ReceiptMinutes int64 `json:"receipt_minutes"`
	ReceiptHours   int64 `json:"receipt_hours"`
	// InboxDays is how long the inbox keeps what was read, InboxMostDays what was not.
	InboxDays     int64 `json:"inbox_days"`
	InboxMostDays int64 `json:"inbox_most_days"`
	// DeviceDays is after how many days without a sign a device is forgotten.
	DeviceDays int64 `json:"device_days"`
}

// DefaultPolicy is quiet from 22:00 to 07:00, tells alike things every ten minutes,
// tries a push six times over some minutes and a mail five times, and keeps what was
// read for 90 days.
func DefaultPolicy() Policy {
	return Policy{
		QuietFromMinute: 22 * 60, QuietToMinute: 7 * 60, DigestMinutes: 10, LastsHours: 72,
		PushAttempts: 6, MailAttempts: 5, BackoffSeconds: 15, BackoffMostSeconds: 3_600, MisconfiguredMinutes: 15,
		ReceiptMinutes: 15, ReceiptHours: 23, InboxDays: 90, InboxMostDays: 365, DeviceDays: 180,
	}
}

// ParsePolicy lays a stored JSON object over the defaults. What does not fit is
// fault.PolicyInvalid.
func ParsePolicy(values []byte) (Policy, error) {
	return policy.Merge(DefaultPolicy(), values)
}

// Validate returns fault.PolicyInvalid on the first value out of range.
func (p Policy) Validate() error {
	const day = 24 * 60
	return policy.InRanges(
		policy.Range{Name: "quiet_from_minute", Value: p.QuietFromMinute, Least: 0, Most: day - 1},
		policy.Range{Name: "quiet_to_minute", Value: p.QuietToMinute, Least: 0, Most: day - 1},
		policy.Range{Name: "digest_minutes", Value: p.DigestMinutes, Least: 0, Most: day},
		policy.Range{Name: "lasts_hours", Value: p.LastsHours, Least: 1, Most: 28 * 24},
		policy.Range{Name: "push_attempts", Value: p.PushAttempts, Least: 1, Most: 20},
		policy.Range{Name: "mail_attempts", Value: p.MailAttempts, Least: 1, Most: 20},
		policy.Range{Name: "backoff_seconds", Value: p.BackoffSeconds, Least: 1, Most: 3_600},
		policy.Range{Name: "backoff_most_seconds", Value: p.BackoffMostSeconds, Least: p.BackoffSeconds, Most: 86_400},
		policy.Range{Name: "misconfigured_minutes", Value: p.MisconfiguredMinutes, Least: 1, Most: day},
		policy.Range{Name: "receipt_minutes", Value: p.ReceiptMinutes, Least: 1, Most: day},
		// Expo keeps receipts for a day.
		policy.Range{Name: "receipt_hours", Value: p.ReceiptHours, Least: 1, Most: 24},
		policy.Range{Name: "inbox_days", Value: p.InboxDays, Least: 1, Most: 3_650},
		policy.Range{Name: "inbox_most_days", Value: p.InboxMostDays, Least: p.InboxDays, Most: 3_650},
		policy.Range{Name: "device_days", Value: p.DeviceDays, Least: 30, Most: 730},
	)
}

// Quiet are the quiet hours of whoever has set none.
func (p Policy) Quiet() Quiet {
	return Quiet{FromMinute: int(p.QuietFromMinute), ToMinute: int(p.QuietToMinute)}
}

func (p Policy) attempts(channel Channel) int {
	if channel == Mail {
		return int(p.MailAttempts)
	}
	return int(p.PushAttempts)
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }
func minutes(n int64) time.Duration { return time.Duration(n) * time.Minute }
func hours(n int64) time.Duration   { return time.Duration(n) * time.Hour }
