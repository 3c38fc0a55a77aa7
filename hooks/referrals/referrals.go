// Package referrals decides when somebody is brought by somebody, and carries out
// what follows: codes and the page behind them, claims, activation by what people
// do, bonuses, commission, and what is taken back. The rules are those of
// internal/referral; money moves by hooks/ledger.
//
// It listens to what happens and scans for nothing. It refuses an account whose
// code got lost on the way, a second referrer, to pay for a sign-up, to pay one
// thing twice, and to show anything of others but their public card and how far
// they have come.
package referrals

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
)

// Register binds the area.
func Register(app core.App, deps *shell.Deps) {
	registerCodes(app, deps)
	registerShare(app, deps)
	registerClaims(app, deps)
	registerActivity(app, deps)
	registerCommission(app, deps)
	registerFraud(app, deps)
	registerView(deps)
}
