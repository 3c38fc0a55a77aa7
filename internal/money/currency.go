package money

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lingualink/lingualink/internal/fault"
)

// Currency is an ISO 4217 code of the table below. Get one from
// [ParseCurrency]; a code outside the table has exponent and scale 0.
type Currency string

// The currencies that Paystack settles.
const (
	NGN Currency = "NGN"
	GHS Currency = "GHS"
	KES Currency = "KES"
	ZAR Currency = "ZAR"
	USD Currency = "USD"
	XOF Currency = "XOF"
)

// table is frozen: every stored amount is a count of these minor units, so a
// changed exponent would change what all of them are worth. Rows are only added.
var table = []struct {
	code     Currency
	exponent int
	paystack int64
}{
	{NGN, 2, 100},
	{GHS, 2, 100},
	{KES, 2, 100},
	{ZAR, 2, 100},
	{USD, 2, 100},
	{XOF, 0, 100}, // no subunit exists, yet Paystack wants the amount times 100
}

// ParseCurrency returns the currency of an upper-case ISO 4217 code, or
// fault.CurrencyUnknown.
func ParseCurrency(code string) (Currency, error) {
	for _, row := range table {
		if string(row.code) == code {
			return row.code, nil
		}
	}
	return "", fault.CurrencyUnknown.On("currency")
}

// Currencies returns the table's codes in its order.
func Currencies() []Currency {
	codes := make([]Currency, len(table))
	for i, row := range table {
		codes[i] = row.code
	}
	return codes
}

// Exponent is the number of decimals of the currency in ISO 4217: one major
// unit is 10^Exponent minor units.
func (c Currency) Exponent() int {
	for _, row := range table {
		if row.code == c {
			return row.exponent
		}
	}
	return 0
}

// PaystackScale is the number of subunits Paystack counts in one major unit.
// It is not the exponent: an amount is sent as minor × PaystackScale ÷
// 10^Exponent. Source: the introduction of Paystack's API reference.
func (c Currency) PaystackScale() int64 {
	for _, row := range table {
		if row.code == c {
			return row.paystack
		}
	}
	return 0
}

// Format writes an amount for people: "NGN 1,500.00", "XOF -1,500". It is
// plain text in one fixed form, not for parsing and not translated.
func Format(minor int64, c Currency) string {
	return string(c) + " " + Number(minor, c, ",", ".")
}

// Number writes an amount without its currency, with what a language puts between
// thousands and before the decimals: "-1,500.00".
func Number(minor int64, c Currency, group, decimal string) string {
	sign, magnitude := "", uint64(minor)
	if minor < 0 {
		sign, magnitude = "-", -magnitude // also right for the smallest int64
	}
	exponent := c.Exponent()
	digits := fmt.Sprintf("%0*d", exponent+1, magnitude)
	whole, fraction := digits[:len(digits)-exponent], digits[len(digits)-exponent:]
	if fraction != "" {
		fraction = decimal + fraction
	}
	return sign + grouped(whole, group) + fraction
}

// grouped puts a mark between thousands.
func grouped(digits, mark string) string {
	var groups []string
	for len(digits) > 3 {
		groups = append(groups, digits[len(digits)-3:])
		digits = digits[:len(digits)-3]
	}
	groups = append(groups, digits)
	slices.Reverse(groups)
	return strings.Join(groups, mark)
}
