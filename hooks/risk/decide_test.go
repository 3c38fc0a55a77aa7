package risk_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/risk"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

// decisions notes what the areas above hear.
func (o *office) decisions() *[]*risk.DecidedEvent {
	heard := &[]*risk.DecidedEvent{}
	risk.OnDecided(o.App).Bind(&hook.Handler[*risk.DecidedEvent]{Func: func(e *risk.DecidedEvent) error {
		if !e.App.IsTransactional() {
			o.t.Error("the event is outside of the transaction")
		}
		*heard = append(*heard, e)
		return e.Next()
	}})
	return heard
}

func TestWhoDecides(t *testing.T) {
	o := open(t)
	o.shareDevice("phone-of-ada", ada, bola)
	cluster := o.cluster()
	path := clustersPath + cluster
	for who, want := range map[string][2]any{guest: {401, "sign_in_required"}, ada: {403, "not_allowed"}, emeka: {403, "not_allowed"}} {
		o.Want(o.decide(who, cluster, "cleared", "x"), want[0].(int), want[1].(string))
		o.Want(o.Do(who, "GET", path, nil), want[0].(int), want[1].(string))
	}
	for _, bad := range [][2]string{{"open", "x"}, {"merged", "x"}, {"", "x"}, {"cleared", ""}, {"cleared", " "}, {"confirmed", strings.Repeat("x", 501)}} {
		o.Want(o.decide(musa, cluster, bad[0], bad[1]), 400, "invalid_input")
	}
	o.Want(o.decide(musa, cluster, "cleared", "x", o.id(ada)), 400, "invalid_input")
	o.Want(o.decide(musa, cluster, "confirmed", "x", o.id(chidi)), 400, "invalid_input")
	o.Want(o.decide(musa, cluster, "confirmed", "x", o.ids(ada, bola)...), 400, "invalid_input")
	o.Want(o.decide(musa, "nothing00000000", "cleared", "x"), 404, "not_found")

	isAda, isDayo := o.person("one@lingualink.test", ada), o.person("two@lingualink.test", dayo)
	o.Insert("relations", dbx.Params{"id": shell.NewID(), "a": o.id(dayo), "b": o.id(bola), "kind": "referral", "note": "", "created": shell.Stamp(time.Now())})
	for name, session := range map[string]string{"an admin who is Ada": isAda, "an admin related to Bola": isDayo} {
		if answer := o.Do(guest, "POST", path+"/decide", map[string]any{"outcome": "cleared", "reason": "x"}, session); answer.Status != 403 || answer.Code() != "not_allowed" {
			t.Errorf("%s decided: %s", name, answer.Raw)
		}
	}
	o.Insert("relations", dbx.Params{"id": shell.NewID(), "a": o.id(musa), "b": o.id(ada), "kind": "family", "note": "", "created": shell.Stamp(time.Now())})
	o.Want(o.decide(musa, cluster, "cleared", "x"), 403, "not_allowed")
	o.Want(o.Do(musa, "GET", path, nil), 403, "not_allowed")
	o.wantFrozen(ada, bola)
	o.Want(o.decide(admin, cluster, "cleared", "x"), 200, "")
	o.Want(o.decide(admin, cluster, "cleared", "x"), 409, "cluster_decided")
}

// TestAModeratorInTheCluster neither decides nor reads it.
func TestAModeratorInTheCluster(t *testing.T) {
	o := open(t)
	o.shareDevice("phone-of-ada", ada, musa)
	cluster := o.cluster()
	o.Want(o.decide(musa, cluster, "cleared", "x"), 403, "not_allowed")
	o.Want(o.Do(musa, "GET", clustersPath+cluster, nil), 403, "not_allowed")
	list := func() int {
		return len(o.Want(o.Do(musa, "GET", "/api/collections/risk_clusters/records", nil), 200, "").Items("items"))
	}
	if list() != 0 {
		t.Error("a moderator reads of themselves")
	}
	o.shareDevice("phone-of-chidi", chidi, dayo)
	if list() != 1 {
		t.Error("a moderator does not read of others")
	}
	if answer := o.Want(o.Do(admin, "GET", clustersPath+cluster, nil), 200, ""); len(answer.Data()["people"].([]any)) != 2 ||
		!strings.Contains(fmt.Sprint(answer.Data()["reasons"]), "use the same device") {
		t.Errorf("an admin reads %s", answer.Raw)
	}
}

