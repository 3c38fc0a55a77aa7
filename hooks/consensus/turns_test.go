package consensus_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

// run runs a statement that plants rows.
func run(s *hookstest.Server, query string, params dbx.Params) {
	if _, err := s.App.NonconcurrentDB().NewQuery(query).Bind(params).Execute(); err != nil {
		panic(err)
	}
}

// plant puts n clips of somebody nobody knows at the end of the queue, with so
// many votes of somebody else nobody knows, and returns the first and last turn.
func plant(s *hookstest.Server, n, votes int) (first, last int64) {
	first = s.Int("SELECT COALESCE(MAX(turn), 0) + 1 FROM clip_tallies")
	run(s, `WITH RECURSIVE n(i) AS (SELECT {:first} UNION ALL SELECT i + 1 FROM n WHERE i < {:last})
		INSERT INTO clips (id, owner, language, kind, status, phrase, media_sha256, duration_ms, campaign, created)
		SELECT printf('plantedclip%04d', i), printf('plantedowner%03d', i / 5), {:language}, 'voice', 'pending', 'Sannu', 'planted' || i, 1300, {:campaign}, {:now} FROM n`,
		dbx.Params{"now": shell.Stamp(s.Deps.Clock.Now()), "first": first, "last": first + int64(n) - 1, "language": s.Language("ha"), "campaign": s.GeneralCampaign()})
	run(s, `INSERT INTO clip_tallies (id, clip, language, owner, gold, seq, turn, turned_at, owner_seq, open, ready, started, votes, leases)
		SELECT c.id, c.id, c.language, c.owner, '', CAST(substr(c.id, 12) AS INT), CAST(substr(c.id, 12) AS INT), {:now}, CAST(substr(c.id, 12) AS INT), 1, 1, {:votes} > 0, {:votes}, 0
		FROM clips c WHERE c.media_sha256 LIKE 'planted%' AND CAST(substr(c.id, 12) AS INT) >= {:first}`,
		dbx.Params{"first": first, "votes": votes, "now": shell.Stamp(s.Deps.Clock.Now())})
	return first, first + int64(n) - 1
}

// skilled makes the person known for the share of right answers, both on good
// and on bad clips.
func skilled(s *hookstest.Server, validator string, right float64) {
	hits := int64(right * 1e12)
	run(s, `INSERT INTO skills (id, validator, language, gold_tp, gold_fn, gold_tn, gold_fp, learned_tp, learned_fn, learned_tn, learned_fp, seq)
		VALUES ({:id}, {:me}, {:language}, {:hits}, {:misses}, {:hits}, {:misses}, 0, 0, 0, 0, 1)`,
		dbx.Params{"id": shell.NewID(), "me": validator, "language": s.Language("ha"), "hits": hits, "misses": int64(1e12) - hits})
}

// asked plants that somebody nobody knows asked for clips just now.
func asked(s *hookstest.Server, validator string) {
	run(s, "INSERT INTO queue_cursors (id, validator, language, seen_at) VALUES ({:id}, {:me}, {:language}, {:now})",
		dbx.Params{"id": shell.NewID(), "me": validator, "language": s.Language("ha"), "now": shell.Stamp(s.Deps.Clock.Now())})
}

