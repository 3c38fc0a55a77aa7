package live

import (
	"net/http"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/rooms"
)

// acts are what people may do on a stage, by the names of the route.
var acts = map[string]rooms.ActKind{
	"raise": rooms.RaiseHand, "cancel": rooms.Cancel, "invite": rooms.Invite, "accept": rooms.Accept, "decline": rooms.Decline,
	"promote": rooms.Promote, "demote": rooms.Demote, "appoint": rooms.Appoint, "remove": rooms.Remove, "readmit": rooms.Readmit,
	"mute": rooms.Mute, "unmute": rooms.Unmute,
}

type stageBody struct {
	Act    string `json:"act" help:"raise, cancel, invite, accept, decline, promote, demote, appoint, remove, readmit, mute or unmute."`
	Person string `json:"person" help:"Whom it is about; left out, yourself."`
}

func (t *streams) registerStage() {
	t.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/streams/{id}/stage", Who: shell.Person, Body: stageBody{}, Data: map[string]any{},
		What: "Act on the stage: raise your hand, accept an invitation, bring somebody on or off it, mute or remove somebody. Rights in the room change at once.",
		Faults: []*fault.Code{
			fault.NotConfigured, fault.NotFound, fault.NotAllowed, fault.StreamState, fault.StageState, fault.StageFull, fault.StreamRemoved, fault.InvalidInput,
			fault.RateLimited, fault.AccountSuspended, fault.AccountBanned,
		},
		Handle: t.needsServer(t.stage),
	})
}

func (t *streams) stage(e *core.RequestEvent) error {
	body, err := shell.Bind[stageBody](e)
	if err != nil {
		return err
	}
	kind, known := acts[body.Act]
	if !known {
		return fault.InvalidInput.On("act").Saying("There is no such act.")
	}
	if err := t.limited(e.App, "stage", e.Auth.Id, actsPerMinute, time.Minute); err != nil {
		return err
	}
	person := body.Person
	if person == "" {
		person = e.Auth.Id
	}
	row, err := shell.Transact(e.App, func(tx core.App) (*core.Record, error) {
		return t.act(tx, e, kind, person)
	})
	if err != nil {
		return err
	}
	return answer(e, row, "It is done.")
}

// act applies one act in the transaction, so that the last place on the stage is
// taken once.
func (t *streams) act(tx core.App, e *core.RequestEvent, kind rooms.ActKind, person string) (*core.Record, error) {
	stream, err := t.readable(tx, e)
	if err != nil {
		return nil, err
	}
	if err := accounts.RequireGoodStanding(tx, e.Auth.Id); err != nil {
		return nil, err
	}
	actor, err := t.visit(tx, stream, e.Auth.Id)
	if err != nil {
		return nil, err
	}
	v := actor
	if person != e.Auth.Id {
		if v, err = t.visit(tx, stream, person); err != nil {
			return nil, err
		}
		if kind == rooms.Invite && (v.Blocked || accounts.Refusal(string(v.Standing)) != nil) {
			return nil, fault.NotFound.On("person")
		}
	}
	act := rooms.Act{Kind: kind, By: e.Auth.Id, Role: actor.actsAs(person)}
	row, err := t.stepSeat(tx, stream, v, act)
	if err != nil {
		return nil, err
	}
	switch {
	case kind == rooms.Invite:
		return row, t.tellInvited(tx, stream, e.Auth, row)
	case act.Role == rooms.Moderator:
		return row, shell.Audit(tx, t.now(), shell.Act{
			Actor: shell.ActorOf(e.Auth), Action: "stream." + string(kind), SubjectType: "streams", SubjectID: stream.Id, Data: map[string]string{"person": person},
		})
	}
	return row, nil
}

// actsAs is the actor's role towards somebody: who looks after the stream does so
// as what they are in it; a moderator of the platform, who is nothing in it, as
// that.
func (v visitor) actsAs(person string) rooms.Role {
	if v.Staff && v.Seat.Role != rooms.Host && v.Seat.Role != rooms.CoHost && person != v.Person {
		return rooms.Moderator
	}
	if v.Seat.Removed != rooms.NotRemoved {
		return rooms.Viewer
	}
	return v.Seat.Role
}

func (t *streams) tellInvited(tx core.App, stream, by, row *core.Record) error {
	return shell.Notify(tx, t.deps, "stage_invite:"+row.Id+":"+shell.Stamp(t.now()), shell.Notice{
		User: row.GetString("person"), Kind: "stage_invite", Title: "You are asked on stage",
		Body: displayName(by) + " asks you on the stage of a stream.",
		Data: map[string]any{"stream": stream.Id, "from": by.Id, "name": displayName(by)},
	})
}

// displayName is what others call a person.
func displayName(person *core.Record) string {
	if name := person.GetString("name"); name != "" {
		return name
	}
	return person.GetString("username")
}
