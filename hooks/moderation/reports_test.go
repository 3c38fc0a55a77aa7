package moderation_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

func TestWhoMayReportWhat(t *testing.T) {
	d := openDesk(t)
	clip, waiting := d.approved(), d.Clip(ada)
	d.setStanding(chidi, "suspended")
	d.setStanding(dayo, "banned")
	for _, c := range []struct {
		name, who, kind, id, reason, text string
		status                            int
		code                              string
	}{
		{"a guest", guest, "clip", clip, "spam", "", 400, ""},
		{"the owner", ada, "clip", clip, "spam", "", 400, "report_self"},
		{"the owner of what waits", ada, "clip", waiting, "spam", "", 400, "report_self"},
		{"themselves", bola, "user", d.User(bola).Id, "spam", "", 400, "report_self"},
		{"somebody suspended", chidi, "clip", clip, "spam", "", 403, "account_suspended"},
		{"somebody banned", dayo, "clip", clip, "spam", "", 403, "account_banned"},
		{"an admin", admin, "clip", clip, "spam", "", 403, "server_owned"},
		{"what is not there", bola, "clip", shell.NewID(), "spam", "", 404, "not_found"},
		{"what one cannot see", bola, "clip", waiting, "spam", "", 404, "not_found"},
		{"nobody", bola, "user", shell.NewID(), "spam", "", 404, "not_found"},
		{"no stream", bola, "stream", clip, "spam", "", 404, "not_found"},
		{"no message", bola, "message", clip, "spam", "", 404, "not_found"},
		{"another kind", bola, "country", clip, "spam", "", 400, "invalid_input"},
		{"another reason", bola, "clip", clip, "ugly", "", 400, "invalid_input"},
		{"a dispute of a person", bola, "user", d.User(ada).Id, "unclear_audio", "", 400, "invalid_input"},
		{"other without words", bola, "clip", clip, "other", " ", 400, "invalid_input"},
		{"other with words", bola, "clip", clip, "other", "It is strange.", 200, ""},
		{"a moderator", musa, "clip", clip, "spam", "", 200, ""},
		{"a moderator on what waits", musa, "clip", waiting, "wrong_language", "", 200, ""},
		{"a person", bola, "user", d.User(ada).Id, "harassment", "", 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := d.Int("SELECT COUNT(*) FROM reports")
			d.Want(d.report(c.who, c.kind, c.id, c.reason, "text", c.text), c.status, c.code)
			want := before
			if c.status == 200 {
				want++
			}
			if n := d.Int("SELECT COUNT(*) FROM reports"); n != want {
				t.Errorf("%d reports, want %d", n, want)
			}
		})
	}
	if n := d.Int("SELECT COUNT(*) FROM cases"); n != 3 {
		t.Errorf("%d cases, want those of the clip, of what waits and of ada", n)
	}
	d.sound()
}

func TestWhatWasHandedOutCanBeReported(t *testing.T) {
	d := openDesk(t)
	d.Policy(shell.PolicyConsensus, map[string]any{}) // as it is by default
	clip := d.Clip(ada)
	d.Want(d.report(bola, "clip", clip, "inappropriate"), 404, "not_found")
	d.Want(d.Do(bola, "GET", "/api/lingualink/queue", nil), 200, "")
	d.Want(d.report(bola, "clip", clip, "inappropriate"), 200, "")
	d.Want(d.report(chidi, "clip", clip, "inappropriate"), 404, "not_found")
}

func TestReportsOfOneSubjectAreOneCase(t *testing.T) {
	d := openDesk(t)
	clip := d.approved()
	id := d.reported(clip, "spam", bola)
	again := d.reported(clip, "hate", chidi)
	d.reported(clip, "spam", dayo)
	if id != again || d.Int("SELECT COUNT(*) FROM cases") != 1 {
		t.Errorf("two cases: %s, %s", id, again)
	}
	record, err := d.App.FindRecordById("cases", id)
	if err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]string{
		"origin": "reports", "state": "open", "severity": "3", "reports": "3", "reasons": `{"hate":1,"spam":2}`, "owner": d.User(ada).Id,
		"language": d.Language("ha"), "weight_bps": "3750", "hidden": "false", "rev": "3",
	} {
		if got := record.GetString(field); got != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
	if due := record.GetDateTime("due_at").Time().Sub(record.GetDateTime("first_at").Time()); due.Hours() < 3.9 || due.Hours() > 4.1 {
		t.Errorf("due after %s, want the hours of hate", due)
	}
	d.Want(d.report(bola, "clip", clip, "hate"), 409, "already_reported")
	d.wantsTold(ada) // nobody says that something was reported
}

