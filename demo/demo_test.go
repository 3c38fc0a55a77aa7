package demo_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/demo"
	"github.com/lingualink/lingualink/hooks"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/payouts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/config"
	"github.com/lingualink/lingualink/internal/payout"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

func TestMain(m *testing.M) { apptest.Main(m) }

// key is that of the imaginary Paystack.
const key = "sk_test_of_the_demonstration"

// imaginary starts a Paystack that keeps what it does in a file.
func imaginary(t *testing.T, path string) *paystacktest.Server {
	t.Helper()
	server, err := demo.Paystack(key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	if err := server.Keep(path); err != nil {
		t.Fatal(err)
	}
	return server
}

// paying is the environment of a server that pays through it.
func paying(server *paystacktest.Server, mark string) []string {
	return []string{
		"PAYSTACK_SECRET_KEY=" + key, "LL_PAYSTACK_BASE_URL=" + server.URL, "LL_PAYOUTS=on",
		"LL_PEPPER=0123456789abcdef0123456789abcdef", "LL_PAYOUTS_MARK=" + mark,
	}
}

func TestFillMakesEveryStateAndBalances(t *testing.T) {
	path, mark := filepath.Join(t.TempDir(), "paystack.json"), filepath.Join(t.TempDir(), "mark.json")
	server := imaginary(t, path)
	s := hookstest.Start(t, paying(server, mark)...)
	// The template's people would be in the way of the demonstration's.
	for _, name := range []string{apptest.Musa} {
		if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE users SET username = 'other', username_key = 'other' WHERE username = '" + name + "'").Execute(); err != nil {
			t.Fatal(err)
		}
	}
	logins, err := demo.Fill(t.Context(), s.App, s.Deps, server)
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]int64{
		"SELECT COUNT(DISTINCT status) FROM clips":                       5,
		"SELECT COUNT(*) FROM clips WHERE parent != ''":                  1,
		"SELECT COUNT(DISTINCT state) FROM rewards":                      4,
		"SELECT COUNT(*) FROM jobs WHERE state != 'done'":                0,
		"SELECT COUNT(*) > 5 FROM notifications":                         1,
		"SELECT COUNT(*) > 2 FROM clip_tallies WHERE open = 1 AND votes": 1,
		"SELECT COUNT(*) FROM policies WHERE subject = 'consensus'":      2,
		"SELECT COUNT(*) >= 2 FROM clips WHERE status = 'rejected'":      1,

		"SELECT COUNT(*) FROM payouts WHERE state = 'review' AND first_approver != ''":                      1,
		"SELECT COUNT(*) FROM payouts WHERE state = 'review' AND first_approver = ''":                       2,
		"SELECT COUNT(*) FROM payouts WHERE state = 'approved' AND not_before > requested_at":               1,
		"SELECT COUNT(*) FROM fundings WHERE status = 'paid'":                                               1,
		"SELECT COUNT(*) FROM payout_pauses WHERE lifted_at != ''":                                          1,
		"SELECT COUNT(*) FROM payout_pauses WHERE lifted_at = ''":                                           0,
		"SELECT COUNT(DISTINCT kind) FROM risk_flags WHERE state = 'open'":                                  2,
		"SELECT COUNT(*) > 0 FROM alerts WHERE state = 'open'":                                              1,
		"SELECT COUNT(DISTINCT person) FROM _superusers WHERE person != ''":                                 2,
		"SELECT COUNT(*) FROM paystack_events WHERE state != 'applied'":                                     0,
		"SELECT COUNT(*) FROM balance_rows WHERE state = 'suspense'":                                        0,
		"SELECT COUNT(*) FROM payout_marks WHERE sound = TRUE":                                              1,
		"SELECT clean FROM reconciliations WHERE kind = 'money' ORDER BY finished_at DESC, id DESC LIMIT 1": 1,
	} {
		if got := s.Int(query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
	for _, state := range payout.States() {
		want := int64(1)
		if state == payout.New || state == payout.Requested { // the latter lasts no longer than a transaction
			want = 0
		}
		if got := s.Int("SELECT COUNT(*) > 0 FROM payouts WHERE state = {:state}", dbx.Params{"state": string(state)}); got != want {
			t.Errorf("payouts in the state %q: %d, want %d", state, got, want)
		}
	}
	verify(t, s.App)
	again, err := demo.Logins(s.App.DataDir())
	if err != nil || len(again) != len(logins) || len(logins) < 10 {
		t.Errorf("%d logins were made, %d are remembered (%v)", len(logins), len(again), err)
	}
}

func verify(t *testing.T, app core.App) {
	t.Helper()
	books, err := payouts.Verify(app.DB())
	if err != nil || len(books.Findings) > 0 {
		t.Errorf("the books: %v %v", books.Findings, err)
	}
}

// states are all payouts as they stand.
func states(t *testing.T, app core.App) string {
	t.Helper()
	var text string
	err := app.DB().NewQuery("SELECT COALESCE(group_concat(id || ' ' || state, ', '), '') FROM (SELECT id, state FROM payouts ORDER BY id)").Row(&text)
	if err != nil || text == "" {
		t.Fatalf("the payouts: %q %v", text, err)
	}
	return text
}

// TestAnotherStartFindsEverythingAsItWas: a server that starts again, with a
// Paystack that was killed, asks about everything, and nothing changes but what
// time alone would have changed.
func TestAnotherStartFindsEverythingAsItWas(t *testing.T) {
	path, mark := filepath.Join(t.TempDir(), "paystack.json"), filepath.Join(t.TempDir(), "mark.json")
	server := imaginary(t, path)
	s := hookstest.Start(t, paying(server, mark)...)
	if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE users SET username = 'other', username_key = 'other' WHERE username = {:name}").
		Bind(dbx.Params{"name": apptest.Musa}).Execute(); err != nil {
		t.Fatal(err)
	}
	if _, err := demo.Fill(t.Context(), s.App, s.Deps, server); err != nil {
		t.Fatal(err)
	}
	before := states(t, s.App)
	killed := filepath.Join(t.TempDir(), "paystack.json") // as it is on the disk now
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(killed, content, 0o600); err != nil {
		t.Fatal(err)
	}
	second := imaginary(t, killed)
	var deps *shell.Deps
	again := apptest.StartOn(t, s.App.DataDir(), func(app core.App, cfg config.Config) (_ func(context.Context, core.App) (int, error), err error) {
		if deps, err = hooks.Wire(app, cfg); err != nil {
			return nil, err
		}
		return deps.Outbox.Drain, nil
	}, paying(second, mark)...)
	// Everything that Paystack can be asked about is due.
	if _, err := again.App.NonconcurrentDB().NewQuery("UPDATE payouts SET next_check_at = requested_at WHERE attempt > 0").Execute(); err != nil {
		t.Fatal(err)
	}
	for _, round := range []string{"payouts.inbox", "payouts.work", "payouts.work", "payouts.sweep", "payouts.work", "fundings.check", "payouts.money", "payouts.books"} {
		if err := deps.Outbox.RunRound(t.Context(), again.App, round); err != nil {
			t.Fatalf("%s: %v", round, err)
		}
	}
	if after := states(t, again.App); after != before {
		t.Errorf("the payouts were\n%s\nand are\n%s", before, after)
	}
	var open, unclean int
	if err := again.App.DB().NewQuery("SELECT (SELECT COUNT(*) FROM payout_pauses WHERE lifted_at = ''), (SELECT COUNT(*) FROM reconciliations WHERE clean = FALSE)").
		Row(&open, &unclean); err != nil || open != 0 || unclean != 0 {
		t.Errorf("%d pauses, %d comparisons that found something (%v)", open, unclean, err)
	}
	verify(t, again.App)
}

func TestOtherDirectoriesAreRefused(t *testing.T) {
	dir := t.TempDir()
	if logins, err := demo.Logins(dir); err != nil || len(logins) != 0 {
		t.Errorf("an empty directory: %v %v", logins, err)
	}
	if logins, err := demo.Logins(filepath.Join(dir, "missing")); err != nil || len(logins) != 0 {
		t.Errorf("a missing directory: %v %v", logins, err)
	}
	precious := filepath.Join(dir, "data.db")
	if err := os.WriteFile(precious, []byte("other people's wages"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := demo.Logins(dir); !errors.Is(err, demo.ErrNotDemo) {
		t.Errorf("a real directory: %v", err)
	}
	if err := demo.Reset(dir); !errors.Is(err, demo.ErrNotDemo) {
		t.Errorf("resetting a real directory: %v", err)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Errorf("the data is gone: %v", err)
	}
}

func TestVoicesDiffer(t *testing.T) {
	one, same, other := demo.Voice(1, time.Second), demo.Voice(1, time.Second), demo.Voice(2, time.Second)
	if string(one) != string(same) || string(one) == string(other) || len(one) != 44+2*16000 {
		t.Errorf("voices of %d, %d and %d bytes", len(one), len(same), len(other))
	}
}
