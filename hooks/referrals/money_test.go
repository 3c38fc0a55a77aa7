package referrals_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/badges"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/risk"
	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
)

// activate makes somebody active whom ada brought, at once: by one clip, under a
// policy that asks for no more.
func (s *story) activate(name string) {
	s.t.Helper()
	s.join(name, s.code(ada))
	s.verify(name)
	e := &badges.ContributionsEvent{
		Clip: shell.NewID(), Owner: s.id(name), Campaign: s.GeneralCampaign(), Currency: "NGN", Revision: 1, Outcome: engine.Approved, ClipSentAt: s.Deps.Clock.Now(),
		Votes: []badges.Vote{{ID: shell.NewID(), Validator: s.id(chidi), Agrees: true}, {ID: shell.NewID(), Validator: s.id(dayo), Agrees: true}},
	}
	s.hand(e)
	s.Drain()
	s.wants(name, s.state(name), "active 1")
}

// quick is a policy under which one clip makes active.
func quick(more map[string]any) map[string]any {
	values := map[string]any{"activation_clips": 1, "activation_days": 1}
	for name, value := range more {
		values[name] = value
	}
	return values
}

func TestCapsOfBonuses(t *testing.T) {
	s := begin(t)
	s.Policy(shell.PolicyReferrals, quick(map[string]any{"bonuses_per_day": 2, "bonuses_per_month": 3}))
	// The beginning of a month, so that the days are in it.
	now := s.Deps.Clock.Now().UTC()
	s.Advance(time.Date(now.Year(), now.Month()+1, 1, 1, 0, 0, 0, time.UTC).Sub(now))
	for i := range 3 {
		s.activate(fmt.Sprint("person", i))
	}
	s.wants("a day", s.rewardsOf(ada), "bonus pending 75000, bonus pending 75000, bonus void 0 bonuses_per_day")
	caps := s.Want(s.Do(ada, "GET", own, nil), 200, "").Data()["caps"].(map[string]any)
	s.wants("what ada sees", caps["day"].(map[string]any)["used"], 2, caps["day"].(map[string]any)["most"], 2, caps["month"].(map[string]any)["used"], 2, caps["month"].(map[string]any)["most"], 3)
	s.Advance(day)
	s.activate("person3")
	s.activate("person4")
	s.wants("a month", s.rewardsOf(ada), "bonus pending 75000, bonus pending 75000, bonus void 0 bonuses_per_day, bonus pending 75000, bonus void 0 bonuses_per_month")
	s.Advance(31 * day)
	s.activate("person5")
	s.wants("the next", s.Int("SELECT COUNT(*) FROM rewards WHERE rule = 'referral_bonus' AND state = 'pending'"), 4)
	// What is above a cap is not paid later, whatever is told again.
	s.Drain()
	s.wants("paid", s.Balance(ada)["pending"], 4*bonus, s.Int("SELECT referrals FROM contributors WHERE user = {:a}", dbx.Params{"a": s.id(ada)}), 6)
}

func TestATierMultipliesTheBonusOfItsMonth(t *testing.T) {
	s := begin(t)
	s.Policy(shell.PolicyReferrals, quick(nil))
	tier := func(month string) {
		s.exec("DELETE FROM referrers", nil)
		s.Insert("referrers", dbx.Params{"id": shell.NewID(), "user": s.id(ada), "tier": "gold", "month": month, "updated": "2026-01-01 00:00:00.000Z"})
	}
	tier(s.Deps.Clock.Now().UTC().AddDate(0, -1, -5).Format("2006-01"))
	s.activate("one")
	tier(s.Deps.Clock.Now().UTC().Format("2006-01"))
	s.activate("two")
	s.wants("gold", s.rewardsOf(ada), "bonus pending 75000, bonus pending 93750", s.Want(s.Do(ada, "GET", own, nil), 200, "").Data()["tier"], "gold")
}

