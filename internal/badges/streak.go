package badges

import (
	"fmt"
	"time"
)

// Day is a day of the calendar: days since 1 January 1970. As JSON and text it is
// written as 2027-01-05.
type Day int64

// DayOf is the day of a moment where the person lives.
func DayOf(at time.Time, zone *time.Location) Day {
	year, month, day := at.In(zone).Date()
	return Day(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60))
}

// week numbers the weeks from Monday to Sunday: 1 January 1970 was a Thursday.
func (d Day) week() int64 {
	n := int64(d) + 3
	if n < 0 {
		n -= 6 // rounds down, also before 1970
	}
	return n / 7
}

// MarshalText writes the date.
func (d Day) MarshalText() ([]byte, error) {
	return time.Unix(int64(d)*24*60*60, 0).UTC().AppendFormat(nil, time.DateOnly), nil
}

// UnmarshalText reads what MarshalText writes.
func (d *Day) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.DateOnly, string(text))
	if err != nil {
		return fmt.Errorf("badges: a day: %w", err)
	}
	*d = DayOf(t, time.UTC)
	return nil
}

// Streak is a run of days with a contribution, kept as JSON. One missed day of
// every week, Monday to Sunday, is forgiven; it does not count as a day of the
// run. The zero value is the streak of somebody who never came.
type Streak struct {
	Last   Day   `json:"last"`             // latest day that counts
	Run    int64 `json:"run"`              // days up to then, without forgiven ones; 0: never came
	Best   int64 `json:"best"`             // the longest run
	Frozen Day   `json:"frozen,omitempty"` // latest day that was forgiven; 0: none
}

// On adds a contribution on a day. A day that was counted, or lies before the
// last one (a traveller's), changes nothing.
func (s Streak) On(day Day) Streak {
	if s.Run > 0 && day <= s.Last {
		return s
	}
	s = s.until(day)
	s.Last = day
	s.Run++
	s.Best = max(s.Best, s.Run)
	return s
}

// Today is the run as it stands on a day: still alive if that day, or the one
// after a forgiven one, can yet go on with it.
func (s Streak) Today(day Day) int64 { return s.until(day).Run }

// Done tells whether a day counts already.
func (s Streak) Done(day Day) bool { return s.Run > 0 && s.Last >= day }

// FreezeUsed tells whether the free day of a day's week was needed, by the
// evening before.
func (s Streak) FreezeUsed(day Day) bool {
	s = s.until(day)
	return s.Frozen != 0 && s.Frozen.week() == day.week()
}

// forgives tells whether the week of a missed day has not had its free day.
func (s Streak) forgives(missed Day) bool {
	return s.Frozen == 0 || missed.week() > s.Frozen.week()
}

// until forgives the missed days before a day, or ends the run.
func (s Streak) until(day Day) Streak {
	for missed := s.Last + 1; s.Run > 0 && missed < day; missed++ {
		if s.forgives(missed) {
			s.Frozen = missed
		} else {
			s.Run = 0 // at the latest on the third missed day
		}
	}
	return s
}
