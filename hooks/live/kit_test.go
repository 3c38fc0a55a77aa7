package live_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/livekit"
	"github.com/lingualink/lingualink/internal/livekit/livekittest"
	"github.com/lingualink/lingualink/internal/rooms"
)

// media is a media server in memory: what it is told holds at once, and it tells
// nothing by itself. Tokens and signatures are real ones.
type media struct {
	*livekit.Client
	now func() time.Time

	lock   sync.Mutex
	fail   error
	rooms  map[string]map[string]rooms.Seen // room, identity
	told   []string                         // what it was asked to do
	sent   []string                         // data
	record func(to io.Writer) (livekit.Recorded, error)
	joins  int
}

func (m *media) tell(what string, do func()) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.told = append(m.told, what)
	do()
	return nil
}

func (m *media) CreateRoom(_ context.Context, room livekit.Room) error {
	return m.tell("create "+room.Name, func() {
		if m.rooms[room.Name] == nil {
			m.rooms[room.Name] = map[string]rooms.Seen{}
		}
	})
}

func (m *media) DeleteRoom(_ context.Context, name string) error {
	return m.tell("delete "+name, func() { delete(m.rooms, name) })
}

func (m *media) Rooms(context.Context) (names []string, err error) {
	err = m.tell("list", func() { names = slices.Sorted(maps.Keys(m.rooms)) })
	return names, err
}

func (m *media) People(_ context.Context, room string) (people []rooms.Seen, err error) {
	err = m.tell("people", func() { people = slices.Collect(maps.Values(m.rooms[room])) })
	return people, err
}

func (m *media) Observe(_ context.Context, now time.Time) (observed rooms.Observed, err error) {
	observed.At = now
	err = m.tell("observe", func() {
		for name, people := range m.rooms {
			observed.Rooms = append(observed.Rooms, rooms.ObservedRoom{Name: name, Listed: true, People: slices.Collect(maps.Values(people))})
		}
	})
	return observed, err
}

func (m *media) SetGrants(_ context.Context, room, person string, _ rooms.Role, grants rooms.Grants) error {
	absent := false
	err := m.tell("set "+person, func() {
		one, here := m.rooms[room][person]
		if absent = !here; here {
			one.Grants, one.Publishing = grants, one.Publishing&grants.Sources
			m.rooms[room][person] = one
		}
	})
	if absent {
		return livekit.ErrAbsent
	}
	return err
}

func (m *media) MuteTrack(_ context.Context, _, person, _ string) error {
	return m.tell("mute "+person, func() {})
}

func (m *media) Remove(_ context.Context, room, person string) error {
	return m.tell("remove "+person, func() { delete(m.rooms[room], person) })
}

func (m *media) Send(_ context.Context, room, topic string, data []byte, _ ...string) error {
	return m.tell("send", func() { m.sent = append(m.sent, room+" "+topic+" "+string(data)) })
}

func (m *media) Record(_ context.Context, r livekit.Recording, to io.Writer) (livekit.Recorded, error) {
	if err := m.tell("record "+r.Person+" as "+r.Identity, func() {}); err != nil {
		return livekit.Recorded{}, err
	}
	return m.record(to)
}

// kit is a server with streams on a media server in memory.
type kit struct {
	*hookstest.Server
	t     *testing.T
	media *media
	event int
}

func start(t *testing.T, environ ...string) *kit {
	t.Helper()
	client, err := livekit.New("ws://127.0.0.1:1", livekittest.Key, livekittest.Secret)
	if err != nil {
		t.Fatal(err)
	}
	k := &kit{t: t, media: &media{Client: client, rooms: map[string]map[string]rooms.Seen{}}}
	k.Server = hookstest.StartWith(t, func(_ *shell.Deps, p *hooks.Providers) { p.Rooms = k.media }, environ...)
	k.media.now = k.Deps.Clock.Now
	return k
}

// post calls a route of this project.
func (k *kit) post(who, path string, body any) apptest.Answer {
	k.t.Helper()
	return k.Do(who, "POST", "/api/lingualink"+path, body)
}

// ok is post that must succeed; it gives the data.
func (k *kit) ok(who, path string, body any) map[string]any {
	k.t.Helper()
	answer := k.post(who, path, body)
	k.Want(answer, 200, "")
	return answer.Data()
}

