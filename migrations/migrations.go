// Package migrations is the frozen history of the schema: each step imports its
// own embedded definitions and data and nothing of the rest of the project, so
// that it does the same in a year. It refuses to be edited: what has landed is
// changed by a later step only.
package migrations

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/pocketbase/pocketbase/core"
)

// seedID derives a record id from what identifies a seeded row, so that every
// installation gives it the same one.
func seedID(kind, name string) string {
	sum := sha256.Sum256([]byte(kind + ":" + name))
	return hex.EncodeToString(sum[:])[:core.DefaultIdLength]
}

// saveNew saves a new record with the given id and values.
func saveNew(app core.App, collection, id string, values map[string]any) error {
	target, err := app.FindCollectionByNameOrId(collection)
	if err != nil {
		return err
	}
	record := core.NewRecord(target)
	record.Set("id", id)
	for name, value := range values {
		record.Set(name, value)
	}
	return app.Save(record)
}
