package rooms

import (
	"slices"
	"time"

	"github.com/lingualink/lingualink/internal/fault"
)

// CallState is where a call stands. A new one has the state [NoCall].
type CallState string

// The states of a call.
const (
	NoCall    CallState = ""
	Ringing   CallState = "ringing" // nobody but the caller has accepted yet
	Active    CallState = "active"
	CallEnded CallState = "ended"
)

// PartyState is where one person of a call stands.
type PartyState string

// The states of a person in a call. The caller has accepted from the beginning.
const (
	Called   PartyState = "ringing"
	Accepted PartyState = "accepted"
	Refused  PartyState = "declined"
	Missed   PartyState = "missed"
	Busy     PartyState = "busy"
	Gone     PartyState = "left"
	Barred   PartyState = "barred" // thrown out: banned, or blocked by somebody in it
)

// Outcome says how a call ended.
type Outcome string

// The outcomes.
const (
	NoOutcome   Outcome = ""
	Completed   Outcome = "completed" // somebody had accepted
	AllDeclined Outcome = "declined"
	NoAnswer    Outcome = "missed"
	AllBusy     Outcome = "busy"
	Cancelled   Outcome = "cancelled" // by the caller, before anybody accepted
	Broken      Outcome = "broken"    // ended from outside
)

// Party is one person of a call.
type Party struct {
	Person    string
	State     PartyState
	Device    string    // that accepted; the others stop ringing
	InvitedBy string    // empty for the caller
	Silent    bool      // is not told of the call, and rings only for those who look on
	RingUntil time.Time // of Called
	Inside    bool      // the media server says so
	AwaitedTo time.Time // of Accepted and not inside: until when the place is kept
}

// Call is what the decisions need to know of a call. It is stored whole.
type Call struct {
	State   CallState
	Caller  string
	Room    string // only while the call is not over
	Video   bool
	Group   bool // more than two were asked, so the last one inside does not end it
	Parties []Party
	Began   time.Time // of the ringing
	Active  time.Time // first acceptance
	Ended   time.Time
	Outcome Outcome
}

func (c Call) party(person string) (Party, bool) {
	i := slices.IndexFunc(c.Parties, func(p Party) bool { return p.Person == person })
	if i < 0 {
		return Party{}, false
	}
	return c.Parties[i], true
}

// Due is when time alone changes the call; zero when it does not.
func (c Call) Due(policy Policy) time.Time {
	if c.State != Ringing && c.State != Active {
		return time.Time{}
	}
	due := time.Time{}
	if c.State == Active {
		due = c.Active.Add(minutes(policy.CallMinutes))
	}
	for _, p := range c.Parties {
		due = earliest(due, p.waits())
	}
	return due
}

// waits is until when something is expected of the person.
func (p Party) waits() time.Time {
	switch {
	case p.State == Called:
		return p.RingUntil
	case p.State == Accepted && !p.Inside:
		return p.AwaitedTo // zero for a caller who need not come before an answer
	}
	return time.Time{}
}

// CallEvent is something that happened to a call: one of the types below.
type CallEvent interface{ callEvent() string }

// Dial begins a call, in a room under a name of [Name]. Busy are those of the
// people asked who are in another call; the caller must not be. Silent are those
// who must not be reached, by a block for example: to the others they do not answer.
type Dial struct {
	Caller, Device, Room string
	Video                bool
	People, Busy, Silent []string
}

// Answer is an acceptance on one device. Busy is whether the person is in
// another call.
type Answer struct {
	Person, Device string
	Busy           bool
}

// Reject is a person who does not want to take the call.
type Reject struct{ Person string }

// HangUp is a person who leaves. The caller ends a ringing call with it.
type HangUp struct{ Person string }

// Ask rings somebody more while the call is active, also who left or missed it.
// Busy and Silent are as in [Dial].
type Ask struct {
	By, Person   string
	Busy, Silent bool
}

