package ledger_test

import (
	"math"
	"reflect"
	"testing"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
)

var (
	funding   = ledger.PlatformFunding(money.NGN)
	campaign  = ledger.CampaignAccount("c1", money.NGN)
	pending   = ledger.UserAccount("u1", ledger.Pending, money.NGN)
	available = ledger.UserAccount("u1", ledger.Available, money.NGN)
	held      = ledger.UserAccount("u1", ledger.Held, money.NGN)
	paystack  = ledger.Paystack(money.NGN)
)

func TestMove(t *testing.T) {
	want := []ledger.Entry{{Account: campaign, AmountMinor: -1500}, {Account: pending, AmountMinor: 1500}}
	if got := ledger.Move(campaign, pending, 1500); !reflect.DeepEqual(got, want) {
		t.Errorf("Move takes and gives %+v, want %+v", got, want)
	}
	for _, amount := range []int64{0, -1, math.MinInt64} {
		if err := act(ledger.RewardEarned, "k", ledger.Move(campaign, pending, amount)...).Validate(); !is(err, fault.AmountInvalid) {
			t.Errorf("a move of %d: %v", amount, err)
		}
	}
}

func TestValidate(t *testing.T) {
	const most = money.MaxMinor
	xof := ledger.CampaignAccount("c1", money.XOF)
	entry := func(account ledger.Account, amount int64) ledger.Entry {
		return ledger.Entry{Account: account, AmountMinor: amount}
	}
	entries := func(list ...ledger.Entry) func(*ledger.Tx) {
		return func(tx *ledger.Tx) { tx.Entries = list }
	}
	forged := func(change func(*ledger.Account)) func(*ledger.Tx) {
		return func(tx *ledger.Tx) { change(&tx.Entries[0].Account) }
	}
	for _, test := range []struct {
		name   string
		change func(*ledger.Tx)
		code   *fault.Code
	}{
		{"a good one", func(*ledger.Tx) {}, nil},
		{"no kind", func(tx *ledger.Tx) { tx.Kind = "" }, fault.InvalidInput},
		{"a kind nobody knows", func(tx *ledger.Tx) { tx.Kind = "gift" }, fault.InvalidInput},
		{"no key", func(tx *ledger.Tx) { tx.Key = "" }, fault.InvalidInput},
		{"no actor", func(tx *ledger.Tx) { tx.Actor = "" }, fault.InvalidInput},
		{"no source and no memo", func(tx *ledger.Tx) { tx.SourceType, tx.SourceID, tx.Memo = "", "", "" }, nil},
		{"a text that JSON would change", func(tx *ledger.Tx) { tx.Memo = "\xff" }, fault.InvalidInput},
		{"a text with a zero byte", func(tx *ledger.Tx) { tx.SourceID = "a\x00b" }, fault.InvalidInput},
		{"a reversal of nothing", func(tx *ledger.Tx) { tx.Kind = ledger.Correction }, fault.InvalidInput},
		{"a reward that reverses", func(tx *ledger.Tx) { tx.Reverses = "tx1" }, fault.InvalidInput},
		{"a reversal", func(tx *ledger.Tx) { tx.Kind, tx.Reverses = ledger.Correction, "tx1" }, nil},
		{"no entries", entries(), fault.LedgerUnbalanced},
		{"one entry", entries(entry(campaign, 5)), fault.LedgerUnbalanced},
		{"a sum of one", entries(entry(campaign, -5), entry(pending, 6)), fault.LedgerUnbalanced},
		{"a sum below zero", entries(entry(campaign, -5), entry(pending, 4)), fault.LedgerUnbalanced},
		{"two halves", entries(entry(pending, 3), entry(campaign, -5), entry(available, 2)), nil},
		{"the same account twice", entries(entry(campaign, -5), entry(pending, 2), entry(campaign, -5), entry(held, 8)), fault.LedgerUnbalanced},
		{"from an account to itself", entries(ledger.Move(campaign, campaign, 5)...), fault.LedgerUnbalanced},
		{"nothing moves", entries(entry(campaign, 0), entry(pending, 0)), fault.AmountInvalid},
		{"a zero among others", entries(entry(campaign, -5), entry(pending, 5), entry(held, 0)), fault.AmountInvalid},
		{"balanced over currencies only", entries(entry(campaign, -5), entry(xof, 5)), fault.LedgerUnbalanced},
		{"balanced in each currency", entries(entry(campaign, -5), entry(xof, -7), entry(pending, 5), entry(ledger.Paystack(money.XOF), 7)), nil},
		{"the second currency unbalanced", entries(entry(campaign, -5), entry(xof, -7), entry(pending, 5), entry(ledger.Paystack(money.XOF), 8)), fault.LedgerUnbalanced},
		{"the largest amount", entries(ledger.Move(campaign, pending, most)...), nil},
		{"one more", entries(ledger.Move(campaign, pending, most+1)...), fault.AmountOverflow},
		{"amounts that would wrap to zero", entries(entry(campaign, math.MinInt64), entry(pending, math.MinInt64)), fault.AmountOverflow},
		{"a total out of range", entries(entry(campaign, -most), entry(pending, most), entry(available, -most), entry(held, most)), fault.AmountOverflow},
		{"a total out of range, in another order", entries(entry(campaign, -most), entry(available, -most), entry(pending, most), entry(held, most)), fault.AmountOverflow},
		{"an unknown account", forged(func(a *ledger.Account) { a.Key = "gift:NGN" }), fault.InvalidInput},
		{"an unknown currency", forged(func(a *ledger.Account) { a.Key = "paystack:EUR" }), fault.CurrencyUnknown},
		{"another currency than the key's", forged(func(a *ledger.Account) { a.Currency = money.GHS }), fault.InvalidInput},
		{"another type than the key's", forged(func(a *ledger.Account) { a.Type = ledger.Equity }), fault.InvalidInput},
		{"another owner than the key's", forged(func(a *ledger.Account) { a.Owner = "u2" }), fault.InvalidInput},
		{"no minimum", forged(func(a *ledger.Account) { a.MinMinor = nil }), fault.InvalidInput},
		{"another minimum", forged(func(a *ledger.Account) { a.MinMinor = new(int64(-1)) }), fault.InvalidInput},
		{"an id with a colon", entries(ledger.Move(campaign, ledger.UserAccount("u1:held", ledger.Pending, money.NGN), 5)...), fault.InvalidInput},
	} {
		tx := act(ledger.RewardEarned, "reward:1", ledger.Move(campaign, pending, 1500)...)
		test.change(&tx)
		if err := tx.Validate(); !is(err, test.code) {
			t.Errorf("%s: %v, want %v", test.name, err, test.code)
		}
	}
}
