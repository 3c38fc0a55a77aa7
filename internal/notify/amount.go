package notify

import (
	"strings"

	"github.com/lingualink/lingualink/internal/money"
)

// style is how a language writes numbers and amounts. Source: CLDR 45, decimal and
// group marks and the pattern "standard" of currencies; languages that are not here
// are written like English.
type style struct {
	group, decimal string
	after          bool   // the currency follows the number
	space          string // between the currency and the number
}

var styles = map[string]style{
	"fr": {"\u202f", ",", true, "\u00a0"},
	"sw": {",", ".", false, "\u00a0"},
	"ha": {",", ".", false, "\u00a0"},
}

func styleOf(code string) style {
	if s, ok := styles[code]; ok {
		return s
	}
	return style{group: ",", decimal: "."}
}

// symbols are those that are understood wherever the currency is used.
var symbols = map[money.Currency]string{
	money.NGN: "₦", money.GHS: "GH₵", money.KES: "KSh", money.ZAR: "R", money.USD: "US$", money.XOF: "F CFA",
}

// Amount writes minor units of a currency for a reader: "₦1,500.00", in French
// "1 500,00 ₦".
func Amount(minor int64, currency money.Currency, code string) string {
	s := styleOf(code)
	symbol := symbols[currency]
	number := money.Number(minor, currency, s.group, s.decimal)
	space := s.space
	if last := symbol[len(symbol)-1]; space == "" && last < 0x80 && last != '$' {
		space = "\u00a0" // letters would run into the digits
	}
	if s.after {
		return number + space + symbol
	}
	if digits, negative := strings.CutPrefix(number, "-"); negative {
		return "-" + symbol + space + digits
	}
	return symbol + space + number
}

// wholeNumber writes a whole number for a reader.
func wholeNumber(n int64, code string) string {
	return money.Number(n, money.XOF, styleOf(code).group, "") // XOF has no decimals
}
