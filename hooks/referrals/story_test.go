package referrals_test

import (
	"testing"

	"github.com/pocketbase/dbx"
)

// TestTheWholeStory goes from a code to money that can be paid out.
func TestTheWholeStory(t *testing.T) {
	s := begin(t)
	s.join("ngozi", s.code(ada))
	s.wants("signed up", s.state("ngozi"), "invited 0", s.claims("ngozi"), "attributed signup", s.rewardsOf(ada), "", s.notices(ada), "referral_joined")
	s.works("ngozi", chidi, dayo, emeka)
	s.wants("not verified", s.state("ngozi"), "invited 0")
	s.verify("ngozi")
	s.wants("active", s.state("ngozi"), "active 1", s.rewardsOf(ada), "bonus pending 75000",
		s.notices(ada), "referral_joined, referral_bonus", s.notices("ngozi"), "referral_active",
		s.Balance(ada)["pending"], bonus)

	answer := s.Want(s.Do(ada, "GET", own, nil), 200, "")
	people := answer.Items("people")
	if len(people) != 1 || people[0]["state"] != "active" {
		t.Fatalf("ada's people: %s", answer.Raw)
	}
	progress := people[0]["progress"].(map[string]any)
	s.wants("progress", progress["clips"], 3, progress["days"], 3, progress["verified"], true)

	s.approved("ngozi", chidi, dayo, emeka)
	s.Advance(8 * day) // what ngozi earned is released; the bonus is not yet
	s.release()
	s.wants("ngozi is paid", s.rewardsOf(ada), "bonus pending 75000, commission pending 750, commission pending 750, commission pending 750, commission pending 750")
	s.release()
	s.Advance(14 * day)
	s.release()
	s.wants("ada is paid", s.Balance(ada)["available"], bonus+4*750, s.Balance(ada)["pending"], 0)
	if n := s.Int("SELECT COUNT(*) FROM rewards WHERE rule LIKE 'referral%'"); n != 5 {
		t.Errorf("%d rewards, want 5: nothing is paid on bonuses and commission", n)
	}
	if n := s.Int("SELECT referrals FROM contributors WHERE user = {:ada}", dbx.Params{"ada": s.id(ada)}); n != 1 {
		t.Errorf("%d referrals are counted", n)
	}
}