func TestAReportCanBeRepeated(t *testing.T) {
	d := openDesk(t)
	clip, id := d.approved(), shell.NewID()
	for range 2 {
		answer := d.Want(d.report(bola, "clip", clip, "spam", "id", id, "text", " Look. "), 200, "")
		if answer.Text("id") != id || answer.Text("text") != "Look." {
			t.Errorf("answered %s %q", answer.Text("id"), answer.Text("text"))
		}
		for _, secret := range []string{"case", "weight_bps", "reliable", "cluster", "judgement"} {
			if _, shown := answer.JSON[secret]; shown {
				t.Errorf("the reporter reads %s", secret)
			}
		}
	}
	d.Want(d.report(bola, "clip", clip, "hate", "id", id), 409, "id_conflict")
	d.Want(d.report(chidi, "clip", clip, "spam", "id", id, "text", "Look."), 409, "id_conflict")
	if n := d.Int("SELECT COUNT(*) FROM reports"); n != 1 {
		t.Errorf("%d reports", n)
	}
}

func TestReportsAtOnceMakeOneCase(t *testing.T) {
	d := openDesk(t)
	clip := d.approved()
	sends := []func() apptest.Answer{}
	for _, who := range []string{bola, chidi, dayo, emeka, bola, chidi} {
		sends = append(sends, func() apptest.Answer { return d.report(who, "clip", clip, "spam") })
	}
	if got := statuses(d.together(sends...)); !slices.Equal(got, []int{200, 200, 200, 200, 409, 409}) {
		t.Errorf("answers %v", got)
	}
	if n := d.Int("SELECT COUNT(*) FROM cases"); n != 1 {
		t.Errorf("%d cases", n)
	}
	if n := d.Int("SELECT reports FROM cases"); n != 4 {
		t.Errorf("the case counts %d", n)
	}
	d.sound()
}

func TestReportsAreLimited(t *testing.T) {
	d := openDesk(t)
	d.Policy(shell.PolicyModeration, map[string]any{"reports_per_hour": 1, "reports_per_day": 2})
	d.Want(d.report(bola, "user", d.User(ada).Id, "spam"), 200, "")
	answer := d.Want(d.report(bola, "user", d.User(chidi).Id, "spam"), 429, "rate_limited")
	if answer.Header.Get("Retry-After") != "3600" {
		t.Errorf("Retry-After is %q", answer.Header.Get("Retry-After"))
	}
	d.Want(d.report(chidi, "user", d.User(ada).Id, "spam"), 200, "") // the limit is a person's
	d.Advance(day / 20)
	d.Want(d.report(bola, "user", d.User(chidi).Id, "spam"), 200, "")
	d.Advance(day / 20)
	d.Want(d.report(bola, "user", d.User(dayo).Id, "spam"), 429, "rate_limited")
}

func TestReliableReportersHideAtOnce(t *testing.T) {
	d := openDesk(t)
	clip := d.approved()
	d.Advance(30 * day)
	d.proven(8, bola, chidi, dayo)
	id := d.reported(clip, "hate", bola, chidi)
	if d.field("clips", clip, "hidden") != "false" {
		t.Fatal("two suffice")
	}
	d.reported(clip, "hate", dayo)
	if d.field("clips", clip, "hidden") != "true" || d.field("cases", id, "hidden") != "true" || d.field("cases", id, "state") != "open" {
		t.Error("three do not suffice, or nobody looks")
	}
	d.wantsTold(ada, "clip_hidden")
	d.Want(d.report(emeka, "clip", clip, "hate"), 404, "not_found") // out of sight
	d.Want(d.resolve(musa, id, "dismiss"), 200, "")
	if d.field("clips", clip, "hidden") != "false" {
		t.Error("it stays hidden though nothing was found")
	}
	d.wantsTold(ada, "clip_hidden", "clip_restored")
	d.wantsTold(bola, "report_resolved")
	if n := d.Int("SELECT wrong FROM reporters WHERE user = {:bola}", dbx.Params{"bola": d.User(bola).Id}); n != 1 {
		t.Errorf("bola was wrong %d times", n)
	}
	// What people dismissed takes more the next time.
	d.exec("UPDATE reporters SET right = 50, wrong = 0", nil)
	d.reported(clip, "hate", bola, chidi, dayo)
	if d.field("clips", clip, "hidden") != "false" {
		t.Error("the same three hide it again")
	}
	d.sound()
}

