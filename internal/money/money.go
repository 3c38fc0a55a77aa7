// Package money decides what an amount is and how amounts are added, shared
// and scaled: int64 minor units of one currency, never a float. It refuses
// every amount, operand or result beyond ±[MaxMinor] instead of wrapping, and
// every currency outside its frozen table.
package money

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/lingualink/lingualink/internal/fault"
)

// MaxMinor is the largest amount, 2^53-1 minor units: the largest integer that
// survives a JSON number and a float64 column unchanged.
const MaxMinor = 1<<53 - 1

// Unit is the number of basis points that leave an amount as it is.
const Unit = 10_000

// ParseAmount says whether a person may send v minor units: 1 to [MaxMinor].
// Anything smaller is fault.AmountInvalid, anything larger fault.AmountOverflow.
func ParseAmount(v int64) error {
	switch {
	case v < 1:
		return fault.AmountInvalid.On("amount_minor")
	case v > MaxMinor:
		return overflow()
	}
	return nil
}

// Add returns a+b, or fault.AmountOverflow if an operand or the sum lies
// outside ±[MaxMinor].
func Add(a, b int64) (int64, error) {
	// The sum is only formed from operands in range, so it cannot wrap.
	if !inRange(a) || !inRange(b) || !inRange(a+b) {
		return 0, overflow()
	}
	return a + b, nil
}

// Neg returns -a, or fault.AmountOverflow if a lies outside ±[MaxMinor].
func Neg(a int64) (int64, error) {
	if !inRange(a) {
		return 0, overflow()
	}
	return -a, nil
}

// Sub returns a-b, or fault.AmountOverflow if an operand or the difference
// lies outside ±[MaxMinor].
func Sub(a, b int64) (int64, error) {
	negated, err := Neg(b)
	if err != nil {
		return 0, err
	}
	return Add(a, negated)
}

// MulBps returns floor(amount × bps / 10,000): the share or multiple of an
// amount that a rate in basis points gives. The product is formed in 128 bits.
// A negative amount or rate is fault.AmountInvalid (there is no negative pay;
// taking back is a reversal of what was paid), an amount or a result beyond
// [MaxMinor] is fault.AmountOverflow.
func MulBps(amount, bps int64) (int64, error) {
	if amount < 0 || bps < 0 {
		return 0, fault.AmountInvalid.On("amount_minor")
	}
	if amount > MaxMinor {
		return 0, overflow()
	}
	high, low := bits.Mul64(uint64(amount), uint64(bps))
	if high >= Unit { // the quotient would not fit 64 bits
		return 0, overflow()
	}
	scaled, _ := bits.Div64(high, low, Unit)
	if scaled > MaxMinor {
		return 0, overflow()
	}
	return int64(scaled), nil
}

// Allocate splits total in proportion to the weights, so that the shares sum
// exactly to it: every share is rounded down, then the units left over go one
// each to the largest remainders, ties to the lower index (the method of
// Hamilton). A weight of zero gets nothing.
//
// No weights, no weight above zero, or anything negative is
// fault.AmountInvalid; a total beyond [MaxMinor] or weights whose sum does not
// fit 64 bits are fault.AmountOverflow.
func Allocate(total int64, weights []int64) ([]int64, error) {
	if total > MaxMinor {
		return nil, overflow()
	}
	whole, err := sum(weights)
	if err != nil {
		return nil, err
	}
	if total < 0 || whole == 0 {
		return nil, fault.AmountInvalid.On("amount_minor")
	}

	shares := make([]int64, len(weights))
	remainders := make([]uint64, len(weights))
	byRemainder := make([]int, len(weights))
	left := total
	for i, weight := range weights {
		high, low := bits.Mul64(uint64(total), uint64(weight))
		share, remainder := bits.Div64(high, low, whole) // weight <= whole: the share is at most total
		shares[i], remainders[i], byRemainder[i] = int64(share), remainder, i
		left -= int64(share)
	}
	slices.SortFunc(byRemainder, func(a, b int) int {
		return cmp.Or(cmp.Compare(remainders[b], remainders[a]), cmp.Compare(a, b))
	})
	// What is left is the sum of the remainders divided by whole, and each
	// remainder is below whole: more remainders than that are above zero.
	for _, i := range byRemainder[:left] {
		shares[i]++
	}
	return shares, nil
}

// sum adds the weights of Allocate.
func sum(weights []int64) (uint64, error) {
	var whole uint64
	for _, weight := range weights {
		if weight < 0 {
			return 0, fault.AmountInvalid.On("weights")
		}
		var carry uint64
		if whole, carry = bits.Add64(whole, uint64(weight), 0); carry != 0 {
			return 0, fault.AmountOverflow.On("weights")
		}
	}
	return whole, nil
}

func inRange(v int64) bool { return -MaxMinor <= v && v <= MaxMinor }

func overflow() error { return fault.AmountOverflow.On("amount_minor") }
