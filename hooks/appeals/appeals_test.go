package appeals_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/appeals"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/risk"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/fault"
)

const (
	ada, bola, chidi, emeka, musa, guest, admin = apptest.Ada, apptest.Bola, apptest.Chidi, apptest.Emeka, apptest.Musa, apptest.Guest, apptest.Admin

	appealsPath = "/api/collections/appeals/records"
)

func TestMain(m *testing.M) { apptest.Main(m) }

// court is a server with decisions to appeal against: Ada's and Bola's freezes.
type court struct {
	*hookstest.Server
	t       testing.TB
	cluster string
}

// frozen has Ada and Bola frozen, by nobody's decision yet.
func frozen(t testing.TB) *court {
	t.Helper()
	c := &court{Server: hookstest.Start(t, "LL_PEPPER=0123456789abcdef0123456789abcdef"), t: t}
	for _, who := range []string{ada, bola} {
		c.Want(c.Do(who, "POST", "/api/collections/users/auth-refresh", nil, risk.DeviceHeader+": phone-of-ada"), 200, "")
	}
	c.Drain()
	c.cluster = c.Text("SELECT id FROM risk_clusters", nil)
	return c
}

// confirmed is [frozen] with the decision of a moderator or admin.
func confirmed(t testing.TB, by string) *court {
	t.Helper()
	c := frozen(t)
	c.Want(c.Do(by, "POST", "/api/lingualink/risk-clusters/"+c.cluster+"/decide", map[string]any{"outcome": "confirmed", "reason": "One person."}), 200, "")
	c.Drain()
	return c
}

func (c *court) freeze(who string) string {
	c.t.Helper()
	return c.Text("SELECT id FROM freezes WHERE user = {:u}", dbx.Params{"u": c.User(who).Id})
}

func (c *court) appeal(who, freeze, text string) apptest.Answer {
	c.t.Helper()
	return c.Do(who, "POST", appealsPath, map[string]any{"subject_type": "freezes", "subject_id": freeze, "text": text})
}

func (c *court) decide(who, appeal, outcome, reason string, headers ...string) apptest.Answer {
	c.t.Helper()
	return c.Do(who, "POST", "/api/lingualink/appeals/"+appeal+"/decide", map[string]any{"outcome": outcome, "reason": reason}, headers...)
}

func (c *court) told(who, kind string) int64 {
	c.t.Helper()
	c.Drain()
	return c.Int("SELECT COUNT(*) FROM notifications WHERE user = {:u} AND kind = {:k}", dbx.Params{"u": c.User(who).Id, "k": kind})
}

func (c *court) stand(who, standing string) {
	c.t.Helper()
	id := c.User(who).Id
	if err := c.App.RunInTransaction(func(tx core.App) error { return accounts.SetStanding(tx, id, standing, "a test", shell.System) }); err != nil {
		c.t.Fatal(err)
	}
	c.Forget(who)
}

// admin2 makes another admin, who is a user, and returns the header that signs
// them in.
func (c *court) admin2(email, person string) string {
	c.t.Helper()
	collection, err := c.App.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		c.t.Fatal(err)
	}
	record := core.NewRecord(collection)
	record.SetEmail(email)
	record.SetPassword(apptest.Password)
	if person != "" {
		record.Set("person", c.User(person).Id)
	}
	if err := c.App.Save(record); err != nil {
		c.t.Fatal(err)
	}
	token, err := record.NewAuthToken()
	if err != nil {
		c.t.Fatal(err)
	}
	return "Authorization: " + token
}

