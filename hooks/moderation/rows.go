package moderation

import (
	"database/sql"
	"errors"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	rules "github.com/lingualink/lingualink/internal/moderation"
)

// caseOf is a row of cases as the rules know it.
func caseOf(r *core.Record) rules.Case {
	at := func(field string) time.Time { return r.GetDateTime(field).Time() }
	return rules.Case{
		ID:      r.Id,
		Subject: rules.Subject{Type: rules.SubjectType(r.GetString("subject_type")), ID: r.GetString("subject_id"), Owner: r.GetString("owner")},
		State:   rules.State(r.GetString("state")), Severity: rules.Severity(r.GetInt("severity")),
		WeightBps: int64(r.GetInt("weight_bps")), Reports: int64(r.GetInt("reports")),
		FirstAt: at("first_at"), LastAt: at("last_at"), DueAt: at("due_at"),
		Dismissed: int64(r.GetInt("dismissed")), Hidden: r.GetBool("hidden"),
		Holder: idOf(r.GetString("holder")), HeldSince: at("held_since"), Until: at("until"),
		Assigned: idOf(r.GetString("assigned")), ForAdmins: r.GetBool("for_admins"),
		Decision: rules.Decision{
			Action: rules.Action(r.GetString("action")), Reason: rules.Reason(r.GetString("found")), Note: r.GetString("note"),
			Until: at("suspended_until"), GoodFaith: r.GetBool("good_faith"),
		},
		DecidedBy: idOf(r.GetString("decided_by")), DecidedAt: at("decided_at"), AdminDecision: r.GetBool("admin_decision"),
		Appeal: rules.AppealState(r.GetString("appeal")), AppealBy: idOf(r.GetString("appeal_by")), AppealAt: at("appeal_at"),
	}
}

// fill writes a case into its row.
func fill(r *core.Record, c rules.Case) {
	at := func(field string, t time.Time) {
		if t.IsZero() {
			r.Set(field, "")
			return
		}
		r.Set(field, shell.DateTime(t))
	}
	for field, value := range map[string]any{
		"subject_type": string(c.Subject.Type), "subject_id": c.Subject.ID, "owner": c.Subject.Owner,
		"state": string(c.State), "priority": c.Priority(), "severity": int64(c.Severity), "weight_bps": c.WeightBps, "reports": c.Reports,
		"dismissed": c.Dismissed, "hidden": c.Hidden, "holder": nameOf(c.Holder), "assigned": nameOf(c.Assigned), "for_admins": c.ForAdmins,
		"action": string(c.Decision.Action), "found": string(c.Decision.Reason), "note": c.Decision.Note, "good_faith": c.Decision.GoodFaith,
		"decided_by": nameOf(c.DecidedBy), "admin_decision": c.AdminDecision, "appeal": string(c.Appeal), "appeal_by": nameOf(c.AppealBy),
	} {
		r.Set(field, value)
	}
	at("first_at", c.FirstAt)
	at("last_at", c.LastAt)
	at("due_at", c.DueAt)
	at("held_since", c.HeldSince)
	at("until", c.Until)
	at("suspended_until", c.Decision.Until)
	at("decided_at", c.DecidedAt)
	at("appeal_at", c.AppealAt)
}

// newCase is a row that is not stored yet.
func newCase(tx core.App, about About, kind rules.SubjectType, origin string) (*core.Record, error) {
	collection, err := tx.FindCachedCollectionByNameOrId("cases")
	if err != nil {
		return nil, err
	}
	record := core.NewRecord(collection)
	record.Id = shell.NewID()
	record.Set("origin", origin)
	record.Set("language", about.Language)
	record.Set("reasons", map[string]int64{})
	fill(record, rules.Case{ID: record.Id, Subject: rules.Subject{Type: kind, ID: about.ID, Owner: about.Owner}})
	return record, nil
}

// openCase is the case of a subject that takes reports; nil if there is none.
func openCase(tx core.App, kind rules.SubjectType, id string) (*core.Record, error) {
	var open string
	err := tx.DB().NewQuery("SELECT id FROM cases WHERE subject_type = {:type} AND subject_id = {:id} AND state != 'resolved' AND appeal = ''").
		Bind(dbx.Params{"type": string(kind), "id": id}).Row(&open)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return tx.FindRecordById("cases", open)
}

// loadCase reads a case for somebody of the staff; to whom it is about there is
// none.
func loadCase(tx core.App, id string, by person) (*core.Record, error) {
	record, err := tx.FindRecordById("cases", id)
	if errors.Is(err, sql.ErrNoRows) || err == nil && by.id != "" && record.GetString("owner") == by.id {
		return nil, fault.NotFound.On("id")
	}
	return record, err
}

// save stores a row that rests on the revision it was read at; moderators see it
// by realtime.
func save(tx core.App, record *core.Record, now time.Time) error {
	rev := record.GetInt("rev")
	record.Set("rev", rev+1)
	if record.IsNew() {
		record.SetRaw("created", shell.DateTime(now))
		return tx.Save(record)
	}
	won, err := shell.Exec(tx, "UPDATE cases SET rev = rev + 1 WHERE id = {:id} AND rev = {:rev}", dbx.Params{"id": record.Id, "rev": rev})
	if err != nil {
		return err
	}
	if won != 1 {
		return fault.CaseConflict.On("id").With("reason", "changed")
	}
	return tx.Save(record)
}

// faultOf is what a client is told of why something was not done.
func faultOf(why rules.Why) error {
	switch why.Status() {
	case 403:
		return fault.CaseNotYours.On("id").With("reason", string(why))
	case 400:
		return fault.InvalidInput.On(fieldOf(why)).Saying(sayings[why]).With("reason", string(why))
	}
	return fault.CaseConflict.On("id").With("reason", string(why))
}

// orFault translates a conflict of the rules and leaves other errors alone.
func orFault(err error) error {
	var conflict *rules.Conflict
	if errors.As(err, &conflict) {
		return faultOf(conflict.Why)
	}
	return err
}

var sayings = map[rules.Why]string{
	rules.BadRequest: "Something is missing, or makes no sense together.",
	rules.DoesNotFit: "This does not fit what the case is about.",
	rules.NoReason:   "Say what was found.",
	rules.NoText:     "Say why, in words.",
	rules.LongText:   "The text has at most 1000 characters.",
	rules.BadTime:    "A suspension ends in the future, and not later than you may order.",
}

func fieldOf(why rules.Why) string {
	switch why {
	case rules.NoReason:
		return "found"
	case rules.NoText, rules.LongText:
		return "note"
	case rules.BadTime:
		return "until"
	default:
		return "action"
	}
}
