package consensus_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
	"github.com/lingualink/lingualink/internal/fault"
)

func TestARefitFindsWhoIsReliable(t *testing.T) {
	p := plantCrowd(t, hookstest.Start(t), recipe{language: "ha", people: 40, approvers: 8, clips: 1200, open: 100, votes: 5})
	fit := p.commit(p.propose(), consensus.FitAccepted)
	if fit.Clips != 1100 || fit.Votes != 5500 || fit.Validators != 40 || fit.Changed != 40 || fit.Iterations < 2 {
		t.Errorf("%+v", fit)
	}
	policy := crowd.DefaultPolicy()
	off := 0.0
	for who, truth := range p.rates {
		skill := p.skill(who)
		found := policy.Rates(skill)
		off += math.Abs(found.Sensitivity-truth.Sensitivity) + math.Abs(found.Specificity-truth.Specificity)
		if out := found.Informativeness() < 0.2; out != (who < 8) {
			t.Errorf("person %d has %+v and was found to have %+v", who, truth, found)
		}
		if skill.Gold != (crowd.Counts{}) {
			t.Errorf("person %d learned from gold: %+v", who, skill)
		}
	}
	if mean := off / 80; mean > 0.045 {
		t.Errorf("the rates are off by %.3f", mean)
	}
	good := 0.0
	for _, truth := range p.good {
		if truth {
			good++
		}
	}
	if share := good / 1200; math.Abs(fit.GoodShare-share) > 0.03 {
		t.Errorf("a share of %.3f is good, it found %.3f", share, fit.GoodShare)
	}
	if n := p.Int("SELECT COUNT(*) FROM fits WHERE state = 'accepted' AND votes = 5500 AND id = {:id}", dbx.Params{"id": fit.ID}); n != 1 {
		t.Error("the fit is not recorded")
	}
	if n := p.Int("SELECT COUNT(*) FROM skill_events WHERE source = 'fit' AND cause = {:id}", dbx.Params{"id": fit.ID}); n != 40 {
		t.Errorf("%d lessons", n)
	}
	if n := p.Int("SELECT COUNT(*) FROM language_stats WHERE verdicts = 0 AND fitted_at != '' AND settled = 1100000000000"); n != 1 {
		t.Error("the language does not know of it")
	}
	if again := p.commit(p.propose(), consensus.FitAccepted); again.Changed != 0 {
		t.Errorf("the same votes taught %d people something new", again.Changed)
	}
	p.rebuilds()
}

// TestWhatIsKnownIsNotLearned: what an expert said and the truth of controls are
// known, so the votes on such clips are nothing that a re-estimate learns. It
// counts the expert's clips, and leaves out controls, which were chosen, and clips
// that wait for votes or for an expert, whose verdict will teach.
func TestWhatIsKnownIsNotLearned(t *testing.T) {
	p := plantCrowd(t, hookstest.Start(t), recipe{language: "ha", people: 12, clips: 300, open: 30, votes: 3})
	p.run("DROP TRIGGER verdicts_no_update")
	p.write(func(insert func(string, string) func(...any)) {
		gold := insert("gold_clips", "id, source, language, truth, state")
		gold("good", "a", p.language, "good", "active")
		gold("bad", "b", p.language, "bad", "retired")
	})
	p.run("UPDATE verdicts SET [by] = 'expert' WHERE clip IN (SELECT clip FROM clip_tallies WHERE seq <= 40)")
	p.run(`UPDATE clip_tallies SET gold = (SELECT CASE outcome WHEN 'approved' THEN 'good' ELSE 'bad' END FROM verdicts WHERE clip = clip_tallies.clip)
		WHERE seq BETWEEN 31 AND 60`)
	p.run("UPDATE clips SET status = 'withdrawn' WHERE id IN (SELECT clip FROM clip_tallies WHERE seq BETWEEN 100 AND 110)")
	p.commit(p.propose(), consensus.FitAccepted)
	answers := crowd.Mass(0)
	for who := range p.people {
		answers += p.skill(who).Learned.Total()
	}
	if want := 3 * (300 - 60 - 30) * crowd.Answer; answers != want {
		t.Errorf("%v answers were learned, want %v", answers.Answers(), want.Answers())
	}
	if settled := p.Int("SELECT settled FROM language_stats"); settled != 240*int64(crowd.Answer) {
		t.Errorf("%d clips are settled, want all but 30 controls and 30 that wait", settled)
	}
	// What waits for an expert is learned once, from the expert.
	p.run("UPDATE verdicts SET outcome = 'escalated', [by] = 'crowd' WHERE clip IN (SELECT clip FROM clip_tallies WHERE seq <= 10 OR seq BETWEEN 71 AND 90)")
	p.commit(p.propose(), consensus.FitAccepted)
	answers = 0
	for who := range p.people {
		answers += p.skill(who).Learned.Total()
	}
	if want := 3 * (300 - 60 - 30 - 20) * crowd.Answer; answers != want {
		t.Errorf("while twenty more wait for an expert %v answers, want %v", answers.Answers(), want.Answers())
	}
	if settled := p.Int("SELECT settled FROM language_stats"); settled != 210*int64(crowd.Answer) {
		t.Errorf("%d clips are settled while thirty wait for an expert, want 210", settled/int64(crowd.Answer))
	}
}

