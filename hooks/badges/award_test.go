package badges_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/badges"
	"github.com/lingualink/lingualink/hooks/shell"
)

// referred counts people whom somebody brought, one transaction each.
func (s *server) referred(who string, times int, delta int64) {
	s.t.Helper()
	id, now := s.User(who).Id, s.Deps.Clock.Now()
	for range times {
		s.in(func(tx core.App) error { return badges.CountReferrals(tx, s.Deps, id, delta, now) })
	}
}

func TestABadgeIsAwardedOnce(t *testing.T) {
	s := open(t)
	clip := s.decided("approve")
	s.Drain()
	s.wantBadges(ada, "first-steps")
	badge := s.Text("SELECT id FROM badges WHERE slug = 'first-steps'", nil)
	card := s.Want(s.Do(emeka, "GET", "/api/collections/users/records/"+s.User(ada).Id, nil), 200, "")
	equal(t, "the card that Emeka sees", card.JSON["badges"], []any{badge})
	row := s.Want(s.Do(ada, "GET", "/api/collections/user_badges/records", nil), 200, "").Items("items")
	if len(row) != 1 || row[0]["badge"] != badge || row[0]["revoked_at"] != "" || len(row[0]["code"].(string)) != 26 {
		t.Errorf("the row is %v", row)
	}
	equal(t, "earned when the verdict fell", row[0]["earned_at"], s.Text("SELECT created FROM verdicts", nil))
	equal(t, "rows that Emeka sees", len(s.Want(s.Do(emeka, "GET", "/api/collections/user_badges/records", nil), 200, "").Items("items")), 0)

	// The verdict is taken back and given again: the badge stays, nobody hears of it again.
	s.overrule(clip, "reject")
	s.Drain()
	equal(t, "ada's clips", s.count(ada, "clips_approved"), 0)
	s.overrule(clip, "approve")
	s.decided("approve")
	s.Drain()
	equal(t, "ada's clips", s.count(ada, "clips_approved"), 2)
	s.wantBadges(ada, "first-steps")
	notices := s.Want(s.Do(ada, "GET", "/api/collections/notifications/records?filter=kind='badge_earned'", nil), 200, "").Items("items")
	if len(notices) != 1 || !strings.Contains(notices[0]["body"].(string), "First Steps") {
		t.Errorf("the notices are %v", notices)
	}
	equal(t, "the card", s.User(ada).GetStringSlice("badges"), []string{badge})
}

func TestReferralsAreCountedWhereTheyBegan(t *testing.T) {
	s := open(t)
	began := s.Deps.Clock.Now()
	s.referred(bola, 10, +1)
	s.wantBadges(bola, "community-starter cultural-connector")
	s.Advance(40 * 24 * time.Hour)
	id := s.User(bola).Id
	s.in(func(tx core.App) error { return badges.CountReferrals(tx, s.Deps, id, -1, began) })
	equal(t, "referrals", s.count(bola, "referrals"), 9)
	equal(t, "of that month", s.score("referrals", began.Format("2006-01"), "", bola), 9)
	equal(t, "of this month", s.Int("SELECT COUNT(*) FROM leaderboard_scores WHERE board = 'referrals' AND bucket = {:b}", dbx.Params{"b": s.Deps.Clock.Now().Format("2006-01")}), 0)
	equal(t, "languages", s.Int("SELECT COUNT(*) FROM leaderboard_scores WHERE board = 'referrals' AND language != ''"), 0)
	s.wantBadges(bola, "community-starter cultural-connector")
}

func TestCountsAtOnceLoseNothing(t *testing.T) {
	s := open(t)
	id, now := s.User(chidi).Id, s.Deps.Clock.Now()
	const people = 12
	errs := make([]error, people)
	start := make(chan struct{})
	var done sync.WaitGroup
	for i := range people {
		done.Go(func() {
			<-start
			errs[i] = s.App.RunInTransaction(func(tx core.App) error { return badges.CountReferrals(tx, s.Deps, id, 1, now) })
		})
	}
	close(start)
	done.Wait()
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	equal(t, "referrals", s.count(chidi, "referrals"), people)
	s.wantBadges(chidi, "community-starter cultural-connector")
	equal(t, "the card", len(s.User(chidi).GetStringSlice("badges")), 2)
	s.Drain()
	equal(t, "notices", s.Int("SELECT COUNT(*) FROM notifications WHERE kind = 'badge_earned'"), 2)
}

func TestWhoIsBannedEarnsNoBadgeAndMakesUpForIt(t *testing.T) {
	s := open(t)
	s.stand(dayo, "banned")
	s.referred(dayo, 1, 1)
	s.wantBadges(dayo, "")
	s.stand(dayo, "good")
	s.referred(dayo, 1, 1)
	s.wantBadges(dayo, "community-starter")
}

