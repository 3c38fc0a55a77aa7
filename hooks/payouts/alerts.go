package payouts

import (
	"net/http"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
)

type noteBody struct {
	Note string `json:"note" help:"What was done about it, 1 to 300 characters."`
}

type settledData struct {
	ID    string `json:"id"`
	State string `json:"state"`
}

// once is a deed that ends the open state of a row. The statements are ours, not
// the caller's.
type once struct {
	name, table, id, reason string
	open, set               string // SQL: what is still open, and what ends it
}

// settleOnce does it with a row in the audit log; whoever comes second is told.
func (d *desk) settleOnce(tx core.App, admin *core.Record, o once) error {
	actor := shell.ActorOf(admin)
	changed, err := shell.Exec(tx, "UPDATE "+o.table+" SET "+o.set+" WHERE id = {:id} AND "+o.open,
		dbx.Params{"id": o.id, "now": shell.Stamp(d.now()), "actor": actor, "reason": o.reason})
	if err != nil {
		return err
	}
	if changed != 1 {
		if _, err := tx.FindRecordById(o.table, o.id); err != nil {
			return err
		}
		return fault.AlreadyDone.On("id")
	}
	return shell.Audit(tx, d.now(), shell.Act{Actor: actor, Action: o.name, SubjectType: o.table, SubjectID: o.id, Reason: o.reason})
}

// registerAlerts lets admins say what they made of what was found. It changes no
// money: that is what explaining a line of the balance does.
func (d *desk) registerAlerts(core.App) {
	faults := []*fault.Code{fault.NotFound, fault.InvalidInput, fault.AlreadyDone}
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/alerts/{id}/done", Who: shell.Superuser, Body: noteBody{}, Data: settledData{}, Faults: faults,
		What: "Say that an alert was looked at, and what was done.",
		Handle: func(e *core.RequestEvent) error {
			body, err := shell.Bind[noteBody](e)
			if err != nil {
				return err
			}
			return d.note(e, body.Note, once{
				name: "alert.done", table: "alerts", open: "state = 'open'",
				set: "state = 'done', done_by = {:actor}, note = {:reason}, done_at = {:now}, updated = {:now}",
			}, "done")
		},
	})
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/orphan-transfers/{id}/explain", Who: shell.Superuser, Body: reasonBody{}, Data: settledData{}, Faults: faults,
		What: "Say what a transfer was that this database did not know.",
		Handle: func(e *core.RequestEvent) error {
			body, err := shell.Bind[reasonBody](e)
			if err != nil {
				return err
			}
			return d.note(e, body.Reason, once{
				name: "orphan_transfer.explain", table: "orphan_transfers", open: "state = 'open'",
				set: "state = 'explained', explained_by = {:actor}, reason = {:reason}, explained_at = {:now}",
			}, "explained")
		},
	})
}

func (d *desk) note(e *core.RequestEvent, text string, o once, state string) error {
	var err error
	if o.reason, err = reason(text, true); err != nil {
		return err
	}
	o.id = e.Request.PathValue("id")
	if err := e.App.RunInTransaction(func(tx core.App) error { return d.settleOnce(tx, e.Auth, o) }); err != nil {
		return err
	}
	return shell.OK(e, settledData{ID: o.id, State: state}, "Noted.")
}
