package main

import (
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/config"
	"github.com/lingualink/lingualink/internal/datadir"
	book "github.com/lingualink/lingualink/internal/ledger"
)

// want fails unless one of the checks has the name, the state and the text.
func want(t *testing.T, checks []check, name, state, says string) {
	t.Helper()
	found := []check{}
	for _, check := range checks {
		if check.Name != name {
			continue
		}
		if check.State == state && strings.Contains(check.What, says) {
			return
		}
		found = append(found, check)
	}
	t.Errorf("no check %q is %s with %q: %+v", name, state, says, found)
}

// examined runs the doctor on a directory.
func examined(t *testing.T, dir string, environ ...string) []check {
	t.Helper()
	p := &program{app: pocketbase.NewWithConfig(pocketbase.Config{DefaultDataDir: dir})}
	if p.cfg, p.problem = config.Load(environ); p.problem == nil {
		clock, err := shell.NewClock(p.cfg.TestClock)
		if err != nil {
			t.Fatal(err)
		}
		p.deps = &shell.Deps{Clock: clock}
	}
	checks := examine(t.Context(), p)
	for _, check := range checks {
		if check.What == "" || check.State != stateOK && check.Do == "" {
			t.Errorf("it does not say what was found and what to do: %+v", check)
		}
	}
	return checks
}

// Rows that are not as they should be, and one job that is.
const (
	plantedJob = `INSERT INTO jobs (id, kind, effect_key, payload, state, attempts, run_at, lease_until, worker, last_error, finished_at, created)
		VALUES ('%[1]s', 'mail', '%[1]s', '{}', '%[2]s', %[3]d, '%[4]s', '', '', 'the door was shut', '', '')`
	plantedPosting = `INSERT INTO ledger_txs (id, seq, kind, idem_key, input_hash, effective_at, recorded_at, actor, source_type, source_id, reverses, memo, prev_hash, hash)
		VALUES ('tx0000000000001', 1, 'fund', 'k', 'h', '%[1]s', '%[1]s', 'system', '', '', '', '', '', 'h')`
	plantedDeed = `INSERT INTO audit_log (id, seq, at, actor, action, subject_type, subject_id, reason, data, prev_hash, hash)
		VALUES ('audit0000000001', 1, '', 'x', 'x', 'x', '', '', '{}', '', 'x')`
	plantedReward = `INSERT INTO rewards (id, [[key]], seq, user, rule, clip, verdict, campaign, currency, amount_minor, base_minor, factor_bps, multiplier_bps,
			rate_version, policy_version, state, available_at, tx, created)
		SELECT 'reward000000001', 'k', 1, 'u', 'clip', 'c', 'v', id, 'NGN', 150000, 0, 0, 0, 0, 0, 'unfunded', '', '', '' FROM campaigns`
	openedByHand  = `UPDATE _collections SET listRule = '' WHERE name = 'private_profiles'`
	renamedByHand = `UPDATE _collections SET name = 'by_hand', id = 'pbc_1' WHERE name = 'v_queue'`
)

func plantRows(t *testing.T, app core.App, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := app.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func TestDoctorOnAHealthyDirectory(t *testing.T) {
	app := migratedApp(t)
	plantRows(t, app, fmt.Sprintf(plantedJob, "tomorrow", "queued", 0, shell.Stamp(time.Now().Add(24*time.Hour))))
	before, err := os.ReadDir(app.DataDir())
	if err != nil {
		t.Fatal(err)
	}
	checks := examined(t, app.DataDir())
	for _, name := range []string{"data directory", "server", "migrations", "schema and rules", "ledger", "audit log", "clock", "jobs", "unfunded rewards"} {
		want(t, checks, name, stateOK, "")
	}
	want(t, checks, "superuser", stateWarning, "there is none")
	want(t, checks, "backup schedule", stateWarning, "there is none")
	after, err := os.ReadDir(app.DataDir())
	if err != nil || fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("looking left something behind: %v, before %v, %v", after, before, err)
	}
}

func TestDoctorFinds(t *testing.T) {
	past, future := shell.Stamp(time.Now().Add(-time.Hour)), shell.Stamp(time.Now().Add(time.Hour))
	app := migratedApp(t)
	plantRows(t, app,
		fmt.Sprintf(plantedJob, "dead", "dead", 12, past),
		fmt.Sprintf(plantedJob, "failing", "queued", 2, future),
		fmt.Sprintf(plantedJob, "late", "queued", 0, past),
		fmt.Sprintf(plantedPosting, future),
		plantedDeed, plantedReward, openedByHand, renamedByHand)
	checks := examined(t, app.DataDir())
	want(t, checks, "jobs", stateWarning, "1 were given up, the last: mail dead: the door was shut")
	want(t, checks, "jobs", stateWarning, "1 failed")
	want(t, checks, "jobs", stateWarning, "waits for 1h0m")
	want(t, checks, "ledger", stateFailed, "tx0000000000001")
	want(t, checks, "clock", stateFailed, "the clock shows")
	want(t, checks, "audit log", stateFailed, "row 1")
	want(t, checks, "unfunded rewards", stateWarning, "General fund owes 1 rewards, NGN 1,500.00")
	want(t, checks, "schema and rules", stateFailed, "private_profiles.listRule")
	want(t, checks, "schema and rules", stateFailed, "by_hand (not declared)")
	want(t, checks, "schema and rules", stateFailed, "v_queue (missing)")
}

