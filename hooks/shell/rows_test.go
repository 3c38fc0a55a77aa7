package shell_test

import (
	"slices"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
)

// quota is a row of a small table.
func quota(key string, used int) dbx.Params {
	return dbx.Params{"id": shell.NewID(), "key": key, "window_start": "", "used": used}
}

func TestManyRowsByOneStatement(t *testing.T) {
	s := hookstest.Start(t)
	rows := []dbx.Params{quota("a", 1), quota("b", 2)}
	first := rows[0]["id"]
	stored := func(want string) {
		t.Helper()
		if got := s.Text("SELECT COALESCE(group_concat([[key]] || used, ' '), '') FROM (SELECT [[key]], used FROM quotas ORDER BY [[key]])", nil); got != want {
			t.Errorf("stored is %q, want %q", got, want)
		}
	}
	inTx := func(fn func(tx core.App) error) error { return s.App.RunInTransaction(fn) }

	if err := shell.InsertAll(s.App, "quotas", rows); err == nil {
		t.Error("two rows were written outside a transaction")
	}
	stored("")
	if err := inTx(func(tx core.App) error { return shell.InsertAll(tx, "quotas", rows) }); err != nil {
		t.Fatal(err)
	}
	stored("a1 b2")
	if rows[0]["id"] != first || rows[0]["key"] != "a" {
		t.Errorf("the caller's row became %v", rows[0])
	}
	again := []dbx.Params{quota("b", 5), quota("c", 3)}
	err := inTx(func(tx core.App) error { return shell.InsertAll(tx, "quotas", again) })
	if !shell.IsUniqueViolation(err) {
		t.Errorf("a key that is there: %v", err)
	}
	stored("a1 b2")
	if err := inTx(func(tx core.App) error { return shell.UpsertAll(tx, "quotas", []string{"key"}, again) }); err != nil {
		t.Fatal(err)
	}
	stored("a1 b5 c3")
	for name, wrong := range map[string]dbx.Params{
		"a column less":   {"id": "x", "key": "d", "used": 1},
		"another column":  {"id": "x", "key": "d", "used": 1, "more": 1},
		"one column more": {"id": "x", "key": "d", "window_start": "", "used": 1, "more": 1},
	} {
		if err := inTx(func(tx core.App) error { return shell.InsertAll(tx, "quotas", []dbx.Params{quota("d", 1), wrong}) }); err == nil {
			t.Errorf("%s: it was written", name)
		}
	}
	stored("a1 b5 c3")
	err = inTx(func(tx core.App) error {
		return shell.ExecEach(tx, "UPDATE quotas SET used = used + {:more} WHERE [[key]] = {:key}", []dbx.Params{{"key": "a", "more": 10}, {"key": "c", "more": 20}})
	})
	if err != nil {
		t.Fatal(err)
	}
	stored("a11 b5 c23")
	for name, fn := range map[string]func() error{
		"insert": func() error { return shell.InsertAll(s.App, "quotas", nil) },
		"upsert": func() error { return shell.UpsertAll(s.App, "quotas", []string{"key"}, nil) },
		"one":    func() error { return shell.InsertAll(s.App, "quotas", []dbx.Params{quota("e", 1)}) },
	} {
		if err := fn(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	stored("a11 b5 c23 e1")
}

func TestManyValuesAreOneParameter(t *testing.T) {
	s := hookstest.Start(t)
	strange := "it's \"<b>\" \\ {:x} [[y]]"
	for _, key := range []string{"a", "b", "c", strange} {
		if err := shell.Insert(s.App, "quotas", quota(key, 1)); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range [][]string{{}, {"b"}, {"a", "c"}, {strange}} {
		got := []string{}
		err := s.App.DB().Select("q.key").From("quotas q").Where(shell.In("q.key", append(want, "nobody"))).
			AndWhere(shell.In("q.window_start", []string{"", "never"})).OrderBy("q.key").Column(&got)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q, want %q: %v", got, want, err)
		}
	}
	if got := s.Int("SELECT COUNT(*) FROM quotas WHERE [[key]] IN "+shell.Among("keys"), dbx.Params{"keys": shell.List([]string(nil))}); got != 0 {
		t.Errorf("%d rows of no values", got)
	}
}

func TestRowIDsOfOneMomentAreNeighbours(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	seen := map[string]bool{}
	for range 1000 {
		id := shell.RowID(now)
		if !shell.IsID(id) || seen[id] {
			t.Fatalf("%q is no id, or was given out", id)
		}
		seen[id] = true
		if before, after := shell.RowID(now.Add(-time.Millisecond)), shell.RowID(now.Add(time.Millisecond)); before >= id || after <= id {
			t.Fatalf("%s is not between %s and %s", id, before, after)
		}
	}
	for _, odd := range []time.Time{{}, time.Unix(0, 0), now.AddDate(500, 0, 0)} {
		if id := shell.RowID(odd); !shell.IsID(id) {
			t.Errorf("at %v: %q is no id", odd, id)
		}
	}
}
