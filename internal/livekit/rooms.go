package livekit

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/livekit/protocol/livekit"

	"github.com/lingualink/lingualink/internal/rooms"
)

// Room is how a room is made.
type Room struct {
	Name string
	// EmptyFor is how long the server keeps a room that nobody has entered,
	// LeftFor one that everybody has left. Whole seconds, at least one.
	EmptyFor, LeftFor time.Duration
	MostInside        int64 // 0: as many as the server can
}

// CreateRoom makes a room; one that is there already is as good.
func (c *Client) CreateRoom(ctx context.Context, room Room) error {
	if room.Name == "" || room.EmptyFor < time.Second || room.LeftFor < time.Second || room.MostInside < 0 {
		return fmt.Errorf("%w: a room needs a name and whole times", ErrInvalid)
	}
	_, err := call(ctx, c, "create room", func(ctx context.Context) (*livekit.Room, error) {
		return c.rooms.CreateRoom(ctx, &livekit.CreateRoomRequest{
			Name: room.Name, MaxParticipants: uint32(room.MostInside),
			EmptyTimeout: uint32(room.EmptyFor / time.Second), DepartureTimeout: uint32(room.LeftFor / time.Second),
		})
	})
	return err
}

// DeleteRoom ends a room: everybody is out within milliseconds. One that is not
// there is as good.
func (c *Client) DeleteRoom(ctx context.Context, name string) error {
	if name == "" {
		return fmt.Errorf("%w: no room is named", ErrInvalid)
	}
	_, err := call(ctx, c, "delete room", func(ctx context.Context) (*livekit.DeleteRoomResponse, error) {
		return c.rooms.DeleteRoom(ctx, &livekit.DeleteRoomRequest{Room: name})
	})
	return gone(err)
}

// Rooms are the names of all rooms on the server, others' too. The server's
// counts of people lag by seconds and are not told.
func (c *Client) Rooms(ctx context.Context) ([]string, error) {
	answer, err := call(ctx, c, "list rooms", func(ctx context.Context) (*livekit.ListRoomsResponse, error) {
		return c.rooms.ListRooms(ctx, &livekit.ListRoomsRequest{})
	})
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, room := range answer.GetRooms() {
		names = append(names, room.GetName())
	}
	return names, nil
}

// People are all participants of a room, hidden ones and those whose media is
// not connected yet too. A room that is not there has none.
func (c *Client) People(ctx context.Context, room string) ([]rooms.Seen, error) {
	if room == "" {
		return nil, fmt.Errorf("%w: no room is named", ErrInvalid)
	}
	answer, err := call(ctx, c, "list people", func(ctx context.Context) (*livekit.ListParticipantsResponse, error) {
		return c.rooms.ListParticipants(ctx, &livekit.ListParticipantsRequest{Room: room})
	})
	if err != nil {
		return nil, gone(err)
	}
	people := []rooms.Seen{}
	for _, info := range answer.GetParticipants() {
		if info.GetState() != livekit.ParticipantInfo_DISCONNECTED {
			people = append(people, seen(info))
		}
	}
	return people, nil
}

// Observe looks at the rooms of this system and everybody in them. A room whose
// people cannot be listed is told as not listed; without the list of rooms there
// is nothing to tell.
func (c *Client) Observe(ctx context.Context, now time.Time) (rooms.Observed, error) {
	names, err := c.Rooms(ctx)
	if err != nil {
		return rooms.Observed{}, err
	}
	observed := rooms.Observed{At: now}
	for _, name := range names {
		if !rooms.Owned(name) {
			continue
		}
		people, err := c.People(ctx, name)
		if ctx.Err() != nil {
			return rooms.Observed{}, fmt.Errorf("observe: %w: %w", ErrUnreachable, ctx.Err())
		}
		observed.Rooms = append(observed.Rooms, rooms.ObservedRoom{Name: name, Listed: err == nil, People: people})
	}
	return observed, nil
}

func seen(info *livekit.ParticipantInfo) rooms.Seen {
	s := rooms.Seen{
		SID: info.GetSid(), Person: info.GetIdentity(), Connected: info.GetState() == livekit.ParticipantInfo_ACTIVE,
		Joined: joined(info), Grants: grantsOf(info.GetPermission()),
	}
	for _, track := range info.GetTracks() {
		source := sourceOf(track.GetSource())
		s.Tracks = append(s.Tracks, rooms.Track{SID: track.GetSid(), Source: source, Muted: track.GetMuted()})
		s.Publishing |= source
	}
	return s
}

