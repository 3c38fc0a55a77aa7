package consensus_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/hookstest"
	engine "github.com/lingualink/lingualink/internal/consensus"
)

// explanationOf is the explanation of the newest verdict on the clip.
func explanationOf(t *testing.T, s *hookstest.Server, clip string) engine.Explanation {
	t.Helper()
	e, err := engine.ParseExplanation([]byte(s.Text("SELECT explanation FROM verdicts WHERE clip = {:clip} ORDER BY revision DESC LIMIT 1", dbx.Params{"clip": clip})))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// refitHausa re-estimates the language.
func refitHausa(t *testing.T, s *hookstest.Server) {
	t.Helper()
	s.Advance(time.Second)
	fits, err := consensus.Refit(t.Context(), s.App, s.Deps, []string{s.Language("ha")}, false)
	if err != nil || len(fits) != 1 || fits[0].State == consensus.FitOvertaken {
		t.Fatalf("%+v, %v", fits, err)
	}
}

// TestNothingMovesBetweenReestimates: what an explanation says about the language is
// the same before and after a verdict, be it on a clip or on a control. It moves with
// a re-estimate, whose time neither decides.
func TestNothingMovesBetweenReestimates(t *testing.T) {
	s := open(t)
	s.OpenVotingWith(map[string]any{"prior_floor": 0.2, "prior_cap": 0.9, "accept_answers": 3})
	about := func(clip string) string {
		t.Helper()
		e := explanationOf(t, s, clip)
		raw, err := json.Marshal([]any{e.Prior, e.PriorLogOdds, e.AcceptAt, e.RejectAt, e.Calibration, e.CalibratedError})
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	ordinary := func(verdict string) string {
		clip := s.Clip(ada)
		s.Decide(clip, verdict)
		return about(clip)
	}
	first := ordinary("reject")
	gold := makeGold(s, t, s.Clip(ada), "bad")
	for i := range 3 {
		control := controlOf(s, gold)
		s.Decide(control, "reject", newcomersOf(s, t, 3*i, 3)...)
		if got := about(control); got != first {
			t.Errorf("a control says %s, the clip before it %s", got, first)
		}
		if got := ordinary("reject"); got != first {
			t.Errorf("after %d controls a clip says %s, the first said %s", i+1, got, first)
		}
	}
	if n := s.Int("SELECT gold_answers FROM language_stats"); n < 3 {
		t.Fatalf("%d gold answers, so the threshold would not have moved", n)
	}
	refitHausa(t, s)
	second := ordinary("reject")
	if second == first {
		t.Errorf("after a re-estimate a clip says still %s", first)
	}
	control := controlOf(s, gold)
	s.Decide(control, "reject", newcomersOf(s, t, 20, 3)...)
	if got := about(control); got != second {
		t.Errorf("after a re-estimate a control says %s, a clip %s", got, second)
	}
	sound(t, s)
}

// TestExplanationsShowTheCalibrationOfTheLastReestimate: and new figures only once so
// many controls are new that nobody can tell which.
func TestExplanationsShowTheCalibrationOfTheLastReestimate(t *testing.T) {
	s := open(t)
	counts := func(n int) {
		run(s, "UPDATE language_stats SET good_approved = {:n}, bad_rejected = {:n}, bad_approved = 2", dbx.Params{"n": n})
	}
	shown := func() string {
		t.Helper()
		clip := s.Clip(ada)
		s.Decide(clip, "approve")
		e := explanationOf(t, s, clip)
		if e.Calibration == nil {
			return fmt.Sprint("none ", e.CalibratedError)
		}
		return fmt.Sprint(*e.Calibration, " ", e.CalibratedError > 0)
	}
	step := func(what, want string) {
		t.Helper()
		if got := shown(); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	step("nothing is known", "none 0")
	counts(8)
	refitHausa(t, s)
	step("18 controls were decided", "none 0")
	counts(30)
	step("62 were, and no re-estimate came", "none 0")
	refitHausa(t, s)
	step("a re-estimate came", "{30 0 2 30} true")
	counts(38)
	refitHausa(t, s)
	step("16 more", "{30 0 2 30} true")
	counts(40)
	refitHausa(t, s)
	step("20 more", "{40 0 2 40} true")
	sound(t, s)
}
