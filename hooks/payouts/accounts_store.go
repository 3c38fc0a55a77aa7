package payouts

import (
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/risk"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/payout"
)

// Kinds of risk flags of bank accounts, and their weights.
const (
	flagSharedAccount = "shared_payout_account"
	flagName          = "name_review"
	flagUnverified    = "unverified_account"

	scoreShared, scoreName, scoreUnverified = 8_000, 4_000, 2_000
)

// storeAccount makes an account the one that a person is paid to in its currency,
// in one transaction with the confirmation that it spends, the end of the account
// before, the flags, and the payouts that waited to be sent there.
func (d *desk) storeAccount(tx core.App, person *core.Record, wanted accountOrder, known accountFacts, confirmation string) (*core.Record, error) {
	if err := accounts.RequireGoodStanding(tx, person.Id); err != nil {
		return nil, err
	}
	if stored, err := d.sameAccount(tx, person.Id, wanted); err != nil || stored != nil {
		return stored, err // the same request was faster
	}
	if err := accounts.UseConfirmation(tx, d.now(), person, confirmAccount, confirmation); err != nil {
		return nil, err
	}
	legal, err := legalName(tx, person.Id)
	if err != nil {
		return nil, err
	}
	match, err := nameMatch(legal, known.name) // again: the legal name may have changed meanwhile
	if err != nil {
		return nil, err
	}
	first, err := neverHadAccount(tx, person.Id)
	if err != nil {
		return nil, err
	}
	policy, _, err := d.policy(tx)
	if err != nil {
		return nil, err
	}
	usable := d.now()
	if !first {
		usable = usable.Add(policy.CoolOff())
	}
	old, err := d.replaceActive(tx, person.Id, wanted.currency)
	if err != nil {
		return nil, err
	}
	collection, err := tx.FindCachedCollectionByNameOrId("payout_accounts")
	if err != nil {
		return nil, err
	}
	record := core.NewRecord(collection)
	record.Load(map[string]any{
		"user": person.Id, "currency": wanted.currency, "country": wanted.country, "type": wanted.kind,
		"bank_code": wanted.bankCode, "bank_name": shortened(wanted.bank.Name, 120), "last4": wanted.last4(),
		"resolved_name": shortened(known.name, 200), "name_match": match, "name_digests": d.nameDigests(legal, known.name),
		"recipient_code": known.recipient, "fingerprint": d.fingerprint(wanted), "status": collections.AccountActive,
		"usable_from": shell.DateTime(usable), "set_by": shell.ActorOf(person),
	})
	if err := tx.Save(record); err != nil {
		return nil, err
	}
	if err := d.flagAccount(tx, record); err != nil {
		return nil, err
	}
	// Who else has, or had, the account, or one in the same holder's name.
	if err := risk.Look(tx, d.deps, "payout_account:"+record.Id, person.Id); err != nil {
		return nil, err
	}
	if err := d.accountChanged(tx, person, wanted.currency); err != nil {
		return nil, err
	}
	return record, d.sayAccountSet(tx, person, record, old)
}

func neverHadAccount(tx core.App, user string) (bool, error) {
	var had bool
	err := tx.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM payout_accounts WHERE user = {:user})").Bind(dbx.Params{"user": user}).Row(&had)
	return !had, err
}

// replaceActive ends the account in use, if there is one, and returns its id.
func (d *desk) replaceActive(tx core.App, user, currency string) (string, error) {
	old, err := activeAccount(tx, user, currency)
	if err != nil || old == nil {
		return "", err
	}
	old.Set("status", collections.AccountReplaced)
	return old.Id, tx.Save(old)
}

