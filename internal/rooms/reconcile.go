package rooms

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// Wanted is what the database says should be.
type Wanted struct {
	Rooms []WantedRoom // of every open stream and running call
	Stays []KnownStay  // open ones, of any room
}

// WantedRoom is a room that should exist.
type WantedRoom struct {
	Name   string
	People map[string]Grants // by person; the zero grants are for those who must be out
	Others Grants            // of everybody else: a viewer's in a live stream, nothing in a call
}

// KnownStay is an open stay of the database and how often it was missed.
type KnownStay struct {
	Stay
	Misses int64
}

// Observed is what the media server says is. It has to be looked at before
// Wanted is read from the database: then a room that is observed and not wanted
// has ended, and never is one that has just begun.
type Observed struct {
	At    time.Time // before the first request
	Rooms []ObservedRoom
}

// ObservedRoom is a room on the media server.
type ObservedRoom struct {
	Name   string
	Listed bool // its people are known; false when only that request failed
	People []Seen
}

// Seen is a participant, also one that only has a signal connection yet.
type Seen struct {
	SID        string
	Person     string // the identity
	Connected  bool   // has media; a place counts from then on
	Joined     time.Time
	Grants     Grants
	Publishing Sources
	Tracks     []Track
}

// Track is one published track.
type Track struct {
	SID    string
	Source Sources
	Muted  bool
}

// CorrectionKind is what a [Correction] does.
type CorrectionKind string

// The kinds of corrections, in the order in which they are carried out: what
// protects people first.
const (
	DropRoom  CorrectionKind = "drop room" // a room of ours that nobody wants
	ThrowOut  CorrectionKind = "throw out"
	SetRights CorrectionKind = "set rights" // Grants, as a whole
	MakeRoom  CorrectionKind = "make room"  // the media server lost it, or never made it
	OpenStay  CorrectionKind = "open stay"  // the join was never heard of
	MissStay  CorrectionKind = "miss stay"  // one more miss: Misses
	FindStay  CorrectionKind = "find stay"  // no misses again
	CloseStay CorrectionKind = "close stay" // the leave was never heard of
)

var correctionOrder = []CorrectionKind{DropRoom, ThrowOut, SetRights, MakeRoom, OpenStay, MissStay, FindStay, CloseStay}

// Correction is one thing to put right; only the fields of its kind are set. All
// of them may be carried out twice, and any of them may fail: the next look
// finds it again.
type Correction struct {
	Kind   CorrectionKind
	Room   string
	Person string
	SID    string
	Grants Grants
	Misses int64     // of MissStay: what they are from now on
	At     time.Time // when the stay began or was found ended
}

// String is the correction in one line.
func (c Correction) String() string {
	about := slices.DeleteFunc([]string{c.Room, c.Person, c.SID}, func(s string) bool { return s == "" })
	text := string(c.Kind) + "(" + strings.Join(about, " ") + ")"
	if c.Kind == SetRights {
		text += ": " + c.Grants.String()
	}
	return text
}

// closesAfter misses in a row a stay is over: a participant who changes nodes or
// reconnects may be missing from one list.
const closesAfter = 2

// Reconcile lists what is not as it should be. It needs no webhook, and without
// anything wrong it is empty.
func Reconcile(wanted Wanted, observed Observed) []Correction {
	rooms, there := map[string]WantedRoom{}, map[string]bool{}
	for _, room := range wanted.Rooms {
		rooms[room.Name] = room
	}
	all := []Correction{}
	for _, room := range observed.Rooms {
		there[room.Name] = true
		want, is := rooms[room.Name]
		switch {
		case !Owned(room.Name): // another system's
		case !is:
			all = append(all, Correction{Kind: DropRoom, Room: room.Name})
		default:
			all = append(all, correctPeople(want, room)...)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rooms)) {
		if !there[name] {
			all = append(all, Correction{Kind: MakeRoom, Room: name})
		}
	}
	all = append(all, correctStays(wanted.Stays, rooms, observed)...)
	slices.SortStableFunc(all, func(a, b Correction) int {
		return cmp.Or(
			cmp.Compare(slices.Index(correctionOrder, a.Kind), slices.Index(correctionOrder, b.Kind)),
			cmp.Compare(a.Room, b.Room), cmp.Compare(a.Person, b.Person), cmp.Compare(a.SID, b.SID))
	})
	return all
}

// Judge says what to do about one participant, as soon as one is heard of: nil
// when all is right. The media server lets everybody in who holds a token of the
// room, however old, and with the rights that the token had.
func Judge(want WantedRoom, seen Seen) *Correction {
	grants, listed := want.People[seen.Person]
	if !listed {
		grants = want.Others
	}
	switch {
	case !grants.Join:
		return &Correction{Kind: ThrowOut, Room: want.Name, Person: seen.Person}
	case !sameRights(grants, seen.Grants):
		return &Correction{Kind: SetRights, Room: want.Name, Person: seen.Person, Grants: grants}
	}
	return nil
}

func correctPeople(want WantedRoom, room ObservedRoom) []Correction {
	all := []Correction{}
	for _, seen := range room.People {
		if correction := Judge(want, seen); correction != nil {
			all = append(all, *correction)
		}
	}
	return all
}

// sameRights compares what can be changed in a room; who records is said by the
// token alone.
func sameRights(a, b Grants) bool {
	a.Recorder, b.Recorder, a.Join, b.Join = false, false, false, false
	return a == b
}

// place is where a stay is.
type place struct{ room, sid string }

func correctStays(stays []KnownStay, rooms map[string]WantedRoom, observed Observed) []Correction {
	seen, unknown := map[place]Seen{}, map[string]bool{}
	for _, room := range observed.Rooms {
		unknown[room.Name] = !room.Listed
		for _, one := range room.People {
			if one.Connected {
				seen[place{room.Name, one.SID}] = one
			}
		}
	}
	all, known := []Correction{}, map[place]bool{}
	for _, stay := range stays {
		at := place{stay.Room, stay.SID}
		known[at] = true
		_, here := seen[at]
		correction := Correction{Room: stay.Room, Person: stay.Person, SID: stay.SID}
		switch {
		case unknown[stay.Room], !here && stay.Joined.After(observed.At):
			continue
		case here && stay.Misses > 0:
			correction.Kind = FindStay
		case here:
			continue
		case stay.Misses+1 >= closesAfter:
			correction.Kind, correction.At = CloseStay, observed.At
		default:
			correction.Kind, correction.Misses = MissStay, stay.Misses+1
		}
		all = append(all, correction)
	}
	for at, one := range seen {
		want, is := rooms[at.room]
		if is && !known[at] && mayStay(want, one.Person) {
			all = append(all, Correction{Kind: OpenStay, Room: at.room, Person: one.Person, SID: at.sid, At: earliest(one.Joined, observed.At)})
		}
	}
	return all
}

// mayStay: who is thrown out at once was never a listener.
func mayStay(want WantedRoom, person string) bool {
	grants, listed := want.People[person]
	if !listed {
		grants = want.Others
	}
	return grants.Join
}
