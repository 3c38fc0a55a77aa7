// Package badges decides when contributions are counted and what the counts
// bring: badges and their certificates, streaks of days, places on leaderboards.
// The rules are those of internal/badges and internal/leaderboard.
//
// It counts in jobs, so that nobody who votes or uploads waits for it, and each
// verdict once: what a verdict says is added, what the one before it said is
// taken off. It refuses to take a badge back because a count fell, to tell
// controls from other clips, and to show people on boards who may not or do not
// want to be seen there.
package badges

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/shell"
)

// Register binds the jobs that count, what admins may add, and the routes.
func Register(app core.App, deps *shell.Deps) {
	deps.Outbox.Handle(jobVerdict, shell.JobHandler{InTx: func(tx core.App, job shell.Job) error { return countVerdict(tx, deps, job) }})
	consensus.OnVerdict(app).Bind(&hook.Handler[*consensus.VerdictEvent]{
		Id: "ll.badges.verdict",
		Func: func(e *consensus.VerdictEvent) error {
			if err := deps.Outbox.Enqueue(e.App, shell.Job{Kind: jobVerdict, Key: e.Verdict, Payload: verdictJob{Verdict: e.Verdict}}); err != nil {
				return err
			}
			return e.Next()
		},
	})
	registerDays(app, deps)
	registerCatalogue(app)
	registerProgress(deps)
	registerBoards(deps)
	registerCertificates(app, deps)
}
