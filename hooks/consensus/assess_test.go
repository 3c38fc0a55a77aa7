package consensus_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// answers are lessons from so many answers on gold: good clips approved and
// rejected, bad ones rejected and approved.
func answers(tp, fn, tn, fp int) []crowd.Event {
	list := []crowd.Event{}
	for _, kind := range []struct {
		n       int
		truth   crowd.Label
		approve bool
	}{{tp, crowd.Good, true}, {fn, crowd.Good, false}, {tn, crowd.Bad, false}, {fp, crowd.Bad, true}} {
		list = append(list, slices.Repeat([]crowd.Event{crowd.Exactly(crowd.FromGold, kind.truth, kind.approve)}, kind.n)...)
	}
	return list
}

// teach plants lessons for a person in Hausa.
func teach(s *hookstest.Server, t *testing.T, who string, lessons ...crowd.Event) {
	t.Helper()
	teachID(s, t, s.User(who).Id, lessons...)
}

func teachID(s *hookstest.Server, t *testing.T, id string, lessons ...crowd.Event) {
	t.Helper()
	if err := consensus.Teach(s.App, s.Deps.Clock.Now(), id, s.Language("ha"), lessons...); err != nil {
		t.Fatal(err)
	}
}

// assess turns the clock past the time that a lesson takes to show, and sweeps.
func assess(s *hookstest.Server, t *testing.T) {
	t.Helper()
	s.Advance(time.Hour)
	sweep(s, t)
}

func sweep(s *hookstest.Server, t *testing.T) {
	t.Helper()
	if err := consensus.AssessDue(s.App, s.Deps); err != nil {
		t.Fatal(err)
	}
}

// withGold makes Hausa a language with enough gold to prove oneself by.
func withGold(s *hookstest.Server, t *testing.T) {
	t.Helper()
	_, err := s.App.DB().Insert("language_stats", dbx.Params{"id": shell.NewID(), "language": s.Language("ha"), "gold_clips": 20}).Execute()
	if err != nil {
		t.Fatal(err)
	}
}

// measured is a server with gold.
func measured(t *testing.T) *hookstest.Server {
	t.Helper()
	s := hookstest.Start(t)
	withGold(s, t)
	return s
}

// trustOf is what a person reads about Hausa by the route.
func trustOf(s *hookstest.Server, t *testing.T, who string) map[string]any {
	t.Helper()
	for _, language := range s.Want(s.Do(who, "GET", "/api/lingualink/trust", nil), 200, "").Items("languages") {
		if language["code"] == "ha" {
			return language
		}
	}
	t.Fatalf("%s is not told about Hausa", who)
	return nil
}

// kinds are the notices a person got, oldest first.
func kinds(s *hookstest.Server, who string) string {
	s.Drain()
	list := []string{}
	for _, item := range s.Want(s.Do(who, "GET", "/api/collections/notifications/records?sort=created", nil), 200, "").Items("items") {
		list = append(list, item["kind"].(string))
	}
	return strings.Join(list, " ")
}

// TestNothingMovesBetweenAssessments plants answers on gold one by one and reads
// everything that the person can read about themselves.
func TestNothingMovesBetweenAssessments(t *testing.T) {
	s := measured(t)
	read := func() string {
		sweep(s, t)
		s.Drain()
		seen := ""
		for _, path := range []string{
			"/api/lingualink/trust", "/api/collections/trust/records", "/api/collections/reviews/records", "/api/collections/notifications/records",
			"/api/collections/users/records/" + s.User(bola).Id,
		} {
			seen += fmt.Sprintln(s.Want(s.Do(bola, "GET", path, nil), 200, "").JSON)
		}
		return seen
	}
	before := read()
	same := func(when string) {
		t.Helper()
		if after := read(); after != before {
			t.Fatalf("%s moved\n%s\nto\n%s", when, before, after)
		}
	}
	for i, lesson := range answers(2, 0, 1, 1) {
		teach(s, t, bola, lesson)
		same(fmt.Sprintf("answer %d", i+1))
		s.Advance(24 * time.Hour) // alone, each would be known by now
		same(fmt.Sprintf("a day after answer %d", i+1))
	}
	teach(s, t, bola, answers(1, 0, 0, 0)...)
	same("the fifth answer")
	s.Advance(time.Hour - time.Second)
	same("an hour, less a second,")
	teach(s, t, bola, answers(1, 0, 0, 0)...)
	s.Advance(time.Second)
	if read() == before {
		t.Fatal("an hour after the fifth answer nobody is assessed")
	}
	before = read()
	if got := trustOf(s, t, bola); got["state"] != "proven" || got["tier"] != "bronze" || got["answers"] != 6.0 {
		t.Errorf("after six answers: %v", got)
	}
	for i, lesson := range answers(2, 1, 0, 1) {
		teach(s, t, bola, lesson)
		s.Advance(30 * time.Minute)
		same(fmt.Sprintf("answer %d after the assessment", i+1))
	}
	teach(s, t, bola, answers(0, 0, 1, 0)...)
	same("the fifth answer after the assessment")
	s.Advance(time.Hour)
	if read() == before {
		t.Fatal("the second assessment does not come")
	}
}

