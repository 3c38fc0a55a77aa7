package consensus_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

const reviewHausa = "/api/lingualink/trust/ha/review"

// excluded is a server on which the people given are excluded from Hausa.
func excluded(t *testing.T, people ...string) *hookstest.Server {
	t.Helper()
	s := measured(t)
	for _, who := range people {
		teach(s, t, who, answers(6, 0, 0, 6)...)
	}
	assess(s, t)
	return s
}

// ask opens a review and returns its id.
func ask(s *hookstest.Server, t *testing.T, who string) string {
	t.Helper()
	return s.Want(s.Do(who, "POST", reviewHausa, map[string]any{"text": "My ears are good."}), 200, "").Data()["review"].(string)
}

func decide(s *hookstest.Server, who, review, outcome string) apptest.Answer {
	return s.Do(who, "POST", "/api/lingualink/reviews/"+review+"/decide", map[string]any{"outcome": outcome, "reason": "We listened."})
}

func TestWhoMayAskForAReview(t *testing.T) {
	s := excluded(t, bola)
	asking := map[string]any{"text": "My ears are good."}
	s.Want(s.Do(apptest.Guest, "POST", reviewHausa, asking), 401, "sign_in_required")
	s.Want(s.Do(apptest.Admin, "POST", reviewHausa, asking), 403, "not_allowed")
	s.Want(s.Do(chidi, "POST", reviewHausa, asking), 409, "not_excluded")
	s.Want(s.Do(bola, "POST", "/api/lingualink/trust/yo/review", asking), 409, "not_excluded")
	s.Want(s.Do(bola, "POST", "/api/lingualink/trust/sw/review", asking), 403, "language_not_spoken")
	for _, text := range []string{"", " \n", strings.Repeat("é", 1001)} {
		s.Want(s.Do(bola, "POST", reviewHausa, map[string]any{"text": text}), 400, "invalid_input")
	}
	s.Want(s.Do(bola, "POST", reviewHausa, map[string]any{"text": "x", "state": "reinstated"}), 400, "invalid_input")
	if got := trustOf(s, t, bola); got["review_open"] != false {
		t.Errorf("before the review bola reads %v", got)
	}
	s.Want(s.Do(bola, "POST", reviewHausa, map[string]any{"text": strings.Repeat("é", 1000)}), 200, "")
	s.Want(s.Do(bola, "POST", reviewHausa, asking), 409, "review_open")
	if got := trustOf(s, t, bola); got["review_open"] != true {
		t.Errorf("with the review open bola reads %v", got)
	}
	if n := s.Int("SELECT COUNT(*) FROM reviews"); n != 1 {
		t.Errorf("%d reviews", n)
	}
	for who, want := range map[string]int{bola: 1, chidi: 0, musa: 1, apptest.Guest: 0} {
		items := s.Want(s.Do(who, "GET", "/api/collections/reviews/records", nil), 200, "").Items("items")
		if len(items) != want {
			t.Errorf("%q reads %d reviews", who, len(items))
		}
	}
	stand(s, t, bola, "banned")
	s.Want(s.Do(bola, "POST", reviewHausa, asking), 403, "account_banned")
}

func TestReviewsAreLimited(t *testing.T) {
	s := excluded(t, bola)
	for range 3 {
		s.Want(decide(s, musa, ask(s, t, bola), "confirmed"), 200, "")
	}
	s.Want(s.Do(bola, "POST", reviewHausa, map[string]any{"text": "Again."}), 429, "rate_limited")
	s.Advance(25 * time.Hour)
	ask(s, t, bola)
}

func TestWhoMayDecideAReview(t *testing.T) {
	s := excluded(t, bola, musa)
	review, own := ask(s, t, bola), ask(s, t, musa)
	s.Want(decide(s, apptest.Guest, review, "reinstated"), 401, "sign_in_required")
	for _, who := range []string{bola, chidi} {
		s.Want(decide(s, who, review, "reinstated"), 403, "not_allowed")
	}
	s.Want(decide(s, musa, own, "reinstated"), 403, "not_allowed")
	s.Want(decide(s, musa, "nothing00000000", "reinstated"), 404, "not_found")
	for _, body := range []map[string]any{
		{"outcome": "open", "reason": "x"}, {"outcome": "", "reason": "x"}, {"outcome": "reinstated"}, {"outcome": "reinstated", "reason": " "},
		{"outcome": "reinstated", "reason": strings.Repeat("x", 501)},
	} {
		s.Want(s.Do(musa, "POST", "/api/lingualink/reviews/"+review+"/decide", body), 400, "invalid_input")
	}
	stand(s, t, musa, "suspended")
	s.Want(decide(s, musa, review, "reinstated"), 403, "account_suspended")
	stand(s, t, musa, "good")
	link, err := s.App.DB().Insert("relations", dbx.Params{"id": "link00000000000", "a": s.User(bola).Id, "b": s.User(musa).Id, "kind": "device"}).Execute()
	if err != nil {
		t.Fatal(link, err)
	}
	s.Want(decide(s, musa, review, "reinstated"), 403, "not_allowed") // the same person, as far as is known
	if n := s.Int("SELECT COUNT(*) FROM reviews WHERE state = 'open'"); n != 2 {
		t.Fatalf("%d reviews are open", n)
	}
	s.Want(decide(s, apptest.Admin, review, "confirmed"), 200, "")
	s.Want(decide(s, apptest.Admin, own, "confirmed"), 200, "")
	for _, outcome := range []string{"confirmed", "reinstated"} {
		s.Want(decide(s, apptest.Admin, review, outcome), 409, "review_decided")
	}
}

