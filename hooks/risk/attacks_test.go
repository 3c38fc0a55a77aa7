package risk_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/risk"
	"github.com/lingualink/lingualink/hooks/shell"
)

func TestASecondAccountOnOnePhone(t *testing.T) {
	o := open(t)
	changes := []string{}
	risk.OnFreeze(o.App).Bind(&hook.Handler[*risk.FreezeEvent]{Func: func(e *risk.FreezeEvent) error {
		if !e.App.IsTransactional() {
			t.Error("the event is outside of the transaction")
		}
		changes = append(changes, fmt.Sprint(e.User, e.On))
		return e.Next()
	}})
	o.seen(ada, "phone-of-ada", "41.58.1.2")
	o.Drain()
	o.wantClusters()
	o.seen(bola, "phone-of-ada", "102.89.3.4")
	o.wantFrozen()
	o.Drain()
	o.wantClusters("freeze open: ada bola")
	o.wantFrozen(ada, bola)
	if len(changes) != 2 {
		t.Errorf("the areas above heard %v", changes)
	}
	for _, who := range []string{ada, bola} {
		if o.told(who, "account_frozen") != 1 {
			t.Errorf("%s was told %d times", who, o.told(who, "account_frozen"))
		}
		said := o.Text("SELECT body FROM notifications WHERE user = {:u} AND kind = 'account_frozen'", dbx.Params{"u": o.id(who)})
		if !strings.Contains(said, "Your device is also used by another account") || !strings.Contains(said, "appeal") || strings.Contains(said, "bola") || strings.Contains(said, "ada") {
			t.Errorf("%s reads %q", who, said)
		}
		if n := o.Int("SELECT COUNT(*) FROM risk_flags WHERE user = {:u} AND kind = 'cluster' AND subject_id = {:c} AND score = 8000 AND state = 'open'",
			dbx.Params{"u": o.id(who), "c": o.cluster()}); n != 1 {
			t.Errorf("%d flags of %s", n, who)
		}
	}
	if linked, err := risk.Linked(o.App, o.id(bola), o.id(ada)); err != nil || !linked {
		t.Errorf("they are not linked: %v", err)
	}
	if n := o.Int("SELECT COUNT(*) FROM relations WHERE kind = 'risk'"); n != 1 {
		t.Errorf("%d relations", n)
	}
	o.wantCircle(ada, bola)
	o.wantCircle(bola, ada)
	o.wantCircle(chidi)
	if n := o.Int("SELECT COUNT(*) FROM audit_log WHERE action = 'risk_cluster.freeze' AND actor = 'system'"); n != 1 {
		t.Errorf("%d rows in the audit log", n)
	}
	deadline := shell.Stamp(o.Deps.Clock.Now().AddDate(0, 0, 6))
	if n := o.Int("SELECT COUNT(*) FROM freezes WHERE decide_by > {:at} AND confirmed = 0", dbx.Params{"at": deadline}); n != 2 {
		t.Errorf("%d freezes have their time", n)
	}

	before := o.everything()
	o.look(ada)
	o.look(bola, ada, bola)
	o.Advance(2 * time.Hour)
	o.seen(bola, "phone-of-ada", "102.89.3.4")
	o.Drain()
	if o.everything() != before || len(changes) != 2 {
		t.Error("looking again changed something")
	}
}

func TestTwoPhonesOneBankAccount(t *testing.T) {
	now := time.Now()
	for name, plant := range map[string]func(o *office){
		"one fingerprint": func(o *office) {
			o.paidInto(ada, "RCP_1", "f", "", now)
			o.paidInto(bola, "RCP_2", "f", "", now.AddDate(-1, 0, 0))
		},
		"one recipient": func(o *office) { o.paidInto(ada, "RCP_1", "f", "", now); o.paidInto(bola, "RCP_1", "g", "", now) },
	} {
		t.Run(name, func(t *testing.T) {
			o := open(t)
			o.paidInto(chidi, "RCP_3", "h", "", now)
			plant(o)
			o.look(bola)
			o.look(chidi)
			o.wantClusters("freeze open: ada bola")
			o.wantFrozen(ada, bola)
			if n := o.Int("SELECT COUNT(*) FROM risk_clusters WHERE score = 10000"); n != 1 {
				t.Error("one account is not one account")
			}
		})
	}
}

