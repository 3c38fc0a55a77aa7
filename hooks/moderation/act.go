package moderation

import (
	"errors"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	rules "github.com/lingualink/lingualink/internal/moderation"
)

// deed is one event of a case on its way into the database.
type deed struct {
	d      *desk
	tx     core.App
	at     time.Time
	policy rules.Policy
	by     person
	event  rules.Event
	note   string // in the actor's words

	record        *core.Record // of cases
	before, after rules.Case
	effects       []rules.Effect
	decision      string         // row of decisions, of an adverse one
	came          map[string]any // what effects came to, beside what they were
}

// apply has the rules decide about an event, stores what becomes of the case, and
// carries out what follows, all in the transaction. What does not apply is a fault
// and changes nothing; what changes nothing by itself, such as a claim that is
// repeated, leaves no trace.
func (d *desk) apply(tx core.App, record *core.Record, by person, event rules.Event, note string) (rules.Case, error) {
	if !tx.IsTransactional() {
		return rules.Case{}, errors.New("moderation: cases change in transactions only")
	}
	policy, version, err := d.policy(tx)
	if err != nil {
		return rules.Case{}, err
	}
	x := &deed{d: d, tx: tx, at: d.now(), policy: policy, by: by, event: event, note: note, record: record, before: caseOf(record), came: map[string]any{}}
	out, err := rules.Step(x.before, event, policy, x.at)
	if err != nil {
		return x.before, orFault(err)
	}
	x.after, x.effects = out.Case, out.Effects
	if x.after == x.before && len(x.effects) == 0 {
		return x.after, nil
	}
	fill(record, x.after)
	record.Set("policy_version", version)
	if x.after.DueAt.After(x.before.DueAt) && x.at.Before(x.after.DueAt) {
		record.Set("overdue", false) // an appeal has its own time
	}
	if err := save(tx, record, x.at); err != nil {
		return x.before, err
	}
	for _, follow := range []func() error{x.recordDecision, x.carryOut, x.settleTexts, x.remember, x.audit} {
		if err := follow(); err != nil {
			return x.before, err
		}
	}
	return x.after, nil
}

// remember appends to the history of the case. Who reported is not in it: staff
// who have no business with the case read it, too.
func (x *deed) remember() error {
	actor := nameOf(x.by.id)
	switch _, filed := x.event.(rules.Filed); {
	case filed && x.by.id != "":
		actor = "reporter"
	case actor == "":
		actor = shell.System
	}
	effects := make([]string, len(x.effects))
	for i, effect := range x.effects {
		effects[i] = effect.String()
	}
	return shell.Insert(x.tx, "case_events", dbx.Params{
		"id": shell.RowID(x.at), "case": x.record.Id, "seq": x.record.GetInt("rev"), "event": rules.Name(x.event),
		"from_state": string(x.before.State), "to_state": string(x.after.State), "actor": actor, "role": string(x.by.role),
		"note": x.note, "effects": shell.List(effects), "at": shell.Stamp(x.at),
	})
}

// audit writes the row of an act of a person, and of whatever had consequences.
func (x *deed) audit() error {
	if x.by.id == "" && len(x.effects) == 0 {
		return nil
	}
	effects := make([]string, len(x.effects))
	for i, effect := range x.effects {
		effects[i] = effect.String()
	}
	data := map[string]any{
		"subject_type": string(x.after.Subject.Type), "subject_id": x.after.Subject.ID, "owner": x.after.Subject.Owner,
		"before": stateOf(x.before), "after": stateOf(x.after), "effects": effects,
	}
	if x.by.id != "" {
		data["person"], data["role"] = x.by.id, string(x.by.role)
	}
	if x.by.ip != "" {
		data["ip"] = x.by.ip
	}
	for name, value := range x.came {
		data[name] = value
	}
	return shell.Audit(x.tx, x.at, shell.Act{
		Actor: x.by.actor, Action: "case." + rules.Name(x.event), SubjectType: "cases", SubjectID: x.record.Id, Reason: x.note, Data: data,
	})
}

// stateOf is what an audit row says of a case before and after.
func stateOf(c rules.Case) map[string]any {
	state := map[string]any{"state": string(c.State)}
	for name, value := range map[string]string{
		"holder": c.Holder, "assigned": c.Assigned, "action": string(c.Decision.Action), "found": string(c.Decision.Reason), "appeal": string(c.Appeal),
	} {
		if value != "" {
			state[name] = value
		}
	}
	if !c.Decision.Until.IsZero() {
		state["until"] = shell.Stamp(c.Decision.Until)
	}
	if c.Hidden {
		state["hidden_by_reports"] = true
	}
	return state
}

// recordDecision writes down for the person concerned what was decided against
// them, or that it is undone.
func (x *deed) recordDecision() error {
	switch e := x.event.(type) {
	case rules.Resolve:
		if !e.Decision.Action.Adverse() || x.after.Subject.Owner == "" {
			return nil
		}
		collection, err := x.tx.FindCachedCollectionByNameOrId("decisions")
		if err != nil {
			return err
		}
		row := core.NewRecord(collection)
		row.Id = shell.NewID()
		x.decision = row.Id
		row.SetRaw("created", shell.DateTime(x.at))
		row.Set("user", x.after.Subject.Owner)
		row.Set("case", x.record.Id)
		row.Set("action", string(e.Decision.Action))
		row.Set("found", string(e.Decision.Reason))
		row.Set("subject_type", string(x.after.Subject.Type))
		row.Set("subject_id", x.after.Subject.ID)
		row.Set("note", e.Decision.Note)
		if !e.Decision.Until.IsZero() {
			row.Set("until", shell.DateTime(e.Decision.Until))
		}
		row.Set("appeal_until", shell.DateTime(x.policy.AppealEnds(x.at)))
		row.Set("state", decisionInForce)
		return x.tx.Save(row)
	case rules.DecideAppeal:
		row, err := x.tx.FindFirstRecordByData("decisions", "case", x.record.Id)
		if err != nil {
			return fmt.Errorf("the decision of case %s: %w", x.record.Id, err)
		}
		x.decision = row.Id
		if !e.Overturn {
			return nil
		}
		row.Set("state", decisionUndone)
		return x.tx.Save(row)
	}
	return nil
}

// States of a decision.
const (
	decisionInForce = "in_force"
	decisionUndone  = "undone"
)