func TestReinstated(t *testing.T) {
	s := excluded(t, bola, chidi)
	cursor(s, t, bola, 0)
	review := ask(s, t, bola)
	s.Want(decide(s, musa, review, "reinstated"), 200, "")
	params := dbx.Params{"me": s.User(bola).Id, "review": review}
	if n := s.Int(`SELECT gold_tp + gold_fn + gold_tn + gold_fp + learned_tp + learned_fn + learned_tn + learned_fp FROM skills WHERE validator = {:me}`, params); n != 0 {
		t.Errorf("%d billionths of an answer are still known of bola", n)
	}
	if n := s.Int("SELECT COUNT(*) FROM skill_events WHERE validator = {:me} AND source = 'review' AND cause = {:review} AND tp + fn + tn + fp = 0", params); n != 1 {
		t.Errorf("the history has %d reviews", n)
	}
	if n := s.Int("SELECT onboarding FROM queue_cursors WHERE validator = {:me}", params); n != 10 {
		t.Errorf("%d clips of the onboarding are left", n)
	}
	got := trustOf(s, t, bola)
	if got["state"] != "unproven" || got["tier"] != "" || got["answers"] != 0.0 || got["review_open"] != false || got["retake_at"] == "" {
		t.Errorf("bola reads %v", got)
	}
	if pay := s.Int("SELECT pay_bps FROM trust WHERE validator = {:me}", params); pay != 0 {
		t.Errorf("bola's answers are worth %d of the fee", pay)
	}
	if kinds := kinds(s, bola); kinds != "trust_excluded review_decided" {
		t.Errorf("bola is told %q", kinds)
	}
	if n := s.Int("SELECT COUNT(*) FROM audit_log WHERE action = 'review.decide' AND subject_id = {:review} AND actor = {:actor} AND reason = 'We listened.'",
		params, dbx.Params{"actor": "user:" + s.User(musa).Id}); n != 1 {
		t.Errorf("the audit log has it %d times", n)
	}
	row := s.Want(s.Do(bola, "GET", "/api/collections/reviews/records/"+review, nil), 200, "").JSON
	if row["state"] != "reinstated" || row["reason"] != "We listened." || row["decided_at"] == "" || row["actor"] != nil {
		t.Errorf("bola reads the review as %v", row)
	}
	s.Want(s.Do(bola, "POST", reviewHausa, map[string]any{"text": "Thanks."}), 409, "not_excluded")
	if got := trustOf(s, t, chidi); got["state"] != "excluded" {
		t.Errorf("chidi reads %v", got)
	}

	assess(s, t) // what was forgotten does not come back
	if got := trustOf(s, t, bola); got["state"] != "unproven" {
		t.Errorf("bola reads %v", got)
	}
	teach(s, t, bola, answers(3, 0, 2, 0)...)
	assess(s, t)
	if got := trustOf(s, t, bola); got["state"] != "proven" || got["answers"] != 5.0 {
		t.Errorf("after a new beginning bola reads %v", got)
	}
}

// TestReinstatedTooLate has somebody show by new answers that they tell good from
// bad, before the review is decided.
func TestReinstatedTooLate(t *testing.T) {
	s := excluded(t, bola)
	cursor(s, t, bola, 0)
	review := ask(s, t, bola)
	teach(s, t, bola, answers(20, 0, 20, 0)...)
	assess(s, t)
	before := s.Text("SELECT group_concat(id || state || seq || pay_bps || answers) FROM trust", nil)
	s.Want(decide(s, musa, review, "reinstated"), 200, "")
	if after := s.Text("SELECT group_concat(id || state || seq || pay_bps || answers) FROM trust", nil); after != before {
		t.Errorf("trust was %s and is %s", before, after)
	}
	if n := s.Int("SELECT COUNT(*) FROM skill_events WHERE source = 'review'") + s.Int("SELECT onboarding FROM queue_cursors"); n != 0 {
		t.Errorf("what bola has shown is forgotten")
	}
	if kinds := kinds(s, bola); kinds != "trust_excluded trust_proven review_decided" {
		t.Errorf("bola is told %q", kinds)
	}
}

func TestConfirmed(t *testing.T) {
	s := excluded(t, bola)
	cursor(s, t, bola, 0)
	before := s.Text("SELECT group_concat(id || state || seq || pay_bps || answers) FROM trust", nil)
	review := ask(s, t, bola)
	s.Want(decide(s, musa, review, "confirmed"), 200, "")
	if after := s.Text("SELECT group_concat(id || state || seq || pay_bps || answers) FROM trust", nil); after != before {
		t.Errorf("trust was %s and is %s", before, after)
	}
	if n := s.Int("SELECT COUNT(*) FROM skill_events WHERE source = 'review'") + s.Int("SELECT onboarding FROM queue_cursors"); n != 0 {
		t.Errorf("a confirmed exclusion changes what is known")
	}
	if kinds := kinds(s, bola); kinds != "trust_excluded review_decided" {
		t.Errorf("bola is told %q", kinds)
	}
	if report, err := shell.VerifyAudit(s.App.DB()); err != nil || report.Problem != "" || report.Rows == 0 {
		t.Errorf("the audit log: %+v %v", report, err)
	}
}
