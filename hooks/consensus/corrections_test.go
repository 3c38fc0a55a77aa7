package consensus_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// overrule decides as the superuser.
func overrule(s *hookstest.Server, clip, verdict, note string) apptest.Answer {
	return s.Do(apptest.Admin, "POST", "/api/lingualink/clips/"+clip+"/overrule", aWord(verdict, note))
}

// sound fails the test unless the ledger, the verdicts, the history of skills and
// the audit log prove themselves.
func sound(t *testing.T, s *hookstest.Server) {
	t.Helper()
	money, err := ledger.Verify(s.App.DB())
	if err != nil || len(money.Findings) > 0 {
		t.Errorf("the ledger: %v %v", money.Findings, err)
	}
	verdicts, err := consensus.Verify(s.App.DB())
	if err != nil || len(verdicts.Findings) > 0 {
		t.Errorf("the verdicts: %v %v", verdicts.Findings, err)
	}
	audit, err := shell.VerifyAudit(s.App.DB())
	if err != nil || audit.Problem != "" {
		t.Errorf("the audit log: %+v %v", audit, err)
	}
	events := []struct {
		Validator string       `db:"validator"`
		Source    crowd.Source `db:"source"`
		crowd.Counts
	}{}
	if err := s.App.DB().NewQuery("SELECT validator, source, tp, fn, tn, fp FROM skill_events ORDER BY seq").All(&events); err != nil {
		t.Fatal(err)
	}
	rebuilt := crowd.Rebuild(func(yield func(string, crowd.Event) bool) {
		for _, e := range events {
			if !yield(e.Validator, crowd.Event{Source: e.Source, Counts: e.Counts}) {
				return
			}
		}
	})
	for who, skill := range rebuilt {
		if stored := skillOf(s, who); stored != skill {
			t.Errorf("the skill of %s is %+v, rebuilt it is %+v", who, stored, skill)
		}
	}
}

// skillOf reads the only skill of a person, by id.
func skillOf(s *hookstest.Server, id string) crowd.Skill {
	var row struct {
		GoldTP    crowd.Mass `db:"gold_tp"`
		GoldFN    crowd.Mass `db:"gold_fn"`
		GoldTN    crowd.Mass `db:"gold_tn"`
		GoldFP    crowd.Mass `db:"gold_fp"`
		LearnedTP crowd.Mass `db:"learned_tp"`
		LearnedFN crowd.Mass `db:"learned_fn"`
		LearnedTN crowd.Mass `db:"learned_tn"`
		LearnedFP crowd.Mass `db:"learned_fp"`
	}
	if err := s.App.DB().NewQuery("SELECT * FROM skills WHERE validator = {:who}").Bind(dbx.Params{"who": id}).One(&row); err != nil {
		return crowd.Skill{}
	}
	return crowd.Skill{
		Gold:    crowd.Counts{TP: row.GoldTP, FN: row.GoldFN, TN: row.GoldTN, FP: row.GoldFP},
		Learned: crowd.Counts{TP: row.LearnedTP, FN: row.LearnedFN, TN: row.LearnedTN, FP: row.LearnedFP},
	}
}

// told are the kinds of what a person was told, in alphabetical order, less badges.
func told(s *hookstest.Server, who string) string {
	kinds := []string{}
	err := s.App.DB().NewQuery("SELECT kind FROM notifications WHERE user = {:who} AND kind != 'badge_earned' ORDER BY kind").Bind(dbx.Params{"who": s.User(who).Id}).Column(&kinds)
	if err != nil {
		panic(err)
	}
	return strings.Join(kinds, ", ")
}

