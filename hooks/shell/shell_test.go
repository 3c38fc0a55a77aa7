package shell_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/fault"
)

func TestMain(m *testing.M) { apptest.Main(m) }

func TestTheClockFileTurnsTheClock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clock")
	set := func(content string, written time.Time) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, written, written); err != nil {
			t.Fatal(err)
		}
	}
	ahead := func(clock *shell.Clock) time.Duration { return time.Until(clock.Now()).Round(time.Minute) }
	set("+168h", time.Now())
	clock, err := shell.NewClock(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := ahead(clock); got != 168*time.Hour {
		t.Errorf("a duration: %v ahead", got)
	}
	set("-90m\n", time.Now().Add(-time.Second))
	if got := ahead(clock); got != -90*time.Minute {
		t.Errorf("a negative duration: %v ahead", got)
	}
	// Written two hours ago, so it has run on for two hours since.
	written := time.Now().Add(-2 * time.Hour)
	set(written.Add(24*time.Hour).UTC().Format(time.RFC3339), written)
	if got := ahead(clock); got != 24*time.Hour {
		t.Errorf("an instant: %v ahead", got)
	}
	set("tomorrow", time.Now().Add(-3*time.Second))
	if got := ahead(clock); got != 24*time.Hour {
		t.Errorf("content that cannot be read changed the clock: %v ahead", got)
	}
	if _, err := shell.NewClock(path); err == nil {
		t.Error("a clock was made from content that cannot be read")
	}
	if _, err := shell.NewClock(filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("a clock was made from a missing file")
	}
}

func TestInTransactionRestoresTheApp(t *testing.T) {
	s := hookstest.Start(t)
	var app core.App = s.App
	after := 0
	s.App.OnRecordAfterCreateSuccess("blocks").BindFunc(func(e *core.RecordEvent) error {
		after++
		if e.App.IsTransactional() {
			t.Error("a hook after the commit has the transaction's app")
		}
		return e.Next()
	})
	block := func(tx core.App) error {
		collection, err := tx.FindCollectionByNameOrId("blocks")
		if err != nil {
			return err
		}
		row := core.NewRecord(collection)
		row.Set("user", s.User(apptest.Ada).Id)
		row.Set("blocked", s.User(apptest.Bola).Id)
		return tx.Save(row)
	}
	boom := errors.New("boom")
	err := shell.InTransaction(&app, func(tx core.App) error {
		if !app.IsTransactional() {
			t.Error("the app is not swapped in")
		}
		shell.AfterCommit(tx, func() { t.Error("ran after a rollback") })
		if err := block(tx); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) || app.IsTransactional() {
		t.Errorf("after a failure: %v, transactional %v", err, app.IsTransactional())
	}
	if n := s.Int("SELECT COUNT(*) FROM blocks"); n != 0 || after != 0 {
		t.Errorf("%d rows and %d events were left", n, after)
	}
	committed := false
	err = shell.InTransaction(&app, func(tx core.App) error {
		shell.AfterCommit(tx, func() { committed = true })
		return block(tx)
	})
	if err != nil || app.IsTransactional() || !committed || after != 1 {
		t.Errorf("after a success: %v, transactional %v, committed %v, events %d", err, app.IsTransactional(), committed, after)
	}
}

func TestErrorsAreMappedInOnePlace(t *testing.T) {
	s := hookstest.Start(t)
	for _, c := range []struct {
		name   string
		err    error
		status int
		code   string
	}{
		{"a fault", fault.ClipDecided.On("clip"), 409, "clip_decided"},
		{"a wrapped fault", fmt.Errorf("while voting: %w", fault.Silent.On("media")), 400, "silent"},
		{"a fault inside PocketBase's answer", new(core.RequestEvent).BadRequestError("Failed", fault.AlreadyVoted.On("clip")), 409, "already_voted"},
		{"an unknown error", errors.New("disk on fire"), 500, "internal"},
		{"PocketBase's own answer", new(core.RequestEvent).ForbiddenError("No.", nil), 403, ""},
		{"too many", shell.TooMany(1500 * time.Millisecond), 429, "rate_limited"},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := shell.APIError(c.err)
			code := ""
			for _, item := range answer.Data {
				code, _ = item.(map[string]any)["code"].(string)
			}
			if answer.Status != c.status || code != c.code {
				t.Errorf("got %d %q, want %d %q", answer.Status, code, c.status, c.code)
			}
			if strings.Contains(answer.Message, "fire") {
				t.Errorf("the cause leaks: %s", answer.Message)
			}
		})
	}
	s.Want(s.Do(apptest.Guest, "GET", "/api/lingualink/nothing", nil), 404, "")
}

