package moderation_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/moderation"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/notify"
)

// The people: Ada speaks, Bola, Chidi and Dayo vote and report, Musa and Fatima
// moderate, and the admin is Emeka.
const (
	ada, bola, chidi, dayo, emeka, fatima, musa = apptest.Ada, apptest.Bola, apptest.Chidi, apptest.Dayo, apptest.Emeka, apptest.Fatima, apptest.Musa

	guest, admin = apptest.Guest, apptest.Admin
)

const (
	casesPath   = "/api/lingualink/cases"
	reportsPath = "/api/collections/reports/records"
)

func TestMain(m *testing.M) { apptest.Main(m) }

// desk is a server with staff, money, and open voting.
type desk struct {
	*hookstest.Server
	t *testing.T
}

func openDesk(t *testing.T, environ ...string) *desk {
	t.Helper()
	d := &desk{Server: hookstest.Start(t, environ...), t: t}
	second := d.User(fatima)
	second.Set("roles", []string{"moderator"})
	d.save(second)
	if err := accounts.SetAdminPerson(d.App, d.Deps, admin, emeka); err != nil {
		t.Fatal(err)
	}
	d.Fund(1_000_000)
	d.OpenVoting()
	d.Consent(ada)
	return d
}

func (d *desk) save(record *core.Record) {
	d.t.Helper()
	if err := d.App.Save(record); err != nil {
		d.t.Fatal(err)
	}
}

// exec writes by SQL what only long use brings.
func (d *desk) exec(sql string, params dbx.Params) {
	d.t.Helper()
	if _, err := shell.Exec(d.App, sql, params); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
}

// approved is a recording of Ada's that is public.
func (d *desk) approved(extra ...string) string {
	d.t.Helper()
	clip := d.Clip(ada, extra...)
	d.Decide(clip, "approve")
	return clip
}

// people makes so many more users.
func (d *desk) people(prefix string, n int) []string {
	d.t.Helper()
	users, err := d.App.FindCollectionByNameOrId("users")
	if err != nil {
		d.t.Fatal(err)
	}
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s%d", prefix, i)
		person := core.NewRecord(users)
		person.SetEmail(names[i] + "@lingualink.test")
		person.SetPassword(apptest.Password)
		person.Set("username", names[i])
		person.Set("languages", []string{d.Language("ha")})
		d.save(person)
	}
	return names
}

// proven makes people reporters who were right so often.
func (d *desk) proven(right int, names ...string) {
	d.t.Helper()
	for _, name := range names {
		d.exec("INSERT INTO reporters (id, user, right, wrong) VALUES ({:id}, {:user}, {:right}, 0)",
			dbx.Params{"id": shell.NewID(), "user": d.User(name).Id, "right": right})
	}
}

func (d *desk) report(who, kind, id, reason string, extra ...string) apptest.Answer {
	d.t.Helper()
	body := map[string]any{"subject_type": kind, "subject_id": id, "reason": reason}
	for i := 0; i+1 < len(extra); i += 2 {
		body[extra[i]] = extra[i+1]
	}
	return d.Do(who, "POST", reportsPath, body)
}

// reported has somebody report a clip and returns its case.
func (d *desk) reported(clip, reason string, who ...string) string {
	d.t.Helper()
	for _, name := range who {
		d.Want(d.report(name, "clip", clip, reason), 200, "")
	}
	return d.caseOf("clip", clip)
}

// caseOf is the newest case of a subject.
func (d *desk) caseOf(kind, id string) string {
	d.t.Helper()
	return d.Text("SELECT id FROM cases WHERE subject_type = {:kind} AND subject_id = {:id} ORDER BY created DESC, rowid DESC LIMIT 1", dbx.Params{"kind": kind, "id": id})
}

func (d *desk) do(who, id, verb string, body any) apptest.Answer {
	d.t.Helper()
	if body == nil {
		body = map[string]any{}
	}
	return d.Do(who, "POST", casesPath+"/"+id+"/"+verb, body)
}

func (d *desk) claim(who, id string) {
	d.t.Helper()
	d.Want(d.do(who, id, "claim", nil), 200, "")
}

// resolve claims and decides.
func (d *desk) resolve(who, id, action string, extra ...any) apptest.Answer {
	d.t.Helper()
	d.claim(who, id)
	return d.do(who, id, "resolve", decision(action, extra...))
}

func decision(action string, extra ...any) map[string]any {
	body := map[string]any{"action": action}
	for i := 0; i+1 < len(extra); i += 2 {
		body[extra[i].(string)] = extra[i+1]
	}
	return body
}

// about opens a case on a person.
func (d *desk) about(who, user, reason string) string {
	d.t.Helper()
	body := map[string]any{"subject_type": "user", "subject_id": d.User(user).Id}
	if reason != "" {
		body["reason"] = reason
	}
	return d.Want(d.Do(who, "POST", casesPath, body), 200, "").Data()["case"].(string)
}

// appeal makes somebody appeal against the decision of a case.
func (d *desk) appeal(who, id string) apptest.Answer {
	d.t.Helper()
	decision := d.Text("SELECT id FROM decisions WHERE [[case]] = {:case}", dbx.Params{"case": id})
	d.Forget(who)
	return d.Do(who, "POST", "/api/collections/appeals/records", map[string]any{"subject_type": "decisions", "subject_id": decision, "text": "I disagree."})
}

func (d *desk) decideAppeal(who, appeal, outcome string) apptest.Answer {
	d.t.Helper()
	return d.Do(who, "POST", "/api/lingualink/appeals/"+appeal+"/decide", map[string]any{"outcome": outcome, "reason": "I looked again."})
}

