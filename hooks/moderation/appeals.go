package moderation

import (
	"database/sql"
	"errors"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/appeals"
	"github.com/lingualink/lingualink/internal/fault"
	rules "github.com/lingualink/lingualink/internal/moderation"
)

// SubjectDecisions is the kind of decision that an appeal names.
const SubjectDecisions = "decisions"

// registerAppeals opens decisions to appeals: each puts its case into the queue
// again, for somebody else.
func (d *desk) registerAppeals(app core.App) {
	appeals.Handle(app, SubjectDecisions, appeals.Subject{May: d.mayAppeal, Decided: d.appealed})
	app.OnRecordCreateExecute("appeals").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.appeals.create.case", Priority: 10, // in the transaction of hooks/appeals, which has asked mayAppeal
		Func: func(e *core.RecordEvent) error {
			if e.Record.GetString("subject_type") != SubjectDecisions {
				return e.Next()
			}
			if err := e.Next(); err != nil {
				return err
			}
			_, record, err := decisionOf(e.App, e.Record.GetString("user"), e.Record.GetString("subject_id"))
			if err != nil {
				return err
			}
			user, text := e.Record.GetString("user"), e.Record.GetString("text")
			_, err = d.apply(e.App, record, person{id: user, actor: userPrefix + user, ip: appeals.AddressOf(e.Record)}, rules.Reopen{By: user, Text: text}, text)
			return err
		},
	})
}

// decisionOf is a person's own decision with its case; of others' it does not say
// whether they exist.
func decisionOf(tx core.App, user, id string) (decision, record *core.Record, err error) {
	decision, err = tx.FindRecordById("decisions", id)
	if errors.Is(err, sql.ErrNoRows) || err == nil && decision.GetString("user") != user {
		return nil, nil, fault.NotFound.On("subject_id")
	}
	if err != nil {
		return nil, nil, err
	}
	record, err = tx.FindRecordById("cases", decision.GetString("case"))
	return decision, record, err
}

// mayAppeal tells who made the decision that an appeal is about.
func (d *desk) mayAppeal(tx core.App, user, id string) (appeals.Decision, error) {
	decision, record, err := decisionOf(tx, user, id)
	if err != nil {
		return appeals.Decision{}, err
	}
	if decision.GetString("state") != decisionInForce {
		return appeals.Decision{}, fault.NothingToAppeal.On("subject_id")
	}
	return appeals.Decision{By: record.GetString("decided_by")}, nil
}

// appealed ends the case that an appeal has opened again. Whoever decides holds it:
// they have claimed the case as any other.
func (d *desk) appealed(tx core.App, a appeals.Appeal) error {
	_, record, err := decisionOf(tx, a.User, a.SubjectID)
	if err != nil {
		return err
	}
	auth, err := accountOf(tx, a.Actor)
	if err != nil {
		return err
	}
	by, err := d.staffOf(tx, auth)
	if err != nil {
		return err
	}
	by.ip = a.IP
	c := caseOf(record)
	actor, err := actorIn(tx, c, by)
	if err != nil {
		return err
	}
	facts, err := d.facts(tx, c)
	if err != nil {
		return err
	}
	_, err = d.apply(tx, record, by, rules.DecideAppeal{By: actor, Overturn: a.Overturned, Note: a.Reason, Facts: facts}, a.Reason)
	return err
}
