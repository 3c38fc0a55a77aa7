package consensus_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/internal/apptest"
)

// take asks for the queue and returns its items.
func take(s *hookstest.Server, who, query string) []map[string]any {
	return s.Want(s.Do(who, "GET", "/api/lingualink/queue"+query, nil), 200, "").Items("items")
}

func clipsOf(items []map[string]any) string {
	ids := make([]string, len(items))
	for i, item := range items {
		ids[i], _ = item["clip"].(string)
	}
	return strings.Join(ids, " ")
}

func TestTheQueueHandsOutTheOldestFirst(t *testing.T) {
	s := hookstest.Start(t)
	s.Consent(ada)
	s.Consent(bola)
	first, own, second, third := s.Clip(ada), s.Clip(bola), s.Clip(ada), s.Clip(ada)
	if got := clipsOf(take(s, bola, "?language=ha&limit=2")); got != first+" "+second {
		t.Errorf("bola gets %s, want %s %s", got, first, second)
	}
	if got := clipsOf(take(s, bola, "?language="+s.Language("ha"))); got != first+" "+second+" "+third {
		t.Errorf("asking again gives %s", got)
	}
	if got := clipsOf(take(s, chidi, "")); got != first+" "+own+" "+second+" "+third {
		t.Errorf("chidi gets %s", got)
	}
	s.Want(s.Do(bola, "GET", "/api/lingualink/queue?limit=0", nil), 400, "invalid_input")
	s.Want(s.Do(bola, "GET", "/api/lingualink/queue?language=sw", nil), 403, "language_not_spoken")
	s.Want(s.Do(bola, "GET", "/api/lingualink/queue?language=xx", nil), 400, "language_unavailable")
	s.Want(s.Do(apptest.Guest, "GET", "/api/lingualink/queue", nil), 401, "sign_in_required")
}

func TestVotesNeedALiveAssignment(t *testing.T) {
	s := hookstest.Start(t)
	s.Consent(ada)
	clip := s.Clip(ada)
	s.Want(s.Vote(bola, clip, "approve"), 409, "assignment_required")
	take(s, bola, "?language=ha")
	s.Advance(11 * time.Minute)
	s.Want(s.Vote(bola, clip, "approve"), 409, "assignment_required")
	items := take(s, bola, "?language=ha") // leased anew
	if clipsOf(items) != clip {
		t.Fatalf("the expired clip is not offered again: %v", items)
	}
	s.Want(s.Vote(bola, clip, "approve"), 409, "not_heard") // not since it was leased anew
	s.Advance(2 * time.Second)
	s.Want(s.Vote(bola, clip, "approve"), 200, "")
	if got := take(s, bola, "?language=ha"); len(got) != 0 {
		t.Errorf("a voted clip is offered again: %v", got)
	}
}

func TestListeningTakesTime(t *testing.T) {
	s := hookstest.Start(t)
	s.Policy("consensus", map[string]any{"min_listen": 0.9})
	s.Consent(ada)
	clip := s.Clip(ada)
	take(s, bola, "")
	s.Want(s.Vote(bola, clip, "approve"), 409, "not_heard")
	s.Advance(1200 * time.Millisecond)
	s.Want(s.Vote(bola, clip, "approve"), 200, "")
}

func TestSkippedClipsDoNotComeBack(t *testing.T) {
	s := hookstest.Start(t)
	s.Consent(ada)
	skipped, next := s.Clip(ada), s.Clip(ada)
	item := take(s, bola, "?limit=1")[0]
	path := "/api/lingualink/assignments/" + item["assignment"].(string) + "/skip"
	s.Want(s.Do(chidi, "POST", path, map[string]any{"reason": "not_my_dialect"}), 404, "not_found")
	for range 2 {
		s.Want(s.Do(bola, "POST", path, map[string]any{"reason": "not_my_dialect"}), 200, "")
	}
	if got := clipsOf(take(s, bola, "")); got != next {
		t.Errorf("after the skip bola gets %q, want %s", got, next)
	}
	s.Want(s.Vote(bola, skipped, "approve"), 409, "assignment_required")
	other := take(s, bola, "")[0]
	s.Advance(2 * time.Second)
	s.Want(s.Vote(bola, next, "approve"), 200, "")
	s.Want(s.Do(bola, "POST", "/api/lingualink/assignments/"+other["assignment"].(string)+"/skip", nil), 409, "already_voted")
}

