package payouts

import (
	"context"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/payout"
)

// What the tests of the kit need of the inside.
type (
	Line     = compared
	TheOrder = sendOrder
)

var ErrLost = errLost

func deskOf(app core.App) *desk { return app.Store().Get(deskKey).(*desk) }

// Ask makes a payout as a clean request does.
func Ask(app core.App, account *core.Record, amountMinor int64) (id string, err error) {
	d := deskOf(app)
	err = app.RunInTransaction(func(tx core.App) error {
		collection, err := tx.FindCollectionByNameOrId("payouts")
		if err != nil {
			return err
		}
		id = shell.NewID()
		record := core.NewRecord(collection)
		record.Load(map[string]any{
			"id": id, "user": account.GetString("user"), "currency": account.GetString("currency"), "amount_minor": amountMinor,
			"account": account.Id, "recipient_code": account.GetString("recipient_code"), "reference": "ll-" + d.provider.Domain() + "-" + id,
			"idem_key": id, "input_hash": id, "status": "checking", "requested_at": shell.DateTime(d.now()),
		})
		if err := tx.SaveNoValidate(record); err != nil {
			return err
		}
		by := cause{Actor: "user:" + account.GetString("user")}
		if _, err := d.apply(tx, id, by, payout.Request{}); err != nil {
			return err
		}
		_, err = d.apply(tx, id, cause{Actor: shell.System}, payout.Checked{})
		return err
	})
	return id, err
}

// Apply carries an event into a payout.
func Apply(app core.App, id, actor string, event payout.Event) error {
	return app.RunInTransaction(func(tx core.App) error {
		_, err := deskOf(tx).apply(tx, id, cause{Actor: actor}, event)
		return err
	})
}

// ApplyTo carries an event into a payout as it was read before.
func ApplyTo(app core.App, record *core.Record, event payout.Event) error {
	return app.RunInTransaction(func(tx core.App) error {
		_, err := deskOf(tx).applyTo(tx, record, cause{Actor: shell.System}, event)
		return err
	})
}

// Guard is a start of the server, as far as the mark is concerned.
func Guard(app core.App) error { return deskOf(app).guard(app) }

// Claim is the worker up to the commit before the send.
func Claim(app core.App, id string) (*TheOrder, error) {
	return (&worker{desk: deskOf(app)}).claim(app, id)
}

// Post is a send whose answer nobody stores.
func Post(ctx context.Context, app core.App, o *TheOrder) error {
	_, err := deskOf(app).provider.InitiateTransfer(ctx, o.body)
	return err
}

// Finish is the rest of the worker's work on a claimed payout.
func Finish(ctx context.Context, app core.App, o *TheOrder) error {
	_, err := (&worker{desk: deskOf(app)}).post(ctx, app, o)
	return err
}

// Money, Sweep and Prove are the rounds, with what they saw.
func Money(ctx context.Context, app core.App) (map[money.Currency]Line, error) {
	return deskOf(app).money(ctx, app, shell.System)
}

func Prove(ctx context.Context, app core.App) (Books, error) {
	return deskOf(app).books(ctx, app, shell.System)
}

// Explain explains a line in suspense.
func Explain(app core.App, id, kind string) error {
	return app.RunInTransaction(func(tx core.App) error {
		return deskOf(tx).explainBalanceRow(tx, id, kind, "superuser:test", "It was looked up.")
	})
}

// Lift ends the pauses that a person has to end.
func Lift(app core.App) error {
	_, err := shell.Exec(app, "UPDATE payout_pauses SET lifted_at = {:now}, lifted_by = 'test'", dbx.Params{"now": shell.Stamp(deskOf(app).now())})
	return err
}

// MarkPath is the file of the mark.
func MarkPath(app core.App) string { return deskOf(app).markPath(app) }

// The pure parts.
var (
	Classify = classify
	Heard    = heard
	Agrees   = agrees
	IsCost   = isCost
)
