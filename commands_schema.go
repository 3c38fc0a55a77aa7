package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/lingualink/lingualink/collections"
)

const migrationsDir = "migrations"

func newSchemaCommand() *cobra.Command {
	snapshot := &cobra.Command{
		Use:   "snapshot NAME",
		Short: "Write a migration to the declared schema",
		Long: `Compare the schema that the migrations lead to with the one that collections/
declares and write a migration for what differs: migrations/<unix>_<name>.json and
the .go file that imports it. It works on a database of its own, in the root of
the source tree. Given the name of the newest migration again, it rewrites that
one's JSON, as long as it is not frozen (see schema freeze).

An import adds and changes but never removes: fields and collections that are no
longer declared are named, and removing them is a migration written by hand.`,
		Example: "  go run . schema snapshot clip_dialects",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			said, err := snapshotSchema(migrationsDir, args[0], time.Now())
			fmt.Fprint(command.OutOrStdout(), said)
			return err
		},
	}
	freeze := &cobra.Command{
		Use:   "freeze",
		Short: "Add the new migrations to migrations/FROZEN",
		Long: `Add a line with the SHA-256 of every migration file and seed file that has none
to migrations/FROZEN. From then on a test fails when the file changes. Run it when
a migration lands, in the root of the source tree.`,
		Example: "  go run . schema freeze",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			added, err := freezeMigrations(migrationsDir)
			for _, line := range added {
				fmt.Fprintln(command.OutOrStdout(), line)
			}
			if err == nil && len(added) == 0 {
				fmt.Fprintln(command.OutOrStdout(), "nothing to do: every migration is frozen")
			}
			return err
		},
	}
	return group("schema", "Write migrations (for developers)", snapshot, freeze)
}

var (
	migrationFile = regexp.MustCompile(`^([0-9]{10})_([a-z][a-z0-9]*(?:_[a-z0-9]+)*)\.go$`)
	migrationName = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
)

// migration is one step, a file <unix>_<name>.go.
type migration struct {
	unix int64
	name string
}

func (m migration) stem() string { return fmt.Sprintf("%d_%s", m.unix, m.name) }

// listMigrations returns the steps in the directory, oldest first.
func listMigrations(dir string) ([]migration, error) {
	if _, err := os.Stat(filepath.Join(dir, "migrations.go")); err != nil {
		return nil, errors.New("there are no migrations here; run this in the root of the source tree")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	steps := []migration{}
	for _, entry := range entries {
		if parts := migrationFile.FindStringSubmatch(entry.Name()); parts != nil {
			unix, err := strconv.ParseInt(parts[1], 10, 64)
			if err != nil {
				return nil, err
			}
			steps = append(steps, migration{unix: unix, name: parts[2]})
		}
	}
	slices.SortFunc(steps, func(a, b migration) int { return cmp.Compare(a.unix, b.unix) })
	return steps, nil
}

// snapshotSchema writes the migration and returns what to tell the developer.
func snapshotSchema(dir, name string, now time.Time) (string, error) {
	if !migrationName.MatchString(name) {
		return "", fmt.Errorf("%q is not a name for a migration; use small letters, digits and underscores", name)
	}
	steps, err := listMigrations(dir)
	if err != nil {
		return "", err
	}
	next, again := migration{unix: now.Unix(), name: name}, false
	if n := len(steps); n > 0 {
		newest := steps[n-1]
		next.unix = max(next.unix, newest.unix+1)
		if again = newest.name == name; again {
			next = newest
		}
	}
	if again {
		if err := mustNotBeFrozen(dir, next.stem()+".json"); err != nil {
			return "", err
		}
	} else if slices.ContainsFunc(steps, func(step migration) bool { return step.name == name }) {
		return "", fmt.Errorf("there is an older migration called %s; choose another name", name)
	}

	drifted, err := driftWithout(next.stem() + ".go")
	switch {
	case err != nil:
		return "", err
	case len(drifted) == 0 && again:
		return "", fmt.Errorf("%s would be empty; remove its files", next.stem())
	case len(drifted) == 0:
		return "nothing to do: the migrations lead to the declared schema\n", nil
	}
	return writeMigration(dir, next, drifted, again)
}

// driftWithout compares the declared schema with what the migrations lead to,
// the one of the given file left out.
func driftWithout(file string) (drifted []map[string]any, err error) {
	err = withSchema(file, func(app core.App) error {
		if left, err := undeclared(app); err != nil || len(left) > 0 {
			return cmp.Or(err, fmt.Errorf("no longer declared: %s; write a migration that removes them first", strings.Join(left, ", ")))
		}
		drifted, err = collections.Drift(app)
		return err
	})
	return drifted, err
}

// withSchema runs fn on a new, empty database to which every migration but the
// one of the given file was applied.
func withSchema(without string, fn func(app core.App) error) error {
	steps := core.MigrationsList{}
	for _, step := range core.AppMigrations.Items() {
		if step.File != without {
			steps.Add(step)
		}
	}
	return withMigrations(steps, fn)
}

// withMigrations runs fn on a new database with PocketBase's own tables, to
// which the steps were applied. The database is removed afterwards.
func withMigrations(steps core.MigrationsList, fn func(app core.App) error) (err error) {
	dir, err := os.MkdirTemp("", "lingualink-schema-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
	if err := app.Bootstrap(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, app.ClearBootstrap()) }()

	if _, err := core.NewMigrationsRunner(app, steps).Up(); err != nil {
		return err
	}
	return fn(app)
}

func writeMigration(dir string, step migration, drifted []map[string]any, again bool) (string, error) {
	var definitions bytes.Buffer
	encoder := newTabEncoder(&definitions)
	if err := encoder.Encode(drifted); err != nil {
		return "", err
	}
	stem := filepath.Join(dir, step.stem())
	if err := os.WriteFile(stem+".json", definitions.Bytes(), 0o644); err != nil {
		return "", err
	}
	said := "wrote " + stem + ".json\n"
	if !again {
		source := strings.NewReplacer("STEM", step.stem(), "NAME", camel(step.name)).Replace(migrationSource)
		if err := os.WriteFile(stem+".go", []byte(source), 0o644); err != nil {
			return "", err
		}
		said += "wrote " + stem + ".go\n"
	}
	for _, definition := range drifted {
		said += fmt.Sprintf("  %s\n", definition["name"])
	}
	return said + "Run the tests of collections/ and migrations/, then: go run . schema freeze\n", nil
}

const migrationSource = `package migrations

import (
	_ "embed"

	"github.com/pocketbase/pocketbase/core"
	m "github.com/pocketbase/pocketbase/migrations"
)

//go:embed STEM.json
var NAMECollections []byte

func init() {
	m.Register(func(app core.App) error {
		return app.ImportCollectionsByMarshaledJSON(NAMECollections, false)
	}, nil)
}
`

// camel turns clip_dialects into clipDialects.
func camel(snake string) string {
	first, rest, _ := strings.Cut(snake, "_")
	for word := range strings.SplitSeq(rest, "_") {
		if word != "" {
			first += strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return first
}
