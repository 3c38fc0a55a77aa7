package risk

import (
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
)

const (
	sightingsEvery = time.Hour
	votesEvery     = time.Minute
	overdueEvery   = 10 * time.Minute

	forgetBatch  = 1_000 // rows per transaction
	forgetRounds = 50    // transactions per sweep
	votesBatch   = 200

	// AlertOverdue is the kind of alert about a freeze that nobody has decided on.
	AlertOverdue = "risk_overdue"
)

func (d *desk) registerSweeps() {
	d.deps.Outbox.Sweep("risk.sightings", sightingsEvery, d.forget)
	d.deps.Outbox.Sweep("risk.votes", votesEvery, d.watchVotes)
	d.deps.Outbox.Sweep("risk.overdue", overdueEvery, d.remind)
}

// forget removes addresses that are too old to be asked about. Devices stay.
func (d *desk) forget(app core.App) error {
	policy, _, err := d.policy(app)
	if err != nil {
		return err
	}
	old := shell.Stamp(d.now().AddDate(0, 0, -int(policy.SignalDays)))
	for range forgetRounds {
		gone, err := shell.Exec(app, `
			DELETE FROM sightings WHERE id IN (SELECT id FROM sightings WHERE kind = 'address' AND last_at < {:old} LIMIT {:batch})`,
			dbx.Params{"old": old, "batch": forgetBatch})
		if err != nil || gone < forgetBatch {
			return err
		}
	}
	return nil
}

// voteCursor is how far the sweep of votes has come, in the order of changes. A
// start of the server begins anew: few rows are conspicuous, and whoever was
// looked at for what they show is not looked at again.
type voteCursor struct{ pairs, owners string }

// changedVotes are rows that changed since a time and show more than the policy
// lets pass. The 2 is the least that a policy may set; the index has it.
const (
	changedPairsQuery = `SELECT id, a, b, z, updated FROM pair_signals
		WHERE updated >= {:since} AND z >= 2 AND (updated > {:since} OR id > {:after}) AND z >= {:z} ORDER BY updated, id LIMIT {:most}`
	changedOwnersQuery = `SELECT id, validator AS a, owner AS b, z, updated FROM owner_signals
		WHERE updated >= {:since} AND z >= 2 AND (updated > {:since} OR id > {:after}) AND z >= {:z} ORDER BY updated, id LIMIT {:most}`
)

// watchVotes has people looked at whose votes have become more conspicuous. It
// asks by the time of change, so that it costs what is new.
func (d *desk) watchVotes(app core.App) error {
	if err := d.changedVotes(app, changedPairsQuery, &d.votes.pairs); err != nil {
		return err
	}
	return d.changedVotes(app, changedOwnersQuery, &d.votes.owners)
}

func (d *desk) changedVotes(app core.App, query string, cursor *string) error {
	policy, _, err := d.policy(app)
	if err != nil {
		return err
	}
	since, after := *cursor, ""
	for {
		rows := []struct {
			ID      string  `db:"id"`
			A       string  `db:"a"`
			B       string  `db:"b"`
			Z       float64 `db:"z"`
			Updated string  `db:"updated"`
		}{}
		err := app.DB().NewQuery(query).
			Bind(dbx.Params{"since": since, "after": after, "z": policy.MutualFrom, "most": votesBatch}).All(&rows)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			*cursor = since // rows of this very moment are asked about again
			return nil
		}
		err = app.RunInTransaction(func(tx core.App) error {
			for _, row := range rows {
				cause := fmt.Sprintf("votes:%s:%d", row.ID, policy.Mutual(row.Z))
				if err := Look(tx, d.deps, cause, row.A, row.B); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		last := rows[len(rows)-1]
		since, after = last.Updated, last.ID
	}
}

// remind tells admins of freezes that nobody has decided on in time, once each.
func (d *desk) remind(app core.App) error {
	rows := []struct {
		ID string `db:"id"`
		By string `db:"decide_by"`
	}{}
	err := app.DB().NewQuery(`
		SELECT id, decide_by FROM risk_clusters WHERE state = 'open' AND act = 'freeze' AND decide_by < {:now}
			AND NOT EXISTS (SELECT 1 FROM alerts a WHERE a.kind = {:kind} AND a.subject_type = 'risk_clusters' AND a.subject_id = risk_clusters.id)`).
		Bind(dbx.Params{"now": shell.Stamp(d.now()), "kind": AlertOverdue}).All(&rows)
	if err != nil {
		return err
	}
	now := shell.Stamp(d.now())
	for _, row := range rows {
		err := shell.Insert(app, "alerts", dbx.Params{
			"id": shell.NewID(), "kind": AlertOverdue, "severity": "warning", "subject_type": "risk_clusters", "subject_id": row.ID,
			"text": "People's earnings are on hold and nobody has decided by " + row.By + ". Decide on the cluster; their money waits until then.",
			"data": "{}", "times": 1, "state": collections.AlertOpen, "done_by": "", "note": "", "done_at": "", "created": now, "updated": now,
		})
		if err != nil && !shell.IsUniqueViolation(err) {
			return err
		}
	}
	return nil
}
