package rooms_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/lingualink/lingualink/internal/rooms"
)

var (
	asViewer  = rooms.Grant(rooms.Seat{Role: rooms.Viewer}, rooms.Live, rooms.Good, rooms.DefaultPolicy())
	asSpeaker = rooms.Grant(rooms.Seat{Role: rooms.Speaker}, rooms.Live, rooms.Good, rooms.DefaultPolicy())
	asHost    = rooms.Grant(rooms.Seat{Role: rooms.Host}, rooms.Live, rooms.Good, rooms.DefaultPolicy())
	asNobody  = rooms.Grants{}
)

func seenAs(person string, g rooms.Grants) rooms.Seen {
	return rooms.Seen{SID: "PA_" + person, Person: person, Connected: true, Joined: at(0), Grants: g}
}

func texts(corrections []rooms.Correction) string {
	lines := make([]string, len(corrections))
	for i, c := range corrections {
		lines[i] = c.String()
	}
	return roomNames.Replace(strings.Join(lines, "\n"))
}

func stayOf(name, person string, misses int64) rooms.KnownStay {
	return rooms.KnownStay{Stay: rooms.Stay{Room: name, SID: "PA_" + person, Person: person, Joined: at(0)}, Misses: misses}
}

func TestReconcile(t *testing.T) {
	live := rooms.WantedRoom{Name: room(1), People: map[string]rooms.Grants{"ada": asHost, "bob": asSpeaker, "eve": asNobody}, Others: asViewer}
	call := rooms.WantedRoom{Name: room(2), People: map[string]rooms.Grants{"ada": asHost}}
	seen := func(name string, people ...rooms.Seen) rooms.ObservedRoom {
		return rooms.ObservedRoom{Name: name, Listed: true, People: people}
	}
	quiet := rooms.Seen{SID: "PA_eve", Person: "eve", Grants: asViewer}
	for name, c := range map[string]struct {
		wanted   rooms.Wanted
		observed []rooms.ObservedRoom
		want     []string
	}{
		"nothing":               {},
		"a room that is wanted": {rooms.Wanted{Rooms: []rooms.WantedRoom{live}}, []rooms.ObservedRoom{seen(room(1))}, nil},
		"a ghost room":          {rooms.Wanted{}, []rooms.ObservedRoom{seen(room(1), seenAs("ada", asHost))}, []string{"drop room(room1)"}},
		"another system's room": {rooms.Wanted{}, []rooms.ObservedRoom{seen("meeting", seenAs("ada", asHost))}, nil},
		"a room that was lost":  {rooms.Wanted{Rooms: []rooms.WantedRoom{live, call}}, []rooms.ObservedRoom{seen(room(2))}, []string{"make room(room1)"}},
		"an open door": {rooms.Wanted{Rooms: []rooms.WantedRoom{live}, Stays: []rooms.KnownStay{stayOf(room(1), "ada", 0), stayOf(room(1), "bob", 0), stayOf(room(1), "cat", 0)}},
			[]rooms.ObservedRoom{seen(room(1), seenAs("ada", asHost), seenAs("bob", asSpeaker), seenAs("cat", asViewer))}, nil},
		"a banned person": {rooms.Wanted{Rooms: []rooms.WantedRoom{live}}, []rooms.ObservedRoom{seen(room(1), seenAs("eve", asViewer))}, []string{"throw out(room1 eve)"}},
		"a banned person before media": {rooms.Wanted{Rooms: []rooms.WantedRoom{live}}, []rooms.ObservedRoom{seen(room(1), quiet)},
			[]string{"throw out(room1 eve)"}},
		"a stored token of a promotion": {rooms.Wanted{Rooms: []rooms.WantedRoom{live}, Stays: []rooms.KnownStay{stayOf(room(1), "cat", 0)}},
			[]rooms.ObservedRoom{seen(room(1), seenAs("cat", asSpeaker))}, []string{"set rights(room1 cat): publish -, subscribe"}},
		"a promotion that was lost": {rooms.Wanted{Rooms: []rooms.WantedRoom{live}, Stays: []rooms.KnownStay{stayOf(room(1), "bob", 0)}},
			[]rooms.ObservedRoom{seen(room(1), seenAs("bob", asViewer))}, []string{"set rights(room1 bob): publish microphone+camera, subscribe"}},
		"somebody in another's call": {rooms.Wanted{Rooms: []rooms.WantedRoom{call}}, []rooms.ObservedRoom{seen(room(2), seenAs("eve", asViewer))}, []string{"throw out(room2 eve)"}},
		"a join that was lost": {rooms.Wanted{Rooms: []rooms.WantedRoom{live}}, []rooms.ObservedRoom{seen(room(1), seenAs("cat", asViewer))},
			[]string{"open stay(room1 cat PA_cat)"}},
		"missed once": {rooms.Wanted{Rooms: []rooms.WantedRoom{live}, Stays: []rooms.KnownStay{stayOf(room(1), "cat", 0)}}, []rooms.ObservedRoom{seen(room(1))},
			[]string{"miss stay(room1 cat PA_cat)"}},
		"missed twice": {rooms.Wanted{Rooms: []rooms.WantedRoom{live}, Stays: []rooms.KnownStay{stayOf(room(1), "cat", 1)}}, []rooms.ObservedRoom{seen(room(1))},
			[]string{"close stay(room1 cat PA_cat)"}},
		"found again": {rooms.Wanted{Rooms: []rooms.WantedRoom{live}, Stays: []rooms.KnownStay{stayOf(room(1), "cat", 1)}},
			[]rooms.ObservedRoom{seen(room(1), seenAs("cat", asViewer))}, []string{"find stay(room1 cat PA_cat)"}},
		"a stay of a room that ended":    {rooms.Wanted{Stays: []rooms.KnownStay{stayOf(room(1), "cat", 1)}}, nil, []string{"close stay(room1 cat PA_cat)"}},
		"the list could not be read":     {rooms.Wanted{Rooms: []rooms.WantedRoom{live}, Stays: []rooms.KnownStay{stayOf(room(1), "cat", 1)}}, []rooms.ObservedRoom{{Name: room(1)}}, nil},
		"a stay younger than the look":   {rooms.Wanted{Rooms: []rooms.WantedRoom{live}, Stays: []rooms.KnownStay{{Stay: rooms.Stay{Room: room(1), SID: "PA_x", Person: "x", Joined: at(101)}, Misses: 1}}}, []rooms.ObservedRoom{seen(room(1))}, nil},
		"the same id in another room":    {rooms.Wanted{Rooms: []rooms.WantedRoom{live}, Stays: []rooms.KnownStay{stayOf(room(2), "cat", 1)}}, []rooms.ObservedRoom{seen(room(1), seenAs("cat", asViewer))}, []string{"open stay(room1 cat PA_cat)", "close stay(room2 cat PA_cat)"}},
		"protection comes first of all":  {rooms.Wanted{Rooms: []rooms.WantedRoom{live}}, []rooms.ObservedRoom{seen(room(1), seenAs("cat", asViewer), seenAs("eve", asHost)), seen(room(2))}, []string{"drop room(room2)", "throw out(room1 eve)", "open stay(room1 cat PA_cat)"}},
		"a recorder is what it says":     {rooms.Wanted{Rooms: []rooms.WantedRoom{{Name: room(1), People: map[string]rooms.Grants{"rec": {Join: true, Subscribe: true, Hidden: true, Recorder: true}}}}, Stays: []rooms.KnownStay{stayOf(room(1), "rec", 0)}}, []rooms.ObservedRoom{seen(room(1), seenAs("rec", rooms.Grants{Join: true, Subscribe: true, Hidden: true}))}, nil},
		"a former moderator who watches": {rooms.Wanted{Rooms: []rooms.WantedRoom{live}, Stays: []rooms.KnownStay{stayOf(room(1), "mod", 0)}}, []rooms.ObservedRoom{seen(room(1), seenAs("mod", rooms.Grants{Join: true, Subscribe: true, Hidden: true}))}, []string{"set rights(room1 mod): publish -, subscribe"}},
	} {
		got := texts(rooms.Reconcile(c.wanted, rooms.Observed{At: at(100), Rooms: c.observed}))
		if want := strings.Join(c.want, "\n"); got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
}

// world is a media server and a database that carry corrections out.
type world struct {
	rooms map[string]map[string]rooms.Seen // name, person
	stays map[string]rooms.KnownStay       // sid
	want  []rooms.WantedRoom
}

func (w *world) look() []rooms.Correction {
	wanted, observed := rooms.Wanted{Rooms: w.want}, rooms.Observed{At: at(1_000)}
	for _, stay := range w.stays {
		if stay.Open() {
			wanted.Stays = append(wanted.Stays, stay)
		}
	}
	for name, people := range w.rooms {
		room := rooms.ObservedRoom{Name: name, Listed: true}
		for _, seen := range people {
			room.People = append(room.People, seen)
		}
		observed.Rooms = append(observed.Rooms, room)
	}
	return rooms.Reconcile(wanted, observed)
}

func (w *world) apply(c rooms.Correction) {
	stay, known := w.stays[c.SID]
	switch c.Kind {
	case rooms.DropRoom:
		delete(w.rooms, c.Room)
	case rooms.MakeRoom:
		if w.rooms[c.Room] == nil {
			w.rooms[c.Room] = map[string]rooms.Seen{}
		}
	case rooms.ThrowOut:
		delete(w.rooms[c.Room], c.Person)
	case rooms.SetRights:
		if seen, there := w.rooms[c.Room][c.Person]; there {
			seen.Grants = c.Grants
			w.rooms[c.Room][c.Person] = seen
		}
	case rooms.OpenStay:
		if !known {
			w.stays[c.SID] = rooms.KnownStay{Stay: rooms.Stay{}.Merge(rooms.Sighting{Room: c.Room, SID: c.SID, Person: c.Person, Role: rooms.Viewer, Joined: c.At})}
		}
	case rooms.MissStay:
		stay.Misses = c.Misses
		w.stays[c.SID] = stay
	case rooms.FindStay:
		stay.Misses = 0
		w.stays[c.SID] = stay
	case rooms.CloseStay:
		stay.Left = c.At
		w.stays[c.SID] = stay
	}
}

// TestReconcileComesToRest: from any mess all is right after three looks, though
// corrections are carried out twice, and nothing is done after that.
func TestReconcileComesToRest(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 12))
	grants := []rooms.Grants{asNobody, asViewer, asSpeaker, asHost}
	for range 3_000 {
		w := &world{rooms: map[string]map[string]rooms.Seen{}, stays: map[string]rooms.KnownStay{}}
		for n := range byte(4) {
			if random.IntN(3) > 0 {
				people := map[string]rooms.Grants{}
				for i := range 4 {
					people[fmt.Sprint(i)] = grants[random.IntN(4)]
				}
				w.want = append(w.want, rooms.WantedRoom{Name: room(n), People: people, Others: grants[random.IntN(2)]})
			}
			if random.IntN(3) > 0 {
				w.rooms[room(n)] = map[string]rooms.Seen{}
				for i := range random.IntN(7) {
					s := seenAs(fmt.Sprint(i), grants[1+random.IntN(3)])
					s.SID, s.Connected = fmt.Sprint("PA_", n, i), random.IntN(4) > 0
					w.rooms[room(n)][s.Person] = s
				}
			}
			for i := range random.IntN(7) {
				w.stays[fmt.Sprint("PA_", n, i)] = rooms.KnownStay{Stay: rooms.Stay{Room: room(n), SID: fmt.Sprint("PA_", n, i), Person: fmt.Sprint(i), Joined: at(0)}, Misses: int64(random.IntN(2))}
			}
		}
		for range 3 {
			corrections := w.look()
			for _, c := range slices.Concat(corrections, corrections) {
				w.apply(c)
			}
		}
		if left := w.look(); len(left) > 0 {
			t.Fatalf("still wrong: %s", texts(left))
		}
		checkWorld(t, w)
	}
}

