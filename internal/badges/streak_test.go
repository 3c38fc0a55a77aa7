package badges_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/badges"
)

// monday is the first day of the tests; a letter is a day: x with a contribution.
var monday = badges.DayOf(time.Date(2027, 1, 4, 0, 0, 0, 0, time.UTC), time.UTC)

func streak(days string) badges.Streak {
	var s badges.Streak
	for i, letter := range days {
		if letter == 'x' {
			s = s.On(monday + badges.Day(i))
		}
	}
	return s
}

func TestStreak(t *testing.T) {
	cases := []struct {
		days            string
		run, best, left int64 // run at the last contribution; left on the day after the last letter
	}{
		{".", 0, 0, 0},
		{"x", 1, 1, 1},
		{"xxxxxxx", 7, 7, 7},
		{"xxx.xxx", 6, 6, 6},
		{"xxx..xx", 2, 3, 2},
		{"x.x.xxx", 3, 3, 3}, // the second missed day of the week
		{"xxxxxx.", 6, 6, 6},
		{"xxxxxx..xxxxxx", 12, 12, 12}, // Sunday and Monday are of two weeks
		{"xxxxxx...xxxxx", 5, 6, 5},
		{"xxxxxx.xxxxxx.xxxxxx.", 18, 18, 18},
		{"xxx.", 3, 3, 3},
		{"xxx..", 3, 3, 0},
		{"xxx....x", 1, 3, 1},
		{"x.xxxxx.xxxxxx", 12, 12, 12},
		{"x.x..xxxxxxxx", 8, 8, 8},
	}
	for _, c := range cases {
		s := streak(c.days)
		left := s.Today(monday + badges.Day(len(c.days)))
		if s.Run != c.run || s.Best != c.best || left != c.left {
			t.Errorf("%s: run %d, best %d, left %d, want %d, %d, %d", c.days, s.Run, s.Best, left, c.run, c.best, c.left)
		}
	}
}

func TestTheFreeDayOfAWeek(t *testing.T) {
	cases := []struct {
		days       string
		used, done bool // on the day of the last letter
	}{
		{".", false, false},
		{"x", false, true},
		{"x.", false, false},
		{"x..", true, false},
		{"x.x", true, true},
		{"xxxxx.xx", false, true}, // Saturday was free, and it is Monday
		{"xxxxxx..", false, false},
		{"xxxxxx...", true, false}, // Sunday, and Monday
		{"xxx.....", false, false}, // the run has ended; last week's was used
	}
	for _, c := range cases {
		s, today := streak(c.days), monday+badges.Day(len(c.days)-1)
		if s.FreezeUsed(today) != c.used || s.Done(today) != c.done {
			t.Errorf("%s: used %v, done %v", c.days, s.FreezeUsed(today), s.Done(today))
		}
	}
	if streak("xx").Done(monday) != true {
		t.Error("a traveller's earlier day does not count as done")
	}
}

func TestADayCountsOnceAndNoneIsAddedBefore(t *testing.T) {
	s := streak("xxx")
	for _, day := range []badges.Day{monday, monday + 2, monday - 100} {
		if got := s.On(day); got != s {
			t.Errorf("%d: %+v", day, got)
		}
	}
}

func TestDaysAreThoseWhereThePersonLives(t *testing.T) {
	midnight := time.Date(2027, 1, 4, 23, 30, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		east int
		want string
	}{"Accra": {0, "2027-01-04"}, "Lagos": {1, "2027-01-05"}, "Nairobi": {3, "2027-01-05"}, "New York": {-5, "2027-01-04"}, "Kiritimati": {14, "2027-01-05"}} {
		text, err := badges.DayOf(midnight, time.FixedZone(name, c.east*3600)).MarshalText()
		if err != nil || string(text) != c.want {
			t.Errorf("%s: %s, %v", name, text, err)
		}
	}
	for day, want := range map[badges.Day]string{0: `"1970-01-01"`, -1: `"1969-12-31"`, 20_000: `"2024-10-04"`} {
		var back badges.Day
		text, err := json.Marshal(day)
		if again := json.Unmarshal(text, &back); err != nil || again != nil || string(text) != want || back != day {
			t.Errorf("%d: %s, %d, %v, %v", day, text, back, err, again)
		}
	}
	var day badges.Day
	if json.Unmarshal([]byte(`"4 January"`), &day) == nil {
		t.Error("4 January was read")
	}
}

// longest reckons the run of a history from its end, all at once.
func longest(history []bool, first badges.Day, until int) int64 {
	frozen, run := map[int64]bool{}, int64(0)
	for i := range until {
		week := (int64(first) + int64(i) + 3) / 7
		switch {
		case history[i]:
			run++
		case run == 0:
		case frozen[week]:
			run = 0
		default:
			frozen[week] = true
		}
	}
	return run
}

func TestStreaksAreThoseOfTheWholeHistory(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	best := int64(0)
	for range 3_000 {
		history, first := make([]bool, 60), monday+badges.Day(random.IntN(7))
		var s badges.Streak
		for i := range history {
			if history[i] = random.IntN(5) > 0; history[i] {
				s = s.On(first + badges.Day(i))
				stored, err := json.Marshal(s)
				if again := json.Unmarshal(stored, &s); err != nil || again != nil {
					t.Fatal(err, again)
				}
			}
			if got, want := s.Today(first+badges.Day(i)+1), longest(history, first, i+1); got != want {
				t.Fatalf("%v, from %d: %d, want %d: %+v", history[:i+1], first, got, want, s)
			}
			if s.Run > s.Best {
				t.Fatalf("%+v", s)
			}
		}
		best = max(best, s.Best)
	}
	if best < 30 {
		t.Errorf("the longest was %d: that proves little", best)
	}
}
