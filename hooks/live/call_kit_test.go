package live_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/livekit"
)

// exchange is a server on which people call each other, through a media server in
// memory.
type exchange struct{ *kit }

func newExchange(t *testing.T, environ ...string) *exchange {
	t.Helper()
	return &exchange{start(t, environ...)}
}

// dial has somebody call people and gives the id of the call.
func (x *exchange) dial(who string, people ...string) string {
	x.t.Helper()
	return x.Want(x.call(who, people...), 200, "").Data()["id"].(string)
}

func (x *exchange) call(who string, people ...string) apptest.Answer {
	x.t.Helper()
	ids := []string{}
	for _, name := range people {
		ids = append(ids, x.User(name).Id)
	}
	return x.Do(who, "POST", "/api/lingualink/calls", map[string]any{"people": ids, "device": "phone"})
}

// act does a deed in a call. Bodies are of accept and token: a device; of invite:
// a person.
func (x *exchange) act(who, call, verb string, body ...string) apptest.Answer {
	x.t.Helper()
	path := "/api/lingualink/calls/" + call + "/" + verb
	switch verb {
	case "accept", "token":
		return x.Do(who, "POST", path, map[string]any{"device": append(body, "phone")[0]})
	case "invite":
		return x.Do(who, "POST", path, map[string]any{"person": x.User(body[0]).Id})
	}
	return x.Do(who, "POST", path, nil)
}

func (x *exchange) must(who, call, verb string, body ...string) map[string]any {
	x.t.Helper()
	return x.Want(x.act(who, call, verb, body...), 200, "").Data()
}

// token is what somebody is given for a call.
func (x *exchange) token(who, call string) string {
	x.t.Helper()
	return x.must(who, call, "token")["token"].(string)
}

// enter has somebody ask for a token and come into the room, as the media server
// tells it.
func (x *exchange) enter(who, call string) {
	x.t.Helper()
	x.enterWith(x.token(who, call))
}

func (x *exchange) enterWith(token string) {
	x.t.Helper()
	seen := x.kit.enter(token)
	x.Want(x.hook(livekit.PersonJoined, decode(x.t, token).Video["room"].(string), seen, x.Deps.Clock.Now()), 200, "")
}

// leave has somebody's line break, which the media server tells.
func (x *exchange) leave(who, call string) {
	x.t.Helper()
	room, person := x.room(call), x.User(who).Id
	x.media.lock.Lock()
	seen := x.media.rooms[room][person]
	x.media.lock.Unlock()
	x.kit.leave(who, room)
	x.Want(x.hook(livekit.PersonLeft, room, seen, x.Deps.Clock.Now()), 200, "")
}

// pass lets time go by and everything happen that is due.
func (x *exchange) pass(d time.Duration) {
	x.t.Helper()
	x.Advance(d)
	x.round("live.due")
	x.round("live.soon")
	x.Drain()
}

func (x *exchange) room(call string) string {
	x.t.Helper()
	return x.Text("SELECT room FROM calls WHERE id = {:id}", dbx.Params{"id": call})
}

// within are those inside the room of a call, by name.
func (x *exchange) within(room string) []string {
	x.media.lock.Lock()
	defer x.media.lock.Unlock()
	people := []string{}
	for person := range x.media.rooms[room] {
		user, err := x.App.FindRecordById("users", person)
		if err != nil {
			x.t.Fatal(err)
		}
		people = append(people, user.GetString("username"))
	}
	slices.Sort(people)
	return people
}

// is checks where a call and its people stand: "status outcome: name state, ...",
// as somebody sees it.
func (x *exchange) is(who, call, want string) {
	x.t.Helper()
	answer := x.Want(x.Do(who, "GET", "/api/collections/calls/records/"+call, nil), 200, "")
	got := answer.Text("status")
	if outcome := answer.Text("outcome"); outcome != "" {
		got += " " + outcome
	}
	separator := ": "
	people, _ := answer.JSON["people"].([]any)
	for _, one := range people {
		person := one.(map[string]any)
		user, err := x.App.FindRecordById("users", person["person"].(string))
		if err != nil {
			x.t.Fatal(err)
		}
		got += fmt.Sprint(separator, user.GetString("username"), " ", person["state"])
		separator = ", "
	}
	if got != want {
		x.t.Errorf("the call is\n got %s\nwant %s", got, want)
	}
}

// party is what the call is for somebody: "state result seconds", "-" for nothing.
func (x *exchange) party(who, call, want string) {
	x.t.Helper()
	answer := x.Want(x.Do(who, "GET", "/api/collections/call_parties/records?filter=(call='"+call+"')", nil), 200, "")
	got := "-"
	if items := answer.Items("items"); len(items) == 1 {
		got = fmt.Sprint(items[0]["direction"], " ", items[0]["state"], " ", items[0]["result"], " ", items[0]["seconds"])
	} else if len(items) > 1 {
		x.t.Errorf("%s sees %v", who, items)
	}
	if got != want {
		x.t.Errorf("for %s the call is %s, want %s", who, got, want)
	}
}

// line is the newest entry of somebody's list of calls, and the badge.
func (x *exchange) line(who, want string) {
	x.t.Helper()
	answer := x.Want(x.Do(who, "GET", "/api/lingualink/calls", nil), 200, "")
	got := "-"
	if items := answer.Items("calls"); len(items) > 0 {
		got = fmt.Sprint(items[0]["direction"], " ", items[0]["result"], " ", items[0]["seconds"])
	}
	if got = fmt.Sprint(got, ", ", answer.Data()["missed"], " missed"); got != want {
		x.t.Errorf("the list of %s: %s, want %s", who, got, want)
	}
}

// told counts the notices of a kind that somebody has.
func (x *exchange) notices(who, kind string) int64 {
	x.t.Helper()
	x.Drain()
	return x.Int("SELECT COUNT(*) FROM notifications WHERE user = {:user} AND kind = {:kind}", dbx.Params{"user": x.User(who).Id, "kind": kind})
}

func (x *exchange) block(who, whom string) {
	x.t.Helper()
	x.Want(x.Do(who, "POST", "/api/collections/blocks/records", map[string]any{"blocked": x.User(whom).Id}), 200, "")
}

func (x *exchange) setStanding(who, standing string) {
	x.t.Helper()
	x.Want(x.Do(apptest.Admin, "PATCH", "/api/collections/users/records/"+x.User(who).Id, map[string]any{"standing": standing}), 200, "")
	x.Forget(who)
}
