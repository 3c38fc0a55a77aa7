package ledger_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
)

// A field that is added to Posted and forgotten in the hashes fails these
// tests: they walk over every field that a row has.

// field is one value of a row that can be tampered with.
type field struct {
	path  string
	value reflect.Value
}

// fieldsOf lists every value that v points at, down to the last one.
func fieldsOf(v reflect.Value, path string) []field {
	_, isTime := v.Interface().(time.Time)
	switch {
	case v.Kind() == reflect.Struct && !isTime:
		var all []field
		for i := range v.NumField() {
			all = append(all, fieldsOf(v.Field(i), path+"."+v.Type().Field(i).Name)...)
		}
		return all
	case v.Kind() == reflect.Slice:
		var all []field
		for i := range v.Len() {
			all = append(all, fieldsOf(v.Index(i), fmt.Sprintf("%s[%d]", path, i))...)
		}
		return all
	}
	return []field{{path, v}}
}

// tamper changes the value a little.
func (f field) tamper(t *testing.T) {
	switch value := f.value.Addr().Interface().(type) {
	case *int64:
		*value++
	case **int64:
		if *value == nil {
			*value = new(int64(0))
		} else {
			*value = nil
		}
	case *time.Time:
		*value = value.Add(time.Millisecond)
	default:
		if f.value.Kind() != reflect.String {
			t.Fatalf("%s: no way to tamper with a %s", f.path, f.value.Type())
		}
		f.value.SetString(f.value.String() + "x")
	}
}

// copyOf shares no slice with p.
func copyOf(p ledger.Posted) ledger.Posted {
	p.Entries, p.BalancesAfter = slices.Clone(p.Entries), slices.Clone(p.BalancesAfter)
	return p
}

// with returns the history with one row replaced.
func with(posted []ledger.Posted, i int, row ledger.Posted) []ledger.Posted {
	posted = slices.Clone(posted)
	posted[i] = row
	return posted
}

// first is the row that the first finding names: a transaction id or an account.
func first(t *testing.T, report ledger.Report, what string) string {
	t.Helper()
	if len(report.Findings) == 0 {
		t.Errorf("%s: nothing is found", what)
		return ""
	}
	finding := report.Findings[0]
	if finding.What == "" || finding.Table == "" {
		t.Errorf("%s: the finding says too little: %+v", what, finding)
	}
	row, _, _ := strings.Cut(finding.Row, "/")
	return row
}

func valid(t *testing.T) *book {
	t.Helper()
	b := life(4, 130)
	if findings := audit(b.posted, b.rows(t)).Findings; len(findings) > 0 || len(b.posted) < 50 || len(b.reversed) < 5 {
		t.Fatalf("%d transactions, %d reversals, %v", len(b.posted), len(b.reversed), findings)
	}
	return b
}

func TestEveryEditedFieldIsLocated(t *testing.T) {
	b := valid(t)
	rows := b.rows(t)
	for i := range b.posted {
		original := copyOf(b.posted[i])
		for n, field := range fieldsOf(reflect.ValueOf(&original).Elem(), "Posted") {
			row := copyOf(b.posted[i])
			fieldsOf(reflect.ValueOf(&row).Elem(), "")[n].tamper(t)
			what := fmt.Sprintf("%s of %s", field.path, b.posted[i].ID)
			if got := first(t, audit(with(b.posted, i, row), rows), what); got != row.ID {
				t.Errorf("%s: found at %q", what, got)
			}
		}
	}
}

// TestEveryEditWithMatchingHashesIsLocated lets the forger compute the hashes of
// the edited row anew. Then the edit breaks a promise by itself, or the next
// row does not follow; at the very end the head is not the one we had.
func TestEveryEditWithMatchingHashesIsLocated(t *testing.T) {
	b := valid(t)
	rows := b.rows(t)
	for i := range b.posted {
		original := copyOf(b.posted[i])
		for n, field := range fieldsOf(reflect.ValueOf(&original).Elem(), "Posted") {
			row := copyOf(b.posted[i])
			fieldsOf(reflect.ValueOf(&row).Elem(), "")[n].tamper(t)
			row.InputHash = row.Tx.InputHash()
			row.Hash = row.ChainHash()
			if reflect.DeepEqual(row, original) {
				continue // the hashes were all that was edited
			}
			what := fmt.Sprintf("%s of %s, hashed", field.path, original.ID)
			report := audit(with(b.posted, i, row), rows)
			if i == len(b.posted)-1 && len(report.Findings) == 0 {
				if report.Head == b.head {
					t.Errorf("%s: nothing is found and the head is the same", what)
				}
				continue
			}
			if got := first(t, report, what); got != row.ID && got != b.posted[i+1].ID {
				t.Errorf("%s: found at %q", what, got)
			}
		}
	}
}

func TestEveryRemovedRowIsLocated(t *testing.T) {
	b := valid(t)
	rows := b.rows(t)
	for i := range b.posted {
		what := "without " + b.posted[i].ID
		got := first(t, audit(slices.Delete(slices.Clone(b.posted), i, i+1), rows), what)
		if i < len(b.posted)-1 {
			if got != b.posted[i+1].ID {
				t.Errorf("%s: found at %q", what, got)
			}
			continue
		}
		touched := func(e ledger.Entry) bool { return e.Account.Key == got }
		if !slices.ContainsFunc(b.posted[i].Entries, touched) { // the end of the chain shows in the balances
			t.Errorf("%s: found at %q", what, got)
		}
	}
}

