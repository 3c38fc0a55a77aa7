package payouts

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/payout"
)

// A person may try so often, repeats included, before the limits of the policy
// are even read.
const (
	requestTries  = 30
	requestWindow = 10 * time.Minute
)

type requestBody struct {
	AmountMinor int64  `json:"amount_minor" help:"Minor units, a whole number."`
	Currency    string `json:"currency" help:"ISO 4217 code."`
	Account     string `json:"account" help:"Id of your active payout account of that currency."`
}

// order is one request of a person; who and key make it recognisable.
type order struct {
	User, Key string
	Amount    int64
	Currency  money.Currency
	Account   string
}

// hash is SHA-256 over what was asked for.
func (o order) hash() (string, error) {
	content, err := json.Marshal([]any{o.Amount, o.Currency, o.Account})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:]), nil
}

func (d *desk) registerRequest(core.App) {
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/payouts", Who: shell.Person, Body: requestBody{}, Data: payoutData{},
		What:   "Ask for a payout. The money is set aside at once; a repeat under the same key answers with the payout as it stands.",
		Params: []shell.Param{shell.Header("Idempotency-Key", "One random key per request; repeat it on retries.")},
		Faults: []*fault.Code{
			fault.NotConfigured, fault.InvalidInput, fault.AmountInvalid, fault.AmountOverflow, fault.CurrencyUnknown, fault.KeyRequired, fault.KeyConflict,
			fault.AccountSuspended, fault.AccountBanned, fault.PayoutsFrozen, fault.NotFound, fault.PayoutAccountCurrency, fault.PayoutAccountInactive,
			fault.PayoutCurrency, fault.PayoutMinimum, fault.PayoutMaximum, fault.PayoutOpen, fault.PayoutGap, fault.PayoutDayLimit, fault.InsufficientFunds,
		},
		Handle: d.request,
	})
}

func (d *desk) request(e *core.RequestEvent) error {
	if err := d.open(); err != nil {
		return err
	}
	body, err := shell.Bind[requestBody](e)
	if err != nil {
		return err
	}
	o := order{User: e.Auth.Id, Amount: body.AmountMinor, Account: body.Account}
	if o.Key, err = shell.IdempotencyKey(e); err != nil {
		return err
	}
	if err := money.ParseAmount(o.Amount); err != nil {
		return err
	}
	if o.Currency, err = money.ParseCurrency(body.Currency); err != nil {
		return err
	}
	if d.deps.Config.RateLimits {
		if err := shell.TakeQuota(e.App, d.now(), "payouts:"+o.User, requestTries, requestWindow); err != nil {
			return err
		}
	}
	record, err := shell.Transact(e.App, func(tx core.App) (*core.Record, error) {
		return d.ask(tx, o)
	})
	if err != nil {
		return refusalOf(err)
	}
	return shell.OK(e, viewOf(record), record.GetString("status_text"))
}

// open refuses new requests where there is no key or the operator has switched
// payouts off. The kill switch of the policy does not: requests queue behind it.
func (d *desk) open() error {
	if err := d.configured(); err != nil {
		return err
	}
	if !d.deps.Config.Paystack.Payouts {
		return fault.NotConfigured.On("payouts").Saying("Payouts are switched off on this server. The operator sets LL_PAYOUTS; see docs/operate.md#paystack.")
	}
	return nil
}

// ask stores a request with its hold, or finds the one that was made under the
// key. Everything that could refuse it is read in the transaction: of two
// requests at once the second sees the first.
func (d *desk) ask(tx core.App, o order) (*core.Record, error) {
	hash, err := o.hash()
	if err != nil {
		return nil, err
	}
	stored, err := tx.FindFirstRecordByFilter("payouts", "user = {:user} && idem_key = {:key}", dbx.Params{"user": o.User, "key": o.Key})
	switch {
	case err == nil && stored.GetString("input_hash") == hash:
		return stored, nil
	case err == nil:
		return nil, fault.KeyConflict.On("idempotency_key")
	case !errors.Is(err, sql.ErrNoRows):
		return nil, err
	}
	if err := d.mayAsk(tx, o.User); err != nil {
		return nil, err
	}
	account, err := accountFor(tx, o)
	if err != nil {
		return nil, err
	}
	policy, version, err := d.policy(tx)
	if err != nil {
		return nil, err
	}
	if err := d.admit(tx, policy, o); err != nil {
		return nil, err
	}
	record, err := d.draft(tx, o, account)
	if err != nil {
		return nil, err
	}
	record.Set("input_hash", hash)
	record.Set("policy_version", version)
	return record, d.begin(tx, record, policy, account.GetString("name_match"))
}

