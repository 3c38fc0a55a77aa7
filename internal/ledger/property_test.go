package ledger_test

import (
	"cmp"
	"fmt"
	"math/big"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
)

// replay is the naive model: no cached balance, only the list of what was
// posted, added up anew each time, in integers without end.
type replay []ledger.Posted

func (r replay) balance(key string) *big.Int {
	sum := new(big.Int)
	for _, p := range r {
		for _, entry := range p.Entries {
			if entry.Account.Key == key {
				sum.Add(sum, big.NewInt(entry.AmountMinor))
			}
		}
	}
	return sum
}

// allows says by the promises themselves whether tx may follow.
func (r replay) allows(tx ledger.Tx) bool {
	sums := map[money.Currency]*big.Int{}
	most := big.NewInt(money.MaxMinor)
	for _, entry := range tx.Entries {
		amount := big.NewInt(entry.AmountMinor)
		if sums[entry.Account.Currency] == nil {
			sums[entry.Account.Currency] = new(big.Int)
		}
		sums[entry.Account.Currency].Add(sums[entry.Account.Currency], amount)
		key := entry.Account.Key
		after := new(big.Int).Add(r.balance(key), amount)
		if after.CmpAbs(most) > 0 || amount.CmpAbs(most) > 0 || amount.Sign() == 0 {
			return false
		}
		limited := strings.HasPrefix(key, "user:") || strings.HasPrefix(key, "campaign:")
		excepted := (tx.Kind == "clawback" || tx.Kind == "payout_late") && strings.Contains(key, ":available:")
		if amount.Sign() < 0 && after.Sign() < 0 && limited && !excepted {
			return false
		}
	}
	for _, sum := range sums {
		if sum.Sign() != 0 {
			return false
		}
	}
	distinct := map[string]bool{}
	for _, entry := range tx.Entries {
		distinct[entry.Account.Key] = true
	}
	for _, p := range r {
		if p.Key == tx.Key || tx.Reverses != "" && p.Reverses == tx.Reverses {
			return false
		}
	}
	return len(tx.Entries) >= 2 && len(distinct) == len(tx.Entries)
}

// TestRandomPostingsKeepThePromises compares every decision with the model and
// checks L1, L2, L3, L7 and L9 as it goes, then L6, L9 and L11 on the whole.
func TestRandomPostingsKeepThePromises(t *testing.T) {
	kinds, refusals := map[ledger.Kind]int{}, map[*fault.Code]int{}
	for seed := range uint64(12) {
		b := newBook()
		random := rand.New(rand.NewPCG(seed, 7))
		for range 500 {
			tx := b.randomTx(random)
			allowed := replay(b.posted).allows(tx)
			posted, err := b.post(tx)
			if allowed != (err == nil) {
				t.Fatalf("seed %d: the model allows it: %v, the ledger says %v to %+v", seed, allowed, err, tx)
			}
			if err != nil {
				refusals[err.(*fault.Error).Code]++
				continue
			}
			kinds[posted.Kind]++
			for i, entry := range posted.Entries {
				if want := replay(b.posted).balance(entry.Account.Key); want.Cmp(big.NewInt(posted.BalancesAfter[i])) != 0 {
					t.Fatalf("seed %d: %s has %d after %s, the model says %s", seed, entry.Account.Key, posted.BalancesAfter[i], posted.ID, want)
				}
			}
		}
		if findings := audit(b.posted, b.rows(t)).Findings; len(findings) > 0 {
			t.Errorf("seed %d: the audit finds %+v", seed, findings)
		}
		checkReversals(t, b)
		checkAsOf(t, b, random)
		checkTrialBalance(t, b)
	}
	for _, kind := range []ledger.Kind{
		ledger.CampaignFunded, ledger.RewardEarned, ledger.RewardReleased, ledger.RewardReversed,
		ledger.Correction, ledger.Clawback, ledger.PayoutLate,
	} {
		if kinds[kind] < 20 {
			t.Errorf("only %d of %s were posted: the test proves little", kinds[kind], kind)
		}
	}
	for _, code := range []*fault.Code{fault.LedgerUnbalanced, fault.InsufficientFunds, fault.AmountOverflow, fault.AlreadyReversed, fault.KeyConflict} {
		if refusals[code] == 0 {
			t.Errorf("%s was never met: the test proves little", code.Name)
		}
	}
}

// checkReversals proves L6: at most one per transaction, and together the two
// change nothing.
func checkReversals(t *testing.T, b *book) {
	t.Helper()
	byID, reversals := map[string]ledger.Posted{}, map[string]int{}
	for _, p := range b.posted {
		byID[p.ID] = p
		if p.Reverses == "" {
			continue
		}
		reversals[p.Reverses]++
		original := byID[p.Reverses]
		net := map[string]int64{}
		for _, entry := range append(slices.Clone(original.Entries), p.Entries...) {
			net[entry.Account.Key] += entry.AmountMinor
		}
		for key, amount := range net {
			if amount != 0 {
				t.Errorf("%s and its reversal %s leave %d in %s", original.ID, p.ID, amount, key)
			}
		}
		if original.Reverses != "" || reversals[p.Reverses] > 1 || len(p.Entries) != len(original.Entries) {
			t.Errorf("%s must not reverse %s", p.ID, original.ID)
		}
	}
}

