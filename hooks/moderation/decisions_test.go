package moderation_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
)

// outcome is what a decision about a public clip of Ada's left behind.
func (d *desk) outcome(clip string) string {
	d.t.Helper()
	rewards := d.Text("SELECT COALESCE(group_concat(state, ' '), '') FROM (SELECT state FROM rewards WHERE clip = {:clip} AND rule = 'clip' ORDER BY seq)", dbx.Params{"clip": clip})
	return fmt.Sprintf("%s hidden=%s %s rewards=%s points=%d", d.field("clips", clip, "status"), d.field("clips", clip, "hidden"), d.standing(ada),
		rewards, d.Int("SELECT COALESCE(SUM(points), 0) FROM strikes"))
}

// TestEveryActionHasItsConsequences: each action on a clip, by a moderator and an
// admin, with what follows, who is told and what stands in the audit log.
func TestEveryActionHasItsConsequences(t *testing.T) {
	until := func(d *desk, days int) string {
		return d.Deps.Clock.Now().Add(time.Duration(days) * day).Format(time.RFC3339)
	}
	for _, c := range []struct {
		action          string
		extra           func(d *desk) []any
		moderator       string // reason of a refusal; empty: they may
		outcome, report string
		told            string
	}{
		{"dismiss", nil, "", "approved hidden=false good rewards=pending points=0", "dismissed", ""},
		{"warn", found, "", "approved hidden=false warned rewards=pending points=1", "upheld", "account_warned"},
		{"hide", found, "", "approved hidden=true warned rewards=pending points=2", "upheld", "clip_hidden"},
		{"reject_clip", found, "", "rejected hidden=false warned rewards=reversed points=2", "upheld", "decision_made"},
		{"strip_rewards", noted, "admin_only", "approved hidden=false suspended rewards=reversed points=3", "upheld", "account_suspended rewards_stripped"},
		{"suspend", func(d *desk) []any { return append(noted(d), "until", until(d, 5)) }, "", "approved hidden=false suspended rewards=pending points=3", "upheld", "account_suspended"},
		{"ban", noted, "", "approved hidden=false banned rewards=pending points=4", "upheld", "account_banned"},
	} {
		for _, who := range []string{musa, admin} {
			t.Run(c.action+" by "+who, func(t *testing.T) {
				d := openDesk(t)
				clip := d.approved()
				id := d.reported(clip, "hate", bola)
				extra := []any{}
				if c.extra != nil {
					extra = c.extra(d)
				}
				answer := d.resolve(who, id, c.action, extra...)
				if who == musa && c.moderator != "" {
					d.refused(answer, 403, "case_not_yours", c.moderator)
					d.untouched(clip, id)
					return
				}
				d.Want(answer, 200, "")
				d.decidedAs(c.action, who, clip, id, c.outcome, c.report, strings.Fields(c.told))
			})
		}
	}
}

func found(*desk) []any { return []any{"found", "hate"} }
func noted(*desk) []any { return []any{"found", "hate", "note", "It was on purpose."} }

func (d *desk) untouched(clip, id string) {
	d.t.Helper()
	if got := d.outcome(clip); got != "approved hidden=false good rewards=pending points=0" {
		d.t.Errorf("a refused decision left %s", got)
	}
	if d.field("cases", id, "state") != "claimed" || d.Int("SELECT COUNT(*) FROM decisions") != 0 {
		d.t.Error("a refused decision closed the case")
	}
}