func TestFraudTakesBadgesAwayAndAnAppealGivesThemBack(t *testing.T) {
	s := open(t)
	s.referred(bola, 10, 1)
	code := s.badge(bola, "cultural-connector")["certificate"].(string)
	id := s.User(bola).Id
	revoke := func() {
		s.in(func(tx core.App) error { return badges.Revoke(tx, s.Deps, id, "a farm", "user:m") })
	}
	revoke()
	revoke() // a second decision finds nothing left
	equal(t, "the card", s.User(bola).GetStringSlice("badges"), []string{})
	equal(t, "revoked", s.Int("SELECT COUNT(*) FROM user_badges WHERE revoked_at != ''"), 2)
	equal(t, "the log", s.Text("SELECT GROUP_CONCAT(actor || ' ' || action || ' ' || reason) FROM audit_log WHERE subject_id = {:id}", dbx.Params{"id": id}), "user:m badges.revoke a farm")
	status := s.badge(bola, "cultural-connector")
	equal(t, "progress", []any{status["earned"], status["revoked"], status["certificate"], s.progress(bola)["earned"]}, []any{false, true, nil, 0})
	equal(t, "the certificate", s.Do(guest, "GET", code, nil).Status, 410)

	// What is earned anew shows; what was revoked is not earned again.
	s.referred(bola, 40, 1)
	s.wantBadges(bola, "community-starter cultural-connector language-leader")
	equal(t, "the card", s.User(bola).GetStringSlice("badges"), []string{s.Text("SELECT id FROM badges WHERE slug = 'language-leader'", nil)})

	for range 2 {
		s.in(func(tx core.App) error { return badges.Restore(tx, s.Deps, id, "the appeal is right", shell.System) })
	}
	equal(t, "the card", len(s.User(bola).GetStringSlice("badges")), 3)
	equal(t, "revoked", s.Int("SELECT COUNT(*) FROM user_badges WHERE revoked_at != ''"), 0)
	equal(t, "the address", s.badge(bola, "cultural-connector")["certificate"], code)
	equal(t, "the certificate", s.Do(guest, "GET", code, nil).Status, 200)
	equal(t, "acts", s.Int("SELECT COUNT(*) FROM audit_log WHERE subject_id = {:id}", dbx.Params{"id": id}), 2)
}

func TestAdminsAddBadges(t *testing.T) {
	s := open(t)
	s.referred(bola, 3, 1)
	const path = "/api/collections/badges/records"
	body := func(change map[string]any) map[string]any {
		badge := map[string]any{"slug": "trio", "name": "Trio", "description": "3 people.", "measure": "referrals", "level": "bronze", "threshold": 3}
		for name, value := range change {
			badge[name] = value
		}
		return badge
	}
	for field, change := range map[string]map[string]any{
		"slug":      {"slug": "first-steps"},
		"name":      {"name": "First Steps"},
		"level":     {"level": "tin"},
		"measure":   {"measure": "followers"},
		"threshold": {"level": "gold"}, // easier than silver's 10
	} {
		answer := s.Want(s.Do(admin, "POST", path, body(change)), 400, "invalid_input")
		if errors, _ := answer.JSON["data"].(map[string]any); errors[field] == nil {
			t.Errorf("%v: %s", change, answer.Raw)
		}
	}
	s.Want(s.Do(admin, "POST", path, body(map[string]any{"slug": "No Slug"})), 400, "invalid_input")
	for _, who := range []string{guest, ada, musa} {
		if answer := s.Do(who, "POST", path, body(nil)); answer.Status < 400 {
			t.Errorf("%q added a badge", who)
		}
	}
	equal(t, "badges", s.Int("SELECT COUNT(*) FROM badges"), 14)

	made := s.Want(s.Do(admin, "POST", path, body(nil)), 200, "").Text("id")
	s.wantBadges(bola, "community-starter")
	s.referred(bola, 1, 1) // the next contribution
	s.wantBadges(bola, "community-starter trio")
	equal(t, "the public list", len(s.Want(s.Do(guest, "GET", path, nil), 200, "").Items("items")), 15)

	s.Want(s.Do(admin, "PATCH", path+"/"+made, map[string]any{"name": "First Steps"}), 400, "invalid_input")
	s.Want(s.Do(admin, "PATCH", path+"/"+made, map[string]any{"name": "Three"}), 200, "")
	s.Want(s.Do(admin, "PATCH", path+"/"+made, map[string]any{"threshold": 4}), 400, "server_field")
	s.Want(s.Do(admin, "DELETE", path+"/"+made, nil), 409, "insert_only")
}

func TestProgress(t *testing.T) {
	s := open(t)
	s.Decide(s.Clip(ada), "approve")
	s.referred(ada, 5, 1)
	s.Drain()
	data := s.progress(ada)
	equal(t, "sums", []any{data["earned"], data["total"]}, []any{2, 14})
	equal(t, "counts", data["counts"], map[string]any{"clips_approved": 1, "validations": 0, "referrals": 5, "streak_days": 1})
	equal(t, "streak", data["streak"], map[string]any{"days": 1, "best": 1, "frozen_day_used": false, "today_done": true})
	connector, first := s.badge(ada, "cultural-connector"), s.badge(ada, "first-steps")
	equal(t, "on the way", []any{connector["current"], connector["target"], connector["percentage"], connector["earned"], connector["earned_at"], connector["certificate"]},
		[]any{5, 10, 50, false, nil, nil})
	equal(t, "reached", []any{first["percentage"], first["earned"], first["level"], first["measure"]}, []any{100, true, "bronze", "clips_approved"})
	if at, err := time.Parse(time.RFC3339, first["earned_at"].(string)); err != nil || at.Before(s.Deps.Clock.Now().Add(-time.Hour)) {
		t.Errorf("earned at %v, %v", first["earned_at"], err)
	}
	nothing := s.progress(musa)
	equal(t, "of who did nothing", []any{nothing["earned"], nothing["streak"]}, []any{0, map[string]any{"days": 0, "best": 0, "frozen_day_used": false, "today_done": false}})

	s.Want(s.Do(guest, "GET", lingua+"/badges/progress", nil), 401, "sign_in_required")
	s.Want(s.Do(admin, "GET", lingua+"/badges/progress", nil), 403, "not_allowed")
	s.stand(chidi, "suspended")
	s.Want(s.Do(chidi, "GET", lingua+"/badges/progress", nil), 403, "account_suspended")
	s.stand(dayo, "banned")
	s.Want(s.Do(dayo, "GET", lingua+"/badges/progress", nil), 403, "account_banned")
}
