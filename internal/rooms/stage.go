package rooms

import (
	"slices"
	"time"

	"github.com/lingualink/lingualink/internal/fault"
)

// Hand is where a viewer stands on the way to the stage.
type Hand string

// The hands.
const (
	HandDown Hand = ""
	Raised   Hand = "raised"  // wants to speak; the host decides
	Invited  Hand = "invited" // may speak; the person decides
)

// Seat is a person's place in one stream. The host has one too.
type Seat struct {
	Person  string
	Role    Role
	Hand    Hand
	Muted   bool // the microphone is taken away, whatever the client does
	Removed Removal
	Since   time.Time // of the latest change: the order of raised hands
}

// ActKind is what is done on a stage.
type ActKind string

// The acts. Nobody comes on the stage without having agreed: by raising a hand
// or by accepting.
const (
	RaiseHand ActKind = "raise hand"
	Cancel    ActKind = "cancel" // the own hand, or an invitation by who may invite
	Invite    ActKind = "invite"
	Accept    ActKind = "accept"   // the invitation
	Decline   ActKind = "decline"  // the invitation, or somebody's hand
	Promote   ActKind = "promote"  // who has raised a hand
	Demote    ActKind = "demote"   // also oneself: leaves the stage
	Appoint   ActKind = "appoint"  // a speaker becomes co-host
	Remove    ActKind = "remove"   // out of the stream, for good
	Readmit   ActKind = "readmit"  // takes a removal back
	Mute      ActKind = "mute"     // takes the microphone away
	Unmute    ActKind = "unmute"   // gives it back
	StepAside ActKind = "step off" // the person left the room for good: hand down, off the stage
)

var acts = []ActKind{RaiseHand, Cancel, Invite, Accept, Decline, Promote, Demote, Appoint, Remove, Readmit, Mute, Unmute, StepAside}

// Acts returns all kinds of acts.
func Acts() []ActKind { return slices.Clone(acts) }

// Act is something that somebody does to a seat. By is who does it, as the
// server knows; Role is the actor's own in this stream.
type Act struct {
	Kind ActKind
	By   string
	Role Role
}

// Stage is what an act has to know of the stream around the seat.
type Stage struct {
	State    State
	Room     string
	Speakers int64 // speakers and co-hosts now
}

// SeatOutcome is the seat after an act and what must be done about it.
type SeatOutcome struct {
	Seat
	Effects []Effect
}

// StepSeat applies an act to a seat. What does not apply gives the seat
// unchanged and fault.StageState, StageFull, StreamState, StreamRemoved or
// NotAllowed. StageFull must be decided where Speakers cannot change meanwhile.
func StepSeat(seat Seat, act Act, stage Stage, policy Policy, now time.Time) (SeatOutcome, error) {
	s := &seatStep{Seat: seat, act: act, stage: stage, policy: policy}
	if err := s.apply(); err != nil {
		return SeatOutcome{Seat: seat}, err
	}
	s.Since = now
	return SeatOutcome{Seat: s.Seat, Effects: s.effects}, nil
}

type seatStep struct {
	Seat
	act     Act
	stage   Stage
	policy  Policy
	effects []Effect
}

func (s *seatStep) own() bool { return s.act.By == s.Person }

// leads tells whether the actor runs the stage: the host over everybody else, a
// co-host over speakers and viewers.
func (s *seatStep) leads() bool {
	if s.own() || s.Role == Host {
		return false
	}
	return s.act.Role == Host || s.act.Role == CoHost && (s.Role == Speaker || s.Role == Viewer)
}

// keepsOrder is leads, and moderators over everybody but the host: what a host
// does is ended, not muted.
func (s *seatStep) keepsOrder() bool {
	return s.leads() || s.act.Role == Moderator && !s.own() && s.Role != Host
}

func (s *seatStep) wrong() error {
	return fault.StageState.On("hand").With("role", string(s.Role)).With("hand", string(s.Hand))
}

func (s *seatStep) tell(kind EffectKind) {
	s.effects = append(s.effects, Effect{Kind: kind, Room: s.stage.Room, Person: s.Person})
}

