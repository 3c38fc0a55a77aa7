package money_test

import (
	"math"
	"slices"
	"testing"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/money"
)

// Written out a second time on purpose: a changed exponent revalues every
// stored amount, so it must not pass unnoticed.
func TestTheCurrencyTableIsFrozen(t *testing.T) {
	want := []struct {
		code     money.Currency
		exponent int
		paystack int64
	}{
		{"NGN", 2, 100}, {"GHS", 2, 100}, {"KES", 2, 100}, {"ZAR", 2, 100}, {"USD", 2, 100}, {"XOF", 0, 100},
	}
	codes := money.Currencies()
	if len(codes) < len(want) {
		t.Fatalf("currencies were removed: %v", codes)
	}
	for i, row := range want {
		parsed, err := money.ParseCurrency(string(row.code))
		if err != nil || parsed != row.code || codes[i] != row.code {
			t.Errorf("%s: parsed %q, listed %q, %v", row.code, parsed, codes[i], err)
		}
		if row.code.Exponent() != row.exponent || row.code.PaystackScale() != row.paystack {
			t.Errorf("%s: exponent %d and scale %d, want %d and %d",
				row.code, row.code.Exponent(), row.code.PaystackScale(), row.exponent, row.paystack)
		}
	}
	codes[0] = "EUR"
	if slices.Contains(money.Currencies(), "EUR") {
		t.Error("a caller can write into the table")
	}
}

func TestUnknownCurrencies(t *testing.T) {
	for _, code := range []string{"", "ngn", "NGN ", "EUR", "XXX", "NG", "NGNN"} {
		if got, err := money.ParseCurrency(code); got != "" || !is(err, fault.CurrencyUnknown) {
			t.Errorf("ParseCurrency(%q) = %q, %v", code, got, err)
		}
	}
	if eur := money.Currency("EUR"); eur.Exponent() != 0 || eur.PaystackScale() != 0 {
		t.Error("a currency outside the table must have no exponent and no scale")
	}
}

func TestFormat(t *testing.T) {
	for _, test := range []struct {
		minor    int64
		currency money.Currency
		want     string
	}{
		{150_000, money.NGN, "NGN 1,500.00"},
		{0, money.NGN, "NGN 0.00"},
		{5, money.GHS, "GHS 0.05"},
		{-5, money.GHS, "GHS -0.05"},
		{99_999, money.KES, "KES 999.99"},
		{100_000, money.KES, "KES 1,000.00"},
		{-123_456_789, money.ZAR, "ZAR -1,234,567.89"},
		{1_500, money.XOF, "XOF 1,500"},
		{-7, money.XOF, "XOF -7"},
		{money.MaxMinor, money.NGN, "NGN 90,071,992,547,409.91"},
		{math.MinInt64, money.USD, "USD -92,233,720,368,547,758.08"},
	} {
		if got := money.Format(test.minor, test.currency); got != test.want {
			t.Errorf("Format(%d, %s) = %q, want %q", test.minor, test.currency, got, test.want)
		}
	}
}
