package payouts

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/payout"
	"github.com/lingualink/lingualink/internal/paystack"
)

const (
	sweepRound = "payouts.sweep"
	// sweepWindow is how far back transfers are listed: longer than the last
	// poll of one that was paid.
	sweepWindow = 8 * 24 * time.Hour
)

// Kinds of reconciliations.
const (
	comparedTransfers = "transfers"
	comparedMoney     = "money"
	comparedBooks     = "books"
)

// swept is what a sweep of Paystack's transfers saw.
type swept struct {
	Transfers int `json:"transfers"`
	Ours      int `json:"ours"`      // with a reference of this server
	Different int `json:"different"` // known here, and asked for again
	Orphans   int `json:"orphans"`   // not known here, explained or not
	Open      int `json:"open"`      // orphans that nobody has explained yet, of all times
}

func (s swept) clean() bool { return s.Different == 0 && s.Open == 0 }

func (d *desk) registerSweep(core.App) {
	d.deps.Outbox.Round(sweepRound, time.Hour, func(ctx context.Context, app core.App) error {
		_, err := d.sweep(ctx, app, shell.System)
		return err
	})
}

// sweep lists what Paystack did in the last days and compares it with the
// payouts: what is not known here is an orphan and stops all sending; what is
// known otherwise is asked for.
func (d *desk) sweep(ctx context.Context, app core.App, actor string) (swept, error) {
	if d.provider == nil {
		return swept{}, nil
	}
	d.reconciling.Lock()
	defer d.reconciling.Unlock()
	return d.sweepAlone(ctx, app, actor)
}

// sweepAlone is a sweep for whoever holds the lock.
func (d *desk) sweepAlone(ctx context.Context, app core.App, actor string) (swept, error) {
	began := d.now()
	seen, err := d.compareTransfers(ctx, app, began.Add(-sweepWindow))
	if err == nil {
		err = app.DB().NewQuery("SELECT COUNT(*) FROM orphan_transfers WHERE state = 'open'").Row(&seen.Open)
	}
	detail := ""
	switch {
	case err != nil:
		detail = "Not everything could be read: " + err.Error()
	case !seen.clean():
		detail = fmt.Sprintf("%d transfers are not known here, %d are known otherwise, %d wait for an explanation.", seen.Orphans, seen.Different, seen.Open)
	}
	return seen, errors.Join(err, d.reconciled(app, comparedTransfers, err == nil && seen.clean(), detail, seen, actor, began))
}

func (d *desk) compareTransfers(ctx context.Context, app core.App, from time.Time) (swept, error) {
	var seen swept
	for _, status := range paystack.Statuses() {
		for transfer, err := range d.provider.ListTransfers(ctx, status, from, time.Time{}) {
			if err != nil {
				return seen, err
			}
			seen.Transfers++
			if !d.ours(transfer.Reference) {
				continue
			}
			seen.Ours++
			if err := d.compare(app, transfer, &seen); err != nil {
				return seen, err
			}
		}
	}
	return seen, nil
}

// compare looks at one transfer with a reference of ours.
func (d *desk) compare(app core.App, t paystack.Transfer, seen *swept) error {
	var ours struct {
		ID        string         `db:"id"`
		State     payout.State   `db:"state"`
		Amount    int64          `db:"amount_minor"`
		Currency  money.Currency `db:"currency"`
		Recipient string         `db:"recipient_code"`
		Transfer  string         `db:"transfer_id"`
	}
	err := app.DB().NewQuery("SELECT id, state, amount_minor, currency, recipient_code, transfer_id FROM payouts WHERE reference = {:reference}").
		Bind(dbx.Params{"reference": t.Reference}).One(&ours)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		seen.Orphans++
		return app.RunInTransaction(func(tx core.App) error { return d.orphan(tx, t) })
	case err != nil:
		return err
	}
	id := strconv.FormatUint(t.ID, 10)
	if ours.Transfer == "" {
		// A send without an answer: lines of the balance can be placed from now on.
		if _, err := shell.Exec(app, "UPDATE payouts SET transfer_id = {:transfer}, transfer_code = {:code}, rev = rev + 1 WHERE id = {:id} AND transfer_id = ''",
			dbx.Params{"id": ours.ID, "transfer": id, "code": t.Code}); err != nil {
			return err
		}
		ours.Transfer = id
	}
	same := ours.Amount == t.AmountMinor && ours.Currency == t.Currency && ours.Transfer == id && (t.RecipientCode == "" || t.RecipientCode == ours.Recipient)
	if same && agrees(ours.State, t.Status) {
		return nil
	}
	seen.Different++
	return d.askNow(app, ours.ID)
}

// orphan records a transfer with a reference of ours that is not known here, as
// after a restore from a backup or where the key is used elsewhere. It stops all
// sending until somebody has explained it: what is not known here is held by
// nobody and might be paid again.
func (d *desk) orphan(tx core.App, t paystack.Transfer) error {
	row := dbx.Params{
		"id": shell.NewID(), "reference": t.Reference, "transfer_id": strconv.FormatUint(t.ID, 10), "transfer_code": t.Code,
		"amount_minor": t.AmountMinor, "currency": string(t.Currency), "recipient_code": t.RecipientCode, "provider_status": string(t.Status),
		"state": "open", "explained_by": "", "reason": "", "seen_at": shell.Stamp(d.now()), "explained_at": "",
	}
	err := shell.Insert(tx, "orphan_transfers", row)
	if shell.IsUniqueViolation(err) {
		var state string
		err = tx.DB().NewQuery("UPDATE orphan_transfers SET provider_status = {:status} WHERE reference = {:reference} RETURNING state").
			Bind(dbx.Params{"reference": t.Reference, "status": string(t.Status)}).Row(&state)
		if err == nil && state != "open" {
			return nil
		}
	}
	if err != nil {
		return err
	}
	if err := d.alert(tx, notice{Kind: "orphan", Severity: "critical", SubjectType: "orphan_transfers", SubjectID: t.Reference,
		Text: "Paystack has a transfer of this server's that is not in this database. Everything is paused: find out what it was, explain it, then lift the pause.",
		Data: described(t)}); err != nil {
		return err
	}
	return d.pause(tx, collections.PauseEverything, "orphan", "Transfer "+t.Reference+" is not known here.", false)
}

// reconciled keeps what a comparison came to.
func (d *desk) reconciled(app core.App, kind string, clean bool, detail string, figures any, actor string, began time.Time) error {
	data, err := asJSON(figures)
	if err != nil {
		return err
	}
	if runes := []rune(detail); len(runes) > 500 {
		detail = string(runes[:500])
	}
	return shell.Insert(app, "reconciliations", dbx.Params{
		"id": shell.NewID(), "kind": kind, "clean": clean, "detail": detail, "data": data, "actor": actor,
		"started_at": shell.Stamp(began), "finished_at": shell.Stamp(d.now()),
	})
}
