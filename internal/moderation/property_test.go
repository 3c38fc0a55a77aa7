package moderation_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/moderation"
)

// people are the actors by id.
var people = map[string]moderation.Actor{
	"mia": mia, "max": max, "ada": ada, "amos": amos, "olu": olu, "rita": rita, "pat": pat,
}

// book counts what happened on one path.
type book struct{ decisions, appeals, ends, hides, holders int }

// mayHave says again, apart from the code, who may have a case.
func mayHave(c kase, who string) bool {
	a := people[who]
	switch {
	case a.Role != moderation.Moderator && a.Role != moderation.Admin, a.Interested, who == c.Subject.Owner:
		return false
	case c.ForAdmins && a.Role != moderation.Admin:
		return false
	}
	return c.Appeal != moderation.AppealOpen || who != c.DecidedBy
}

// moved tells whether the event may take the case from whoever has it.
func moved(event moderation.Event, holder string) bool {
	by := moderation.Actor{}
	switch e := event.(type) {
	case moderation.HandOver:
		by = e.By
	case moderation.Release:
		by = e.By
	case moderation.Escalate:
		return e.By.ID == holder
	case moderation.Resolve:
		return e.By.ID == holder
	case moderation.DecideAppeal:
		return e.By.ID == holder
	case moderation.Settled:
		return true // nothing is left to decide
	}
	return by.ID != "" && (by.ID == holder || by.Role == moderation.Admin)
}

// follow applies the events that the bytes choose and checks what holds on every
// path. Two bytes choose an event and how far the clock goes.
func follow(t *testing.T, c kase, choices []byte) book {
	t.Helper()
	all, now, b, first := happenings(), t0, book{}, c
	for len(choices) >= 2 {
		h := all[(int(choices[0])+256*int(choices[1]>>3))%len(all)]
		steps := []time.Duration{0, 0, 0, time.Second, time.Minute, 11 * time.Minute, 25 * time.Hour, -time.Second}
		now = now.Add(steps[choices[1]%8])
		choices = choices[2:]
		event := h.make(c)
		if r, ok := event.(moderation.Resolve); ok && r.Decision.Action == moderation.Suspend {
			r.Decision.Until = now.Add(time.Hour)
			event = r
		}
		out, err := moderation.Step(c, event, moderation.DefaultPolicy(), now)
		if err != nil {
			if out.Case != c || len(out.Effects) > 0 {
				t.Errorf("%s: a conflict changed something", h.name)
			}
			continue
		}
		b.check(t, c, event, out, now)
		if out.ID != first.ID || out.Subject != first.Subject || out.Severity < c.Severity {
			t.Errorf("%s: the case became another one: %+v", h.name, out.Case)
		}
		if t.Failed() {
			t.Fatalf("%s at %s on %+v", h.name, now, c)
		}
		c = out.Case
	}
	return b
}

func (b *book) check(t *testing.T, c kase, event moderation.Event, out moderation.Outcome, now time.Time) {
	t.Helper()
	if (out.State == moderation.Claimed) != (out.Holder != "") || (out.Holder != "" && out.Assigned != "") {
		t.Errorf("%s held by %q, for %q", out.State, out.Holder, out.Assigned)
	}
	if out.Holder != "" && out.Holder != c.Holder {
		b.holders++
		if !mayHave(out.Case, out.Holder) {
			t.Errorf("%s has it", out.Holder)
		}
	}
	if out.Assigned != "" && out.Assigned != c.Assigned && !mayHave(out.Case, out.Assigned) {
		t.Errorf("it waits for %s", out.Assigned)
	}
	if c.State == moderation.Claimed && now.Before(c.Until) && out.Holder != c.Holder && !moved(event, c.Holder) {
		t.Errorf("%T took it from %s", event, c.Holder)
	}
	if out.Until.Sub(out.HeldSince) > 2*time.Hour && out.State == moderation.Claimed {
		t.Errorf("held from %s until %s", out.HeldSince, out.Until)
	}
	if c.ForAdmins && !out.ForAdmins {
		if _, appeal := event.(moderation.Reopen); !appeal {
			t.Errorf("%T took it from the admins", event)
		}
	}
	r, resolved := event.(moderation.Resolve)
	d, appealed := event.(moderation.DecideAppeal)
	e, settled := event.(moderation.Settled)
	switch {
	case settled:
		b.decisions++
		if e.By == "" || e.Others > 0 || out.State != moderation.Resolved {
			t.Errorf("settled as %+v", e)
		}
	case resolved:
		b.decisions++
		if c.Holder != r.By.ID || !now.Before(c.Until) || !mayHave(c, r.By.ID) {
			t.Errorf("decided by %s", r.By.ID)
		}
	case appealed:
		b.ends++
		if c.Holder != d.By.ID || !now.Before(c.Until) || !mayHave(c, d.By.ID) || d.By.ID == c.DecidedBy {
			t.Errorf("appeal decided by %s", d.By.ID)
		}
	case out.Decision != c.Decision || out.DecidedBy != c.DecidedBy || out.DecidedAt != c.DecidedAt:
		t.Errorf("%T changed the decision", event)
	}
	if !resolved && !appealed && !settled && out.State == moderation.Resolved {
		t.Errorf("%T closed it", event)
	}
	if _, ok := event.(moderation.Reopen); ok {
		b.appeals++
	}
	for _, e := range out.Effects {
		if e.Kind == moderation.HideSubject && !resolved {
			b.hides++
			if out.State == moderation.Resolved || !out.Hidden {
				t.Errorf("hidden and nobody looks")
			}
		}
		if !resolved && !appealed && e.Kind != moderation.HideSubject && e.Kind != moderation.Notify && (!settled || e.Kind != moderation.JudgeReports) {
			t.Errorf("%T brought %s", event, e)
		}
	}
	if b.decisions > 1 || b.appeals > 1 || b.ends > 1 || b.hides > 1 {
		t.Errorf("twice: %+v", *b)
	}
}