// TestAFitDoesNotDependOnTheOrderOfRows: the same votes, stored the other way
// round, teach the same to the last bit.
func TestAFitDoesNotDependOnTheOrderOfRows(t *testing.T) {
	p := plantCrowd(t, hookstest.Start(t), recipe{language: "ha", people: 12, clips: 200, open: 20, votes: 3})
	first := p.propose()
	p.run("CREATE TABLE kept AS SELECT * FROM votes ORDER BY id DESC")
	p.run("DROP TRIGGER votes_no_delete")
	p.run("DELETE FROM votes")
	p.run("INSERT INTO votes SELECT * FROM kept")
	p.run("UPDATE clip_tallies SET seq = -seq")
	p.run("UPDATE clip_tallies SET seq = 1000 + seq")
	second := p.propose()
	if first.Fit != second.Fit {
		t.Errorf("%+v and %+v", first.Fit, second.Fit)
	}
	p.commit(first, consensus.FitAccepted)
	if again := p.propose(); again.Changed != 0 {
		t.Errorf("in the other order %d skills are other ones", again.Changed)
	}
}

func TestARefusedFitTeachesNothing(t *testing.T) {
	for _, c := range []struct{ name, swap, says string }{
		{"verdicts that the votes do not give", "UPDATE verdicts SET outcome = CASE outcome WHEN 'approved' THEN 'rejected' ELSE 'approved' END", "turn more than one verdict"},
		{"another share of good clips", "UPDATE language_stats SET good = settled / 3", "share of good clips"},
		{"gold that the crowd is wrong about", `UPDATE clip_tallies SET gold = (SELECT id FROM gold_clips WHERE truth = (
			SELECT CASE outcome WHEN 'approved' THEN 'bad' ELSE 'good' END FROM verdicts WHERE clip = clip_tallies.clip)) WHERE seq < 30 AND open = 0`, "of known truth"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := plantCrowd(t, hookstest.Start(t), recipe{language: "ha", people: 12, clips: 300, votes: 3})
			p.run("DROP TRIGGER verdicts_no_update")
			p.write(func(insert func(string, string) func(...any)) {
				gold := insert("gold_clips", "id, source, language, truth, state")
				gold("good", "a", p.language, "good", "active")
				gold("bad", "b", p.language, "bad", "active")
			})
			p.run(c.swap)
			before := p.Text("SELECT good || ' ' || settled FROM language_stats", nil)
			fit := p.commit(p.propose(), consensus.FitRefused)
			if !strings.Contains(fit.Reason, c.says) {
				t.Errorf("it is refused for %q", fit.Reason)
			}
			if n := p.Int("SELECT (SELECT COUNT(*) FROM skills) + (SELECT COUNT(*) FROM skill_events) + (SELECT COUNT(*) FROM jobs)"); n != 0 {
				t.Errorf("it left %d rows", n)
			}
			if after := p.Text("SELECT good || ' ' || settled FROM language_stats WHERE verdicts = 0 AND fitted_at != ''", nil); after != before {
				t.Errorf("the language was %s, is %s", before, after)
			}
			if reason := p.Text("SELECT reason FROM fits WHERE state = 'refused'", nil); reason != fit.Reason {
				t.Errorf("the row says %q", reason)
			}
		})
	}
}