func (d *desk) decidedAs(action, who, clip, id, outcome, report string, told []string) {
	d.t.Helper()
	if got := d.outcome(clip); got != outcome {
		d.t.Errorf("it is %s, want %s", got, outcome)
	}
	if got := d.Text("SELECT state FROM reports", nil); got != report {
		d.t.Errorf("the report is %s, want %s", got, report)
	}
	d.wantsTold(ada, told...)
	d.wantsTold(bola, "report_resolved")
	adverse := report == "upheld"
	if n := d.Int("SELECT COUNT(*) FROM decisions WHERE user = {:ada} AND state = 'in_force' AND appeal_until != ''", dbx.Params{"ada": d.User(ada).Id}); (n == 1) != adverse {
		d.t.Errorf("%d decisions", n)
	}
	if n := d.Int("SELECT right * 10 + wrong FROM reporters"); n != map[bool]int64{true: 10, false: 1}[adverse] {
		d.t.Errorf("the reporter counts as %d", n)
	}
	actor, _, data := d.audited("case.resolve " + action)
	person := map[string]string{musa: musa, admin: emeka}[who]
	role := map[string]string{musa: "moderator", admin: "admin"}[who]
	if data["person"] != d.User(person).Id || data["role"] != role || data["ip"] == "" || data["ip"] == nil || !strings.HasPrefix(actor, map[string]string{musa: "user:", admin: "superuser:"}[who]) {
		d.t.Errorf("the audit row is by %s: %v", actor, data)
	}
	before, after := data["before"].(map[string]any), data["after"].(map[string]any)
	if before["state"] != "claimed" || after["state"] != "resolved" || after["action"] != action || data["subject_id"] != clip {
		d.t.Errorf("the audit row says %v", data)
	}
	if got := d.field("cases", id, "decided_by"); got != "user:"+d.User(person).Id {
		d.t.Errorf("decided by %s", got)
	}
	d.sound()
}

// TestFormsOfADecision: what is missing or does not fit changes nothing.
func TestFormsOfADecision(t *testing.T) {
	d := openDesk(t)
	clip := d.approved()
	id := d.reported(clip, "hate", bola)
	d.claim(musa, id)
	soon := d.Deps.Clock.Now().Add(day).Format(time.RFC3339)
	for _, c := range []struct {
		body         map[string]any
		status       int
		code, reason string
	}{
		{decision("explode"), 400, "invalid_input", ""},
		{decision("warn"), 400, "invalid_input", "no_reason"},
		{decision("warn", "found", "ugly"), 400, "invalid_input", ""},
		{decision("warn", "found", "unclear_audio"), 400, "invalid_input", "does_not_fit"},
		{decision("dismiss", "found", "spam"), 400, "invalid_input", "does_not_fit"},
		{decision("ban", "found", "hate"), 400, "invalid_input", "no_text"},
		{decision("warn", "found", "hate", "note", strings.Repeat("x", 1_001)), 400, "invalid_input", "long_text"},
		{decision("suspend", "found", "hate", "note", "Why."), 400, "invalid_input", "bad_time"},
		{decision("suspend", "found", "hate", "note", "Why.", "until", "tomorrow"), 400, "invalid_input", ""},
		{decision("suspend", "found", "hate", "note", "Why.", "until", d.Deps.Clock.Now().Add(31*day).Format(time.RFC3339)), 400, "invalid_input", "bad_time"},
		{decision("warn", "found", "hate", "until", soon), 400, "invalid_input", "bad_request"},
		{decision("warn", "found", "hate", "good_faith", true), 400, "invalid_input", "bad_request"},
		{decision("unban", "note", "Why."), 400, "invalid_input", "does_not_fit"},
		{decision("end_stream", "found", "hate"), 400, "invalid_input", "does_not_fit"},
		{decision("unhide"), 409, "case_conflict", "nothing_to_do"},
		{decision("approve_clip"), 409, "case_conflict", "nothing_to_do"},
		{decision("dismiss", "state", "resolved"), 400, "invalid_input", ""},
	} {
		d.refused(d.do(musa, id, "resolve", c.body), c.status, c.code, c.reason)
	}
	d.untouched(clip, id)
}

func TestHiddenClipsLeaveTheQueueAndComeBack(t *testing.T) {
	d := openDesk(t)
	d.Policy(shell.PolicyConsensus, map[string]any{})
	clip := d.Clip(ada)
	handed := func(who string) int {
		return len(d.Want(d.Do(who, "GET", "/api/lingualink/queue", nil), 200, "").Items("items"))
	}
	if handed(bola) != 1 {
		t.Fatal("nothing was handed out")
	}
	id := d.reported(clip, "hate", bola)
	d.Want(d.resolve(musa, id, "hide", "found", "hate"), 200, "")
	if handed(bola) != 0 || handed(chidi) != 0 {
		t.Error("a hidden clip is handed out")
	}
	again := d.Want(d.Do(fatima, "POST", casesPath, map[string]any{"subject_type": "clip", "subject_id": clip}), 200, "").Data()["case"].(string)
	d.Want(d.do(fatima, again, "resolve", decision("unhide")), 200, "")
	if handed(bola) != 1 || handed(chidi) != 1 {
		t.Error("a clip that is visible again is not handed out")
	}
	d.wantsTold(ada, "clip_hidden", "clip_restored")
}

