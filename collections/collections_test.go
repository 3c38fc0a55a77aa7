package collections_test

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/dbutils"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/money"
)

// database is what the declared schema is compared with.
var database apptest.Database

func TestMain(m *testing.M) { database.Main(m) }

func migrated(t *testing.T) core.App {
	t.Helper()
	return database.App(t)
}

func TestMigratedSchemaIsTheDeclaredOne(t *testing.T) {
	app := migrated(t)
	drifted, err := collections.Drift(app)
	if err != nil {
		t.Fatal(err)
	}
	for _, definition := range drifted {
		t.Errorf("%s differs; run: go run . schema snapshot NAME", definition["name"])
	}

	// An import keeps what is no longer declared, so that is looked for here.
	stored, err := app.FindAllCollections()
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]*core.Collection{}
	kinds := map[string]int{}
	for _, collection := range collections.All() {
		declared[collection.Name] = collection
		kinds[collection.Type]++
	}
	for _, kind := range []string{core.CollectionTypeBase, core.CollectionTypeAuth, core.CollectionTypeView} {
		if kinds[kind] == 0 {
			t.Errorf("no collection of type %s was compared", kind)
		}
	}
	for _, collection := range stored {
		if strings.HasPrefix(collection.Name, "_") {
			continue // PocketBase's own
		}
		want := declared[collection.Name]
		if want == nil {
			t.Errorf("%s is in the database and not declared", collection.Name)
			continue
		}
		delete(declared, collection.Name)
		if collection.Type != want.Type {
			t.Errorf("%s is of type %s, declared %s", collection.Name, collection.Type, want.Type)
		}
		if got, want := names(collection), names(want); !collection.IsView() && !slices.Equal(got, want) {
			t.Errorf("%s has the fields %v, declared %v", collection.Name, got, want)
		}
	}
	for name := range declared {
		t.Errorf("%s is declared and not in the database", name)
	}
}

func names(collection *core.Collection) []string {
	return slices.Sorted(maps.Keys(collection.Fields.AsMap()))
}

