package payouts

import (
	"database/sql"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/risk"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
)

const (
	// confirmAccount is the purpose of confirmations for bank accounts.
	confirmAccount = "payout_account"
	// accountTries is how often a person may enter an account in a day: the bank
	// answers with a name, and the answer tells strangers whose an account is.
	accountTries = 10
)

type accountBody struct {
	Country       string `json:"country" help:"NG, GH, KE or ZA."`
	Currency      string `json:"currency" help:"The country's own."`
	Type          string `json:"type,omitempty" help:"Kind of account, where a bank has several."`
	BankCode      string `json:"bank_code" help:"A payable one of GET /banks."`
	AccountNumber string `json:"account_number" help:"Digits; for mobile money the local number. It is not kept."`
}

type accountData struct {
	ID           string    `json:"id" help:"A record of payout_accounts; ask for payouts to it."`
	Country      string    `json:"country"`
	Currency     string    `json:"currency"`
	Type         string    `json:"type"`
	BankCode     string    `json:"bank_code"`
	BankName     string    `json:"bank_name"`
	Last4        string    `json:"last4"`
	ResolvedName string    `json:"resolved_name" help:"Name that the bank gives; empty where it gives none."`
	NameMatch    string    `json:"name_match" help:"match, review or unverified; a person looks at payouts to the latter two."`
	Status       string    `json:"status" help:"active, replaced or unusable."`
	UsableFrom   time.Time `json:"usable_from" help:"Nothing is sent to it before."`
}

func accountDataOf(record *core.Record) accountData {
	return accountData{
		ID: record.Id, Country: record.GetString("country"), Currency: record.GetString("currency"), Type: record.GetString("type"),
		BankCode: record.GetString("bank_code"), BankName: record.GetString("bank_name"), Last4: record.GetString("last4"),
		ResolvedName: record.GetString("resolved_name"), NameMatch: record.GetString("name_match"),
		Status: record.GetString("status"), UsableFrom: record.GetDateTime("usable_from").Time(),
	}
}

func (d *desk) registerAccounts(app core.App) {
	confirmation := shell.Param{Name: "X-Confirmation", In: "header", Help: "Of POST /confirm for the purpose payout_account. A repeat of what is done needs none."}
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/payout-accounts", Who: shell.Person, Body: accountBody{}, Data: accountData{},
		Params: []shell.Param{confirmation},
		What:   "Set where the person is paid in a currency. A change takes effect after a wait; the very same account again changes nothing.",
		Faults: []*fault.Code{
			fault.InvalidInput, fault.PayoutUnavailable, fault.BankUnknown, fault.ConfirmationRequired, fault.LegalNameRequired,
			fault.AccountUnresolved, fault.NameMismatch, fault.AccountRefused, fault.NotConfigured, fault.ProviderUnavailable,
		},
		Handle: d.setAccount,
	})
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/payout-accounts/{id}/remove", Who: shell.Person, Data: accountData{},
		Params: []shell.Param{confirmation},
		What:   "Take an own account away, while no payout to it is open.",
		Faults: []*fault.Code{fault.NotFound, fault.ConfirmationRequired, fault.AccountInUse},
		Handle: d.removeAccount,
	})
	d.registerLegalNames(app)
}

// setAccount asks Paystack, when all that can be judged here is right and the
// person has confirmed, and writes in one transaction afterwards.
func (d *desk) setAccount(e *core.RequestEvent) error {
	if err := d.configured(); err != nil {
		return err
	}
	if err := d.peppered(); err != nil {
		return err
	}
	body, err := shell.Bind[accountBody](e)
	if err != nil {
		return err
	}
	policy, _, err := d.policy(e.App)
	if err != nil {
		return err
	}
	wanted, err := body.order(policy)
	if err != nil {
		return err
	}
	risk.See(e, e.Auth.Id)
	// Repeats count, or they would tell whoever has the session, one number after
	// the other, what the account is.
	if err := shell.TakeQuota(e.App, d.now(), "payout_account:"+e.Auth.Id, accountTries, 24*time.Hour); err != nil {
		return err
	}
	if stored, err := d.sameAccount(e.App, e.Auth.Id, wanted); err != nil || stored != nil {
		return d.answerRepeat(e, stored, err)
	}
	value := e.Request.Header.Get("X-Confirmation")
	if err := accounts.CheckConfirmation(e.App, d.now(), e.Auth, confirmAccount, value); err != nil {
		return err
	}
	legal, err := legalName(e.App, e.Auth.Id)
	if err != nil {
		return err
	}
	list, err := d.bankList(e, wanted.country)
	if err != nil {
		return err
	}
	if err := wanted.choose(policy, list.banks); err != nil {
		return err
	}
	found, err := d.askPaystack(e, wanted, legal)
	if err != nil {
		return err
	}
	stored, err := shell.Transact(e.App, func(tx core.App) (*core.Record, error) {
		return d.storeAccount(tx, e.Auth, wanted, found, value)
	})
	if err != nil {
		return err
	}
	return shell.OK(e, accountDataOf(stored), "You will be paid to this account.")
}

func (d *desk) answerRepeat(e *core.RequestEvent, stored *core.Record, err error) error {
	if err != nil {
		return err
	}
	return shell.OK(e, accountDataOf(stored), "This is your account already.")
}

// sameAccount is the person's active account if it is the wanted one, or nil.
func (d *desk) sameAccount(app core.App, user string, wanted accountOrder) (*core.Record, error) {
	active, err := activeAccount(app, user, wanted.currency)
	if err != nil || active == nil || active.GetString("fingerprint") != d.fingerprint(wanted) {
		return nil, err
	}
	return active, nil
}

// activeAccount is where the person is paid in a currency, or nil.
func activeAccount(app core.App, user, currency string) (*core.Record, error) {
	record, err := app.FindFirstRecordByFilter("payout_accounts", "user = {:user} && currency = {:currency} && status = {:active}",
		dbx.Params{"user": user, "currency": currency, "active": collections.AccountActive})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return record, err
}

// legalName is the name that accounts are held against.
func legalName(app core.App, user string) (string, error) {
	var name string
	err := app.DB().NewQuery("SELECT legal_name FROM private_profiles WHERE user = {:user}").Bind(dbx.Params{"user": user}).Row(&name)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", err
	}
	if name = strings.TrimSpace(name); name == "" {
		return "", fault.LegalNameRequired.On("legal_name")
	}
	return name, nil
}

// accountUsable tells whether a payout may be sent to the account that it was
// approved for: still the person's, still the same recipient, and no longer new.
func (d *desk) accountUsable(app core.App, record *core.Record) (bool, error) {
	account, err := app.FindRecordById("payout_accounts", record.GetString("account"))
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return account.GetString("status") == collections.AccountActive &&
		account.GetString("user") == record.GetString("user") &&
		account.GetString("currency") == record.GetString("currency") &&
		account.GetString("recipient_code") == record.GetString("recipient_code") &&
		!d.now().Before(account.GetDateTime("usable_from").Time()), nil
}