func TestDecisionsAboutPeople(t *testing.T) {
	d := openDesk(t)
	d.Want(d.report(bola, "user", d.User(ada).Id, "harassment"), 200, "")
	id := d.caseOf("user", d.User(ada).Id)
	d.Want(d.resolve(musa, id, "ban", "found", "harassment", "note", "Again and again."), 200, "")
	d.Forget(ada)
	d.Want(d.Vote(ada, d.approvedBy(bola), "approve"), 403, "account_banned")
	// Moderators do not lift bans; admins do, saying why.
	d.Want(d.Do(musa, "POST", casesPath, map[string]any{"subject_type": "user", "subject_id": d.User(ada).Id}), 200, "")
	lift := d.caseOf("user", d.User(ada).Id)
	d.refused(d.do(musa, lift, "resolve", decision("unban", "note", "She is sorry.")), 403, "case_not_yours", "admin_only")
	d.Want(d.do(musa, lift, "escalate", nil), 200, "")
	d.claim(admin, lift)
	d.refused(d.do(admin, lift, "resolve", decision("unban")), 400, "invalid_input", "no_text")
	d.Want(d.do(admin, lift, "resolve", decision("unban", "note", "She is sorry.")), 200, "")
	if d.standing(ada) != "warned" || d.Int("SELECT COUNT(*) FROM strikes WHERE lifted_at = ''") != 0 {
		t.Errorf("she is %s", d.standing(ada))
	}
	d.wantsTold(ada, "account_banned", "account_restored")
	d.sound()
}

// approvedBy is a waiting clip of somebody else.
func (d *desk) approvedBy(who string) string {
	d.t.Helper()
	d.Consent(who)
	return d.Clip(who)
}

func TestStaffAreDecidedAboutByAdmins(t *testing.T) {
	d := openDesk(t)
	id := d.about(musa, fatima, "harassment")
	d.refused(d.do(musa, id, "resolve", decision("warn", "found", "harassment")), 403, "case_not_yours", "admin_only")
	d.Want(d.do(musa, id, "escalate", nil), 200, "")
	d.claim(admin, id)
	d.Want(d.do(admin, id, "resolve", decision("suspend", "found", "harassment", "note", "No.", "until", d.Deps.Clock.Now().Add(day).Format(time.RFC3339))), 200, "")
	d.Forget(fatima)
	d.Want(d.Do(fatima, "GET", "/api/lingualink/moderation/queue", nil), 403, "account_suspended")
}

// TestStrikesAddUp: warned, suspended by the ladder, back by the clock, banned.
func TestStrikesAddUp(t *testing.T) {
	d := openDesk(t)
	steps := []struct {
		action, found, standing string
		wait                    time.Duration
		after                   string
	}{
		{"warn", "spam", "warned", 0, "warned"},                            // 1 point
		{"hide", "hate", "suspended", 3*day - time.Minute, "suspended"},    // 3
		{"", "", "", 2 * time.Minute, "warned"},                            // its end, by the clock
		{"hide", "hate", "suspended", 14*day - 4*time.Minute, "suspended"}, // 5: for long
		{"", "", "", 5 * time.Minute, "warned"},
		{"hide", "hate", "banned", 400 * day, "banned"}, // 7
	}
	for i, s := range steps {
		if s.action != "" {
			id := d.Want(d.Do(musa, "POST", casesPath, map[string]any{"subject_type": "clip", "subject_id": d.clipAnyway()}), 200, "").Data()["case"].(string)
			d.Want(d.do(musa, id, "resolve", decision(s.action, "found", s.found)), 200, "")
			if got := d.standing(ada); got != s.standing {
				t.Fatalf("step %d: she is %s, want %s", i, got, s.standing)
			}
		}
		d.Advance(s.wait)
		d.sweep()
		if got := d.standing(ada); got != s.after {
			t.Fatalf("step %d: she is %s after %s, want %s", i, got, s.wait, s.after)
		}
	}
	d.wantsTold(ada, "account_warned", "account_suspended", "clip_hidden", "account_suspended", "clip_hidden", "account_banned", "clip_hidden")
	d.sound()
}

