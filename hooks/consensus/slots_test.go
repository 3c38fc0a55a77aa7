package consensus_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/hookstest"
)

// goldServer is a server with n gold clips, half of them bad, under the policy.
func goldServer(t *testing.T, n int, values map[string]any) *hookstest.Server {
	t.Helper()
	s := hookstest.Start(t)
	s.Fund(10_000_000)
	s.Policy("consensus", values)
	s.Consent(ada)
	for i := range n {
		makeGold(s, t, s.Clip(ada), []string{"good", "bad"}[i%2])
	}
	return s
}

// pattern writes a c for each control among the clips and a dot for each other.
func pattern(s *hookstest.Server, clips []string) string {
	text := ""
	for _, clip := range clips {
		if s.Text("SELECT gold FROM clip_tallies WHERE clip = {:clip}", dbx.Params{"clip": clip}) != "" {
			text += "c"
		} else {
			text += "."
		}
	}
	return text
}

func patternOf(s *hookstest.Server, items []map[string]any) string {
	return pattern(s, strings.Fields(clipsOf(items)))
}

func TestTheOnboardingComesFirst(t *testing.T) {
	s := goldServer(t, 6, map[string]any{"onboarding": 4, "gold_share": 0})
	plant(s, 20, 0)
	items := take(s, bola, "?language=ha&limit=3")
	if got := patternOf(s, items); got != "ccc" {
		t.Errorf("bola gets %s, want controls", got)
	}
	if got := clipsOf(take(s, bola, "?language=ha&limit=3")); got != clipsOf(items) {
		t.Errorf("asking again gives %s, want %s", got, clipsOf(items))
	}
	more := take(s, bola, "?language=ha&limit=10")
	if got := patternOf(s, more); got != "cccc......" {
		t.Errorf("asking for more gives %s", got)
	}
	for _, item := range more {
		if len(item) != len(more[0]) || item["lease_until"] != more[9]["lease_until"] && item["lease_until"] != items[0]["lease_until"] {
			t.Errorf("%v differs from %v", item, more[0])
		}
	}
	if n := s.Int("SELECT COUNT(*) FROM gold_exposures"); n != 4 {
		t.Errorf("%d exposures, want 4", n)
	}
	if n := s.Int("SELECT COUNT(*) FROM assignments a JOIN clip_tallies t ON t.clip = a.clip AND t.gold != '' WHERE a.state = 'live' AND t.leases = 1"); n != 4 {
		t.Errorf("%d controls are leased like other clips, want 4", n)
	}
}

func TestTheOnboardingWaitsForGold(t *testing.T) {
	s := goldServer(t, 0, map[string]any{"onboarding": 2, "gold_share": 0})
	plant(s, 20, 0)
	if got := patternOf(s, take(s, bola, "?language=ha&limit=3")); got != "..." {
		t.Errorf("without gold bola gets %s", got)
	}
	for i := range 3 {
		makeGold(s, t, s.Clip(ada), []string{"good", "bad"}[i%2])
	}
	empty(s, bola)
	if got := patternOf(s, take(s, bola, "?language=ha&limit=5")); got != "cc..." {
		t.Errorf("once there is gold bola gets %s", got)
	}
}

func TestControlsAreHiddenAmongTheRest(t *testing.T) {
	s := goldServer(t, 16, map[string]any{"onboarding": 0, "gold_share": 0.25, "owner_votes": 0, "best_of": 1})
	first, _ := plant(s, 60, 0)
	order, rng := "", rand.New(rand.NewPCG(1, 1))
	seen := []string{}
	for range 6 {
		clips := []string{}
		for _, item := range handOut(t, s, rng, bola, 10) {
			clips = append(clips, item.Clip)
		}
		if len(clips) != 10 {
			t.Errorf("bola gets %d clips", len(clips))
		}
		order += pattern(s, clips)
		for _, clip := range clips {
			if !strings.HasPrefix(clip, "planted") {
				continue
			}
			seen = append(seen, clip)
		}
		empty(s, bola)
	}
	places := map[int]bool{}
	for block := range 15 {
		four := order[4*block : 4*block+4]
		if strings.Count(four, "c") != 1 {
			t.Errorf("in %s block %d is %s", order, block, four)
		}
		places[strings.Index(four, "c")] = true
	}
	if len(places) < 3 {
		t.Errorf("controls keep their places: %s", order)
	}
	for i, clip := range seen {
		if want := fmt.Sprintf("plantedclip%04d", first+int64(i)); clip != want {
			t.Fatalf("the other clips are %v, want none left out", seen)
		}
	}
}

