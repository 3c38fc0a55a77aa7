package badges_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/badges"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/leaderboard"
)

// scored plants a score of the present week.
func (s *server) scored(who, board, language string, score int64) {
	s.t.Helper()
	s.Insert("leaderboard_scores", dbx.Params{
		"id": shell.NewID(), "board": board, "bucket": leaderboard.Key(leaderboard.Week, s.Deps.Clock.Now(), time.UTC), "language": language,
		"user": s.User(who).Id, "score": score,
	})
}

// board is who is on a board, as "rank name score", and the asker's own line.
func (s *server) board(who, path string) (rows, me string) {
	s.t.Helper()
	answer := s.Want(s.Do(who, "GET", lingua+"/leaderboards/"+path, nil), 200, "")
	lines := []string{}
	for _, item := range answer.Items("rows") {
		card := item["user"].(map[string]any)
		if len(card) != 5 || card["id"] == "" || item["rank"] == nil {
			s.t.Errorf("the card has %v", card)
		}
		lines = append(lines, fmt.Sprint(item["rank"], " ", card["username"], " ", item["score"]))
	}
	own := answer.Data()["me"].(map[string]any)
	return strings.Join(lines, ", "), fmt.Sprint(own["rank"], " ", own["score"], " ", own["shown"])
}

func TestALeaderboard(t *testing.T) {
	s := open(t)
	ha := s.Language("ha")
	for who, score := range map[string]int64{ada: 9, bola: 7, chidi: 7, dayo: 5, emeka: 0, fatima: -2} {
		s.scored(who, "clips", "", score)
	}
	s.scored(bola, "clips", ha, 3)
	s.scored(ada, "validations", "", 100)
	first, second := s.byID(bola, chidi)
	all := fmt.Sprintf("1 ada 9, 2 %s 7, 2 %s 7, 4 dayo 5", first, second)
	for who, me := range map[string]string{ada: "1 9 true", chidi: "2 7 true", dayo: "4 5 true", emeka: "<nil> 0 true", fatima: "<nil> 0 true", musa: "<nil> 0 true"} {
		rows, own := s.board(who, "clips")
		equal(t, "what "+who+" sees", rows, all)
		equal(t, who, own, me)
	}
	rows, me := s.board(dayo, "clips?limit=1")
	equal(t, "one row", rows, "1 ada 9")
	equal(t, "who is not on the page", me, "4 5 true")
	for _, language := range []string{"ha", ha} {
		rows, _ = s.board(ada, "clips?window=week&language="+language)
		equal(t, "in Hausa", rows, "1 bola 3")
	}
	for _, empty := range []string{"clips?window=month", "clips?window=all", "clips?previous=1", "clips?language=yo", "referrals"} {
		rows, me = s.board(ada, empty)
		equal(t, empty, rows+me, "<nil> 0 true")
	}
	s.Advance(7 * 24 * time.Hour)
	s.Forget(ada)
	rows, me = s.board(ada, "clips")
	equal(t, "the week after", rows+me, "<nil> 0 true")
	rows, me = s.board(ada, "clips?previous=1")
	equal(t, "the week before", rows+"; "+me, all+"; 1 9 true")
	data := s.Do(ada, "GET", lingua+"/leaderboards/clips?previous=1", nil).Data()
	from, err := time.Parse(time.RFC3339, data["from"].(string))
	if err != nil || from.Weekday() != time.Monday || data["bucket"] != leaderboard.Key(leaderboard.Week, from, time.UTC) {
		t.Errorf("the week is %v of %v", data["bucket"], data["from"])
	}
}

// byID are two people in the order of their ids, which is that of equal scores.
func (s *server) byID(a, b string) (first, second string) {
	s.t.Helper()
	if s.User(a).Id > s.User(b).Id {
		return b, a
	}
	return a, b
}