// round runs a round once.
func (k *kit) round(ids ...string) {
	k.t.Helper()
	for _, id := range ids {
		if err := k.Deps.Outbox.RunRound(context.Background(), k.App, id); err != nil {
			k.t.Fatalf("%s: %v", id, err)
		}
	}
}

// settle has everything done that was decided.
func (k *kit) settle() {
	k.t.Helper()
	k.round("live.soon", "live.audience")
	k.Drain()
}

// look has the media server compared with the database.
func (k *kit) look() {
	k.t.Helper()
	k.round("live.look", "live.soon", "live.audience")
	k.Drain()
}

// field is a column of a row.
func (k *kit) field(table, id, column string) string {
	k.t.Helper()
	return k.Text("SELECT COALESCE(CAST("+column+" AS TEXT), '') FROM "+table+" WHERE id = {:id}", dbx.Params{"id": id})
}

func (k *kit) status(stream string) string { return k.field("streams", stream, "status") }
func (k *kit) room(stream string) string   { return k.field("streams", stream, "room") }

// inside tells who is in the stream's room, by name, with what they may publish.
func (k *kit) inside(room string) string {
	k.t.Helper()
	k.media.lock.Lock()
	defer k.media.lock.Unlock()
	people := []string{}
	for _, one := range k.media.rooms[room] {
		people = append(people, k.name(one.Person)+": "+one.Grants.String())
	}
	slices.Sort(people)
	return strings.Join(people, "; ")
}

func (k *kit) name(id string) string {
	if user, err := k.App.FindRecordById("users", id); err == nil {
		return user.GetString("username")
	}
	return id
}

// hasRoom tells whether the media server has the room.
func (k *kit) hasRoom(room string) bool {
	k.media.lock.Lock()
	defer k.media.lock.Unlock()
	return k.media.rooms[room] != nil
}

// told counts requests to the media server that begin so.
func (k *kit) told(start string) (n int) {
	k.media.lock.Lock()
	defer k.media.lock.Unlock()
	for _, one := range k.media.told {
		if strings.HasPrefix(one, start) {
			n++
		}
	}
	return n
}

// claims are the claims of a token, checked with the key of the server.
type claims struct {
	jwt.RegisteredClaims
	Name       string            `json:"name"`
	Metadata   string            `json:"metadata"`
	Attributes map[string]string `json:"attributes"`
	Video      map[string]any    `json:"video"`
}

