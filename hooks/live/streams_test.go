package live_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/live"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/livekit"
	"github.com/lingualink/lingualink/internal/rooms"
)

const (
	hostGrants    = "publish microphone+camera+screen, subscribe, data"
	speakerGrants = "publish microphone+camera, subscribe"
	viewerGrants  = "publish -, subscribe"
)

func TestWithoutAMediaServerOnlyLiveIsOff(t *testing.T) {
	s := hookstest.Start(t)
	for _, path := range []string{"/streams", "/streams/x/token", "/streams/x/live", "/streams/x/end", "/streams/x/stage", "/streams/x/reactions", "/streams/x/backstage", "/streams/x/edit"} {
		answer := s.Do(ada, "POST", "/api/lingualink"+path, map[string]any{})
		s.Want(answer, 503, "not_configured")
		if !strings.Contains(string(answer.Raw), "docs/live.md") {
			t.Errorf("%s does not point to the docs: %s", path, answer.Raw)
		}
	}
	s.Want(s.Do(guest, "POST", "/api/lingualink/webhooks/livekit", map[string]any{}), 503, "not_configured")
	s.Want(s.Do(guest, "GET", "/api/collections/streams/records", nil), 200, "")
	for _, round := range []string{"live.look", "live.due", "live.soon", "live.audience", "live.reactions"} {
		if err := s.Deps.Outbox.RunRound(t.Context(), s.App, round); err != nil {
			t.Errorf("%s: %v", round, err)
		}
	}
}

// TestAStreamFromBackstageToItsEnd is one stream, and what everybody sees of it.
func TestAStreamFromBackstageToItsEnd(t *testing.T) {
	k := start(t)
	k.Want(k.Do(bola, "POST", "/api/collections/follows/records", map[string]any{"followed": k.User(ada).Id}), 200, "")
	created := k.ok(ada, "/streams", map[string]any{"title": " Tales  of the river ", "language": k.Language("ha")})
	stream := created["id"].(string)
	if created["title"] != "Tales of the river" || created["status"] != "backstage" || created["room"] != nil || created["due_at"] != nil {
		t.Fatalf("it is %v", created)
	}
	k.settle()
	room := k.room(stream)
	if !k.hasRoom(room) || !rooms.Owned(room) {
		t.Fatalf("the room %q is not there", room)
	}
	listed := func(who string) int {
		return len(k.Do(who, "GET", "/api/collections/streams/records", nil).Items("items"))
	}
	for who, want := range map[string]int{ada: 1, bola: 0, musa: 1, guest: 0} {
		if got := listed(who); got != want {
			t.Errorf("backstage: %q lists %d, want %d", who, got, want)
		}
	}
	k.Want(k.post(bola, "/streams/"+stream+"/token", nil), 409, "stream_state")
	k.Want(k.post(ada, "/streams/"+stream+"/live", nil), 409, "host_absent")
	k.enter(k.token(ada, stream))
	k.Want(k.post(ada, "/streams/"+stream+"/live", nil), 409, "host_absent")
	k.publish(ada, room)
	k.Want(k.post(bola, "/streams/"+stream+"/live", nil), 404, "not_found")
	k.ok(ada, "/streams/"+stream+"/live", nil)
	k.look()
	if n := k.Int("SELECT COUNT(*) FROM notifications WHERE kind = 'stream_live' AND user = {:user}", dbx.Params{"user": k.User(bola).Id}); n != 1 {
		t.Errorf("the follower was told %d times", n)
	}
	if n := k.Int("SELECT COUNT(*) FROM notifications WHERE kind = 'stream_live'"); n != 1 {
		t.Errorf("%d people were told", n)
	}
	k.join(stream, bola, chidi)
	if got, want := k.inside(room), "ada: "+hostGrants+"; bola: "+viewerGrants+"; chidi: "+viewerGrants; got != want {
		t.Errorf("inside: %s, want %s", got, want)
	}
	k.Advance(time.Minute)
	k.leave(bola, room)
	k.look()
	k.look()
	for column, want := range map[string]string{"viewers": "1", "peak_viewers": "2", "unique_viewers": "2", "status": "live"} {
		if got := k.field("streams", stream, column); got != want {
			t.Errorf("%s is %s, want %s", column, got, want)
		}
	}
	k.Want(k.post(bola, "/streams/"+stream+"/end", nil), 403, "not_allowed")
	ended := k.ok(ada, "/streams/"+stream+"/end", nil)
	k.settle()
	if ended["status"] != "ended" || ended["ending"] != "host" || ended["viewers"] != 0.0 || ended["watch_seconds"].(float64) < 120 {
		t.Errorf("it ended as %v", ended)
	}
	if k.hasRoom(room) || k.room(stream) != "" {
		t.Error("the room is still there")
	}
	k.Want(k.post(ada, "/streams/"+stream+"/end", nil), 409, "stream_state")
	k.Want(k.post(ada, "/streams/"+stream+"/token", nil), 409, "stream_state")
	if n := k.Int("SELECT COUNT(*) FROM live_presence WHERE left_at = ''"); n != 0 {
		t.Errorf("%d people are still inside", n)
	}
}