func TestAnAppealIsGranted(t *testing.T) {
	c := confirmed(t, musa)
	overturned := []*risk.OverturnedEvent{}
	risk.OnOverturned(c.App).Bind(&hook.Handler[*risk.OverturnedEvent]{Func: func(e *risk.OverturnedEvent) error {
		overturned = append(overturned, e)
		return e.Next()
	}})
	made := c.Want(c.appeal(ada, c.freeze(ada), " My sister uses my phone. "), 200, "")
	if made.Text("state") != "open" || made.Text("text") != "My sister uses my phone." || made.Text("user") != c.User(ada).Id {
		t.Errorf("made is %s", made.Raw)
	}
	id := made.Text("id")
	answer := c.Want(c.decide(admin, id, "overturned", "They are two."), 200, "")
	if answer.Data()["state"] != "overturned" {
		t.Errorf("%s", answer.Raw)
	}
	for query, want := range map[string]int64{
		"SELECT COUNT(*) FROM freezes WHERE state = 'lifted' AND decision = 'They are two.'": 1,
		"SELECT COUNT(*) FROM freezes WHERE state = 'frozen' AND confirmed = 1":              1, // Bola did not appeal
		"SELECT COUNT(*) FROM risk_flags WHERE state = 'cleared'":                            1,
		"SELECT COUNT(*) FROM relations":                                                     0,
		"SELECT COUNT(*) FROM cleared_pairs":                                                 1,
		"SELECT COUNT(*) FROM audit_log WHERE action = 'appeal.make'":                        1,
		"SELECT COUNT(*) FROM audit_log WHERE action = 'appeal.decide'":                      1,
		"SELECT COUNT(*) FROM audit_log WHERE action = 'freeze.overturn'":                    1,
		"SELECT COUNT(*) FROM risk_clusters WHERE state = 'confirmed'":                       1,
	} {
		if n := c.Int(query); n != want {
			t.Errorf("%s: %d, want %d", query, n, want)
		}
	}
	if frozen, err := risk.Frozen(c.App, c.User(ada).Id); err != nil || frozen {
		t.Errorf("Ada is frozen: %v", err)
	}
	if c.told(ada, "appeal_decided") != 1 || c.told(musa, "appeal_outcome") != 1 || c.told(bola, "appeal_decided") != 0 {
		t.Error("not told as it should be")
	}
	if len(overturned) != 1 || overturned[0].User != c.User(ada).Id || overturned[0].Cluster != c.cluster {
		t.Errorf("the areas above heard %+v", overturned)
	}
	c.Want(c.decide(admin, id, "upheld", "x"), 409, "appeal_decided")
	c.Want(c.appeal(ada, c.freeze(ada), "Again."), 409, "already_appealed")
}

func TestAnAppealIsRefused(t *testing.T) {
	c := confirmed(t, admin)
	id := c.Want(c.appeal(ada, c.freeze(ada), "No."), 200, "").Text("id")
	c.Want(c.decide(musa, id, "upheld", "It is as it is."), 200, "")
	read := c.Want(c.Do(ada, "GET", appealsPath+"/"+id, nil), 200, "")
	if read.Text("state") != "upheld" || read.Text("reason") != "It is as it is." || read.JSON["decided_by"] != nil {
		t.Errorf("Ada reads %s", read.Raw)
	}
	if frozen, err := risk.Frozen(c.App, c.User(ada).Id); err != nil || !frozen || c.told(ada, "appeal_decided") != 1 {
		t.Errorf("Ada is not frozen: %v", err)
	}
	c.Want(c.appeal(ada, c.freeze(ada), "Again."), 409, "already_appealed")
}

