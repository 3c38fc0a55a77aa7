package paystack

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// In any 60 seconds no more get through than Paystack allows, and over an hour
// not much less.
func TestTheLimitIsKept(t *testing.T) {
	for _, perMinute := range []int{1, 5, 100, 600, 900} {
		synctest.Test(t, func(t *testing.T) {
			b := newBucket(perMinute)
			var sent []time.Time
			for start := time.Now(); time.Since(start) < 20*time.Minute; {
				if _, ok := b.wait(t.Context()); !ok {
					t.Fatal("held back without a reason")
				}
				sent = append(sent, time.Now())
				if n := len(sent); n > perMinute && sent[n-1].Sub(sent[n-1-perMinute]) < time.Minute {
					t.Fatalf("%d requests within %v", perMinute+1, sent[n-1].Sub(sent[n-1-perMinute]))
				}
			}
			if len(sent) < perMinute*20*3/4 {
				t.Errorf("only %d of %d got through", len(sent), perMinute*20)
			}
		})
	}
}

func TestAPauseHoldsBackAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBucket(600)
		b.pause(30 * time.Second)
		b.pause(10 * time.Second) // a shorter one does not end the longer
		<-time.After(12 * time.Second)
		if left, ok := b.wait(t.Context()); ok || left != 18*time.Second {
			t.Errorf("%v left, sent %v", left, ok)
		}
		<-time.After(18 * time.Second)
		if _, ok := b.wait(t.Context()); !ok {
			t.Error("the pause does not end")
		}
	})
}

func TestWhoCannotWaitIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBucket(6)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, ok := b.wait(ctx); !ok {
			t.Fatal("the first is held back")
		}
		if left, ok := b.wait(ctx); ok || left <= 0 || left > time.Minute {
			t.Errorf("%v, sent %v", left, ok)
		}
	})
}

func TestTheDocumentedLimits(t *testing.T) {
	for name, test := range map[string]struct {
		domain   string
		loopback bool
		want     Limits
	}{
		"live":     {DomainLive, false, Limits{600, 900, 1500, 1200, 3000}},
		"test":     {DomainTest, false, Limits{Default: 100}},
		"loopback": {DomainTest, true, Limits{}},
	} {
		if got := *documentedLimits(test.domain, test.loopback); got != test.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
	shared := Limits{Default: 100}.buckets()
	if shared[limitTransfer] != shared[limitDefault] {
		t.Error("in test mode all calls share one limit")
	}
	own := documentedLimits(DomainLive, false).buckets()
	if own[limitTransfer] == own[limitDefault] || own[limitTransfer] == own[limitResolve] {
		t.Error("in live mode transfers have a limit of their own")
	}
	for url, limited := range map[string]bool{
		"https://api.paystack.co": true, "http://127.0.0.1:9": false, "http://[::1]:9": false, "http://localhost": false,
		"https://127.0.0.1.example.org": true,
	} {
		c, err := New("sk_test_x", Options{BaseURL: url})
		if err != nil || (c.limits[limitDefault].limiter != nil) != limited {
			t.Errorf("%s: %v, want limited %v", url, err, limited)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	date := time.Date(2026, 3, 4, 5, 6, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		header map[string]string
		want   time.Duration
	}{
		"seconds":           {map[string]string{"X-Ratelimit-Reset": "42"}, 42 * time.Second},
		"zero":              {map[string]string{"X-Ratelimit-Reset": "0"}, time.Second},
		"a Unix time":       {map[string]string{"X-Ratelimit-Reset": fmt.Sprint(date.Unix() + 20), "Date": date.Format(http.TimeFormat)}, 20 * time.Second},
		"a past Unix time":  {map[string]string{"X-Ratelimit-Reset": fmt.Sprint(date.Unix() - 20), "Date": date.Format(http.TimeFormat)}, time.Minute},
		"without a date":    {map[string]string{"X-Ratelimit-Reset": fmt.Sprint(date.Unix())}, time.Minute},
		"the usual header":  {map[string]string{"Retry-After": "9"}, 9 * time.Second},
		"nothing":           {nil, time.Minute},
		"not a number":      {map[string]string{"X-Ratelimit-Reset": "soon"}, time.Minute},
		"negative":          {map[string]string{"X-Ratelimit-Reset": "-5"}, time.Minute},
		"longer than a day": {map[string]string{"X-Ratelimit-Reset": "90000"}, time.Minute},
	} {
		h := http.Header{}
		for k, v := range test.header {
			h.Set(k, v)
		}
		if got := retryAfter(h); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