func TestEveryReorderedRowIsLocated(t *testing.T) {
	b := valid(t)
	rows := b.rows(t)
	for i := range len(b.posted) - 1 {
		swapped := slices.Clone(b.posted)
		swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
		if got := first(t, audit(swapped, rows), "swapped"); got != swapped[i].ID {
			t.Errorf("%s in the place of %s: found at %q", swapped[i].ID, swapped[i+1].ID, got)
		}
		swapped[i].Seq, swapped[i+1].Seq = swapped[i+1].Seq, swapped[i].Seq
		if got := first(t, audit(swapped, rows), "renumbered"); got != swapped[i].ID {
			t.Errorf("%s with the number of %s: found at %q", swapped[i].ID, swapped[i+1].ID, got)
		}
	}
}

func TestEveryInsertedRowIsLocated(t *testing.T) {
	b := valid(t)
	rows := b.rows(t)
	for i := range b.posted {
		// Money out of nowhere cannot be had, so the thief takes the platform's.
		tx := act(ledger.CampaignFunded, "stolen", ledger.Move(ledger.PlatformFunding(money.NGN), ledger.CampaignAccount("thief", money.NGN), 1)...)
		var before int64
		for _, p := range b.posted[:i+1] {
			for n, entry := range p.Entries {
				if entry.Account.Key == tx.Entries[0].Account.Key {
					before = p.BalancesAfter[n]
				}
			}
		}
		forged, err := b.posted[i].Head().Append(tx, "forged", b.posted[i].RecordedAt, []int64{before, 0})
		if err != nil {
			t.Fatal(err)
		}
		got := first(t, audit(slices.Insert(slices.Clone(b.posted), i+1, forged), rows), "inserted")
		if i < len(b.posted)-1 && got != b.posted[i+1].ID { // the first row that does not follow
			t.Errorf("inserted before %s: found at %q", b.posted[i+1].ID, got)
		}
		if i == len(b.posted)-1 && got != tx.Entries[0].Account.Key && got != tx.Entries[1].Account.Key {
			t.Errorf("added at the end: found at %q", got)
		}
	}
}

func TestEveryEditedAccountRowIsLocated(t *testing.T) {
	b := valid(t)
	for i, original := range b.rows(t) {
		for n, field := range fieldsOf(reflect.ValueOf(&original).Elem(), "AccountRow") {
			rows := b.rows(t)
			fieldsOf(reflect.ValueOf(&rows[i]).Elem(), "")[n].tamper(t)
			what := fmt.Sprintf("%s of %s", field.path, original.Key)
			if got := first(t, audit(b.posted, rows), what); got != rows[i].Key {
				t.Errorf("%s: found at %q", what, got)
			}
		}
		rows := b.rows(t)
		if got := first(t, audit(b.posted, slices.Delete(rows, i, i+1)), "without "+original.Key); got != original.Key {
			t.Errorf("without %s: found at %q", original.Key, got)
		}
		if got := first(t, audit(b.posted, append(b.rows(t), original)), "twice "+original.Key); got != original.Key {
			t.Errorf("%s twice: found at %q", original.Key, got)
		}
	}
	invented := ledger.AccountRow{Account: ledger.UserAccount("thief", ledger.Available, money.NGN), BalanceMinor: 5}
	if got := first(t, audit(b.posted, append(b.rows(t), invented)), "invented"); got != invented.Key {
		t.Errorf("an invented account: found at %q", got)
	}
	invented.BalanceMinor = 0
	if findings := audit(b.posted, append(b.rows(t), invented)).Findings; len(findings) > 0 {
		t.Errorf("an account that nobody used yet: %+v", findings)
	}
}

// Moving a balance from one account to another keeps the trial balance at zero,
// but not the promise that a balance is the sum of its entries.
func TestBalancesThatWereExchangedAreLocated(t *testing.T) {
	b := valid(t)
	for i := range b.rows(t) {
		rows := b.rows(t)
		from := (i + 1) % len(rows)
		rows[i].BalanceMinor++
		rows[from].BalanceMinor--
		findings := audit(b.posted, rows).Findings
		if len(findings) == 0 || findings[0].Promise != ledger.PromiseCached || findings[0].Row != rows[min(i, from)].Key {
			t.Errorf("%s took from %s: %+v", rows[i].Key, rows[from].Key, findings)
		}
	}
}

func TestMissingBalancesAfterAreLocated(t *testing.T) {
	b := valid(t)
	row := copyOf(b.posted[9])
	row.BalancesAfter = row.BalancesAfter[:1]
	findings := audit(with(b.posted, 9, row), b.rows(t)).Findings
	replayable := slices.IndexFunc(findings, func(f ledger.Finding) bool { return f.Promise == ledger.PromiseReplayable })
	if replayable < 0 || findings[replayable].Row != row.ID {
		t.Errorf("found %+v", findings)
	}
}
