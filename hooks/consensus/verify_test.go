package consensus_test

import (
	"strings"
	"testing"

	"github.com/lingualink/lingualink/hooks/consensus"
)

func TestVerifyFindsVerdictsThatDoNotFollow(t *testing.T) {
	s := open(t)
	s.Decide(s.Clip(ada), "approve")
	s.Decide(s.Clip(ada), "reject")
	report, err := consensus.Verify(s.App.DB())
	if err != nil || report.Verdicts != 2 || len(report.Findings) != 0 {
		t.Fatalf("%+v %v", report, err)
	}
	run := func(statement string) {
		t.Helper()
		if _, err := s.App.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	for _, table := range []string{"votes", "verdicts"} {
		run("DROP TRIGGER " + table + "_no_update")
	}
	for _, c := range []struct{ table, column, value, says string }{
		{"verdicts", "outcome", "'rejected'", "the explanation says approved"},
		{"verdicts", "confidence", "0.5", "its confidence is 0.5"},
		{"verdicts", "votes", "9", "its number of votes"},
		{"verdicts", "policy_version", "9", "its number of votes or its policy"},
		{"verdicts", "explanation", "replace(explanation, '0.99', '0.98')", "cannot be reproduced"},
		{"verdicts", "explanation", "'{}'", "cannot be reproduced"},
		{"votes", "verdict", "'reject'", "is not stored as it was counted"},
		{"clips", "status", "'pending'", "the clip is pending"},
	} {
		clip := s.Text("SELECT clip FROM verdicts WHERE outcome = 'approved'", nil)
		where := " WHERE clip = '" + clip + "'"
		if c.table == "clips" {
			where = " WHERE id = '" + clip + "'"
		}
		run("CREATE TABLE kept AS SELECT id, " + c.column + " AS was FROM " + c.table)
		run("UPDATE " + c.table + " SET " + c.column + " = " + c.value + where)
		report, err := consensus.Verify(s.App.DB())
		if err != nil || len(report.Findings) != 1 || !strings.Contains(report.Findings[0].What, c.says) {
			t.Errorf("%s.%s = %s: %+v %v", c.table, c.column, c.value, report.Findings, err)
		}
		run("UPDATE " + c.table + " SET " + c.column + " = (SELECT was FROM kept WHERE kept.id = " + c.table + ".id)")
		run("DROP TABLE kept")
	}
	if report, err := consensus.Verify(s.App.DB()); err != nil || len(report.Findings) != 0 {
		t.Errorf("put back: %+v %v", report, err)
	}
}