func TestABrigadeHidesNothing(t *testing.T) {
	d := openDesk(t)
	clip, other, third := d.approved(), d.approved(), d.approved()
	linked := d.people("linked", 6)
	d.Advance(30 * day)
	d.proven(20, linked...)
	for i := range linked[1:] { // a chain: each is linked to the next
		d.Insert("relations", dbx.Params{"id": shell.NewID(), "a": d.User(linked[i]).Id, "b": d.User(linked[i+1]).Id, "kind": "device"})
	}
	for _, who := range linked {
		d.reported(clip, "child_safety", who)
	}
	// Those in the middle come last and join those who were apart.
	for _, i := range []int{0, 2, 4, 5, 1, 3} {
		d.reported(third, "spam", linked[i])
	}
	for _, c := range []string{clip, third} {
		if n := d.Int("SELECT COUNT(DISTINCT cluster) * 10 + COUNT(*) FROM reports WHERE subject_id = {:clip} AND cluster = ''", dbx.Params{"clip": c}); n != 0 {
			t.Errorf("%d are on their own", n)
		}
		if n := d.Int("SELECT COUNT(DISTINCT cluster) FROM reports WHERE subject_id = {:clip}", dbx.Params{"clip": c}); n != 1 {
			t.Errorf("they are in %d clusters", n)
		}
		if n := d.Int("SELECT weight_bps FROM cases WHERE subject_id = {:clip}", dbx.Params{"clip": c}); n != 9_166 {
			t.Errorf("they weigh %d, want one of them", n)
		}
	}
	newcomers := d.people("newcomer", 12)
	d.proven(20, newcomers...) // however often they were right
	for _, who := range newcomers {
		d.reported(other, "child_safety", who)
	}
	for _, c := range []string{clip, other} {
		if d.field("clips", c, "hidden") != "false" {
			t.Error("a brigade hid it")
		}
	}
	// Two who have nothing to do with each other suffice here.
	d.proven(20, bola)
	d.reported(clip, "child_safety", bola)
	if d.field("clips", clip, "hidden") != "true" {
		t.Error("two voices do not suffice")
	}
}

func TestNobodyLearnsWhoReported(t *testing.T) {
	d := openDesk(t)
	clip := d.approved()
	id := d.reported(clip, "hate", bola)
	d.Want(d.resolve(musa, id, "hide", "found", "hate"), 200, "")
	d.Drain()
	bolaID, seen := d.User(bola).Id, 0
	for _, who := range []string{ada, chidi, guest} {
		for _, collection := range []string{"reports", "cases", "case_events", "decisions", "strikes", "notifications", "reporters", "sanctions", "audit_log"} {
			answer := d.Do(who, "GET", "/api/collections/"+collection+"/records?perPage=200", nil)
			if answer.Status == 200 {
				seen++
				if text := fmt.Sprint(answer.JSON); strings.Contains(text, bolaID) || strings.Contains(text, "bola") {
					t.Errorf("%q reads of bola in %s", who, collection)
				}
			}
		}
	}
	if seen < 8 {
		t.Errorf("only %d lists were read", seen)
	}
	if n := d.Int("SELECT COUNT(*) FROM case_events WHERE actor LIKE '%' || {:bola}", dbx.Params{"bola": bolaID}); n != 0 {
		t.Error("the history of the case names who reported")
	}
	// In the queue there are no names; whoever opens the case reads them.
	d.reported(d.approved(), "spam", bola)
	queue := d.Want(d.Do(musa, "GET", "/api/lingualink/moderation/queue", nil), 200, "")
	if text := fmt.Sprint(queue.Data()["items"]); strings.Contains(text, bolaID) || strings.Contains(text, "bola") {
		t.Error("the queue names who reported")
	}
	view := d.Want(d.Do(fatima, "GET", casesPath+"/"+id, nil), 200, "")
	if !strings.Contains(fmt.Sprint(view.Data()["reported"]), "bola") {
		t.Errorf("the case does not say who reported: %v", view.Data()["reported"])
	}
}
