package badges_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/badges"
	"github.com/lingualink/lingualink/internal/leaderboard"
)

// table is everything that is counted, of everybody.
func (s *server) table() string {
	s.t.Helper()
	people := s.Text(`SELECT GROUP_CONCAT(line, ' ') FROM (SELECT u.username || ':' || c.clips_approved || '/' || c.validations || '/' || c.referrals AS line
		FROM contributors c JOIN users u ON u.id = c.user ORDER BY u.username)`, nil)
	scores := s.Text(`SELECT GROUP_CONCAT(line, ' ') FROM (SELECT s.board || ',' || s.bucket || ',' || s.language || ',' || u.username || ':' || s.score AS line
		FROM leaderboard_scores s JOIN users u ON u.id = s.user WHERE s.score != 0 ORDER BY line)`, nil)
	return people + "\n" + strings.ReplaceAll(scores, " ", "\n")
}

func TestAVerdictIsCounted(t *testing.T) {
	s := open(t)
	s.decided("approve")
	equal(t, "before the job runs", s.count(ada, "clips_approved"), 0)
	s.Drain()
	equal(t, "ada's clips", s.count(ada, "clips_approved"), 1)
	equal(t, "bola's votes", s.count(bola, "validations"), 1)
	equal(t, "emeka's votes", s.count(emeka, "validations"), 0)
	ha := s.Language("ha")
	for _, bucket := range leaderboard.Keys(s.Deps.Clock.Now(), time.UTC) {
		for _, language := range []string{"", ha} {
			equal(t, "clips in "+bucket, s.score("clips", bucket, language, ada), 1)
			equal(t, "votes in "+bucket, s.score("validations", bucket, language, bola), 1)
			equal(t, "emeka's in "+bucket, s.score("validations", bucket, language, emeka), 0)
		}
		equal(t, "in Yoruba", s.score("clips", bucket, s.Language("yo"), ada), 0)
	}
	s.decided("reject")
	s.Drain()
	equal(t, "ada's clips", s.count(ada, "clips_approved"), 1)
	equal(t, "bola's votes", s.count(bola, "validations"), 2)
}

// Two verdicts of a clip, in two months: the jobs come to the same whichever runs
// first, and also when the second falls before the first was counted.
func TestRevisionsAreCountedInAnyOrder(t *testing.T) {
	for _, c := range []struct{ first, second, ada, bola, emeka string }{
		{"approve", "reject", "0/0/0", "0/0/0", "0/1/0"},
		{"reject", "approve", "1/0/0", "0/0/0", "0/1/0"},
		{"approve", "approve", "1/0/0", "0/1/0", "0/0/0"},
	} {
		tables := map[string]string{}
		for _, order := range []string{"at once", "in order", "reversed"} {
			s := open(t)
			clip := s.decided(c.first)
			if order == "at once" {
				s.Drain()
			}
			s.Advance(40 * 24 * time.Hour)
			s.Forget(admin)
			s.overrule(clip, c.second)
			later := "1"
			if order == "reversed" {
				later = "2"
			}
			// The one of the other revision waits for an hour.
			if order != "at once" {
				moved := s.Int("SELECT COUNT(*) FROM jobs WHERE kind = 'badges.verdict' AND state = 'queued'")
				equal(t, "jobs that wait", moved, 2)
				s.in(func(tx core.App) error {
					_, err := tx.DB().NewQuery(`UPDATE jobs SET run_at = {:at} WHERE kind = 'badges.verdict'
						AND effect_key IN (SELECT id FROM verdicts WHERE revision != {:now})`).
						Bind(dbx.Params{"at": s.Deps.Clock.Now().Add(time.Hour).Format("2006-01-02 15:04:05.000Z"), "now": later}).Execute()
					return err
				})
			}
			s.Drain()
			s.Advance(2 * time.Hour)
			s.Drain()
			equal(t, "jobs left", s.Int("SELECT COUNT(*) FROM jobs WHERE kind = 'badges.verdict' AND state != 'done'"), 0)
			tables[order] = s.table()
			for who, want := range map[string]string{ada: c.ada, bola: c.bola, emeka: c.emeka} {
				if people, _, _ := strings.Cut(tables[order], "\n"); !strings.Contains(" "+people+" ", " "+who+":"+want+" ") {
					t.Errorf("%s then %s, %s: %s is not %s in %s", c.first, c.second, order, who, want, people)
				}
			}
		}
		if tables["at once"] != tables["in order"] || tables["in order"] != tables["reversed"] {
			t.Errorf("%s then %s differ:\n%v", c.first, c.second, tables)
		}
	}
}

