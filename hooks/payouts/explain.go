package payouts

import (
	"net/http"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
)

type explainBody struct {
	Kind   string `json:"kind" help:"topped_up, settlement, fee, levy, or payout: one that this database has lost, which its person then owes."`
	Reason string `json:"reason" help:"What it was, 1 to 300 characters."`
}

// registerExplain lets an admin say what a line in suspense was. A word alone
// would leave the amount there, and what a lost payout paid out in the wallet, to
// be paid again: so the explanation is a posting.
func (d *desk) registerExplain(core.App) {
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/balance-rows/{id}/explain", Who: shell.Superuser, Body: explainBody{}, Data: settledData{},
		What:   "Say what a change of the balance at Paystack was that the ledger did not have, and book it as that.",
		Params: []shell.Param{shell.Header("X-Confirmation", "From POST /confirm with the purpose "+confirmApproval+".")},
		Faults: []*fault.Code{fault.NotFound, fault.InvalidInput, fault.AlreadyDone, fault.ApproverUnknown, fault.ConfirmationRequired},
		Handle: func(e *core.RequestEvent) error {
			body, err := shell.Bind[explainBody](e)
			if err != nil {
				return err
			}
			if body.Reason, err = reason(body.Reason, true); err != nil {
				return err
			}
			id := e.Request.PathValue("id")
			err = e.App.RunInTransaction(func(tx core.App) error { return d.explain(tx, e, id, body) })
			if err != nil {
				return err
			}
			return shell.OK(e, settledData{ID: id, State: "explained"}, "Booked.")
		},
	})
}

func (d *desk) explain(tx core.App, e *core.RequestEvent, id string, body explainBody) error {
	if _, known := accounts.AdminPerson(tx, e.Auth); !known {
		return fault.ApproverUnknown.On("authorization")
	}
	if err := d.explainBalanceRow(tx, id, body.Kind, shell.ActorOf(e.Auth), body.Reason); err != nil {
		return err
	}
	if _, err := shell.Exec(tx, "UPDATE alerts SET state = 'done', done_by = {:by}, note = {:note}, done_at = {:now}, updated = {:now} WHERE kind = 'balance_line' AND subject_id = {:id} AND state = 'open'",
		dbx.Params{"id": id, "by": shell.ActorOf(e.Auth), "note": body.Reason, "now": shell.Stamp(d.now())}); err != nil {
		return err
	}
	return accounts.UseConfirmation(tx, d.now(), e.Auth, confirmApproval, e.Request.Header.Get("X-Confirmation"))
}