func TestNoBonusInTheCurrency(t *testing.T) {
	s := begin(t)
	s.Policy(shell.PolicyReferrals, quick(map[string]any{"bonus_minor": map[string]any{"NGN": 0}}))
	s.activate("one")
	s.wants("nothing to record", s.rewardsOf(ada), "", s.notices(ada), "referral_joined, referral_bonus")
}

// A campaign without money owes the bonus, and pays it when it has some.
func TestABonusWaitsForTheCampaign(t *testing.T) {
	s := begin(t)
	s.Policy(shell.PolicyReferrals, quick(map[string]any{"bonus_minor": map[string]any{"NGN": 200_000_000}}))
	s.activate("one")
	s.wants("poor", s.rewardsOf(ada), "bonus unfunded 200000000")
	earned := s.Want(s.Do(ada, "GET", own, nil), 200, "").Items("earned")
	s.wants("what ada sees", earned[0]["unfunded_minor"], 2e8, earned[0]["pending_minor"], 0)
	s.Fund(200_000_000)
	s.wants("rich", s.rewardsOf(ada), "bonus pending 200000000")
}

// paid is a reward of the person that was released: a clip of ten times the rate.
func (s *story) paid(who string) (reward string) {
	s.t.Helper()
	clip := s.Clip(who)
	s.Decide(clip, "approve")
	s.Drain()
	s.exec("UPDATE rewards SET available_at = {:now} WHERE clip = {:clip} AND user = {:user}",
		dbx.Params{"clip": clip, "user": s.id(who), "now": shell.Stamp(s.Deps.Clock.Now())})
	s.release()
	return s.Text("SELECT id FROM rewards WHERE clip = {:clip} AND user = {:user} AND state = 'released'", dbx.Params{"clip": clip, "user": s.id(who)})
}

func TestCommissionEnds(t *testing.T) {
	s := begin(t)
	s.Policy(shell.PolicyReferrals, quick(map[string]any{"bonus_minor": map[string]any{"NGN": 1000}, "commission_bonuses": 2, "commission_days": 60}))
	s.activate("ngozi") // all commission is at most 2 bonuses: 2000
	for range 5 {
		s.paid("ngozi")
	}
	s.wants("at the cap", s.rewardsOf(ada), "bonus pending 1000, commission pending 750, commission pending 750, commission pending 500 commission_bonuses")
	s.activate("obi")
	s.Advance(60*day - time.Minute)
	s.paid("obi")
	s.Advance(2 * time.Minute)
	s.paid("obi")
	n := s.Int("SELECT COUNT(*) FROM rewards r JOIN referrals f ON f.id = r.referral WHERE r.rule = 'referral_commission' AND f.referred = {:obi}", dbx.Params{"obi": s.id("obi")})
	s.wants("after 60 days", n, 1)
}

// A cap that is met exactly is named once, with nothing.
func TestTheEndOfCommissionIsNamedOnce(t *testing.T) {
	s := begin(t)
	s.Policy(shell.PolicyReferrals, quick(map[string]any{"bonus_minor": map[string]any{"NGN": 750}, "commission_bonuses": 1}))
	s.activate("ngozi")
	for range 3 {
		s.paid("ngozi")
	}
	s.wants("named", s.rewardsOf(ada), "bonus pending 750, commission pending 750, commission void 0 commission_bonuses")
}

func TestNoCommissionBeforeAndAfter(t *testing.T) {
	s := begin(t)
	s.join("ngozi", s.code(ada))
	s.paid("ngozi")
	s.wants("not active yet", s.rewardsOf(ada), "")
	s.join("other", "")
	s.paid("other") // nobody brought them
	s.wants("nobody", s.Int("SELECT COUNT(*) FROM rewards WHERE referral != ''"), 0)
	s.verify("ngozi")
	s.Advance(day)
	clips := s.works("ngozi")
	s.wants("active", s.state("ngozi"), "active 1")
	for _, clip := range clips {
		s.overrule(clip, "reject")
	}
	s.wants("withdrawn", s.state("ngozi"), "withdrawn 1")
	s.paid("ngozi")
	s.wants("active no more", s.rewardsOf(ada), "bonus reversed 75000")
}

