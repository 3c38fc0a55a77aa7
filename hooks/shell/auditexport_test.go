package shell_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

// logged writes rows into the audit log, one for each subject.
func logged(t *testing.T, s *hookstest.Server, subjects ...string) {
	t.Helper()
	err := s.App.RunInTransaction(func(tx core.App) error {
		for i, subject := range subjects {
			kind, id, _ := strings.Cut(subject, "/")
			act := shell.Act{
				Actor: fmt.Sprintf("user:%d", i%2), Action: "test", SubjectType: kind, SubjectID: id, Reason: "=1+1, \"so\"\nit is", Data: map[string]any{"n": i},
			}
			if err := shell.Audit(tx, s.Deps.Clock.Now(), act); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheAuditLogIsExported(t *testing.T) {
	s := hookstest.Start(t)
	subjects := []string{}
	for i := range 1_201 { // more than two batches
		subjects = append(subjects, fmt.Sprintf("things/%d", i))
	}
	logged(t, s, append(subjects, "others/1", "others/2")...)
	for _, c := range []struct {
		subject, actor string
		rows           int
	}{{"", "", 1_203}, {"things", "", 1_201}, {"things/7", "", 1}, {"others", "user:1", 1}, {"things", "user:0", 601}, {"nothing", "", 0}} {
		filter, err := shell.ParseAuditFilter(c.subject, c.actor, "", "")
		if err != nil {
			t.Fatal(err)
		}
		var sheet, lines bytes.Buffer
		if err := shell.ExportAudit(s.App.DB(), filter, shell.FormatCSV, &sheet); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&sheet).ReadAll()
		if err != nil || len(rows) != c.rows+1 {
			t.Errorf("%v: %d lines, %v", c, len(rows), err)
		}
		if c.rows == 1 && rows[1][6] != "'=1+1, \"so\"\nit is" {
			t.Errorf("a reason is a formula: %q", rows[1][6])
		}
		if err := shell.ExportAudit(s.App.DB(), filter, shell.FormatJSON, &lines); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(lines.String(), "\n"); n != c.rows {
			t.Errorf("%v: %d objects", c, n)
		}
		last, prev := 0.0, ""
		for text := range strings.SplitSeq(strings.TrimSpace(lines.String()), "\n") {
			if text == "" {
				continue
			}
			row := map[string]any{}
			if err := json.Unmarshal([]byte(text), &row); err != nil {
				t.Fatal(err)
			}
			if seq := row["seq"].(float64); seq <= last {
				t.Errorf("%v after %v", seq, last)
			}
			if c.subject == "" && c.actor == "" && row["prev_hash"] != prev {
				t.Errorf("row %v does not follow the one before it", row["seq"])
			}
			last, prev = row["seq"].(float64), row["hash"].(string)
		}
	}
	if report, err := shell.VerifyAudit(s.App.DB()); err != nil || report.Problem != "" {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestWhoExportsTheAuditLog(t *testing.T) {
	s := hookstest.Start(t)
	logged(t, s, "things/1")
	const path = "/api/lingualink/audit"
	for _, who := range []string{apptest.Guest, apptest.Ada, apptest.Musa} {
		if answer := s.Do(who, "GET", path, nil); answer.Status != 401 && answer.Status != 403 {
			t.Errorf("%q: %d", who, answer.Status)
		}
	}
	for _, wrong := range []string{"?format=pdf", "?from=soon", "?from=2026-02-01&to=2026-01-01"} {
		s.Want(s.Do(apptest.Admin, "GET", path+wrong, nil), 400, "invalid_input")
	}
	answer := s.Do(apptest.Admin, "GET", path+"?subject=things/1", nil)
	if answer.Status != 200 || answer.Header.Get("Content-Type") != "text/csv; charset=utf-8" || !strings.Contains(string(answer.Raw), "things,1") {
		t.Errorf("%d %s %s", answer.Status, answer.Header.Get("Content-Type"), answer.Raw)
	}
	answer = s.Do(apptest.Admin, "GET", path+"?format=json&from=2020-01-01&to=2999-01-01", nil)
	if n := strings.Count(string(answer.Raw), "\n"); answer.Header.Get("Content-Type") != "application/x-ndjson" || n != 3 {
		t.Errorf("%d lines of %s", n, answer.Header.Get("Content-Type"))
	}
	if n := s.Int("SELECT COUNT(*) FROM audit_log WHERE action = 'audit.export' AND actor LIKE 'superuser:%'"); n != 2 {
		t.Errorf("%d exports are logged", n)
	}
}
