package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
)

// migrationState is how the database stands to this program: migrations that it
// has had, that it still needs, and that only a newer program knows.
func migrationState(db dbx.Builder) (applied, pending, unknown []string, err error) {
	if err := db.NewQuery("SELECT file FROM _migrations").Column(&applied); err != nil {
		return nil, nil, nil, err
	}
	known := []string{}
	for _, list := range []core.MigrationsList{core.SystemMigrations, core.AppMigrations} {
		for _, step := range list.Items() {
			known = append(known, step.File)
			if !slices.Contains(applied, step.File) {
				pending = append(pending, step.File)
			}
		}
	}
	for _, file := range applied {
		if !slices.Contains(known, file) {
			unknown = append(unknown, file)
		}
	}
	return applied, pending, unknown, nil
}

// checkMigrations reports whether the schema is the one of this program.
func (d *doctor) checkMigrations(db dbx.Builder) bool {
	const name = "migrations"
	applied, pending, unknown, err := migrationState(db)
	if err != nil {
		d.broken(name, err)
		return false
	}
	switch {
	case len(unknown) > 0:
		d.fail(name, "run the newer program that made them; never an older one on its data", "this program does not know: %s", strings.Join(unknown, ", "))
	case len(pending) > 0 && d.inUse:
		d.fail(name, "restart the server with this program; make a backup first", "the running server is older; pending: %s", strings.Join(pending, ", "))
	case len(pending) > 0:
		d.warn(name, "start the server: it applies them; make a backup first", "pending: %s", strings.Join(pending, ", "))
	default:
		d.ok(name, "all %d are applied", len(applied))
		return true
	}
	return false
}

// checkSchema rebuilds the stored schema in a database of its own and compares
// it there with the declared one, so that the live database is only read.
func (d *doctor) checkSchema(db dbx.Builder) {
	const name, do = "schema and rules", "undo what was changed by hand, or write a migration; rules decide who reads what"
	differences, err := schemaDifferences(db)
	switch {
	case err != nil:
		d.broken(name, err)
	case len(differences) > 0:
		d.fail(name, do, "not as the program declares: %s", strings.Join(differences, ", "))
	default:
		d.ok(name, "fields, indexes and rules are as declared")
	}
}

func schemaDifferences(db dbx.Builder) (differences []string, err error) {
	live := []*core.Collection{}
	ours := dbx.NewExp("name NOT LIKE '\\_%' ESCAPE '\\' OR name = {:admins}", dbx.Params{"admins": core.CollectionNameSuperusers})
	if err := db.Select("*").From("_collections").Where(ours).OrderBy("rowid").All(&live); err != nil {
		return nil, err
	}
	err = withMigrations(core.MigrationsList{}, func(app core.App) error {
		if err := copySchema(app, live); err != nil {
			return err
		}
		left, err := undeclared(app)
		if err != nil {
			return err
		}
		for _, name := range left {
			differences = append(differences, name+" (not declared)")
		}
		drifted, err := collections.Drift(app)
		if err != nil {
			return err
		}
		for _, declared := range drifted {
			differences = append(differences, explainDrift(declared, live)...)
		}
		return nil
	})
	return differences, err
}

// copySchema makes the collections in an empty database.
func copySchema(app core.App, from []*core.Collection) error {
	raw, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return app.ImportCollectionsByMarshaledJSON(raw, true)
}

// explainDrift names what of a collection differs: the rules by name, the rest
// as one.
func explainDrift(declared map[string]any, live []*core.Collection) []string {
	name := fmt.Sprint(declared["name"])
	at := slices.IndexFunc(live, func(collection *core.Collection) bool { return collection.Name == name })
	if at < 0 {
		return []string{name + " (missing)"}
	}
	raw, err := json.Marshal(live[at])
	stored := map[string]any{}
	if err == nil {
		err = json.Unmarshal(raw, &stored)
	}
	if err != nil {
		return []string{name + " (unreadable)"}
	}
	rules := []string{}
	for key, want := range declared {
		if strings.HasSuffix(key, "Rule") && want != stored[key] {
			rules = append(rules, name+"."+key)
		}
	}
	if len(rules) == 0 {
		return []string{name + " (fields, indexes or options)"}
	}
	slices.Sort(rules)
	return rules
}
