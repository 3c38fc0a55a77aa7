package moderation_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

func TestOnlyStaffTouchCases(t *testing.T) {
	d := openDesk(t)
	id := d.reported(d.approved(), "spam", bola)
	other := d.people("other", 1)[0]
	d.setStanding(chidi, "suspended")
	d.setStanding(dayo, "banned")
	d.exec("UPDATE users SET roles = '[\"moderator\"]' WHERE username IN ('chidi', 'dayo')", nil)
	lonely := d.lonelyAdmin()
	type send struct {
		name string
		do   func(who string) apptest.Answer
	}
	sends := []send{
		{"queue", func(who string) apptest.Answer { return d.Do(who, "GET", "/api/lingualink/moderation/queue", nil) }},
		{"figures", func(who string) apptest.Answer { return d.Do(who, "GET", "/api/lingualink/moderation/figures", nil) }},
		{"open", func(who string) apptest.Answer {
			return d.Do(who, "POST", casesPath, map[string]any{"subject_type": "user", "subject_id": d.User(bola).Id})
		}},
		{"view", func(who string) apptest.Answer { return d.Do(who, "GET", casesPath+"/"+id, nil) }},
	}
	for verb, body := range map[string]map[string]any{
		"claim": {}, "renew": {}, "release": {}, "hand-over": {"to": d.User(fatima).Id}, "escalate": {}, "resolve": {"action": "dismiss"},
	} {
		sends = append(sends, send{verb, func(who string) apptest.Answer { return d.do(who, id, verb, body) }})
	}
	for _, s := range sends {
		for _, c := range []struct {
			who    string
			status int
			code   string
		}{
			{guest, 401, "sign_in_required"}, {bola, 403, "not_allowed"}, {other, 403, "not_allowed"}, {ada, 403, "not_allowed"},
			{chidi, 403, "account_suspended"}, {dayo, 403, "account_banned"}, {lonely, 403, "approver_unknown"},
		} {
			if answer := s.do(c.who); answer.Status != c.status || answer.Code() != c.code {
				t.Errorf("%s by %q: %d %s, want %d %s", s.name, c.who, answer.Status, answer.Code(), c.status, c.code)
			}
		}
	}
	if n := d.Int("SELECT COUNT(*) FROM case_events"); n != 1 {
		t.Errorf("%d events", n)
	}
}

// lonelyAdmin is an admin of whom it is not known which person they are.
func (d *desk) lonelyAdmin() string {
	d.t.Helper()
	return d.secondAdmin("")
}

// secondAdmin is another admin, who is the person.
func (d *desk) secondAdmin(who string) string {
	d.t.Helper()
	collection, err := d.App.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		d.t.Fatal(err)
	}
	record := core.NewRecord(collection)
	record.SetEmail("second@lingualink.test")
	record.SetPassword(apptest.Password)
	if who != "" {
		record.Set("person", d.User(who).Id)
	}
	d.save(record)
	return record.Email()
}

