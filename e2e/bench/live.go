package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/livekit/protocol/livekit"

	"github.com/lingualink/lingualink/e2e/harness"
)

const (
	liveRounds   = 3
	participants = 1_000
	listeners    = 50 // people; each comes with so many connections that all are participants
	liveKey      = "benchkey"
	liveSecret   = "only-for-the-bench-0123456789abcdef0123"
)

// stand is a media server without media: its rooms are empty names, and the
// people in them are who the bench says.
type stand struct {
	livekit.RoomService // what is not asked for here
	lock                sync.Mutex
	rooms               map[string]map[string]*livekit.ParticipantInfo // room, sid
}

func (s *stand) CreateRoom(_ context.Context, r *livekit.CreateRoomRequest) (*livekit.Room, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.rooms[r.GetName()] == nil {
		s.rooms[r.GetName()] = map[string]*livekit.ParticipantInfo{}
	}
	return &livekit.Room{Name: r.GetName()}, nil
}

func (s *stand) DeleteRoom(_ context.Context, r *livekit.DeleteRoomRequest) (*livekit.DeleteRoomResponse, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	delete(s.rooms, r.GetRoom())
	return &livekit.DeleteRoomResponse{}, nil
}

func (s *stand) ListRooms(context.Context, *livekit.ListRoomsRequest) (*livekit.ListRoomsResponse, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	list := &livekit.ListRoomsResponse{}
	for name := range s.rooms {
		list.Rooms = append(list.Rooms, &livekit.Room{Name: name})
	}
	return list, nil
}

func (s *stand) ListParticipants(_ context.Context, r *livekit.ListParticipantsRequest) (*livekit.ListParticipantsResponse, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	list := &livekit.ListParticipantsResponse{}
	for _, one := range s.rooms[r.GetRoom()] {
		list.Participants = append(list.Participants, one)
	}
	return list, nil
}

func (s *stand) put(room string, one *livekit.ParticipantInfo) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.rooms[room][one.GetSid()] = one
}

func (s *stand) take(room, sid string) {
	s.lock.Lock()
	defer s.lock.Unlock()
	delete(s.rooms[room], sid)
}

// benchLive measures how many tokens of a stream are given a second, and how many
// events of the media server are taken, each on disk before it is acknowledged:
// 1,000 participants come and go. Beside it, in turns, records of plain PocketBase.
func benchLive(t harness.TB, authors []*harness.Person) {
	media := &stand{rooms: map[string]map[string]*livekit.ParticipantInfo{}}
	front := httptest.NewServer(livekit.NewRoomServiceServer(media))
	t.Cleanup(front.Close)
	server := harness.Start(t, harness.Options{Env: []string{
		"LL_RATE_LIMITS=off", "LIVEKIT_URL=" + strings.Replace(front.URL, "http", "ws", 1), "LIVEKIT_API_KEY=" + liveKey, "LIVEKIT_API_SECRET=" + liveSecret,
	}})
	people := server.SignUpMany(t, "listener", listeners)
	stream, room := goLive(t, server, media)

	tokens, events, creates := []float64{}, []float64{}, []float64{}
	for round := range liveRounds {
		tokens = append(tokens, participants/elapsed(t, participants, func(ctx context.Context, i int) (harness.Answer, error) {
			return people[i%listeners].Do(ctx, http.MethodPost, "/api/lingualink/streams/"+stream+"/token", nil)
		}).Seconds())
		took := time.Duration(0)
		for _, kind := range []string{"participant_joined", "participant_left"} {
			took += elapsed(t, participants, func(ctx context.Context, i int) (harness.Answer, error) {
				one := &livekit.ParticipantInfo{
					Sid: fmt.Sprintf("PA_%d_%d", round, i), Identity: people[i%listeners].ID, State: livekit.ParticipantInfo_ACTIVE, JoinedAtMs: time.Now().UnixMilli(),
					Permission: &livekit.ParticipantPermission{CanSubscribe: true},
				}
				if kind == "participant_joined" {
					media.put(room, one)
				} else {
					media.take(room, one.GetSid())
				}
				return tell(ctx, server, fmt.Sprintf("EV_%s_%d_%d", kind, round, i), kind, room, one)
			})
			checkViewers(t, server, stream, map[string]int{"participant_joined": listeners}[kind])
		}
		events = append(events, 2*participants/took.Seconds())
		creates = append(creates, participants/elapsed(t, participants, func(ctx context.Context, i int) (harness.Answer, error) {
			return authors[i%len(authors)].Do(ctx, http.MethodPost, "/api/collections/notes/records", map[string]string{"text": harness.NewID()})
		}).Seconds())
		fmt.Printf("round %d: %5.0f tokens/s, %5.0f events of %d participants/s, %5.0f bare records/s\n", round+1, tokens[round], events[round], participants, creates[round])
	}
	token, event, bare := median(tokens), median(events), median(creates)
	fmt.Printf("median:  %5.0f tokens/s, %5.0f events/s, %5.0f bare records/s: a token costs %.1f bare records, an event %.1f\n", token, event, bare, bare/token, bare/event)
}

