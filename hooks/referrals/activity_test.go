package referrals_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/badges"
	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
)

// progress is what counts of what somebody did whom ada brought, as she sees it.
func (s *story) progress(who string) string {
	s.t.Helper()
	for _, person := range s.Want(s.Do(ada, "GET", own, nil), 200, "").Items("people") {
		if person["user"].(map[string]any)["id"] == s.id(who) {
			p := person["progress"].(map[string]any)
			return fmt.Sprint(p["clips"], " clips ", p["votes"], " votes ", p["days"], " days ", p["verified"])
		}
	}
	return ""
}

// Friends of the referrer judge, and earn nothing by it.
func TestCollusionInsideTheCircle(t *testing.T) {
	s := begin(t)
	s.Policy(shell.PolicyReferrals, map[string]any{"outside_voters": 1})
	for _, who := range []string{"ngozi", "sister", "cousin"} {
		s.join(who, s.code(ada))
	}
	s.verify("ngozi")
	s.Insert("relations", dbx.Params{"id": shell.NewID(), "a": s.id(ada), "b": s.id(bola), "kind": "device"})
	// Who brought ada came from elsewhere: she is of the template.
	s.Insert("referrals", dbx.Params{"id": shell.NewID(), "referred": s.id(ada), "referrer": s.id(chidi), "code": shell.NewID(), "state": "invited", "activation": "{}", "created": "2026-01-01 00:00:00.000Z", "updated": ""})
	for _, friends := range [][]string{
		{ada, "sister", "cousin"},   // herself and whom she brought
		{bola, "sister", "cousin"},  // whom she is linked to
		{chidi, "sister", "cousin"}, // who brought her
	} {
		clip := s.Clip("ngozi")
		for _, who := range friends {
			s.Want(s.Vote(who, clip, "approve"), 200, "")
		}
		s.Drain()
		s.wants("the verdict", s.Text("SELECT status FROM clips WHERE id = {:id}", dbx.Params{"id": clip}), "approved")
		s.Advance(day)
	}
	s.wants("friends", s.state("ngozi"), "invited 0", s.progress("ngozi"), "0 clips 0 votes 0 days true", s.rewardsOf(ada), "")
	s.works("ngozi", dayo, "sister", "cousin") // one of them is from outside
	s.wants("others", s.state("ngozi"), "active 1", s.progress("ngozi"), "3 clips 0 votes 3 days true", s.rewardsOf(ada), "bonus pending 75000")
}

// Of two that are wanted one is not enough, and neither is who disagreed.
func TestOneFromOutsideIsNotEnough(t *testing.T) {
	s := begin(t)
	s.Policy(shell.PolicyReferrals, quick(nil))
	s.join("ngozi", s.code(ada))
	s.verify("ngozi")
	for i, against := range []string{dayo, "", ""} {
		e := &badges.ContributionsEvent{
			Clip: fmt.Sprint("clip", i), Owner: s.id("ngozi"), Campaign: s.GeneralCampaign(), Currency: "NGN", Revision: 1, Outcome: engine.Approved, ClipSentAt: s.Deps.Clock.Now(),
			Votes: []badges.Vote{{ID: "a", Validator: s.id(chidi), Agrees: true}, {ID: "b", Validator: s.id(dayo), Agrees: against == ""}},
		}
		e.Control = i == 1 // a recording that somebody else made, shown once more
		s.hand(e)
		if i < 2 {
			s.wants("not enough", s.state("ngozi"), "invited 0")
		}
	}
	s.wants("two", s.state("ngozi"), "active 1")
}

// An overturned verdict takes the bonus; a new approval pays again, in a round of
// its own.
func TestOverturnedAndActiveAnew(t *testing.T) {
	s := begin(t)
	s.join("ngozi", s.code(ada))
	s.verify("ngozi")
	clips := s.works("ngozi")
	s.wants("active", s.state("ngozi"), "active 1", s.Balance(ada)["pending"], bonus)
	s.overrule(clips[1], "reject")
	s.wants("withdrawn", s.state("ngozi"), "withdrawn 1", s.rewardsOf(ada), "bonus reversed 75000", s.Balance(ada)["pending"], 0,
		s.notices(ada), "referral_joined, referral_bonus, referral_withdrawn", s.Int("SELECT referrals FROM contributors WHERE user = {:a}", dbx.Params{"a": s.id(ada)}), 0)
	s.overrule(clips[1], "approve")
	s.wants("again", s.state("ngozi"), "active 2", s.rewardsOf(ada), "bonus reversed 75000, bonus pending 75000",
		s.Balance(ada)["pending"], bonus, s.Int("SELECT referrals FROM contributors WHERE user = {:a}", dbx.Params{"a": s.id(ada)}), 1)

	// What was released is kept, and not paid a second time.
	s.Advance(15 * day)
	s.release()
	s.wants("released", s.Balance(ada)["available"], bonus)
	s.overrule(clips[1], "reject")
	s.wants("kept", s.state("ngozi"), "withdrawn 2", s.Balance(ada)["available"], bonus)
	s.overrule(clips[1], "approve")
	s.wants("not twice", s.state("ngozi"), "active 3",
		s.Int("SELECT COUNT(*) FROM rewards WHERE rule = 'referral_bonus' AND state NOT IN ('reversed', 'void')"), 1)
}

