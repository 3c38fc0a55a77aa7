package live_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/internal/livekit/livekittest"
)

// line is a server whose calls go through the real media server, with everything
// running that runs in production.
type line struct {
	*exchange
	server *livekittest.Server
}

func newLine(t *testing.T) *line {
	t.Helper()
	var handler atomic.Value // the media server must know where webhooks go before there is anybody to take them
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if to, ready := handler.Load().(http.Handler); ready {
			to.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(front.Close)
	l := &line{server: livekittest.Start(t, front.URL+"/api/lingualink/webhooks/livekit")}
	l.exchange = &exchange{&kit{t: t, Server: hookstest.Start(t, "LL_RATE_LIMITS=off",
		"LIVEKIT_URL="+l.server.URL, "LIVEKIT_API_KEY="+livekittest.Key, "LIVEKIT_API_SECRET="+livekittest.Secret)}}
	handler.Store(l.Handler)
	if err := l.Deps.Outbox.Start(l.App); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Deps.Outbox.Stop)
	return l
}

// talk lets somebody in who then speaks.
func (l *line) talk(who, call string) *livekittest.Peer {
	l.t.Helper()
	peer := livekittest.MustJoin(l.t, l.server, l.token(who, call))
	if _, err := peer.Speak(); err != nil {
		l.t.Fatal(err)
	}
	return peer
}

// until looks again and again until it is so.
func (l *line) until(what string, so func() bool) {
	l.t.Helper()
	tick, late := time.NewTicker(10*time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-late:
			l.t.Fatalf("it never came to: %s\n%s", what, l.server.Log())
		}
	}
}

func (l *line) hears(peer *livekittest.Peer, who string) {
	l.t.Helper()
	before := peer.Heard(l.User(who).Id)
	l.until("media of "+who, func() bool { return peer.Heard(l.User(who).Id) > before+20 })
}

func (l *line) out(peer *livekittest.Peer, who string) {
	l.t.Helper()
	l.until(who+" is out", func() bool { return peer.Ended() != "" })
}

// TestPeopleTalk: two people talk, a third is busy and then asked, the media
// server dies and comes back, and whoever is banned is out and stays out.
func TestPeopleTalk(t *testing.T) {
	l := newLine(t)
	call := l.dial(ada, bola)
	l.Want(l.act(bola, call, "token"), 409, "call_state")
	l.must(bola, call, "accept")
	first, second := l.talk(ada, call), l.talk(bola, call)
	l.hears(first, bola)
	l.hears(second, ada)
	l.until("both are known to be inside", func() bool {
		return l.Int("SELECT COUNT(*) FROM live_presence WHERE left_at = ''") == 2
	})
	first.Send("chat", "hello") // there is no data in calls

	busy := l.dial(chidi, bola)
	l.is(chidi, busy, "ended busy: chidi left, bola busy")

	l.must(ada, call, "invite", chidi)
	l.must(chidi, call, "accept")
	kept := l.token(chidi, call)
	third := l.talk(chidi, call)
	l.hears(third, ada)
	l.hears(second, chidi)

	l.server.Restart() // the room and everybody in it are lost
	l.Deps.Outbox.WakeRound("live.look")
	l.until("all come back", func() bool { return first.Returned()+second.Returned()+third.Returned() >= 3 })
	l.hears(first, bola)

	l.setStanding(chidi, "banned")
	l.out(third, chidi)
	if again, err := livekittest.Join(t, l.server, kept); err == nil {
		l.out(again, "chidi with a kept token")
	}
	l.hears(first, bola) // the others go on

	l.until("they have talked for a second", func() bool {
		items := l.Want(l.Do(ada, "GET", "/api/lingualink/calls", nil), 200, "").Items("calls")
		return items[0]["result"] == "talked" && items[0]["seconds"].(float64) >= 1
	})
	l.must(bola, call, "hang-up") // one is left of what has become a group
	l.out(second, bola)
	l.must(ada, call, "hang-up")
	l.out(first, ada)
	if len(second.Received())+len(third.Received()) != 0 {
		t.Error("data came through in a call")
	}
}

// TestCallEndsOnTheMediaServer: a call of two that ends by a block or by a ban
// ends for both at once, and no token of it opens anything.
func TestCallEndsOnTheMediaServer(t *testing.T) {
	l := newLine(t)
	for name, end := range map[string]func(){
		"block": func() { l.block(bola, ada) },
		"ban":   func() { l.setStanding(dayo, "banned") },
	} {
		people := map[string][2]string{"block": {ada, bola}, "ban": {chidi, dayo}}[name]
		call := l.dial(people[0], people[1])
		l.must(people[1], call, "accept")
		kept := l.token(people[1], call)
		first, second := l.talk(people[0], call), l.talk(people[1], call)
		l.hears(first, people[1])
		end()
		l.out(first, people[0])
		l.out(second, people[1])
		l.until("the call is over", func() bool { return l.room(call) == "" })
		if _, err := livekittest.Join(t, l.server, kept); err == nil {
			t.Errorf("%s: a kept token opens the call", name)
		}
		if name == "block" {
			l.is(ada, call, "ended completed: ada left, bola left")
		} else {
			l.is(chidi, call, "ended completed: chidi left, dayo left")
		}
	}
}
