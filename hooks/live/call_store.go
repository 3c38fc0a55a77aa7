package live

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/rooms"
)

// errCallLost is a call that somebody else changed in between: the decision was
// made on what is no longer so, and nothing of it is stored.
var errCallLost = errors.New("the call was changed meanwhile")

// step applies an event to a stored call: the state, the rows that people watch,
// jobs for the media server and notices, or nothing of it. An event that does not
// apply gives the call as it is and the error of rooms.StepCall.
func (d *callDesk) step(tx core.App, id string, event rooms.CallEvent) (rooms.Call, error) {
	record, err := tx.FindRecordById("calls", id)
	if errors.Is(err, sql.ErrNoRows) {
		return rooms.Call{}, fault.NotFound.On("call")
	}
	if err != nil {
		return rooms.Call{}, err
	}
	call, err := callOf([]byte(record.GetString("state")))
	if err != nil {
		return rooms.Call{}, err
	}
	policy, err := d.policy(tx)
	if err != nil {
		return rooms.Call{}, err
	}
	out, err := rooms.StepCall(call, event, policy, d.now())
	if err != nil {
		return call, err
	}
	rev := int64(record.GetInt("rev"))
	won, err := shell.Exec(tx, "UPDATE calls SET rev = rev + 1 WHERE id = {:id} AND rev = {:rev} AND status = {:status}",
		dbx.Params{"id": id, "rev": rev, "status": string(call.State)})
	if err != nil {
		return call, err
	}
	if won != 1 {
		return call, errCallLost
	}
	record.Set("rev", rev+1)
	return out.Call, d.store(tx, record, out, policy)
}

// begin stores a new call.
func (d *callDesk) begin(tx core.App, id string, event rooms.Dial, policy rooms.Policy) (rooms.Call, error) {
	out, err := rooms.StepCall(rooms.Call{}, event, policy, d.now())
	if err != nil {
		return rooms.Call{}, err
	}
	if out.State == rooms.CallEnded { // everybody was busy: there never was a room
		out.Effects = slices.DeleteFunc(out.Effects, func(e rooms.Effect) bool { return e.Kind == rooms.CreateRoom })
	}
	collection, err := tx.FindCachedCollectionByNameOrId("calls")
	if err != nil {
		return rooms.Call{}, err
	}
	record := core.NewRecord(collection)
	record.Id = id
	record.Set("rev", 1)
	return out.Call, d.store(tx, record, out, policy)
}

// store writes what a step has come to.
func (d *callDesk) store(tx core.App, record *core.Record, out rooms.CallOutcome, policy rooms.Policy) error {
	state, err := stateOf(out.Call)
	if err != nil {
		return err
	}
	record.Set("state", state)
	record.Set("caller", out.Caller)
	record.Set("status", string(out.State))
	record.Set("video", out.Video)
	record.Set("group", out.Group)
	record.Set("people", peopleOf(out.Call))
	record.Set("started_at", shell.DateTime(out.Began))
	setTime(record, "active_at", out.Active)
	setTime(record, "ended_at", out.Ended)
	record.Set("outcome", string(out.Outcome))
	record.Set("room", out.Room)
	setTime(record, "due_at", out.Due(policy))
	if err := tx.Save(record); err != nil {
		return err
	}
	if err := d.carryCall(tx, record, out); err != nil {
		return err
	}
	return d.storeParties(tx, record.Id, out.Call)
}