// Votes bring somebody as far as clips do.
func TestActiveByVotes(t *testing.T) {
	s := begin(t)
	s.Policy(shell.PolicyReferrals, map[string]any{"activation_votes": 3})
	s.join("ngozi", s.code(ada))
	s.verify("ngozi")
	s.Consent(emeka)
	for i := range 3 {
		clip := s.Clip(emeka)
		for _, who := range []string{chidi, dayo, "ngozi"} {
			s.Want(s.Vote(who, clip, "approve"), 200, "")
		}
		s.Drain()
		s.wants("a vote", s.progress("ngozi"), fmt.Sprintf("0 clips %d votes %d days true", i+1, i+1))
		s.Advance(day)
	}
	s.wants("active", s.state("ngozi"), "active 1", s.rewardsOf(ada), "bonus pending 75000")
}

// A vote against the verdict, and one of whom the others are friends, do not count.
func TestVotesThatDoNotCount(t *testing.T) {
	s := begin(t)
	s.join("ngozi", s.code(ada))
	s.join("sister", s.code(ada))
	s.Consent(emeka)
	against := s.Clip(emeka)
	s.Want(s.Vote("ngozi", against, "reject"), 200, "")
	for _, who := range []string{bola, chidi, dayo, fatima, musa} {
		s.Vote(who, against, "approve") // until it is decided
	}
	friends := s.Clip(emeka)
	for _, who := range []string{"sister", chidi, "ngozi"} {
		s.Want(s.Vote(who, friends, "approve"), 200, "")
	}
	s.Drain()
	s.wants("decided", s.Int("SELECT COUNT(*) FROM clips WHERE status = 'approved'"), 2, s.progress("ngozi"), "0 clips 0 votes 0 days false")
}

