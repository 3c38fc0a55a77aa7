package ledger

import (
	"strings"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/money"
)

// AccountType is the side of the books an account stands on.
type AccountType string

// The account types. Assets and expenses grow by debits (below zero), the
// others by credits (above zero).
const (
	Asset     AccountType = "asset"
	Liability AccountType = "liability"
	Equity    AccountType = "equity"
	Income    AccountType = "income"
	Expense   AccountType = "expense"
)

// Bucket is one of the three accounts a user has per currency.
type Bucket string

// The buckets: earned but still in its hold time, free to be paid out, and set
// aside for a payout under way.
const (
	Pending   Bucket = "pending"
	Available Bucket = "available"
	Held      Bucket = "held"
)

// Account is one line of the books. Everything about it follows from its key,
// so make it with a constructor or [ParseKey].
type Account struct {
	Key  string
	Type AccountType
	// Owner is the id of the user whose money it is; empty for campaigns and
	// the platform, so that it can decide who may see the account.
	Owner    string
	Currency money.Currency
	// MinMinor is the lowest balance a debit may leave; nil means no limit.
	MinMinor *int64
}

// UserAccount is what the platform owes a user: "user:<id>:<bucket>:<currency>".
func UserAccount(id string, bucket Bucket, currency money.Currency) Account {
	return account("user:"+id+":"+string(bucket), Liability, id, currency, new(int64(0)))
}

// CampaignAccount is what is left to reward from: "campaign:<id>:budget:<currency>".
func CampaignAccount(id string, currency money.Currency) Account {
	return account("campaign:"+id+":budget", Liability, "", currency, new(int64(0)))
}

// PlatformFunding is what the platform put in and has not yet given to a
// campaign: "platform:funding:<currency>". Below zero, campaigns have been
// promised more than has arrived.
func PlatformFunding(currency money.Currency) Account {
	return account("platform:funding", Equity, "", currency, nil)
}

// Paystack mirrors the balance at Paystack, negative by what it holds:
// "paystack:<currency>".
func Paystack(currency money.Currency) Account {
	return account("paystack", Asset, "", currency, nil)
}

// Suspense holds what the balance at Paystack moved by and nobody has explained
// yet: "suspense:paystack:<currency>".
func Suspense(currency money.Currency) Account {
	return account("suspense:paystack", Asset, "", currency, nil)
}

// ExpenseAccount collects a cost such as "payout_fee", negative by what was
// spent: "expense:<name>:<currency>".
func ExpenseAccount(name string, currency money.Currency) Account {
	return account("expense:"+name, Expense, "", currency, nil)
}

func account(path string, kind AccountType, owner string, currency money.Currency, floor *int64) Account {
	return Account{Key: path + ":" + string(currency), Type: kind, Owner: owner, Currency: currency, MinMinor: floor}
}

// ParseKey is the exact inverse of the constructors: it returns the account
// that they make with this key, or fault.InvalidInput (no such account) or
// fault.CurrencyUnknown. An id has 1 to 64 letters, digits, "-" or "_".
func ParseKey(key string) (Account, error) {
	none := fault.InvalidInput.On("account").Saying("There is no account \"" + key + "\".")
	colon := strings.LastIndexByte(key, ':')
	if colon < 0 {
		return Account{}, none
	}
	currency, err := money.ParseCurrency(key[colon+1:])
	if err != nil {
		return Account{}, err
	}
	path := key[:colon]
	family, rest, _ := strings.Cut(path, ":")
	id, part, _ := strings.Cut(rest, ":")
	bucket := Bucket(part)
	switch {
	case path == "platform:funding":
		return PlatformFunding(currency), nil
	case path == "paystack":
		return Paystack(currency), nil
	case path == "suspense:paystack":
		return Suspense(currency), nil
	case family == "expense" && isID(rest):
		return ExpenseAccount(rest, currency), nil
	case family == "campaign" && isID(id) && part == "budget":
		return CampaignAccount(id, currency), nil
	case family == "user" && isID(id) && (bucket == Pending || bucket == Available || bucket == Held):
		return UserAccount(id, bucket, currency), nil
	}
	return Account{}, none
}

func isID(text string) bool {
	for _, c := range []byte(text) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return 1 <= len(text) && len(text) <= 64
}

// isAvailable says whether the account is a user's available bucket.
func (a Account) isAvailable() bool {
	return a.Key == UserAccount(a.Owner, Available, a.Currency).Key
}

// equal compares by value, also what MinMinor points at.
func (a Account) equal(b Account) bool {
	return a.Key == b.Key && a.Type == b.Type && a.Owner == b.Owner && a.Currency == b.Currency && a.equalFloor(b)
}

func (a Account) equalFloor(b Account) bool {
	if a.MinMinor == nil || b.MinMinor == nil {
		return a.MinMinor == b.MinMinor
	}
	return *a.MinMinor == *b.MinMinor
}
