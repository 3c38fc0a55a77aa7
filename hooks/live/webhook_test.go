package live_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/livekit"
	"github.com/lingualink/lingualink/internal/livekit/livekittest"
	"github.com/lingualink/lingualink/internal/rooms"
)

func TestWebhooksMustBeSigned(t *testing.T) {
	k := start(t)
	stream := k.live(ada)
	body := `{"id":"EV_x","event":"participant_left","createdAt":"1900000000","room":{"name":"` + k.room(stream) + `"},"participant":{"sid":"PA_1","identity":"` + k.User(ada).Id + `"}}`
	k.Want(k.hookRaw(body, ""), 401, "signature_invalid")
	k.Want(k.hookRaw(body, "nonsense"), 401, "signature_invalid")
	k.Want(k.hookRaw(body, sign(t, []byte(body), "another-secret-another-secret-another")), 401, "signature_invalid")
	k.Want(k.hookRaw(body+" ", sign(t, []byte(body), livekittest.Secret)), 401, "signature_invalid")
	if answer := k.hookRaw(strings.Repeat("x", livekit.MaxEvent+1), "x"); answer.Status != 413 {
		t.Errorf("a long one: %d %s", answer.Status, answer.Raw)
	}
	if k.status(stream) != "live" || k.Int("SELECT COUNT(*) FROM live_events") != 0 {
		t.Error("one was believed")
	}
	// An authentic one that cannot be read is not sent again.
	k.Want(k.hookRaw("{}", sign(t, []byte("{}"), livekittest.Secret)), 200, "")
}

// TestWebhooksInAnyOrder: late, twice, of rooms that are gone, about nobody.
func TestWebhooksInAnyOrder(t *testing.T) {
	k := start(t)
	stream := k.live(ada)
	room := k.room(stream)
	seen := k.enter(k.token(bola, stream))
	at := k.Deps.Clock.Now()
	viewers := func() string {
		k.round("live.audience")
		return k.field("streams", stream, "viewers") + " of " + k.field("streams", stream, "unique_viewers")
	}
	// The leave comes first; the join does not open it again.
	k.Want(k.hook(livekit.PersonLeft, room, seen, at.Add(time.Second)), 200, "")
	k.Want(k.hook(livekit.PersonJoined, room, seen, at), 200, "")
	if got := viewers(); got != "0 of 1" {
		t.Errorf("viewers: %s", got)
	}
	// Another connection, told three times with one id and once with another.
	again := k.enter(k.token(bola, stream))
	for _, id := range []string{"EV_same", "EV_same", "EV_same", "EV_other"} {
		k.Want(k.hookAs(id, livekit.PersonJoined, room, again, at), 200, "")
	}
	if got := viewers(); got != "1 of 1" {
		t.Errorf("viewers: %s", got)
	}
	if n := k.Int("SELECT COUNT(*) FROM live_presence WHERE left_at = ''"); n != 2 { // and the host
		t.Errorf("%d are open", n)
	}
	nobody := rooms.Seen{SID: "PA_nobody", Person: "nobodynobody123", Grants: again.Grants, Joined: at}
	k.Want(k.hook(livekit.PersonJoined, room, nobody, at), 200, "")
	k.Want(k.hook(livekit.PersonJoined, "another-systems-room", again, at), 200, "")
	k.Want(k.hook(livekit.RoomStarted, room, rooms.Seen{}, at), 200, "")
	k.Want(k.hook(livekit.EventKind("brand_new_event"), room, again, at), 200, "")
	if got := viewers(); got != "1 of 1" {
		t.Errorf("viewers: %s", got)
	}
	k.settle()
	if k.told("remove nobodynobody123") == 0 {
		t.Error("who is nobody was not thrown out")
	}
	// After the end.
	k.ok(ada, "/streams/"+stream+"/end", nil)
	k.settle()
	k.Want(k.hook(livekit.PersonLeft, room, again, at.Add(time.Second)), 200, "")
	k.Want(k.hook(livekit.RoomFinished, room, rooms.Seen{}, at), 200, "")
	if got := viewers(); got != "0 of 1" {
		t.Errorf("viewers: %s", got)
	}
}

// TestTheHostIsHeardOf: away and back by webhooks alone.
func TestTheHostIsHeardOf(t *testing.T) {
	k := start(t)
	stream := k.live(ada)
	room := k.room(stream)
	host := k.media.rooms[room][k.User(ada).Id]
	k.Want(k.hook(livekit.PersonLeft, room, host, k.Deps.Clock.Now()), 200, "")
	if k.status(stream) != "host_away" || k.field("streams", stream, "away_until") == "" {
		t.Errorf("it is %s", k.status(stream))
	}
	back := k.enter(k.token(ada, stream))
	k.Want(k.hook(livekit.PersonJoined, room, back, k.Deps.Clock.Now()), 200, "")
	if k.status(stream) != "live" {
		t.Errorf("it is %s", k.status(stream))
	}
}

