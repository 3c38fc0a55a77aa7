package live_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/livekit"
	"github.com/lingualink/lingualink/internal/rooms"
)

// TestCall is a call from ringing to the list of calls.
func TestCall(t *testing.T) {
	x := newExchange(t)
	call := x.dial(ada, bola)
	x.is(ada, call, "ringing: ada accepted, bola ringing")
	x.is(bola, call, "ringing: ada accepted, bola ringing")
	x.party(bola, call, "incoming ringing open 0")
	if n := x.notices(bola, "call_ring"); n != 1 {
		t.Errorf("%d notices ring", n)
	}
	room := x.room(call)
	if !rooms.Owned(room) || !x.hasRoom(room) {
		t.Errorf("the room is %q", room)
	}
	x.Want(x.act(bola, call, "token"), 409, "call_state")

	x.must(bola, call, "accept", "phone")
	x.must(bola, call, "accept", "phone") // the answer was lost
	x.Want(x.act(bola, call, "accept", "tablet"), 409, "call_answered_elsewhere")
	x.Want(x.act(bola, call, "token", "tablet"), 409, "call_answered_elsewhere")
	x.Want(x.act(bola, call, "decline"), 409, "call_state")
	x.Want(x.act(ada, call, "cancel"), 409, "call_state")

	ticket := x.must(bola, call, "token")
	if ticket["url"] != x.media.Address() || ticket["role"] != "member" || ticket["expires_in"] != 90.0 {
		t.Errorf("the ticket is %v", ticket)
	}
	token := decode(t, ticket["token"].(string))
	if token.Video["room"] != room || token.Subject != x.User(bola).Id || token.Name != bola || token.Attributes["role"] != "member" {
		t.Errorf("the token is %+v", token)
	}
	if lives := token.ExpiresAt.Sub(token.NotBefore.Time); lives > 2*time.Minute || grantsOf(token) != (rooms.Grants{Join: true, Subscribe: true, Sources: rooms.Microphone}) {
		t.Errorf("the token lives %s and grants %s", lives, grantsOf(token))
	}
	for _, right := range []string{"roomAdmin", "roomCreate", "roomList", "roomRecord", "canUpdateOwnMetadata"} {
		if token.Video[right] == true {
			t.Errorf("the token has %s", right)
		}
	}
	x.enter(ada, call)
	x.Advance(10 * time.Second)
	x.enter(bola, call)
	x.Advance(100 * time.Second)
	x.line(ada, "outgoing talked 100, 0 missed")
	x.must(bola, call, "hang-up")
	x.is(ada, call, "ended completed: ada left, bola left")
	x.party(ada, call, "outgoing left talked 100")
	x.party(bola, call, "incoming left talked 100")
	x.Advance(time.Hour)
	x.line(bola, "incoming talked 100, 0 missed")
	x.Drain()
	if x.hasRoom(room) || x.room(call) != "" {
		t.Error("the room of an ended call is there")
	}
	for _, verb := range []string{"accept", "token", "hang-up", "decline", "cancel"} {
		if code := x.act(ada, call, verb).Code(); code != "call_state" && code != "not_allowed" {
			t.Errorf("%s after the end: %s", verb, code)
		}
	}
}

func TestCallWithCameras(t *testing.T) {
	x := newExchange(t)
	call := x.Want(x.Do(ada, "POST", "/api/lingualink/calls", map[string]any{"people": []string{x.User(bola).Id}, "video": true}), 200, "").Data()["id"].(string)
	token := x.must(ada, call, "token", "any")["token"].(string) // a caller who named no device
	if g := grantsOf(decode(t, token)); g.Sources != rooms.Microphone|rooms.Camera|rooms.Screen || g.Data || g.Hidden {
		t.Errorf("the token grants %s", g)
	}
}