// TestADryQueueDoesNotTellOnControls: as many items as there are clips, and
// those that made way come after a while, not at the next look.
func TestADryQueueDoesNotTellOnControls(t *testing.T) {
	s := goldServer(t, 10, map[string]any{"onboarding": 0, "gold_share": 0.5, "owner_votes": 0})
	first, _ := plant(s, 6, 0)
	items := take(s, bola, "?language=ha&limit=50")
	order := patternOf(s, items)
	if len(order) != 6 || strings.Count(order, "c") != 3 {
		t.Fatalf("of 6 clips bola gets %s, want 6 items and a control in every 2", order)
	}
	answerAll(s, bola, "approve", items)
	if again := take(s, bola, "?language=ha&limit=50"); len(again) != 0 {
		t.Fatalf("the next look brings %v", again)
	}
	others := take(s, chidi, "?language=ha&limit=50")
	if len(others) != 6 {
		t.Errorf("chidi gets %d items, want as many as clips", len(others))
	}
	s.Advance(time.Minute)
	if err := consensus.OfferPassed(s.App, s.Deps); err != nil {
		t.Fatal(err)
	}
	seen := strings.Fields(clipsOf(items))
	for range 5 { // fewer from turn to turn, with controls among them
		later := take(s, bola, "?language=ha&limit=50")
		answerAll(s, bola, "approve", later)
		seen = append(seen, strings.Fields(clipsOf(later))...)
		s.Advance(time.Minute)
		if err := consensus.OfferPassed(s.App, s.Deps); err != nil {
			t.Fatal(err)
		}
	}
	for i := range int64(6) {
		clip := fmt.Sprintf("plantedclip%04d", first+i)
		if s.Int("SELECT open FROM clip_tallies WHERE clip = {:clip}", dbx.Params{"clip": clip}) == 1 && !slices.Contains(seen, clip) {
			t.Errorf("%s never came", clip)
		}
	}
}

func TestAnExpiredControlIsOfferedAgainLikeAnyClip(t *testing.T) {
	s := goldServer(t, 2, map[string]any{"onboarding": 1, "gold_share": 0})
	plant(s, 3, 0)
	items := take(s, bola, "?language=ha&limit=4")
	if got := patternOf(s, items); got != "c..." {
		t.Fatalf("bola gets %s", got)
	}
	s.Advance(11 * time.Minute)
	expire(t, s)
	again := strings.Fields(clipsOf(take(s, bola, "?language=ha&limit=4")))
	slices.Sort(again)
	before := strings.Fields(clipsOf(items))
	slices.Sort(before)
	if !slices.Equal(again, before) {
		t.Errorf("after the leases ran out bola gets %v, want the same %v", again, before)
	}
	if n := s.Int("SELECT COUNT(*) FROM gold_exposures"); n != 1 {
		t.Errorf("%d exposures, want the one", n)
	}
}

func TestARetakeHasControlsOnly(t *testing.T) {
	s := goldServer(t, 10, map[string]any{"onboarding": 2, "gold_share": 0.5})
	plant(s, 20, 0)
	take(s, bola, "?language=ha&limit=5")
	me := dbx.Params{"me": s.User(bola).Id, "ha": s.Language("ha")}
	run(s, "INSERT INTO trust (id, validator, language, state) VALUES ('trusttrusttrust', {:me}, {:ha}, 'excluded')", me)
	s.Want(s.Do(bola, "GET", "/api/lingualink/queue?language=ha", nil), 403, "not_eligible")
	run(s, "UPDATE trust SET retake_at = '2026-11-23 00:00:00.000Z' WHERE validator = {:me} AND language = {:ha}", me)
	run(s, "UPDATE queue_cursors SET onboarding = 3 WHERE validator = {:me} AND language = {:ha}", me)
	items := take(s, bola, "?language=ha&limit=50")
	if got := patternOf(s, items); strings.Trim(got, "c") != "" || len(got) < 5 {
		t.Errorf("during a retake bola gets %s, want five controls at least", got)
	}
	if got := clipsOf(take(s, bola, "?language=ha&limit=50")); got != clipsOf(items) {
		t.Errorf("asking again gives %s, want %s", got, clipsOf(items))
	}
	empty(s, bola)
	s.Want(s.Do(bola, "GET", "/api/lingualink/queue?language=ha", nil), 403, "not_eligible")
}