// The comparison above must be able to fail: each change is made and undone.
func TestDriftSeesEveryKindOfChange(t *testing.T) {
	app := migrated(t)
	errUndo := errors.New("undo")
	for name, change := range map[string]func(c *core.Collection){
		"rule":    func(c *core.Collection) { open := ""; c.ListRule = &open },
		"help":    func(c *core.Collection) { c.Fields.GetByName("purpose").(*core.TextField).Help = "planted" },
		"limit":   func(c *core.Collection) { c.Fields.GetByName("purpose").(*core.TextField).Max = 7 },
		"hidden":  func(c *core.Collection) { c.Fields.GetByName("purpose").SetHidden(true) },
		"cascade": func(c *core.Collection) { c.Fields.GetByName("user").(*core.RelationField).CascadeDelete = true },
		"index":   func(c *core.Collection) { c.RemoveIndex("idx_confirmations_token_hash") },
		"missing": func(c *core.Collection) { c.Fields.RemoveByName("used_at") },
	} {
		t.Run(name, func(t *testing.T) {
			err := app.RunInTransaction(func(tx core.App) error {
				collection, err := tx.FindCollectionByNameOrId("confirmations")
				if err != nil {
					return err
				}
				change(collection)
				if err := tx.Save(collection); err != nil {
					return err
				}
				drifted, err := collections.Drift(tx)
				if err != nil {
					return err
				}
				if len(drifted) != 1 || drifted[0]["name"] != "confirmations" {
					t.Errorf("saw %d collections, want confirmations", len(drifted))
				}
				return errUndo
			})
			if !errors.Is(err, errUndo) {
				t.Fatal(err)
			}
			if err := app.ReloadCachedCollections(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestDriftLeavesTheDatabaseAsItWas(t *testing.T) {
	app := migrated(t)
	before := schemaRows(t, app)
	if _, err := collections.Drift(app); err != nil {
		t.Fatal(err)
	}
	if after := schemaRows(t, app); !slices.Equal(before, after) {
		t.Error("looking changed the schema")
	}
}

func schemaRows(t *testing.T, app core.App) []string {
	t.Helper()
	rows := []string{}
	err := app.DB().NewQuery(`
		SELECT COALESCE(sql, name) FROM sqlite_schema
		UNION ALL SELECT name || updated || fields || indexes || options FROM _collections ORDER BY 1`).Column(&rows)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) < len(collections.All()) {
		t.Fatalf("only %d rows", len(rows))
	}
	return rows
}

func TestFieldsAreExplained(t *testing.T) {
	for _, collection := range collections.All() {
		if collection.IsView() {
			continue // its fields are made from the query
		}
		shown := false
		for _, field := range collection.Fields {
			value := reflect.ValueOf(field).Elem()
			if mark := value.FieldByName("Presentable"); mark.IsValid() && mark.Bool() {
				shown = true
			}
			if field.Type() == core.FieldTypeAutodate {
				continue // PocketBase has no help text for it
			}
			if help := value.FieldByName("Help").String(); !strings.HasSuffix(help, ".") || len(help) < 5 {
				t.Errorf("%s.%s: the help text is %q, want a sentence", collection.Name, field.GetName(), help)
			}
		}
		if !shown {
			t.Errorf("%s: no field is presentable; relations to it show bare ids", collection.Name)
		}
	}
}

func TestAmountsAreWholeAndExact(t *testing.T) {
	seen := 0
	for _, collection := range collections.All() {
		for _, field := range collection.Fields {
			if !strings.HasSuffix(field.GetName(), "_minor") {
				continue
			}
			seen++
			number, ok := field.(*core.NumberField)
			if !ok || !number.OnlyInt || number.Max == nil || *number.Max != float64(money.MaxMinor) ||
				number.Min == nil || *number.Min < -float64(money.MaxMinor) {
				t.Errorf("%s.%s is not a whole number within ±(2^53-1)", collection.Name, field.GetName())
			}
		}
	}
	if seen < 6 {
		t.Errorf("only %d amounts were looked at", seen)
	}
}

func TestNothingCascades(t *testing.T) {
	users, seen := 0, 0
	for _, collection := range collections.All() {
		for _, field := range collection.Fields {
			relation, ok := field.(*core.RelationField)
			if !ok {
				continue
			}
			seen++
			if relation.CollectionId == collections.UsersID {
				users++
			}
			if relation.CascadeDelete {
				t.Errorf("%s.%s deletes its row with the row it points to", collection.Name, field.GetName())
			}
		}
	}
	if users < 10 || seen < 20 {
		t.Errorf("only %d relations, %d to users, were looked at", seen, users)
	}
}

func TestIndexesExist(t *testing.T) {
	app := migrated(t)
	for _, collection := range collections.All() {
		for _, declared := range collection.Indexes {
			index := dbutils.ParseIndex(declared)
			var unique bool
			err := app.DB().NewQuery("SELECT [[unique]] FROM pragma_index_list({:table}) WHERE name = {:name}").
				Bind(map[string]any{"table": collection.Name, "name": index.IndexName}).Row(&unique)
			if err != nil {
				t.Errorf("%s: %s: %v", collection.Name, index.IndexName, err)
			} else if unique != index.Unique {
				t.Errorf("%s: %s is unique: %v", collection.Name, index.IndexName, unique)
			}
		}
	}
}

// PocketBase takes a relation with a unique index of its own for one to one and does
// not read the index's condition: a rule that looks back through it looks at one of
// the rows. A second column in the index tells it better.
func TestNoRuleLooksBackThroughAConditionalIndex(t *testing.T) {
	rules := map[string]string{}
	for _, collection := range collections.All() {
		for _, rule := range []*string{collection.ListRule, collection.ViewRule, collection.CreateRule, collection.UpdateRule, collection.DeleteRule} {
			if rule != nil {
				rules[collection.Name] += *rule + "\n"
			}
		}
	}
	seen := 0
	for _, collection := range collections.All() {
		for _, declared := range collection.Indexes {
			index := dbutils.ParseIndex(declared)
			if !index.Unique || index.Where == "" {
				continue
			}
			seen++
			back := collection.Name + "_via_" + index.Columns[0].Name
			for name, text := range rules {
				if len(index.Columns) == 1 && strings.Contains(text, back) {
					t.Errorf("the rules of %s look through %s, of which %s seems to make one", name, back, index.IndexName)
				}
			}
		}
	}
	if seen == 0 {
		t.Error("no index was looked at")
	}
}

// The order of All is what a migration imports in.
func TestRelationsPointBackwards(t *testing.T) {
	known := map[string]bool{core.NewAuthCollection(core.CollectionNameSuperusers).Id: true} // PocketBase's own are there already
	for _, collection := range collections.All() {
		known[collection.Id] = true
		for _, field := range collection.Fields {
			if relation, ok := field.(*core.RelationField); ok && !known[relation.CollectionId] {
				t.Errorf("%s.%s points to a collection that is not declared before it", collection.Name, relation.Name)
			}
		}
	}
}