func TestBadStreamsAreRefused(t *testing.T) {
	k := start(t)
	ha := k.Language("ha")
	for name, c := range map[string]struct {
		body   any
		status int
		code   string
	}{
		"no title":       {map[string]any{"title": "  ", "language": ha}, 400, "invalid_input"},
		"a long title":   {map[string]any{"title": strings.Repeat("a", 121), "language": ha}, 400, "invalid_input"},
		"no language":    {map[string]any{"title": "T"}, 400, "language_unavailable"},
		"a bad id":       {map[string]any{"title": "T", "language": ha, "id": "X"}, 400, "invalid_input"},
		"a past time":    {map[string]any{"title": "T", "language": ha, "starts_at": "2020-01-01T00:00:00Z"}, 400, "invalid_input"},
		"no time":        {map[string]any{"title": "T", "language": ha, "starts_at": "soon"}, 400, "invalid_input"},
		"far ahead":      {map[string]any{"title": "T", "language": ha, "starts_at": "2090-01-01T00:00:00Z"}, 400, "invalid_input"},
		"slow mode":      {map[string]any{"title": "T", "language": ha, "slow_seconds": 1000}, 400, "invalid_input"},
		"an own host":    {map[string]any{"title": "T", "language": ha, "host": "x"}, 400, "invalid_input"},
		"an own room":    {map[string]any{"title": "T", "language": ha, "room": "x"}, 400, "invalid_input"},
		"not even JSON":  {"{", 400, "invalid_input"},
		"no body at all": {nil, 400, "invalid_input"},
	} {
		t.Run(name, func(t *testing.T) { k.Want(k.post(ada, "/streams", c.body), c.status, c.code) })
	}
	k.Want(k.post(guest, "/streams", map[string]any{"title": "T", "language": ha}), 401, "sign_in_required")
	if n := k.Int("SELECT COUNT(*) FROM streams"); n != 0 {
		t.Errorf("%d streams were made", n)
	}
	if k.told("create") != 0 {
		t.Error("a room was made")
	}
}

func TestARepeatedStreamIsTheSame(t *testing.T) {
	k := start(t)
	body := map[string]any{"id": "streamstream001", "title": "T", "language": k.Language("ha")}
	k.ok(ada, "/streams", body)
	if again := k.ok(ada, "/streams", body); again["id"] != "streamstream001" {
		t.Errorf("again it is %v", again)
	}
	k.Want(k.post(bola, "/streams", body), 409, "id_conflict")
	body["title"] = "Another"
	k.Want(k.post(ada, "/streams", body), 409, "id_conflict")
}

// TestOneOpenStreamPerHost has a host open streams at one moment.
func TestOneOpenStreamPerHost(t *testing.T) {
	k := start(t)
	const at = 8
	answers, barrier, done := make([]apptest.Answer, at), make(chan struct{}), sync.WaitGroup{}
	k.Token(ada)
	ha := k.Language("ha")
	for i := range at {
		done.Go(func() {
			<-barrier
			answers[i] = k.post(ada, "/streams", map[string]any{"title": "T", "language": ha})
		})
	}
	close(barrier)
	done.Wait()
	opened := 0
	for _, answer := range answers {
		if answer.Status == 200 {
			opened++
			continue
		}
		k.Want(answer, 409, "stream_open")
	}
	if n := k.Int("SELECT COUNT(*) FROM streams"); opened != 1 || n != 1 {
		t.Errorf("%d were opened, %d are there", opened, n)
	}
	k.settle()
	k.look() // drops the rooms that were made in vain
	if n := len(k.media.rooms); n != 1 {
		t.Errorf("%d rooms are there", n)
	}
}

