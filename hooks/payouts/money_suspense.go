package payouts

import (
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	book "github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
)

// What a line in suspense can turn out to be.
const (
	ExplainedTopUp = "topped_up"  // the operator filled the balance
	ExplainedSwept = "settlement" // the balance was settled to the operator's bank
	ExplainedFee   = "fee"
	ExplainedLevy  = "levy"
	// ExplainedPayout is a payout that this database has lost: the person has the
	// money, so their wallet owes it, below zero if need be.
	ExplainedPayout = "payout"
)

// doubtful tells that a row of ours is settled otherwise than Paystack's lines say.
func (s *settling) doubtful(table string, row moved) error {
	return s.alert(s.tx, notice{Kind: "balance_doubt", Severity: "critical", SubjectType: table, SubjectID: row.ID,
		Text: "Paystack's balance moved otherwise than the ledger says. It is asked again; if this stays, compare both by hand.",
		Data: map[string]any{"lines_minor": row.Lines, "ledger_minor": row.Posted}})
}

// suspendUnknown puts aside the lines that are about nothing of ours.
func (s *settling) suspendUnknown() error {
	known := ""
	for _, source := range sources {
		known += " AND NOT (model = '" + source.model + "' AND model_row != '0' AND EXISTS (SELECT 1 FROM " + source.table + " s WHERE s." + source.number + " = b.model_row))"
	}
	lines, err := s.lines("state = 'in_transit'"+known, nil)
	if err != nil {
		return err
	}
	for _, line := range lines {
		if line.Minor == 0 {
			if err := s.mark(line.ID, "matched", "", "It moved nothing."); err != nil {
				return err
			}
			continue
		}
		tx, err := s.suspend(s.tx, "balance:"+line.Row, line.ID, s.currency, line.Minor, s.actor)
		if err != nil {
			return err
		}
		s.SuspenseMinor += line.Minor
		if err := s.mark(line.ID, "suspense", tx, ""); err != nil {
			return err
		}
		if err := s.alert(s.tx, notice{Kind: "balance_line", Severity: "warning", SubjectType: "balance_rows", SubjectID: line.ID,
			Text: "Paystack's balance moved for a reason that is not known here. Explain the line: a top-up, a settlement, a fee, a levy.",
			Data: map[string]any{"model": line.Model, "model_row": line.Number, "reason": line.Reason, "difference": money.Format(line.Minor, s.currency)}}); err != nil {
			return err
		}
	}
	return nil
}

// compareSums compares the account, with what is in transit, with the balance. A
// difference gets a line of its own, that somebody must explain.
func (s *settling) compareSums() error {
	var holds int64
	if err := s.holdings(&holds); err != nil {
		return err
	}
	s.DifferenceMinor = s.BalanceMinor - holds - s.TransitMinor
	if s.DifferenceMinor == 0 {
		return nil
	}
	id, now := shell.NewID(), shell.Stamp(s.now())
	tx, err := s.suspend(s.tx, "balance:"+id, id, s.currency, s.DifferenceMinor, s.actor)
	if err != nil {
		return err
	}
	return errors.Join(
		shell.Insert(s.tx, "balance_rows", dbx.Params{
			"id": id, "row_id": id, "currency": string(s.currency), "difference_minor": s.DifferenceMinor, "balance_minor": s.BalanceMinor,
			"model": differenceModel, "model_row": "", "reason": "The balance is not what its lines and the ledger come to.",
			"state": "suspense", "tx": tx, "note": "", "at": now, "seen_at": now,
		}),
		s.alert(s.tx, notice{Kind: "balance", Severity: "critical", SubjectType: "currencies", SubjectID: string(s.currency),
			Text: "Paystack's balance differs from the ledger. The currency is paused: find out why, explain the line, and reconcile again.",
			Data: map[string]any{"balance_minor": s.BalanceMinor, "ledger_minor": holds, "transit_minor": s.TransitMinor}}),
		s.pause(s.tx, string(s.currency), "balance", fmt.Sprintf("The balance differs by %s.", money.Format(s.DifferenceMinor, s.currency)), true))
}

// report counts what waits for people, and ends the pause of a difference that
// they have explained.
func (s *settling) report() error {
	lines, err := s.lines("state = 'suspense'", nil)
	if err != nil {
		return err
	}
	s.Unexplained = len(lines)
	for _, line := range lines {
		if line.Model == differenceModel {
			return nil
		}
	}
	return s.liftAutomatic(s.tx, string(s.currency), "balance", "The difference is explained and the balance fits.")
}

