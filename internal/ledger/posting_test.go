package ledger_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
)

func TestApply(t *testing.T) {
	const most = money.MaxMinor
	for _, test := range []struct {
		name    string
		balance int64
		account ledger.Account
		amount  int64
		kind    ledger.Kind
		want    int64
		code    *fault.Code
	}{
		{"a credit", 100, pending, 50, ledger.RewardEarned, 150, nil},
		{"the last unit", 50, campaign, -50, ledger.RewardEarned, 0, nil},
		{"one more than there is", 50, campaign, -51, ledger.RewardEarned, 0, fault.InsufficientFunds},
		{"platform funding has no minimum", 0, funding, -50, ledger.CampaignFunded, -50, nil},
		{"an asset holds by debits", 0, paystack, -50, ledger.CampaignFunded, -50, nil},
		{"a clawback overdraws available", 20, available, -50, ledger.Clawback, -30, nil},
		{"a late payout overdraws available", 20, available, -50, ledger.PayoutLate, -30, nil},
		{"a clawback does not overdraw pending", 20, pending, -50, ledger.Clawback, 0, fault.InsufficientFunds},
		{"nor held", 20, held, -50, ledger.Clawback, 0, fault.InsufficientFunds},
		{"nor a campaign", 20, campaign, -50, ledger.Clawback, 0, fault.InsufficientFunds},
		{"a correction overdraws nothing", 20, available, -50, ledger.Correction, 0, fault.InsufficientFunds},
		{"a debt is paid off in part", -30, available, 10, ledger.RewardReleased, -20, nil},
		{"a debt is not spent from", -30, available, -1, ledger.RewardReleased, 0, fault.InsufficientFunds},
		{"up to the top", most - 1, pending, 1, ledger.RewardEarned, most, nil},
		{"over the top", most, pending, 1, ledger.RewardEarned, 0, fault.AmountOverflow},
		{"down to the bottom", 1 - most, paystack, -1, ledger.CampaignFunded, -most, nil},
		{"under the bottom", -most, paystack, -1, ledger.CampaignFunded, 0, fault.AmountOverflow},
	} {
		entry := ledger.Entry{Account: test.account, AmountMinor: test.amount}
		got, err := ledger.Apply(test.balance, entry, ledger.Tx{Kind: test.kind})
		if got != test.want || !is(err, test.code) {
			t.Errorf("%s: Apply = %d, %v; want %d, %v", test.name, got, err, test.want, test.code)
		}
	}
}

func TestOnlyTwoKindsOverdrawAndOnlyAvailable(t *testing.T) {
	accounts := []ledger.Account{funding, campaign, pending, available, held, paystack, ledger.ExpenseAccount("levy", money.NGN)}
	for _, kind := range []ledger.Kind{
		"", "gift", ledger.CampaignFunded, ledger.RewardEarned, ledger.RewardReleased,
		ledger.RewardReversed, ledger.Correction, ledger.Clawback, ledger.PayoutLate,
	} {
		for _, account := range accounts {
			want := (kind == ledger.Clawback || kind == ledger.PayoutLate) && account.Key == available.Key
			if got := (ledger.Tx{Kind: kind}).MayOverdraw(account); got != want {
				t.Errorf("%s may overdraw %s: %v", kind, account.Key, got)
			}
		}
	}
}

func TestAppend(t *testing.T) {
	tx := act(ledger.RewardEarned, "reward:1", ledger.Move(campaign, pending, 30)...)
	lagos := time.FixedZone("WAT", 3600)
	first, err := ledger.Head{}.Append(tx, "tx1", noon.Add(1_700*time.Microsecond).In(lagos), []int64{100, 7})
	if err != nil {
		t.Fatal(err)
	}
	want := ledger.Posted{
		Tx: tx, ID: "tx1", Seq: 1, RecordedAt: noon.Add(time.Millisecond), InputHash: tx.InputHash(),
		Hash: first.ChainHash(), BalancesAfter: []int64{70, 37},
	}
	want.EffectiveAt = want.RecordedAt
	if !reflect.DeepEqual(first, want) {
		t.Errorf("posted %+v, want %+v", first, want)
	}

	tx.Entries[0].AmountMinor = 0
	if first.Entries[0].AmountMinor != -30 {
		t.Error("the caller's slice reaches into what was posted")
	}

	second := act(ledger.RewardReleased, "release:1", ledger.Move(pending, available, 30)...)
	second.EffectiveAt = noon.AddDate(0, -1, 0)
	next, err := first.Head().Append(second, "tx2", noon.Add(-time.Hour), []int64{37, 0})
	if err != nil {
		t.Fatal(err)
	}
	if next.Seq != 2 || next.PrevHash != first.Hash || next.Hash == first.Hash {
		t.Errorf("the second does not follow the first: %+v", next)
	}
	if !next.RecordedAt.Equal(first.RecordedAt) {
		t.Errorf("a clock set back set the ledger back to %v", next.RecordedAt)
	}
	if !next.EffectiveAt.Equal(noon.AddDate(0, -1, 0)) {
		t.Errorf("back-dating is lost: %v", next.EffectiveAt)
	}
}