// mayAsk refuses people who may not act, those whose money waits for a decision,
// and those who owe what they were paid twice until it is settled.
func (d *desk) mayAsk(tx core.App, user string) error {
	if err := accounts.RequireGoodStanding(tx, user); err != nil {
		return err
	}
	if err := notFrozen(tx, user, "account"); err != nil {
		return err
	}
	var frozen bool
	err := tx.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM risk_flags WHERE user = {:user} AND kind = {:kind} AND state = {:open})").
		Bind(dbx.Params{"user": user, "kind": flagPaidLate, "open": collections.FlagOpen}).Row(&frozen)
	if err != nil {
		return err
	}
	if frozen {
		return fault.PayoutsFrozen.On("account")
	}
	return nil
}

// accountFor is the account that the order names, if it is the person's, active
// and of the currency.
func accountFor(tx core.App, o order) (*core.Record, error) {
	account, err := tx.FindRecordById("payout_accounts", o.Account)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, fault.NotFound.On("account")
	case err != nil:
		return nil, err
	case account.GetString("user") != o.User:
		return nil, fault.NotFound.On("account")
	case account.GetString("currency") != string(o.Currency):
		return nil, fault.PayoutAccountCurrency.On("account").With("currency", account.GetString("currency"))
	case account.GetString("status") != collections.AccountActive:
		return nil, fault.PayoutAccountInactive.On("account")
	}
	return account, nil
}

// draft is the row of a request before it is decided on, with the account as it
// is now.
func (d *desk) draft(tx core.App, o order, account *core.Record) (*core.Record, error) {
	collection, err := tx.FindCachedCollectionByNameOrId("payouts")
	if err != nil {
		return nil, err
	}
	editor, err := accounts.PersonBehind(tx, account.GetString("set_by"))
	if err != nil {
		return nil, err
	}
	record := core.NewRecord(collection)
	record.Id = shell.NewID()
	for field, value := range map[string]any{
		"user": o.User, "currency": string(o.Currency), "amount_minor": o.Amount, "account": account.Id, "idem_key": o.Key,
		"reference":    d.referenced() + record.Id,
		"requested_at": shell.DateTime(d.now()), "account_editor": editor,
	} {
		record.Set(field, value)
	}
	for _, field := range []string{"bank_name", "last4", "resolved_name", "recipient_code"} {
		record.Set(field, account.GetString(field))
	}
	if from := account.GetDateTime("usable_from"); from.Time().After(d.now()) {
		record.Set("not_before", from)
	}
	return record, nil
}

// begin stores the payout with its hold and at once the result of the checks.
func (d *desk) begin(tx core.App, record *core.Record, policy payout.Policy, nameMatch string) error {
	outcome, err := payout.Step(read(record), payout.Request{}, policy, d.now())
	if err != nil {
		return err
	}
	write(record, outcome.Payout)
	err = tx.SaveNoValidate(record)
	if shell.IsUniqueViolation(err, "idem_key") {
		return fault.KeyConflict.On("idempotency_key").Because(err)
	}
	if shell.IsUniqueViolation(err, "currency") {
		return fault.PayoutOpen.On("currency").Because(err)
	}
	if err != nil {
		return err
	}
	user := record.GetString("user")
	by := cause{Actor: "user:" + user}
	if err := d.remember(tx, record.Id, payout.New, outcome.State, by, payout.Request{}, outcome.Effects); err != nil {
		return err
	}
	for _, effect := range outcome.Effects {
		if err := d.carryOut(tx, record, by, effect); err != nil {
			return err
		}
	}
	flagged, err := d.flagged(tx, user)
	if err != nil {
		return err
	}
	seen := map[string]any{"flagged": flagged, "name_match": nameMatch}
	_, err = d.applyTo(tx, record, cause{Actor: shell.System, Data: seen}, payout.Checked{Flagged: flagged || nameMatch != collections.NameMatches})
	return err
}