func (s *seatStep) apply() error {
	if !s.stage.State.Open() {
		return fault.StreamState.On("status").With("status", string(s.stage.State))
	}
	if s.Role != Host && s.Role != CoHost && s.Role != Speaker && s.Role != Viewer {
		return s.wrong() // moderators and recorders have no way to the stage
	}
	if s.Removed != NotRemoved && s.act.Kind != Readmit && s.act.Kind != Remove {
		return fault.StreamRemoved.On("stream")
	}
	switch s.act.Kind {
	case RaiseHand, Cancel, Invite, Decline:
		return s.hand()
	case Accept:
		return s.enter(s.own(), Invited)
	case Promote:
		return s.enter(s.leads(), Raised)
	case Demote, Appoint, StepAside:
		return s.rank()
	case Remove, Readmit:
		return s.removal()
	case Mute, Unmute:
		return s.mute()
	}
	return s.wrong()
}

// hand moves hands of viewers; none of it changes what anybody may do.
func (s *seatStep) hand() error {
	onAir := s.stage.State == Live || s.stage.State == HostAway
	may, from, to := false, HandDown, HandDown
	switch s.act.Kind {
	case RaiseHand:
		may, from, to = s.own(), HandDown, Raised
	case Invite:
		may, from, to = s.leads(), HandDown, Invited
	case Cancel: // what the actor began
		may, from = s.own() || s.leads(), Raised
		if !s.own() {
			from = Invited
		}
	default: // Decline: what the other began
		may, from = s.own() || s.leads(), Invited
		if !s.own() {
			from = Raised
		}
	}
	switch {
	case !may:
		return fault.NotAllowed.On("stage")
	case s.act.Kind == RaiseHand && !onAir:
		return fault.StreamState.On("status").With("status", string(s.stage.State))
	case s.Role != Viewer || s.Hand != from:
		return s.wrong()
	}
	s.Hand = to
	return nil
}

// enter brings a viewer on the stage.
func (s *seatStep) enter(may bool, from Hand) error {
	switch {
	case !may:
		return fault.NotAllowed.On("stage")
	case s.Role != Viewer || s.Hand != from:
		return s.wrong()
	case s.stage.Speakers >= s.policy.MostSpeakers:
		return fault.StageFull.On("stage").With("most", s.policy.MostSpeakers)
	}
	s.Role, s.Hand = Speaker, HandDown
	s.tell(SetGrants)
	return nil
}

func (s *seatStep) rank() error {
	switch s.act.Kind {
	case Appoint:
		if s.own() || s.act.Role != Host {
			return fault.NotAllowed.On("stage")
		}
		if s.Role != Speaker {
			return s.wrong()
		}
		s.Role = CoHost
	case Demote:
		if !s.keepsOrder() && !s.own() {
			return fault.NotAllowed.On("stage")
		}
		if s.Role != Speaker && s.Role != CoHost {
			return s.wrong()
		}
		s.Role = Viewer
	default: // StepAside, by the server
		if s.act.By != "" {
			return fault.NotAllowed.On("stage")
		}
		if s.Role == Host || s.Role == Viewer && s.Hand == HandDown {
			return s.wrong()
		}
		if s.Role == Viewer {
			s.Hand = HandDown
			return nil
		}
		s.Role = Viewer
	}
	s.tell(SetGrants)
	return nil
}

// removal is for good: a removed person comes back only when readmitted. The old
// token still opens the door of the media server, so whoever comes in is looked
// at again and thrown out ([Reconcile], and at every join).
func (s *seatStep) removal() error {
	if !s.keepsOrder() {
		return fault.NotAllowed.On("stage")
	}
	by := RemovedByHost
	if s.act.Role == Moderator {
		by = RemovedByModerator
	}
	if s.act.Kind == Readmit {
		if s.Removed == NotRemoved {
			return s.wrong()
		}
		if s.Removed == RemovedByModerator && by != RemovedByModerator {
			return fault.NotAllowed.On("stage")
		}
		s.Removed = NotRemoved
		return nil
	}
	if s.Removed == by || s.Removed == RemovedByModerator {
		return s.wrong()
	}
	s.Role, s.Hand, s.Removed = Viewer, HandDown, by
	s.tell(RemovePerson)
	return nil
}

// mute takes the right to the microphone: a client may unmute its own track.
func (s *seatStep) mute() error {
	if !s.keepsOrder() {
		return fault.NotAllowed.On("stage")
	}
	muted := s.act.Kind == Mute
	if s.Muted == muted {
		return s.wrong()
	}
	s.Muted = muted
	s.tell(SetGrants)
	return nil
}
