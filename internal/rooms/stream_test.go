package rooms_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/rooms"
)

type streamCase struct {
	name string
	rooms.Stream
}

var streamCases = []streamCase{
	{"new", rooms.Stream{}},
	{"scheduled", rooms.Stream{Host: "ada", State: rooms.Scheduled, StartsAt: t0.Add(time.Minute)}},
	{"backstage", rooms.Stream{Host: "ada", State: rooms.Backstage, Room: room(1), Rooms: 1, BackstageAt: t0}},
	{"live", rooms.Stream{Host: "ada", State: rooms.Live, Room: room(1), Rooms: 1, BackstageAt: t0, LiveAt: t0}},
	{"host_away", rooms.Stream{Host: "ada", State: rooms.HostAway, Room: room(1), Rooms: 1, BackstageAt: t0, LiveAt: t0, AwayUntil: t0.Add(time.Minute)}},
	{"ended", rooms.Stream{Host: "ada", State: rooms.Ended, Rooms: 1, BackstageAt: t0, LiveAt: t0, EndedAt: t0, Ending: rooms.EndedByHost}},
	{"killed", rooms.Stream{Host: "ada", State: rooms.Killed, Rooms: 1, BackstageAt: t0, LiveAt: t0, EndedAt: t0, Ending: rooms.EndedByModerator}},
}

type streamHappening struct {
	name  string
	after time.Duration
	event rooms.StreamEvent
}

var streamHappenings = []streamHappening{
	{"schedule in an hour", 0, rooms.Schedule{By: "ada", At: t0.Add(time.Hour)}},
	{"schedule by another", 0, rooms.Schedule{By: "eve", At: t0.Add(time.Hour)}},
	{"schedule by nobody", 0, rooms.Schedule{At: t0.Add(time.Hour)}},
	{"schedule for now", 0, rooms.Schedule{By: "ada", At: t0}},
	{"schedule for the last day", 0, rooms.Schedule{By: "ada", At: t0.AddDate(0, 0, 90)}},
	{"schedule for next year", 0, rooms.Schedule{By: "ada", At: t0.AddDate(1, 0, 0)}},
	{"backstage", time.Second, rooms.OpenBackstage{By: "ada", Room: room(2)}},
	{"backstage by another", time.Second, rooms.OpenBackstage{By: "eve", Room: room(2)}},
	{"backstage in a room with a name of its own", time.Second, rooms.OpenBackstage{By: "ada", Room: "adas-room"}},
	{"go live", time.Second, rooms.GoLive{By: "ada", Publishing: true}},
	{"go live without a track", time.Second, rooms.GoLive{By: "ada"}},
	{"go live by another", time.Second, rooms.GoLive{By: "eve", Publishing: true}},
	{"host left", time.Second, rooms.HostLeft{Room: room(1)}},
	{"host left an old room", time.Second, rooms.HostLeft{Room: room(2)}},
	{"host back", time.Second, rooms.HostBack{Room: room(1)}},
	{"host back in an old room", time.Second, rooms.HostBack{Room: room(2)}},
	{"host back late", time.Hour, rooms.HostBack{Room: room(1)}},
	{"end", time.Second, rooms.End{By: "ada"}},
	{"end by another", time.Second, rooms.End{By: "eve"}},
	{"end by a moderator", time.Second, rooms.End{By: "eve", Moderator: true}},
	{"host barred", time.Second, rooms.HostBarred{}},
	{"kill", time.Second, rooms.Kill{}},
	{"rotate", time.Second, rooms.Rotate{Room: room(2)}},
	{"rotate to the same", time.Second, rooms.Rotate{Room: room(1)}},
	{"rotate to a name of its own", time.Second, rooms.Rotate{Room: "x"}},
	{"room lost", time.Second, rooms.RoomLost{Room: room(1)}},
	{"old room lost", time.Second, rooms.RoomLost{Room: room(2)}},
	{"tick, 59 s", 59 * time.Second, rooms.Tick{}},
	{"tick, 60 s", 60 * time.Second, rooms.Tick{}},
	{"tick, 61 min", 61 * time.Minute, rooms.Tick{}},
	{"tick, 8 h", 8 * time.Hour, rooms.Tick{}},
}

func TestStreamMatrix(t *testing.T) {
	var got bytes.Buffer
	for _, c := range streamCases {
		fmt.Fprintf(&got, "# %s\n", c.name)
		for _, h := range streamHappenings {
			out, err := rooms.Step(c.Stream, h.event, rooms.DefaultPolicy(), t0.Add(h.after))
			if err != nil {
				if !reflect.DeepEqual(out, rooms.StreamOutcome{Stream: c.Stream}) {
					t.Errorf("%s, %s: a refusal changed %+v", c.name, h.name, out)
				}
				got.WriteString(line(c.name, h.name, "refused: "+code(t, err)))
				continue
			}
			state := string(out.State)
			if out.Ending != rooms.NotEnded {
				state += " by " + string(out.Ending)
			}
			got.WriteString(line(c.name, h.name, state, list(out.Effects)))
		}
	}
	golden(t, "testdata/streams.txt", got.Bytes())
}