func TestTheQueueLeavesOutPeopleWhoAreRelated(t *testing.T) {
	s := hookstest.Start(t)
	s.Consent(ada)
	s.Consent(bola)
	hidden, shown := s.Clip(ada), s.Clip(bola)
	held := take(s, dayo, "")
	if clipsOf(held) != hidden+" "+shown {
		t.Fatalf("dayo gets %v", held)
	}
	for _, who := range []string{chidi, dayo} {
		s.Want(s.Do(who, "POST", "/api/collections/blocks/records", map[string]any{"blocked": s.User(ada).Id}), 200, "")
		if got := clipsOf(take(s, who, "")); got != shown {
			t.Errorf("%s gets %q, want %s", who, got, shown)
		}
	}
	block := s.Text("SELECT id FROM blocks WHERE user = {:me}", dbx.Params{"me": s.User(chidi).Id})
	s.Want(s.Do(chidi, "DELETE", "/api/collections/blocks/records/"+block, nil), 204, "")
	if got := clipsOf(take(s, chidi, "")); got != hidden+" "+shown && got != shown+" "+hidden {
		t.Errorf("after the block is gone chidi gets %q, want both", got)
	}
}

func TestTheSpeakerOfTheOriginalDoesNotJudgeItsRemix(t *testing.T) {
	s := hookstest.Start(t)
	s.OpenVoting()
	s.Consent(ada)
	s.Consent(emeka)
	original := s.Clip(ada)
	s.Decide(original, "approve")
	remix := s.Clip(emeka, "parent", original)
	s.Want(s.Vote(ada, remix, "approve"), 403, "not_eligible")
	if got := take(s, ada, ""); len(got) != 0 {
		t.Errorf("ada is offered %v", got)
	}
	s.Want(s.Vote(bola, remix, "approve"), 200, "")
}

func TestALeaseThatIsNearlyOverIsRenewed(t *testing.T) {
	s := hookstest.Start(t)
	s.Consent(ada)
	clip := s.Clip(ada)
	take(s, bola, "")
	s.Advance(9*time.Minute + 50*time.Second)
	take(s, bola, "")
	s.Advance(time.Minute)
	s.Want(s.Vote(bola, clip, "approve"), 200, "")
}

func TestMediaOfAnAssignedClip(t *testing.T) {
	s := hookstest.Start(t)
	s.Consent(ada)
	voice := s.Voice()
	clip := s.Want(s.UploadClip(ada, voice), 200, "").Text("id")
	url := take(s, bola, "")[0]["media_url"].(string)
	token := func(who string) string {
		return "?token=" + s.Want(s.Do(who, "POST", "/api/files/token", nil), 200, "").Text("token")
	}
	heard := s.Want(s.Do(apptest.Guest, "GET", url+token(bola), nil), 200, "")
	if string(heard.Raw) != string(voice) {
		t.Errorf("%d bytes were served, want the %d of the recording", len(heard.Raw), len(voice))
	}
	if cache := heard.Header.Get("Cache-Control"); cache != "private, no-store" {
		t.Errorf("Cache-Control is %q", cache)
	}
	part := s.Do(apptest.Guest, "GET", url+token(bola), nil, "Range: bytes=0-3")
	if part.Status != 206 || string(part.Raw) != "RIFF" {
		t.Errorf("a range was answered %d %q", part.Status, part.Raw)
	}
	s.Want(s.Do(apptest.Guest, "GET", url, nil), 404, "not_found")
	s.Want(s.Do(bola, "GET", url, nil), 404, "not_found")
	s.Want(s.Do(apptest.Guest, "GET", url+token(chidi), nil), 404, "not_found")
	other := take(s, dayo, "")[0]
	s.Want(s.Do(apptest.Guest, "GET", other["media_url"].(string)+token(dayo), nil), 200, "")
	s.Want(s.Do(dayo, "POST", "/api/lingualink/assignments/"+other["assignment"].(string)+"/skip", nil), 200, "")
	s.Want(s.Do(apptest.Guest, "GET", other["media_url"].(string)+token(dayo), nil), 404, "not_found")
	s.Advance(11 * time.Minute)
	s.Want(s.Do(apptest.Guest, "GET", url+token(bola), nil), 404, "not_found")
	take(s, bola, "")
	s.Want(s.Do(apptest.Guest, "GET", url+token(bola), nil), 200, "")
	s.Want(s.Do(ada, "POST", "/api/lingualink/clips/"+clip+"/withdraw", nil), 200, "")
	s.Want(s.Do(apptest.Guest, "GET", url+token(bola), nil), 404, "not_found")
}

