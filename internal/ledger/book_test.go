package ledger_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
)

var noon = time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)

// is says whether err has the code; a nil code means no error.
func is(err error, code *fault.Code) bool {
	if code == nil {
		return err == nil
	}
	return errors.Is(err, code.On(""))
}

// book is a ledger in memory: what the database is to the real one. It trusts
// nothing but Append and the uniqueness of keys and reversals.
type book struct {
	posted   []ledger.Posted
	head     ledger.Head
	now      time.Time
	balances map[string]int64
	keys     map[string]bool
	reversed map[string]bool
}

func newBook() *book {
	return &book{now: noon, balances: map[string]int64{}, keys: map[string]bool{}, reversed: map[string]bool{}}
}

func (b *book) post(tx ledger.Tx) (ledger.Posted, error) {
	if b.keys[tx.Key] {
		return ledger.Posted{}, fault.KeyConflict.On("key")
	}
	if b.reversed[tx.Reverses] {
		return ledger.Posted{}, fault.AlreadyReversed.On("reverses")
	}
	before := make([]int64, len(tx.Entries))
	for i, entry := range tx.Entries {
		before[i] = b.balances[entry.Account.Key]
	}
	b.now = b.now.Add(1500 * time.Microsecond)
	posted, err := b.head.Append(tx, fmt.Sprintf("tx%04d", len(b.posted)+1), b.now, before)
	if err != nil {
		return ledger.Posted{}, err
	}
	for i, entry := range posted.Entries {
		b.balances[entry.Account.Key] = posted.BalancesAfter[i]
	}
	b.head, b.posted, b.keys[tx.Key] = posted.Head(), append(b.posted, posted), true
	if tx.Reverses != "" {
		b.reversed[tx.Reverses] = true
	}
	return posted, nil
}

// must posts what the test relies on.
func (b *book) must(t testing.TB, tx ledger.Tx) ledger.Posted {
	t.Helper()
	posted, err := b.post(tx)
	if err != nil {
		t.Fatalf("posting %s: %v", tx.Key, err)
	}
	return posted
}

// act is a transaction with the fields that most tests do not care about.
func act(kind ledger.Kind, key string, entries ...ledger.Entry) ledger.Tx {
	return ledger.Tx{
		Kind: kind, Key: key, Actor: "rewards", SourceType: "verdict", SourceID: "v1",
		Memo: "for " + key, Entries: entries,
	}
}

// rows are the account rows that belong to the balances.
func (b *book) rows(t testing.TB) []ledger.AccountRow {
	t.Helper()
	var rows []ledger.AccountRow
	for _, key := range slices.Sorted(maps.Keys(b.balances)) {
		account, err := ledger.ParseKey(key)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, ledger.AccountRow{Account: account, BalanceMinor: b.balances[key]})
	}
	return rows
}

func audit(posted []ledger.Posted, rows []ledger.AccountRow) ledger.Report {
	var reversed []string
	for _, p := range posted {
		if p.Reverses != "" {
			reversed = append(reversed, p.Reverses)
		}
	}
	auditor := ledger.NewAuditor(reversed)
	for _, p := range posted {
		auditor.Transaction(p)
	}
	for _, row := range rows {
		auditor.Account(row)
	}
	return auditor.Finish()
}

var (
	users      = []string{"ada", "bola", "chidi", "dayo"}
	campaigns  = []string{"hausa", "twi"}
	currencies = []money.Currency{money.NGN, money.XOF}
)

// randomTx draws what the ledger is asked in its life, now and then something
// that it must refuse.
func (b *book) randomTx(random *rand.Rand) ledger.Tx {
	currency := pick(random, currencies)
	user, other := pick(random, users), pick(random, users)
	campaign := ledger.CampaignAccount(pick(random, campaigns), currency)
	pending := ledger.UserAccount(user, ledger.Pending, currency)
	available := ledger.UserAccount(user, ledger.Available, currency)
	amount := 1 + random.Int64N(2_000)
	if random.IntN(40) == 0 {
		amount = money.MaxMinor - random.Int64N(3)
	}
	key := fmt.Sprintf("key-%d", random.IntN(5_000))
	move := func(kind ledger.Kind, from, to ledger.Account) ledger.Tx {
		return act(kind, key, ledger.Move(from, to, amount)...)
	}
	switch random.IntN(12) {
	case 0, 1:
		amount *= 10
		return move(ledger.CampaignFunded, ledger.PlatformFunding(currency), campaign)
	case 2, 3:
		return move(ledger.RewardEarned, campaign, pending)
	case 4:
		shares, _ := money.Allocate(amount, []int64{70, 30})
		return act(ledger.RewardEarned, key,
			ledger.Entry{Account: campaign, AmountMinor: -amount},
			ledger.Entry{Account: pending, AmountMinor: shares[0]},
			ledger.Entry{Account: ledger.UserAccount(other, ledger.Pending, currency), AmountMinor: shares[1]})
	case 5, 6:
		return move(ledger.RewardReleased, pending, available)
	case 7:
		return move(ledger.Clawback, available, campaign)
	case 8:
		return move(ledger.PayoutLate, available, ledger.Paystack(currency))
	case 9: // money from nowhere, or lost
		tx := move(ledger.RewardEarned, campaign, pending)
		tx.Entries[0].AmountMinor += 1 - 2*random.Int64N(2)
		return tx
	default:
		if len(b.posted) == 0 {
			return ledger.Tx{}
		}
		kind := pick(random, []ledger.Kind{ledger.RewardReversed, ledger.Correction})
		tx, _ := ledger.Reverse(pick(random, b.posted), key, kind, "admin", "undone", noon) // what cannot be reversed gives an empty Tx
		return tx
	}
}

func pick[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }

// life posts a random history of n attempts.
func life(seed uint64, n int) *book {
	b := newBook()
	random := rand.New(rand.NewPCG(seed, 1))
	for range n {
		_, _ = b.post(b.randomTx(random)) // refusals are part of a life
	}
	return b
}
