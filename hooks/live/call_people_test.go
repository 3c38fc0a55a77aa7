package live_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/livekit"
	"github.com/lingualink/lingualink/internal/rooms"
)

// knowsNothing fails if somebody can tell that there is a call.
func (x *exchange) knowsNothing(who, call string) {
	x.t.Helper()
	for _, verb := range []string{"accept", "decline", "cancel", "hang-up", "token"} {
		x.Want(x.act(who, call, verb), 404, "not_found")
	}
	x.Want(x.act(who, call, "invite", dayo), 404, "not_found")
	x.Want(x.Do(who, "GET", "/api/collections/calls/records/"+call, nil), 404, "")
	if items := x.Want(x.Do(who, "GET", "/api/collections/calls/records", nil), 200, "").Items("items"); len(items) != 0 {
		x.t.Errorf("%s lists %v", who, items)
	}
	x.party(who, call, "-")
	x.line(who, "-, 0 missed")
	if rings, missed := x.notices(who, "call_ring"), x.notices(who, "call_missed"); rings+missed != 0 {
		x.t.Errorf("%s is told of %d rings, %d missed", who, rings, missed)
	}
}

// TestOthersKnowNothing: a call is of those in it, and of no moderator.
func TestOthersKnowNothing(t *testing.T) {
	x := newExchange(t)
	call := x.dial(ada, bola)
	x.knowsNothing(chidi, call)
	x.knowsNothing(apptest.Musa, call)
	for _, verb := range []string{"accept", "decline", "cancel", "hang-up", "token"} {
		x.Want(x.act(apptest.Guest, call, verb), 401, "sign_in_required")
		x.Want(x.act(apptest.Admin, call, verb), 403, "not_allowed")
		x.Want(x.act(ada, "nosuchcall00000", verb), 404, "not_found")
	}
	x.Want(x.call(apptest.Guest, bola), 401, "sign_in_required")
	x.Want(x.Do(apptest.Guest, "GET", "/api/lingualink/calls", nil), 401, "sign_in_required")
	x.Want(x.Do(apptest.Guest, "GET", "/api/collections/calls/records/"+call, nil), 404, "")
	x.Want(x.act(bola, call, "cancel"), 403, "not_allowed")
	for _, method := range []string{"POST", "PATCH", "DELETE"} {
		for _, collection := range []string{"calls", "call_parties"} {
			path := "/api/collections/" + collection + "/records"
			if method != "POST" {
				path += "/" + call
			}
			if answer := x.Do(ada, method, path, map[string]any{"status": "ended", "state": "left"}); answer.Status < 400 {
				t.Errorf("%s %s: %d", method, path, answer.Status)
			}
		}
	}
	for _, who := range []string{ada, bola} {
		raw := string(x.Want(x.Do(who, "GET", "/api/collections/calls/records/"+call, nil), 200, "").Raw)
		for _, secret := range []string{x.room(call), `"state":{`, "due_at", `"rev"`} {
			if strings.Contains(raw, secret) {
				t.Errorf("%s reads %s", who, secret)
			}
		}
	}
	// Own rows only: whether somebody has looked at a missed call is theirs.
	if items := x.Want(x.Do(ada, "GET", "/api/collections/call_parties/records", nil), 200, "").Items("items"); len(items) != 1 {
		t.Errorf("ada sees %v", items)
	}
}

// TestBlockedLooksLikeNoAnswer: whoever is blocked hears it ring, the other knows
// nothing, and nobody is told why.
func TestBlockedLooksLikeNoAnswer(t *testing.T) {
	for name, prepare := range map[string]func(x *exchange){
		"blocked by the person": func(x *exchange) { x.block(bola, ada) },
		"suspended":             func(x *exchange) { x.setStanding(bola, "suspended") },
		"banned":                func(x *exchange) { x.setStanding(bola, "banned") },
		"blocked and in a call": func(x *exchange) {
			x.block(bola, ada)
			x.must(bola, x.dial(chidi, bola), "accept")
		},
	} {
		t.Run(name, func(t *testing.T) {
			x := newExchange(t)
			prepare(x)
			call := x.dial(ada, bola)
			x.is(ada, call, "ringing: ada accepted, bola ringing")
			if name == "blocked by the person" {
				x.knowsNothing(bola, call)
			}
			x.pass(39 * time.Second)
			x.is(ada, call, "ringing: ada accepted, bola ringing")
			x.pass(2 * time.Second)
			x.is(ada, call, "ended missed: ada left, bola missed")
			x.party(ada, call, "outgoing left no_answer 0")
			x.setStanding(bola, "good")
			x.party(bola, call, "-")
			if n := x.notices(bola, "call_missed"); n != 0 {
				t.Errorf("%d notices", n)
			}
		})
	}
	x := newExchange(t)
	x.block(ada, bola) // that much ada knows
	x.Want(x.call(ada, bola), 403, "not_allowed")
	x.Want(x.call(ada, bola, chidi), 403, "not_allowed")
	if n := x.Int("SELECT COUNT(*) FROM calls"); n != 0 {
		t.Errorf("%d calls", n)
	}
}