func TestWhoEndsACall(t *testing.T) {
	for name, c := range map[string]struct {
		do                func(x *exchange, call string)
		want              string
		ada, bola         string
		lineAda, lineBola string
		missed            int64
	}{
		"declined": {func(x *exchange, call string) { x.must(bola, call, "decline") },
			"ended declined: ada left, bola declined", "outgoing left declined 0", "incoming declined declined 0",
			"outgoing declined 0, 0 missed", "incoming declined 0, 0 missed", 0},
		"cancelled": {func(x *exchange, call string) { x.must(ada, call, "cancel") },
			"ended cancelled: ada left, bola missed", "outgoing left cancelled 0", "incoming missed missed 0",
			"outgoing cancelled 0, 0 missed", "incoming missed 0, 1 missed", 1},
		"hung up": {func(x *exchange, call string) { x.must(ada, call, "hang-up") },
			"ended cancelled: ada left, bola missed", "outgoing left cancelled 0", "incoming missed missed 0",
			"outgoing cancelled 0, 0 missed", "incoming missed 0, 1 missed", 1},
		"nobody answers": {func(x *exchange, _ string) { x.pass(41 * time.Second) },
			"ended missed: ada left, bola missed", "outgoing left no_answer 0", "incoming missed missed 0",
			"outgoing no_answer 0, 0 missed", "incoming missed 0, 1 missed", 1},
		"nobody comes": {func(x *exchange, call string) { x.must(bola, call, "accept"); x.pass(31 * time.Second) },
			"ended completed: ada left, bola left", "outgoing left alone 0", "incoming left alone 0",
			"outgoing alone 0, 0 missed", "incoming alone 0, 0 missed", 0},
	} {
		t.Run(name, func(t *testing.T) {
			x := newExchange(t)
			call := x.dial(ada, bola)
			room := x.room(call)
			c.do(x, call)
			x.is(ada, call, c.want)
			x.party(ada, call, c.ada)
			x.party(bola, call, c.bola)
			x.line(ada, c.lineAda)
			x.line(bola, c.lineBola)
			if n := x.notices(bola, "call_missed"); n != c.missed {
				t.Errorf("%d notices tell of a missed call, want %d", n, c.missed)
			}
			if x.hasRoom(room) {
				t.Error("the room is there")
			}
			if n := x.Want(x.Do(bola, "POST", "/api/lingualink/calls/seen", nil), 200, "").Data()["seen"]; n != float64(c.missed) {
				t.Errorf("%v were seen", n)
			}
			x.line(bola, strings.Replace(c.lineBola, "1 missed", "0 missed", 1))
		})
	}
}

// together runs all at once and gives the codes, "" for success.
func together(n int, do func(i int) apptest.Answer) map[string]int {
	codes, lock := map[string]int{}, sync.Mutex{}
	start, group := make(chan struct{}), sync.WaitGroup{}
	for i := range n {
		group.Go(func() {
			<-start
			answer := do(i)
			lock.Lock()
			defer lock.Unlock()
			code := answer.Code()
			if answer.Status != 200 && code == "" {
				code = fmt.Sprint(answer.Status)
			}
			codes[code]++
		})
	}
	close(start)
	group.Wait()
	return codes
}

func TestFirstDeviceWins(t *testing.T) {
	x := newExchange(t)
	for range 5 {
		call := x.dial(ada, bola)
		x.Token(bola)
		codes := together(4, func(i int) apptest.Answer { return x.act(bola, call, "accept", fmt.Sprint("device", i)) })
		if codes[""] != 1 || codes["call_answered_elsewhere"] != 3 {
			t.Errorf("four devices accept: %v", codes)
		}
		x.must(ada, call, "hang-up")
		x.Advance(time.Hour)
	}
}

// TestAcceptAgainstCancel: one of both happens, and the rows tell the same.
func TestAcceptAgainstCancel(t *testing.T) {
	x := newExchange(t)
	for range 5 {
		call := x.dial(ada, bola)
		codes := together(2, func(i int) apptest.Answer {
			if i == 0 {
				return x.act(bola, call, "accept")
			}
			return x.act(ada, call, "cancel")
		})
		if codes[""] != 1 || codes["call_state"] != 1 {
			t.Errorf("accept against cancel: %v", codes)
		}
		x.act(ada, call, "hang-up")
		x.Advance(time.Hour)
	}
}

