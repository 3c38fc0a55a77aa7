package payouts

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/paystack"
)

const (
	// mostPaid is the largest payment that Paystack takes, in major units; the
	// smallest are leastPaid (support.paystack.com, transaction limits).
	mostPaid = 10_000_000
	// fundingLives is how long an order waits for its payer.
	fundingLives = 48 * time.Hour
	// initializing is how long a request for a checkout may still be under way.
	initializing = time.Minute

	ordersPerHour = 20
)

// leastPaid is the smallest payment that Paystack takes, in minor units.
var leastPaid = map[money.Currency]int64{
	money.NGN: 50_00, money.GHS: 10, money.KES: 3_00, money.ZAR: 1_00, money.USD: 2_00, money.XOF: 1,
}

type checkoutBody struct {
	AmountMinor int64  `json:"amount_minor" help:"Minor units of the campaign's currency."`
	Email       string `json:"email,omitempty" help:"For admins: where Paystack sends the receipt; their own address if left out."`
}

type checkoutData struct {
	ID          string `json:"id" help:"Id of the order in fundings."`
	Reference   string `json:"reference"`
	Status      string `json:"status" help:"open, paid, mismatch, expired, refunded or disputed."`
	CheckoutURL string `json:"checkout_url" help:"Where to pay."`
	AmountMinor int64  `json:"amount_minor"`
	Currency    string `json:"currency"`
}

// registerFunding lets people and admins pay into a campaign. Nobody can pay into
// a wallet: wages are the only way into one.
func (d *desk) registerFunding(core.App) {
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/campaigns/{id}/checkout", Who: shell.Account,
		What:   "Order a payment into a campaign; the answer says where to pay. Repeat it with the same key to get the same order.",
		Params: []shell.Param{shell.Header("Idempotency-Key", "One random key per order; repeat it on retries.")},
		Body:   checkoutBody{}, Data: checkoutData{},
		Faults: []*fault.Code{fault.NotConfigured, fault.AmountInvalid, fault.InvalidInput, fault.KeyRequired, fault.KeyConflict, fault.NotFound,
			fault.CampaignUnavailable, fault.EmailUnverified, fault.ProviderUnavailable, fault.CheckoutLost},
		Handle: d.checkout,
	})
	d.deps.Outbox.Round(roundFundings, time.Minute, d.checkFundings)
}

// pledge is what somebody wants to pay.
type pledge struct {
	Campaign, Actor, User, Email, Key string
	AmountMinor                       int64
}

func (o pledge) hash() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%s", o.Campaign, o.AmountMinor, o.Email))
	return hex.EncodeToString(sum[:])
}

func (d *desk) checkout(e *core.RequestEvent) error {
	if err := d.configured(); err != nil {
		return err
	}
	body, err := shell.Bind[checkoutBody](e)
	if err != nil {
		return err
	}
	wanted := pledge{Campaign: e.Request.PathValue("id"), Actor: shell.ActorOf(e.Auth), AmountMinor: body.AmountMinor}
	if wanted.Key, err = shell.IdempotencyKey(e); err != nil {
		return err
	}
	if wanted.Email, err = receiptTo(e.Auth, body.Email); err != nil {
		return err
	}
	if !e.Auth.IsSuperuser() {
		wanted.User = e.Auth.Id
	}
	var record *core.Record
	err = e.App.RunInTransaction(func(tx core.App) error {
		record, err = d.orderFunding(tx, wanted)
		return err
	})
	if err != nil {
		return err
	}
	// The order is durable before Paystack hears of it, and nothing is locked
	// while it answers.
	if record.GetString("status") == collections.FundingOpen && record.GetString("checkout_url") == "" {
		if record, err = d.openCheckout(e, record); err != nil {
			return err
		}
	}
	return shell.OK(e, checkoutData{
		ID: record.Id, Reference: record.GetString("reference"), Status: record.GetString("status"), CheckoutURL: record.GetString("checkout_url"),
		AmountMinor: minorOf(record, "amount_minor"), Currency: record.GetString("currency"),
	}, "Open checkout_url to pay. The campaign has the money as soon as Paystack says that it arrived.")
}

// receiptTo is the address for the receipt: a person's own and verified one, so
// that nobody has mail sent to others; admins may name a sponsor's.
func receiptTo(auth *core.Record, asked string) (string, error) {
	own := auth.Email()
	switch {
	case auth.IsSuperuser() && asked != "":
		if address, err := mail.ParseAddress(asked); err != nil || address.Address != asked || len(asked) > 200 {
			return "", fault.InvalidInput.On("email").Saying("That is not a mail address.")
		}
		return asked, nil
	case auth.IsSuperuser():
		return own, nil
	case asked != "" && asked != own:
		return "", fault.InvalidInput.On("email").Saying("The receipt goes to your own address; leave the field out.")
	case !auth.Verified():
		return "", fault.EmailUnverified.On("email")
	}
	return own, nil
}

