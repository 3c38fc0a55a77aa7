package consensus_test

import (
	"slices"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

// goldRush is a server with leases, half of n gold clips good, and as many clips
// that wait for votes.
func goldRush(t *testing.T, n int, values map[string]any) *hookstest.Server {
	t.Helper()
	s := hookstest.Start(t, "LL_RATE_LIMITS=off")
	s.Fund(10_000_000)
	s.Policy(shell.PolicyConsensus, values)
	s.Consent(ada)
	for i := range n {
		makeGold(s, t, s.Clip(ada), []string{"good", "bad"}[i%2])
		s.Clip(ada)
	}
	return s
}

// truths are the truths of what was handed out, empty for ordinary clips.
func truths(s *hookstest.Server, items []map[string]any) []string {
	list := make([]string, len(items))
	for i, item := range items {
		list[i] = s.Text(`
			SELECT COALESCE((SELECT g.truth FROM clip_tallies t JOIN gold_clips g ON g.id = t.gold WHERE t.clip = {:clip}), '')`,
			dbx.Params{"clip": item["clip"]})
	}
	return list
}

func number(list []string, what string) int {
	n := 0
	for _, item := range list {
		if item == what {
			n++
		}
	}
	return n
}

func TestTheQueueOnboardsByControls(t *testing.T) {
	s := goldRush(t, 8, map[string]any{"onboarding": 4, "gold_share": 0, "best_of": 1, "cooldown_s": 0})
	first := take(s, bola, "?language=ha&limit=6")
	if list := truths(s, first); len(list) != 6 || number(list[:4], "good") != 2 || number(list[:4], "bad") != 2 || number(list[4:], "") != 2 {
		t.Fatalf("bola is handed %q, want four controls, two of them bad, and two clips", list)
	}
	s.Advance(time.Minute)
	for i, item := range first {
		verdict := "approve"
		if truths(s, first)[i] == "bad" {
			verdict = "reject"
		}
		s.Want(s.Vote(bola, item["clip"].(string), verdict), 200, "")
	}
	if got := goldCounts(s, bola); got != "[2,0,2,0,0]" {
		t.Errorf("bola has tp, fn, tn, fp, learned %s", got)
	}
	if list := truths(s, take(s, bola, "?language=ha&limit=6")); number(list, "") != len(list) || len(list) == 0 {
		t.Errorf("after the onboarding bola is handed %q", list)
	}
	sound(t, s)
}

func TestLaterControlsAreHiddenAmongTheOthers(t *testing.T) {
	s := goldRush(t, 8, map[string]any{"onboarding": 0, "gold_share": 0.5, "best_of": 1})
	list := truths(s, take(s, bola, "?language=ha&limit=12"))
	controls := number(list, "good") + number(list, "bad")
	if controls < 2 || controls > len(list)/2+1 {
		t.Errorf("bola is handed %q", list)
	}
	if n := s.Int("SELECT COUNT(*) FROM gold_exposures"); n != int64(controls) {
		t.Errorf("%d controls were handed out, %d are remembered", controls, n)
	}
}

func TestAControlThatLapsesComesBackAndOneThatIsSkippedDoesNot(t *testing.T) {
	s := goldRush(t, 2, map[string]any{"onboarding": 2, "gold_share": 0, "best_of": 1})
	first := take(s, bola, "?language=ha&limit=2")
	s.Advance(time.Hour)
	again := take(s, bola, "?language=ha&limit=2")
	sorted := func(items []map[string]any) string {
		ids := []string{items[0]["clip"].(string), items[1]["clip"].(string)}
		slices.Sort(ids)
		return ids[0] + ids[1]
	}
	if len(again) != 2 || sorted(first) != sorted(again) {
		t.Fatalf("bola was handed %v, and an hour later %v", first, again)
	}
	for _, item := range again {
		s.Want(s.Do(bola, "POST", "/api/lingualink/assignments/"+item["assignment"].(string)+"/skip", nil), 200, "")
	}
	if list := truths(s, take(s, bola, "?language=ha&limit=4")); number(list, "") != 2 || len(list) != 2 {
		t.Errorf("after skipping bola is handed %q", list)
	}
	if n := s.Int("SELECT SUM(exposures) FROM gold_clips"); n != 2 {
		t.Errorf("%d exposures, want 2", n)
	}
}

// TestTheGateOpensByGoldAnswers is a language with enough gold to prove oneself by.
func TestTheGateOpensByGoldAnswers(t *testing.T) {
	s := goldRush(t, 2, map[string]any{"assignment": "open", "cooldown_s": 0, "gate_clips": 2, "gate_answers": 2})
	weighs := func(who, clip string) bool {
		t.Helper()
		s.Want(s.Vote(who, clip, "approve"), 200, "")
		return s.Int("SELECT weight != 0 FROM votes WHERE clip = {:clip} AND validator = {:who}", dbx.Params{"clip": clip, "who": s.User(who).Id}) == 1
	}
	ordinary := func() string { return s.Clip(ada) }
	if weighs(bola, ordinary()) {
		t.Errorf("a vote without a gold answer weighs")
	}
	for _, gold := range []string{"good", "bad"} {
		control := controlOf(s, s.Text("SELECT id FROM gold_clips WHERE truth = {:truth}", dbx.Params{"truth": gold}))
		s.Want(s.Vote(bola, control, map[string]string{"good": "approve", "bad": "reject"}[gold]), 200, "")
	}
	if !weighs(bola, ordinary()) {
		t.Errorf("a vote after two gold answers does not weigh")
	}
	if weighs(chidi, ordinary()) {
		t.Errorf("chidi's vote weighs by bola's answers")
	}
	one := s.Text("SELECT id FROM gold_clips LIMIT 1", nil)
	s.Want(s.Do(apptest.Admin, "POST", goldRoute+"/"+one+"/retire", map[string]any{"reason": "old"}), 200, "")
	if !weighs(dayo, ordinary()) {
		t.Errorf("with one gold clip left, nobody can prove themselves")
	}
}

// TestWhoHoldsTheLastControlMayAnswer is a gold clip that enough people met when
// the last of them has not voted yet.
func TestWhoHoldsTheLastControlMayAnswer(t *testing.T) {
	s := goldRush(t, 1, map[string]any{"onboarding": 1, "gold_share": 0, "gold_exposures": 1})
	control := take(s, bola, "?language=ha&limit=1")[0]["clip"].(string)
	state := func() string {
		t.Helper()
		if err := consensus.SweepControls(s.App, s.Deps); err != nil {
			t.Fatal(err)
		}
		return s.Text("SELECT state || ' ' || reason FROM gold_clips", nil)
	}
	if got := state(); got != "active " {
		t.Errorf("while bola holds its control the gold clip is %q", got)
	}
	s.Advance(11 * time.Minute)
	if got := state(); got != "retired exposures" {
		t.Errorf("after the lease the gold clip is %q", got)
	}
	s.Want(s.Vote(bola, control, "approve"), 409, "clip_withdrawn")
	sound(t, s)
}
