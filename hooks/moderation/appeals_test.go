package moderation_test

import (
	"slices"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

func TestWhatCanBeAppealed(t *testing.T) {
	d := openDesk(t)
	id := d.reported(d.approved(), "spam", bola)
	dismissed := d.reported(d.approved(), "spam", bola)
	d.Want(d.resolve(musa, dismissed, "dismiss"), 200, "")
	if d.Int("SELECT COUNT(*) FROM decisions") != 0 {
		t.Error("a dismissal is a decision against somebody")
	}
	d.Want(d.resolve(musa, id, "warn", "found", "spam"), 200, "")
	made := d.Text("SELECT id FROM decisions", nil)
	send := func(who, subject, text string) apptest.Answer {
		return d.Do(who, "POST", "/api/collections/appeals/records", map[string]any{"subject_type": "decisions", "subject_id": subject, "text": text})
	}
	d.Want(send(bola, made, "No."), 404, "not_found")
	d.Want(send(ada, shell.NewID(), "No."), 404, "not_found")
	d.Want(send(ada, made, " "), 400, "invalid_input")
	long := string(make([]rune, 1_001))
	d.refused(send(ada, made, "x"+long[1:]), 400, "invalid_input", "long_text")
	d.Advance(20 * day)
	d.refused(send(ada, made, "No."), 409, "case_conflict", "too_late")
	if n := d.Int("SELECT COUNT(*) FROM appeals"); n != 0 {
		t.Errorf("%d appeals were stored", n)
	}
	d.Advance(-time.Minute)
	answers := d.together(func() apptest.Answer { return send(ada, made, "No.") }, func() apptest.Answer { return send(ada, made, "No!") })
	if got := statuses(answers); !slices.Equal(got, []int{200, 409}) {
		t.Errorf("answers %v", got)
	}
	if d.field("cases", id, "state") != "open" || d.field("cases", id, "appeal") != "open" {
		t.Error("the case is not open again")
	}
	d.sound()
}

func TestSuspendedPeopleReadAndAppeal(t *testing.T) {
	d := openDesk(t)
	id := d.reported(d.approved(), "hate", bola)
	d.Want(d.resolve(musa, id, "ban", "found", "hate", "note", "Why."), 200, "")
	d.Forget(ada)
	list := d.Want(d.Do(ada, "GET", "/api/collections/decisions/records", nil), 200, "")
	items, _ := list.JSON["items"].([]any)
	if len(items) != 1 {
		t.Fatalf("she reads %v", list.JSON)
	}
	row := items[0].(map[string]any)
	if row["action"] != "ban" || row["note"] != "Why." || row["found"] != "hate" || row["appeal_until"] == "" || row["case"] != nil {
		t.Errorf("the decision says %v", row)
	}
	d.Want(d.Do(ada, "GET", "/api/collections/strikes/records", nil), 200, "")
	d.Want(d.Do(ada, "GET", "/api/collections/decisions/records?expand=case", nil), 403, "account_banned")
	d.appealed(id, fatima, "overturned")
	if d.standing(ada) != "good" {
		t.Errorf("she is %s", d.standing(ada))
	}
	d.Forget(ada)
	d.Want(d.report(ada, "user", d.User(bola).Id, "spam"), 200, "")
	if d.Int("SELECT undone FROM strikes") != 1 {
		t.Error("the strike is in force")
	}
	d.sound()
}

func TestWhoDecidesAnAppeal(t *testing.T) {
	d := openDesk(t)
	staff := d.people("staff", 3)
	d.exec("UPDATE users SET roles = '[\"moderator\"]' WHERE username LIKE 'staff%'", nil)
	d.Insert("relations", dbx.Params{"id": shell.NewID(), "a": d.User(staff[0]).Id, "b": d.User(ada).Id, "kind": "device"})
	id := d.reported(d.approved(), "hate", bola, staff[1])
	d.Want(d.resolve(musa, id, "hide", "found", "hate"), 200, "")
	appeal := d.Want(d.appeal(ada, id), 200, "").Text("id")
	d.Want(d.decideAppeal(ada, appeal, "overturned"), 403, "not_allowed")
	d.Want(d.decideAppeal(bola, appeal, "overturned"), 403, "not_allowed")
	d.Want(d.decideAppeal(musa, appeal, "upheld"), 403, "first_decider")
	d.Want(d.decideAppeal(staff[0], appeal, "upheld"), 403, "not_allowed")
	d.refused(d.decideAppeal(staff[1], appeal, "upheld"), 409, "case_conflict", "not_holder")
	d.refused(d.do(staff[1], id, "claim", nil), 403, "case_not_yours", "interested")
	// An admin who is the first decider is the first decider.
	second := d.secondAdmin(musa)
	d.Want(d.decideAppeal(second, appeal, "upheld"), 403, "first_decider")
	d.refused(d.do(second, id, "claim", nil), 403, "case_not_yours", "first_decider")
	d.refused(d.decideAppeal(fatima, appeal, "upheld"), 409, "case_conflict", "not_holder") // claim it first
	d.claim(fatima, id)
	d.refused(d.decideAppeal(staff[2], appeal, "upheld"), 409, "case_conflict", "not_holder")
	answers := d.together(
		func() apptest.Answer { return d.decideAppeal(fatima, appeal, "upheld") },
		func() apptest.Answer { return d.decideAppeal(fatima, appeal, "overturned") })
	if got := statuses(answers); !slices.Equal(got, []int{200, 409}) {
		t.Errorf("answers %v", got)
	}
	d.sound()
}

// TestNewReportsDoNotWaitForAnAppeal: they are a case of their own, and what
// another decision hides stays hidden.
func TestNewReportsDoNotWaitForAnAppeal(t *testing.T) {
	d := openDesk(t)
	clip := d.approved()
	first := d.reported(clip, "spam", bola)
	d.Want(d.resolve(musa, first, "warn", "found", "spam"), 200, "")
	appeal := d.Want(d.appeal(ada, first), 200, "").Text("id")
	second := d.reported(clip, "hate", chidi)
	if second == first {
		t.Fatal("the report went to the case under appeal")
	}
	d.Want(d.resolve(musa, second, "hide", "found", "hate"), 200, "")
	d.claim(fatima, first)
	d.Want(d.decideAppeal(fatima, appeal, "overturned"), 200, "")
	if d.field("clips", clip, "hidden") != "true" {
		t.Error("the appeal of one case undid the other")
	}
	d.appealed(second, fatima, "overturned")
	if d.field("clips", clip, "hidden") != "false" {
		t.Error("it is still hidden")
	}
	d.sound()
}

// TestATextThatWaitsKeepsTheClipHidden: the appeal does not put it back.
func TestATextThatWaitsKeepsTheClipHidden(t *testing.T) {
	d := openDesk(t)
	clip := d.approved()
	id := d.reported(clip, "hate", bola)
	d.Want(d.resolve(musa, id, "hide", "found", "hate"), 200, "")
	stamp := shell.Stamp(d.Deps.Clock.Now())
	d.Insert("text_holds", dbx.Params{
		"id": shell.NewID(), "subject_type": "clip", "subject_id": clip, "field": "phrase", "user": d.User(ada).Id, "text": "x", "state": "held", "created": stamp, "updated": stamp,
	})
	d.appealed(id, fatima, "overturned")
	if d.field("clips", clip, "hidden") != "true" {
		t.Error("the text is shown before somebody has read it")
	}
}

// Every act of an appeal is in the audit log with the address that it came from.
func TestTheRecordOfAnAppealNamesAddresses(t *testing.T) {
	d := openDesk(t)
	id := d.reported(d.approved(), "spam", bola)
	d.Want(d.resolve(musa, id, "warn", "found", "spam"), 200, "")
	appeal := d.Want(d.appeal(ada, id), 200, "").Text("id")
	d.claim(fatima, id)
	d.Want(d.decideAppeal(fatima, appeal, "upheld"), 200, "")
	for _, action := range []string{"appeal.make", "case.appeal", "appeal.decide", "case.uphold"} {
		if _, _, data := d.audited(action); data["ip"] == "" || data["ip"] == nil {
			t.Errorf("%s: %v", action, data)
		}
	}
}
