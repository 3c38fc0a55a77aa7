package rooms_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/rooms"
)

// play makes the call that events lead to; all of them must apply.
func play(t *testing.T, events ...rooms.CallEvent) rooms.Call {
	t.Helper()
	call := rooms.Call{}
	for _, e := range events {
		out, err := rooms.StepCall(call, e, rooms.DefaultPolicy(), t0)
		if err != nil {
			t.Fatalf("%+v: %v", e, err)
		}
		call = out.Call
	}
	return call
}

var (
	dial    = rooms.Dial{Caller: "ada", Device: "phone", Room: room(1), People: []string{"bob"}}
	meeting = rooms.Dial{Caller: "ada", Device: "phone", Room: room(1), People: []string{"cat", "bob"}, Busy: []string{"cat"}, Video: true}
	vain    = rooms.Dial{Caller: "ada", Device: "phone", Room: room(1), People: []string{"bob"}, Busy: []string{"bob"}, Silent: []string{"bob"}}
	takes   = rooms.Answer{Person: "bob", Device: "phone"}
)

type callCase struct {
	name   string
	events []rooms.CallEvent
}

var callCases = []callCase{
	{"new", nil},
	{"ringing", []rooms.CallEvent{dial}},
	{"group ringing, one busy", []rooms.CallEvent{meeting}},
	{"answered", []rooms.CallEvent{dial, takes}},
	{"both inside", []rooms.CallEvent{dial, takes, rooms.Came{Room: room(1), Person: "ada"}, rooms.Came{Room: room(1), Person: "bob"}}},
	{"line of bob broken", []rooms.CallEvent{dial, takes, rooms.Came{Room: room(1), Person: "ada"}, rooms.Came{Room: room(1), Person: "bob"}, rooms.Went{Room: room(1), Person: "bob"}}},
	{"group, cat asked again", []rooms.CallEvent{meeting, takes, rooms.Ask{By: "bob", Person: "cat"}}},
	{"group, ada inside alone", []rooms.CallEvent{meeting, takes, rooms.Came{Room: room(1), Person: "ada"}, rooms.HangUp{Person: "bob"}}},
	{"ringing in vain", []rooms.CallEvent{vain}},
	{"group, dan asked in vain", []rooms.CallEvent{meeting, takes, rooms.Ask{By: "ada", Person: "dan", Busy: true, Silent: true}}},
	{"ended", []rooms.CallEvent{dial, rooms.Reject{Person: "bob"}}},
}

var callHappenings = []struct {
	name  string
	after time.Duration
	event rooms.CallEvent
}{
	{"dial", 0, dial},
	{"dial a group", 0, meeting},
	{"dial somebody busy", 0, rooms.Dial{Caller: "ada", Room: room(1), People: []string{"bob", "bob"}, Busy: []string{"bob"}}},
	{"dial nobody", 0, rooms.Dial{Caller: "ada", Room: room(1)}},
	{"dial oneself", 0, rooms.Dial{Caller: "ada", Room: room(1), People: []string{"bob", "ada"}}},
	{"dial an empty name", 0, rooms.Dial{Caller: "ada", Room: room(1), People: []string{""}}},
	{"dial as nobody", 0, rooms.Dial{Room: room(1), People: []string{"bob"}}},
	{"dial into a room with a name of its own", 0, rooms.Dial{Caller: "ada", Room: "adas-room", People: []string{"bob"}}},
	{"dial a crowd", 0, rooms.Dial{Caller: "ada", Room: room(1), People: strings.Split("abcdefgh", "")}},
	{"bob answers", time.Second, takes},
	{"bob answers on a tablet", time.Second, rooms.Answer{Person: "bob", Device: "tablet"}},
	{"bob answers on no device", time.Second, rooms.Answer{Person: "bob"}},
	{"bob answers, busy", time.Second, rooms.Answer{Person: "bob", Device: "phone", Busy: true}},
	{"bob answers in the last moment", 40*time.Second - 1, takes},
	{"bob answers too late", 40 * time.Second, takes},
	{"cat answers", time.Second, rooms.Answer{Person: "cat", Device: "phone"}},
	{"eve answers", time.Second, rooms.Answer{Person: "eve", Device: "phone"}},
	{"bob rejects", time.Second, rooms.Reject{Person: "bob"}},
	{"eve rejects", time.Second, rooms.Reject{Person: "eve"}},
	{"ada hangs up", time.Second, rooms.HangUp{Person: "ada"}},
	{"bob hangs up", time.Second, rooms.HangUp{Person: "bob"}},
	{"ada asks dan", time.Second, rooms.Ask{By: "ada", Person: "dan"}},
	{"ada asks dan in vain", time.Second, rooms.Ask{By: "ada", Person: "dan", Silent: true}},
	{"dan answers", time.Second, rooms.Answer{Person: "dan", Device: "phone"}},
	{"dan rejects", time.Second, rooms.Reject{Person: "dan"}},
	{"ada asks dan, who is busy", time.Second, rooms.Ask{By: "ada", Person: "dan", Busy: true}},
	{"ada asks bob", time.Second, rooms.Ask{By: "ada", Person: "bob"}},
	{"ada asks cat", time.Second, rooms.Ask{By: "ada", Person: "cat"}},
	{"ada asks herself", time.Second, rooms.Ask{By: "ada", Person: "ada"}},
	{"cat asks dan", time.Second, rooms.Ask{By: "cat", Person: "dan"}},
	{"eve asks dan", time.Second, rooms.Ask{By: "eve", Person: "dan"}},
	{"ada came", time.Second, rooms.Came{Room: room(1), Person: "ada"}},
	{"bob came", time.Second, rooms.Came{Room: room(1), Person: "bob"}},
	{"bob came into another room", time.Second, rooms.Came{Room: room(2), Person: "bob"}},
	{"eve came", time.Second, rooms.Came{Room: room(1), Person: "eve"}},
	{"ada went", time.Second, rooms.Went{Room: room(1), Person: "ada"}},
	{"bob went", time.Second, rooms.Went{Room: room(1), Person: "bob"}},
	{"bob went out of another room", time.Second, rooms.Went{Room: room(2), Person: "bob"}},
	{"ada barred", time.Second, rooms.Bar{Person: "ada"}},
	{"bob barred", time.Second, rooms.Bar{Person: "bob"}},
	{"eve barred", time.Second, rooms.Bar{Person: "eve"}},
	{"broken off", time.Second, rooms.BreakOff{}},
	{"room lost", time.Second, rooms.CallRoomLost{Room: room(1)}},
	{"another room lost", time.Second, rooms.CallRoomLost{Room: room(2)}},
	{"tick, 19 s", 19 * time.Second, rooms.CallTick{}},
	{"tick, 20 s", 20 * time.Second, rooms.CallTick{}},
	{"tick, 40 s", 40 * time.Second, rooms.CallTick{}},
	{"tick, 4 h", 4 * time.Hour, rooms.CallTick{}},
}

