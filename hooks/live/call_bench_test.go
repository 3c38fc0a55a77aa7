package live_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/livekit"
	"github.com/lingualink/lingualink/internal/livekit/livekittest"
	"github.com/lingualink/lingualink/internal/rooms"
)

// BenchmarkLook is one comparison of 200 rooms with the database: when all is
// right, and when a stranger has come into each of them.
func BenchmarkLook(b *testing.B) {
	const busy = 200
	client, err := livekit.New("ws://127.0.0.1:1", livekittest.Key, livekittest.Secret)
	if err != nil {
		b.Fatal(err)
	}
	server := &media{Client: client, rooms: map[string]map[string]rooms.Seen{}}
	s := hookstest.StartWith(b, func(_ *shell.Deps, p *hooks.Providers) { p.Rooms = server })
	server.now = s.Deps.Clock.Now
	names := make([]string, busy)
	for i := range busy {
		names[i] = plantCall(b, s, server, i)
	}
	look := func() {
		if err := s.Deps.Outbox.RunRound(context.Background(), s.App, "live.look"); err != nil {
			b.Fatal(err)
		}
	}
	look() // who is inside is known from now on
	if n := s.Int("SELECT COUNT(*) FROM live_presence WHERE left_at = ''"); n != 2*busy {
		b.Fatalf("%d people are known to be inside", n)
	}
	b.Run("right", func(b *testing.B) {
		for b.Loop() {
			look()
		}
		b.ReportMetric(busy, "rooms/op")
	})
	b.Run("strangers", func(b *testing.B) {
		for b.Loop() {
			for _, name := range names {
				server.rooms[name]["stranger"] = rooms.Seen{SID: "PA_stranger", Person: "stranger", Connected: true, Grants: rooms.Grants{Join: true, Subscribe: true}}
			}
			look()
			for _, name := range names {
				if len(server.rooms[name]) != 2 {
					b.Fatalf("inside are %v", server.rooms[name])
				}
			}
		}
		b.ReportMetric(busy, "rooms/op")
	})
}

// plantCall makes two people who are in a call of their own, and gives its room.
func plantCall(b *testing.B, s *hookstest.Server, server *media, i int) string {
	b.Helper()
	now := s.Deps.Clock.Now()
	room := rooms.Name([16]byte{byte(i), byte(i >> 8)})
	call := rooms.Call{State: rooms.Active, Room: room, Began: now, Active: now}
	grants := rooms.Grants{Join: true, Subscribe: true, Sources: rooms.Microphone}
	server.rooms[room] = map[string]rooms.Seen{}
	for n := range 2 {
		id := fmt.Sprintf("person%07dxx", 2*i+n)
		s.Insert("users", dbx.Params{"id": id, "username": id, "username_key": id, "email": id + "@lingualink.test", "tokenKey": id, "standing": "good"})
		call.Parties = append(call.Parties, rooms.Party{Person: id, State: rooms.Accepted, Device: "phone"})
		server.rooms[room][id] = rooms.Seen{SID: "PA_" + id, Person: id, Connected: true, Joined: now.Add(-time.Second), Grants: grants}
	}
	call.Caller = call.Parties[0].Person
	state, err := json.Marshal(call)
	if err != nil {
		b.Fatal(err)
	}
	id := fmt.Sprintf("call%09dxx", i)
	s.Insert("calls", dbx.Params{
		"id": id, "caller": call.Caller, "status": string(call.State), "started_at": now.UTC().Format(time.RFC3339), "room": room, "state": string(state), "rev": 1,
	})
	return room
}
