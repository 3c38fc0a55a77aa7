package ledger_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
)

func TestAccounts(t *testing.T) {
	zero := new(int64(0))
	for _, test := range []struct{ got, want ledger.Account }{
		{ledger.UserAccount("u1", ledger.Pending, money.NGN), ledger.Account{Key: "user:u1:pending:NGN", Type: ledger.Liability, Owner: "u1", Currency: "NGN", MinMinor: zero}},
		{ledger.UserAccount("u1", ledger.Available, money.XOF), ledger.Account{Key: "user:u1:available:XOF", Type: ledger.Liability, Owner: "u1", Currency: "XOF", MinMinor: zero}},
		{ledger.UserAccount("u1", ledger.Held, money.GHS), ledger.Account{Key: "user:u1:held:GHS", Type: ledger.Liability, Owner: "u1", Currency: "GHS", MinMinor: zero}},
		{ledger.CampaignAccount("c1", money.KES), ledger.Account{Key: "campaign:c1:budget:KES", Type: ledger.Liability, Currency: "KES", MinMinor: zero}},
		{ledger.PlatformFunding(money.ZAR), ledger.Account{Key: "platform:funding:ZAR", Type: ledger.Equity, Currency: "ZAR"}},
		{ledger.Paystack(money.USD), ledger.Account{Key: "paystack:USD", Type: ledger.Asset, Currency: "USD"}},
		{ledger.ExpenseAccount("payout_fee", money.NGN), ledger.Account{Key: "expense:payout_fee:NGN", Type: ledger.Expense, Currency: "NGN"}},
	} {
		if !reflect.DeepEqual(test.got, test.want) {
			t.Errorf("made %+v, want %+v", test.got, test.want)
		}
		if parsed, err := ledger.ParseKey(test.got.Key); err != nil || !reflect.DeepEqual(parsed, test.want) {
			t.Errorf("ParseKey(%q) = %+v, %v", test.got.Key, parsed, err)
		}
	}
}

func TestKeysThatNameNoAccount(t *testing.T) {
	for key, code := range map[string]*fault.Code{
		"":                           fault.InvalidInput,
		"NGN":                        fault.InvalidInput,
		":NGN":                       fault.InvalidInput,
		"paystack":                   fault.InvalidInput,
		"paystack:":                  fault.CurrencyUnknown,
		"paystack:ngn":               fault.CurrencyUnknown,
		"paystack:EUR":               fault.CurrencyUnknown,
		"paystack::NGN":              fault.InvalidInput,
		" paystack:NGN":              fault.InvalidInput,
		"platform:NGN":               fault.InvalidInput,
		"platform:funding:x:NGN":     fault.InvalidInput,
		"user:u1:NGN":                fault.InvalidInput,
		"user::pending:NGN":          fault.InvalidInput,
		"user:u1:spare:NGN":          fault.InvalidInput,
		"user:u1:pending:held:NGN":   fault.InvalidInput,
		"user:u1:budget:NGN":         fault.InvalidInput,
		"user:ü:pending:NGN":         fault.InvalidInput,
		"campaign:c1:pending:NGN":    fault.InvalidInput,
		"campaign:c1:budget:NGN:NGN": fault.InvalidInput,
		"campaign:c 1:budget:NGN":    fault.InvalidInput,
		"expense:NGN":                fault.InvalidInput,
		"expense:fee:more:NGN":       fault.InvalidInput,
		"income:fee:NGN":             fault.InvalidInput,
		"user:" + strings.Repeat("a", 65) + ":held:NGN": fault.InvalidInput,
	} {
		if account, err := ledger.ParseKey(key); !is(err, code) || account != (ledger.Account{}) {
			t.Errorf("ParseKey(%q) = %+v, %v; want %s", key, account, err, code.Name)
		}
	}
}

// FuzzParseKey checks both directions: a key that parses is the key of the
// account it gives, and a constructor's key either parses to that very account
// or, for an id that has no place in a key, not at all.
func FuzzParseKey(f *testing.F) {
	for _, key := range []string{"user:u1:held:NGN", "campaign:c1:budget:XOF", "platform:funding:GHS", "paystack:NGN", "expense:levy:NGN", "a:b"} {
		f.Add(key, "u1", uint8(0))
	}
	f.Add("", "a:pending", uint8(1))
	f.Fuzz(func(t *testing.T, key, id string, which uint8) {
		if account, err := ledger.ParseKey(key); err == nil && account.Key != key {
			t.Errorf("ParseKey(%q) has the key %q", key, account.Key)
		}
		currency := money.Currencies()[int(which)%len(money.Currencies())]
		for _, made := range []ledger.Account{
			ledger.UserAccount(id, ledger.Pending, currency),
			ledger.UserAccount(id, ledger.Available, currency),
			ledger.UserAccount(id, ledger.Held, currency),
			ledger.UserAccount(id, ledger.Bucket(key), currency),
			ledger.CampaignAccount(id, currency),
			ledger.ExpenseAccount(id, currency),
		} {
			if parsed, err := ledger.ParseKey(made.Key); err == nil && !reflect.DeepEqual(parsed, made) {
				t.Errorf("%+v comes back as %+v", made, parsed)
			}
		}
	})
}
