package payouts

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/paystack"
)

// Reconciled is what a reconciliation by hand came to.
type Reconciled struct {
	Sound      bool                          `json:"sound" help:"Sending is allowed, as far as the mark is concerned."`
	Detail     string                        `json:"detail" help:"Why it is not, or nothing."`
	Transfers  int                           `json:"transfers" help:"Transfers that Paystack lists of the last eight days."`
	Orphans    int                           `json:"orphans" help:"Transfers of ours that nobody has explained yet."`
	Different  int                           `json:"different" help:"Payouts that Paystack knows otherwise; they were asked for again."`
	Currencies map[string]ReconciledCurrency `json:"currencies"`
}

// ReconciledCurrency is the money of one currency, in minor units.
type ReconciledCurrency struct {
	BalanceMinor    int64 `json:"balance_minor" help:"At Paystack."`
	TransitMinor    int64 `json:"transit_minor" help:"Moved there and not settled here yet."`
	DifferenceMinor int64 `json:"difference_minor" help:"Nobody's; put into suspense."`
	Unexplained     int   `json:"unexplained" help:"Lines of the balance that wait for an explanation."`
}

// deskKey is where the desk is kept for commands.
const deskKey = "ll.payouts.desk"

// Reconcile compares everything with Paystack and, where nothing is left to
// explain, lets a database send again that had lost something. Without a key it
// is fault.NotConfigured.
func Reconcile(ctx context.Context, app core.App, actor string) (Reconciled, error) {
	d, ok := app.Store().Get(deskKey).(*desk)
	if !ok {
		return Reconciled{}, errors.New("payouts: the area is not bound")
	}
	return d.reconcile(ctx, app, actor)
}

func (d *desk) registerReconcile(app core.App) {
	app.Store().Set(deskKey, d)
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/payouts/reconcile", Who: shell.Superuser, Data: Reconciled{},
		What:   "Compare all transfers and balances with Paystack. After a restore from a backup, sending is off until this finds nothing left to explain.",
		Faults: []*fault.Code{fault.NotConfigured, fault.ProviderUnavailable},
		Handle: func(e *core.RequestEvent) error {
			done, err := d.reconcile(e.Request.Context(), e.App, shell.ActorOf(e.Auth))
			var failure *paystack.Error
			if errors.As(err, &failure) {
				return d.providerFault(e, err)
			}
			if err != nil {
				return err
			}
			message := "Nothing is left to explain."
			if !done.Sound {
				message = done.Detail
			}
			return shell.OK(e, done, message)
		},
	})
}

func (d *desk) reconcile(ctx context.Context, app core.App, actor string) (Reconciled, error) {
	if err := d.configured(); err != nil {
		return Reconciled{}, err
	}
	if err := d.guard(app); err != nil {
		return Reconciled{}, err
	}
	// What is known otherwise is asked for, and compared again: a payout that this
	// database believes unsent takes two answers to be what it is.
	var seen swept
	for range 3 {
		var err error
		if seen, err = d.sweep(ctx, app, actor); err != nil {
			return Reconciled{}, err
		}
		if seen.Different == 0 {
			break
		}
		if err := (&worker{desk: d}).verifyDue(ctx, app); err != nil {
			return Reconciled{}, err
		}
	}
	results, err := d.money(ctx, app, actor)
	if err != nil {
		return Reconciled{}, err
	}
	done := Reconciled{Transfers: seen.Transfers, Orphans: seen.Open, Different: seen.Different, Currencies: map[string]ReconciledCurrency{}}
	for currency, c := range results {
		done.Currencies[string(currency)] = ReconciledCurrency{c.BalanceMinor, c.TransitMinor, c.DifferenceMinor, c.Unexplained}
	}
	done.Detail, err = d.unsettled(app, seen, results)
	if err != nil {
		return done, err
	}
	return done, d.sounds(app, &done, actor)
}

// unsettled tells what keeps the database from being sound, or nothing. A top-up
// that nobody has explained yet does not.
func (d *desk) unsettled(app core.App, seen swept, results map[money.Currency]compared) (string, error) {
	var lines int
	err := app.DB().NewQuery("SELECT COUNT(*) FROM balance_rows WHERE state = 'suspense' AND model IN ('Transfer', {:difference})").
		Bind(dbx.Params{"difference": differenceModel}).Row(&lines)
	switch {
	case err != nil:
		return "", err
	case seen.Open > 0:
		return fmt.Sprintf("%d transfers of ours are not known here: explain them first.", seen.Open), nil
	case seen.Different > 0:
		return fmt.Sprintf("%d payouts are known otherwise at Paystack: look at them, then reconcile again.", seen.Different), nil
	case lines > 0:
		return fmt.Sprintf("%d lines of the balance are not explained: explain them first.", lines), nil
	}
	for currency, c := range results {
		if c.Doubtful > 0 {
			return fmt.Sprintf("%s: %d payouts are settled otherwise than Paystack's balance says.", currency, c.Doubtful), nil
		}
	}
	return "", nil
}

// sounds lets the database send again if nothing is unsettled. Its mark is then
// ahead of every file that there is, so that an older backup is still found out.
func (d *desk) sounds(app core.App, done *Reconciled, actor string) error {
	row, found, err := storedMark(app)
	if err != nil || !found { // payouts are off on this server
		return err
	}
	done.Sound = row.Sound
	if row.Sound || done.Detail != "" {
		if !row.Sound && done.Detail == "" {
			done.Detail = row.Detail
		}
		return d.auditReconciled(app, done, actor)
	}
	file, _, _ := readMark(d.markPath(app)) //nolint:errcheck // one that cannot be read is replaced
	next := mark{row.Instance, max(row.Seq, file.Seq)}
	if err := makeMark(d.markPath(app), next); err != nil {
		return err
	}
	done.Sound = true
	return app.RunInTransaction(func(tx core.App) error {
		if _, err := shell.Exec(tx, "UPDATE payout_marks SET sound = TRUE, detail = '', seq = {:seq}, at = {:now} WHERE id = {:id}",
			dbx.Params{"id": row.ID, "seq": next.Seq, "now": shell.Stamp(d.now())}); err != nil {
			return err
		}
		if _, err := shell.Exec(tx, "UPDATE alerts SET state = 'done', done_by = {:by}, note = 'Reconciled.', done_at = {:now} WHERE kind = 'restored' AND state = 'open'",
			dbx.Params{"by": actor, "now": shell.Stamp(d.now())}); err != nil {
			return err
		}
		return d.auditReconciled(tx, done, actor)
	})
}

func (d *desk) auditReconciled(app core.App, done *Reconciled, actor string) error {
	return app.RunInTransaction(func(tx core.App) error {
		return shell.Audit(tx, d.now(), shell.Act{Actor: actor, Action: "payouts.reconcile", SubjectType: "payout_marks", Reason: done.Detail, Data: done})
	})
}
