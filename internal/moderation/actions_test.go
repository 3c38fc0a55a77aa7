package moderation_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/moderation"
)

func TestActionsFitSubjects(t *testing.T) {
	want := map[moderation.SubjectType]string{
		moderation.Clip:    "dismiss warn hide unhide reject_clip approve_clip strip_rewards suspend ban",
		moderation.User:    "dismiss warn strip_rewards suspend ban unban",
		moderation.Stream:  "dismiss warn hide unhide suspend ban end_stream",
		moderation.Message: "dismiss warn hide unhide suspend ban",
		"country":          "",
	}
	for subject, actions := range want {
		var got []string
		for _, a := range append(moderation.Actions(), "nonsense", "") {
			if a.Fits(subject) {
				got = append(got, string(a))
			}
		}
		if strings.Join(got, " ") != actions {
			t.Errorf("%s: %v", subject, got)
		}
	}
}

func TestMay(t *testing.T) {
	p := moderation.DefaultPolicy()
	about := func(owner moderation.Role) string {
		var may []string
		for _, a := range moderation.Actions() {
			if !p.May(moderation.Admin, a, owner) || p.May(moderation.NoRole, a, owner) {
				t.Errorf("%s about %q: an admin may not, or anybody may", a, owner)
			}
			if p.May(moderation.Moderator, a, owner) {
				may = append(may, string(a))
			}
		}
		return strings.Join(may, " ")
	}
	people, staff := "dismiss warn hide unhide reject_clip approve_clip suspend ban end_stream", "dismiss hide unhide reject_clip approve_clip end_stream"
	if got := about(moderation.NoRole); got != people {
		t.Errorf("about people: %s", got)
	}
	if got := about(moderation.Moderator); got != staff || about(moderation.Admin) != staff {
		t.Errorf("about moderators: %s", got)
	}
	p.StripByModerators = true
	if !p.May(moderation.Moderator, moderation.StripRewards, moderation.NoRole) || p.May(moderation.Moderator, moderation.StripRewards, moderation.Moderator) {
		t.Error("the policy does not say who takes rewards back")
	}
}

func TestParse(t *testing.T) {
	for _, a := range moderation.Actions() {
		if got, err := moderation.ParseAction(string(a)); got != a || err != nil {
			t.Errorf("%s: %q, %v", a, got, err)
		}
	}
	for _, r := range moderation.Reasons() {
		if got, err := moderation.ParseReason(string(r)); got != r || err != nil {
			t.Errorf("%s: %q, %v", r, got, err)
		}
	}
	for _, s := range moderation.SubjectTypes() {
		if got, err := moderation.ParseSubjectType(string(s)); got != s || err != nil {
			t.Errorf("%s: %q, %v", s, got, err)
		}
	}
	for _, text := range []string{"", "Spam", "ban ", "nonsense"} {
		_, action := moderation.ParseAction(text)
		_, reason := moderation.ParseReason(text)
		_, subject := moderation.ParseSubjectType(text)
		if action == nil || reason == nil || subject == nil {
			t.Errorf("%q is read", text)
		}
	}
}

