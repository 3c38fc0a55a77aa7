package money_test

import (
	"encoding/binary"
	"math"
	"math/big"
	"testing"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/money"
)

// fits says whether every value lies within ±MaxMinor.
func fits(values ...*big.Int) bool {
	for _, v := range values {
		if new(big.Int).Abs(v).Cmp(big.NewInt(money.MaxMinor)) > 0 {
			return false
		}
	}
	return true
}

var edges = []int64{
	math.MinInt64, -money.MaxMinor - 1, -money.MaxMinor, -1, 0, 1, 500, 10_000, 14_000,
	money.MaxMinor, money.MaxMinor + 1, math.MaxInt64,
}

func FuzzAdd(f *testing.F) {
	for _, a := range edges {
		for _, b := range edges {
			f.Add(a, b)
		}
	}
	f.Fuzz(func(t *testing.T, a, b int64) {
		x, y := big.NewInt(a), big.NewInt(b)
		check := func(name string, exact *big.Int, got int64, err error) {
			switch {
			case !fits(x, y, exact):
				if got != 0 || !is(err, fault.AmountOverflow) {
					t.Errorf("%s(%d, %d) = %d, %v; want an overflow", name, a, b, got, err)
				}
			case err != nil || got != exact.Int64():
				t.Errorf("%s(%d, %d) = %d, %v; want %s", name, a, b, got, err, exact)
			}
		}
		sum, err := money.Add(a, b)
		check("Add", new(big.Int).Add(x, y), sum, err)
		difference, err := money.Sub(a, b)
		check("Sub", new(big.Int).Sub(x, y), difference, err)
	})
}

func FuzzMulBps(f *testing.F) {
	for _, amount := range edges {
		for _, bps := range edges {
			f.Add(amount, bps)
		}
	}
	f.Fuzz(func(t *testing.T, amount, bps int64) {
		got, err := money.MulBps(amount, bps)
		exact := new(big.Int).Mul(big.NewInt(amount), big.NewInt(bps))
		exact.Div(exact, big.NewInt(money.Unit))
		switch {
		case amount < 0 || bps < 0:
			if got != 0 || !is(err, fault.AmountInvalid) {
				t.Errorf("MulBps(%d, %d) = %d, %v; want a refusal", amount, bps, got, err)
			}
		case !fits(big.NewInt(amount), exact):
			if got != 0 || !is(err, fault.AmountOverflow) {
				t.Errorf("MulBps(%d, %d) = %d, %v; want an overflow", amount, bps, got, err)
			}
		case err != nil || got != exact.Int64():
			t.Errorf("MulBps(%d, %d) = %d, %v; want %s", amount, bps, got, err, exact)
		}
	})
}

// FuzzAllocate reads the weights as 8-byte integers and checks the defining
// properties of the largest remainder: the exact sum, every share its quota
// rounded down or up, and nobody rounded up past a larger remainder.
func FuzzAllocate(f *testing.F) {
	pack := func(weights ...int64) []byte {
		var packed []byte
		for _, weight := range weights {
			packed = binary.BigEndian.AppendUint64(packed, uint64(weight))
		}
		return packed
	}
	for _, total := range edges {
		f.Add(total, pack(70, 30))
		f.Add(total, pack(1, 1, 1, 0, 4))
		f.Add(total, pack(edges...))
		f.Add(total, pack(math.MaxInt64, math.MaxInt64, 1))
	}
	f.Fuzz(func(t *testing.T, total int64, packed []byte) {
		var weights []int64
		for ; len(packed) >= 8 && len(weights) < 100; packed = packed[8:] {
			weights = append(weights, int64(binary.BigEndian.Uint64(packed)))
		}
		shares, err := money.Allocate(total, weights)

		whole, negative := new(big.Int), total < 0
		for _, weight := range weights {
			whole.Add(whole, big.NewInt(weight))
			negative = negative || weight < 0
		}
		if negative || whole.Sign() == 0 || total > money.MaxMinor || !whole.IsUint64() {
			if shares != nil || !is(err, fault.AmountInvalid) && !is(err, fault.AmountOverflow) {
				t.Fatalf("Allocate(%d, %v) = %v, %v; want a refusal", total, weights, shares, err)
			}
			return
		}
		if err != nil {
			t.Fatalf("Allocate(%d, %v): %v", total, weights, err)
		}
		checkShares(t, total, weights, whole, shares)
	})
}

func checkShares(t *testing.T, total int64, weights []int64, whole *big.Int, shares []int64) {
	t.Helper()
	var sum int64
	raised, lowered := -1, -1 // the smallest remainder rounded up, the largest rounded down
	remainders := make([]*big.Int, len(weights))
	for i, weight := range weights {
		product := new(big.Int).Mul(big.NewInt(total), big.NewInt(weight))
		quota, remainder := new(big.Int).DivMod(product, whole, new(big.Int))
		remainders[i] = remainder
		sum += shares[i]
		switch shares[i] - quota.Int64() {
		case 0:
			if lowered < 0 || remainder.Cmp(remainders[lowered]) > 0 {
				lowered = i
			}
		case 1:
			if raised < 0 || remainder.Cmp(remainders[raised]) <= 0 {
				raised = i
			}
		default:
			t.Errorf("share %d is %d, its quota %s", i, shares[i], quota)
		}
	}
	if sum != total {
		t.Errorf("the shares %v sum to %d, want %d", shares, sum, total)
	}
	if raised >= 0 && lowered >= 0 {
		order := remainders[raised].Cmp(remainders[lowered])
		if order < 0 || (order == 0 && raised > lowered) {
			t.Errorf("index %d was rounded up before index %d: %v of %v", raised, lowered, shares, weights)
		}
	}
}