// A reward that is stripped takes the share in it along, released or not.
func TestCommissionFollowsItsReward(t *testing.T) {
	s := begin(t)
	s.Policy(shell.PolicyReferrals, quick(nil))
	s.activate("ngozi")
	pending, released := s.paid("ngozi"), s.paid("ngozi")
	s.exec("UPDATE rewards SET available_at = {:now} WHERE subject = {:of}", dbx.Params{"of": released, "now": shell.Stamp(s.Deps.Clock.Now())})
	s.release()
	s.wants("before", s.rewardsOf(ada), "bonus pending 75000, commission pending 750, commission released 750")
	for range 2 {
		err := s.App.RunInTransaction(func(tx core.App) error {
			_, err := ledger.TakeBack(tx, s.Deps, []string{pending, released}, true, shell.System, "Fraud.")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	s.wants("after", s.rewardsOf(ada), "bonus pending 75000, commission reversed 750, commission clawback 750", s.Balance(ada)["available"], 0, s.Balance(ada)["pending"], bonus)
}

// decided tells of a moderator's decision, as hooks/risk does.
func (s *story) decided(outcome string, people ...string) {
	s.t.Helper()
	err := s.App.RunInTransaction(func(tx core.App) error {
		return risk.OnDecided(tx).Trigger(&risk.DecidedEvent{App: tx, Cluster: shell.NewID(), Outcome: outcome, People: people, Actor: "user:x", Reason: "One person."})
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.Drain()
}

func (s *story) overturned(person string) {
	s.t.Helper()
	err := s.App.RunInTransaction(func(tx core.App) error {
		return risk.OnOverturned(tx).Trigger(&risk.OverturnedEvent{App: tx, Cluster: shell.NewID(), User: person, Actor: "user:y", Reason: "Two people."})
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.Drain()
}

func TestFraudTakesEverythingAndAnAppealGivesItBack(t *testing.T) {
	s := begin(t)
	s.Policy(shell.PolicyReferrals, quick(nil))
	s.activate("ngozi")
	s.activate("obi")
	first, second := s.paid("ngozi"), s.paid("ngozi")
	s.Advance(15 * day)
	s.release()
	s.paid("ngozi")
	s.wants("before", s.rewardsOf(ada), "bonus released 75000, bonus released 75000, commission released 750, commission released 750, commission pending 750",
		s.Balance(ada)["available"], 2*bonus+1500)

	s.decided(collections.ClusterCleared, s.id(ada), s.id("ngozi"))
	s.wants("cleared", s.state("ngozi"), "active 1")
	for range 2 {
		s.decided(collections.ClusterConfirmed, s.id(ada), s.id("ngozi"))
		s.wants("confirmed", s.state("ngozi"), "barred 1", s.state("obi"), "active 1",
			s.rewardsOf(ada), "bonus clawback 75000, bonus released 75000, commission clawback 750, commission clawback 750, commission reversed 750",
			s.Balance(ada)["available"], bonus, s.Balance(ada)["pending"], 0, s.Int("SELECT referrals FROM contributors WHERE user = {:a}", dbx.Params{"a": s.id(ada)}), 1)
	}
	s.wants("told", s.notices(ada), "referral_joined, referral_bonus, referral_joined, referral_bonus, referral_barred")
	s.hand(&badges.ContributionsEvent{Clip: "x", Owner: s.id("ngozi"), Campaign: s.GeneralCampaign(), Revision: 1, Outcome: engine.Approved, ClipSentAt: s.Deps.Clock.Now(),
		Votes: []badges.Vote{{ID: "a", Validator: s.id(chidi), Agrees: true}, {ID: "b", Validator: s.id(dayo), Agrees: true}}})
	s.paid("ngozi")
	s.wants("no way back but one", s.state("ngozi"), "barred 1", s.Balance(ada)["pending"], 0)

	// One of the rewards is gone for another reason meanwhile.
	err := s.App.RunInTransaction(func(tx core.App) error {
		_, err := ledger.TakeBack(tx, s.Deps, []string{second}, true, shell.System, "Fraud.")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s.overturned(s.id("ngozi"))
		s.wants("restored", s.state("ngozi"), "active 2", s.Balance(ada)["pending"], bonus+2*750, s.Balance(ada)["available"], bonus,
			s.Int("SELECT COUNT(*) FROM rewards WHERE subject = {:first} AND state = 'pending'", dbx.Params{"first": first}), 1,
			s.Int("SELECT COUNT(*) FROM rewards WHERE subject = {:second} AND state = 'pending'", dbx.Params{"second": second}), 0)
	}
	s.overturned(s.id("obi")) // nothing was decided about
	s.wants("obi", s.state("obi"), "active 1")

	// Once more: the keys are new ones again.
	s.decided(collections.ClusterConfirmed, s.id("ngozi"))
	s.wants("barred again", s.state("ngozi"), "barred 2", s.Balance(ada)["pending"], 0)
	s.overturned(s.id("ngozi"))
	s.wants("restored again", s.state("ngozi"), "active 3", s.Balance(ada)["pending"], bonus+2*750)
}

// What is frozen waits, and is lost to nobody.
func TestFrozenMoneyWaits(t *testing.T) {
	s := begin(t)
	s.Policy(shell.PolicyReferrals, quick(nil))
	s.activate("ngozi")
	s.Insert("freezes", dbx.Params{"id": shell.NewID(), "user": s.id(ada), "cluster": shell.NewID(), "reason": "Look.", "state": "frozen"})
	s.Advance(15 * day)
	s.release()
	s.wants("frozen", s.rewardsOf(ada), "bonus pending 75000")
	s.exec("UPDATE freezes SET state = 'lifted'", nil)
	s.release()
	s.wants("lifted", s.rewardsOf(ada), "bonus released 75000")
}

func TestOneSeesPages(t *testing.T) {
	s := begin(t)
	s.Policy(shell.PolicyReferrals, quick(nil))
	for i := range 5 {
		s.join(fmt.Sprint("person", i), s.code(ada))
		s.Advance(time.Second)
	}
	s.activate("person9")
	first := s.Want(s.Do(ada, "GET", own+"?per_page=4", nil), 200, "")
	second := s.Want(s.Do(ada, "GET", own+"?per_page=4&page=2", nil), 200, "")
	names := []any{}
	for _, person := range append(first.Items("people"), second.Items("people")...) {
		card := person["user"].(map[string]any)
		names = append(names, card["username"])
		if len(card) != 5 {
			t.Errorf("the card is %v", card)
		}
	}
	s.wants("pages", fmt.Sprint(names), "[person9 person4 person3 person2 person1 person0]", first.Data()["total"], 6, first.Data()["active"], 1,
		first.Items("earned")[0]["pending_minor"], bonus, first.Items("people")[0]["earned"].([]any)[0].(map[string]any)["pending_minor"], bonus)
	for _, query := range []string{"?page=0", "?page=x", "?per_page=101", "?per_page=-1"} {
		s.Want(s.Do(ada, "GET", own+query, nil), 400, "invalid_input")
	}
	other := s.Want(s.Do("person0", "GET", own, nil), 200, "")
	s.wants("person0", other.Data()["total"], 0, other.Data()["brought_by"].(map[string]any)["user"].(map[string]any)["username"], "ada")
	s.Want(s.Do(admin, "PATCH", usersPath+"/"+s.id("person0"), map[string]any{"standing": "suspended"}), 200, "")
	s.Forget("person0")
	s.Want(s.Do("person0", "GET", own, nil), 403, "account_suspended")
	// Own rows can be read by the SDK, without what is the server's.
	row := s.Want(s.Do(ada, "GET", "/api/collections/referrals/records", nil), 200, "").Items("items")[0]
	for _, secret := range []string{"activation", "campaign", "code"} {
		if _, shown := row[secret]; shown {
			t.Errorf("a referral shows %s", secret)
		}
	}
	s.wants("bola", len(s.Do(bola, "GET", "/api/collections/referrals/records", nil).Items("items")), 0)
}