func TestCleared(t *testing.T) {
	o := open(t)
	heard, freezes := o.decisions(), map[bool]int{}
	risk.OnFreeze(o.App).Bind(&hook.Handler[*risk.FreezeEvent]{Func: func(e *risk.FreezeEvent) error {
		freezes[e.On]++
		return e.Next()
	}})
	o.shareDevice("phone-of-ada", ada, bola, chidi)
	cluster := o.cluster()
	o.Want(o.decide(musa, cluster, "cleared", " A family. "), 200, "")
	o.Drain()
	if freezes[true] != 3 || freezes[false] != 3 {
		t.Errorf("the areas above heard of %v", freezes)
	}
	o.wantFrozen()
	o.wantClusters("freeze cleared: ada bola chidi")
	for _, who := range []string{ada, bola, chidi} {
		if o.told(who, "account_unfrozen") != 1 {
			t.Errorf("%s was told %d times", who, o.told(who, "account_unfrozen"))
		}
		o.wantCircle(who)
	}
	for query, want := range map[string]int64{
		"SELECT COUNT(*) FROM freezes WHERE state = 'lifted' AND decision = 'A family.' AND ended_at != '' AND confirmed = 0": 3,
		"SELECT COUNT(*) FROM risk_flags WHERE state = 'cleared' AND reason = 'A family.' AND decided_by LIKE 'user:%'":       3,
		"SELECT COUNT(*) FROM relations":                                                         0,
		"SELECT COUNT(*) FROM cleared_pairs WHERE score = 8000":                                  3,
		"SELECT COUNT(*) FROM audit_log WHERE action = 'risk_cluster.decide'":                    1,
		"SELECT COUNT(*) FROM risk_clusters WHERE decided_at != '' AND decided_by LIKE 'user:%'": 1,
	} {
		if n := o.Int(query); n != want {
			t.Errorf("%s: %d, want %d", query, n, want)
		}
	}
	if len(*heard) != 1 || (*heard)[0].Outcome != collections.ClusterCleared || len((*heard)[0].People) != 3 || len((*heard)[0].Spared) != 0 || (*heard)[0].Cluster != cluster {
		t.Errorf("the areas above heard %+v", *heard)
	}
	o.look(ada)
	o.wantClusters("freeze cleared: ada bola chidi")
	// More of two of them is asked about again.
	o.shareDevice("phone-of-bola", ada, bola)
	o.wantClusters("freeze cleared: ada bola chidi", "freeze open: ada bola")
	o.wantFrozen(ada, bola)
	if o.told(ada, "account_frozen") != 2 {
		t.Error("the new suspicion was not told")
	}
}

func TestConfirmedButForOne(t *testing.T) {
	o := open(t)
	heard := o.decisions()
	o.shareDevice("phone-of-ada", ada, bola, chidi)
	cluster := o.cluster()
	o.Want(o.decide(musa, cluster, "confirmed", "One person with two accounts.", o.id(chidi)), 200, "")
	o.Drain()
	o.wantFrozen(ada, bola)
	for query, want := range map[string]int64{
		"SELECT COUNT(*) FROM freezes WHERE confirmed = 1 AND state = 'frozen' AND decision = 'One person with two accounts.'": 2,
		"SELECT COUNT(*) FROM risk_flags WHERE state = 'confirmed'":                                                            2,
		"SELECT COUNT(*) FROM risk_flags WHERE state = 'cleared'":                                                              1,
		"SELECT COUNT(*) FROM relations":                                                                                       1,
		"SELECT COUNT(*) FROM cleared_pairs":                                                                                   2,
	} {
		if n := o.Int(query); n != want {
			t.Errorf("%s: %d, want %d", query, n, want)
		}
	}
	for who, kind := range map[string]string{ada: "freeze_confirmed", bola: "freeze_confirmed", chidi: "account_unfrozen"} {
		if o.told(who, kind) != 1 {
			t.Errorf("%s was not told", who)
		}
	}
	if o.told(chidi, "freeze_confirmed")+o.told(ada, "account_unfrozen") != 0 {
		t.Error("somebody was told what is not so")
	}
	if len(*heard) != 1 || (*heard)[0].Outcome != collections.ClusterConfirmed || len((*heard)[0].People) != 2 || len((*heard)[0].Spared) != 1 || (*heard)[0].Spared[0] != o.id(chidi) {
		t.Errorf("the areas above heard %+v", *heard)
	}
	o.wantCircle(ada, bola)
	before := o.everything()
	o.look(ada, chidi)
	if o.everything() != before {
		t.Error("looking again changed something")
	}
}

