package paystacktest_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/paystack"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

func TestFaultsMeetWhatTheyAreMeantFor(t *testing.T) {
	server := start(t, paystacktest.Options{Balances: map[string]int64{"NGN": 10_000_000}})
	w := prepare(t, server)
	server.Inject(
		paystacktest.Fault{Op: "transfer.initiate", Reference: name(11), Kind: paystacktest.Duplicate, Status: 404},
		paystacktest.Fault{Op: "transfer.initiate", Skip: 1, Times: 2, Kind: paystacktest.Limited, ResetSeconds: 9},
	)
	got := []int{}
	for i := 10; i < 15; i++ {
		status, _ := w.transfer(i)
		got = append(got, status)
	}
	// 10 passes by the skip, 11 is the first fault's, 12 and 13 are limited.
	for i, want := range []int{200, 404, 429, 429, 200} {
		if got[i] != want {
			t.Fatalf("got %v", got)
		}
	}
	for i, want := range map[int]int{10: 1, 11: 0, 12: 0, 13: 0, 14: 1} {
		if n := server.Successes(name(i)); n != want {
			t.Errorf("%s was paid %d times", name(i), n)
		}
	}
	server.Inject(paystacktest.Fault{Kind: paystacktest.Answer, Status: 500, Times: -1})
	if status, _ := w.send("GET", "/balance", ""); status != 500 {
		t.Error(status)
	}
	server.Heal()
	if status, _ := w.send("GET", "/balance", ""); status != 200 {
		t.Error(status)
	}
}

// Not found right after a timeout, then found: the case that tempts a worker
// to pay again.
func TestNotFoundAndThenFound(t *testing.T) {
	server := start(t, paystacktest.Options{Balances: map[string]int64{"NGN": 10_000_000}})
	w := prepare(t, server)
	server.Inject(
		paystacktest.Fault{Op: "transfer.initiate", Kind: paystacktest.Answer, Status: 504, Act: paystacktest.ActAfter},
		paystacktest.NotFound("transfer.verify", 2),
	)
	if status, _ := w.transfer(9); status != 504 {
		t.Fatal(status)
	}
	for i, want := range []int{404, 404, 200} {
		if status, _ := w.send("GET", "/transfer/verify/"+name(9), ""); status != want {
			t.Errorf("question %d: %d, want %d", i, status, want)
		}
	}
	// A second POST of the reference is refused, and it was paid once.
	if status, why := w.transfer(9); status != 400 || !strings.HasPrefix(why, "duplicate") || server.Successes(name(9)) != 1 {
		t.Errorf("%d %s", status, why)
	}
}

