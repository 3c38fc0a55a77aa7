package ledger

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/money"
)

// The promises of the ledger that its rows can prove. The others are proved by
// tests: that posted rows cannot be changed (L4), that a statement adds up
// (L10, a consequence of L9) and that a crash breaks none of them (L12).
const (
	PromiseBalanced   = "L1"  // every transaction is well-formed and sums to zero per currency
	PromiseCached     = "L2"  // stored balance = sum of the entries = last balance after
	PromiseFunded     = "L3"  // no debit leaves less than the account's minimum, two kinds excepted
	PromiseIdempotent = "L5"  // a key is posted once, and its input hash recomputes
	PromiseReversed   = "L6"  // a transaction is reversed at most once, by its exact mirror
	PromiseInRange    = "L7"  // no amount and no balance beyond ±money.MaxMinor
	PromiseChained    = "L8"  // contiguous, in order and as recorded
	PromiseReplayable = "L9"  // every balance after equals the replay up to it, and time never runs back
	PromiseTrial      = "L11" // the balances of all account types sum to zero per currency
)

// The tables that findings point into.
const (
	TableTxs      = "ledger_txs"
	TableEntries  = "ledger_entries"
	TableAccounts = "ledger_accounts"
)

// Finding is the first row that breaks a promise.
type Finding struct {
	Promise string
	Table   string
	Row     string // the transaction's id, "<id>/<account key>", the account's key, or a currency
	What    string
}

// AccountRow is an account as stored, with its cached balance.
type AccountRow struct {
	Account
	BalanceMinor int64
}

// TrialLine is the sum of all balances of one type in one currency.
type TrialLine struct {
	Currency     money.Currency
	Type         AccountType
	BalanceMinor int64
}

// Report is the outcome of an audit. Without findings, every promise above
// holds for the rows that were seen. Rows that were removed from the end, with
// everything else made to fit, or a chain that was computed anew as a whole,
// show only in the Head: compare it with one kept elsewhere.
type Report struct {
	Transactions, Entries, Accounts int64
	TrialBalance                    []TrialLine // by currency, then type
	Head                            Head
	Findings                        []Finding // at most one per promise, in the order they were met
}

// Auditor proves the promises from a stream of rows: every transaction in the
// order of seq, then every account, all from one snapshot. Its memory grows
// with the accounts and the reversals, plus one 16-byte key fingerprint per
// transaction (about 40 bytes as kept by the runtime).
type Auditor struct {
	report    Report
	accounts  map[string]*tally
	keys      map[[16]byte]struct{}
	originals map[string]*original
	trial     map[TrialLine]int64 // by the line with its balance left out
}

// tally is what the entries say about an account.
type tally struct {
	sum, lastAfter int64
	stored         bool // its row has been seen
}

// original is a transaction that some row reverses.
type original struct {
	seen, reversible bool
	mirror           [sha256.Size]byte
	reversedBy       string
}

// NewAuditor returns an auditor for a ledger in which the given transaction
// ids are reversed: every value of the reverses column, so that the stream need
// not be remembered. A reversal of an id that is not among them is a finding.
func NewAuditor(reversed []string) *Auditor {
	a := &Auditor{
		accounts: map[string]*tally{}, keys: map[[16]byte]struct{}{},
		originals: make(map[string]*original, len(reversed)), trial: map[TrialLine]int64{},
	}
	for _, id := range reversed {
		a.originals[id] = &original{}
	}
	return a
}

// find records the first row that breaks a promise.
func (a *Auditor) find(promise, table, row, format string, args ...any) {
	known := func(f Finding) bool { return f.Promise == promise }
	if !slices.ContainsFunc(a.report.Findings, known) {
		a.report.Findings = append(a.report.Findings, Finding{promise, table, row, fmt.Sprintf(format, args...)})
	}
}

// Transaction takes the next transaction.
func (a *Auditor) Transaction(p Posted) {
	a.checkChain(p)
	a.checkInput(p)
	a.checkReversal(p)
	a.checkEntries(p)
	a.report.Transactions++
	a.report.Entries += int64(len(p.Entries))
	a.report.Head = p.Head()
}

