package main

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/internal/datadir"
)

// template is the directory that [migrated] has made, for TestMain to remove.
var template string

// migrated makes a directory to which all migrations are applied, once for all tests:
// they take seconds.
var migrated = sync.OnceValue(func() (err error) {
	if template, err = os.MkdirTemp("", "lingualink-migrated-"); err != nil {
		return err
	}
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: template, DBConnect: connect})
	if err := app.Bootstrap(); err != nil {
		return err
	}
	return errors.Join(app.RunAllMigrations(), app.ClearBootstrap())
})

// migratedDir is a copy of it.
func migratedDir(t *testing.T) string {
	t.Helper()
	if err := migrated(); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(dir, os.DirFS(template)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// migratedApp is an app on a directory of its own, opened as the program does,
// without any hook.
func migratedApp(t *testing.T) core.App {
	t.Helper()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: migratedDir(t), DBConnect: connect})
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := app.ClearBootstrap(); err != nil {
			t.Error(err)
		}
	})
	return app
}

func TestSettingsAreInForce(t *testing.T) {
	app := migratedApp(t)
	shared := map[string]string{
		"busy_timeout": "10000", "journal_mode": "wal", "journal_size_limit": "200000000",
		"foreign_keys": "1", "temp_store": "2", "cache_size": "-32000",
	}
	const normal, full = "1", "2"
	for name, pool := range map[string]struct {
		db          dbx.Builder
		synchronous string
		mapped      string // SQLite caps it at 2 GiB less a page group
		checkpoint  string
	}{
		"data, reading": {app.ConcurrentDB(), full, "2147418112", "10000"},
		"data, writing": {app.NonconcurrentDB(), full, "2147418112", "10000"},
		"logs, reading": {app.AuxConcurrentDB(), normal, "0", "1000"},
		"logs, writing": {app.AuxNonconcurrentDB(), normal, "0", "1000"},
	} {
		want := map[string]string{"synchronous": pool.synchronous, "mmap_size": pool.mapped, "wal_autocheckpoint": pool.checkpoint}
		for pragma, value := range shared {
			want[pragma] = value
		}
		for pragma, value := range want {
			var got string
			if err := pool.db.NewQuery("PRAGMA " + pragma).Row(&got); err != nil {
				t.Errorf("%s: %s: %v", name, pragma, err)
			} else if got != value {
				t.Errorf("%s: %s is %s, want %s", name, pragma, got, value)
			}
		}
		// _defensive: the schema table cannot be written, even when asked.
		if _, err := pool.db.NewQuery("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = sql").Execute(); err == nil {
			t.Errorf("%s: the schema table can be written", name)
		}
	}
}

// A statement is run again without being parsed again: the pools are those of
// internal/prepared.
func TestConnectionsKeepTheirStatements(t *testing.T) {
	app := migratedApp(t)
	for name, pool := range map[string]dbx.Builder{"data": app.NonconcurrentDB(), "logs": app.AuxConcurrentDB()} {
		db, ok := pool.(*dbx.DB)
		if !ok {
			t.Fatalf("%s: %T", name, pool)
		}
		conn, err := db.DB().Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		err = conn.Raw(func(raw any) error {
			if got := reflect.TypeOf(raw).String(); got != "*prepared.conn" {
				t.Errorf("%s: a connection is %s", name, got)
			}
			return nil
		})
		if err := errors.Join(err, conn.Close()); err != nil {
			t.Error(err)
		}
	}
}

// A transaction takes the write lock when it begins, not at its first write.
func TestTransactionsBeginWithTheLock(t *testing.T) {
	app := migratedApp(t)
	for _, name := range []string{datadir.Data, datadir.Logs} {
		path := filepath.Join(app.DataDir(), name)
		ours, err := connect(path)
		if err != nil {
			t.Fatal(err)
		}
		other, err := dbx.Open(driver, path) // no busy_timeout: it says so at once
		if err != nil {
			t.Fatal(err)
		}
		tx, err := ours.Begin()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.NewQuery("BEGIN IMMEDIATE").Execute(); err == nil || !strings.Contains(err.Error(), "locked") {
			t.Errorf("%s: another writer could begin: %v", name, err)
		}
		if err := errors.Join(tx.Rollback(), other.Close(), ours.Close()); err != nil {
			t.Error(err)
		}
	}
}

func TestLookIsOneSnapshot(t *testing.T) {
	app := migratedApp(t)
	const query = "SELECT COUNT(*) FROM quotas"
	write := func(id string) {
		t.Helper()
		err := app.RunInTransaction(func(tx core.App) error {
			_, err := tx.DB().Insert("quotas", dbx.Params{"id": id, "key": id, "window_start": "", "used": 0}).Execute()
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	seen := func(db dbx.Builder) (rows int) {
		t.Helper()
		if err := db.NewQuery(query).Row(&rows); err != nil {
			t.Fatal(err)
		}
		return rows
	}
	write("before")
	err := look(t.Context(), app.DataDir(), func(db dbx.Builder) error {
		write("meanwhile") // neither waits for the other
		if rows := seen(db); rows != 1 {
			t.Errorf("a commit of the writer is seen: %d", rows)
		}
		// Two results are read side by side, as the verification does.
		outer, err := db.NewQuery("SELECT id FROM languages").Rows()
		if err != nil {
			return err
		}
		defer outer.Close()
		for steps := 0; outer.Next() && steps < 3; steps++ {
			write("step" + string(rune('0'+steps)))
			if rows := seen(db); rows != 1 {
				t.Errorf("a commit of the writer is seen: %d", rows)
			}
		}
		if _, err := db.NewQuery("DELETE FROM quotas").Execute(); err == nil {
			t.Error("a reader could write")
		}
		return outer.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	err = look(t.Context(), app.DataDir(), func(db dbx.Builder) error {
		if rows := seen(db); rows != 5 {
			t.Errorf("the next look sees %d, want 5", rows)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLookWithoutDatabase(t *testing.T) {
	err := look(t.Context(), t.TempDir(), func(dbx.Builder) error {
		t.Error("there is nothing to look at")
		return nil
	})
	if !errors.Is(err, errNoDatabase) {
		t.Errorf("got %v", err)
	}
	planted := errors.New("planted")
	app := migratedApp(t)
	if err := look(t.Context(), app.DataDir(), func(dbx.Builder) error { return planted }); !errors.Is(err, planted) {
		t.Errorf("the error inside is lost: %v", err)
	}
}

func TestLookMigratedRefusesAnOlderDatabase(t *testing.T) {
	app := migratedApp(t)
	planted := errors.New("planted")
	if err := lookMigrated(t.Context(), app.DataDir(), func(dbx.Builder) error { return planted }); !errors.Is(err, planted) {
		t.Errorf("a database of this version: %v", err)
	}
	plantRows(t, app, "DELETE FROM _migrations WHERE file = '1795390078_consensus.go'")
	err := lookMigrated(t.Context(), app.DataDir(), func(dbx.Builder) error {
		t.Error("its tables are read")
		return nil
	})
	if !errors.Is(err, errOldDatabase) {
		t.Errorf("an older database: %v", err)
	}
}