func TestPeopleAreToldOnce(t *testing.T) {
	s := measured(t)
	for _, step := range []struct {
		what    string
		lessons []crowd.Event
		state   string
		tier    string
		notices string
	}{
		{"four answers", answers(2, 0, 2, 0), "unproven", "", ""},
		{"five answers", answers(1, 0, 0, 0), "proven", "bronze", "trust_proven"},
		{"more of the same", answers(3, 0, 2, 0), "proven", "bronze", "trust_proven"},
		{"a hundred good answers", answers(60, 2, 30, 2), "proven", "silver", "trust_proven trust_tier"},
		{"three hundred", answers(120, 3, 90, 7), "proven", "gold", "trust_proven trust_tier trust_tier"},
		{"a bad week", answers(0, 40, 0, 60), "proven", "bronze", "trust_proven trust_tier trust_tier trust_tier"},
		{"a bad month", answers(0, 500, 0, 500), "excluded", "", "trust_proven trust_tier trust_tier trust_tier trust_excluded"},
		{"and no better", answers(0, 5, 0, 0), "excluded", "", "trust_proven trust_tier trust_tier trust_tier trust_excluded"},
		{"a good year", answers(2000, 10, 2000, 10), "proven", "bronze", "trust_proven trust_tier trust_tier trust_tier trust_excluded trust_proven"},
	} {
		teach(s, t, bola, step.lessons...)
		assess(s, t)
		sweep(s, t)
		got := trustOf(s, t, bola)
		if got["state"] != step.state || got["tier"] != step.tier {
			t.Errorf("%s: %v", step.what, got)
		}
		if notices := kinds(s, bola); notices != step.notices {
			t.Errorf("%s: told %q, want %q", step.what, notices, step.notices)
		}
		if step.state == "excluded" && !strings.Contains(got["advice"].(string), "ask for a review") {
			t.Errorf("who is excluded is told %q", got["advice"])
		}
	}
	if others := kinds(s, chidi); others != "" {
		t.Errorf("chidi is told %s", others)
	}
}

// TestVotesBecomeTrust goes the whole way in a language without gold.
func TestVotesBecomeTrust(t *testing.T) {
	s := hookstest.Start(t)
	s.OpenVotingWith(map[string]any{"proven_answers": 5})
	s.Consent(ada)
	for range 5 {
		s.Decide(s.Clip(ada), "approve")
	}
	sweep(s, t)
	if got := trustOf(s, t, bola); got["state"] != "unproven" || got["assessed_at"] != "" || got["accuracy"] != 0.0 {
		t.Errorf("before the time has come: %v", got)
	}
	assess(s, t)
	for _, who := range []string{bola, chidi, dayo} {
		if got := trustOf(s, t, who); got["state"] != "proven" || got["answers"] != 5.0 || got["assessed_at"] == "" {
			t.Errorf("%s: %v", who, got)
		}
	}
	if got := trustOf(s, t, emeka); got["assessed_at"] != "" {
		t.Errorf("emeka never voted: %v", got)
	}
}

