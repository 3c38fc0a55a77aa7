package livekit

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media/oggwriter"

	"github.com/lingualink/lingualink/internal/rooms"
)

// Recording says whose voice is recorded. That the person has agreed is the
// caller's to know.
type Recording struct {
	Room     string
	Identity string        // the recorder's own; hidden from everybody
	Person   string        // whose microphone
	Most     time.Duration // longest recording, up to an hour
	Patience time.Duration // how long it waits for the microphone
}

// Recorded is what came of it.
type Recorded struct {
	Duration time.Duration
	Lost     int // packets that came too late
}

const (
	longestRecording = time.Hour
	opusRate         = 48_000        // of RTP timestamps, whatever the sound's own rate
	opusFrame        = opusRate / 50 // 20 ms
	opusLongest      = opusRate * 120 / 1_000
)

// opusSilence is a frame of 20 ms that decodes to nothing.
var opusSilence = []byte{0xF8, 0xFF, 0xFE}

// Record writes the voice of one person as OGG/Opus: one track, nobody else, no
// decoding. It ends with the track, the room, Most or the context, and none of
// these is an error. Pauses of the sender are silence in the file. A microphone
// that is not there in time is ErrAbsent.
func (c *Client) Record(ctx context.Context, r Recording, to io.Writer) (Recorded, error) {
	if r.Room == "" || r.Identity == "" || r.Person == "" || r.Most <= 0 || r.Most > longestRecording || r.Patience <= 0 {
		return Recorded{}, fmt.Errorf("%w: a recording needs a room, a recorder, a person and times", ErrInvalid)
	}
	token, err := c.Token(Token{
		Room: r.Room, Identity: r.Identity, Role: rooms.Recorder, For: longestToken,
		Grants: rooms.Grants{Join: true, Subscribe: true, Hidden: true, Recorder: true},
	})
	if err != nil {
		return Recorded{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tracks := make(chan *webrtc.TrackRemote, 1)
	room, err := c.join(ctx, token, r, tracks, cancel)
	if err != nil {
		return Recorded{}, err
	}
	defer room.Disconnect()
	select {
	case track := <-tracks:
		if !strings.EqualFold(track.Codec().MimeType, webrtc.MimeTypeOpus) {
			return Recorded{}, fmt.Errorf("record: %w: the voice is %s", ErrRejected, track.Codec().MimeType)
		}
		// A sender that is silent for good must not keep the recorder.
		end := time.AfterFunc(r.Most, cancel)
		defer end.Stop()
		defer context.AfterFunc(ctx, room.Disconnect)() // makes ReadRTP return
		return write(func() (*rtp.Packet, error) {
			packet, _, err := track.ReadRTP()
			return packet, err
		}, to, r.Most)
	case <-time.After(r.Patience):
		return Recorded{}, fmt.Errorf("record: %w: no microphone within %s", ErrAbsent, r.Patience)
	case <-ctx.Done():
		return Recorded{}, nil
	}
}

// silence is for the SDK, which writes every step of a connection to the standard
// output, and what it thinks of the server's answers.
var silence = sync.OnceFunc(func() { lksdk.SetLogger(logger.GetDiscardLogger()) })

// join enters the room and subscribes to the one track; over is called when the
// room is left for good.
func (c *Client) join(ctx context.Context, token string, r Recording, tracks chan<- *webrtc.TrackRemote, over func()) (*lksdk.Room, error) {
	var once sync.Once
	subscribe := func(publication *lksdk.RemoteTrackPublication, person *lksdk.RemoteParticipant) {
		if person.Identity() == r.Person && publication.Source() == livekit.TrackSource_MICROPHONE {
			_ = publication.SetSubscribed(true) // if it fails the room is over, and patience ends
		}
	}
	callback := lksdk.NewRoomCallback()
	callback.OnTrackPublished, callback.OnDisconnected = subscribe, over
	callback.OnTrackSubscribed = func(track *webrtc.TrackRemote, _ *lksdk.RemoteTrackPublication, _ *lksdk.RemoteParticipant) {
		once.Do(func() { tracks <- track })
	}
	silence()
	room := lksdk.NewRoom(callback)
	if err := room.JoinWithContextAndToken(ctx, c.address, token, lksdk.WithAutoSubscribe(false), lksdk.WithConnectTimeout(callTimeout)); err != nil {
		return nil, fmt.Errorf("record: %w: %s", ErrUnreachable, c.scrub(err.Error()))
	}
	for _, person := range room.GetRemoteParticipants() {
		for _, publication := range person.TrackPublications() {
			if remote, ok := publication.(*lksdk.RemoteTrackPublication); ok {
				subscribe(remote, person)
			}
		}
	}
	return room, nil
}

// write copies packets until there are no more of them or there is enough.
func write(next func() (*rtp.Packet, error), to io.Writer, most time.Duration) (Recorded, error) {
	out, err := oggwriter.NewWith(to, opusRate, 2)
	if err != nil {
		return Recorded{}, fmt.Errorf("record: %w", err)
	}
	w := &voice{out: out, most: uint64(most.Seconds() * opusRate)}
	for w.length < w.most {
		packet, err := next()
		if err != nil {
			break // the track, the room or the time is over
		}
		if err := w.add(packet); err != nil {
			return w.recorded(), fmt.Errorf("record: %w", err)
		}
	}
	return w.recorded(), nil
}

// voice writes packets with times of its own: the sender's may jump.
type voice struct {
	out          *oggwriter.OggWriter
	started      bool
	last         uint32 // the sender's time of the latest packet
	length, most uint64 // in samples
	lost         int
}

func (v *voice) recorded() Recorded {
	return Recorded{Duration: time.Duration(v.length) * time.Second / opusRate, Lost: v.lost}
}

func (v *voice) add(packet *rtp.Packet) error {
	if len(packet.Payload) == 0 {
		return nil // padding
	}
	if !v.started {
		v.started, v.last = true, packet.Timestamp
		return v.put(packet.Payload, opusFrame)
	}
	ahead := int32(packet.Timestamp - v.last)
	if ahead <= 0 {
		v.lost++
		return nil
	}
	v.last = packet.Timestamp
	gap := uint64(ahead)
	for ; gap > opusLongest && v.length < v.most; gap -= opusFrame {
		if err := v.put(opusSilence, opusFrame); err != nil {
			return err
		}
	}
	return v.put(packet.Payload, gap)
}

// put writes one frame that ends so many samples after the one before.
func (v *voice) put(payload []byte, samples uint64) error {
	if v.length >= v.most {
		return nil
	}
	v.length += samples
	return v.out.WriteRTP(&rtp.Packet{Header: rtp.Header{Timestamp: uint32(v.length)}, Payload: payload})
}