func TestAnExpertTeachesExactly(t *testing.T) {
	s := experts(t)
	clip, escalation := escalated(s, ada) // bola and dayo approve, chidi rejects
	one := crowd.Answer
	gold := func(who string) crowd.Counts { return skillOf(s, s.User(who).Id).Gold }
	ruled(s, fatima, escalation, "approve")
	for range 2 { // and the same word again teaches nothing more
		if gold(bola) != (crowd.Counts{TP: one}) || gold(chidi) != (crowd.Counts{FN: one}) || gold(dayo) != (crowd.Counts{TP: one}) {
			t.Errorf("a good clip teaches %+v %+v %+v", gold(bola), gold(chidi), gold(dayo))
		}
		s.Want(overrule(s, clip, "approve", "So it is."), 200, "")
	}
	if n := s.Int("SELECT COUNT(*) FROM skill_events"); n != 3 {
		t.Errorf("%d lessons, want 3", n)
	}
	s.Want(overrule(s, clip, "reject", "On second thought."), 200, "")
	if gold(bola) != (crowd.Counts{FP: one}) || gold(chidi) != (crowd.Counts{TN: one}) || gold(dayo) != (crowd.Counts{FP: one}) {
		t.Errorf("a bad clip after all teaches %+v %+v %+v", gold(bola), gold(chidi), gold(dayo))
	}
	s.Want(overrule(s, clip, "approve", "On third thought."), 200, "")
	if gold(bola) != (crowd.Counts{TP: one}) || gold(chidi) != (crowd.Counts{FN: one}) {
		t.Errorf("and back %+v %+v", gold(bola), gold(chidi))
	}
	if skill := skillOf(s, s.User(bola).Id); skill.Learned != (crowd.Counts{}) {
		t.Errorf("a clip in doubt taught %+v", skill.Learned)
	}
	if settled := s.Int("SELECT settled FROM language_stats"); settled != int64(one) {
		t.Errorf("the clip counts %d times for the language", settled)
	}
	sound(t, s)
}

func TestACorrectedVerdictTeachesBesides(t *testing.T) {
	s := experts(t)
	clip := s.Clip(ada)
	s.Decide(clip, "approve")
	before := skillOf(s, s.User(bola).Id)
	s.Want(overrule(s, clip, "reject", "It is another language."), 200, "")
	after := skillOf(s, s.User(bola).Id)
	if before.Learned == (crowd.Counts{}) || after.Learned != before.Learned || after.Gold != (crowd.Counts{FP: crowd.Answer}) {
		t.Errorf("before %+v, after %+v", before, after)
	}
	confirmed := s.Clip(ada)
	s.Decide(confirmed, "approve")
	s.Want(overrule(s, confirmed, "approve", "So it is."), 200, "")
	if gold := skillOf(s, s.User(bola).Id).Gold; gold != (crowd.Counts{TP: crowd.Answer, FP: crowd.Answer}) {
		t.Errorf("a confirmed verdict teaches %+v", gold)
	}
	sound(t, s)
}

// Who has begun anew has forgotten the false lesson; taking it back would leave
// less than nothing.
func TestAForgottenLessonIsNotTakenBack(t *testing.T) {
	s := experts(t)
	clip, escalation := escalated(s, ada)
	ruled(s, fatima, escalation, "approve")
	params := dbx.Params{"id": shell.NewID(), "cause": shell.NewID(), "bola": s.User(bola).Id, "language": s.Language("ha"), "now": shell.Stamp(time.Now())}
	execSQL(s, `INSERT INTO reviews (id, validator, language, text, state, created, updated)
		VALUES ({:cause}, {:bola}, {:language}, 'Please.', 'reinstated', {:now}, {:now})`, params)
	execSQL(s, `INSERT INTO skill_events (id, seq, validator, language, source, cause, tp, fn, tn, fp, created)
		SELECT {:id}, MAX(seq) + 1, {:bola}, {:language}, 'review', {:cause}, 0, 0, 0, 0, {:now} FROM skill_events`, params)
	execSQL(s, "UPDATE skills SET gold_tp = 0, seq = (SELECT MAX(seq) FROM skill_events) WHERE validator = {:bola}", dbx.Params{"bola": params["bola"]})
	s.Want(overrule(s, clip, "reject", "On second thought."), 200, "")
	if gold := skillOf(s, s.User(bola).Id).Gold; gold != (crowd.Counts{FP: crowd.Answer}) {
		t.Errorf("bola, who began anew: %+v", gold)
	}
	if gold := skillOf(s, s.User(chidi).Id).Gold; gold != (crowd.Counts{TN: crowd.Answer}) {
		t.Errorf("chidi, who did not: %+v", gold)
	}
	sound(t, s)
}

