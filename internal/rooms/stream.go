package rooms

import (
	"slices"
	"time"

	"github.com/lingualink/lingualink/internal/fault"
)

// State is where a stream stands. A new one has the state [New].
type State string

// The states.
const (
	New       State = ""          // not made yet
	Scheduled State = "scheduled" // announced for a time; there is no room
	Backstage State = "backstage" // the room is there, for host, co-hosts and speakers
	Live      State = "live"
	HostAway  State = "host_away" // live, and waits for the host for a while
	Ended     State = "ended"
	Killed    State = "killed" // by a moderator; nobody sees any of it again
)

var states = []State{New, Scheduled, Backstage, Live, HostAway, Ended, Killed}

// States returns all states, [New] first.
func States() []State { return slices.Clone(states) }

// Open tells whether a stream in this state has a room.
func (s State) Open() bool { return s == Backstage || s == Live || s == HostAway }

// Ending says why a stream ended.
type Ending string

// The endings.
const (
	NotEnded         Ending = ""
	EndedByHost      Ending = "host"
	EndedByModerator Ending = "moderator" // and by kill
	EndedHostGone    Ending = "host_gone" // did not come back in time
	EndedHostBarred  Ending = "host_barred"
	EndedUnused      Ending = "unused" // never went live
	EndedTooLong     Ending = "too_long"
)

// Stream is what the decisions need to know of a stream.
type Stream struct {
	Host  string
	State State
	Room  string // the media server's name of it, only while there is one

	StartsAt    time.Time // what it is announced for
	BackstageAt time.Time
	LiveAt      time.Time // the first time
	AwayUntil   time.Time // only while the host is away
	EndedAt     time.Time
	Ending      Ending
	Rooms       int64 // rooms it has had; more than one is an incident or a rotation
	Losses      int64 // times that the media server lost the room
}

// StreamEvent is something that happened to a stream: one of the types below.
type StreamEvent interface{ streamEvent() string }

// Schedule announces a stream, or changes its time.
type Schedule struct {
	By string
	At time.Time
}

// OpenBackstage makes the room, under a name of [Name]. A stream need not be
// scheduled before.
type OpenBackstage struct{ By, Room string }

// GoLive shows the stream to everybody. Publishing is whether the media server
// says that the host is in the room with a track; the client's word is nothing.
type GoLive struct {
	By         string
	Publishing bool
}

// HostLeft says that no connection of the host is left in the room of this name.
type HostLeft struct{ Room string }

// HostBack says that the host is in the room of this name.
type HostBack struct{ Room string }

// End ends the stream by its host, or by a moderator.
type End struct {
	By        string
	Moderator bool
}

// HostBarred says that the host's account is suspended or banned.
type HostBarred struct{}

// Kill ends the stream at once and hides it, also one that has ended.
type Kill struct{}

// Rotate moves the stream to a room of another name: whatever token anybody
// kept is of no use any more.
type Rotate struct{ Room string }

// RoomLost says that the media server does not have the room of this name: it
// was started anew.
type RoomLost struct{ Room string }

// Tick is time that passed.
type Tick struct{}

func (Schedule) streamEvent() string      { return "schedule" }
func (OpenBackstage) streamEvent() string { return "open backstage" }
func (GoLive) streamEvent() string        { return "go live" }
func (HostLeft) streamEvent() string      { return "host left" }
func (HostBack) streamEvent() string      { return "host back" }
func (End) streamEvent() string           { return "end" }
func (HostBarred) streamEvent() string    { return "host barred" }
func (Kill) streamEvent() string          { return "kill" }
func (Rotate) streamEvent() string        { return "rotate" }
func (RoomLost) streamEvent() string      { return "room lost" }
func (Tick) streamEvent() string          { return "tick" }

// StreamOutcome is the stream after an event and what must be done about it.
type StreamOutcome struct {
	Stream
	Effects []Effect
}

// Step applies an event to a stream. An event that does not apply gives the
// stream unchanged, no effects and an error: fault.StreamState, or what else is
// said at the event. Callers drop that error for what they only heard (of the
// media server, of the clock) and answer with it to a person.
//
// That a host has no other open stream is the caller's to know.
func Step(stream Stream, event StreamEvent, policy Policy, now time.Time) (StreamOutcome, error) {
	s := &streamStep{Stream: stream, policy: policy, now: now}
	if err := s.apply(event); err != nil {
		return StreamOutcome{Stream: stream}, err
	}
	if at := s.Due(policy); !at.IsZero() && at != stream.Due(policy) {
		s.add(Effect{Kind: Wake, At: at})
	}
	return StreamOutcome{Stream: s.Stream, Effects: s.effects}, nil
}

// Due is when time alone changes the stream; zero when it does not.
func (s Stream) Due(policy Policy) time.Time {
	switch s.State {
	case Scheduled:
		return s.StartsAt.Add(minutes(policy.NoShowMinutes))
	case Backstage:
		return s.BackstageAt.Add(minutes(policy.BackstageMinutes))
	case Live, HostAway:
		return earliest(s.AwayUntil, s.LiveAt.Add(minutes(policy.StreamMinutes)))
	default:
		return time.Time{}
	}
}

// streamStep is one event being applied.
type streamStep struct {
	Stream
	policy  Policy
	now     time.Time
	effects []Effect
}

func (s *streamStep) add(effects ...Effect) { s.effects = append(s.effects, effects...) }

func (s *streamStep) wrong() error {
	return fault.StreamState.On("status").With("status", string(s.State))
}

