package referral_test

import (
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/referral"
)

func TestMonths(t *testing.T) {
	lagos := time.FixedZone("Lagos", 60*60)
	for _, c := range []struct {
		at          time.Time
		name, first string
	}{
		{time.Date(2027, 1, 31, 23, 59, 59, 0, time.UTC), "2027-01", "2027-02"}, // not March: January has 31 days
		{time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC), "2027-02", "2027-03"},
		{time.Date(2027, 2, 1, 0, 30, 0, 0, lagos), "2027-01", "2027-02"},
		{time.Date(2027, 12, 31, 0, 0, 0, 0, time.UTC), "2027-12", "2028-01"},
	} {
		if name, first := referral.MonthName(c.at), referral.FirstStipendMonth(c.at); name != c.name || first != c.first {
			t.Errorf("%v: %s, first %s", c.at, name, first)
		}
	}
	for name, want := range map[string]string{"2027-01": "2027-02", "2027-12": "2028-01", "": "", "2027-13": "", "2027": ""} {
		got, err := referral.NextMonth(name)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("after %q: %q, %v", name, got, err)
		}
	}
}

func TestMonthPay(t *testing.T) {
	for _, c := range []struct {
		stipend  int64
		standing bool
		want     referral.Earned
	}{
		{5_000_00, true, referral.Earned{AmountMinor: 5_000_00, FullMinor: 5_000_00}},
		{5_000_00, false, referral.Earned{FullMinor: 5_000_00, Cut: referral.CutStanding}},
		{0, true, referral.Earned{}},
		{0, false, referral.Earned{}},
	} {
		if got := referral.MonthPay(c.stipend, c.standing); got != c.want {
			t.Errorf("%d, %v: %+v", c.stipend, c.standing, got)
		}
	}
}
