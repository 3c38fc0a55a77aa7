package consensus_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/hookstest"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

func goldCounts(s *hookstest.Server, who string) string {
	return s.Text(`SELECT COALESCE((SELECT json_array(gold_tp / 1000000000, gold_fn / 1000000000, gold_tn / 1000000000, gold_fp / 1000000000, learned_tp + learned_fn + learned_tn + learned_fp)
		FROM skills WHERE validator = {:me} AND language = {:language}), 'none')`, dbx.Params{"me": s.User(who).Id, "language": s.Language("ha")})
}

func TestAControlTeachesItsVotersExactly(t *testing.T) {
	s := open(t)
	good, bad := makeGold(s, t, s.Clip(ada), "good"), makeGold(s, t, s.Clip(ada), "bad")
	s.Want(s.Vote(bola, controlOf(s, good), "approve"), 200, "")
	s.Want(s.Vote(chidi, controlOf(s, good), "reject"), 200, "")
	s.Want(s.Vote(bola, controlOf(s, bad), "reject"), 200, "")
	s.Want(s.Vote(chidi, controlOf(s, bad), "approve"), 200, "")
	for who, want := range map[string]string{bola: "[1,0,1,0,0]", chidi: "[0,1,0,1,0]"} {
		if got := goldCounts(s, who); got != want {
			t.Errorf("%s has tp, fn, tn, fp and learned %s, want %s", who, got, want)
		}
	}
	if row := s.Text("SELECT json_array(answers, misses, honest_answers, exposures, round(expected_misses, 6), round(variance, 6)) FROM gold_clips WHERE id = {:id}", dbx.Params{"id": good}); row != "[2,1,0,2,0.2,0.18]" {
		t.Errorf("the good clip knows %s", row)
	}
	if row := s.Text("SELECT json_array(answers, misses, honest_answers, exposures, round(expected_misses, 6)) FROM gold_clips WHERE id = {:id}", dbx.Params{"id": bad}); row != "[2,1,0,2,0.5]" {
		t.Errorf("the bad clip knows %s", row)
	}
	if n := s.Int("SELECT gold_answers FROM language_stats"); n != 4 {
		t.Errorf("the language has %d gold answers, want 4", n)
	}
	// The verdicts teach nothing more, right or wrong.
	for _, who := range []string{dayo, emeka, fatima} {
		s.Want(s.Vote(who, controlOf(s, good), "reject"), 200, "")
	}
	if got := s.Int("SELECT COUNT(*) FROM verdicts v JOIN clips c ON c.id = v.clip AND c.control = 1 WHERE v.outcome = 'rejected'"); got != 1 {
		t.Fatalf("%d controls have the wrong verdict, want 1", got)
	}
	if row := s.Text(`SELECT json_array(COUNT(*), SUM(source = 'gold'), SUM(cause IN (SELECT id FROM votes)), MAX(seq)) FROM skill_events`, nil); row != "[7,7,7,7]" {
		t.Errorf("the history has events, of gold, caused by votes, up to %s", row)
	}
	if got := goldCounts(s, bola); got != "[1,0,1,0,0]" {
		t.Errorf("bola learned from the verdict of a control: %s", got)
	}
	if n := s.Int("SELECT COUNT(*) FROM gold_exposures e JOIN votes v ON v.id = e.vote AND v.validator = e.validator WHERE e.missed = ((v.verdict = 'approve') != (SELECT truth = 'good' FROM gold_clips WHERE id = e.gold))"); n != 7 {
		t.Errorf("%d exposures know their answer, want 7", n)
	}
	sameAsRebuilt(s, t)
	sound(t, s)
}

// TestTheSecondAnswerOnAGoldClipTellsNothing is somebody who learns the id of
// another control of a gold clip that they met, where voting is open.
func TestTheSecondAnswerOnAGoldClipTellsNothing(t *testing.T) {
	s := open(t)
	gold := makeGold(s, t, s.Clip(ada), "good")
	s.Decide(controlOf(s, gold), "approve")
	s.Want(s.Vote(bola, controlOf(s, gold), "approve"), 200, "")
	if got := goldCounts(s, bola); got != "[1,0,0,0,0]" {
		t.Errorf("bola is credited twice: %s", got)
	}
	if row := s.Text("SELECT json_array(answers, exposures, (SELECT gold_answers FROM language_stats)) FROM gold_clips", nil); row != "[3,3,3]" {
		t.Errorf("the clip counts %s", row)
	}
}