func TestScheduledStreams(t *testing.T) {
	k := start(t)
	at := k.Deps.Clock.Now().Add(time.Hour).Format(time.RFC3339)
	stream := k.ok(ada, "/streams", map[string]any{"title": "T", "language": k.Language("ha"), "starts_at": at})["id"].(string)
	other := k.ok(ada, "/streams", map[string]any{"title": "U", "language": k.Language("ha"), "starts_at": at})["id"].(string)
	if n := len(k.Do(guest, "GET", "/api/collections/streams/records", nil).Items("items")); n != 2 || k.told("create") != 0 {
		t.Errorf("%d streams are announced, %d rooms made", n, k.told("create"))
	}
	k.Want(k.post(ada, "/streams/"+stream+"/token", nil), 409, "stream_state")
	k.Want(k.post(bola, "/streams/"+stream+"/edit", map[string]any{"title": "Mine"}), 403, "not_allowed")
	later := k.Deps.Clock.Now().Add(2 * time.Hour).Format(time.RFC3339)
	if got := k.ok(ada, "/streams/"+stream+"/edit", map[string]any{"title": "Later", "starts_at": later}); got["title"] != "Later" {
		t.Errorf("it is %v", got)
	}
	k.Want(k.post(bola, "/streams/"+stream+"/backstage", nil), 403, "not_allowed")
	k.ok(ada, "/streams/"+stream+"/backstage", nil)
	k.Want(k.post(ada, "/streams/"+other+"/backstage", nil), 409, "stream_open")
	k.Want(k.post(ada, "/streams/"+stream+"/edit", map[string]any{"starts_at": later}), 409, "stream_state")
	// The other is not begun in time.
	k.Advance(2*time.Hour + time.Second)
	k.round("live.due")
	if got := k.status(other) + " " + k.field("streams", other, "ending"); got != "ended unused" {
		t.Errorf("the other is %s", got)
	}
	if got := k.status(stream) + " " + k.field("streams", stream, "ending"); got != "ended unused" {
		t.Errorf("the backstage is %s", got)
	}
}

func TestStreamsFailToBeginWhileTheMediaServerIsAway(t *testing.T) {
	k := start(t)
	k.media.fail = livekit.ErrUnreachable
	answer := k.post(ada, "/streams", map[string]any{"title": "T", "language": k.Language("ha")})
	k.Want(answer, 503, "media_unavailable")
	if answer.Header.Get("Retry-After") == "" && !strings.Contains(string(answer.Raw), "retry_after") {
		t.Errorf("it does not say when to try again: %s", answer.Raw)
	}
	if n := k.Int("SELECT COUNT(*) FROM streams"); n != 0 {
		t.Errorf("%d streams are left", n)
	}
	k.media.fail = nil
	k.Advance(5 * time.Second)
	k.backstage(ada)
}

