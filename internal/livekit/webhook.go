package livekit

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/livekit/protocol/webhook"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/lingualink/lingualink/internal/rooms"
)

// MaxEvent is the longest event that is read: the server's own limits of metadata
// are larger, but nobody here is given any.
const MaxEvent = 256 << 10

// What an event is refused for. The server repeats an event after a 5xx only, so
// an authentic one must never be answered with 4xx: ErrUnreadable is answered
// with success and logged.
var (
	ErrSignature  = errors.New("livekit: the event is not signed by the media server")
	ErrTooLong    = errors.New("livekit: the event is too long")
	ErrUnreadable = errors.New("livekit: the event is signed and cannot be read")
)

// EventKind is what an event tells.
type EventKind string

// The events that are of use here; others have their own names.
const (
	RoomStarted      EventKind = "room_started"
	RoomFinished     EventKind = "room_finished"
	PersonJoined     EventKind = "participant_joined"
	PersonLeft       EventKind = "participant_left"
	PersonAborted    EventKind = "participant_connection_aborted" // never had media; there was no joined
	TrackPublished   EventKind = "track_published"
	TrackUnpublished EventKind = "track_unpublished"
)

// Event is a hint that something happened. It may come late, twice, in any order
// or not at all; counts of people are wrong on the wire and are not told.
type Event struct {
	ID   string // the same when the same event is sent again: keep it unique
	Kind EventKind
	At   time.Time // to the second, zero when it is not told

	Room    string
	RoomSID string

	// Of events about a person, else zero. Of track events only SID and Person.
	Person rooms.Seen
	Left   time.Time // of PersonLeft and PersonAborted: At
	Reason string    // of PersonLeft, such as CLIENT_INITIATED or CONNECTION_TIMEOUT

	Track rooms.Track // of track events
}

// Sighting is what the event says of a stay; false when it says nothing of one.
func (e Event) Sighting() (rooms.Sighting, bool) {
	if e.Room == "" || e.Person.SID == "" || e.Person.Person == "" {
		return rooms.Sighting{}, false
	}
	s := rooms.Sighting{Room: e.Room, SID: e.Person.SID, Person: e.Person.Person, Joined: e.Person.Joined}
	switch e.Kind {
	case PersonJoined:
		if s.Joined.IsZero() {
			s.Joined = e.At
		}
		return s, !s.Joined.IsZero()
	case PersonLeft:
		s.Left = e.Left
		return s, !s.Left.IsZero()
	default:
		return rooms.Sighting{}, false
	}
}

// ReadEvent verifies a request of the media server and reads it. With
// ErrUnreadable nothing but the error is told. The body is read and closed.
func (c *Client) ReadEvent(r *http.Request) (Event, error) {
	r.Body = http.MaxBytesReader(nil, r.Body, MaxEvent)
	body, err := webhook.Receive(r, c.hooks)
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return Event{}, ErrTooLong
	case err != nil:
		// Not the library's text: it may hold the header.
		return Event{}, ErrSignature
	}
	return readEvent(body)
}

// readEvent reads a body that is authentic. Fields that are not known are left
// out: newer servers send more.
func readEvent(body []byte) (Event, error) {
	wire := &livekit.WebhookEvent{}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true, AllowPartial: true}).Unmarshal(body, wire); err != nil {
		return Event{}, fmt.Errorf("%w: %d bytes", ErrUnreadable, len(body))
	}
	if wire.GetId() == "" || wire.GetEvent() == "" {
		return Event{}, fmt.Errorf("%w: it has no id or no name", ErrUnreadable)
	}
	event := Event{ID: wire.GetId(), Kind: EventKind(wire.GetEvent()), Room: wire.GetRoom().GetName(), RoomSID: wire.GetRoom().GetSid()}
	if wire.GetCreatedAt() > 0 {
		event.At = time.Unix(wire.GetCreatedAt(), 0).UTC()
	}
	if info := wire.GetParticipant(); info != nil {
		event.Person = seen(info)
		if event.Kind == PersonLeft || event.Kind == PersonAborted {
			event.Left, event.Reason = event.At, info.GetDisconnectReason().String()
		}
	}
	if track := wire.GetTrack(); track != nil {
		event.Track = rooms.Track{SID: track.GetSid(), Source: sourceOf(track.GetSource()), Muted: track.GetMuted()}
	}
	return event, nil
}
