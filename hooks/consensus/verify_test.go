package consensus_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/consensus"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// history is a server on which everything happened that verify looks at. Its
// clips are named by what became of them.
type history struct {
	*plantedCrowd
	approved, rejected, escalated, overturned, twice, open, withdrawn, gold, control string
}

func happened(t *testing.T) *history {
	t.Helper()
	s := open(t)
	s.Advance(48 * time.Hour) // verdicts have the clock of their votes
	h := &history{plantedCrowd: &plantedCrowd{Server: s, t: t, language: s.Language("ha")}}
	h.approved, h.rejected, h.escalated, h.open = s.Clip(ada), s.Clip(ada), s.Clip(ada), s.Clip(ada)
	h.overturned, h.twice, h.gold, h.withdrawn = s.Clip(ada), s.Clip(ada), s.Clip(ada), s.Clip(ada)
	s.Decide(h.approved, "approve", bola, chidi)
	s.Advance(-time.Minute) // also where the clock is put back
	s.Decide(h.approved, "approve", dayo)
	s.Advance(time.Minute)
	s.Decide(h.rejected, "reject")
	s.Decide(h.withdrawn, "approve")
	s.Decide(h.open, "approve", bola)
	s.Decide(h.open, "reject", chidi)
	s.Want(s.Do(ada, "POST", "/api/lingualink/clips/"+h.withdrawn+"/withdraw", nil), 200, "")
	s.OpenVotingWith(map[string]any{"max_votes": 2})
	s.Decide(h.escalated, "approve", bola)
	s.Decide(h.escalated, "reject", chidi)
	s.OpenVotingWith(nil)
	for _, clip := range []string{h.overturned, h.twice, h.gold} {
		s.Decide(clip, "approve")
	}
	h.expert(h.overturned, engine.Rejected)
	h.expert(h.twice, engine.Rejected)
	h.expert(h.twice, engine.Rejected) // the same word again
	h.expert(h.twice, engine.Approved)
	h.expert(h.gold, engine.Rejected)
	h.plantControl()
	h.commit(h.propose(), consensus.FitAccepted)
	h.write(func(insert func(string, string) func(...any)) {
		insert("reviews", "id, validator, language, state")("review", s.User(dayo).Id, h.language, "reinstated")
	})
	h.learn(s.User(dayo).Id, "review", crowd.Event{Source: crowd.FromReview})
	return h
}

// expert decides a clip, and gives the voters their lessons.
func (h *history) expert(clip string, outcome engine.Outcome) {
	h.t.Helper()
	verdict, err := consensus.Rule(h.App, h.Deps, clip, outcome)
	if err != nil {
		h.t.Fatal(err)
	}
	h.teachExactly(clip, verdict, outcome)
}

func (h *history) teachExactly(clip, verdict string, outcome engine.Outcome) {
	earlier := h.Text(`SELECT COALESCE((SELECT outcome FROM verdicts WHERE clip = {:clip} AND [[by]] = 'expert' AND id != {:verdict} ORDER BY revision DESC LIMIT 1), '')`,
		dbx.Params{"clip": clip, "verdict": verdict})
	if earlier == string(outcome) || h.Int("SELECT COUNT(*) FROM skill_events WHERE cause = {:verdict}", dbx.Params{"verdict": verdict}) > 0 {
		return
	}
	lesson := crowd.Exactly
	if earlier != "" {
		lesson = crowd.Corrected
	}
	for _, who := range []string{bola, chidi, dayo} {
		h.learn(h.User(who).Id, verdict, lesson(crowd.FromExpert, outcome.Label(), true))
	}
}

