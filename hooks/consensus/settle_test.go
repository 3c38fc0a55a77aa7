package consensus_test

import (
	"fmt"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/shell"
)

// accruing is a server on which bola, chidi and dayo have voted on three clips
// before anything was known about them.
func accruing(t *testing.T) *hookstest.Server {
	t.Helper()
	s := hookstest.Start(t)
	s.Policy(shell.PolicyConsensus, map[string]any{"assignment": "open", "cooldown_s": 0, "daily_cap": 0, "min_listen": 0})
	s.Fund(10_000_000)
	s.Consent(ada)
	for range 3 {
		clip := s.Clip(ada)
		for _, who := range []string{bola, chidi, dayo, emeka, fatima} {
			s.Vote(who, clip, "approve") // until it is decided
		}
	}
	if n := s.Int("SELECT COUNT(*) FROM clips WHERE status = 'approved'"); n != 3 {
		t.Fatalf("%d clips are approved", n)
	}
	return s
}

// rewardsOf are a person's rewards by state and amount.
func rewardsOf(s *hookstest.Server, who string) string {
	return s.Text(`SELECT COALESCE(group_concat(what, ', '), '') FROM (
		SELECT state || ' ' || COUNT(*) || ' x ' || amount_minor || ' at ' || factor_bps AS what FROM rewards WHERE user = {:me} GROUP BY state, amount_minor, factor_bps)`,
		dbx.Params{"me": s.User(who).Id})
}

func TestAnAssessmentSettlesWhatAccrued(t *testing.T) {
	s := accruing(t)
	teach(s, t, bola, answers(10, 0, 7, 0)...) // with three verdicts: twenty answers
	teach(s, t, chidi, answers(6, 0, 0, 6)...)
	teach(s, t, dayo, answers(3, 0, 2, 0)...)
	sweep(s, t)
	for _, who := range []string{bola, chidi, dayo} {
		if got := rewardsOf(s, who); got != "accruing 3 x 1500 at 0" {
			t.Errorf("before the assessment %s has %s", who, got)
		}
	}
	for range 2 {
		assess(s, t)
		for who, want := range map[string]string{
			bola: "pending 3 x 1500 at 10000", chidi: "void 3 x 0 at 0", dayo: "accruing 3 x 1500 at 0",
		} {
			if got := rewardsOf(s, who); got != want {
				t.Errorf("%s has %s, want %s", who, got, want)
			}
		}
	}
	if n := s.Int("SELECT COUNT(*) FROM rewards r JOIN trust t ON t.validator = r.user AND t.seq = r.skill_seq AND t.policy_version = r.consensus_version WHERE r.user = {:me}",
		dbx.Params{"me": s.User(bola).Id}); n != 3 {
		t.Errorf("%d of bola's rewards say what they rest on", n)
	}
	if got := s.Balance(bola)["pending"]; got != 4500 {
		t.Errorf("bola has %d pending", got)
	}
	if report, err := ledger.Verify(s.App.DB()); err != nil || len(report.Findings) > 0 {
		t.Errorf("the ledger: %v %v", report.Findings, err)
	}
}

// TestMuchThatAccruedIsSettledInParts has more rewards than the ledger takes at
// once.
func TestMuchThatAccruedIsSettledInParts(t *testing.T) {
	s := accruing(t)
	row := dbx.NullStringMap{}
	if err := s.App.DB().NewQuery("SELECT * FROM rewards WHERE user = {:me} LIMIT 1").Bind(dbx.Params{"me": s.User(bola).Id}).One(&row); err != nil {
		t.Fatal(err)
	}
	const copies = 450
	for i := range copies {
		copied := dbx.Params{}
		for column, value := range row {
			copied[column] = value.String
		}
		copied["id"], copied["key"], copied["seq"] = shell.NewID(), fmt.Sprint(row["key"].String, ":", i), 1000+i
		if _, err := s.App.DB().Insert("rewards", copied).Execute(); err != nil {
			t.Fatal(err)
		}
	}
	teach(s, t, bola, answers(10, 0, 7, 0)...)
	assess(s, t)
	if n := s.Int("SELECT COUNT(*) FROM rewards WHERE user = {:me} AND state = 'accruing'", dbx.Params{"me": s.User(bola).Id}); n == 0 || n == copies+3 {
		t.Errorf("%d still accrue right after the assessment", n)
	}
	teach(s, t, bola, answers(0, 9, 0, 9)...) // too late to change what the first parts were paid at
	s.Drain()
	if got, want := rewardsOf(s, bola), fmt.Sprintf("pending %d x 1500 at 10000", copies+3); got != want {
		t.Errorf("bola has %s, want %s", got, want)
	}
}
