package migrations

import (
	_ "embed"

	"github.com/pocketbase/pocketbase/core"
	m "github.com/pocketbase/pocketbase/migrations"
)

//go:embed 1796136789_moderation.json
var moderationCollections []byte

//go:embed 1796136789_moderation.sql
var moderationRows string

func init() {
	m.Register(func(app core.App) error {
		if err := app.ImportCollectionsByMarshaledJSON(moderationCollections, false); err != nil {
			return err
		}
		_, err := app.DB().NewQuery(moderationRows).Execute()
		return err
	}, nil)
}