// TestBlockedInAGroup: of two who have blocked each other the second is not
// reached, whoever asks.
func TestBlockedInAGroup(t *testing.T) {
	x := newExchange(t)
	pair := []string{bola, chidi}
	slices.SortFunc(pair, func(a, b string) int { return strings.Compare(x.User(a).Id, x.User(b).Id) })
	x.block(bola, chidi)
	call := x.dial(ada, bola, chidi)
	x.party(pair[0], call, "incoming ringing open 0")
	x.knowsNothing(pair[1], call)
	x.must(pair[0], call, "accept")
	x.enter(ada, call)
	x.enter(pair[0], call)
	x.pass(41 * time.Second)
	x.must(ada, call, "invite", pair[1])
	x.knowsNothing(pair[1], call)
	x.must(pair[0], call, "hang-up")
	x.must(ada, call, "hang-up")
	x.pass(0)
	x.is(ada, call, "ended completed: "+"ada left, "+inOrder(x, pair, map[string]string{pair[0]: "left", pair[1]: "missed"}))
}

// TestInvitingTheBlocked: one who is blocked by the person who asks is refused, by
// anybody else in the call is not reached.
func TestInvitingTheBlocked(t *testing.T) {
	x := newExchange(t)
	x.block(bola, chidi)
	call := x.dial(ada, bola)
	x.must(bola, call, "accept")
	x.Want(x.act(bola, call, "invite", chidi), 403, "not_allowed")
	x.must(ada, call, "invite", chidi)
	x.knowsNothing(chidi, call)
	x.must(bola, call, "hang-up")
	x.is(ada, call, "active: ada accepted, bola left, chidi ringing")
	x.pass(41 * time.Second)
	x.is(ada, call, "ended completed: ada left, bola left, chidi missed")
}

func TestBlockDuringACall(t *testing.T) {
	for name, c := range map[string]struct {
		people        []string
		accept        []string
		block, whom   string
		want          string
		adaBelievesIn string
	}{
		"of two, talking":         {[]string{bola}, []string{bola}, bola, ada, "ended completed: ada left, bola left", ""},
		"the other way round":     {[]string{bola}, []string{bola}, ada, bola, "ended completed: ada left, bola left", ""},
		"while it rings":          {[]string{bola}, nil, bola, ada, "ended declined: ada left, bola declined", ""},
		"by the caller, ringing":  {[]string{bola}, nil, ada, bola, "ended cancelled: ada left, bola missed", ""},
		"group, by the caller":    {[]string{bola, chidi}, []string{bola, chidi}, ada, bola, "active: ada accepted, PAIR", "bola left, chidi accepted"},
		"group, of the caller":    {[]string{bola, chidi}, []string{bola, chidi}, bola, ada, "active: ada accepted, PAIR", "bola left, chidi accepted"},
		"group, of another":       {[]string{bola, chidi}, []string{bola, chidi}, bola, chidi, "active: ada accepted, PAIR", "bola left, chidi accepted"},
		"group, of a ringing one": {[]string{bola, chidi}, []string{bola}, chidi, bola, "active: ada accepted, PAIR", "bola accepted, chidi declined"},
		"somebody else":           {[]string{bola}, []string{bola}, bola, dayo, "active: ada accepted, bola accepted", ""},
	} {
		t.Run(name, func(t *testing.T) {
			x := newExchange(t)
			call := x.dial(ada, c.people...)
			for _, who := range c.accept {
				x.must(who, call, "accept")
			}
			x.block(c.block, c.whom)
			want := c.want
			if c.adaBelievesIn != "" {
				states := map[string]string{}
				for _, one := range strings.Split(c.adaBelievesIn, ", ") {
					who, state, _ := strings.Cut(one, " ")
					states[who] = state
				}
				want = strings.Replace(want, "PAIR", inOrder(x, c.people, states), 1)
			}
			x.is(ada, call, want)
		})
	}
}

