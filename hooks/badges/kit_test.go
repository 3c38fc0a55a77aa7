package badges_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

const (
	ada, bola, chidi, dayo, emeka, fatima, musa = apptest.Ada, apptest.Bola, apptest.Chidi, apptest.Dayo, apptest.Emeka, apptest.Fatima, apptest.Musa
	guest, admin                                = apptest.Guest, apptest.Admin
	lingua                                      = "/api/lingualink"
)

func TestMain(m *testing.M) { apptest.Main(m) }

type server struct {
	*hookstest.Server
	t testing.TB
}

// open is a server on which three equal votes decide and Ada may record, at noon
// (UTC) of a Wednesday, the 15th of a month.
func open(t testing.TB) *server {
	t.Helper()
	s := &server{hookstest.Start(t), t}
	s.OpenVoting()
	s.Consent(ada)
	now := s.Deps.Clock.Now()
	day := time.Date(now.Year(), now.Month(), 15, 12, 0, 0, 0, time.UTC)
	for day = day.AddDate(0, 1, 0); day.Weekday() != time.Wednesday; {
		day = day.AddDate(0, 1, 0)
	}
	s.turnTo(day)
	return s
}

// turnTo turns the clock to a moment to come.
func (s *server) turnTo(at time.Time) {
	s.t.Helper()
	ahead := at.Sub(s.Deps.Clock.Now())
	if ahead < 0 {
		s.t.Fatalf("%v is over", at)
	}
	s.Advance(ahead)
	s.Forget(ada)
	for _, who := range []string{bola, chidi, dayo, emeka, fatima, musa, admin} {
		s.Forget(who)
	}
}

// decided is a clip of Ada's that Bola, Chidi and Dayo decided and Emeka saw
// otherwise.
func (s *server) decided(verdict string) string {
	s.t.Helper()
	other := map[string]string{"approve": "reject", "reject": "approve"}[verdict]
	clip := s.Clip(ada)
	s.Want(s.Vote(emeka, clip, other), 200, "")
	for _, who := range []string{bola, chidi, dayo, fatima, musa} {
		s.Want(s.Vote(who, clip, verdict), 200, "")
		if s.Int("SELECT COUNT(*) FROM verdicts WHERE clip = {:clip}", dbx.Params{"clip": clip}) > 0 {
			return clip
		}
	}
	s.t.Fatal("there is no verdict")
	return ""
}

func (s *server) overrule(clip, verdict string) {
	s.t.Helper()
	body := map[string]any{"verdict": verdict, "note": "listened again"}
	if verdict == "reject" {
		body["reason"] = "background_noise"
	}
	s.Want(s.Do(admin, "POST", lingua+"/clips/"+clip+"/overrule", body), 200, "")
}

// count is one count of a person, by the column of contributors.
func (s *server) count(who, column string) int64 {
	s.t.Helper()
	return s.Int("SELECT COALESCE(SUM("+column+"), 0) FROM contributors WHERE user = {:user}", dbx.Params{"user": s.User(who).Id})
}

func (s *server) score(board, bucket, language, who string) int64 {
	s.t.Helper()
	return s.Int(`SELECT COALESCE(SUM(score), 0) FROM leaderboard_scores
		WHERE board = {:board} AND bucket = {:bucket} AND language = {:language} AND user = {:user}`,
		dbx.Params{"board": board, "bucket": bucket, "language": language, "user": s.User(who).Id})
}

// slugs are the badges that a person has or had, in the order of the alphabet.
func (s *server) slugs(who string) string {
	s.t.Helper()
	return s.Text(`SELECT COALESCE(GROUP_CONCAT(slug, ' '), '') FROM
		(SELECT b.slug FROM user_badges h JOIN badges b ON b.id = h.badge WHERE h.user = {:user} ORDER BY b.slug)`, dbx.Params{"user": s.User(who).Id})
}

func (s *server) in(fn func(tx core.App) error) {
	s.t.Helper()
	if err := s.App.RunInTransaction(fn); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) stand(who, standing string) {
	s.t.Helper()
	id := s.User(who).Id
	s.in(func(tx core.App) error { return accounts.SetStanding(tx, id, standing, "a test", shell.System) })
	s.Forget(who)
}

func (s *server) progress(who string) map[string]any {
	s.t.Helper()
	return s.Want(s.Do(who, "GET", lingua+"/badges/progress", nil), 200, "").Data()
}

// badge is one badge of the progress.
func (s *server) badge(who, slug string) map[string]any {
	s.t.Helper()
	for _, item := range s.Want(s.Do(who, "GET", lingua+"/badges/progress", nil), 200, "").Items("badges") {
		if item["slug"] == slug {
			return item
		}
	}
	s.t.Fatalf("there is no badge %s", slug)
	return nil
}

func (s *server) wantBadges(who, want string) {
	s.t.Helper()
	if got := s.slugs(who); got != want {
		s.t.Errorf("%s has %q, want %q", who, got, want)
	}
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}
