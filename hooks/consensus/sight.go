package consensus

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/shell"
)

// registerSight gives clips that are visible again a new turn in the queue. While
// they were hidden nobody was handed them, and everybody's place went past.
func registerSight(app core.App, deps *shell.Deps) {
	app.OnRecordUpdateExecute("clips").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.clips.update.queue",
		Func: func(e *core.RecordEvent) error {
			if e.Record.GetBool("hidden") || !e.Record.Original().GetBool("hidden") {
				return e.Next()
			}
			return shell.InTransaction(&e.App, func(tx core.App) error {
				if err := e.Next(); err != nil {
					return err
				}
				const waits = "(open = 1)"
				return newTurns(tx, deps.Clock.Now(), []string{e.Record.Id},
					"passed = CASE WHEN "+waits+" THEN 0 ELSE passed END, anybody = CASE WHEN "+waits+" THEN 0 ELSE anybody END", waits, nil)
			})
		},
	})
}
