package payouts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/payout"
)

const (
	workRound = "payouts.work"
	// sendsPerSecond is below what Paystack allows, and little enough for a
	// person to stop in time.
	sendsPerSecond = 10
	// restAfterNotSent is the wait when Paystack cannot be reached at all.
	restAfterNotSent = 15 * time.Second
)

// worker is the one who sends and asks. Everything it must not forget is in the
// database; what is here may be lost at any line.
type worker struct {
	*desk
	sent      []time.Time // of the last second
	restUntil time.Time   // Paystack could not be reached
	balanceAt time.Time   // when the balance was last asked for
	failures  map[string]failure
}

// failure is a payout whose turns end in errors.
type failure struct {
	times int
	until time.Time // no turn before
}

const (
	fewFailures       = 3 // may pass by themselves
	restAfterFailures = 5 * time.Minute
)

func (d *desk) registerWorker(core.App) {
	w := &worker{desk: d}
	d.deps.Outbox.Round(workRound, time.Second, w.work)
}

// work is one turn: what a dead worker left, what is due to be asked, what may be
// sent. A step that fails does not keep the others from their turn.
func (w *worker) work(ctx context.Context, app core.App) error {
	if w.provider == nil {
		return nil
	}
	var problems []error
	for _, step := range []func(context.Context, core.App) error{w.expireLeases, w.verifyDue, w.liftPauses, w.sendDue, w.verifyDue} {
		if ctx.Err() != nil {
			break
		}
		problems = append(problems, step(ctx, app))
	}
	return errors.Join(problems...)
}

// expireLeases has every payout asked for whose worker was not heard of again.
func (w *worker) expireLeases(ctx context.Context, app core.App) error {
	records, err := w.find(app, "state = {:state} AND lease_until != '' AND lease_until <= {:now}", "lease_until",
		100, dbx.Params{"state": string(payout.Sending), "now": shell.Stamp(w.now())})
	if err != nil {
		return err
	}
	var problems []error
	for _, record := range records {
		err := app.RunInTransaction(func(tx core.App) error {
			record.Set("lease_until", "")
			_, err := w.applyTo(tx, record, cause{Actor: shell.System}, payout.LeaseExpired{})
			return err
		})
		if !errors.Is(err, errLost) {
			problems = append(problems, w.after(ctx, app, record.Id, err))
		}
	}
	return errors.Join(problems...)
}

// find reads payouts whose turn it may be, the order and the most of them given.
func (w *worker) find(app core.App, where, order string, most int64, params dbx.Params) ([]*core.Record, error) {
	records := []*core.Record{}
	err := app.RecordQuery("payouts").AndWhere(dbx.NewExp(where, params)).AndWhere(dbx.NotIn("id", w.resting()...)).
		OrderBy(order, "id").Limit(most).All(&records)
	return records, err
}

// after keeps count of how the turns of a payout end. One that always fails must
// hold up nobody, and not be forgotten: it rests between its turns, and people
// are told.
func (w *worker) after(ctx context.Context, app core.App, id string, err error) error {
	if err == nil {
		delete(w.failures, id)
		return nil
	}
	if ctx.Err() != nil {
		return err
	}
	if w.failures == nil {
		w.failures = map[string]failure{}
	}
	f := failure{times: w.failures[id].times + 1}
	if f.times >= fewFailures {
		f.until = w.now().Add(restAfterFailures)
		err = errors.Join(err, app.RunInTransaction(func(tx core.App) error {
			return w.alert(tx, notice{Kind: "stuck", Severity: "critical", SubjectType: "payouts", SubjectID: id,
				Text: "What should follow for a payout cannot be stored. Its money stays where it is, and it is tried again; the data says why.",
				Data: map[string]string{"error": cut(err.Error(), 500)}})
		}))
	}
	w.failures[id] = f
	return fmt.Errorf("payout %s: %w", id, err)
}

// resting are the payouts that have no turn now.
func (w *worker) resting() []any {
	ids, now := []any{}, w.now()
	for id, f := range w.failures {
		if wait := f.until.Sub(now); wait > 0 && wait <= restAfterFailures { // more: the clock was set back
			ids = append(ids, id)
		}
	}
	return ids
}

// inPace tells whether one more may be sent in this second.
func (w *worker) inPace() bool {
	now := w.now()
	for len(w.sent) > 0 && !w.sent[0].After(now.Add(-time.Second)) {
		w.sent = w.sent[1:]
	}
	if len(w.sent) > 0 && w.sent[0].After(now) { // the clock was set back
		w.sent = nil
	}
	if w.restUntil.Sub(now) > restAfterNotSent { // so it was
		w.restUntil = time.Time{}
	}
	return len(w.sent) < sendsPerSecond && !now.Before(w.restUntil)
}

// liftPauses ends the automatic pauses whose cause is over.
func (w *worker) liftPauses(ctx context.Context, app core.App) error {
	rows := []pauseRow{}
	err := app.DB().NewQuery("SELECT scope, cause FROM payout_pauses WHERE lifted_at = '' AND automatic = TRUE AND cause IN ('ceiling', 'low_balance')").All(&rows)
	if err != nil || len(rows) == 0 {
		return err
	}
	var problems []error
	for _, row := range rows {
		if row.Cause == "ceiling" {
			problems = append(problems, w.liftCeiling(app, row.currency()))
		}
	}
	return errors.Join(append(problems, w.liftLowBalance(ctx, app, rows))...)
}
