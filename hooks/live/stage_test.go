package live_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

// stage acts on the stage; the person may be empty for oneself.
func (k *kit) stage(who, stream, act, person string) apptest.Answer {
	k.t.Helper()
	body := map[string]any{"act": act}
	if person != "" {
		body["person"] = k.User(person).Id
	}
	return k.post(who, "/streams/"+stream+"/stage", body)
}

func TestTheStage(t *testing.T) {
	k := start(t)
	stream := k.live(ada)
	room := k.room(stream)
	k.join(stream, bola, chidi)
	seats := func(who string) int {
		return len(k.Do(who, "GET", "/api/collections/stream_seats/records", nil).Items("items"))
	}
	for _, step := range []struct {
		who, act, person string
		status           int
		code             string
		bola             string // what she may do afterwards
	}{
		{bola, "accept", "", 409, "stage_state", viewerGrants},
		{bola, "promote", bola, 403, "not_allowed", viewerGrants},
		{chidi, "promote", bola, 403, "not_allowed", viewerGrants},
		{ada, "promote", bola, 409, "stage_state", viewerGrants},
		{bola, "raise", "", 200, "", viewerGrants},
		{bola, "raise", "", 409, "stage_state", viewerGrants},
		{chidi, "decline", bola, 403, "not_allowed", viewerGrants},
		{ada, "decline", bola, 200, "", viewerGrants},
		{bola, "raise", "", 200, "", viewerGrants},
		{bola, "cancel", "", 200, "", viewerGrants},
		{bola, "raise", "", 200, "", viewerGrants},
		{ada, "promote", bola, 200, "", speakerGrants},
		{ada, "mute", bola, 200, "", "publish camera, subscribe"},
		{bola, "unmute", "", 403, "not_allowed", "publish camera, subscribe"},
		{ada, "unmute", bola, 200, "", speakerGrants},
		{bola, "appoint", bola, 403, "not_allowed", speakerGrants},
		{ada, "appoint", bola, 200, "", hostGrants},
		{bola, "remove", ada, 403, "not_allowed", hostGrants},
		{musa, "demote", bola, 200, "", viewerGrants},
		{ada, "invite", bola, 200, "", viewerGrants},
		{ada, "accept", bola, 403, "not_allowed", viewerGrants},
		{bola, "decline", "", 200, "", viewerGrants},
		{ada, "invite", bola, 200, "", viewerGrants},
		{bola, "accept", "", 200, "", speakerGrants},
		{bola, "demote", "", 200, "", viewerGrants},
		{ada, "juggle", bola, 400, "invalid_input", viewerGrants},
		{ada, "remove", bola, 200, "", ""},
		{ada, "remove", bola, 409, "stage_state", ""},
		{bola, "raise", "", 403, "stream_removed", ""},
		{bola, "readmit", "", 403, "not_allowed", ""},
		{musa, "remove", bola, 200, "", ""},
		{ada, "readmit", bola, 403, "not_allowed", ""},
		{musa, "readmit", bola, 200, "", ""},
		{musa, "mute", ada, 403, "not_allowed", ""},
	} {
		answer := k.stage(step.who, stream, step.act, step.person)
		if answer.Status != step.status || answer.Code() != step.code {
			t.Fatalf("%s: %s %s: %d %s, want %d %s", step.who, step.act, step.person, answer.Status, answer.Code(), step.status, step.code)
		}
		k.round("live.soon")
		want := "ada: " + hostGrants + "; bola: " + step.bola + "; chidi: " + viewerGrants
		if step.bola == "" {
			want = "ada: " + hostGrants + "; chidi: " + viewerGrants
		}
		if got := k.inside(room); got != want {
			t.Fatalf("after %s: %s %s:\n%s, want\n%s", step.who, step.act, step.person, got, want)
		}
	}
	for who, want := range map[string]int{ada: 2, bola: 1, chidi: 0, musa: 2} {
		if got := seats(who); got != want {
			t.Errorf("%s sees %d seats, want %d", who, got, want)
		}
	}
	k.Want(k.Do(guest, "GET", "/api/collections/stream_seats/records", nil), 200, "")
	if n := len(k.Do(guest, "GET", "/api/collections/stream_seats/records", nil).Items("items")); n != 0 {
		t.Errorf("a guest sees %d seats", n)
	}
	if n := k.Int("SELECT COUNT(*) FROM audit_log WHERE action LIKE 'stream.%'"); n != 3 {
		t.Errorf("%d acts of the moderator are remembered", n)
	}
	k.Drain()
	if n := k.Int("SELECT COUNT(*) FROM notifications WHERE kind = 'stage_invite' AND user = {:user}", dbx.Params{"user": k.User(bola).Id}); n != 2 {
		t.Errorf("she was told %d times of an invitation", n)
	}
	k.Want(k.stage(guest, stream, "raise", ""), 401, "sign_in_required")
	k.standing(chidi, "suspended")
	k.Want(k.stage(chidi, stream, "raise", ""), 403, "account_suspended")
}

