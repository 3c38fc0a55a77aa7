package consensus_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// careerOf gives a person so many votes on so many days.
func careerOf(s *hookstest.Server, t *testing.T, who string, votes, days int) {
	t.Helper()
	_, err := shell.Exec(s.App, `
		INSERT INTO validators (id, person, votes, active_days) VALUES ({:id}, {:person}, {:votes}, {:days})
		ON CONFLICT (person) DO UPDATE SET votes = excluded.votes, active_days = excluded.active_days`,
		dbx.Params{"id": shell.NewID(), "person": s.User(who).Id, "votes": votes, "days": days})
	if err != nil {
		t.Fatal(err)
	}
}

// rankOf is the rank as the person reads it.
func rankOf(s *hookstest.Server, t *testing.T, who string) map[string]any {
	t.Helper()
	return s.Want(s.Do(who, "GET", "/api/lingualink/trust", nil), 200, "").Data()["rank"].(map[string]any)
}

// TestTheRank follows one person up, down and in between. Accuracy is 0.8 times
// the sensitivity, (4+tp)/(5+tp+fn), plus 0.2 times the specificity,
// (2+tn)/(3+tn+fp).
func TestTheRank(t *testing.T) {
	s := measured(t)
	for _, step := range []struct {
		what        string
		votes, days int
		lessons     []crowd.Event
		accuracy    float64
		holds       bool
		notices     string
	}{
		{"accurate, a vote short", 199, 10, answers(140, 10, 85, 23), 0.9, false, ""},
		{"accurate, a day short", 200, 9, answers(4, 0, 0, 1), 0.9, false, ""},
		{"enough of both, a little less accurate", 200, 10, answers(3, 0, 4, 2), 0.8999, false, ""},
		{"just enough of everything", 200, 10, answers(3, 0, 1, 1), 0.9, true, " promoted"},
		{"a little less accurate than that", 201, 11, answers(4, 0, 3, 2), 0.8999, true, " promoted"},
		{"as accurate as keeps the rank", 202, 12, answers(1, 11, 0, 4), 0.85, true, " promoted"},
		{"a little less accurate than that", 203, 13, answers(4, 0, 0, 2), 0.8499, false, " promoted demoted"},
		{"which is not made good so easily", 300, 20, answers(2, 0, 3, 2), 0.85, false, " promoted demoted"},
		{"but may be", 400, 30, answers(139, 0, 29, 0), 0.9, true, " promoted demoted promoted"},
	} {
		careerOf(s, t, bola, step.votes, step.days)
		teach(s, t, bola, step.lessons...)
		assess(s, t)
		rank := rankOf(s, t, bola)
		if rank["validator"] != step.holds || rank["accuracy"] != step.accuracy || rank["votes"] != float64(step.votes) || rank["days"] != float64(step.days) {
			t.Errorf("%s: %v", step.what, rank)
		}
		if got := kinds(s, bola); got != "trust_proven"+step.notices {
			t.Errorf("%s: told %q", step.what, got)
		}
	}
}

// TestTheRankLeavesOtherRolesAlone promotes and demotes a moderator.
func TestTheRankLeavesOtherRolesAlone(t *testing.T) {
	s := measured(t)
	careerOf(s, t, musa, 200, 10)
	teach(s, t, musa, answers(300, 5, 150, 10)...)
	assess(s, t)
	if roles := s.User(musa).GetStringSlice("roles"); !slices.Equal(roles, []string{"moderator", "validator"}) {
		t.Errorf("after the promotion musa is %v", roles)
	}
	teach(s, t, musa, answers(0, 200, 0, 0)...)
	assess(s, t)
	if roles := s.User(musa).GetStringSlice("roles"); !slices.Equal(roles, []string{"moderator"}) {
		t.Errorf("after the demotion musa is %v", roles)
	}
	rows := []struct {
		Actor, Reason, Data string
	}{}
	err := s.App.DB().NewQuery("SELECT actor, reason, data FROM audit_log WHERE action = 'user.roles' AND subject_id = {:id} ORDER BY seq").
		Bind(dbx.Params{"id": s.User(musa).Id}).All(&rows)
	if err != nil || len(rows) != 2 || rows[0].Actor != "system" || rows[0].Reason != "promoted" || rows[1].Reason != "demoted" ||
		!strings.Contains(rows[1].Data, `"from":["moderator","validator"]`) || !strings.Contains(rows[1].Data, `"to":["moderator"]`) {
		t.Errorf("the audit log says %v %v", rows, err)
	}
	if report, err := shell.VerifyAudit(s.App.DB()); err != nil || report.Problem != "" {
		t.Errorf("the audit log: %+v %v", report, err)
	}
}

func TestTheDemotedGoOnVoting(t *testing.T) {
	s := measured(t)
	s.Policy(shell.PolicyConsensus, map[string]any{"assignment": "open", "min_listen": 0})
	s.Consent(ada)
	careerOf(s, t, bola, 500, 50)
	teach(s, t, bola, answers(300, 5, 150, 10)...)
	assess(s, t)
	teach(s, t, bola, answers(0, 2000, 0, 2000)...)
	assess(s, t)
	if got := kinds(s, bola); got != "trust_proven promoted trust_excluded demoted" {
		t.Errorf("told %q", got)
	}
	s.Want(s.Vote(bola, s.Clip(ada), "approve"), 200, "")
}

// TestTheSuspendedAreNotPromoted until they are in good standing again and are
// assessed anew.
func TestTheSuspendedAreNotPromoted(t *testing.T) {
	s := measured(t)
	careerOf(s, t, bola, 200, 10)
	teach(s, t, bola, answers(300, 5, 150, 10)...)
	stand(s, t, bola, "suspended")
	assess(s, t)
	if roles := s.User(bola).GetStringSlice("roles"); len(roles) != 0 {
		t.Errorf("suspended, bola is %v", roles)
	}
	stand(s, t, bola, "good")
	teach(s, t, bola, answers(5, 0, 0, 0)...)
	assess(s, t)
	if roles := s.User(bola).GetStringSlice("roles"); !slices.Equal(roles, []string{"validator"}) {
		t.Errorf("in good standing bola is %v", roles)
	}
}
