// Package ledger decides what a money movement is: a balanced double-entry
// transaction, the balances it leaves behind, the reversal that undoes it, the
// chain of hashes that holds all of them in place, the audit that proves so,
// and the statement a person reads. It refuses transactions that do not sum to
// zero per currency, amounts beyond ±money.MaxMinor, spending what is not
// there, and a second or inexact reversal. It knows no database: callers load
// balances and store what [Head.Append] returns, all in one transaction.
//
// # The sign
//
// Every entry has ONE signed amount. An amount above zero CREDITS the account,
// an amount below zero DEBITS it, and a balance is the plain sum of the
// account's amounts. So what people and campaigns own (liabilities) is
// positive, what the platform put in (equity) is positive until campaigns draw
// on it, and an asset such as "paystack:NGN" is negative by what it holds:
//
//	event                 from (debit, < 0)         to (credit, > 0)
//	campaign funded       platform:funding          campaign:<id>:budget
//	reward earned         campaign:<id>:budget      user:<id>:pending
//	reward released       user:<id>:pending         user:<id>:available
//	clawback              user:<id>:available       campaign:<id>:budget
//	late payout success   user:<id>:available       paystack
//
// A posted transaction is never changed. What was wrong is undone by [Reverse].
package ledger

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/money"
)

// Kind says why money moved.
type Kind string

// The kinds of transactions.
const (
	CampaignFunded Kind = "campaign_funded"
	RewardEarned   Kind = "reward_earned"
	RewardReleased Kind = "reward_released" // the hold time is over: pending becomes available
	RewardReversed Kind = "reward_reversed" // the verdict that earned it was overturned
	Correction     Kind = "correction"      // an admin undoes a transaction
	Clawback       Kind = "clawback"        // fraud: released money is taken back
	PayoutHeld     Kind = "payout_held"     // asked for: available becomes held
	PayoutReleased Kind = "payout_released" // not paid: held becomes available
	PayoutPaid     Kind = "payout_paid"     // left for a bank
	PayoutReversed Kind = "payout_reversed" // came back from the bank
	PayoutLate     Kind = "payout_late"     // a payout succeeded after its hold was given back
	PaymentFee     Kind = "payment_fee"     // what Paystack or the state took for a transfer
	CampaignPaid   Kind = "campaign_paid"   // a campaign was funded through Paystack
	PaymentReturn  Kind = "payment_return"  // such funding went back to the payer
	ToppedUp       Kind = "topped_up"       // the balance at Paystack was filled from outside
	Suspended      Kind = "suspended"       // Paystack's balance moved for a reason not known yet
)

// kinds says what each kind may do. A kind that is not listed cannot be posted.
var kinds = map[Kind]struct {
	overdraws bool // may leave a user's available account below its minimum
	reverses  bool // is the mirror of an earlier transaction, and only ever that
	final     bool // records what happened outside of the ledger and cannot be undone in it
}{
	CampaignFunded: {},
	RewardEarned:   {},
	RewardReleased: {},
	RewardReversed: {reverses: true},
	Correction:     {reverses: true},
	Clawback:       {overdraws: true},
	PayoutHeld:     {},
	PayoutReleased: {},
	PayoutPaid:     {final: true},
	PayoutReversed: {final: true},
	PayoutLate:     {overdraws: true, final: true},
	PaymentFee:     {final: true},
	CampaignPaid:   {final: true},
	PaymentReturn:  {final: true},
	ToppedUp:       {final: true},
	Suspended:      {final: true},
}

// Entry changes the balance of one account: AmountMinor > 0 credits it, < 0
// debits it.
type Entry struct {
	Account     Account
	AmountMinor int64
}

// Tx is a transaction that somebody wants posted. All of it is decided by the
// caller and covered by [Tx.InputHash], except EffectiveAt.
type Tx struct {
	Kind Kind
	// Key names the act, for example "reward:<rule>:<verdict>:<user>". The
	// same key is posted once.
	Key string
	// EffectiveAt is when the act counts, in milliseconds; zero means when it
	// is recorded.
	EffectiveAt time.Time
	// Actor is who did it: the id of a person, or the part of the server.
	Actor string
	// SourceType and SourceID name what it was done about, such as a verdict.
	SourceType, SourceID string
	// Reverses is the id of the transaction this one mirrors, or empty.
	Reverses string
	Memo     string
	// Entries have no order: they are stored and hashed by account key.
	Entries []Entry
}

