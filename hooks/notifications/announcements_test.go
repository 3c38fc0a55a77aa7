package notifications_test

import (
	"context"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/notifications"
	"github.com/lingualink/lingualink/hooks/shell"
)

const announcements = "/api/collections/announcements/records"

func english(title string) map[string]any {
	return map[string]any{"texts": map[string]any{"en": map[string]any{"title": title, "text": "Read this."}}}
}

func (k *kit) draft(body map[string]any) string {
	k.t.Helper()
	return k.Want(k.Do(admin, "POST", announcements, body), 200, "").Text("id")
}

func (k *kit) turn(id, verb string) map[string]any {
	k.t.Helper()
	return k.Want(k.Do(admin, "POST", "/api/lingualink/announcements/"+id+"/"+verb, nil), 200, "").Data()
}

// crowd plants people: every second speaks Yoruba only, every tenth lives in Ghana,
// every hundredth is suspended.
func (k *kit) crowd(n int) {
	k.t.Helper()
	k.exec(`WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < {:n})
		INSERT INTO users (id, username, username_key, email, tokenKey, password, languages, country, standing, roles)
		SELECT printf('p%014d', i * 7919 % 1000003), 'p' || i, 'p' || i, 'p' || i || '@x.test', 'k' || i, '', '["' || CASE WHEN i % 2 THEN {:ha} ELSE {:yo} END || '"]',
			CASE WHEN i % 10 THEN 'NG' ELSE 'GH' END, CASE WHEN i % 100 THEN 'good' ELSE 'suspended' END, '[]' FROM c`,
		dbx.Params{"n": n, "ha": k.Language("ha"), "yo": k.Language("yo")})
}

func TestAnAnnouncementReachesEverybodyOnce(t *testing.T) {
	k := start(t)
	k.crowd(3_000)
	k.device(ada, 1)
	k.exec("UPDATE private_profiles SET interface_language = 'ha' WHERE user = {:id}", dbx.Params{"id": k.User(ada).Id})
	body := english("Hello")
	body["texts"].(map[string]any)["ha"] = map[string]any{"title": "Sannu", "text": "Karanta wannan."}
	id := k.draft(body)
	started := k.turn(id, "start")
	if started["audience"] != 3_000-30+7.0 || started["told"] != 0.0 {
		t.Errorf("%v", started)
	}
	k.Want(k.Do(admin, "POST", "/api/lingualink/announcements/"+id+"/start", nil), 409, "announcement_state")
	jobs := k.Drain()
	if jobs < 30 {
		t.Errorf("%d batches for 3,000 people: the writer is held for long", jobs)
	}
	row := k.Want(k.Do(admin, "GET", announcements+"/"+id, nil), 200, "").JSON
	if row["state"] != "done" || row["told"] != 2_977.0 || row["finished_at"] == "" {
		t.Errorf("%v", row)
	}
	if n := k.Int("SELECT COUNT(*) FROM notifications"); n != 2_977 {
		t.Errorf("%d were told", n)
	}
	if n := k.Int("SELECT COUNT(DISTINCT user) FROM notifications"); n != 2_977 {
		t.Errorf("%d people were told", n)
	}
	if row := k.wantInbox(ada, 1)[0]; row["title"] != "Sannu" || row["link"] != "/announcements/"+id || row["category"] != "announcements" {
		t.Errorf("%v", row)
	}
	if row := k.wantInbox(bola, 1)[0]; row["title"] != "Hello" {
		t.Errorf("%v", row)
	}
	k.send("expo")
	if got := k.expo.Accepted(); len(got) != 1 || got[0].Title != "Sannu" {
		t.Errorf("%+v", got)
	}
	// A batch that comes again, as after a kill, finds nothing to do.
	k.exec("UPDATE jobs SET state = 'queued' WHERE kind = 'announce'", nil)
	k.Drain()
	if n := k.Int("SELECT COUNT(*) FROM notifications"); n != 2_977 {
		t.Errorf("%d were told after the batches came again", n)
	}
}