func TestRateLimitsCarryRetryAfter(t *testing.T) {
	s := hookstest.Start(t)
	var last apptest.Answer
	for range 101 {
		last = s.Do(apptest.Guest, "GET", "/api/lingualink/availability?username=nobody", nil)
	}
	s.Want(last, 429, "rate_limited")
	if last.Header.Get("Retry-After") != "10" {
		t.Errorf("Retry-After is %q", last.Header.Get("Retry-After"))
	}
	free := hookstest.Start(t, "LL_RATE_LIMITS=off")
	for range 130 {
		last = free.Do(apptest.Guest, "GET", "/api/lingualink/availability?username=nobody", nil)
	}
	free.Want(last, 200, "")
}

func TestDangerousEndpointsAreClosed(t *testing.T) {
	closed := []struct{ method, path string }{
		{"POST", "/api/sql"}, {"POST", "/api/sql/"}, {"GET", "/api/sql"},
		{"PUT", "/api/collections/import"}, {"DELETE", "/api/collections/clips/truncate"},
		{"POST", "/api/batch"}, {"POST", "/api/collections/users/impersonate/x"}, {"POST", "/api/collections/meta/dry-run-view"},
		{"POST", "/api/collections"}, {"PATCH", "/api/collections/languages"}, {"DELETE", "/api/collections/blocks"},
		{"POST", "/api/backups/x.zip/restore"}, {"POST", "/api/backups/upload"},
	}
	s := hookstest.Start(t)
	for _, c := range closed {
		s.Want(s.Do(apptest.Admin, c.method, c.path, map[string]any{}), 403, "endpoint_closed")
	}
	s.Want(s.Do(apptest.Admin, "GET", "/api/collections/clips", nil), 200, "")
	open := hookstest.Start(t, "LL_DANGEROUS_ENDPOINTS=on")
	for _, c := range closed {
		if answer := open.Do(apptest.Admin, c.method, c.path, map[string]any{}); answer.Code() == "endpoint_closed" {
			t.Errorf("%s %s is closed although it was opened", c.method, c.path)
		}
	}
	if err := s.App.RestoreBackup(context.Background(), "x.zip"); !errors.Is(err, fault.EndpointOff.On("")) {
		t.Errorf("restoring from Go: %v", err)
	}
}

func TestSettingsAreTheCodes(t *testing.T) {
	s := hookstest.Start(t, "LL_TRUSTED_PROXY=X-Forwarded-For", "LL_PUBLIC_URL=https://lingua.example")
	settings := s.App.Settings()
	if !settings.Meta.HideControls || settings.Batch.Enabled || !settings.RateLimits.Enabled ||
		settings.Meta.AppURL != "https://lingua.example" || len(settings.TrustedProxy.Headers) != 1 || settings.TrustedProxy.Headers[0] != "X-Forwarded-For" {
		t.Errorf("the settings are %+v %+v %+v", settings.Meta, settings.Batch, settings.TrustedProxy)
	}
}

