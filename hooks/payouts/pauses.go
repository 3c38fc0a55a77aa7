package payouts

import (
	"net/http"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/money"
)

const (
	pauseByAdmin = "admin" // cause of a pause that somebody asked for
	shownPauses  = 50      // that are over
)

type pauseBody struct {
	Scope  string `json:"scope" help:"A currency, or all."`
	Reason string `json:"reason" help:"Why, 1 to 300 characters."`
}

type pauseData struct {
	ID         string     `json:"id"`
	Scope      string     `json:"scope" help:"A currency, or all."`
	Cause      string     `json:"cause" help:"admin where somebody asked for it, else what was seen, for example low_balance."`
	Detail     string     `json:"detail"`
	Automatic  bool       `json:"automatic" help:"Ends by itself when its cause does."`
	Since      time.Time  `json:"since"`
	LiftedAt   *time.Time `json:"lifted_at" help:"null while it lasts."`
	LiftedBy   string     `json:"lifted_by"`
	LiftReason string     `json:"lift_reason"`
}

type pausesData struct {
	Enabled  bool        `json:"enabled" help:"The kill switch: the value enabled of the payouts policy in force."`
	Switched bool        `json:"switched_on" help:"The operator's hard switch LL_PAYOUTS."`
	Pauses   []pauseData `json:"pauses" help:"Those that last, then the latest 50 that are over."`
}

func (d *desk) registerPauses(core.App) {
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodGet, Path: "/payouts/pauses", Who: shell.Superuser, Data: pausesData{},
		What:   "What stops sending at the moment, and what did.",
		Handle: d.listPauses,
	})
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/payouts/pause", Who: shell.Superuser, Body: pauseBody{}, Data: pauseData{},
		What:   "Stop sending of a currency, or of everything. Requests are still taken; what is on its way is still followed.",
		Faults: []*fault.Code{fault.InvalidInput, fault.AlreadyPaused},
		Handle: d.addPause,
	})
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/payouts/pauses/{id}/lift", Who: shell.Superuser, Body: reasonBody{}, Data: pauseData{},
		What:   "End a pause.",
		Params: []shell.Param{shell.Header("X-Confirmation", "From POST /confirm with the purpose "+confirmPause+".")},
		Faults: []*fault.Code{fault.NotFound, fault.InvalidInput, fault.ConfirmationRequired, fault.ApproverUnknown, fault.AlreadyDone},
		Handle: d.liftPause,
	})
}

func pauseOf(record *core.Record) pauseData {
	data := pauseData{
		ID: record.Id, Scope: record.GetString("scope"), Cause: record.GetString("cause"), Detail: record.GetString("detail"),
		Automatic: record.GetBool("automatic"), Since: record.GetDateTime("since").Time(),
		LiftedBy: record.GetString("lifted_by"), LiftReason: record.GetString("lift_reason"),
	}
	if lifted := record.GetDateTime("lifted_at").Time(); !lifted.IsZero() {
		data.LiftedAt = &lifted
	}
	return data
}

func (d *desk) listPauses(e *core.RequestEvent) error {
	policy, _, err := d.policy(e.App)
	if err != nil {
		return err
	}
	open, err := e.App.FindRecordsByFilter("payout_pauses", "lifted_at = ''", "since", 0, 0)
	if err != nil {
		return err
	}
	over, err := e.App.FindRecordsByFilter("payout_pauses", "lifted_at != ''", "-lifted_at", shownPauses, 0)
	if err != nil {
		return err
	}
	data := pausesData{Enabled: policy.Enabled, Switched: d.deps.Config.Paystack.Payouts, Pauses: []pauseData{}}
	for _, record := range append(open, over...) {
		data.Pauses = append(data.Pauses, pauseOf(record))
	}
	return shell.OK(e, data, "")
}

// addPause needs neither a person nor a confirmation: to stop must be quick.
func (d *desk) addPause(e *core.RequestEvent) error {
	body, err := shell.Bind[pauseBody](e)
	if err != nil {
		return err
	}
	if body.Reason, err = reason(body.Reason, true); err != nil {
		return err
	}
	policy, _, err := d.policy(e.App)
	if err != nil {
		return err
	}
	if _, paid := policy.Limits(money.Currency(body.Scope)); !paid && body.Scope != collections.PauseEverything {
		return fault.InvalidInput.On("scope").Saying("The scope is a currency of payouts, or all.")
	}
	var record *core.Record
	err = e.App.RunInTransaction(func(tx core.App) error {
		params := dbx.Params{"scope": body.Scope, "cause": pauseByAdmin}
		open, err := tx.FindRecordsByFilter("payout_pauses", "scope = {:scope} && cause = {:cause} && lifted_at = ''", "", 1, 0, params)
		if err != nil {
			return err
		}
		if len(open) > 0 {
			return fault.AlreadyPaused.On("scope")
		}
		if err := d.pause(tx, body.Scope, pauseByAdmin, body.Reason, false); err != nil {
			return err
		}
		if record, err = tx.FindFirstRecordByFilter("payout_pauses", "scope = {:scope} && cause = {:cause} && lifted_at = ''", params); err != nil {
			return err
		}
		return shell.Audit(tx, d.now(), shell.Act{
			Actor: shell.ActorOf(e.Auth), Action: "payout.pause", SubjectType: "payout_pauses", SubjectID: record.Id,
			Reason: body.Reason, Data: map[string]any{"scope": body.Scope},
		})
	})
	if err != nil {
		return err
	}
	return shell.OK(e, pauseOf(record), "Sending is paused.")
}

// liftPause wants a person and a fresh confirmation, because money leaves again.
// One is enough, also whoever paused: every payout keeps its own approval.
func (d *desk) liftPause(e *core.RequestEvent) error {
	body, err := shell.Bind[reasonBody](e)
	if err != nil {
		return err
	}
	if body.Reason, err = reason(body.Reason, true); err != nil {
		return err
	}
	var record *core.Record
	err = e.App.RunInTransaction(func(tx core.App) error {
		if _, known := accounts.AdminPerson(tx, e.Auth); !known {
			return fault.ApproverUnknown.On("authorization")
		}
		id := e.Request.PathValue("id")
		err := d.settleOnce(tx, e.Auth, once{
			name: "payout.lift", table: "payout_pauses", id: id, reason: body.Reason, open: "lifted_at = ''",
			set: "lifted_at = {:now}, lifted_by = {:actor}, lift_reason = {:reason}",
		})
		if err != nil {
			return err
		}
		if record, err = tx.FindRecordById("payout_pauses", id); err != nil {
			return err
		}
		return accounts.UseConfirmation(tx, d.now(), e.Auth, confirmPause, e.Request.Header.Get("X-Confirmation"))
	})
	if err != nil {
		return err
	}
	d.deps.Outbox.WakeRound("payouts.work")
	return shell.OK(e, pauseOf(record), "The pause is over.")
}
