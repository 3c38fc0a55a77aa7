package payouts

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/shell"
	book "github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
)

// levyAccount is the expense of what a state takes for a transfer.
const levyAccount = "levy"

// sources are the rows of ours that a line of Paystack's balance can be about:
// what its model is called, where the row keeps its number, when it is settled
// here, and what a difference costs.
var sources = []struct {
	model, table, number, settled, currency string
	expense                                 string
}{
	{"Transfer", "payouts", "transfer_id", "s.settled != ''", "s.currency", feeAccount},
	{"Transaction", "fundings", "transaction_id", "s.status != 'open'", "s.currency", feeAccount},
	{"Refund", "funding_returns", "provider_id", "(s.state IN ('processed', 'lost') OR s.tx != '')", "(SELECT f.currency FROM fundings f WHERE f.id = s.funding)", feeAccount},
}

// settling is the comparison of one currency, in one transaction.
type settling struct {
	*desk
	compared
	tx       core.App
	currency money.Currency
	actor    string
	began    time.Time // before Paystack was asked
}

// settle explains every line, posts what is only known from it, and compares the
// sums. A later step relies on those before it.
func (s *settling) settle(balanceMinor int64) error {
	s.BalanceMinor = balanceMinor
	if err := s.holdings(&s.LedgerMinor); err != nil {
		return err
	}
	steps := []func() error{s.takeBackKnown, s.settleSources, s.suspendUnknown, s.compareSums, s.report}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// holdings is what the ledger says is at Paystack.
func (s *settling) holdings(minor *int64) error {
	return s.tx.DB().NewQuery("SELECT COALESCE((SELECT -balance_minor FROM ledger_accounts WHERE [[key]] = {:key}), 0)").
		Bind(dbx.Params{"key": book.Paystack(s.currency).Key}).Row(minor)
}

// line is a row of balance_rows.
type line struct {
	ID     string `db:"id"`
	Row    string `db:"row_id"`
	Minor  int64  `db:"difference_minor"`
	Model  string `db:"model"`
	Number string `db:"model_row"`
	Reason string `db:"reason"`
	State  string `db:"state"`
}

func (s *settling) lines(where string, params dbx.Params) ([]line, error) {
	lines, all := []line{}, dbx.Params{"currency": string(s.currency)}
	for name, value := range params {
		all[name] = value
	}
	err := s.tx.DB().NewQuery("SELECT id, row_id, difference_minor, model, model_row, reason, state FROM balance_rows b WHERE currency = {:currency} AND " + where + " ORDER BY length(row_id), row_id").
		Bind(all).All(&lines)
	return lines, err
}

// takeBackKnown takes out of suspense what has turned out to be ours: the row of
// ours learned its number after the line was read.
func (s *settling) takeBackKnown() error {
	for _, source := range sources {
		lines, err := s.lines("state = 'suspense' AND model = {:model} AND model_row != '0' AND EXISTS (SELECT 1 FROM "+source.table+" s WHERE s."+source.number+" = b.model_row)",
			dbx.Params{"model": source.model})
		if err != nil {
			return err
		}
		for _, line := range lines {
			if _, err := s.suspend(s.tx, "balance:"+line.Row+":known", line.ID, s.currency, -line.Minor, s.actor); err != nil {
				return err
			}
			if err := s.mark(line.ID, "in_transit", "", "It was of "+source.table+" after all."); err != nil {
				return err
			}
			if err := s.endAlert("balance_line", line.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// endAlert closes an alert whose cause is over.
func (s *settling) endAlert(kind, subject string) error {
	_, err := shell.Exec(s.tx, "UPDATE alerts SET state = 'done', done_by = {:by}, note = 'It explained itself.', done_at = {:now} WHERE kind = {:kind} AND subject_id = {:id} AND state = 'open'",
		dbx.Params{"kind": kind, "id": subject, "by": shell.System, "now": shell.Stamp(s.now())})
	return err
}

// mark gives a line its state.
func (s *settling) mark(id, state, tx, note string) error {
	_, err := shell.Exec(s.tx, "UPDATE balance_rows SET state = {:state}, tx = {:tx}, note = {:note} WHERE id = {:id}",
		dbx.Params{"id": id, "state": state, "tx": tx, "note": note})
	return err
}

// moved is what a row of ours moved at Paystack, by its lines and by our ledger.
type moved struct {
	ID      string `db:"id"`
	Number  string `db:"number"`
	Amount  int64  `db:"amount_minor"`
	Settled bool   `db:"settled"`
	Lines   int64  `db:"lines_minor"`
	Posted  int64  `db:"posted_minor"`
	// Moving says that the two need not fit yet: it was posted after the lines were
	// read, or Paystack is about to be asked what became of it.
	Moving bool `db:"moving"`
}

func (s *settling) settleSources() error {
	for i := range sources {
		if err := s.settleSource(i); err != nil {
			return err
		}
	}
	return nil
}

// settleSource goes through the rows of one table whose lines and postings differ,
// or that have lines which are not placed yet.
func (s *settling) settleSource(i int) error {
	source := sources[i]
	rows := []moved{}
	err := s.tx.DB().NewQuery(`
		WITH posted AS (
			SELECT t.source_id AS id, SUM(-e.amount_minor) AS minor, MAX(t.recorded_at) AS last
			FROM ledger_accounts a JOIN ledger_entries e ON e.account = a.id JOIN ledger_txs t ON t.id = e.tx
			WHERE a.[[key]] = {:account} AND t.source_type = {:table} GROUP BY t.source_id),
		lines AS (
			SELECT model_row, SUM(difference_minor) AS minor, MAX(state = 'in_transit') AS open FROM balance_rows
			WHERE currency = {:currency} AND model = {:model} AND model_row != '0' GROUP BY model_row)
		SELECT s.id, s.` + source.number + ` AS number, s.amount_minor, ` + source.settled + ` AS settled,
			COALESCE(l.minor, 0) AS lines_minor, COALESCE(p.minor, 0) AS posted_minor,
			(COALESCE(p.last, '') >= {:began} OR (s.next_check_at != '' AND s.next_check_at <= {:now})) AS moving
		FROM ` + source.table + ` s LEFT JOIN posted p ON p.id = s.id LEFT JOIN lines l ON l.model_row = s.` + source.number + ` AND s.` + source.number + ` != ''
		WHERE ` + source.currency + ` = {:currency} AND (COALESCE(l.minor, 0) != COALESCE(p.minor, 0) OR COALESCE(l.open, FALSE))
		ORDER BY s.id`).
		Bind(dbx.Params{"account": book.Paystack(s.currency).Key, "table": source.table, "model": source.model, "currency": string(s.currency),
			"began": shell.Stamp(s.began), "now": shell.Stamp(s.now())}).All(&rows)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := s.settleRow(i, row); err != nil {
			return err
		}
	}
	return nil
}

// settleRow posts a small difference as what the movement cost. A large one says
// that Paystack and we disagree about the amount itself: it is in transit, and
// asked for.
func (s *settling) settleRow(i int, row moved) error {
	source, difference := sources[i], row.Lines-row.Posted
	lines, err := s.lines("model = {:model} AND model_row = {:number} AND model_row NOT IN ('', '0')", dbx.Params{"model": source.model, "number": row.Number})
	if err != nil {
		return err
	}
	switch {
	case !row.Settled:
		s.TransitMinor += difference
		return nil
	case !isCost(difference, row.Amount) || len(lines) == 0:
		s.TransitMinor += difference
		s.Doubtful++
		var err error
		if source.table == "payouts" {
			err = s.askNow(s.tx, row.ID)
		}
		if row.Moving {
			return err // the next comparison knows more
		}
		return errors.Join(err, s.doubtful(source.table, row))
	}
	costs := map[string]int64{source.expense: difference}
	if levy := levies(lines); levy != 0 {
		posted, err := s.posted(source.table, row.ID, levyAccount)
		if err != nil {
			return err
		}
		costs = map[string]int64{levyAccount: levy - posted, source.expense: difference - (levy - posted)}
	}
	for _, name := range []string{source.expense, levyAccount} {
		key := fmt.Sprintf("balance:%s:%s:%d", lines[len(lines)-1].Row, name, row.Posted)
		if err := s.postCost(source.table, row.ID, name, key, costs[name]); err != nil {
			return err
		}
	}
	return s.place(source.table, row.ID, lines)
}

// isCost tells whether a difference may be a fee or a levy: those are a small part
// of the amount. Half of it or more is the amount itself, gone or come back.
func isCost(difference, amount int64) bool { return max(difference, -difference) < (amount+1)/2 }

// levies is what a state took, by Paystack's own words.
func levies(lines []line) int64 {
	var minor int64
	for _, line := range lines {
		reason := strings.ToLower(line.Reason)
		for _, word := range []string{"duty", "levy", "tax"} {
			if strings.Contains(reason, word) && line.Minor < 0 {
				minor += line.Minor
				break
			}
		}
	}
	return minor
}

// posted is what one row of ours has cost so far in an expense account, as a
// change of the balance.
func (s *settling) posted(table, id, expense string) (int64, error) {
	var minor int64
	err := s.tx.DB().NewQuery(`
		SELECT COALESCE(SUM(e.amount_minor), 0) FROM ledger_txs t JOIN ledger_entries e ON e.tx = t.id JOIN ledger_accounts a ON a.id = e.account
		WHERE t.source_type = {:table} AND t.source_id = {:id} AND a.[[key]] = {:key}`).
		Bind(dbx.Params{"table": table, "id": id, "key": book.ExpenseAccount(expense, s.currency).Key}).Row(&minor)
	return minor, err
}

// postCost books a change of the balance as an expense of one row of ours. Its
// key is the last line that is known and what was posted before it: the same
// lines cost once.
func (s *settling) postCost(table, id, expense, key string, minor int64) error {
	if minor == 0 {
		return nil
	}
	s.FeesMinor -= minor
	entries := book.Move(book.Paystack(s.currency), book.ExpenseAccount(expense, s.currency), minor)
	if minor < 0 {
		entries = book.Move(book.ExpenseAccount(expense, s.currency), book.Paystack(s.currency), -minor)
	}
	_, err := ledger.Post(s.tx, s.deps, book.Tx{
		Kind: book.PaymentFee, Key: key, Actor: s.actor, SourceType: table, SourceID: id, Entries: entries,
	})
	if err != nil || table != "payouts" {
		return err
	}
	_, err = shell.Exec(s.tx, "UPDATE payouts SET fee_minor = fee_minor - {:minor}, rev = rev + 1 WHERE id = {:id}", dbx.Params{"id": id, "minor": minor})
	return err
}

// place names for every line the posting that it belongs to: what left by what
// was paid or cost, what came back by what was reversed. Nothing about the row is
// in doubt then.
func (s *settling) place(table, id string, lines []line) error {
	for _, line := range lines {
		if line.State != "in_transit" {
			continue
		}
		var tx string
		err := s.tx.DB().NewQuery(`
			SELECT COALESCE((SELECT t.id FROM ledger_txs t JOIN ledger_entries e ON e.tx = t.id JOIN ledger_accounts a ON a.id = e.account AND a.[[key]] = {:account}
			WHERE t.source_type = {:table} AND t.source_id = {:id} AND (e.amount_minor < 0) = ({:minor} > 0)
			ORDER BY t.idem_key LIKE {:own} DESC, ABS(ABS(e.amount_minor) - ABS({:minor})), t.seq LIMIT 1), '')`).
			Bind(dbx.Params{
				"account": book.Paystack(s.currency).Key, "table": table, "id": id, "minor": line.Minor,
				"own": "balance:" + line.Row + ":%",
			}).Row(&tx)
		if err != nil {
			return err
		}
		if err := s.mark(line.ID, "matched", tx, ""); err != nil {
			return err
		}
	}
	return s.endAlert("balance_doubt", id)
}
