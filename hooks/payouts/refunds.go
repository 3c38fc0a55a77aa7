package payouts

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	book "github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/paystack"
)

// States of funding_returns.
const (
	returnRequested = "requested" // ordered here; Paystack has not said that it knows of it
	returnPending   = "pending"
	returnProcessed = "processed" // the money left
	returnFailed    = "failed"
	returnAttention = "needs_attention" // Paystack wants the payer's account number
	returnOpen      = "open"            // a dispute
	returnLost      = "lost"
	returnWon       = "won"
)

const (
	purposeRefund = "funding_refund"
	// unheardRefund is how long the answer to a refund may be missing before its
	// absence from the list of all refunds means that there is none.
	unheardRefund = 10 * time.Minute
	maxReason     = 300
)

type refundBody struct {
	Reason string `json:"reason" help:"Why, for the audit log and for Paystack's dashboard."`
}

type refundData struct {
	ID          string `json:"id" help:"Id of the refund in funding_returns."`
	State       string `json:"state" help:"requested, pending, processed, failed or needs_attention."`
	AmountMinor int64  `json:"amount_minor"`
	Currency    string `json:"currency"`
}

func (d *desk) registerRefunds(core.App) {
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/fundings/{id}/refund", Who: shell.Superuser,
		What:   "Give a payment back to who paid it, as a whole. Needs a confirmation for " + purposeRefund + ".",
		Params: []shell.Param{shell.Header("X-Confirmation", "A fresh confirmation for "+purposeRefund+".")},
		Body:   refundBody{}, Data: refundData{},
		Faults: []*fault.Code{fault.NotConfigured, fault.NotFound, fault.InvalidInput, fault.ConfirmationRequired, fault.NotRefundable, fault.RefundRefused},
		Handle: d.refund,
	})
}

// refund stores the order to refund before Paystack hears of it. The unique index
// lets one refund of a payment be under way or done: Paystack has no key by which
// it would recognise a second one.
func (d *desk) refund(e *core.RequestEvent) error {
	if err := d.configured(); err != nil {
		return err
	}
	body, err := shell.Bind[refundBody](e)
	if err != nil {
		return err
	}
	if n := utf8.RuneCountInString(body.Reason); n == 0 || n > maxReason {
		return fault.InvalidInput.On("reason").Saying("Say why, in at most 300 characters.")
	}
	data := refundData{ID: shell.NewID(), State: returnRequested}
	reference := ""
	err = e.App.RunInTransaction(func(tx core.App) error {
		funding, err := tx.FindRecordById("fundings", e.Request.PathValue("id"))
		if err != nil {
			return err
		}
		data.AmountMinor, data.Currency = minorOf(funding, "paid_minor")-minorOf(funding, "returned_minor"), funding.GetString("currency")
		reference = funding.GetString("reference")
		if funding.GetString("status") != collections.FundingPaid || data.AmountMinor <= 0 {
			return fault.NotRefundable.On("id")
		}
		if err := accounts.UseConfirmation(tx, d.now(), e.Auth, purposeRefund, e.Request.Header.Get("X-Confirmation")); err != nil {
			return err
		}
		err = d.insertReturn(tx, dbx.Params{"id": data.ID, "funding": funding.Id, "kind": "refund", "amount_minor": data.AmountMinor,
			"state": returnRequested, "actor": shell.ActorOf(e.Auth), "reason": body.Reason})
		if shell.IsUniqueViolation(err) {
			return fault.NotRefundable.On("id")
		}
		if err != nil {
			return err
		}
		if err := d.lookAgain(tx, funding.Id, d.now().Add(time.Minute)); err != nil {
			return err
		}
		return shell.Audit(tx, d.now(), shell.Act{
			Actor: shell.ActorOf(e.Auth), Action: "funding.refund", SubjectType: "fundings", SubjectID: funding.Id, Reason: body.Reason,
			Data: map[string]any{"return": data.ID, "amount_minor": data.AmountMinor, "currency": data.Currency},
		})
	})
	if err != nil {
		return err
	}
	if data.State, err = d.sendRefund(e.Request.Context(), e.App, e.Request.PathValue("id"), reference, body.Reason, data); err != nil {
		return err
	}
	return shell.OK(e, data, "The refund is on its way; Paystack needs some days for it.")
}

