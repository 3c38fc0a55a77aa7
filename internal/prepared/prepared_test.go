package prepared

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const settings = "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_txlock=immediate"

// open opens a database in a file of its own, with a table of some rows.
func open(t *testing.T) (db *sql.DB, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "test.db")
	db = openAt(t, path)
	must(t, db, "CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT UNIQUE NOT NULL, said REAL, at DATETIME)")
	for i, word := range []string{"ina", "kwana", "lafiya"} {
		must(t, db, "INSERT INTO words (id, word) VALUES (?, ?)", i+1, word)
	}
	return db, path
}

func openAt(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := Open(path + settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

type runner interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func must(t *testing.T, on runner, text string, args ...any) {
	t.Helper()
	if _, err := on.ExecContext(t.Context(), text, args...); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// said is what a statement answers, errors included, as one text.
func said(t *testing.T, on runner, text string, args ...any) string {
	t.Helper()
	rows, err := on.QueryContext(t.Context(), text, args...)
	if err != nil {
		return "error: " + err.Error()
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{}
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%#v", values))
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return "error: " + err.Error()
	}
	return strings.Join(columns, ",") + ": " + strings.Join(lines, "; ")
}

// on runs fn with the only connection of the pool and what it keeps.
func on(t *testing.T, db *sql.DB, fn func(c *sql.Conn, own *conn)) {
	t.Helper()
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	var own *conn
	if err := c.Raw(func(raw any) error { own = raw.(*conn); return nil }); err != nil {
		t.Fatal(err)
	}
	fn(c, own)
}

func TestAStatementIsPreparedOnce(t *testing.T) {
	db, _ := open(t)
	on(t, db, func(c *sql.Conn, own *conn) {
		own.kept.closeAll()
		const read, write = "SELECT word FROM words WHERE id = ?", " \n\tinsert into words (word) values (?)"
		for i := range 3 {
			said(t, c, read, i)
			must(t, c, write, fmt.Sprint("new", i))
		}
		first := [2]*statement{own.kept.byText[read], own.kept.byText[write]}
		if len(own.kept.byText) != 2 || first[0] == nil || first[1] == nil {
			t.Fatalf("kept are %v", own.kept.byText)
		}
		if got := said(t, c, read, 2); got != `word: []interface {}{"kwana"}` {
			t.Error(got)
		}
		prepared, err := c.PrepareContext(t.Context(), write)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if _, err := prepared.Exec(fmt.Sprint("newer", i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := prepared.Close(); err != nil {
			t.Fatal(err)
		}
		if own.kept.byText[read] != first[0] || own.kept.byText[write] != first[1] || first[0].inUse || first[1].inUse {
			t.Error("they were prepared again, or not given back")
		}
	})
}

// A statement whose rows are being read is not handed out again.
func TestRowsOfOneTextSideBySide(t *testing.T) {
	db, _ := open(t)
	on(t, db, func(c *sql.Conn, own *conn) {
		const text = "SELECT word FROM words WHERE id >= ? ORDER BY id"
		words := func(rows *sql.Rows, n int) (got []string) {
			for ; n > 0 && rows.Next(); n-- {
				var word string
				if err := rows.Scan(&word); err != nil {
					t.Fatal(err)
				}
				got = append(got, word)
			}
			return got
		}
		query := func(from int) *sql.Rows {
			rows, err := c.QueryContext(t.Context(), text, from)
			if err != nil {
				t.Fatal(err)
			}
			return rows
		}
		outer := query(1)
		got := words(outer, 1)
		inner := query(2)
		got = append(got, words(inner, 1)...)
		got = append(got, words(outer, 1)...)
		if err := outer.Close(); err != nil {
			t.Fatal(err)
		}
		third := query(1) // takes over what outer gave back
		got = append(got, words(third, 1)...)
		got = append(got, words(inner, 9)...)
		if want := "ina kwana kwana ina lafiya"; strings.Join(got, " ") != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if err := errors.Join(inner.Close(), third.Close(), inner.Close()); err != nil {
			t.Fatal(err)
		}
		if s := own.kept.byText[text]; s == nil || s.inUse {
			t.Error("none of them was kept")
		}
		if got := said(t, c, text, 3); got != `word: []interface {}{"lafiya"}` {
			t.Error(got)
		}
	})
}

func TestASchemaThatChanges(t *testing.T) {
	for name, same := range map[string]bool{"by the same connection": true, "by another": false} {
		t.Run(name, func(t *testing.T) {
			db, path := open(t)
			other := openAt(t, path)
			on(t, db, func(c *sql.Conn, own *conn) {
				change := runner(c)
				if !same {
					change = other
				}
				const read, write = "SELECT * FROM words WHERE id = ?", "INSERT INTO words (word) VALUES (?)"
				look := func(want string) {
					t.Helper()
					if got := said(t, c, read, 1); got != want {
						t.Errorf("got %s, want %s", got, want)
					}
				}
				look(`id,word,said,at: []interface {}{1, "ina", interface {}(nil), interface {}(nil)}`)
				must(t, c, write, "before")
				must(t, change, "ALTER TABLE words ADD COLUMN more TEXT DEFAULT 'x'")
				look(`id,word,said,at,more: []interface {}{1, "ina", interface {}(nil), interface {}(nil), "x"}`)
				must(t, change, "CREATE TABLE log (word)")
				must(t, change, "CREATE TRIGGER logs AFTER INSERT ON words BEGIN INSERT INTO log VALUES (new.word); END")
				must(t, c, write, "after") // the kept statement fires the new trigger
				if got := said(t, c, "SELECT word FROM log"); got != `word: []interface {}{"after"}` {
					t.Error(got)
				}
				must(t, change, "DROP TABLE words")
				if got := said(t, c, read, 1); !strings.Contains(got, "no such table") {
					t.Errorf("of a table that is gone: %s", got)
				}
				if own.kept.byText[read] != nil {
					t.Error("a statement that failed is kept")
				}
				must(t, change, "CREATE TABLE words (id, word)")
				must(t, change, "INSERT INTO words VALUES (1, 'new')")
				look(`id,word: []interface {}{1, "new"}`)
			})
		})
	}
}

func TestAStatementThatFailed(t *testing.T) {
	db, _ := open(t)
	on(t, db, func(c *sql.Conn, own *conn) {
		const write = "INSERT INTO words (word) VALUES (?)"
		must(t, c, write, "new")
		if _, err := c.ExecContext(t.Context(), write, "ina"); err == nil || !strings.Contains(err.Error(), "UNIQUE") {
			t.Errorf("a word that is there: %v", err)
		}
		if own.kept.byText[write] != nil {
			t.Error("the statement is kept")
		}
		must(t, c, write, "newer")
		if _, err := c.ExecContext(t.Context(), write); err == nil {
			t.Error("it took the value of the last time")
		}
		prepared, err := c.PrepareContext(t.Context(), write)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := prepared.Exec("ina"); err == nil {
			t.Error("a word that is there was taken")
		}
		if err := prepared.Close(); err != nil {
			t.Errorf("closing repeats the error: %v", err)
		}
		if own.kept.byText[write] != nil {
			t.Error("the statement is kept")
		}
		for range 2 {
			if got := said(t, c, "SELECT missing FROM words"); !strings.Contains(got, "no such column") {
				t.Error(got)
			}
		}
	})
}

// An interrupted connection is given up by the driver; the pool goes on.
func TestAQueryThatIsCancelled(t *testing.T) {
	db, _ := open(t)
	db.SetMaxOpenConns(1)
	const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	var n int
	if err := db.QueryRowContext(ctx, endless).Scan(&n); err == nil {
		t.Fatal("it ended")
	}
	if got := said(t, db, "SELECT word FROM words WHERE id = ?", 1); got != `word: []interface {}{"ina"}` {
		t.Error(got)
	}
}

func TestTransactions(t *testing.T) {
	db, _ := open(t)
	db.SetMaxOpenConns(1)
	const write, count = "INSERT INTO words (word) VALUES (?)", "SELECT COUNT(*) FROM words"
	for i, commit := range []bool{true, false, true} {
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		must(t, tx, write, fmt.Sprint("new", i))
		rows, err := tx.Query("SELECT word FROM words") // left open: the end closes them
		if err != nil || !rows.Next() {
			t.Fatal(err)
		}
		if commit {
			err = errors.Join(rows.Close(), tx.Commit())
		} else {
			err = tx.Rollback()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := said(t, db, count); got != "COUNT(*): []interface {}{5}" {
		t.Error(got)
	}
}

// What waits to be used again holds no lock and no snapshot.
func TestKeptStatementsAreInNobodysWay(t *testing.T) {
	db, path := open(t)
	other := openAt(t, path)
	on(t, db, func(c *sql.Conn, own *conn) {
		said(t, c, "SELECT * FROM words")
		said(t, c, "SELECT * FROM words WHERE id = 0")
		var id int
		if err := c.QueryRowContext(t.Context(), "SELECT id FROM words").Scan(&id); err != nil { // rows are left
			t.Fatal(err)
		}
		must(t, c, "UPDATE words SET said = 1")
		if got := said(t, other, "PRAGMA wal_checkpoint(TRUNCATE)"); got != "busy,log,checkpointed: []interface {}{0, 0, 0}" {
			t.Errorf("a checkpoint: %s", got)
		}
		must(t, c, "VACUUM INTO ?", filepath.Join(t.TempDir(), "copy.db"))
		must(t, c, "VACUUM")
		must(t, other, "DROP TABLE words")
		if len(own.kept.byText) < 3 {
			t.Errorf("only %d statements were kept meanwhile", len(own.kept.byText))
		}
	})
}

func TestTheOldestGoes(t *testing.T) {
	db, _ := open(t)
	on(t, db, func(c *sql.Conn, own *conn) {
		held, err := c.QueryContext(t.Context(), "SELECT 'held' FROM words")
		if err != nil {
			t.Fatal(err)
		}
		text := func(i int) string { return fmt.Sprintf("SELECT %d", i) }
		for i := range mostKept + 20 {
			said(t, c, text(i))
			said(t, c, text(0))
		}
		if len(own.kept.byText) != mostKept || own.kept.recent.Len() != mostKept {
			t.Errorf("%d are kept in a list of %d", len(own.kept.byText), own.kept.recent.Len())
		}
		for name, want := range map[string]bool{text(0): true, text(1): false, text(mostKept + 19): true, "SELECT 'held' FROM words": true} {
			if _, got := own.kept.byText[name]; got != want {
				t.Errorf("%s: kept is %v", name, got)
			}
		}
		n := 0
		for held.Next() {
			n++
		}
		if err := held.Close(); err != nil || n != 3 {
			t.Errorf("%d rows of what was in use, %v", n, err)
		}
		if err := own.Close(); err != nil || len(own.kept.byText) != 0 {
			t.Errorf("after Close %d are kept, %v", len(own.kept.byText), err)
		}
	})
}

func TestKeeps(t *testing.T) {
	for text, want := range map[string]bool{
		"SELECT 1": true, "\n\t\tselect 1": true, "INSERT INTO t VALUES (1)": true, "UPDATE t SET a = 1": true, "DELETE FROM t": true,
		"WITH a(b) AS (SELECT 1) SELECT b FROM a": true, "SELECT(1)": true, "SELECT\n1": true,
		"": false, "SELECTED": false, "PRAGMA optimize": false, "VACUUM": false, "CREATE TABLE t (a)": false, "BEGIN IMMEDIATE": false,
		"ALTER TABLE t ADD COLUMN a": false, "ANALYZE": false, "-- SELECT\nDROP TABLE t": false, "EXPLAIN SELECT 1": false,
		"SELECT '" + strings.Repeat("a", longestKept) + "'": false,
	} {
		if got := keeps(text); got != want {
			t.Errorf("%.40q: %v, want %v", text, got, want)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	db, _ := open(t)
	db.SetMaxOpenConns(4)
	var done sync.WaitGroup
	for worker := range 8 {
		done.Go(func() {
			for i := range 100 {
				word := fmt.Sprintf("w%d-%d", worker, i)
				must(t, db, "INSERT INTO words (word) VALUES (?)", word)
				var got string
				err := db.QueryRowContext(t.Context(), "SELECT word FROM words WHERE word = ?", word).Scan(&got)
				if err != nil || got != word {
					t.Errorf("got %q instead of %q: %v", got, word, err)
					return
				}
			}
		})
	}
	done.Wait()
	if got := said(t, db, "SELECT COUNT(*) FROM words"); got != "COUNT(*): []interface {}{803}" {
		t.Error(got)
	}
}
