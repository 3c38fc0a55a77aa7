package live

import (
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/rooms"
)

// maxDevice is how long a client's name for a device may be, in runes.
const maxDevice = 60

type dialBody struct {
	ID     string   `json:"id,omitempty" help:"Made by the client: the same call again under its id answers the stored one."`
	People []string `json:"people" help:"Whom to call, by user id."`
	Video  bool     `json:"video,omitempty" help:"Whether cameras may be on."`
	Device string   `json:"device,omitempty" help:"The device that calls; only it gets a token."`
}

type deviceBody struct {
	Device string `json:"device" help:"The device, by a name that the client makes once."`
}

type inviteBody struct {
	Person string `json:"person" help:"Whom to ask, by user id."`
}

type callData struct {
	ID        string         `json:"id"`
	Status    string         `json:"status" help:"ringing, active or ended."`
	Outcome   string         `json:"outcome" help:"Of an ended call: completed, declined, missed, busy, cancelled or broken."`
	Caller    string         `json:"caller"`
	Video     bool           `json:"video"`
	Group     bool           `json:"group" help:"More than two were asked; the last one inside does not end it."`
	People    []callPerson   `json:"people"`
	StartedAt types.DateTime `json:"started_at"`
	ActiveAt  types.DateTime `json:"active_at"`
	EndedAt   types.DateTime `json:"ended_at"`
}

func callDataOf(id string, call rooms.Call) callData {
	data := callData{
		ID: id, Status: string(call.State), Outcome: string(call.Outcome), Caller: call.Caller, Video: call.Video, Group: call.Group,
		People: peopleOf(call), StartedAt: shell.DateTime(call.Began),
	}
	if !call.Active.IsZero() {
		data.ActiveAt = shell.DateTime(call.Active)
	}
	if !call.Ended.IsZero() {
		data.EndedAt = shell.DateTime(call.Ended)
	}
	return data
}

func (d *callDesk) registerCallRoutes() {
	standing := []*fault.Code{fault.NotConfigured, fault.NotFound, fault.CallState, fault.AccountSuspended, fault.AccountBanned}
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/calls", Who: shell.Person, Body: dialBody{}, Data: callData{},
		What: "Call people. Their clients ring by the realtime feed of call_parties. Whoever cannot be reached rings and does not answer.",
		Faults: []*fault.Code{
			fault.NotConfigured, fault.InvalidInput, fault.NotFound, fault.NotAllowed, fault.IDConflict, fault.CallBusy, fault.CallFull, fault.RateLimited,
			fault.AccountSuspended, fault.AccountBanned,
		},
		Handle: d.needsServer(d.handleDial),
	})
	act := func(verb, what, done string, faults []*fault.Code, do func(tx core.App, e *core.RequestEvent, id, person string) (rooms.Call, error)) {
		d.deps.Routes.Add(shell.Route{
			Method: http.MethodPost, Path: "/calls/{id}/" + verb, Who: shell.Person, Data: callData{}, What: what,
			Faults: append(faults, standing...), Handle: d.needsServer(d.handleAct(done, do)),
		})
	}
	act("decline", "Decline a call that rings.", "Declined.", nil, func(tx core.App, _ *core.RequestEvent, id, person string) (rooms.Call, error) {
		return d.step(tx, id, rooms.Reject{Person: person})
	})
	act("cancel", "Take back one's own call while nobody has accepted it.", "Cancelled.", []*fault.Code{fault.NotAllowed},
		func(tx core.App, _ *core.RequestEvent, id, person string) (rooms.Call, error) {
			return d.cancel(tx, id, person)
		})
	act("hang-up", "Leave a call. The caller ends a ringing one with it.", "You are out.", nil, func(tx core.App, _ *core.RequestEvent, id, person string) (rooms.Call, error) {
		return d.step(tx, id, rooms.HangUp{Person: person})
	})
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/calls/{id}/accept", Who: shell.Person, Body: deviceBody{}, Data: callData{},
		What:   "Accept a call on a device. The first device wins; the same one may repeat it.",
		Faults: append([]*fault.Code{fault.InvalidInput, fault.CallElsewhere, fault.CallBusy}, standing...), Handle: d.needsServer(d.handleAccept),
	})
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/calls/{id}/invite", Who: shell.Person, Body: inviteBody{}, Data: callData{},
		What:   "Ask somebody more into an active call, also who left or missed it.",
		Faults: append([]*fault.Code{fault.InvalidInput, fault.NotAllowed, fault.CallFull, fault.RateLimited}, standing...), Handle: d.needsServer(d.handleInvite),
	})
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/calls/{id}/token", Who: shell.Person, Body: deviceBody{}, Data: ticket{},
		What:   "A token for the call's room, for who has accepted and on the device that did. It opens the room for about a minute; ask again after a break.",
		Faults: append([]*fault.Code{fault.InvalidInput, fault.CallElsewhere, fault.MediaUnavailable, fault.RateLimited}, standing...), Handle: d.needsServer(d.handleToken),
	})
}

