package payouts

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/shell"
	book "github.com/lingualink/lingualink/internal/ledger"
)

// The promises beside those of the ledger that only the rows of payouts can prove.
const (
	PromiseHolds   = "P1" // what is held for a person is what their open payouts ask for
	PromiseSettled = "P2" // a settled payout has one settlement and its posting, and no other has any
	PromiseSent    = "P3" // what is on its way was counted in the mark
	PromiseAudit   = "A1" // the audit log is whole
)

// Books is the outcome of [Verify].
type Books struct {
	Transactions int64          `json:"transactions"`
	Payouts      int64          `json:"payouts"`
	Findings     []book.Finding `json:"findings"`
}

func (d *desk) registerBooks(core.App) {
	d.deps.Outbox.Round("payouts.books", 24*time.Hour, func(ctx context.Context, app core.App) error {
		_, err := d.books(ctx, app, shell.System)
		return err
	})
}

// Verify proves that payouts, their holds and their postings fit together on the
// rows that db sees, which should be one snapshot. Per promise it names the first
// row that breaks it.
func Verify(db dbx.Builder) (Books, error) {
	report, err := ledger.Verify(db)
	books := Books{Transactions: report.Transactions, Findings: report.Findings}
	if err != nil {
		return books, err
	}
	if err := db.NewQuery("SELECT COUNT(*) FROM payouts").Row(&books.Payouts); err != nil {
		return books, err
	}
	for _, check := range bookChecks {
		var row string
		err := db.NewQuery(check.query).Row(&row)
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return books, err
		default:
			books.Findings = append(books.Findings, book.Finding{Promise: check.promise, Table: check.table, Row: row, What: check.what})
		}
	}
	audit, err := shell.VerifyAudit(db)
	if err == nil && audit.Problem != "" {
		books.Findings = append(books.Findings, book.Finding{Promise: PromiseAudit, Table: "audit_log", Row: fmt.Sprint(audit.FirstBad), What: audit.Problem})
	}
	return books, err
}

// bookChecks each find the first row that breaks a promise.
var bookChecks = []struct{ promise, table, what, query string }{
	{PromiseHolds, "ledger_accounts", "what is held is not what the open payouts of the person come to", `
		WITH held AS (
			SELECT user, currency, balance_minor AS minor FROM ledger_accounts WHERE user != '' AND [[key]] = 'user:' || user || ':held:' || currency),
		open AS (SELECT user, currency, SUM(amount_minor) AS minor FROM payouts WHERE settled = '' GROUP BY user, currency)
		SELECT 'user:' || user || ':held:' || currency FROM (
			SELECT user, currency, minor FROM held UNION ALL SELECT user, currency, -minor FROM open)
		GROUP BY user, currency HAVING SUM(minor) != 0 ORDER BY 1 LIMIT 1`},
	{PromiseSettled, "payouts", "the settlement, or its posting, is not what the payout says", `
		SELECT p.id FROM payouts p LEFT JOIN payout_settlements s ON s.payout = p.id LEFT JOIN ledger_txs t ON t.id = s.tx
		WHERE COALESCE(s.outcome, '') IS NOT p.settled
		   OR (p.settled != '' AND t.idem_key IS NOT 'payout:' || p.id || CASE p.settled WHEN 'paid' THEN ':paid' ELSE ':release' END)
		ORDER BY p.id LIMIT 1`},
	{PromiseSettled, "payout_settlements", "it settles no payout", `
		SELECT s.id FROM payout_settlements s LEFT JOIN payouts p ON p.id = s.payout WHERE p.id IS NULL ORDER BY s.id LIMIT 1`},
	{PromiseSettled, "ledger_txs", "a payout was both paid and released", `
		SELECT a.id FROM ledger_txs a JOIN ledger_txs b ON b.idem_key = substr(a.idem_key, 1, length(a.idem_key) - length('paid')) || 'release'
		WHERE a.kind = 'payout_paid' ORDER BY a.id LIMIT 1`},
	{PromiseSent, "payouts", "it was sent, and the mark counts fewer sends", `
		SELECT id FROM payouts WHERE (SELECT COALESCE(SUM(attempt), 0) FROM payouts) > (SELECT COALESCE(MAX(seq), 0) FROM payout_marks) AND attempt > 0 ORDER BY id LIMIT 1`},
}

// books proves the books at once on one snapshot. What does not hold stops all
// sending: money leaves only from books that are right.
func (d *desk) books(ctx context.Context, app core.App, actor string) (Books, error) {
	began := d.now()
	var books Books
	err := onSnapshot(ctx, app, func(db dbx.Builder) (err error) {
		books, err = Verify(db)
		return err
	})
	if err != nil {
		return books, err
	}
	detail := ""
	if len(books.Findings) > 0 {
		first := books.Findings[0]
		detail = fmt.Sprintf("%s: %s %s: %s.", first.Promise, first.Table, first.Row, first.What)
		err = app.RunInTransaction(func(tx core.App) error {
			return errors.Join(
				d.alert(tx, notice{Kind: "books", Severity: "critical", SubjectType: first.Table, SubjectID: first.Row,
					Text: "The books do not hold what they promise. Everything is paused: run lingualink payouts verify.", Data: books.Findings}),
				d.pause(tx, collections.PauseEverything, "books", detail, false))
		})
	}
	return books, errors.Join(err, d.reconciled(app, comparedBooks, len(books.Findings) == 0, detail, books, actor, began))
}

// onSnapshot runs fn on one unchanging view of the data, while others write.
func onSnapshot(ctx context.Context, app core.App, fn func(db dbx.Builder) error) error {
	db, ok := app.ConcurrentDB().(*dbx.DB)
	if !ok {
		return fn(app.ConcurrentDB()) // a transaction is a snapshot already
	}
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	return errors.Join(fn(tx), tx.Rollback())
}