// TestOneCallAtATime: who accepts two at once is in one.
func TestOneCallAtATime(t *testing.T) {
	x := newExchange(t)
	calls := []string{x.dial(ada, bola), x.dial(chidi, bola)}
	codes := together(2, func(i int) apptest.Answer { return x.act(bola, calls[i], "accept") })
	if codes[""] != 1 || codes["call_busy"] != 1 {
		t.Errorf("two calls accepted at once: %v", codes)
	}
	in := x.Int("SELECT COUNT(*) FROM call_parties WHERE person = {:person} AND state = 'accepted'", dbx.Params{"person": x.User(bola).Id})
	if in != 1 {
		t.Errorf("bola is in %d calls", in)
	}
}

func TestBusy(t *testing.T) {
	x := newExchange(t)
	first := x.dial(ada, bola)
	x.must(bola, first, "accept")
	x.Want(x.call(ada, chidi), 409, "call_busy")
	call := x.dial(chidi, bola)
	x.is(chidi, call, "ended busy: chidi left, bola busy")
	x.line(chidi, "outgoing busy 0, 0 missed")
	x.party(bola, call, "incoming busy missed 0")
	if rings, missed := x.notices(bola, "call_ring"), x.notices(bola, "call_missed"); rings != 1 || missed != 1 {
		t.Errorf("%d rings, %d missed", rings, missed)
	}
	if n := x.Int("SELECT COUNT(*) FROM jobs WHERE kind = 'live.room.create'"); n != 1 {
		t.Errorf("%d rooms were made", n)
	}
	// Of several who are called, the others ring.
	call = x.dial(chidi, bola, dayo)
	x.is(dayo, call, "ringing: chidi accepted, "+inOrder(x, []string{bola, dayo}, map[string]string{bola: "busy", dayo: "ringing"}))
}

// inOrder lists people as calls do: by id.
func inOrder(x *exchange, people []string, states map[string]string) string {
	parts := []string{}
	ids := map[string]string{}
	for _, name := range people {
		ids[x.User(name).Id] = name
	}
	for len(ids) > 0 {
		least := ""
		for id := range ids {
			if least == "" || id < least {
				least = id
			}
		}
		parts = append(parts, ids[least]+" "+states[ids[least]])
		delete(ids, least)
	}
	return strings.Join(parts, ", ")
}

func TestGroup(t *testing.T) {
	x := newExchange(t)
	call := x.dial(ada, bola)
	x.Want(x.act(ada, call, "invite", chidi), 409, "call_state") // nobody has accepted
	x.must(bola, call, "accept")
	x.Want(x.act(chidi, call, "invite", dayo), 404, "not_found")
	x.must(bola, call, "invite", chidi)
	x.Want(x.act(ada, call, "invite", chidi), 409, "call_state") // it rings already
	x.is(chidi, call, "active: ada accepted, bola accepted, chidi ringing")
	x.Want(x.act(chidi, call, "invite", dayo), 409, "call_state")
	x.must(chidi, call, "accept")
	x.enter(chidi, call)
	x.must(ada, call, "hang-up")
	x.must(bola, call, "hang-up")
	x.is(chidi, call, "active: ada left, bola left, chidi accepted")
	x.must(chidi, call, "invite", ada)
	x.party(ada, call, "outgoing ringing open 0")
	x.pass(41 * time.Second)
	x.is(chidi, call, "active: ada missed, bola left, chidi accepted")
	x.line(ada, "outgoing missed 0, 1 missed")
	if n := x.notices(ada, "call_ring"); n != 1 {
		t.Errorf("ada was rung %d times", n)
	}
	x.must(chidi, call, "hang-up")
	x.is(chidi, call, "ended completed: ada missed, bola left, chidi left")
}