func TestWhatIsLearnedDuringAFitIsKept(t *testing.T) {
	p := plantCrowd(t, hookstest.Start(t), recipe{language: "ha", people: 12, clips: 200, votes: 3})
	newcomer := p.User(bola).Id
	p.teach(p.people[5], crowd.FromVerdict, crowd.Counts{TP: 5}) // before: the fit replaces it
	undisturbed := p.propose()
	p.teach(p.people[1], crowd.FromVerdict, crowd.Counts{TP: 7, FP: 3})
	p.teach(p.people[1], crowd.FromVerdict, crowd.Counts{TN: 2})
	p.teach(p.people[2], crowd.FromGold, crowd.Counts{FN: crowd.Answer})
	p.teach(p.people[3], crowd.FromVerdict, crowd.Counts{TP: 9})
	p.teach(p.people[3], crowd.FromReview, crowd.Counts{})
	p.teach(p.people[3], crowd.FromVerdict, crowd.Counts{FN: 4})
	p.teach(newcomer, crowd.FromVerdict, crowd.Counts{TP: 1})
	p.run("UPDATE language_stats SET good = good + 11, settled = settled + 13, verdicts = verdicts + 2")
	settled := p.Int("SELECT settled FROM language_stats")
	p.commit(undisturbed, consensus.FitAccepted)

	clean := plantCrowd(t, hookstest.Start(t), recipe{language: "ha", people: 12, clips: 200, votes: 3})
	clean.commit(clean.propose(), consensus.FitAccepted)
	for who, more := range map[int]func(crowd.Skill) crowd.Skill{
		0: func(s crowd.Skill) crowd.Skill { return s },
		1: func(s crowd.Skill) crowd.Skill {
			s.Learned = s.Learned.Plus(crowd.Counts{TP: 7, TN: 2, FP: 3})
			return s
		},
		2: func(s crowd.Skill) crowd.Skill { s.Gold = crowd.Counts{FN: crowd.Answer}; return s },
		3: func(crowd.Skill) crowd.Skill { return crowd.Skill{Learned: crowd.Counts{FN: 4}} },
		5: func(s crowd.Skill) crowd.Skill { return s },
	} {
		if got, want := p.skill(who), more(clean.skill(who)); got != want {
			t.Errorf("person %d has %+v, want %+v", who, got, want)
		}
	}
	if skill, err := consensus.Skill(p.App, newcomer, p.language); err != nil || skill.Learned != (crowd.Counts{TP: 1}) {
		t.Errorf("who came during the fit has %+v %v", skill, err)
	}
	const stats = "SELECT good FROM language_stats"
	if got, want := p.Int(stats), clean.Int(stats)+11; got != want {
		t.Errorf("good is %d, want %d", got, want)
	}
	if got := p.Int("SELECT settled FROM language_stats"); got != settled {
		t.Errorf("settled is %d, want %d: as many clips as before", got, settled)
	}
	if got := p.Int("SELECT verdicts FROM language_stats"); got != 2 {
		t.Errorf("%d verdicts since the fit, want 2", got)
	}
	p.rebuilds()
}

func TestAnOvertakenFitWritesNothing(t *testing.T) {
	p := plantCrowd(t, hookstest.Start(t), recipe{language: "ha", people: 12, clips: 200, votes: 3})
	slow, fast := p.propose(), p.propose()
	p.commit(fast, consensus.FitAccepted)
	const rows = "SELECT (SELECT COUNT(*) FROM fits) || ' ' || (SELECT COUNT(*) FROM skill_events) || ' ' || (SELECT COUNT(*) FROM jobs) || ' ' || fitted_at || good FROM language_stats"
	before := p.Text(rows, nil)
	if fit := p.commit(slow, consensus.FitOvertaken); fit.ID != "" {
		t.Errorf("%+v", fit)
	}
	if after := p.Text(rows, nil); after != before {
		t.Errorf("it was %s, is %s", before, after)
	}
}

// TestWhoBeganAnewIsSomebodyElse: the votes from before still speak for their
// clips, and teach nothing about the person any more.
func TestWhoBeganAnewIsSomebodyElse(t *testing.T) {
	p := plantCrowd(t, hookstest.Start(t), recipe{language: "ha", people: 12, clips: 200, votes: 3})
	p.commit(p.propose(), consensus.FitAccepted)
	others := p.skill(4)
	p.Advance(time.Minute)
	p.write(func(insert func(string, string) func(...any)) {
		insert("reviews", "id, validator, language, state")("review", p.people[3], p.language, "reinstated")
	})
	p.learn(p.people[3], "review", crowd.Event{Source: crowd.FromReview})
	fit := p.commit(p.propose(), consensus.FitAccepted)
	if got := p.skill(3); got != (crowd.Skill{}) || fit.Changed != 0 || fit.Validators != 11 || p.skill(4) != others {
		t.Errorf("%+v, who began anew has %+v", fit, got)
	}
	p.Advance(time.Minute)
	p.write(func(insert func(string, string) func(...any)) {
		vote := insert("votes", "id, clip, validator, verdict, created")
		for i := range 2 {
			clip := p.Text(fmt.Sprintf("SELECT id FROM clips WHERE id NOT IN (SELECT clip FROM votes WHERE validator = '%s') ORDER BY id LIMIT 1 OFFSET %d", p.people[3], i), nil)
			vote(fmt.Sprintf("late%d", i), clip, p.people[3], "approve", shell.Stamp(p.Deps.Clock.Now()))
		}
	})
	p.commit(p.propose(), consensus.FitAccepted)
	if got := p.skill(3).Learned.Total(); got != 2*crowd.Answer {
		t.Errorf("two votes since taught %v answers", got.Answers())
	}
	p.rebuilds()
}