// TestDecisions changes one thing of a decision that is fine.
func TestDecisions(t *testing.T) {
	now := t0.Add(time.Minute)
	cases := []struct {
		name    string
		subject moderation.SubjectType
		by      moderation.Actor
		action  moderation.Action
		change  func(*moderation.Decision, *moderation.Facts)
		want    moderation.Why
	}{
		{"for no reason", moderation.Clip, mia, moderation.Hide, func(d *moderation.Decision, _ *moderation.Facts) { d.Reason = "" }, moderation.NoReason},
		{"for no reason there is", moderation.Clip, mia, moderation.Hide, func(d *moderation.Decision, _ *moderation.Facts) { d.Reason = "nonsense" }, moderation.DoesNotFit},
		{"for a reason of other subjects", moderation.Message, mia, moderation.Hide, func(d *moderation.Decision, _ *moderation.Facts) { d.Reason = moderation.Copyright }, moderation.DoesNotFit},
		{"a matter of the work", moderation.Clip, mia, moderation.RejectClip, func(d *moderation.Decision, _ *moderation.Facts) { d.Reason = moderation.UnclearAudio }, ""},
		{"a matter of the work as one of conduct", moderation.Clip, mia, moderation.Warn, func(d *moderation.Decision, _ *moderation.Facts) { d.Reason = moderation.UnclearAudio }, moderation.DoesNotFit},
		{"dismissed for a reason", moderation.Clip, mia, moderation.Dismiss, func(d *moderation.Decision, _ *moderation.Facts) { d.Reason = moderation.Spam }, moderation.DoesNotFit},
		{"dismissed in good faith", moderation.Clip, mia, moderation.Dismiss, func(d *moderation.Decision, _ *moderation.Facts) { d.GoodFaith = true }, ""},
		{"banned in good faith", moderation.Clip, mia, moderation.Ban, func(d *moderation.Decision, _ *moderation.Facts) { d.GoodFaith = true }, moderation.BadRequest},
		{"banned silently", moderation.Clip, mia, moderation.Ban, func(d *moderation.Decision, _ *moderation.Facts) { d.Note = " " }, moderation.NoText},
		{"suspended silently", moderation.Clip, mia, moderation.Suspend, func(d *moderation.Decision, _ *moderation.Facts) { d.Note = "" }, moderation.NoText},
		{"stripped silently", moderation.Clip, ada, moderation.StripRewards, func(d *moderation.Decision, _ *moderation.Facts) { d.Note = "" }, moderation.NoText},
		{"at length", moderation.Clip, mia, moderation.Ban, func(d *moderation.Decision, _ *moderation.Facts) { d.Note = strings.Repeat("x", 1_001) }, moderation.LongText},
		{"hidden until", moderation.Clip, mia, moderation.Hide, func(d *moderation.Decision, _ *moderation.Facts) { d.Until = now.Add(day) }, moderation.BadRequest},
		{"suspended for nothing", moderation.Clip, mia, moderation.Suspend, func(d *moderation.Decision, _ *moderation.Facts) { d.Until = now }, moderation.BadTime},
		{"suspended without end", moderation.Clip, mia, moderation.Suspend, func(d *moderation.Decision, _ *moderation.Facts) { d.Until = time.Time{} }, moderation.BadTime},
		{"suspended for 30 days", moderation.Clip, mia, moderation.Suspend, func(d *moderation.Decision, _ *moderation.Facts) { d.Until = now.Add(30 * day) }, ""},
		{"suspended for longer", moderation.Clip, mia, moderation.Suspend, func(d *moderation.Decision, _ *moderation.Facts) { d.Until = now.Add(30*day + 1) }, moderation.BadTime},
		{"suspended for longer by an admin", moderation.Clip, ada, moderation.Suspend, func(d *moderation.Decision, _ *moderation.Facts) { d.Until = now.Add(365 * day) }, ""},
		{"suspended for longer than anybody is", moderation.Clip, ada, moderation.Suspend, func(d *moderation.Decision, _ *moderation.Facts) { d.Until = now.Add(365*day + 1) }, moderation.BadTime},

		{"hidden already", moderation.Clip, mia, moderation.Hide, func(_ *moderation.Decision, f *moderation.Facts) { f.Hidden = true }, moderation.NothingToDo},
		{"seen already", moderation.Clip, mia, moderation.Unhide, func(_ *moderation.Decision, f *moderation.Facts) { f.Hidden = false }, moderation.NothingToDo},
		{"rejected already", moderation.Clip, mia, moderation.RejectClip, func(_ *moderation.Decision, f *moderation.Facts) { f.Verdict = moderation.Rejected }, moderation.NothingToDo},
		{"rejected before a verdict", moderation.Clip, mia, moderation.RejectClip, func(_ *moderation.Decision, f *moderation.Facts) { f.Verdict = "pending" }, ""},
		{"approved already", moderation.Clip, mia, moderation.ApproveClip, func(*moderation.Decision, *moderation.Facts) {}, moderation.NothingToDo},
		{"approved", moderation.Clip, mia, moderation.ApproveClip, func(_ *moderation.Decision, f *moderation.Facts) { f.Verdict = moderation.Rejected }, ""},
		{"banned already", moderation.User, mia, moderation.Ban, func(_ *moderation.Decision, f *moderation.Facts) { f.Owner.Standing = moderation.Banned }, moderation.NothingToDo},
		{"banned and suspended", moderation.User, mia, moderation.Suspend, func(_ *moderation.Decision, f *moderation.Facts) { f.Owner.Standing = moderation.Banned }, moderation.NothingToDo},
		{"unbanned and free", moderation.User, ada, moderation.Unban, func(*moderation.Decision, *moderation.Facts) {}, moderation.NothingToDo},
		{"unbanned and warned", moderation.User, ada, moderation.Unban, func(_ *moderation.Decision, f *moderation.Facts) { f.Owner.Standing = moderation.Warned }, moderation.NothingToDo},
		{"unbanned and suspended", moderation.User, ada, moderation.Unban, func(_ *moderation.Decision, f *moderation.Facts) { f.Owner.Standing = moderation.Suspended }, ""},
		{"the clip is gone", moderation.Clip, mia, moderation.RejectClip, func(_ *moderation.Decision, f *moderation.Facts) { f.Gone = true }, moderation.Gone},
		{"the message is gone", moderation.Message, mia, moderation.Hide, func(_ *moderation.Decision, f *moderation.Facts) { f.Gone = true }, moderation.Gone},
		{"the stream is over", moderation.Stream, mia, moderation.EndStream, func(_ *moderation.Decision, f *moderation.Facts) { f.Gone = true }, moderation.Gone},
		{"the stream is over, its owner is not", moderation.Stream, mia, moderation.Ban, func(_ *moderation.Decision, f *moderation.Facts) { f.Gone = true }, ""},
		{"warned moderator", moderation.Clip, mia, moderation.Warn, func(_ *moderation.Decision, f *moderation.Facts) { f.Owner.Role = moderation.Moderator }, moderation.AdminOnly},
		{"banned moderator", moderation.Clip, mia, moderation.Ban, func(_ *moderation.Decision, f *moderation.Facts) { f.Owner.Role = moderation.Moderator }, moderation.AdminOnly},
		{"banned moderator, by an admin", moderation.Clip, ada, moderation.Ban, func(_ *moderation.Decision, f *moderation.Facts) { f.Owner.Role = moderation.Moderator }, ""},
		{"hidden of a moderator", moderation.Clip, mia, moderation.Hide, func(_ *moderation.Decision, f *moderation.Facts) { f.Owner.Role = moderation.Moderator }, ""},
		{"hidden of a moderator, who falls by it", moderation.Clip, mia, moderation.Hide, func(d *moderation.Decision, f *moderation.Facts) {
			f.Owner.Role, d.Reason = moderation.Moderator, moderation.ChildSafety
		}, moderation.AdminOnly},
		{"hidden of a moderator, who falls by an admin", moderation.Clip, ada, moderation.Hide, func(d *moderation.Decision, f *moderation.Facts) {
			f.Owner.Role, d.Reason = moderation.Moderator, moderation.ChildSafety
		}, ""},
	}
	for _, c := range cases {
		d, f := decision(c.action), moderation.Facts{Verdict: moderation.Approved, Owner: moderation.Person{Standing: moderation.Good}}
		c.change(&d, &f)
		_, err := moderation.Step(base(moderation.Claimed, heldBy(c.by.ID), about(c.subject)), moderation.Resolve{By: c.by, Decision: d, Facts: f}, moderation.DefaultPolicy(), now)
		if got := whyOf(err); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	for _, action := range moderation.Actions() {
		c := base(moderation.Claimed, heldBy("ada"), func(c *kase) { c.Subject.Owner = "" })
		_, err := moderation.Step(c, moderation.Resolve{By: ada, Decision: decision(action), Facts: moderation.Facts{Hidden: action == moderation.Unhide}}, moderation.DefaultPolicy(), now)
		onOwner := action == moderation.Warn || action == moderation.StripRewards || action == moderation.Suspend || action == moderation.Ban
		if got := whyOf(err); onOwner != (got == moderation.Gone) {
			t.Errorf("%s of nobody: %q", action, got)
		}
	}
}

// TestAppealsOfAdminsDecisions: what any moderator could decide any other may look
// at again, whoever decided; what takes an admin takes another one.
func TestAppealsOfAdminsDecisions(t *testing.T) {
	cases := []struct {
		name     string
		action   moderation.Action
		change   func(*kase, *moderation.Decision, *moderation.Facts)
		forAdmin bool
	}{
		{"hidden", moderation.Hide, func(*kase, *moderation.Decision, *moderation.Facts) {}, false},
		{"banned", moderation.Ban, func(*kase, *moderation.Decision, *moderation.Facts) {}, false},
		{"escalated", moderation.Hide, func(c *kase, _ *moderation.Decision, _ *moderation.Facts) { c.ForAdmins = true }, true},
		{"stripped", moderation.StripRewards, func(*kase, *moderation.Decision, *moderation.Facts) {}, true},
		{"banned moderator", moderation.Ban, func(_ *kase, _ *moderation.Decision, f *moderation.Facts) { f.Owner.Role = moderation.Moderator }, true},
		{"moderator who falls by the ladder", moderation.Hide, func(_ *kase, d *moderation.Decision, f *moderation.Facts) {
			f.Owner.Role, d.Reason = moderation.Moderator, moderation.ChildSafety
		}, true},
		{"suspended for long", moderation.Suspend, func(_ *kase, d *moderation.Decision, _ *moderation.Facts) { d.Until = t0.Add(60 * day) }, true},
	}
	for _, c := range cases {
		k, d, f := base(moderation.Claimed, heldBy("ada")), decision(c.action), moderation.Facts{}
		c.change(&k, &d, &f)
		for _, e := range []moderation.Event{moderation.Resolve{By: ada, Decision: d, Facts: f}, moderation.Reopen{By: "olu", Text: "no"}} {
			out, err := moderation.Step(k, e, moderation.DefaultPolicy(), t0)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			k = out.Case
		}
		if !k.DueAt.Equal(t0.Add(72 * time.Hour)) {
			t.Errorf("%s: the appeal is due %s", c.name, k.DueAt)
		}
		_, err := moderation.Step(k, moderation.Claim{By: max}, moderation.DefaultPolicy(), t0)
		if got := whyOf(err); c.forAdmin != (got == moderation.AdminOnly) {
			t.Errorf("%s: a moderator who takes the appeal is told %q", c.name, got)
		}
		if _, err := moderation.Step(k, moderation.Claim{By: ada}, moderation.DefaultPolicy(), t0); whyOf(err) != moderation.FirstDecider {
			t.Errorf("%s: who decided first takes the appeal: %v", c.name, err)
		}
	}
}

// TestWhatOthersDidStays: a decision and its undoing leave alone what was set
// without it.
func TestWhatOthersDidStays(t *testing.T) {
	p, now := moderation.DefaultPolicy(), t0.Add(time.Minute)
	own := moderation.Strike{Case: "case", Points: 2, At: t0, Expires: t0.Add(90 * day), Sanction: moderation.Banned}
	other := moderation.Strike{Case: "other", At: t0, Expires: t0.Add(90 * day), Sanction: moderation.Banned}
	overturn := moderation.DecideAppeal{By: max, Overturn: true, Note: "why"}
	told := "notify owner(appeal_overturned), notify decider(appeal_overturned)"
	ban, reject, hide := decided("mia", moderation.Ban, moderation.Hate), decided("mia", moderation.RejectClip, moderation.Hate), decided("mia", moderation.Hide, moderation.Hate)
	cases := []struct {
		name   string
		change func(*kase)
		facts  moderation.Facts
		want   string
	}{
		{"banned by it alone", ban, moderation.Facts{Owner: moderation.Person{Standing: moderation.Banned, Strikes: []moderation.Strike{own}}}, "undo strike, set standing(good), judge reports, " + told},
		{"banned by another case too", ban, moderation.Facts{Owner: moderation.Person{Standing: moderation.Banned, Strikes: []moderation.Strike{own, other}}}, "undo strike, judge reports, " + told},
		{"banned by hand too", reject, moderation.Facts{Verdict: moderation.Rejected, Owner: moderation.Person{
			Standing: moderation.Banned, Strikes: []moderation.Strike{{Case: "case", Points: 1, At: t0, Expires: t0.Add(day)}},
		}}, "overrule(approved), undo strike, judge reports, " + told},
		{"undone already", ban, moderation.Facts{Owner: moderation.Person{Strikes: []moderation.Strike{{Case: "case", At: t0, Sanction: moderation.Banned, Undone: true}}}}, "judge reports, " + told},
		{"approved since", reject, moderation.Facts{Verdict: moderation.Approved}, "judge reports, " + told},
		{"withdrawn since", reject, moderation.Facts{Verdict: moderation.Rejected, Gone: true}, "judge reports, " + told},
		{"hidden", hide, moderation.Facts{Hidden: true}, "unhide, judge reports, " + told},
		{"hidden by others too", hide, moderation.Facts{Hidden: true, HiddenElsewhere: true}, "judge reports, " + told},
		{"shown since", hide, moderation.Facts{}, "judge reports, " + told},
		{"gone since", hide, moderation.Facts{Hidden: true, Gone: true}, "judge reports, " + told},
		{"opened by staff", func(c *kase) { hide(c); c.Reports = 0 }, moderation.Facts{Hidden: true}, "unhide, " + told},
	}
	for _, c := range cases {
		e := overturn
		e.Facts = c.facts
		out, err := moderation.Step(base(moderation.Claimed, appealed, heldBy("max"), c.change), e, p, now)
		if err != nil || list(out.Effects) != c.want {
			t.Errorf("%s: %s, %v\nwant %s", c.name, list(out.Effects), err, c.want)
		}
	}
}

// TestStandingAfterADecision: a strike is laid over the standing that there is.
func TestStandingAfterADecision(t *testing.T) {
	now := t0.Add(time.Minute)
	served := moderation.Strike{Case: "old", Points: 3, At: t0.Add(-20 * day), Expires: t0.Add(70 * day)}
	cases := []struct {
		name   string
		owner  moderation.Person
		action moderation.Action
		want   string
	}{
		{"the first", moderation.Person{Standing: moderation.Good}, moderation.Hide, "hide, add strike(2), set standing(warned until 2026-07-04T10:01:00Z)"},
		{"nothing is known", moderation.Person{}, moderation.Hide, "hide, add strike(2), set standing(warned until 2026-07-04T10:01:00Z)"},
		{"suspended by hand", moderation.Person{Standing: moderation.Suspended}, moderation.Hide, "hide, add strike(2)"},
		{"the ladder's next rung", moderation.Person{Standing: moderation.Warned, Strikes: []moderation.Strike{served}}, moderation.Hide,
			"hide, add strike(2), set standing(suspended until 2026-01-19T10:01:00Z), notify owner(suspended)"},
		{"an old suspension is not cleared away", moderation.Person{Standing: moderation.Suspended, Until: t0.Add(-17 * day), Strikes: []moderation.Strike{served}}, moderation.Hide,
			"hide, add strike(2), set standing(suspended until 2026-01-19T10:01:00Z), notify owner(suspended)"},
		{"the ladder is graver than the decision", moderation.Person{Standing: moderation.Warned, Strikes: []moderation.Strike{served, served}}, moderation.Suspend,
			"add strike(3, suspended), set standing(banned), notify owner(banned)"},
	}
	for _, c := range cases {
		e := moderation.Resolve{By: mia, Decision: decision(c.action), Facts: moderation.Facts{Owner: c.owner}}
		out, err := moderation.Step(base(moderation.Claimed, heldBy("mia")), e, moderation.DefaultPolicy(), now)
		got, _, _ := strings.Cut(list(out.Effects), ", judge")
		if err != nil || got != c.want {
			t.Errorf("%s: %s, %v\nwant %s", c.name, got, err, c.want)
		}
	}
}

// TestUnbanning lifts what is in force; the points stay.
func TestUnbanning(t *testing.T) {
	p, now := moderation.DefaultPolicy(), t0.Add(time.Minute)
	banned := moderation.Strike{Case: "old", Points: 4, At: t0.Add(-day), Expires: t0.Add(90 * day), Sanction: moderation.Banned}
	for name, c := range map[string]struct {
		strikes []moderation.Strike
		want    string
	}{
		"by a decision": {[]moderation.Strike{banned}, "lift sanctions, set standing(warned until 2026-04-05T10:00:00Z), notify owner(unbanned)"},
		"by hand":       {nil, "lift sanctions, set standing(good), notify owner(unbanned)"},
	} {
		d := moderation.Decision{Action: moderation.Unban, Note: "mercy"}
		e := moderation.Resolve{By: ada, Decision: d, Facts: moderation.Facts{Owner: moderation.Person{Standing: moderation.Banned, Strikes: c.strikes}}}
		out, err := moderation.Step(base(moderation.Claimed, heldBy("ada"), about(moderation.User)), e, p, now)
		if err != nil || list(out.Effects) != c.want {
			t.Errorf("%s: %s, %v", name, list(out.Effects), err)
		}
	}
	if banned.LiftedAt != (time.Time{}) {
		t.Error("the strikes of the caller were changed")
	}
}
