package migrations

import (
	_ "embed"

	"github.com/pocketbase/pocketbase/core"
	m "github.com/pocketbase/pocketbase/migrations"
)

//go:embed 1795400793_payouts.json
var payoutsCollections []byte

//go:embed 1795400793_payouts.sql
var payoutsRows string

func init() {
	m.Register(func(app core.App) error {
		if err := app.ImportCollectionsByMarshaledJSON(payoutsCollections, false); err != nil {
			return err
		}
		_, err := app.DB().NewQuery(payoutsRows).Execute()
		return err
	}, nil)
}
