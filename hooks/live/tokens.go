package live

import (
	"net/http"
	"sync"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/rooms"
)

type tokenBody struct {
	As string `json:"as" help:"moderator: moderators look on without being seen. Empty: as what you are."`
}

// admissions are the tokens that nobody has come in with yet: a crowd that asks at
// once must not all be let into the last place. A token of before a restart is
// forgotten; the media server's own limit holds.
type admissions struct {
	lock sync.Mutex
	open map[string]map[string]time.Time // stream, person: until when the token may be used
}

func (t *streams) registerTokens() {
	t.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/streams/{id}/token", Who: shell.Person, Body: tokenBody{}, Data: ticket{},
		What: "Get a token for the room of a stream. It is for one connection: after it broke for good, ask again. What it grants follows from the stage.",
		Faults: []*fault.Code{
			fault.NotConfigured, fault.NotFound, fault.StreamState, fault.StreamFull, fault.StreamRemoved, fault.StageState, fault.RateLimited, fault.InvalidInput,
			fault.AccountSuspended, fault.AccountBanned,
		},
		Handle: t.needsServer(t.token),
	})
}

func (t *streams) token(e *core.RequestEvent) error {
	body := tokenBody{}
	if e.Request.ContentLength != 0 { // most have nothing to say
		var err error
		if body, err = shell.Bind[tokenBody](e); err != nil {
			return err
		}
	}
	if body.As != "" && body.As != string(rooms.Moderator) {
		return fault.InvalidInput.On("as").Saying("Send moderator, or nothing.")
	}
	if err := t.limited(e.App, "tokens", e.Auth.Id, tokensPerMinute, time.Minute); err != nil {
		return err
	}
	record, err := findStream(e.App, e.Request.PathValue("id"))
	if err != nil {
		return err
	}
	v, err := t.visit(e.App, record, e.Auth.Id)
	if err != nil {
		return err
	}
	if v, err = t.takeSeat(e.App, record, v, body.As != ""); err != nil {
		return err
	}
	policy, err := t.policy(e.App)
	if err != nil {
		return err
	}
	grants, err := t.admit(e.App, record, v, policy)
	if err != nil {
		return err
	}
	data, err := t.ticket(e.Auth, place{Room: record.GetString("room"), Role: v.Seat.Role, Grants: grants}, policy)
	if err != nil {
		return err
	}
	return shell.OK(e, data, "Connect with this token.")
}

// takeSeat lets a moderator look on unseen, or listen as anybody again: what the
// media server is told of somebody follows from the seat.
func (t *streams) takeSeat(app core.App, record *core.Record, v visitor, unseen bool) (visitor, error) {
	switch {
	case unseen && !v.Staff:
		return v, fault.NotAllowed.On("as")
	case unseen == (v.Seat.Role == rooms.Moderator):
		return v, nil
	case unseen && v.Seat.Role != rooms.Viewer:
		return v, fault.StageState.On("as").With("role", string(v.Seat.Role)).Saying("Leave the stage first.")
	}
	err := app.RunInTransaction(func(tx core.App) (err error) {
		if v, err = t.visit(tx, record, v.Person); err != nil {
			return err
		}
		v.Seat.Role, v.Seat.Hand, v.Seat.Since = rooms.Viewer, rooms.HandDown, t.now()
		if unseen {
			v.Seat.Role = rooms.Moderator
		}
		v.Row, err = saveSeat(tx, v.Row, record.Id, v.Seat)
		return err
	})
	return v, err
}

// admit decides about a token by everything that there is to know.
func (t *streams) admit(app core.App, record *core.Record, v visitor, policy rooms.Policy) (rooms.Grants, error) {
	room := record.GetString("room")
	already, err := inside(app, room, v.Person)
	if err != nil {
		return rooms.Grants{}, err
	}
	visit := rooms.Visit{
		State: rooms.State(record.GetString("status")), Seat: v.Seat, Standing: v.Standing, Already: already,
		Blocked: v.Blocked || record.GetBool("hidden") && v.Seat.Role != rooms.Host,
	}
	present := []string{}
	err = app.DB().NewQuery("SELECT DISTINCT person FROM live_presence WHERE room = {:room} AND left_at = '' AND role IN ('viewer', 'speaker')").
		Bind(dbx.Params{"room": room}).Column(&present)
	if err != nil {
		return rooms.Grants{}, err
	}
	now := t.now()
	t.admitted.lock.Lock()
	defer t.admitted.lock.Unlock()
	waiting := t.admitted.open[record.Id]
	visit.Inside = int64(len(present))
	taken := map[string]bool{}
	for _, person := range present {
		taken[person] = true
	}
	for person, until := range waiting {
		switch {
		case !until.After(now):
			delete(waiting, person)
		case person == v.Person:
			visit.Already = true
		case !taken[person]:
			visit.Inside++
		}
	}
	grants, err := rooms.Admit(visit, policy)
	if err != nil {
		return grants, err
	}
	if waiting == nil {
		waiting = map[string]time.Time{}
		t.admitted.open[record.Id] = waiting
	}
	if v.Seat.Role == rooms.Viewer || v.Seat.Role == rooms.Speaker {
		const leeway = time.Minute // that the media server adds
		waiting[v.Person] = now.Add(time.Duration(policy.TokenSeconds)*time.Second + leeway)
	}
	return grants, nil
}

// forgetAdmissions is for a stream that is over.
func (t *streams) forgetAdmissions(stream string) {
	t.admitted.lock.Lock()
	defer t.admitted.lock.Unlock()
	delete(t.admitted.open, stream)
}
