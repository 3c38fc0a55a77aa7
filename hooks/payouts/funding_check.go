package payouts

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/shell"
	book "github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/paystack"
)

const fundingBatch = 50

// followPayment is an event about a payment or its refund. What somebody pays
// without an order of ours is of no interest here; the comparison of the balance
// finds it.
func (d *desk) followPayment(tx core.App, one event) (string, error) {
	known, err := d.lookNow(tx, "fundings", one.Reference, roundFundings)
	if err != nil || known {
		return collections.EventApplied, err
	}
	if !isOrder(one.Reference, d.provider.Domain()) {
		return collections.EventIgnored, nil
	}
	return collections.EventOrphan, d.alert(tx, notice{Kind: "orphan_payment", Severity: "warning", SubjectType: "paystack_events", SubjectID: one.Reference,
		Text: "Paystack tells of a payment with a reference of this server that is not in its database. Nothing was credited: was a backup restored?",
		Data: map[string]any{"event": one.ID, "name": one.Name, "reference": one.Reference}})
}

// isOrder tells the references of this server's orders.
func isOrder(reference, domain string) bool {
	prefix := "lf-" + domain + "-"
	return len(reference) > len(prefix) && reference[:len(prefix)] == prefix
}

// checkFundings asks Paystack about everything that is due: orders that wait for
// their payer, refunds and disputes.
func (d *desk) checkFundings(ctx context.Context, app core.App) error {
	if d.provider == nil {
		return nil
	}
	return errors.Join(
		d.eachDue(ctx, app, "fundings", d.checkFunding),
		d.eachDue(ctx, app, "funding_returns", d.checkDispute),
	)
}

// eachDue looks at what is due in a table, by its id and the time of the next
// look, which is put off first: one that fails holds up nobody, and a hint that
// comes meanwhile is not lost.
func (d *desk) eachDue(ctx context.Context, app core.App, table string, look func(context.Context, core.App, string, string) error) error {
	rows := []struct {
		ID      string `db:"id"`
		Due     string `db:"next_check_at"`
		Created string `db:"created"`
	}{}
	err := app.DB().Select("id", "next_check_at", "created").From(table).
		Where(dbx.NewExp("next_check_at != '' AND next_check_at <= {:now}", dbx.Params{"now": shell.Stamp(d.now())})).
		OrderBy("next_check_at").Limit(fundingBatch).All(&rows)
	if err != nil {
		return err
	}
	var problems []error
	for _, row := range rows {
		if ctx.Err() != nil {
			return errors.Join(append(problems, ctx.Err())...)
		}
		created, err := shell.ParseStamp(row.Created)
		if err == nil {
			next := shell.Stamp(nextLook(created, d.now()))
			if err = d.putOff(app, table, row.ID, row.Due, next); err == nil {
				err = look(ctx, app, row.ID, next)
			}
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s %s: %w", table, row.ID, err))
		}
	}
	return errors.Join(problems...)
}

// putOff changes the time of the next look, unless somebody else has.
func (d *desk) putOff(app core.App, table, id, from, to string) error {
	_, err := shell.Exec(app, "UPDATE {{"+table+"}} SET next_check_at = {:to} WHERE id = {:id} AND next_check_at = {:from}",
		dbx.Params{"id": id, "from": from, "to": to})
	return err
}

// checkFunding asks about one order: whether it was paid, and once it was,
// whether it went back. It was put off until next.
func (d *desk) checkFunding(ctx context.Context, app core.App, id, next string) error {
	record, err := app.FindRecordById("fundings", id)
	if err != nil {
		return err
	}
	switch record.GetString("status") {
	case collections.FundingOpen, collections.FundingExpired:
		return d.checkPayment(ctx, app, record, next)
	case collections.FundingPaid, collections.FundingRefunded, collections.FundingDisputed:
		return d.checkRefunds(ctx, app, record, next)
	}
	return d.putOff(app, "fundings", id, next, "")
}

func (d *desk) checkPayment(ctx context.Context, app core.App, record *core.Record, next string) error {
	paid, err := d.provider.VerifyTransaction(ctx, record.GetString("reference"))
	if err != nil && !errors.Is(err, paystack.ErrNotFound) {
		return err
	}
	if err != nil || paid.Status != paystack.TransactionSuccess {
		if d.now().Sub(record.GetDateTime("created").Time()) < fundingLives {
			return nil
		}
		return app.RunInTransaction(func(tx core.App) error {
			if err := d.putOff(tx, "fundings", record.Id, next, ""); err != nil {
				return err
			}
			return d.saveFresh(tx, record.Id, func(fresh *core.Record) error {
				_, err := d.moveFunding(tx, fresh, collections.FundingExpired, collections.FundingOpen)
				return err
			})
		})
	}
	return app.RunInTransaction(func(tx core.App) error {
		if err := d.putOff(tx, "fundings", record.Id, next, ""); err != nil {
			return err
		}
		return d.saveFresh(tx, record.Id, func(fresh *core.Record) error { return d.bookPayment(tx, fresh, paid) })
	})
}

// saveFresh runs fn on the order as it is in this transaction.
func (d *desk) saveFresh(tx core.App, id string, fn func(fresh *core.Record) error) error {
	fresh, err := tx.FindRecordById("fundings", id)
	if err != nil {
		return err
	}
	return fn(fresh)
}

