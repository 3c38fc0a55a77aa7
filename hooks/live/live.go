// Package live decides what streams and calls are to the database, and keeps the
// rooms of the media server as the database wants them: who is let in and as
// what, who is thrown out, what ends when, and who was there. What follows from
// what is internal/rooms; the client is internal/livekit.
//
// It refuses to let the media server or a client decide anything. Every effect on
// a room is a job, written with its cause and repeated until the media server has
// confirmed it, besides a first try right after the commit. What a webhook tells
// is a hint; a round that looks at the rooms every few seconds finds what no
// webhook told. A token is made of what the database says at that moment, and a
// room's name is never told but in a token.
package live

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/livekit"
	"github.com/lingualink/lingualink/internal/rooms"
)

// Rooms is what is asked of the media server; *livekit.Client is one. What is
// gone already counts as removed.
type Rooms interface {
	Address() string
	Token(t livekit.Token) (string, error)
	CreateRoom(ctx context.Context, room livekit.Room) error
	DeleteRoom(ctx context.Context, name string) error
	Rooms(ctx context.Context) ([]string, error)
	People(ctx context.Context, room string) ([]rooms.Seen, error)
	Observe(ctx context.Context, now time.Time) (rooms.Observed, error)
	SetGrants(ctx context.Context, room, person string, role rooms.Role, grants rooms.Grants) error
	MuteTrack(ctx context.Context, room, person, track string) error
	Remove(ctx context.Context, room, person string) error
	Send(ctx context.Context, room, topic string, data []byte, people ...string) error
	Record(ctx context.Context, r livekit.Recording, to io.Writer) (livekit.Recorded, error)
	ReadEvent(r *http.Request) (livekit.Event, error)
}

// subject is what rooms belong to: streams, calls. Functions that are given a
// transaction are part of it; the others may read what others change meanwhile.
type subject interface {
	// kind is the collection, as in live_presence.subject_type.
	kind() string
	// find is the id of the row that has the room now; empty for none.
	find(app core.App, room string) (id string, err error)
	// wanted are all rooms that should exist. Who may not act is taken out of
	// them by the caller.
	wanted(app core.App) ([]rooms.WantedRoom, error)
	// place is what the person is at this moment in the row's room. Grants that
	// do not let in are for somebody who must be out.
	place(app core.App, id, person string) (place, error)
	// moved tells that a stay of the person in the room began or ended.
	moved(tx core.App, id, room, person string) error
	// lost tells that the media server does not have the row's room any more. Its
	// stays are closed already.
	lost(tx core.App, id, room string) error
	// due does what time alone brings about.
	due(app core.App) error
	// barred ends what cannot go on when the person may not act any more. The
	// person is taken out of all rooms by the caller.
	barred(tx core.App, person string) error
}

// bounded is a subject whose rooms the media server bounds by itself.
type bounded interface {
	most(app core.App) (int64, error)
}

// place is what somebody is in a room.
type place struct {
	Room   string
	Role   rooms.Role
	Grants rooms.Grants
}

// studio is what the handlers of this area share.
type studio struct {
	deps     *shell.Deps
	rooms    Rooms // nil without a media server
	subjects []subject

	// soon are effects to be tried before their job is due.
	soonLock sync.Mutex
	soon     []effect

	// people makes what is decided of a person and what the media server is told
	// one step: an older decision must not be told last.
	people [64]sync.Mutex

	// silentUntil is when the media server is asked again after it did not answer,
	// in Unix milliseconds.
	silentUntil atomic.Int64
}

// Register binds the area. Without a media server its routes answer
// not_configured, and nothing else of the program misses it.
func Register(app core.App, deps *shell.Deps, server Rooms) {
	s := &studio{deps: deps, rooms: server}
	s.registerEffects()
	s.registerWebhook()
	s.registerReconcile()
	s.registerStanding(app)
	s.registerStreams(app)
	s.registerCalls(app)
}

// join adds a subject; called while the area registers.
func (s *studio) join(one subject) { s.subjects = append(s.subjects, one) }

// now is the time of decisions.
func (s *studio) now() time.Time { return s.deps.Clock.Now() }

// policy is the policy of streams and calls in force.
func (s *studio) policy(app core.App) (rooms.Policy, error) {
	policy, _, err := shell.Policy(app, s.now(), shell.PolicyLive, "", rooms.ParsePolicy)
	return policy, err
}

// configured refuses what needs a media server where there is none.
func (s *studio) configured() error {
	if s.rooms == nil {
		return fault.NotConfigured.On("livekit").Saying("Streams and calls are not set up on this server. The operator sets LIVEKIT_URL; see docs/live.md#operators.")
	}
	return nil
}

// needsServer wraps the handlers of routes that are of no use without a media
// server.
func (s *studio) needsServer(handle func(e *core.RequestEvent) error) func(e *core.RequestEvent) error {
	return func(e *core.RequestEvent) error {
		if err := s.configured(); err != nil {
			return err
		}
		return handle(e)
	}
}

// newRoom makes the name of a room that nobody can guess.
func newRoom() string {
	random := [16]byte{}
	_, _ = rand.Read(random[:]) // never fails
	return rooms.Name(random)
}

// owner is the subject whose row has the room now, and the row; nil for none.
func (s *studio) owner(app core.App, room string) (subject, string, error) {
	if room == "" {
		return nil, "", nil
	}
	for _, one := range s.subjects {
		id, err := one.find(app, room)
		if err != nil || id != "" {
			return one, id, err
		}
	}
	return nil, "", nil
}

// ticket lets a person into the place.
type ticket struct {
	URL       string `json:"url" help:"Where the client connects to."`
	Token     string `json:"token" help:"Opens the room, for this person alone."`
	Role      string `json:"role" help:"host, cohost, speaker, viewer, moderator or member."`
	ExpiresIn int64  `json:"expires_in" help:"Seconds in which to connect; once inside, the client stays."`
}

// ticket makes a token of what the database said a moment ago.
func (s *studio) ticket(person *core.Record, at place, policy rooms.Policy) (ticket, error) {
	token, err := s.rooms.Token(livekit.Token{
		Room: at.Room, Identity: person.Id, Name: displayName(person), Role: at.Role, Grants: at.Grants, For: time.Duration(policy.TokenSeconds) * time.Second,
	})
	return ticket{URL: s.rooms.Address(), Token: token, Role: string(at.Role), ExpiresIn: policy.TokenSeconds}, err
}
