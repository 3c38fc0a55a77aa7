package payouts

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/payout"
	"github.com/lingualink/lingualink/internal/payout/names"
	"github.com/lingualink/lingualink/internal/paystack"
)

// numberForm is how the numbers of a kind of account look.
type numberForm struct {
	least, most int
	begins      string
}

// bankCountry is where people can be paid, and how accounts look there.
type bankCountry struct {
	name     string // as Paystack writes it
	currency money.Currency
	resolves bool // the banks say whose an account is
	kinds    map[string]numberForm
}

// countries are those where a business can transfer. Nigerian numbers have ten
// digits (NUBAN, Central Bank of Nigeria); the bounds of the others are wide, the
// banks know them better. Mobile money is the local number, so that one account
// has one form. Tills and paybills are businesses, and not among the kinds.
var countries = map[string]bankCountry{
	"NG": {"nigeria", money.NGN, true, map[string]numberForm{"nuban": {10, 10, ""}}},
	"GH": {"ghana", money.GHS, true, map[string]numberForm{"ghipss": {6, 20, ""}, mobileMoney: {10, 10, "0"}}},
	"KE": {"kenya", money.KES, false, map[string]numberForm{"kepss": {6, 20, ""}, mobileMoney: {10, 10, "0"}}},
	"ZA": {"south africa", money.ZAR, false, map[string]numberForm{"basa": {6, 13, ""}}},
}

const mobileMoney = "mobile_money"

// kindOf is the kind of recipient that a bank wants. The API description and the
// prose of Paystack spell Ghana's differently; recipients take the latter.
func kindOf(bank paystack.Bank) string {
	if bank.Type == "ghipps" {
		return "ghipss"
	}
	return bank.Type
}

// canBePaid tells whether payouts can go to a bank of a country.
func canBePaid(policy payout.Policy, code string, bank paystack.Bank) bool {
	_, limits := policy.Limits(bank.Currency)
	_, kind := countries[code].kinds[kindOf(bank)]
	return bank.Transfers && limits && kind && bank.Currency == countries[code].currency
}

// accountOrder is an account that somebody wants to be paid to; the only place where
// the number is, and it lives as long as the request.
type accountOrder struct {
	country, currency, kind, bankCode, number string
	bank                                      paystack.Bank
}

// order takes what can be judged without Paystack.
func (b accountBody) order(policy payout.Policy) (accountOrder, error) {
	o := accountOrder{country: b.Country, currency: b.Currency, kind: b.Type, bankCode: strings.TrimSpace(b.BankCode)}
	there, known := countries[o.country]
	_, limits := policy.Limits(money.Currency(o.currency))
	switch {
	case !known:
		return o, fault.PayoutUnavailable.On("country")
	case money.Currency(o.currency) != there.currency, !limits:
		return o, fault.PayoutUnavailable.On("currency")
	case o.bankCode == "":
		return o, fault.InvalidInput.On("bank_code").Saying("Choose a bank.")
	}
	o.number = strings.NewReplacer(" ", "", "-", "").Replace(b.AccountNumber)
	isDigit := func(r rune) bool { return r >= '0' && r <= '9' }
	if o.number == "" || len(o.number) > 20 || strings.ContainsFunc(o.number, func(r rune) bool { return !isDigit(r) }) {
		return o, fault.InvalidInput.On("account_number").Saying("The account number has up to 20 digits and nothing else.")
	}
	return o, nil
}

// choose finds the order's bank and holds the number against its kind.
func (o *accountOrder) choose(policy payout.Policy, banks []paystack.Bank) error {
	i := slices.IndexFunc(banks, func(bank paystack.Bank) bool {
		return bank.Code == o.bankCode && canBePaid(policy, o.country, bank) && (o.kind == "" || o.kind == kindOf(bank))
	})
	if i < 0 {
		return fault.BankUnknown.On("bank_code")
	}
	o.bank, o.kind = banks[i], kindOf(banks[i])
	form := countries[o.country].kinds[o.kind]
	if len(o.number) >= form.least && len(o.number) <= form.most && strings.HasPrefix(o.number, form.begins) {
		return nil
	}
	text := fmt.Sprintf("The number has %d to %d digits there.", form.least, form.most)
	if form.least == form.most {
		text = fmt.Sprintf("The number has %d digits there.", form.least)
	}
	if form.begins != "" {
		text += " It begins with " + form.begins + "."
	}
	return fault.InvalidInput.On("account_number").Saying(text)
}

// last4 is what of the number may be shown.
func (o accountOrder) last4() string { return o.number[len(o.number)-4:] }

// fingerprint recognises the account without keeping its number. Numbers are few
// enough to be guessed, hence the key.
func (d *desk) fingerprint(o accountOrder) string {
	return d.keyed("account", o.country+"|"+o.bankCode+"|"+o.number)
}

// nameDigests are the two names as they were compared.
func (d *desk) nameDigests(legal, resolved string) string {
	digest := func(name string) string {
		if name == "" {
			return ""
		}
		return d.keyed("name", names.Canonical(name))
	}
	return digest(legal) + ":" + digest(resolved)
}

// keyed is HMAC-SHA256 under the pepper; the purpose keeps hashes of one thing
// from being compared with those of another.
func (d *desk) keyed(purpose, text string) string {
	mac := hmac.New(sha256.New, []byte(string(d.deps.Config.Pepper)))
	mac.Write([]byte(purpose + "|" + text))
	return hex.EncodeToString(mac.Sum(nil))
}

// peppered refuses to store anything about a number without a key for it.
func (d *desk) peppered() error {
	if d.deps.Config.Pepper == "" {
		return fault.NotConfigured.On("pepper").Saying("Bank accounts cannot be stored on this server. The operator sets LL_PEPPER; see docs/operate.md#pepper.")
	}
	return nil
}
