package rooms_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/rooms"
)

func at(seconds int) time.Time { return t0.Add(time.Duration(seconds) * time.Second) }

// TestMergeInAnyOrder: whatever order the sightings come in, however often, the
// stay is the same, and of the losses only what was lost is missing.
func TestMergeInAnyOrder(t *testing.T) {
	join := rooms.Sighting{Room: room(1), SID: "PA_1", Person: "ada", Role: rooms.Viewer, Joined: at(5)}
	leave := rooms.Sighting{Room: room(1), SID: "PA_1", Person: "ada", Joined: at(6), Left: at(20)}
	guess := rooms.Sighting{Room: room(1), SID: "PA_1", Person: "ada", Role: rooms.Viewer, Left: at(32)} // of the reconciler
	want := rooms.Stay{Room: room(1), SID: "PA_1", Person: "ada", Role: rooms.Viewer, Joined: at(5), Left: at(20)}
	random := rand.New(rand.NewPCG(7, 8))
	for range 500 {
		heard := []rooms.Sighting{join, leave, guess}
		for range random.IntN(5) {
			heard = append(heard, heard[random.IntN(3)])
		}
		random.Shuffle(len(heard), func(i, j int) { heard[i], heard[j] = heard[j], heard[i] })
		stay := rooms.Stay{}
		for _, seen := range heard {
			stay = stay.Merge(seen)
			if stay.Merge(seen) != stay {
				t.Fatalf("twice the same changed %+v", stay)
			}
		}
		if stay != want {
			t.Fatalf("%+v, want %+v", stay, want)
		}
	}
	if lost := (rooms.Stay{}).Merge(leave); lost.Joined != at(6) || lost.Open() {
		t.Errorf("a leave alone is %+v", lost)
	}
	if lost := (rooms.Stay{}).Merge(join); !lost.Open() {
		t.Errorf("a join alone is %+v", lost)
	}
	for _, other := range []rooms.Sighting{{}, {Room: room(1), SID: "PA_2", Person: "ada", Left: at(6)}, {Room: room(2), SID: "PA_1", Person: "ada", Left: at(6)}, {Room: room(1), SID: "PA_1", Person: "eve", Left: at(6)}} {
		if got := want.Merge(other); got != want {
			t.Errorf("%+v changed another stay to %+v", other, got)
		}
	}
}

// slowly counts second by second.
func slowly(stays []rooms.Stay, now int) rooms.Audience {
	a, ever := rooms.Audience{}, map[string]bool{}
	for second := range now {
		inside := map[string]bool{}
		for _, s := range stays {
			if s.Role != rooms.Viewer && s.Role != rooms.Speaker && s.Role != rooms.CoHost {
				continue
			}
			ever[s.Person] = true
			if !s.Joined.After(at(second)) && (s.Open() || s.Left.After(at(second))) {
				inside[s.Person] = true
			}
		}
		a.Peak = max(a.Peak, int64(len(inside)))
		a.WatchSeconds += int64(len(inside))
		if second == now-1 {
			a.Now = int64(len(inside))
		}
	}
	a.Unique = int64(len(ever))
	a.Peak = max(a.Peak, min(a.Unique, 1))
	return a
}

func TestCountIsWhatSecondsSay(t *testing.T) {
	const now = 40
	random := rand.New(rand.NewPCG(9, 10))
	roles := []rooms.Role{rooms.Viewer, rooms.Viewer, rooms.Speaker, rooms.CoHost, rooms.Host, rooms.Moderator, rooms.Recorder}
	for range 3_000 {
		stays := []rooms.Stay{}
		for i := range random.IntN(12) {
			person := random.IntN(5)
			s := rooms.Stay{Room: room(1), SID: fmt.Sprint("PA_", i), Person: fmt.Sprint(person), Role: roles[random.IntN(len(roles))], Joined: at(random.IntN(now - 1))}
			if random.IntN(3) > 0 {
				s.Left = s.Joined.Add(time.Duration(random.IntN(10)) * time.Second)
				if s.Left.After(at(now - 1)) {
					s.Left = at(now - 1)
				}
			}
			stays = append(stays, s)
		}
		random.Shuffle(len(stays), func(i, j int) { stays[i], stays[j] = stays[j], stays[i] })
		if got, want := rooms.Count(stays, at(now)), slowly(stays, now); got != want {
			t.Fatalf("%+v, want %+v of %+v", got, want, stays)
		}
		checkTogether(t, stays, now)
	}
}

func checkTogether(t *testing.T, stays []rooms.Stay, now int) {
	t.Helper()
	for person := range 5 {
		want := 0
		for second := range now {
			own, other := false, false
			for _, s := range stays {
				if s.Role != rooms.Moderator && s.Role != rooms.Recorder && !s.Joined.After(at(second)) && (s.Open() || s.Left.After(at(second))) {
					own, other = own || s.Person == fmt.Sprint(person), other || s.Person != fmt.Sprint(person)
				}
			}
			if own && other {
				want++
			}
		}
		if got := rooms.Together(stays, fmt.Sprint(person), at(now)); got != time.Duration(want)*time.Second {
			t.Fatalf("%d: together %s, want %d s of %+v", person, got, want, stays)
		}
	}
}

func TestCountOfOddStays(t *testing.T) {
	left := rooms.Stay{Room: room(1), SID: "a", Person: "ada", Role: rooms.Viewer, Joined: at(10), Left: at(5)} // clocks
	unknown := rooms.Stay{Room: room(1), SID: "b", Person: "bob", Role: rooms.Viewer, Left: at(5)}
	if got := rooms.Count([]rooms.Stay{left, unknown}, at(20)); got != (rooms.Audience{Peak: 1, Unique: 2}) {
		t.Errorf("got %+v", got)
	}
	future := rooms.Stay{Room: room(1), SID: "c", Person: "cat", Role: rooms.Viewer, Joined: at(99)}
	if got := rooms.Count([]rooms.Stay{future}, at(20)); got != (rooms.Audience{Now: 1, Peak: 1, Unique: 1}) {
		t.Errorf("got %+v", got)
	}
	if rooms.Present([]rooms.Stay{left, unknown}, room(1), "ada") || rooms.Present([]rooms.Stay{future}, room(2), "cat") || !rooms.Present([]rooms.Stay{left, future}, room(1), "cat") {
		t.Error("who is present is wrong")
	}
}

func BenchmarkCount(b *testing.B) {
	stays := make([]rooms.Stay, 5_000)
	for i := range stays {
		stays[i] = rooms.Stay{SID: fmt.Sprint(i), Person: fmt.Sprint(i % 1_000), Role: rooms.Viewer, Joined: at(i), Left: at(i + 600)}
	}
	for b.Loop() {
		rooms.Count(stays, at(10_000))
	}
}
