package migrations

import (
	_ "embed"

	"github.com/pocketbase/pocketbase/core"
	m "github.com/pocketbase/pocketbase/migrations"
)

//go:embed 1795390078_consensus.json
var consensusCollections []byte

//go:embed 1795390078_consensus.sql
var consensusRows string

func init() {
	m.Register(func(app core.App) error {
		if err := app.ImportCollectionsByMarshaledJSON(consensusCollections, false); err != nil {
			return err
		}
		_, err := app.DB().NewQuery(consensusRows).Execute()
		return err
	}, nil)
}