// TestTrustIsSaved looks for the events that the person's app hears.
func TestTrustIsSaved(t *testing.T) {
	s := measured(t)
	heard := []string{}
	s.App.OnRecordAfterCreateSuccess("trust").BindFunc(func(e *core.RecordEvent) error {
		heard = append(heard, "created")
		return e.Next()
	})
	s.App.OnRecordAfterUpdateSuccess("trust").BindFunc(func(e *core.RecordEvent) error {
		heard = append(heard, "updated")
		return e.Next()
	})
	for range 2 {
		teach(s, t, bola, answers(3, 0, 2, 0)...)
		assess(s, t)
	}
	if got := strings.Join(heard, " "); got != "created updated" {
		t.Errorf("apps hear %q", got)
	}
}

func TestTwoSweepsAtOnce(t *testing.T) {
	s := measured(t)
	people := []string{bola, chidi, dayo, emeka, fatima}
	for _, who := range people {
		teach(s, t, who, answers(80, 2, 40, 3)...)
		careerOf(s, t, who, 200, 10)
	}
	s.Advance(time.Hour)
	start, failed := make(chan struct{}), make(chan error, 4)
	var sweeps sync.WaitGroup
	for range cap(failed) {
		sweeps.Go(func() {
			<-start
			failed <- consensus.AssessDue(s.App, s.Deps)
		})
	}
	close(start)
	sweeps.Wait()
	close(failed)
	for err := range failed {
		if err != nil {
			t.Error(err)
		}
	}
	sweep(s, t)
	if n := s.Int("SELECT COUNT(*) FROM trust"); n != int64(len(people)) {
		t.Errorf("%d rows of trust", n)
	}
	if n := s.Int("SELECT COUNT(*) FROM audit_log WHERE action = 'user.roles'"); n != int64(len(people)) {
		t.Errorf("%d promotions are recorded, want %d", n, len(people))
	}
	for _, who := range people {
		if got := kinds(s, who); got != "trust_proven promoted" && got != "promoted trust_proven" {
			t.Errorf("%s is told %q", who, got)
		}
	}
}

// TestASweepThatComesLateDoesNothing lets a sweep write that read before another
// one wrote.
func TestASweepThatComesLateDoesNothing(t *testing.T) {
	s := measured(t)
	teach(s, t, bola, answers(3, 0, 2, 0)...)
	assess(s, t)
	const row = "SELECT assessed_at || ' ' || answers FROM trust"
	before := s.Text(row, nil)
	s.Advance(time.Minute)
	teach(s, t, bola, answers(1, 0, 0, 0)...)
	if err := consensus.AssessLate(s.App, s.Deps, s.User(bola).Id, s.Language("ha")); err != nil {
		t.Fatal(err)
	}
	if after := s.Text(row, nil); after != before {
		t.Errorf("the assessment %s became %s", before, after)
	}
}

// TestASpoiltAssessmentHoldsUpNobody has somebody among those due who is not there.
func TestASpoiltAssessmentHoldsUpNobody(t *testing.T) {
	s := measured(t)
	teach(s, t, bola, answers(3, 0, 2, 0)...)
	teachID(s, t, "nobody000000000", answers(3, 0, 2, 0)...)
	teach(s, t, chidi, answers(3, 0, 2, 0)...)
	s.Advance(time.Hour)
	a := consensus.NewAssessor(s.Deps)
	for range 2 {
		if err := consensus.Sweep(a, s.App); err == nil || !strings.Contains(err.Error(), "nobody000000000") {
			t.Errorf("the sweep says %v", err)
		}
	}
	for _, who := range []string{bola, chidi} {
		if got := trustOf(s, t, who); got["state"] != "proven" {
			t.Errorf("%s: %v", who, got)
		}
	}
}

