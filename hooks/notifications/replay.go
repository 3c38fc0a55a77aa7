package notifications

import (
	"net/http"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
)

type replayBody struct {
	Reason string `json:"reason"`
}

type replayData struct {
	ID    string `json:"id"`
	State string `json:"state"`
}

// registerReplay lets admins send again what failed for good: a delivery, or a job of
// any kind. They are listed by the records API, which shows both to superusers.
func (o *office) registerReplay() {
	for _, r := range []struct{ path, what, table, action, again string }{
		{"/deliveries/{id}/replay", "Send a delivery again that failed for good.", "deliveries", "delivery.replay",
			"state = 'queued', attempts = 0, next_at = {:now}, expires_at = {:expires}, ticket = '', sent_at = '', finished_at = ''"},
		{"/jobs/{id}/replay", "Run a job again that was given up.", "jobs", "job.replay",
			"state = 'queued', attempts = 0, run_at = {:now}, lease_until = '', worker = '', finished_at = ''"},
	} {
		o.deps.Routes.Add(shell.Route{
			Method: http.MethodPost, Path: r.path, Who: shell.Superuser, Body: replayBody{}, Data: replayData{},
			What: r.what, Faults: []*fault.Code{fault.InvalidInput, fault.NotFound, fault.NotDead},
			Handle: func(e *core.RequestEvent) error {
				body, err := shell.Bind[replayBody](e)
				if err != nil {
					return err
				}
				if body.Reason = strings.TrimSpace(body.Reason); body.Reason == "" || len(body.Reason) > 500 {
					return fault.InvalidInput.On("reason").Saying("Say why, in up to 500 characters.")
				}
				if err := o.replay(e, r.table, r.action, r.again, body.Reason); err != nil {
					return err
				}
				return shell.OK(e, replayData{ID: e.Request.PathValue("id"), State: "queued"}, "It is tried again now.")
			},
		})
	}
}

// replay puts a row back by compare and set, with its line in the audit log. A mail
// that may have left is not dead, and is never sent again.
func (o *office) replay(e *core.RequestEvent, table, action, again, why string) error {
	id := e.Request.PathValue("id")
	return e.App.RunInTransaction(func(tx core.App) error {
		policy, err := o.policy(tx)
		if err != nil {
			return err
		}
		params := dbx.Params{"id": id, "now": shell.Stamp(o.now())}
		if table == "deliveries" {
			params["expires"] = shell.Stamp(o.now().Add(time.Duration(policy.LastsHours) * time.Hour))
		}
		changed, err := shell.Exec(tx, "UPDATE "+table+" SET "+again+" WHERE id = {:id} AND state = 'dead'", params)
		if err != nil {
			return err
		}
		if changed == 0 {
			var there bool
			if err := tx.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM " + table + " WHERE id = {:id})").Bind(dbx.Params{"id": id}).Row(&there); err != nil {
				return err
			}
			if !there {
				return fault.NotFound.On("id")
			}
			return fault.NotDead.On("id")
		}
		shell.AfterCommit(tx, o.deps.Outbox.Wake)
		return shell.Audit(tx, o.now(), shell.Act{
			Actor: shell.ActorOf(e.Auth), Action: action, SubjectType: table, SubjectID: id, Reason: why,
		})
	})
}
