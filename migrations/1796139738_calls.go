package migrations

import (
	_ "embed"

	"github.com/pocketbase/pocketbase/core"
	m "github.com/pocketbase/pocketbase/migrations"
)

//go:embed 1796139738_calls.json
var callsCollections []byte

func init() {
	m.Register(func(app core.App) error {
		return app.ImportCollectionsByMarshaledJSON(callsCollections, false)
	}, nil)
}
