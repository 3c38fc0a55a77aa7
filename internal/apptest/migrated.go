package apptest

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/pocketbase/pocketbase/core"
)

// Database is one migrated database for a whole package, without any hook. Its
// tests only look, or roll back what they write.
type Database struct {
	once sync.Once
	app  core.App
	dir  string
	err  error
}

// App is the database's app, made on the first call.
func (d *Database) App(t testing.TB) core.App {
	t.Helper()
	d.once.Do(func() {
		if d.dir, d.err = os.MkdirTemp("", "lingualink-migrated-"); d.err != nil {
			return
		}
		app := core.NewBaseApp(core.BaseAppConfig{DataDir: d.dir})
		if d.err = app.Bootstrap(); d.err == nil {
			d.app = app
			d.err = app.RunAllMigrations()
		}
	})
	if d.err != nil {
		t.Fatal(d.err)
	}
	return d.app
}

// Main runs the tests of a package and removes the database.
func (d *Database) Main(m *testing.M) {
	code := m.Run()
	if d.app != nil {
		d.err = d.app.ClearBootstrap()
	}
	if err := errors.Join(d.err, os.RemoveAll(d.dir)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
