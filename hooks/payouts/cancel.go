package payouts

import (
	"net/http"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/payout"
)

type cancelBody struct {
	Reason string `json:"reason,omitempty" help:"Why; an admin must say it, and the person reads it."`
}

func (d *desk) registerCancel(core.App) {
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/payouts/{id}/cancel", Who: shell.Account, Body: cancelBody{}, Data: payoutData{},
		What:   "Take back a payout that has not been sent: its owner, or an admin with a reason. The money is in the wallet again.",
		Faults: []*fault.Code{fault.NotFound, fault.PayoutState, fault.PayoutChanged, fault.InvalidInput, fault.AccountSuspended, fault.AccountBanned},
		Handle: d.cancel,
	})
}

// cancel needs no confirmation: the money goes back to where it came from. It
// works without Paystack, which has not heard of the payout.
func (d *desk) cancel(e *core.RequestEvent) error {
	body, err := optionalBody[cancelBody](e)
	if err != nil {
		return err
	}
	admin := e.Auth.IsSuperuser()
	if body.Reason, err = reason(body.Reason, admin); err != nil {
		return err
	}
	var record *core.Record
	err = e.App.RunInTransaction(func(tx core.App) (err error) {
		if record, err = tx.FindRecordById("payouts", e.Request.PathValue("id")); err != nil {
			return err
		}
		if !admin && record.GetString("user") != e.Auth.Id {
			return fault.NotFound.On("id") // a stranger is not told that it exists, nor how it stands
		}
		by := cause{Actor: shell.ActorOf(e.Auth), Reason: body.Reason}
		if !admin {
			_, err = d.applyTo(tx, record, by, payout.Cancel{By: e.Auth.Id})
			return err
		}
		return d.audited(tx, e.Auth, record, "payout.cancel", by, payout.Cancel{By: by.Actor, Admin: true})
	})
	if err != nil {
		return refusalOf(err)
	}
	return shell.OK(e, viewOf(record), record.GetString("status_text"))
}
