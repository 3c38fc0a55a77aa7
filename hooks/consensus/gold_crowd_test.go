package consensus_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/hookstest"
)

// sweepControls ends controls that are due to end, and lets what follows happen.
func sweepControls(s *hookstest.Server, t *testing.T) {
	t.Helper()
	if err := consensus.SweepControls(s.App, s.Deps); err != nil {
		t.Fatal(err)
	}
	s.Drain()
}

// TestACrowdThatBeginsTogetherIsOnboarded: sixteen people ask at once where there are
// twenty gold clips. Everybody has ten controls before anything else, and every
// control comes to an end.
func TestACrowdThatBeginsTogetherIsOnboarded(t *testing.T) {
	const crowd, golds, onboarding = 16, 20, 10
	s := goldServer(t, golds, map[string]any{"gold_share": 0, "owner_votes": 0, "cooldown_s": 0, "min_listen": 0})
	plant(s, 200, 0)
	people := newcomers(s, t, crowd)
	handed := map[string][]map[string]any{}
	for _, who := range people {
		items := take(s, who, "?language=ha&limit=12")
		if got := patternOf(s, items); got != strings.Repeat("c", onboarding)+".." {
			t.Fatalf("%s gets %s, want %d controls first", who, got, onboarding)
		}
		handed[who] = items
	}
	for name, c := range map[string]struct {
		query string
		want  int64
	}{
		"people with five good and five bad gold clips": {`SELECT COUNT(*) FROM (SELECT e.validator FROM gold_exposures e JOIN gold_clips g ON g.id = e.gold
			GROUP BY e.validator HAVING COUNT(DISTINCT e.gold) = 10 AND SUM(g.truth = 'bad') = 5)`, crowd},
		"controls in more hands than they want": {"SELECT COUNT(*) FROM clip_tallies WHERE gold != '' AND leases > 2", 0},
		"controls whose leases are miscounted":  {"SELECT COUNT(*) FROM clip_tallies t WHERE leases != (SELECT COUNT(*) FROM assignments a WHERE a.clip = t.clip)", 0},
		"exposures":                             {"SELECT SUM(exposures) FROM gold_clips", crowd * onboarding},
		"controls with a file name of another":  {"SELECT COUNT(*) - COUNT(DISTINCT media) FROM clips WHERE control = 1", 0},
		"controls without a place of their own": {"SELECT COUNT(*) - COUNT(DISTINCT seq) + COUNT(*) - COUNT(DISTINCT turn) FROM clip_tallies", 0},
		"controls that nobody was handed":       {"SELECT COUNT(*) FROM clips c WHERE control = 1 AND NOT EXISTS (SELECT 1 FROM assignments WHERE clip = c.id)", 0},
	} {
		if n := s.Int(c.query); n != c.want {
			t.Errorf("%d %s, want %d", n, name, c.want)
		}
	}
	// Two fit on each, so there are at least half as many as hand-outs, and no gold
	// clip has one more than it takes.
	if n := s.Int("SELECT COUNT(*) FROM clips WHERE control = 1"); n < crowd*onboarding/2 || n > crowd*onboarding/2+golds {
		t.Errorf("%d controls are open for %d hand-outs", n, crowd*onboarding)
	}

	// Half of the crowd answers, the others walk away.
	for _, who := range people[:crowd/2] {
		for i, item := range handed[who] {
			verdict := "approve"
			if truths(s, handed[who])[i] == "bad" {
				verdict = "reject"
			}
			s.Advance(2 * time.Second)
			s.Want(s.Vote(who, item["clip"].(string), verdict), 200, "")
		}
		if n := s.Int("SELECT COUNT(*) FROM skill_events WHERE source = 'gold' AND validator = {:who}", dbx.Params{"who": s.User(who).Id}); n != onboarding {
			t.Errorf("%s learned %d times from gold, want %d", who, n, onboarding)
		}
	}
	s.Advance(11 * time.Minute)
	expire(t, s)
	sweepControls(s, t)
	if n := s.Int("SELECT COUNT(*) FROM clips WHERE control = 1 AND status = 'withdrawn'"); n != 0 {
		t.Errorf("%d controls are taken back while somebody may come back to them", n)
	}
	s.Advance(72 * time.Hour)
	sweepControls(s, t)
	s.Advance(24*time.Hour + time.Minute)
	s.Drain()
	for status, query := range map[string]string{
		"are still open": "SELECT COUNT(*) FROM clips c JOIN clip_tallies t ON t.clip = c.id WHERE control = 1 AND (status IN ('pending', 'escalated') OR open = 1)",
		"with votes have no verdict": `SELECT COUNT(*) FROM clips c WHERE control = 1 AND status NOT IN ('approved', 'rejected')
			AND EXISTS (SELECT 1 FROM votes WHERE clip = c.id)`,
		"without votes have one": `SELECT COUNT(*) FROM clips c WHERE control = 1 AND status != 'withdrawn'
			AND NOT EXISTS (SELECT 1 FROM votes WHERE clip = c.id)`,
	} {
		if n := s.Int(query); n != 0 {
			t.Errorf("%d controls %s", n, status)
		}
	}
	if n := s.Int("SELECT COUNT(*) FROM gold_clips WHERE state = 'active'"); n != golds {
		t.Errorf("%d gold clips go on, want all", n)
	}
	sound(t, s)
}