func TestWhoIsNotShown(t *testing.T) {
	s := open(t)
	for who, score := range map[string]int64{ada: 9, bola: 8, chidi: 7, dayo: 6, emeka: 5} {
		s.scored(who, "validations", "", score)
	}
	profile := s.Want(s.Do(ada, "GET", "/api/collections/private_profiles/records", nil), 200, "").Items("items")[0]["id"].(string)
	off := func(off bool) {
		s.Want(s.Do(ada, "PATCH", "/api/collections/private_profiles/records/"+profile, map[string]any{"off_leaderboards": off}), 200, "")
	}
	off(true)
	s.stand(bola, "suspended")
	s.stand(chidi, "banned")
	rows, me := s.board(emeka, "validations")
	equal(t, "the board", rows+"; "+me, "1 dayo 6, 2 emeka 5; 2 5 true")
	rows, me = s.board(ada, "validations")
	equal(t, "of who is off", rows+"; "+me, "1 dayo 6, 2 emeka 5; <nil> 9 false")
	off(false)
	s.stand(bola, "warned")
	rows, _ = s.board(emeka, "validations")
	equal(t, "after they are back", rows, "1 ada 9, 2 bola 8, 3 dayo 6, 4 emeka 5")
}

func TestWhoMayAskForABoardAndHow(t *testing.T) {
	s := open(t)
	const path = lingua + "/leaderboards/"
	s.Want(s.Do(guest, "GET", path+"clips", nil), 401, "sign_in_required")
	s.Want(s.Do(admin, "GET", path+"clips", nil), 403, "not_allowed")
	s.stand(bola, "suspended")
	s.Want(s.Do(bola, "GET", path+"clips", nil), 403, "account_suspended")
	for asked, code := range map[string]string{
		"clips?window=year": "invalid_input", "clips?limit=0": "invalid_input", "clips?limit=101": "invalid_input", "clips?limit=x": "invalid_input",
		"clips?previous=2": "invalid_input", "clips?window=all&previous=1": "invalid_input", "clips?language=xx": "language_unavailable",
		"referrals?language=ha": "invalid_input",
	} {
		s.Want(s.Do(ada, "GET", path+asked, nil), 400, code)
	}
	s.Want(s.Do(ada, "GET", path+"followers", nil), 404, "not_found")
}

// A board is read from the top of an index: nothing is sorted or scanned.
func TestPlansOfTheBoards(t *testing.T) {
	s := open(t)
	params := dbx.Params{"board": "clips", "bucket": "all", "language": "", "score": 1, "limit": 10, "me": "x"}
	const top = "USING COVERING INDEX idx_leaderboard_scores_top (board=? AND bucket=? AND language=? AND score>?)"
	for name, c := range map[string]struct {
		query string
		uses  []string
	}{
		"top":   {badges.TopQuery, []string{top, "SEARCH u USING INDEX sqlite_autoindex_users_1 (id=?)", "SEARCH p USING INDEX idx_private_profiles_user (user=?)"}},
		"ahead": {badges.AheadQuery, []string{top, "SEARCH u USING INDEX sqlite_autoindex_users_1 (id=?)", "SEARCH p USING INDEX idx_private_profiles_user (user=?)"}},
		"mine":  {badges.MineQuery, []string{"idx_leaderboard_scores_one (board=? AND bucket=? AND language=? AND user=?)", "SEARCH u USING INDEX sqlite_autoindex_users_1 (id=?)"}},
	} {
		rows := []struct {
			Detail string `db:"detail"`
		}{}
		if err := s.App.DB().NewQuery("EXPLAIN QUERY PLAN " + c.query).Bind(params).All(&rows); err != nil {
			t.Fatal(err)
		}
		plan := ""
		for _, row := range rows {
			plan += row.Detail + "\n"
		}
		for _, uses := range c.uses {
			if !strings.Contains(plan, uses) {
				t.Errorf("%s does not use %s:\n%s", name, uses, plan)
			}
		}
		for _, bad := range []string{"TEMP B-TREE", "SCAN s", "SCAN u", "SCAN p"} {
			if strings.Contains(plan, bad) {
				t.Errorf("%s has %s:\n%s", name, bad, plan)
			}
		}
	}
}
