package money_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/money"
)

// is says whether err has the code; a nil code means no error.
func is(err error, code *fault.Code) bool {
	if code == nil {
		return err == nil
	}
	return errors.Is(err, code.On(""))
}

func TestAddSubNeg(t *testing.T) {
	const most = money.MaxMinor
	add := func(a, b int64) (int64, error) { return money.Add(a, b) }
	sub := func(a, b int64) (int64, error) { return money.Sub(a, b) }
	neg := func(a, _ int64) (int64, error) { return money.Neg(a) }

	for _, test := range []struct {
		name string
		do   func(a, b int64) (int64, error)
		a, b int64
		want int64
		code *fault.Code
	}{
		{"sum", add, 150, -50, 100, nil},
		{"sum at the top", add, most - 1, 1, most, nil},
		{"sum over the top", add, most, 1, 0, fault.AmountOverflow},
		{"sum at the bottom", add, 1 - most, -1, -most, nil},
		{"sum under the bottom", add, -most, -1, 0, fault.AmountOverflow},
		{"sum that would wrap", add, math.MaxInt64, 1, 0, fault.AmountOverflow},
		{"sum of operands out of range", add, math.MaxInt64, -math.MaxInt64, 0, fault.AmountOverflow},
		{"difference", sub, 100, 150, -50, nil},
		{"difference at the bottom", sub, 0, most, -most, nil},
		{"difference over the top", sub, most, -1, 0, fault.AmountOverflow},
		{"difference of the smallest integer", sub, 0, math.MinInt64, 0, fault.AmountOverflow},
		{"negation", neg, most, 0, -most, nil},
		{"negation of zero", neg, 0, 0, 0, nil},
		{"negation of the smallest integer", neg, math.MinInt64, 0, 0, fault.AmountOverflow},
	} {
		got, err := test.do(test.a, test.b)
		if got != test.want || !is(err, test.code) {
			t.Errorf("%s of %d and %d = %d, %v; want %d, %v", test.name, test.a, test.b, got, err, test.want, test.code)
		}
	}
}

func TestMulBps(t *testing.T) {
	for _, test := range []struct {
		name        string
		amount, bps int64
		want        int64
		code        *fault.Code
	}{
		{"a bonus on one unit is lost to the floor", 1, 14_000, 1, nil},
		{"a twentieth of one unit is nothing", 1, 500, 0, nil},
		{"validator bonus", 1_500, 14_000, 2_100, nil},
		{"ambassador bonus", 15_000, 15_000, 22_500, nil},
		{"five percent of an odd amount", 1_999, 500, 99, nil},
		{"unit rate", money.MaxMinor, money.Unit, money.MaxMinor, nil},
		{"one unit over", money.MaxMinor, money.Unit + 1, 0, fault.AmountOverflow},
		{"zero rate", money.MaxMinor, 0, 0, nil},
		{"zero amount, largest rate", 0, math.MaxInt64, 0, nil},
		{"a product of 116 bits", money.MaxMinor, math.MaxInt64, 0, fault.AmountOverflow},
		{"a quotient of 64 bits", 1 << 51, 1 << 26, 0, fault.AmountOverflow},
		{"a quotient of just over 64 bits", 1 << 50, money.Unit << 14, 0, fault.AmountOverflow},
		{"amount out of range", money.MaxMinor + 1, 1, 0, fault.AmountOverflow},
		{"negative amount", -1, 500, 0, fault.AmountInvalid},
		{"negative rate", 1, -500, 0, fault.AmountInvalid},
	} {
		got, err := money.MulBps(test.amount, test.bps)
		if got != test.want || !is(err, test.code) {
			t.Errorf("%s: MulBps(%d, %d) = %d, %v; want %d, %v", test.name, test.amount, test.bps, got, err, test.want, test.code)
		}
	}
}

func TestAllocate(t *testing.T) {
	const most = money.MaxMinor
	for _, test := range []struct {
		name    string
		total   int64
		weights []int64
		want    []int64
		code    *fault.Code
	}{
		{"remix, even", 15_000, []int64{70, 30}, []int64{10_500, 4_500}, nil},
		{"remix of 1", 1, []int64{70, 30}, []int64{1, 0}, nil},
		{"remix of 3", 3, []int64{70, 30}, []int64{2, 1}, nil},
		{"remix of 5: both remainders are a half", 5, []int64{70, 30}, []int64{4, 1}, nil},
		{"remix of 101", 101, []int64{70, 30}, []int64{71, 30}, nil},
		{"remix of the largest amount", most, []int64{70, 30}, []int64{6_305_039_478_318_694, 2_702_159_776_422_297}, nil},
		{"ties go to the lower index", 2, []int64{1, 1, 1, 1}, []int64{1, 1, 0, 0}, nil},
		{"the largest remainder wins", 10, []int64{1, 1, 4}, []int64{2, 2, 6}, nil},
		{"no weight, no share", 7, []int64{0, 3, 0, 3}, []int64{0, 4, 0, 3}, nil},
		{"nothing to share", 0, []int64{1, 2}, []int64{0, 0}, nil},
		{"one takes all", most, []int64{1}, []int64{most}, nil},
		{"huge weights", most, []int64{math.MaxInt64, math.MaxInt64}, []int64{1 << 52, 1<<52 - 1}, nil},
		{"weights beyond 64 bits", 1, []int64{math.MaxInt64, math.MaxInt64, 2}, nil, fault.AmountOverflow},
		{"total out of range", most + 1, []int64{1}, nil, fault.AmountOverflow},
		{"negative total", -1, []int64{1}, nil, fault.AmountInvalid},
		{"negative weight", 1, []int64{2, -1}, nil, fault.AmountInvalid},
		{"weights that are all zero", 1, []int64{0, 0}, nil, fault.AmountInvalid},
		{"no weights", 1, nil, nil, fault.AmountInvalid},
	} {
		got, err := money.Allocate(test.total, test.weights)
		if !slices.Equal(got, test.want) || !is(err, test.code) {
			t.Errorf("%s: Allocate(%d, %v) = %v, %v; want %v, %v", test.name, test.total, test.weights, got, err, test.want, test.code)
		}
	}
}

// Of 430 units, a weight of 5 in 400 has the quota 5.375 and one of 3 has 3.225:
// the 30 units left go to the first 30 of the fives.
func TestTiesAmongManyGoToTheLowerIndexes(t *testing.T) {
	shares, err := money.Allocate(430, slices.Repeat([]int64{3, 5}, 50))
	want := append(slices.Repeat([]int64{3, 6}, 30), slices.Repeat([]int64{3, 5}, 20)...)
	if err != nil || !slices.Equal(shares, want) {
		t.Errorf("shares are %v, %v; want %v", shares, err, want)
	}
}

func TestParseAmount(t *testing.T) {
	for v, code := range map[int64]*fault.Code{
		math.MinInt64:      fault.AmountInvalid,
		-1:                 fault.AmountInvalid,
		0:                  fault.AmountInvalid,
		1:                  nil,
		money.MaxMinor:     nil,
		money.MaxMinor + 1: fault.AmountOverflow,
		math.MaxInt64:      fault.AmountOverflow,
	} {
		if err := money.ParseAmount(v); !is(err, code) {
			t.Errorf("ParseAmount(%d) = %v, want %v", v, err, code)
		}
	}
}

func TestTheLargestAmountSurvivesAFloat(t *testing.T) {
	most := int64(money.MaxMinor)
	if int64(float64(most)) != most || float64(most+1) != float64(most+2) {
		t.Errorf("%d is not the last integer that a float64 tells from its successor", most)
	}
}