func TestPauseResumeAndCancel(t *testing.T) {
	k := start(t)
	k.crowd(1_000)
	id := k.draft(english("Hello"))
	step := func() {
		t.Helper()
		if err := notifications.Batch(k.App, k.Deps, id); err != nil {
			t.Fatal(err)
		}
	}
	told := func() int64 { return k.Int("SELECT COUNT(*) FROM notifications") }
	k.turn(id, "start")
	step()
	step()
	if n := told(); n != 200 {
		t.Fatalf("%d after two batches", n)
	}
	k.turn(id, "pause")
	k.Drain()
	if n := told(); n != 200 {
		t.Errorf("%d were told while it is paused", n)
	}
	k.Want(k.Do(admin, "POST", "/api/lingualink/announcements/"+id+"/pause", nil), 409, "announcement_state")
	// Pause and resume at once: the batch that still waited is of the old run.
	k.turn(id, "resume")
	k.turn(id, "pause")
	k.turn(id, "resume")
	k.Drain()
	if n, all := told(), k.Int("SELECT COUNT(*) FROM users WHERE standing != 'suspended'"); n != all {
		t.Errorf("%d of %d were told", n, all)
	}
	if n := k.Int("SELECT COUNT(*) FROM (SELECT user FROM notifications GROUP BY user HAVING COUNT(*) > 1)"); n != 0 {
		t.Errorf("%d people were told twice", n)
	}
	k.Want(k.Do(admin, "POST", "/api/lingualink/announcements/"+id+"/cancel", nil), 409, "announcement_state")

	second := k.draft(english("Again"))
	k.turn(second, "start")
	k.turn(second, "cancel")
	before := told()
	k.Drain()
	if n := told(); n != before {
		t.Error("a cancelled announcement reached somebody")
	}
	for _, verb := range []string{"start", "resume", "pause", "cancel"} {
		k.Want(k.Do(admin, "POST", "/api/lingualink/announcements/"+second+"/"+verb, nil), 409, "announcement_state")
	}
	if n := k.Int("SELECT COUNT(*) FROM audit_log WHERE action LIKE 'announcement.%'"); n != 7 {
		t.Errorf("%d lines in the audit log", n)
	}
}

func TestAudiences(t *testing.T) {
	k := start(t)
	k.crowd(1_000)
	for name, c := range map[string]struct {
		audience map[string]any
		want     string
	}{
		"country":              {map[string]any{"country": "GH"}, "country = 'GH' AND standing = 'good'"},
		"language":             {map[string]any{"language": k.Language("yo")}, "languages LIKE '%" + k.Language("yo") + "%' AND standing = 'good'"},
		"role":                 {map[string]any{"role": "moderator"}, "username = 'musa'"},
		"country and language": {map[string]any{"country": "NG", "language": k.Language("ha")}, "country = 'NG' AND languages LIKE '%" + k.Language("ha") + "%' AND standing = 'good'"},
		"nobody":               {map[string]any{"country": "FR"}, "1 = 0"},
	} {
		body := english(name)
		for field, value := range c.audience {
			body[field] = value
		}
		id := k.draft(body)
		k.turn(id, "start")
		k.Drain()
		got := k.Int("SELECT COUNT(*) FROM notifications WHERE json_extract(data, '$.announcement') = {:id} AND user IN (SELECT id FROM users WHERE "+c.want+")", dbx.Params{"id": id})
		all := k.Int("SELECT COUNT(*) FROM notifications WHERE json_extract(data, '$.announcement') = {:id}", dbx.Params{"id": id})
		if want := k.Int("SELECT COUNT(*) FROM users WHERE " + c.want); got != want || all != want {
			t.Errorf("%s: %d of those who are meant and %d in all, want %d", name, got, all, want)
		}
		if state := k.Text("SELECT state FROM announcements WHERE id = {:id}", dbx.Params{"id": id}); state != "done" {
			t.Errorf("%s is %s", name, state)
		}
	}
}