// TestADecisionIsUndoneWithWhatFollows: what an area above refuses is not
// decided.
func TestADecisionIsUndoneWithWhatFollows(t *testing.T) {
	o := open(t)
	o.shareDevice("phone-of-ada", ada, bola)
	risk.OnDecided(o.App).Bind(&hook.Handler[*risk.DecidedEvent]{Func: func(*risk.DecidedEvent) error { return errors.New("no") }})
	before := o.everything()
	o.Want(o.decide(musa, o.cluster(), "cleared", "x"), 500, "internal")
	o.Drain()
	if o.everything() != before {
		t.Error("half of the decision was stored")
	}
}

func TestTheWatched(t *testing.T) {
	for outcome, want := range map[string][]string{"cleared": {}, "confirmed": {ada, bola}} {
		t.Run(outcome, func(t *testing.T) {
			o := open(t)
			o.approves(ada, bola, 4)
			o.approves(bola, ada, 4)
			o.sweep("votes")
			o.wantClusters("watch open: ada bola")
			o.Want(o.decide(musa, o.cluster(), outcome, "Looked at."), 200, "")
			o.Drain()
			o.wantFrozen(want...)
			if n := o.told(ada, "account_unfrozen") + o.told(ada, "account_frozen"); n != 0 {
				t.Errorf("told %d times of what they never knew", n)
			}
			if n := o.told(ada, "freeze_confirmed"); n != int64(len(want)/2) {
				t.Errorf("told %d times", n)
			}
			before := o.everything()
			o.look(ada)
			if o.everything() != before {
				t.Error("looking again changed something")
			}
			o.approves(ada, bola, 5)
			o.approves(bola, ada, 5)
			o.sweep("votes")
			if again := strings.Contains(o.clusters(), "watch open: ada bola"); again != (outcome == "cleared") {
				t.Errorf("more was seen: %s", o.clusters())
			}
		})
	}
}

func TestDecidedOnceAtTheSameMoment(t *testing.T) {
	o := open(t)
	heard := o.decisions()
	o.shareDevice("phone-of-ada", ada, bola)
	cluster := o.cluster()
	o.Token(musa)
	o.Token(admin)
	answers := make([]apptest.Answer, 6)
	begin, wait := make(chan struct{}), sync.WaitGroup{}
	for i := range answers {
		wait.Go(func() {
			<-begin
			answers[i] = o.decide([]string{musa, admin}[i%2], cluster, []string{"cleared", "confirmed"}[i%2], "x")
		})
	}
	close(begin)
	wait.Wait()
	won := 0
	for _, answer := range answers {
		if answer.Status == 200 {
			won++
		} else {
			o.Want(answer, 409, "cluster_decided")
		}
	}
	if won != 1 || len(*heard) != 1 || o.Int("SELECT COUNT(*) FROM audit_log WHERE action = 'risk_cluster.decide'") != 1 {
		t.Errorf("%d decisions, %d heard", won, len(*heard))
	}
}

// TestReleaseWaits: money stays where it is while its owner is frozen, and goes on
// when they are cleared.
func TestReleaseWaits(t *testing.T) {
	o := open(t)
	o.Fund(1_000_000)
	o.OpenVoting()
	o.Consent(ada)
	o.Decide(o.Clip(ada), "approve")
	o.Drain()
	pending := o.Balance(ada)["pending"]
	if pending == 0 {
		t.Fatal("nothing was earned")
	}
	o.shareDevice("phone-of-ada", ada, emeka)
	o.Advance(60 * 24 * time.Hour)
	release := func() {
		if err := ledger.ReleaseDue(o.App, o.Deps); err != nil {
			t.Fatal(err)
		}
	}
	release()
	if b := o.Balance(ada); b["pending"] != pending || b["available"] != 0 {
		t.Errorf("Ada has %v", b)
	}
	if o.Balance(bola)["available"] == 0 {
		t.Error("somebody else waits, too")
	}
	o.Want(o.decide(musa, o.cluster(), "cleared", "x"), 200, "")
	release()
	if b := o.Balance(ada); b["pending"] != 0 || b["available"] != pending {
		t.Errorf("Ada has %v", b)
	}
}

