package payouts

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/payout"
)

// balanceEvery is how often the balance is asked for while it is too low.
const balanceEvery = time.Minute

// highestFees are more than a transfer is known to cost, stamp duty included, in
// minor units; they only tell when a balance is enough again. Sources: support
// article 2132866 (GHS, KES), the pricing page as many sites repeat it (NGN).
var highestFees = map[money.Currency]int64{money.NGN: 100_00, money.GHS: 8_00, money.KES: 60_00, money.ZAR: 10_00}

// lift ends an automatic pause.
func (d *desk) liftAutomatic(app core.App, scope, why, reason string) error {
	_, err := shell.Exec(app, `
		UPDATE payout_pauses SET lifted_at = {:now}, lifted_by = {:by}, lift_reason = {:reason}
		WHERE scope = {:scope} AND cause = {:cause} AND automatic = TRUE AND lifted_at = ''`,
		dbx.Params{"scope": scope, "cause": why, "reason": reason, "by": shell.System, "now": shell.Stamp(d.now())})
	return err
}

// queue is what waits to be sent in a currency.
type queue struct {
	Count int64 `db:"count"`
	Minor int64 `db:"minor"`
	First int64 `db:"first"` // the amount of the oldest
}

func (w *worker) queued(app core.App, currency money.Currency) (queue, error) {
	var q queue
	err := app.DB().NewQuery(`
		SELECT COUNT(*) AS count, COALESCE(SUM(amount_minor), 0) AS minor,
		       COALESCE((SELECT amount_minor FROM payouts WHERE state = 'approved' AND currency = {:currency} ORDER BY requested_at, id LIMIT 1), 0) AS first
		FROM payouts WHERE state = 'approved' AND currency = {:currency}`).
		Bind(dbx.Params{"currency": string(currency)}).One(&q)
	return q, err
}

// liftCeiling ends the pause when the oldest payout fits under the ceilings again.
func (w *worker) liftCeiling(app core.App, currency money.Currency) error {
	q, err := w.queued(app, currency)
	if err != nil {
		return err
	}
	limit, err := w.atCeiling(app, currency, max(q.First, 1))
	if err != nil || limit != payout.WithinLimits {
		return err
	}
	return w.liftAutomatic(app, string(currency), "ceiling", "The ceilings of the policy allow it again.")
}

// liftLowBalance ends the pauses of currencies whose balance covers what is due.
func (w *worker) liftLowBalance(ctx context.Context, app core.App, rows []pauseRow) error {
	low := slices.DeleteFunc(slices.Clone(rows), func(row pauseRow) bool { return row.Cause != "low_balance" })
	since := w.now().Sub(w.balanceAt)
	if len(low) == 0 || since >= 0 && since < balanceEvery {
		return nil
	}
	w.balanceAt = w.now()
	balances, err := w.provider.Balances(ctx)
	if err != nil {
		return err
	}
	var problems []error
	for _, row := range low {
		q, err := w.queued(app, row.currency())
		if err == nil && balances[row.currency()] >= q.Minor+q.Count*highestFees[row.currency()] {
			err = w.liftAutomatic(app, row.Scope, row.Cause, "The balance covers what is due.")
		}
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}
