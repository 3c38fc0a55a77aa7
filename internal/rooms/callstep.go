package rooms

import (
	"slices"
	"time"

	"github.com/lingualink/lingualink/internal/fault"
)

func (c *callStep) dial(e Dial) error {
	if c.State != NoCall || !Owned(e.Room) {
		return c.wrong()
	}
	people := slices.Compact(slices.Sorted(slices.Values(e.People)))
	if e.Caller == "" || len(people) == 0 || slices.Contains(people, "") || slices.Contains(people, e.Caller) {
		return fault.InvalidInput.On("people")
	}
	if int64(len(people))+1 > c.policy.CallPeople {
		return fault.CallFull.On("people").With("most", c.policy.CallPeople)
	}
	c.Call = Call{State: Ringing, Caller: e.Caller, Room: e.Room, Video: e.Video, Group: len(people) > 1, Began: c.now}
	c.Parties = []Party{{Person: e.Caller, State: Accepted, Device: e.Device}}
	c.add(Effect{Kind: CreateRoom, Room: e.Room})
	for _, person := range people {
		p := Party{Person: person, InvitedBy: e.Caller, Silent: slices.Contains(e.Silent, person)}
		c.ring(p, slices.Contains(e.Busy, person))
	}
	return nil
}

// ring adds a person, or asks one again. Of a silent one it is not even said that
// they are busy.
func (c *callStep) ring(p Party, busy bool) {
	p.State, p.RingUntil = Called, c.now.Add(seconds(c.policy.RingSeconds))
	if busy && !p.Silent {
		p.State, p.RingUntil = Busy, time.Time{}
		c.tell(p, TellMissed)
	} else {
		c.tell(p, Ring)
	}
	if known, err := c.one(p.Person); err == nil {
		*known = p
		return
	}
	c.Parties = append(c.Parties, p)
}

// tell says something to the person, unless they must not hear of the call.
func (c *callStep) tell(p Party, what EffectKind) {
	if !p.Silent {
		c.add(Effect{Kind: what, Person: p.Person})
	}
}

// answer takes the first device. The same device again is told the same; its
// answer may have been lost.
func (c *callStep) answer(e Answer) error {
	p, err := c.reached(e.Person)
	switch {
	case err != nil:
		return err
	case e.Device == "":
		return fault.InvalidInput.On("device")
	case p.State == Accepted && p.Device == e.Device:
		return nil
	case p.State == Accepted:
		return fault.CallElsewhere.On("device")
	case p.State != Called, !c.now.Before(p.RingUntil):
		return c.wrong()
	case e.Busy:
		return fault.CallBusy.On("call")
	}
	if c.State == Ringing {
		c.State, c.Active = Active, c.now
		for i := range c.Parties { // from now on the caller is awaited too
			c.await(&c.Parties[i])
		}
	}
	p.State, p.Device, p.RingUntil = Accepted, e.Device, time.Time{}
	c.await(p)
	c.add(Effect{Kind: StopRinging, Person: p.Person, Device: e.Device})
	return nil
}

// await keeps the place of somebody who accepted and is not inside yet.
func (c *callStep) await(p *Party) {
	if p.State == Accepted && !p.Inside && p.AwaitedTo.IsZero() {
		p.AwaitedTo = c.now.Add(seconds(c.policy.CallJoinSeconds))
	}
}

func (c *callStep) reject(e Reject) error {
	p, err := c.reached(e.Person)
	if err != nil {
		return err
	}
	if p.State != Called {
		return c.wrong()
	}
	p.State, p.RingUntil = Refused, time.Time{}
	c.add(Effect{Kind: StopRinging, Person: p.Person})
	return nil
}

func (c *callStep) hangUp(e HangUp) error {
	p, err := c.one(e.Person)
	if err != nil {
		return err
	}
	if p.State != Accepted {
		return c.wrong()
	}
	c.drop(p, Gone)
	return nil
}

// drop takes a person out who was in.
func (c *callStep) drop(p *Party, to PartyState) {
	p.State, p.Inside, p.AwaitedTo, p.RingUntil = to, false, time.Time{}, time.Time{}
	c.add(Effect{Kind: RemovePerson, Room: c.Room, Person: p.Person})
}