// checkStream is what holds of every stream that events have made.
func checkStream(t *testing.T, s rooms.Stream) {
	t.Helper()
	ended := s.State == rooms.Ended || s.State == rooms.Killed
	switch {
	case s.State.Open() != rooms.Owned(s.Room), !s.State.Open() && s.Room != "":
		t.Errorf("%+v: the room does not fit the state", s)
	case (s.State == rooms.HostAway) == s.AwayUntil.IsZero():
		t.Errorf("%+v: the wait does not fit the state", s)
	case ended != (s.Ending != rooms.NotEnded), ended == s.EndedAt.IsZero():
		t.Errorf("%+v: the ending does not fit the state", s)
	case (s.State == rooms.Live || s.State == rooms.HostAway) && s.LiveAt.IsZero():
		t.Errorf("%+v: live since never", s)
	case s.State != rooms.New && s.Host != "ada":
		t.Errorf("%+v: the host changed", s)
	}
}

// TestStreamPaths follows random events and keeps the rooms that the effects ask
// for: there is the stream's own room or none.
func TestStreamPaths(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	reached := map[rooms.State]int{}
	for range 30_000 {
		s, now, there, told := rooms.Stream{}, t0, map[string]bool{}, 0
		for range 16 {
			h := streamHappenings[random.IntN(len(streamHappenings))]
			now = now.Add([]time.Duration{0, time.Second, time.Minute, time.Hour, 9 * time.Hour}[random.IntN(5)])
			event := h.event
			switch e := event.(type) { // events of the stream as it is now
			case rooms.Schedule:
				event = rooms.Schedule{By: e.By, At: now.Add(time.Hour)}
			case rooms.HostLeft:
				event = rooms.HostLeft{Room: s.Room}
			case rooms.HostBack:
				event = rooms.HostBack{Room: s.Room}
			case rooms.Rotate:
				event = rooms.Rotate{Room: room(byte(random.IntN(200)))}
			default: // as it is
			}
			if by, ok := event.(rooms.Schedule); ok && by.By != "ada" && s.State == rooms.New {
				continue
			}
			if by, ok := event.(rooms.OpenBackstage); ok && by.By != "ada" && s.State == rooms.New {
				continue
			}
			out, err := rooms.Step(s, event, rooms.DefaultPolicy(), now)
			if err != nil {
				continue
			}
			if (s.State == rooms.Ended || s.State == rooms.Killed) && out.State != rooms.Killed {
				t.Fatalf("%s became %s by %+v", s.State, out.State, event)
			}
			if _, killed := event.(rooms.Kill); killed && out.State != rooms.Killed {
				t.Fatalf("a kill left %s", out.State)
			}
			for _, effect := range out.Effects {
				switch effect.Kind {
				case rooms.CreateRoom:
					there[effect.Room] = true
				case rooms.DeleteRoom:
					delete(there, effect.Room)
				case rooms.TellFollowers:
					told++
				default: // not about rooms
				}
			}
			checkStream(t, out.Stream)
			if len(there) > 1 || out.State.Open() != there[out.Room] || told > 1 {
				t.Fatalf("%+v: rooms %v, told %d times", out.Stream, there, told)
			}
			s = out.Stream
			reached[s.State]++
		}
	}
	for _, state := range rooms.States()[1:] {
		if reached[state] < 500 {
			t.Errorf("%s was reached %d times", state, reached[state])
		}
	}
}

// TestDue: a tick applies from the moment that Wake asks for, and not before.
func TestDue(t *testing.T) {
	policy := rooms.DefaultPolicy()
	for _, c := range streamCases {
		due := c.Due(policy)
		if due.IsZero() {
			if _, err := rooms.Step(c.Stream, rooms.Tick{}, policy, t0.AddDate(1, 0, 0)); err == nil {
				t.Errorf("%s: a tick changes it", c.name)
			}
			continue
		}
		if _, err := rooms.Step(c.Stream, rooms.Tick{}, policy, due.Add(-1)); err == nil {
			t.Errorf("%s: a tick applies too early", c.name)
		}
		out, err := rooms.Step(c.Stream, rooms.Tick{}, policy, due)
		if err != nil || out.State != rooms.Ended {
			t.Errorf("%s: %v, %v", c.name, out.State, err)
		}
	}
}

// TestFigures: what a stream keeps of its history.
func TestFigures(t *testing.T) {
	s, now := rooms.Stream{}, t0
	for _, event := range []rooms.StreamEvent{
		rooms.OpenBackstage{By: "ada", Room: room(1)}, rooms.GoLive{By: "ada", Publishing: true},
		rooms.RoomLost{Room: room(1)}, rooms.HostBack{Room: room(1)}, rooms.Rotate{Room: room(2)}, rooms.RoomLost{Room: room(2)}, rooms.End{By: "ada"},
	} {
		out, err := rooms.Step(s, event, rooms.DefaultPolicy(), now)
		if err != nil {
			t.Fatalf("%+v: %v", event, err)
		}
		s, now = out.Stream, now.Add(time.Second)
	}
	want := rooms.Stream{Host: "ada", State: rooms.Ended, BackstageAt: t0, LiveAt: t0.Add(time.Second), EndedAt: t0.Add(6 * time.Second), Ending: rooms.EndedByHost, Rooms: 2, Losses: 2}
	if s != want {
		t.Errorf("got %+v, want %+v", s, want)
	}
}
