package live_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/livekit"
	"github.com/lingualink/lingualink/internal/livekit/livekittest"
	"github.com/lingualink/lingualink/internal/rooms"
)

// air is a server whose streams are on the real media server, with everything
// running that runs in production.
type air struct {
	*kit
	server *livekittest.Server
	deaf   *atomic.Bool // webhooks are lost
}

func onAir(t *testing.T) *air {
	t.Helper()
	var handler atomic.Value // the media server must know where webhooks go before there is anybody to take them
	a := &air{deaf: &atomic.Bool{}}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if to, ready := handler.Load().(http.Handler); ready && !a.deaf.Load() {
			to.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(front.Close)
	a.server = livekittest.Start(t, front.URL+"/api/lingualink/webhooks/livekit")
	a.kit = &kit{t: t, Server: hookstest.Start(t, "LL_RATE_LIMITS=off",
		"LIVEKIT_URL="+a.server.URL, "LIVEKIT_API_KEY="+livekittest.Key, "LIVEKIT_API_SECRET="+livekittest.Secret)}
	handler.Store(a.Handler)
	if err := a.Deps.Outbox.Start(a.App); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Deps.Outbox.Stop)
	return a
}

// until looks again and again until it is so.
func (a *air) until(what string, so func() bool) {
	a.t.Helper()
	tick, late := time.NewTicker(20*time.Millisecond), time.After(60*time.Second)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-late:
			a.t.Fatalf("it never came to: %s\n%s", what, a.server.Log())
		}
	}
}

func (a *air) hears(peer *livekittest.Peer, who string) {
	a.t.Helper()
	id := a.User(who).Id
	before := peer.Heard(id)
	a.until("media of "+who, func() bool { return peer.Heard(id) > before+20 })
}

func (a *air) out(peer *livekittest.Peer, why string) {
	a.t.Helper()
	a.until("somebody is out", func() bool { return peer.Ended() != "" })
	if got := peer.Ended(); got != why {
		a.t.Errorf("out because of %s, want %s", got, why)
	}
}

func (a *air) comes(who, stream string) *livekittest.Peer {
	a.t.Helper()
	return livekittest.MustJoin(a.t, a.server, a.token(who, stream))
}

// goesLive opens a stream whose host speaks.
func (a *air) goesLive(host string) (string, *livekittest.Peer) {
	a.t.Helper()
	stream := a.ok(host, "/streams", map[string]any{"title": "Tales", "language": a.Language("ha")})["id"].(string)
	peer := a.comes(host, stream)
	a.Want(a.post(host, "/streams/"+stream+"/live", nil), 409, "host_absent")
	if _, err := peer.Speak(); err != nil {
		a.t.Fatal(err)
	}
	a.ok(host, "/streams/"+stream+"/live", nil)
	return stream, peer
}

// look compares with the media server now.
func (a *air) look() {
	a.t.Helper()
	a.round("live.look", "live.soon")
}

// turnedAway wants who knocks with a kept token to be out: put out again, or cut off
// before they were quite inside.
func (a *air) turnedAway(stream, who, token string) {
	a.t.Helper()
	if peer, err := livekittest.Join(a.t, a.server, token); err == nil {
		a.out(peer, "PARTICIPANT_REMOVED")
	}
	a.until(who+" is not inside", func() bool {
		return !slices.ContainsFunc(a.people(stream), func(one rooms.Seen) bool { return one.Person == a.User(who).Id })
	})
}