// TestTheAssessorSkipsNobody keeps one assessor over many sweeps, with more
// people than it reads at once who never get enough lessons.
func TestTheAssessorSkipsNobody(t *testing.T) {
	s := measured(t)
	a := consensus.NewAssessor(s.Deps)
	next := func() {
		t.Helper()
		if err := consensus.Sweep(a, s.App); err != nil {
			t.Fatal(err)
		}
	}
	for i := range consensus.LookPairs + 10 {
		teachID(s, t, fmt.Sprintf("passerby%07d", i), answers(1, 0, 0, 0)...)
	}
	teach(s, t, chidi, answers(2, 0, 0, 0)...)
	teach(s, t, bola, answers(3, 0, 2, 0)...)
	next() // bola has to wait
	s.Advance(30 * time.Minute)
	teach(s, t, dayo, answers(3, 0, 2, 0)...)
	next()
	s.Advance(30 * time.Minute)
	next()
	if n := s.Int("SELECT COUNT(*) FROM trust"); n != 1 || trustOf(s, t, bola)["state"] != "proven" {
		t.Errorf("%d people are assessed, want bola", n)
	}
	s.Advance(30 * time.Minute)
	next()
	if trustOf(s, t, dayo)["state"] != "proven" {
		t.Error("dayo is not assessed")
	}
	teach(s, t, chidi, answers(1, 0, 2, 0)...) // with two of long ago that makes five
	next()
	s.Advance(time.Hour)
	next()
	if trustOf(s, t, chidi)["state"] != "proven" {
		t.Error("who was passed over for too few lessons is not found again")
	}
	teach(s, t, emeka, answers(2, 0, 1, 0)...)
	s.Advance(time.Hour)
	next()
	s.Policy(shell.PolicyConsensus, map[string]any{"gate_answers": 3})
	next()
	if trustOf(s, t, emeka)["state"] != "proven" {
		t.Error("a new policy does not bring back who was passed over under the old one")
	}
}

func TestAssessmentsFollowThePolicyOfTheLanguage(t *testing.T) {
	s := measured(t)
	s.Want(s.Do(apptest.Admin, "POST", "/api/collections/policies/records",
		map[string]any{"subject": "consensus", "language": s.Language("ha"), "values": map[string]any{"assess_s": 60}}), 200, "")
	teach(s, t, bola, answers(3, 0, 2, 0)...)
	if err := consensus.Teach(s.App, s.Deps.Clock.Now(), s.User(bola).Id, s.Language("yo"), answers(3, 0, 2, 0)...); err != nil {
		t.Fatal(err)
	}
	s.Advance(time.Minute)
	sweep(s, t)
	if n := s.Int("SELECT COUNT(*) FROM trust WHERE language = {:ha} AND policy_version = 1", dbx.Params{"ha": s.Language("ha")}); n != 1 {
		t.Error("Hausa is not assessed by its policy")
	}
	if n := s.Int("SELECT COUNT(*) FROM trust"); n != 1 {
		t.Error("Yoruba is assessed by the policy of Hausa")
	}
}

// TestTheSweepUsesIndexes reads the plans: the sweep asks each language for its
// last lesson, walks the skills of one from a lesson on, and looks the rest up.
func TestTheSweepUsesIndexes(t *testing.T) {
	s := hookstest.Start(t)
	plan := func(query string, params dbx.Params) string {
		t.Helper()
		rows := []struct {
			Detail string `db:"detail"`
		}{}
		if err := s.App.DB().NewQuery("EXPLAIN QUERY PLAN " + query).Bind(params).All(&rows); err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, row := range rows {
			text += row.Detail + "\n"
		}
		return text
	}
	taught := plan(consensus.TaughtQuery, nil)
	if !strings.Contains(taught, "idx_skills_language (language=?)") || strings.Count(taught, "SCAN") != 1 || !strings.Contains(taught, "SCAN l") {
		t.Errorf("the plan is\n%s", taught)
	}
	due := plan(consensus.DuePairsQuery(), dbx.Params{"language": "x", "after": 1, "lessons": 5, "batch": 100})
	for _, index := range []string{"idx_skills_language (language=? AND seq>?)", "idx_trust_pair (validator=? AND language=?)", "idx_skill_events_skill (language=? AND validator=? AND seq>?)"} {
		if !strings.Contains(due, index) {
			t.Errorf("%s is not used", index)
		}
	}
	if strings.Contains(due, "SCAN") || strings.Contains(due, "TEMP B-TREE") {
		t.Errorf("the plan is\n%s", due)
	}
}
