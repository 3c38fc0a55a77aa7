// Package consensus decides how votes reach clips: it hands clips out, admits
// votes, lets internal/consensus decide, and writes everything that follows from
// a verdict in the transaction of the vote that brought it. It refuses to show
// anybody a tally: before the verdict nothing readable changes by a vote.
package consensus

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/shell"
)

// Register binds the queue, assignments, votes, experts and corrections.
func Register(app core.App, deps *shell.Deps) {
	shell.RepeatableOnRefusal(app, "votes", "validator", sameVote)
	box := newBallotBox(app, deps)
	app.OnRecordCreateRequest("votes").Bind(&hook.Handler[*core.RecordRequestEvent]{
		Id:   "ll.votes.create.request",
		Func: func(e *core.RecordRequestEvent) error { return createVote(e, box) },
	})
	for _, table := range []string{"blocks", "relations"} {
		app.OnRecordDeleteExecute(table).Bind(&hook.Handler[*core.RecordEvent]{
			Id: "ll." + table + ".delete.queue",
			Func: func(e *core.RecordEvent) error {
				return shell.InTransaction(&e.App, func(tx core.App) error {
					if err := e.Next(); err != nil {
						return err
					}
					return offerAgain(tx, e.Record)
				})
			},
		})
	}
	registerStanding(app, deps)
	registerQueue(deps)
	registerSight(app, deps)
	registerAssignments(deps)
	registerAssessments(deps)
	registerTrust(deps)
	registerReviews(deps)
	registerGold(app, deps)
	registerEscalations(app, deps)
	registerTimeouts(deps)
	registerExperts(deps)
	registerClaims(deps)
	registerCorrections(deps)
	registerDisputes(deps)
	registerRefit(app, deps)
	registerSignals(deps)
}