// TestAStreamOnTheAir: host and viewer, a refused track, the stage, a removal, a
// kept token, a ban, a kill.
func TestAStreamOnTheAir(t *testing.T) {
	a := onAir(t)
	stream, host := a.goesLive(ada)
	kept := a.token(bola, stream)
	viewer := a.comes(bola, stream)
	a.hears(viewer, ada)
	a.until("one viewer is counted", func() bool { return a.field("streams", stream, "viewers") == "1" })
	if _, err := viewer.Speak(); err == nil {
		t.Error("a viewer has published")
	}

	a.Want(a.stage(bola, stream, "raise", ""), 200, "")
	a.Want(a.stage(ada, stream, "promote", bola), 200, "")
	a.until("she may speak", func() bool {
		return slices.ContainsFunc(a.people(stream), func(one rooms.Seen) bool { return one.Person == a.User(bola).Id && one.Grants.Publish() })
	})
	if _, err := viewer.Speak(); err != nil {
		t.Fatal(err)
	}
	a.hears(host, bola)
	a.Want(a.stage(ada, stream, "demote", bola), 200, "")
	silent := func() bool {
		before := host.Heard(a.User(bola).Id)
		<-time.After(200 * time.Millisecond)
		return host.Heard(a.User(bola).Id) == before
	}
	a.until("she is not heard any more", silent)

	a.ok(bola, "/streams/"+stream+"/reactions", map[string]any{"kind": "clap"})
	a.until("the reaction is there", func() bool {
		for _, data := range host.Received() {
			if data.Topic == "reactions" && data.Text == `{"clap":1}` {
				return true
			}
		}
		return false
	})

	a.Want(a.stage(ada, stream, "remove", bola), 200, "")
	a.out(viewer, "PARTICIPANT_REMOVED")
	a.Want(a.post(bola, "/streams/"+stream+"/token", nil), 403, "stream_removed")
	// The token opens the door for a minute more; behind it is the webhook.
	a.turnedAway(stream, bola, kept)

	other := a.comes(chidi, stream)
	a.hears(other, ada)
	a.standing(chidi, "banned")
	a.out(other, "PARTICIPANT_REMOVED")

	last := a.comes(dayo, stream)
	keptHost, keptViewer := a.token(ada, stream), a.token(dayo, stream)
	a.ok(musa, "/streams/"+stream+"/kill", map[string]any{"reason": "hate"})
	a.out(last, "ROOM_DELETED")
	a.out(host, "ROOM_DELETED")
	for _, token := range []string{keptHost, keptViewer} {
		if _, err := livekittest.Join(t, a.server, token); err == nil {
			t.Error("a token opens a killed stream")
		}
	}
}

// TestARefreshedTokenIsOfNoUse: the media server hands out tokens by itself, which
// live for minutes and carry the rights of that moment.
func TestARefreshedTokenIsOfNoUse(t *testing.T) {
	a := onAir(t)
	stream, _ := a.goesLive(ada)
	a.Want(a.stage(bola, stream, "raise", ""), 200, "")
	a.Want(a.stage(ada, stream, "promote", bola), 200, "")
	signal := livekittest.Knock(t, a.server, a.token(bola, stream))
	refreshed := signal.NextToken()
	a.Want(a.stage(ada, stream, "demote", bola), 200, "")
	speaker := livekittest.MustJoin(t, a.server, refreshed)
	a.until("she is a viewer", func() bool {
		a.look()
		for _, one := range a.people(stream) {
			if one.Person == a.User(bola).Id {
				return !one.Grants.Publish()
			}
		}
		return false
	})
	a.Want(a.stage(ada, stream, "remove", bola), 200, "")
	a.out(speaker, "PARTICIPANT_REMOVED")
	a.turnedAway(stream, bola, refreshed)
	// Killed, there is nothing to open.
	a.ok(musa, "/streams/"+stream+"/kill", map[string]any{"reason": "hate"})
	a.until("the room is gone", func() bool { return len(a.roomNames()) == 0 })
	if _, err := livekittest.Join(t, a.server, refreshed); err == nil {
		t.Error("a refreshed token opens a killed stream")
	}
}

// TestWithEveryWebhookLost the round alone finds who comes, who goes, who must be
// out, and that the host is gone.
func TestWithEveryWebhookLost(t *testing.T) {
	a := onAir(t)
	a.deaf.Store(true)
	a.Policy(shell.PolicyLive, map[string]any{"host_grace_seconds": 10})
	stream, host := a.goesLive(ada)
	kept := a.token(bola, stream)
	viewer := a.comes(bola, stream)
	a.until("one viewer is counted", func() bool { a.look(); return a.field("streams", stream, "viewers") == "1" })
	a.Want(a.stage(ada, stream, "remove", bola), 200, "")
	a.out(viewer, "PARTICIPANT_REMOVED")
	again := livekittest.MustJoin(t, a.server, kept)
	a.look()
	a.out(again, "PARTICIPANT_REMOVED")
	a.until("nobody is counted", func() bool { a.look(); return a.field("streams", stream, "viewers") == "0" })
	host.Leave()
	a.until("the host is away", func() bool { a.look(); return a.status(stream) == "host_away" })
	a.Advance(11 * time.Second)
	a.until("it is over", func() bool { return a.status(stream) == "ended" })
	a.until("the room is gone", func() bool { return len(a.roomNames()) == 0 })
	if n := a.Int("SELECT COUNT(*) FROM live_events"); n != 0 {
		t.Errorf("%d webhooks came", n)
	}
}

