package referral_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/referral"
)

// act is a clip or vote on a day after sign-up, sound unless changed.
func act(kind referral.ActKind, id string, onDay int, change ...func(*referral.Act)) referral.Act {
	a := referral.Act{Kind: kind, ID: id, Verdict: 1, At: t0.Add(time.Duration(onDay) * day), Stands: true, Outside: 2}
	for _, c := range change {
		c(&a)
	}
	return a
}

func overturned(a *referral.Act) { a.Verdict, a.Stands = a.Verdict+1, false }
func inside(a *referral.Act)     { a.Outside = 1 }
func rejected(a *referral.Act)   { a.Stands = false }

// acts are n of a kind, spread over some days.
func acts(kind referral.ActKind, n, over int) []referral.Event {
	events := []referral.Event{}
	for i := range n {
		events = append(events, act(kind, fmt.Sprintf("%s%03d", kind, i), i%over))
	}
	return events
}

var verified = referral.Verified{}

func and(events ...any) []referral.Event {
	all := []referral.Event{}
	for _, e := range events {
		switch e := e.(type) {
		case []referral.Event:
			all = append(all, e...)
		case referral.Event:
			all = append(all, e)
		}
	}
	return all
}

// fold applies events and returns the turns they brought.
func fold(a referral.Activation, events []referral.Event) (referral.Activation, []referral.Turn) {
	turns := []referral.Turn{}
	for i, e := range events {
		var turn referral.Turn
		if a, turn = a.Apply(e, t0.Add(time.Duration(i)*time.Minute)); turn != referral.Unchanged {
			turns = append(turns, turn)
		}
	}
	return a, turns
}

func TestActivation(t *testing.T) {
	const on, off = referral.Activated, referral.Withdrawn
	trust := func(reduced bool, hour int) referral.Trust {
		return referral.Trust{Reduced: reduced, At: t0.Add(time.Duration(hour) * time.Hour)}
	}
	three := acts(referral.Clip, 3, 3)
	at := func(kind referral.ActKind, id string, when time.Duration) referral.Event {
		return act(kind, id, 0, func(a *referral.Act) { a.At = t0.Add(when) })
	}
	cases := []struct {
		name   string
		events []referral.Event
		want   []referral.Turn
	}{
		{"nothing", nil, nil},
		{"three clips on three days", and(verified, three), []referral.Turn{on}},
		{"verified last", and(three, verified), []referral.Turn{on}},
		{"never verified", three, nil},
		{"two clips", and(verified, acts(referral.Clip, 2, 2)), nil},
		{"five clips on two days", and(verified, acts(referral.Clip, 5, 2)), nil},
		{"twenty votes on three days", and(verified, acts(referral.Vote, 20, 3)), []referral.Turn{on}},
		{"nineteen votes", and(verified, acts(referral.Vote, 19, 5)), nil},
		{"two clips and nineteen votes", and(verified, acts(referral.Clip, 2, 2), acts(referral.Vote, 19, 5)), nil},
		{"clips on a day, votes on the others", and(verified, acts(referral.Clip, 3, 1), act(referral.Vote, "v", 1), act(referral.Vote, "w", 2)), []referral.Turn{on}},
		{"a clip thrice", and(verified, act(referral.Clip, "a", 0), act(referral.Clip, "a", 1), act(referral.Clip, "a", 2)), nil},
		{"the ring approves its own clips", and(verified, act(referral.Clip, "a", 0), act(referral.Clip, "b", 1), act(referral.Clip, "c", 2, inside)), nil},
		{"a verdict told otherwise later", and(verified, three, act(referral.Clip, "clip001", 1, inside)), []referral.Turn{on}},
		{"a rejected clip", and(verified, act(referral.Clip, "a", 0), act(referral.Clip, "b", 1), act(referral.Clip, "c", 2, rejected)), nil},
		{"at the end of the window", and(verified, three[:2], at(referral.Clip, "c", 30*day-1)), []referral.Turn{on}},
		{"after the window", and(verified, three[:2], at(referral.Clip, "c", 30*day)), nil},
		{"before the sign-up", and(verified, three[:2], at(referral.Clip, "c", -1)), nil},
		{"trust reduced", and(verified, trust(true, 1), three), nil},
		{"trust reduced and whole again", and(verified, trust(true, 1), three, trust(false, 2)), []referral.Turn{on}},
		{"told in the wrong order", and(verified, trust(false, 2), trust(true, 1), three), []referral.Turn{on}},
		{"both at once", and(verified, trust(false, 2), trust(true, 2), trust(false, 2), three), nil},
		{"trust reduced later", and(verified, three, trust(true, 9)), []referral.Turn{on}},
		{"a clip overturned", and(verified, three, act(referral.Clip, "clip001", 1, overturned)), []referral.Turn{on, off}},
		{"overturned before it counts", and(verified, act(referral.Clip, "clip001", 1, overturned), three), nil},
		{"overturned with one to spare", and(verified, acts(referral.Clip, 4, 4), act(referral.Clip, "clip001", 1, overturned)), []referral.Turn{on}},
		{"overturned, then another one", and(verified, three, act(referral.Clip, "clip001", 1, overturned), act(referral.Clip, "d", 5)), []referral.Turn{on, off, on}},
		{"overturned and approved on appeal", and(verified, three, act(referral.Clip, "clip001", 1, overturned), act(referral.Clip, "clip001", 1, func(a *referral.Act) { a.Verdict = 3 })), []referral.Turn{on, off, on}},
		{"of its days one is lost", and(verified, three, act(referral.Clip, "e", 0), act(referral.Clip, "clip002", 2, overturned)), []referral.Turn{on, off}},
		{"fraud", and(verified, three, referral.Fraud{}, acts(referral.Clip, 9, 9)), []referral.Turn{on, off}},
		{"fraud before", and(verified, referral.Fraud{}, three), nil},
	}
	for _, c := range cases {
		start := referral.DefaultPolicy().Start(t0)
		a, turns := fold(start, c.events)
		if !slices.Equal(turns, c.want) {
			t.Errorf("%s: %v, want %v\n%+v", c.name, turns, c.want, a)
		}
		_, twice := fold(start, and(doubled(c.events)))
		if !slices.Equal(twice, c.want) {
			t.Errorf("%s, everything told twice: %v, want %v", c.name, twice, c.want)
		}
		if _, again := fold(a, c.events); len(again) != 0 {
			t.Errorf("%s, all told again: %v", c.name, again)
		}
		rounds := int64(0)
		for _, turn := range turns {
			if turn == on {
				rounds++
			}
		}
		if a.Round != rounds || a.Active != (len(turns)%2 == 1) || a.ActivatedAt.IsZero() != (rounds == 0) {
			t.Errorf("%s: %+v", c.name, a)
		}
	}
}