func TestWhoMayAnnounceWhat(t *testing.T) {
	k := start(t)
	for _, who := range []string{ada, musa, guest} {
		if answer := k.Do(who, "POST", announcements, english("Hello")); answer.Status < 400 {
			t.Errorf("%q: %s", who, answer.Raw)
		}
	}
	for name, texts := range map[string]any{
		"none": nil, "no English": map[string]any{"ha": map[string]any{"title": "t", "text": "t"}}, "no title": map[string]any{"en": map[string]any{"text": "t"}},
		"an unknown language": map[string]any{"en": map[string]any{"title": "t", "text": "t"}, "xx": map[string]any{"title": "t", "text": "t"}}, "a list": []string{"t"},
	} {
		if answer := k.Do(admin, "POST", announcements, map[string]any{"texts": texts}); answer.Status != 400 {
			t.Errorf("%s: %s", name, answer.Raw)
		}
	}
	body := english("Hello")
	body["state"], body["told"], body["run"] = "done", 7, 3 // the server's
	id := k.draft(body)
	row := k.Want(k.Do(admin, "GET", announcements+"/"+id, nil), 200, "").JSON
	if row["state"] != "draft" || row["told"] != 0.0 || row["run"] != 0.0 {
		t.Errorf("%v", row)
	}
	k.Want(k.Do(admin, "PATCH", announcements+"/"+id, map[string]any{"state": "running"}), 400, "server_field")
	k.Want(k.Do(admin, "PATCH", announcements+"/"+id, english("Better")), 200, "")
	for who, status := range map[string]int{guest: 401, ada: 403, musa: 403} {
		k.Want(k.Do(who, "POST", "/api/lingualink/announcements/"+id+"/start", nil), status, "")
		if answer := k.Do(who, "GET", announcements, nil); answer.Status != 403 {
			t.Errorf("%q reads %s", who, answer.Raw)
		}
	}
	k.turn(id, "start")
	k.Want(k.Do(admin, "PATCH", announcements+"/"+id, english("Worse")), 409, "announcement_state")
	k.Want(k.Do(admin, "POST", "/api/lingualink/announcements/nothing00000000/start", nil), 404, "not_found")
}

// TestADeadJobIsRunAgain: the outbox's own dead letters.
func TestADeadJobIsRunAgain(t *testing.T) {
	k := start(t)
	k.queue(ada, "promoted", nil)
	k.exec("UPDATE jobs SET state = 'dead', attempts = 12, finished_at = run_at", nil)
	id := k.Text("SELECT id FROM jobs WHERE state = 'dead'", nil)
	if data := k.Want(k.Do(admin, "GET", "/api/lingualink/notifications/status", nil), 200, "").Data(); data["dead_jobs"] != 1.0 {
		t.Errorf("%v", data)
	}
	for who, status := range map[string]int{guest: 401, ada: 403, musa: 403} {
		k.Want(k.Do(who, "POST", "/api/lingualink/jobs/"+id+"/replay", map[string]any{"reason": "x"}), status, "")
	}
	k.Want(k.Do(admin, "POST", "/api/lingualink/jobs/"+id+"/replay", map[string]any{"reason": "Mended."}), 200, "")
	if _, err := k.Deps.Outbox.Drain(context.Background(), k.App); err != nil {
		t.Fatal(err)
	}
	k.wantInbox(ada, 1)
	k.Want(k.Do(admin, "POST", "/api/lingualink/jobs/"+id+"/replay", map[string]any{"reason": "Mended."}), 409, "not_dead")
	if report, err := shell.VerifyAudit(k.App.DB()); err != nil || report.Problem != "" {
		t.Errorf("the audit log: %+v %v", report, err)
	}
}