func TestWhenARefitIsDue(t *testing.T) {
	policy := engine.DefaultPolicy().Refit // 24 hours, or one in twenty
	for _, c := range []struct {
		verdicts int64
		settled  int64
		since    time.Duration
		want     bool
	}{
		{0, 0, 1000 * time.Hour, false},
		{1, 1, 23*time.Hour + 59*time.Minute, false},
		{1, 1, 24 * time.Hour, true},
		{19, 100, time.Hour, false},
		{20, 100, time.Hour, true},
		{20, 400, time.Hour, true},
		{20, 401, time.Hour, false},
		{49, 1000, time.Hour, false},
		{50, 1000, time.Hour, true},
	} {
		if got := consensus.IsDue(policy, c.verdicts, crowd.Mass(c.settled)*crowd.Answer, c.since); got != c.want {
			t.Errorf("%d new of %d after %s: %v", c.verdicts, c.settled, c.since, got)
		}
	}
}

func TestTheSweepRefitsWhatIsDue(t *testing.T) {
	s := hookstest.Start(t)
	ha := plantCrowd(t, s, recipe{language: "ha", people: 12, clips: 200, votes: 3})
	yo := plantCrowd(t, s, recipe{language: "yo", people: 9, clips: 150, votes: 3})
	sweep := func() string {
		t.Helper()
		if err := consensus.SweepRefit(s.App, s.Deps); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(s.Int("SELECT COUNT(*) FROM fits WHERE language = {:l}", dbx.Params{"l": ha.language}), " ",
			s.Int("SELECT COUNT(*) FROM fits WHERE language = {:l}", dbx.Params{"l": yo.language}))
	}
	for _, step := range []struct {
		do   func()
		want string
	}{
		{func() {}, "1 1"}, // never fitted
		{func() { s.Advance(48 * time.Hour) }, "1 1"},                                                                // nothing new
		{func() { ha.run("UPDATE language_stats SET verdicts = 1") }, "2 2"},                                         // a day ago
		{func() { ha.run("UPDATE language_stats SET verdicts = 19") }, "2 2"},                                        // too few
		{func() { ha.run("UPDATE language_stats SET verdicts = 20 WHERE language = '" + ha.language + "'") }, "3 2"}, // many
		{func() { s.Policy("consensus", map[string]any{"fit_hours": 1}); s.Advance(2 * time.Hour) }, "3 3"},          // the 19 of before
		{func() { ha.run("UPDATE language_stats SET verdicts = 1 WHERE language = '" + yo.language + "'") }, "3 3"},  // just now
	} {
		step.do()
		if got := sweep(); got != step.want {
			t.Errorf("there are %s fits, want %s", got, step.want)
		}
	}
	ha.rebuilds()
	if n := s.Int("SELECT COUNT(DISTINCT language) FROM skills"); n != 2 {
		t.Errorf("skills in %d languages", n)
	}
}

