// Package migrations is the frozen history of the schema: each step imports its
// own embedded definitions and data and nothing of the rest of the project, so
// that it does the same in a year. It refuses to be edited: what has landed is
// changed by a later step only.
package migrations

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// seedID derives a record id from what identifies a seeded row, so that every
// installation gives it the same one.
func seedID(kind, name string) string {
	sum := sha256.Sum256([]byte(kind + ":" + name))
	return hex.EncodeToString(sum[:])[:core.DefaultIdLength]
}

// insert writes a new row by SQL: what hooks and validators do with a record
// today must not change what a frozen step did.
func insert(app core.App, collection, id string, values map[string]any) error {
	target, err := app.FindCollectionByNameOrId(collection)
	if err != nil {
		return err
	}
	row := dbx.Params{"id": id}
	for name, value := range values {
		if list, ok := value.([]string); ok {
			raw, err := json.Marshal(list)
			if err != nil {
				return err
			}
			value = string(raw)
		}
		row[name] = value
	}
	for _, stamp := range []string{"created", "updated"} {
		if target.Fields.GetByName(stamp) != nil {
			row[stamp] = seedTime
		}
	}
	_, err = app.DB().Insert(collection, row).Execute()
	return err
}