// clipAnyway is a clip of Ada's, whatever her standing: it is planted.
func (d *desk) clipAnyway() string {
	d.t.Helper()
	id := shell.NewID()
	d.Insert("clips", dbx.Params{
		"id": id, "owner": d.User(ada).Id, "kind": "voice", "media": id + ".wav", "language": d.Language("ha"), "phrase": "Sannu.", "status": "approved",
		"media_sha256": id, "campaign": d.GeneralCampaign(), "created": "2026-01-02 03:04:05.678Z", "updated": "2026-01-02 03:04:05.678Z",
	})
	return id
}

// TestAWarningEndsByTheClock, and strikes expire.
func TestAWarningEndsByTheClock(t *testing.T) {
	d := openDesk(t)
	id := d.reported(d.approved(), "spam", bola)
	d.Want(d.resolve(musa, id, "warn", "found", "spam"), 200, "")
	d.Advance(90*day - time.Minute)
	d.sweep()
	if d.standing(ada) != "warned" {
		t.Error("the warning ended early")
	}
	d.Advance(2 * time.Minute)
	d.sweep()
	if d.standing(ada) != "good" {
		t.Errorf("she is %s after the warning", d.standing(ada))
	}
	if n := d.Int("SELECT COUNT(*) FROM sanctions WHERE until != ''"); n != 0 {
		t.Error("she is looked at again")
	}
}

// TestWhatAnAdminSetsByHandStays: no clock ends it.
func TestWhatAnAdminSetsByHandStays(t *testing.T) {
	d := openDesk(t)
	id := d.reported(d.approved(), "spam", bola)
	d.Want(d.resolve(musa, id, "warn", "found", "spam"), 200, "")
	d.Want(d.Do(admin, "PATCH", "/api/collections/users/records/"+d.User(ada).Id, map[string]any{"standing": "banned"}), 200, "")
	d.Advance(1_000 * day)
	d.sweep()
	if d.standing(ada) != "banned" {
		t.Errorf("she is %s", d.standing(ada))
	}
	actor, _, data := d.audited("users.update")
	if !strings.HasPrefix(actor, "superuser:") || data["standing"] != "banned" {
		t.Errorf("the guard says %s %v", actor, data)
	}
}

// TestSuperusersActsAreLogged: what an admin does to guarded collections is in the
// audit log.
func TestSuperusersActsAreLogged(t *testing.T) {
	d := openDesk(t)
	word := d.Want(d.Do(admin, "POST", "/api/collections/screen_words/records", map[string]any{"word": "rubbish", "action": "flag"}), 200, "").Text("id")
	d.Want(d.Do(admin, "PATCH", "/api/collections/screen_words/records/"+word, map[string]any{"action": "block"}), 200, "")
	d.Want(d.Do(admin, "DELETE", "/api/collections/screen_words/records/"+word, nil), 204, "")
	d.Want(d.Do(admin, "PATCH", "/api/collections/users/records/"+d.User(bola).Id, map[string]any{"roles": []string{"moderator"}}), 200, "")
	for action, want := range map[string]string{"screen_words.create": "rubbish", "screen_words.update": "block", "screen_words.delete": "", "users.update": "moderator"} {
		actor, _, data := d.audited(action)
		if !strings.HasPrefix(actor, "superuser:") || !strings.Contains(fmt.Sprint(data), want) {
			t.Errorf("%s: %s %v", action, actor, data)
		}
	}
	for _, c := range []struct{ method, path string }{
		{"PATCH", "cases"}, {"PATCH", "decisions"}, {"PATCH", "strikes"}, {"DELETE", "case_events"}, {"POST", "cases"}, {"POST", "strikes"}, {"POST", "reports"},
	} {
		path := "/api/collections/" + c.path + "/records"
		if c.method != "POST" {
			id := d.planted(c.path)
			path += "/" + id
		}
		if answer := d.Do(admin, c.method, path, map[string]any{"note": "x"}); answer.Status < 400 {
			t.Errorf("%s %s: %d", c.method, c.path, answer.Status)
		}
	}
	d.sound()
}

