package paystacktest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// WebhookChaos is what happens to events on their way, by the seed.
type WebhookChaos struct {
	LosePerMille    int `json:"lose_per_mille"`
	DoublePerMille  int `json:"double_per_mille"`
	ShufflePerMille int `json:"shuffle_per_mille"` // overtakes one that waits
	DelaySeconds    int `json:"delay_s"`           // up to so long
}

// Delivery is an event on its way.
type Delivery struct {
	Event     string    `json:"event"`
	Reference string    `json:"reference"`
	Body      []byte    `json:"body"`
	Signature string    `json:"signature"`
	At        time.Time `json:"at"`
	Due       time.Time `json:"due"`
	Attempts  int       `json:"attempts"`
	Statuses  []int     `json:"statuses"` // of the attempts; 0 without an answer
	Lost      bool      `json:"lost"`
}

// Retries of an event that was not answered with 200: every 3 minutes four
// times, then hourly for 72 hours (paystack.com/docs/payments/webhooks, live).
const (
	soonRetries = 4
	soon        = 3 * time.Minute
	later       = time.Hour
	giveUp      = 72 * time.Hour
)

// Chaos sets what happens to events from now on.
func (s *Server) Chaos(chaos WebhookChaos) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chaos = chaos
}

// emit makes an event; the lock is held.
func (s *Server) emit(event, reference string, data map[string]any) {
	body, err := json.Marshal(map[string]any{"event": event, "data": data})
	if err != nil {
		panic(err) // only maps and plain values are in it
	}
	chance := func(perMille int) bool { return perMille > 0 && s.random.IntN(1000) < perMille }
	copies := 1
	if chance(s.chaos.DoublePerMille) {
		copies = 2
	}
	for range copies {
		d := &Delivery{
			Event: event, Reference: reference, Body: body, Signature: Sign(s.options.SecretKey, body), At: s.now(), Due: s.now(),
		}
		s.events = append(s.events, d)
		if d.Lost = chance(s.chaos.LosePerMille); d.Lost {
			continue
		}
		if s.chaos.DelaySeconds > 0 {
			d.Due = d.Due.Add(time.Duration(s.random.IntN(s.chaos.DelaySeconds+1)) * time.Second)
		}
		at := len(s.queue)
		if chance(s.chaos.ShufflePerMille) {
			at = s.random.IntN(len(s.queue) + 1)
		}
		s.queue = slices.Insert(s.queue, at, d)
	}
}

// Emit sends a signed event about a transfer or a payment as it is now, whether
// or not it happened, with some fields of its data changed: a late "failed"
// after a success, another amount, another domain.
func (s *Server) Emit(event, reference string, fields map[string]any) error {
	return s.locked(func() error {
		var data map[string]any
		if t := s.transfer(reference); t != nil {
			data = s.transferEvent(t)
		} else if t := s.transaction(reference); t != nil {
			data = s.transactionData(t)
		} else {
			return fmt.Errorf("paystacktest: there is nothing called %q", reference)
		}
		maps.Copy(data, fields)
		s.emit(event, reference, data)
		return nil
	})
}

// Sign is the signature of an event: the hexadecimal HMAC-SHA512 of the body
// with the secret key.
func Sign(secretKey string, body []byte) string {
	mac := hmac.New(sha512.New, []byte(secretKey))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// Events are all that were ever made, also those that were lost.
func (s *Server) Events() []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	events := []Delivery{}
	for _, d := range s.events {
		event := *d
		event.Statuses = slices.Clone(d.Statuses)
		events = append(events, event)
	}
	return events
}

// Take hands over the events that are due, in their order, for a test that
// delivers them itself: twice, late, or to another place.
func (s *Server) Take() []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.follow()
	taken := []Delivery{}
	for _, d := range s.due() {
		taken = append(taken, *d)
		s.drop(d)
	}
	return taken
}

func (s *Server) due() []*Delivery {
	now := s.now()
	return slices.DeleteFunc(slices.Clone(s.queue), func(d *Delivery) bool { return d.Due.After(now) })
}

func (s *Server) drop(d *Delivery) {
	s.queue = slices.DeleteFunc(s.queue, func(other *Delivery) bool { return other == d })
}

// SetWebhookURL says where Deliver goes.
func (s *Server) SetWebhookURL(url string) {
	s.mu.Lock()
	s.options.WebhookURL = url
	s.mu.Unlock()
	s.nudge()
}

// Deliver posts what is due to the webhook URL, once each. What is not answered
// with 200 becomes due again later. It returns how many were taken.
func (s *Server) Deliver(ctx context.Context) int {
	s.mu.Lock()
	s.follow()
	if s.save() != nil {
		s.mu.Unlock()
		return 0 // an event must not be ahead of what is kept
	}
	url, due := s.options.WebhookURL, s.due()
	if url == "" {
		due = nil
	}
	for _, d := range due {
		s.drop(d)
	}
	s.mu.Unlock()
	taken := 0
	for _, d := range due {
		status := s.postEvent(ctx, url, d)
		s.mu.Lock()
		d.Attempts++
		d.Statuses = append(d.Statuses, status)
		if status == http.StatusOK {
			taken++
		} else if s.now().Sub(d.At) < giveUp {
			wait := later
			if d.Attempts <= soonRetries {
				wait = soon
			}
			d.Due = s.now().Add(wait)
			s.queue = append(s.queue, d)
		}
		s.mu.Unlock()
	}
	return taken
}

func (s *Server) postEvent(ctx context.Context, url string, d *Delivery) (status int) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(d.Body))
	if err != nil {
		return 0
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Paystack-Signature", d.Signature)
	response, err := s.client.Do(request)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// deliverForever is the delivery of a process of its own: after every change,
// and every second for what becomes due by time.
func (s *Server) deliverForever() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	go func() {
		<-s.closing
		cancel()
	}()
	for {
		select {
		case <-s.closing:
			return
		case <-s.wake:
		case <-ticker.C:
		}
		s.Deliver(ctx)
	}
}