// TestWhoComesLaterFillsWhatIsOpen: nobody opens a control of a gold clip on which
// somebody else has left room.
func TestWhoComesLaterFillsWhatIsOpen(t *testing.T) {
	s := goldServer(t, 2, map[string]any{"onboarding": 2, "gold_share": 0, "owner_votes": 0, "cooldown_s": 0})
	people := newcomers(s, t, 5)
	for i, want := range []int64{2, 2, 4, 4, 6} {
		take(s, people[i], "?language=ha&limit=2")
		if n := s.Int("SELECT COUNT(*) FROM clips WHERE control = 1"); n != want {
			t.Errorf("after %d people there are %d controls, want %d", i+1, n, want)
		}
	}
	s.Advance(11 * time.Minute)
	expire(t, s)
	take(s, bola, "?language=ha&limit=2")
	if n := s.Int("SELECT COUNT(*) FROM clips WHERE control = 1"); n != 6 {
		t.Errorf("%d controls, though those that were let go had room", n)
	}
}

func TestAGoldClipHasNoMoreControlsThanPeopleMayMeetIt(t *testing.T) {
	s := goldServer(t, 2, map[string]any{"onboarding": 2, "gold_share": 0, "gold_exposures": 3, "owner_votes": 0})
	plant(s, 20, 0)
	for i, who := range newcomers(s, t, 6) {
		want := "cc"
		if i >= 3 {
			want = ".."
		}
		if got := patternOf(s, take(s, who, "?language=ha&limit=2")); got != want {
			t.Errorf("person %d gets %s, want %s", i+1, got, want)
		}
	}
	if n := s.Int("SELECT MAX(exposures) FROM gold_clips"); n != 3 {
		t.Errorf("%d people met a gold clip, want 3", n)
	}
}

// TestAControlIsAsOldAsTheClipsAroundIt: people read when a clip arrived once it is
// approved.
func TestAControlIsAsOldAsTheClipsAroundIt(t *testing.T) {
	s := goldServer(t, 12, map[string]any{"onboarding": 0, "gold_share": 0.5, "owner_votes": 0, "best_of": 1})
	first, last := plant(s, 40, 0)
	start := s.Deps.Clock.Now().Add(-10 * 24 * time.Hour)
	for turn := first; turn <= last; turn++ { // one an hour
		run(s, "UPDATE clips SET created = {:at} WHERE id = {:clip}", dbx.Params{
			"clip": fmt.Sprintf("plantedclip%04d", turn), "at": start.Add(time.Duration(turn-first) * time.Hour).Format("2006-01-02 15:04:05.000Z"),
		})
	}
	rng, stamps := rand.New(rand.NewPCG(7, 7)), map[string]bool{}
	for range 6 {
		ordinary, controls := []string{}, []string{}
		for _, item := range handOut(t, s, rng, bola, 4) {
			at := s.Text("SELECT created FROM clips WHERE id = {:id}", dbx.Params{"id": item.Clip})
			if pattern(s, []string{item.Clip}) == "c" {
				controls = append(controls, at)
			} else {
				ordinary = append(ordinary, at)
			}
		}
		if len(controls) == 0 || len(ordinary) == 0 {
			t.Fatalf("bola gets %d controls and %d clips", len(controls), len(ordinary))
		}
		from, err := time.Parse("2006-01-02 15:04:05.000Z", slices.Min(ordinary))
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range controls {
			if stamps[at] {
				t.Errorf("two controls arrived at %s", at)
			}
			stamps[at] = true
			got, err := time.Parse("2006-01-02 15:04:05.000Z", at)
			if err != nil || got.Before(from.Add(-time.Hour)) || got.After(from.Add(20*time.Hour)) {
				t.Errorf("the clips arrived from %s on, a control at %s", from, at)
			}
		}
		empty(s, bola)
	}
}