func (s *streamStep) apply(event StreamEvent) error {
	switch e := event.(type) {
	case Schedule:
		return s.schedule(e)
	case OpenBackstage:
		return s.backstage(e)
	case GoLive:
		return s.goLive(e)
	case HostLeft:
		return s.hostLeft(e)
	case HostBack:
		return s.hostBack(e)
	case End:
		return s.endedBy(e)
	case HostBarred:
		return s.endOpen(EndedHostBarred)
	case Kill:
		return s.kill()
	case Rotate:
		return s.rotate(e)
	case RoomLost:
		return s.roomLost(e)
	case Tick:
		return s.tick()
	}
	return s.wrong()
}

// theirs refuses everybody but the host; a new stream gets its host.
func (s *streamStep) theirs(by string) error {
	if by == "" || s.State != New && by != s.Host {
		return fault.NotAllowed.On("host")
	}
	return nil
}

func (s *streamStep) schedule(e Schedule) error {
	if err := s.theirs(e.By); err != nil {
		return err
	}
	if s.State != New && s.State != Scheduled {
		return s.wrong()
	}
	if !e.At.After(s.now) || e.At.After(s.now.AddDate(0, 0, int(s.policy.ScheduleDays))) {
		return fault.InvalidInput.On("starts_at").With("most_days", s.policy.ScheduleDays).
			Saying("A stream is scheduled for a time to come, and not for too far ahead.")
	}
	s.Host, s.State, s.StartsAt = e.By, Scheduled, e.At
	return nil
}

func (s *streamStep) backstage(e OpenBackstage) error {
	if err := s.theirs(e.By); err != nil {
		return err
	}
	if s.State != New && s.State != Scheduled || !Owned(e.Room) {
		return s.wrong()
	}
	s.Host, s.State, s.BackstageAt = e.By, Backstage, s.now
	s.enter(e.Room)
	return nil
}

// enter makes a room that is the stream's from now on.
func (s *streamStep) enter(room string) {
	s.Room, s.Rooms = room, s.Rooms+1
	s.add(Effect{Kind: CreateRoom, Room: room})
}

// goLive takes the media server's word for the host's presence: an audience that
// is called together and hears nothing does not come again.
func (s *streamStep) goLive(e GoLive) error {
	if err := s.theirs(e.By); err != nil {
		return err
	}
	if s.State != Backstage {
		return s.wrong()
	}
	if !e.Publishing {
		return fault.HostAbsent.On("status")
	}
	s.State, s.LiveAt = Live, s.now
	s.add(Effect{Kind: TellFollowers})
	return nil
}

// hostLeft begins the wait. The media server needs about 20 seconds to notice a
// phone that died, so the wait begins when it says so.
func (s *streamStep) hostLeft(e HostLeft) error {
	if s.State != Live || e.Room != s.Room {
		return s.wrong()
	}
	s.away()
	return nil
}

func (s *streamStep) away() {
	s.State, s.AwayUntil = HostAway, s.now.Add(seconds(s.policy.HostGraceSeconds))
}

// hostBack ends the wait, also one that is over but has not been ended yet.
func (s *streamStep) hostBack(e HostBack) error {
	if s.State != HostAway || e.Room != s.Room {
		return s.wrong()
	}
	s.State, s.AwayUntil = Live, time.Time{}
	return nil
}

func (s *streamStep) endedBy(e End) error {
	if e.Moderator {
		return s.endOpen(EndedByModerator)
	}
	if err := s.theirs(e.By); err != nil {
		return err
	}
	return s.endOpen(EndedByHost)
}

func (s *streamStep) endOpen(why Ending) error {
	if s.State != Scheduled && !s.State.Open() {
		return s.wrong()
	}
	s.leave(Ended, why)
	return nil
}

// leave closes a stream. The name of its room is forgotten with it: nothing ever
// makes that room again.
func (s *streamStep) leave(to State, why Ending) {
	if s.Room != "" {
		s.add(Effect{Kind: DeleteRoom, Room: s.Room})
	}
	s.add(Effect{Kind: CloseSeats})
	s.State, s.Ending, s.EndedAt, s.Room, s.AwayUntil = to, why, s.now, "", time.Time{}
}

func (s *streamStep) kill() error {
	switch s.State {
	case Scheduled, Backstage, Live, HostAway:
		s.leave(Killed, EndedByModerator)
	case Ended:
		s.State = Killed // it ended when and as it ended
	default:
		return s.wrong()
	}
	s.add(Effect{Kind: HideStream})
	return nil
}

// rotate has everybody ask for a new token, the host too: until then the host is
// away.
func (s *streamStep) rotate(e Rotate) error {
	if !s.State.Open() || !Owned(e.Room) || e.Room == s.Room {
		return s.wrong()
	}
	s.add(Effect{Kind: DeleteRoom, Room: s.Room})
	s.enter(e.Room)
	if s.State == Live {
		s.away()
	}
	return nil
}

// roomLost makes the same room again: the clients keep trying and come back by
// themselves within seconds.
func (s *streamStep) roomLost(e RoomLost) error {
	if !s.State.Open() || e.Room != s.Room {
		return s.wrong()
	}
	s.Losses++
	s.add(Effect{Kind: CreateRoom, Room: s.Room})
	if s.State == Live {
		s.away()
	}
	return nil
}

func (s *streamStep) tick() error {
	due := s.Due(s.policy)
	if due.IsZero() || s.now.Before(due) {
		return s.wrong()
	}
	switch {
	case s.State == Scheduled, s.State == Backstage:
		s.leave(Ended, EndedUnused)
	case s.State == HostAway && !s.now.Before(s.AwayUntil):
		s.leave(Ended, EndedHostGone)
	default:
		s.leave(Ended, EndedTooLong)
	}
	return nil
}