// TestTheQueueUsesItsIndexes reads the plans of the very queries: each goes on
// in an index from a place. None scans or sorts, or reads a table into a Bloom
// filter, whether the planner has no statistics, some of a database that was
// small then, or those of a large one.
func TestTheQueueUsesItsIndexes(t *testing.T) {
	s := hookstest.Start(t)
	s.Want(s.Do(apptest.Admin, "POST", "/api/collections/policies/records",
		map[string]any{"subject": "consensus", "language": s.Language("yo"), "values": map[string]any{"wait_s": 500}}), 200, "")
	passed, passedParams, err := consensus.PassedQuery(s.App, s.Deps.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	passedParams["batch"] = 1
	queries := []struct {
		name, query string
		params      dbx.Params
		want        []string
	}{
		{"walk", consensus.WalkQuery, dbx.Params{"language": "x", "started": false, "turn": 1, "batch": 100},
			[]string{"SEARCH t USING INDEX idx_clip_tallies_ready (language=? AND started=? AND turn>?)", "SEARCH c USING INDEX sqlite_autoindex_clips_1 (id=?)"}},
		{"expired", consensus.ExpiredQuery, dbx.Params{"me": "x", "language": "x", "batch": 100},
			[]string{"SEARCH mine USING INDEX idx_assignments_validator (validator=? AND language=? AND state=?)"}},
		{"judge", consensus.JudgeQuery("{:one}, {:two}"), dbx.Params{"me": "x", "one": "x", "two": "y", "window": 100}, []string{
			"SEARCH t USING INDEX idx_clip_tallies_clip (clip=?)",
			"SEARCH h USING COVERING INDEX idx_assignments_pair (clip=? AND validator=?)",
			"SEARCH j USING INDEX idx_assignments_owner (validator=? AND owner=? AND owner_seq>?)",
			"SEARCH w USING COVERING INDEX idx_clip_tallies_owner (owner=?)",
			"SEARCH v USING COVERING INDEX idx_votes_pair (clip=?",
			"SEARCH l USING INDEX idx_assignments_pair (clip=?)",
		}},
		{"closed", consensus.ClosedSQL, dbx.Params{"me": "x", "language": "x"},
			[]string{"idx_assignments_validator (validator=? AND language=? AND state=?)", "SEARCH t USING INDEX idx_clip_tallies_clip (clip=?)"}},
		{"overdue", consensus.OverdueSQL, dbx.Params{"me": "x", "language": "x", "now": "x", "excluded": true},
			[]string{"idx_assignments_validator (validator=? AND language=? AND state=?)", "SEARCH clip_tallies USING INDEX idx_clip_tallies_clip (clip=?)"}},
		{"rivals", consensus.RivalsQuery, dbx.Params{"me": "x", "language": "x", "since": "x", "limit": 1},
			[]string{"idx_queue_cursors_seen (language=? AND seen_at>?)"}},
		{"due", consensus.DueQuery, dbx.Params{"now": "x", "batch": 1}, []string{"idx_assignments_due (lease_until<?)"}},
		{"passed", passed, passedParams, []string{"idx_clip_tallies_passed (turned_at<?)"}},
	}
	db := s.App.NonconcurrentDB() // statistics are read by each connection for itself
	for i, statistics := range []string{"no statistics", "small", "large"} {
		if i > 0 {
			analyze(t, s, []int{0, 1, 50_000}[i])
		}
		for _, q := range queries {
			rows := []struct {
				Detail string `db:"detail"`
			}{}
			if err := db.NewQuery("EXPLAIN QUERY PLAN " + q.query).Bind(q.params).All(&rows); err != nil {
				t.Fatalf("%s: %v", q.name, err)
			}
			plan := ""
			for _, row := range rows {
				plan += row.Detail + "\n"
			}
			for _, want := range q.want {
				if !strings.Contains(plan, want) {
					t.Errorf("%s, %s: no %q in\n%s", q.name, statistics, want, plan)
				}
			}
			for _, dear := range []string{"SCAN", "TEMP B-TREE", "BLOOM", "AUTOMATIC"} {
				if strings.Contains(plan, dear) {
					t.Errorf("%s, %s: %s in\n%s", q.name, statistics, dear, plan)
				}
			}
		}
	}
}

// analyze gives the planner the statistics of a database with some rows, times
// the factor.
func analyze(t *testing.T, s *hookstest.Server, factor int) {
	t.Helper()
	plant(s, 20, 1)
	run(s, "INSERT INTO votes (id, clip, validator, verdict, created) SELECT clip, clip, 'x', 'approve', turned_at FROM clip_tallies WHERE clip NOT IN (SELECT clip FROM votes)", nil)
	run(s, "INSERT INTO assignments (id, clip, validator, language, owner, owner_seq, state) SELECT clip, clip, 'x', 'x', owner, owner_seq, 'voted' FROM clip_tallies WHERE clip NOT IN (SELECT clip FROM assignments)", nil)
	run(s, "ANALYZE", nil)
	rows := []struct {
		Table string `db:"tbl"`
		Index string `db:"idx"`
		Stat  string `db:"stat"`
	}{}
	if err := s.App.NonconcurrentDB().NewQuery("SELECT tbl, COALESCE(idx, '') AS idx, stat FROM sqlite_stat1").All(&rows); err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		numbers := strings.Fields(row.Stat)
		for i, number := range numbers {
			// 1 row for each value stays 1: the index is unique.
			if n, err := strconv.Atoi(number); err == nil && (i == 0 || n > 1) {
				numbers[i] = strconv.Itoa(n * factor)
			}
		}
		run(s, "UPDATE sqlite_stat1 SET stat = {:stat} WHERE tbl = {:table} AND idx = {:index}",
			dbx.Params{"table": row.Table, "index": row.Index, "stat": strings.Join(numbers, " ")})
	}
	run(s, "DELETE FROM sqlite_stat4", nil)
	run(s, "ANALYZE sqlite_schema", nil) // reads them
}

func TestEachTurnIsPassedOnce(t *testing.T) {
	s := hookstest.Start(t)
	s.Consent(ada)
	for range 5 {
		s.Clip(ada)
	}
	place := func() int64 {
		return s.Int("SELECT seq FROM queue_cursors WHERE validator = {:me}", dbx.Params{"me": s.User(bola).Id})
	}
	for range 2 {
		take(s, bola, "?language=ha&limit=3")
		if got := place(); got != 3 {
			t.Errorf("bola is at turn %d, want 3", got)
		}
	}
	take(s, ada, "") // all of them are her own
	if got := s.Int("SELECT seq FROM queue_cursors WHERE validator = {:me} AND language = {:ha}", dbx.Params{"me": s.User(ada).Id, "ha": s.Language("ha")}); got != 5 {
		t.Errorf("ada is at turn %d, want 5: she need not see them again", got)
	}
}