func TestOverwrittenAnswers(t *testing.T) {
	server := start(t, paystacktest.Options{Balances: map[string]int64{"NGN": 10_000_000}})
	prepare(t, server)
	server.Inject(paystacktest.Fault{Op: "transfer.verify", Kind: paystacktest.Overwrite, Fields: map[string]any{"status": "successful", "amount": 1, "domain": "live"}})
	c, err := paystack.New(paystacktest.Key, paystack.Options{BaseURL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	lie, err := c.VerifyTransfer(t.Context(), name(1))
	if err != nil || lie.Status != "successful" || lie.AmountMinor != 1 || lie.Domain != "live" || lie.Status.Conclusive() {
		t.Errorf("%+v, %v", lie, err)
	}
	truth, err := c.VerifyTransfer(t.Context(), name(1))
	if err != nil || truth.Status != paystack.StatusSuccess || truth.AmountMinor != 100_000 || truth.Domain != "test" {
		t.Errorf("%+v, %v", truth, err)
	}
}

// A 429 stops the client until the time that it names; nothing is sent before.
func TestTheClientRespectsARateLimit(t *testing.T) {
	server := start(t, paystacktest.Options{Balances: map[string]int64{"NGN": 10_000_000}})
	server.Inject(paystacktest.Fault{Op: "balance.fetch", Kind: paystacktest.Limited, ResetSeconds: 40})
	c, err := paystack.New(paystacktest.Key, paystack.Options{BaseURL: server.URL, Limits: &paystack.Limits{Default: 600, Transfer: 900}})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		_, err := c.Balances(t.Context())
		var e *paystack.Error
		if !errors.As(err, &e) || e.Kind != paystack.ErrRateLimited || e.RetryAfter <= 39*time.Second || e.RetryAfter > 40*time.Second {
			t.Errorf("%v", err)
		}
	}
	if n := server.Count("balance.fetch"); n != 1 {
		t.Errorf("%d requests were sent", n)
	}
	// Another limit is not affected.
	_, err = c.InitiateTransfer(t.Context(), paystack.TransferOrder{Reference: name(1), AmountMinor: 1, Currency: "NGN", RecipientCode: "RCP_none"})
	if paystack.RefusalOf(err) != paystack.RefusedRecipient {
		t.Error(err)
	}
}

func TestCommandsOverHTTP(t *testing.T) {
	server := start(t, paystacktest.Options{Balances: map[string]int64{"NGN": 10_000_000}})
	w := prepare(t, server)
	w.pay("fund-9")
	for _, c := range []struct {
		path, body string
		want       int
	}{
		{"/_fake/fund", `{"currency":"GHS","amount":5000}`, 200},
		{"/_fake/script", `{"reference":"` + name(2) + `","steps":[{"status":"pending"},{"after_s":60,"status":"failed"}]}`, 200},
		{"/_fake/faults", `[{"op":"transfer.initiate","reference":"` + name(3) + `","kind":"answer","status":503,"act":"after"}]`, 200},
		{"/_fake/faults", `[{"operation":"x"}]`, 400},
		{"/_fake/status", `{"reference":"` + name(1) + `","status":"reversed"}`, 200},
		{"/_fake/status", `{"reference":"nobody","status":"reversed"}`, 400},
		{"/_fake/pay", `{"reference":"fund-9"}`, 200},
		{"/_fake/pay", `{"reference":"fund-9"}`, 400},
		{"/_fake/refund", `{"reference":"fund-9","amount":5}`, 200},
		{"/_fake/dispute", `{"reference":"fund-9"}`, 200},
		{"/_fake/levy", `{"reference":"` + name(1) + `","amount":5000}`, 200},
		{"/_fake/chaos", `{"lose_per_mille":1000}`, 200},
		{"/_fake/heal", ``, 200},
		{"/_fake/emit", `{"event":"transfer.failed","reference":"` + name(1) + `","fields":{"status":"failed"}}`, 200},
		{"/_fake/pretend", `{"domain":"live"}`, 200},
		{"/_fake/urls", `{"webhook":"","approval":""}`, 200},
		{"/_fake/block", `{"recipient_code":"nobody"}`, 400},
		{"/_fake/late", ``, 200},
		{"/_fake/deliver", ``, 200},
		{"/_fake/fail-payment", `{"reference":"fund-9"}`, 400},
	} {
		if status, body := w.send("POST", c.path, c.body); status != c.want {
			t.Errorf("%s %s: %d %s", c.path, c.body, status, body)
		}
	}
	w.transfer(2)
	if status, body := w.send("POST", "/_fake/advance", `{"seconds":61}`); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := w.transfer(3); status != 200 { // healed
		t.Error(status)
	}
	_, body := w.send("GET", "/_fake/state", "")
	var state paystacktest.State
	if err := json.Unmarshal(body, &state); err != nil {
		t.Fatal(err)
	}
	if state.Balances["GHS"] != 5000 || len(state.Transfers) != 3 || state.Transfers[0].Status != "reversed" || state.Transfers[1].Status != "failed" {
		t.Errorf("%s", body)
	}
	for _, path := range []string{"/_fake/requests", "/_fake/events"} {
		status, body := w.send("GET", path, "")
		if status != 200 || strings.Contains(string(body), paystacktest.Key) {
			t.Errorf("%s: %d, or it tells the key", path, status)
		}
	}
	w.pay("fund-10")
	var code string
	for _, p := range server.State().Transactions {
		code = p.AccessCode
	}
	if status, body := w.send("GET", "/_fake/checkout/"+code, ""); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	balanced(t, server)
}
