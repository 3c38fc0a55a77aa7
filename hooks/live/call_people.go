package live

import (
	"errors"
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/rooms"
)

// How often somebody may ring people: anybody, and one person. Who rings is told
// by a notice, and later on a locked screen.
const (
	ringsPerHour      = 60
	ringsOfOne        = 6
	ringsOfOneWithin  = 10 * time.Minute
	ringsPerHourSpan  = time.Hour
	quotaRings        = "call_rings:"
	quotaRingsSameOne = "call_rings_one:"
)

// dial begins a call in one transaction with what may keep it from beginning.
func (d *callDesk) dial(tx core.App, caller string, body dialBody) (rooms.Call, error) {
	if err := accounts.RequireGoodStanding(tx, caller); err != nil {
		return rooms.Call{}, err
	}
	people := slices.Compact(slices.Sorted(slices.Values(body.People)))
	if call, same, err := repeatedDial(tx, body, caller, people); err != nil || same {
		return call, err
	}
	policy, err := d.policy(tx)
	if err != nil {
		return rooms.Call{}, err
	}
	if int64(len(people)) >= policy.CallPeople {
		return rooms.Call{}, fault.CallFull.On("people").With("most", policy.CallPeople)
	}
	if busy, err := inCalls(tx, "", caller); err != nil {
		return rooms.Call{}, err
	} else if len(busy) > 0 {
		return rooms.Call{}, fault.CallBusy.On("call")
	}
	silent, err := d.reach(tx, caller, people, []string{caller})
	if err != nil {
		return rooms.Call{}, err
	}
	busy, err := inCalls(tx, "", people...)
	if err != nil {
		return rooms.Call{}, err
	}
	return d.begin(tx, body.ID, rooms.Dial{
		Caller: caller, Device: body.Device, Room: newRoom(), Video: body.Video, People: people, Busy: busy, Silent: silent,
	}, policy)
}

// repeatedDial finds the call that a client-made id names already.
func repeatedDial(tx core.App, body dialBody, caller string, people []string) (rooms.Call, bool, error) {
	call, err := readCall(tx, body.ID)
	if errors.Is(err, fault.NotFound.On("")) {
		return rooms.Call{}, false, nil
	}
	if err != nil {
		return rooms.Call{}, false, err
	}
	asked := []string{}
	for _, p := range call.Parties {
		if p.Person != call.Caller {
			asked = append(asked, p.Person)
		}
	}
	for _, person := range people { // others may have been asked since
		if !slices.Contains(asked, person) {
			return rooms.Call{}, false, fault.IDConflict.On("id")
		}
	}
	if call.Caller != caller || call.Video != body.Video || len(people) == 0 {
		return rooms.Call{}, false, fault.IDConflict.On("id")
	}
	return call, true, nil
}

// reach says whom of the people asked must not be told of a call: those who have
// blocked somebody in it or are blocked by one, and those who may not act. Nobody
// in the call is told which. Whom the person who asks has blocked cannot be asked;
// that much they know.
func (d *callDesk) reach(tx core.App, by string, people, in []string) ([]string, error) {
	standings, err := standingsOf(tx, people)
	if err != nil {
		return nil, err
	}
	silent := []string{}
	for _, person := range people {
		standing, known := standings[person]
		if !known {
			return nil, fault.NotFound.On("people").Saying("There is no such person.")
		}
		if own, err := hasBlocked(tx, by, person); err != nil {
			return nil, err
		} else if own {
			return nil, fault.NotAllowed.On("people").Saying("You have blocked this person. Take the block back first.")
		}
		if err := d.takeRing(tx, by, person); err != nil {
			return nil, err
		}
		apart, err := blockedAmong(tx, person, in)
		if err != nil {
			return nil, err
		}
		if len(apart) > 0 || standing == collections.StandingSuspended || standing == collections.StandingBanned {
			silent = append(silent, person)
			continue
		}
		in = append(in, person)
	}
	return silent, nil
}

func (d *callDesk) takeRing(tx core.App, by, person string) error {
	if !d.deps.Config.RateLimits {
		return nil
	}
	if err := shell.TakeQuota(tx, d.now(), quotaRings+by, ringsPerHour, ringsPerHourSpan); err != nil {
		return err
	}
	return shell.TakeQuota(tx, d.now(), quotaRingsSameOne+by+":"+person, ringsOfOne, ringsOfOneWithin)
}

// accept takes a call on a device. Who blocked somebody in it since it rang, or
// was blocked, finds no call.
func (d *callDesk) accept(tx core.App, id, person, device string) (rooms.Call, error) {
	call, err := readCall(tx, id)
	if err != nil {
		return call, err
	}
	if apart, err := blockedAmong(tx, person, withState(call, rooms.Accepted)); err != nil {
		return call, err
	} else if len(apart) > 0 {
		return call, fault.NotFound.On("call")
	}
	busy, err := inCalls(tx, id, person)
	if err != nil {
		return call, err
	}
	return d.step(tx, id, rooms.Answer{Person: person, Device: device, Busy: len(busy) > 0})
}