func doubled(events []referral.Event) []referral.Event {
	twice := []referral.Event{}
	for _, e := range events {
		twice = append(twice, e, e)
	}
	return twice
}

func TestTermsAreThoseOfTheStart(t *testing.T) {
	p := referral.DefaultPolicy()
	p.ActivationClips, p.ActivationDays, p.OutsideVoters = 1, 1, 5
	a, turns := fold(p.Start(t0), and(verified, act(referral.Clip, "a", 0), act(referral.Clip, "b", 0, func(a *referral.Act) { a.Outside = 5 })))
	if len(turns) != 1 || a.Progress() != (referral.Progress{Terms: a.Terms, Verified: true, Clips: 1, Days: 1}) {
		t.Errorf("%v %+v", turns, a.Progress())
	}
}

func TestTheStateIsJSON(t *testing.T) {
	events := and(verified, acts(referral.Clip, 3, 3), referral.Trust{Reduced: true, At: t0}, act(referral.Clip, "clip001", 1, overturned))
	a := referral.DefaultPolicy().Start(t0)
	for _, e := range events {
		var turn referral.Turn
		stored, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		var b referral.Activation
		if err := json.Unmarshal(stored, &b); err != nil {
			t.Fatal(err)
		}
		want, wantTurn := a.Apply(e, t0)
		if a, turn = b.Apply(e, t0); turn != wantTurn || !reflect.DeepEqual(a, want) {
			t.Fatalf("stored and read: %+v, want %+v", a, want)
		}
	}
}