// TestTheStageIsFullOnce promotes more people at one moment than fit.
func TestTheStageIsFullOnce(t *testing.T) {
	k := start(t)
	k.Policy(shell.PolicyLive, map[string]any{"most_speakers": 2})
	stream := k.live(ada)
	people := []string{bola, chidi, dayo, emeka, apptest.Fatima}
	for _, who := range people {
		k.Want(k.stage(who, stream, "raise", ""), 200, "")
	}
	answers, barrier, done := make([]apptest.Answer, len(people)), make(chan struct{}), sync.WaitGroup{}
	k.Token(ada)
	ids := map[string]string{}
	for _, who := range people {
		ids[who] = k.User(who).Id
	}
	for i, who := range people {
		done.Go(func() {
			<-barrier
			answers[i] = k.post(ada, "/streams/"+stream+"/stage", map[string]any{"act": "promote", "person": ids[who]})
		})
	}
	close(barrier)
	done.Wait()
	in := 0
	for _, answer := range answers {
		if answer.Status == 200 {
			in++
			continue
		}
		k.Want(answer, 409, "stage_full")
	}
	if n := k.Int("SELECT COUNT(*) FROM stream_seats WHERE role = 'speaker'"); in != 2 || n != 2 {
		t.Errorf("%d were promoted, %d are speakers", in, n)
	}
}

// TestTheStageIsClearedOfWhoIsGone: a place is kept as long as the host's.
func TestTheStageIsClearedOfWhoIsGone(t *testing.T) {
	k := start(t)
	stream := k.live(ada)
	k.join(stream, bola)
	k.Want(k.stage(bola, stream, "raise", ""), 200, "")
	k.Want(k.stage(ada, stream, "promote", bola), 200, "")
	k.settle()
	role := func() string {
		return k.Text("SELECT role FROM stream_seats WHERE person = {:id}", dbx.Params{"id": k.User(bola).Id})
	}
	k.Advance(2 * time.Minute)
	k.round("live.due")
	if role() != "speaker" {
		t.Fatalf("who is inside became %s", role())
	}
	k.leave(bola, k.room(stream))
	k.look()
	k.look()
	k.Advance(59 * time.Second)
	k.round("live.due")
	if role() != "speaker" {
		t.Fatalf("too early %s", role())
	}
	k.Advance(2 * time.Second)
	k.round("live.due")
	if role() != "viewer" {
		t.Errorf("she is %s", role())
	}
}

// say writes a chat message.
func (k *kit) say(who, stream, text string) apptest.Answer {
	k.t.Helper()
	return k.Do(who, "POST", "/api/collections/stream_messages/records", map[string]any{"stream": stream, "text": text})
}

