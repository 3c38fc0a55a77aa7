package migrations

import (
	_ "embed"

	"github.com/pocketbase/pocketbase/core"
	m "github.com/pocketbase/pocketbase/migrations"
)

//go:embed 1795401202_consensus_secrecy.json
var consensusSecrecyCollections []byte

//go:embed 1795401202_consensus_secrecy.sql
var consensusSecrecyRows string

func init() {
	m.Register(func(app core.App) error {
		if err := app.ImportCollectionsByMarshaledJSON(consensusSecrecyCollections, false); err != nil {
			return err
		}
		_, err := app.DB().NewQuery(consensusSecrecyRows).Execute()
		return err
	}, nil)
}