func (d *desk) insertReturn(tx core.App, row dbx.Params) error {
	now := shell.Stamp(d.now())
	for name, value := range map[string]any{"provider_id": "", "tx": "", "next_check_at": "", "created": now, "updated": now} {
		if _, set := row[name]; !set {
			row[name] = value
		}
	}
	return shell.Insert(tx, "funding_returns", row)
}

// sendRefund orders a refund once. What is not conclusive stays requested, and
// only the list of refunds tells what became of it.
func (d *desk) sendRefund(ctx context.Context, app core.App, funding, reference, reason string, ordered refundData) (state string, err error) {
	made, err := d.provider.CreateRefund(ctx, paystack.RefundOrder{
		Transaction: reference, AmountMinor: ordered.AmountMinor, Currency: money.Currency(ordered.Currency), Note: reason,
	})
	switch {
	case err == nil:
		err = app.RunInTransaction(func(tx core.App) error {
			record, err := tx.FindRecordById("fundings", funding)
			if err != nil {
				return err
			}
			return d.bookRefund(tx, record, made)
		})
		return stateOf(made.Status), err
	case errors.Is(err, paystack.ErrRefused), errors.Is(err, paystack.ErrInvalid), errors.Is(err, paystack.ErrNotSent), errors.Is(err, paystack.ErrRateLimited):
		// Conclusively not made.
		failed := app.RunInTransaction(func(tx core.App) error {
			if _, err := d.moveReturn(tx, ordered.ID, returnRequested, returnFailed); err != nil {
				return err
			}
			return d.alert(tx, notice{Kind: "refund_refused", Severity: "warning", SubjectType: "fundings", SubjectID: funding,
				Text: "A refund was not made. The payment is as it was; ask again when the cause is gone.", Data: map[string]any{"error": cut(err.Error(), 500)}})
		})
		return returnFailed, errors.Join(failed, fault.RefundRefused.On("paystack").Because(err))
	}
	app.Logger().Warn("the answer to a refund is missing; the list of refunds will tell", "funding", funding, "error", err)
	return returnRequested, nil
}

// stateOf is how a refund's status is stored; a word that is not known is not
// conclusive.
func stateOf(status string) string {
	switch status {
	case paystack.RefundProcessed:
		return returnProcessed
	case paystack.RefundFailed:
		return returnFailed
	case paystack.RefundNeedsAttention:
		return returnAttention
	}
	return returnPending
}

// returnRow is a row of funding_returns.
type returnRow struct {
	ID         string `db:"id"`
	Funding    string `db:"funding"`
	ProviderID string `db:"provider_id"`
	Amount     int64  `db:"amount_minor"`
	State      string `db:"state"`
	Tx         string `db:"tx"`
	Created    string `db:"created"`
}

func (d *desk) refundsOf(app core.App, funding string) ([]returnRow, error) {
	rows := []returnRow{}
	err := app.DB().Select("id", "funding", "provider_id", "amount_minor", "state", "tx", "created").From("funding_returns").
		Where(dbx.HashExp{"funding": funding, "kind": "refund"}).OrderBy("created", "id").All(&rows)
	return rows, err
}

