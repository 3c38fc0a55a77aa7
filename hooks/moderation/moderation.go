// Package moderation decides how reports become cases and cases become decisions:
// it takes reports, keeps the queue, gives cases to one person at a time, and
// carries out what a decision brings with it, in one transaction with its notice
// and its row in the audit log. What may follow from what is internal/moderation.
//
// It refuses to say who reported somebody to anybody but staff who open the case,
// and the case itself to whom it is about. It refuses staff of whom it is not known
// which person they are. It refuses to decide twice, and to leave anything of a
// decision half done. What a ban does elsewhere binds to the change of standing.
package moderation

import (
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	rules "github.com/lingualink/lingualink/internal/moderation"
)

const (
	leasesEvery    = time.Second
	standingsEvery = time.Second
	overdueEvery   = time.Minute
	sweepBatch     = 100
)

// desk is what the handlers of this area share.
type desk struct {
	deps *shell.Deps
}

// Register binds the area.
func Register(app core.App, deps *shell.Deps) {
	d := &desk{deps: deps}
	app.Store().Set(deskKey, d)
	Handle(app, rules.Clip, clipSubject())
	Handle(app, rules.User, userSubject())
	Handle(app, rules.Stream, d.streamSubject())
	Handle(app, rules.Message, messageSubject())
	d.registerReports(app)
	d.registerVerbs()
	d.registerOpen()
	d.registerResolve()
	d.registerQueue()
	d.registerView()
	d.registerFigures()
	d.registerStandings(app)
	d.registerAppeals(app)
	d.registerExperts(app)
	d.registerTexts(app)
	d.registerNotices()
	deps.Outbox.Sweep("cases.leases", leasesEvery, d.expireLeases)
	deps.Outbox.Sweep("cases.overdue", overdueEvery, d.markOverdue)
	deps.Outbox.Sweep("sanctions", standingsEvery, d.endSanctions)
}

// deskKey is where the desk is kept for the functions that other areas call.
const deskKey = "ll.moderation.desk"

func (d *desk) now() time.Time { return d.deps.Clock.Now() }

// policy is the moderation policy in force, with its version.
func (d *desk) policy(app core.App) (rules.Policy, int64, error) {
	return shell.Policy(app, d.now(), shell.PolicyModeration, "", rules.ParsePolicy)
}
