package livekit_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/livekit"
	"github.com/lingualink/lingualink/internal/livekit/livekittest"
	"github.com/lingualink/lingualink/internal/rooms"
)

// until looks again and again until it is so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick, late := time.NewTicker(10*time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("it never came to: %s", what)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var roomFor = func(name string) livekit.Room {
	return livekit.Room{Name: name, EmptyFor: 20 * time.Second, LeftFor: time.Second}
}

// start runs a server with one room.
func start(t *testing.T) (*livekittest.Server, *livekit.Client) {
	t.Helper()
	t.Parallel()
	s := livekittest.Start(t, "")
	c := client(t, s.URL)
	must(t, c.CreateRoom(t.Context(), roomFor(room(1))))
	return s, c
}

// person is how the server sees somebody; the zero value when not inside.
func person(t *testing.T, c *livekit.Client, room, identity string) rooms.Seen {
	t.Helper()
	people, err := c.People(t.Context(), room)
	must(t, err)
	for _, seen := range people {
		if seen.Person == identity {
			return seen
		}
	}
	return rooms.Seen{}
}

// hears waits until more media has come.
func hears(t *testing.T, p *livekittest.Peer, from string) {
	t.Helper()
	before := p.Heard(from)
	until(t, "media of "+from, func() bool { return p.Heard(from) > before+20 })
}

// ear receives webhooks.
type ear struct {
	*httptest.Server
	lock   sync.Mutex
	client *livekit.Client
	events []livekit.Event
	raw    []*http.Request
	bodies [][]byte
	broken int // answers 500 so often first
}

func (e *ear) of(identity string, kind livekit.EventKind) []livekit.Event {
	e.lock.Lock()
	defer e.lock.Unlock()
	return slices.DeleteFunc(slices.Clone(e.events), func(event livekit.Event) bool {
		return kind != "" && event.Kind != kind || identity != "" && event.Person.Person != identity
	})
}

func (e *ear) hasHeard(identity string, kind livekit.EventKind) bool {
	return len(e.of(identity, kind)) > 0
}

// carryOut does what corrections say.
func carryOut(t *testing.T, c *livekit.Client, corrections []rooms.Correction) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	for _, correction := range corrections {
		switch correction.Kind {
		case rooms.DropRoom:
			must(t, c.DeleteRoom(ctx, correction.Room))
		case rooms.MakeRoom:
			must(t, c.CreateRoom(ctx, roomFor(correction.Room)))
		case rooms.ThrowOut:
			must(t, c.Remove(ctx, correction.Room, correction.Person))
		case rooms.SetRights:
			must(t, c.SetGrants(ctx, correction.Room, correction.Person, "", correction.Grants))
		default: // stays are the database's
		}
	}
}
