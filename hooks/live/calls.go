package live

import (
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/rooms"
)

// callBatch bounds how many calls one pass of the clock changes.
const callBatch = 200

// callDesk is the part of the studio that calls are. What a call is, is one value
// of rooms.Call, stored whole; everything else of its rows is made from it.
type callDesk struct{ *studio }

func (s *studio) registerCalls(app core.App) {
	d := &callDesk{s}
	s.join(d)
	d.registerCallRoutes()
	d.registerCallHistory()
	d.registerCallBlocks(app)
}

func (d *callDesk) kind() string { return collections.PresentInCall }

func (d *callDesk) find(app core.App, room string) (string, error) {
	var id string
	err := app.DB().NewQuery("SELECT id FROM calls WHERE room = {:room}").Bind(dbx.Params{"room": room}).Row(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

// wanted: in a call's room is whoever accepted, and nobody else.
func (d *callDesk) wanted(app core.App) ([]rooms.WantedRoom, error) {
	rows := []struct {
		State string `db:"state"`
	}{}
	if err := app.DB().NewQuery("SELECT state FROM calls WHERE status != 'ended'").All(&rows); err != nil {
		return nil, err
	}
	all := make([]rooms.WantedRoom, len(rows))
	for i, row := range rows {
		call, err := callOf([]byte(row.State))
		if err != nil {
			return nil, err
		}
		all[i] = rooms.WantedRoom{Name: call.Room, People: map[string]rooms.Grants{}}
		for _, p := range call.Parties {
			all[i].People[p.Person] = rooms.GrantCall(call, p.Person, rooms.Good)
		}
	}
	return all, nil
}

func (d *callDesk) place(app core.App, id, person string) (place, error) {
	call, err := readCall(app, id)
	if err != nil {
		return place{}, err
	}
	standing, err := standingOf(app, person)
	if err != nil {
		return place{}, err
	}
	return place{Room: call.Room, Role: rooms.Member, Grants: rooms.GrantCall(call, person, standing)}, nil
}

// moved: whether somebody is inside is what the stays say, not the last event.
func (d *callDesk) moved(tx core.App, id, room, person string) error {
	here, err := inside(tx, room, person)
	if err != nil {
		return err
	}
	var event rooms.CallEvent = rooms.Went{Room: room, Person: person}
	if here {
		event = rooms.Came{Room: room, Person: person}
	}
	return d.happened(tx, id, event)
}

func (d *callDesk) lost(tx core.App, id, room string) error {
	return d.happened(tx, id, rooms.CallRoomLost{Room: room})
}

// due ends what rang too long, who did not come, and calls that are too long.
func (d *callDesk) due(app core.App) error {
	ids := []string{}
	err := app.DB().NewQuery("SELECT id FROM calls WHERE status != 'ended' AND due_at <= {:now} ORDER BY due_at LIMIT {:most}").
		Bind(dbx.Params{"now": shell.Stamp(d.now()), "most": callBatch}).Column(&ids)
	if err != nil {
		return err
	}
	failures := []error{}
	for _, id := range ids {
		failures = append(failures, app.RunInTransaction(func(tx core.App) error { return d.tick(tx, id) }))
	}
	return errors.Join(failures...)
}

// tick tells a call the time. One that does not mind yet, because the policy gives
// it longer than it did, is looked at when it does.
func (d *callDesk) tick(tx core.App, id string) error {
	call, err := d.step(tx, id, rooms.CallTick{})
	if !errors.Is(err, fault.CallState.On("")) {
		return err
	}
	policy, err := d.policy(tx)
	if err != nil {
		return err
	}
	_, err = shell.Exec(tx, "UPDATE calls SET due_at = {:due} WHERE id = {:id} AND status != 'ended'",
		dbx.Params{"id": id, "due": stampOf(call.Due(policy))})
	return err
}

// barred throws a person out of every call. Others in it may go on.
func (d *callDesk) barred(tx core.App, person string) error {
	ids, err := runningCalls(tx, person)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := d.happened(tx, id, rooms.Bar{Person: person}); err != nil {
			return err
		}
	}
	return nil
}

// runningCalls are those in which the person is, or which ring for the person.
func runningCalls(app core.App, person string) ([]string, error) {
	ids := []string{}
	err := app.DB().NewQuery("SELECT call FROM call_parties WHERE person = {:person} AND state IN ({:in}, {:rings}) ORDER BY call").
		Bind(dbx.Params{"person": person, "in": string(rooms.Accepted), "rings": string(rooms.Called)}).Column(&ids)
	return ids, err
}

// happened is step for what nobody asked for and may have been overtaken: what
// does not apply any more is left.
func (d *callDesk) happened(tx core.App, id string, event rooms.CallEvent) error {
	_, err := d.step(tx, id, event)
	if errors.Is(err, fault.CallState.On("")) || errors.Is(err, fault.NotAllowed.On("")) {
		return nil
	}
	return err
}

func readCall(app core.App, id string) (rooms.Call, error) {
	var state string
	err := app.DB().NewQuery("SELECT state FROM calls WHERE id = {:id}").Bind(dbx.Params{"id": id}).Row(&state)
	if errors.Is(err, sql.ErrNoRows) {
		return rooms.Call{}, fault.NotFound.On("call")
	}
	if err != nil {
		return rooms.Call{}, err
	}
	return callOf([]byte(state))
}

func callOf(state []byte) (call rooms.Call, err error) {
	return call, json.Unmarshal(state, &call)
}

func stateOf(call rooms.Call) (types.JSONRaw, error) {
	raw, err := json.Marshal(call)
	return types.JSONRaw(raw), err
}

// standingOf is the standing of an account; of nobody it is none that may.
func standingOf(app core.App, person string) (rooms.Standing, error) {
	var standing string
	err := app.DB().NewQuery("SELECT standing FROM users WHERE id = {:id}").Bind(dbx.Params{"id": person}).Row(&standing)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return rooms.Standing(standing), err
}
