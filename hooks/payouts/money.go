package payouts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/shell"
	book "github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/paystack"
)

const (
	moneyRound = "payouts.money"
	// overlap is read again each time: lines may be listed late.
	overlap = 24 * time.Hour
	// snapshots is how often lines and balances are read until they fit together.
	snapshots = 3
	// differenceModel marks lines of balance_rows that are not Paystack's: what its
	// balance differs by from its own lines and our ledger.
	differenceModel = "Difference"
)

// compared is what the comparison of one currency's money came to, in minor units.
type compared struct {
	LinesRead       int   `json:"lines_read"`
	BalanceMinor    int64 `json:"balance_minor"`    // at Paystack
	LedgerMinor     int64 `json:"ledger_minor"`     // what our account says it holds, before the run
	TransitMinor    int64 `json:"transit_minor"`    // moved at Paystack, not settled here yet
	FeesMinor       int64 `json:"fees_minor"`       // posted by this run
	SuspenseMinor   int64 `json:"suspense_minor"`   // put aside by this run
	DifferenceMinor int64 `json:"difference_minor"` // nobody's
	Unexplained     int   `json:"unexplained"`      // lines that wait for an explanation
	Doubtful        int   `json:"doubtful"`         // settled here otherwise than there
}

// clean says that nothing waits for a person. What is in transit settles itself.
func (c compared) clean() bool {
	return c.DifferenceMinor == 0 && c.Unexplained == 0 && c.Doubtful == 0
}

func (d *desk) registerMoney(core.App) {
	d.deps.Outbox.Round(moneyRound, 24*time.Hour, func(ctx context.Context, app core.App) error {
		_, err := d.money(ctx, app, shell.System)
		return err
	})
}

// money compares the account of the ledger with Paystack's balance, line by line
// and in sum, and posts what only Paystack knows: fees, levies, top-ups. After it
// the account and what is in transit are the balance. It may be run as often as
// one likes: every line is stored, and posted, once.
func (d *desk) money(ctx context.Context, app core.App, actor string) (map[money.Currency]compared, error) {
	if d.provider == nil {
		return nil, nil
	}
	d.reconciling.Lock()
	defer d.reconciling.Unlock()
	began := d.now()
	results := map[money.Currency]compared{}
	lines, balances, err := d.readBalance(ctx, app)
	if err == nil {
		err = d.keepLines(app, lines)
	}
	if err == nil {
		// The list names the numbers of transfers that never had an answer. Read
		// after the lines, it knows every transfer that they are about.
		_, err = d.sweepAlone(ctx, app, actor)
	}
	if err == nil {
		results, err = d.compareMoney(app, lines, balances, actor, began)
	}
	clean, detail := err == nil, ""
	for _, currency := range slices.Sorted(maps.Keys(results)) {
		if c := results[currency]; clean && !c.clean() {
			clean = false
			detail = fmt.Sprintf("%s: %d lines are not explained, %d payouts are doubtful, the balance differs by %s.",
				currency, c.Unexplained, c.Doubtful, money.Format(c.DifferenceMinor, currency))
		}
	}
	if err != nil {
		detail = "Not everything could be compared: " + err.Error()
	}
	return results, errors.Join(err, d.reconciled(app, comparedMoney, clean, detail, results, actor, began))
}

// readBalance reads lines and balances that belong together, as far as Paystack
// lets one: while it moves money, a line may be missing or be one too many. After
// the last try a balance that moved in between is taken from its own last line.
func (d *desk) readBalance(ctx context.Context, app core.App) ([]paystack.BalanceRow, map[money.Currency]int64, error) {
	from, err := d.lastLine(app)
	if err != nil {
		return nil, nil, err
	}
	var before map[money.Currency]paystack.BalanceRow
	for try := 1; ; try++ {
		balances, err := d.provider.Balances(ctx)
		if err != nil {
			return nil, nil, err
		}
		lines := []paystack.BalanceRow{}
		newest := map[money.Currency]paystack.BalanceRow{}
		for line, err := range d.provider.BalanceLedger(ctx, from, time.Time{}) {
			if err != nil {
				return nil, nil, err
			}
			if line.Domain != "" && line.Domain != d.provider.Domain() {
				return nil, nil, fmt.Errorf("line %d of the balance is of the domain %q", line.ID, line.Domain)
			}
			lines = append(lines, line)
			if line.ID >= newest[line.Currency].ID {
				newest[line.Currency] = line
			}
		}
		fits := true
		for currency, line := range newest {
			if line.BalanceMinor == balances[currency] {
				continue
			}
			fits = false
			if try == snapshots && before[currency].ID != line.ID {
				balances[currency] = line.BalanceMinor
			}
		}
		if fits || try == snapshots {
			slices.SortFunc(lines, func(a, b paystack.BalanceRow) int {
				if a.ID < b.ID {
					return -1
				}
				return 1
			})
			return lines, balances, nil
		}
		before = newest
	}
}

