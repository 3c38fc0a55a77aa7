package ledger_test

import (
	"encoding/binary"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
)

// sample is a transaction in which every field says something else.
func sample() ledger.Posted {
	return ledger.Posted{
		Tx: ledger.Tx{
			Kind: ledger.Correction, Key: "undo:tx0006", EffectiveAt: noon.AddDate(0, 0, -1),
			Actor: "admin1", SourceType: "verdict", SourceID: "v1", Reverses: "tx0006", Memo: "Overturned: née d’accord.",
			Entries: []ledger.Entry{{Account: pending, AmountMinor: -1500}, {Account: campaign, AmountMinor: 1500}},
		},
		ID: "tx0007", Seq: 7, RecordedAt: noon.Add(250 * time.Millisecond),
		InputHash: "input", PrevHash: "previous", Hash: "own", BalancesAfter: []int64{0, 9_007_199_254_740_991},
	}
}

// The file is not written by any test: a hash that changes makes every stored
// chain unprovable, so a new format needs a new name in its first text.
func TestTheHashesNeverChange(t *testing.T) {
	want, err := os.ReadFile("testdata/hashes.golden")
	if err != nil {
		t.Fatal(err)
	}
	if got := "input " + sample().Tx.InputHash() + "\nchain " + sample().ChainHash() + "\n"; got != string(want) {
		t.Errorf("the hashes are\n%swant\n%s", got, want)
	}
}

func TestARetryIsTheSameInput(t *testing.T) {
	tx := sample().Tx
	retry := tx
	retry.EffectiveAt = retry.EffectiveAt.Add(time.Second)
	retry.Entries = slices.Clone(tx.Entries)
	slices.Reverse(retry.Entries)
	if tx.InputHash() != retry.InputHash() {
		t.Error("a second later, in another order, it is another input")
	}
}

func TestTheChainHashIgnoresTheOrderOfEntriesAndItself(t *testing.T) {
	stored := sample()
	read := sample()
	slices.Reverse(read.Entries)
	slices.Reverse(read.BalancesAfter)
	read.Hash = "another"
	read.RecordedAt = read.RecordedAt.In(time.FixedZone("EAT", 3*3600))
	if stored.ChainHash() != read.ChainHash() {
		t.Error("the rows read back in another order do not hash alike")
	}
}

// reader takes an encoding apart as the format describes it. That it gives the
// content back proves that no two contents share their bytes.
type reader struct {
	t    *testing.T
	left []byte
}

func (r *reader) number() int64 {
	r.t.Helper()
	if len(r.left) < 8 {
		r.t.Fatal("the encoding ends early")
	}
	v := int64(binary.BigEndian.Uint64(r.left))
	r.left = r.left[8:]
	return v
}

func (r *reader) text() string {
	r.t.Helper()
	n := r.number()
	if n < 0 || n > int64(len(r.left)) {
		r.t.Fatalf("a text of %d bytes in %d", n, len(r.left))
	}
	s := string(r.left[:n])
	r.left = r.left[n:]
	return s
}

func (r *reader) header() ledger.Tx {
	return ledger.Tx{
		Kind: ledger.Kind(r.text()), Key: r.text(), Actor: r.text(),
		SourceType: r.text(), SourceID: r.text(), Reverses: r.text(), Memo: r.text(),
	}
}

func readInput(t *testing.T, encoded []byte) ledger.Tx {
	r := &reader{t, encoded}
	if name := r.text(); name != "lingualink ledger input 1" {
		t.Fatalf("the content is named %q", name)
	}
	tx := r.header()
	for range r.number() {
		tx.Entries = append(tx.Entries, ledger.Entry{Account: ledger.Account{Key: r.text()}, AmountMinor: r.number()})
	}
	if len(r.left) != 0 {
		t.Fatalf("%d bytes are left over", len(r.left))
	}
	return tx
}

func readChain(t *testing.T, encoded []byte) ledger.Posted {
	r := &reader{t, encoded}
	if name := r.text(); name != "lingualink ledger chain 1" {
		t.Fatalf("the content is named %q", name)
	}
	p := ledger.Posted{PrevHash: r.text(), Seq: r.number(), ID: r.text()}
	p.RecordedAt = time.UnixMilli(r.number()).UTC()
	effective := time.UnixMilli(r.number()).UTC()
	p.InputHash = r.text()
	p.Tx = r.header()
	p.EffectiveAt = effective
	for range r.number() {
		p.Entries = append(p.Entries, ledger.Entry{Account: ledger.Account{Key: r.text()}, AmountMinor: r.number()})
		p.BalancesAfter = append(p.BalancesAfter, r.number())
	}
	if len(r.left) != 0 {
		t.Fatalf("%d bytes are left over", len(r.left))
	}
	return p
}