func decode(t testing.TB, token string) claims {
	t.Helper()
	all := claims{}
	_, err := jwt.ParseWithClaims(token, &all, func(*jwt.Token) (any, error) { return []byte(livekittest.Secret), nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer(livekittest.Key), jwt.WithLeeway(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// grantsOf are what the media server makes of a token.
func grantsOf(all claims) rooms.Grants {
	is := func(name string) bool { on, said := all.Video[name].(bool); return on || !said }
	g := rooms.Grants{Join: all.Video["roomJoin"] == true, Subscribe: is("canSubscribe"), Data: is("canPublishData"), Hidden: all.Video["hidden"] == true, Recorder: all.Video["recorder"] == true}
	sources, _ := all.Video["canPublishSources"].([]any)
	for _, source := range sources {
		switch source {
		case "microphone":
			g.Sources |= rooms.Microphone
		case "camera":
			g.Sources |= rooms.Camera
		default:
			g.Sources |= rooms.Screen
		}
	}
	if is("canPublish") && len(sources) == 0 {
		g.Sources = rooms.Microphone | rooms.Camera | rooms.Screen
	}
	return g
}

// token asks for a token of a stream.
func (k *kit) token(who, stream string) string {
	k.t.Helper()
	token, _ := k.ok(who, "/streams/"+stream+"/token", nil)["token"].(string)
	return token
}

// enter brings somebody into a room with a token, as a client would; the media
// server says nothing of it.
func (k *kit) enter(token string) rooms.Seen {
	k.t.Helper()
	all := decode(k.t, token)
	room, _ := all.Video["room"].(string)
	k.media.lock.Lock()
	defer k.media.lock.Unlock()
	if k.media.rooms[room] == nil {
		k.t.Fatalf("there is no room %s", room)
	}
	k.media.joins++
	seen := rooms.Seen{SID: fmt.Sprintf("PA_%d", k.media.joins), Person: all.Subject, Connected: true, Joined: k.media.now(), Grants: grantsOf(all)}
	k.media.rooms[room][seen.Person] = seen
	return seen
}

// publish has somebody who is inside publish what they may.
func (k *kit) publish(who, room string) {
	k.t.Helper()
	k.media.lock.Lock()
	defer k.media.lock.Unlock()
	id := k.User(who).Id
	one := k.media.rooms[room][id]
	one.Publishing = one.Grants.Sources
	k.media.rooms[room][id] = one
}

// leave takes somebody out of a room without a word.
func (k *kit) leave(who, room string) {
	k.media.lock.Lock()
	defer k.media.lock.Unlock()
	delete(k.media.rooms[room], k.User(who).Id)
}

// backstage opens a stream whose host is inside with a track.
func (k *kit) backstage(host string) string {
	k.t.Helper()
	stream, _ := k.ok(host, "/streams", map[string]any{"title": "Tales of the river", "language": k.Language("ha")})["id"].(string)
	k.settle()
	k.enter(k.token(host, stream))
	k.publish(host, k.room(stream))
	k.look()
	return stream
}

// live is a stream that is live.
func (k *kit) live(host string) string {
	k.t.Helper()
	stream := k.backstage(host)
	k.ok(host, "/streams/"+stream+"/live", nil)
	k.settle()
	return stream
}

// join has somebody come into a live stream, which the reconciler sees.
func (k *kit) join(stream string, people ...string) {
	k.t.Helper()
	for _, who := range people {
		k.enter(k.token(who, stream))
	}
	k.look()
}

// hook sends an event of the media server, signed.
func (k *kit) hook(kind livekit.EventKind, room string, seen rooms.Seen, at time.Time) apptest.Answer {
	k.t.Helper()
	k.event++
	return k.hookAs(fmt.Sprintf("EV_%d", k.event), kind, room, seen, at)
}

func (k *kit) hookAs(id string, kind livekit.EventKind, room string, seen rooms.Seen, at time.Time) apptest.Answer {
	k.t.Helper()
	sources := []string{}
	if seen.Grants.Sources.Has(rooms.Microphone) {
		sources = append(sources, "MICROPHONE")
	}
	if seen.Grants.Sources.Has(rooms.Camera) {
		sources = append(sources, "CAMERA")
	}
	if seen.Grants.Sources.Has(rooms.Screen) {
		sources = append(sources, "SCREEN_SHARE", "SCREEN_SHARE_AUDIO")
	}
	event := map[string]any{"id": id, "event": string(kind), "createdAt": fmt.Sprint(at.Unix()), "room": map[string]any{"name": room, "sid": "RM_" + room}}
	if seen.Person != "" {
		event["participant"] = map[string]any{
			"sid": seen.SID, "identity": seen.Person, "state": "ACTIVE", "joinedAtMs": fmt.Sprint(seen.Joined.UnixMilli()),
			"permission": map[string]any{
				"canSubscribe": seen.Grants.Subscribe, "canPublish": seen.Grants.Publish(), "canPublishData": seen.Grants.Data,
				"hidden": seen.Grants.Hidden, "canPublishSources": sources,
			},
		}
	}
	body, err := json.Marshal(event)
	if err != nil {
		k.t.Fatal(err)
	}
	return k.hookRaw(string(body), sign(k.t, body, livekittest.Secret))
}

func (k *kit) hookRaw(body, authorization string) apptest.Answer {
	k.t.Helper()
	request := httptest.NewRequest(http.MethodPost, "/api/lingualink/webhooks/livekit", strings.NewReader(body))
	request.Header.Set("Content-Type", "application/webhook+json")
	request.Header.Set("Authorization", authorization)
	return k.Send(guest, request)
}

// sign is the media server's signature of a body.
func sign(t testing.TB, body []byte, secret string) string {
	t.Helper()
	sum := sha256.Sum256(body)
	now := time.Now() //nolint:forbidigo // tokens live in real time
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": livekittest.Key, "nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(5 * time.Minute).Unix(),
		"sha256": base64.StdEncoding.EncodeToString(sum[:]),
	}).SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return token
}
