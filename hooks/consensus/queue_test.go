package consensus_test

import (
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

// TestTheQueueUsesItsIndex reads the plan: the queue walks an
// index from the person's cursor and never scans or sorts.
func TestTheQueueUsesItsIndex(t *testing.T) {
	s := hookstest.Start(t)
	rows := []struct {
		Detail string `db:"detail"`
	}{}
	err := s.App.DB().NewQuery("EXPLAIN QUERY PLAN " + consensus.NextQuery()).
		Bind(dbx.Params{"me": "x", "language": "x", "cursor": 1, "batch": 100}).All(&rows)
	if err != nil {
		t.Fatal(err)
	}
	plan := ""
	for _, row := range rows {
		plan += row.Detail + "\n"
	}
	if !strings.Contains(plan, "idx_clip_tallies_queue (language=? AND open=? AND seq>?)") || strings.Contains(plan, "SCAN") || strings.Contains(plan, "TEMP B-TREE") {
		t.Errorf("the plan is\n%s", plan)
	}
}

func TestTheCursorPassesWhatWasSeen(t *testing.T) {
	s := hookstest.Start(t)
	s.Consent(ada)
	for range 5 {
		s.Clip(ada)
	}
	take(s, bola, "?language=ha&limit=3")
	cursor := func() int64 {
		return s.Int("SELECT seq FROM queue_cursors WHERE validator = {:me}", dbx.Params{"me": s.User(bola).Id})
	}
	if got := cursor(); got != 3 {
		t.Errorf("the cursor is at %d, want 3", got)
	}
	take(s, bola, "?language=ha&limit=3")
	if got := cursor(); got != 3 {
		t.Errorf("asking again moved the cursor to %d", got)
	}
}
