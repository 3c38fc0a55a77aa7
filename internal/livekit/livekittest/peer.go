package livekittest

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
)

// Peer is somebody in a room with real media, as a person's client would be.
type Peer struct {
	tb   testing.TB
	room *lksdk.Room

	lock     sync.Mutex
	packets  map[string]int // heard, by who sent
	data     []Data
	ended    string
	returned int
}

// silence is for the SDK, which tells every step of a connection.
var silence = sync.OnceFunc(func() { lksdk.SetLogger(logger.GetDiscardLogger()) })

// Data is what somebody sent over a data channel.
type Data struct{ From, Topic, Text string }

// Join lets somebody in with a token, or says why the server did not.
func Join(tb testing.TB, s *Server, token string) (*Peer, error) {
	tb.Helper()
	p := &Peer{tb: tb, packets: map[string]int{}}
	heard := func(track *webrtc.TrackRemote, _ *lksdk.RemoteTrackPublication, from *lksdk.RemoteParticipant) {
		go p.listen(track, from.Identity())
	}
	callback := lksdk.NewRoomCallback()
	callback.OnTrackSubscribed = heard
	callback.OnDataPacket = p.receive
	callback.OnDisconnectedWithReason = func(lksdk.DisconnectionReason) { p.leave() }
	callback.OnReconnected = func() { p.note(func() { p.returned++ }) }
	silence()
	room := lksdk.NewRoom(callback)
	p.note(func() { p.room = room })
	if err := room.JoinWithToken(s.URL, token, lksdk.WithConnectTimeout(10*time.Second)); err != nil {
		return nil, err
	}
	tb.Cleanup(room.Disconnect)
	return p, nil
}

// MustJoin is Join for those who must be let in. Like an app it tries again where the
// line broke on the way.
func MustJoin(tb testing.TB, s *Server, token string) *Peer {
	tb.Helper()
	const tries = 3
	p, err := Join(tb, s, token)
	for again := 1; err != nil && again < tries; again++ {
		p, err = Join(tb, s, token)
	}
	if err != nil {
		tb.Fatalf("not let in: %v", err)
	}
	return p
}

func (p *Peer) note(change func()) {
	p.lock.Lock()
	defer p.lock.Unlock()
	change()
}

func (p *Peer) listen(track *webrtc.TrackRemote, from string) {
	for {
		if _, _, err := track.ReadRTP(); err != nil {
			return // the track ended
		}
		p.note(func() { p.packets[from]++ })
	}
}

func (p *Peer) receive(packet lksdk.DataPacket, params lksdk.DataReceiveParams) {
	if user, ok := packet.(*lksdk.UserDataPacket); ok {
		p.note(func() { p.data = append(p.data, Data{params.SenderIdentity, user.Topic, string(user.Payload)}) })
	}
}

func (p *Peer) leave() {
	p.note(func() {
		if p.ended = p.room.DisconnectReason().String(); p.ended == "" {
			p.ended = "unknown"
		}
	})
}

// SID is the server's id of the participant.
func (p *Peer) SID() string { return p.room.LocalParticipant.SID() }

// Heard is how many packets of media came from the person.
func (p *Peer) Heard(from string) int {
	p.lock.Lock()
	defer p.lock.Unlock()
	return p.packets[from]
}

// Received are the data that came.
func (p *Peer) Received() []Data {
	p.lock.Lock()
	defer p.lock.Unlock()
	return append([]Data(nil), p.data...)
}

// Ended is why the peer is out, such as PARTICIPANT_REMOVED or ROOM_DELETED;
// empty while it is in or trying to come back.
func (p *Peer) Ended() string {
	p.lock.Lock()
	defer p.lock.Unlock()
	return p.ended
}

// Returned is how often the peer came back by itself after it lost the server.
func (p *Peer) Returned() int {
	p.lock.Lock()
	defer p.lock.Unlock()
	return p.returned
}

// Leave ends the peer's stay.
func (p *Peer) Leave() { p.room.Disconnect() }

// Send sends data to everybody. A peer that may not is told nothing.
func (p *Peer) Send(topic, text string) {
	p.tb.Helper()
	if err := p.room.LocalParticipant.PublishDataPacket(lksdk.UserData([]byte(text)), lksdk.WithDataPublishTopic(topic), lksdk.WithDataPublishReliable(true)); err != nil {
		p.tb.Fatal(err)
	}
}

// SetRole tries to change what others see of the peer.
func (p *Peer) SetRole(role string) {
	p.room.LocalParticipant.SetAttributes(map[string]string{"role": role})
}

// Speak publishes sound as a microphone and gives the id of the track. A peer
// that may not gets an error after ten seconds: the server says nothing.
func (p *Peer) Speak() (string, error) { return p.publish(livekit.TrackSource_MICROPHONE) }

// Show publishes a track as a camera. It has sound in it, which the server does
// not look at.
func (p *Peer) Show() (string, error) { return p.publish(livekit.TrackSource_CAMERA) }

// Play publishes an OGG/Opus file as a microphone, at the speed of sound.
func (p *Peer) Play(ogg io.ReadCloser) {
	p.tb.Helper()
	track, err := lksdk.NewLocalReaderTrack(ogg, webrtc.MimeTypeOpus)
	if err != nil {
		p.tb.Fatal(err)
	}
	if _, err := p.room.LocalParticipant.PublishTrack(track, &lksdk.TrackPublicationOptions{Source: livekit.TrackSource_MICROPHONE}); err != nil {
		p.tb.Fatal(err)
	}
}

func (p *Peer) publish(source livekit.TrackSource) (string, error) {
	track, err := lksdk.NewLocalTrack(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48_000, Channels: 2})
	if err != nil {
		return "", err
	}
	publication, err := p.room.LocalParticipant.PublishTrack(track, &lksdk.TrackPublicationOptions{Name: source.String(), Source: source})
	if err != nil {
		return "", err
	}
	if err := track.StartWrite(&quiet{}, nil); err != nil {
		return "", err
	}
	return publication.SID(), nil
}

// quiet is an endless sound: frames of 20 ms of Opus that decode to silence.
type quiet struct{ closed atomic.Bool }

var errClosed = errors.New("closed")

func (q *quiet) NextSample(context.Context) (media.Sample, error) {
	if q.closed.Load() {
		return media.Sample{}, errClosed
	}
	return media.Sample{Data: []byte{0xF8, 0xFF, 0xFE}, Duration: 20 * time.Millisecond}, nil
}

func (q *quiet) OnBind() error   { return nil }
func (q *quiet) OnUnbind() error { return nil }
func (q *quiet) Close() error    { q.closed.Store(true); return nil }
