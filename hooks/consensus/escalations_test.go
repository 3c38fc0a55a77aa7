package consensus_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/internal/apptest"
)

func TestAnEscalationIsOpenOnce(t *testing.T) {
	s := experts(t)
	events := []string{}
	s.App.OnRecordAfterCreateSuccess("escalations").BindFunc(func(e *core.RecordEvent) error {
		events = append(events, "created "+e.Record.GetString("cause"))
		return e.Next()
	})
	s.App.OnRecordAfterUpdateSuccess("escalations").BindFunc(func(e *core.RecordEvent) error {
		events = append(events, "updated "+e.Record.GetString("state"))
		return e.Next()
	})
	clip, escalation := escalated(s, ada)
	reopen(s, clip, collections.CauseAudit)
	if n := s.Int("SELECT COUNT(*) FROM escalations"); n != 1 {
		t.Fatalf("%d escalations", n)
	}
	row := s.Text("SELECT clip || ' ' || language || ' ' || owner || ' ' || cause || ' ' || state || ' ' || text FROM escalations", nil)
	if want := strings.Join([]string{clip, s.Language("ha"), s.User(ada).Id, "max_votes open "}, " "); row != want {
		t.Errorf("the escalation is %q, want %q", row, want)
	}
	ruled(s, musa, escalation, "approve")
	reopen(s, clip, collections.CauseAudit)
	if status := statusOf(s, clip); status != "approved" || openOn(s, clip) == "" {
		t.Errorf("after an audit item is opened the clip is %s", status)
	}
	// Moderators see each step: opened, claimed, decided, opened.
	if got := strings.Join(events, ", "); got != "created max_votes, updated open, updated decided, created audit" {
		t.Errorf("events: %s", got)
	}
}

func TestControlsAndWithdrawnClipsAreNotAskedAbout(t *testing.T) {
	s := experts(t)
	clip := s.Clip(ada)
	s.Want(s.Do(ada, "POST", "/api/lingualink/clips/"+clip+"/withdraw", nil), 200, "")
	reopen(s, clip, collections.CauseDispute)
	if n := s.Int("SELECT COUNT(*) FROM escalations"); n != 0 {
		t.Errorf("%d escalations of a withdrawn clip", n)
	}
	control := s.Clip(ada)
	execSQL(s, "UPDATE clips SET control = 1 WHERE id = {:clip}", dbx.Params{"clip": control})
	err := s.App.RunInTransaction(func(tx core.App) error {
		return consensus.Escalate(tx, s.Deps, s.Deps.Clock.Now(), control, collections.CauseMaxVotes)
	})
	if err == nil || !strings.Contains(err.Error(), "is a control") {
		t.Errorf("experts would be told which clip is a control: %v", err)
	}
}

func TestWithdrawingClosesTheEscalation(t *testing.T) {
	s := experts(t)
	clip, escalation := escalated(s, ada)
	s.Want(act(s, fatima, escalation, "claim"), 200, "")
	s.Advance(2 * time.Second)
	s.Want(s.Do(ada, "POST", "/api/lingualink/clips/"+clip+"/withdraw", nil), 200, "")
	if state := s.Text("SELECT state || ' ' || verdict || claimed_by || claim_until FROM escalations", nil); state != "closed " {
		t.Errorf("the escalation is %q", state)
	}
	s.Want(rule(s, fatima, escalation, "approve", ""), 409, "escalation_closed")
	s.Want(act(s, musa, escalation, "claim"), 409, "escalation_closed")
	if n := len(s.Want(s.Do(fatima, "GET", escalations, nil), 200, "").Items("items")); n != 0 {
		t.Errorf("%d clips are to be decided", n)
	}
	s.Want(s.Do(apptest.Admin, "POST", "/api/lingualink/clips/"+clip+"/overrule", aWord("approve", "fine")), 409, "clip_withdrawn")
}