// handOut hands clips out to the person with the given randomness.
func handOut(t *testing.T, s *hookstest.Server, rng *rand.Rand, who string, limit int) (items []consensus.Item) {
	t.Helper()
	err := s.App.RunInTransaction(func(tx core.App) (err error) {
		items, err = consensus.HandOutBy(tx, s.Deps, rng, s.User(who).Id, s.Language("ha"), limit)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return items
}

// empty makes room in the person's hands, as if they had voted.
func empty(s *hookstest.Server, who string) {
	run(s, "UPDATE assignments SET state = 'voted' WHERE validator = {:me}", dbx.Params{"me": s.User(who).Id})
}

// answerAll votes on all that is in the person's hands.
func answerAll(s *hookstest.Server, who, verdict string, items []map[string]any) {
	for _, item := range items {
		s.Advance(2 * time.Second)
		s.Want(s.Vote(who, item["clip"].(string), verdict), 200, "")
	}
}

func TestClipsWithVotesComeFirst(t *testing.T) {
	s := hookstest.Start(t)
	s.Consent(ada)
	clips := []string{s.Clip(ada), s.Clip(ada), s.Clip(ada), s.Clip(ada)}
	held := take(s, bola, "")
	answerAll(s, bola, "approve", []map[string]any{held[3], held[2]})
	if got, want := clipsOf(take(s, chidi, "")), strings.Join([]string{clips[3], clips[2], clips[0], clips[1]}, " "); got != want {
		t.Errorf("chidi gets %s, want %s: what was voted on first, then by age", got, want)
	}
}

func TestSecondVotesWaitForTheBetterValidator(t *testing.T) {
	for _, c := range []struct {
		name   string
		right  float64 // of bola
		better []float64
		values map[string]any
		want   float64
	}{
		{"the best gets all", 0.95, []float64{0.7, 0.7, 0.7, 0.7, 0.7}, nil, 1},
		{"the worst gets the random share", 0.6, []float64{0.9, 0.9, 0.9, 0.9, 0.9}, nil, 0.2},
		{"the worst gets the random share of the policy", 0.6, []float64{0.9, 0.9, 0.9, 0.9, 0.9}, map[string]any{"random_share": 0.5}, 0.5},
		{"the middle one when neither of two is better", 0.8, []float64{0.9, 0.9, 0.7, 0.7}, map[string]any{"random_share": 0}, 2.0 / 4 * 1 / 3},
		{"alone", 0.6, nil, nil, 1},
		{"first come, first served", 0.6, []float64{0.9, 0.9}, map[string]any{"best_of": 1}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := hookstest.Start(t)
			values := map[string]any{"owner_votes": 0}
			for name, value := range c.values {
				values[name] = value
			}
			s.Policy("consensus", values)
			skilled(s, s.User(bola).Id, c.right)
			for i, right := range c.better {
				asked(s, fmt.Sprintf("plantedperson%02d", i))
				skilled(s, fmt.Sprintf("plantedperson%02d", i), right)
			}
			const clips = 1000
			plant(s, clips, 1)
			rng, taken := rand.New(rand.NewPCG(1, 2)), 0
			for s.Int("SELECT COALESCE(MAX(started), 0) FROM queue_cursors WHERE validator = {:me}", dbx.Params{"me": s.User(bola).Id}) < clips {
				taken += len(handOut(t, s, rng, bola, 50))
				empty(s, bola)
			}
			if got, tolerance := float64(taken)/clips, 4*math.Sqrt(c.want*(1-c.want)/clips); math.Abs(got-c.want) > tolerance {
				t.Errorf("bola got %.3f of the clips, want %.3f", got, c.want)
			}
			if again := handOut(t, s, rng, bola, 50); len(again) != 0 {
				t.Errorf("asking again brought %d more", len(again))
			}
			if passed := s.Int("SELECT COUNT(*) FROM clip_tallies WHERE passed = 1"); passed != int64(clips-taken) {
				t.Errorf("%d clips are marked as passed, want %d", passed, clips-taken)
			}
		})
	}
}

func TestABetterValidatorMustBeThereAndFree(t *testing.T) {
	for name, spoil := range map[string]func(s *hookstest.Server, better string){
		"asked too long ago": func(s *hookstest.Server, _ string) { s.Advance(16 * time.Minute) },
		"is the speaker": func(s *hookstest.Server, better string) {
			run(s, "UPDATE clip_tallies SET owner = {:better}", dbx.Params{"better": better})
		},
		"has voted": func(s *hookstest.Server, better string) {
			run(s, "INSERT INTO votes (id, clip, validator, verdict, created) SELECT id, clip, {:better}, 'approve', turned_at FROM clip_tallies", dbx.Params{"better": better})
		},
		"has skipped": func(s *hookstest.Server, better string) {
			run(s, "INSERT INTO assignments (id, clip, validator, language, state) SELECT id, clip, {:better}, language, 'skipped' FROM clip_tallies", dbx.Params{"better": better})
		},
		"is not": func(s *hookstest.Server, _ string) {},
	} {
		s := hookstest.Start(t)
		s.Policy("consensus", map[string]any{"random_share": 0})
		const better = "plantedperson00"
		asked(s, better)
		skilled(s, better, 0.99)
		plant(s, 1, 1)
		spoil(s, better)
		want := 1
		if name == "is not" {
			want = 0
		}
		if items := take(s, bola, ""); len(items) != want {
			t.Errorf("who is better %s: bola gets %d clips, want %d", name, len(items), want)
		}
	}
}

func TestPassedClipsComeBackForAnybody(t *testing.T) {
	s := hookstest.Start(t)
	s.Policy("consensus", map[string]any{"random_share": 0, "wait_s": 60})
	asked(s, "plantedperson00")
	skilled(s, "plantedperson00", 0.99)
	first, _ := plant(s, 300, 1)
	passed := func() int64 { return s.Int("SELECT COUNT(*) FROM clip_tallies WHERE passed = 1") }
	sweep := func() {
		if err := consensus.OfferPassed(s.App, s.Deps); err != nil {
			t.Fatal(err)
		}
	}
	if items := take(s, bola, ""); len(items) != 0 || passed() != 300 {
		t.Fatalf("bola gets %d, and %d are passed", len(items), passed())
	}
	s.Advance(59 * time.Second)
	sweep()
	if passed() != 300 {
		t.Errorf("%d still wait for somebody better, want all for a minute", passed())
	}
	s.Advance(time.Second)
	sweep()
	if left := passed(); left != 0 {
		t.Errorf("%d still wait", left)
	}
	if moved := s.Int("SELECT COUNT(*) FROM clip_tallies WHERE anybody = 1 AND turn > 300"); moved != 300 || first != 1 {
		t.Errorf("%d have a new turn for anybody", moved)
	}
	if n := s.Int("SELECT COUNT(DISTINCT turn) FROM clip_tallies"); n != 300 {
		t.Errorf("%d different turns", n)
	}
	items := take(s, bola, "?limit=50")
	if len(items) == 0 || items[0]["clip"] != "plantedclip0001" {
		t.Errorf("bola gets %v", items)
	}
	answerAll(s, bola, "approve", items[:1])
	if n := s.Int("SELECT anybody + passed FROM clip_tallies WHERE clip = {:clip}", dbx.Params{"clip": items[0]["clip"]}); n != 0 {
		t.Error("after the vote anybody still gets the next turn")
	}
}

func TestLanguagesWaitByTheirOwnPolicy(t *testing.T) {
	s := hookstest.Start(t)
	s.Want(s.Do(apptest.Admin, "POST", "/api/collections/policies/records",
		map[string]any{"subject": "consensus", "language": s.Language("yo"), "values": map[string]any{"wait_s": 600}}), 200, "")
	plant(s, 4, 1)
	run(s, "UPDATE clip_tallies SET passed = 1", nil)
	run(s, "UPDATE clip_tallies SET language = {:yo} WHERE turn <= 2", dbx.Params{"yo": s.Language("yo")})
	for _, step := range []struct {
		wait time.Duration
		want int64
	}{{time.Minute, 2}, {8 * time.Minute, 2}, {time.Minute, 4}} {
		s.Advance(step.wait)
		if err := consensus.OfferPassed(s.App, s.Deps); err != nil {
			t.Fatal(err)
		}
		if n := s.Int("SELECT COUNT(*) FROM clip_tallies WHERE anybody = 1"); n != step.want {
			t.Errorf("%d clips came back, want %d", n, step.want)
		}
	}
}

func TestNobodyJudgesTooManyClipsOfASpeaker(t *testing.T) {
	s := hookstest.Start(t)
	s.Policy("consensus", map[string]any{"owner_votes": 3, "owner_window": 10, "best_of": 1})
	plant(s, 30, 0)
	run(s, "UPDATE clip_tallies SET owner = 'plantedowner000', owner_seq = turn", nil)
	turns := func() []int64 {
		turns := []int64{}
		err := s.App.DB().NewQuery("SELECT owner_seq FROM assignments WHERE validator = {:me} ORDER BY owner_seq").Bind(dbx.Params{"me": s.User(bola).Id}).Column(&turns)
		if err != nil {
			t.Fatal(err)
		}
		return turns
	}
	take(s, bola, "?limit=50")
	// 1 to 20 are not among the last ten.
	want := []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23}
	if got := turns(); !slices.Equal(got, want) {
		t.Errorf("in one request bola got %v, want %v", got, want)
	}
	empty(s, bola)
	plant(s, 2, 0)
	run(s, "UPDATE clip_tallies SET owner = 'plantedowner000', owner_seq = turn", nil)
	take(s, bola, "?limit=50")
	if got := turns(); !slices.Equal(got, append(want, 31, 32)) {
		t.Errorf("after two more uploads bola got %v, want 31 and 32 besides", got)
	}
	// Skipped ones do not count, and others have a share of their own.
	if items := take(s, chidi, "?limit=50"); len(items) != 22+3 {
		t.Errorf("chidi gets %d clips", len(items))
	}
}