func TestAFailureOfWhoListensCountsNothingAndComesAgain(t *testing.T) {
	s := open(t)
	fails, heard := true, 0
	badges.OnContributions(s.App).Bind(&hook.Handler[*badges.ContributionsEvent]{
		Func: func(e *badges.ContributionsEvent) error {
			if heard++; fails {
				return errors.New("no")
			}
			return e.Next()
		},
	})
	s.decided("approve")
	s.Drain()
	equal(t, "rows", s.Int("SELECT COUNT(*) FROM contributors WHERE clips_approved + validations > 0"), 0)
	equal(t, "scores", s.Int("SELECT COUNT(*) FROM leaderboard_scores"), 0)
	s.wantBadges(ada, "")
	if heard == 0 {
		t.Fatal("nobody heard of the verdict")
	}
	fails = false
	s.Advance(2 * time.Hour)
	s.Drain()
	equal(t, "ada's clips", s.count(ada, "clips_approved"), 1)
	s.wantBadges(ada, "first-steps")
	equal(t, "notices", s.Int("SELECT COUNT(*) FROM notifications WHERE kind = 'badge_earned'"), 1)
}

// The job of a verdict is there once: nothing that is sent again counts again.
func TestAJobOfAVerdictIsThereOnce(t *testing.T) {
	s := open(t)
	s.decided("approve")
	s.Drain()
	before := s.table()
	verdict := s.Text("SELECT id FROM verdicts", nil)
	for range 3 {
		s.in(func(tx core.App) error {
			return s.Deps.Outbox.Enqueue(tx, badges.VerdictJob(verdict))
		})
		s.Drain()
	}
	// The migration has made such jobs for older verdicts: they must not be other ones.
	equal(t, "the job", s.Text("SELECT GROUP_CONCAT(effect_key || payload) FROM jobs WHERE kind = 'badges.verdict'", nil), verdict+`{"verdict":"`+verdict+`"}`)
	equal(t, "the counts", s.table(), before)
}

func TestWhatListenersHear(t *testing.T) {
	s := open(t)
	events := []*badges.ContributionsEvent{}
	badges.OnContributions(s.App).Bind(&hook.Handler[*badges.ContributionsEvent]{
		Func: func(e *badges.ContributionsEvent) error {
			events = append(events, e)
			return e.Next()
		},
	})
	sent := s.Deps.Clock.Now()
	clip := s.decided("approve")
	s.Advance(time.Hour)
	s.overrule(clip, "reject")
	s.Drain()
	if len(events) != 2 {
		t.Fatalf("%d events", len(events))
	}
	if events[0].Revision > events[1].Revision {
		events[0], events[1] = events[1], events[0]
	}
	for i, want := range []struct{ outcome, by string }{{"approved", "crowd"}, {"rejected", "expert"}} {
		e := events[i]
		equal(t, "the facts", fmt.Sprintln(e.Clip, e.Owner, e.Language, e.Campaign, e.Currency, e.Revision, e.Outcome, e.By, e.Control),
			fmt.Sprintln(clip, s.User(ada).Id, s.Language("ha"), s.GeneralCampaign(), "NGN", i+1, want.outcome, want.by, false))
		equal(t, "the verdict", e.Verdict, s.Text("SELECT id FROM verdicts WHERE revision = {:n}", dbx.Params{"n": i + 1}))
		if e.ClipSentAt.Before(sent.Add(-time.Second)) || e.At.Before(e.ClipSentAt) || events[1].At.Sub(events[0].At) < time.Hour {
			t.Errorf("sent at %v, decided at %v", e.ClipSentAt, e.At)
		}
		if len(e.Votes) < 4 || e.Votes[0].Validator != s.User(emeka).Id {
			t.Fatalf("the votes are %+v", e.Votes)
		}
		for n, vote := range e.Votes {
			if vote.Agrees != ((n == 0) == (i == 1)) || vote.ID == "" || vote.At.After(e.At) || vote.At.Before(e.ClipSentAt) {
				t.Errorf("vote %d is %+v", n, vote)
			}
		}
	}
}

// A control brings its voters what any clip brings and its owner nothing.
func TestControlsDoNotShow(t *testing.T) {
	s := open(t)
	plain, control := s.Clip(ada), s.Clip(ada)
	s.in(func(tx core.App) error {
		_, err := tx.DB().NewQuery("UPDATE clips SET control = 1 WHERE id = {:id}").Bind(dbx.Params{"id": control}).Execute()
		return err
	})
	seen := []bool{}
	badges.OnContributions(s.App).Bind(&hook.Handler[*badges.ContributionsEvent]{
		Func: func(e *badges.ContributionsEvent) error {
			seen = append(seen, e.Control)
			return e.Next()
		},
	})
	s.Decide(control, "approve")
	s.Drain()
	equal(t, "events", seen, []bool{true})
	equal(t, "ada's clips", s.count(ada, "clips_approved"), 0)
	equal(t, "her place", s.Int("SELECT COUNT(*) FROM leaderboard_scores WHERE board = 'clips'"), 0)
	s.wantBadges(ada, "")
	ofControl := s.table()
	s.Decide(plain, "approve")
	s.Drain()
	equal(t, "ada's clips", s.count(ada, "clips_approved"), 1)
	for _, who := range []string{bola, chidi, dayo} {
		equal(t, who+" has", s.count(who, "validations"), 2)
	}
	if n := strings.Count(ofControl, "validations"); n != 3*6 {
		t.Errorf("%d scores by a control:\n%s", n, ofControl)
	}
}