// bookPayment credits the campaign with what was ordered and paid, once. Who is
// credited with how much is what our own order says; a payment that differs from
// it is set aside for people to look at.
func (d *desk) bookPayment(tx core.App, record *core.Record, paid paystack.Transaction) error {
	reference, domain := record.GetString("reference"), d.provider.Domain()
	record.Set("transaction_id", strconv.FormatUint(paid.ID, 10))
	record.Set("paid_minor", paid.AmountMinor)
	record.Set("paid_at", shell.DateTime(d.now()))
	fee := int64(0)
	if paid.FeesMinor != nil {
		fee = max(*paid.FeesMinor, 0)
	}
	record.Set("fee_minor", fee)
	if paid.Reference != reference || paid.Domain != domain || string(paid.Currency) != record.GetString("currency") || paid.AmountMinor != minorOf(record, "amount_minor") {
		return d.setAside(tx, record, paid, fee)
	}
	currency := paid.Currency
	credit := book.Tx{
		Kind: book.CampaignPaid, Key: "funding:" + record.Id, Actor: record.GetString("actor"), SourceType: "fundings", SourceID: record.Id,
		Entries: append(cameIn(currency, paid.AmountMinor, fee), book.Entry{Account: book.CampaignAccount(record.GetString("campaign"), currency), AmountMinor: paid.AmountMinor}),
	}
	posted, err := ledger.CreditCampaign(tx, d.deps, record.GetString("campaign"), credit)
	if err != nil {
		return err
	}
	record.Set("tx", posted.ID)
	moved, err := d.moveFunding(tx, record, collections.FundingPaid, collections.FundingOpen, collections.FundingExpired)
	if err != nil || !moved {
		return err
	}
	return d.tellPayer(tx, record, "funding_paid", "Your payment arrived", "The campaign has "+money.Format(paid.AmountMinor, currency)+" more. Thank you.")
}

// cameIn are the entries of a payment at Paystack: what it holds now, and what it
// kept, which the platform bears.
func cameIn(currency money.Currency, amountMinor, feeMinor int64) []book.Entry {
	entries := []book.Entry{}
	if amountMinor != feeMinor {
		entries = append(entries, book.Entry{Account: book.Paystack(currency), AmountMinor: feeMinor - amountMinor})
	}
	if feeMinor > 0 {
		entries = append(entries, book.Entry{Account: book.ExpenseAccount(feeAccount, currency), AmountMinor: -feeMinor})
	}
	return entries
}

// setAside books a payment that is not what was ordered where people must look.
// Money of the other mode is none.
func (d *desk) setAside(tx core.App, record *core.Record, paid paystack.Transaction, fee int64) error {
	known := false
	if _, err := money.ParseCurrency(string(paid.Currency)); err == nil {
		known = paid.Domain == d.provider.Domain() && paid.AmountMinor > 0 && paid.Reference == record.GetString("reference")
	}
	moved, err := d.moveFunding(tx, record, collections.FundingMismatch, collections.FundingOpen, collections.FundingExpired)
	if err != nil || !moved {
		return err
	}
	if known {
		posted, err := ledger.Post(tx, d.deps, book.Tx{
			Kind: book.Suspended, Key: "funding:" + record.Id + ":suspended", Actor: shell.System, SourceType: "fundings", SourceID: record.Id,
			Entries: append(cameIn(paid.Currency, paid.AmountMinor, fee), book.Entry{Account: book.Suspense(paid.Currency), AmountMinor: paid.AmountMinor}),
		})
		if err != nil {
			return err
		}
		if _, err := shell.Exec(tx, "UPDATE fundings SET tx = {:tx} WHERE id = {:id}", dbx.Params{"id": record.Id, "tx": posted[0].ID}); err != nil {
			return err
		}
	}
	return d.alert(tx, notice{Kind: "funding_mismatch", Severity: "critical", SubjectType: "fundings", SubjectID: record.Id,
		Text: "A payment is not what was ordered and was set aside. Compare it with Paystack's dashboard and refund it there.",
		Data: map[string]any{"reference": paid.Reference, "amount_minor": paid.AmountMinor, "currency": cut(string(paid.Currency), 10), "domain": cut(paid.Domain, 10)}})
}

// tellPayer sends a notice to who ordered, if that is a person.
func (d *desk) tellPayer(tx core.App, record *core.Record, kind, title, words string) error {
	user := record.GetString("user")
	if user == "" {
		return nil
	}
	return shell.Notify(tx, d.deps, "funding:"+record.Id+":"+kind, shell.Notice{
		User: user, Kind: kind, Title: title, Body: words,
		Data: map[string]any{"funding": record.Id, "campaign": record.GetString("campaign"), "amount_minor": minorOf(record, "amount_minor"), "currency": record.GetString("currency")},
	})
}

// lookAgain makes an order due at a time.
func (d *desk) lookAgain(tx core.App, funding string, at time.Time) error {
	_, err := shell.Exec(tx, "UPDATE fundings SET next_check_at = {:at} WHERE id = {:id}", dbx.Params{"id": funding, "at": shell.Stamp(at)})
	return err
}