var (
	anyLiteral = regexp.MustCompile(`'(?:[^']|'')*'|\b\d+(\.\d+)?\b`)
	anyList    = regexp.MustCompile(`\((\?(, \?)*)?\)`)
)

// statements are the SQL statements that are executed meanwhile, without their values.
func statements(s *hookstest.Server, do func()) []string {
	list := []string{}
	note := func(query string) {
		text := strings.Join(strings.Fields(anyLiteral.ReplaceAllString(query, "?")), " ")
		list = append(list, anyList.ReplaceAllString(text, "(?)"))
	}
	for _, db := range []dbx.Builder{s.App.DB(), s.App.NonconcurrentDB(), s.App.ConcurrentDB()} {
		pool, ok := db.(*dbx.DB)
		if !ok {
			continue
		}
		query, exec := pool.QueryLogFunc, pool.ExecLogFunc
		pool.QueryLogFunc = func(_ context.Context, _ time.Duration, query string, _ *sql.Rows, _ error) { note(query) }
		pool.ExecLogFunc = func(_ context.Context, _ time.Duration, query string, _ sql.Result, _ error) { note(query) }
		defer func() { pool.QueryLogFunc, pool.ExecLogFunc = query, exec }()
	}
	do()
	return list
}

// TestHandingOutAControlTakesTheStatementsOfAClip: the same ones in the same order, so
// that the time of an answer tells little. A control is opened for the person or was
// open, and the queue has more or runs dry.
func TestHandingOutAControlTakesTheStatementsOfAClip(t *testing.T) {
	for name, clips := range map[string]int{"a long queue": 200, "a queue that runs dry": 1} {
		s := goldServer(t, 12, map[string]any{"onboarding": 0, "gold_share": 0.5, "owner_votes": 0, "best_of": 1, "wait_s": 0})
		rng := rand.New(rand.NewPCG(9, 9))
		kinds, seen := map[string]int{}, map[string][]string{}
		for _, who := range []string{bola, chidi} { // who comes second finds controls that are open
			run(s, "UPDATE clip_tallies SET ready = 0 WHERE gold = ''", nil) // what is left of the first
			for round := range 20 {
				if round == 0 || clips == 1 {
					plant(s, clips, 0)
				}
				s.Advance(time.Second)
				opened := s.Int("SELECT COUNT(*) FROM clips WHERE control = 1")
				var items []consensus.Item
				limit := 1
				if clips == 1 {
					limit = 2 // more than there is
				}
				log := statements(s, func() { items = handOut(t, s, rng, who, limit) })
				if len(items) != 1 {
					t.Fatalf("%s: %s gets %d items", name, who, len(items))
				}
				kind := "an ordinary clip"
				if pattern(s, []string{items[0].Clip}) == "c" {
					kind = "an open control"
					if s.Int("SELECT COUNT(*) FROM clips WHERE control = 1") > opened {
						kind = "a new control"
					}
				}
				kinds[kind]++
				if seen[who] == nil {
					seen[who] = log
				} else if !slices.Equal(log, seen[who]) {
					t.Errorf("%s: %s takes %d statements\n%s\nthe first item took %d\n%s", name, kind,
						len(log), strings.Join(log, "\n"), len(seen[who]), strings.Join(seen[who], "\n"))
				}
				empty(s, who)
			}
		}
		if kinds["an ordinary clip"] < 5 || kinds["a new control"] < 3 || kinds["an open control"] < 1 {
			t.Errorf("%s: what was handed out is %v", name, kinds)
		}
		t.Logf("%s: %v in %d statements each", name, kinds, len(seen[bola]))
	}
}
