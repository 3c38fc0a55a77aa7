package paystack

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limit names a rate limit of Paystack.
type limit string

const (
	limitDefault    limit = "default"
	limitTransfer   limit = "transfer"
	limitResolve    limit = "resolve"
	limitInitialize limit = "initialize"
	limitVerify     limit = "verify transaction"
)

// Limits are requests per 60 seconds; 0 means no limit. A zero besides Default
// shares the limit of Default.
type Limits struct {
	Default, Transfer, Resolve, Initialize, VerifyTransaction int
}

// documentedLimits are those of paystack.com/docs/api/rate-limits: per
// integration, live and test apart, and higher ones for a few calls in live
// mode only. Verifying a transfer is not among them.
func documentedLimits(domain string, loopback bool) *Limits {
	switch {
	case loopback:
		return &Limits{}
	case domain == DomainLive:
		return &Limits{Default: 600, Transfer: 900, Resolve: 1500, Initialize: 1200, VerifyTransaction: 3000}
	}
	return &Limits{Default: 100}
}

func (l Limits) buckets() map[limit]*bucket {
	shared := newBucket(l.Default)
	buckets := map[limit]*bucket{limitDefault: shared}
	for name, perMinute := range map[limit]int{
		limitTransfer: l.Transfer, limitResolve: l.Resolve,
		limitInitialize: l.Initialize, limitVerify: l.VerifyTransaction,
	} {
		buckets[name] = shared
		if perMinute > 0 {
			buckets[name] = newBucket(perMinute)
		}
	}
	return buckets
}

// bucket keeps one limit, and the pause that a 429 asked for.
type bucket struct {
	limiter *rate.Limiter // nil: no limit
	mu      sync.Mutex
	until   time.Time
}

// newBucket never lets more than perMinute through in any 60 seconds: what it
// lets through at once and what it refills in that time add up to it.
func newBucket(perMinute int) *bucket {
	if perMinute <= 0 {
		return &bucket{}
	}
	burst := max(perMinute/6, 1)
	return &bucket{limiter: rate.NewLimiter(rate.Limit(float64(max(perMinute-burst, 1))/60), burst)}
}

// wait holds a request back until it may be sent. During a pause, or when the
// context would end first, it says at once how long that takes.
func (b *bucket) wait(ctx context.Context) (retryAfter time.Duration, ok bool) {
	b.mu.Lock()
	pause := b.until.Sub(now())
	b.mu.Unlock()
	if pause > 0 {
		return pause, false
	}
	if b.limiter == nil {
		return 0, true
	}
	if err := b.limiter.Wait(ctx); err != nil && ctx.Err() == nil {
		return time.Duration(float64(time.Second) / float64(b.limiter.Limit())), false
	}
	return 0, true // a context that ended is the caller's to report
}

// pause stops requests for as long as a 429 says.
func (b *bucket) pause(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if until := now().Add(d); until.After(b.until) {
		b.until = until
	}
}

// now is the real time, on its monotonic part: limits of the network do not
// follow a clock that a test or an operator turns.
func now() time.Time {
	return time.Now() //nolint:forbidigo // see above
}

const (
	window       = time.Minute
	longestPause = 10 * time.Minute
)

// retryAfter reads x-ratelimit-reset, "a time in seconds indicating when the
// current limit window ends". The documentation does not say counted from
// when, so a large number is taken as Unix time, against the server's own
// Date. What is missing or absurd becomes one window.
func retryAfter(h http.Header) time.Duration {
	for _, name := range []string{"X-Ratelimit-Reset", "Retry-After"} {
		seconds, err := strconv.ParseInt(h.Get(name), 10, 64)
		if err != nil {
			continue
		}
		if seconds > 1_000_000_000 {
			date, err := http.ParseTime(h.Get("Date"))
			if err != nil {
				continue
			}
			seconds -= date.Unix()
		}
		if seconds >= 0 && seconds <= int64(longestPause/time.Second) {
			return max(time.Duration(seconds)*time.Second, time.Second)
		}
	}
	return window
}