// TestTokens decodes what everybody gets.
func TestTokens(t *testing.T) {
	k := start(t)
	stream := k.live(ada)
	room := k.room(stream)
	for who, want := range map[string]string{ada: hostGrants, bola: viewerGrants, musa: viewerGrants} {
		data := k.ok(who, "/streams/"+stream+"/token", nil)
		all := decode(t, data["token"].(string))
		if got := grantsOf(all).String(); got != want {
			t.Errorf("%s gets %s, want %s", who, got, want)
		}
		if all.Subject != k.User(who).Id || all.Video["room"] != room || all.Metadata != "" || all.Name != who {
			t.Errorf("%s: the token is %+v", who, all)
		}
		for _, never := range []string{"roomAdmin", "roomCreate", "roomList", "roomRecord", "ingressAdmin"} {
			if all.Video[never] != nil {
				t.Errorf("%s gets %s", who, never)
			}
		}
		for _, explicit := range []string{"canPublish", "canSubscribe", "canPublishData", "canUpdateOwnMetadata"} {
			if _, said := all.Video[explicit].(bool); !said {
				t.Errorf("%s: %s is not said", who, explicit)
			}
		}
		if all.Video["canUpdateOwnMetadata"] != false {
			t.Errorf("%s may change metadata", who)
		}
		if life := all.ExpiresAt.Sub(all.NotBefore.Time); life < 60*time.Second || life > 121*time.Second {
			t.Errorf("%s: the token lives %s", who, life)
		}
		if all.Attributes["role"] != data["role"] {
			t.Errorf("the roles are %v and %v", all.Attributes, data["role"])
		}
	}
	k.Want(k.post(guest, "/streams/"+stream+"/token", nil), 401, "sign_in_required")
	k.Want(k.post(bola, "/streams/nothingnothing1/token", nil), 404, "not_found")
	k.Want(k.post(bola, "/streams/"+stream+"/token", map[string]any{"as": "moderator"}), 403, "not_allowed")
	k.Want(k.post(bola, "/streams/"+stream+"/token", map[string]any{"as": "host"}), 400, "invalid_input")
	k.Want(k.post(bola, "/streams/"+stream+"/token", map[string]any{"role": "host"}), 400, "invalid_input")
	unseen := k.ok(musa, "/streams/"+stream+"/token", map[string]any{"as": "moderator"})
	if got := grantsOf(decode(t, unseen["token"].(string))).String(); got != "publish -, subscribe, hidden" {
		t.Errorf("a moderator gets %s", got)
	}
	if got := k.ok(musa, "/streams/"+stream+"/token", nil)["role"]; got != "viewer" {
		t.Errorf("and then is %v", got)
	}
	// The room is nobody's to read.
	for _, who := range []string{ada, bola, musa, guest} {
		if answer := k.Do(who, "GET", "/api/collections/streams/records", nil); strings.Contains(string(answer.Raw), room) {
			t.Errorf("%q reads the room's name", who)
		}
	}
}

// TestNobodyElseGetsAToken: every reason, one after the other.
func TestNobodyElseGetsAToken(t *testing.T) {
	k := start(t)
	stream := k.live(ada)
	path := "/streams/" + stream + "/token"
	for _, c := range []struct {
		name   string
		do     func()
		status int
		code   string
	}{
		{"blocked by the host", func() {
			k.Want(k.Do(ada, "POST", "/api/collections/blocks/records", map[string]any{"blocked": k.User(bola).Id}), 200, "")
		}, 404, "not_found"},
		{"blocks the host", func() {
			k.Want(k.Do(ada, "DELETE", "/api/collections/blocks/records/"+k.Text("SELECT id FROM blocks", nil), nil), 204, "")
			k.Want(k.Do(bola, "POST", "/api/collections/blocks/records", map[string]any{"blocked": k.User(ada).Id}), 200, "")
		}, 404, "not_found"},
		{"removed", func() {
			k.Want(k.Do(bola, "DELETE", "/api/collections/blocks/records/"+k.Text("SELECT id FROM blocks", nil), nil), 204, "")
			k.ok(ada, "/streams/"+stream+"/stage", map[string]any{"act": "remove", "person": k.User(bola).Id})
		}, 403, "stream_removed"},
		{"hidden", func() {
			k.ok(ada, "/streams/"+stream+"/stage", map[string]any{"act": "readmit", "person": k.User(bola).Id})
			record, err := k.App.FindRecordById("streams", stream)
			if err != nil {
				t.Fatal(err)
			}
			record.Set("hidden", true)
			if err := k.App.Save(record); err != nil {
				t.Fatal(err)
			}
		}, 404, "not_found"},
		{"suspended", func() { k.standing(bola, "suspended") }, 403, "account_suspended"},
		{"banned", func() { k.standing(bola, "banned") }, 403, "account_banned"},
	} {
		c.do()
		if answer := k.post(bola, path, nil); answer.Status != c.status || answer.Code() != c.code {
			t.Errorf("%s: %d %s, want %d %s", c.name, answer.Status, answer.Code(), c.status, c.code)
		}
	}
	k.standing(bola, "good")
	k.Want(k.post(bola, path, nil), 404, "not_found") // still hidden
}