// checkWorld says again, apart from the code, what right is.
func checkWorld(t *testing.T, w *world) {
	t.Helper()
	if len(w.rooms) != len(w.want) {
		t.Errorf("there are %d rooms, %d are wanted", len(w.rooms), len(w.want))
	}
	open := map[string]bool{}
	for _, s := range w.stays {
		if s.Open() {
			open[s.SID] = true
		}
	}
	for _, want := range w.want {
		for person, seen := range w.rooms[want.Name] {
			grants, listed := want.People[person]
			if !listed {
				grants = want.Others
			}
			if grants == asNobody || grants != seen.Grants || seen.Connected != open[seen.SID] {
				t.Errorf("%+v, who may %s, stay open %v", seen, grants, open[seen.SID])
			}
			delete(open, seen.SID)
		}
	}
	if len(open) > 0 {
		t.Errorf("open stays of nobody: %v", open)
	}
}

func BenchmarkReconcile(b *testing.B) {
	wanted, observed := rooms.Wanted{}, rooms.Observed{At: at(10)}
	for n := range 200 {
		name := rooms.Name([16]byte{byte(n), byte(n >> 8)})
		wanted.Rooms = append(wanted.Rooms, rooms.WantedRoom{Name: name, Others: asViewer})
		here := rooms.ObservedRoom{Name: name, Listed: true}
		for i := range 50 {
			s := seenAs(fmt.Sprint(n, " ", i), asViewer)
			here.People = append(here.People, s)
			wanted.Stays = append(wanted.Stays, rooms.KnownStay{Stay: rooms.Stay{Room: name, SID: s.SID, Person: s.Person}})
		}
		observed.Rooms = append(observed.Rooms, here)
	}
	for b.Loop() {
		if got := rooms.Reconcile(wanted, observed); len(got) > 0 {
			b.Fatal(texts(got))
		}
	}
}
