package payouts

import (
	"database/sql"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/risk"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
)

const maxFlagReason = 500

type flagBody struct {
	Outcome string `json:"outcome" help:"cleared: nothing in it; confirmed: true, and acted upon."`
	Reason  string `json:"reason" help:"Why, for whoever looks next; at most 500 characters."`
}

type flagData struct {
	Flag  string `json:"flag"`
	User  string `json:"user"`
	Kind  string `json:"kind"`
	State string `json:"state"`
}

func (d *desk) registerFlags(core.App) {
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/risk-flags/{id}/decide", Who: shell.Moderator, Body: flagBody{}, Data: flagData{},
		What:   "Decide a risk flag of somebody else, once. Small payouts of a person whose flags were all cleared need no approval.",
		Faults: []*fault.Code{fault.InvalidInput, fault.NotFound, fault.FlagDecided, fault.FlagOfCluster},
		Handle: d.decideFlag,
	})
}

func (d *desk) decideFlag(e *core.RequestEvent) error {
	body, err := shell.Bind[flagBody](e)
	if err != nil {
		return err
	}
	if body.Outcome != collections.FlagCleared && body.Outcome != collections.FlagConfirmed {
		return fault.InvalidInput.On("outcome").Saying("The outcome is cleared or confirmed.")
	}
	reason := strings.TrimSpace(body.Reason)
	if n := utf8.RuneCountInString(reason); n == 0 || n > maxFlagReason {
		return fault.InvalidInput.On("reason").Saying("Say why, in at most 500 characters.")
	}
	data, err := shell.Transact(e.App, func(tx core.App) (flagData, error) {
		return d.closeFlag(tx, e.Request.PathValue("id"), body.Outcome, reason, e.Auth)
	})
	if err != nil {
		return err
	}
	return shell.OK(e, data, "The flag is decided.")
}

func (d *desk) closeFlag(tx core.App, id, outcome, reason string, by *core.Record) (flagData, error) {
	record, err := tx.FindRecordById("risk_flags", id)
	if errors.Is(err, sql.ErrNoRows) {
		return flagData{}, fault.NotFound.On("id")
	}
	if err != nil {
		return flagData{}, err
	}
	if err := accounts.MayDecideAbout(tx, by, record.GetString("user"), record.GetString("other")); err != nil {
		return flagData{}, err
	}
	if record.GetString("kind") == risk.FlagCluster {
		return flagData{}, fault.FlagOfCluster.On("id").With("cluster", record.GetString("subject_id"))
	}
	now := shell.Stamp(d.now())
	won, err := shell.Exec(tx, `
		UPDATE risk_flags SET state = {:outcome}, decided_by = {:by}, reason = {:reason}, decided_at = {:now}, updated = {:now}
		WHERE id = {:id} AND state = {:open}`,
		dbx.Params{"id": id, "open": collections.FlagOpen, "outcome": outcome, "by": shell.ActorOf(by), "reason": reason, "now": now})
	if err != nil {
		return flagData{}, err
	}
	if won != 1 {
		return flagData{}, fault.FlagDecided.On("id")
	}
	data := flagData{Flag: id, User: record.GetString("user"), Kind: record.GetString("kind"), State: outcome}
	return data, shell.Audit(tx, d.now(), shell.Act{
		Actor: shell.ActorOf(by), Action: "risk_flag.decide", SubjectType: "risk_flags", SubjectID: id, Reason: reason,
		Data: map[string]any{"user": data.User, "other": record.GetString("other"), "kind": data.Kind, "outcome": outcome},
	})
}