// standing changes a person's standing as an admin does.
func (k *kit) standing(who, to string) {
	k.t.Helper()
	err := k.App.RunInTransaction(func(tx core.App) error {
		return accounts.SetStanding(tx, k.User(who).Id, to, "because", "superuser:test")
	})
	if err != nil {
		k.t.Fatal(err)
	}
	k.Forget(who)
}

// TestTheLastPlaceIsTakenOnce has more people ask for tokens at one moment than
// there is room for.
func TestTheLastPlaceIsTakenOnce(t *testing.T) {
	k := start(t)
	k.Policy(shell.PolicyLive, map[string]any{"most_inside": 2})
	stream := k.live(ada)
	people := []string{bola, chidi, dayo, emeka, apptest.Fatima}
	answers, barrier, done := make([]apptest.Answer, len(people)), make(chan struct{}), sync.WaitGroup{}
	for _, who := range people {
		k.Token(who)
	}
	for i, who := range people {
		done.Go(func() {
			<-barrier
			answers[i] = k.post(who, "/streams/"+stream+"/token", nil)
		})
	}
	close(barrier)
	done.Wait()
	in, first := 0, ""
	for i, answer := range answers {
		if answer.Status == 200 {
			in, first = in+1, people[i]
			continue
		}
		k.Want(answer, 409, "stream_full")
	}
	if in != 2 {
		t.Fatalf("%d were let in", in)
	}
	k.token(first, stream) // who has a place keeps it
	k.token(ada, stream)
	k.ok(musa, "/streams/"+stream+"/token", map[string]any{"as": "moderator"})
	k.Advance(5 * time.Minute) // nobody came
	k.token(people[0], stream)
}

func TestTokensAreLimited(t *testing.T) {
	k := start(t, "LL_RATE_LIMITS=on")
	stream := k.live(ada)
	for range 30 {
		k.token(bola, stream)
	}
	answer := k.post(bola, "/streams/"+stream+"/token", nil)
	k.Want(answer, 429, "rate_limited")
	if answer.Header.Get("Retry-After") == "" {
		t.Error("it does not say for how long")
	}
	k.token(chidi, stream)
}

func TestTheHostMayBeAwayForAWhile(t *testing.T) {
	k := start(t)
	stream := k.live(ada)
	room := k.room(stream)
	k.join(stream, bola)
	k.leave(ada, room)
	k.look()
	if got := k.status(stream); got != "live" {
		t.Fatalf("one miss makes it %s", got)
	}
	k.look()
	if got := k.status(stream); got != "host_away" {
		t.Fatalf("it is %s", got)
	}
	k.enter(k.token(ada, stream))
	k.look()
	if got := k.status(stream) + k.field("streams", stream, "away_until"); got != "live" {
		t.Fatalf("it is %s", got)
	}
	k.leave(ada, room)
	k.look()
	k.look()
	k.Advance(59 * time.Second)
	k.round("live.due")
	if got := k.status(stream); got != "host_away" {
		t.Fatalf("before the deadline it is %s", got)
	}
	k.Advance(2 * time.Second)
	k.round("live.due")
	k.settle()
	if got := k.status(stream) + " " + k.field("streams", stream, "ending"); got != "ended host_gone" || k.hasRoom(room) {
		t.Errorf("after it, it is %s, room %v", got, k.hasRoom(room))
	}
}