func people(c rooms.Call) string {
	parts := make([]string, len(c.Parties))
	for i, p := range c.Parties {
		parts[i] = fmt.Sprintf("%s %s%s%s", p.Person, p.State, choose(p.Silent, " in vain"), choose(p.Inside, " inside"))
	}
	return strings.Join(parts, ", ")
}

func TestCallMatrix(t *testing.T) {
	var got bytes.Buffer
	for _, c := range callCases {
		call := play(t, c.events...)
		fmt.Fprintf(&got, "# %s: %s\n", c.name, people(call))
		for _, h := range callHappenings {
			out, err := rooms.StepCall(call, h.event, rooms.DefaultPolicy(), t0.Add(h.after))
			if err != nil {
				if !reflect.DeepEqual(out, rooms.CallOutcome{Call: call}) || !reflect.DeepEqual(call, play(t, c.events...)) {
					t.Errorf("%s, %s: a refusal changed %+v", c.name, h.name, out)
				}
				got.WriteString(line(c.name, h.name, "refused: "+code(t, err)))
				continue
			}
			got.WriteString(line(c.name, h.name, strings.TrimSpace(string(out.State)+" "+string(out.Outcome)), people(out.Call), list(out.Effects)))
		}
	}
	golden(t, "testdata/calls.txt", got.Bytes())
}

// checkCall is what holds of every call that events have made.
func checkCall(t *testing.T, c rooms.Call) {
	t.Helper()
	in, ringing := 0, 0
	for _, p := range c.Parties {
		if p.State == rooms.Accepted {
			in++
		}
		if p.State == rooms.Called {
			ringing++
		}
		if p.Inside && p.State != rooms.Accepted || (p.State == rooms.Called) == p.RingUntil.IsZero() || p.State == rooms.Accepted && p.Device == "" {
			t.Errorf("%+v", p)
		}
		if g := rooms.GrantCall(c, p.Person, rooms.Good); g.Join != (p.State == rooms.Accepted && c.State != rooms.CallEnded) {
			t.Errorf("%+v may %s", p, g)
		}
	}
	ended := c.State == rooms.CallEnded
	switch {
	case ended != (c.Outcome != rooms.NoOutcome), ended == c.Ended.IsZero(), ended == rooms.Owned(c.Room):
		t.Errorf("%+v: the end does not fit the state", c)
	case ended && in+ringing > 0:
		t.Errorf("%+v: somebody is still in", c)
	case c.State == rooms.Ringing && (in != 1 || ringing == 0), c.State == rooms.Active && (in == 0 || !c.Group && in+ringing < 2):
		t.Errorf("%+v: should have ended", c)
	case ended && (c.Outcome == rooms.Completed) == c.Active.IsZero() && c.Outcome != rooms.Broken:
		t.Errorf("%+v: completed without an answer, or the other way round", c)
	}
}

