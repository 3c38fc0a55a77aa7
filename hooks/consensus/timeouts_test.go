package consensus_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

// isActive writes what the queue keeps of a person who asks it for clips in Hausa.
func isActive(s *hookstest.Server, who string) {
	execSQL(s, `INSERT INTO queue_cursors (id, validator, language, seen_at) VALUES ({:id}, {:who}, {:language}, {:now})
		ON CONFLICT (validator, language) DO UPDATE SET seen_at = excluded.seen_at`,
		dbx.Params{"id": shell.NewID(), "who": s.User(who).Id, "language": s.Language("ha"), "now": shell.Stamp(s.Deps.Clock.Now())})
}

// assignments has people ask for clips, as the default policy does.
func assignments(s *hookstest.Server, values map[string]any) {
	all := map[string]any{"assignment": "required", "max_votes": 3}
	maps.Copy(all, values)
	s.OpenVotingWith(all)
}

func sweepTimeouts(t *testing.T, s *hookstest.Server) {
	t.Helper()
	if err := consensus.EscalateTimedOut(s.App, s.Deps); err != nil {
		t.Fatal(err)
	}
}

func TestAClipThatNobodyIsLeftToVoteOnTimesOut(t *testing.T) {
	for _, c := range []struct {
		name string
		made func(s *hookstest.Server, clip string) // 73 hours after the upload
		want string
	}{
		{"nobody is active", func(*hookstest.Server, string) {}, "escalated"},
		{"somebody is", func(s *hookstest.Server, _ string) { isActive(s, chidi) }, "pending"},
		{"the active one has voted", func(s *hookstest.Server, _ string) { isActive(s, bola) }, "escalated"},
		{"one has voted, one has not", func(s *hookstest.Server, _ string) { isActive(s, bola); isActive(s, chidi) }, "pending"},
		{"it is the speaker", func(s *hookstest.Server, _ string) { isActive(s, ada) }, "escalated"},
		{"they are blocked", func(s *hookstest.Server, _ string) {
			isActive(s, chidi)
			s.Want(s.Do(ada, "POST", "/api/collections/blocks/records", map[string]any{"blocked": s.User(chidi).Id}), 200, "")
		}, "escalated"},
		{"they are linked", func(s *hookstest.Server, _ string) {
			isActive(s, chidi)
			s.Want(s.Do(apptest.Admin, "POST", "/api/collections/relations/records", map[string]any{"a": s.User(chidi).Id, "b": s.User(ada).Id, "kind": "device"}), 200, "")
		}, "escalated"},
		{"they passed it", func(s *hookstest.Server, clip string) { isActive(s, chidi); assigned(s, chidi, clip, "skipped") }, "escalated"},
		{"their lease ran out", func(s *hookstest.Server, clip string) { isActive(s, chidi); assigned(s, chidi, clip, "expired") }, "pending"},
		{"they are suspended", func(s *hookstest.Server, _ string) {
			isActive(s, chidi)
			s.Want(s.Do(apptest.Admin, "PATCH", "/api/collections/users/records/"+s.User(chidi).Id, map[string]any{"standing": "suspended"}), 200, "")
		}, "escalated"},
		{"they speak it no more", func(s *hookstest.Server, _ string) { isActive(s, chidi); speak(s, chidi, "yo") }, "escalated"},
		{"they are excluded", func(s *hookstest.Server, _ string) {
			isActive(s, chidi)
			tier(s, chidi, "ha", collections.TierBronze, collections.TrustExcluded)
		}, "escalated"},
		{"they are linked to who has voted", func(s *hookstest.Server, _ string) {
			isActive(s, chidi)
			s.Want(s.Do(apptest.Admin, "POST", "/api/collections/relations/records", map[string]any{"a": s.User(bola).Id, "b": s.User(chidi).Id, "kind": "device"}), 200, "")
		}, "escalated"},
		{"they have judged enough of the speaker", func(s *hookstest.Server, clip string) {
			assignments(s, map[string]any{"owner_votes": 1})
			isActive(s, chidi)
			assigned(s, chidi, s.Clip(ada), "voted")
		}, "escalated"},
		{"they hold this very clip", func(s *hookstest.Server, clip string) {
			assignments(s, map[string]any{"owner_votes": 1})
			isActive(s, chidi)
			assigned(s, chidi, clip, "live")
		}, "pending"},
		{"voting is open and somebody votes", func(s *hookstest.Server, _ string) {
			s.OpenVotingWith(nil)
			s.Want(s.Vote(chidi, s.Clip(ada), "approve"), 200, "")
		}, "pending"},
		{"voting is open and only who voted does", func(s *hookstest.Server, _ string) {
			s.OpenVotingWith(nil)
			isActive(s, chidi)
			s.Want(s.Vote(bola, s.Clip(ada), "approve"), 200, "")
		}, "escalated"},
		{"it is hidden", func(s *hookstest.Server, clip string) {
			execSQL(s, "UPDATE clips SET hidden = 1 WHERE id = {:clip}", dbx.Params{"clip": clip})
		}, "pending"},
		{"it is a control", func(s *hookstest.Server, clip string) {
			execSQL(s, "UPDATE clip_tallies SET gold = 'gold00000000000' WHERE clip = {:clip}", dbx.Params{"clip": clip})
		}, "pending"},
		{"the policy waits longer", func(s *hookstest.Server, _ string) { assignments(s, map[string]any{"escalate_hours": 74}) }, "pending"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := experts(t)
			clip := s.Clip(ada)
			isActive(s, emeka) // long ago by then
			s.Want(s.Vote(emeka, s.Clip(ada), "approve"), 200, "")
			s.Want(s.Vote(bola, clip, "approve"), 200, "")
			assignments(s, nil)
			s.Advance(71 * time.Hour)
			sweepTimeouts(t, s)
			if status := statusOf(s, clip); status != "pending" {
				t.Fatalf("after 71 hours the clip is %s", status)
			}
			s.Advance(2 * time.Hour)
			c.made(s, clip)
			sweepTimeouts(t, s)
			if status := statusOf(s, clip); status != c.want {
				t.Errorf("after 73 hours the clip is %s, want %s", status, c.want)
			}
			cause := s.Text("SELECT COALESCE(MAX(cause), '') FROM escalations WHERE clip = {:clip}", dbx.Params{"clip": clip})
			if (c.want == "escalated") != (cause == "timeout") {
				t.Errorf("experts are asked because of %q", cause)
			}
		})
	}
}

