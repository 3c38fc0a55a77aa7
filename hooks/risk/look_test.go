package risk_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/risk"
)

// TestLooksAtOnce: whoever looks at the same moment finds what the other wrote.
func TestLooksAtOnce(t *testing.T) {
	o := open(t)
	for i, who := range []string{ada, bola, chidi} {
		o.run("INSERT INTO sightings (id, user, kind, hash, first_at, last_at) VALUES ({:id}, {:u}, 'device', 'one', '2026-01-01 00:00:00.000Z', '2026-01-01 00:00:00.000Z')",
			dbx.Params{"id": fmt.Sprintf("sighting%07d", i), "u": o.id(who)})
	}
	begin, wait := make(chan struct{}), sync.WaitGroup{}
	people := o.ids(ada, bola, chidi)
	for i := range 6 {
		wait.Go(func() {
			<-begin
			if err := risk.LookNow(o.App, people[i%3]); err != nil {
				t.Error(err)
			}
		})
	}
	close(begin)
	wait.Wait()
	o.wantClusters("freeze open: ada bola chidi")
	o.wantFrozen(ada, bola, chidi)
	if n := o.told(ada, "account_frozen"); n != 1 {
		t.Errorf("told %d times", n)
	}
}

// TestACauseIsLookedAtOnce, and a look without people or cause is none.
func TestACauseIsLookedAtOnce(t *testing.T) {
	o := open(t)
	err := o.App.RunInTransaction(func(tx core.App) error {
		for range 2 {
			if err := risk.Look(tx, o.Deps, "claim:1", o.id(ada)); err != nil {
				return err
			}
		}
		return risk.Look(tx, o.Deps, "claim:2")
	})
	if n := o.Int("SELECT COUNT(*) FROM jobs WHERE kind = 'risk.look'"); err != nil || n != 1 {
		t.Errorf("%d jobs, %v", n, err)
	}
	if err := o.App.RunInTransaction(func(tx core.App) error { return risk.Look(tx, o.Deps, "", "somebody") }); err == nil {
		t.Error("a look has no cause")
	}
}

// TestNoLookReadsATable: every question goes by an index, also when the tables are
// large.
func TestNoLookReadsATable(t *testing.T) {
	o := open(t)
	for name, query := range risk.Questions {
		rows := []struct {
			Detail string `db:"detail"`
		}{}
		params := dbx.Params{}
		for _, part := range strings.Split(query, "{:")[1:] {
			params[part[:strings.Index(part, "}")]] = "[]"
		}
		if err := o.App.DB().NewQuery("EXPLAIN QUERY PLAN " + query).Bind(params).All(&rows); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		searched := 0
		for _, row := range rows {
			if strings.HasPrefix(row.Detail, "SEARCH") {
				searched++
			}
			if strings.HasPrefix(row.Detail, "SCAN") && !strings.Contains(row.Detail, "json_each") && !strings.Contains(row.Detail, "(subquery") && !strings.Contains(row.Detail, "CONSTANT") {
				t.Errorf("%s: %s", name, row.Detail)
			}
		}
		if searched == 0 {
			t.Errorf("%s searches nothing: %v", name, rows)
		}
	}
}

// TestALookFollowsLinks from one person over strong links, and over a weak one to
// whom strong links lead on from.
func TestALookFollowsLinks(t *testing.T) {
	o := open(t)
	for i, pair := range [][2]string{{ada, bola}, {bola, chidi}, {dayo, emeka}} {
		for j, who := range pair {
			o.run("INSERT INTO sightings (id, user, kind, hash, first_at, last_at) VALUES ({:id}, {:u}, 'device', {:h}, '2026-01-01 00:00:00.000Z', '2026-01-01 00:00:00.000Z')",
				dbx.Params{"id": fmt.Sprintf("sighting%d%06d", i, j), "u": o.id(who), "h": fmt.Sprint("device", i)})
		}
	}
	o.look(fatima)
	o.wantClusters()
	o.approves(chidi, dayo, 4)
	o.approves(dayo, chidi, 4)
	o.look(ada)
	o.wantFrozen(ada, bola, chidi, dayo, emeka)
	if got := o.clusters(); !strings.Contains(got, "freeze open: ada bola chidi") || !strings.Contains(got, "freeze open: dayo emeka") || strings.Count(got, ":") != 2 {
		t.Errorf("the clusters are\n%s", got)
	}
}

// TestSurroundingsAdd to what else was seen, each as it is.
func TestSurroundingsAdd(t *testing.T) {
	o := open(t)
	o.Advance(3 * time.Hour)
	people := o.crowd(6)
	for i, who := range people {
		o.seen(who, "", "41.58.1.2")
		if i < 2 {
			o.seen(who, "", "41.58.1.3")
		}
	}
	o.seen(ada, "", "41.58.1.2") // signed up long before, elsewhere
	o.brought(people[0], people[1])
	for _, pair := range [][2]string{{people[0], people[1]}, {people[2], ada}} {
		o.approves(pair[0], pair[1], 4)
		o.approves(pair[1], pair[0], 4)
	}
	o.look(people[0])
	o.look(ada)
	for who, want := range map[string]string{
		people[1]: "7800: mutual_voting 4, referral 1, ip 2, signup_burst 6",
		ada:       "5300: mutual_voting 4, ip 1",
	} {
		got := o.Text(`SELECT score || ': ' || (SELECT group_concat(r.value ->> 'kind' || ' ' || (r.value ->> 'count'), ', ') FROM json_each(reasons) r)
			FROM risk_clusters WHERE EXISTS (SELECT 1 FROM json_each(people) WHERE value = {:u})`, dbx.Params{"u": o.id(who)})
		if got != want {
			t.Errorf("of %s: %s, want %s", who, got, want)
		}
	}
	o.wantFrozen()
}
