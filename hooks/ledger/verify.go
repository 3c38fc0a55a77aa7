package ledger

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"

	book "github.com/lingualink/lingualink/internal/ledger"
)

// PromiseRewards is the promise beside L1 to L12 that only this package's rows
// can prove: every reward was posted exactly as its row says, and is what its
// rate, factor and multiplier come to.
const PromiseRewards = "R1"

// Verify proves the ledger's promises on the rows that db sees, which should be
// one snapshot. It streams: memory grows with the accounts, not the entries.
func Verify(db dbx.Builder) (book.Report, error) {
	reversed := []string{}
	if err := db.NewQuery("SELECT reverses FROM ledger_txs WHERE reverses != ''").Column(&reversed); err != nil {
		return book.Report{}, err
	}
	auditor := book.NewAuditor(reversed)
	if err := auditTransactions(db, auditor); err != nil {
		return book.Report{}, err
	}
	if err := auditAccounts(db, auditor); err != nil {
		return book.Report{}, err
	}
	report := auditor.Finish()
	for _, check := range []func(dbx.Builder) ([]book.Finding, error){verifyColumns, verifyRewards} {
		findings, err := check(db)
		if err != nil {
			return report, err
		}
		report.Findings = append(report.Findings, findings...)
	}
	return report, nil
}

// verifyColumns finds the first entry that belongs to no transaction or account,
// and the first whose copies of their columns differ: what the stream above does
// not see, because it reads entries through both.
func verifyColumns(db dbx.Builder) ([]book.Finding, error) {
	rows := []string{}
	err := db.NewQuery(`
		SELECT e.id FROM ledger_entries e
		LEFT JOIN ledger_txs t ON t.id = e.tx LEFT JOIN ledger_accounts a ON a.id = e.account
		WHERE t.seq IS NOT e.seq OR a.currency IS NOT e.currency LIMIT 1`).Column(&rows)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return []book.Finding{{
		Promise: book.PromiseChained, Table: book.TableEntries, Row: rows[0],
		What: "the entry does not belong to its transaction and account",
	}}, nil
}

// auditTransactions walks the transactions by seq, each with its entries.
func auditTransactions(db dbx.Builder, auditor *book.Auditor) error {
	txs, err := db.NewQuery("SELECT " + txColumns + " FROM ledger_txs ORDER BY seq").Rows()
	if err != nil {
		return err
	}
	defer txs.Close()
	for txs.Next() {
		var row txRow
		if err := txs.ScanStruct(&row); err != nil {
			return err
		}
		posted, err := row.posted()
		if err != nil {
			return fmt.Errorf("ledger_txs %s: %w", row.ID, err)
		}
		entries := []entryRow{}
		err = db.NewQuery(`
			SELECT e.tx, a.[[key]], e.amount_minor, e.balance_after_minor
			FROM ledger_entries e JOIN ledger_accounts a ON a.id = e.account
			WHERE e.tx = {:tx} ORDER BY e.line`).Bind(dbx.Params{"tx": row.ID}).All(&entries)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if err := entry.addTo(&posted); err != nil {
				return fmt.Errorf("ledger_entries of %s: %w", row.ID, err)
			}
		}
		auditor.Transaction(posted)
	}
	return txs.Err()
}

func auditAccounts(db dbx.Builder, auditor *book.Auditor) error {
	rows, err := db.NewQuery("SELECT [[key]], type, user, currency, balance_minor, min_balance_minor FROM ledger_accounts ORDER BY [[key]]").Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var row accountRow
		if err := rows.ScanStruct(&row); err != nil {
			return err
		}
		auditor.Account(row.stored())
	}
	return rows.Err()
}

// What a reward's row and the ledger must say about each other. Pending, released
// and clawed back money was posted, and so was reversed money unless it was
// reversed before there was any; what accrues, waits or is void never was.
const postedWrong = `(
	r.tx IS NOT COALESCE(t.id, '')
	OR (t.id IS NOT NULL) IS NOT (r.state IN ('pending', 'released', 'clawback') OR (r.state = 'reversed' AND r.tx != ''))
	OR (t.id IS NOT NULL AND e.amount_minor IS NOT r.amount_minor)
	OR (f.id IS NOT NULL) IS NOT (r.state IN ('released', 'clawback'))
	OR (m.id IS NOT NULL) IS NOT (r.state = 'reversed' AND r.tx != '')
	OR (c.id IS NOT NULL) IS NOT (r.state = 'clawback')
	OR (c.id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM ledger_entries x JOIN ledger_accounts y ON y.id = x.account
		WHERE x.tx = c.id AND y.[[key]] = 'user:' || r.user || ':available:' || r.currency AND x.amount_minor = -r.amount_minor))
	OR r.state NOT IN ('accruing', 'unfunded', 'pending', 'released', 'reversed', 'void', 'clawback'))`

