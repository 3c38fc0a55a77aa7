package livekit

import (
	"fmt"
	"time"

	"github.com/livekit/protocol/auth"
	"github.com/livekit/protocol/livekit"

	"github.com/lingualink/lingualink/internal/rooms"
)

// Token says who is let into which room, with what rights and for how long.
type Token struct {
	Room     string
	Identity string // the user's id; nobody chooses it
	Name     string // shown to others
	Role     rooms.Role
	Grants   rooms.Grants
	For      time.Duration // 10 s to 2 min; the server adds a minute
}

// Token makes a signed token. A token without the grant to join is not made.
func (c *Client) Token(t Token) (string, error) {
	switch {
	case t.Room == "" || t.Identity == "":
		return "", fmt.Errorf("%w: a token needs a room and an identity", ErrInvalid)
	case !t.Grants.Join:
		return "", fmt.Errorf("%w: a token needs the right to join", ErrInvalid)
	case t.For < shortestToken || t.For > longestToken:
		return "", fmt.Errorf("%w: a token lives %s to %s", ErrInvalid, shortestToken, longestToken)
	}
	publish, own := t.Grants.Publish(), false
	grant := &auth.VideoGrant{
		RoomJoin: true, Room: t.Room,
		// Left out, each of them would be granted.
		CanPublish: &publish, CanSubscribe: &t.Grants.Subscribe, CanPublishData: &t.Grants.Data,
		CanUpdateOwnMetadata: &own, CanSubscribeMetrics: &own,
		Hidden: t.Grants.Hidden, Recorder: t.Grants.Recorder,
	}
	if publish {
		grant.SetCanPublishSources(wireSources(t.Grants.Sources))
	}
	access := c.access().SetIdentity(t.Identity).SetName(t.Name).SetValidFor(t.For).SetVideoGrant(grant)
	if t.Role != "" {
		access.SetAttributes(map[string]string{roleAttribute: string(t.Role)})
	}
	signed, err := access.ToJWT()
	if err != nil {
		return "", fmt.Errorf("livekit: the token cannot be signed: %s", c.scrub(err.Error()))
	}
	return signed, nil
}

// roleAttribute is where clients see what somebody is. They cannot change it.
const roleAttribute = "role"

// wireSources are the server's names of sources; the sound of a screen goes with
// the screen.
func wireSources(s rooms.Sources) []livekit.TrackSource {
	wire := []livekit.TrackSource{}
	if s.Has(rooms.Microphone) {
		wire = append(wire, livekit.TrackSource_MICROPHONE)
	}
	if s.Has(rooms.Camera) {
		wire = append(wire, livekit.TrackSource_CAMERA)
	}
	if s.Has(rooms.Screen) {
		wire = append(wire, livekit.TrackSource_SCREEN_SHARE, livekit.TrackSource_SCREEN_SHARE_AUDIO)
	}
	return wire
}

// sourceOf is the source of one track. What the server does not name could be
// anything, so it counts as all.
func sourceOf(wire livekit.TrackSource) rooms.Sources {
	switch wire {
	case livekit.TrackSource_MICROPHONE:
		return rooms.Microphone
	case livekit.TrackSource_CAMERA:
		return rooms.Camera
	case livekit.TrackSource_SCREEN_SHARE, livekit.TrackSource_SCREEN_SHARE_AUDIO:
		return rooms.Screen
	default:
		return rooms.Microphone | rooms.Camera | rooms.Screen
	}
}

// wirePermission is the whole set: the server replaces all of it, and takes an
// empty list of sources for every source.
func wirePermission(g rooms.Grants) *livekit.ParticipantPermission {
	return &livekit.ParticipantPermission{
		CanSubscribe: g.Subscribe, CanPublish: g.Publish(), CanPublishData: g.Data, Hidden: g.Hidden,
		CanPublishSources: wireSources(g.Sources),
		Recorder:          g.Recorder, //nolint:staticcheck // older servers know the recorder by it
	}
}

// grantsOf reads a permission as the server has it. Rights that nobody here is
// ever given (own metadata) are not in it; they cannot be had without the secret.
func grantsOf(p *livekit.ParticipantPermission) rooms.Grants {
	g := rooms.Grants{
		Join: true, Subscribe: p.GetCanSubscribe(), Data: p.GetCanPublishData(), Hidden: p.GetHidden(),
		Recorder: p.GetRecorder(), //nolint:staticcheck // as above
	}
	if p.GetCanPublish() {
		for _, wire := range p.GetCanPublishSources() {
			g.Sources |= sourceOf(wire)
		}
		if len(p.GetCanPublishSources()) == 0 {
			g.Sources = rooms.Microphone | rooms.Camera | rooms.Screen
		}
	}
	return g
}
