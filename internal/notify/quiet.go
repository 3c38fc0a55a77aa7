package notify

import (
	"strings"
	"time"

	_ "time/tzdata" // a server without zone files must not wake people at night
)

// Quiet are hours in which a person is not disturbed, by the clock on their wall: from
// the first minute on, until before the second. They may span midnight; equal ends mean
// none.
type Quiet struct {
	FromMinute int `json:"from_minute"`
	ToMinute   int `json:"to_minute"`
}

const day = 24 * 60

// Valid says whether both are minutes of a day.
func (q Quiet) Valid() bool {
	return q.FromMinute >= 0 && q.FromMinute < day && q.ToMinute >= 0 && q.ToMinute < day
}

// holds says whether the clock on the wall shows quiet hours.
func (q Quiet) holds(t time.Time) bool {
	minute := t.Hour()*60 + t.Minute()
	if q.FromMinute <= q.ToMinute {
		return minute >= q.FromMinute && minute < q.ToMinute
	}
	return minute >= q.FromMinute || minute < q.ToMinute
}

// Until is when a message that is ready now may disturb: now, or the first moment after
// it at which the clock on the wall no longer shows quiet hours. Where that clock is
// turned in between, its hands count and not the hours that pass: an hour that is
// repeated and quiet is quiet twice, and one that is left out ends nothing twice.
func (q Quiet) Until(now time.Time, zone *time.Location) time.Time {
	if zone == nil {
		zone = time.UTC
	}
	local := now.In(zone)
	if !q.Valid() || !q.holds(local) {
		return now
	}
	start := local.Truncate(time.Second)
	left := (q.ToMinute - (local.Hour()*60 + local.Minute()) + day) % day
	end := start.Add(time.Duration(left)*time.Minute - time.Duration(local.Second())*time.Second)
	_, before := local.Zone()
	_, after := end.Zone()
	if before == after {
		return end.UTC()
	}
	// The clock is turned in between: minute by minute, as the wall shows them.
	minute := start.Add(-time.Duration(local.Second()) * time.Second)
	for range 2 * day {
		if minute = minute.Add(time.Minute); !q.holds(minute) {
			break
		}
	}
	return minute.UTC()
}

// ZoneOf is the time zone of an IANA name. It refuses what a path could smuggle in, and
// "Local", which is the server's.
func ZoneOf(name string) (*time.Location, bool) {
	if name == "" || name == "Local" || len(name) > 64 || strings.Contains(name, "..") {
		return time.UTC, false
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC, false
	}
	return zone, true
}
