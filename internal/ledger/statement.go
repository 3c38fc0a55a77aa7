package ledger

import (
	"encoding/csv"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/money"
)

// Balances are the three buckets of a user in one currency.
type Balances struct {
	PendingMinor, AvailableMinor, HeldMinor int64
}

// Add returns the balances bucket by bucket, or fault.AmountOverflow.
func (b Balances) Add(change Balances) (sum Balances, err error) {
	if sum.PendingMinor, err = money.Add(b.PendingMinor, change.PendingMinor); err != nil {
		return Balances{}, err
	}
	if sum.AvailableMinor, err = money.Add(b.AvailableMinor, change.AvailableMinor); err != nil {
		return Balances{}, err
	}
	if sum.HeldMinor, err = money.Add(b.HeldMinor, change.HeldMinor); err != nil {
		return Balances{}, err
	}
	return sum, nil
}

// Total is what the three buckets hold together, or fault.AmountOverflow.
func (b Balances) Total() (int64, error) {
	sum, err := money.Add(b.PendingMinor, b.AvailableMinor)
	if err != nil {
		return 0, err
	}
	return money.Add(sum, b.HeldMinor)
}

// Line is what one transaction did to a user's wallet. The bucket columns are
// changes. AmountMinor is their sum, so a move between buckets is 0, and
// BalanceMinor what the wallet held afterwards; [BuildStatement] fills in both.
type Line struct {
	Seq                                     int64
	At                                      time.Time // when it was recorded
	Kind                                    Kind
	Memo, SourceType, SourceID              string
	PendingMinor, AvailableMinor, HeldMinor int64
	AmountMinor, BalanceMinor               int64
}

// Statement is a user's wallet from From (included) to To (excluded): the
// opening balances plus all lines are the closing balances, in every bucket and
// in total, and those open the statement of the next period.
type Statement struct {
	Currency         money.Currency
	From, To         time.Time
	Opening, Closing Balances
	Lines            []Line
}

// BuildStatement adds up the lines, one per transaction, in the order of seq,
// from the balances the user had just before from.
//
// Errors: fault.StatementPeriod if from is not before to, fault.InvalidInput
// if lines are out of order or outside of the period, fault.AmountOverflow.
func BuildStatement(currency money.Currency, from, to time.Time, opening Balances, lines []Line) (Statement, error) {
	if !from.Before(to) {
		return Statement{}, fault.StatementPeriod.On("from")
	}
	statement := Statement{
		Currency: currency, From: from, To: to,
		Opening: opening, Closing: opening, Lines: slices.Clone(lines),
	}
	balance, err := opening.Total()
	if err != nil {
		return Statement{}, err
	}
	var seq int64
	for i := range statement.Lines {
		line := &statement.Lines[i]
		if line.Seq <= seq || line.At.Before(from) || !line.At.Before(to) {
			return Statement{}, fault.InvalidInput.On("lines").
				Saying("The transaction " + strconv.FormatInt(line.Seq, 10) + " is out of order or outside of the period.")
		}
		seq = line.Seq
		change := Balances{line.PendingMinor, line.AvailableMinor, line.HeldMinor}
		if line.AmountMinor, err = change.Total(); err != nil {
			return Statement{}, err
		}
		if statement.Closing, err = statement.Closing.Add(change); err != nil {
			return Statement{}, err
		}
		if balance, err = money.Add(balance, line.AmountMinor); err != nil {
			return Statement{}, err
		}
		line.BalanceMinor = balance
	}
	return statement, nil
}

// WriteCSV writes the statement for a spreadsheet: a header, the opening
// balances, the lines, the closing balances. Times are UTC, amounts minor
// units. In every bucket column the opening row plus the lines is the closing
// row; the amount column has only the lines.
func (s Statement) WriteCSV(w io.Writer) error {
	rows := [][]string{{
		"seq", "at", "kind", "description",
		"pending_minor", "available_minor", "held_minor", "amount_minor", "balance_minor",
	}}
	opening, err := s.balanceRow("opening", s.From, s.Opening)
	if err != nil {
		return err
	}
	rows = append(rows, opening)
	for _, line := range s.Lines {
		rows = append(rows, []string{
			decimal(line.Seq), timestamp(line.At), textCell(string(line.Kind)), textCell(line.description()),
			decimal(line.PendingMinor), decimal(line.AvailableMinor), decimal(line.HeldMinor),
			decimal(line.AmountMinor), decimal(line.BalanceMinor),
		})
	}
	closing, err := s.balanceRow("closing", s.To, s.Closing)
	if err != nil {
		return err
	}
	return csv.NewWriter(w).WriteAll(append(rows, closing)) // WriteAll flushes
}

func (s Statement) balanceRow(kind string, at time.Time, b Balances) ([]string, error) {
	total, err := b.Total()
	if err != nil {
		return nil, err
	}
	return []string{
		"", timestamp(at), kind, string(s.Currency) + " " + kind + " balance",
		decimal(b.PendingMinor), decimal(b.AvailableMinor), decimal(b.HeldMinor), "", decimal(total),
	}, nil
}

// description is the memo, or else what the transaction was about.
func (line Line) description() string {
	if line.Memo != "" {
		return line.Memo
	}
	return strings.TrimSpace(line.SourceType + " " + line.SourceID)
}

func decimal(v int64) string { return strconv.FormatInt(v, 10) }

func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// textCell keeps a spreadsheet from running a text as a formula: one that
// starts like a formula, also behind blanks or in full-width signs, gets an
// apostrophe in front. Source: OWASP, CSV Injection.
func textCell(text string) string {
	visible := strings.TrimLeftFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
	})
	if strings.IndexAny(visible, "=+-@＝＋－＠") == 0 || strings.IndexAny(text, "\t\r\n") == 0 {
		return "'" + text
	}
	return text
}