func TestWhatCannotBeDialled(t *testing.T) {
	x := newExchange(t)
	id := x.User(bola).Id
	many := []string{}
	for i := range 8 {
		many = append(many, fmt.Sprintf("person%09d", i))
	}
	for name, c := range map[string]struct {
		body   any
		status int
		code   string
	}{
		"nobody":           {map[string]any{"people": []string{}}, 400, "invalid_input"},
		"oneself":          {map[string]any{"people": []string{x.User(ada).Id}}, 400, "invalid_input"},
		"somebody unknown": {map[string]any{"people": []string{"nobodyhasthisid"}}, 404, "not_found"},
		"too many":         {map[string]any{"people": many}, 409, "call_full"},
		"a long device":    {map[string]any{"people": []string{id}, "device": strings.Repeat("x", 61)}, 400, "invalid_input"},
		"a bad id":         {map[string]any{"people": []string{id}, "id": "Call"}, 400, "invalid_input"},
		"another field":    {map[string]any{"people": []string{id}, "room": "mine"}, 400, "invalid_input"},
		"no JSON":          {"{", 400, "invalid_input"},
	} {
		if answer := x.Do(ada, "POST", "/api/lingualink/calls", c.body); answer.Status != c.status || answer.Code() != c.code {
			t.Errorf("%s: %d %s", name, answer.Status, answer.Raw)
		}
	}
	if n := x.Int("SELECT COUNT(*) FROM calls"); n != 0 {
		t.Errorf("%d calls", n)
	}
	for _, path := range []string{"?limit=0", "?limit=101", "?limit=x", "?before=x"} {
		x.Want(x.Do(ada, "GET", "/api/lingualink/calls"+path, nil), 400, "invalid_input")
	}
}

// TestRepeatedDial: a lost answer does not ring twice.
func TestRepeatedDial(t *testing.T) {
	x := newExchange(t)
	body := map[string]any{"id": "callcallcall001", "people": []string{x.User(bola).Id}}
	for range 3 {
		x.Want(x.Do(ada, "POST", "/api/lingualink/calls", body), 200, "")
	}
	x.Want(x.Do(chidi, "POST", "/api/lingualink/calls", body), 409, "id_conflict")
	body["people"] = []string{x.User(chidi).Id}
	x.Want(x.Do(ada, "POST", "/api/lingualink/calls", body), 409, "id_conflict")
	if calls, rings := x.Int("SELECT COUNT(*) FROM calls"), x.notices(bola, "call_ring"); calls != 1 || rings != 1 {
		t.Errorf("%d calls, %d rings", calls, rings)
	}
}

func TestRingingIsLimited(t *testing.T) {
	x := newExchange(t)
	for range 6 {
		call := x.dial(ada, bola)
		x.must(ada, call, "cancel")
	}
	answer := x.Want(x.call(ada, bola), 429, "rate_limited")
	if answer.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	x.must(ada, x.dial(ada, chidi), "cancel")
	x.Advance(11 * time.Minute)
	x.dial(ada, bola)

	free := newExchange(t, "LL_RATE_LIMITS=off")
	for range 8 {
		free.must(ada, free.dial(ada, bola), "cancel")
	}
}

func TestCallTokensAreLimited(t *testing.T) {
	x := newExchange(t)
	call := x.dial(ada, bola)
	for range 20 {
		x.must(ada, call, "token")
	}
	x.Want(x.act(ada, call, "token"), 429, "rate_limited")
	x.Advance(time.Minute)
	x.must(ada, call, "cancel")
}

// TestCallsWithoutMediaServer: the routes say so; the list of calls is there.
func TestCallsWithoutMediaServer(t *testing.T) {
	s := hookstest.Start(t)
	s.Want(s.Do(ada, "POST", "/api/lingualink/calls", map[string]any{"people": []string{s.User(bola).Id}}), 503, "not_configured")
	for _, verb := range []string{"accept", "decline", "cancel", "hang-up", "invite", "token"} {
		s.Want(s.Do(ada, "POST", "/api/lingualink/calls/callcallcall001/"+verb, map[string]any{}), 503, "not_configured")
	}
	s.Want(s.Do(ada, "GET", "/api/lingualink/calls", nil), 200, "")
}

// TestMediaServerAway: calls ring, and tokens wait for it.
func TestMediaServerAway(t *testing.T) {
	x := newExchange(t)
	x.media.lock.Lock()
	x.media.fail = livekit.ErrUnreachable
	x.media.lock.Unlock()
	call := x.dial(ada, bola)
	x.must(bola, call, "accept")
	x.Want(x.act(bola, call, "token"), 503, "media_unavailable")
	x.media.lock.Lock()
	x.media.fail = nil
	x.media.lock.Unlock()
	x.Advance(5 * time.Second)
	x.enter(bola, call)
	if in := x.within(x.room(call)); len(in) != 1 {
		t.Errorf("inside are %v", in)
	}
}