func TestTheChat(t *testing.T) {
	k := start(t)
	stream := k.backstage(ada)
	k.Want(k.say(ada, stream, "Soon"), 409, "chat_closed")
	k.ok(ada, "/streams/"+stream+"/live", nil)
	first := k.say(bola, stream, "  Sannu  ")
	k.Want(first, 200, "")
	if first.Text("text") != "Sannu" || first.Text("author") != k.User(bola).Id {
		t.Errorf("it is %s", first.Raw)
	}
	for name, c := range map[string]struct {
		who    string
		body   map[string]any
		status int
		code   string
	}{
		"nothing":        {bola, map[string]any{"text": "   "}, 400, "invalid_input"},
		"too much":       {bola, map[string]any{"text": strings.Repeat("a", 501)}, 400, "invalid_input"},
		"as another":     {bola, map[string]any{"text": "x", "author": k.User(chidi).Id}, 400, "server_field"},
		"hidden":         {bola, map[string]any{"text": "x", "hidden": true}, 400, "server_field"},
		"another stream": {bola, map[string]any{"text": "x", "stream": "nothingnothing1"}, 404, "not_found"},
		"guest":          {guest, map[string]any{"text": "x"}, 401, ""},
	} {
		body := map[string]any{"stream": stream}
		for field, value := range c.body {
			body[field] = value
		}
		answer := k.Do(c.who, "POST", "/api/collections/stream_messages/records", body)
		if c.who == guest {
			if answer.Status < 400 {
				t.Errorf("%s: %d", name, answer.Status)
			}
			continue
		}
		if answer.Status != c.status || answer.Code() != c.code {
			t.Errorf("%s: %d %s, want %d %s", name, answer.Status, answer.Code(), c.status, c.code)
		}
	}
	// Slow mode: a second message waits, the host's does not.
	k.ok(ada, "/streams/"+stream+"/edit", map[string]any{"slow_seconds": 10})
	slow := k.say(bola, stream, "Again")
	k.Want(slow, 429, "chat_slow")
	if slow.Header.Get("Retry-After") != "10" {
		t.Errorf("she waits %q s", slow.Header.Get("Retry-After"))
	}
	k.Want(k.say(ada, stream, "One"), 200, "")
	k.Want(k.say(ada, stream, "Two"), 200, "")
	k.Advance(11 * time.Second)
	k.Want(k.say(bola, stream, "Now"), 200, "")
	k.ok(ada, "/streams/"+stream+"/edit", map[string]any{"slow_seconds": 0})
	// Deleting.
	id := first.Text("id")
	k.Want(k.post(chidi, "/stream_messages/"+id+"/delete", nil), 403, "not_allowed")
	k.ok(ada, "/streams/"+stream+"/pin", map[string]any{"message": id})
	k.Want(k.post(bola, "/streams/"+stream+"/pin", map[string]any{"message": id}), 403, "not_allowed")
	k.Want(k.post(ada, "/streams/"+stream+"/pin", map[string]any{"message": "nothingnothing1"}), 404, "not_found")
	k.ok(ada, "/stream_messages/"+id+"/delete", nil)
	k.ok(ada, "/stream_messages/"+id+"/delete", nil)
	if got := k.field("streams", stream, "pinned"); got != "" {
		t.Errorf("%s is still pinned", got)
	}
	for who, want := range map[string]int{bola: 3, chidi: 3, musa: 4, guest: 0} {
		if got := len(k.Do(who, "GET", "/api/collections/stream_messages/records", nil).Items("items")); got != want {
			t.Errorf("%q reads %d messages, want %d", who, got, want)
		}
	}
	// Silence for a while.
	hush := func(who, person string, minutes int) apptest.Answer {
		return k.post(who, "/streams/"+stream+"/hush", map[string]any{"person": k.User(person).Id, "minutes": minutes})
	}
	k.Want(hush(bola, chidi, 1), 403, "not_allowed")
	k.Want(hush(ada, bola, 1441), 400, "invalid_input")
	k.Want(hush(bola, ada, 1), 403, "not_allowed")
	k.Want(hush(ada, bola, 5), 200, "")
	k.Want(k.say(bola, stream, "x"), 403, "chat_muted")
	k.Advance(5*time.Minute + time.Second)
	k.Want(k.say(bola, stream, "Back"), 200, "")
	k.Want(hush(musa, bola, 5), 200, "")
	k.Want(hush(musa, bola, 0), 200, "")
	k.Want(k.say(bola, stream, "Back again"), 200, "")
	// Who is removed, blocked or suspended.
	k.Want(k.stage(ada, stream, "remove", bola), 200, "")
	k.Want(k.say(bola, stream, "x"), 403, "stream_removed")
	k.Want(k.Do(chidi, "POST", "/api/collections/blocks/records", map[string]any{"blocked": k.User(ada).Id}), 200, "")
	k.Want(k.say(chidi, stream, "x"), 404, "not_found")
	k.standing(dayo, "suspended")
	k.Want(k.say(dayo, stream, "x"), 403, "account_suspended")
	k.ok(ada, "/streams/"+stream+"/end", nil)
	k.Want(k.say(ada, stream, "Bye"), 409, "chat_closed")
}

// TestSlowModeHoldsAtOneMoment has one person write many messages at once.
func TestSlowModeHoldsAtOneMoment(t *testing.T) {
	k := start(t)
	stream := k.live(ada)
	k.ok(ada, "/streams/"+stream+"/edit", map[string]any{"slow_seconds": 30})
	k.Token(bola)
	answers, barrier, done := make([]apptest.Answer, 6), make(chan struct{}), sync.WaitGroup{}
	for i := range answers {
		done.Go(func() {
			<-barrier
			answers[i] = k.say(bola, stream, "Me first")
		})
	}
	close(barrier)
	done.Wait()
	for _, answer := range answers {
		if answer.Status != 200 {
			k.Want(answer, 429, "chat_slow")
		}
	}
	if n := k.Int("SELECT COUNT(*) FROM stream_messages"); n != 1 {
		t.Errorf("%d messages were written", n)
	}
}

