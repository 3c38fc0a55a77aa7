package live

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/rooms"
)

const (
	// roundLook compares the rooms with the database.
	roundLook = "live.look"
	lookEvery = 12 * time.Second
	// roundDue does what time alone brings about.
	roundDue = "live.due"
	dueEvery = time.Second
)

func (s *studio) registerReconcile() {
	s.deps.Outbox.Round(roundLook, lookEvery, s.look)
	s.deps.Outbox.Round(roundDue, dueEvery, func(_ context.Context, app core.App) error {
		failures := []error{}
		for _, one := range s.subjects {
			failures = append(failures, one.due(app))
		}
		return errors.Join(failures...)
	})
}

// lookAfter makes the next look come right after the commit.
func (s *studio) lookAfter(tx core.App) {
	shell.AfterCommit(tx, func() { s.deps.Outbox.WakeRound(roundLook) })
}

// look is one comparison of the media server with the database, and all
// corrections that follow. What fails is found again by the next look.
func (s *studio) look(ctx context.Context, app core.App) error {
	if s.rooms == nil {
		return nil
	}
	// The rooms first: one that is there and that nobody wants has ended then, and
	// never has just begun.
	observed, err := s.rooms.Observe(ctx, s.now())
	if err != nil {
		return err
	}
	s.silentUntil.Store(0)
	wanted, err := s.wanted(app, observed)
	if err != nil {
		return err
	}
	corrections := rooms.Reconcile(wanted, observed)
	missing := slices.ContainsFunc(corrections, func(c rooms.Correction) bool { return c.Kind == rooms.MakeRoom })
	made := []string{}
	if missing { // but for those that were made since
		if made, err = s.rooms.Rooms(ctx); err != nil {
			return err
		}
	}
	failures := []error{}
	for _, c := range corrections {
		if c.Kind == rooms.MakeRoom && slices.Contains(made, c.Room) {
			continue
		}
		app.Logger().Info("live: corrected", "what", string(c.Kind), "person", c.Person)
		failures = append(failures, s.correct(ctx, app, c))
	}
	return errors.Join(failures...)
}

// wanted is what the database says should be. Who may not act, and who is nobody,
// is wanted nowhere.
func (s *studio) wanted(app core.App, observed rooms.Observed) (rooms.Wanted, error) {
	wanted := rooms.Wanted{}
	for _, one := range s.subjects {
		some, err := one.wanted(app)
		if err != nil {
			return wanted, err
		}
		wanted.Rooms = append(wanted.Rooms, some...)
	}
	seen := map[string][]string{}
	people := []string{}
	for _, room := range observed.Rooms {
		for _, one := range room.People {
			seen[room.Name] = append(seen[room.Name], one.Person)
			people = append(people, one.Person)
		}
	}
	good, err := inGoodStanding(app, people)
	if err != nil {
		return wanted, err
	}
	for i := range wanted.Rooms {
		room := &wanted.Rooms[i]
		if room.People == nil {
			room.People = map[string]rooms.Grants{}
		}
		for _, person := range seen[room.Name] {
			if !good[person] && !room.People[person].Recorder {
				room.People[person] = rooms.Grants{}
			}
		}
	}
	wanted.Stays, err = openStays(app)
	return wanted, err
}

// inGoodStanding are those of the people who are users that may act.
func inGoodStanding(app core.App, people []string) (map[string]bool, error) {
	ids := []string{}
	err := app.DB().NewQuery("SELECT id FROM users WHERE id IN " + shell.Among("people") + " AND standing IN ({:good}, {:warned})").
		Bind(dbx.Params{"people": shell.List(people), "good": collections.StandingGood, "warned": collections.StandingWarned}).Column(&ids)
	good := map[string]bool{}
	for _, id := range ids {
		good[id] = true
	}
	return good, err
}

// correct carries out one correction, by what the database says at that moment.
func (s *studio) correct(ctx context.Context, app core.App, c rooms.Correction) error {
	switch c.Kind {
	case rooms.DropRoom:
		return s.doDelete(ctx, app, c.Room)
	case rooms.ThrowOut, rooms.SetRights:
		return s.doPerson(ctx, app, c.Room, c.Person)
	default:
		return app.RunInTransaction(func(tx core.App) error { return s.correctRows(tx, c) })
	}
}

// correctRows are the corrections of the database.
func (s *studio) correctRows(tx core.App, c rooms.Correction) error {
	owner, id, err := s.owner(tx, c.Room)
	if err != nil {
		return err
	}
	switch c.Kind {
	case rooms.MakeRoom:
		if owner == nil {
			return nil
		}
		if err := s.closeStays(tx, c.Room); err != nil {
			return err
		}
		return owner.lost(tx, id, c.Room)
	case rooms.OpenStay:
		if owner == nil {
			return nil
		}
		at, err := owner.place(tx, id, c.Person)
		if err != nil {
			return err
		}
		if err := sight(tx, owner.kind(), id, rooms.Sighting{Room: c.Room, SID: c.SID, Person: c.Person, Role: at.Role, Joined: c.At}); err != nil {
			return err
		}
	case rooms.MissStay, rooms.FindStay:
		_, err := shell.Exec(tx, "UPDATE live_presence SET misses = {:misses} WHERE room = {:room} AND sid = {:sid}",
			dbx.Params{"misses": c.Misses, "room": c.Room, "sid": c.SID})
		return err
	case rooms.CloseStay:
		_, err := shell.Exec(tx, "UPDATE live_presence SET left_at = {:at} WHERE room = {:room} AND sid = {:sid} AND left_at = ''",
			dbx.Params{"at": stampOf(c.At), "room": c.Room, "sid": c.SID})
		if err != nil {
			return err
		}
	default:
		return nil
	}
	if owner == nil {
		return nil
	}
	return owner.moved(tx, id, c.Room, c.Person)
}