func (c *callStep) ask(e Ask) error {
	by, err := c.one(e.By)
	if err != nil {
		return err
	}
	known, knownErr := c.one(e.Person)
	switch {
	case c.State != Active, by.State != Accepted:
		return c.wrong()
	case e.Person == "" || e.Person == e.By:
		return fault.InvalidInput.On("person")
	case knownErr == nil && known.State == Barred:
		return fault.NotAllowed.On("person")
	case knownErr == nil && (known.State == Called || known.State == Accepted):
		return c.wrong()
	case int64(c.count(Called, Accepted)) >= c.policy.CallPeople:
		return fault.CallFull.On("people").With("most", c.policy.CallPeople)
	}
	c.Group = c.Group || knownErr != nil
	c.ring(Party{Person: e.Person, InvitedBy: e.By, Silent: e.Silent}, e.Busy)
	return nil
}

func (c *callStep) came(e Came) error {
	p, err := c.one(e.Person)
	if err != nil {
		return err
	}
	if e.Room != c.Room || p.State != Accepted || p.Inside {
		return c.wrong()
	}
	p.Inside, p.AwaitedTo = true, time.Time{}
	return nil
}

// went keeps the place for a while: lines break. Who hung up is out already.
func (c *callStep) went(e Went) error {
	p, err := c.one(e.Person)
	if err != nil {
		return err
	}
	if e.Room != c.Room || p.State != Accepted || !p.Inside {
		return c.wrong()
	}
	p.Inside, p.AwaitedTo = false, c.now.Add(seconds(c.policy.CallRejoinSeconds))
	return nil
}

func (c *callStep) bar(e Bar) error {
	p, err := c.one(e.Person)
	if err != nil {
		return err
	}
	switch p.State {
	case Barred:
		return c.wrong()
	case Called:
		c.tell(*p, StopRinging)
	default: // not ringing
	}
	c.drop(p, Barred)
	return nil
}

func (c *callStep) roomLost(e CallRoomLost) error {
	if e.Room != c.Room {
		return c.wrong()
	}
	c.add(Effect{Kind: CreateRoom, Room: c.Room})
	for i := range c.Parties {
		if c.Parties[i].Inside {
			c.Parties[i].Inside, c.Parties[i].AwaitedTo = false, c.now.Add(seconds(c.policy.CallRejoinSeconds))
		}
	}
	return nil
}

func (c *callStep) tick() error {
	due := c.Due(c.policy)
	if due.IsZero() || c.now.Before(due) {
		return c.wrong()
	}
	for i := range c.Parties {
		p := &c.Parties[i]
		if until := p.waits(); until.IsZero() || c.now.Before(until) {
			continue
		}
		if p.State == Called {
			c.miss(p)
		} else {
			c.drop(p, Gone)
		}
	}
	if c.State == Active && !c.now.Before(c.Active.Add(minutes(c.policy.CallMinutes))) {
		c.end(Completed)
	}
	return nil
}

func (c *callStep) miss(p *Party) {
	p.State, p.RingUntil = Missed, time.Time{}
	c.tell(*p, StopRinging)
	c.tell(*p, TellMissed)
}

// settle ends a call that has nobody left to be in it: two people need both, a
// group needs one.
func (c *callStep) settle() {
	if !c.running() {
		return
	}
	in, ringing := c.count(Accepted), c.count(Called)
	caller, _ := c.party(c.Caller)
	switch {
	case c.broken:
		c.end(Broken)
	case c.State == Ringing && caller.State == Gone:
		c.end(Cancelled)
	case c.State == Ringing && caller.State != Accepted:
		c.end(Broken)
	case c.State == Ringing && ringing == 0:
		c.end(c.unanswered())
	case c.State == Active && in+ringing < 2 && !c.Group, c.State == Active && in == 0:
		c.end(Completed)
	}
}

// unanswered says why nobody came: the most hopeful reason counts.
func (c *callStep) unanswered() Outcome {
	switch {
	case c.count(Missed) > 0:
		return NoAnswer
	case c.count(Busy) > 0:
		return AllBusy
	case c.count(Refused) > 0:
		return AllDeclined
	default:
		return Broken
	}
}

func (c *callStep) end(outcome Outcome) {
	for i := range c.Parties {
		p := &c.Parties[i]
		switch p.State {
		case Called:
			c.miss(p)
		case Accepted:
			p.State = Gone
		default: // as it is
		}
		p.Inside, p.AwaitedTo = false, time.Time{}
	}
	c.add(Effect{Kind: DeleteRoom, Room: c.Room})
	c.State, c.Outcome, c.Ended, c.Room = CallEnded, outcome, c.now, ""
}