func TestAVerdictIsSupersededNotChanged(t *testing.T) {
	s := experts(t)
	clip := s.Clip(ada)
	for who, feedback := range map[string]string{bola: "clear", chidi: "nice", dayo: ""} {
		s.Want(s.Do(who, "POST", votes, map[string]any{"clip": clip, "verdict": "approve", "feedback": feedback}), 200, "")
	}
	first := s.Text("SELECT explanation FROM verdicts", nil)
	data := s.Want(overrule(s, clip, "reject", "It is another language."), 200, "").Data()
	if statusOf(s, clip) != "rejected" || data["outcome"] != "rejected" || data["reason"] != "unclear_audio" {
		t.Errorf("the clip is %s, the answer %v", statusOf(s, clip), data)
	}
	if still := s.Text("SELECT explanation FROM verdicts WHERE revision = 1", nil); still != first {
		t.Error("the first verdict was changed")
	}
	row := s.Text("SELECT revision || ' ' || outcome || ' ' || [[by]] || ' ' || reason || ' ' || note || ' ' || (actor GLOB 'superuser:*') || ' ' || votes || ' ' || feedback FROM verdicts WHERE id = {:id}",
		dbx.Params{"id": data["verdict"]})
	if row != "2 rejected expert unclear_audio It is another language. 1 3 []" {
		t.Errorf("the second verdict is %s", row)
	}
	stored, err := engine.ParseExplanation([]byte(s.Text("SELECT explanation FROM verdicts WHERE revision = 2", nil)))
	if err != nil || stored.Reason != engine.ByExpert || len(stored.Votes) != 3 || stored.LogOdds <= 0 {
		t.Errorf("it explains %+v, %v", stored, err)
	}
	for _, who := range []string{ada, bola} { // the owner and who voted
		items := s.Want(s.Do(who, "GET", "/api/collections/verdicts/records?sort=revision", nil), 200, "").Items("items")
		if len(items) != 2 || items[1]["outcome"] != "rejected" || items[1]["by"] != "expert" {
			t.Errorf("%s reads %v", who, items)
		}
		for _, hidden := range []string{"actor", "note"} {
			if _, shown := items[1][hidden]; shown {
				t.Errorf("%s reads the field %s", who, hidden)
			}
		}
	}
	entry := s.Text("SELECT actor || ' ' || subject_id || ' ' || reason || ' ' || data FROM audit_log WHERE action = 'clip.overrule'", nil)
	for _, part := range []string{"superuser:", clip, "It is another language.", `"was":"approved"`, `"outcome":"rejected"`, `"reversed_minor":15000`} {
		if !strings.Contains(entry, part) {
			t.Errorf("the audit log does not say %s: %s", part, entry)
		}
	}
	if memo := s.Text("SELECT memo FROM ledger_txs WHERE reverses != ''", nil); strings.Contains(memo, "another language") || memo == "" {
		t.Errorf("the speaker's statement says %q", memo)
	}
	s.Drain()
	if got := told(s, ada) + "; " + told(s, bola); got != "clip_approved, verdict_changed; " {
		t.Errorf("told: %s", got)
	}
	s.Want(s.Vote(emeka, clip, "approve"), 409, "clip_decided")
	sound(t, s)
}

func TestWhoMayOverrule(t *testing.T) {
	s := experts(t)
	clip := s.Clip(ada)
	for who, code := range map[string]string{apptest.Guest: "sign_in_required", ada: "not_allowed", bola: "not_allowed", fatima: "not_allowed", musa: "not_allowed"} {
		status := map[bool]int{true: 401, false: 403}[who == apptest.Guest]
		s.Want(s.Do(who, "POST", "/api/lingualink/clips/"+clip+"/overrule", aWord("approve", "fine")), status, code)
	}
	s.Want(overrule(s, clip, "approve", ""), 400, "invalid_input")
	s.Want(overrule(s, clip, "approve", "  "), 400, "invalid_input")
	s.Want(overrule(s, "nothing00000000", "approve", "fine"), 404, "not_found")
	control := s.Clip(ada)
	execSQL(s, "UPDATE clips SET control = 1 WHERE id = {:clip}", dbx.Params{"clip": control})
	s.Want(overrule(s, control, "approve", "fine"), 404, "not_found")
	if n := s.Int("SELECT COUNT(*) FROM verdicts"); n != 0 {
		t.Errorf("%d verdicts", n)
	}
	// A hidden clip can be decided: moderation hides before it decides.
	execSQL(s, "UPDATE clips SET hidden = 1 WHERE id = {:clip}", dbx.Params{"clip": clip})
	s.Want(overrule(s, clip, "reject", "It hums."), 200, "")
	if open := s.Int("SELECT open FROM clip_tallies WHERE clip = {:clip}", dbx.Params{"clip": clip}); open != 0 {
		t.Error("a decided clip still waits for votes")
	}
}