func TestWhoMayHaveACase(t *testing.T) {
	d := openDesk(t)
	staff := d.people("staff", 6)
	d.exec("UPDATE users SET roles = '[\"moderator\"]' WHERE username LIKE 'staff%'", nil)
	clip := d.approved()
	id := d.reported(clip, "spam", bola, staff[0])
	d.Insert("relations", dbx.Params{"id": shell.NewID(), "a": d.User(staff[1]).Id, "b": d.User(ada).Id, "kind": "device"})
	d.Insert("relations", dbx.Params{"id": shell.NewID(), "a": d.User(bola).Id, "b": d.User(staff[2]).Id, "kind": "device"})
	// Who voted on it.
	d.exec("UPDATE users SET roles = '[\"moderator\"]' WHERE username = 'chidi'", nil)
	for who, said := range map[string]string{staff[0]: "reported", staff[1]: "is linked to the owner", staff[2]: "is linked to a reporter", chidi: "voted"} {
		answer := d.do(who, id, "claim", nil)
		if answer.Status != 403 || answer.Code() != "case_not_yours" || why(answer) != "interested" {
			t.Errorf("%s, who %s: %d %s", who, said, answer.Status, why(answer))
		}
		d.refused(d.Do(who, "GET", casesPath+"/"+id, nil), 403, "case_not_yours", "interested") // no names for them
	}
	// To the owner there is no case, whatever they are.
	d.exec("UPDATE users SET roles = '[\"moderator\"]' WHERE username = 'ada'", nil)
	for _, answer := range []apptest.Answer{d.do(ada, id, "claim", nil), d.Do(ada, "GET", casesPath+"/"+id, nil), d.Do(ada, "GET", "/api/collections/cases/records/"+id, nil)} {
		d.Want(answer, 404, "")
	}
	d.refused(d.Do(ada, "POST", casesPath, map[string]any{"subject_type": "clip", "subject_id": clip}), 403, "case_not_yours", "own_subject")
	queue := d.Want(d.Do(ada, "GET", "/api/lingualink/moderation/queue", nil), 200, "")
	if n := len(queue.Items("items")); n != 0 {
		t.Errorf("the owner sees %d cases", n)
	}
	if counters := queue.Data()["counters"].(map[string]any); counters["open"] != 0.0 {
		t.Errorf("the owner sees %v", counters)
	}
	// As an admin she is the same person.
	d.exec("UPDATE _superusers SET person = {:ada} WHERE email = {:admin}", dbx.Params{"ada": d.User(ada).Id, "admin": admin})
	d.Want(d.do(admin, id, "claim", nil), 404, "not_found")
	d.Want(d.do(staff[3], id, "claim", nil), 200, "")
}

func TestOfTwoClaimsOneWins(t *testing.T) {
	d := openDesk(t)
	for range 5 {
		id := d.reported(d.approved(), "spam", bola)
		answers := d.together(
			func() apptest.Answer { return d.do(musa, id, "claim", nil) }, func() apptest.Answer { return d.do(fatima, id, "claim", nil) },
			func() apptest.Answer { return d.do(admin, id, "claim", nil) })
		if got := statuses(answers); !slices.Equal(got, []int{200, 409, 409}) {
			t.Fatalf("answers %v", got)
		}
		winner := []string{musa, fatima, emeka}[slices.IndexFunc(answers, func(a apptest.Answer) bool { return a.Status == 200 })]
		if got := d.field("cases", id, "holder"); got != "user:"+d.User(winner).Id {
			t.Errorf("%s has it, want %s", got, winner)
		}
		if winner == emeka {
			winner = admin
		}
		d.Want(d.do(winner, id, "claim", nil), 200, "") // repeated
		d.Want(d.do(winner, id, "release", nil), 200, "")
	}
	d.sound()
}

func TestOfTwoDecisionsOneStands(t *testing.T) {
	d := openDesk(t)
	id := d.reported(d.approved(), "spam", bola)
	d.claim(musa, id)
	answers := d.together(
		func() apptest.Answer { return d.do(musa, id, "resolve", decision("warn", "found", "spam")) },
		func() apptest.Answer { return d.do(musa, id, "resolve", decision("warn", "found", "spam")) })
	if got := statuses(answers); !slices.Equal(got, []int{200, 409}) {
		t.Fatalf("answers %v", got)
	}
	d.refused(d.do(musa, id, "resolve", decision("dismiss")), 409, "case_conflict", "closed")
	d.refused(d.do(fatima, id, "claim", nil), 409, "case_conflict", "closed")
	for table, want := range map[string]int64{"decisions": 1, "strikes": 1} {
		if n := d.Int("SELECT COUNT(*) FROM " + table); n != want {
			t.Errorf("%d %s", n, table)
		}
	}
	d.sound()
}