// TestOneHolder: a name that is somebody's own may be another's, too; two new
// accounts in a third one's name are not watched for nothing.
func TestOneHolder(t *testing.T) {
	legal := func(c string) string { return strings.Repeat(c, 64) }
	now := time.Now()
	for name, c := range map[string]struct {
		ada, bola string
		at        time.Time
		want      string
	}{
		"a third one's":              {legal("a") + ":" + legal("x"), legal("b") + ":" + legal("x"), now, "watch open: ada bola"},
		"the one's, not the other's": {legal("x") + ":" + legal("x"), legal("b") + ":" + legal("x"), now, "watch open: ada bola"},
		"both are called so":         {legal("x") + ":" + legal("x"), legal("x") + ":" + legal("x"), now, ""},
		"two names":                  {legal("a") + ":" + legal("x"), legal("b") + ":" + legal("y"), now, ""},
		"no names":                   {legal("a") + ":", legal("b") + ":", now, ""},
		"one is old":                 {legal("a") + ":" + legal("x"), legal("b") + ":" + legal("x"), now.AddDate(0, 0, -31), ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := open(t)
			o.paidInto(ada, "RCP_1", "f", c.ada, now)
			o.paidInto(bola, "RCP_2", "g", c.bola, c.at)
			o.look(ada)
			if got := o.clusters(); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			o.wantFrozen()
		})
	}
}

// TestARingOfThree: A approves B, B approves C, C approves A, and A brought both.
func TestARingOfThree(t *testing.T) {
	o := open(t)
	for _, who := range []string{ada, bola, chidi} {
		o.seen(who, "", "41.58.1.2")
		o.seen(who, "", "41.58.1.3")
	}
	o.brought(ada, bola)
	o.brought(bola, chidi)
	o.approves(ada, bola, 6)
	o.approves(bola, chidi, 6.7)
	o.sweep("votes")
	o.wantClusters() // somebody approves somebody
	o.approves(chidi, ada, 3.9)
	o.sweep("votes")
	o.wantClusters()
	o.approves(chidi, ada, 5)
	o.sweep("votes")
	o.wantClusters("freeze open: ada bola chidi")
	o.wantFrozen(ada, bola, chidi)
	if n := o.Int("SELECT COUNT(*) FROM notifications WHERE body LIKE '%votes%'"); n != 3 {
		t.Errorf("%d were told that it is about votes", n)
	}
	jobs := o.Int("SELECT COUNT(*) FROM jobs WHERE kind = 'risk.look'")
	before := o.everything()
	o.sweep("votes")
	if n := o.Int("SELECT COUNT(*) FROM jobs WHERE kind = 'risk.look'"); n != jobs || o.everything() != before {
		t.Errorf("%d looks for what had not changed", n-jobs)
	}
}

func TestErringTogetherIsWatched(t *testing.T) {
	o := open(t)
	pair := func(z float64) {
		a, b := o.id(ada), o.id(bola)
		o.run(`INSERT INTO pair_signals (id, a, b, language, z, updated) VALUES ({:id}, {:a}, {:b}, {:l}, {:z}, {:now})
			ON CONFLICT (a, b, language) DO UPDATE SET z = {:z}, updated = {:now}`,
			dbx.Params{"id": shell.NewID(), "a": min(a, b), "b": max(a, b), "l": o.Language("ha"), "z": z, "now": shell.Stamp(o.Deps.Clock.Now())})
	}
	pair(3.9)
	o.sweep("votes")
	o.wantClusters()
	pair(4.2)
	o.sweep("votes")
	o.wantClusters("watch open: ada bola")
	o.wantFrozen()
	if n := o.Int("SELECT COUNT(*) FROM risk_flags") + o.Int("SELECT COUNT(*) FROM relations") + o.told(ada, "account_frozen"); n != 0 {
		t.Errorf("%d things follow for who is watched", n)
	}
	o.wantCircle(ada, bola)
	if linked, err := risk.Linked(o.App, o.id(ada), o.id(bola)); err != nil || !linked {
		t.Errorf("they are not linked: %v", err)
	}
	// More of the same does not ask anew; something else makes it a freeze.
	pair(5.5)
	o.sweep("votes")
	o.wantClusters("watch open: ada bola")
	o.shareDevice("phone-of-both", ada, bola)
	o.wantClusters("freeze open: ada bola")
	o.wantFrozen(ada, bola)
}