func TestPoliciesAreInsertOnlyAndChecked(t *testing.T) {
	s := hookstest.Start(t)
	const path = "/api/collections/policies/records"
	for _, c := range []struct {
		name string
		body map[string]any
		code string
	}{
		{"no values", map[string]any{"subject": "rewards"}, "policy_invalid"},
		{"another subject", map[string]any{"subject": "weather", "values": map[string]any{}}, "policy_invalid"},
		{"an unknown value", map[string]any{"subject": "consensus", "values": map[string]any{"cooldown": 3}}, "policy_invalid"},
		{"a value out of range", map[string]any{"subject": "consensus", "values": map[string]any{"accept_at": 1.5}}, "policy_invalid"},
		{"null for a value", map[string]any{"subject": "consensus", "values": map[string]any{"accept_at": nil}}, "policy_invalid"},
		{"null inside a value", map[string]any{"subject": "consensus", "values": map[string]any{"specificity_prior": map[string]any{"hits": 2, "misses": nil}}}, "policy_invalid"},
		{"a text for a number", map[string]any{"subject": "rewards", "values": map[string]any{"hold_hours": "7"}}, "policy_invalid"},
	} {
		t.Run(c.name, func(t *testing.T) { s.Want(s.Do(apptest.Admin, "POST", path, c.body), 400, c.code) })
	}
	for _, who := range []string{apptest.Guest, apptest.Ada, apptest.Musa} {
		s.Want(s.Do(who, "POST", path, map[string]any{"subject": "consensus"}), 403, "")
		s.Want(s.Do(who, "GET", path, nil), 403, "")
	}
	ha := s.Language("ha")
	versions := []float64{}
	for _, body := range []map[string]any{
		{"subject": "rewards", "values": map[string]any{"hold_hours": 1}},
		{"subject": "rewards", "values": map[string]any{"hold_hours": 2}, "language": ha},
		{"subject": "rewards", "values": map[string]any{"hold_hours": 3}},
		{"subject": "rewards", "values": map[string]any{"hold_hours": 4}, "effective_from": s.Deps.Clock.Now().Add(time.Hour)},
		{"subject": "consensus", "values": map[string]any{}},
	} {
		answer := s.Want(s.Do(apptest.Admin, "POST", path, body), 200, "")
		versions = append(versions, answer.JSON["version"].(float64))
	}
	if fmt.Sprint(versions) != "[1 2 3 4 1]" {
		t.Errorf("versions are %v", versions)
	}
	hold := func(language string) string {
		values, version, err := shell.Policy(s.App, s.Deps.Clock.Now(), "rewards", language, func(raw []byte) (string, error) { return string(raw), nil })
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(version, values)
	}
	if got := hold(ha); got != `2{"hold_hours":2}` {
		t.Errorf("Hausa has %s", got)
	}
	if got := hold(s.Language("yo")); got != `3{"hold_hours":3}` {
		t.Errorf("Yoruba has %s", got)
	}
	s.Advance(2 * time.Hour)
	if got := hold("other"); got != `4{"hold_hours":4}` {
		t.Errorf("an hour later it is %s", got)
	}
	row := s.Text("SELECT id FROM policies LIMIT 1", nil)
	s.Want(s.Do(apptest.Admin, "PATCH", path+"/"+row, map[string]any{"values": map[string]any{}}), 409, "insert_only")
	s.Want(s.Do(apptest.Admin, "DELETE", path+"/"+row, nil), 409, "insert_only")
}

func TestAdminsActsAreAuditedInAChain(t *testing.T) {
	s := hookstest.Start(t)
	s.Policy("consensus", map[string]any{"cooldown_s": 3})
	s.Want(s.Do(apptest.Admin, "PATCH", "/api/collections/users/records/"+s.User(apptest.Bola).Id, map[string]any{"roles": []string{"validator"}, "password": "a new password", "passwordConfirm": "a new password"}), 200, "")
	report, err := shell.VerifyAudit(s.App.DB())
	if err != nil || report.Problem != "" || report.Rows < 2 {
		t.Fatalf("the log is %+v (%v)", report, err)
	}
	if text := s.Text("SELECT data FROM audit_log WHERE action = 'users.update'", nil); strings.Contains(text, "a new password") || !strings.Contains(text, "validator") {
		t.Errorf("the log holds %s", text)
	}
	for _, statement := range []string{"UPDATE audit_log SET reason = 'x'", "DELETE FROM audit_log"} {
		if _, err := s.App.NonconcurrentDB().NewQuery(statement).Execute(); err == nil {
			t.Errorf("the database allowed: %s", statement)
		}
	}
	if err := shell.Audit(s.App, s.Deps.Clock.Now(), shell.Act{Actor: "x", Action: "x.y", SubjectType: "x"}); err == nil {
		t.Error("audited outside a transaction")
	}
	if _, err := s.App.NonconcurrentDB().NewQuery("DROP TRIGGER audit_log_no_update").Execute(); err != nil {
		t.Fatal(err)
	}
	for _, column := range []string{"at", "actor", "action", "subject_type", "subject_id", "reason", "data", "prev_hash", "hash"} {
		was := s.Text("SELECT ["+column+"] FROM audit_log WHERE seq = 2", nil)
		set := func(value string) {
			if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE audit_log SET [" + column + "] = {:v} WHERE seq = 2").Bind(dbx.Params{"v": value}).Execute(); err != nil {
				t.Fatal(err)
			}
		}
		set(was + "x")
		if report, err := shell.VerifyAudit(s.App.DB()); err != nil || report.FirstBad != 2 {
			t.Errorf("an edited %s: %+v (%v)", column, report, err)
		}
		set(was)
	}
	if report, err := shell.VerifyAudit(s.App.DB()); err != nil || report.Problem != "" {
		t.Errorf("the restored log: %+v (%v)", report, err)
	}
}