func TestAStoppedServerStartsNoRefit(t *testing.T) {
	p := plantCrowd(t, hookstest.Start(t), recipe{language: "ha", people: 12, clips: 200, votes: 3})
	if err := consensus.SweepRefitWhileStopping(p.App, p.Deps); err != nil {
		t.Fatal(err)
	}
	if n := p.Int("SELECT COUNT(*) FROM fits"); n != 0 {
		t.Errorf("%d fits", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if fits, err := consensus.Refit(ctx, p.App, p.Deps, []string{p.language}, false); err == nil || p.Int("SELECT COUNT(*) FROM fits") != 0 {
		t.Errorf("%+v %v", fits, err)
	}
}

func TestADryRunWritesNothing(t *testing.T) {
	p := plantCrowd(t, hookstest.Start(t), recipe{language: "ha", people: 12, clips: 200, votes: 3})
	fits, err := consensus.Refit(t.Context(), p.App, p.Deps, []string{p.language}, true)
	if err != nil || len(fits) != 1 || fits[0].State != consensus.FitAccepted || fits[0].Changed != 12 || fits[0].ID != "" {
		t.Errorf("%+v %v", fits, err)
	}
	if n := p.Int("SELECT (SELECT COUNT(*) FROM fits) + (SELECT COUNT(*) FROM skill_events) + (SELECT COUNT(*) FROM jobs)"); n != 0 {
		t.Errorf("it left %d rows", n)
	}
}

func TestFitLanguages(t *testing.T) {
	p := plantCrowd(t, hookstest.Start(t), recipe{language: "ha", people: 9, clips: 3, votes: 3})
	ha, yo := consensus.FitLanguage{ID: p.language, Code: "ha"}, consensus.FitLanguage{ID: p.Language("yo"), Code: "yo"}
	for code, want := range map[string]consensus.FitLanguage{"": ha, "ha": ha, "yo": yo} {
		if got, err := consensus.FitLanguages(p.App, code); err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%q: %v %v", code, got, err)
		}
	}
	if got, err := consensus.FitLanguages(p.App, "xx"); err == nil || !strings.Contains(err.Error(), fault.LanguageUnknown.Name) {
		t.Errorf("%v %v", got, err)
	}
}

// TestRebuildAfterARandomHistory: lessons of every kind and re-estimates in any
// order give skills that the history gives again, to the last bit.
func TestRebuildAfterARandomHistory(t *testing.T) {
	p := plantCrowd(t, hookstest.Start(t), recipe{language: "ha", people: 12, clips: 200, open: 60, votes: 3})
	rng := rand.New(rand.NewPCG(11, 13))
	var pending *consensus.Proposal
	for step := range 120 {
		switch rng.IntN(12) {
		case 0:
			pending = p.propose()
		case 1:
			if pending != nil {
				if _, err := pending.Commit(p.App, p.Deps); err != nil {
					t.Fatal(err)
				}
			}
		case 2:
			p.learn(p.people[rng.IntN(12)], fmt.Sprintf("review%d", step), crowd.Event{Source: crowd.FromReview})
		default:
			mass := func() crowd.Mass { return crowd.Mass(rng.Int64N(2 * int64(crowd.Answer))) }
			source := []crowd.Source{crowd.FromVerdict, crowd.FromVerdict, crowd.FromGold, crowd.FromExpert}[rng.IntN(4)]
			p.learn(p.people[rng.IntN(12)], fmt.Sprintf("step%d", step), crowd.Event{Source: source, Counts: crowd.Counts{TP: mass(), FN: mass(), TN: mass(), FP: mass()}})
		}
	}
	if n := p.Int("SELECT COUNT(*) FROM fits WHERE state = 'accepted'"); n < 2 {
		t.Fatalf("%d fits", n)
	}
	p.rebuilds()
	p.run("UPDATE skills SET learned_fp = learned_fp + 1 WHERE seq = (SELECT MAX(seq) FROM skills)")
	if wrong, err := consensus.VerifySkills(p.App.DB()); err != nil || len(wrong) != 1 || !strings.Contains(wrong[0].What, "rebuilt from its history") {
		t.Errorf("a billionth more is not noticed: %v %v", wrong, err)
	}
}

func TestTheRefitUsesItsIndexes(t *testing.T) {
	s := hookstest.Start(t)
	for query, want := range map[string]string{
		consensus.LogQuery:   "SEARCH t USING INDEX idx_clip_tallies_queue (language=?)",
		consensus.SinceQuery: "SEARCH e USING INDEX idx_skill_events_seq (seq>?)",
		consensus.OpenQuery:  "USING INDEX idx_clip_tallies_queue (language=? AND open=? AND seq>?)",
	} {
		details := []string{}
		rows := []struct {
			Detail string `db:"detail"`
		}{}
		err := s.App.DB().NewQuery("EXPLAIN QUERY PLAN " + query).Bind(dbx.Params{"language": "x", "seq": 1, "after": 1, "reach": 1}).All(&rows)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			details = append(details, row.Detail)
		}
		if plan := strings.Join(details, "\n"); !strings.Contains(plan, want) || strings.Contains(plan, "SCAN") || strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("the plan is\n%s", plan)
		}
	}
}

// teach gives a person a lesson of a cause of its own.
func (p *plantedCrowd) teach(person string, source crowd.Source, counts crowd.Counts) {
	p.t.Helper()
	p.learn(person, shell.NewID(), crowd.Event{Source: source, Counts: counts})
}

func (p *plantedCrowd) learn(person, cause string, event crowd.Event) {
	p.t.Helper()
	err := p.App.RunInTransaction(func(tx core.App) error {
		return consensus.Learn(tx, p.Deps.Clock.Now(), person, p.language, cause, event)
	})
	if err != nil {
		p.t.Fatal(err)
	}
}