func TestALeaseEnds(t *testing.T) {
	d := openDesk(t)
	id := d.reported(d.approved(), "spam", bola)
	d.claim(musa, id)
	d.refused(d.do(fatima, id, "resolve", decision("dismiss")), 409, "case_conflict", "not_holder")
	d.Advance(9 * time.Minute)
	d.Want(d.do(musa, id, "renew", nil), 200, "")
	d.Advance(9 * time.Minute)
	d.sweep()
	if d.field("cases", id, "state") != "claimed" {
		t.Error("the lease was not prolonged")
	}
	d.Advance(2 * time.Minute)
	d.refused(d.do(musa, id, "resolve", decision("dismiss")), 409, "case_conflict", "lease_lost")
	d.refused(d.do(musa, id, "renew", nil), 409, "case_conflict", "lease_lost")
	d.sweep()
	if d.field("cases", id, "state") != "open" || d.field("cases", id, "holder") != "" {
		t.Error("nobody gave it back")
	}
	d.claim(fatima, id)
	for range 30 { // busy, but not for ever
		d.Advance(5 * time.Minute)
		if answer := d.do(fatima, id, "renew", nil); answer.Status != 200 {
			d.refused(answer, 409, "case_conflict", "held_long")
			return
		}
	}
	t.Error("a claim is renewed for ever")
}

func TestClaimsAreLimited(t *testing.T) {
	d := openDesk(t)
	d.Policy(shell.PolicyModeration, map[string]any{"most_claims": 1})
	first, second := d.reported(d.approved(), "spam", bola), d.reported(d.approved(), "spam", bola)
	d.claim(musa, first)
	d.refused(d.do(musa, second, "claim", nil), 409, "case_conflict", "too_many_claims")
	d.refused(d.Do(musa, "POST", casesPath, map[string]any{"subject_type": "user", "subject_id": d.User(ada).Id}), 409, "case_conflict", "too_many_claims")
	d.Want(d.do(musa, first, "release", nil), 200, "")
	d.claim(musa, second)
	d.Advance(time.Hour) // a lease that is over does not count
	d.claim(musa, first)
}

func TestCasesAreHandedOverAndEscalated(t *testing.T) {
	d := openDesk(t)
	id := d.reported(d.approved(), "spam", bola)
	to := map[string]any{"to": d.User(fatima).Id}
	d.refused(d.do(musa, id, "hand-over", to), 409, "case_conflict", "not_holder")
	d.claim(musa, id)
	for _, c := range []struct {
		to, reason string
	}{{bola, "not_staff"}, {musa, "same_person"}, {"", ""}} {
		body := map[string]any{"to": ""}
		if c.to != "" {
			body["to"] = d.User(c.to).Id
		}
		answer := d.do(musa, id, "hand-over", body)
		if answer.Status < 400 || why(answer) != c.reason {
			t.Errorf("to %q: %d %s", c.to, answer.Status, why(answer))
		}
	}
	d.Want(d.do(musa, id, "hand-over", to), 200, "")
	d.wantsTold(fatima, "case_assigned")
	d.refused(d.do(musa, id, "resolve", decision("dismiss")), 409, "case_conflict", "not_holder")

	d.Want(d.do(fatima, id, "escalate", map[string]any{"to": d.User(musa).Id}), 200, "")
	d.wantsTold(musa, "case_escalated")
	d.refused(d.do(fatima, id, "claim", nil), 403, "case_not_yours", "not_assigned")
	d.Advance(25 * time.Hour)
	d.sweep()
	d.claim(fatima, id) // musa did not come

	d.Want(d.do(fatima, id, "escalate", nil), 200, "")
	d.wantsTold(emeka, "case_escalated")
	for _, who := range []string{musa, fatima} {
		d.refused(d.do(who, id, "claim", nil), 403, "case_not_yours", "admin_only")
	}
	counters := d.Want(d.Do(musa, "GET", "/api/lingualink/moderation/queue", nil), 200, "").Data()["counters"]
	if got := fmt.Sprint(counters); got != "map[appeals:0 for_admins:1 mine:0 open:0 overdue:0]" {
		t.Errorf("the header says %s", got)
	}
	d.claim(admin, id)
	if got := d.field("cases", id, "holder"); got != "user:"+d.User(emeka).Id {
		t.Errorf("%s has it", got)
	}
	d.Want(d.do(admin, id, "resolve", decision("dismiss", "good_faith", true)), 200, "")
	if n := d.Int("SELECT COUNT(*) FROM reporters WHERE right + wrong > 0"); n != 0 {
		t.Error("a report in good faith counts")
	}
	d.sound()
}

