package payouts

import (
	"context"
	"database/sql"
	"errors"
	"strconv"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/paystack"
)

// followDispute notes that a payer's bank asks a payment back. Whether it is won
// or lost is asked of Paystack.
func (d *desk) followDispute(tx core.App, one event) (string, error) {
	funding, err := tx.FindFirstRecordByData("fundings", "reference", one.Reference)
	if errors.Is(err, sql.ErrNoRows) {
		if !isOrder(one.Reference, d.provider.Domain()) {
			return collections.EventIgnored, nil
		}
		return collections.EventOrphan, d.alert(tx, notice{Kind: "orphan_dispute", Severity: "critical", SubjectType: "paystack_events", SubjectID: one.Reference,
			Text: "Paystack tells of a dispute about a payment that is not in this database. Answer it in Paystack's dashboard.", Data: map[string]any{"event": one.ID, "dispute": one.DataID}})
	}
	if err != nil {
		return "", err
	}
	if one.DataID == "" {
		return collections.EventIgnored, nil
	}
	// The payment may not have been heard of yet: it is asked about first.
	if _, err := d.lookNow(tx, "fundings", one.Reference, roundFundings); err != nil {
		return "", err
	}
	now := shell.Stamp(d.now())
	known, err := shell.Exec(tx, "UPDATE funding_returns SET next_check_at = {:now} WHERE kind = 'dispute' AND provider_id = {:id}",
		dbx.Params{"id": one.DataID, "now": now})
	if err != nil {
		return "", err
	}
	if known == 0 {
		err := d.insertReturn(tx, dbx.Params{"id": shell.NewID(), "funding": funding.Id, "kind": "dispute", "provider_id": one.DataID,
			"amount_minor": minorOf(funding, "paid_minor"), "state": returnOpen, "actor": shell.System, "reason": "The payer's bank asks the payment back.", "next_check_at": now})
		if err != nil {
			return "", err
		}
		err = d.alert(tx, notice{Kind: "dispute", Severity: "critical", SubjectType: "fundings", SubjectID: funding.Id,
			Text: "A payer's bank asks a payment back. Answer in Paystack's dashboard before its deadline, or the money is lost.", Data: map[string]any{"dispute": one.DataID}})
		if err != nil {
			return "", err
		}
	}
	return collections.EventApplied, nil
}

// checkDispute asks how a dispute stands. It was put off until next.
func (d *desk) checkDispute(ctx context.Context, app core.App, id, next string) error {
	var row returnRow
	err := app.DB().Select("id", "funding", "provider_id", "amount_minor", "state", "tx", "created").From("funding_returns").
		Where(dbx.HashExp{"id": id, "kind": "dispute"}).One(&row)
	if err != nil {
		return err
	}
	number, err := strconv.ParseUint(row.ProviderID, 10, 64)
	if err != nil {
		return err
	}
	dispute, err := d.provider.FetchDispute(ctx, number)
	if err != nil {
		return err
	}
	if dispute.Status != paystack.DisputeResolved || row.State != returnOpen {
		if row.State != returnOpen {
			return d.putOff(app, "funding_returns", id, next, "")
		}
		return nil
	}
	return app.RunInTransaction(func(tx core.App) error {
		if err := d.putOff(tx, "funding_returns", id, next, ""); err != nil {
			return err
		}
		return d.saveFresh(tx, row.Funding, func(funding *core.Record) error { return d.endDispute(tx, funding, row, dispute) })
	})
}

// endDispute books a dispute that is over. A lost one takes the money from the
// campaign; those who were paid from it keep what they earned.
func (d *desk) endDispute(tx core.App, funding *core.Record, row returnRow, dispute paystack.Dispute) error {
	to := returnLost
	if dispute.Resolution == paystack.DisputeDeclined {
		to = returnWon
	}
	if dispute.RefundMinor != nil {
		row.Amount = *dispute.RefundMinor
	}
	odd := dispute.TransactionReference != funding.GetString("reference") || dispute.Domain != d.provider.Domain() ||
		string(dispute.Currency) != funding.GetString("currency") || row.Amount < 0 || row.Amount > minorOf(funding, "paid_minor")
	if odd || to == returnLost && !wasCredited(funding) {
		return d.alert(tx, notice{Kind: "dispute_mismatch", Severity: "critical", SubjectType: "fundings", SubjectID: funding.Id,
			Text: "A dispute is over that does not fit the payment, and nothing was booked. Compare both in Paystack's dashboard.", Data: map[string]any{"dispute": row.ProviderID}})
	}
	moved, err := d.moveReturn(tx, row.ID, returnOpen, to)
	if err != nil || !moved || to == returnWon || row.Amount == 0 {
		return err
	}
	if _, err := shell.Exec(tx, "UPDATE funding_returns SET amount_minor = {:amount} WHERE id = {:id}", dbx.Params{"id": row.ID, "amount": row.Amount}); err != nil {
		return err
	}
	if err := d.giveBack(tx, funding, row, collections.FundingDisputed); err != nil {
		return err
	}
	return d.alert(tx, notice{Kind: "dispute_lost", Severity: "critical", SubjectType: "fundings", SubjectID: funding.Id,
		Text: "A dispute is lost and its money left. What the campaign had spent of it is missing in the platform's funding: top it up.",
		Data: map[string]any{"dispute": row.ProviderID, "amount_minor": row.Amount}})
}

// wasCredited tells a payment that the campaign got.
func wasCredited(funding *core.Record) bool {
	switch funding.GetString("status") {
	case collections.FundingPaid, collections.FundingRefunded, collections.FundingDisputed:
		return true
	}
	return false
}
