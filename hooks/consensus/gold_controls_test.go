package consensus_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/internal/apptest"
	engine "github.com/lingualink/lingualink/internal/consensus"
)

func TestEverybodyMeetsAGoldClipOnce(t *testing.T) {
	s := open(t)
	golds := map[string]bool{}
	for i := range 6 {
		golds[makeGold(s, t, s.Clip(ada), []string{"good", "bad"}[i%2])] = true
	}
	seen := map[string]bool{}
	for range 6 {
		control, gold := meet(s, t, bola)
		if control == "" || !golds[gold] || seen[gold] {
			t.Fatalf("bola meets %q of %q after %v", control, gold, seen)
		}
		seen[gold] = true
	}
	if control, _ := meet(s, t, bola); control != "" {
		t.Errorf("bola meets a gold clip twice")
	}
	if control, _ := meet(s, t, ada); control != "" {
		t.Errorf("ada meets her own recording")
	}
	if n := s.Int("SELECT SUM(exposures) FROM gold_clips"); n != 6 {
		t.Errorf("%d exposures, want 6", n)
	}
	if n := s.Int("SELECT COUNT(*) FROM gold_exposures e JOIN clip_tallies t ON t.clip = e.clip AND t.gold = e.gold AND e.vote = '' AND e.handed_at != ''"); n != 6 {
		t.Errorf("%d exposures are remembered, want 6", n)
	}
}

// TestWhoMayNotMeetAGoldClip goes through everybody who may not vote on it or who
// can know the recording or its truth. Each has one gold clip left out.
func TestWhoMayNotMeetAGoldClip(t *testing.T) {
	s := open(t)
	s.Consent(emeka)
	s.OpenVotingWith(map[string]any{"onboarding": 100}) // one truth will do
	gold := func(clip string) string { t.Helper(); return makeGold(s, t, clip, "good") }
	exec := func(sql string, params dbx.Params) {
		t.Helper()
		if _, err := s.App.NonconcurrentDB().NewQuery(sql).Bind(params).Execute(); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name   string
		forbid func() string
	}{
		{"who voted on it", func() string {
			clip := s.Clip(ada)
			s.Want(s.Vote(bola, clip, "approve"), 200, "")
			return gold(clip)
		}},
		{"who was handed it", func() string {
			clip := s.Clip(ada)
			take(s, bola, "?language=ha&limit=50")
			exec("UPDATE assignments SET state = 'skipped'", nil)
			return gold(clip)
		}},
		{"the expert who labelled it", func() string {
			clip := s.Clip(ada)
			inTx(s, t, func(tx core.App) error {
				_, err := consensus.OverruleAny(tx, s.Deps, s.Deps.Clock.Now(), clip, engine.Approved, "", "user:"+s.User(bola).Id, "")
				return err
			})
			return gold(clip)
		}},
		{"the speaker of what it remixes", func() string {
			s.Consent(bola)
			original := s.Clip(bola)
			s.Decide(original, "approve", chidi, dayo, fatima)
			return gold(s.Clip(emeka, "parent", original))
		}},
		{"who is linked to somebody who met it", func() string {
			made := gold(s.Clip(ada))
			s.Want(s.Vote(chidi, controlOf(s, made), "approve"), 200, "")
			s.Want(s.Do(apptest.Admin, "POST", "/api/collections/relations/records", map[string]any{"a": s.User(chidi).Id, "b": s.User(bola).Id, "kind": "device"}), 200, "")
			return made
		}},
		{"who is linked the other way round", func() string {
			made := gold(s.Clip(ada))
			s.Want(s.Vote(dayo, controlOf(s, made), "approve"), 200, "")
			s.Want(s.Do(apptest.Admin, "POST", "/api/collections/relations/records", map[string]any{"a": s.User(bola).Id, "b": s.User(dayo).Id, "kind": "device"}), 200, "")
			return made
		}},
		{"who blocked the speaker", func() string {
			s.Want(s.Do(bola, "POST", "/api/collections/blocks/records", map[string]any{"blocked": s.User(emeka).Id}), 200, "")
			return gold(s.Clip(emeka))
		}},
	} {
		forbidden := c.forbid()
		for {
			control, met := meet(s, t, bola)
			if met == forbidden {
				t.Errorf("%s meets it", c.name)
			}
			if control == "" {
				break
			}
		}
		if _, met := meet(s, t, fatima); met != forbidden {
			t.Errorf("%s: nobody meets it", c.name)
		}
	}
}