// TestTheMediaServerStartsAnew and everybody comes back by themselves.
func TestTheMediaServerStartsAnew(t *testing.T) {
	a := onAir(t)
	stream, host := a.goesLive(ada)
	viewer := a.comes(bola, stream)
	a.hears(viewer, ada)
	a.until("one viewer is counted", func() bool { return a.field("streams", stream, "viewers") == "1" })
	a.server.Restart()
	a.until("the room is there again", func() bool { a.look(); return len(a.roomNames()) == 1 })
	a.until("both are back", func() bool { return host.Returned() > 0 && viewer.Returned() > 0 })
	a.hears(viewer, ada)
	a.until("it goes on", func() bool {
		a.look()
		return a.status(stream) == "live" && a.field("streams", stream, "viewers") == "1"
	})
	if got := a.field("streams", stream, "losses"); got != "1" {
		t.Errorf("the room was lost %s times", got)
	}
}

// TestAHostWhosePhoneDies is away when the media server has noticed, comes back,
// dies again and is waited for in vain.
func TestAHostWhosePhoneDies(t *testing.T) {
	a := onAir(t)
	stream := a.ok(ada, "/streams", map[string]any{"title": "Tales", "language": a.Language("ha")})["id"].(string)
	kill := phone(t, a.server.URL, a.token(ada, stream))
	a.ok(ada, "/streams/"+stream+"/live", nil)
	kill()
	a.until("the host is away", func() bool { return a.status(stream) == "host_away" })
	kill = phone(t, a.server.URL, a.token(ada, stream))
	a.until("the host is back", func() bool { return a.status(stream) == "live" })
	kill()
	a.until("the host is away again", func() bool { return a.status(stream) == "host_away" })
	a.Advance(61 * time.Second)
	a.until("it is over", func() bool { return a.status(stream) == "ended" && len(a.roomNames()) == 0 })
	if got := a.field("streams", stream, "ending"); got != "host_gone" {
		t.Errorf("it ended because of %s", got)
	}
}

// TestAVoiceOnTheAirBecomesAClip that waits for validators.
func TestAVoiceOnTheAirBecomesAClip(t *testing.T) {
	a := onAir(t)
	a.Consent(ada)
	sound, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=frequency=440:duration=30", "-c:a", "libopus", "-b:a", "24k", "-page_duration", "20000", "-f", "ogg", "-").Output()
	if err != nil {
		t.Fatalf("there is no sound to record; run make deps: %v", err)
	}
	stream := a.ok(ada, "/streams", map[string]any{"title": "Tales", "language": a.Language("ha")})["id"].(string)
	host := a.comes(ada, stream)
	host.Play(io.NopCloser(bytes.NewReader(sound)))
	a.ok(ada, "/streams/"+stream+"/live", nil)
	recording := a.ok(ada, "/streams/"+stream+"/record", map[string]any{"consent": true, "seconds": 3, "phrase": "A"})["id"].(string)
	var state string
	a.until("it is over", func() bool {
		state = a.field("stream_recordings", recording, "state")
		return state == "clip" || state == "failed"
	})
	if state != "clip" {
		t.Fatalf("it is %s: %s", state, a.field("stream_recordings", recording, "reason"))
	}
	got := a.field("clips", recording, "status") + " " + a.field("clips", recording, "codec") + " " + a.field("clips", recording, "owner")
	if want := "pending opus " + a.User(ada).Id; got != want {
		t.Errorf("the clip is %s, want %s", got, want)
	}
	if n := a.field("streams", stream, "viewers"); n != "0" {
		t.Errorf("the recorder counts as %s viewers", n)
	}
}

// direct is a client of the tests' own.
func (a *air) direct() *livekit.Client {
	a.t.Helper()
	client, err := livekit.New(a.server.URL, livekittest.Key, livekittest.Secret)
	if err != nil {
		a.t.Fatal(err)
	}
	return client
}

func (a *air) roomNames() []string {
	a.t.Helper()
	names, err := a.direct().Rooms(a.t.Context())
	if err != nil && !strings.Contains(err.Error(), "does not answer") {
		a.t.Fatal(err)
	}
	return names
}

func (a *air) people(stream string) []rooms.Seen {
	a.t.Helper()
	people, err := a.direct().People(a.t.Context(), a.room(stream))
	if err != nil {
		a.t.Fatal(err)
	}
	return people
}
