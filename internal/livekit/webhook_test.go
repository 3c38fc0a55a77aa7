package livekit_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/lingualink/lingualink/internal/livekit"
	"github.com/lingualink/lingualink/internal/livekit/livekittest"
	"github.com/lingualink/lingualink/internal/rooms"
)

// listen receives the webhooks of a server that is started with it.
func listen(t *testing.T) *ear {
	t.Helper()
	e := &ear{client: client(t, "ws://127.0.0.1:1")} // the address does not matter to events
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		e.lock.Lock()
		defer e.lock.Unlock()
		if e.broken > 0 {
			e.broken--
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		e.bodies, e.raw = append(e.bodies, body), append(e.raw, r.Clone(r.Context()))
		r.Body = io.NopCloser(bytes.NewReader(body))
		event, err := e.client.ReadEvent(r)
		if err != nil {
			t.Errorf("%s: %v", body, err)
		}
		e.events = append(e.events, event)
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(e.Close)
	return e
}

// TestWebhooks: what a stream tells, that a failure of ours is repeated by the
// server, and that stays can be made of it.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	e := listen(t)
	e.broken = 1
	s := livekittest.Start(t, e.URL)
	c := client(t, s.URL)
	ctx := t.Context()
	began := time.Now().Add(-time.Second)
	must(t, c.CreateRoom(ctx, roomFor(room(1))))
	host := livekittest.MustJoin(t, s, ticket(t, c, room(1), "ada", rooms.Host))
	viewer := livekittest.MustJoin(t, s, ticket(t, c, room(1), "bob", rooms.Viewer))
	track, err := host.Speak()
	must(t, err)
	hears(t, viewer, "ada")
	sid := viewer.SID()
	viewer.Leave()
	until(t, "bob left", func() bool { return e.hasHeard("bob", livekit.PersonLeft) })
	must(t, c.DeleteRoom(ctx, room(1)))
	until(t, "finished", func() bool { return e.hasHeard("", livekit.RoomFinished) && e.hasHeard("ada", livekit.PersonLeft) })

	joined, left, published := e.of("bob", livekit.PersonJoined)[0], e.of("bob", livekit.PersonLeft)[0], e.of("ada", livekit.TrackPublished)[0]
	if joined.Person.SID != sid || joined.Person.Grants != grants(rooms.Viewer) || joined.Person.Joined.Before(began) || joined.Room != room(1) || joined.RoomSID == "" {
		t.Errorf("joined is %+v", joined)
	}
	if left.Person.SID != sid || left.Reason != "CLIENT_INITIATED" || left.Left.IsZero() || left.Left.Before(began) {
		t.Errorf("left is %+v", left)
	}
	if published.Track.SID != track || published.Track.Source != rooms.Microphone {
		t.Errorf("published is %+v", published)
	}
	if removed := e.of("ada", livekit.PersonLeft)[0]; removed.Reason != "ROOM_DELETED" {
		t.Errorf("ada left by %s", removed.Reason)
	}
	stay := rooms.Stay{}
	for _, event := range []livekit.Event{left, joined, left} {
		seen, tells := event.Sighting()
		if !tells {
			t.Fatalf("%+v tells nothing of a stay", event)
		}
		stay = stay.Merge(seen)
	}
	if stay.SID != sid || stay.Person != "bob" || stay.Room != room(1) || stay.Open() || !stay.Joined.Equal(joined.Person.Joined) {
		t.Errorf("the stay is %+v", stay)
	}
	ids := map[string]bool{}
	for _, event := range e.of("", "") {
		if ids[event.ID] || event.ID == "" {
			t.Errorf("the id %q comes twice", event.ID)
		}
		ids[event.ID] = true
		if _, tells := event.Sighting(); tells != (event.Kind == livekit.PersonJoined || event.Kind == livekit.PersonLeft) {
			t.Errorf("%s tells of a stay: %v", event.Kind, tells)
		}
	}
	checkForgeries(t, c, e, ticket(t, c, room(1), "eve", rooms.Host))
}

// checkForgeries changes authentic requests.
func checkForgeries(t *testing.T, c *livekit.Client, e *ear, token string) {
	t.Helper()
	body, header := e.bodies[0], e.raw[0].Header.Get("Authorization")
	for name, try := range map[string]struct {
		body   []byte
		header string
		want   error
	}{
		"authentic":       {body, header, nil},
		"no header":       {body, "", livekit.ErrSignature},
		"tampered":        {bytes.Replace(body, []byte(room(1)), []byte(room(2)), 1), header, livekit.ErrSignature},
		"a bearer":        {body, "Bearer " + header, livekit.ErrSignature},
		"a person's":      {body, token, livekit.ErrSignature},
		"of another body": {e.bodies[1], header, livekit.ErrSignature},
		"rubbish":         {body, "rubbish", livekit.ErrSignature},
		"too long":        {make([]byte, livekit.MaxEvent+1), header, livekit.ErrTooLong},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(try.body))
		if try.header != "" {
			r.Header.Set("Authorization", try.header)
		}
		event, err := c.ReadEvent(r)
		if !errors.Is(err, try.want) || (err == nil) != (try.want == nil) || (err == nil) != (event.ID != "") {
			t.Errorf("%s: %+v, %v", name, event, err)
		}
		if err != nil && strings.Contains(err.Error(), "eyJ") {
			t.Errorf("%s: the error holds a token: %v", name, err)
		}
	}
}

