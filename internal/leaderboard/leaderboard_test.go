package leaderboard_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/leaderboard"
)

var (
	lagos   = time.FixedZone("Africa/Lagos", 3600)
	newYork = time.FixedZone("America/New_York", -5*3600)
)

func TestKeys(t *testing.T) {
	cases := []struct {
		at   string
		zone *time.Location
		want []string
	}{
		{"2027-02-01T00:00:00Z", time.UTC, []string{"2027-W05", "2027-02", "all"}},
		{"2027-01-31T23:59:59Z", time.UTC, []string{"2027-W04", "2027-01", "all"}},
		{"2027-01-31T23:59:59Z", lagos, []string{"2027-W05", "2027-02", "all"}},
		{"2027-02-01T00:00:00Z", newYork, []string{"2027-W04", "2027-01", "all"}},
		{"2027-01-03T12:00:00Z", time.UTC, []string{"2026-W53", "2027-01", "all"}},
		{"2024-12-30T12:00:00Z", time.UTC, []string{"2025-W01", "2024-12", "all"}},
		{"2028-02-29T12:00:00Z", time.UTC, []string{"2028-W09", "2028-02", "all"}},
	}
	for _, c := range cases {
		at, err := time.Parse(time.RFC3339, c.at)
		if got := leaderboard.Keys(at, c.zone); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s in %s: %v, %v, want %v", c.at, c.zone, got, err, c.want)
		}
	}
	if leaderboard.Key("year", time.Time{}, time.UTC) != "" {
		t.Error("there is a window year")
	}
}

func TestParse(t *testing.T) {
	for key, want := range map[string][2]string{
		"2027-W05": {"2027-02-01", "2027-02-08"}, "2026-W53": {"2026-12-28", "2027-01-04"}, "2025-W01": {"2024-12-30", "2025-01-06"},
		"2027-02": {"2027-02-01", "2027-03-01"}, "2026-12": {"2026-12-01", "2027-01-01"},
	} {
		s, ok := leaderboard.Parse(key, lagos)
		if from, until := s.From.Format(time.DateOnly), s.Until.Format(time.DateOnly); !ok || from != want[0] || until != want[1] || s.From.Hour() != 0 {
			t.Errorf("%s: %v to %v, %v", key, s.From, s.Until, ok)
		}
	}
	if s, ok := leaderboard.Parse("all", lagos); !ok || s != (leaderboard.Span{Window: leaderboard.AllTime}) {
		t.Errorf("%+v", s)
	}
	for _, key := range []string{"", "2027", "2027-13", "2027-00", "2027-2", "2027-W53", "2027-W00", "2027-W5", "2027-W-1", "27-W05", "+2027-W05", "2027-W05 ", "ALL", "week", "0-W1", "x-W1", "1-W"} {
		if s, ok := leaderboard.Parse(key, time.UTC); ok {
			t.Errorf("%q is %+v", key, s)
		}
	}
}

func TestPrevious(t *testing.T) {
	at := time.Date(2027, 1, 5, 0, 30, 0, 0, lagos)
	for w, want := range map[leaderboard.Window]string{leaderboard.Week: "2026-W53", leaderboard.Month: "2026-12", leaderboard.AllTime: "", "year": ""} {
		if got := leaderboard.Previous(w, at, lagos); got != want {
			t.Errorf("%s: %q, want %q", w, got, want)
		}
	}
}

// TestEveryMomentIsInItsBucketOnly: the spans of two moments are the same or
// apart, contain the moment, and their keys sort like them.
func TestEveryMomentIsInItsBucketOnly(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for _, zone := range []*time.Location{time.UTC, lagos, newYork} {
		for _, w := range []leaderboard.Window{leaderboard.Week, leaderboard.Month} {
			for range 5_000 {
				a, b := time.Unix(random.Int64N(4e9), 0), time.Unix(random.Int64N(4e9), 0)
				if random.IntN(2) == 0 {
					b = a.Add(time.Duration(random.Int64N(int64(40 * 24 * time.Hour))))
				}
				ka, kb := leaderboard.Key(w, a, zone), leaderboard.Key(w, b, zone)
				sa, oka := leaderboard.Parse(ka, zone)
				sb, okb := leaderboard.Parse(kb, zone)
				if !oka || !okb || a.Before(sa.From) || !a.Before(sa.Until) {
					t.Fatalf("%v in %s: %+v", a, ka, sa)
				}
				apart := !sa.Until.After(sb.From) || !sb.Until.After(sa.From)
				if (ka == kb) == apart || ka < kb && a.After(b) || ka > kb && b.After(a) {
					t.Fatalf("%s %+v and %s %+v", ka, sa, kb, sb)
				}
				if before, _ := leaderboard.Parse(leaderboard.Previous(w, a, zone), zone); !before.Until.Equal(sa.From) {
					t.Fatalf("before %+v comes %+v", sa, before)
				}
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("2027-W05")
	f.Add("2027-02")
	f.Add("9223372036854775807-W01")
	f.Fuzz(func(t *testing.T, key string) {
		if s, ok := leaderboard.Parse(key, lagos); ok && s.Window != leaderboard.AllTime && (leaderboard.Key(s.Window, s.From, lagos) != key || !s.Until.After(s.From)) {
			t.Fatalf("%q: %+v", key, s)
		}
	})
}
