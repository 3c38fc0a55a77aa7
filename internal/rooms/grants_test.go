package rooms_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/lingualink/lingualink/internal/rooms"
)

var (
	allRoles     = []rooms.Role{rooms.Host, rooms.CoHost, rooms.Speaker, rooms.Viewer, rooms.Moderator, rooms.Recorder, rooms.Member, "", "admin"}
	allStandings = []rooms.Standing{rooms.Good, rooms.Warned, rooms.Suspended, rooms.Banned, "", "unknown"}
	allRemovals  = []rooms.Removal{rooms.NotRemoved, rooms.RemovedByHost, rooms.RemovedByModerator}
)

// TestGrants writes every combination into testdata/grants.txt: one line for
// those of a state and a role that come to the same.
func TestGrants(t *testing.T) {
	var got bytes.Buffer
	for _, state := range append(rooms.States(), "paused") {
		for _, role := range allRoles {
			same := groups{}
			for _, standing := range allStandings {
				for _, removed := range allRemovals {
					for _, muted := range []bool{false, true} {
						g := rooms.Grant(rooms.Seat{Role: role, Removed: removed, Muted: muted}, state, standing, rooms.DefaultPolicy())
						same.add(g.String(), fmt.Sprintf("%s%s%s", orNone(string(standing)), choose(removed != "", " removed by "+string(removed)), choose(muted, " muted")))
						checkGrants(t, g, state, role, standing, removed, muted)
					}
				}
			}
			same.write(&got, fmt.Sprintf("%s %s", orNone(string(state)), orNone(string(role))), "nothing")
		}
	}
	golden(t, "testdata/grants.txt", got.Bytes())
}

// checkGrants says again, apart from the code, what must never be.
func checkGrants(t *testing.T, g rooms.Grants, state rooms.State, role rooms.Role, standing rooms.Standing, removed rooms.Removal, muted bool) {
	t.Helper()
	onAir := state == rooms.Live || state == rooms.HostAway
	stage := role == rooms.Host || role == rooms.CoHost || role == rooms.Speaker
	may := (standing == rooms.Good || standing == rooms.Warned) && removed == rooms.NotRemoved &&
		(onAir && role != rooms.Member && role != "" && role != "admin" || state == rooms.Backstage && stage)
	switch {
	case g.Join != may:
		t.Errorf("%q %q %q %q: may join is %v", state, role, standing, removed, g.Join)
	case !g.Join && g != rooms.Grants{}:
		t.Errorf("who may not join may %s", g)
	case g.Publish() && !stage, g.Data && role != rooms.Host && role != rooms.CoHost:
		t.Errorf("%q may %s", role, g)
	case g.Hidden != (g.Join && (role == rooms.Moderator || role == rooms.Recorder)), g.Recorder != (g.Join && role == rooms.Recorder):
		t.Errorf("%q is hidden or records: %s", role, g)
	case muted && g.Sources.Has(rooms.Microphone):
		t.Errorf("%q speaks muted", role)
	}
}

func TestSpeakersWithoutCameras(t *testing.T) {
	policy := rooms.DefaultPolicy()
	policy.SpeakerCamera = false
	for muted, want := range map[bool]string{false: "publish microphone, subscribe", true: "publish -, subscribe"} {
		g := rooms.Grant(rooms.Seat{Role: rooms.Speaker, Muted: muted}, rooms.Live, rooms.Good, policy)
		if g.String() != want || g.Publish() == muted {
			t.Errorf("a speaker, muted %v, may %s", muted, g)
		}
	}
}

func TestCallGrants(t *testing.T) {
	var got bytes.Buffer
	for _, state := range []rooms.CallState{rooms.NoCall, rooms.Ringing, rooms.Active, rooms.CallEnded} {
		for _, party := range []rooms.PartyState{rooms.Called, rooms.Accepted, rooms.Refused, rooms.Missed, rooms.Busy, rooms.Gone, rooms.Barred, ""} {
			same := groups{}
			for _, standing := range allStandings {
				for _, video := range []bool{false, true} {
					call := rooms.Call{State: state, Caller: "ada", Video: video, Parties: []rooms.Party{{Person: "bob", State: party}}}
					g := rooms.GrantCall(call, "bob", standing)
					same.add(g.String(), orNone(string(standing))+choose(video, " video"))
					may := party == rooms.Accepted && (state == rooms.Ringing || state == rooms.Active) && (standing == rooms.Good || standing == rooms.Warned)
					if g.Join != may || g.Data || g.Hidden || g.Recorder || g.Sources.Has(rooms.Camera) && !video {
						t.Errorf("%q %q %q video %v: %s", state, party, standing, video, g)
					}
					if other := rooms.GrantCall(call, "eve", standing); other != (rooms.Grants{}) {
						t.Errorf("somebody else may %s", other)
					}
				}
			}
			same.write(&got, fmt.Sprintf("call %s, person %s", orNone(string(state)), orNone(string(party))), "nothing")
		}
	}
	golden(t, "testdata/call_grants.txt", got.Bytes())
}