func TestApplyLeavesTheReceiver(t *testing.T) {
	a, _ := fold(referral.DefaultPolicy().Start(t0), and(verified, acts(referral.Clip, 3, 3)))
	before, _ := json.Marshal(a)
	a.Apply(act(referral.Clip, "clip000", 0, overturned), t0)
	a.Apply(act(referral.Clip, "a", 0), t0)
	if after, _ := json.Marshal(a); string(after) != string(before) {
		t.Errorf("%s\nbecame %s", before, after)
	}
}

// TestTheStateStaysSmall: ten thousand votes and clips of a month.
func TestTheStateStaysSmall(t *testing.T) {
	for name, events := range map[string][]referral.Event{
		"spread":    and(acts(referral.Vote, 10_000, 30), acts(referral.Clip, 10_000, 30)),
		"two days":  and(acts(referral.Vote, 10_000, 2), acts(referral.Clip, 10_000, 2)),
		"as rivals": and(acts(referral.Vote, 10_000, 1), acts(referral.Clip, 10_000, 30)),
	} {
		a, _ := fold(referral.DefaultPolicy().Start(t0), events)
		stored, err := json.Marshal(a)
		if err != nil || len(a.Acts) > 200 || len(stored) > 16_000 {
			t.Errorf("%s: %d acts in %d bytes, %v", name, len(a.Acts), len(stored), err)
		}
	}
}

// simply says again, from all that happened at once, whether somebody is active.
func simply(events []referral.Event) bool {
	latest, check := map[string]referral.Act{}, false
	for _, e := range events {
		switch e := e.(type) {
		case referral.Verified:
			check = true
		case referral.Act:
			if key := string(e.Kind) + e.ID; e.Verdict > latest[key].Verdict {
				latest[key] = e
			}
		}
	}
	clips, votes, onDays := 0, 0, map[string]bool{}
	for _, a := range latest {
		if !a.Stands || a.Outside < 2 || a.At.Before(t0) || a.At.Sub(t0) >= 30*day {
			continue
		}
		onDays[a.At.Format(time.DateOnly)] = true
		if a.Kind == referral.Clip {
			clips++
		} else {
			votes++
		}
	}
	return check && (clips >= 3 || votes >= 20) && len(onDays) >= 3
}

// randomEvents are events of which some are repeats and some overturn others.
func randomEvents(random *rand.Rand, overturn bool) []referral.Event {
	events := and()
	if random.IntN(8) > 0 {
		events = and(verified)
	}
	onDays := 1 + random.IntN(5)
	for _, most := range []struct {
		kind referral.ActKind
		n    int
	}{{referral.Clip, 6}, {referral.Vote, 38}} {
		for i := range random.IntN(most.n) {
			a := act(most.kind, fmt.Sprint(most.kind, i), random.IntN(onDays), func(a *referral.Act) {
				a.At = a.At.Add(time.Duration(random.IntN(24)) * time.Hour)
				a.Outside = 1 + int64(random.IntN(6))
			})
			events = append(events, a)
			if random.IntN(4) == 0 {
				events = append(events, a)
			}
			for overturn && random.IntN(5) == 0 {
				a.Verdict, a.Stands = a.Verdict+1, !a.Stands
				events = append(events, a)
			}
		}
	}
	return events
}

func TestTheOrderOfEventsDoesNotMatter(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	active := 0
	for range 4_000 {
		events := randomEvents(random, true)
		want := simply(events)
		for range 3 {
			random.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
			if a, _ := fold(referral.DefaultPolicy().Start(t0), events); a.Active != want {
				t.Fatalf("active %v, want %v\n%+v\n%+v", a.Active, want, events, a)
			}
		}
		if want {
			active++
		}
	}
	if active < 500 || active > 3_500 {
		t.Errorf("%d of 4,000 were active: that proves little", active)
	}
}

// TestWhatIsNotKeptIsNotMissed: where nothing is overturned, the acts that are
// left out of the state never decide.
func TestWhatIsNotKeptIsNotMissed(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 1_000 {
		events := randomEvents(random, false)
		over := 1 + random.IntN(12)
		for i := range random.IntN(150) {
			events = append(events, act(referral.Vote, fmt.Sprint("more", i), random.IntN(over)), act(referral.Clip, fmt.Sprint("more", i), random.IntN(over)))
		}
		random.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		if a, _ := fold(referral.DefaultPolicy().Start(t0), events); a.Active != simply(events) {
			t.Fatalf("active %v: %+v", a.Active, a.Progress())
		}
	}
}