func TestDoctorOnMigrations(t *testing.T) {
	newest := core.AppMigrations.Item(len(core.AppMigrations.Items()) - 1).File
	app := migratedApp(t)
	plantRows(t, app, "DELETE FROM _migrations WHERE file = '"+newest+"'")
	want(t, examined(t, app.DataDir()), "migrations", stateWarning, newest)

	lock, err := datadir.Acquire(app.DataDir())
	if err != nil {
		t.Fatal(err)
	}
	checks := examined(t, app.DataDir())
	want(t, checks, "server", stateOK, "one is running")
	want(t, checks, "migrations", stateFailed, newest)
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}

	plantRows(t, app, "INSERT INTO _migrations (file, applied) VALUES ('9999999999_later.go', 1)")
	want(t, examined(t, app.DataDir()), "migrations", stateFailed, "does not know: 9999999999_later.go")
}

func TestDoctorOnBackups(t *testing.T) {
	app := migratedApp(t)
	settings := app.Settings()
	settings.Backups.Cron = "0 3 * * *"
	if err := app.Save(settings); err != nil {
		t.Fatal(err)
	}
	want(t, examined(t, app.DataDir()), "local backups", stateOK, "there are none")

	backup := filepath.Join(app.DataDir(), core.LocalBackupsDirName, "a.zip")
	if err := os.MkdirAll(filepath.Dir(backup), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(backup, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	checks := examined(t, app.DataDir())
	want(t, checks, "local backups", stateOK, "the newest is")
	want(t, checks, "backup schedule", stateWarning, "stay on this machine")

	old := time.Now().Add(-10 * 24 * time.Hour)
	if err := os.Chtimes(backup, old, old); err != nil {
		t.Fatal(err)
	}
	want(t, examined(t, app.DataDir()), "local backups", stateWarning, "240h")
}

func TestDoctorOnTheConfiguration(t *testing.T) {
	clock := filepath.Join(t.TempDir(), "clock")
	if err := os.WriteFile(clock, []byte("+1h"), 0o600); err != nil {
		t.Fatal(err)
	}
	checks := examined(t, t.TempDir(), "LL_RATE_LIMITS=off", "LL_DANGEROUS_ENDPOINTS=on", "LL_TEST_CLOCK="+clock)
	for _, says := range []string{"rate limits are off", "around the ledger", "turns the clock", "no mail", "public address"} {
		want(t, checks, "configuration", stateWarning, says)
	}
	want(t, checks, "database", stateWarning, "none yet")

	checks = examined(t, t.TempDir(), "LL_SMTP_HOST=mail.example.org", "LL_MAIL_FROM=a@example.org", "LL_PUBLIC_URL=https://example.org")
	want(t, checks, "configuration", stateOK, "valid")

	checks = examined(t, filepath.Join(t.TempDir(), "missing"), "LL_NOPE=1", "LL_PAYOUTS=on")
	want(t, checks, "configuration", stateFailed, "LL_NOPE")
	want(t, checks, "configuration", stateFailed, "LL_PAYOUTS")
	want(t, checks, "data directory", stateFailed, "no such file")

	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "data.db"), []byte("this is not a database at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, examined(t, broken), "database", stateFailed, "cannot be read")
}

func TestHealth(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		ok     bool
	}{
		"healthy":        {200, `{"code":200,"message":"API is healthy.","data":{}}`, true},
		"unwell":         {503, `{"code":503}`, false},
		"something else": {200, `<html>welcome</html>`, false},
		"another API":    {200, `{"code":7}`, false},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/api/health" {
				w.WriteHeader(http.StatusNotFound)
			}
			w.WriteHeader(c.status)
			fmt.Fprint(w, c.body)
		}))
		for _, slash := range []string{"", "/"} {
			if err := checkHealth(server.URL+slash, time.Minute); (err == nil) != c.ok {
				t.Errorf("%s: %v", name, err)
			}
		}
		server.Close()
	}
}