// sameAsRebuilt replays the history of all skills and compares.
func sameAsRebuilt(s *hookstest.Server, t *testing.T) {
	t.Helper()
	type who struct{ validator, language string }
	rows := []struct {
		Validator string `db:"validator"`
		Language  string `db:"language"`
		Source    string `db:"source"`
		TP        int64  `db:"tp"`
		FN        int64  `db:"fn"`
		TN        int64  `db:"tn"`
		FP        int64  `db:"fp"`
	}{}
	if err := s.App.DB().NewQuery("SELECT validator, language, source, tp, fn, tn, fp FROM skill_events ORDER BY seq").All(&rows); err != nil {
		t.Fatal(err)
	}
	rebuilt := crowd.Rebuild(func(yield func(who, crowd.Event) bool) {
		for _, row := range rows {
			event := crowd.Event{Source: crowd.Source(row.Source), Counts: crowd.Counts{TP: crowd.Mass(row.TP), FN: crowd.Mass(row.FN), TN: crowd.Mass(row.TN), FP: crowd.Mass(row.FP)}}
			if !yield(who{row.Validator, row.Language}, event) {
				return
			}
		}
	})
	if len(rebuilt) == 0 {
		t.Fatal("there is nothing to rebuild")
	}
	if n := s.Int("SELECT COUNT(*) FROM skills"); n != int64(len(rebuilt)) {
		t.Errorf("%d skills are stored, %d rebuilt", n, len(rebuilt))
	}
	for key, skill := range rebuilt {
		g, l := skill.Gold, skill.Learned
		want := fmt.Sprintf("[%d,%d,%d,%d,%d,%d,%d,%d]", g.TP, g.FN, g.TN, g.FP, l.TP, l.FN, l.TN, l.FP)
		got := s.Text("SELECT json_array(gold_tp, gold_fn, gold_tn, gold_fp, learned_tp, learned_fn, learned_tn, learned_fp) FROM skills WHERE validator = {:v} AND language = {:l}",
			dbx.Params{"v": key.validator, "l": key.language})
		if got != want {
			t.Errorf("%s: stored %s, rebuilt %s", key.validator, got, want)
		}
	}
}

func TestALeakedGoldClipRetires(t *testing.T) {
	s := open(t)
	s.OpenVotingWith(map[string]any{"gold_leak_answers": 4, "gold_leak_sd": 1, "max_votes": 7, "min_votes": 7})
	gold := makeGold(s, t, s.Clip(ada), "bad")
	control := controlOf(s, gold)
	for i, who := range []string{bola, chidi, dayo} {
		s.Want(s.Vote(who, control, "reject"), 200, "")
		if state := s.Text("SELECT state FROM gold_clips", nil); state != "active" {
			t.Fatalf("after %d answers it is %s", i+1, state)
		}
	}
	s.Want(s.Vote(emeka, control, "reject"), 200, "") // 4 answers, 1.0 misses expected, 0.87 standard deviations
	if row := s.Text("SELECT json_array(state, reason, answers, misses, (SELECT gold_clips FROM language_stats), (SELECT reserved FROM clips WHERE id = source)) FROM gold_clips", nil); row != `["retired","leaked",4,0,0,0]` {
		t.Fatalf("the gold clip is %s", row)
	}
	if status := s.Text("SELECT status FROM clips WHERE id = {:id}", dbx.Params{"id": control}); status != "pending" {
		t.Errorf("the control, in the middle of a vote, is %s", status)
	}
	s.Drain()
	s.Advance(24*time.Hour + time.Minute)
	s.Drain()
	if status := s.Text("SELECT status FROM clips WHERE id = {:id}", dbx.Params{"id": control}); status != "rejected" {
		t.Errorf("at last the control is %s", status)
	}
	if got := s.Balance(emeka)["pending"]; got != 1500 {
		t.Errorf("emeka has %d, want 1500", got)
	}
	if control, _ := meet(s, t, fatima); control != "" {
		t.Errorf("it is still handed out")
	}
	sound(t, s)
}

// doubted is a gold clip, held for good, that four proven people reject.
func doubted(t *testing.T) (s *hookstest.Server, source, gold string) {
	t.Helper()
	s = open(t)
	s.OpenVotingWith(map[string]any{"gate_answers": 0, "gate_clips": 1000, "gold_miss_answers": 4})
	source = s.Clip(ada)
	gold = makeGold(s, t, source, "good")
	s.Decide(controlOf(s, gold), "reject")
	s.Want(s.Vote(emeka, controlOf(s, gold), "reject"), 200, "")
	return s, source, gold
}

func TestAGoldClipThatTheHonestMissIsDoubted(t *testing.T) {
	s, source, gold := doubted(t)
	if row := s.Text("SELECT json_array(state, reason, honest_answers, honest_misses, (SELECT gold_clips FROM language_stats), (SELECT reserved FROM clips WHERE id = source)) FROM gold_clips", nil); row != `["suspect","missed",4,4,0,1]` {
		t.Fatalf("the gold clip is %s", row)
	}
	if control, _ := meet(s, t, fatima); control != "" {
		t.Errorf("it is still handed out")
	}
	if n := s.Int("SELECT COUNT(*) FROM escalations WHERE clip = {:clip} AND cause = 'gold' AND state = 'open'", dbx.Params{"clip": source}); n != 1 {
		t.Errorf("%d experts are asked, want 1", n)
	}
	// Its open control waits, however long it takes.
	control := controlOf(s, gold)
	s.Advance(100 * time.Hour)
	if err := consensus.SweepControls(s.App, s.Deps); err != nil {
		t.Fatal(err)
	}
	s.Advance(25 * time.Hour)
	s.Drain()
	status := func() string {
		return s.Text("SELECT status FROM clips WHERE id = {:id}", dbx.Params{"id": control})
	}
	if got := status(); got != "escalated" {
		t.Errorf("the control is %s while the truth is in doubt", got)
	}
	say(s, t, source, engine.Approved) // it was right all the time
	if row := s.Text("SELECT json_array(state, reason, truth, misses, honest_answers, honest_misses, (SELECT gold_clips FROM language_stats)) FROM gold_clips", nil); row != `["active","","good",4,0,0,1]` {
		t.Errorf("the gold clip is %s", row)
	}
	if next := controlOf(s, gold); next == "" || next == control {
		t.Errorf("no control follows")
	}
	if control, _ := meet(s, t, fatima); control == "" {
		t.Errorf("it is not handed out again")
	}
	s.Advance(25 * time.Hour)
	s.Drain()
	if got := status(); got != "approved" {
		t.Errorf("the control that waited is %s", got)
	}
	if got := goldCounts(s, bola); got != "[0,1,0,0,0]" {
		t.Errorf("bola has %s", got)
	}
	sound(t, s)
}

