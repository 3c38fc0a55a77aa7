// Package leaderboard decides which counts a contribution belongs to: that of
// its week, of its month and of all time. Counts are added to as things happen,
// so a board is read in the order of an index, however many people there are.
//
// It refuses to reckon in the zone of whoever looks: everybody sees the same
// week. Who may be seen on a board is the callers' affair.
package leaderboard

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Window is how long a board counts.
type Window string

// The windows.
const (
	Week    Window = "week"  // Monday to Sunday, as in ISO 8601
	Month   Window = "month" // of the calendar
	AllTime Window = "all"
)

// Windows returns all of them, the shortest first.
func Windows() []Window { return []Window{Week, Month, AllTime} }

// Board is what is counted.
type Board string

// The boards.
const (
	Referrals   Board = "referrals"   // activations
	Clips       Board = "clips"       // approved
	Validations Board = "validations" // votes that agree with the verdict
)

// Boards returns all of them.
func Boards() []Board { return []Board{Referrals, Clips, Validations} }

// allTime is the key of the one bucket of [AllTime].
const allTime = "all"

// Key names the bucket of a window that a moment falls into, in the server's
// zone: "2027-W05", "2027-02" or "all". Keys of a window sort like their times.
// A window that does not exist has no key.
func Key(w Window, at time.Time, zone *time.Location) string {
	at = at.In(zone)
	switch w {
	case Week:
		year, week := at.ISOWeek()
		return fmt.Sprintf("%04d-W%02d", year, week)
	case Month:
		return at.Format("2006-01")
	case AllTime:
		return allTime
	default:
		return ""
	}
}

// Keys are the buckets to add to when something happens, one for every window.
func Keys(at time.Time, zone *time.Location) []string {
	keys := make([]string, 0, len(Windows()))
	for _, w := range Windows() {
		keys = append(keys, Key(w, at, zone))
	}
	return keys
}

// Span is a bucket read back: From is in it, Until is not. Both are zero for all
// time.
type Span struct {
	Window      Window
	From, Until time.Time
}

// Parse reads a key, in the zone it was made in; false for anything that [Key]
// does not write.
func Parse(key string, zone *time.Location) (Span, bool) {
	if key == allTime {
		return Span{Window: AllTime}, true
	}
	s := Span{Window: Month}
	if year, week, found := strings.Cut(key, "-W"); found {
		y, yearErr := strconv.Atoi(year)
		w, weekErr := strconv.Atoi(week)
		if yearErr != nil || weekErr != nil {
			return Span{}, false
		}
		// The fourth of January is always in the first week.
		fourth := time.Date(y, time.January, 4, 0, 0, 0, 0, zone)
		monday := 4 - (int(fourth.Weekday())+6)%7
		s.Window = Week
		s.From = time.Date(y, time.January, monday+7*(w-1), 0, 0, 0, 0, zone)
		s.Until = time.Date(y, time.January, monday+7*w, 0, 0, 0, 0, zone)
	} else if first, err := time.ParseInLocation("2006-01", key, zone); err == nil {
		s.From, s.Until = first, first.AddDate(0, 1, 0)
	}
	return s, !s.From.IsZero() && Key(s.Window, s.From, zone) == key
}

// Previous is the key of the bucket before that of a moment: last week's, last
// month's. Of all time there is none.
func Previous(w Window, at time.Time, zone *time.Location) string {
	s, known := Parse(Key(w, at, zone), zone)
	if !known || w == AllTime {
		return ""
	}
	return Key(w, s.From.Add(-time.Hour), zone)
}