func TestAdmit(t *testing.T) {
	full := rooms.DefaultPolicy().MostInside
	visit := func(change func(*rooms.Visit)) rooms.Visit {
		v := rooms.Visit{State: rooms.Live, Seat: rooms.Seat{Person: "ada", Role: rooms.Viewer}, Standing: rooms.Good, Inside: full - 1}
		change(&v)
		return v
	}
	for name, c := range map[string]struct {
		visit rooms.Visit
		want  string // a code, or empty
	}{
		"a viewer":              {visit(func(*rooms.Visit) {}), ""},
		"warned":                {visit(func(v *rooms.Visit) { v.Standing = rooms.Warned }), ""},
		"suspended":             {visit(func(v *rooms.Visit) { v.Standing = rooms.Suspended }), "account_suspended"},
		"no standing":           {visit(func(v *rooms.Visit) { v.Standing = "" }), "account_suspended"},
		"banned":                {visit(func(v *rooms.Visit) { v.Standing = rooms.Banned; v.Blocked = true }), "account_banned"},
		"blocked":               {visit(func(v *rooms.Visit) { v.Blocked = true; v.Seat.Removed = rooms.RemovedByHost }), "not_found"},
		"blocked moderator":     {visit(func(v *rooms.Visit) { v.Blocked = true; v.Seat.Role = rooms.Moderator }), ""},
		"removed":               {visit(func(v *rooms.Visit) { v.Seat.Removed = rooms.RemovedByHost }), "stream_removed"},
		"backstage":             {visit(func(v *rooms.Visit) { v.State = rooms.Backstage }), "stream_state"},
		"moderator backstage":   {visit(func(v *rooms.Visit) { v.State = rooms.Backstage; v.Seat.Role = rooms.Moderator }), "stream_state"},
		"host backstage":        {visit(func(v *rooms.Visit) { v.State = rooms.Backstage; v.Seat.Role = rooms.Host }), ""},
		"ended":                 {visit(func(v *rooms.Visit) { v.State = rooms.Ended }), "stream_state"},
		"killed, host":          {visit(func(v *rooms.Visit) { v.State = rooms.Killed; v.Seat.Role = rooms.Host }), "stream_state"},
		"full":                  {visit(func(v *rooms.Visit) { v.Inside = full }), "stream_full"},
		"full, speaker":         {visit(func(v *rooms.Visit) { v.Inside = full; v.Seat.Role = rooms.Speaker }), "stream_full"},
		"full, but inside":      {visit(func(v *rooms.Visit) { v.Inside = full; v.Already = true }), ""},
		"full, host":            {visit(func(v *rooms.Visit) { v.Inside = full; v.Seat.Role = rooms.Host }), ""},
		"full, moderator":       {visit(func(v *rooms.Visit) { v.Inside = full; v.Seat.Role = rooms.Moderator }), ""},
		"a role that is nobody": {visit(func(v *rooms.Visit) { v.Seat.Role = "" }), "stream_state"},
	} {
		g, err := rooms.Admit(c.visit, rooms.DefaultPolicy())
		switch {
		case c.want == "" && (err != nil || !g.Join):
			t.Errorf("%s: %v, %v", name, g, err)
		case c.want != "" && (err == nil || g != rooms.Grants{} || code(t, err) != c.want):
			t.Errorf("%s: %v, %v, want %s", name, g, err, c.want)
		}
	}
}

func TestAdmitCall(t *testing.T) {
	call := rooms.Call{State: rooms.Active, Caller: "ada", Parties: []rooms.Party{{Person: "ada", State: rooms.Accepted}, {Person: "bob", State: rooms.Called}, {Person: "cat", State: rooms.Called, Silent: true}}}
	for _, c := range []struct {
		person   string
		standing rooms.Standing
		want     string
	}{
		{"ada", rooms.Good, ""}, {"ada", rooms.Suspended, "account_suspended"}, {"ada", rooms.Banned, "account_banned"},
		{"bob", rooms.Good, "call_state"}, {"cat", rooms.Good, "not_found"}, {"eve", rooms.Good, "not_found"}, {"", rooms.Good, "not_found"},
	} {
		g, err := rooms.AdmitCall(call, c.person, c.standing)
		if c.want == "" && (err != nil || !g.Publish()) || c.want != "" && (err == nil || code(t, err) != c.want || g != rooms.Grants{}) {
			t.Errorf("%+v: %v, %v", c, g, err)
		}
	}
}