// checkRefunds asks about the refunds of a payment: those that are known by their
// id, and where one is missing the list of all, which also has those that were
// made in Paystack's dashboard.
func (d *desk) checkRefunds(ctx context.Context, app core.App, record *core.Record, next string) error {
	rows, err := d.refundsOf(app, record.Id)
	if err != nil {
		return err
	}
	found, unheard := []paystack.Refund{}, len(rows) == 0
	for _, row := range rows {
		if row.ProviderID == "" {
			unheard = unheard || row.State != returnFailed || len(rows) == 1
			continue
		}
		id, err := strconv.ParseUint(row.ProviderID, 10, 64)
		if err != nil {
			return err
		}
		one, err := d.provider.FetchRefund(ctx, id)
		if err != nil {
			return err
		}
		found = append(found, one)
	}
	if unheard {
		transaction := record.GetString("transaction_id")
		for one, err := range d.provider.ListRefunds(ctx, record.GetDateTime("paid_at").Time().Add(-24*time.Hour), time.Time{}) {
			if err != nil {
				return err
			}
			if strconv.FormatUint(one.TransactionID, 10) == transaction {
				found = append(found, one)
			}
		}
	}
	return app.RunInTransaction(func(tx core.App) error {
		return d.saveFresh(tx, record.Id, func(fresh *core.Record) error {
			for _, one := range found {
				if err := d.bookRefund(tx, fresh, one); err != nil {
					return err
				}
			}
			return d.afterRefunds(tx, fresh, next)
		})
	})
}

// afterRefunds gives up what Paystack does not know of, and looks again while
// something is under way.
func (d *desk) afterRefunds(tx core.App, record *core.Record, next string) error {
	rows, err := d.refundsOf(tx, record.Id)
	if err != nil {
		return err
	}
	open := false
	for _, row := range rows {
		created, err := shell.ParseStamp(row.Created)
		if err != nil {
			return err
		}
		if row.State == returnRequested && row.ProviderID == "" && d.now().Sub(created) > unheardRefund {
			if _, err := d.moveReturn(tx, row.ID, returnRequested, returnFailed); err != nil {
				return err
			}
			err := d.alert(tx, notice{Kind: "refund_unknown", Severity: "warning", SubjectType: "fundings", SubjectID: record.Id,
				Text: "Paystack knows nothing of a refund whose answer was lost. Look at the payment in its dashboard, then ask again."})
			if err != nil {
				return err
			}
			continue
		}
		open = open || row.State == returnRequested || row.State == returnPending || row.State == returnAttention
	}
	if open {
		return nil
	}
	return d.putOff(tx, "fundings", record.Id, next, "")
}

// bookRefund takes over what Paystack says of one refund, and posts it when its
// money left or came back.
func (d *desk) bookRefund(tx core.App, record *core.Record, refund paystack.Refund) error {
	id := strconv.FormatUint(refund.ID, 10)
	if string(refund.Currency) != record.GetString("currency") || refund.Domain != d.provider.Domain() || refund.AmountMinor < 1 || refund.AmountMinor > minorOf(record, "paid_minor") {
		return d.strangeRefund(tx, record, refund, "It is more than was paid, or of another currency or mode.")
	}
	row, err := d.adopt(tx, record.Id, id, refund.AmountMinor)
	if shell.IsUniqueViolation(err) {
		return d.strangeRefund(tx, record, refund, "There is another refund of the same payment.")
	}
	if err != nil {
		return err
	}
	to := stateOf(refund.Status)
	if to == row.State {
		return nil
	}
	moved, err := d.moveReturn(tx, row.ID, row.State, to)
	if shell.IsUniqueViolation(err) {
		return d.strangeRefund(tx, record, refund, "There is another refund of the same payment.")
	}
	if err != nil || !moved {
		return err
	}
	switch {
	case to == returnProcessed:
		return d.giveBack(tx, record, row, collections.FundingRefunded)
	case row.State == returnProcessed:
		return d.takeBackReturn(tx, record, row)
	case to == returnAttention:
		return d.alert(tx, notice{Kind: "refund_attention", Severity: "warning", SubjectType: "fundings", SubjectID: record.Id,
			Text: "Paystack needs the payer's account number for a refund. Give it in Paystack's dashboard."})
	case to == returnFailed:
		return d.alert(tx, notice{Kind: "refund_failed", Severity: "warning", SubjectType: "fundings", SubjectID: record.Id,
			Text: "A refund failed; the money is still in the campaign. Look at the payment in Paystack's dashboard, then ask again."})
	}
	return nil
}