// plantControl shows the gold clip once more, has two people answer, and lets an
// expert turn its truth round.
func (h *history) plantControl() {
	h.t.Helper()
	h.control = "control00000001"
	h.write(func(insert func(string, string) func(...any)) {
		insert("gold_clips", "id, source, language, truth, state")("gold", h.gold, h.language, "bad", "active")
		now := h.Text("SELECT created FROM clips WHERE id = {:gold}", dbx.Params{"gold": h.gold})
		insert("clips", "id, owner, language, campaign, status, control, media_sha256, created")(
			h.control, h.User(ada).Id, h.language, h.GeneralCampaign(), "pending", true, "x", now)
		insert("clip_tallies", "id, clip, language, gold, seq, open, votes, approvals, rejections")("t", h.control, h.language, "gold", 1000, true, 2, 1, 1)
		vote, exposure := insert("votes", "id, clip, validator, verdict, created"), insert("gold_exposures", "id, gold, validator, clip, vote")
		for who, choice := range map[string]string{emeka: "approve", fatima: "reject"} {
			vote("vote"+who, h.control, h.User(who).Id, choice, now)
			exposure(who, "gold", h.User(who).Id, h.control, "vote"+who)
		}
	})
	h.learn(h.User(emeka).Id, "vote"+emeka, crowd.Exactly(crowd.FromGold, crowd.Bad, true))
	h.learn(h.User(fatima).Id, "vote"+fatima, crowd.Exactly(crowd.FromGold, crowd.Bad, false))
	h.expert(h.gold, engine.Approved)
	turned := h.Text("SELECT id FROM verdicts WHERE clip = {:gold} ORDER BY revision DESC LIMIT 1", dbx.Params{"gold": h.gold})
	h.learn(h.User(emeka).Id, turned, crowd.Corrected(crowd.FromGold, crowd.Good, true))
	h.learn(h.User(fatima).Id, turned, crowd.Corrected(crowd.FromGold, crowd.Good, false))
	h.run("UPDATE gold_clips SET truth = 'good'")
}

// verify is what is found after the statements, which leave nothing behind.
func (h *history) verify(statements ...string) consensus.Report {
	h.t.Helper()
	tx, err := h.App.NonconcurrentDB().(*dbx.DB).Begin()
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() {
		if err := tx.Rollback(); err != nil {
			h.t.Fatal(err)
		}
	}()
	for _, statement := range statements {
		if _, err := tx.NewQuery(statement).Execute(); err != nil {
			h.t.Fatalf("%s: %v", statement, err)
		}
	}
	report, err := consensus.Verify(tx)
	if err != nil {
		h.t.Fatal(err)
	}
	return report
}

func TestVerifyFindsNothingInWhatHappened(t *testing.T) {
	h := happened(t)
	report := h.verify()
	if len(report.Findings) > 0 || report.Broken != 0 {
		t.Errorf("%+v", report.Findings)
	}
	verdicts, lessons := h.Int("SELECT COUNT(*) FROM verdicts"), h.Int("SELECT COUNT(*) FROM skill_events")
	if report.Verdicts != verdicts || verdicts != 13 || report.Lessons != lessons || lessons < 30 || report.Skills != 5 || report.OpenClips != 2 {
		t.Errorf("it saw %+v of %d verdicts and %d lessons", report, verdicts, lessons)
	}
}

