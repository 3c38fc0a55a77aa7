package risk_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

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
