package clips

import (
	"database/sql"
	"errors"
	"net/http"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
)

func registerWithdrawal(deps *shell.Deps) {
	deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/clips/{id}/withdraw", Who: shell.Person, Data: map[string]any{},
		What:   "Take your own clip back, at any time: it is hidden everywhere at once. What it earned stays yours. Repeating does nothing.",
		Faults: []*fault.Code{fault.NotFound},
		Handle: func(e *core.RequestEvent) error {
			clip, err := shell.Transact(e.App, func(tx core.App) (*core.Record, error) {
				return Withdraw(tx, deps, e.Request.PathValue("id"), e.Auth)
			})
			if err != nil {
				return err
			}
			if err := apis.EnrichRecord(e, clip); err != nil {
				return err
			}
			return shell.OK(e, clip, "The clip is withdrawn.")
		},
	})
}

// Withdraw takes a clip back for its owner. It decides inside the transaction,
// so that it and a verdict at the same moment come one after the other.
func Withdraw(tx core.App, deps *shell.Deps, id string, owner *core.Record) (*core.Record, error) {
	clip, err := tx.FindRecordById("clips", id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fault.NotFound.On("id")
	}
	if err != nil {
		return nil, err
	}
	if clip.GetString("owner") != owner.Id || clip.GetBool("control") {
		return nil, fault.NotFound.On("id") // does not say whether it exists
	}
	if clip.GetString("status") == collections.ClipWithdrawn {
		return clip, nil
	}
	before := clip.GetString("status")
	clip.Set("status", collections.ClipWithdrawn)
	clip.Set("withdrawn_at", deps.Clock.Now())
	if err := tx.Save(clip); err != nil {
		return nil, err
	}
	if _, err := shell.Exec(tx, "UPDATE clip_tallies SET open = 0, ready = 0 WHERE clip = {:clip}", dbx.Params{"clip": id}); err != nil {
		return nil, err
	}
	return clip, shell.Audit(tx, deps.Clock.Now(), shell.Act{
		Actor: shell.ActorOf(owner), Action: "clip.withdraw", SubjectType: "clips", SubjectID: id, Data: map[string]string{"was": before},
	})
}
