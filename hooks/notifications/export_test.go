package notifications

import (
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
)

// Sweep runs the sweep of the area.
func Sweep(app core.App, deps *shell.Deps) error { return (&office{deps: deps}).sweep(app) }

// Batch runs the batch of an announcement that waits, alone, as the outbox would.
func Batch(app core.App, deps *shell.Deps, id string) error {
	o := &office{deps: deps}
	return app.RunInTransaction(func(tx core.App) error {
		var row struct {
			ID      string `db:"id"`
			Payload string `db:"payload"`
		}
		if err := tx.DB().NewQuery("SELECT id, payload FROM jobs WHERE kind = 'announce' AND state = 'queued' AND effect_key LIKE {:id} || ':%'").
			Bind(dbx.Params{"id": id}).One(&row); err != nil {
			return err
		}
		if _, err := shell.Exec(tx, "UPDATE jobs SET state = 'done', finished_at = run_at WHERE id = {:id}", dbx.Params{"id": row.ID}); err != nil {
			return err
		}
		return o.announce(tx, shell.Job{ID: row.ID, Raw: []byte(row.Payload)})
	})
}