func TestAppendRefuses(t *testing.T) {
	for _, test := range []struct {
		name     string
		entries  []ledger.Entry
		balances []int64
		code     *fault.Code
	}{
		{"unbalanced", ledger.Move(campaign, pending, 0), []int64{100, 0}, fault.AmountInvalid},
		{"unfunded", ledger.Move(campaign, pending, 101), []int64{100, 0}, fault.InsufficientFunds},
		{"unfunded, second entry", []ledger.Entry{{Account: pending, AmountMinor: 101}, {Account: campaign, AmountMinor: -101}}, []int64{0, 100}, fault.InsufficientFunds},
		{"a balance is missing", ledger.Move(campaign, pending, 1), []int64{100}, fault.Internal},
	} {
		posted, err := ledger.Head{}.Append(act(ledger.RewardEarned, "k", test.entries...), "tx1", noon, test.balances)
		if !is(err, test.code) || posted.ID != "" {
			t.Errorf("%s: %+v, %v", test.name, posted, err)
		}
	}
}

func TestReverse(t *testing.T) {
	b := newBook()
	b.must(t, act(ledger.CampaignFunded, "fund", ledger.Move(funding, campaign, 1000)...))
	reward := b.must(t, act(ledger.RewardEarned, "reward",
		ledger.Entry{Account: campaign, AmountMinor: -100},
		ledger.Entry{Account: pending, AmountMinor: 70},
		ledger.Entry{Account: ledger.UserAccount("u2", ledger.Pending, money.NGN), AmountMinor: 30}))

	tx, err := ledger.Reverse(reward, "undo", ledger.RewardReversed, "admin1", "overturned", noon)
	if err != nil {
		t.Fatal(err)
	}
	want := ledger.Tx{
		Kind: ledger.RewardReversed, Key: "undo", EffectiveAt: noon, Actor: "admin1",
		SourceType: reward.SourceType, SourceID: reward.SourceID, Reverses: reward.ID, Memo: "overturned",
		Entries: []ledger.Entry{
			{Account: campaign, AmountMinor: 100},
			{Account: pending, AmountMinor: -70},
			{Account: ledger.UserAccount("u2", ledger.Pending, money.NGN), AmountMinor: -30},
		},
	}
	if !reflect.DeepEqual(tx, want) {
		t.Errorf("the reversal is %+v, want %+v", tx, want)
	}
	undone := b.must(t, tx)
	late := b.must(t, act(ledger.PayoutLate, "late", ledger.Move(available, paystack, 5)...))
	unposted := reward
	unposted.ID = ""

	for _, test := range []struct {
		name     string
		original ledger.Posted
		key      string
		kind     ledger.Kind
		code     *fault.Code
	}{
		{"a reversal", undone, "k", ledger.Correction, fault.NotReversible},
		{"what happened outside", late, "k", ledger.Correction, fault.NotReversible},
		{"what was never posted", unposted, "k", ledger.Correction, fault.NotReversible},
		{"a kind that does not reverse", reward, "k", ledger.Clawback, fault.InvalidInput},
		{"no key", reward, "", ledger.Correction, fault.InvalidInput},
	} {
		if tx, err := ledger.Reverse(test.original, test.key, test.kind, "admin1", "", noon); !is(err, test.code) || tx.Key != "" {
			t.Errorf("%s: %+v, %v; want %s", test.name, tx, err, test.code.Name)
		}
	}
}

func TestAReversalNeedsTheMoneyToBeThere(t *testing.T) {
	b := newBook()
	b.must(t, act(ledger.CampaignFunded, "fund", ledger.Move(funding, campaign, 1000)...))
	reward := b.must(t, act(ledger.RewardEarned, "reward", ledger.Move(campaign, pending, 100)...))
	b.must(t, act(ledger.RewardReleased, "release", ledger.Move(pending, available, 100)...))
	tx, err := ledger.Reverse(reward, "undo", ledger.RewardReversed, "admin1", "", noon)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.post(tx); !is(err, fault.InsufficientFunds) {
		t.Errorf("a released reward was reversed out of pending: %v", err)
	}
}