func (d *callDesk) handleDial(e *core.RequestEvent) error {
	body, err := shell.Bind[dialBody](e)
	if err != nil {
		return err
	}
	if body.Device, err = deviceName(body.Device, false); err != nil {
		return err
	}
	if body.ID == "" {
		body.ID = shell.NewID()
	} else if !shell.IsID(body.ID) {
		return fault.InvalidInput.On("id").Saying("An id has 15 characters a-z and 0-9.")
	}
	call, err := shell.Transact(e.App, func(tx core.App) (rooms.Call, error) {
		return d.dial(tx, e.Auth.Id, body)
	})
	if err != nil {
		return err
	}
	return shell.OK(e, callDataOf(body.ID, call), "It rings.")
}

// handleAct is a deed in a call that needs nothing but the call and the person.
func (d *callDesk) handleAct(done string, do func(tx core.App, e *core.RequestEvent, id, person string) (rooms.Call, error)) func(e *core.RequestEvent) error {
	return func(e *core.RequestEvent) error {
		id := e.Request.PathValue("id")
		var call rooms.Call
		err := e.App.RunInTransaction(func(tx core.App) (err error) {
			if err := d.visible(tx, id, e.Auth.Id); err != nil {
				return err
			}
			call, err = do(tx, e, id, e.Auth.Id)
			return err
		})
		if err != nil {
			return err
		}
		return shell.OK(e, callDataOf(id, call), done)
	}
}

func (d *callDesk) handleAccept(e *core.RequestEvent) error {
	body, err := shell.Bind[deviceBody](e)
	if err != nil {
		return err
	}
	device, err := deviceName(body.Device, true)
	if err != nil {
		return err
	}
	return d.handleAct("You are in the call. Ask for a token.", func(tx core.App, _ *core.RequestEvent, id, person string) (rooms.Call, error) {
		return d.accept(tx, id, person, device)
	})(e)
}

func (d *callDesk) handleInvite(e *core.RequestEvent) error {
	body, err := shell.Bind[inviteBody](e)
	if err != nil {
		return err
	}
	return d.handleAct("It rings.", func(tx core.App, _ *core.RequestEvent, id, person string) (rooms.Call, error) {
		return d.invite(tx, id, person, body.Person)
	})(e)
}

// callTokensPerMinute is far beyond what broken lines need.
const callTokensPerMinute = 20

func (d *callDesk) handleToken(e *core.RequestEvent) error {
	body, err := shell.Bind[deviceBody](e)
	if err != nil {
		return err
	}
	if d.deps.Config.RateLimits {
		if err := shell.TakeQuota(e.App, d.now(), "call_tokens:"+e.Auth.Id, callTokensPerMinute, time.Minute); err != nil {
			return err
		}
	}
	id := e.Request.PathValue("id")
	at, err := d.admit(e.App, id, e.Auth.Id, strings.TrimSpace(body.Device))
	if err != nil {
		return err
	}
	// The room is there before anybody has a token for it.
	if err := d.doCreate(e.Request.Context(), e.App, at.Room); err != nil {
		return unavailable(err)
	}
	policy, err := d.policy(e.App)
	if err != nil {
		return err
	}
	// What was decided meanwhile holds.
	if at, err = d.admit(e.App, id, e.Auth.Id, strings.TrimSpace(body.Device)); err != nil {
		return err
	}
	ticket, err := d.ticket(e.Auth, at, policy)
	if err != nil {
		return err
	}
	return shell.OK(e, ticket, "")
}

// admit looks up everything that a token hangs on: the call, the acceptance on
// this device, the account, and blocks between the people inside.
func (d *callDesk) admit(app core.App, id, person, device string) (place, error) {
	call, err := readCall(app, id)
	if err != nil {
		return place{}, err
	}
	standing, err := standingOf(app, person)
	if err != nil {
		return place{}, err
	}
	grants, err := rooms.AdmitCall(call, person, standing)
	if err != nil {
		return place{}, err
	}
	for _, p := range call.Parties {
		if p.Person == person && p.Device != "" && p.Device != device {
			return place{}, fault.CallElsewhere.On("device")
		}
	}
	if apart, err := blockedAmong(app, person, withState(call, rooms.Accepted)); err != nil {
		return place{}, err
	} else if len(apart) > 0 {
		return place{}, fault.NotFound.On("call")
	}
	return place{Room: call.Room, Role: rooms.Member, Grants: grants}, nil
}

// visible tells nobody of a call who is not in it or must not know of it.
func (d *callDesk) visible(tx core.App, id, person string) error {
	if err := accounts.RequireGoodStanding(tx, person); err != nil {
		return err
	}
	call, err := readCall(tx, id)
	if err != nil {
		return err
	}
	for _, p := range call.Parties {
		if p.Person == person && !p.Silent {
			return nil
		}
	}
	return fault.NotFound.On("call")
}

func deviceName(device string, needed bool) (string, error) {
	device = strings.TrimSpace(device)
	if n := utf8.RuneCountInString(device); n > maxDevice || needed && n == 0 {
		return "", fault.InvalidInput.On("device").Saying("Name the device, in at most 60 characters.")
	}
	return device, nil
}