// checkChain proves L8 and that time does not run back (L9).
func (a *Auditor) checkChain(p Posted) {
	head := a.report.Head
	switch {
	case p.Seq > head.Seq+1:
		a.find(PromiseChained, TableTxs, p.ID, "seq %d follows %d: %d transactions between them are missing", p.Seq, head.Seq, p.Seq-head.Seq-1)
	case p.Seq <= head.Seq:
		a.find(PromiseChained, TableTxs, p.ID, "seq %d follows %d: it was inserted, renumbered or reordered", p.Seq, head.Seq)
	case p.ChainHash() != p.Hash:
		a.find(PromiseChained, TableTxs, p.ID, "seq %d is not what was recorded: its hash does not match", p.Seq)
	case p.PrevHash != head.Hash:
		a.find(PromiseChained, TableTxs, p.ID, "seq %d was recorded after another transaction than the one before it, which was changed or exchanged", p.Seq)
	}
	if p.RecordedAt.Before(head.RecordedAt) {
		a.find(PromiseReplayable, TableTxs, p.ID, "seq %d was recorded before its predecessor, so a balance cannot be read as of a time", p.Seq)
	}
}

// checkInput proves L1, L5 and, for amounts, L7.
func (a *Auditor) checkInput(p Posted) {
	switch err := p.Validate(); {
	case errors.Is(err, fault.AmountInvalid.On("")), errors.Is(err, fault.AmountOverflow.On("")):
		a.find(PromiseInRange, TableTxs, p.ID, "seq %d: %v", p.Seq, err)
	case err != nil:
		a.find(PromiseBalanced, TableTxs, p.ID, "seq %d: %v", p.Seq, err)
	}
	if p.Tx.InputHash() != p.InputHash {
		a.find(PromiseIdempotent, TableTxs, p.ID, "seq %d: the input hash does not match the input", p.Seq)
	}
	digest := sha256.Sum256([]byte(p.Key))
	fingerprint := [16]byte(digest[:16])
	if _, repeated := a.keys[fingerprint]; repeated {
		a.find(PromiseIdempotent, TableTxs, p.ID, "seq %d: the key %q was posted before", p.Seq, p.Key)
	}
	a.keys[fingerprint] = struct{}{}
}

// checkReversal proves L6.
func (a *Auditor) checkReversal(p Posted) {
	if p.Reverses != "" {
		o := a.originals[p.Reverses]
		switch {
		case o == nil || !o.seen:
			a.find(PromiseReversed, TableTxs, p.ID, "seq %d reverses %q, which does not come before it", p.Seq, p.Reverses)
		case !o.reversible:
			a.find(PromiseReversed, TableTxs, p.ID, "seq %d reverses %q, which cannot be reversed", p.Seq, p.Reverses)
		case o.reversedBy != "":
			a.find(PromiseReversed, TableTxs, p.ID, "seq %d reverses %q, which %q has reversed", p.Seq, p.Reverses, o.reversedBy)
		case o.mirror != digestOf(p.Entries):
			a.find(PromiseReversed, TableTxs, p.ID, "seq %d is not the exact mirror of %q", p.Seq, p.Reverses)
		default:
			o.reversedBy = p.ID
		}
	}
	if o := a.originals[p.ID]; o != nil {
		o.seen, o.reversible, o.mirror = true, p.reversible(), digestOf(mirror(p.Entries))
	}
}

// digestOf identifies entries, whatever their order.
func digestOf(entries []Entry) [sha256.Size]byte {
	return sha256.Sum256(Tx{Entries: entries}.appendInput(nil))
}

