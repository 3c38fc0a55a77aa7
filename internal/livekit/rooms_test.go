package livekit_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/livekit"
	"github.com/lingualink/lingualink/internal/livekit/livekittest"
	"github.com/lingualink/lingualink/internal/rooms"
)

// TestRooms: rooms are made by us alone, and making or deleting twice is as good
// as once.
func TestRooms(t *testing.T) {
	s, c := start(t)
	ctx := t.Context()
	must(t, c.CreateRoom(ctx, roomFor(room(1))))
	names, err := c.Rooms(ctx)
	must(t, err)
	if !slices.Equal(names, []string{room(1)}) {
		t.Fatalf("rooms are %q", names)
	}
	if _, err := livekittest.Join(t, s, ticket(t, c, room(2), "ada", rooms.Host)); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("a host's token made a room: %v", err)
	}
	must(t, c.DeleteRoom(ctx, room(1)))
	must(t, c.DeleteRoom(ctx, room(1)))
	must(t, c.Remove(ctx, room(1), "ada"))
	if err := c.Send(ctx, room(1), "reactions", []byte("{}")); !errors.Is(err, livekit.ErrUnreachable) {
		t.Errorf("data for nobody: %v", err)
	}
	if people, err := c.People(ctx, room(1)); err != nil || len(people) != 0 {
		t.Errorf("a deleted room has %v, %v", people, err)
	}
	if err := c.SetGrants(ctx, room(1), "ada", rooms.Viewer, grants(rooms.Viewer)); !errors.Is(err, livekit.ErrAbsent) {
		t.Errorf("rights of nobody: %v", err)
	}
	if took, err := c.Check(ctx); err != nil || took <= 0 {
		t.Errorf("check: %s, %v", took, err)
	}
	if names, err := c.Rooms(ctx); err != nil || len(names) != 0 {
		t.Errorf("left are %q, %v", names, err)
	}
	s.Stop()
	if _, err := c.Check(ctx); !errors.Is(err, livekit.ErrUnreachable) {
		t.Errorf("check without a server: %v", err)
	}
}

func TestWrongKey(t *testing.T) {
	s, _ := start(t)
	for name, pair := range map[string][2]string{"secret": {livekittest.Key, strings.Repeat("x", 40)}, "key": {"otherkey", livekittest.Secret}} {
		c, err := livekit.New(s.URL, pair[0], pair[1])
		must(t, err)
		if _, err := c.Check(t.Context()); !errors.Is(err, livekit.ErrRefused) || strings.Contains(err.Error(), "eyJ") {
			t.Errorf("wrong %s: %v", name, err)
		}
		if _, err := livekittest.Join(t, s, ticket(t, c, room(1), "ada", rooms.Host)); err == nil {
			t.Errorf("let in with a token of a wrong %s", name)
		}
	}
}

// TestErrorsHoldNoToken: a server that repeats what it was sent, as v1.13.5 does.
func TestErrorsHoldNoToken(t *testing.T) {
	sent := ""
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprintf(w, `{"code":"unauthenticated","msg":"invalid token: %s, cut %s, secret %s"}`, sent, sent[:40], livekittest.Secret)
	}))
	t.Cleanup(echo.Close)
	c := client(t, echo.URL)
	_, err := c.Rooms(t.Context())
	if !errors.Is(err, livekit.ErrRefused) || !strings.Contains(err.Error(), "invalid token: [hidden], cut [hidden], secret [hidden]") {
		t.Fatalf("got %v", err)
	}
	for wrapped := err; wrapped != nil; wrapped = errors.Unwrap(wrapped) {
		if len(sent) < 100 || strings.Contains(fmt.Sprintf("%+v", wrapped), sent[10:40]) {
			t.Errorf("%T holds the token", wrapped)
		}
	}
}

func TestFailuresAreSorted(t *testing.T) {
	status, body := 0, ""
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(fake.Close)
	c := client(t, fake.URL)
	for _, try := range []struct {
		status int
		body   string
		want   error
	}{
		{404, `{"code":"not_found","msg":"requested room does not exist"}`, livekit.ErrAbsent},
		{403, `{"code":"permission_denied","msg":"no"}`, livekit.ErrRefused},
		{400, `{"code":"invalid_argument","msg":"no"}`, livekit.ErrRejected},
		{412, `{"code":"failed_precondition","msg":"no"}`, livekit.ErrRejected},
		{503, `{"code":"unavailable","msg":"no response from servers"}`, livekit.ErrUnreachable},
		{500, `broken`, livekit.ErrUnreachable},
		{200, `not protobuf`, livekit.ErrUnreachable},
	} {
		status, body = try.status, try.body
		if err := c.SetGrants(t.Context(), room(1), "ada", rooms.Viewer, grants(rooms.Viewer)); !errors.Is(err, try.want) {
			t.Errorf("%d %s: %v", try.status, try.body, err)
		}
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := c.Observe(stopped, time.Now()); !errors.Is(err, context.Canceled) || !errors.Is(err, livekit.ErrUnreachable) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestWhatIsNotAsked(t *testing.T) {
	c := client(t, "ws://127.0.0.1:1")
	ctx := t.Context()
	_, noRoom := c.People(ctx, "")
	for name, err := range map[string]error{
		"a room without a name":   c.CreateRoom(ctx, livekit.Room{EmptyFor: time.Second, LeftFor: time.Second}),
		"a room for no time":      c.CreateRoom(ctx, livekit.Room{Name: room(1), LeftFor: time.Second}),
		"a room nobody may leave": c.CreateRoom(ctx, livekit.Room{Name: room(1), EmptyFor: time.Second}),
		"deleting nothing":        c.DeleteRoom(ctx, ""),
		"people of no room":       noRoom,
		"removing nobody":         c.Remove(ctx, room(1), ""),
		"no rights":               c.SetGrants(ctx, room(1), "ada", rooms.Viewer, rooms.Grants{}),
		"muting no track":         c.MuteTrack(ctx, room(1), "ada", ""),
		"sending nothing":         c.Send(ctx, room(1), "reactions", nil),
		"sending a file":          c.Send(ctx, room(1), "reactions", make([]byte, 15_001)),
	} {
		if !errors.Is(err, livekit.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