// Move takes amountMinor from one account and gives it to another. An amount
// below 1 makes entries of zero, which [Tx.Validate] refuses: a negative amount
// never turns the direction around.
func Move(from, to Account, amountMinor int64) []Entry {
	amountMinor = max(amountMinor, 0)
	return []Entry{{from, -amountMinor}, {to, amountMinor}}
}

// Validate says whether the transaction may be posted at all, whatever the
// balances: its kind is known, key and actor are present, texts are storable,
// and it has at least two entries, one per account, each an amount in range
// and not zero, that sum to zero in every currency.
//
// Errors: fault.InvalidInput on the field, fault.LedgerUnbalanced,
// fault.AmountInvalid (zero), fault.AmountOverflow (an entry, or the total a
// currency moves, beyond money.MaxMinor).
func (tx Tx) Validate() error {
	if err := tx.validateTexts(); err != nil {
		return err
	}
	if kind, known := kinds[tx.Kind]; !known {
		return fault.InvalidInput.On("kind").Saying("There is no transaction kind \"" + string(tx.Kind) + "\".")
	} else if kind.reverses != (tx.Reverses != "") {
		return fault.InvalidInput.On("reverses").Saying("A reversal names the transaction it reverses, and nothing else does.")
	}
	if len(tx.Entries) < 2 {
		return fault.LedgerUnbalanced.On("entries").Saying("A transaction has at least two entries.")
	}
	for _, entry := range tx.Entries {
		if err := entry.validate(); err != nil {
			return err
		}
	}
	sorted := byAccount(tx.Entries)
	for i, at := range sorted[1:] {
		if key := tx.Entries[at].Account.Key; key == tx.Entries[sorted[i]].Account.Key {
			return fault.LedgerUnbalanced.On("entries").Saying("The account " + key + " has more than one entry.")
		}
	}
	return balanced(tx.Entries)
}

// validateTexts refuses missing texts and those that a database or JSON would
// give back changed, so that their hash could never be recomputed.
func (tx Tx) validateTexts() error {
	for _, field := range [...]struct {
		name, text string
		required   bool
	}{
		{"kind", string(tx.Kind), true},
		{"key", tx.Key, true},
		{"actor", tx.Actor, true},
		{"source_type", tx.SourceType, false},
		{"source_id", tx.SourceID, false},
		{"reverses", tx.Reverses, false},
		{"memo", tx.Memo, false},
	} {
		if field.required && field.text == "" {
			return fault.InvalidInput.On(field.name).Saying("The " + field.name + " is missing.")
		}
		if !utf8.ValidString(field.text) || strings.ContainsRune(field.text, 0) {
			return fault.InvalidInput.On(field.name).Saying("The " + field.name + " is not plain text.")
		}
	}
	return nil
}

func (entry Entry) validate() error {
	account, err := ParseKey(entry.Account.Key)
	if err != nil {
		return err
	}
	if !account.equal(entry.Account) {
		return fault.InvalidInput.On("entries").Saying("The account " + account.Key + " is not what its key says.")
	}
	if entry.AmountMinor == 0 {
		return fault.AmountInvalid.On("entries")
	}
	if _, err := money.Neg(entry.AmountMinor); err != nil {
		return fault.AmountOverflow.On("entries")
	}
	return nil
}

// balanced adds credits and debits of every currency on their own, so that
// whether a sum overflows does not depend on the order of the entries.
func balanced(entries []Entry) error {
	for i, first := range entries {
		currency := first.Account.Currency
		if slices.ContainsFunc(entries[:i], func(e Entry) bool { return e.Account.Currency == currency }) {
			continue // summed already
		}
		var credits, debits int64
		for _, entry := range entries[i:] {
			if entry.Account.Currency != currency {
				continue
			}
			side := &credits
			if entry.AmountMinor < 0 {
				side = &debits
			}
			total, err := money.Add(*side, entry.AmountMinor)
			if err != nil {
				return fault.AmountOverflow.On("entries")
			}
			*side = total
		}
		if credits+debits != 0 {
			return fault.LedgerUnbalanced.On("entries").With("currency", string(currency))
		}
	}
	return nil
}

// byAccount returns the indexes of the entries in the order of their account
// keys: the canonical order, since a transaction has one entry per account.
func byAccount(entries []Entry) []int {
	order := make([]int, len(entries))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(entries[a].Account.Key, entries[b].Account.Key)
	})
	return order
}