// lastLine is where reading begins: some time before the last line that is known.
func (d *desk) lastLine(app core.App) (time.Time, error) {
	var last string
	err := app.DB().NewQuery("SELECT COALESCE(MAX(at), '') FROM balance_rows WHERE model != {:difference}").
		Bind(dbx.Params{"difference": differenceModel}).Row(&last)
	if err != nil || last == "" {
		return time.Time{}, err
	}
	at, err := shell.ParseStamp(last)
	return at.Add(-overlap), err
}

// keepLines stores the lines that are new, some at a time.
func (d *desk) keepLines(app core.App, lines []paystack.BalanceRow) error {
	now := shell.Stamp(d.now())
	for some := range slices.Chunk(lines, 200) {
		err := app.RunInTransaction(func(tx core.App) error {
			for _, line := range some {
				_, err := shell.Exec(tx, `
					INSERT INTO balance_rows (id, row_id, currency, difference_minor, balance_minor, model, model_row, reason, state, tx, note, at, seen_at)
					VALUES ({:id}, {:row}, {:currency}, {:difference}, {:balance}, {:model}, {:model_row}, {:reason}, 'in_transit', '', '', {:at}, {:now})
					ON CONFLICT (row_id) DO NOTHING`,
					dbx.Params{
						"id": shell.NewID(), "row": strconv.FormatUint(line.ID, 10), "currency": string(line.Currency),
						"difference": line.DifferenceMinor, "balance": line.BalanceMinor, "model": line.Model,
						"model_row": strconv.FormatUint(line.ModelRow, 10), "reason": line.Reason, "at": shell.Stamp(line.CreatedAt), "now": now,
					})
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// compareMoney settles every currency that either side knows.
func (d *desk) compareMoney(app core.App, lines []paystack.BalanceRow, balances map[money.Currency]int64, actor string, began time.Time) (map[money.Currency]compared, error) {
	known := []money.Currency{}
	err := app.DB().NewQuery("SELECT DISTINCT currency FROM ledger_accounts WHERE [[key]] LIKE 'paystack:%' UNION SELECT DISTINCT currency FROM balance_rows").Column(&known)
	if err != nil {
		return nil, err
	}
	for currency := range balances {
		if !slices.Contains(known, currency) {
			known = append(known, currency)
		}
	}
	results := map[money.Currency]compared{}
	for _, currency := range known {
		if currency.PaystackScale() == 0 {
			continue // none that we have accounts in
		}
		err := app.RunInTransaction(func(tx core.App) error {
			s := &settling{desk: d, tx: tx, currency: currency, actor: actor, began: began}
			if err := s.settle(balances[currency]); err != nil {
				return err
			}
			for _, line := range lines {
				if line.Currency == currency {
					s.LinesRead++
				}
			}
			results[currency] = s.compared
			return nil
		})
		if err != nil {
			return results, fmt.Errorf("%s: %w", currency, err)
		}
	}
	return results, nil
}

// suspend puts aside what moved Paystack's balance and nobody has explained:
// above zero money came in.
func (d *desk) suspend(tx core.App, key, row string, currency money.Currency, minor int64, actor string) (string, error) {
	entries := book.Move(book.Paystack(currency), book.Suspense(currency), minor)
	if minor < 0 {
		entries = book.Move(book.Suspense(currency), book.Paystack(currency), -minor)
	}
	posted, err := ledger.Post(tx, d.deps, book.Tx{
		Kind: book.Suspended, Key: key, Actor: actor, SourceType: "balance_rows", SourceID: row, Entries: entries,
	})
	if err != nil {
		return "", err
	}
	return posted[0].ID, nil
}
