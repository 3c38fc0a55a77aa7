package rooms_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/lingualink/lingualink/internal/rooms"
)

type seatCase struct {
	name string
	rooms.Seat
}

var seatCases = []seatCase{
	{"viewer", rooms.Seat{Person: "bob", Role: rooms.Viewer}},
	{"viewer, hand raised", rooms.Seat{Person: "bob", Role: rooms.Viewer, Hand: rooms.Raised}},
	{"viewer, invited", rooms.Seat{Person: "bob", Role: rooms.Viewer, Hand: rooms.Invited}},
	{"speaker", rooms.Seat{Person: "bob", Role: rooms.Speaker}},
	{"speaker, muted", rooms.Seat{Person: "bob", Role: rooms.Speaker, Muted: true}},
	{"cohost", rooms.Seat{Person: "bob", Role: rooms.CoHost}},
	{"host", rooms.Seat{Person: "bob", Role: rooms.Host}},
	{"moderator", rooms.Seat{Person: "bob", Role: rooms.Moderator}},
	{"removed by the host", rooms.Seat{Person: "bob", Role: rooms.Viewer, Removed: rooms.RemovedByHost}},
	{"removed by a moderator", rooms.Seat{Person: "bob", Role: rooms.Viewer, Removed: rooms.RemovedByModerator}},
}

var actors = []struct {
	name, by string
	role     rooms.Role
}{
	{"the person", "bob", ""}, {"the host", "ada", rooms.Host}, {"a cohost", "cat", rooms.CoHost}, {"a speaker", "dan", rooms.Speaker},
	{"a viewer", "eve", rooms.Viewer}, {"a moderator", "mod", rooms.Moderator}, {"the server", "", ""},
}

// act has the person act with the role of the seat itself.
func (c seatCase) act(kind rooms.ActKind, by string, role rooms.Role) rooms.Act {
	if by == c.Person {
		role = c.Role
	}
	return rooms.Act{Kind: kind, By: by, Role: role}
}

func TestSeatMatrix(t *testing.T) {
	var got bytes.Buffer
	policy := rooms.DefaultPolicy()
	for _, c := range seatCases {
		fmt.Fprintf(&got, "# %s\n", c.name)
		for _, kind := range rooms.Acts() {
			same := groups{}
			for _, actor := range actors {
				for _, where := range []struct {
					name     string
					state    rooms.State
					speakers int64
				}{{"live", rooms.Live, 0}, {"live, stage full", rooms.Live, policy.MostSpeakers}, {"backstage", rooms.Backstage, 0}, {"ended", rooms.Ended, 0}} {
					out, err := rooms.StepSeat(c.Seat, c.act(kind, actor.by, actor.role), rooms.Stage{State: where.state, Room: room(1), Speakers: where.speakers}, policy, t0)
					what := actor.name + ", " + where.name
					if err != nil {
						if !reflect.DeepEqual(out, rooms.SeatOutcome{Seat: c.Seat}) {
							t.Errorf("%s, %s: a refusal changed %+v", c.name, what, out)
						}
						same.add("refused: "+code(t, err), what)
						continue
					}
					if where.state == rooms.Ended || out.Since != t0 {
						t.Errorf("%s, %s: %+v", c.name, what, out)
					}
					same.add(fmt.Sprintf("%s, hand %s%s%s; %s", out.Role, choose(out.Hand == "", "down")+string(out.Hand), choose(out.Muted, ", muted"),
						choose(out.Removed != "", ", removed by "+string(out.Removed)), list(out.Effects)), what)
				}
			}
			same.write(&got, c.name+" | "+string(kind), "refused: not_allowed")
		}
	}
	golden(t, "testdata/seats.txt", got.Bytes())
}

// TestNobodySpeaksUnasked: on every path a viewer comes on the stage only by an
// own act and one of those who lead, and what the media server knows is what
// the seat grants.
func TestNobodySpeaksUnasked(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	policy, promoted := rooms.DefaultPolicy(), 0
	for range 20_000 {
		seat, own, leader := rooms.Seat{Person: "bob", Role: rooms.Viewer}, false, false
		known := rooms.Grant(seat, rooms.Live, rooms.Good, policy)
		for range 30 {
			actor := actors[random.IntN(len(actors))]
			kind := rooms.Acts()[random.IntN(len(rooms.Acts()))]
			act := seatCase{Seat: seat}.act(kind, actor.by, actor.role)
			out, err := rooms.StepSeat(seat, act, rooms.Stage{State: rooms.Live, Room: room(1), Speakers: int64(random.IntN(10))}, policy, t0)
			if err != nil {
				continue
			}
			own, leader = own || act.By == "bob", leader || act.Role == rooms.Host || act.Role == rooms.CoHost
			if seat.Role == rooms.Viewer && out.Role != rooms.Viewer {
				if promoted++; !own || !leader {
					t.Fatalf("%+v came to %+v by %+v", seat, out, act)
				}
			}
			if out.Role == rooms.Viewer && seat.Role != rooms.Viewer {
				own, leader = false, false
			}
			for _, effect := range out.Effects {
				switch effect.Kind {
				case rooms.SetGrants, rooms.RemovePerson:
					known = rooms.Grant(out.Seat, rooms.Live, rooms.Good, policy)
				default:
					t.Fatalf("%s", effect)
				}
			}
			if kind == rooms.Readmit { // with the next token
				known = rooms.Grant(out.Seat, rooms.Live, rooms.Good, policy)
			}
			if is := rooms.Grant(out.Seat, rooms.Live, rooms.Good, policy); is != known {
				t.Fatalf("%+v to %+v by %+v: the media server has %s, the seat %s", seat, out, act, known, is)
			}
			seat = out.Seat
		}
	}
	if promoted < 500 {
		t.Errorf("only %d promotions", promoted)
	}
}
