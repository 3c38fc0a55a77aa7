package ledger_test

import (
	"encoding/csv"
	"errors"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
)

var (
	march = time.Date(2030, 3, 1, 0, 0, 0, 0, time.UTC)
	april = march.AddDate(0, 1, 0)
)

func monthOfMarch(t *testing.T) ledger.Statement {
	t.Helper()
	lagos := time.FixedZone("WAT", 3600)
	statement, err := ledger.BuildStatement(money.NGN, march, april, ledger.Balances{PendingMinor: 100, AvailableMinor: -30}, []ledger.Line{
		{Seq: 4, At: march, Kind: ledger.RewardEarned, SourceType: "verdict", SourceID: "v1", PendingMinor: 1500},
		{Seq: 9, At: march.Add(36*time.Hour + 250*time.Millisecond).In(lagos), Kind: ledger.RewardReleased, Memo: "Hold time over", PendingMinor: -100, AvailableMinor: 100},
		{Seq: 12, At: april.Add(-time.Millisecond), Kind: ledger.Clawback, Memo: "=HYPERLINK(\"http://x\")", AvailableMinor: -200},
	})
	if err != nil {
		t.Fatal(err)
	}
	return statement
}

func TestStatement(t *testing.T) {
	statement := monthOfMarch(t)
	if want := (ledger.Balances{PendingMinor: 1500, AvailableMinor: -130}); statement.Closing != want {
		t.Errorf("closing is %+v, want %+v", statement.Closing, want)
	}
	for i, want := range []struct{ amount, balance int64 }{{1500, 1570}, {0, 1570}, {-200, 1370}} {
		if line := statement.Lines[i]; line.AmountMinor != want.amount || line.BalanceMinor != want.balance {
			t.Errorf("line %d: %d leaves %d, want %+v", i, line.AmountMinor, line.BalanceMinor, want)
		}
	}
	empty, err := ledger.BuildStatement(money.NGN, march, april, statement.Closing, nil)
	if err != nil || empty.Closing != empty.Opening || len(empty.Lines) != 0 {
		t.Errorf("a quiet month: %+v, %v", empty, err)
	}
}

func TestBuildStatementRefuses(t *testing.T) {
	const most = money.MaxMinor
	line := func(seq int64, at time.Time, pending, available int64) ledger.Line {
		return ledger.Line{Seq: seq, At: at, PendingMinor: pending, AvailableMinor: available}
	}
	for _, test := range []struct {
		name     string
		from, to time.Time
		opening  ledger.Balances
		lines    []ledger.Line
		code     *fault.Code
	}{
		{"a period backwards", april, march, ledger.Balances{}, nil, fault.StatementPeriod},
		{"a period of nothing", march, march, ledger.Balances{}, nil, fault.StatementPeriod},
		{"a line before", march, april, ledger.Balances{}, []ledger.Line{line(1, march.Add(-1), 5, 0)}, fault.InvalidInput},
		{"a line at the end, which is excluded", march, april, ledger.Balances{}, []ledger.Line{line(1, april, 5, 0)}, fault.InvalidInput},
		{"lines out of order", march, april, ledger.Balances{}, []ledger.Line{line(2, march, 5, 0), line(1, march, 5, 0)}, fault.InvalidInput},
		{"a line twice", march, april, ledger.Balances{}, []ledger.Line{line(1, march, 5, 0), line(1, march, 5, 0)}, fault.InvalidInput},
		{"an opening out of range", march, april, ledger.Balances{PendingMinor: most, HeldMinor: 1}, nil, fault.AmountOverflow},
		{"a line out of range", march, april, ledger.Balances{}, []ledger.Line{line(1, march, most, 1)}, fault.AmountOverflow},
		{"an amount that would wrap", march, april, ledger.Balances{}, []ledger.Line{line(1, march, math.MinInt64, 0)}, fault.AmountOverflow},
		{"a bucket out of range", march, april, ledger.Balances{PendingMinor: most, AvailableMinor: -5}, []ledger.Line{line(1, march, 1, 0)}, fault.AmountOverflow},
		{"another bucket out of range", march, april, ledger.Balances{PendingMinor: -5, AvailableMinor: most}, []ledger.Line{line(1, march, 0, 1)}, fault.AmountOverflow},
		{"the third bucket out of range", march, april, ledger.Balances{PendingMinor: -5, HeldMinor: most}, []ledger.Line{{Seq: 1, At: march, HeldMinor: 1}}, fault.AmountOverflow},
		{"a total out of range", march, april, ledger.Balances{PendingMinor: most}, []ledger.Line{line(1, march, 0, 1)}, fault.AmountOverflow},
	} {
		statement, err := ledger.BuildStatement(money.NGN, test.from, test.to, test.opening, test.lines)
		if !is(err, test.code) || statement.Currency != "" {
			t.Errorf("%s: %+v, %v; want %s", test.name, statement, err, test.code.Name)
		}
	}
}

func TestStatementCSV(t *testing.T) {
	want, err := os.ReadFile("testdata/statement.csv")
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	if err := monthOfMarch(t).WriteCSV(&got); err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the file is\n%swant\n%s", got.String(), want)
	}
}

func TestCSVRunsNoFormula(t *testing.T) {
	for memo, want := range map[string]string{
		"For the clip":          "For the clip",
		"1 + 1 = 2":             "1 + 1 = 2",
		"née d’accord, \"yes\"": "née d’accord, \"yes\"",
		"=1+1":                  "'=1+1",
		"+234 800":              "'+234 800",
		"-5":                    "'-5",
		"@SUM(A1)":              "'@SUM(A1)",
		"  =1+1":                "'  =1+1",
		"\u00a0=1+1":            "'\u00a0=1+1",
		"\ufeff=1+1":            "'\ufeff=1+1",
		"\x01=1+1":              "'\x01=1+1",
		"\tclip":                "'\tclip",
		"\nclip":                "'\nclip",
		"＝1+1":                  "'＝1+1",
		"＠SUM(A1)":              "'＠SUM(A1)",
	} {
		statement, err := ledger.BuildStatement(money.NGN, march, april, ledger.Balances{}, []ledger.Line{{Seq: 1, At: march, Kind: ledger.Kind(memo), Memo: memo, PendingMinor: -5}})
		if err != nil {
			t.Fatal(err)
		}
		var file strings.Builder
		if err := statement.WriteCSV(&file); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(strings.NewReader(file.String())).ReadAll()
		if err != nil || len(rows) != 4 {
			t.Fatalf("%q: %v, %v", memo, rows, err)
		}
		if line := rows[2]; line[2] != want || line[3] != want || line[4] != "-5" {
			t.Errorf("%q is written %q, want %q", memo, line, want)
		}
	}
}

var errFull = errors.New("disk full")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestWriteCSVReportsErrors(t *testing.T) {
	if err := monthOfMarch(t).WriteCSV(fullDisk{}); !errors.Is(err, errFull) {
		t.Errorf("a full disk: %v", err)
	}
	for _, broken := range []ledger.Statement{
		{Opening: ledger.Balances{PendingMinor: math.MaxInt64}},
		{Closing: ledger.Balances{PendingMinor: math.MaxInt64}},
	} {
		if err := broken.WriteCSV(&strings.Builder{}); !is(err, fault.AmountOverflow) {
			t.Errorf("balances out of range: %v", err)
		}
	}
}
