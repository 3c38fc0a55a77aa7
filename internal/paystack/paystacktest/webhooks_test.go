package paystacktest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/paystack"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

// listener is a webhook endpoint that answers as it is told.
type listener struct {
	mu     sync.Mutex
	status int
	got    []string
	bad    int
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil || !paystack.NewSignatures(paystacktest.Key).Valid(body, r.Header.Get(paystack.SignatureHeader)) {
		l.bad++
	}
	event, err := paystack.ParseEvent(body)
	if err != nil {
		l.bad++
	}
	l.got = append(l.got, event.Name+" "+event.Reference)
	w.WriteHeader(l.status)
}

func TestEventsAreRepeatedUntilTaken(t *testing.T) {
	l := &listener{status: 500}
	endpoint := httptest.NewServer(l)
	defer endpoint.Close()
	server := start(t, paystacktest.Options{Balances: map[string]int64{"NGN": 10_000_000}, WebhookURL: endpoint.URL})
	prepare(t, server)
	deliver := func(want int) {
		t.Helper()
		before := len(l.got)
		server.Deliver(t.Context())
		if n := len(l.got) - before; n != want {
			t.Errorf("%d were sent, want %d", n, want)
		}
	}
	deliver(1)
	deliver(0)
	for range 3 {
		server.Advance(3 * time.Minute)
		deliver(1)
	}
	server.Advance(3 * time.Minute)
	deliver(1) // the fourth repetition; from now on hourly
	server.Advance(3 * time.Minute)
	deliver(0)
	l.status = 200
	server.Advance(time.Hour)
	if n := server.Deliver(t.Context()); n != 1 {
		t.Errorf("%d taken", n)
	}
	server.Advance(time.Hour)
	deliver(0)
	if l.bad != 0 {
		t.Errorf("%d were not signed, or cannot be read", l.bad)
	}
	if d := server.Events()[0]; d.Attempts != 6 || fmt.Sprint(d.Statuses) != "[500 500 500 500 500 200]" {
		t.Errorf("%+v", d)
	}
	// What nobody takes is given up after three days.
	l.status = 500
	if err := server.SetStatus(name(1), "reversed"); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		server.Deliver(t.Context())
		server.Advance(time.Hour)
	}
	if n := server.State().Undelivered; n != 0 {
		t.Errorf("%d wait for ever", n)
	}
}

// One seed, one fate.
func TestChaosRepeats(t *testing.T) {
	fate := func(seed uint64) string {
		server := start(t, paystacktest.Options{Seed: seed, Balances: map[string]int64{"NGN": 100_000_000}})
		server.Chaos(paystacktest.WebhookChaos{LosePerMille: 200, DoublePerMille: 200, ShufflePerMille: 300, DelaySeconds: 100})
		server.Inject(paystacktest.Fault{Op: "transfer.initiate", Kind: paystacktest.Answer, Status: 503, Act: paystacktest.ActAfter, PerMille: 300, Times: -1})
		w := &world{t: t, server: server}
		w.recipient = w.payee("0123456781")
		told := []string{}
		for i := range 60 {
			status, _ := w.transfer(i)
			told = append(told, fmt.Sprint(status))
		}
		for range 11 {
			for _, d := range server.Take() {
				told = append(told, d.Reference[20:])
			}
			server.Advance(10 * time.Second)
		}
		balanced(t, server)
		for i := range 60 {
			if server.Successes(name(i)) != 1 {
				t.Errorf("%s was paid %d times", name(i), server.Successes(name(i)))
			}
		}
		return strings.Join(told, " ")
	}
	one := fate(1)
	if fate(1) != one {
		t.Error("the same seed, another fate")
	}
	if fate(2) == one {
		t.Error("another seed, the same fate")
	}
	if !strings.Contains(one, "503") || !strings.Contains(one, "200") {
		t.Error("no fault, or nothing else")
	}
}

func TestEventsThatLie(t *testing.T) {
	server := start(t, paystacktest.Options{Balances: map[string]int64{"NGN": 10_000_000}})
	prepare(t, server)
	server.Take()
	for _, fields := range []map[string]any{{"amount": 7}, {"domain": "live"}, {"status": "failed"}} {
		if err := server.Emit("transfer.success", name(1), fields); err != nil {
			t.Fatal(err)
		}
	}
	server.Pretend("live")
	if err := server.SetStatus(name(1), "reversed"); err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, d := range server.Take() {
		e, err := paystack.ParseEvent(d.Body)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(e.Name, e.Transfer.AmountMinor, e.Domain, e.Transfer.Status))
	}
	want := "[transfer.success7testsuccess transfer.success100000livesuccess transfer.success100000testfailed transfer.reversed100000livereversed]"
	if s := fmt.Sprint(got); strings.ReplaceAll(s, " ", "") != strings.ReplaceAll(want, " ", "") {
		t.Errorf("got %s", s)
	}
	if err := server.Emit("transfer.success", "nobody", nil); err == nil {
		t.Error("an event about nothing")
	}
}