// checkEntries replays the balances: L3, L9 and, for balances, L7.
func (a *Auditor) checkEntries(p Posted) {
	if len(p.BalancesAfter) != len(p.Entries) {
		a.find(PromiseReplayable, TableTxs, p.ID, "seq %d has %d entries and %d balances after", p.Seq, len(p.Entries), len(p.BalancesAfter))
	}
	for i, entry := range p.Entries {
		row := p.ID + "/" + entry.Account.Key
		account := a.tally(entry.Account.Key)
		after, err := money.Add(account.sum, entry.AmountMinor)
		if err != nil {
			a.find(PromiseInRange, TableEntries, row, "seq %d takes the balance %d out of range by %d", p.Seq, account.sum, entry.AmountMinor)
			after = account.sum
		}
		if overdrawn(after, entry, p.Tx) {
			a.find(PromiseFunded, TableEntries, row, "seq %d (%s) leaves %d, less than the minimum", p.Seq, p.Kind, after)
		}
		account.sum = after
		if i >= len(p.BalancesAfter) {
			continue
		}
		account.lastAfter = p.BalancesAfter[i]
		if account.lastAfter != after {
			a.find(PromiseReplayable, TableEntries, row, "seq %d says the balance after is %d, the entries up to it sum to %d", p.Seq, account.lastAfter, after)
		}
	}
}

func (a *Auditor) tally(key string) *tally {
	if a.accounts[key] == nil {
		a.accounts[key] = &tally{}
	}
	return a.accounts[key]
}

// Account takes the next account row, after the last transaction: it proves
// L2, and that the row's limits (L3), range (L7) and place in the books (L11)
// are those of its key.
func (a *Auditor) Account(row AccountRow) {
	a.report.Accounts++
	account := a.tally(row.Key)
	switch {
	case account.stored:
		a.find(PromiseCached, TableAccounts, row.Key, "the account is stored twice")
	case row.BalanceMinor != account.sum:
		a.find(PromiseCached, TableAccounts, row.Key, "the stored balance is %d, the entries sum to %d", row.BalanceMinor, account.sum)
	case account.lastAfter != account.sum:
		a.find(PromiseCached, TableAccounts, row.Key, "the last balance after is %d, the entries sum to %d", account.lastAfter, account.sum)
	}
	account.stored = true

	says, err := ParseKey(row.Key)
	if err != nil {
		a.find(PromiseTrial, TableAccounts, row.Key, "the key names no account: %v", err)
	} else if row.Type != says.Type || row.Owner != says.Owner || row.Currency != says.Currency {
		a.find(PromiseTrial, TableAccounts, row.Key, "type %q, owner %q or currency %q is not what the key says", row.Type, row.Owner, row.Currency)
	}
	if !row.equalFloor(says) {
		a.find(PromiseFunded, TableAccounts, row.Key, "the minimum is not what the key says")
	}
	line := TrialLine{Currency: row.Currency, Type: row.Type}
	sum, err := money.Add(a.trial[line], row.BalanceMinor)
	if err != nil {
		a.find(PromiseInRange, TableAccounts, row.Key, "the balance %d is out of range, or brings the sum of its type out of it", row.BalanceMinor)
		return
	}
	a.trial[line] = sum
}

// Finish proves what only the whole shows (L2 for missing accounts, L11) and
// returns the report. It ends the audit: call it once.
func (a *Auditor) Finish() Report {
	for _, key := range slices.Sorted(maps.Keys(a.accounts)) {
		if !a.accounts[key].stored {
			a.find(PromiseCached, TableAccounts, key, "the account has entries, but its row is missing")
		}
	}
	totals := map[money.Currency]int64{}
	for line, balance := range a.trial {
		line.BalanceMinor = balance
		a.report.TrialBalance = append(a.report.TrialBalance, line)
		totals[line.Currency] += balance // a few types, each in range: cannot wrap
	}
	slices.SortFunc(a.report.TrialBalance, func(x, y TrialLine) int {
		return cmp.Or(cmp.Compare(x.Currency, y.Currency), cmp.Compare(x.Type, y.Type))
	})
	for _, currency := range slices.Sorted(maps.Keys(totals)) {
		if totals[currency] != 0 {
			a.find(PromiseTrial, TableAccounts, string(currency), "the balances sum to %d", totals[currency])
		}
	}
	return a.report
}