func TestReports(t *testing.T) {
	report := book.Report{
		Transactions: 2, Entries: 4, Accounts: 2, Head: book.Head{Seq: 2, Hash: "abc", RecordedAt: time.Unix(0, 0)},
		TrialBalance: []book.TrialLine{{Currency: "NGN", Type: book.Asset, BalanceMinor: -150000}, {Currency: "NGN", Type: book.Liability, BalanceMinor: 150000}},
		Findings:     []book.Finding{{Promise: book.PromiseChained, Table: book.TableTxs, Row: "tx1", What: "it was changed"}},
	}
	var text, document strings.Builder
	if err := writeLedger(&text, report); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2 transactions, 4 entries, 2 accounts", "head: 2 abc", "NGN -1,500.00", "BROKEN L8: ledger_txs tx1: it was changed"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is missing:\n%s", want, text.String())
		}
	}
	if words := strings.Join(strings.Fields(text.String()), " "); !strings.Contains(words, "sum NGN 0.00") {
		t.Errorf("the trial balance has no sum:\n%s", text.String())
	}
	if err := writeLedgerJSON(&document, report); err != nil {
		t.Fatal(err)
	}
	var read struct {
		OK           bool                `json:"ok"`
		Transactions int64               `json:"transactions"`
		Head         map[string]any      `json:"head"`
		Trial        []map[string]any    `json:"trial_balance"`
		Findings     []map[string]string `json:"findings"`
	}
	if err := json.Unmarshal([]byte(document.String()), &read); err != nil {
		t.Fatal(err)
	}
	if read.OK || read.Transactions != 2 || read.Head["hash"] != "abc" || read.Trial[0]["balance_minor"] != -150000.0 || read.Findings[0]["row"] != "tx1" {
		t.Errorf("%+v", read)
	}
	text.Reset()
	if err := writeAudit(&text, shell.AuditReport{Rows: 3, FirstBad: 3, Problem: "row 3 is missing"}, false); err != nil || !strings.Contains(text.String(), "BROKEN at row 3") {
		t.Errorf("%v: %s", err, text.String())
	}
	text.Reset()
	if err := writeAudit(&text, shell.AuditReport{Rows: 3, Head: "abc"}, true); err != nil || !strings.Contains(text.String(), `"ok": true`) || !strings.Contains(text.String(), `"head": "abc"`) {
		t.Errorf("%v: %s", err, text.String())
	}
}

// copyMigrations makes a directory in which migrations can be written.
func copyMigrations(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), migrationsDir)
	if err := os.CopyFS(dir, os.DirFS(migrationsDir)); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, frozenFile)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestSnapshot(t *testing.T) {
	dir := copyMigrations(t)
	said, err := snapshotSchema(dir, "nothing_new", time.Now())
	if err != nil || !strings.Contains(said, "nothing to do") {
		t.Errorf("%q, %v", said, err)
	}
	for _, name := range []string{"", "Upper", "a-b", "1st", "a__b", "../a"} {
		if _, err := snapshotSchema(dir, name, time.Now()); err == nil {
			t.Errorf("the name %q was taken", name)
		}
	}
	if _, err := snapshotSchema(t.TempDir(), "a", time.Now()); err == nil {
		t.Error("a migration was written where there are none")
	}
	later := filepath.Join(dir, "9999999999_later.go")
	if err := os.WriteFile(later, []byte("package migrations\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := snapshotSchema(dir, "init", time.Now()); err == nil || !strings.Contains(err.Error(), "older migration") {
		t.Errorf("an older migration was written again: %v", err)
	}
	if _, err := snapshotSchema(dir, "later", time.Now()); err == nil || !strings.Contains(err.Error(), "would be empty") {
		t.Errorf("an empty migration was written: %v", err)
	}
}

func TestSnapshotAgainUntilFrozen(t *testing.T) {
	dir := copyMigrations(t)
	steps, err := listMigrations(dir)
	if err != nil {
		t.Fatal(err)
	}
	newest := steps[len(steps)-1]
	path := filepath.Join(dir, newest.stem()+".json")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("[]"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := snapshotSchema(dir, newest.name, time.Now()); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the newest migration is not what a snapshot makes, %v", err)
	}

	added, err := freezeMigrations(dir)
	if err != nil || len(added) < 5 {
		t.Fatalf("froze %q, %v", added, err)
	}
	if again, err := freezeMigrations(dir); err != nil || len(again) > 0 {
		t.Errorf("froze %q again, %v", again, err)
	}
	if _, err := snapshotSchema(dir, newest.name, time.Now()); err == nil || !strings.Contains(err.Error(), "has landed") {
		t.Errorf("a frozen migration was written again: %v", err)
	}
	if err := os.WriteFile(path, []byte("[]"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := freezeMigrations(dir); err == nil || !strings.Contains(err.Error(), newest.stem()+".json was changed") {
		t.Errorf("a changed file was frozen anew: %v", err)
	}
}

func TestWriteMigration(t *testing.T) {
	dir := t.TempDir()
	drifted := []map[string]any{{"name": "clips", "listRule": "a < b && c > d"}}
	said, err := writeMigration(dir, migration{1795300001, "clip_dialects_2"}, drifted, false)
	if err != nil || !strings.Contains(said, "clips") || !strings.Contains(said, "schema freeze") {
		t.Fatalf("%q, %v", said, err)
	}
	definitions, err := os.ReadFile(filepath.Join(dir, "1795300001_clip_dialects_2.json"))
	if err != nil || !strings.Contains(string(definitions), "a < b && c > d") {
		t.Errorf("the definitions cannot be read by people, %v:\n%s", err, definitions)
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, "1795300001_clip_dialects_2.go"), nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	if file.Name.Name != "migrations" {
		t.Error("the Go file does not hold the definitions under the migration's own name")
	}
}