// orderFunding stores an order, or finds the one that was made with the key.
func (d *desk) orderFunding(tx core.App, wanted pledge) (*core.Record, error) {
	stored, err := tx.FindFirstRecordByFilter("fundings", "actor = {:actor} && idem_key = {:key}", dbx.Params{"actor": wanted.Actor, "key": wanted.Key})
	if err == nil {
		if stored.GetString("input_hash") != wanted.hash() {
			return nil, fault.KeyConflict.On("idempotency_key")
		}
		return stored, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	campaign, err := tx.FindRecordById("campaigns", wanted.Campaign)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, fault.NotFound.On("id")
	case err != nil:
		return nil, err
	case campaign.GetString("status") != "open":
		return nil, fault.CampaignUnavailable.On("id")
	}
	currency := money.Currency(campaign.GetString("currency"))
	if err := withinBounds(wanted.AmountMinor, currency); err != nil {
		return nil, err
	}
	if d.deps.Config.RateLimits {
		if err := shell.TakeQuota(tx, d.now(), "checkout:"+wanted.Actor, ordersPerHour, time.Hour); err != nil {
			return nil, err
		}
	}
	fundings, err := tx.FindCachedCollectionByNameOrId("fundings")
	if err != nil {
		return nil, err
	}
	record := core.NewRecord(fundings)
	record.Id = shell.NewID()
	record.Load(map[string]any{
		"campaign": wanted.Campaign, "user": wanted.User, "actor": wanted.Actor, "currency": string(currency), "amount_minor": wanted.AmountMinor,
		"status": collections.FundingOpen, "reference": "lf-" + d.provider.Domain() + "-" + record.Id,
		"idem_key": wanted.Key, "input_hash": wanted.hash(), "email": wanted.Email,
		"next_check_at": shell.DateTime(nextLook(d.now(), d.now())),
	})
	if err := tx.Save(record); err != nil {
		return nil, err
	}
	return record, shell.Audit(tx, d.now(), shell.Act{
		Actor: wanted.Actor, Action: "funding.order", SubjectType: "fundings", SubjectID: record.Id,
		Data: map[string]any{"campaign": wanted.Campaign, "amount_minor": wanted.AmountMinor, "currency": string(currency)},
	})
}

// withinBounds refuses an amount that Paystack would.
func withinBounds(amountMinor int64, currency money.Currency) error {
	if err := money.ParseAmount(amountMinor); err != nil {
		return err
	}
	least, known := leastPaid[currency]
	most := int64(mostPaid)
	for range currency.Exponent() {
		most *= 10
	}
	if !known {
		return fault.CampaignUnavailable.On("currency").Saying("Paystack takes no payments in the currency of this campaign.")
	}
	if amountMinor < least || amountMinor > most {
		return fault.AmountInvalid.On("amount_minor").With("least_minor", least).With("most_minor", most).
			Saying("A payment is " + money.Format(least, currency) + " to " + money.Format(most, currency) + ".")
	}
	return nil
}

// openCheckout asks Paystack for the page to pay at, with the one reference that
// the order has. No money moves by it, so it may be asked again.
func (d *desk) openCheckout(e *core.RequestEvent, record *core.Record) (*core.Record, error) {
	reference := record.GetString("reference")
	page, err := d.provider.InitializeTransaction(e.Request.Context(), paystack.PaymentOrder{
		Reference: reference, AmountMinor: minorOf(record, "amount_minor"), Currency: money.Currency(record.GetString("currency")),
		Email: record.GetString("email"), CallbackURL: d.deps.Config.PublicURL,
	})
	if err != nil && paystack.RefusalOf(err) != paystack.RefusedDuplicate {
		return nil, d.providerFault(e, err)
	}
	var fresh *core.Record
	lost := false
	txErr := e.App.RunInTransaction(func(tx core.App) error {
		if fresh, err = tx.FindRecordById("fundings", record.Id); err != nil {
			return err
		}
		switch {
		case fresh.GetString("checkout_url") != "" || fresh.GetString("status") != collections.FundingOpen:
			return nil // another request was faster
		case page.AuthorizationURL != "":
			fresh.Set("checkout_url", page.AuthorizationURL)
			return tx.SaveNoValidate(fresh)
		case fresh.GetDateTime("created").Time().After(d.now().Add(-initializing)):
			return notAnswering(e, initializing, err) // another request may be waiting for its answer
		}
		// Paystack knows the reference and its answer was lost: nobody has the
		// address, so nobody can pay.
		lost = true
		_, err := d.moveFunding(tx, fresh, collections.FundingExpired, collections.FundingOpen)
		return err
	})
	switch {
	case txErr != nil:
		return nil, txErr
	case lost:
		return nil, fault.CheckoutLost.On("idempotency_key")
	}
	return fresh, nil
}

// moveFunding changes the status of an order if it is one of those that are
// expected, and tells whether it did. The record is saved with all that the
// caller has set, so that whoever watches it hears of it.
func (d *desk) moveFunding(tx core.App, record *core.Record, to string, from ...string) (bool, error) {
	states := make([]any, len(from))
	for i, state := range from {
		states[i] = state
	}
	result, err := tx.NonconcurrentDB().Update("fundings", dbx.Params{"status": to},
		dbx.And(dbx.HashExp{"id": record.Id}, dbx.In("status", states...))).Execute()
	if err != nil {
		return false, err
	}
	if moved, err := result.RowsAffected(); err != nil || moved == 0 {
		return false, err
	}
	record.Set("status", to)
	return true, tx.SaveNoValidate(record)
}

// nextLook is when Paystack is asked again about what began at since: soon at
// first, since most payers pay at once, then ever more rarely.
func nextLook(since, now time.Time) time.Time {
	age := now.Sub(since)
	for _, step := range []struct{ until, every time.Duration }{
		{2 * time.Minute, time.Minute}, {15 * time.Minute, 5 * time.Minute}, {time.Hour, 15 * time.Minute}, {fundingLives, time.Hour},
	} {
		if age < step.until {
			return now.Add(step.every)
		}
	}
	return now.Add(24 * time.Hour)
}