// carryCall has the effects on the media server done and tells people. What rings,
// and stops ringing, is seen in call_parties; when time changes the call is in
// due_at.
func (d *callDesk) carryCall(tx core.App, record *core.Record, out rooms.CallOutcome) error {
	for _, effect := range out.Effects {
		var err error
		switch effect.Kind {
		case rooms.CreateRoom:
			err = d.createRoom(tx, effect.Room)
		case rooms.DeleteRoom:
			if err = d.closeStays(tx, effect.Room); err == nil {
				err = d.deleteRoom(tx, effect.Room)
			}
		case rooms.RemovePerson:
			err = d.settlePerson(tx, effect.Room, effect.Person)
		case rooms.Ring, rooms.TellMissed:
			err = d.tellCall(tx, record, out.Call, effect)
		default: // in the rows
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tellCall tells somebody that it rings, or that it rang. Each ringing is told
// once: somebody may be asked again.
func (d *callDesk) tellCall(tx core.App, record *core.Record, call rooms.Call, effect rooms.Effect) error {
	from := call.Caller
	if i := slices.IndexFunc(call.Parties, func(p rooms.Party) bool { return p.Person == effect.Person }); i >= 0 && call.Parties[i].InvitedBy != "" {
		from = call.Parties[i].InvitedBy
	}
	caller, err := tx.FindRecordById("users", from)
	if err != nil {
		return err
	}
	name := displayName(caller)
	kind, title, body := "call_ring", name+" is calling you", "Open the app to answer."
	if effect.Kind == rooms.TellMissed {
		kind, title, body = "call_missed", "You missed a call", name+" called you."
	}
	return shell.Notify(tx, d.deps, fmt.Sprintf("%s:%s:%d", kind, record.Id, record.GetInt("rev")), shell.Notice{
		User: effect.Person, Kind: kind, Title: title, Body: body,
		Data: map[string]any{"call": record.Id, "from": from, "name": name},
	})
}

// callPerson is one person of a call as the others see them.
type callPerson struct {
	Person    string `json:"person"`
	State     string `json:"state" help:"ringing, accepted, declined, missed, busy or left."`
	InvitedBy string `json:"invited_by" help:"Empty for the caller."`
}

// peopleOf are all who were asked. Who cannot be reached rings like everybody, and
// who was thrown out has left: why is nobody's business.
func peopleOf(call rooms.Call) []callPerson {
	people := make([]callPerson, len(call.Parties))
	for i, p := range call.Parties {
		state := p.State
		if state == rooms.Barred {
			state = rooms.Gone
		}
		people[i] = callPerson{Person: p.Person, State: string(state), InvitedBy: p.InvitedBy}
	}
	return people
}

// storeParties makes a row of each person who was told of the call, and writes
// those that changed.
func (d *callDesk) storeParties(tx core.App, id string, call rooms.Call) error {
	stays, err := callStays(tx, id, call)
	if err != nil {
		return err
	}
	rows, err := tx.FindAllRecords("call_parties", dbx.HashExp{"call": id})
	if err != nil {
		return err
	}
	collection, err := tx.FindCachedCollectionByNameOrId("call_parties")
	if err != nil {
		return err
	}
	for _, p := range call.Parties {
		entry, told := rooms.History(call, stays, p.Person, d.now())
		i := slices.IndexFunc(rows, func(r *core.Record) bool { return r.GetString("person") == p.Person })
		if !told && i < 0 {
			continue
		}
		row := core.NewRecord(collection)
		if i >= 0 {
			row = rows[i]
		}
		if !told { // was in the call once, and must not hear of being asked again
			continue
		}
		if err := d.storeParty(tx, row, id, p, entry); err != nil {
			return err
		}
	}
	return nil
}

func (d *callDesk) storeParty(tx core.App, row *core.Record, call string, p rooms.Party, entry rooms.Entry) error {
	before := row.FieldsData()
	fresh := row.IsNew() || p.State == rooms.Called && row.GetString("state") != string(rooms.Called)
	row.Set("call", call)
	row.Set("person", p.Person)
	row.Set("direction", string(entry.Direction))
	row.Set("state", string(p.State))
	row.Set("invited_by", p.InvitedBy)
	row.Set("device", p.Device)
	setTime(row, "ring_until", p.RingUntil)
	row.Set("result", string(entry.Result))
	row.Set("missed", entry.Result == rooms.ResultMissed)
	row.Set("seconds", entry.Seconds)
	if fresh {
		row.Set("seen", false)
		row.Set("started_at", shell.DateTime(d.now()))
	}
	if !fresh && sameFields(before, row.FieldsData()) {
		return nil
	}
	return tx.Save(row)
}

func sameFields(a, b map[string]any) bool {
	for name, value := range b {
		if fmt.Sprint(a[name]) != fmt.Sprint(value) {
			return false
		}
	}
	return true
}

// callStays are all stays in the room of a call, which end with it at the latest:
// what the media server tells of the end comes late.
func callStays(app core.App, id string, call rooms.Call) ([]rooms.Stay, error) {
	stays, err := staysOf(app, id)
	if err != nil || call.Ended.IsZero() {
		return stays, err
	}
	for i := range stays {
		if stays[i].Open() || stays[i].Left.After(call.Ended) {
			stays[i].Left = call.Ended
		}
	}
	return stays, nil
}

// setTime sets a date field, empty for the zero time.
func setTime[T interface{ IsZero() bool }](record *core.Record, field string, t T) {
	if t.IsZero() {
		record.Set(field, types.DateTime{})
		return
	}
	record.Set(field, t)
}