// explainBalanceRow books a line in suspense as what it turned out to be, once,
// with an audit row. The kinds are those above, anything else fault.InvalidInput;
// a line that is not in suspense is fault.AlreadyDone.
func (d *desk) explainBalanceRow(tx core.App, id, kind, actor, reason string) error {
	rows := []struct {
		Row      string         `db:"row_id"`
		Minor    int64          `db:"difference_minor"`
		Currency money.Currency `db:"currency"`
	}{}
	err := tx.DB().NewQuery("UPDATE balance_rows SET state = 'explained', note = {:note} WHERE id = {:id} AND state = 'suspense' RETURNING row_id, difference_minor, currency").
		Bind(dbx.Params{"id": id, "note": reason}).All(&rows)
	if err != nil {
		return err
	}
	if len(rows) != 1 {
		if _, err := tx.FindRecordById("balance_rows", id); err != nil {
			return err
		}
		return fault.AlreadyDone.On("id")
	}
	row := rows[0]
	entries, posting, err := d.explained(tx, kind, id, row.Currency, row.Minor)
	if err != nil {
		return err
	}
	posted, err := ledger.Post(tx, d.deps, book.Tx{
		Kind: posting, Key: "balance:" + row.Row + ":explained", Actor: actor, SourceType: "balance_rows", SourceID: id, Memo: reason, Entries: entries,
	})
	if err != nil {
		return err
	}
	return shell.Audit(tx, d.now(), shell.Act{
		Actor: actor, Action: "balance.explain", SubjectType: "balance_rows", SubjectID: id, Reason: reason,
		Data: map[string]any{"kind": kind, "amount_minor": row.Minor, "currency": string(row.Currency), "tx": posted[0].ID},
	})
}

// explained is where a line in suspense belongs.
func (d *desk) explained(tx core.App, kind, id string, currency money.Currency, minor int64) ([]book.Entry, book.Kind, error) {
	to, posting := book.PlatformFunding(currency), book.ToppedUp
	switch kind {
	case ExplainedTopUp, ExplainedSwept:
	case ExplainedFee:
		to, posting = book.ExpenseAccount(feeAccount, currency), book.PaymentFee
	case ExplainedLevy:
		to, posting = book.ExpenseAccount(levyAccount, currency), book.PaymentFee
	case ExplainedPayout:
		entries, err := d.lostPayout(tx, id, currency, minor)
		if minor > 0 {
			return entries, book.PayoutReversed, err
		}
		return entries, book.PayoutLate, err
	default:
		return nil, "", fault.InvalidInput.On("kind").Saying("The kind is topped_up, settlement, fee, levy or payout.")
	}
	if minor < 0 {
		return book.Move(to, book.Suspense(currency), -minor), posting, nil
	}
	return book.Move(book.Suspense(currency), to, minor), posting, nil
}

// lostPayout charges a transfer that is not known here to the person whose bank
// account it went to, and its fee to the platform. One that came back is given
// back to them, once, and only where it was charged.
func (d *desk) lostPayout(tx core.App, id string, currency money.Currency, minor int64) ([]book.Entry, error) {
	rows := []struct {
		User    string `db:"user"`
		Minor   int64  `db:"amount_minor"`
		Charged bool   `db:"charged"`
	}{}
	const booked = `EXISTS (SELECT 1 FROM balance_rows o JOIN ledger_txs t ON t.source_type = 'balance_rows' AND t.source_id = o.id AND t.kind = `
	err := tx.DB().NewQuery(`
		SELECT DISTINCT a.user, o.amount_minor,
			` + booked + `{:late} WHERE o.model = b.model AND o.model_row = b.model_row)
			AND NOT ` + booked + `{:reversed} WHERE o.model = b.model AND o.model_row = b.model_row) AS charged
		FROM balance_rows b JOIN orphan_transfers o ON o.transfer_id = b.model_row AND o.currency = b.currency
		JOIN payout_accounts a ON a.recipient_code = o.recipient_code WHERE b.id = {:id} AND b.model = 'Transfer'`).
		Bind(dbx.Params{"id": id, "late": string(book.PayoutLate), "reversed": string(book.PayoutReversed)}).All(&rows)
	if err != nil {
		return nil, err
	}
	if len(rows) != 1 || rows[0].Minor > max(minor, -minor) || minor > 0 && !rows[0].Charged {
		return nil, fault.InvalidInput.On("kind").Saying("The line is no transfer to the bank account of one person.")
	}
	wallet := book.UserAccount(rows[0].User, book.Available, currency)
	// Of a line that is more than the amount the rest is the fee, gone or come back.
	amount := rows[0].Minor
	if minor < 0 {
		amount = -amount
	}
	entries := []book.Entry{{Account: wallet, AmountMinor: amount}, {Account: book.Suspense(currency), AmountMinor: -minor}}
	if fee := minor - amount; fee != 0 {
		entries = append(entries, book.Entry{Account: book.ExpenseAccount(feeAccount, currency), AmountMinor: fee})
	}
	return entries, nil
}