// starts are the cases that are as a real one is.
func starts() []kase {
	var all []kase
	for _, c := range cases {
		if c.name != "appealed, claimed by mia" { // the one that cannot come about
			all = append(all, c.kase)
		}
	}
	return all
}

func TestRandomPaths(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	total, all := book{}, starts()
	for range 30_000 {
		choices := make([]byte, 2*(1+random.IntN(60)))
		for i := range choices {
			choices[i] = byte(random.Uint32())
		}
		b := follow(t, all[random.IntN(len(all))], choices)
		total.decisions, total.appeals, total.ends = total.decisions+b.decisions, total.appeals+b.appeals, total.ends+b.ends
		total.hides, total.holders = total.hides+b.hides, total.holders+b.holders
	}
	if total.decisions < 1_000 || total.appeals < 1_000 || total.ends < 100 || total.hides < 1_000 || total.holders < 10_000 {
		t.Errorf("the paths prove little: %+v", total)
	}
}

func FuzzStep(f *testing.F) {
	for i := range starts() {
		f.Add(byte(i), []byte{0, 0, 14, 1, 25, 2})
	}
	f.Fuzz(func(t *testing.T, start byte, choices []byte) {
		all := starts()
		follow(t, all[int(start)%len(all)], choices[:min(len(choices), 200)])
	})
}

// world is what effects act on.
type world struct {
	hidden, stripped bool
	verdict          string
	owner            moderation.Person
}

func (w world) facts() moderation.Facts {
	return moderation.Facts{Owner: w.owner, Hidden: w.hidden, Verdict: w.verdict}
}

func (w *world) apply(effects []moderation.Effect, id string) {
	for _, e := range effects {
		switch e.Kind {
		case moderation.HideSubject:
			w.hidden = true
		case moderation.UnhideSubject:
			w.hidden = false
		case moderation.Overrule:
			w.verdict = e.Verdict
		case moderation.TakeRewards:
			w.stripped = true
		case moderation.RestoreRewards:
			w.stripped = false
		case moderation.AddStrike:
			w.owner.Strikes = append(slices.Clone(w.owner.Strikes), e.Strike)
		case moderation.UndoStrike:
			w.owner.Strikes = slices.DeleteFunc(slices.Clone(w.owner.Strikes), func(s moderation.Strike) bool { return s.Case == id })
		case moderation.SetStanding:
			w.owner.Standing, w.owner.Until = e.Standing, e.At
		default: // nothing in this world
		}
	}
}

// TestOverturningGivesEverythingBack: whatever a decision did, against whatever
// was held before, the appeal undoes exactly that.
func TestOverturningGivesEverythingBack(t *testing.T) {
	p := moderation.DefaultPolicy()
	earlier := moderation.Strike{Case: "earlier", Points: 2, At: t0.Add(-time.Hour), Expires: t0.Add(80 * 24 * time.Hour)}
	tried := 0
	for _, subject := range moderation.SubjectTypes() {
		for _, action := range moderation.Actions() {
			for _, before := range [][]moderation.Strike{nil, {earlier}, {earlier, earlier}} {
				for _, hid := range []bool{false, true} {
					if !action.Adverse() || !action.Fits(subject) || hid && !subject.Hideable() {
						continue
					}
					tried++
					now := t0.Add(time.Minute)
					c := base(moderation.Claimed, heldBy("ada"), about(subject))
					w := world{verdict: moderation.Approved, hidden: hid, owner: moderation.Person{Strikes: before}}
					c.Hidden = hid
					s := moderation.Ladder(p, before, now)
					w.owner.Standing, w.owner.Until = s.Standing, s.Until
					want := w
					want.hidden = false // reports hid it, and they were wrong

					for _, event := range []func() moderation.Event{
						func() moderation.Event {
							return moderation.Resolve{By: ada, Decision: decision(action), Facts: w.facts()}
						},
						func() moderation.Event { return moderation.Reopen{By: "olu", Text: "no"} },
						func() moderation.Event { return moderation.Claim{By: amos} },
						func() moderation.Event {
							return moderation.DecideAppeal{By: amos, Overturn: true, Note: "why", Facts: w.facts()}
						},
					} {
						e := event()
						out, err := moderation.Step(c, e, p, now)
						if err != nil {
							t.Fatalf("%s of a %s: %v", action, subject, err)
						}
						c = out.Case
						w.apply(out.Effects, c.ID)
						if _, first := e.(moderation.Resolve); first && action != moderation.EndStream && w.same(want) {
							t.Errorf("%s of a %s did nothing", action, subject)
						}
					}
					if !w.same(want) {
						t.Errorf("%s of a %s: %+v, want %+v", action, subject, w, want)
					}
				}
			}
		}
	}
	if tried < 80 {
		t.Errorf("only %d decisions", tried)
	}
}

func (w world) same(other world) bool {
	return w.hidden == other.hidden && w.stripped == other.stripped && w.verdict == other.verdict &&
		w.owner.Standing == other.owner.Standing && w.owner.Until.Equal(other.owner.Until) && slices.Equal(w.owner.Strikes, other.owner.Strikes)
}