// What is asked often is found by an index.
func TestPlansOfTheExpertsQueries(t *testing.T) {
	s := experts(t)
	for name, c := range map[string]struct {
		query, uses string
		params      dbx.Params
	}{
		"list":    {consensus.EscalationsQuery(), "USING INDEX idx_escalations_queue (state=? AND language=?)", dbx.Params{"me": "x", "language": "x", "moderator": false, "limit": 10}},
		"waiting": {consensus.WaitingQuery, "USING INDEX idx_clip_tallies_age (seq>?)", dbx.Params{"seq": 0, "batch": 10}},
		"left":    {consensus.SomebodyLeft(false), "idx_queue_cursors_seen (language=? AND seen_at>?)", dbx.Params{"clip": "x", "since": "x", "owner_votes": 1, "owner_window": 1}},
	} {
		rows := []struct {
			Detail string `db:"detail"`
		}{}
		if err := s.App.DB().NewQuery("EXPLAIN QUERY PLAN " + c.query).Bind(c.params).All(&rows); err != nil {
			t.Fatal(err)
		}
		plan := ""
		for _, row := range rows {
			plan += row.Detail + "\n"
		}
		if !strings.Contains(plan, c.uses) || strings.Contains(plan, "TEMP B-TREE") || strings.Contains(strings.ReplaceAll(plan, "SCAN json_each", ""), "SCAN c") {
			t.Errorf("%s:\n%s", name, plan)
		}
	}
}

// Of several escalations of a clip it is enough that one is open: PocketBase's !=
// holds when it holds of every row.
func TestOneOpenEscalationOfSeveralHidesTheVerdicts(t *testing.T) {
	s := experts(t)
	disputed, decided := s.Clip(ada), s.Clip(ada)
	for _, clip := range []string{disputed, decided} {
		s.Decide(clip, "reject")
	}
	reads := func(clip string) int {
		t.Helper()
		answer := s.Want(s.Do(musa, "GET", "/api/collections/verdicts/records?filter="+url.QueryEscape("clip = '"+clip+"'"), nil), 200, "")
		rows := len(answer.Items("items"))
		if n := answer.JSON["totalItems"]; n != float64(rows) {
			t.Errorf("the count says %v, the list has %d", n, rows)
		}
		ids := []string{}
		if err := s.App.DB().NewQuery("SELECT id FROM verdicts WHERE clip = {:clip}").Bind(dbx.Params{"clip": clip}).Column(&ids); err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			if seen := s.Do(musa, "GET", "/api/collections/verdicts/records/"+id, nil).Status; (seen == 200) != (rows > 0) {
				t.Errorf("the verdict is answered %d, the list has %d", seen, rows)
			}
		}
		return rows
	}
	for _, c := range []struct {
		states []string // of the escalations, the first first
		want   int
	}{
		{nil, 1},
		{[]string{"open"}, 0},
		{[]string{"closed"}, 1},
		{[]string{"decided", "closed"}, 1},
		{[]string{"closed", "open"}, 0},
		{[]string{"open", "decided"}, 0},
		{[]string{"decided", "open", "closed"}, 0},
		{[]string{"closed", "decided", "closed", "open"}, 0},
	} {
		execSQL(s, "DELETE FROM escalations", nil)
		for i, state := range c.states {
			s.Insert("escalations", dbx.Params{
				"id": fmt.Sprintf("escalation%05d", i), "clip": disputed, "language": s.Language("ha"), "owner": s.User(ada).Id, "cause": "audit", "state": state,
				"created": fmt.Sprintf("2026-11-2%d 00:00:00.000Z", i), "updated": "",
			})
		}
		if n := reads(disputed); n != c.want {
			t.Errorf("with escalations that are %v the moderator reads %d verdicts, want %d", c.states, n, c.want)
		}
		if n := reads(decided); n != 1 {
			t.Errorf("with escalations of another clip that are %v the moderator reads %d verdicts, want 1", c.states, n)
		}
	}
}
