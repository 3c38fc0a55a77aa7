package payouts

import (
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/payout"
)

// minorOf reads an amount. Records hold numbers as float64, which is exact up to
// money.MaxMinor; nothing is reckoned before it is whole again.
func minorOf(record *core.Record, field string) int64 { return int64(record.GetInt(field)) }

// read is what decisions need to know of a stored payout.
func read(record *core.Record) payout.Payout {
	at := func(field string) time.Time { return record.GetDateTime(field).Time() }
	return payout.Payout{
		Reference:     record.GetString("reference"),
		AmountMinor:   minorOf(record, "amount_minor"),
		Currency:      money.Currency(record.GetString("currency")),
		Recipient:     record.GetString("recipient_code"),
		Beneficiary:   record.GetString("user"),
		State:         payout.State(record.GetString("state")),
		Settled:       payout.Settlement(record.GetString("settled")),
		AccountEditor: record.GetString("account_editor"),
		AccountAt:     at("account_at"),
		First:         record.GetString("first_approver"),
		Closer:        record.GetString("closer"),
		Attempt:       minorOf(record, "attempt"),
		Answered:      minorOf(record, "answered"),
		Posts:         record.GetInt("posts"),
		Refused:       record.GetBool("refused"),
		NotFoundAt:    at("not_found_at"),
		SentAt:        at("sent_at"),
		SeenAt:        at("seen_at"),
		NotBefore:     at("not_before"),
		PaidAt:        at("paid_at"),
	}
}

// write puts the whole payout back. What never changes after the request is left
// to a trigger, which would abort the transaction.
func write(record *core.Record, p payout.Payout) {
	set := func(field string, t time.Time) { record.Set(field, shell.DateTime(t)) }
	record.Set("reference", p.Reference)
	record.Set("amount_minor", p.AmountMinor)
	record.Set("currency", string(p.Currency))
	record.Set("recipient_code", p.Recipient)
	record.Set("user", p.Beneficiary)
	record.Set("state", string(p.State))
	record.Set("settled", string(p.Settled))
	record.Set("account_editor", p.AccountEditor)
	set("account_at", p.AccountAt)
	record.Set("first_approver", p.First)
	record.Set("closer", p.Closer)
	record.Set("attempt", p.Attempt)
	record.Set("answered", p.Answered)
	record.Set("posts", p.Posts)
	record.Set("refused", p.Refused)
	set("not_found_at", p.NotFoundAt)
	set("sent_at", p.SentAt)
	set("seen_at", p.SeenAt)
	set("not_before", p.NotBefore)
	set("paid_at", p.PaidAt)
	status, text := said(p)
	record.Set("status", status)
	record.Set("status_text", text)
	record.Set("cancellable", cancellable(p.State))
}

// cancellable are the states of which nothing is on its way; payout.Cancel is
// the judge.
func cancellable(state payout.State) bool {
	return state == payout.Requested || state == payout.Review || state == payout.Approved
}

// said is what the person is told of a state.
func said(p payout.Payout) (status, text string) {
	switch p.State {
	case payout.Requested, payout.Review:
		return collections.PayoutChecking, "We check the payout. This can take a working day; the money is set aside for you."
	case payout.Approved:
		return collections.PayoutScheduled, "Approved. It will be sent to your bank as soon as it can be."
	case payout.Sending, payout.InFlight:
		return collections.PayoutOnItsWay, "On its way to your bank."
	case payout.Manual:
		return collections.PayoutDelayed, "It takes longer than usual and we look into it. Your money is safe; you do not need to do anything."
	case payout.Paid, payout.PaidLate:
		return collections.PayoutPaid, "Sent to your bank. If it is not there within a day, give your bank the session number."
	case payout.Failed:
		return collections.PayoutFailed, "It could not be paid. The money is back in your wallet."
	case payout.Rejected:
		return collections.PayoutRefused, "It was refused. The money is back in your wallet."
	case payout.Cancelled:
		return collections.PayoutCancelled, "Taken back. The money is in your wallet again."
	case payout.Reversed:
		return collections.PayoutReturned, "Your bank sent it back. The money is in your wallet again."
	default: // not asked for yet
		return collections.PayoutChecking, ""
	}
}