// checkAsOf proves L9: the last balance up to a seq or a time, read from one
// row, is the replay up to there.
func checkAsOf(t *testing.T, b *book, random *rand.Rand) {
	t.Helper()
	for range 200 {
		end := random.IntN(len(b.posted) + 1)
		key := pick(random, b.rows(t)).Key
		var lookedUp int64
		for _, p := range b.posted[:end] {
			for i, entry := range p.Entries {
				if entry.Account.Key == key {
					lookedUp = p.BalancesAfter[i]
				}
			}
		}
		if want := replay(b.posted[:end]).balance(key); want.Cmp(big.NewInt(lookedUp)) != 0 {
			t.Errorf("%s as of seq %d is %d, the replay gives %s", key, end, lookedUp, want)
		}
	}
	inTime := func(a, b ledger.Posted) int { return a.RecordedAt.Compare(b.RecordedAt) }
	if !slices.IsSortedFunc(b.posted, inTime) {
		t.Error("time runs back: a balance as of a time is not one as of a seq")
	}
}

// checkTrialBalance proves L11 against sums over the entries.
func checkTrialBalance(t *testing.T, b *book) {
	t.Helper()
	report := audit(b.posted, b.rows(t))
	want, total := map[string]int64{}, map[money.Currency]int64{}
	var entries int64
	for _, p := range b.posted {
		for _, entry := range p.Entries {
			want[fmt.Sprint(entry.Account.Currency, entry.Account.Type)] += entry.AmountMinor
			entries++
		}
	}
	for _, line := range report.TrialBalance {
		if want[fmt.Sprint(line.Currency, line.Type)] != line.BalanceMinor {
			t.Errorf("the trial balance says %+v, the entries %d", line, want[fmt.Sprint(line.Currency, line.Type)])
		}
		total[line.Currency] += line.BalanceMinor
	}
	for currency, sum := range total {
		if sum != 0 {
			t.Errorf("%s sums to %d", currency, sum)
		}
	}
	if len(report.TrialBalance) != len(want) || len(total) != len(currencies) {
		t.Errorf("the trial balance has %d lines for %d sums", len(report.TrialBalance), len(want))
	}
	ordered := slices.IsSortedFunc(report.TrialBalance, func(a, b ledger.TrialLine) int {
		return cmp.Or(cmp.Compare(a.Currency, b.Currency), cmp.Compare(a.Type, b.Type))
	})
	counts := []int64{report.Transactions, report.Entries, report.Accounts}
	if !ordered || !slices.Equal(counts, []int64{int64(len(b.posted)), entries, int64(len(b.balances))}) || report.Head != b.head {
		t.Errorf("the report is %+v, ordered: %v", report, ordered)
	}
}

// TestStatementsChain proves L10 on random histories cut into random periods.
func TestStatementsChain(t *testing.T) {
	for seed := range uint64(8) {
		b := life(seed, 600)
		random := rand.New(rand.NewPCG(seed, 3))
		for _, user := range users {
			for _, currency := range currencies {
				checkStatements(t, b, random, user, currency)
			}
		}
	}
}

func checkStatements(t *testing.T, b *book, random *rand.Rand, user string, currency money.Currency) {
	t.Helper()
	lines := walletLines(b.posted, user, currency)
	from, end := noon, b.now.Add(time.Second)
	var closing ledger.Balances
	for count := 0; from.Before(end); {
		to := from.Add(time.Duration(1+random.Int64N(300)) * time.Millisecond)
		var period []ledger.Line
		for _, line := range lines[count:] {
			if line.At.Before(to) {
				period = append(period, line)
			}
		}
		statement, err := ledger.BuildStatement(currency, from, to, closing, period)
		if err != nil {
			t.Fatal(err)
		}
		running, _ := statement.Opening.Total()
		for _, line := range statement.Lines {
			running += line.AmountMinor
			if line.BalanceMinor != running {
				t.Errorf("seq %d says %d, opening and lines sum to %d", line.Seq, line.BalanceMinor, running)
			}
		}
		if total, err := statement.Closing.Total(); err != nil || total != running {
			t.Errorf("opening and lines give %d, closing is %d, %v", running, total, err)
		}
		from, closing, count = to, statement.Closing, count+len(period)
	}
	want := ledger.Balances{
		PendingMinor:   b.balances[ledger.UserAccount(user, ledger.Pending, currency).Key],
		AvailableMinor: b.balances[ledger.UserAccount(user, ledger.Available, currency).Key],
		HeldMinor:      b.balances[ledger.UserAccount(user, ledger.Held, currency).Key],
	}
	if !reflect.DeepEqual(closing, want) {
		t.Errorf("%s ends with %+v, the ledger has %+v", user, closing, want)
	}
}

// walletLines reads a user's lines off the ledger, one per transaction.
func walletLines(posted []ledger.Posted, user string, currency money.Currency) []ledger.Line {
	var lines []ledger.Line
	for _, p := range posted {
		line := ledger.Line{Seq: p.Seq, At: p.RecordedAt, Kind: p.Kind, Memo: p.Memo}
		for _, entry := range p.Entries {
			switch entry.Account.Key {
			case ledger.UserAccount(user, ledger.Pending, currency).Key:
				line.PendingMinor = entry.AmountMinor
			case ledger.UserAccount(user, ledger.Available, currency).Key:
				line.AvailableMinor = entry.AmountMinor
			case ledger.UserAccount(user, ledger.Held, currency).Key:
				line.HeldMinor = entry.AmountMinor
			}
		}
		if line.PendingMinor != 0 || line.AvailableMinor != 0 || line.HeldMinor != 0 {
			lines = append(lines, line)
		}
	}
	return lines
}