func TestCallPaths(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	outcomes := map[rooms.Outcome]int{}
	for range 30_000 {
		call, now, there, rings := rooms.Call{}, t0, 0, map[string]bool{}
		for range 14 {
			h := callHappenings[random.IntN(len(callHappenings))]
			now = now.Add([]time.Duration{0, time.Second, 15 * time.Second, time.Minute}[random.IntN(4)])
			event := h.event
			if call.State == rooms.NoCall {
				event = []rooms.CallEvent{dial, meeting, vain, callHappenings[2].event}[random.IntN(4)]
			}
			if d, dials := event.(rooms.Dial); dials {
				d.Device = "phone"
				event = d
			}
			out, err := rooms.StepCall(call, event, rooms.DefaultPolicy(), now)
			if err != nil {
				continue
			}
			if call.State == rooms.CallEnded {
				t.Fatalf("an ended call changed by %+v", event)
			}
			for _, effect := range out.Effects {
				switch effect.Kind {
				case rooms.CreateRoom:
					there = 1
				case rooms.DeleteRoom:
					there = 0
				case rooms.Ring:
					rings[effect.Person] = true
				case rooms.StopRinging:
					delete(rings, effect.Person)
				default: // not about rooms or ringing
				}
			}
			call = out.Call
			checkCall(t, call)
			ringing := 0
			for _, p := range call.Parties {
				if p.Silent && (rings[p.Person] || p.State == rooms.Accepted || p.State == rooms.Busy) {
					t.Errorf("%s is told or tells something: %+v", p.Person, p)
				}
				if p.State == rooms.Called && !p.Silent {
					ringing++
					if !rings[p.Person] {
						t.Errorf("nobody rings %s", p.Person)
					}
				}
			}
			if (there == 1) != (call.State != rooms.CallEnded) || len(rings) != ringing {
				t.Errorf("rooms %d, rings %v: %+v", there, rings, call)
			}
			if due := call.Due(rooms.DefaultPolicy()); due.IsZero() == (call.State != rooms.CallEnded) {
				t.Errorf("%+v has no end", call)
			}
			if t.Failed() {
				t.Fatalf("by %+v", event)
			}
		}
		outcomes[call.Outcome]++
	}
	for _, outcome := range []rooms.Outcome{rooms.Completed, rooms.AllDeclined, rooms.NoAnswer, rooms.AllBusy, rooms.Cancelled, rooms.Broken} {
		if outcomes[outcome] < 100 {
			t.Errorf("%s: %d calls ended so", outcome, outcomes[outcome])
		}
	}
}