// goLive makes a stream that is live, and gives its id and its room.
func goLive(t harness.TB, server *harness.Server, media *stand) (stream, room string) {
	t.Helper()
	host := server.SignUp(t, "streamer", server.Language(t, "ha"))
	var opened struct {
		Data struct {
			ID    string `json:"id"`
			Token string `json:"token"`
		} `json:"data"`
	}
	host.Must(t, http.MethodPost, "/api/lingualink/streams", map[string]any{"title": "Tales of the river", "language": server.Language(t, "ha")}, &opened)
	stream = opened.Data.ID
	host.Must(t, http.MethodPost, "/api/lingualink/streams/"+stream+"/token", nil, &opened)
	var claims struct {
		jwt.RegisteredClaims
		Video struct {
			Room string `json:"room"`
		} `json:"video"`
	}
	if _, _, err := jwt.NewParser().ParseUnverified(opened.Data.Token, &claims); err != nil {
		t.Fatalf("the host's token: %v", err)
	}
	room = claims.Video.Room
	media.put(room, &livekit.ParticipantInfo{
		Sid: "PA_host", Identity: host.ID, State: livekit.ParticipantInfo_ACTIVE, JoinedAtMs: time.Now().UnixMilli(),
		Permission: &livekit.ParticipantPermission{CanSubscribe: true, CanPublish: true, CanPublishData: true, CanPublishSources: []livekit.TrackSource{
			livekit.TrackSource_MICROPHONE, livekit.TrackSource_CAMERA, livekit.TrackSource_SCREEN_SHARE, livekit.TrackSource_SCREEN_SHARE_AUDIO,
		}},
		Tracks: []*livekit.TrackInfo{{Sid: "TR_host", Source: livekit.TrackSource_MICROPHONE}},
	})
	host.Must(t, http.MethodPost, "/api/lingualink/streams/"+stream+"/live", nil, nil)
	return stream, room
}

// tell sends an event as the media server does.
func tell(ctx context.Context, server *harness.Server, id, kind, room string, one *livekit.ParticipantInfo) (harness.Answer, error) {
	body, err := json.Marshal(map[string]any{
		"id": id, "event": kind, "createdAt": fmt.Sprint(time.Now().Unix()), "room": map[string]any{"name": room, "sid": "RM_bench"},
		"participant": map[string]any{
			"sid": one.GetSid(), "identity": one.GetIdentity(), "state": "ACTIVE", "joinedAtMs": fmt.Sprint(one.GetJoinedAtMs()),
			"permission": map[string]any{"canSubscribe": true},
		},
	})
	if err != nil {
		return harness.Answer{}, err
	}
	sum := sha256.Sum256(body)
	signature, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": liveKey, "exp": time.Now().Add(5 * time.Minute).Unix(), "sha256": base64.StdEncoding.EncodeToString(sum[:]),
	}).SignedString([]byte(liveSecret))
	if err != nil {
		return harness.Answer{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/api/lingualink/webhooks/livekit", bytes.NewReader(body))
	if err != nil {
		return harness.Answer{}, err
	}
	request.Header.Set("Content-Type", "application/webhook+json")
	request.Header.Set("Authorization", signature)
	answer, err := teller.Do(request)
	if err != nil {
		return harness.Answer{}, err
	}
	raw, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	return harness.Answer{Status: answer.StatusCode, Raw: raw}, err
}

// teller keeps as many connections as there are writers.
var teller = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: writers}}

// checkViewers proves that the events had their consequences.
func checkViewers(t harness.TB, server *harness.Server, stream string, want int) {
	t.Helper()
	harness.Eventually(t, fmt.Sprintf("%d viewers", want), func() (bool, error) {
		type row struct {
			Viewers int `json:"viewers"`
		}
		found := harness.List[row](t, server.Guest(), "streams", fmt.Sprintf("id = %q", stream))
		return len(found) == 1 && found[0].Viewers == want, nil
	})
}
