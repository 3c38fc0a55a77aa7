// Package apptest decides how tests of the hooks get an app: one data directory
// per test binary, migrated and seeded with people once, cloned for every test,
// and driven over HTTP through the very router that production builds. It
// refuses to know any area: the caller passes the function that binds them.
package apptest

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"

	"github.com/lingualink/lingualink/internal/config"
	_ "github.com/lingualink/lingualink/migrations" // the schema
)

// Password is everybody's.
const Password = "correct horse battery"

// The people of the template. All are in good standing and speak Hausa (ha) and
// Yoruba (yo), but Guest, who is nobody.
const (
	Ada    = "ada"    // usually the speaker
	Bola   = "bola"   // validators from here on
	Chidi  = "chidi"  //
	Dayo   = "dayo"   //
	Emeka  = "emeka"  //
	Fatima = "fatima" //
	Musa   = "musa"   // has the role moderator
	Guest  = ""
	Admin  = "admin@lingualink.test" // the superuser
)

var people = []string{Ada, Bola, Chidi, Dayo, Emeka, Fatima, Musa}

// Wire binds the areas to an app and returns what drains the outbox.
type Wire func(app core.App, cfg config.Config) (drain func(context.Context, core.App) (int, error), err error)

// Server is one app with its own copy of the template's data.
type Server struct {
	t       testing.TB
	App     *tests.TestApp
	Handler http.Handler
	clock   string
	offset  time.Duration
	drain   func(context.Context, core.App) (int, error)
	tokens  map[string]string
}

// Start clones the template, binds the areas and builds the router. Variables
// of the environment are given as NAME=value. The outbox does not run by
// itself: call [Server.Drain].
func Start(t testing.TB, wire Wire, environ ...string) *Server {
	t.Helper()
	dir, err := template(wire)
	if err != nil {
		t.Fatalf("the template app: %v", err)
	}
	return StartOn(t, dir, wire, environ...)
}

// StartOn is [Start] on a copy of another data directory, as after a restore.
func StartOn(t testing.TB, dir string, wire Wire, environ ...string) *Server {
	t.Helper()
	app, err := tests.NewTestApp(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(app.Cleanup)
	s := &Server{t: t, App: app, clock: filepath.Join(t.TempDir(), "clock"), tokens: map[string]string{}}
	s.writeClock()
	mark := filepath.Join(filepath.Dir(s.clock), "payouts.json")
	cfg, err := config.Load(append([]string{"LL_TEST_CLOCK=" + s.clock, "LL_PAYOUTS_MARK=" + mark}, environ...))
	if err != nil {
		t.Fatal(err)
	}
	if s.drain, err = wire(app, cfg); err != nil {
		t.Fatal(err)
	}
	app.OnServe().Unbind("ll.shell.outbox.start")
	if s.Handler, err = buildMux(app); err != nil {
		t.Fatal(err)
	}
	return s
}

func buildMux(app core.App) (http.Handler, error) {
	router, err := apis.NewRouter(app)
	if err != nil {
		return nil, err
	}
	event := &core.ServeEvent{App: app, Router: router, Server: &http.Server{}}
	var mux http.Handler
	err = app.OnServe().Trigger(event, func(e *core.ServeEvent) error {
		mux, err = e.Router.BuildMux()
		return err
	})
	return mux, err
}

// Advance turns the server's clock forward.
func (s *Server) Advance(d time.Duration) {
	s.offset += d
	s.writeClock()
}

func (s *Server) writeClock() {
	s.t.Helper()
	next := s.clock + ".next"
	if err := os.WriteFile(next, []byte(s.offset.String()), 0o600); err != nil {
		s.t.Fatal(err)
	}
	// A distinct modification time makes the clock read the file again.
	stamp := time.Unix(1_700_000_000, 0).Add(s.offset)
	if err := os.Chtimes(next, stamp, stamp); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(next, s.clock); err != nil {
		s.t.Fatal(err)
	}
}

// Drain runs the outbox until nothing is due and returns how many jobs ran.
func (s *Server) Drain() int {
	s.t.Helper()
	finished, err := s.drain(context.Background(), s.App)
	if err != nil {
		s.t.Fatal(err)
	}
	return finished
}

// User is the record of one of the people.
func (s *Server) User(name string) *core.Record {
	s.t.Helper()
	record, err := s.App.FindFirstRecordByData("users", "username", name)
	if err != nil {
		s.t.Fatalf("user %s: %v", name, err)
	}
	return record
}

// Language is the id of a seeded language by its code.
func (s *Server) Language(code string) string {
	s.t.Helper()
	record, err := s.App.FindFirstRecordByData("languages", "code", code)
	if err != nil {
		s.t.Fatalf("language %s: %v", code, err)
	}
	return record.Id
}

// Token is a session of the person, made once; the empty name is no session.
func (s *Server) Token(name string) string {
	s.t.Helper()
	if name == Guest {
		return ""
	}
	if token := s.tokens[name]; token != "" {
		return token
	}
	record := s.superuser(name)
	if record == nil {
		record = s.User(name)
	}
	token, err := record.NewAuthToken()
	if err != nil {
		s.t.Fatal(err)
	}
	s.tokens[name] = token
	return token
}

func (s *Server) superuser(name string) *core.Record {
	if !strings.Contains(name, "@") { // people have names, admins have addresses
		return nil
	}
	record, err := s.App.FindAuthRecordByEmail(core.CollectionNameSuperusers, name)
	if err != nil {
		s.t.Fatal(err)
	}
	return record
}

// Forget drops the cached session, so that the next call signs in anew.
func (s *Server) Forget(name string) { delete(s.tokens, name) }

var templateOnce struct {
	sync.Once
	dir string
	err error
}

// template makes the data directory that every test of this binary clones. It
// is removed by the operating system's cleaning of temporary files if the
// binary is killed, and by [Main] otherwise.
func template(wire Wire) (string, error) {
	templateOnce.Do(func() {
		templateOnce.dir, templateOnce.err = makeTemplate(wire)
	})
	return templateOnce.dir, templateOnce.err
}

// Main runs the tests of a package and removes the template.
func Main(m *testing.M) {
	code := m.Run()
	if templateOnce.dir != "" {
		if err := os.RemoveAll(templateOnce.dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	os.Exit(code)
}

func makeTemplate(wire Wire) (string, error) {
	dir, err := os.MkdirTemp("", "lingualink-template-")
	if err != nil {
		return "", err
	}
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
	cfg, err := config.Load(nil)
	if err != nil {
		return "", err
	}
	if _, err := wire(app, cfg); err != nil {
		return "", err
	}
	if err := app.Bootstrap(); err != nil {
		return "", err
	}
	if err := app.RunAllMigrations(); err != nil {
		return "", err
	}
	if err := seedPeople(app); err != nil {
		return "", err
	}
	return dir, app.ClearBootstrap()
}

func seedPeople(app core.App) error {
	languages := []string{}
	for _, code := range []string{"ha", "yo"} {
		language, err := app.FindFirstRecordByData("languages", "code", code)
		if err != nil {
			return err
		}
		languages = append(languages, language.Id)
	}
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	for _, name := range people {
		person := core.NewRecord(users)
		person.SetEmail(name + "@lingualink.test")
		person.SetPassword(Password)
		person.Set("username", name)
		person.Set("languages", languages)
		if name == Musa {
			person.Set("roles", []string{"moderator"})
		}
		if err := app.Save(person); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	superusers, err := app.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		return err
	}
	admin := core.NewRecord(superusers)
	admin.SetEmail(Admin)
	admin.SetPassword(Password)
	return app.Save(admin)
}
