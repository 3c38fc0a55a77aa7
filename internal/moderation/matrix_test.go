package moderation_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/moderation"
)

var update = flag.Bool("update", false, "write the golden files anew")

var t0 = time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC) // the first report

// The people. olu owns the subject, rita has reported it; both are moderators.
var (
	mia    = moderation.Actor{ID: "mia", Role: moderation.Moderator}
	max    = moderation.Actor{ID: "max", Role: moderation.Moderator}
	ada    = moderation.Actor{ID: "ada", Role: moderation.Admin}
	amos   = moderation.Actor{ID: "amos", Role: moderation.Admin}
	olu    = moderation.Actor{ID: "olu", Role: moderation.Moderator}
	rita   = moderation.Actor{ID: "rita", Role: moderation.Moderator, Interested: true}
	pat    = moderation.Actor{ID: "pat"}
	nobody = moderation.Actor{Role: moderation.Admin}
)

type kase = moderation.Case

// base is a case about a clip of olu.
func base(state moderation.State, change ...func(*kase)) kase {
	c := kase{ID: "case", Subject: moderation.Subject{Type: moderation.Clip, ID: "clip", Owner: "olu"}, State: state}
	if state != moderation.New {
		c.Severity, c.WeightBps, c.Reports = moderation.Medium, 5_000, 1
		c.FirstAt, c.LastAt, c.DueAt = t0, t0, t0.Add(48*time.Hour)
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

func heldBy(who string) func(*kase) {
	return func(c *kase) { c.Holder, c.HeldSince, c.Until = who, t0, t0.Add(10*time.Minute) }
}

func forAdmins(c *kase) { c.ForAdmins = true }
func hidden(c *kase)    { c.Hidden, c.Severity = true, moderation.High }
func appealed(c *kase)  { c.Appeal = moderation.AppealOpen }
func assigned(c *kase)  { c.Assigned, c.Until = "max", t0.Add(24*time.Hour) }

func decided(by string, a moderation.Action, r moderation.Reason) func(*kase) {
	return func(c *kase) {
		c.Decision = moderation.Decision{Action: a, Reason: r, Note: "why"}
		c.DecidedBy, c.DecidedAt, c.AdminDecision = by, t0, by == "ada"
	}
}

func about(t moderation.SubjectType) func(*kase) {
	return func(c *kase) {
		c.Subject = moderation.Subject{Type: t, ID: string(t), Owner: "olu"}
		if t == moderation.User {
			c.Subject.ID = "olu"
		}
	}
}

func ended(state moderation.AppealState) func(*kase) {
	return func(c *kase) { c.Appeal, c.AppealBy, c.AppealAt = state, "max", t0 }
}

// cases are in every state, with what tells cases of a state apart.
var cases = []struct {
	name string
	kase
}{
	{"new", base(moderation.New)},
	{"open", base(moderation.Opened)},
	{"open, hidden", base(moderation.Opened, hidden)},
	{"open, dismissed before", base(moderation.Opened, func(c *kase) { c.Dismissed = 1 })},
	{"claimed by mia", base(moderation.Claimed, heldBy("mia"))},
	{"claimed by mia, hidden", base(moderation.Claimed, heldBy("mia"), hidden)},
	{"claimed by mia, long ago", base(moderation.Claimed, func(c *kase) {
		c.Holder, c.HeldSince, c.Until = "mia", t0.Add(-110*time.Minute), t0.Add(10*time.Minute)
	})},
	{"claimed by ada", base(moderation.Claimed, heldBy("ada"), forAdmins)},
	{"user, claimed by mia", base(moderation.Claimed, heldBy("mia"), about(moderation.User))},
	{"user, claimed by ada", base(moderation.Claimed, heldBy("ada"), about(moderation.User))},
	{"stream, claimed by mia", base(moderation.Claimed, heldBy("mia"), about(moderation.Stream))},
	{"message, claimed by mia", base(moderation.Claimed, heldBy("mia"), about(moderation.Message))},
	{"escalated to max", base(moderation.Escalated, assigned)},
	{"escalated to admins", base(moderation.Escalated, forAdmins)},
	{"dismissed by mia", base(moderation.Resolved, decided("mia", moderation.Dismiss, ""))},
	{"hidden by mia", base(moderation.Resolved, decided("mia", moderation.Hide, moderation.Hate))},
	{"banned by ada", base(moderation.Resolved, decided("ada", moderation.Ban, moderation.Hate))},
	{"appealed", base(moderation.Opened, appealed, decided("mia", moderation.Hide, moderation.Hate))},
	{"appealed, claimed by max", base(moderation.Claimed, appealed, heldBy("max"), decided("mia", moderation.RejectClip, moderation.Hate))},
	{"appealed, claimed by mia", base(moderation.Claimed, appealed, heldBy("mia"), decided("mia", moderation.Hide, moderation.Hate))},
	{"appealed, claimed by amos", base(moderation.Claimed, appealed, forAdmins, heldBy("amos"), decided("ada", moderation.Ban, moderation.Hate))},
	{"appealed, for admins", base(moderation.Escalated, appealed, forAdmins, decided("ada", moderation.Ban, moderation.Hate))},
	{"upheld", base(moderation.Resolved, decided("mia", moderation.Hide, moderation.Hate), ended(moderation.Upheld))},
	{"overturned", base(moderation.Resolved, decided("mia", moderation.Hide, moderation.Hate), ended(moderation.Overturned))},
}

// happening is an event at a time after t0.
type happening struct {
	name  string
	after time.Duration
	make  func(kase) moderation.Event
}

func always(e moderation.Event) func(kase) moderation.Event {
	return func(kase) moderation.Event { return e }
}

// proven are reports by so many people who were right before.
func proven(n int, reason moderation.Reason) moderation.Tally {
	var reports []moderation.Report
	for i := range n {
		reports = append(reports, moderation.Report{Reporter: fmt.Sprint("r", i), Reason: reason, WeightBps: 8_000, Reliable: true, At: t0.Add(time.Minute)})
	}
	return moderation.DefaultPolicy().Count(reports)
}

// strikeOf is what the decision of a case has given its owner.
func strikeOf(c kase) []moderation.Strike {
	if !c.Decision.Action.Adverse() {
		return nil
	}
	s := moderation.Strike{Case: c.ID, Points: 2, At: c.DecidedAt, Expires: c.DecidedAt.Add(180 * 24 * time.Hour)}
	if c.Decision.Action == moderation.Ban {
		s.Sanction = moderation.Banned
	}
	return []moderation.Strike{s}
}

// facts are what is usually so: a clip in force, an owner as the strikes say.
func facts(c kase) moderation.Facts {
	f := moderation.Facts{Hidden: c.Hidden || c.Decision.Action == moderation.Hide, Verdict: moderation.Approved}
	if c.Decision.Action == moderation.RejectClip {
		f.Verdict = moderation.Rejected
	}
	f.Owner.Strikes = strikeOf(c)
	f.Owner.Standing = moderation.Ladder(moderation.DefaultPolicy(), f.Owner.Strikes, t0.Add(time.Minute)).Standing
	return f
}

func decision(a moderation.Action) moderation.Decision {
	d := moderation.Decision{Action: a}
	if a.Adverse() {
		d.Reason = moderation.Hate
	}
	if a.NeedsNote() {
		d.Note = "why"
	}
	if a == moderation.Suspend {
		d.Until = t0.Add(7 * 24 * time.Hour)
	}
	return d
}

func resolve(by moderation.Actor, a moderation.Action) func(kase) moderation.Event {
	return func(c kase) moderation.Event {
		f := facts(c)
		if a == moderation.Unban {
			f.Owner.Standing = moderation.Banned
		}
		if a == moderation.Unhide {
			f.Hidden = true
		}
		return moderation.Resolve{By: by, Decision: decision(a), Facts: f}
	}
}

var actors = []struct {
	name string
	moderation.Actor
}{
	{"mia", mia}, {"max", max}, {"ada, admin", ada}, {"amos, admin", amos}, {"olu, owner", olu}, {"rita, reporter", rita}, {"pat, user", pat}, {"nobody", nobody},
}

// happenings are all events, by all actors, with what makes a difference.
func happenings() []happening {
	const soon, later, late = 2 * time.Minute, 30 * time.Minute, 25 * time.Hour
	all := []happening{
		{"report", soon, always(moderation.Filed{Tally: proven(1, moderation.Spam)})},
		{"three proven reports", soon, always(moderation.Filed{Tally: proven(3, moderation.Hate)})},
		{"six proven reports", soon, always(moderation.Filed{Tally: proven(6, moderation.Hate)})},
		{"report of nothing", soon, always(moderation.Filed{})},
		{"auto-hide, two reports", soon, always(moderation.AutoHide{Tally: proven(2, moderation.Hate)})},
		{"auto-hide, three reports", soon, always(moderation.AutoHide{Tally: proven(3, moderation.Hate)})},
		{"lease expired, early", soon, always(moderation.LeaseExpired{})},
		{"lease expired", later, always(moderation.LeaseExpired{})},
		{"lease expired, a day later", late, always(moderation.LeaseExpired{})},
		{"experts approve", soon, always(moderation.Settled{By: "eve", Verdict: moderation.Approved})},
		{"experts reject", soon, always(moderation.Settled{By: "eve", Verdict: moderation.Rejected})},
		{"experts approve what people reported", soon, always(moderation.Settled{By: "eve", Verdict: moderation.Approved, Others: 1})},
		{"nothing is left for experts", soon, always(moderation.Settled{By: "system"})},
		{"experts who are nobody", soon, always(moderation.Settled{Verdict: moderation.Approved})},
		{"appeal by the owner", soon, always(moderation.Reopen{By: "olu", Text: "no"})},
		{"appeal by the owner, late", 20 * 24 * time.Hour, always(moderation.Reopen{By: "olu", Text: "no"})},
		{"appeal without a word", soon, always(moderation.Reopen{By: "olu", Text: " "})},
		{"appeal by another", soon, always(moderation.Reopen{By: "pat", Text: "no"})},
		{"appeal by nobody", soon, always(moderation.Reopen{Text: "no"})},
	}
	for _, by := range actors {
		a := by.Actor
		all = append(all,
			happening{"open by " + by.name, soon, always(moderation.Open{By: a, Reason: moderation.Spam})},
			happening{"claim by " + by.name, soon, always(moderation.Claim{By: a})},
			happening{"claim by " + by.name + ", half an hour later", later, always(moderation.Claim{By: a})},
			happening{"renew by " + by.name, soon, always(moderation.Renew{By: a})},
			happening{"release by " + by.name, soon, always(moderation.Release{By: a})},
			happening{"hand over by " + by.name + " to max", soon, always(moderation.HandOver{By: a, To: max})},
			happening{"escalate by " + by.name, soon, always(moderation.Escalate{By: a})},
			happening{"escalate by " + by.name + " to max", soon, always(moderation.Escalate{By: a, To: max})},
			happening{"dismiss by " + by.name, soon, resolve(a, moderation.Dismiss)},
			happening{"dismiss by " + by.name + ", half an hour later", later, resolve(a, moderation.Dismiss)},
			happening{"uphold by " + by.name, soon, func(c kase) moderation.Event { return moderation.DecideAppeal{By: a, Note: "why", Facts: facts(c)} }},
			happening{"overturn by " + by.name, soon, func(c kase) moderation.Event {
				return moderation.DecideAppeal{By: a, Overturn: true, Note: "why", Facts: facts(c)}
			}})
	}
	for _, action := range moderation.Actions() {
		all = append(all, happening{string(action) + " by mia", soon, resolve(mia, action)}, happening{string(action) + " by ada", soon, resolve(ada, action)})
	}
	return append(all,
		happening{"claim by max, who holds five", soon, always(moderation.Claim{By: max, Holds: 5})},
		happening{"hand over by mia to rita, reporter", soon, always(moderation.HandOver{By: mia, To: rita})},
		happening{"hand over by mia to olu, owner", soon, always(moderation.HandOver{By: mia, To: olu})},
		happening{"hand over by mia to herself", soon, always(moderation.HandOver{By: mia, To: mia})},
		happening{"hand over by max to mia", soon, always(moderation.HandOver{By: max, To: mia})},
		happening{"escalate by mia to pat, user", soon, always(moderation.Escalate{By: mia, To: pat})},
		happening{"uphold by max without a word", soon, func(c kase) moderation.Event { return moderation.DecideAppeal{By: max, Facts: facts(c)} }})
}

func (h happening) to(c kase) (moderation.Outcome, error) {
	return moderation.Step(c, h.make(c), moderation.DefaultPolicy(), t0.Add(h.after))
}

func whyOf(err error) moderation.Why {
	var conflict *moderation.Conflict
	if errors.As(err, &conflict) {
		return conflict.Why
	}
	return ""
}

// TestMatrix compares every pair with a line of testdata/matrix.txt, that people
// read and change with -update.
func TestMatrix(t *testing.T) {
	var got bytes.Buffer
	for _, c := range cases {
		fmt.Fprintf(&got, "# %s\n", c.name)
		for _, h := range happenings() {
			out, err := h.to(c.kase)
			if why := whyOf(err); why != "" {
				fmt.Fprintf(&got, "%s | %s | conflict: %s\n", c.name, h.name, why)
				if !reflect.DeepEqual(out, moderation.Outcome{Case: c.kase}) {
					t.Errorf("%s, %s: a conflict changed %+v", c.name, h.name, out)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%s, %s: %v", c.name, h.name, err)
			}
			fmt.Fprintln(&got, strings.TrimRight(fmt.Sprintf("%s | %s | %s | %s", c.name, h.name, where(out.Case), list(out.Effects)), " |"))
		}
	}
	const path = "testdata/matrix.txt"
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := strings.Split(got.String(), "\n"), strings.Split(string(want), "\n")
	for i, line := range gotLines {
		if i >= len(wantLines) || line != wantLines[i] {
			t.Errorf("line %d is not that of the matrix:\n got %s", i+1, line)
		}
	}
	if len(gotLines) != len(wantLines) {
		t.Errorf("%d lines, want %d", len(gotLines), len(wantLines))
	}
}

// where is the state with who has the case.
func where(c kase) string {
	says := string(c.State)
	if c.Holder != "" {
		says += " by " + c.Holder
	}
	if c.Assigned != "" {
		says += " to " + c.Assigned
	}
	if !c.Until.IsZero() {
		says += fmt.Sprintf(" for %s", c.Until.Sub(t0))
	}
	if c.ForAdmins {
		says += ", for admins"
	}
	if c.Appeal != moderation.NoAppeal {
		says += ", appeal " + string(c.Appeal)
	}
	return says
}

func list(effects []moderation.Effect) string {
	says := make([]string, len(effects))
	for i, e := range effects {
		says[i] = e.String()
	}
	return strings.Join(says, ", ")
}

// TestTransitions holds the whole matrix against the state diagram.
func TestTransitions(t *testing.T) {
	want := []string{
		" -> open", " -> claimed",
		"open -> claimed", "open -> escalated", "open -> resolved", "escalated -> resolved", // by experts
		"claimed -> open", "claimed -> escalated", "claimed -> resolved",
		"escalated -> claimed", "escalated -> open",
		"resolved -> open", "resolved -> escalated",
	}
	got, reached := map[string]bool{}, map[moderation.State]bool{}
	for _, c := range cases {
		reached[c.State] = true
		for _, h := range happenings() {
			if out, err := h.to(c.kase); err == nil && out.State != c.State {
				got[fmt.Sprintf("%s -> %s", c.State, out.State)] = true
			}
		}
	}
	for _, transition := range want {
		if !got[transition] {
			t.Errorf("%s does not happen", transition)
		}
		delete(got, transition)
	}
	for transition := range got {
		t.Errorf("%s is not in the diagram", transition)
	}
	for _, state := range moderation.States() {
		if !reached[state] {
			t.Errorf("the matrix misses %q", state)
		}
	}
}
