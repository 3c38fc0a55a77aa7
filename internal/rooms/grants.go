package rooms

import "strings"

// Role is what a person is in a room.
type Role string

// The roles. A member is somebody in a call.
const (
	Host      Role = "host"
	CoHost    Role = "cohost"
	Speaker   Role = "speaker"
	Viewer    Role = "viewer"
	Moderator Role = "moderator" // of the platform: sees and hears, is not seen
	Recorder  Role = "recorder"  // the server itself
	Member    Role = "member"
)

// Sources are the tracks that somebody may publish.
type Sources uint8

// The sources. The sound of a shared screen goes with the screen.
const (
	Microphone Sources = 1 << iota
	Camera
	Screen

	NoSources Sources = 0
)

// Has tells whether all of the wanted sources are in.
func (s Sources) Has(wanted Sources) bool { return s&wanted == wanted }

// String lists the sources, "-" for none.
func (s Sources) String() string {
	names := []string{}
	for i, name := range []string{"microphone", "camera", "screen"} {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "-"
	}
	return strings.Join(names, "+")
}

// Grants are everything that somebody may do in one room. The zero value is
// nothing at all: no token, and out of the room. There is no place in it for
// administering rooms or for changing one's own metadata: clients never may.
type Grants struct {
	Join      bool
	Subscribe bool
	Data      bool
	Sources   Sources // publishing is what they are not empty for
	Hidden    bool
	Recorder  bool
}

// Publish tells whether any track may be published. An empty list of sources
// means all of them to LiveKit, so this goes into every token beside it.
func (g Grants) Publish() bool { return g.Sources != NoSources }

// String is the grants in one line, as in the matrices of the tests.
func (g Grants) String() string {
	if !g.Join {
		return "nothing"
	}
	parts := []string{"publish " + g.Sources.String()}
	for _, extra := range []struct {
		name string
		on   bool
	}{{"subscribe", g.Subscribe}, {"data", g.Data}, {"hidden", g.Hidden}, {"recorder", g.Recorder}} {
		if extra.on {
			parts = append(parts, extra.name)
		}
	}
	return strings.Join(parts, ", ")
}

// Removal says who threw a person out of a stream.
type Removal string

// The removals: what a moderator did, the host cannot undo.
const (
	NotRemoved         Removal = ""
	RemovedByHost      Removal = "host"
	RemovedByModerator Removal = "moderator"
)

// Grant is what a person may do in a stream's room, by the seat, where the
// stream stands and the standing of the account. The caller knows that the role
// is true: the host is the stream's, a moderator is one on the platform.
func Grant(seat Seat, state State, standing Standing, policy Policy) Grants {
	if !standing.may() || seat.Removed != NotRemoved || !state.Open() {
		return Grants{}
	}
	onAir := state == Live || state == HostAway
	g := Grants{Join: true, Subscribe: true}
	switch seat.Role {
	case Host, CoHost:
		g.Sources, g.Data = Microphone|Camera|Screen, true
	case Speaker:
		g.Sources = Microphone
		if policy.SpeakerCamera {
			g.Sources |= Camera
		}
	case Viewer:
		g.Join = onAir
	case Moderator:
		g.Join, g.Hidden = onAir, true
	case Recorder:
		g.Join, g.Hidden, g.Recorder = onAir, true, true
	default:
		return Grants{}
	}
	if !g.Join {
		return Grants{}
	}
	if seat.Muted {
		g.Sources &^= Microphone
	}
	return g
}

// GrantCall is what a person may do in a call's room: nothing before the own
// acceptance, and nothing after the end. There is no data: words in a call would
// go round everything that protects people in chats.
func GrantCall(call Call, person string, standing Standing) Grants {
	party, in := call.party(person)
	if !in || !standing.may() || party.State != Accepted || call.State != Ringing && call.State != Active {
		return Grants{}
	}
	g := Grants{Join: true, Subscribe: true, Sources: Microphone}
	if call.Video {
		g.Sources |= Camera | Screen
	}
	return g
}