// What an amount must be: of a vote, as rewards.Pay reckons it, in two steps
// because the product may need more than 64 bits. What accrues shows the full
// factor and has none; the rest of it is settled with what stands there. A bonus
// is its base times the tier, a commission a share of the reward it names, a
// stipend its base; each may be less only by a cut that is named, and a bonus or
// stipend that is cut is nothing.
const reckonedWrong = `(
	(r.amount_minor = 0) IS NOT (r.state = 'void')
	OR (r.state = 'accruing' AND (r.rule != 'validation' OR r.factor_bps != 0))
	OR r.factor_bps NOT BETWEEN 0 AND 10000
	OR CASE
		WHEN r.rule IN ('validation', 'clip', 'remix', 'remix_parent') THEN
			r.base_minor IS NOT (SELECT q.amount_minor FROM reward_rates q
				WHERE q.version = r.rate_version AND q.currency = r.currency
				AND q.action = CASE r.rule WHEN 'validation' THEN 'validation' ELSE 'clip' END)
			OR CASE WHEN r.rule = 'validation'
				THEN r.amount_minor IS NOT r.base_minor / 100000000 * r.rate + r.base_minor % 100000000 * r.rate / 100000000
				ELSE r.amount_minor NOT BETWEEN 1 AND r.base_minor END
		WHEN r.rule = 'referral_commission' THEN
			r.base_minor IS NOT (SELECT s.amount_minor FROM rewards s WHERE s.id = r.subject)
			OR r.amount_minor > r.base_minor / 10000 * r.factor_bps + r.base_minor % 10000 * r.factor_bps / 10000
			OR (r.cut = '' AND r.amount_minor < r.base_minor / 10000 * r.factor_bps + r.base_minor % 10000 * r.factor_bps / 10000)
		ELSE
			r.base_minor < 1
			OR (r.cut = '') IS NOT (r.state != 'void')
			OR (r.cut = '' AND r.amount_minor IS NOT r.base_minor / 10000 * r.multiplier_bps + r.base_minor % 10000 * r.multiplier_bps / 10000)
		END)`

// verifyRewards finds the first reward whose posting is missing, of another
// amount, or made although the reward says it was not, and the first whose amount
// does not follow from its row.
func verifyRewards(db dbx.Builder) ([]book.Finding, error) {
	var row struct {
		Key      string `db:"key"`
		State    string `db:"state"`
		Unposted bool   `db:"unposted"`
	}
	err := db.NewQuery(`
		SELECT r.[[key]], r.state, ` + postedWrong + ` AS unposted
		FROM (SELECT *, multiplier_bps * CASE state WHEN 'accruing' THEN 10000 ELSE factor_bps END AS rate FROM rewards) r
		LEFT JOIN ledger_txs t ON t.idem_key = r.[[key]]
		LEFT JOIN ledger_txs f ON f.idem_key = 'release:' || r.[[key]]
		LEFT JOIN ledger_txs m ON m.reverses = t.id AND m.reverses != ''
		LEFT JOIN ledger_txs c ON c.idem_key = 'clawback:' || r.[[key]]
		LEFT JOIN ledger_accounts a ON a.[[key]] = 'user:' || r.user || ':pending:' || r.currency
		LEFT JOIN ledger_entries e ON e.tx = t.id AND e.account = a.id
		WHERE ` + postedWrong + ` OR ` + reckonedWrong + `
		ORDER BY r.seq LIMIT 1`).One(&row)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	what := "the amount is not what the rate, factor and multiplier of the reward come to"
	if row.Unposted {
		what = "the ledger does not hold what a reward that is " + row.State + " needs"
	}
	return []book.Finding{{Promise: PromiseRewards, Table: "rewards", Row: row.Key, What: what}}, nil
}
