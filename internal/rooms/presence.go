package rooms

import (
	"slices"
	"time"
)

// Stay is one connection of one person to one room, known by the media server's
// id of the participant. A person who comes back whole has another one.
type Stay struct {
	Room   string
	SID    string
	Person string
	Role   Role
	Joined time.Time
	Left   time.Time // zero while it is open
}

// Open tells whether the person is still connected, as far as is known.
func (s Stay) Open() bool { return s.Left.IsZero() }

// Sighting is what was heard of a stay: of a join Joined, of a leave Left and
// Joined if it was told.
type Sighting struct {
	Room, SID, Person string
	Role              Role
	Joined, Left      time.Time
}

// Merge adds a sighting to a stay, the zero one at first. Sightings may come in
// any order and more than once: the earliest join and the earliest leave count,
// and a stay that was left is never open again. A sighting of another stay
// changes nothing.
func (s Stay) Merge(seen Sighting) Stay {
	if s.SID == "" {
		s = Stay{Room: seen.Room, SID: seen.SID, Person: seen.Person}
	}
	if seen.SID == "" || seen.SID != s.SID || seen.Room != s.Room || seen.Person != s.Person {
		return s
	}
	if s.Role == "" {
		s.Role = seen.Role
	}
	s.Joined = earliest(s.Joined, seen.Joined)
	s.Left = earliest(s.Left, seen.Left)
	return s
}

// span is the time of a stay; without a join, or with one after the leave, it is
// the moment of leaving.
func (s Stay) span(now time.Time) span {
	to := s.Left
	if s.Open() {
		to = now
	}
	from := s.Joined
	if from.IsZero() || from.After(to) {
		from = to
	}
	return span{from, to}
}

// Present tells whether any stay of the person in the room is open.
func Present(stays []Stay, room, person string) bool {
	return slices.ContainsFunc(stays, func(s Stay) bool { return s.Room == room && s.Person == person && s.Open() })
}

// Audience is who listened to a stream: viewers, speakers and co-hosts, but
// neither the host nor those whom nobody sees.
type Audience struct {
	Now          int64 // people inside
	Peak         int64 // most people inside at once
	Unique       int64 // people who were inside at all
	WatchSeconds int64 // of all people; two devices of one person count once
}

// Count makes the figures of a stream from all of its stays.
func Count(stays []Stay, now time.Time) Audience {
	spans, open := map[string][]span{}, map[string]bool{}
	for _, s := range stays {
		if s.Role != Viewer && s.Role != Speaker && s.Role != CoHost {
			continue
		}
		spans[s.Person] = append(spans[s.Person], s.span(now))
		open[s.Person] = open[s.Person] || s.Open()
	}
	a := Audience{Unique: int64(len(spans))}
	changes, watched := []change{}, time.Duration(0)
	for person, own := range spans {
		if open[person] {
			a.Now++
		}
		for _, one := range union(own) {
			watched += one.to.Sub(one.from)
			changes = append(changes, change{one.from, 1}, change{one.to, -1})
		}
	}
	a.WatchSeconds = int64(watched / time.Second)
	a.Peak = max(peak(changes), a.Now, min(a.Unique, 1)) // whoever came and left in one moment was there
	return a
}

// Together is for how long the person was in the room with anybody else.
func Together(stays []Stay, person string, now time.Time) time.Duration {
	own, others := []span{}, []span{}
	for _, s := range stays {
		if s.Role == Recorder || s.Role == Moderator {
			continue
		}
		if s.Person == person {
			own = append(own, s.span(now))
		} else {
			others = append(others, s.span(now))
		}
	}
	total := time.Duration(0)
	others = union(others)
	for _, a := range union(own) {
		for _, b := range others {
			from, to := a.from, a.to
			if b.from.After(from) {
				from = b.from
			}
			if b.to.Before(to) {
				to = b.to
			}
			total += max(to.Sub(from), 0)
		}
	}
	return total
}

type span struct{ from, to time.Time }

// union joins spans that touch or overlap.
func union(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return a.from.Compare(b.from) })
	joined := []span{}
	for _, s := range spans {
		last := len(joined) - 1
		switch {
		case last < 0 || s.from.After(joined[last].to):
			joined = append(joined, s)
		case s.to.After(joined[last].to):
			joined[last].to = s.to
		}
	}
	return joined
}

type change struct {
	at time.Time
	by int64
}

// peak is the highest sum of the changes. Who leaves in a moment makes place for
// who comes in it.
func peak(changes []change) int64 {
	slices.SortFunc(changes, func(a, b change) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return int(a.by - b.by)
	})
	highest, inside := int64(0), int64(0)
	for _, c := range changes {
		inside += c.by
		highest = max(highest, inside)
	}
	return highest
}