// flagAccount says what a person must look at before money goes to the account.
func (d *desk) flagAccount(tx core.App, account *core.Record) error {
	user := account.GetString("user")
	about := flag{User: user, SubjectType: "payout_accounts", SubjectID: account.Id}
	switch account.GetString("name_match") {
	case collections.NameReview:
		about.Kind, about.Score = flagName, scoreName
		about.Detail = "The bank's name for the account and the legal name agree in part."
	case collections.NameUnverified:
		about.Kind, about.Score = flagUnverified, scoreUnverified
		about.Detail = "The bank gives no name for the account."
	}
	if about.Kind != "" {
		if err := d.flag(tx, about); err != nil {
			return err
		}
	}
	// One account has one fingerprint, and one recipient even where two codes
	// name one bank or the pepper was changed.
	var others []string
	err := tx.DB().NewQuery(`
		SELECT DISTINCT user FROM payout_accounts
		WHERE (fingerprint = {:fingerprint} OR recipient_code = {:recipient}) AND user != {:user} ORDER BY user`).
		Bind(dbx.Params{"fingerprint": account.GetString("fingerprint"), "recipient": account.GetString("recipient_code"), "user": user}).
		Column(&others)
	if err != nil {
		return err
	}
	for _, other := range others {
		for _, pair := range [][2]string{{user, other}, {other, user}} {
			err := d.flag(tx, flag{
				User: pair[0], Other: pair[1], Kind: flagSharedAccount, SubjectType: "users", SubjectID: pair[1], Score: scoreShared,
				Detail: "Both people have, or had, the same bank account, which ends in " + account.GetString("last4") + ".",
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// accountChanged sends back what was to be sent to the account before.
func (d *desk) accountChanged(tx core.App, person *core.Record, currency string) error {
	var open []string
	err := tx.DB().NewQuery(`
		SELECT id FROM payouts WHERE user = {:user} AND currency = {:currency} AND settled = ''
			AND state IN ({:requested}, {:review}, {:approved}) ORDER BY requested_at`).
		Bind(dbx.Params{"user": person.Id, "currency": currency,
			"requested": string(payout.Requested), "review": string(payout.Review), "approved": string(payout.Approved)}).
		Column(&open)
	if err != nil {
		return err
	}
	for _, id := range open {
		by := cause{Actor: shell.ActorOf(person)}
		if _, err := d.apply(tx, id, by, payout.AccountChanged{By: person.Id}); err != nil {
			return fmt.Errorf("payout %s after a change of account: %w", id, err)
		}
	}
	return nil
}

// sayAccountSet tells the person, who may not be the one who did it, and the log.
func (d *desk) sayAccountSet(tx core.App, person, record *core.Record, old string) error {
	what := accountName(record)
	words := shell.Notice{
		User: person.Id, Kind: "payout_account_added", Title: "Your payouts go to a bank account now",
		Body: what + " was entered as where you are paid. If it was not you, change your password and tell us.",
		Data: map[string]any{"account": record.Id, "currency": record.GetString("currency")},
	}
	if old != "" {
		words.Kind, words.Title = "payout_account_changed", "Your payout account was changed"
		words.Body = "You are paid to " + what + " now, from " + record.GetDateTime("usable_from").Time().Format("2 January 2006, 15:04") +
			" UTC on. If it was not you, change your password and tell us before then."
	}
	if err := shell.Notify(tx, d.deps, "payout_account:"+record.Id+":set", words); err != nil {
		return err
	}
	return shell.Audit(tx, d.now(), shell.Act{
		Actor: shell.ActorOf(person), Action: "payout_account.set", SubjectType: "payout_accounts", SubjectID: record.Id,
		Data: map[string]any{
			"user": person.Id, "currency": record.GetString("currency"), "bank_code": record.GetString("bank_code"), "last4": record.GetString("last4"),
			"name_match": record.GetString("name_match"), "usable_from": record.GetString("usable_from"), "replaces": old,
		},
	})
}

// accountName is how people tell accounts apart.
func accountName(record *core.Record) string {
	return record.GetString("bank_name") + " …" + record.GetString("last4")
}

// shortened shortens what a provider says to what a column holds.
func shortened(text string, most int) string {
	runes := []rune(text)
	return string(runes[:min(len(runes), most)])
}

// removeAccount takes an account away. Doing it again changes nothing.
func (d *desk) removeAccount(e *core.RequestEvent) error {
	var record *core.Record
	err := e.App.RunInTransaction(func(tx core.App) (err error) {
		if err = accounts.RequireGoodStanding(tx, e.Auth.Id); err != nil {
			return err
		}
		record, err = tx.FindFirstRecordByFilter("payout_accounts", "id = {:id} && user = {:user}",
			dbx.Params{"id": e.Request.PathValue("id"), "user": e.Auth.Id})
		if err != nil || record.GetString("status") == collections.AccountReplaced {
			return err
		}
		if err := accounts.UseConfirmation(tx, d.now(), e.Auth, confirmAccount, e.Request.Header.Get("X-Confirmation")); err != nil {
			return err
		}
		var open bool
		err = tx.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM payouts WHERE account = {:id} AND settled = '')").
			Bind(dbx.Params{"id": record.Id}).Row(&open)
		if err != nil {
			return err
		}
		if open {
			return fault.AccountInUse.On("id")
		}
		record.Set("status", collections.AccountReplaced)
		if err := tx.Save(record); err != nil {
			return err
		}
		return d.sayAccountRemoved(tx, e.Auth, record)
	})
	if err != nil {
		return err
	}
	return shell.OK(e, accountDataOf(record), "You are no longer paid to this account.")
}

func (d *desk) sayAccountRemoved(tx core.App, person, record *core.Record) error {
	err := shell.Notify(tx, d.deps, "payout_account:"+record.Id+":removed", shell.Notice{
		User: person.Id, Kind: "payout_account_removed", Title: "Your payout account was removed",
		Body: "You are no longer paid to " + accountName(record) + ". If it was not you, change your password and tell us.",
		Data: map[string]any{"account": record.Id, "currency": record.GetString("currency")},
	})
	if err != nil {
		return err
	}
	return shell.Audit(tx, d.now(), shell.Act{
		Actor: shell.ActorOf(person), Action: "payout_account.remove", SubjectType: "payout_accounts", SubjectID: record.Id,
		Data: map[string]any{"user": person.Id, "currency": record.GetString("currency"), "last4": record.GetString("last4")},
	})
}
