package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/datadir"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

func TestDoctorAsksPaystack(t *testing.T) {
	app := migratedApp(t)
	fake, err := paystacktest.Start(paystacktest.Options{Balances: map[string]int64{"NGN": 100_000_00, "GHS": 5}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	key := []string{"PAYSTACK_SECRET_KEY=" + paystacktest.Key, "LL_PAYSTACK_BASE_URL=" + fake.URL}
	checks := examined(t, app.DataDir(), key...)
	want(t, checks, "paystack", stateOK, "test mode")
	want(t, checks, "paystack", stateWarning, "no pepper")
	want(t, checks, "paystack", stateWarning, "nobody approves transfers")
	want(t, checks, "paystack balance", stateOK, "GHS 0.05, NGN 100,000.00")
	want(t, checks, "paystack clock", stateOK, "agree")
	want(t, checks, "paystack webhook", stateWarning, "no public address")

	fake.Inject(paystacktest.Refusal("balance.fetch", 401, "invalid_Key", "Invalid key"))
	want(t, examined(t, app.DataDir(), key...), "paystack balance", stateFailed, "refuses the key")
	fake.Close()
	want(t, examined(t, app.DataDir(), key...), "paystack balance", stateWarning, "could not be asked")

	wrong := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(-10*time.Minute).UTC().Format(http.TimeFormat))
		_, _ = w.Write([]byte(`{"status":true,"message":"","data":[]}`))
	}))
	t.Cleanup(wrong.Close)
	checks = examined(t, app.DataDir(), key[0], "LL_PAYSTACK_BASE_URL="+wrong.URL)
	want(t, checks, "paystack clock", stateWarning, "10m")
	want(t, checks, "paystack balance", stateOK, "it is empty")
	for _, check := range examined(t, app.DataDir()) {
		if strings.HasPrefix(check.Name, "paystack") {
			t.Errorf("without a key: %+v", check)
		}
	}
}

func TestDoctorKnocksAtTheWebhook(t *testing.T) {
	app := migratedApp(t)
	status := http.StatusUnauthorized
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/api/lingualink/webhooks/paystack" || r.Header.Get("X-Paystack-Signature") != "" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	// Nothing listens at the address of Paystack: the rest is checked all the same.
	environ := []string{"PAYSTACK_SECRET_KEY=" + paystacktest.Key, "LL_PAYSTACK_BASE_URL=http://127.0.0.1:1", "LL_PUBLIC_URL=" + server.URL}
	checks := examined(t, app.DataDir(), environ...)
	want(t, checks, "paystack webhook", stateWarning, "https only")
	want(t, checks, "paystack webhook", stateOK, "no server is running")

	lock, err := datadir.Acquire(app.DataDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lock.Release() })
	want(t, examined(t, app.DataDir(), environ...), "paystack webhook", stateOK, "refuses what is not signed")
	status = http.StatusNotFound
	want(t, examined(t, app.DataDir(), environ...), "paystack webhook", stateFailed, "answered with 404")
	server.Close()
	want(t, examined(t, app.DataDir(), environ...), "paystack webhook", stateWarning, "does not answer")
}

func TestDoctorOnPayouts(t *testing.T) {
	app := migratedApp(t)
	want(t, examined(t, app.DataDir()), "payouts", stateOK, "nothing stands")
	on := []string{"PAYSTACK_SECRET_KEY=" + paystacktest.Key, "LL_PAYSTACK_BASE_URL=http://127.0.0.1:1", "LL_PAYOUTS=on"}
	want(t, examined(t, app.DataDir(), on...), "payouts", stateWarning, "the policy is off")

	const at = "2026-01-02 00:00:00.000Z"
	old := shell.Stamp(time.Now().Add(-time.Hour))
	plantRows(t, app,
		`INSERT INTO payout_pauses (id, scope, cause, automatic, since) VALUES ('pause0000000001', 'all', 'orphan', 0, '`+at+`'), ('pause0000000002', 'NGN', 'low_balance', 1, '`+at+`')`,
		`INSERT INTO payout_pauses (id, scope, cause, automatic, since, lifted_at) VALUES ('pause0000000003', 'KES', 'low_balance', 1, '`+at+`', '`+at+`')`,
		`INSERT INTO payout_marks (id, instance, seq, sound, at) VALUES ('mark00000000001', 'x', 1, 0, '`+at+`')`,
		`INSERT INTO alerts (id, kind, severity, text, times, state, created, updated) VALUES ('alert0000000001', 'mismatch', 'critical', 'x', 1, 'open', '`+at+`', '`+at+`')`,
		`INSERT INTO payouts (id, user, currency, amount_minor, state, reference, idem_key, requested_at) VALUES ('payout000000001', 'u', 'NGN', 1, 'manual', 'r', 'k', '`+at+`')`,
		fmt.Sprintf(`INSERT INTO paystack_events (id, event, body_hash, state, received_at) VALUES ('event0000000001', 'e', '1', 'queued', '%s'), ('event0000000002', 'e', '2', 'broken', '%s')`, old, at),
		`INSERT INTO policies (id, subject, language, version, [values], effective_from, created) VALUES ('policy000000001', 'payouts', '', 1, '{"enabled":true}', '`+at+`', '`+at+`')`)
	checks := examined(t, app.DataDir())
	want(t, checks, "payouts", stateWarning, "LL_PAYOUTS is off")
	want(t, checks, "payouts", stateWarning, "all (orphan), NGN (low_balance)")
	want(t, checks, "payouts", stateFailed, "may have lost payouts")
	want(t, checks, "payouts", stateWarning, "1 wait for people")
	want(t, checks, "alerts", stateWarning, "1 critical")
	want(t, checks, "webhooks", stateWarning, "came 1h0m")
	want(t, checks, "webhooks", stateWarning, "1 could not be read")
	for _, check := range checks {
		if strings.Contains(check.What, "KES") {
			t.Errorf("a pause that is over: %+v", check)
		}
	}
}