// TestKill: hidden, the room gone and its name forgotten, before any round that
// comes by itself.
func TestKill(t *testing.T) {
	k := start(t)
	stream := k.live(ada)
	room := k.room(stream)
	k.join(stream, bola)
	k.Want(k.post(ada, "/streams/"+stream+"/kill", map[string]any{"reason": "x"}), 403, "not_allowed")
	k.Want(k.post(musa, "/streams/"+stream+"/kill", map[string]any{"reason": " "}), 400, "invalid_input")
	k.ok(musa, "/streams/"+stream+"/kill", map[string]any{"reason": "hate"})
	k.round("live.soon") // what the commit wakes
	if k.hasRoom(room) {
		t.Error("the room is still there")
	}
	if got := k.status(stream) + k.room(stream) + k.field("streams", stream, "hidden"); got != "killed1" {
		t.Errorf("the stream is %q", got)
	}
	k.Want(k.post(bola, "/streams/"+stream+"/token", nil), 404, "not_found")
	k.Want(k.post(ada, "/streams/"+stream+"/token", nil), 409, "stream_state")
	for who, want := range map[string]int{guest: 0, bola: 0, musa: 1} {
		if got := len(k.Do(who, "GET", "/api/collections/streams/records", nil).Items("items")); got != want {
			t.Errorf("%q lists %d", who, got)
		}
	}
	if n := k.Int("SELECT COUNT(*) FROM audit_log WHERE action = 'stream.kill' AND reason = 'hate'"); n != 1 {
		t.Errorf("%d audit rows", n)
	}
	k.Want(k.post(musa, "/streams/"+stream+"/kill", map[string]any{"reason": "again"}), 409, "stream_state")
	// An ended one is hidden too, by the function for others.
	ended := k.live(ada)
	k.ok(ada, "/streams/"+ended+"/end", nil)
	if err := k.App.RunInTransaction(func(tx core.App) error { return live.Kill(tx, k.Deps, ended, "user:x", "late") }); err != nil {
		t.Fatal(err)
	}
	if got := k.status(ended) + k.field("streams", ended, "ending"); got != "killedhost" {
		t.Errorf("the ended one is %s", got)
	}
}

// TestKillHoldsWhileTheMediaServerIsAway: the job is repeated until it is
// confirmed.
func TestKillHoldsWhileTheMediaServerIsAway(t *testing.T) {
	k := start(t)
	stream := k.live(ada)
	room := k.room(stream)
	k.media.fail = livekit.ErrUnreachable
	k.ok(musa, "/streams/"+stream+"/kill", map[string]any{"reason": "hate"})
	if err := k.Deps.Outbox.RunRound(t.Context(), k.App, "live.soon"); !errors.Is(err, livekit.ErrUnreachable) {
		t.Fatalf("the first try: %v", err)
	}
	k.Drain()
	if n := k.Int("SELECT COUNT(*) FROM jobs WHERE kind = 'live.room.delete' AND state = 'queued'"); n != 1 {
		t.Fatalf("%d jobs wait", n)
	}
	k.media.fail = nil
	k.Advance(time.Minute)
	k.Drain()
	if k.hasRoom(room) {
		t.Error("the room is still there")
	}
	if n := k.Int("SELECT COUNT(*) FROM jobs WHERE kind LIKE 'live.%' AND state != 'done'"); n != 0 {
		t.Errorf("%d jobs are not done", n)
	}
}

func TestABanTakesPeopleOut(t *testing.T) {
	for _, standing := range []string{"suspended", "banned"} {
		t.Run(standing, func(t *testing.T) {
			k := start(t)
			mine, others := k.live(ada), k.live(bola)
			room, otherRoom := k.room(mine), k.room(others)
			k.enter(k.token(ada, others))
			k.look()
			k.standing(ada, standing)
			k.round("live.soon")
			if k.hasRoom(room) || k.status(mine) != "ended" || k.field("streams", mine, "ending") != "host_barred" {
				t.Errorf("her stream is %s", k.status(mine))
			}
			if got, want := k.inside(otherRoom), "bola: "+hostGrants; got != want {
				t.Errorf("inside: %s, want %s", got, want)
			}
			if k.status(others) != "live" {
				t.Errorf("the other stream is %s", k.status(others))
			}
		})
	}
}

func TestARotationMakesTokensUseless(t *testing.T) {
	k := start(t)
	stream := k.live(ada)
	room := k.room(stream)
	k.Want(k.post(musa, "/streams/"+stream+"/rotate", nil), 403, "not_allowed")
	k.ok(admin, "/streams/"+stream+"/rotate", nil)
	k.settle()
	if now := k.room(stream); now == room || k.hasRoom(room) || !k.hasRoom(now) || k.status(stream) != "host_away" {
		t.Errorf("the room is %s, it was %s; the stream %s", now, room, k.status(stream))
	}
	k.enter(k.token(ada, stream))
	k.look()
	if k.status(stream) != "live" {
		t.Errorf("the stream is %s", k.status(stream))
	}
}