func TestReactions(t *testing.T) {
	k := start(t)
	stream := k.live(ada)
	react := func(who, kind string) apptest.Answer {
		return k.post(who, "/streams/"+stream+"/reactions", map[string]any{"kind": kind})
	}
	k.Want(react(bola, "heart"), 409, "stream_state") // is not inside
	k.join(stream, bola, chidi)
	k.Want(react(bola, "rocket"), 400, "invalid_input")
	for range 10 {
		k.Want(react(bola, "heart"), 200, "")
	}
	k.Want(react(bola, "heart"), 429, "rate_limited")
	k.Want(react(chidi, "clap"), 200, "")
	k.round("live.reactions")
	k.round("live.reactions")
	k.media.lock.Lock()
	sent := strings.Join(k.media.sent, "; ")
	k.media.lock.Unlock()
	if want := k.room(stream) + ` reactions {"clap":1,"heart":10}`; sent != want {
		t.Errorf("sent %s, want %s", sent, want)
	}
	k.Advance(5 * time.Second)
	k.Want(react(bola, "heart"), 200, "")
}

func TestFollows(t *testing.T) {
	k := start(t)
	follow := func(who, whom string) apptest.Answer {
		return k.Do(who, "POST", "/api/collections/follows/records", map[string]any{"followed": k.User(whom).Id})
	}
	counts := func(who string) string {
		return k.Text("SELECT COALESCE((SELECT followers || ' ' || following FROM follow_counts WHERE user = {:id}), '')", dbx.Params{"id": k.User(who).Id})
	}
	k.Want(follow(ada, ada), 400, "invalid_input")
	first := follow(bola, ada)
	k.Want(first, 200, "")
	if answer := follow(bola, ada); answer.Status < 400 {
		t.Error("a second row was made")
	}
	k.Want(follow(chidi, ada), 200, "")
	k.Want(follow(ada, bola), 200, "")
	if got := counts(ada) + ", " + counts(bola); got != "2 1, 1 1" {
		t.Errorf("the counts are %s", got)
	}
	for who, want := range map[string]int{ada: 1, bola: 1, dayo: 0, guest: 0} {
		if got := len(k.Do(who, "GET", "/api/collections/follows/records", nil).Items("items")); got != want {
			t.Errorf("%q sees %d follows, want %d", who, got, want)
		}
	}
	if answer := k.Do(ada, "DELETE", "/api/collections/follows/records/"+first.Text("id"), nil); answer.Status < 400 {
		t.Error("somebody else unfollowed")
	}
	k.Want(k.Do(bola, "DELETE", "/api/collections/follows/records/"+first.Text("id"), nil), 204, "")
	if got := counts(ada) + ", " + counts(bola); got != "1 1, 1 0" {
		t.Errorf("the counts are %s", got)
	}
	// A block ends it both ways, and nobody follows past it.
	k.Want(k.Do(bola, "POST", "/api/collections/blocks/records", map[string]any{"blocked": k.User(ada).Id}), 200, "")
	if got := counts(ada) + ", " + counts(bola); got != "1 0, 0 0" {
		t.Errorf("the counts are %s", got)
	}
	k.Want(follow(ada, bola), 404, "not_found")
	k.Want(follow(bola, ada), 404, "not_found")
}

// TestAllFollowersAreToldOnce has more followers than one job tells.
func TestAllFollowersAreToldOnce(t *testing.T) {
	k := start(t)
	stream := k.backstage(ada)
	const many = 450
	host, stamp := k.User(ada).Id, "2026-01-02 03:04:05.678Z"
	for range many { // rows of people who are not there otherwise
		k.Insert("follows", dbx.Params{"id": shell.NewID(), "user": shell.NewID(), "followed": host, "created": stamp})
	}
	k.ok(ada, "/streams/"+stream+"/live", nil)
	for k.Drain() > 0 {
	}
	if n := k.Int("SELECT COUNT(*) FROM jobs WHERE kind = 'notify' AND effect_key LIKE 'stream_live:%'"); n != many {
		t.Errorf("%d were told", n)
	}
	if n := k.Int("SELECT COUNT(*) FROM jobs WHERE kind = 'live.followers'"); n != 3 {
		t.Errorf("it took %d jobs", n)
	}
}