// planted is the id of a row of the collection, after a decision made one.
func (d *desk) planted(collection string) string {
	d.t.Helper()
	if d.Int("SELECT COUNT(*) FROM cases") == 0 {
		d.Want(d.resolve(musa, d.reported(d.approved(), "spam", chidi), "warn", "found", "spam"), 200, "")
	}
	return d.Text("SELECT id FROM "+collection+" LIMIT 1", nil)
}

// TestADecisionIsWholeOrNot: an error of whoever hears of a ban undoes all of it.
func TestADecisionIsWholeOrNot(t *testing.T) {
	d := openDesk(t)
	clip := d.approved()
	id := d.reported(clip, "hate", bola)
	d.claim(musa, id)
	refuse := true
	accounts.OnStandingChange(d.App).BindFunc(func(e *accounts.StandingEvent) error {
		if refuse {
			return fmt.Errorf("no")
		}
		return e.Next()
	})
	d.Want(d.do(musa, id, "resolve", decision("ban", "found", "hate", "note", "Why.")), 500, "internal")
	d.untouched(clip, id)
	if n := d.Int("SELECT COUNT(*) FROM strikes"); n != 0 {
		t.Error("a strike is left")
	}
	refuse = false
	d.Want(d.do(musa, id, "resolve", decision("ban", "found", "hate", "note", "Why.")), 200, "")
	d.sound()
}

// TestTheHistoryIsWritten: every event of a case, in order.
func TestTheHistoryIsWritten(t *testing.T) {
	d := openDesk(t)
	clip := d.approved()
	id := d.reported(clip, "hate", bola)
	d.claim(musa, id)
	d.Want(d.do(musa, id, "release", nil), 200, "")
	d.Want(d.resolve(fatima, id, "hide", "found", "hate", "note", "It insults."), 200, "")
	view := d.Want(d.Do(musa, "GET", casesPath+"/"+id, nil), 200, "").Data()
	got := []string{}
	for _, line := range view["history"].([]any) {
		row := line.(map[string]any)
		actor := strings.TrimPrefix(row["actor"].(string), "user:")
		for _, who := range []string{musa, fatima} {
			if actor == d.User(who).Id {
				actor = who
			}
		}
		got = append(got, fmt.Sprintf("%s by %s: %s -> %s", row["event"], actor, row["from"], row["to"]))
	}
	want := []string{
		"report by reporter:  -> open", "claim by musa: open -> claimed", "release by musa: claimed -> open",
		"claim by fatima: open -> claimed", "resolve hide by fatima: claimed -> resolved",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the history is %q", got)
	}
	effects := []string{}
	last := view["history"].([]any)[4].(map[string]any)
	if err := json.Unmarshal([]byte(last["effects"].(string)), &effects); err != nil || len(effects) < 5 || effects[0] != "hide" || last["note"] != "It insults." {
		t.Errorf("the last line is %v, %v", last, err)
	}
	for name, n := range map[string]int{"reported": 1, "of_subject": 0, "of_owner": 0} {
		if got := len(view[name].([]any)); got != n {
			t.Errorf("%d %s", got, name)
		}
	}
	owner, said := view["owner"].(map[string]any), view["decision"].(map[string]any)
	if owner["username"] != "ada" || owner["standing"] != "warned" || len(owner["strikes"].([]any)) != 1 || said["action"] != "hide" || said["by"] != d.User(fatima).Id {
		t.Errorf("the owner is %v, the decision %v", owner, said)
	}
	other := d.about(fatima, ada, "")
	view = d.Want(d.Do(musa, "GET", casesPath+"/"+other, nil), 200, "").Data()
	if len(view["of_owner"].([]any)) != 1 || view["decision"] != nil {
		t.Errorf("the other case says %v", view)
	}
}
