package live

import (
	"errors"
	"net/http"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/livekit"
	"github.com/lingualink/lingualink/internal/rooms"
)

// eventsKept is how long an event that comes again is recognised; the media
// server gives up after minutes.
const eventsKept = 7 * 24 * time.Hour

func (s *studio) registerWebhook() {
	s.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/webhooks/livekit", Who: shell.Anyone,
		What:   "For the media server alone: an event, signed with its key.",
		Params: []shell.Param{shell.Header("Authorization", "The media server's token with the hash of the body.")},
		Upload: "application/webhook+json", MaxBytes: livekit.MaxEvent, Media: "text/plain",
		Faults: []*fault.Code{fault.NotConfigured, fault.SignatureInvalid, fault.TooLarge},
		Handle: s.needsServer(s.receive),
	})
	s.deps.Outbox.Sweep("live.events", time.Hour, func(app core.App) error {
		_, err := shell.Exec(app, "DELETE FROM live_events WHERE received_at < {:old}", dbx.Params{"old": shell.Stamp(s.now().Add(-eventsKept))})
		return err
	})
}

// receive applies an event once. The media server sends an event again after a
// 5xx only, so an authentic one gets no other error.
func (s *studio) receive(e *core.RequestEvent) error {
	event, err := s.rooms.ReadEvent(e.Request)
	switch {
	case errors.Is(err, livekit.ErrSignature):
		return fault.SignatureInvalid.On("authorization").Because(err)
	case errors.Is(err, livekit.ErrTooLong):
		return fault.TooLarge.On("body").With("max_bytes", int64(livekit.MaxEvent))
	case errors.Is(err, livekit.ErrUnreadable):
		e.App.Logger().Warn("live: an event of the media server cannot be read", "error", err)
		return e.String(http.StatusOK, "ok")
	case err != nil:
		return err
	}
	if err := e.App.RunInTransaction(func(tx core.App) error { return s.apply(tx, event) }); err != nil {
		return err
	}
	return e.String(http.StatusOK, "ok")
}

// apply does what follows from an event, in the transaction that remembers it.
func (s *studio) apply(tx core.App, event livekit.Event) error {
	fresh, err := shell.Exec(tx, `
		INSERT INTO live_events (id, event, kind, room, person, received_at) VALUES ({:id}, {:event}, {:kind}, {:room}, {:person}, {:now})
		ON CONFLICT (event) DO NOTHING`,
		dbx.Params{
			"id": shell.RowID(s.now()), "event": event.ID, "kind": string(event.Kind), "room": event.Room, "person": event.Person.Person, "now": shell.Stamp(s.now()),
		})
	if err != nil || fresh == 0 || !rooms.Owned(event.Room) {
		return err
	}
	if event.Kind == livekit.RoomFinished {
		s.lookAfter(tx) // it may be one that should be there
		return nil
	}
	owner, id, err := s.owner(tx, event.Room)
	if err != nil {
		return err
	}
	if owner == nil {
		return s.applyToNobodys(tx, event)
	}
	if event.Kind == livekit.PersonJoined {
		if err := s.judge(tx, owner, id, event); err != nil {
			return err
		}
	}
	seen, tells := event.Sighting()
	if !tells {
		return nil
	}
	at, err := owner.place(tx, id, seen.Person)
	if err != nil {
		return err
	}
	if !at.Grants.Join && event.Kind == livekit.PersonJoined {
		return nil // thrown out, and never was there
	}
	seen.Role = at.Role
	if err := sight(tx, owner.kind(), id, seen); err != nil {
		return err
	}
	return owner.moved(tx, id, event.Room, seen.Person)
}

// applyToNobodys is about a room that has ended, or got another name: leaves
// still count, and whoever comes in finds it closed.
func (s *studio) applyToNobodys(tx core.App, event livekit.Event) error {
	if event.Kind == livekit.PersonJoined {
		return s.deleteRoom(tx, event.Room)
	}
	seen, tells := event.Sighting()
	if !tells {
		return nil
	}
	// Only where the join was known: nobody can tell whose room it was.
	_, err := shell.Exec(tx, "UPDATE live_presence SET left_at = {:left} WHERE room = {:room} AND sid = {:sid} AND (left_at = '' OR left_at > {:left})",
		dbx.Params{"left": stampOf(seen.Left), "room": seen.Room, "sid": seen.SID})
	return err
}

// judge looks at who came in. A token that somebody kept lets in whom the
// database does not, with the rights it once had.
func (s *studio) judge(tx core.App, owner subject, id string, event livekit.Event) error {
	at, err := owner.place(tx, id, event.Person.Person)
	if err != nil {
		return err
	}
	want := rooms.WantedRoom{Name: event.Room, People: map[string]rooms.Grants{event.Person.Person: at.Grants}}
	if rooms.Judge(want, event.Person) == nil {
		return nil
	}
	return s.settlePerson(tx, event.Room, event.Person.Person)
}
