package badges_test

import (
	"errors"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/badges"
)

func (s *server) lives(who, zone string) {
	s.t.Helper()
	_, err := s.App.DB().NewQuery("UPDATE private_profiles SET time_zone = {:zone} WHERE user = {:user}").
		Bind(dbx.Params{"zone": zone, "user": s.User(who).Id}).Execute()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) streak(who string) map[string]any {
	s.t.Helper()
	return s.progress(who)["streak"].(map[string]any)
}

// votes has everybody vote on a new clip of Ada's.
func (s *server) votes(people ...string) {
	s.t.Helper()
	clip := s.Clip(ada)
	for _, who := range people {
		s.Want(s.Vote(who, clip, "approve"), 200, "")
	}
	s.Drain()
}

func noon(s *server) time.Time {
	at := s.Deps.Clock.Now().UTC()
	return time.Date(at.Year(), at.Month(), at.Day(), 12, 0, 0, 0, time.UTC)
}

// Midnight is where people live. At half past ten in the evening UTC and an hour
// later: for Bola in Lagos these are two days, for the others one.
func TestDaysAreThoseWherePeopleLive(t *testing.T) {
	s := open(t)
	s.lives(bola, "Africa/Lagos")
	s.lives(chidi, "Mars/Olympus_Mons") // nowhere: UTC
	s.turnTo(noon(s).Add(10*time.Hour + 20*time.Minute))
	s.votes(bola, chidi)
	s.Advance(time.Hour)
	s.votes(bola, chidi)
	for who, want := range map[string]int{bola: 2, chidi: 1, ada: 1} {
		equal(t, who+"'s days", s.streak(who)["days"], want)
	}
	// Half an hour before a midnight of Kathmandu, which is a quarter to an hour.
	s.lives(dayo, "Asia/Kathmandu")
	s.turnTo(noon(s).Add(6*time.Hour + 5*time.Minute + 24*time.Hour))
	s.votes(dayo)
	s.Advance(15 * time.Minute)
	s.votes(dayo)
	equal(t, "dayo's days", s.streak(dayo)["days"], 2)
}

func TestAStreakWithItsFreeDay(t *testing.T) {
	s := open(t)
	s.turnTo(noon(s).AddDate(0, 0, 5)) // a Monday
	monday := noon(s)
	s.votes(bola)
	for day := 1; day <= 6; day++ {
		if s.turnTo(monday.AddDate(0, 0, day)); day != 3 {
			before := s.streak(bola)
			equal(t, "before the vote", []any{before["today_done"], before["frozen_day_used"]}, []any{false, day > 3})
			s.votes(bola)
			equal(t, "after it", s.streak(bola)["today_done"], true)
		}
	}
	equal(t, "the week", s.streak(bola), map[string]any{"days": 6, "best": 6, "frozen_day_used": true, "today_done": true})
	s.wantBadges(bola, "")
	s.turnTo(monday.AddDate(0, 0, 7))
	s.votes(bola)
	s.wantBadges(bola, "week-warrior")
	equal(t, "the next week", s.streak(bola), map[string]any{"days": 7, "best": 7, "frozen_day_used": false, "today_done": true})
	s.turnTo(monday.AddDate(0, 0, 17))
	equal(t, "later", s.streak(bola)["days"], 0)
	s.votes(bola)
	equal(t, "anew", s.streak(bola), map[string]any{"days": 1, "best": 7, "frozen_day_used": false, "today_done": true})
	s.Drain()
	equal(t, "notices", s.Int("SELECT COUNT(*) FROM notifications WHERE kind = 'badge_earned' AND user = {:u}", dbx.Params{"u": s.User(bola).Id}), 1)
}

func TestAnUploadIsADayToo(t *testing.T) {
	s := open(t)
	s.Clip(ada)
	s.Drain()
	equal(t, "ada's streak", s.streak(ada)["today_done"], true)
	if at := s.Text("SELECT last_at FROM contributors", nil); at[:10] != s.Deps.Clock.Now().UTC().Format(time.DateOnly) {
		t.Errorf("the latest is %q", at)
	}
	// A control is made by the server in the name of the speaker of its recording.
	s.Advance(24 * time.Hour)
	like, err := s.App.FindFirstRecordByData("clips", "owner", s.User(ada).Id)
	if err != nil {
		t.Fatal(err)
	}
	control := core.NewRecord(like.Collection())
	control.Load(like.FieldsData())
	control.Id = ""
	control.Set("media_sha256", "another")
	control.Set("control", true)
	if err := s.App.SaveNoValidate(control); err != nil {
		t.Fatal(err)
	}
	s.Drain()
	equal(t, "days after a control", s.streak(ada)["today_done"], false)
}

// Who votes all day long costs a job in a quarter of an hour.
func TestManyVotesAreOneJob(t *testing.T) {
	s := open(t)
	s.turnTo(noon(s).Add(10*time.Hour + time.Minute))
	for range 4 {
		s.votes(bola)
	}
	jobs := func() int64 {
		return s.Int("SELECT COUNT(*) FROM jobs WHERE kind = 'badges.day' AND effect_key LIKE {:user}", dbx.Params{"user": s.User(bola).Id + ":%"})
	}
	equal(t, "jobs", jobs(), 1)
	s.Advance(15 * time.Minute)
	s.votes(bola)
	equal(t, "jobs of the next block", jobs(), 2)
}

// What was rolled back is not remembered as done.
func TestOnlyWhatIsCommittedIsRemembered(t *testing.T) {
	s := open(t)
	book, at := &badges.Books{}, s.Deps.Clock.Now()
	enter := func(at time.Time, fails error) {
		err := s.App.RunInTransaction(func(tx core.App) error {
			if err := badges.Enter(book, tx, s.Deps, at, "somebody0000000", "somebodyelse000"); err != nil {
				return err
			}
			return fails
		})
		if !errors.Is(err, fails) {
			t.Fatal(err)
		}
	}
	jobs := func() int64 { return s.Int("SELECT COUNT(*) FROM jobs WHERE kind = 'badges.day'") }
	enter(at, errors.New("no"))
	equal(t, "jobs of what failed", jobs(), 0)
	enter(at, nil)
	equal(t, "jobs", jobs(), 2)
	// Without the row only memory knows: it does not ask the database again.
	s.in(func(tx core.App) error {
		_, err := tx.DB().NewQuery("DELETE FROM jobs WHERE kind = 'badges.day'").Execute()
		return err
	})
	enter(at, nil)
	equal(t, "jobs of who is known", jobs(), 0)
	enter(at.Add(15*time.Minute), nil)
	equal(t, "jobs of the next block", jobs(), 2)
}
