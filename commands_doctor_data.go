package main

import (
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/money"
)

// A job that is due for so long is not being drained.
const jobPatience = 5 * time.Minute

// checkDatabase looks at one snapshot. What needs tables that are not there yet
// is left out when the schema is behind.
func (d *doctor) checkDatabase(db dbx.Builder) {
	d.checkSuperuser(db)
	d.checkBackupSettings(db)
	if !d.checkMigrations(db) {
		return
	}
	d.checkSchema(db)
	d.checkLedger(db)
	d.checkAudit(db)
	d.checkClock(db)
	d.checkJobs(db)
	d.checkRewards(db)
	d.checkPolicies(db)
	d.checkExperts(db)
	d.checkPayouts(db)
}

func (d *doctor) checkPolicies(db dbx.Builder) {
	const name = "policies"
	wrong, err := shell.CheckPolicies(db)
	switch {
	case err != nil:
		d.broken(name, err)
	case len(wrong) > 0:
		d.fail(name, "insert a corrected version; docs/operate.md#policies", "%s", strings.Join(wrong, "; "))
	default:
		d.ok(name, "all are valid")
	}
}

// A clip that an expert has not decided for so long needs somebody to be asked.
const expertPatience = 7 * 24 * time.Hour

func (d *doctor) checkExperts(db dbx.Builder) {
	const name = "experts"
	var waiting struct {
		Clips int64 `db:"clips"`
		Late  int64 `db:"late"`
	}
	err := db.NewQuery("SELECT COUNT(*) AS clips, COALESCE(SUM(created <= {:late}), 0) AS late FROM escalations WHERE state = 'open'").
		Bind(dbx.Params{"late": shell.Stamp(d.now().Add(-expertPatience))}).One(&waiting)
	switch {
	case err != nil:
		d.broken(name, err)
	case waiting.Late > 0:
		d.warn(name, "ask a moderator who speaks the language; docs/operate.md", "%d clips wait for an expert, %d of them for more than a week", waiting.Clips, waiting.Late)
	default:
		d.ok(name, "%d clips wait for an expert", waiting.Clips)
	}
}

func (d *doctor) checkSuperuser(db dbx.Builder) {
	const name = "superuser"
	var count int
	err := db.NewQuery("SELECT COUNT(*) FROM _superusers WHERE email != {:installer}").
		Bind(dbx.Params{"installer": core.DefaultInstallerEmail}).Row(&count)
	switch {
	case err != nil:
		d.broken(name, err)
	case count == 0:
		d.warn(name, "lingualink superuser upsert EMAIL PASSWORD", "there is none: nobody can open the dashboard at /_/")
	default:
		d.ok(name, "there are %d", count)
	}
}

func (d *doctor) checkLedger(db dbx.Builder) {
	const name = "ledger"
	report, err := ledger.Verify(db)
	if err != nil {
		d.broken(name, err)
		return
	}
	for _, finding := range report.Findings {
		d.fail(name, "stop paying out and see docs/operate.md#ledger", "%s is broken: %s %s: %s", finding.Promise, finding.Table, finding.Row, finding.What)
	}
	if len(report.Findings) == 0 {
		d.ok(name, "every promise holds for %d transactions", report.Transactions)
	}
}

func (d *doctor) checkAudit(db dbx.Builder) {
	const name = "audit log"
	report, err := shell.VerifyAudit(db)
	switch {
	case err != nil:
		d.broken(name, err)
	case report.Problem != "":
		d.fail(name, "see docs/operate.md#audit-log", "broken at row %d: %s", report.FirstBad, report.Problem)
	default:
		d.ok(name, "%d rows are whole", report.Rows)
	}
}

// checkClock finds time that ran back: what was recorded is in the future.
func (d *doctor) checkClock(db dbx.Builder) {
	const name = "clock"
	now := d.now()
	var newest string
	err := db.NewQuery("SELECT MAX((SELECT COALESCE(MAX(recorded_at), '') FROM ledger_txs), (SELECT COALESCE(MAX(at), '') FROM audit_log))").Row(&newest)
	if err != nil {
		d.broken(name, err)
		return
	}
	at, err := shell.ParseStamp(newest)
	switch {
	case err != nil:
		d.broken(name, err)
	case at.After(now):
		d.fail(name, "set the clock right; it must never run behind what was recorded", "the newest record is of %s, the clock shows %s",
			at.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	default:
		d.ok(name, "nothing was recorded in the future")
	}
}

func (d *doctor) checkJobs(db dbx.Builder) {
	const name = "jobs"
	now := d.now()
	var row struct {
		Dead    int64  `db:"dead"`
		Failing int64  `db:"failing"`
		Oldest  string `db:"oldest"`
		Error   string `db:"error"`
	}
	err := db.NewQuery(`
		SELECT COALESCE(SUM(state = 'dead'), 0) AS dead,
		       COALESCE(SUM(state = 'queued' AND attempts > 0), 0) AS failing,
		       COALESCE(MIN(CASE WHEN state = 'queued' AND run_at <= {:now} THEN run_at END), '') AS oldest,
		       COALESCE((SELECT kind || ' ' || effect_key || ': ' || last_error FROM jobs WHERE state = 'dead' ORDER BY finished_at DESC LIMIT 1), '') AS error
		FROM jobs WHERE state IN ('queued', 'dead')`).Bind(dbx.Params{"now": shell.Stamp(now)}).One(&row)
	if err != nil {
		d.broken(name, err)
		return
	}
	oldest, err := shell.ParseStamp(row.Oldest)
	if err != nil {
		d.broken(name, err)
		return
	}
	before := len(d.checks)
	if row.Dead > 0 {
		d.warn(name, "see docs/operate.md#jobs", "%d were given up, the last: %s", row.Dead, row.Error)
	}
	if row.Failing > 0 {
		d.warn(name, "look at last_error in the collection jobs", "%d failed and are tried again", row.Failing)
	}
	if waited := now.Sub(oldest); row.Oldest != "" && waited > jobPatience {
		do := "start the server: it drains them"
		if d.inUse {
			do = "look at the server's logs: it does not keep up"
		}
		d.warn(name, do, "the oldest that is due waits for %s", waited.Truncate(time.Second))
	}
	if len(d.checks) == before {
		d.ok(name, "none is dead, failing or late")
	}
}

func (d *doctor) checkRewards(db dbx.Builder) {
	const name = "unfunded rewards"
	rows := []struct {
		Campaign string         `db:"campaign"`
		Currency money.Currency `db:"currency"`
		Rewards  int64          `db:"rewards"`
		Minor    int64          `db:"minor"`
	}{}
	err := db.NewQuery(`
		SELECT c.name AS campaign, r.currency, COUNT(*) AS rewards, SUM(r.amount_minor) AS minor
		FROM rewards r JOIN campaigns c ON c.id = r.campaign
		WHERE r.state = 'unfunded' GROUP BY c.id, r.currency ORDER BY c.name, r.currency`).All(&rows)
	if err != nil {
		d.broken(name, err)
		return
	}
	for _, row := range rows {
		d.warn(name, "fund the campaign: waiting rewards are then paid in order", "%s owes %d rewards, %s",
			row.Campaign, row.Rewards, money.Format(row.Minor, row.Currency))
	}
	if len(rows) == 0 {
		d.ok(name, "none wait for money")
	}
}