func TestTheSameWordAgainChangesNothing(t *testing.T) {
	s := experts(t)
	clip, escalation := escalated(s, ada)
	s.Want(act(s, fatima, escalation, "claim"), 200, "")
	first := s.Want(overrule(s, clip, "approve", "fine"), 200, "")
	s.Want(rule(s, fatima, escalation, "approve", ""), 409, "escalation_closed")
	if state := s.Text("SELECT state || ' ' || claimed_by FROM escalations", nil); state != "decided " {
		t.Errorf("the escalation is %q", state)
	}
	counts := func() string {
		text := ""
		for _, table := range []string{"verdicts", "rewards", "skill_events", "audit_log", "jobs"} {
			text += fmt.Sprint(s.Int("SELECT COUNT(*) FROM "+table), " ")
		}
		return text
	}
	before := counts()
	if again := s.Want(overrule(s, clip, "approve", "fine"), 200, ""); !maps.Equal(again.Data(), first.Data()) {
		t.Errorf("first %s, again %s", first.Raw, again.Raw)
	}
	if after := counts(); after != before {
		t.Errorf("rows went from %s to %s", before, after)
	}
	s.Want(overrule(s, clip, "approve", "fine indeed"), 200, "")
	if n := s.Int("SELECT MAX(revision) FROM verdicts"); n != 3 {
		t.Errorf("another note is another verdict: %d", n)
	}
	err := s.App.RunInTransaction(func(tx core.App) error {
		_, err := consensus.Overrule(tx, s.Deps, clip, engine.Approved, "", "user:"+s.User(musa).Id, "fine indeed")
		return err
	})
	if n := s.Int("SELECT MAX(revision) FROM verdicts"); err != nil || n != 4 {
		t.Errorf("another person's word is another verdict: %d %v", n, err)
	}
}

// Whatever fails while a verdict is superseded, nothing of it is left.
func TestAFailedCorrectionLeavesNothing(t *testing.T) {
	for _, fail := range []string{"INSERT ON verdicts", "INSERT ON skill_events", "UPDATE ON rewards", "INSERT ON rewards", "INSERT ON jobs", "UPDATE ON escalations", "INSERT ON audit_log"} {
		t.Run(fail, func(t *testing.T) {
			s := experts(t)
			clip := s.Clip(ada)
			s.Decide(clip, map[bool]string{true: "reject", false: "approve"}[fail == "INSERT ON rewards"])
			verdict := map[bool]string{true: "approve", false: "reject"}[fail == "INSERT ON rewards"]
			reopen(s, clip, collections.CauseAudit)
			tables := []string{"verdicts", "skill_events", "skills", "rewards", "ledger_txs", "ledger_accounts", "jobs", "escalations", "audit_log", "clips", "language_stats"}
			state := func() string {
				text := ""
				for _, table := range tables {
					columns := []string{}
					if err := s.App.DB().NewQuery("SELECT name FROM pragma_table_info('" + table + "')").Column(&columns); err != nil {
						t.Fatal(err)
					}
					text += s.Text("SELECT group_concat([["+strings.Join(columns, "]] || '|' || [[")+"]], '/') FROM "+table, nil) + "\n"
				}
				return text
			}
			before := state()
			execSQL(s, "CREATE TRIGGER fail BEFORE "+fail+" BEGIN SELECT RAISE(ABORT, 'no'); END", nil)
			s.Want(overrule(s, clip, verdict, "fine"), 500, "internal")
			if after := state(); after != before {
				t.Errorf("before\n%s\nafter\n%s", before, after)
			}
			execSQL(s, "DROP TRIGGER fail", nil)
			s.Want(overrule(s, clip, verdict, "fine"), 200, "")
			sound(t, s)
		})
	}
}

func TestOverruleForOtherAreas(t *testing.T) {
	s := experts(t)
	clip := s.Clip(ada)
	call := func(clip string, outcome engine.Outcome, reason engine.Reason) (verdict string, err error) {
		err = s.App.RunInTransaction(func(tx core.App) (err error) {
			verdict, err = consensus.Overrule(tx, s.Deps, clip, outcome, reason, "user:"+s.User(musa).Id, "A case.")
			return err
		})
		return verdict, err
	}
	for _, c := range []struct {
		outcome engine.Outcome
		reason  engine.Reason
	}{{engine.Escalated, ""}, {engine.Undecided, ""}, {engine.Approved, engine.CutOff}} {
		if _, err := call(clip, c.outcome, c.reason); err == nil {
			t.Errorf("%q %q is no expert's word", c.outcome, c.reason)
		}
	}
	verdict, err := call(clip, engine.Rejected, "") // moderation has reasons of its own
	if err != nil || s.Text("SELECT actor FROM verdicts WHERE id = {:id}", dbx.Params{"id": verdict}) != "user:"+s.User(musa).Id {
		t.Errorf("%s %v", verdict, err)
	}
	if _, err := call("nothing00000000", engine.Rejected, ""); err == nil {
		t.Error("there is no such clip")
	}
}
