package consensus_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
)

func become(s *hookstest.Server, who, standing string) {
	id := s.User(who).Id
	err := s.App.RunInTransaction(func(tx core.App) error { return accounts.SetStanding(tx, id, standing, "a test", shell.System) })
	if err != nil {
		panic(err)
	}
	s.Forget(who)
}

func offered(s *hookstest.Server, who string) string {
	return clipsOf(s.Want(s.Do(who, "GET", "/api/lingualink/queue?language=ha", nil), 200, "").Items("items"))
}

// appears is what others see of clips: how many they list, and whether they find this
// one.
func appears(s *hookstest.Server, who, clip string) string {
	return fmt.Sprintf("%d %d", len(s.Want(s.Do(who, "GET", "/api/collections/clips/records", nil), 200, "").Items("items")),
		s.Do(who, "GET", "/api/collections/clips/records/"+clip, nil).Status)
}

func TestABanHidesTheClipsAndItsEndShowsThemAgain(t *testing.T) {
	s := open(t)
	s.Consent(ada)
	s.Consent(emeka)
	approved, hidden := s.Clip(ada), s.Clip(ada)
	s.Decide(approved, "approve")
	s.Decide(hidden, "approve")
	pending := s.Clip(ada)
	s.Want(s.Vote(bola, pending, "approve"), 200, "")
	record, err := s.App.FindRecordById("clips", hidden)
	if err != nil {
		t.Fatal(err)
	}
	record.Set("hidden", true) // by a moderator, for itself
	if err := s.App.Save(record); err != nil {
		t.Fatal(err)
	}
	clips, money := tableOf(s, "clips"), s.Balance(ada)

	for _, standing := range []string{"warned", "suspended"} {
		become(s, ada, standing)
		s.Drain()
		if got := appears(s, emeka, approved); got != "1 200" {
			t.Errorf("%s: %s", standing, got)
		}
		if got := offered(s, fatima); got != pending {
			t.Errorf("%s: the queue offers %q", standing, got)
		}
	}
	become(s, ada, "banned")
	check := func(when string) {
		t.Helper()
		if got := appears(s, emeka, approved); got != "0 404" {
			t.Errorf("%s: %s", when, got)
		}
		if got := appears(s, "", approved); got != "0 404" {
			t.Errorf("%s: guests: %s", when, got)
		}
		if got := appears(s, musa, approved); got != "3 200" {
			t.Errorf("%s: moderators: %s", when, got)
		}
		if got := offered(s, fatima); got != "" {
			t.Errorf("%s: the queue offers %q", when, got)
		}
		s.Want(s.Vote(chidi, pending, "approve"), 409, "clip_hidden")
		s.Want(s.UploadClip(emeka, s.Voice(), "parent", approved), 400, "parent_invalid")
	}
	check("before any job")
	s.Drain()
	check("after the jobs")
	if n := s.Int("SELECT COUNT(*) FROM clip_tallies WHERE ready = 1"); n != 0 {
		t.Errorf("%d clips are still in the queue", n)
	}
	if after := tableOf(s, "clips"); after != clips {
		t.Error("the ban changed clips")
	}

	become(s, ada, "good")
	s.Drain()
	if got := appears(s, emeka, approved); got != "1 200" {
		t.Errorf("after the ban: %s", got)
	}
	if got := s.Do(emeka, "GET", "/api/collections/clips/records/"+hidden, nil).Status; got != 404 {
		t.Errorf("what a moderator hid: %d", got)
	}
	if after := tableOf(s, "clips"); after != clips {
		t.Error("the end of the ban changed clips")
	}
	if got := offered(s, fatima); got != pending {
		t.Errorf("the queue offers %q", got)
	}
	if after := s.Balance(ada); fmt.Sprint(after) != fmt.Sprint(money) {
		t.Errorf("money %v, before %v", after, money)
	}
	// The vote from before the ban counts.
	s.Decide(pending, "approve", chidi, dayo)
	if statusOf(s, pending) != "approved" {
		t.Errorf("the clip is %s", statusOf(s, pending))
	}
}

// tableOf is a whole table.
func tableOf(s *hookstest.Server, table string) string {
	rows := []dbx.NullStringMap{}
	if err := s.App.DB().NewQuery("SELECT * FROM " + table + " ORDER BY id").All(&rows); err != nil {
		panic(err)
	}
	return fmt.Sprint(rows)
}

func TestTheClipsOfABannedSpeakerLeaveTheQueueInBatches(t *testing.T) {
	s := open(t)
	s.Consent(ada)
	first := s.Clip(ada)
	const many = 450
	for i := range many {
		id := fmt.Sprintf("many%011d", i)
		execSQL(s, `INSERT INTO clips (id, owner, kind, media, language, status, campaign, media_sha256, created, updated)
			SELECT {:id}, owner, kind, media, language, status, campaign, {:id}, created, updated FROM clips WHERE id = {:first}`, dbx.Params{"id": id, "first": first})
		execSQL(s, `INSERT INTO clip_tallies (id, clip, language, owner, gold, seq, owner_seq, turn, turned_at, open, ready)
			SELECT {:id}, {:id}, language, owner, '', seq + {:n}, owner_seq + {:n}, turn + {:n}, turned_at, 1, 1 FROM clip_tallies WHERE clip = {:first}`,
			dbx.Params{"id": id, "first": first, "n": i + 1})
	}
	ready := func() int64 { return s.Int("SELECT COUNT(*) FROM clip_tallies WHERE ready = 1") }
	become(s, ada, "banned")
	if got := offered(s, fatima); got != "" {
		t.Errorf("the queue offers %q", got)
	}
	if n := s.Drain(); n < 3 || ready() != 0 {
		t.Errorf("%d jobs left %d clips in the queue", n, ready())
	}
	become(s, ada, "good")
	become(s, ada, "banned")
	become(s, ada, "good")
	s.Drain()
	if ready() != many+1 {
		t.Errorf("%d clips came back", ready())
	}
}

func TestWhatABannedValidatorHoldsGoesBack(t *testing.T) {
	for _, standing := range []string{"suspended", "banned"} {
		s := hookstest.Start(t)
		s.Consent(ada)
		clip := s.Clip(ada)
		if got := offered(s, bola); got != clip {
			t.Fatalf("bola gets %q", got)
		}
		s.Policy(shell.PolicyConsensus, map[string]any{"min_votes": 1, "max_votes": 1, "min_rejects": 1})
		s.Insert("escalations", dbx.Params{
			"id": shell.NewID(), "clip": clip, "language": s.Language("ha"), "owner": s.User(ada).Id, "cause": "timeout", "state": "open",
			"claimed_by": s.User(bola).Id, "claim_until": shell.Stamp(time.Now().Add(time.Hour)),
		})
		tier(s, fatima, "ha", collections.TierGold, collections.TrustProven)
		escalation := openOn(s, clip)
		s.Want(act(s, fatima, escalation, "claim"), 409, "escalation_taken")
		become(s, bola, standing)
		if n := s.Int("SELECT COUNT(*) FROM assignments WHERE state = 'live'"); n != 0 {
			t.Errorf("%s: %d leases live", standing, n)
		}
		if got := s.Text("SELECT leases || ' ' || ready FROM clip_tallies WHERE clip = {:clip}", dbx.Params{"clip": clip}); got != "0 1" {
			t.Errorf("%s: the clip has %s", standing, got)
		}
		if got := offered(s, chidi); got != clip {
			t.Errorf("%s: chidi gets %q", standing, got)
		}
		s.Want(act(s, fatima, escalation, "claim"), 200, "")
	}
}