func TestWhatCanBeAppealed(t *testing.T) {
	c := frozen(t)
	c.Want(c.appeal(ada, c.freeze(ada), "No."), 409, "nothing_to_appeal")
	c.Want(c.Do(musa, "POST", "/api/lingualink/risk-clusters/"+c.cluster+"/decide", map[string]any{"outcome": "confirmed", "reason": "One.", "spare": []string{c.User(bola).Id}}), 200, "")
	c.Want(c.appeal(bola, c.freeze(bola), "No."), 409, "nothing_to_appeal")
	c.Want(c.appeal(guest, c.freeze(ada), "No."), 400, "")
	c.Want(c.appeal(admin, c.freeze(ada), "No."), 403, "server_owned")
	for _, who := range []string{bola, chidi, musa} {
		c.Want(c.appeal(who, c.freeze(ada), "No."), 404, "not_found")
	}
	c.Want(c.appeal(ada, "nothing00000000", "No."), 404, "not_found")
	for _, body := range []map[string]any{
		{"subject_type": "freezes", "subject_id": c.freeze(ada), "text": ""},
		{"subject_type": "freezes", "subject_id": c.freeze(ada), "text": "  "},
		{"subject_type": "freezes", "subject_id": c.freeze(ada), "text": strings.Repeat("ẹ", 2001)},
		{"subject_type": "", "subject_id": c.freeze(ada), "text": "No."},
		{"subject_type": "users", "subject_id": c.User(ada).Id, "text": "No."},
	} {
		c.Want(c.Do(ada, "POST", appealsPath, body), 400, "invalid_input")
	}
	c.Want(c.Do(ada, "POST", appealsPath, map[string]any{"subject_type": "freezes", "subject_id": c.freeze(ada), "text": "No.", "state": "overturned"}), 400, "server_field")
	c.Want(c.Do(ada, "POST", appealsPath, map[string]any{"subject_type": "freezes", "subject_id": c.freeze(ada), "text": "No.", "user": c.User(bola).Id}), 400, "server_field")
	if n := c.Int("SELECT COUNT(*) FROM appeals"); n != 0 {
		t.Errorf("%d appeals", n)
	}
	// Who is banned may still appeal, and read what it is about.
	c.stand(ada, "banned")
	c.Want(c.Do(ada, "GET", "/api/collections/freezes/records/"+c.freeze(ada), nil), 200, "")
	if len(c.Want(c.Do(ada, "GET", "/api/collections/freezes/records", nil), 200, "").Items("items")) != 1 {
		t.Error("a banned person does not see why their money waits")
	}
	c.Want(c.Do(ada, "GET", "/api/collections/freezes/records?expand=user", nil), 403, "account_banned")
	body := map[string]any{"id": "myownappealid01", "subject_type": "freezes", "subject_id": c.freeze(ada), "text": strings.Repeat("ẹ", 2000)}
	c.Want(c.Do(ada, "POST", appealsPath, body), 200, "")
	c.Want(c.Do(ada, "POST", appealsPath, body), 200, "")
	body["text"] = "Another one."
	c.Want(c.Do(ada, "POST", appealsPath, body), 409, "id_conflict")
	if n := c.Int("SELECT COUNT(*) FROM appeals"); n != 1 {
		t.Errorf("%d appeals", n)
	}
	for who, want := range map[string]int{ada: 1, bola: 0, emeka: 0, musa: 1} {
		if got := len(c.Want(c.Do(who, "GET", appealsPath, nil), 200, "").Items("items")); got != want {
			t.Errorf("%s reads %d appeals", who, got)
		}
	}
}

func TestWhoDecidesAnAppeal(t *testing.T) {
	c := confirmed(t, musa)
	id := c.Want(c.appeal(ada, c.freeze(ada), "No."), 200, "").Text("id")
	c.Want(c.decide(guest, id, "upheld", "x"), 401, "sign_in_required")
	c.Want(c.decide(ada, id, "overturned", "x"), 403, "not_allowed")
	c.Want(c.decide(emeka, id, "upheld", "x"), 403, "not_allowed")
	c.Want(c.decide(musa, id, "upheld", "x"), 403, "first_decider")
	for name, session := range map[string]string{"an admin who is the first decider": c.admin2("one@lingualink.test", musa), "with their address": c.admin2("Musa@lingualink.test", "")} {
		if answer := c.decide(guest, id, "upheld", "x", session); answer.Code() != "first_decider" {
			t.Errorf("%s: %s", name, answer.Raw)
		}
	}
	for name, session := range map[string]string{"an admin who is Ada": c.admin2("two@lingualink.test", ada), "an admin who is Bola": c.admin2("three@lingualink.test", bola)} {
		if answer := c.decide(guest, id, "overturned", "x", session); answer.Code() != "not_allowed" {
			t.Errorf("%s: %s", name, answer.Raw)
		}
	}
	c.Insert("relations", dbx.Params{"id": shell.NewID(), "a": c.User(chidi).Id, "b": c.User(ada).Id, "kind": "family", "note": "", "created": "2026-01-01 00:00:00.000Z"})
	if answer := c.decide(guest, id, "overturned", "x", c.admin2("four@lingualink.test", chidi)); answer.Code() != "not_allowed" {
		t.Errorf("an admin related to Ada: %s", answer.Raw)
	}
	for _, bad := range [][2]string{{"open", "x"}, {"", "x"}, {"cleared", "x"}, {"upheld", " "}, {"upheld", strings.Repeat("x", 501)}} {
		c.Want(c.decide(admin, id, bad[0], bad[1]), 400, "invalid_input")
	}
	c.Want(c.decide(admin, "nothing00000000", "upheld", "x"), 404, "not_found")
	if c.Int("SELECT COUNT(*) FROM appeals WHERE state = 'open'") != 1 {
		t.Error("somebody decided")
	}
	c.Want(c.decide(admin, id, "upheld", "x"), 200, "")

	second := confirmed(t, admin)
	other := second.Want(second.appeal(ada, second.freeze(ada), "No."), 200, "").Text("id")
	second.Want(second.decide(admin, other, "overturned", "x"), 403, "first_decider")
	second.stand(musa, "suspended")
	second.Want(second.decide(musa, other, "upheld", "x"), 403, "account_suspended")
}