// joined is when somebody came, zero when it is not told.
func joined(info *livekit.ParticipantInfo) time.Time {
	switch {
	case info.GetJoinedAtMs() > 0:
		return time.UnixMilli(info.GetJoinedAtMs()).UTC()
	case info.GetJoinedAt() > 0:
		return time.Unix(info.GetJoinedAt(), 0).UTC()
	}
	return time.Time{}
}

// SetGrants replaces all rights of a person who is inside, and the role that
// others see. Tracks that are no longer granted end at once. It is ErrAbsent when
// the person is not inside: the next token has the rights.
func (c *Client) SetGrants(ctx context.Context, room, person string, role rooms.Role, grants rooms.Grants) error {
	if room == "" || person == "" || !grants.Join {
		return fmt.Errorf("%w: rights need a room, a person and the right to join", ErrInvalid)
	}
	update := &livekit.UpdateParticipantRequest{Room: room, Identity: person, Permission: wirePermission(grants)}
	if role != "" {
		update.Attributes = map[string]string{roleAttribute: string(role)}
	}
	_, err := call(ctx, c, "set rights", func(ctx context.Context) (*livekit.ParticipantInfo, error) {
		return c.rooms.UpdateParticipant(ctx, update)
	})
	return err
}

// MuteTrack mutes a track. The person's client can unmute it: to keep somebody
// silent, take the right to the microphone. ErrAbsent when there is no such track,
// which the server itself answers with success.
func (c *Client) MuteTrack(ctx context.Context, room, person, track string) error {
	if room == "" || person == "" || track == "" {
		return fmt.Errorf("%w: muting needs a room, a person and a track", ErrInvalid)
	}
	answer, err := call(ctx, c, "mute", func(ctx context.Context) (*livekit.MuteRoomTrackResponse, error) {
		return c.rooms.MutePublishedTrack(ctx, &livekit.MuteRoomTrackRequest{Room: room, Identity: person, TrackSid: track, Muted: true})
	})
	if err == nil && answer.GetTrack().GetSid() != track {
		return fmt.Errorf("mute: %w", ErrAbsent)
	}
	return err
}

// Remove disconnects a person. One who is not inside is as good. It is no ban:
// the person's token still opens the room, until it is judged anew.
func (c *Client) Remove(ctx context.Context, room, person string) error {
	if room == "" || person == "" {
		return fmt.Errorf("%w: removing needs a room and a person", ErrInvalid)
	}
	_, err := call(ctx, c, "remove", func(ctx context.Context) (*livekit.RemoveParticipantResponse, error) {
		return c.rooms.RemoveParticipant(ctx, &livekit.RoomParticipantIdentity{Room: room, Identity: person})
	})
	return gone(err)
}

// Send sends data to everybody in a room or to the given people, lossily and
// without a sender. For a room that is not there the server waits three seconds
// for an answer of somebody and then says ErrUnreachable: ask only for open ones.
func (c *Client) Send(ctx context.Context, room, topic string, data []byte, people ...string) error {
	if room == "" || topic == "" || len(data) == 0 || len(data) > maxData {
		return fmt.Errorf("%w: data needs a room, a topic and 1 to %d bytes", ErrInvalid, maxData)
	}
	_, err := call(ctx, c, "send", func(ctx context.Context) (*livekit.SendDataResponse, error) {
		return c.rooms.SendData(ctx, &livekit.SendDataRequest{
			Room: room, Topic: &topic, Data: data, Kind: livekit.DataPacket_LOSSY, DestinationIdentities: people,
		})
	})
	return err
}

// maxData is what fits into one packet of a data channel.
const maxData = 15_000

// Check makes a room, lists it and deletes it: what a working configuration can
// do. The room is gone afterwards unless the server went away meanwhile.
func (c *Client) Check(ctx context.Context) (took time.Duration, err error) {
	name := "ll_check_" + rand.Text()
	began := time.Now() //nolint:forbidigo // how long a network takes is real time
	if err := c.CreateRoom(ctx, Room{Name: name, EmptyFor: 10 * time.Second, LeftFor: 10 * time.Second}); err != nil {
		return 0, err
	}
	names, err := c.Rooms(ctx)
	if err != nil {
		return 0, err
	}
	if err := c.DeleteRoom(ctx, name); err != nil {
		return 0, err
	}
	if !slices.Contains(names, name) {
		return 0, fmt.Errorf("check: %w: a room that was made is not listed", ErrRejected)
	}
	return time.Since(began), nil
}