// newcomers are people whom nobody knows.
func newcomers(s *hookstest.Server, t *testing.T, n int) []string {
	t.Helper()
	return newcomersOf(s, t, 0, n)
}

// newcomersOf are newcomers besides the first so many.
func newcomersOf(s *hookstest.Server, t *testing.T, first, n int) []string {
	t.Helper()
	users, err := s.App.FindCollectionByNameOrId("users")
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("new%03d", first+i)
		person := core.NewRecord(users)
		person.SetEmail(names[i] + "@lingualink.test")
		person.SetRandomPassword()
		person.Set("username", names[i])
		person.Set("languages", []string{s.Language("ha")})
		if err := s.App.Save(person); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

func TestOnboardingIsHalfBadAndItsOrderTellsNothing(t *testing.T) {
	s := open(t)
	s.OpenVotingWith(map[string]any{"gold_exposures": 1000})
	truths := map[string]string{}
	for i := range 16 {
		truth := "bad"
		if i < 8 {
			truth = "good"
		}
		truths[makeGold(s, t, s.Clip(ada), truth)] = truth
	}
	orders, first := map[string]bool{}, 0
	people := newcomers(s, t, 60)
	for _, who := range people {
		order := ""
		for range 16 {
			_, gold := meet(s, t, who)
			order += truths[gold] + " "
		}
		if onboarding := strings.Join(strings.Fields(order)[:10], " "); strings.Count(onboarding, "good") != 5 {
			t.Fatalf("%s meets %s", who, onboarding)
		}
		orders[order] = true
		if strings.HasPrefix(order, "good") {
			first++
		}
	}
	if len(orders) < 50 {
		t.Errorf("60 people meet only %d orders", len(orders))
	}
	if first < 10 || first > 50 {
		t.Errorf("the first is good for %d of 60", first)
	}
}

func TestWhereOneTruthIsMissingTheBalanceStays(t *testing.T) {
	s := open(t)
	for range 8 {
		makeGold(s, t, s.Clip(ada), "good")
	}
	met := 0
	for range 8 {
		if control, _ := meet(s, t, bola); control != "" {
			met++
		}
	}
	if met != 5 { // half of the onboarding: more would let pass who approves everything
		t.Errorf("bola meets %d good ones and no bad one, want 5", met)
	}
}

func TestStartedControlsComeFirstAndAHeldOneWaits(t *testing.T) {
	s := open(t)
	golds := []string{}
	for range 5 {
		golds = append(golds, makeGold(s, t, s.Clip(ada), "good"))
	}
	s.Want(s.Vote(chidi, controlOf(s, golds[3]), "approve"), 200, "")
	if _, gold := meet(s, t, bola); gold != golds[3] {
		t.Errorf("bola does not meet the control that has a vote")
	}
	held, firsts := controlOf(s, golds[3]), map[string]bool{}
	run(s, "UPDATE clip_tallies SET ready = 0 WHERE clip = {:clip}", dbx.Params{"clip": held})
	for _, who := range newcomers(s, t, 30) {
		control, gold := meet(s, t, who)
		if control == held {
			t.Fatalf("%s gets a control that wants nobody more", who)
		}
		firsts[gold] = true
	}
	if len(firsts) < 4 {
		t.Errorf("30 people meet only %d gold clips first", len(firsts))
	}
	if n := s.Int("SELECT COUNT(*) FROM clips WHERE control = 1"); n != int64(len(firsts)+1) {
		t.Errorf("%d controls show %d gold clips, of which one is held", n, len(firsts))
	}
}

func TestAGoldClipIsHandedOutSoOftenAndNoMore(t *testing.T) {
	s := open(t)
	s.OpenVotingWith(map[string]any{"gold_exposures": 3})
	gold := makeGold(s, t, s.Clip(ada), "good")
	met := 0
	for _, who := range []string{bola, chidi, dayo, emeka, fatima} {
		if control, _ := meet(s, t, who); control != "" {
			met++
		}
	}
	if met != 3 {
		t.Errorf("%d people met it, want 3", met)
	}
	control := controlOf(s, gold)
	s.Decide(control, "approve")
	if row := s.Text("SELECT state || ' ' || reason FROM gold_clips", nil); row != "retired exposures" {
		t.Errorf("the gold clip is %q", row)
	}
	if n := s.Int("SELECT COUNT(*) FROM clips WHERE control = 1"); n != 1 {
		t.Errorf("%d controls were opened, want 1", n)
	}
}

// TestHandingOutAControlUsesItsIndexes reads the plans: what is looked at is the
// gold of one language and what the person met, a batch of the queue, and nothing else.
func TestHandingOutAControlUsesItsIndexes(t *testing.T) {
	s := hookstest.Start(t)
	for query, indexes := range map[string][]string{
		consensus.ChoicesQuery(): {
			"idx_gold_clips_active (language=?)", "idx_clip_tallies_gold (gold=? AND open=?)", "idx_clip_tallies_clip (clip=?)",
			"idx_gold_exposures_pair (gold=? AND validator=?)", "idx_assignments_pair (clip=? AND validator=?)",
			"idx_votes_pair (clip=? AND validator=?)", "idx_verdicts_clip (clip=?)",
		},
		consensus.SeenQuery:         {"idx_gold_exposures_validator (validator=?)"},
		consensus.ArrivalsQuery:     {"idx_clip_tallies_ready (language=? AND started=? AND turn>?)"},
		consensus.OpenControlsQuery: {"idx_clip_tallies_gold (gold=? AND open=?)", "idx_gold_exposures_clip (clip=?)", "idx_assignments_pair (clip=?)"},
		consensus.FullQuery:         {"idx_clip_tallies_gold (gold=? AND open=?)", "idx_assignments_pair (clip=?)"},
	} {
		rows := []struct {
			Detail string `db:"detail"`
		}{}
		err := s.App.DB().NewQuery("EXPLAIN QUERY PLAN " + query).
			Bind(dbx.Params{"me": "x", "language": "x", "exposures": 50, "actor": "x", "turn": 0, "batch": 16, "now": ""}).All(&rows)
		if err != nil {
			t.Fatal(err)
		}
		plan := ""
		for _, row := range rows {
			plan += row.Detail + "\n"
		}
		for _, index := range indexes {
			if !strings.Contains(plan, index) {
				t.Errorf("%s is not used:\n%s", index, plan)
			}
		}
		// The sweep goes through all gold clips, and nothing goes through more.
		if scans := strings.ReplaceAll(strings.ReplaceAll(plan, "SCAN CONSTANT", ""), "SCAN g\n", ""); strings.Contains(scans, "SCAN") {
			t.Errorf("a table is scanned:\n%s", plan)
		}
	}
}

func TestControlsGoOn(t *testing.T) {
	s := open(t)
	gold := makeGold(s, t, s.Clip(ada), "good")
	first := controlOf(s, gold)
	s.Decide(first, "approve")
	second := controlOf(s, gold)
	if second == "" || second == first {
		t.Fatalf("after %q comes %q", first, second)
	}
	if n := s.Int("SELECT COUNT(*) FROM clip_tallies WHERE gold != '' AND open = 1"); n != 1 {
		t.Errorf("%d controls are open, want 1", n)
	}
	if a, b := s.Text("SELECT media FROM clips WHERE id = {:id}", dbx.Params{"id": first}), s.Text("SELECT media FROM clips WHERE id = {:id}", dbx.Params{"id": second}); a == b {
		t.Errorf("both controls are called %s", a)
	}
	s.Decide(second, "reject", emeka, fatima, musa)
	bad := makeGold(s, t, s.Clip(ada), "bad")
	s.Decide(controlOf(s, bad), "approve")
	s.Decide(controlOf(s, bad), "reject", emeka, fatima, musa)
	if row := s.Text("SELECT json_array(good_approved, good_rejected, bad_approved, bad_rejected, settled, good) FROM language_stats", nil); row != "[1,1,1,1,0,0]" {
		t.Errorf("the language knows %s; neither a control nor a clip picked for its label says how many are good", row)
	}
	s.Advance(time.Second)
	s.Drain()
	if n := s.Int("SELECT COUNT(*) FROM notifications n JOIN clips c ON c.id = n.data ->> 'clip' AND c.control = 1"); n != 0 {
		t.Errorf("%d people were told about a control", n)
	}
	if n := s.Int("SELECT COUNT(*) FROM rewards WHERE rule != 'validation' AND clip IN (SELECT id FROM clips WHERE control = 1)"); n != 0 {
		t.Errorf("a control paid its speaker")
	}
	if n := s.Int("SELECT COUNT(*) FROM rewards WHERE clip IN (SELECT id FROM clips WHERE control = 1)"); n != 12 {
		t.Errorf("%d votes on controls were paid, want 12", n)
	}
	if got := s.Balance(bola)["pending"]; got != 2*1500 {
		t.Errorf("bola has %d for two controls, want 3000", got)
	}
	sound(t, s)
}
