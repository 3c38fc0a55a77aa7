package moderation

import (
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	rules "github.com/lingualink/lingualink/internal/moderation"
)

const (
	leasesQuery = `SELECT id FROM cases INDEXED BY idx_cases_until
		WHERE state IN ('claimed', 'escalated') AND until != '' AND until <= {:now} ORDER BY until LIMIT {:batch}`
	overdueQuery = `SELECT id FROM cases INDEXED BY idx_cases_due
		WHERE state != 'resolved' AND due_at != '' AND due_at <= {:now} AND overdue = 0 ORDER BY due_at LIMIT {:batch}`

	// AlertOverdue is the alert about a case that was not decided in time.
	AlertOverdue = "case_overdue"
)

// inBatch runs fn on the cases that a query finds, in one transaction. It looks
// outside first: mostly there is nothing.
func (d *desk) inBatch(app core.App, query string, fn func(tx core.App, record *core.Record) error) error {
	params, due := dbx.Params{"now": shell.Stamp(d.now()), "batch": sweepBatch}, []string{}
	if err := app.ConcurrentDB().NewQuery(query).Bind(params).Column(&due); err != nil || len(due) == 0 {
		return err
	}
	return app.RunInTransaction(func(tx core.App) error {
		due = due[:0] // a column is appended
		if err := tx.DB().NewQuery(query).Bind(params).Column(&due); err != nil {
			return err
		}
		for _, id := range due {
			record, err := tx.FindRecordById("cases", id)
			if err != nil {
				return err
			}
			if err := fn(tx, record); err != nil {
				return err
			}
		}
		return nil
	})
}

// expireLeases gives cases back whose claim, or whose wait for one person, is over.
func (d *desk) expireLeases(app core.App) error {
	return d.inBatch(app, leasesQuery, func(tx core.App, record *core.Record) error {
		_, err := d.apply(tx, record, server, rules.LeaseExpired{}, "")
		return err
	})
}

// markOverdue says of cases that they were not decided in time: moderators see it
// on the case, whoever has it is told, and the admins have an alert.
func (d *desk) markOverdue(app core.App) error {
	return d.inBatch(app, overdueQuery, func(tx core.App, record *core.Record) error {
		now, c := d.now(), caseOf(record)
		record.Set("overdue", true)
		if err := save(tx, record, now); err != nil {
			return err
		}
		err := shell.Insert(tx, "case_events", dbx.Params{
			"id": shell.RowID(now), "case": record.Id, "seq": record.GetInt("rev"), "event": "overdue", "from_state": string(c.State), "to_state": string(c.State),
			"actor": shell.System, "role": "", "note": "", "effects": "[]", "at": shell.Stamp(now),
		})
		if err != nil {
			return err
		}
		severity := "warning"
		if c.Severity >= rules.High {
			severity = "critical"
		}
		_, err = shell.Exec(tx, `
			INSERT INTO alerts (id, kind, severity, subject_type, subject_id, text, data, times, state, done_by, note, done_at, created, updated)
			VALUES ({:id}, {:kind}, {:severity}, 'cases', {:case}, 'A case was not decided in time. Decide it, or hand it to somebody who can.', '{}', 1, 'open', '', '', '', {:now}, {:now})
			ON CONFLICT (kind, subject_type, subject_id) WHERE state = 'open' DO UPDATE SET times = times + 1, updated = {:now}`,
			dbx.Params{"id": shell.NewID(), "kind": AlertOverdue, "severity": severity, "case": record.Id, "now": shell.Stamp(now)})
		if err != nil || c.Holder+c.Assigned == "" {
			return err
		}
		return shell.Notify(tx, d.deps, "case:"+record.Id+":overdue:"+shell.Stamp(c.DueAt), shell.Notice{
			User: c.Holder + c.Assigned, Kind: "case_overdue", Title: "A case of yours is overdue",
			Body: "Decide it, or hand it to somebody who can.", Data: map[string]any{"case": record.Id},
		})
	})
}
