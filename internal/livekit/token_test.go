package livekit_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/lingualink/lingualink/internal/livekit"
	"github.com/lingualink/lingualink/internal/livekit/livekittest"
	"github.com/lingualink/lingualink/internal/rooms"
)

func client(t testing.TB, address string) *livekit.Client {
	t.Helper()
	c, err := livekit.New(address, livekittest.Key, livekittest.Secret)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// room is the name of a room that the test alone has: servers are not shared.
func room(n byte) string { return rooms.Name([16]byte{n}) }

func grants(role rooms.Role) rooms.Grants {
	return rooms.Grant(rooms.Seat{Role: role}, rooms.Live, rooms.Good, rooms.DefaultPolicy())
}

// ticket makes a token as the product does.
func ticket(t testing.TB, c *livekit.Client, room, identity string, role rooms.Role) string {
	t.Helper()
	token, err := c.Token(livekit.Token{Room: room, Identity: identity, Name: "Name of " + identity, Role: role, Grants: grants(role), For: 90 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func decode(t *testing.T, token string) jwt.MapClaims {
	t.Helper()
	claims := jwt.MapClaims{}
	parsed, err := jwt.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return []byte(livekittest.Secret), nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer(livekittest.Key), jwt.WithExpirationRequired())
	if err != nil || !parsed.Valid {
		t.Fatalf("the token does not hold: %v", err)
	}
	return claims
}

// TestTokens decodes the tokens of every role and compares everything in them.
func TestTokens(t *testing.T) {
	c := client(t, "ws://127.0.0.1:1")
	base := map[string]any{"room": room(1), "roomJoin": true, "canSubscribe": true, "canPublish": false, "canPublishData": false, "canUpdateOwnMetadata": false, "canSubscribeMetrics": false}
	all := []any{"microphone", "camera", "screen_share", "screen_share_audio"}
	for role, extra := range map[rooms.Role]map[string]any{
		rooms.Host:      {"canPublish": true, "canPublishData": true, "canPublishSources": all},
		rooms.CoHost:    {"canPublish": true, "canPublishData": true, "canPublishSources": all},
		rooms.Speaker:   {"canPublish": true, "canPublishSources": []any{"microphone", "camera"}},
		rooms.Viewer:    {},
		rooms.Moderator: {"hidden": true},
		rooms.Recorder:  {"hidden": true, "recorder": true},
	} {
		want := map[string]any{}
		for _, part := range []map[string]any{base, extra} {
			for name, value := range part {
				want[name] = value
			}
		}
		began := time.Now().Truncate(time.Second)
		claims := decode(t, ticket(t, c, room(1), "ada", role))
		if got := claims["video"]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %v\nwant %v", role, got, want)
		}
		expires, err := claims.GetExpirationTime()
		if err != nil || expires.Before(began.Add(90*time.Second)) || expires.After(time.Now().Add(91*time.Second)) {
			t.Errorf("%s: expires %v", role, expires)
		}
		for _, name := range []string{"exp", "iat", "nbf", "video"} {
			delete(claims, name)
		}
		rest := jwt.MapClaims{"iss": livekittest.Key, "sub": "ada", "identity": "ada", "name": "Name of ada", "attributes": map[string]any{"role": string(role)}}
		for name, value := range claims {
			if name != "identity" && !reflect.DeepEqual(value, rest[name]) {
				t.Errorf("%s: %s is %v", role, name, value)
			}
		}
	}
}

func TestTokensThatAreNotMade(t *testing.T) {
	c := client(t, "ws://127.0.0.1:1")
	good := livekit.Token{Room: room(1), Identity: "ada", Role: rooms.Viewer, Grants: grants(rooms.Viewer), For: time.Minute}
	for name, change := range map[string]func(*livekit.Token){
		"no room":     func(t *livekit.Token) { t.Room = "" },
		"no identity": func(t *livekit.Token) { t.Identity = "" },
		"no rights":   func(t *livekit.Token) { t.Grants = rooms.Grants{} },
		"no join":     func(t *livekit.Token) { t.Grants.Join = false },
		"no life":     func(t *livekit.Token) { t.For = 0 },
		"short life":  func(t *livekit.Token) { t.For = 9 * time.Second },
		"long life":   func(t *livekit.Token) { t.For = 2*time.Minute + 1 },
	} {
		token := good
		change(&token)
		if signed, err := c.Token(token); !errors.Is(err, livekit.ErrInvalid) || signed != "" {
			t.Errorf("%s: %q, %v", name, signed, err)
		}
	}
	if _, err := c.Token(good); err != nil {
		t.Error(err)
	}
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"wss://live.example.org": "wss://live.example.org", "https://live.example.org/": "wss://live.example.org",
		"http://127.0.0.1:7880": "ws://127.0.0.1:7880", "ws://127.0.0.1:7880": "ws://127.0.0.1:7880",
		"": "", "live.example.org": "", "ftp://x": "", "wss://u:p@x": "", "wss://x/?access_token=t": "", "wss://": "",
	} {
		c, err := livekit.New(address, "k", "s")
		if want == "" && !errors.Is(err, livekit.ErrInvalid) || want != "" && (err != nil || c.Address() != want) {
			t.Errorf("%q: %v, %v", address, c, err)
		}
	}
	for _, missing := range [][2]string{{"", "s"}, {"k", ""}} {
		if _, err := livekit.New("wss://x", missing[0], missing[1]); !errors.Is(err, livekit.ErrInvalid) {
			t.Errorf("%q: %v", missing, err)
		}
	}
}

func TestSecretHidesFromEveryPrinter(t *testing.T) {
	c := client(t, "wss://live.example.org")
	type holder struct{ c *livekit.Client }
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, printed := range []string{fmt.Sprintf(verb, c), fmt.Sprintf(verb, holder{c}), fmt.Sprintf(verb, []*livekit.Client{c})} {
			if strings.Contains(printed, livekittest.Secret) || strings.Contains(printed, fmt.Sprintf("%x", livekittest.Secret)) {
				t.Errorf("%s prints %s", verb, printed)
			}
		}
	}
	if c.LogValue().String() != "livekit at wss://live.example.org" {
		t.Error(c.LogValue())
	}
}

func BenchmarkToken(b *testing.B) {
	c := client(b, "ws://127.0.0.1:1")
	for b.Loop() {
		ticket(b, c, room(1), "ada", rooms.Host)
	}
}