func TestWhatIsLateIsSeen(t *testing.T) {
	d := openDesk(t)
	id, calm := d.reported(d.approved(), "child_safety", bola), d.reported(d.approved(), "spam", bola)
	d.Advance(50 * time.Minute)
	d.claim(musa, id)
	d.sweep()
	if d.Int("SELECT COUNT(*) FROM alerts") != 0 {
		t.Error("it is in time")
	}
	d.Advance(10 * time.Minute)
	for range 2 {
		d.Want(d.do(musa, id, "claim", nil), 200, "")
		d.sweep()
	}
	if d.field("cases", id, "overdue") != "true" || d.field("cases", calm, "overdue") != "false" {
		t.Error("the wrong case is late")
	}
	if got := d.Text("SELECT group_concat(kind || ' ' || severity || ' ' || subject_id || ' ' || times) FROM alerts", nil); got != "case_overdue critical "+id+" 1" {
		t.Errorf("the alerts are %q", got)
	}
	d.wantsTold(musa, "case_overdue")
	counters := d.Want(d.Do(fatima, "GET", "/api/lingualink/moderation/queue", nil), 200, "").Data()["counters"]
	if got := fmt.Sprint(counters); got != "map[appeals:0 for_admins:0 mine:0 open:1 overdue:1]" && got != "map[appeals:0 for_admins:0 mine:0 open:2 overdue:1]" {
		t.Errorf("the header says %s", got)
	}
}

func TestTheQueueIsInOrder(t *testing.T) {
	d := openDesk(t)
	light, grave := d.reported(d.approved(), "wrong_language", bola), d.reported(d.approved(), "child_safety", bola)
	heavy, old := d.reported(d.approved(), "spam", bola, chidi, dayo), d.reported(d.approved(), "spam", bola)
	d.Advance(time.Minute)
	young := d.reported(d.approved(), "spam", bola)
	d.Want(d.resolve(musa, d.reported(d.approved(), "spam", bola), "dismiss"), 200, "")
	want := []string{grave, heavy, old, young, light}
	got := []string{}
	for page := 1; page <= 3; page++ {
		answer := d.Want(d.Do(musa, "GET", fmt.Sprintf("/api/lingualink/moderation/queue?limit=2&page=%d", page), nil), 200, "")
		for _, item := range answer.Items("items") {
			got = append(got, item["case"].(string))
		}
		if more := answer.Data()["more"]; more != (page < 3) {
			t.Errorf("page %d: more is %v", page, more)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the queue is %v, want %v", got, want)
	}
	d.claim(musa, heavy)
	for state, want := range map[string]int{"open": 4, "claimed": 1, "escalated": 0, "resolved": 1} {
		if n := len(d.Want(d.Do(musa, "GET", "/api/lingualink/moderation/queue?state="+state, nil), 200, "").Items("items")); n != want {
			t.Errorf("%s: %d items, want %d", state, n, want)
		}
	}
	items := d.Want(d.Do(musa, "GET", "/api/lingualink/moderation/queue", nil), 200, "").Items("items")
	if items[0]["sensitive"] != true || items[4]["sensitive"] != false || items[1]["yours"] != true || items[0]["yours"] != false {
		t.Errorf("the items are %v", items)
	}
	preview := items[0]["preview"].(map[string]any)
	if preview["username"] != "ada" || preview["phrase"] != "Ina kwana?" || preview["status"] != "approved" {
		t.Errorf("the preview is %v", preview)
	}
	for _, wrong := range []string{"limit=0", "limit=101", "limit=x", "page=0", "state=lost"} {
		d.Want(d.Do(musa, "GET", "/api/lingualink/moderation/queue?"+wrong, nil), 400, "invalid_input")
	}
}