// hand tells of a verdict, as the job does.
func (s *story) hand(event *badges.ContributionsEvent) {
	s.t.Helper()
	err := s.App.RunInTransaction(func(tx core.App) error {
		event.App = tx
		return badges.OnContributions(tx).Trigger(event)
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// TestEventsInAnyOrder gives three verdicts and an overturning in orders that jobs
// that failed come in, each twice.
func TestEventsInAnyOrder(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}, {1, 3, 0, 2, 2, 0}} {
		s := begin(t)
		s.join("ngozi", s.code(ada))
		s.verify("ngozi")
		now := s.Deps.Clock.Now()
		event := func(clip string, days int, revision int64, outcome engine.Outcome) *badges.ContributionsEvent {
			e := &badges.ContributionsEvent{
				Clip: clip, Owner: s.id("ngozi"), Campaign: s.GeneralCampaign(), Currency: "NGN", Revision: revision, Outcome: outcome, ClipSentAt: now.Add(time.Duration(days) * day),
			}
			for _, who := range []string{chidi, dayo} {
				e.Votes = append(e.Votes, badges.Vote{ID: clip + who, Validator: s.id(who), Agrees: outcome == engine.Approved, At: now})
			}
			return e
		}
		events := []*badges.ContributionsEvent{
			event("a", 0, 1, engine.Approved), event("b", 1, 1, engine.Approved), event("c", 2, 1, engine.Approved), event("a", 0, 2, engine.Rejected),
		}
		for _, i := range order {
			s.hand(events[i])
			s.hand(events[i])
		}
		s.Drain()
		s.wants(fmt.Sprint(order), s.progress("ngozi"), "2 clips 0 votes 2 days true", s.Balance(ada)["pending"], 0)
		s.hand(event("d", 3, 1, engine.Approved))
		s.wants(fmt.Sprint(order), s.progress("ngozi"), "3 clips 0 votes 3 days true", s.Balance(ada)["pending"], bonus)
	}
}

// Jobs of several verdicts drained from several sides at once pay once.
func TestParallelDrainsPayOnce(t *testing.T) {
	s := begin(t)
	s.join("ngozi", s.code(ada))
	s.verify("ngozi")
	for i := range 3 {
		s.Decide(s.Clip("ngozi"), "approve")
		s.Decide(s.Clip("ngozi"), "approve")
		if i < 2 {
			s.Advance(day)
		}
	}
	s.drainTogether()
	s.wants("once", s.state("ngozi"), "active 1", s.rewardsOf(ada), "bonus pending 75000", s.Int("SELECT COUNT(*) FROM jobs WHERE state = 'dead'"), 0)
}

func TestReducedTrust(t *testing.T) {
	s := begin(t)
	s.join("ngozi", s.code(ada))
	s.works("ngozi")
	trust := func(language, from, to string) {
		err := s.App.RunInTransaction(func(tx core.App) error {
			if _, err := shell.Exec(tx, "DELETE FROM trust WHERE validator = {:v} AND language = {:l}", dbx.Params{"v": s.id("ngozi"), "l": s.Language(language)}); err != nil {
				return err
			}
			if err := shell.Insert(tx, "trust", dbx.Params{"id": shell.NewID(), "validator": s.id("ngozi"), "language": s.Language(language), "state": to, "assessed_at": "2026-01-01 00:00:00.000Z"}); err != nil {
				return err
			}
			return consensus.OnTrustChange(tx).Trigger(&consensus.TrustEvent{App: tx, Validator: s.id("ngozi"), Language: s.Language(language), From: from, To: to, At: s.Deps.Clock.Now()})
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Advance(time.Second)
	}
	trust("ha", "unproven", "excluded")
	trust("yo", "unproven", "excluded")
	s.verify("ngozi")
	s.wants("excluded", s.state("ngozi"), "invited 0")
	trust("ha", "excluded", "proven")
	s.wants("in one language still", s.state("ngozi"), "invited 0")
	s.Want(s.Do(admin, "PATCH", usersPath+"/"+s.id("ngozi"), map[string]any{"standing": "suspended"}), 200, "")
	s.Advance(time.Second)
	trust("yo", "excluded", "proven")
	s.wants("suspended", s.state("ngozi"), "invited 0", s.rewardsOf(ada), "")
	s.Want(s.Do(admin, "PATCH", usersPath+"/"+s.id("ngozi"), map[string]any{"standing": "good"}), 200, "")
	s.wants("whole again", s.state("ngozi"), "active 1", s.rewardsOf(ada), "bonus pending 75000")
	// Neither takes back what was earned.
	s.Want(s.Do(admin, "PATCH", usersPath+"/"+s.id("ngozi"), map[string]any{"standing": "banned"}), 200, "")
	s.Want(s.Do(admin, "PATCH", usersPath+"/"+s.id(ada), map[string]any{"standing": "banned"}), 200, "")
	s.wants("banned", s.state("ngozi"), "active 1", s.rewardsOf(ada), "bonus pending 75000")
}

// The policy of the sign-up holds for a person, whatever comes after.
func TestTheTermsAreThoseOfTheSignUp(t *testing.T) {
	s := begin(t)
	s.join("ngozi", s.code(ada))
	s.Policy(shell.PolicyReferrals, map[string]any{"activation_clips": 9, "bonus_minor": map[string]any{"NGN": 100}})
	s.verify("ngozi")
	s.works("ngozi")
	// The bonus is that of the day of the activation.
	s.wants("active", s.state("ngozi"), "active 1", s.rewardsOf(ada), "bonus pending 100",
		s.Int("SELECT policy_version FROM referrals"), 0, s.Int("SELECT policy_version FROM rewards WHERE rule = 'referral_bonus'"), 1)
}

// An error of the last step undoes all of them, and the job is tried again.
func TestNothingHalfDone(t *testing.T) {
	s := begin(t)
	s.join("ngozi", s.code(ada))
	s.verify("ngozi")
	s.approved("ngozi")
	s.Advance(day)
	s.approved("ngozi")
	s.Advance(day)
	s.Decide(s.Clip("ngozi"), "approve")
	s.exec("CREATE TRIGGER broken BEFORE INSERT ON rewards WHEN NEW.rule = 'referral_bonus' BEGIN SELECT RAISE(ABORT, 'no'); END", nil)
	if _, err := s.Deps.Outbox.Drain(context.Background(), s.App); err != nil {
		t.Fatal(err)
	}
	s.wants("broken", s.state("ngozi"), "invited 0", s.progress("ngozi"), "2 clips 0 votes 2 days true", s.rewardsOf(ada), "")
	s.exec("DROP TRIGGER broken", nil)
	s.Advance(time.Hour)
	s.Drain()
	s.wants("mended", s.state("ngozi"), "active 1", s.rewardsOf(ada), "bonus pending 75000")
}