func TestRelatedPeopleDoNotMeetOnAClip(t *testing.T) {
	s := hookstest.Start(t)
	s.Consent(ada)
	s.Policy("consensus", map[string]any{"best_of": 1})
	s.Want(s.Do(apptest.Admin, "POST", "/api/collections/relations/records",
		map[string]any{"a": s.User(chidi).Id, "b": s.User(bola).Id, "kind": "device"}), 200, "")
	s.Want(s.Do(apptest.Admin, "POST", "/api/collections/relations/records",
		map[string]any{"a": s.User(bola).Id, "b": s.User(dayo).Id, "kind": "device"}), 200, "")
	clip := s.Clip(ada)
	items := take(s, bola, "")
	if got := take(s, chidi, ""); len(got) != 0 {
		t.Errorf("while bola holds the clip chidi gets %v", got)
	}
	answerAll(s, bola, "approve", items)
	for _, who := range []string{chidi, dayo} {
		if got := take(s, who, ""); len(got) != 0 {
			t.Errorf("after bola's vote %s gets %v", who, got)
		}
	}
	if got := clipsOf(take(s, emeka, "")); got != clip {
		t.Errorf("emeka gets %q", got)
	}
}

func TestBlockingAndMakingUpDrawsNothingAnew(t *testing.T) {
	s := hookstest.Start(t)
	s.Consent(ada)
	s.Policy("consensus", map[string]any{"random_share": 0})
	s.Clip(ada)
	answerAll(s, chidi, "approve", take(s, chidi, ""))
	asked(s, "plantedperson00")
	skilled(s, "plantedperson00", 0.99)
	if got := take(s, bola, ""); len(got) != 0 {
		t.Fatalf("bola gets %v", got)
	}
	reached := s.Int("SELECT started FROM queue_cursors WHERE validator = {:me}", dbx.Params{"me": s.User(bola).Id})
	s.Policy("consensus", map[string]any{"random_share": 1})
	block := s.Want(s.Do(bola, "POST", "/api/collections/blocks/records", map[string]any{"blocked": s.User(ada).Id}), 200, "").Text("id")
	s.Want(s.Do(bola, "DELETE", "/api/collections/blocks/records/"+block, nil), 204, "")
	if got := take(s, bola, ""); len(got) != 0 {
		t.Errorf("after a block and its end bola gets %v", got)
	}
	if now := s.Int("SELECT started FROM queue_cursors WHERE validator = {:me}", dbx.Params{"me": s.User(bola).Id}); now != reached {
		t.Errorf("bola is at turn %d, was at %d", now, reached)
	}
}