func TestSwapsAndRaces(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		plant func(o *office)
		want  string
	}{
		"one try": {func(o *office) { o.claimed(bola, ada, "attributed_other", "claim", now) }, ""},
		"two tries": {func(o *office) {
			o.claimed(bola, ada, "attributed_other", "claim", now)
			o.claimed(bola, ada, "attributed_other", "claim", now)
		}, "watch open: ada bola"},
		"too late": {func(o *office) {
			o.claimed(bola, ada, "too_late", "claim", now)
			o.claimed(bola, ada, "too_late", "claim", now)
		}, ""},
		"long ago": {func(o *office) {
			old := now.AddDate(0, 0, -91)
			o.claimed(bola, ada, "attributed_other", "claim", old)
			o.claimed(bola, ada, "attributed_other", "claim", old)
		}, ""},
		"races": {func(o *office) {
			for i, referrer := range []string{dayo, emeka} {
				at := now.Add(time.Duration(-i) * time.Hour)
				o.claimed(ada, referrer, "too_late", "claim", at)
				o.claimed(bola, referrer, "too_late", "claim", at.Add(9*time.Second))
			}
			o.claimed(bola, ada, "attributed_other", "claim", now)
		}, "watch open: ada bola"},
		"too slow for a race": {func(o *office) {
			for i, referrer := range []string{dayo, emeka} {
				at := now.Add(time.Duration(-i) * time.Hour)
				o.claimed(ada, referrer, "too_late", "claim", at)
				o.claimed(bola, referrer, "too_late", "claim", at.Add(11*time.Second))
			}
			o.claimed(bola, ada, "attributed_other", "claim", now)
		}, ""},
		"a workshop signs up": {func(o *office) {
			for i, referrer := range []string{dayo, emeka} {
				at := now.Add(time.Duration(-i) * time.Hour)
				o.claimed(ada, referrer, "attributed", "signup", at)
				o.claimed(bola, referrer, "attributed", "signup", at)
			}
			o.claimed(bola, ada, "attributed_other", "claim", now)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := open(t)
			c.plant(o)
			o.look(ada)
			o.look(bola)
			if got := o.clusters(); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestAnHonestTown: fifty people behind one address, brought by one of them within
// an hour.
func TestAnHonestTown(t *testing.T) {
	o := open(t)
	people := o.crowd(50)
	for i, who := range people {
		o.seen(who, "phone-of-"+who, "41.58.1.2")
		if i > 0 {
			o.brought(people[0], who)
		}
	}
	o.Drain()
	o.look(people...)
	o.wantClusters()
	o.wantFrozen()
	o.wantCircle(people[0])
}

func TestADishonestFarm(t *testing.T) {
	o := open(t)
	people := o.crowd(50)
	o.shareDevice("the-only-phone", people...)
	if n := o.Int("SELECT COUNT(*) FROM risk_clusters WHERE state = 'open' AND json_array_length(people) = 50"); n != 1 || o.Int("SELECT COUNT(*) FROM risk_clusters WHERE state = 'open'") != 1 {
		t.Errorf("%d clusters of all", n)
	}
	for table, want := range map[string]int64{"freezes": 50, "risk_flags": 50, "relations": 50 * 49 / 2} {
		if n := o.Int("SELECT COUNT(*) FROM " + table); n != want {
			t.Errorf("%d rows of %s, want %d", n, table, want)
		}
	}
	if n := o.Int("SELECT COUNT(*) FROM notifications WHERE kind = 'account_frozen'"); n != 50 {
		t.Errorf("%d were told", n)
	}
	cluster := o.cluster()
	o.Want(o.decide(musa, cluster, "cleared", "It is the phone of a school."), 200, "")
	o.Drain()
	o.wantFrozen()
	if n := o.Int("SELECT COUNT(*) FROM cleared_pairs"); n != 50*49/2 {
		t.Errorf("%d pairs were cleared", n)
	}
	o.look(people...)
	if n := o.Int("SELECT COUNT(*) FROM risk_clusters WHERE state = 'open'"); n != 0 {
		t.Error("what was cleared is asked again")
	}
}

// TestClustersThatMeet: two suspicions that turn out to be one are asked once, and
// nobody is told twice.
func TestClustersThatMeet(t *testing.T) {
	o := open(t)
	o.shareDevice("phone-one", ada, bola)
	o.shareDevice("phone-number-two", chidi, dayo)
	o.wantClusters("freeze open: ada bola", "freeze open: chidi dayo")
	o.shareDevice("phone-the-third-one", bola, chidi, emeka)
	o.wantClusters("freeze open: ada bola chidi dayo emeka", "freeze merged: chidi dayo")
	o.wantFrozen(ada, bola, chidi, dayo, emeka)
	cluster := o.cluster()
	for _, who := range []string{ada, bola, chidi, dayo, emeka} {
		if n := o.told(who, "account_frozen"); n != 1 {
			t.Errorf("%s was told %d times", who, n)
		}
	}
	if n := o.Int("SELECT COUNT(*) FROM risk_flags WHERE state = 'open' AND subject_id = {:c}", dbx.Params{"c": cluster}) +
		o.Int("SELECT COUNT(*) FROM freezes WHERE state = 'frozen' AND cluster = {:c}", dbx.Params{"c": cluster}); n != 10 {
		t.Errorf("%d flags and freezes are of the larger cluster", n)
	}
	merged := o.Text("SELECT id FROM risk_clusters WHERE state = 'merged'", nil)
	o.Want(o.decide(musa, merged, "cleared", "x"), 409, "cluster_decided")
	before := o.everything()
	o.look(emeka)
	if o.everything() != before {
		t.Error("looking again changed something")
	}
	// Somebody found guilty is not asked about again for who comes later.
	o.Want(o.decide(musa, cluster, "confirmed", "One person."), 200, "")
	o.shareDevice("phone-one", fatima)
	o.wantClusters("freeze confirmed: ada bola chidi dayo emeka", "freeze merged: chidi dayo", "freeze open: fatima")
	if o.told(ada, "account_frozen") != 1 || o.told(fatima, "account_frozen") != 1 {
		t.Error("told again, or not at all")
	}
}