func TestNobodyDecides(t *testing.T) {
	o := open(t)
	o.shareDevice("phone-of-ada", ada, bola)
	alerts := func() int64 { return o.Int("SELECT COUNT(*) FROM alerts WHERE kind = 'risk_overdue'") }
	o.Advance(7*24*time.Hour - time.Minute)
	o.sweep("overdue")
	if alerts() != 0 {
		t.Error("too early")
	}
	o.Advance(2 * time.Minute)
	o.sweep("overdue")
	o.sweep("overdue")
	o.run("UPDATE alerts SET state = 'done'", nil)
	o.sweep("overdue")
	if alerts() != 1 {
		t.Errorf("%d alerts", alerts())
	}
	o.wantFrozen(ada, bola)
}

// TestNobodyReadsOfOthers: a person reads their own freeze, and of whom else it is
// about nothing.
func TestNobodyReadsOfOthers(t *testing.T) {
	o := open(t)
	o.shareDevice("phone-of-ada", ada, bola)
	answer := o.Want(o.Do(ada, "GET", "/api/collections/freezes/records?expand=cluster,user", nil), 200, "")
	if items := answer.Items("items"); len(items) != 1 || items[0]["state"] != "frozen" || items[0]["reason"] == "" || items[0]["decide_by"] == "" {
		t.Fatalf("Ada reads %s", answer.Raw)
	}
	for _, secret := range []string{o.cluster(), o.id(bola), "8000", "score", "bola"} {
		if strings.Contains(string(answer.Raw), secret) {
			t.Errorf("Ada reads %s in %s", secret, answer.Raw)
		}
	}
	of := o.Text("SELECT id FROM freezes WHERE user = {:u}", dbx.Params{"u": o.id(bola)})
	o.Want(o.Do(ada, "GET", "/api/collections/freezes/records/"+of, nil), 404, "")
	for _, filter := range []string{"cluster!=''", "cluster.people~'" + o.id(bola) + "'", "user.username='bola'"} {
		for _, item := range o.Do(ada, "GET", "/api/collections/freezes/records?filter=("+strings.ReplaceAll(filter, " ", "%20")+")", nil).Items("items") {
			if item["user"] != o.id(ada) || strings.Contains(filter, "cluster") {
				t.Errorf("%s finds %v", filter, item)
			}
		}
	}
	for _, collection := range []string{"sightings", "cleared_pairs", "relations"} {
		o.Want(o.Do(musa, "GET", "/api/collections/"+collection+"/records", nil), 403, "")
	}
}

// TestWhoWatchesHears: clusters and freezes send realtime events, and relations go
// by their own hooks, which turn the queue back.
func TestWhoWatchesHears(t *testing.T) {
	o := open(t)
	heard := map[string]int{}
	note := func(what string) *hook.Handler[*core.RecordEvent] {
		return &hook.Handler[*core.RecordEvent]{Func: func(e *core.RecordEvent) error {
			heard[what+" "+e.Record.Collection().Name]++
			return e.Next()
		}}
	}
	for _, name := range []string{"risk_clusters", "freezes", "relations"} {
		o.App.OnRecordAfterCreateSuccess(name).Bind(note("create"))
		o.App.OnRecordAfterUpdateSuccess(name).Bind(note("update"))
		o.App.OnRecordAfterDeleteSuccess(name).Bind(note("delete"))
	}
	o.shareDevice("phone-of-ada", ada, bola)
	o.Want(o.decide(musa, o.cluster(), "cleared", "x"), 200, "")
	want := map[string]int{"create risk_clusters": 1, "create freezes": 2, "update risk_clusters": 1, "update freezes": 2, "delete relations": 1}
	if !maps.Equal(heard, want) {
		t.Errorf("heard %v, want %v", heard, want)
	}
}