func TestHistory(t *testing.T) {
	stay := func(person string, from, to int64) rooms.Stay {
		s := rooms.Stay{Room: room(1), SID: fmt.Sprint(person, from), Person: person, Role: rooms.Member, Joined: t0.Add(time.Duration(from) * time.Second)}
		if to >= 0 {
			s.Left = t0.Add(time.Duration(to) * time.Second)
		}
		return s
	}
	inside := func(person string) rooms.CallEvent { return rooms.Came{Room: room(1), Person: person} }
	now := t0.Add(time.Hour)
	for name, c := range map[string]struct {
		events   []rooms.CallEvent
		stays    []rooms.Stay
		ada, bob rooms.Entry
	}{
		"talked": {[]rooms.CallEvent{dial, takes, inside("ada"), inside("bob"), rooms.HangUp{Person: "bob"}},
			[]rooms.Stay{stay("ada", 0, 100), stay("bob", 10, 40), stay("bob", 50, 90)},
			rooms.Entry{Direction: rooms.Outgoing, Result: rooms.ResultTalked, Seconds: 70}, rooms.Entry{Direction: rooms.Incoming, Result: rooms.ResultTalked, Seconds: 70}},
		"two devices, a lost leave": {[]rooms.CallEvent{dial, takes, inside("ada"), inside("bob")},
			[]rooms.Stay{stay("ada", 0, -1), stay("bob", 3500, -1), stay("bob", 3510, -1)},
			rooms.Entry{Direction: rooms.Outgoing, Result: rooms.ResultTalked, Seconds: 100}, rooms.Entry{Direction: rooms.Incoming, Result: rooms.ResultTalked, Seconds: 100}},
		"never together": {[]rooms.CallEvent{dial, takes, inside("ada"), rooms.HangUp{Person: "bob"}}, []rooms.Stay{stay("ada", 0, 50), stay("bob", 50, 60)},
			rooms.Entry{Direction: rooms.Outgoing, Result: rooms.ResultAlone}, rooms.Entry{Direction: rooms.Incoming, Result: rooms.ResultAlone}},
		"declined": {[]rooms.CallEvent{dial, rooms.Reject{Person: "bob"}}, nil,
			rooms.Entry{Direction: rooms.Outgoing, Result: rooms.ResultDeclined}, rooms.Entry{Direction: rooms.Incoming, Result: rooms.ResultDeclined}},
		"cancelled": {[]rooms.CallEvent{dial, rooms.HangUp{Person: "ada"}}, nil,
			rooms.Entry{Direction: rooms.Outgoing, Result: rooms.ResultCancelled}, rooms.Entry{Direction: rooms.Incoming, Result: rooms.ResultMissed}},
		"busy": {[]rooms.CallEvent{callHappenings[2].event}, nil,
			rooms.Entry{Direction: rooms.Outgoing, Result: rooms.ResultBusy}, rooms.Entry{Direction: rooms.Incoming, Result: rooms.ResultMissed}},
		"ringing": {[]rooms.CallEvent{dial}, nil,
			rooms.Entry{Direction: rooms.Outgoing, Result: rooms.ResultOpen}, rooms.Entry{Direction: rooms.Incoming, Result: rooms.ResultOpen}},
		"broken off": {[]rooms.CallEvent{dial, takes, rooms.BreakOff{}}, nil,
			rooms.Entry{Direction: rooms.Outgoing, Result: rooms.ResultBroken}, rooms.Entry{Direction: rooms.Incoming, Result: rooms.ResultBroken}},
	} {
		call := play(t, c.events...)
		for person, want := range map[string]rooms.Entry{"ada": c.ada, "bob": c.bob} {
			if got, in := rooms.History(call, c.stays, person, now); !in || got != want {
				t.Errorf("%s: %s has %+v, want %+v", name, person, got, want)
			}
		}
		if got, in := rooms.History(call, c.stays, "eve", now); in {
			t.Errorf("%s: eve has %+v", name, got)
		}
	}
	if got, in := rooms.History(play(t, vain), nil, "bob", now); in {
		t.Errorf("somebody who was not told has %+v", got)
	}
	missed, err := rooms.StepCall(play(t, dial), rooms.CallTick{}, rooms.DefaultPolicy(), t0.Add(40*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	ada, _ := rooms.History(missed.Call, nil, "ada", now)
	bob, _ := rooms.History(missed.Call, nil, "bob", now)
	if ada.Result != rooms.ResultNoAnswer || bob.Result != rooms.ResultMissed {
		t.Errorf("missed: %+v, %+v", ada, bob)
	}
}

// TestAsking: a call of two becomes a group by asking a third person, which then
// outlives the others; a person who was thrown out is not asked again.
func TestAsking(t *testing.T) {
	after := func(events ...rooms.CallEvent) (rooms.Call, func(rooms.CallEvent) string) {
		call := play(t, append([]rooms.CallEvent{dial, takes}, events...)...)
		return call, func(e rooms.CallEvent) string {
			t.Helper()
			out, err := rooms.StepCall(call, e, rooms.DefaultPolicy(), t0)
			if err != nil {
				return code(t, err)
			}
			return string(out.State)
		}
	}
	dan := []rooms.CallEvent{rooms.Ask{By: "ada", Person: "dan"}, rooms.Answer{Person: "dan", Device: "phone"}, rooms.HangUp{Person: "bob"}}
	if call, next := after(dan...); !call.Group || next(rooms.HangUp{Person: "dan"}) != "active" {
		t.Errorf("a group ended with somebody in it: %+v", call)
	}
	if call, next := after(); call.Group || next(rooms.HangUp{Person: "bob"}) != "ended" {
		t.Errorf("a call of two: %+v", call)
	}
	_, next := after(rooms.Ask{By: "bob", Person: "dan"}, rooms.Bar{Person: "dan"})
	if got := next(rooms.Ask{By: "ada", Person: "dan"}); got != "not_allowed" {
		t.Errorf("a barred person is asked: %s", got)
	}
	crowd := []rooms.CallEvent{}
	for n := range rooms.DefaultPolicy().CallPeople - 2 {
		crowd = append(crowd, rooms.Ask{By: "ada", Person: fmt.Sprint("p", n)})
	}
	_, next = after(crowd...)
	if got := next(rooms.Ask{By: "ada", Person: "dan"}); got != "call_full" {
		t.Errorf("one too many is asked: %s", got)
	}
	_, next = after(append(crowd, rooms.Reject{Person: "p1"})...)
	if got := next(rooms.Ask{By: "ada", Person: "p1"}); got != "active" {
		t.Errorf("somebody who declined is asked again: %s", got)
	}
}