// TestBlockTakesTheTokenToo: whatever the state says, two of whom one has blocked
// the other get into no room together.
func TestBlockTakesTheTokenToo(t *testing.T) {
	x := newExchange(t)
	call := x.dial(ada, bola)
	x.must(bola, call, "accept")
	// As if the block had come by a way that no hook sees.
	x.Insert("blocks", map[string]any{"id": "blockblock00001", "user": x.User(bola).Id, "blocked": x.User(ada).Id})
	x.Want(x.act(ada, call, "token"), 404, "not_found")
	x.Want(x.act(bola, call, "token"), 404, "not_found")
}

// TestBanDuringACall: the person is out of the room, and others go on.
func TestBanDuringACall(t *testing.T) {
	for _, standing := range []string{"suspended", "banned"} {
		x := newExchange(t)
		call := x.dial(ada, bola, chidi)
		room := x.room(call)
		for _, who := range []string{bola, chidi} {
			x.must(who, call, "accept")
		}
		for _, who := range []string{ada, chidi} {
			x.enter(who, call)
		}
		old := x.token(bola, call)
		x.enterWith(old)
		x.setStanding(bola, standing)
		x.pass(0)
		if in := x.within(room); !slices.Equal(in, []string{ada, chidi}) {
			t.Errorf("%s: inside are %v", standing, in)
		}
		x.is(ada, call, "active: ada accepted, "+inOrder(x, []string{bola, chidi}, map[string]string{bola: "left", chidi: "accepted"}))
		for _, verb := range []string{"token", "accept", "hang-up"} {
			x.Want(x.act(bola, call, verb), 403, "account_"+standing)
		}
		x.Want(x.call(bola, dayo), 403, "account_"+standing)
		x.enterWith(old) // the media server takes it
		x.pass(0)
		if in := x.within(room); !slices.Equal(in, []string{ada, chidi}) {
			t.Errorf("%s: an old token let in: %v", standing, in)
		}
		x.Want(x.act(ada, call, "invite", bola), 403, "not_allowed") // was thrown out
		// Of two, the call ends.
		x.setStanding(chidi, standing)
		x.pass(0)
		x.must(ada, call, "hang-up")
		x.pass(0)
		if x.hasRoom(room) {
			t.Error("the room is there")
		}
	}
}

func TestBanWhileItRings(t *testing.T) {
	for who, want := range map[string]string{ada: "ended broken: ada left, bola missed", bola: "ended broken: ada left, bola left"} {
		x := newExchange(t)
		call := x.dial(ada, bola)
		x.setStanding(who, "banned")
		other := map[string]string{ada: bola, bola: ada}[who]
		x.is(other, call, want)
	}
}

// TestKeptTokens: who is not in the call any more, or never was, is put out, and
// whoever comes with more rights than a call gives loses them.
func TestKeptTokens(t *testing.T) {
	x := newExchange(t)
	call := x.dial(ada, bola, chidi)
	x.must(bola, call, "accept")
	x.enter(ada, call)
	kept := x.token(bola, call)
	x.enterWith(kept)
	x.must(bola, call, "hang-up")
	x.pass(0)
	x.enterWith(kept)
	x.pass(0)
	for _, who := range []string{dayo, chidi} { // a stranger, and one for whom it rings
		x.enterWith(x.forge(who, x.room(call), rooms.Grants{Join: true, Subscribe: true, Sources: rooms.Microphone}))
	}
	x.pass(0)
	if in := x.within(x.room(call)); !slices.Equal(in, []string{ada}) {
		t.Errorf("inside are %v", in)
	}
	x.enterWith(x.forge(ada, x.room(call), rooms.Grants{Join: true, Subscribe: true, Data: true, Sources: rooms.Microphone | rooms.Camera}))
	x.pass(0)
	if g := x.media.rooms[x.room(call)][x.User(ada).Id].Grants; g.Data || g.Sources != rooms.Microphone {
		t.Errorf("ada may %s", g)
	}
	if n := x.Int("SELECT COUNT(*) FROM live_presence WHERE person = {:person}", dbx.Params{"person": x.User(dayo).Id}); n != 0 {
		t.Error("a stranger was there")
	}
}

// forge is a token as somebody may have kept it from other times.
func (x *exchange) forge(who, room string, grants rooms.Grants) string {
	x.t.Helper()
	token, err := x.media.Token(livekit.Token{Room: room, Identity: x.User(who).Id, Grants: grants, For: time.Minute})
	if err != nil {
		x.t.Fatal(err)
	}
	return token
}