// Came says that the person is in the room of this name.
type Came struct{ Room, Person string }

// Went says that no connection of the person is left in the room of this name.
type Went struct{ Room, Person string }

// Bar throws a person out.
type Bar struct{ Person string }

// BreakOff ends the call from outside.
type BreakOff struct{}

// CallRoomLost says that the media server does not have the room of this name.
type CallRoomLost struct{ Room string }

// CallTick is time that passed.
type CallTick struct{}

func (Dial) callEvent() string         { return "dial" }
func (Answer) callEvent() string       { return "answer" }
func (Reject) callEvent() string       { return "reject" }
func (HangUp) callEvent() string       { return "hang up" }
func (Ask) callEvent() string          { return "ask" }
func (Came) callEvent() string         { return "came" }
func (Went) callEvent() string         { return "went" }
func (Bar) callEvent() string          { return "bar" }
func (BreakOff) callEvent() string     { return "break off" }
func (CallRoomLost) callEvent() string { return "room lost" }
func (CallTick) callEvent() string     { return "tick" }

// CallOutcome is the call after an event and what must be done about it.
type CallOutcome struct {
	Call
	Effects []Effect
}

// StepCall applies an event to a call. An event that does not apply gives the
// call unchanged, no effects and an error: fault.CallState, CallElsewhere,
// CallBusy, CallFull, InvalidInput or NotAllowed. That nobody calls who is
// blocked, and who is in another call, are the caller's to know, in the same
// transaction.
func StepCall(call Call, event CallEvent, policy Policy, now time.Time) (CallOutcome, error) {
	c := &callStep{Call: call, policy: policy, now: now}
	c.Parties = slices.Clone(call.Parties)
	if err := c.apply(event); err != nil {
		return CallOutcome{Call: call}, err
	}
	c.settle()
	if at := c.Due(policy); !at.IsZero() && at != call.Due(policy) {
		c.add(Effect{Kind: Wake, At: at})
	}
	return CallOutcome{Call: c.Call, Effects: c.effects}, nil
}

// callStep is one event being applied.
type callStep struct {
	Call
	policy  Policy
	now     time.Time
	broken  bool
	effects []Effect
}

func (c *callStep) add(effects ...Effect) { c.effects = append(c.effects, effects...) }

func (c *callStep) wrong() error {
	return fault.CallState.On("status").With("status", string(c.State))
}

func (c *callStep) running() bool { return c.State == Ringing || c.State == Active }

func (c *callStep) apply(event CallEvent) error {
	if dial, begins := event.(Dial); begins {
		return c.dial(dial)
	}
	if !c.running() {
		return c.wrong()
	}
	switch e := event.(type) {
	case Answer:
		return c.answer(e)
	case Reject:
		return c.reject(e)
	case HangUp:
		return c.hangUp(e)
	case Ask:
		return c.ask(e)
	case Came:
		return c.came(e)
	case Went:
		return c.went(e)
	case Bar:
		return c.bar(e)
	case BreakOff:
		c.broken = true
		return nil
	case CallRoomLost:
		return c.roomLost(e)
	case CallTick:
		return c.tick()
	}
	return c.wrong()
}

// one gives the person to change, or refuses whom the call is not about.
func (c *callStep) one(person string) (*Party, error) {
	for i := range c.Parties {
		if c.Parties[i].Person == person {
			return &c.Parties[i], nil
		}
	}
	return nil, fault.NotAllowed.On("call")
}

// reached is one for what only somebody can do who was told of the call.
func (c *callStep) reached(person string) (*Party, error) {
	p, err := c.one(person)
	if err == nil && p.Silent {
		return nil, fault.NotAllowed.On("call")
	}
	return p, err
}

// count is how many people are in one of the states.
func (c *callStep) count(some ...PartyState) int {
	n := 0
	for _, p := range c.Parties {
		if slices.Contains(some, p.State) {
			n++
		}
	}
	return n
}
