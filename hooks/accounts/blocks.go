package accounts

import (
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
)

func registerBlocks(app core.App) {
	app.OnRecordCreate("blocks").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.blocks.create",
		Func: func(e *core.RecordEvent) error {
			if e.Record.GetString("user") == e.Record.GetString("blocked") {
				return fault.BlockSelf.On("blocked")
			}
			return e.Next()
		},
	})
	shell.Repeatable(app, "blocks", "user", func(stored, sent *core.Record) bool {
		return stored.GetString("blocked") == sent.GetString("blocked")
	})
}

// Blocked tells whether one of two people blocks the other.
func Blocked(app core.App, a, b string) (bool, error) {
	return paired(app, `
		SELECT EXISTS (SELECT 1 FROM blocks WHERE user = {:a} AND blocked = {:b})
		    OR EXISTS (SELECT 1 FROM blocks WHERE user = {:b} AND blocked = {:a})`, a, b)
}

// Linked tells whether two accounts are known to belong together, by whatever
// sign: people must not judge or refer themselves through a second account.
func Linked(app core.App, a, b string) (bool, error) {
	return paired(app, `
		SELECT EXISTS (SELECT 1 FROM relations WHERE a = {:a} AND b = {:b})
		    OR EXISTS (SELECT 1 FROM relations WHERE a = {:b} AND b = {:a})`, a, b)
}

func paired(app core.App, query, a, b string) (bool, error) {
	var found bool
	err := app.DB().NewQuery(query).Bind(dbx.Params{"a": a, "b": b}).Row(&found)
	return found, err
}