func TestHiddenClipsAreNotHandedOut(t *testing.T) {
	s := hookstest.Start(t)
	plant(s, 3, 0)
	run(s, "UPDATE clips SET hidden = 1 WHERE id = 'plantedclip0002'", nil)
	if got := clipsOf(take(s, bola, "")); got != "plantedclip0001 plantedclip0003" {
		t.Errorf("bola gets %s", got)
	}
	run(s, "UPDATE clips SET hidden = 1 WHERE id = 'plantedclip0001'", nil)
	if got := clipsOf(take(s, bola, "")); got != "plantedclip0003" {
		t.Errorf("bola holds %s", got)
	}
}

func TestWhoIsExcludedIsToldSo(t *testing.T) {
	s := hookstest.Start(t)
	plant(s, 3, 0)
	exclude := func(language string) {
		run(s, "INSERT INTO trust (id, validator, language, state) VALUES ({:id}, {:me}, {:language}, 'excluded')",
			dbx.Params{"id": shell.NewID(), "me": s.User(bola).Id, "language": s.Language(language)})
	}
	take(s, bola, "?limit=1")
	run(s, "UPDATE queue_cursors SET onboarding = 0", nil)
	exclude("ha")
	answer := s.Want(s.Do(bola, "GET", "/api/lingualink/queue?language=ha", nil), 403, "not_eligible")
	if !strings.Contains(string(answer.Raw), "onboarding again") || !strings.Contains(string(answer.Raw), "review") {
		t.Errorf("bola is told %s", answer.Raw)
	}
	take(s, bola, "?language=yo")
	take(s, bola, "") // there is yo besides
	run(s, "UPDATE queue_cursors SET onboarding = 0", nil)
	exclude("yo")
	s.Want(s.Do(bola, "GET", "/api/lingualink/queue", nil), 403, "not_eligible")

	// A retake is running: controls only, and there are none here.
	run(s, "UPDATE queue_cursors SET onboarding = 10 WHERE language = {:ha}", dbx.Params{"ha": s.Language("ha")})
	if items := take(s, bola, "?language=ha"); len(items) != 0 {
		t.Errorf("during a retake bola gets %v", items)
	}
	if n := s.Int("SELECT COUNT(*) FROM assignments WHERE state = 'live'"); n != 0 {
		t.Errorf("bola still holds %d", n)
	}
}

func TestTheQueueWorksWhereAnyClipMayBeVotedOn(t *testing.T) {
	s := open(t)
	first, second := s.Clip(ada), s.Clip(ada)
	s.Want(s.Vote(bola, second, "approve"), 200, "") // without a lease
	if got := clipsOf(take(s, chidi, "")); got != second+" "+first {
		t.Errorf("chidi gets %s, want what was voted on first", got)
	}
	s.Want(s.Vote(chidi, first, "approve"), 200, "")
	s.Want(s.Vote(dayo, second, "approve"), 200, "")
	s.Want(s.Vote(chidi, second, "approve"), 200, "") // decides
	if got := clipsOf(take(s, emeka, "")); got != first {
		t.Errorf("emeka gets %s, want the one that is open", got)
	}
	if n := s.Int("SELECT SUM(leases) FROM clip_tallies"); n != 1 {
		t.Errorf("%d leases are left, want emeka's", n)
	}
}
