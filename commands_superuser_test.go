package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
)

func TestSuperuserPerson(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	const admin = "admin@lingualink.test"
	if code, out, said := outcome(t, nil, "superuser", "upsert", admin, "correct horse battery", "--dir", dir); code != 0 {
		t.Fatal(out, said)
	}
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	if err := app.RunAllMigrations(); err != nil {
		t.Fatal(err)
	}
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		t.Fatal(err)
	}
	ada := core.NewRecord(users)
	ada.SetEmail("ada@lingualink.test")
	ada.SetPassword("correct horse battery")
	ada.Set("username", "ada")
	ada.Set("username_key", "ada")
	ada.Set("standing", "good")
	if err := app.Save(ada); err != nil {
		t.Fatal(err)
	}
	if err := app.ClearBootstrap(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{admin}, 1, "name the user"},
		{[]string{admin, "ada", "--none"}, 1, "name the user"},
		{[]string{}, 1, "arg(s)"},
		{[]string{admin, "nobody"}, 1, "no user with this name"},
		{[]string{"nobody@lingualink.test", "ada"}, 1, "no superuser with this address"},
		{[]string{admin, "Ada"}, 0, "is the user Ada"},
		{[]string{admin, "--none"}, 0, "is no user"},
	} {
		code, out, said := outcome(t, nil, append([]string{"superuser", "person", "--dir", dir}, test.args...)...)
		if code != test.code || !strings.Contains(out+said, test.says) {
			t.Errorf("%q: exit code %d: %s%s", test.args, code, out, said)
		}
	}
	code, out, said := outcome(t, nil, "audit", "verify", "--json", "--dir", dir)
	if code != 0 || !strings.Contains(out, `"rows": 2`) {
		t.Errorf("the log: exit code %d: %s%s", code, out, said)
	}
	for _, test := range []struct {
		args  []string
		code  int
		lines int
		says  string
	}{
		{nil, 0, 3, "superuser.person"},
		{[]string{"--format", "json", "--actor", "command"}, 0, 2, `"action":"superuser.person"`},
		{[]string{"--subject", "cases"}, 0, 1, "prev_hash"},
		{[]string{"--format", "pdf"}, 1, 0, "csv or json"},
		{[]string{"--from", "soon"}, 1, 0, "RFC 3339"},
	} {
		code, out, said := outcome(t, nil, append([]string{"audit", "export", "--dir", dir}, test.args...)...)
		if code != test.code || code == 0 && strings.Count(out, "\n") != test.lines || !strings.Contains(out+said, test.says) {
			t.Errorf("export %q: exit code %d: %s%s", test.args, code, out, said)
		}
	}
}