// FuzzEncoding writes any content and reads it back the same.
func FuzzEncoding(f *testing.F) {
	f.Add("correction", "k", "admin1", "verdict", "v1", "tx1", "memo", "a", "b", int64(5), int64(-5), int64(1893585600000))
	f.Add("", "", "", "", "", "", "", "", "a", int64(0), int64(-1), int64(0))
	f.Add("a", "\x00\x00\x00\x00\x00\x00\x00\x01a", "", "\xff", "lingualink", "", "", "b", "a", int64(-1<<63), int64(1<<63-1), int64(-1))
	f.Fuzz(func(t *testing.T, kind, key, actor, sourceType, sourceID, reverses, memo, one, two string, x, y, at int64) {
		two = one + "\x00" + two // another account, later in order
		at %= 1 << 50            // years that a time can name
		want := ledger.Posted{
			Tx: ledger.Tx{
				Kind: ledger.Kind(kind), Key: key, Actor: actor, SourceType: sourceType, SourceID: sourceID,
				Reverses: reverses, Memo: memo, Entries: []ledger.Entry{
					{Account: ledger.Account{Key: one}, AmountMinor: x},
					{Account: ledger.Account{Key: two}, AmountMinor: y},
				},
			},
			ID: actor + key, Seq: x ^ y, RecordedAt: time.UnixMilli(at).UTC(),
			InputHash: memo, PrevHash: kind, BalancesAfter: []int64{y, x},
		}
		if got := readInput(t, ledger.InputBytes(want.Tx)); !reflect.DeepEqual(got, want.Tx) {
			t.Errorf("input %+v comes back as %+v", want.Tx, got)
		}
		want.EffectiveAt = time.UnixMilli(-at).UTC()
		if got := readChain(t, ledger.ChainBytes(want)); !reflect.DeepEqual(got, want) {
			t.Errorf("%+v comes back as %+v", want, got)
		}
	})
}

// FuzzInputs holds two transactions against each other: alike in bytes exactly
// when they ask for the same.
func FuzzInputs(f *testing.F) {
	f.Add("ab", "c", "memo", int64(5), "a", "bc", "memo", int64(5))
	f.Add("", "k", "", int64(1), "k", "", "", int64(1))
	f.Add("k", "s", "m", int64(7), "k", "s", "m", int64(7))
	f.Fuzz(func(t *testing.T, keyA, sourceA, memoA string, amountA int64, keyB, sourceB, memoB string, amountB int64) {
		ask := func(key, source, memo string, amount int64) ledger.Tx {
			return ledger.Tx{
				Kind: ledger.RewardEarned, Key: key, Actor: "rewards", SourceType: source, Memo: memo,
				Entries: ledger.Move(campaign, pending, amount),
			}
		}
		a, b := ask(keyA, sourceA, memoA, amountA), ask(keyB, sourceB, memoB, amountB)
		if same := reflect.DeepEqual(a, b); same != (a.InputHash() == b.InputHash()) {
			t.Errorf("the same input: %v, but hashes %s and %s of\n%+v\n%+v", same, a.InputHash(), b.InputHash(), a, b)
		}
	})
}

func BenchmarkValidate(b *testing.B) {
	tx := sample().Tx
	b.ReportAllocs()
	for b.Loop() {
		if err := tx.Validate(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkInputHash(b *testing.B) {
	tx := sample().Tx
	b.ReportAllocs()
	for b.Loop() {
		tx.InputHash()
	}
}

func BenchmarkChainHash(b *testing.B) {
	posted := sample()
	b.ReportAllocs()
	for b.Loop() {
		posted.ChainHash()
	}
}

// BenchmarkAppend is the whole of what posting costs before the database.
func BenchmarkAppend(b *testing.B) {
	tx := act(ledger.RewardEarned, "reward:validation:v1:u1", ledger.Move(campaign, pending, 1500)...)
	balances := []int64{money.MaxMinor, 0}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (ledger.Head{}).Append(tx, "tx1", noon, balances); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAudit(b *testing.B) {
	life := life(1, 3_000)
	rows := life.rows(b)
	b.ReportAllocs()
	for b.Loop() {
		if findings := audit(life.posted, rows).Findings; len(findings) > 0 {
			b.Fatal(findings)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(life.posted)), "ns/tx")
}
