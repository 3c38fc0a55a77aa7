package payouts

import (
	"errors"
	"fmt"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/payout/names"
	"github.com/lingualink/lingualink/internal/paystack"
)

// accountFacts are what Paystack knows of an account.
type accountFacts struct {
	name      string // that the bank gives; may be empty
	recipient string
}

// askPaystack finds out whose the account is and makes the recipient, which may
// be repeated. It refuses somebody else's account before that, in words that do
// not tell whose it is.
func (d *desk) askPaystack(e *core.RequestEvent, wanted accountOrder, legal string) (accountFacts, error) {
	name, err := d.ownerOf(e, wanted)
	if err != nil {
		return accountFacts{}, err
	}
	if _, err := nameMatch(legal, name); err != nil {
		return accountFacts{}, err
	}
	shown := name
	if shown == "" {
		shown = legal
	}
	recipient, err := d.provider.CreateRecipient(e.Request.Context(), paystack.RecipientOrder{
		Type: wanted.kind, Name: shown, AccountNumber: wanted.number, BankCode: wanted.bankCode, Currency: money.Currency(wanted.currency),
	})
	switch refusal := paystack.RefusalOf(err); {
	case refusal == paystack.RefusedAccess:
		return accountFacts{}, d.providerFault(e, err)
	case refusal != "":
		e.App.Logger().Warn("Paystack refused a recipient", "error", err)
		return accountFacts{}, fault.AccountRefused.On("account_number").Because(err)
	case err != nil:
		return accountFacts{}, d.providerFault(e, err)
	case recipient.Domain != d.provider.Domain(), recipient.Currency != money.Currency(wanted.currency):
		return accountFacts{}, fmt.Errorf("the recipient is of %s and %s, not of %s and %s",
			recipient.Domain, recipient.Currency, d.provider.Domain(), wanted.currency)
	case !recipient.Active:
		return accountFacts{}, fault.AccountRefused.On("account_number")
	}
	return accountFacts{name: name, recipient: recipient.Code}, nil
}

// ownerOf asks the bank, where banks answer. Operators of mobile money do not
// know all of their numbers by name; those are for a person to look at.
func (d *desk) ownerOf(e *core.RequestEvent, wanted accountOrder) (string, error) {
	if !countries[wanted.country].resolves {
		return "", nil
	}
	name, err := d.provider.ResolveAccount(e.Request.Context(), wanted.number, wanted.bankCode)
	switch refusal := paystack.RefusalOf(err); {
	case err == nil:
		return name, nil
	case refusal == paystack.RefusedAccess:
		return "", d.providerFault(e, err)
	case refusal != "" || errors.Is(err, paystack.ErrNotFound):
		if wanted.kind == mobileMoney {
			return "", nil
		}
		return "", fault.AccountUnresolved.On("account_number").Because(err)
	}
	return "", d.providerFault(e, err)
}

// nameMatch is what is stored of how the names compare, or the refusal.
func nameMatch(legal, resolved string) (string, error) {
	if resolved == "" {
		return collections.NameUnverified, nil
	}
	switch names.Compare(legal, resolved) {
	case names.Match:
		return collections.NameMatches, nil
	case names.Review:
		return collections.NameReview, nil
	default:
		return "", fault.NameMismatch.On("account_number")
	}
}
