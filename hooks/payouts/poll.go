package payouts

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/payout"
	"github.com/lingualink/lingualink/internal/paystack"
)

const (
	verifiesPerTurn = 60
	// patience is how many questions without an answer end a turn: each may
	// take as long as the client waits.
	patience = 3
	// askAgain is when a payout is asked for again that silence means nothing for.
	askAgain = 5 * time.Minute
)

// verifyDue asks Paystack about every payout whose time has come. It goes on
// while sending is off, and spends nothing of what sending may.
func (w *worker) verifyDue(ctx context.Context, app core.App) error {
	records, err := w.find(app, "next_check_at != '' AND next_check_at <= {:now}", "next_check_at", verifiesPerTurn, dbx.Params{"now": shell.Stamp(w.now())})
	if err != nil {
		return err
	}
	var problems []error
	for silent := 0; len(records) > 0 && silent < patience && ctx.Err() == nil; records = records[1:] {
		record := records[0]
		transfer, event, wait := w.ask(ctx, record.GetString("reference"))
		if ctx.Err() != nil {
			break // a stop is not silence
		}
		if wait > 0 {
			problems = append(problems, w.askLater(app, record.Id, wait))
			break
		}
		if event == (payout.Silence{}) && w.ours(record.GetString("reference")) {
			silent++
		}
		problems = append(problems, w.after(ctx, app, record.Id, w.believe(ctx, app, record, event, transfer)))
	}
	return errors.Join(problems...)
}

// ask asks about one reference. One of the other mode is not asked for: nobody
// could say anything about it.
func (w *worker) ask(ctx context.Context, reference string) (paystack.Transfer, payout.Event, time.Duration) {
	if !w.ours(reference) {
		return paystack.Transfer{}, payout.Silence{}, 0
	}
	transfer, err := w.provider.VerifyTransfer(ctx, reference)
	event, wait := heard(transfer, err, reference, w.provider.Domain())
	return transfer, event, wait
}

// believe applies what a verify said to the payout as it was read before the
// question, and sends again if that is what follows.
func (w *worker) believe(ctx context.Context, app core.App, record *core.Record, event payout.Event, transfer paystack.Transfer) error {
	var again *sendOrder
	err := app.RunInTransaction(func(tx core.App) error {
		again = nil
		if o, seen := event.(payout.Observation); seen && o.Status == payout.NotFound {
			if wait, err := w.notNow(tx, record); wait || err != nil {
				return errors.Join(err, w.askLater(tx, record.Id, time.Minute))
			}
		}
		record.Set("next_check_at", "")
		keep(record, transfer)
		outcome, err := w.applyTo(tx, record, cause{Actor: shell.System, Data: described(transfer)}, event)
		if err != nil || !sends(outcome) {
			return err
		}
		again, err = w.order(tx, record)
		return err
	})
	var conflict *payout.Conflict
	switch {
	case errors.Is(err, errLost): // read again in the next turn
		return nil
	case errors.As(err, &conflict):
		return w.askLater(app, record.Id, askAgain)
	case err != nil || again == nil:
		return err
	}
	_, err = w.post(ctx, app, again)
	return err
}

// notNow tells that nothing may follow from "not found" yet, because what would
// follow is another send and sending is off: no try is spent while it is.
func (w *worker) notNow(tx core.App, record *core.Record) (bool, error) {
	p := read(record)
	if p.State != payout.Sending || p.Refused {
		return false, nil
	}
	closed, err := w.closed(tx, p.Currency)
	return closed != "" || !w.inPace(), err
}

// keep stores what Paystack says of its own about the transfer that was ordered.
func keep(record *core.Record, t paystack.Transfer) {
	if t.Reference != record.GetString("reference") {
		return
	}
	if t.Code != "" {
		record.Set("transfer_code", t.Code)
	}
	if t.ID != 0 {
		record.Set("transfer_id", strconv.FormatUint(t.ID, 10))
	}
	if t.SessionID != "" {
		record.Set("session_id", t.SessionID)
	}
}

// described is a transfer for the history.
func described(t paystack.Transfer) any {
	if t.Reference == "" {
		return nil
	}
	return map[string]any{
		"reference": t.Reference, "status": string(t.Status), "amount_minor": t.AmountMinor, "currency": string(t.Currency),
		"recipient": t.RecipientCode, "domain": t.Domain, "transfer_code": t.Code, "transfer_id": strconv.FormatUint(t.ID, 10),
		"fee_minor": t.FeeChargedMinor, "gateway_response": t.GatewayResponse,
	}
}

// sends tells whether the outcome orders a send.
func sends(outcome payout.Outcome) bool {
	for _, effect := range outcome.Effects {
		if effect.Kind == payout.Send {
			return true
		}
	}
	return false
}

// askLater puts off the next question. It is no change of the payout, and loses
// against one.
func (d *desk) askLater(app core.App, id string, wait time.Duration) error {
	_, err := shell.Exec(app, "UPDATE payouts SET next_check_at = {:at} WHERE id = {:id}", dbx.Params{"id": id, "at": shell.Stamp(d.now().Add(wait))})
	return err
}

// askNow has a payout asked for in the next turn.
func (d *desk) askNow(app core.App, id string) error { return d.askLater(app, id, 0) }

// pauseRow is an open pause.
type pauseRow struct {
	Scope string `db:"scope"`
	Cause string `db:"cause"`
}

func (p pauseRow) currency() money.Currency { return money.Currency(p.Scope) }
