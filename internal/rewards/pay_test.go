package rewards_test

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/rewards"
)

func TestPay(t *testing.T) {
	for _, c := range []struct{ base, factor, multiplier, want int64 }{
		{1, 10_000, 14_000, 1},
		{1_500, 10_000, 14_000, 2_100},
		{1_500, 10_000, 15_000, 2_250},
		{3, 5_000, 14_000, 2}, // 2.1; with a floor after the factor it would be 1
		{1, 6_667, 15_000, 1}, // 1.00005; with a floor after the multiplier it would be 0
		{1, 7_143, 14_000, 1}, // 1.00002
		{1, 7_142, 14_000, 0}, // 0.99988
		{1_500, 0, 15_000, 0}, // a voter whose votes tell nothing
		{0, 10_000, 15_000, 0},
		{money.MaxMinor, 10_000, 10_000, money.MaxMinor},
		{money.MaxMinor, 5_000, 20_000, money.MaxMinor}, // the product needs 80 bits
	} {
		if got, err := rewards.Pay(c.base, c.factor, c.multiplier); got != c.want || err != nil {
			t.Errorf("Pay(%d, %d, %d) = %d, %v, want %d", c.base, c.factor, c.multiplier, got, err, c.want)
		}
	}
}

func FuzzPay(f *testing.F) {
	f.Add(int64(1_500), int64(10_000), int64(14_000))
	f.Add(int64(money.MaxMinor), int64(10_000), int64(10_001))
	f.Add(int64(1), int64(math.MaxInt64), int64(3))
	f.Add(int64(money.MaxMinor), int64(1<<31), int64(1<<32))
	f.Add(int64(-1), int64(1), int64(1))
	f.Fuzz(func(t *testing.T, base, factor, multiplier int64) {
		got, err := rewards.Pay(base, factor, multiplier)
		rate := new(big.Int).Mul(big.NewInt(factor), big.NewInt(multiplier))
		want := new(big.Int).Mul(big.NewInt(base), rate)
		want.Quo(want, big.NewInt(100_000_000))
		switch {
		case base < 0 || factor < 0 || multiplier < 0:
			if !errors.Is(err, fault.AmountInvalid.On("")) {
				t.Fatalf("Pay(%d, %d, %d): %v, want amount_invalid", base, factor, multiplier, err)
			}
		case base > money.MaxMinor || !rate.IsUint64() || want.Cmp(big.NewInt(money.MaxMinor)) > 0:
			if !errors.Is(err, fault.AmountOverflow.On("")) {
				t.Fatalf("Pay(%d, %d, %d): %v, want amount_overflow", base, factor, multiplier, err)
			}
		case err != nil || got != want.Int64():
			t.Fatalf("Pay(%d, %d, %d) = %d, %v, want %s", base, factor, multiplier, got, err, want)
		}
	})
}

// FuzzSharesOfAClip: whatever the rate and the share, what the makers of a clip
// get is exactly the rate, and each is within one unit of the exact share.
func FuzzSharesOfAClip(f *testing.F) {
	f.Add(int64(15_001), int64(3_000), true)
	f.Add(int64(money.MaxMinor), int64(3_333), true)
	f.Add(int64(1), int64(5_000), true)
	f.Add(int64(15_000), int64(0), false)
	f.Fuzz(func(t *testing.T, rate, parentBps int64, remix bool) {
		rate, parentBps = int64(uint64(rate)&money.MaxMinor), int64(uint64(parentBps)%(money.Unit+1))
		p := rewards.DefaultPolicy()
		p.RemixParentBps = parentBps
		in := verdict()
		in.ClipRate.AmountMinor = rate
		if remix {
			in.ParentOwner = "chidi"
		}
		paid, err := rewards.Decide(p, in)
		if err != nil {
			t.Fatal(err)
		}
		var sum int64
		for _, r := range paid {
			sum += r.AmountMinor
			exact := new(big.Int).Mul(big.NewInt(rate), big.NewInt(r.ShareBps))
			off := new(big.Int).Sub(new(big.Int).Mul(big.NewInt(r.AmountMinor), big.NewInt(money.Unit)), exact)
			if off.CmpAbs(big.NewInt(money.Unit)) >= 0 || r.AmountMinor < 1 {
				t.Fatalf("%s gets %d of %d at %d bps", r.User, r.AmountMinor, rate, r.ShareBps)
			}
		}
		if sum != rate {
			t.Fatalf("the shares of %d at %d bps sum to %d: %+v", rate, parentBps, sum, paid)
		}
	})
}

// FuzzDecide: whatever a voter is worth, nobody gets more than the rate times the
// highest multiplier, everything is rounded once, nobody is paid twice, and what
// accrues is never less than what it can be settled with.
func FuzzDecide(f *testing.F) {
	f.Add(int64(1_500), uint16(8_000), uint16(14_000), uint8(0))
	f.Add(int64(3), uint16(5_000), uint16(14_000), uint8(1))
	f.Add(int64(1), uint16(1), uint16(10_000), uint8(2))
	f.Add(int64(1<<45), uint16(9_999), uint16(60_000), uint8(7))
	f.Add(int64(1_500), uint16(10_000), uint16(10_000), uint8(13))
	f.Fuzz(func(t *testing.T, rate int64, factor, multiplier uint16, bits uint8) {
		rate = int64(uint64(rate) % (1 << 48)) // six times of it is still an amount
		factorBps, multiplierBps := int64(factor)%(money.Unit+1), max(int64(multiplier), money.Unit)
		p := rewards.DefaultPolicy()
		p.ValidatorBps = multiplierBps
		isUnproven, agrees, approved, before := bits&1 != 0, bits&2 != 0, bits&4 != 0, bits&8 != 0
		choice := "reject"
		if agrees == approved {
			choice = "approve"
		}
		who := worth(factorBps, voter("ada", choice, "validator"))
		who.Unproven = isUnproven
		in := verdict(who)
		in.ValidationRate.AmountMinor = rate
		if !approved {
			in.Outcome = "rejected"
		}
		if before {
			in.AlreadyPaid = []rewards.Paid{{Rule: rewards.Validation, User: "ada"}}
		}
		for _, mode := range []string{rewards.PayInformativeness, rewards.PayAgreement} {
			p.ValidationPay = mode
			due := factorBps
			accrues := mode == rewards.PayInformativeness && isUnproven
			if accrues || mode == rewards.PayAgreement && agrees {
				due = money.Unit
			} else if mode == rewards.PayAgreement {
				due = 0
			}
			if before {
				due = 0
			}
			want := new(big.Int).Mul(big.NewInt(rate), big.NewInt(due*multiplierBps))
			want.Quo(want, big.NewInt(money.Unit*money.Unit))
			var got int64
			for key, minor := range amounts(t, p, in) {
				if key == "reward:validation:v1:ada" {
					got = minor
				}
			}
			if got != want.Int64() {
				t.Fatalf("%s: %d at %d × %d pays %d, want %s", mode, rate, factorBps, multiplierBps, got, want)
			}
			settled, err := rewards.Pay(rate, factorBps, multiplierBps)
			if accrues && !before && (err != nil || settled > got) {
				t.Fatalf("settled with %d, %v, more than the %d that accrued", settled, err, got)
			}
		}
	})
}
