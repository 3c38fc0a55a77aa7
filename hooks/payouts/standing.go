package payouts

import (
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/payout"
)

// flagPaidLate is the flag of who owes what was paid twice. It freezes requests.
const flagPaidLate = "paid_late"

// registerStanding takes back what was approved for somebody who is suspended or
// banned since. What is on its way finishes, and what they earned stays theirs:
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
