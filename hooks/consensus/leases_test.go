package consensus_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/internal/apptest"
)

// queued is what a clip's tally says about its place in the queue.
type queued struct {
	Turn    int64 `db:"turn"`
	Ready   bool  `db:"ready"`
	Started bool  `db:"started"`
	Leases  int64 `db:"leases"`
}

func queuedAs(t *testing.T, s *hookstest.Server, clip string) (row queued) {
	t.Helper()
	err := s.App.DB().NewQuery("SELECT turn, ready, started, leases FROM clip_tallies WHERE clip = {:clip}").Bind(dbx.Params{"clip": clip}).One(&row)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func skip(s *hookstest.Server, who string, item map[string]any) apptest.Answer {
	return s.Do(who, "POST", "/api/lingualink/assignments/"+item["assignment"].(string)+"/skip", nil)
}

func expire(t *testing.T, s *hookstest.Server) {
	t.Helper()
	if err := consensus.ExpireLeases(s.App, s.Deps); err != nil {
		t.Fatal(err)
	}
}

// TestALifeInTheQueue follows one clip: as many hold it as it needs votes, and
// whoever lets go makes room for one.
func TestALifeInTheQueue(t *testing.T) {
	s := hookstest.Start(t)
	s.Consent(ada)
	clip := s.Clip(ada)
	step := func(what string, want queued) {
		t.Helper()
		if got := queuedAs(t, s, clip); got != want {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
	}
	step("uploaded", queued{Turn: 1, Ready: true})
	bolas := take(s, bola, "")
	step("one has it", queued{Turn: 1, Ready: true, Leases: 1})
	chidis := take(s, chidi, "")
	step("two have it, two votes are needed", queued{Turn: 1, Leases: 2})
	if got := take(s, dayo, ""); len(got) != 0 {
		t.Errorf("dayo gets %v", got)
	}
	s.Want(skip(s, chidi, chidis[0]), 200, "")
	step("one skipped, so others passed it unseen", queued{Turn: 2, Ready: true, Leases: 1})
	s.Want(skip(s, chidi, chidis[0]), 200, "")
	step("skipped again", queued{Turn: 2, Ready: true, Leases: 1})
	if got := take(s, chidi, ""); len(got) != 0 {
		t.Errorf("who skipped gets %v", got)
	}
	answerAll(s, bola, "approve", bolas)
	step("one vote, one more is needed", queued{Turn: 3, Ready: true, Started: true})
	dayos := take(s, dayo, "")
	step("held for the second vote", queued{Turn: 3, Started: true, Leases: 1})
	if got := take(s, emeka, ""); len(got) != 0 {
		t.Errorf("emeka gets %v", got)
	}
	answerAll(s, dayo, "reject", dayos)
	step("two votes do not decide", queued{Turn: 4, Ready: true, Started: true})
	take(s, emeka, "")
	step("only one at a time from now on", queued{Turn: 4, Started: true, Leases: 1})
	s.Advance(11 * time.Minute)
	expire(t, s)
	step("the lease ran out", queued{Turn: 5, Ready: true, Started: true})
	if state := s.Text("SELECT state FROM assignments WHERE validator = {:me}", dbx.Params{"me": s.User(emeka).Id}); state != "expired" {
		t.Errorf("emeka's assignment is %s", state)
	}
	s.Want(s.Do(ada, "POST", "/api/lingualink/clips/"+clip+"/withdraw", nil), 200, "")
	if got := queuedAs(t, s, clip); got.Ready {
		t.Errorf("withdrawn: %+v", got)
	}
}

func TestAClipThatWantedSomebodyAllTheTimeKeepsItsTurn(t *testing.T) {
	s := hookstest.Start(t)
	s.Consent(ada)
	first, second := s.Clip(ada), s.Clip(ada)
	s.Want(skip(s, bola, take(s, bola, "?limit=1")[0]), 200, "")
	if got := clipsOf(take(s, chidi, "")); got != first+" "+second {
		t.Errorf("chidi gets %s, want the older first: %s %s", got, first, second)
	}
}

func TestWhatRanOutIsOfferedAgainWhileItWantsSomebody(t *testing.T) {
	s := hookstest.Start(t)
	s.Consent(ada)
	kept, decided, taken, skipped, fresh := s.Clip(ada), s.Clip(ada), s.Clip(ada), s.Clip(ada), ""
	held := take(s, bola, "")
	if len(held) != 4 {
		t.Fatalf("bola holds %v", held)
	}
	s.Advance(11 * time.Minute)
	expire(t, s)
	run(s, "UPDATE clip_tallies SET open = 0, ready = 0 WHERE clip = {:clip}", dbx.Params{"clip": decided})
	run(s, "UPDATE clip_tallies SET ready = 0 WHERE clip = {:clip}", dbx.Params{"clip": taken})
	s.Want(skip(s, bola, held[3]), 200, "") // late, but said
	fresh = s.Clip(ada)
	again := take(s, bola, "")
	if got := clipsOf(again); got != kept+" "+fresh {
		t.Errorf("bola gets %s, want %s and the new one %s, not the skipped %s", got, kept, fresh, skipped)
	}
	if again[0]["assignment"] != held[0]["assignment"] {
		t.Error("the same clip in the same hands has another assignment")
	}
	if n := s.Int("SELECT handed FROM queue_cursors WHERE validator = {:me}", dbx.Params{"me": s.User(bola).Id}); n != 5 {
		t.Errorf("%d clips count as handed out, want 5: the same clip counts once", n)
	}
	s.Advance(2 * time.Second)
	s.Want(s.Vote(bola, kept, "approve"), 200, "")
}

// TestNobodyKeepsAClipByAskingForIt: whoever polls without voting gives it up
// after some leases, for good, or many accounts could stop a language.
func TestNobodyKeepsAClipByAskingForIt(t *testing.T) {
	for name, end := range map[string]func(s *hookstest.Server){
		"a sweep finds it": func(s *hookstest.Server) { expire(t, s) },
		"the holder asks":  func(s *hookstest.Server) { take(s, bola, "") },
	} {
		s := hookstest.Start(t)
		s.Consent(ada)
		clip := s.Clip(ada)
		polls := 0
		for ; len(take(s, bola, "")) == 1 && polls < 100; polls++ {
			s.Advance(6 * time.Minute)
			end(s)
		}
		if kept := time.Duration(polls) * 6 * time.Minute; kept < 110*time.Minute || kept > 2*time.Hour+6*time.Minute {
			t.Errorf("%s: bola kept the clip for %v, want two hours", name, kept)
		}
		if got := queuedAs(t, s, clip); got != (queued{Turn: 1, Ready: true}) {
			t.Errorf("%s: %+v", name, got)
		}
		if got := clipsOf(take(s, chidi, "")); got != clip {
			t.Errorf("%s: chidi gets %q", name, got)
		}
	}
}

func TestSkipsAndExpiriesWeighNothing(t *testing.T) {
	s := hookstest.Start(t)
	s.Consent(ada)
	clip := s.Clip(ada)
	s.Want(skip(s, bola, take(s, bola, "")[0]), 200, "")
	take(s, chidi, "")
	s.Advance(11 * time.Minute)
	expire(t, s)
	for _, table := range []string{"votes", "skills", "skill_events", "validators", "language_stats"} {
		if n := s.Int("SELECT COUNT(*) FROM " + table); n != 0 {
			t.Errorf("%d rows in %s", n, table)
		}
	}
	if n := s.Int("SELECT votes + approvals + rejections + log_odds FROM clip_tallies WHERE clip = {:clip}", dbx.Params{"clip": clip}); n != 0 {
		t.Error("the tally moved")
	}
}

func TestManyLeasesExpireInBatches(t *testing.T) {
	s := hookstest.Start(t)
	plant(s, 450, 0)
	run(s, `INSERT INTO assignments (id, clip, validator, language, state, lease_until)
		SELECT clip, clip, 'plantedperson00', language, 'live', turned_at FROM clip_tallies`, nil)
	run(s, "UPDATE clip_tallies SET leases = 1", nil)
	expire(t, s)
	if n := s.Int("SELECT COUNT(*) FROM assignments WHERE state = 'live'"); n != 0 {
		t.Errorf("%d leases are still live", n)
	}
	if n := s.Int("SELECT SUM(leases) FROM clip_tallies"); n != 0 {
		t.Errorf("the tallies say %d", n)
	}
}

func TestNobodyHoldsMoreThanFifty(t *testing.T) {
	s := hookstest.Start(t)
	s.Policy("consensus", map[string]any{"owner_votes": 0})
	plant(s, 120, 0)
	for _, query := range []string{"?limit=30", "?limit=50", "?limit=1000", "?limit=7"} {
		take(s, bola, query)
	}
	if n := s.Int("SELECT COUNT(*) FROM assignments WHERE state = 'live'"); n != 50 {
		t.Errorf("bola holds %d clips, want 50", n)
	}
	if got := len(take(s, bola, "?limit=7")); got != 7 {
		t.Errorf("who asks for 7 gets %d", got)
	}
}

// TestLeasesStayWithinNeed lets everybody take, skip, vote and let leases run
// out at once: no clip is ever in more hands than the votes it still needs.
func TestLeasesStayWithinNeed(t *testing.T) {
	s := hookstest.Start(t, "LL_RATE_LIMITS=off")
	s.Fund(10_000_000)
	s.Policy("consensus", map[string]any{"cooldown_s": 0, "min_listen": 0, "owner_votes": 0, "best_of": 1, "min_votes": 2})
	plant(s, 60, 0)
	people := []string{ada, bola, chidi, dayo, emeka, fatima, musa}
	for _, who := range people {
		s.Token(who)
	}
	tooMany := `SELECT COUNT(*) FROM clip_tallies t WHERE t.open = 1 AND
		(SELECT COUNT(*) FROM assignments a WHERE a.clip = t.clip AND a.state = 'live') > MAX(1, 2 - t.votes)`
	wrong := `SELECT COUNT(*) FROM clip_tallies t WHERE t.open = 1 AND
		(t.leases <> (SELECT COUNT(*) FROM assignments a WHERE a.clip = t.clip AND a.state = 'live')
		 OR t.ready <> (t.leases < MAX(1, 2 - t.votes)) OR t.started <> (t.votes > 0))`
	for round := range 12 {
		start := make(chan struct{})
		var done sync.WaitGroup
		for i, who := range people {
			done.Go(func() {
				<-start
				answer := s.Do(who, "GET", "/api/lingualink/queue?language=ha&limit=6", nil)
				s.Want(answer, 200, "")
				for n, item := range answer.Items("items") {
					switch (round + i + n) % 4 {
					case 0:
						s.Want(skip(s, who, item), 200, "")
					case 1, 2:
						if vote := s.Vote(who, item["clip"].(string), "approve"); vote.Status != http.StatusOK {
							s.Want(vote, 409, "clip_decided")
						}
					}
				}
			})
		}
		close(start)
		for range 20 {
			if n := s.Int(tooMany); n != 0 {
				t.Errorf("round %d: %d clips are in too many hands", round, n)
			}
		}
		done.Wait()
		if round%3 == 2 {
			s.Advance(11 * time.Minute)
			expire(t, s)
		}
		if n := s.Int(wrong); n != 0 {
			t.Fatalf("round %d: %d tallies do not say what the assignments say", round, n)
		}
	}
	if n := s.Int("SELECT COUNT(*) FROM votes"); n < 60 {
		t.Errorf("only %d votes were cast", n)
	}
	if n := s.Int("SELECT COUNT(*) FROM (SELECT turn FROM clip_tallies GROUP BY turn HAVING COUNT(*) > 1)"); n != 0 {
		t.Errorf("%d turns were given twice", n)
	}
}

func TestComeBackGivesTurnsInOrder(t *testing.T) {
	s := hookstest.Start(t)
	plant(s, 4, 0)
	run(s, "UPDATE clip_tallies SET votes = 1, started = 1, leases = 0 WHERE turn > 1", nil)
	run(s, "UPDATE clip_tallies SET open = 0, ready = 0 WHERE turn = 2", nil)
	err := s.App.RunInTransaction(func(tx core.App) error {
		return consensus.ComeBack(tx, s.Deps.Clock.Now(), 2, []string{"plantedclip0004", "plantedclip0002", "plantedclip0003"})
	})
	if err != nil {
		t.Fatal(err)
	}
	for clip, want := range map[string]queued{
		"plantedclip0001": {Turn: 1, Ready: true},
		"plantedclip0002": {Turn: 2, Started: true},
		"plantedclip0004": {Turn: 5, Ready: true, Started: true},
		"plantedclip0003": {Turn: 7, Ready: true, Started: true},
	} {
		if got := queuedAs(t, s, clip); got != want {
			t.Errorf("%s: %+v, want %+v", clip, got, want)
		}
	}
}
