package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/livekit"
)

// Jobs of this area: effects on the media server. All of them may be repeated,
// and each looks at the database for what is right by then.
const (
	jobCreateRoom = "live.room.create"
	jobDeleteRoom = "live.room.delete"
	jobPerson     = "live.person" // out of the room, or with the rights that the database says
)

const (
	// roundSoon tries effects right after their commit: people must be out within
	// a second, and the outbox may wait for somebody slow.
	roundSoon = "live.soon"
	soonEvery = time.Minute
	soonWidth = 16 // effects at once

	effectTries = 200 // some days
	silentFor   = 3 * time.Second

	// A room stays whether or not anybody is in it: its row says when it goes.
	roomEmptyFor = 25 * time.Hour
	roomLeftFor  = time.Hour
)

// effect is what is to be done to a room.
type effect struct {
	Kind   string `json:"-"`
	Room   string `json:"room"`
	Person string `json:"person,omitempty"`
}

func (s *studio) registerEffects() {
	for _, kind := range []string{jobCreateRoom, jobDeleteRoom, jobPerson} {
		s.deps.Outbox.Handle(kind, shell.JobHandler{
			MaxTries: effectTries,
			Outside: func(ctx context.Context, app core.App, job shell.Job) error {
				one := effect{}
				if err := json.Unmarshal(job.Raw, &one); err != nil {
					return err
				}
				one.Kind = kind
				return s.do(ctx, app, one)
			},
		})
	}
	s.deps.Outbox.Round(roundSoon, soonEvery, s.doSoon)
}

// carry has effects done after the commit of tx: by jobs, and by a try before.
func (s *studio) carry(tx core.App, effects ...effect) error {
	for _, one := range effects {
		key := one.Room + ":" + one.Person + ":" + shell.RowID(s.now())
		if err := s.deps.Outbox.Enqueue(tx, shell.Job{Kind: one.Kind, Key: key, Payload: one}); err != nil {
			return err
		}
		shell.AfterCommit(tx, func() { s.hurry(one) })
	}
	return nil
}

func (s *studio) createRoom(tx core.App, room string) error {
	return s.carry(tx, effect{Kind: jobCreateRoom, Room: room})
}

func (s *studio) deleteRoom(tx core.App, room string) error {
	return s.carry(tx, effect{Kind: jobDeleteRoom, Room: room})
}

// settlePerson has the media server told what the person may do in the room, or
// that the person is out, whatever the database says by then.
func (s *studio) settlePerson(tx core.App, room, person string) error {
	return s.carry(tx, effect{Kind: jobPerson, Room: room, Person: person})
}

func (s *studio) hurry(one effect) {
	s.soonLock.Lock()
	s.soon = append(s.soon, one)
	s.soonLock.Unlock()
	s.deps.Outbox.WakeRound(roundSoon)
}

// doSoon tries what was committed since the last time. What fails is left to its
// job.
func (s *studio) doSoon(ctx context.Context, app core.App) error {
	s.soonLock.Lock()
	effects := s.soon
	s.soon = nil
	s.soonLock.Unlock()
	places := make(chan struct{}, soonWidth)
	failures, running := make([]error, len(effects)), sync.WaitGroup{}
	for i, one := range effects {
		places <- struct{}{}
		running.Go(func() {
			defer func() { <-places }()
			failures[i] = s.do(ctx, app, one)
		})
	}
	running.Wait()
	return errors.Join(failures...)
}

// do carries out one effect if the database still wants it.
func (s *studio) do(ctx context.Context, app core.App, one effect) error {
	switch one.Kind {
	case jobCreateRoom:
		return s.doCreate(ctx, app, one.Room)
	case jobDeleteRoom:
		return s.doDelete(ctx, app, one.Room)
	case jobPerson:
		return s.doPerson(ctx, app, one.Room, one.Person)
	}
	return fmt.Errorf("live: nobody knows the effect %q", one.Kind)
}

// ask calls the media server unless it did not answer a moment ago: while it is
// away, nobody waits for it one by one.
func (s *studio) ask(ctx context.Context, do func() error) error {
	if err := s.configured(); err != nil {
		return err
	}
	if s.now().UnixMilli() < s.silentUntil.Load() {
		return livekit.ErrUnreachable
	}
	err := do()
	if errors.Is(err, livekit.ErrUnreachable) && ctx.Err() == nil { // not who lost patience
		s.silentUntil.Store(s.now().Add(silentFor).UnixMilli())
	}
	return err
}

// unavailable makes an answer for a person of what the media server failed with.
func unavailable(err error) error {
	if err == nil || errors.Is(err, fault.NotConfigured.On("")) {
		return err
	}
	return fault.MediaUnavailable.On("livekit").With("retry_after", int64(silentFor/time.Second)).Because(err)
}

func (s *studio) doCreate(ctx context.Context, app core.App, room string) error {
	owner, _, err := s.owner(app, room)
	if err != nil || owner == nil {
		return err
	}
	order := livekit.Room{Name: room, EmptyFor: roomEmptyFor, LeftFor: roomLeftFor}
	if limits, is := owner.(bounded); is {
		if order.MostInside, err = limits.most(app); err != nil {
			return err
		}
	}
	err = s.ask(ctx, func() error { return s.rooms.CreateRoom(ctx, order) })
	if err != nil {
		return err
	}
	// It may have ended while the media server made its room.
	return s.doDelete(ctx, app, room)
}

// doDelete deletes a room that nobody wants.
func (s *studio) doDelete(ctx context.Context, app core.App, room string) error {
	owner, _, err := s.owner(app, room)
	if err != nil || owner != nil {
		return err
	}
	return s.ask(ctx, func() error { return s.rooms.DeleteRoom(ctx, room) })
}

func (s *studio) doPerson(ctx context.Context, app core.App, room, person string) error {
	defer s.holdPerson(room, person)()
	at, err := s.placeOf(app, room, person)
	if err != nil {
		return err
	}
	if !at.Grants.Join {
		return s.ask(ctx, func() error { return s.rooms.Remove(ctx, room, person) })
	}
	err = s.ask(ctx, func() error { return s.rooms.SetGrants(ctx, room, person, at.Role, at.Grants) })
	if errors.Is(err, livekit.ErrAbsent) {
		return nil // the next token has the rights
	}
	return err
}

// holdPerson keeps others from telling the media server of the person until the
// returned function is called.
func (s *studio) holdPerson(room, person string) (release func()) {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(room + "/" + person)) // never fails
	lock := &s.people[hash.Sum32()%uint32(len(s.people))]
	lock.Lock()
	return lock.Unlock
}

// placeOf is the person's place in a room by its name; the zero place, which lets
// nobody in, where nobody has such a room.
func (s *studio) placeOf(app core.App, room, person string) (place, error) {
	owner, id, err := s.owner(app, room)
	if err != nil || owner == nil {
		return place{}, err
	}
	at, err := owner.place(app, id, person)
	if err != nil || at.Room != room {
		return place{}, err
	}
	return at, nil
}