// why is the reason in the params of an error.
func why(a apptest.Answer) string {
	data, _ := a.JSON["data"].(map[string]any)
	for _, item := range data {
		fields, _ := item.(map[string]any)
		params, _ := fields["params"].(map[string]any)
		if reason, ok := params["reason"].(string); ok {
			return reason
		}
	}
	return ""
}

// refused wants an error with the reason.
func (d *desk) refused(a apptest.Answer, status int, code, reason string) {
	d.t.Helper()
	d.Want(a, status, code)
	if got := why(a); got != reason {
		d.t.Errorf("the reason is %q, want %q", got, reason)
	}
}

func (d *desk) standing(who string) string {
	d.t.Helper()
	return d.Text("SELECT standing FROM users WHERE username = {:who}", dbx.Params{"who": who})
}

func (d *desk) setStanding(who, standing string) {
	d.t.Helper()
	err := d.App.RunInTransaction(func(tx core.App) error {
		return accounts.SetStanding(tx, d.User(who).Id, standing, "a test", shell.System)
	})
	if err != nil {
		d.t.Fatal(err)
	}
	d.Forget(who)
}

func (d *desk) field(collection, id, field string) string {
	d.t.Helper()
	record, err := d.App.FindRecordById(collection, id)
	if err != nil {
		d.t.Fatal(err)
	}
	return record.GetString(field)
}

// told are the kinds of what somebody was told, in order.
func (d *desk) told(who string) []string {
	d.t.Helper()
	d.Drain()
	kinds := []string{}
	if err := d.App.DB().NewQuery("SELECT kind FROM notifications WHERE user = {:user} ORDER BY rowid").Bind(dbx.Params{"user": d.User(who).Id}).Column(&kinds); err != nil {
		d.t.Fatal(err)
	}
	d.catalogued(who)
	return slices.DeleteFunc(kinds, func(kind string) bool {
		return !slices.ContainsFunc([]string{"account_", "appeal_", "case_", "clip_hidden", "clip_restored", "content_", "decision_", "report_", "rewards_"}, func(p string) bool { return strings.HasPrefix(kind, p) })
	})
}

// catalogued holds what somebody was told against the catalogue of notices.
func (d *desk) catalogued(who string) {
	d.t.Helper()
	rows := []struct {
		Kind string `db:"kind"`
		Data string `db:"data"`
	}{}
	err := d.App.DB().NewQuery("SELECT kind, data FROM notifications WHERE user = {:user} AND kind != 'appeal_outcome'").Bind(dbx.Params{"user": d.User(who).Id}).All(&rows)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, row := range rows {
		notice := notify.Notice{Kind: notify.Kind(row.Kind)}
		if err := json.Unmarshal([]byte(row.Data), &notice.Data); err != nil {
			d.t.Fatal(err)
		}
		if err := notify.Check(notice); err != nil {
			d.t.Errorf("%v: %s", err, row.Data)
		}
	}
}

func (d *desk) wantsTold(who string, kinds ...string) {
	d.t.Helper()
	if got := d.told(who); !slices.Equal(got, kinds) {
		d.t.Errorf("%s was told %v, want %v", who, got, kinds)
	}
}

// sound proves the ledger and the audit log.
func (d *desk) sound() {
	d.t.Helper()
	report, err := ledger.Verify(d.App.DB())
	if err != nil || len(report.Findings) > 0 {
		d.t.Fatalf("the ledger: %+v, %v", report.Findings, err)
	}
	log, err := shell.VerifyAudit(d.App.DB())
	if err != nil || log.Problem != "" {
		d.t.Fatalf("the audit log: %+v, %v", log, err)
	}
}

// together sends requests at the same moment and returns their answers.
func (d *desk) together(sends ...func() apptest.Answer) []apptest.Answer {
	d.t.Helper()
	for _, who := range []string{ada, bola, chidi, dayo, emeka, fatima, musa, admin} {
		d.Token(who) // the cache is not for many at once
	}
	answers, start := make([]apptest.Answer, len(sends)), make(chan struct{})
	var ready, done sync.WaitGroup
	ready.Add(len(sends))
	for i, send := range sends {
		done.Go(func() {
			ready.Done()
			<-start
			answers[i] = send()
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	return answers
}

// statuses are the answers' statuses, sorted.
func statuses(answers []apptest.Answer) []int {
	list := []int{}
	for _, a := range answers {
		list = append(list, a.Status)
	}
	slices.Sort(list)
	return list
}

// audited is the newest audit row of an action.
func (d *desk) audited(action string) (actor, reason string, data map[string]any) {
	d.t.Helper()
	var row struct {
		Actor  string `db:"actor"`
		Reason string `db:"reason"`
		Data   string `db:"data"`
	}
	err := d.App.DB().NewQuery("SELECT actor, reason, data FROM audit_log WHERE action = {:action} ORDER BY seq DESC LIMIT 1").Bind(dbx.Params{"action": action}).One(&row)
	if err != nil {
		d.t.Fatalf("%s: %v", action, err)
	}
	if err := json.Unmarshal([]byte(row.Data), &data); err != nil {
		d.t.Fatal(err)
	}
	return row.Actor, row.Reason, data
}

// sweep runs what is due by the clock.
func (d *desk) sweep() {
	d.t.Helper()
	if err := moderation.Sweep(d.App, d.Deps); err != nil {
		d.t.Fatal(err)
	}
}

const day = 24 * time.Hour