func TestQuotasSlideByWindowAndPerson(t *testing.T) {
	s := hookstest.Start(t)
	take := func(key string) error {
		return shell.TakeQuota(s.App, s.Deps.Clock.Now(), key, 2, time.Minute)
	}
	for range 2 {
		if err := take("a"); err != nil {
			t.Fatal(err)
		}
	}
	s.Advance(20 * time.Second)
	var refused *fault.Error
	if err := take("a"); !errors.As(err, &refused) || refused.Params["retry_after"] != int64(40) {
		t.Errorf("the third use: %v", err)
	}
	if err := take("b"); err != nil {
		t.Errorf("another key: %v", err)
	}
	s.Advance(41 * time.Second)
	if err := take("a"); err != nil {
		t.Errorf("the next window: %v", err)
	}
	if err := shell.TakeQuota(s.App, s.Deps.Clock.Now(), "a", 0, time.Minute); err != nil {
		t.Errorf("no limit: %v", err)
	}
	s.Advance(72 * time.Hour)
	if err := shell.SweepQuotas(s.App, s.Deps.Clock.Now()); err != nil || s.Int("SELECT COUNT(*) FROM quotas") != 0 {
		t.Errorf("old counters stay (%v)", err)
	}
}

func TestTopicsAreClosedToOthers(t *testing.T) {
	s := hookstest.Start(t)
	own, other := s.User(apptest.Ada).Id, s.User(apptest.Bola).Id
	for topic, want := range map[string]error{
		"lingualink/wallet/" + own:                     nil,
		"lingualink/wallet/" + own + "?options=%7B%7D": nil,
		"lingualink/wallet/" + other:                   fault.NotAllowed.On(""),
		"lingualink/wallet/":                           fault.NotAllowed.On(""),
		"lingualink/everything":                        fault.NotAllowed.On(""),
		"clips/*":                                      nil,
	} {
		request := &core.RequestEvent{App: s.App, Auth: s.User(apptest.Ada)}
		event := &core.RealtimeSubscribeRequestEvent{RequestEvent: request, Subscriptions: []string{topic}}
		err := s.App.OnRealtimeSubscribeRequest().Trigger(event)
		if !errors.Is(err, want) && (err != nil || want != nil) {
			t.Errorf("%s: %v, want %v", topic, err, want)
		}
		event.RequestEvent = &core.RequestEvent{App: s.App}
		if err := s.App.OnRealtimeSubscribeRequest().Trigger(event); strings.HasPrefix(topic, "lingualink/") && err == nil {
			t.Errorf("a guest may subscribe to %s", topic)
		}
	}
}

func TestConcurrentAuditRowsChain(t *testing.T) {
	s := hookstest.Start(t)
	var done sync.WaitGroup
	const writers = 10
	for i := range writers {
		done.Go(func() {
			err := s.App.RunInTransaction(func(tx core.App) error {
				return shell.Audit(tx, s.Deps.Clock.Now(), shell.Act{Actor: "system", Action: "test.write", SubjectType: "test", SubjectID: fmt.Sprint(i)})
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	if report, err := shell.VerifyAudit(s.App.DB()); err != nil || report.Problem != "" || report.Rows != writers {
		t.Errorf("%+v (%v)", report, err)
	}
}

func TestTheDescriptionIsTheRouteTable(t *testing.T) {
	s := hookstest.Start(t)
	answer := s.Want(s.Do(apptest.Guest, http.MethodGet, "/api/lingualink/openapi.json", nil), 200, "")
	paths := answer.JSON["paths"].(map[string]any)
	described := 0
	for path, operations := range paths {
		for method := range operations.(map[string]any) {
			described++
			// A route that exists answers something else than the 404 of an
			// unknown path, whoever asks.
			probe := strings.NewReplacer("{id}", "nothing00000000").Replace(path)
			real := s.Do(apptest.Admin, strings.ToUpper(method), probe, map[string]any{})
			if real.Status == 404 && real.Code() == "" || real.Status == 405 {
				t.Errorf("%s %s is described but not served: %d", method, path, real.Status)
			}
		}
	}
	if routes := s.Deps.Routes.All(); described != len(routes) {
		t.Errorf("%d operations are described, %d routes are registered", described, len(routes))
	}
	for _, route := range s.Deps.Routes.All() {
		operation := paths[shell.APIPrefix+route.Path].(map[string]any)[strings.ToLower(route.Method)].(map[string]any)
		if operation["summary"] == "" || operation["responses"].(map[string]any)["200"] == nil {
			t.Errorf("%s %s is described by half: %v", route.Method, route.Path, operation)
		}
		if route.Who != shell.Anyone {
			s.Want(s.Do(apptest.Guest, route.Method, shell.APIPrefix+strings.ReplaceAll(route.Path, "{id}", "nothing00000000"), map[string]any{}), 401, "sign_in_required")
		}
	}
}