func TestAppealedAndDecidedOnce(t *testing.T) {
	c := confirmed(t, musa)
	freeze := c.freeze(ada)
	c.Token(ada)
	c.Token(admin)
	other := c.admin2("other@lingualink.test", "")
	race := func(n int, do func(i int) apptest.Answer) (won int, codes map[string]int) {
		codes = map[string]int{}
		answers := make([]apptest.Answer, n)
		begin, wait := make(chan struct{}), sync.WaitGroup{}
		for i := range answers {
			wait.Go(func() {
				<-begin
				answers[i] = do(i)
			})
		}
		close(begin)
		wait.Wait()
		for _, answer := range answers {
			if answer.Status == 200 {
				won++
			} else {
				codes[answer.Code()]++
			}
		}
		return won, codes
	}
	if won, codes := race(5, func(int) apptest.Answer { return c.appeal(ada, freeze, "No.") }); won != 1 || codes["already_appealed"] != 4 {
		t.Errorf("%d appeals, %v", won, codes)
	}
	id := c.Text("SELECT id FROM appeals", nil)
	won, codes := race(6, func(i int) apptest.Answer {
		if i%2 == 0 {
			return c.decide(admin, id, "overturned", "x")
		}
		return c.decide(guest, id, "upheld", "x", other)
	})
	if won != 1 || codes["appeal_decided"] != 5 || c.Int("SELECT COUNT(*) FROM audit_log WHERE action = 'appeal.decide'") != 1 {
		t.Errorf("%d decisions, %v", won, codes)
	}
	if c.told(ada, "appeal_decided") != 1 {
		t.Error("told twice, or not at all")
	}
}

// TestAnySubject: another area opens its decisions in the same way, and an outcome
// that it cannot carry out is not stored.
func TestAnySubject(t *testing.T) {
	c := confirmed(t, musa)
	broken := errors.New("broken")
	decided := []appeals.Appeal{}
	appeals.Handle(c.App, "cases", appeals.Subject{
		May: func(tx core.App, user, id string) (appeals.Decision, error) {
			if !tx.IsTransactional() {
				t.Error("asked outside of the transaction")
			}
			if id != "case00000000001" || user != c.User(emeka).Id {
				return appeals.Decision{}, fault.NotFound.On("subject_id")
			}
			return appeals.Decision{By: shell.System, Concerned: []string{c.User(chidi).Id}}, nil
		},
		Decided: func(_ core.App, a appeals.Appeal) error {
			decided = append(decided, a)
			return broken
		},
	})
	body := map[string]any{"subject_type": "cases", "subject_id": "case00000000001", "text": "It was not me."}
	c.Want(c.Do(bola, "POST", appealsPath, body), 404, "not_found")
	id := c.Want(c.Do(emeka, "POST", appealsPath, body), 200, "").Text("id")
	c.Want(c.decide(musa, id, "overturned", "x"), 500, "internal")
	if c.Int("SELECT COUNT(*) FROM appeals WHERE state = 'open'") != 1 || c.told(emeka, "appeal_decided") != 0 {
		t.Error("half of the decision was stored")
	}
	broken = nil
	c.Want(c.decide(musa, id, "overturned", "It was not."), 200, "")
	want := appeals.Appeal{ID: id, User: c.User(emeka).Id, SubjectType: "cases", SubjectID: "case00000000001", Overturned: true, Actor: "user:" + c.User(musa).Id, Reason: "It was not.", IP: "192.0.2.1"}
	if len(decided) != 2 || decided[1] != want {
		t.Errorf("carried out was %+v", decided)
	}
	for name, again := range map[string]func(){
		"twice": func() { appeals.Handle(c.App, "cases", appeals.Subject{}) },
		"by halves": func() {
			appeals.Handle(c.App, "more", appeals.Subject{May: func(core.App, string, string) (appeals.Decision, error) { return appeals.Decision{}, nil }})
		},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("handled %s", name)
				}
			}()
			again()
		}()
	}
}

func TestAppealsAreLimited(t *testing.T) {
	c := &court{Server: hookstest.Start(t, "LL_RATE_LIMITS=on"), t: t}
	for range 20 {
		c.Want(c.appeal(ada, "nothing00000000", "No."), 404, "not_found")
	}
	c.Want(c.appeal(ada, "nothing00000000", "No."), 429, "rate_limited")
	c.Want(c.appeal(bola, "nothing00000000", "No."), 404, "not_found")
}