// cancel is hanging up before anybody has accepted, and nothing else.
func (d *callDesk) cancel(tx core.App, id, person string) (rooms.Call, error) {
	call, err := readCall(tx, id)
	switch {
	case err != nil:
		return call, err
	case call.Caller != person:
		return call, fault.NotAllowed.On("call")
	case call.State != rooms.Ringing:
		return call, fault.CallState.On("status").With("status", string(call.State))
	}
	return d.step(tx, id, rooms.HangUp{Person: person})
}

func (d *callDesk) invite(tx core.App, id, by, person string) (rooms.Call, error) {
	call, err := readCall(tx, id)
	if err != nil {
		return call, err
	}
	// Whether by may ask at all comes first: who may not learns nothing of the person.
	asked := withState(call, rooms.Accepted, rooms.Called)
	if call.State != rooms.Active || !slices.Contains(withState(call, rooms.Accepted), by) {
		return call, fault.CallState.On("status").With("status", string(call.State))
	}
	silent, err := d.reach(tx, by, []string{person}, slices.DeleteFunc(asked, func(one string) bool { return one == person }))
	if err != nil {
		return call, err
	}
	busy, err := inCalls(tx, id, person)
	if err != nil {
		return call, err
	}
	return d.step(tx, id, rooms.Ask{By: by, Person: person, Busy: len(busy) > 0, Silent: len(silent) > 0})
}

// registerCallBlocks: a block ends what the two are in together.
func (d *callDesk) registerCallBlocks(app core.App) {
	app.OnRecordCreateExecute("blocks").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.blocks.create.calls",
		Func: func(e *core.RecordEvent) error {
			return shell.InTransaction(&e.App, func(tx core.App) error {
				if err := e.Next(); err != nil {
					return err
				}
				return d.part(tx, e.Record.GetString("user"), e.Record.GetString("blocked"))
			})
		},
	})
}

// part separates two people in every call that both are in. What rings for the
// blocker is declined. The caller puts the other out; anybody else leaves: a block
// is no way to throw people out of others' calls.
func (d *callDesk) part(tx core.App, blocker, blocked string) error {
	ids, err := runningCalls(tx, blocker)
	if err != nil {
		return err
	}
	for _, id := range ids {
		call, err := readCall(tx, id)
		if err != nil {
			return err
		}
		with := slices.Contains(withState(call, rooms.Accepted, rooms.Called), blocked)
		var event rooms.CallEvent
		switch {
		case !with:
			continue
		case slices.Contains(withState(call, rooms.Called), blocker):
			event = rooms.Reject{Person: blocker}
		case call.Group && call.Caller == blocker:
			event = rooms.Bar{Person: blocked}
		default:
			event = rooms.HangUp{Person: blocker}
		}
		if err := d.happened(tx, id, event); err != nil {
			return err
		}
	}
	return nil
}

// withState are the people of a call in one of the states, but for those who were
// not told of it.
func withState(call rooms.Call, states ...rooms.PartyState) []string {
	people := []string{}
	for _, p := range call.Parties {
		if !p.Silent && slices.Contains(states, p.State) {
			people = append(people, p.Person)
		}
	}
	return people
}

// inCalls are those of the people who are in another call. One that only rings for
// them does not make them busy.
func inCalls(app core.App, but string, people ...string) ([]string, error) {
	busy := []string{}
	err := app.DB().NewQuery("SELECT DISTINCT person FROM call_parties WHERE person IN " + shell.Among("people") + " AND state = 'accepted' AND call != {:but}").
		Bind(dbx.Params{"people": shell.List(people), "but": but}).Column(&busy)
	return busy, err
}

func hasBlocked(app core.App, by, person string) (bool, error) {
	var found bool
	err := app.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM blocks WHERE user = {:by} AND blocked = {:person})").
		Bind(dbx.Params{"by": by, "person": person}).Row(&found)
	return found, err
}

// blockedAmong are those of the people between whom and the person there is a
// block, either way.
func blockedAmong(app core.App, person string, people []string) ([]string, error) {
	apart := []string{}
	err := app.DB().NewQuery(`
		SELECT blocked FROM blocks WHERE user = {:person} AND blocked IN ` + shell.Among("people") + `
		UNION SELECT user FROM blocks WHERE blocked = {:person} AND user IN ` + shell.Among("people")).
		Bind(dbx.Params{"person": person, "people": shell.List(people)}).Column(&apart)
	return apart, err
}

// standingsOf are the standings of those of the people who have an account.
func standingsOf(app core.App, people []string) (map[string]string, error) {
	rows := []struct {
		ID       string `db:"id"`
		Standing string `db:"standing"`
	}{}
	err := app.DB().NewQuery("SELECT id, standing FROM users WHERE id IN " + shell.Among("people")).
		Bind(dbx.Params{"people": shell.List(people)}).All(&rows)
	standings := map[string]string{}
	for _, row := range rows {
		standings[row.ID] = row.Standing
	}
	return standings, err
}
