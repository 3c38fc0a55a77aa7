package payouts

import (
	"context"
	"errors"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/payout"
	"github.com/lingualink/lingualink/internal/paystack"
)

// Gate lets tests of the gates do what the worker does.
type Gate struct{ d *desk }

// NewGate is a gate on a server's dependencies.
func NewGate(deps *shell.Deps, provider Provider) Gate {
	return Gate{&desk{deps: deps, provider: provider}}
}

// Apply applies one event.
func (g Gate) Apply(app core.App, id string, event payout.Event) error {
	return app.RunInTransaction(func(tx core.App) error {
		_, err := g.d.apply(tx, id, cause{Actor: shell.System}, event)
		return err
	})
}

// VerifyDue asks about every payout that is due, as the worker does, and returns
// how many there were.
func (g Gate) VerifyDue(ctx context.Context, app core.App) (int, error) {
	rows := []struct {
		ID        string `db:"id"`
		Reference string `db:"reference"`
	}{}
	if err := app.DB().NewQuery("SELECT id, reference FROM payouts WHERE next_check_at != '' AND next_check_at <= {:now}").
		Bind(dbx.Params{"now": shell.Stamp(g.d.now())}).All(&rows); err != nil {
		return 0, err
	}
	for _, row := range rows {
		found, err := g.d.provider.VerifyTransfer(ctx, row.Reference)
		seen := payout.Observation{Status: payout.Status(found.Status), Reference: found.Reference, AmountMinor: found.AmountMinor, Currency: found.Currency, Recipient: found.RecipientCode}
		if found.FeeChargedMinor != nil {
			seen.FeeMinor = *found.FeeChargedMinor
		}
		if errors.Is(err, paystack.ErrNotFound) {
			seen, err = payout.Observation{Status: payout.NotFound, Reference: row.Reference}, nil
		}
		if err != nil {
			return 0, err
		}
		if _, err := shell.Exec(app, "UPDATE payouts SET next_check_at = '' WHERE id = {:id}", dbx.Params{"id": row.ID}); err != nil {
			return 0, err
		}
		if err := g.Apply(app, row.ID, seen); err != nil {
			return 0, err
		}
	}
	return len(rows), nil
}

// ForgetBodies is the sweep of old bodies.
func (g Gate) ForgetBodies(app core.App) error { return g.d.forgetBodies(app) }

// Sealed seals and opens a body, for tests of the seal.
func Sealed(pepper, row string, body []byte) (string, func(pepper, row, sealed string) ([]byte, error), error) {
	keeper, err := newSealer(pepper)
	return keeper.seal(row, body), func(pepper, row, sealed string) ([]byte, error) {
		other, err := newSealer(pepper)
		if err != nil {
			return nil, err
		}
		return other.open(row, sealed)
	}, err
}