func TestATruthThatTurnsRoundTeachesEverybodyAnew(t *testing.T) {
	s, source, _ := doubted(t)
	if got := goldCounts(s, bola); got != "[0,1,0,0,0]" {
		t.Fatalf("bola has %s", got)
	}
	say(s, t, source, engine.Rejected)
	for _, who := range []string{bola, chidi, dayo, emeka} {
		if got := goldCounts(s, who); got != "[0,0,1,0,0]" {
			t.Errorf("%s has tp, fn, tn, fp, learned %s", who, got)
		}
	}
	if row := s.Text("SELECT json_array(state, truth, answers, misses, round(expected_misses, 6), honest_answers, (SELECT gold_clips FROM language_stats)) FROM gold_clips", nil); row != `["active","bad",4,0,1.0,0,1]` {
		t.Errorf("the gold clip is %s", row)
	}
	if n := s.Int("SELECT COUNT(*) FROM gold_exposures WHERE missed = 1"); n != 0 {
		t.Errorf("%d answers are still held for wrong", n)
	}
	if row := s.Text("SELECT json_array(good_approved, good_rejected, bad_approved, bad_rejected) FROM language_stats", nil); row != "[0,0,0,1]" {
		t.Errorf("the crowd is credited with %s", row)
	}
	if n := s.Int("SELECT COUNT(*) FROM skill_events WHERE source = 'gold' AND cause IN (SELECT id FROM verdicts)"); n != 4 {
		t.Errorf("%d corrections, want 4", n)
	}
	sameAsRebuilt(s, t)
	say(s, t, source, engine.Rejected) // the same again changes nothing
	say(s, t, source, engine.Approved) // and back
	for _, who := range []string{bola, chidi, dayo, emeka} {
		if got := goldCounts(s, who); got != "[0,1,0,0,0]" {
			t.Errorf("%s has tp, fn, tn, fp, learned %s", who, got)
		}
	}
	if row := s.Text("SELECT json_array(truth, answers, misses, round(expected_misses, 6), (SELECT good_rejected FROM language_stats), (SELECT bad_rejected FROM language_stats)) FROM gold_clips", nil); row != `["good",4,4,0.4,1,0]` {
		t.Errorf("the gold clip is %s", row)
	}
	sameAsRebuilt(s, t)
	sound(t, s)
}

// TestWhatWasForgottenIsNotTakenBack is a validator whom a person let begin anew
// between a false lesson and its correction.
func TestWhatWasForgottenIsNotTakenBack(t *testing.T) {
	s, source, _ := doubted(t)
	if err := consensus.Teach(s.App, s.Deps.Clock.Now(), s.User(bola).Id, s.Language("ha"), crowd.Event{Source: crowd.FromReview}); err != nil {
		t.Fatal(err)
	}
	say(s, t, source, engine.Rejected)
	if got := goldCounts(s, bola); got != "[0,0,0,0,0]" {
		t.Errorf("bola began anew and has %s", got)
	}
	if got := goldCounts(s, chidi); got != "[0,0,1,0,0]" {
		t.Errorf("chidi has %s", got)
	}
	sameAsRebuilt(s, t)
}

func TestAnExpertsWordOnARetiredGoldClipStillTeaches(t *testing.T) {
	s, source, gold := doubted(t)
	s.Want(s.Do("admin@lingualink.test", "POST", goldRoute+"/"+gold+"/retire", map[string]any{"reason": "doubtful"}), 200, "")
	if n := s.Int("SELECT gold_clips FROM language_stats"); n != 0 {
		t.Errorf("the language has %d gold clips", n)
	}
	say(s, t, source, engine.Rejected)
	if row := s.Text("SELECT json_array(state, truth, (SELECT gold_clips FROM language_stats)) FROM gold_clips", nil); row != `["retired","bad",0]` {
		t.Errorf("the gold clip is %s", row)
	}
	if got := goldCounts(s, bola); got != "[0,0,1,0,0]" {
		t.Errorf("bola has %s", got)
	}
	sound(t, s)
}
