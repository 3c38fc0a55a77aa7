package payout_test

import (
	"errors"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/payout"
)

func TestDefaultPolicy(t *testing.T) {
	p, err := payout.ParsePolicy(nil)
	if err != nil || p != payout.DefaultPolicy() {
		t.Fatalf("no values: %+v, %v", p, err)
	}
	if p.Enabled {
		t.Error("sending is on without anybody having switched it on")
	}
	if p.NotFoundAge() != 10*time.Minute || p.OTPAge() != 30*time.Minute || p.PendingAge() != 72*time.Hour || p.CoolOff() != 72*time.Hour || p.RequestGap() != 24*time.Hour || p.SilentAge() != 24*time.Hour {
		t.Errorf("%+v", p)
	}
	for _, c := range money.Currencies() {
		l, known := p.Limits(c)
		if want := c != money.USD && c != money.XOF; known != want {
			t.Errorf("%s: payouts %v, want %v", c, known, want)
		}
		if known && (l.MinimumMinor >= l.AutoLimitMinor || l.AutoLimitMinor >= l.HighLimitMinor || l.DayLimitMinor >= l.HourCeilingMinor) {
			t.Errorf("%s: %+v", c, l)
		}
	}
}

func TestParsePolicy(t *testing.T) {
	cases := []struct{ values, field string }{ // no field: taken
		{`{}`, ""},
		{`{"enabled":true}`, ""},
		{`{"NGN":{"auto_limit_minor":0}}`, ""},
		{`{"most_sends":1,"not_found_minutes":10,"cool_off_hours":0}`, ""},
		{`{"enabled":"true"}`, "values"},
		{`{"not_found_minutes":9}`, "not_found_minutes"},
		{`{"otp_minutes":0}`, "otp_minutes"},
		{`{"pending_hours":0}`, "pending_hours"},
		{`{"silent_hours":0}`, "silent_hours"},
		{`{"most_sends":0}`, "most_sends"},
		{`{"cool_off_hours":-1}`, "cool_off_hours"},
		{`{"request_hours":8761}`, "request_hours"},
		{`{"NGN":{"minimum_minor":0}}`, "NGN.minimum_minor"},
		{`{"GHS":{"auto_limit_minor":120001}}`, "GHS.auto_limit_minor"},
		{`{"ZAR":{"high_limit_minor":9007199254740992}}`, "ZAR.high_limit_minor"},
		{`{"KES":{"day_limit_minor":9999}}`, "KES.day_limit_minor"},
		{`{"NGN":{"hour_ceiling_minor":500000001}}`, "NGN.hour_ceiling_minor"},
		{`{"NGN":{"minimum_minor":100.5}}`, "values"},
		{`{"USD":{"minimum_minor":1}}`, "values"},
	}
	for _, c := range cases {
		t.Run(c.values, func(t *testing.T) {
			_, err := payout.ParsePolicy([]byte(c.values))
			var refusal *fault.Error
			if c.field == "" && err != nil {
				t.Errorf("%v, want it taken", err)
			}
			if c.field != "" && (!errors.As(err, &refusal) || refusal.Code != fault.PolicyInvalid || refusal.Field != c.field) {
				t.Errorf("%v, want policy_invalid on %s", err, c.field)
			}
		})
	}
}

func TestAdmit(t *testing.T) {
	policy, now := payout.DefaultPolicy(), t0
	const least, day = 100_000, 30_000_000
	cases := []struct {
		name     string
		currency money.Currency
		amount   int64
		used     payout.Usage
		want     payout.Limit
	}{
		{"first", "NGN", least, payout.Usage{}, payout.WithinLimits},
		{"no payouts in dollars", "USD", least, payout.Usage{}, payout.LimitUnknown},
		{"one below", "NGN", least - 1, payout.Usage{}, payout.LimitMinimum},
		{"negative", "NGN", -least, payout.Usage{}, payout.LimitMinimum},
		{"another is open", "NGN", least, payout.Usage{Open: true}, payout.LimitOpen},
		{"a day ago", "NGN", least, payout.Usage{LastRequest: now.Add(-24 * time.Hour)}, payout.WithinLimits},
		{"almost a day ago", "NGN", least, payout.Usage{LastRequest: now.Add(-24*time.Hour + 1)}, payout.LimitGap},
		{"the whole day", "NGN", day, payout.Usage{}, payout.WithinLimits},
		{"one above the day", "NGN", day + 1, payout.Usage{}, payout.LimitDay},
		{"together above the day", "NGN", least, payout.Usage{DayMinor: day - least + 1}, payout.LimitDay},
		{"no overflow", "NGN", money.MaxMinor, payout.Usage{DayMinor: 1<<63 - 1}, payout.LimitDay},
		{"a negative sum allows no more", "NGN", day + 1, payout.Usage{DayMinor: -5}, payout.LimitDay},
	}
	for _, c := range cases {
		if got := policy.Admit(c.currency, c.amount, c.used, now); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestCeiling(t *testing.T) {
	policy := payout.DefaultPolicy()
	const hour, day = 100_000_000, 500_000_000
	cases := []struct {
		currency              money.Currency
		amount, inHour, inDay int64
		want                  payout.Limit
	}{
		{"NGN", hour, 0, 0, payout.WithinLimits},
		{"NGN", hour + 1, 0, 0, payout.CeilingHour},
		{"NGN", 2, hour - 1, hour - 1, payout.CeilingHour},
		{"NGN", 2, 0, day - 2, payout.WithinLimits},
		{"NGN", 2, 0, day - 1, payout.CeilingDay},
		{"NGN", 2, 1<<63 - 1, 1<<63 - 1, payout.CeilingHour},
		{"XOF", 2, 0, 0, payout.LimitUnknown},
	}
	for _, c := range cases {
		if got := policy.Ceiling(c.currency, c.amount, c.inHour, c.inDay); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
