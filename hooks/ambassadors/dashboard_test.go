package ambassadors_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/shell"
)

const dashboard = "/api/lingualink/ambassador/dashboard"

// lives plants where and since when a person is, and what they did.
func (o *office) lives(user, country, region string, since time.Time) {
	o.t.Helper()
	o.exec("UPDATE users SET country = {:country}, created = {:since} WHERE id = {:id}", dbx.Params{"id": user, "country": country, "since": shell.Stamp(since)})
	record, err := o.App.FindFirstRecordByData("private_profiles", "user", user)
	if err != nil {
		o.t.Fatal(err)
	}
	record.Set("region", region)
	if err := o.App.Save(record); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) did(user string, clips, validations int, last time.Time) {
	o.t.Helper()
	now := shell.Stamp(o.now())
	o.Insert("contributors", dbx.Params{"id": shell.NewID(), "user": user, "clips_approved": clips, "validations": validations, "last_at": shell.Stamp(last), "updated": now})
}

func TestTheDashboard(t *testing.T) {
	o := open(t)
	now := o.now()
	people := o.many(7)
	o.lives(people[0], "NG", "Kano", now)                      // this week
	o.lives(people[1], "NG", "KANO STATE", now.Add(-7*day))    // the week before
	o.lives(people[2], "NG", "Kano", now.Add(-40*day))         // stayed
	o.lives(people[3], "NG", "Kano", now.Add(-45*day))         // went
	o.lives(people[4], "NG", "kano state", now.Add(-50*day))   // never did anything
	o.lives(people[5], "NG", "Kaduna", now.Add(-40*day))       // elsewhere
	o.lives(people[6], "GH", "Kano", now)                      // in another country
	o.lives(o.User(chidi).Id, "NG", "Kano", now.Add(-400*day)) // long ago
	o.did(people[2], 3, 5, now.Add(-10*day))
	o.did(people[3], 0, 7, now.Add(-45*day).Add(30*day).Add(-time.Millisecond))
	o.did(people[5], 100, 100, now)
	o.did(o.User(chidi).Id, 4, 0, now)
	for i, user := range []string{people[2], people[3], people[5]} {
		o.Insert("validators", dbx.Params{"id": shell.NewID(), "person": user, "votes": 10 * i}) // the first has none
	}
	o.exec(`UPDATE users SET roles = '["validator"]' WHERE id IN ({:a}, {:b})`, dbx.Params{"a": people[3], "b": people[5]})
	o.appoint(ada)
	o.brings(o.User(ada).Id, people[2], "active", now, time.Time{})
	o.brings(o.User(ada).Id, people[5], "active", now, time.Time{})
	o.brings(o.User(ada).Id, people[6], "invited", time.Time{}, time.Time{})
	o.brings(o.User(bola).Id, people[3], "withdrawn", now, time.Time{})
	o.brings(o.User(bola).Id, people[4], "active", now, time.Time{})

	answer := o.Want(o.Do(ada, "GET", dashboard, nil), 200, "")
	data := answer.Data()
	for name, want := range map[string]any{
		"country": "NG", "region": "Kano State", "people": 6.0, "validators": 1.0, "voters": 1.0, "speakers": 2.0,
		"clips_approved": 7.0, "validations": 12.0, "activations": 2.0,
	} {
		if data[name] != want {
			t.Errorf("%s is %v, want %v", name, data[name], want)
		}
	}
	if brought := data["brought"].(map[string]any); brought["people"] != 3.0 || brought["active"] != 2.0 {
		t.Errorf("brought: %v", brought)
	}
	if stayed := data["retention"].(map[string]any); stayed["joined"] != 3.0 || stayed["stayed"] != 1.0 || stayed["share_bps"] != 3333.0 {
		t.Errorf("retention: %v", stayed)
	}
	weeks := answer.Items("weeks")
	sum := 0.0
	for _, week := range weeks {
		monday, err := time.Parse(time.DateOnly, week["monday"].(string))
		if err != nil || monday.Weekday() != time.Monday {
			t.Errorf("a week begins on %v", week["monday"])
		}
		sum += week["people"].(float64)
	}
	// 50 days ago may be just before the eight weeks; 40 and 45 are within them.
	if len(weeks) != 8 || weeks[7]["people"] != 1.0 || weeks[6]["people"] != 1.0 || sum < 4 || sum > 5 {
		t.Errorf("weeks: %v", weeks)
	}
	for _, private := range append(people, "many", "@", "username", "legal_name") {
		if strings.Contains(string(answer.Raw), private) {
			t.Errorf("the answer tells %q: %s", private, answer.Raw)
		}
	}
}

func TestTheEdgesOfRetention(t *testing.T) {
	o := open(t)
	now := o.now()
	people := o.many(4)
	for i, since := range []time.Duration{30 * day, 30*day + time.Hour, 59 * day, 60*day + time.Hour} {
		o.lives(people[i], "NG", "Kano", now.Add(-since).Add(30*time.Minute))
		o.did(people[i], 1, 0, now)
	}
	o.appoint(ada)
	data := o.Want(o.Do(ada, "GET", dashboard, nil), 200, "").Data()
	if stayed := data["retention"].(map[string]any); stayed["joined"] != 2.0 || stayed["stayed"] != 2.0 || stayed["share_bps"] != 10_000.0 {
		t.Errorf("retention: %v", stayed)
	}
}

func TestAnEmptyRegion(t *testing.T) {
	o := open(t)
	o.appoint(ada)
	data := o.Want(o.Do(ada, "GET", dashboard, nil), 200, "").Data()
	if data["people"] != 0.0 || data["clips_approved"] != 0.0 || data["retention"].(map[string]any)["share_bps"] != 0.0 {
		t.Errorf("%v", data)
	}
}

func TestWhoSeesTheDashboard(t *testing.T) {
	o := open(t)
	id := o.appoint(ada)
	o.appoint(bola)
	o.Want(o.Do(guest, "GET", dashboard, nil), 401, "sign_in_required")
	o.Want(o.Do(chief, "GET", dashboard, nil), 403, "not_allowed")
	for _, who := range []string{chidi, musa} {
		o.Want(o.Do(who, "GET", dashboard, nil), 403, "not_ambassador")
	}
	// The role alone is not enough, nor is the row.
	o.exec(`UPDATE users SET roles = '["ambassador"]' WHERE id = {:id}`, o.id(chidi))
	o.Want(o.Do(chidi, "GET", dashboard, nil), 403, "not_ambassador")
	o.exec(`UPDATE users SET roles = '[]' WHERE id = {:id}`, o.id(bola))
	o.Want(o.Do(bola, "GET", dashboard, nil), 403, "not_ambassador")
	o.standing(ada, "suspended")
	o.Want(o.Do(ada, "GET", dashboard, nil), 403, "account_suspended")
	o.standing(ada, "banned")
	o.Want(o.Do(ada, "GET", dashboard, nil), 403, "account_banned")
	o.standing(ada, "good")
	o.Want(o.Do(ada, "GET", dashboard, nil), 200, "") // a ban ended nothing else
	for range 59 {
		o.Want(o.Do(ada, "GET", dashboard, nil), 200, "")
	}
	o.Want(o.Do(ada, "GET", dashboard, nil), 429, "rate_limited")
	o.Want(o.end(chief, id), 200, "")
	o.Want(o.Do(ada, "GET", dashboard, nil), 403, "not_ambassador")
}
