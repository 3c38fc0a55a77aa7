// Package ledger decides how money rows are written and read: postings with
// their accounts and the hash chain, campaigns that fund them, rewards from
// verdict to release, the wallet and its statement. It refuses a posting
// outside a transaction, under a used key, or against an account that cannot
// bear it. The arithmetic is internal/ledger and internal/rewards.
package ledger

import (
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
)

const releaseEvery = time.Second

// Register binds the ledger's routes, checks and jobs.
func Register(app core.App, deps *shell.Deps) {
	registerRates(app, deps)
	registerCampaigns(app, deps)
	registerWallet(deps)
	registerCorrections(deps)
	deps.Outbox.Handle(jobSettle, shell.JobHandler{
		InTx: func(tx core.App, job shell.Job) error { return settleUnfunded(tx, deps, job) },
	})
	deps.Outbox.Sweep("rewards.release", releaseEvery, func(app core.App) error { return ReleaseDue(app, deps) })
}
