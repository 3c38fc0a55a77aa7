package moderation

import (
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/shell"
	rules "github.com/lingualink/lingualink/internal/moderation"
)

// jobEscalation opens the case of an escalation that is older than cases.
const jobEscalation = "cases.escalation"

type escalationOrder struct {
	Escalation string `json:"escalation"`
}

// registerExperts gives every clip about which experts are asked a case, and ends
// it when they have decided.
func (d *desk) registerExperts(app core.App) {
	consensus.OnEscalation(app).Bind(&hook.Handler[*consensus.EscalationEvent]{
		Id: "ll.moderation.escalation",
		Func: func(e *consensus.EscalationEvent) error {
			if err := askedExperts(e.App, e.Clip, e.Cause); err != nil {
				return err
			}
			return e.Next()
		},
	})
	consensus.OnEscalationEnd(app).Bind(&hook.Handler[*consensus.EscalationEvent]{
		Id: "ll.moderation.escalation_end",
		Func: func(e *consensus.EscalationEvent) error {
			if err := d.expertsDecided(e); err != nil {
				return err
			}
			return e.Next()
		},
	})
	d.deps.Outbox.Handle(jobEscalation, shell.JobHandler{InTx: func(tx core.App, job shell.Job) error {
		var order escalationOrder
		if err := json.Unmarshal(job.Raw, &order); err != nil {
			return err
		}
		record, err := tx.FindRecordById("escalations", order.Escalation)
		if err != nil || record.GetString("state") != collections.EscalationOpen {
			return err
		}
		return askedExperts(tx, record.GetString("clip"), record.GetString("cause"))
	}})
}

// causeWords tell staff why experts are asked.
var causeWords = map[string]string{
	collections.CauseMaxVotes: "The votes do not agree.", collections.CauseTimeout: "Nobody is left who could vote.",
	collections.CauseGold:  "Honest validators miss this gold clip.",
	collections.CauseAudit: "The re-estimate contradicts the verdict.", collections.CauseDispute: "The speaker disputes the verdict.",
}

func askedExperts(tx core.App, clip, cause string) error {
	_, err := File(tx, Claim{Type: rules.Clip, ID: clip, Reason: rules.UnclearAudio, Text: causeWords[cause], Origin: collections.CaseExpert})
	return err
}

// expertsDecided ends the case of a clip that experts have decided. Where people
// reported the clip, too, the case stays for staff and only what the experts were
// asked is answered.
func (d *desk) expertsDecided(e *consensus.EscalationEvent) error {
	var open string
	err := e.App.DB().NewQuery("SELECT id FROM reports WHERE reporter = '' AND subject_type = 'clip' AND subject_id = {:clip} AND reason = {:reason} AND state = 'open'").
		Bind(dbx.Params{"clip": e.Clip, "reason": string(rules.UnclearAudio)}).Row(&open)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // the case is decided, by the very act that decides this
	}
	if err != nil {
		return err
	}
	record, err := openCase(e.App, rules.Clip, e.Clip)
	if err != nil || record == nil {
		return err
	}
	settled := rules.Settled{By: shell.System, Verdict: e.Outcome}
	by := server
	if e.Actor != "" {
		if by, err = expertOf(e.App, e.Actor); err != nil {
			return err
		}
		settled.By = by.id
	}
	err = e.App.DB().NewQuery("SELECT COUNT(*) FROM reports WHERE [[case]] = {:case} AND id != {:open}").
		Bind(dbx.Params{"case": record.Id, "open": open}).Row(&settled.Others)
	if err != nil {
		return err
	}
	if settled.Others > 0 {
		state := collections.ReportDismissed
		if e.Outcome == rules.Rejected {
			state = collections.ReportUpheld
		}
		_, err := shell.Exec(e.App, "UPDATE reports SET state = {:state}, updated = {:now} WHERE id = {:open}",
			dbx.Params{"state": state, "open": open, "now": shell.Stamp(d.now())})
		return err
	}
	_, err = d.apply(e.App, record, by, settled, "")
	return err
}

// expertOf is who decided as an expert. An admin of whom it is not known which
// person they are is remembered as the server's word; the audit row of the verdict
// names the account.
func expertOf(tx core.App, actor string) (person, error) {
	if actor == shell.System {
		return person{id: shell.System, actor: shell.System}, nil
	}
	auth, err := accountOf(tx, actor)
	if err != nil {
		return person{}, err
	}
	by := person{id: auth.Id, actor: actor}
	if auth.IsSuperuser() {
		by.role, by.id = rules.Admin, auth.GetString("person")
	}
	if by.id == "" {
		by.id = shell.System
	}
	return by, nil
}
