package ledger

import (
	"fmt"

	"github.com/pocketbase/dbx"

	book "github.com/lingualink/lingualink/internal/ledger"
)

// PromiseRewards is the promise beside L1 to L12 that only this package's rows
// can prove: every reward was posted exactly as its row says.
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

// verifyRewards finds the first reward whose posting is missing, of another
// amount, or made although the reward says it was not.
func verifyRewards(db dbx.Builder) ([]book.Finding, error) {
	rows := []struct {
		Key   string `db:"key"`
		State string `db:"state"`
	}{}
	err := db.NewQuery(`
		SELECT r.[[key]], r.state FROM rewards r
		LEFT JOIN ledger_txs t ON t.idem_key = r.[[key]]
		LEFT JOIN ledger_txs f ON f.idem_key = 'release:' || r.[[key]]
		LEFT JOIN ledger_accounts a ON a.[[key]] = 'user:' || r.user || ':pending:' || r.currency
		LEFT JOIN ledger_entries e ON e.tx = t.id AND e.account = a.id
		WHERE (r.state = 'unfunded') IS NOT (t.id IS NULL)
		   OR (r.state = 'released') IS NOT (f.id IS NOT NULL)
		   OR (r.state != 'unfunded' AND (r.tx IS NOT t.id OR e.amount_minor IS NOT r.amount_minor))
		ORDER BY r.seq LIMIT 1`).All(&rows)
	if err != nil {
		return nil, err
	}
	findings := make([]book.Finding, len(rows))
	for i, row := range rows {
		findings[i] = book.Finding{
			Promise: PromiseRewards, Table: "rewards", Row: row.Key,
			What: "the ledger does not hold what a reward that is " + row.State + " needs",
		}
	}
	return findings, nil
}