func assigned(s *hookstest.Server, who, clip, state string) {
	now := shell.Stamp(s.Deps.Clock.Now())
	execSQL(s, `INSERT INTO assignments (id, clip, validator, language, owner, owner_seq, state, leased_at, lease_until, reason)
		SELECT {:id}, clip, {:who}, language, owner, owner_seq, {:state}, {:now}, {:now}, '' FROM clip_tallies WHERE clip = {:clip}`,
		dbx.Params{"id": shell.NewID(), "who": s.User(who).Id, "clip": clip, "state": state, "now": now})
}

func TestATimedOutClipIsDecidedLikeAnyOther(t *testing.T) {
	s := experts(t)
	clip := s.Clip(ada) // without a single vote
	s.Advance(73 * time.Hour)
	sweepTimeouts(t, s)
	if reason := s.Text("SELECT explanation ->> 'reason' FROM verdicts", nil); reason != "escalated:timeout" {
		t.Errorf("the verdict rests on %s", reason)
	}
	if n := s.Int("SELECT COUNT(*) FROM rewards"); n != 0 {
		t.Errorf("%d rewards for a clip in doubt", n)
	}
	ruled(s, fatima, openOn(s, clip), "approve")
	if got := s.Balance(ada)["pending"]; got != 15000 {
		t.Errorf("ada has %d", got)
	}
	sound(t, s)
}

// A backlog that can still be voted on is read in batches, each clip at most
// hourly, and what has come of it is in the database.
func TestARoundThroughTheBacklog(t *testing.T) {
	s := experts(t)
	assignments(s, nil)
	s.Consent(bola)
	s.Clip(ada)
	const many = 2*consensus.TimeoutBatch + 50
	execSQL(s, `INSERT INTO clips (id, owner, kind, media, language, status, campaign, duration_ms, media_sha256, created)
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {:many})
		SELECT 'c' || printf('%014d', i), owner, kind, media, language, status, campaign, duration_ms, 'sha' || i, created FROM clips, n`, dbx.Params{"many": many - 1})
	execSQL(s, `INSERT INTO clip_tallies (id, clip, language, owner, gold, seq, turn, open, owner_seq)
		SELECT id, id, language, owner, '', 1 + CAST(substr(id, 2) AS INT), 1 + CAST(substr(id, 2) AS INT), 1, 1 FROM clips WHERE id GLOB 'c00*'`, nil)
	last := s.Clip(bola) // the one that bola, who alone is active, may not vote on
	s.Advance(73 * time.Hour)
	isActive(s, bola)
	for i, want := range []string{"pending", "pending", "escalated"} {
		sweepTimeouts(t, s)
		if status := statusOf(s, last); status != want {
			t.Errorf("after %d batches the last clip is %s, want %s", i+1, status, want)
		}
	}
	if n := s.Int("SELECT COUNT(*) FROM verdicts"); n != 1 {
		t.Errorf("%d verdicts, want 1", n)
	}
	next := s.Clip(bola)
	execSQL(s, "UPDATE clips SET created = '2026-01-01 00:00:00.000Z' WHERE id = {:clip}", dbx.Params{"clip": next})
	s.Advance(59 * time.Minute)
	for range 3 {
		sweepTimeouts(t, s)
	}
	if status := statusOf(s, next); status != "pending" {
		t.Error("a new round began within the hour")
	}
	s.Advance(time.Minute)
	for range 3 {
		sweepTimeouts(t, s)
	}
	if status := statusOf(s, next); status != "escalated" {
		t.Errorf("after the second round the clip is %s", status)
	}
}

// One clip that cannot be settled does not keep the others waiting.
func TestARoundGoesOnAfterAFailure(t *testing.T) {
	s := experts(t)
	broken, fine := s.Clip(ada), s.Clip(ada)
	execSQL(s, "CREATE TRIGGER fail BEFORE INSERT ON verdicts WHEN NEW.clip = '"+broken+"' BEGIN SELECT RAISE(ABORT, 'no'); END", nil)
	s.Advance(73 * time.Hour)
	if err := consensus.EscalateTimedOut(s.App, s.Deps); err == nil || !strings.Contains(err.Error(), broken) {
		t.Errorf("the failure is told: %v", err)
	}
	if statusOf(s, broken) != "pending" || statusOf(s, fine) != "escalated" {
		t.Errorf("the clips are %s and %s", statusOf(s, broken), statusOf(s, fine))
	}
}
