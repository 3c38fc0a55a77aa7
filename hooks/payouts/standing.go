package payouts

import (
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/risk"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/payout"
)

// flagPaidLate is the flag of who owes what was paid twice. It freezes requests.
const flagPaidLate = "paid_late"

// registerStanding takes back what was approved for somebody who is suspended or
// banned since, or whose money waits for a decision. What is on its way finishes, and what they earned stays theirs:
// an admin decides about both.
func (d *desk) registerStanding(app core.App) {
	accounts.OnStandingChange(app).Bind(&hook.Handler[*accounts.StandingEvent]{
		Id: "ll.payouts.standing",
		Func: func(e *accounts.StandingEvent) error {
			if accounts.MayNotAct(e.User) {
				if err := d.holdBack(e.App, e.User.Id, "standing: "+e.To); err != nil {
					return err
				}
			}
			return e.Next()
		},
	})
	risk.OnFreeze(app).Bind(&hook.Handler[*risk.FreezeEvent]{
		Id: "ll.payouts.freeze",
		Func: func(e *risk.FreezeEvent) error {
			if e.On {
				if err := d.holdBack(e.App, e.User, "freeze"); err != nil {
					return err
				}
			}
			return e.Next()
		},
	})
}

// notFrozen refuses while the person's money waits for somebody's decision.
func notFrozen(tx core.App, user, field string) error {
	frozen, err := risk.Frozen(tx, user)
	if err == nil && frozen {
		return fault.PayoutsFrozen.On(field).Saying("Payouts of this account wait for a decision. The account's freezes say why.")
	}
	return err
}

// holdBack sends every payout of the person that has not been sent to review.
// The person is not told why.
func (d *desk) holdBack(tx core.App, user, why string) error {
	ids := []string{}
	err := tx.DB().NewQuery("SELECT id FROM payouts WHERE user = {:user} AND state IN ('requested', 'review', 'approved') ORDER BY id").
		Bind(dbx.Params{"user": user}).Column(&ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if _, err := d.apply(tx, id, cause{Actor: shell.System, Reason: why, Quiet: true}, payout.Flagged{}); err != nil {
			return err
		}
	}
	return nil
}