// adopt finds the row of a refund: by Paystack's id, else the one of ours that
// has none yet, else a new one for what was made in Paystack's dashboard.
func (d *desk) adopt(tx core.App, funding, id string, amountMinor int64) (returnRow, error) {
	rows, err := d.refundsOf(tx, funding)
	if err != nil {
		return returnRow{}, err
	}
	for _, row := range rows {
		if row.ProviderID == id {
			return row, nil
		}
	}
	for _, state := range []string{returnRequested, returnFailed} {
		for _, row := range rows {
			if row.ProviderID == "" && row.State == state && row.Amount == amountMinor {
				row.ProviderID = id
				_, err := shell.Exec(tx, "UPDATE funding_returns SET provider_id = {:provider} WHERE id = {:id}", dbx.Params{"id": row.ID, "provider": id})
				return row, err
			}
		}
	}
	made := returnRow{ID: shell.NewID(), Funding: funding, ProviderID: id, Amount: amountMinor, State: returnRequested}
	return made, d.insertReturn(tx, dbx.Params{"id": made.ID, "funding": funding, "kind": "refund", "provider_id": id, "amount_minor": amountMinor,
		"state": returnRequested, "actor": shell.System, "reason": "Made in Paystack's dashboard."})
}

func (d *desk) strangeRefund(tx core.App, record *core.Record, refund paystack.Refund, why string) error {
	return d.alert(tx, notice{Kind: "refund_unexpected", Severity: "critical", SubjectType: "fundings", SubjectID: record.Id,
		Text: "Paystack tells of a refund that was not booked. " + why,
		Data: map[string]any{"id": strconv.FormatUint(refund.ID, 10), "amount_minor": refund.AmountMinor, "currency": cut(string(refund.Currency), 10), "status": cut(refund.Status, 40)}})
}

// moveReturn changes the state of a return if it is as it was seen.
func (d *desk) moveReturn(tx core.App, id, from, to string) (bool, error) {
	moved, err := shell.Exec(tx, "UPDATE funding_returns SET state = {:to}, updated = {:now} WHERE id = {:id} AND state = {:from}",
		dbx.Params{"id": id, "from": from, "to": to, "now": shell.Stamp(d.now())})
	return moved == 1, err
}

// giveBack posts money that left: from the campaign, and from the platform what
// the campaign has spent. Nobody's wages are touched.
func (d *desk) giveBack(tx core.App, record *core.Record, row returnRow, status string) error {
	posted, err := ledger.ReturnFunding(tx, d.deps, record.GetString("campaign"), money.Currency(record.GetString("currency")), row.Amount, book.Tx{
		Key: "return:" + row.ID, Actor: shell.System, SourceType: "funding_returns", SourceID: row.ID,
	})
	if err != nil {
		return err
	}
	if _, err := shell.Exec(tx, "UPDATE funding_returns SET tx = {:tx} WHERE id = {:id}", dbx.Params{"id": row.ID, "tx": posted.ID}); err != nil {
		return err
	}
	record.Set("returned_minor", minorOf(record, "returned_minor")+row.Amount)
	if status == collections.FundingRefunded && minorOf(record, "returned_minor") < minorOf(record, "paid_minor") {
		status = record.GetString("status") // a part of it
	}
	if _, err := d.moveFunding(tx, record, status, record.GetString("status")); err != nil {
		return err
	}
	return d.tellPayer(tx, record, "funding_returned", "Your payment went back", "Paystack returned "+money.Format(row.Amount, money.Currency(record.GetString("currency")))+" to you.")
}

// takeBackReturn undoes a return that failed after it had been processed.
func (d *desk) takeBackReturn(tx core.App, record *core.Record, row returnRow) error {
	if _, err := ledger.RestoreFunding(tx, d.deps, record.GetString("campaign"), row.Tx, "return:"+row.ID+":failed", shell.System); err != nil {
		return err
	}
	record.Set("returned_minor", minorOf(record, "returned_minor")-row.Amount)
	if _, err := d.moveFunding(tx, record, collections.FundingPaid, record.GetString("status")); err != nil {
		return err
	}
	return d.alert(tx, notice{Kind: "refund_failed", Severity: "critical", SubjectType: "fundings", SubjectID: record.Id,
		Text: "A refund failed after it had been made; the money is in the campaign again. Look at the payment in Paystack's dashboard."})
}