// signed is a request of somebody who signs as said.
func signed(t testing.TB, body string, method jwt.SigningMethod, key, secret any, expires time.Time) *http.Request {
	t.Helper()
	sum := sha256.Sum256([]byte(body))
	token, err := jwt.NewWithClaims(method, jwt.MapClaims{
		"iss": key, "nbf": time.Now().Unix(), "exp": expires.Unix(), "sha256": base64.StdEncoding.EncodeToString(sum[:]),
	}).SignedString(secret)
	must(t, err)
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Authorization", token)
	return r
}

func TestSignatures(t *testing.T) {
	c := client(t, "ws://127.0.0.1:1")
	const body = `{"event":"room_started","id":"EV_1","room":{"name":"x"}}`
	soon := time.Now().Add(5 * time.Minute)
	for name, try := range map[string]struct {
		request *http.Request
		want    error
	}{
		"right":        {signed(t, body, jwt.SigningMethodHS256, livekittest.Key, []byte(livekittest.Secret), soon), nil},
		"other secret": {signed(t, body, jwt.SigningMethodHS256, livekittest.Key, []byte("other"), soon), livekit.ErrSignature},
		"other key":    {signed(t, body, jwt.SigningMethodHS256, "other", []byte(livekittest.Secret), soon), livekit.ErrSignature},
		"no signature": {signed(t, body, jwt.SigningMethodNone, livekittest.Key, jwt.UnsafeAllowNoneSignatureType, soon), livekit.ErrSignature},
		"long ago":     {signed(t, body, jwt.SigningMethodHS256, livekittest.Key, []byte(livekittest.Secret), time.Now().Add(-5*time.Minute)), livekit.ErrSignature},
	} {
		event, err := c.ReadEvent(try.request)
		if !errors.Is(err, try.want) || err == nil && (event.ID != "EV_1" || event.Room != "x") {
			t.Errorf("%s: %+v, %v", name, event, err)
		}
	}
}

// TestTolerance: an authentic event of a server that is older, newer or odd.
func TestTolerance(t *testing.T) {
	c := client(t, "ws://127.0.0.1:1")
	read := func(body string) (livekit.Event, error) {
		return c.ReadEvent(signed(t, body, jwt.SigningMethodHS256, livekittest.Key, []byte(livekittest.Secret), time.Now().Add(time.Minute)))
	}
	for _, odd := range []string{``, `{}`, `[]`, `null`, `{"event":"room_started"}`, `{"id":"EV_1"}`, `{"id":"EV_1","event":{}}`, `{"id":"EV_1","event":"x","createdAt":"soon"}`} {
		if event, err := read(odd); !errors.Is(err, livekit.ErrUnreadable) || event.ID != "" {
			t.Errorf("%s: %+v, %v", odd, event, err)
		}
	}
	event, err := read(`{"id":"EV_1","event":"galaxy_formed","createdAt":"1700000000","new":{"field":[1]},"room":{"name":"x","newer":true},
		"participant":{"sid":"PA_1","identity":"ada","state":"ACTIVE","joinedAt":"1700000000","kind":"FUTURE","permission":{"canPublish":true,"canFly":true}}}`)
	if err != nil || event.Kind != "galaxy_formed" || event.Person.Joined != time.Unix(1_700_000_000, 0).UTC() || !event.Person.Connected {
		t.Errorf("%+v, %v", event, err)
	}
	if event.Person.Grants.Sources != rooms.Microphone|rooms.Camera|rooms.Screen {
		t.Errorf("publishing without sources is read as %s", event.Person.Grants)
	}
	if _, tells := event.Sighting(); tells {
		t.Error("an unknown event tells of a stay")
	}
	early, err := read(`{"id":"EV_2","event":"participant_joined","createdAt":"1700000000","room":{"name":"x"},"participant":{"sid":"PA_1","identity":"ada"}}`)
	must(t, err)
	if seen, tells := early.Sighting(); !tells || seen.Joined != time.Unix(1_700_000_000, 0).UTC() {
		t.Errorf("a join without a time is %+v", seen)
	}
	for _, part := range []string{`"room":{}`, `"room":{"name":"x"},"participant":{"identity":"ada"}`, `"room":{"name":"x"},"participant":{"sid":"PA_1"}`} {
		event, err := read(fmt.Sprintf(`{"id":"EV_3","event":"participant_left","createdAt":"1700000000",%s}`, part))
		must(t, err)
		if _, tells := event.Sighting(); tells {
			t.Errorf("%s tells of a stay", part)
		}
	}
}

func FuzzReadEvent(f *testing.F) {
	f.Add([]byte(`{"id":"EV_1","event":"participant_left","room":{"name":"x"},"participant":{"sid":"PA_1","identity":"ada"},"createdAt":"1700000000"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		c := client(t, "ws://127.0.0.1:1")
		event, err := c.ReadEvent(signed(t, string(body), jwt.SigningMethodHS256, livekittest.Key, []byte(livekittest.Secret), time.Now().Add(time.Minute)))
		if (err == nil) != (event.ID != "" && event.Kind != "") || err != nil && !errors.Is(err, livekit.ErrUnreadable) && !errors.Is(err, livekit.ErrTooLong) {
			t.Errorf("%+v, %v", event, err)
		}
	})
}

func BenchmarkReadEvent(b *testing.B) {
	c := client(b, "ws://127.0.0.1:1")
	const body = `{"id":"EV_1","event":"participant_left","createdAt":"1700000000","room":{"name":"x","sid":"RM_1"},"participant":{"sid":"PA_1","identity":"ada","joinedAtMs":"1700000000000"}}`
	header := signed(b, body, jwt.SigningMethodHS256, livekittest.Key, []byte(livekittest.Secret), time.Now().Add(time.Hour)).Header
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header = header
		if _, err := c.ReadEvent(r); err != nil {
			b.Fatal(err)
		}
	}
}
