package notify

import (
	"hash/fnv"
	"time"

	"github.com/lingualink/lingualink/internal/push"
)

// Next is what follows from an answer.
type Next string

// What follows.
const (
	Done   Next = "done"   // delivered, as far as will ever be known
	Ticket Next = "ticket" // keep the ticket and ask for the receipt at At
	Again  Next = "again"  // try again at At
	Forget Next = "forget" // the target is gone: remove it, there is nothing to do
	// Drop: it is no longer worth anything.
	Drop Next = "drop"
	// Bury: it failed for good. An admin sees it and can replay it.
	Bury Next = "bury"
	// Unclear: a mail that may have left. It is never sent again; an admin sees it.
	Unclear Next = "unclear"
	// Rest: the keys are not accepted. The whole channel rests until At, an admin is
	// told, and this does not count as an attempt.
	Rest Next = "rest"
)

// Step is what to do, and when.
type Step struct {
	Next Next
	At   time.Time // of Ticket, Again, Rest
}

// Tried is an attempt that was made.
type Tried struct {
	Channel Channel
	Key     string    // the effect key; spreads what failed together
	Attempt int       // 1 for the first
	Expires time.Time // zero for never
}

// After says what follows from the answer to an attempt. A push whose outcome nobody
// knows is sent again, at the price of one that comes twice and is shown once, by its
// collapse key; a mail is not.
func (p Policy) After(tried Tried, result push.Result, now time.Time) Step {
	switch result.Outcome {
	case push.Sent:
		return Step{Next: Done}
	case push.Ticketed:
		return Step{Ticket, now.Add(minutes(p.ReceiptMinutes))}
	case push.Dead:
		return Step{Next: Forget}
	case push.Refused:
		return Step{Next: Bury}
	case push.Misconfigured:
		at := now.Add(minutes(p.MisconfiguredMinutes))
		if !tried.Expires.IsZero() && !at.Before(tried.Expires) {
			return Step{Next: Drop, At: at}
		}
		return Step{Rest, at}
	case push.Unknown:
		if tried.Channel == Mail {
			return Step{Next: Unclear}
		}
	case push.Limited, push.Failed, push.NotSent, push.Pending:
	default:
		return Step{Next: Bury}
	}
	if tried.Attempt >= p.attempts(tried.Channel) {
		return Step{Next: Bury}
	}
	at := now.Add(max(p.Backoff(tried.Key, tried.Attempt), result.RetryAfter))
	if !tried.Expires.IsZero() && !at.Before(tried.Expires) {
		return Step{Next: Drop}
	}
	return Step{Again, at}
}

// Backoff is the pause after an attempt: doubled each time, up to the most, and between
// half of it and all of it by the key, so that what failed together does not come back
// together.
func (p Policy) Backoff(key string, attempt int) time.Duration {
	pause, longest := seconds(p.BackoffSeconds), seconds(p.BackoffMostSeconds)
	for range min(max(attempt-1, 0), 30) {
		if pause *= 2; pause >= longest {
			break
		}
	}
	pause = min(pause, longest)
	hash := fnv.New32a()
	hash.Write([]byte(key)) // never gives an error
	half := pause / 2
	return pause - half + time.Duration(int64(half)*int64(hash.Sum32()%1024)/1024)
}

// AfterReceipt says what follows from a receipt. What is not there yet is asked for
// again until nobody keeps it any more; then it counts as delivered, because the
// provider took it over.
func (p Policy) AfterReceipt(tried Tried, sentAt time.Time, receipt push.Result, now time.Time) Step {
	switch receipt.Outcome {
	case push.Pending, push.Failed, push.NotSent, push.Unknown, push.Limited, push.Misconfigured:
		// Of these only Pending and a question that failed leave the receipt open. What
		// Apple or Google said of the message comes with a code.
		if receipt.Outcome == push.Limited && receipt.Code == "MessageRateExceeded" || receipt.Outcome == push.Misconfigured || receipt.Outcome == push.Failed && receipt.Code == "ProviderError" {
			return p.After(tried, receipt, now)
		}
		if now.Sub(sentAt) >= hours(p.ReceiptHours) {
			return Step{Next: Done}
		}
		return Step{Ticket, now.Add(max(minutes(p.ReceiptMinutes), receipt.RetryAfter))}
	}
	return p.After(tried, receipt, now)
}