// TestAKeptTokenIsOfNoUse: tokens of before a removal, a demotion and an end.
func TestAKeptTokenIsOfNoUse(t *testing.T) {
	k := start(t)
	stream := k.live(ada)
	room := k.room(stream)
	viewer := k.token(bola, stream)
	k.join(stream, chidi)
	k.Want(k.stage(chidi, stream, "raise", ""), 200, "")
	k.Want(k.stage(ada, stream, "promote", chidi), 200, "")
	speaker := k.token(chidi, stream)
	k.Want(k.stage(ada, stream, "demote", chidi), 200, "")
	k.Want(k.stage(ada, stream, "remove", bola), 200, "")
	k.settle()
	for _, by := range []string{"webhook", "round"} {
		seenBola, seenChidi := k.enter(viewer), k.enter(speaker)
		if by == "webhook" {
			k.Want(k.hook(livekit.PersonJoined, room, seenBola, k.Deps.Clock.Now()), 200, "")
			k.Want(k.hook(livekit.PersonJoined, room, seenChidi, k.Deps.Clock.Now()), 200, "")
			k.round("live.soon")
		} else {
			k.round("live.look")
		}
		if got, want := k.inside(room), "ada: "+hostGrants+"; chidi: "+viewerGrants; got != want {
			t.Errorf("by %s: %s, want %s", by, got, want)
		}
	}
	if n := k.Int("SELECT COUNT(*) FROM live_presence WHERE person = '" + k.User(bola).Id + "'"); n != 0 {
		t.Errorf("who was thrown out at once has %d stays", n)
	}
}

// TestALookPutsEverythingRight with every webhook lost.
func TestALookPutsEverythingRight(t *testing.T) {
	k := start(t)
	stream := k.live(ada)
	room := k.room(stream)
	k.join(stream, bola)
	ghost := rooms.Name([16]byte{1})
	k.media.lock.Lock()
	k.media.rooms[ghost] = map[string]rooms.Seen{}
	k.media.rooms["another-systems-room"] = map[string]rooms.Seen{}
	one := k.media.rooms[room][k.User(bola).Id]
	one.Grants.Sources = rooms.Microphone
	k.media.rooms[room][k.User(bola).Id] = one
	k.media.rooms[room]["nobodynobody123"] = rooms.Seen{SID: "PA_n", Person: "nobodynobody123", Grants: one.Grants}
	k.media.lock.Unlock()
	k.Want(k.Do(ada, "POST", "/api/collections/blocks/records", map[string]any{"blocked": k.User(chidi).Id}), 200, "")
	k.media.lock.Lock()
	k.media.rooms[room][k.User(chidi).Id] = rooms.Seen{SID: "PA_c", Person: k.User(chidi).Id, Connected: true, Grants: one.Grants}
	k.media.lock.Unlock()
	k.round("live.look")
	if got, want := k.inside(room), "ada: "+hostGrants+"; bola: "+viewerGrants; got != want {
		t.Errorf("inside: %s, want %s", got, want)
	}
	if k.hasRoom(ghost) || !k.hasRoom("another-systems-room") {
		t.Error("a ghost is left, or another system's room is gone")
	}
	// The media server starts anew: the room comes back, and then its people.
	k.media.lock.Lock()
	kept := k.media.rooms[room]
	k.media.rooms = map[string]map[string]rooms.Seen{}
	k.media.lock.Unlock()
	k.look()
	if !k.hasRoom(room) || k.status(stream) != "host_away" || k.field("streams", stream, "losses") != "1" {
		t.Fatalf("the stream is %s, losses %s", k.status(stream), k.field("streams", stream, "losses"))
	}
	k.media.lock.Lock()
	for id, seen := range kept {
		seen.SID += "_2"
		k.media.rooms[room][id] = seen
	}
	k.media.lock.Unlock()
	k.look()
	if k.status(stream) != "live" || k.field("streams", stream, "viewers") != "1" {
		t.Errorf("the stream is %s with %s viewers", k.status(stream), k.field("streams", stream, "viewers"))
	}
	before := k.told("")
	k.look()
	if n := k.told("") - before; n != 1 {
		t.Errorf("with nothing wrong, a look asked %d times", n)
	}
}

// TestAFailingLookChangesNothing: what the media server does not say is not
// believed gone.
func TestAFailingLookChangesNothing(t *testing.T) {
	k := start(t)
	stream := k.live(ada)
	k.media.fail = livekit.ErrUnreachable
	for range 3 {
		if err := k.Deps.Outbox.RunRound(t.Context(), k.App, "live.look"); err == nil {
			t.Fatal("it did not fail")
		}
	}
	k.media.fail = nil
	if k.status(stream) != "live" || k.Int("SELECT COUNT(*) FROM live_presence WHERE left_at = ''") != 1 {
		t.Errorf("it is %s", k.status(stream))
	}
}
