package referrals_test

import (
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

// TestASecondAccountIsFoundLater goes through the doors: one phone is seen with
// both, their money is frozen, a moderator confirms, and later another moderator
// finds that it was wrong.
func TestASecondAccountIsFoundLater(t *testing.T) {
	const phone = "X-Device-Id: phone-of-ada-1"
	s := begin(t)
	s.Policy(shell.PolicyReferrals, quick(nil))
	s.activate("fake")
	for _, who := range []string{ada, "fake"} {
		s.Want(s.Do(guest, "POST", "/api/collections/users/auth-with-password", map[string]any{"identity": who + "@lingualink.test", "password": apptest.Password}, phone), 200, "")
	}
	s.Drain()
	if n := s.Int("SELECT COUNT(*) FROM freezes WHERE state = 'frozen'"); n != 2 {
		t.Fatalf("%d people are frozen", n)
	}
	s.Advance(15 * day)
	s.release()
	s.wants("frozen", s.rewardsOf(ada), "bonus pending 75000", s.Balance(ada)["available"], 0)

	cluster := s.Text("SELECT id FROM risk_clusters WHERE state = 'open'", nil)
	body := map[string]any{"outcome": "confirmed", "reason": "One person with two accounts."}
	s.Want(s.Do(musa, "POST", "/api/lingualink/risk-clusters/"+cluster+"/decide", body), 200, "")
	s.Drain()
	s.wants("confirmed", s.state("fake"), "barred 1", s.rewardsOf(ada), "bonus reversed 75000", s.Balance(ada)["pending"], 0)
	people := s.Want(s.Do(ada, "GET", own, nil), 200, "").Items("people")
	s.wants("what ada sees", people[0]["state"], "barred")

	s.Want(s.Do(admin, "PATCH", usersPath+"/"+s.id(bola), map[string]any{"roles": []string{"moderator"}}), 200, "")
	freeze := s.Text("SELECT id FROM freezes WHERE user = {:fake}", dbx.Params{"fake": s.id("fake")})
	appeal := s.Want(s.Do("fake", "POST", "/api/collections/appeals/records", map[string]any{"subject_type": "freezes", "subject_id": freeze, "text": "It is my sister's phone."}), 200, "")
	s.Want(s.Do(bola, "POST", "/api/lingualink/appeals/"+appeal.Text("id")+"/decide", map[string]any{"outcome": "overturned", "reason": "Both came in person."}), 200, "")
	s.Drain()
	s.wants("overturned", s.state("fake"), "active 2", s.rewardsOf(ada), "bonus reversed 75000, bonus pending 75000")
}

// A farm that is honest but for one thing: its people vote for each other only.
func TestAFarmThatJudgesItself(t *testing.T) {
	s := begin(t)
	farm := []string{"farm1", "farm2", "farm3", "farm4"}
	for _, who := range farm {
		s.join(who, s.code(ada))
		s.verify(who)
	}
	for range 3 {
		for i, who := range farm {
			clip := s.Clip(who)
			for j, voter := range farm {
				if i != j {
					s.Want(s.Vote(voter, clip, "approve"), 200, "")
				}
			}
		}
		s.Drain()
		s.Advance(day)
	}
	s.wants("approved", s.Int("SELECT COUNT(*) FROM clips WHERE status = 'approved'"), 12)
	for _, who := range farm {
		s.wants(who, s.state(who), "invited 0")
	}
	s.Advance(20 * day)
	s.release()
	s.wants("nothing", s.rewardsOf(ada), "")
}

// Work outside the window of the terms does not count, and commission is of one
// generation only.
func TestDepthIsOne(t *testing.T) {
	s := begin(t)
	s.Policy(shell.PolicyReferrals, quick(nil))
	s.activate("child")
	s.Advance(time.Second)
	s.Want(s.signUp("grandchild", s.code("child")), 200, "")
	s.Consent("grandchild")
	s.verify("grandchild")
	s.approved("grandchild", chidi, dayo, emeka)
	s.wants("child earns", s.state("grandchild"), "active 1", s.rewardsOf("child"), "bonus pending 75000")
	s.paid("grandchild")
	s.wants("of it", s.rewardsOf("child"), "bonus pending 75000, commission pending 750")
	before := s.rewardsOf(ada)
	s.Advance(30 * day)
	s.release() // bonus and commission of the child
	s.wants("ada has nothing of that", s.Int("SELECT COUNT(*) FROM rewards WHERE user = {:ada} AND rule = 'referral_commission'", dbx.Params{"ada": s.id(ada)}), 0, before, "bonus pending 75000")
}
