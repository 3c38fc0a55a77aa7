package prepared

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"reflect"
	"testing"
)

// plainAt opens a database by the driver alone.
func plainAt(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path+settings)
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

// Every statement answers what the driver alone answers, the second time too.
func TestAnswersAreThoseOfTheDriver(t *testing.T) {
	dir := t.TempDir()
	ours, plain := openAt(t, filepath.Join(dir, "ours.db")), plainAt(t, filepath.Join(dir, "plain.db"))
	ours.SetMaxOpenConns(1)
	plain.SetMaxOpenConns(1)
	type call struct {
		text string
		args []any
	}
	for _, c := range []call{
		{"CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE, n REAL, at DATETIME, b BLOB)", nil},
		{"INSERT INTO t (name, n) VALUES (?, ?) RETURNING id, name", []any{"a", 1.5}},
		{"INSERT INTO t (name, n) VALUES (?, ?), (?, ?)", []any{"b", 2, "c", nil}},
		{"INSERT INTO t (name) VALUES ('d'); INSERT INTO t (name) VALUES ('e')", nil},
		{"INSERT INTO t (name) VALUES (:name)", []any{sql.Named("name", "f")}},
		{"INSERT INTO t (name) VALUES ('g'); INSERT INTO nowhere VALUES (1)", nil},
		{"INSERT INTO t (name) VALUES (?) ON CONFLICT (name) DO UPDATE SET n = 7 RETURNING n", []any{"a"}},
		{"SELECT * FROM t ORDER BY id", nil},
		{"SELECT name FROM t WHERE name LIKE ? ORDER BY id", []any{"%"}},
		{"SELECT ?, ?, ?, ?", []any{true, "x", []byte("y"), int64(1) << 62}},
		{"SELECT name FROM t WHERE id = ?", nil},
		{"SELECT name FROM t WHERE id = ?", []any{1, 2}},
		{"SELECT 1 WHERE 0", nil},
		{"SELECT", nil},
		{"UPDATE t SET at = '2026-01-02 03:04:05' WHERE id = ? RETURNING at", []any{1}},
		{"SELECT at, typeof(at) FROM t ORDER BY id", nil},
		{"SELECT json_extract(?, '$[1]')", []any{"[1, 2]"}},
		{"SELECT abs(-9223372036854775807 - 1)", nil},
		{"DELETE FROM t WHERE name = ?", []any{"b"}},
		{"WITH two(i) AS (VALUES (1), (2)) SELECT i FROM two", nil},
		{"PRAGMA foreign_keys", nil},
		{"EXPLAIN QUERY PLAN SELECT 1", nil},
		{"SELECT COUNT(*), SUM(n) FROM t", nil},
	} {
		for again := range 2 {
			if got, want := said(t, ours, c.text, c.args...), said(t, plain, c.text, c.args...); got != want {
				t.Errorf("query %d of %q:\n got %s\nwant %s", again, c.text, got, want)
			}
			if got, want := done(t, ours, c.text, c.args...), done(t, plain, c.text, c.args...); got != want {
				t.Errorf("execution %d of %q:\n got %s\nwant %s", again, c.text, got, want)
			}
		}
	}
}

// done is what executing a statement comes to.
func done(t *testing.T, db *sql.DB, text string, args ...any) string {
	t.Helper()
	result, err := db.ExecContext(t.Context(), text, args...)
	if err != nil {
		return "error: " + err.Error()
	}
	id, err := result.LastInsertId()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := result.RowsAffected()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("id %d, %d rows", id, rows)
}

func TestColumnTypesAreThoseOfTheDriver(t *testing.T) {
	db, path := open(t)
	plain := plainAt(t, path)
	types := func(db *sql.DB) (all []string) {
		rows, err := db.Query("SELECT id, word, said, at, COUNT(*) FROM words")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		if !rows.Next() {
			t.Fatal(rows.Err())
		}
		columns, err := rows.ColumnTypes()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range columns {
			length, sized := c.Length()
			null, known := c.Nullable()
			precision, scale, decimal := c.DecimalSize()
			all = append(all, fmt.Sprint(c.Name(), c.DatabaseTypeName(), c.ScanType(), length, sized, null, known, precision, scale, decimal))
		}
		return all
	}
	if got, want := types(db), types(plain); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func BenchmarkSelect(b *testing.B) {
	for name, open := range map[string]func(path string) (*sql.DB, error){
		"plain":    func(path string) (*sql.DB, error) { return sql.Open("sqlite", path+settings) },
		"prepared": func(path string) (*sql.DB, error) { return Open(path + settings) },
	} {
		b.Run(name, func(b *testing.B) {
			db, err := open(filepath.Join(b.TempDir(), "bench.db"))
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec("CREATE TABLE words (id TEXT PRIMARY KEY, word TEXT, language TEXT, at TEXT); INSERT INTO words VALUES ('a', 'ina', 'ha', '')"); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				var word string
				err := db.QueryRow("SELECT w.word FROM words w WHERE w.id = ? AND w.language IN (SELECT value FROM json_each(?)) ORDER BY w.at DESC LIMIT 1", "a", `["ha"]`).Scan(&word)
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
