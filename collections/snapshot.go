package collections

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/pocketbase/pocketbase/core"
)

// errRollBack ends the transaction in which the declared schema was only tried.
var errRollBack = errors.New("rolled back on purpose")

// Drift compares the schema of a migrated database with the declared one. It
// returns, per collection that differs, the declared definition in the form
// that a migration imports; an empty list means that they agree. The database
// is left as it was.
func Drift(app core.App) ([]map[string]any, error) {
	drifted := []map[string]any{}
	err := app.RunInTransaction(func(tx core.App) error {
		all := slices.Concat(All(), extended())
		declared := make([]map[string]any, 0, len(all))
		before := map[string]map[string]any{}
		for _, collection := range all {
			definition, err := export(collection)
			if err != nil {
				return err
			}
			declared = append(declared, definition)
			if existing, err := tx.FindCollectionByNameOrId(collection.Name); err == nil {
				if before[collection.Name], err = export(existing); err != nil {
					return err
				}
			}
		}
		if err := tx.ImportCollections(declared, false); err != nil {
			return fmt.Errorf("the declared schema cannot be imported: %w", err)
		}
		for i, collection := range all {
			stored, err := tx.FindCollectionByNameOrId(collection.Name)
			if err != nil {
				return err
			}
			after, err := export(stored)
			if err != nil {
				return err
			}
			if !sameJSON(before[collection.Name], after) {
				drifted = append(drifted, declared[i])
			}
		}
		return errRollBack
	})
	if !errors.Is(err, errRollBack) {
		return nil, err
	}
	// The rolled back import is still in the cache.
	return drifted, app.ReloadCachedCollections()
}

// export is a collection as JSON without what differs between databases:
// timestamps and secrets.
func export(collection *core.Collection) (map[string]any, error) {
	raw, err := json.Marshal(collection)
	if err != nil {
		return nil, err
	}
	definition := map[string]any{}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&definition); err != nil {
		return nil, err
	}
	delete(definition, "created")
	delete(definition, "updated")
	if collection.Name == core.CollectionNameSuperusers {
		// how admins sign in is for each server to say; ours are the fields
		maps.DeleteFunc(definition, func(key string, _ any) bool {
			return !slices.Contains([]string{"id", "name", "type", "system", "fields", "indexes"}, key)
		})
	}
	if collection.IsView() {
		delete(definition, "fields") // made from the query
	}
	for _, option := range definition {
		if values, ok := option.(map[string]any); ok {
			delete(values, "secret")
		}
	}
	return definition, nil
}

func sameJSON(a, b map[string]any) bool {
	left, errLeft := json.Marshal(a)
	right, errRight := json.Marshal(b)
	return errLeft == nil && errRight == nil && bytes.Equal(left, right)
}
