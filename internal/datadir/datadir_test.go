package datadir_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/lingualink/lingualink/internal/datadir"
)

func TestOneServerAtATime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "data")
	wantUse(t, dir, false)

	first, err := datadir.Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	wantUse(t, dir, true)

	var busy *datadir.BusyError
	if _, err := datadir.Acquire(dir); !errors.As(err, &busy) {
		t.Fatalf("a second server got %v, want a BusyError", err)
	}
	if text := busy.Error(); busy.Dir != dir || !strings.Contains(text, dir) || !strings.Contains(text, "--dir") {
		t.Errorf("the message does not name the directory and what to do: %s", text)
	}

	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	wantUse(t, dir, false)
	second, err := datadir.Acquire(dir)
	if err != nil {
		t.Fatalf("after the release: %v", err)
	}
	if err := second.Release(); err != nil {
		t.Fatal(err)
	}
}

func TestInUseLeavesNoTrace(t *testing.T) {
	dir := t.TempDir()
	wantUse(t, dir, false)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 0 {
		t.Errorf("looking left %v behind", entries)
	}
}

func wantUse(t *testing.T, dir string, want bool) {
	t.Helper()
	used, err := datadir.InUse(dir)
	if err != nil {
		t.Fatal(err)
	}
	if used != want {
		t.Errorf("in use is %v, want %v", used, want)
	}
}

func TestAcquireRefusesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := datadir.Acquire(path); err == nil {
		t.Error("a file was taken for a directory")
	}
}

func TestReadOnlyDSN(t *testing.T) {
	for _, name := range []string{"plain", "with space", "100% #1?"} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		path = filepath.Join(path, datadir.Data)

		db, err := sql.Open("sqlite", datadir.ReadOnlyDSN(path))
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Ping(); err == nil {
			t.Errorf("%s: a database that is not there was opened", name)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: looking made a database", name)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil { // an empty file is an empty database
			t.Fatal(err)
		}
		if err := db.Ping(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := db.Exec("CREATE TABLE planted (id)"); err == nil {
			t.Errorf("%s: a reader could write", name)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestLimitsAreReadable(t *testing.T) {
	if free, known := datadir.FreeBytes(t.TempDir()); known && free == 0 {
		t.Error("no space at all, yet the directory was made")
	}
	if _, known := datadir.FreeBytes(filepath.Join(t.TempDir(), "missing")); known {
		t.Error("a missing directory has free space")
	}
	if files, known := datadir.OpenFiles(); known && files < 3 {
		t.Errorf("only %d open files, yet this test runs", files)
	}
}
