// Package push names what leaves for people's devices and mailboxes, and what came
// of it. Every provider is a [Sender] in a package of its own below this one.
//
// It decides what the answers of all providers have in common: an [Outcome]. It
// refuses to repeat anything: when to try again, and when never, is a rule of
// internal/notify, which knows how often it was tried and until when it matters.
package push

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Outcome is what became of one delivery.
type Outcome string

// The outcomes. The first two are good.
const (
	// Sent: the provider took it over, and nothing more will be known.
	Sent Outcome = "sent"
	// Ticketed: the provider took it over; Result.Ticket buys a receipt later.
	Ticketed Outcome = "ticketed"
	// Pending: the receipt is not there yet. Only receipts say so.
	Pending Outcome = "pending"
	// Dead: this device or mailbox is gone. Forget the target.
	Dead Outcome = "dead"
	// Refused: this delivery will never be taken; the target may be good.
	Refused Outcome = "refused"
	// Limited: too many; nothing was done. See Result.RetryAfter.
	Limited Outcome = "limited"
	// Failed: the provider said that it could not.
	Failed Outcome = "failed"
	// NotSent: nobody was reached.
	NotSent Outcome = "not_sent"
	// Unknown: it was sent, and no answer tells what came of it.
	Unknown Outcome = "unknown"
	// Misconfigured: our own keys are not accepted. An admin has to act.
	Misconfigured Outcome = "misconfigured"
)

// Outcomes returns all of them.
func Outcomes() []Outcome {
	return []Outcome{Sent, Ticketed, Pending, Dead, Refused, Limited, Failed, NotSent, Unknown, Misconfigured}
}

// Target is where a message goes. Token is the push token, or the endpoint of a
// web push subscription, which has two keys besides.
type Target struct {
	Token  string
	P256dh string // base64url
	Auth   string // base64url
}

// Message is what a device shows.
type Message struct {
	Title, Body string
	// Data goes to the app as it is: kind, link, ids.
	Data map[string]string
	// Collapse replaces what an earlier message of the same key shows, so that a
	// message that is sent twice is seen once. Empty for none.
	Collapse string
	Urgent   bool // wakes the device
	// Expires ends its worth; zero leaves it to the provider.
	Expires time.Time
}

// Delivery is one message to one target.
type Delivery struct {
	Target  Target
	Message Message
}

// Result is what came of one delivery, or what its receipt says.
type Result struct {
	Outcome    Outcome
	Ticket     string        // of Ticketed
	RetryAfter time.Duration // what the provider asks for; 0 if it does not
	// Code and Detail are the provider's words, without keys and tokens.
	Code, Detail string
}

// Sender is one provider. Send returns a result for each delivery, in their order,
// and splits what is too much for one request. It may be called by many goroutines.
type Sender interface {
	// Name is that of the channel: expo, fcm, webpush.
	Name() string
	Send(ctx context.Context, deliveries []Delivery) []Result
}

// Receipts is a provider that says later what came of a delivery.
type Receipts interface {
	// Receipts returns a result for each ticket, in their order.
	Receipts(ctx context.Context, tickets []string) []Result
}

// All gives every delivery the same result.
func All(n int, result Result) []Result {
	results := make([]Result, n)
	for i := range results {
		results[i] = result
	}
	return results
}

// Each runs do for 0 to n-1, at most limit at a time, and waits for all of them.
func Each(n, limit int, do func(i int)) {
	slots := make(chan struct{}, max(limit, 1))
	var running sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			do(i)
		})
	}
	running.Wait()
}

// Broken is the result of a request that got no answer: only a connection that
// never came about proves that nothing was sent.
func Broken(err error) Result {
	result := Result{Outcome: Unknown, Code: "no_answer", Detail: Short(plain(err))}
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		result.Outcome, result.Code = NotSent, "unreachable"
	}
	return result
}

// plain is the error without the address, which may be a secret of the device.
func plain(err error) string {
	var wrapped interface{ Unwrap() error }
	text := err.Error()
	if errors.As(err, &wrapped) && wrapped.Unwrap() != nil && strings.Contains(text, "://") {
		text = wrapped.Unwrap().Error()
	}
	if strings.Contains(text, "://") {
		return "the request failed"
	}
	return text
}

// Status is the outcome of an HTTP status that says nothing more.
func Status(status int) Outcome {
	switch {
	case status >= 200 && status < 300:
		return Sent
	case status == http.StatusTooManyRequests:
		return Limited
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return Misconfigured
	case status == http.StatusRequestTimeout, status >= 500:
		return Failed
	}
	return Refused
}

// most is the longest wait that a provider is believed.
const most = 24 * time.Hour

// RetryAfter reads the header of the name: seconds, or a date (RFC 9110, 10.2.3).
// Nonsense is zero; more than a day is a day.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	wait := time.Duration(0)
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		wait = time.Duration(min(max(seconds, 0), int64(most/time.Second))) * time.Second
	} else if date, err := http.ParseTime(value); err == nil {
		wait = date.Sub(now)
	}
	return min(max(wait, 0), most)
}

// Short makes one line of at most 300 bytes.
func Short(text string) string {
	const longest = 300
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "�")), " ")
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return text
}

// Transport is a connection pool for one provider. HTTP/2 is used where the other
// side offers it.
func Transport(perHost int, control ...func(network, address string) error) *http.Transport {
	dialer := &net.Dialer{Timeout: connectTimeout}
	if len(control) > 0 {
		dialer.ControlContext = checked(control[0])
	}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    connectTimeout,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    perHost,
		IdleConnTimeout:        60 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// CollapseID makes of a collapse key what every provider takes: at most 32 letters of
// the base64url alphabet (RFC 8030, 5.4). The same key gives the same letters.
func CollapseID(key string) string {
	if len(key) <= 32 && strings.Trim(key, collapseLetters) == "" {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return base64.RawURLEncoding.EncodeToString(sum[:24])
}

const collapseLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