// TestBothLinesBreak: a place is kept for a while, then the call ends.
func TestBothLinesBreak(t *testing.T) {
	x := newExchange(t)
	call := x.dial(ada, bola)
	room := x.room(call)
	x.must(bola, call, "accept")
	x.enter(ada, call)
	x.enter(bola, call)
	x.pass(60 * time.Second)
	x.leave(bola, call)
	x.pass(10 * time.Second)
	x.enter(bola, call) // came back
	x.pass(30 * time.Second)
	x.is(ada, call, "active: ada accepted, bola accepted")
	x.leave(ada, call)
	x.leave(bola, call)
	x.pass(19 * time.Second)
	x.is(ada, call, "active: ada accepted, bola accepted")
	x.pass(2 * time.Second)
	x.is(ada, call, "ended completed: ada left, bola left")
	// The media server tells of leaves to the second.
	if seconds := x.Int("SELECT seconds FROM call_parties WHERE call = {:call} AND person = {:person}", dbx.Params{"call": call, "person": x.User(bola).Id}); seconds < 88 || seconds > 90 {
		t.Errorf("they talked %d s, want 90", seconds)
	}
	if x.hasRoom(room) {
		t.Error("the room is there")
	}
}

// TestWithoutWebhooks: rounds find what nobody told.
func TestWithoutWebhooks(t *testing.T) {
	x := newExchange(t)
	call := x.dial(ada, bola)
	room := x.room(call)
	x.must(bola, call, "accept")
	for _, who := range []string{ada, bola} {
		x.kit.enter(x.token(who, call))
	}
	x.round("live.look")
	x.pass(31 * time.Second) // both were seen inside
	x.is(ada, call, "active: ada accepted, bola accepted")

	// The media server forgets the room: it is made again, and people have a while.
	delete(x.media.rooms, room)
	x.round("live.look")
	x.pass(0)
	if !x.hasRoom(room) {
		t.Error("the room was not made again")
	}
	x.enter(ada, call)
	x.enter(bola, call)
	x.pass(21 * time.Second)
	x.is(ada, call, "active: ada accepted, bola accepted")

	// Both clients die, and nobody tells.
	clear(x.media.rooms[room])
	for range 2 {
		x.round("live.look")
		x.pass(12 * time.Second)
	}
	x.pass(21 * time.Second)
	x.is(ada, call, "ended completed: ada left, bola left")
	x.round("live.look")
	if x.hasRoom(room) {
		t.Error("the room is there")
	}
	// A room of ours that nobody wants goes.
	ghost := rooms.Name([16]byte{7})
	x.media.rooms[ghost] = map[string]rooms.Seen{}
	x.round("live.look")
	if x.hasRoom(ghost) {
		t.Error("a ghost is there")
	}
}

// TestPolicyOfRunningCalls: a longer time to ring counts for calls that ring.
func TestPolicyOfRunningCalls(t *testing.T) {
	x := newExchange(t)
	call := x.dial(ada, bola)
	x.must(bola, call, "accept")
	x.enter(ada, call)
	x.enter(bola, call)
	x.Policy("live", map[string]any{"call_minutes": 5})
	x.pass(6 * time.Minute) // it is looked at when it was due: 4 hours
	x.is(ada, call, "active: ada accepted, bola accepted")
	x.leave(bola, call) // any change reckons anew
	x.pass(time.Second)
	x.is(ada, call, "ended completed: ada left, bola left")

	x.Policy("live", map[string]any{"call_minutes": 5})
	call = x.dial(ada, bola)
	x.must(bola, call, "accept")
	x.enter(ada, call)
	x.enter(bola, call)
	x.Policy("live", map[string]any{"call_minutes": 60})
	x.pass(6 * time.Minute)
	x.is(ada, call, "active: ada accepted, bola accepted")
	x.pass(55 * time.Minute)
	x.is(ada, call, "ended completed: ada left, bola left")
}

func TestPagesOfCalls(t *testing.T) {
	x := newExchange(t, "LL_RATE_LIMITS=off")
	for range 5 {
		x.must(bola, x.dial(ada, bola), "decline")
		x.Advance(time.Minute)
	}
	seen, before := map[string]bool{}, ""
	for page := range 3 {
		answer := x.Want(x.Do(ada, "GET", "/api/lingualink/calls?limit=2"+before, nil), 200, "")
		for _, item := range answer.Items("calls") {
			call := item["call"].(map[string]any)
			seen[fmt.Sprint(call["id"])] = true
			before = "&before=" + strings.Replace(fmt.Sprint(item["started_at"]), " ", "T", 1)
		}
		if want := min(2*(page+1), 5); len(seen) != want {
			t.Errorf("after page %d: %d calls, want %d", page, len(seen), want)
		}
	}
}