func TestVerifyFindsWhatDoesNotFollow(t *testing.T) {
	h := happened(t)
	for _, table := range []string{"votes", "verdicts", "skill_events", "policies"} {
		h.run("DROP TRIGGER " + table + "_no_update")
		h.run("DROP TRIGGER " + table + "_no_delete")
	}
	h.run("DROP TRIGGER skill_events_in_order")
	verdict := func(clip string) string {
		return h.Text("SELECT id FROM verdicts WHERE clip = {:clip} ORDER BY revision DESC LIMIT 1", dbx.Params{"clip": clip})
	}
	event := func(where string) string {
		return "(SELECT MIN(seq) FROM skill_events WHERE " + where + ")"
	}
	taught := "seq = " + event("cause = '"+verdict(h.approved)+"'")
	expertly := "seq = " + event("cause = '"+verdict(h.overturned)+"'")
	golden := "seq = " + event("source = 'gold'")
	corrected := "seq = " + event("source = 'gold' AND cause NOT LIKE 'vote%'")
	for _, c := range []struct{ statement, table, says string }{
		{"UPDATE verdicts SET outcome = 'rejected' WHERE id = '" + verdict(h.approved) + "'", "verdicts", "the explanation says approved"},
		{"UPDATE verdicts SET confidence = 0.5 WHERE id = '" + verdict(h.approved) + "'", "verdicts", "its confidence is 0.5"},
		{"UPDATE verdicts SET votes = 9 WHERE id = '" + verdict(h.approved) + "'", "verdicts", "its number of votes"},
		{"UPDATE verdicts SET reason = 'cut_off' WHERE id = '" + verdict(h.rejected) + "'", "verdicts", "its reason"},
		{"UPDATE verdicts SET policy_version = 1 WHERE id = '" + verdict(h.escalated) + "'", "verdicts", "its policy"},
		{"UPDATE verdicts SET [by] = 'expert' WHERE id = '" + verdict(h.approved) + "'", "verdicts", `rests on "accepted"`},
		{"UPDATE verdicts SET [by] = 'crowd' WHERE id = '" + verdict(h.overturned) + "'", "verdicts", `rests on "expert"`},
		{"UPDATE verdicts SET revision = 3 WHERE id = '" + verdict(h.overturned) + "'", "verdicts", "revision 2 is not there"},
		{"UPDATE verdicts SET revision = 2 WHERE id = '" + verdict(h.approved) + "'", "verdicts", "revision 1 is not there"},
		{"UPDATE verdicts SET explanation = replace(explanation, '0.99', '0.98') WHERE id = '" + verdict(h.approved) + "'", "verdicts", "cannot be reproduced"},
		{"UPDATE verdicts SET explanation = '{}' WHERE id = '" + verdict(h.approved) + "'", "verdicts", "cannot be reproduced"},
		{"UPDATE verdicts SET created = '2001-01-01 00:00:00.000Z' WHERE id = '" + verdict(h.approved) + "'", "verdicts", "was cast after it"},
		{"UPDATE verdicts SET clip = 'nowhere' WHERE id = '" + verdict(h.approved) + "'", "verdicts", "its clip is missing"},
		{"DELETE FROM verdicts WHERE id = '" + verdict(h.rejected) + "'", "clips", "it is rejected without a verdict"},
		{"DELETE FROM policies WHERE subject = 'consensus' AND version = 2", "verdicts", "there is no policy 2"},
		{"UPDATE votes SET verdict = 'reject' WHERE clip = '" + h.approved + "'", "verdicts", "is not stored as it was counted"},
		{"UPDATE votes SET reason = 'cut_off' WHERE clip = '" + h.rejected + "'", "verdicts", "is not stored as it was counted"},
		{"UPDATE votes SET created = '2099-01-01 00:00:00.000Z' WHERE clip = '" + h.approved + "'", "verdicts", "was cast after it"},
		{"DELETE FROM votes WHERE id = (SELECT MIN(id) FROM votes WHERE clip = '" + h.twice + "')", "verdicts", "it counts 3 votes, 2 are stored"},
		{"UPDATE votes SET clip = '" + h.approved + "' WHERE id = 'vote" + emeka + "'", "verdicts", "it counts 3 votes, 4 are stored"},
		{"UPDATE clips SET status = 'pending' WHERE id = '" + h.approved + "'", "verdicts", "the clip is pending"},
		{"UPDATE clips SET status = 'approved' WHERE id = '" + h.overturned + "'", "verdicts", "it says rejected, the clip is approved"},
		{"UPDATE clips SET status = 'approved' WHERE id = '" + h.open + "'", "clips", "it is approved without a verdict"},
		{"UPDATE clips SET status = 'withdrawn' WHERE id = '" + h.open + "'", "clip_tallies", "the clip is withdrawn"},
		{"UPDATE clip_tallies SET votes = 3 WHERE clip = '" + h.open + "'", "clip_tallies", "it counts 3 votes"},
		{"UPDATE clip_tallies SET approvals = 2, rejections = 0 WHERE clip = '" + h.open + "'", "clip_tallies", "2 for and 0 against"},
		{"DELETE FROM votes WHERE id = (SELECT MIN(id) FROM votes WHERE clip = '" + h.open + "')", "clip_tallies", "stored are 1"},
		{"UPDATE skills SET gold_tn = gold_tn + 1 WHERE validator = '" + h.User(bola).Id + "'", "skills", "rebuilt from its history"},
		{"UPDATE skills SET learned_tp = learned_tp - 1 WHERE validator = '" + h.User(bola).Id + "'", "skills", "rebuilt from its history"},
		{"UPDATE skills SET seq = seq + 1 WHERE validator = '" + h.User(bola).Id + "'", "skills", "rebuilt from its history"},
		{"UPDATE skills SET validator = 'nobody' WHERE validator = '" + h.User(bola).Id + "'", "skills", "has a history and no skill"},
		{"DELETE FROM skills WHERE validator = '" + h.User(bola).Id + "'", "skills", "has a history and no skill"},
		{"UPDATE skill_events SET tp = tp + 1 WHERE " + taught, "verdicts", "is not what it teaches"},
		{"UPDATE skill_events SET source = 'expert' WHERE " + taught, "verdicts", "is not what it teaches"},
		{"UPDATE skill_events SET language = 'other' WHERE " + taught, "verdicts", "is not what it teaches"},
		{"DELETE FROM skill_events WHERE " + taught, "verdicts", "is not what it teaches"},
		{"UPDATE skill_events SET cause = 'nothing' WHERE " + taught, "skill_events", "is not there"},
		{"UPDATE skill_events SET validator = '" + h.User(musa).Id + "' WHERE " + taught, "skill_events", "is not there"},
		{"UPDATE skill_events SET seq = 1000 WHERE " + taught, "skill_events", "is not there"},
		{"DELETE FROM skill_events WHERE seq = 2", "skill_events", "event 2 is not there"},
		{"UPDATE skill_events SET fp = fp + 1 WHERE " + expertly, "verdicts", "is not what it teaches"},
		{"DELETE FROM skill_events WHERE " + expertly, "verdicts", "is not what it teaches"},
		{"UPDATE skill_events SET tn = tn + 1 WHERE " + golden, "skill_events", "not what an answer on gold teaches"},
		{"UPDATE skill_events SET cause = 'vote" + fatima + "x' WHERE " + golden, "skill_events", "not what an answer on gold teaches"},
		{"UPDATE skill_events SET tp = 0, tn = 0 WHERE " + corrected, "skill_events", "not what an answer on gold teaches"},
		{"UPDATE votes SET verdict = 'reject' WHERE id = 'vote" + emeka + "'", "skill_events", "not what an answer on gold teaches"},
		{"UPDATE clip_tallies SET gold = '' WHERE clip = '" + h.control + "'", "skill_events", "not what an answer on gold teaches"},
		{"UPDATE clip_tallies SET gold = 'gold' WHERE clip = '" + h.approved + "'", "verdicts", "is not what it teaches"}, // a control's verdict teaches nothing
		{"DELETE FROM fits", "skill_events", "is not there"},
		{"UPDATE fits SET state = 'refused'", "skill_events", "is not there"},
		{"UPDATE skill_events SET tp = tp + 1 WHERE seq = " + event("source = 'fit' AND validator = '"+h.User(bola).Id+"'"), "skills", "rebuilt from its history"},
		{"UPDATE reviews SET state = 'confirmed'", "skill_events", "is not there"},
		{"UPDATE skill_events SET tp = 1 WHERE source = 'review'", "skill_events", "a review teaches nothing"},
	} {
		report := h.verify(c.statement)
		found := false
		for _, finding := range report.Findings {
			found = found || finding.Table == c.table && strings.Contains(finding.What, c.says)
		}
		if !found || int(report.Broken) != len(report.Findings) {
			t.Errorf("%s: %+v", c.statement, report)
		}
	}
	if report := h.verify(); report.Broken > 0 {
		t.Errorf("put back: %+v", report.Findings)
	}
	many := h.verify("UPDATE verdicts SET explanation = ''", "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 300) "+
		"INSERT INTO verdicts (id, clip, revision, explanation) SELECT n, n, 1, '' FROM n")
	if len(many.Findings) != 100 || many.Broken < 300 {
		t.Errorf("of %d findings %d are reported", many.Broken, len(many.Findings))
	}
}
