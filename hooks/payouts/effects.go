package payouts

import (
	"encoding/json"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/shell"
	book "github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/payout"
)

// feeAccount is the expense that transfers cost.
const feeAccount = "payout_fee"

// carryOut does one thing that a decision asks for, in its transaction. Fields of
// the record are saved by the caller.
func (d *desk) carryOut(tx core.App, record *core.Record, by cause, effect payout.Effect) error {
	p := read(record)
	switch effect.Kind {
	case payout.PostHold:
		return d.post(tx, record, by, book.PayoutHeld, "hold", book.Move(available(p), held(p), p.AmountMinor))
	case payout.ReleaseHold:
		return d.settle(tx, record, by, payout.SettledRelease, book.PayoutReleased, "release", book.Move(held(p), available(p), p.AmountMinor), 0)
	case payout.PostPaid:
		return d.settle(tx, record, by, payout.SettledPaid, book.PayoutPaid, "paid", book.Move(held(p), book.Paystack(p.Currency), p.AmountMinor), effect.FeeMinor)
	case payout.PostReversal:
		return d.post(tx, record, by, book.PayoutReversed, "reversed", book.Move(book.Paystack(p.Currency), available(p), p.AmountMinor))
	case payout.PostPaidLate:
		if err := d.post(tx, record, by, book.PayoutLate, "late", book.Move(available(p), book.Paystack(p.Currency), p.AmountMinor)); err != nil {
			return err
		}
		return d.postFee(tx, record, by, effect.FeeMinor)
	case payout.Send:
		record.Set("lease_until", shell.DateTime(d.now().Add(sendLease)))
		return nil
	case payout.VerifyNow:
		record.Set("next_check_at", shell.DateTime(d.now()))
		return nil
	case payout.VerifyAt:
		record.Set("next_check_at", shell.DateTime(effect.At))
		return nil
	case payout.PauseCurrency:
		return d.pause(tx, string(p.Currency), "low_balance", "Paystack's balance did not cover payout "+record.Id+".", true)
	case payout.PauseAll:
		return d.pause(tx, collections.PauseEverything, "payout", "Payout "+record.Id+" must be looked at first.", false)
	case payout.Alert:
		return d.alert(tx, notice{Kind: string(effect.Alert), Severity: severityOf(effect.Alert), SubjectType: "payouts", SubjectID: record.Id,
			Text: alertTexts[effect.Alert], Data: by.Data})
	case payout.FreezeUser:
		return d.flag(tx, flag{User: p.Beneficiary, Kind: flagPaidLate, SubjectType: "payouts", SubjectID: record.Id,
			Detail: "A payout succeeded after its money had been given back. The person owes what was paid twice.", Score: 10_000})
	case payout.MarkAccountUnusable:
		_, err := shell.Exec(tx, "UPDATE payout_accounts SET status = {:unusable}, updated = {:now} WHERE id = {:id} AND status = {:active}",
			dbx.Params{"id": record.GetString("account"), "unusable": collections.AccountUnusable, "active": collections.AccountActive, "now": shell.Stamp(d.now())})
		return err
	case payout.NotifyUser:
		return d.tell(tx, record, effect.Notice)
	}
	return fmt.Errorf("no such effect: %s", effect.Kind)
}

func available(p payout.Payout) book.Account {
	return book.UserAccount(p.Beneficiary, book.Available, p.Currency)
}

func held(p payout.Payout) book.Account {
	return book.UserAccount(p.Beneficiary, book.Held, p.Currency)
}

// settle writes what became of the hold, once: the row is unique, beside the keys
// of the postings.
func (d *desk) settle(tx core.App, record *core.Record, by cause, outcome payout.Settlement, kind book.Kind, verb string, entries []book.Entry, feeMinor int64) error {
	posted, err := ledger.Post(tx, d.deps, d.posting(record, by, kind, verb, entries))
	if err != nil {
		return err
	}
	if err := shell.Insert(tx, "payout_settlements", dbx.Params{
		"id": shell.NewID(), "payout": record.Id, "outcome": string(outcome), "tx": posted[0].ID, "at": shell.Stamp(d.now()),
	}); err != nil {
		return err
	}
	return d.postFee(tx, record, by, feeMinor)
}

func (d *desk) post(tx core.App, record *core.Record, by cause, kind book.Kind, verb string, entries []book.Entry) error {
	_, err := ledger.Post(tx, d.deps, d.posting(record, by, kind, verb, entries))
	return err
}

// postFee writes what Paystack took for the transfer; the platform bears it.
func (d *desk) postFee(tx core.App, record *core.Record, by cause, feeMinor int64) error {
	if feeMinor <= 0 {
		return nil
	}
	currency := money.Currency(record.GetString("currency"))
	record.Set("fee_minor", feeMinor)
	return d.post(tx, record, by, book.PaymentFee, "fee", book.Move(book.ExpenseAccount(feeAccount, currency), book.Paystack(currency), feeMinor))
}

func (d *desk) posting(record *core.Record, by cause, kind book.Kind, verb string, entries []book.Entry) book.Tx {
	return book.Tx{
		Kind: kind, Key: "payout:" + record.Id + ":" + verb, Actor: by.Actor,
		SourceType: "payouts", SourceID: record.Id, Entries: entries,
	}
}

// notices are what a person is told, by the heading and the words.
var notices = map[payout.Notice][2]string{
	payout.NoticeReview:    {"Your payout is being checked", "This can take a working day. The money is set aside for you."},
	payout.NoticeApproved:  {"Your payout is approved", "It will be sent to your bank as soon as it can be."},
	payout.NoticeRejected:  {"Your payout was refused", "The money is back in your wallet. Open the payout to read why."},
	payout.NoticeCancelled: {"Your payout was taken back", "The money is in your wallet again."},
	payout.NoticePaid:      {"Your payout was sent to your bank", "If it is not there within a day, give your bank the session number."},
	payout.NoticeFailed:    {"Your payout did not arrive", "The money is back in your wallet."},
	payout.NoticeReversed:  {"Your bank sent the payout back", "The money is in your wallet again. Check your bank account before you ask again."},
	payout.NoticeAccount:   {"Your bank account cannot be paid", "Enter another bank account before you ask for a payout again."},
}

func (d *desk) tell(tx core.App, record *core.Record, which payout.Notice) error {
	words, known := notices[which]
	if !known {
		return fmt.Errorf("no words for the notice %q", which)
	}
	about := fmt.Sprintf("payout:%s:%s:%d", record.Id, which, minorOf(record, "rev"))
	return shell.Notify(tx, d.deps, about, shell.Notice{
		User: record.GetString("user"), Kind: "payout_" + string(which), Title: words[0], Body: words[1],
		Data: map[string]any{"payout": record.Id, "amount_minor": minorOf(record, "amount_minor"), "currency": record.GetString("currency")},
	})
}

func asJSON(value any) (string, error) {
	raw, err := json.Marshal(value)
	return string(raw), err
}
