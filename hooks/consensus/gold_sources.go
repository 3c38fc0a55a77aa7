package consensus

import (
	"errors"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
)

// registerSources follows what becomes of the recordings that are or were gold.
func registerSources(app core.App, deps *shell.Deps) {
	app.OnRecordUpdateExecute("clips").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.clips.update.gold",
		Func: func(e *core.RecordEvent) error {
			before := e.Record.Original()
			withdrawn := e.Record.GetString("status") == collections.ClipWithdrawn && before.GetString("status") != collections.ClipWithdrawn
			hides := e.Record.GetBool("hidden") != before.GetBool("hidden")
			if e.Record.GetBool("control") || !withdrawn && !hides {
				return e.Next()
			}
			return shell.InTransaction(&e.App, func(tx core.App) error {
				if withdrawn || e.Record.GetBool("hidden") {
					e.Record.Set("reserved", false) // this save writes it
				}
				if err := e.Next(); err != nil {
					return err
				}
				return followSource(tx, deps, deps.Clock.Now(), e.Record, withdrawn)
			})
		},
	})
}

// followSource ends the service of a recording that its speaker withdrew or that
// was hidden. Whoever may not hear the recording may not hear its controls.
func followSource(tx core.App, deps *shell.Deps, now time.Time, source *core.Record, withdrawn bool) error {
	g, err := findGold(tx, "source", source.Id)
	if errors.Is(err, fault.NotFound.On("")) {
		return nil
	}
	if err != nil {
		return err
	}
	hidden := source.GetBool("hidden")
	_, err = shell.Exec(tx, "UPDATE clips SET hidden = {:hidden} WHERE id IN (SELECT clip FROM clip_tallies WHERE gold = {:gold} AND gold != '')",
		dbx.Params{"gold": g.ID, "hidden": hidden})
	if err != nil {
		return err
	}
	switch {
	case withdrawn:
		if err := withdrawControls(tx, now, allControls, g.ID); err != nil {
			return err
		}
		return g.retire(tx, deps, now, "withdrawn")
	case hidden:
		return g.retire(tx, deps, now, "hidden")
	}
	return nil
}
