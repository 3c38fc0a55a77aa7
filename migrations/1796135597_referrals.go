package migrations

import (
	_ "embed"

	"github.com/pocketbase/pocketbase/core"
	m "github.com/pocketbase/pocketbase/migrations"
)

//go:embed 1796135597_referrals.json
var referralsCollections []byte

//go:embed 1796135597_referrals.sql
var referralsRows string

func init() {
	m.Register(func(app core.App) error {
		if err := app.ImportCollectionsByMarshaledJSON(referralsCollections, false); err != nil {
			return err
		}
		_, err := app.DB().NewQuery(referralsRows).Execute()
		return err
	}, nil)
}
