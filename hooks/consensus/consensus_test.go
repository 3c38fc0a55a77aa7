package consensus_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/internal/apptest"
	engine "github.com/lingualink/lingualink/internal/consensus"
)

const (
	ada, bola, chidi, dayo, emeka, fatima, musa = apptest.Ada, apptest.Bola, apptest.Chidi, apptest.Dayo, apptest.Emeka, apptest.Fatima, apptest.Musa
	votes                                       = "/api/collections/votes/records"
)

func TestMain(m *testing.M) { apptest.Main(m) }

// open is a server with open voting, money and a consenting speaker.
func open(t *testing.T) *hookstest.Server {
	t.Helper()
	s := hookstest.Start(t)
	s.OpenVoting()
	s.Fund(10_000_000)
	s.Consent(ada)
	return s
}

func TestAVerdictAndAllThatFollows(t *testing.T) {
	s := open(t)
	clip := s.Clip(ada)
	s.Decide(clip, "approve")
	if status := s.Text("SELECT status FROM clips WHERE id = {:id}", dbx.Params{"id": clip}); status != "approved" {
		t.Errorf("the clip is %s", status)
	}
	for who, want := range map[string]int64{ada: 15000, bola: 1500, chidi: 1500, dayo: 1500, emeka: 0} {
		if got := s.Balance(who)["pending"]; got != want {
			t.Errorf("%s has %d pending, want %d", who, got, want)
		}
	}
	s.Drain()
	if jobs := s.Int("SELECT COUNT(*) FROM jobs WHERE kind = 'notify' AND effect_key LIKE 'verdict:%'"); jobs != 1 {
		t.Errorf("%d jobs tell of the verdict, want the speaker's notice", jobs)
	}
	inbox := s.Want(s.Do(ada, "GET", "/api/collections/notifications/records?filter=kind!='badge_earned'", nil), 200, "").Items("items")
	if len(inbox) != 1 || inbox[0]["kind"] != "clip_approved" || inbox[0]["data"].(map[string]any)["clip"] != clip {
		t.Errorf("ada's inbox is %v", inbox)
	}
	verdict := s.Want(s.Do(ada, "GET", "/api/collections/verdicts/records", nil), 200, "").Items("items")
	if len(verdict) != 1 || verdict[0]["outcome"] != "approved" || verdict[0]["votes"] != 3.0 || verdict[0]["confidence"].(float64) < 0.99 {
		t.Errorf("the verdict is %v", verdict)
	}
	if n := s.Int("SELECT COUNT(*) FROM clip_tallies WHERE open = 1"); n != 0 {
		t.Errorf("a decided clip still waits for votes")
	}
	report, err := ledger.Verify(s.App.DB())
	if err != nil || len(report.Findings) > 0 {
		t.Errorf("the ledger: %v %v", report.Findings, err)
	}
}

func TestAVerdictReplaysToItself(t *testing.T) {
	s := open(t)
	s.Decide(s.Clip(ada), "approve")
	s.Decide(s.Clip(ada), "reject")
	clip := s.Clip(ada)
	for i, who := range []string{bola, chidi, dayo, emeka, fatima, musa} {
		s.Want(s.Vote(who, clip, []string{"approve", "reject"}[i%2]), 200, "")
	}
	texts := []string{}
	if err := s.App.DB().NewQuery("SELECT explanation FROM verdicts").Column(&texts); err != nil {
		t.Fatal(err)
	}
	if len(texts) != 2 {
		t.Fatalf("%d verdicts, want 2: six mixed votes do not decide", len(texts))
	}
	for _, text := range texts {
		stored, err := engine.ParseExplanation([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := engine.Replay(stored); err != nil {
			t.Error(err)
		}
	}
}

func TestSevenMixedVotesEscalateAndPayNobody(t *testing.T) {
	s := open(t)
	// The template has six validators; lower the maximum instead of adding one.
	s.Policy("consensus", map[string]any{"assignment": "open", "cooldown_s": 0, "max_votes": 4})
	clip := s.Clip(ada)
	for i, who := range []string{bola, chidi, dayo, emeka} {
		s.Want(s.Vote(who, clip, []string{"approve", "reject"}[i%2]), 200, "")
	}
	if status := s.Text("SELECT status FROM clips WHERE id = {:id}", dbx.Params{"id": clip}); status != "escalated" {
		t.Errorf("the clip is %s", status)
	}
	if n := s.Int("SELECT COUNT(*) FROM rewards"); n != 0 {
		t.Errorf("%d rewards for a clip in doubt", n)
	}
	s.Want(s.Vote(fatima, clip, "approve"), 409, "clip_decided")
	if version := s.Int("SELECT policy_version FROM verdicts"); version != 2 {
		t.Errorf("decided under policy %d, want 2", version)
	}
}

func TestTheReasonReachesTheSpeaker(t *testing.T) {
	s := open(t)
	clip := s.Clip(ada)
	for who, reason := range map[string]string{bola: "background_noise", chidi: "background_noise", dayo: "cut_off"} {
		s.Want(s.Do(who, "POST", votes, map[string]any{"clip": clip, "verdict": "reject", "reason": reason, "feedback": "Too loud, " + who}), 200, "")
	}
	verdict := s.Want(s.Do(ada, "GET", "/api/collections/verdicts/records", nil), 200, "").Items("items")[0]
	if verdict["reason"] != "background_noise" || len(verdict["feedback"].([]any)) != 3 {
		t.Errorf("the verdict says %v %v", verdict["reason"], verdict["feedback"])
	}
	raw, err := json.Marshal(verdict)
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{bola, chidi, dayo} {
		if id := s.User(who).Id; strings.Contains(string(raw), id) {
			t.Errorf("the verdict names validator %s", who)
		}
	}
	if got := s.Balance(bola)["pending"]; got != 1500 {
		t.Errorf("a rejecting validator who agrees has %d, want 1500", got)
	}
	if got := s.Balance(ada)["pending"]; got != 0 {
		t.Errorf("the speaker of a rejected clip has %d", got)
	}
}

func TestWhoMayVote(t *testing.T) {
	s := open(t)
	s.Consent(bola)
	clip := s.Clip(ada)
	s.Want(s.Vote(apptest.Guest, clip, "approve"), 400, "")
	s.Want(s.Vote(apptest.Admin, clip, "approve"), 403, "server_owned")
	s.Want(s.Vote(ada, clip, "approve"), 403, "own_clip")
	s.Want(s.Vote(bola, "nothing00000000", "approve"), 404, "not_found")
	s.Want(s.Vote(bola, clip, "perhaps"), 400, "invalid_input")
	s.Want(s.Do(bola, "POST", votes, map[string]any{"clip": clip, "verdict": "reject", "reason": "ugly"}), 400, "invalid_input")
	s.Want(s.Do(bola, "POST", votes, map[string]any{"clip": clip, "verdict": "approve", "validator": s.User(chidi).Id}), 400, "server_field")

	s.Want(s.Do(chidi, "PATCH", "/api/collections/users/records/"+s.User(chidi).Id, map[string]any{"languages": []string{s.Language("yo")}}), 200, "")
	s.Want(s.Vote(chidi, clip, "approve"), 403, "language_not_spoken")

	s.Want(s.Do(dayo, "POST", "/api/collections/blocks/records", map[string]any{"blocked": s.User(ada).Id}), 200, "")
	s.Want(s.Vote(dayo, clip, "approve"), 403, "not_eligible")
	s.Want(s.Do(ada, "POST", "/api/collections/blocks/records", map[string]any{"blocked": s.User(emeka).Id}), 200, "")
	s.Want(s.Vote(emeka, clip, "approve"), 403, "not_eligible")
	s.Want(s.Do(apptest.Admin, "POST", "/api/collections/relations/records", map[string]any{"a": s.User(ada).Id, "b": s.User(fatima).Id, "kind": "device"}), 200, "")
	s.Want(s.Vote(fatima, clip, "approve"), 403, "not_eligible")

	s.Want(s.Vote(bola, clip, "approve"), 200, "")
	s.Want(s.Vote(bola, clip, "reject"), 409, "already_voted")
	if n := s.Int("SELECT COUNT(*) FROM votes"); n != 1 {
		t.Errorf("%d votes are stored, want 1", n)
	}
}

func TestRepeatedVotes(t *testing.T) {
	s := open(t)
	clip, other := s.Clip(ada), s.Clip(ada)
	ballot := map[string]any{"id": "votevotevote123", "clip": clip, "verdict": "reject", "reason": "cut_off"}
	first := s.Want(s.Do(bola, "POST", votes, ballot), 200, "")
	again := s.Want(s.Do(bola, "POST", votes, ballot), 200, "")
	if first.Text("created") == "" || first.Text("created") != again.Text("created") || again.Text("validator") != s.User(bola).Id {
		t.Errorf("first %s, again %s", first.Raw, again.Raw)
	}
	ballot["verdict"] = "approve"
	s.Want(s.Do(bola, "POST", votes, ballot), 409, "id_conflict")
	ballot["verdict"], ballot["clip"] = "reject", other
	s.Want(s.Do(bola, "POST", votes, ballot), 409, "id_conflict")
	s.Want(s.Do(chidi, "POST", votes, map[string]any{"id": "votevotevote123", "clip": clip, "verdict": "reject", "reason": "cut_off"}), 409, "id_conflict")
	s.Want(s.Do(chidi, "POST", votes, map[string]any{"id": "SHOUTING", "clip": clip, "verdict": "reject"}), 400, "")
	if n := s.Int("SELECT COUNT(*) FROM votes"); n != 1 {
		t.Errorf("%d votes, want 1", n)
	}
}

func TestNothingReadableChangesBeforeTheVerdict(t *testing.T) {
	s := open(t)
	clip := s.Clip(ada)
	snapshot := func(who string) string {
		text := ""
		for _, path := range []string{
			"/api/collections/clips/records/" + clip, "/api/collections/clips/records?filter=(status='pending')",
			"/api/collections/verdicts/records", "/api/collections/notifications/records", "/api/collections/users/records", "/api/lingualink/wallet",
		} {
			answer := s.Do(who, "GET", path, nil)
			canonical, err := json.Marshal(answer.JSON)
			if err != nil {
				t.Fatal(err)
			}
			text += fmt.Sprint(answer.Status, string(canonical), "\n")
		}
		return text
	}
	events := 0
	for _, hook := range []string{"clips", "verdicts", "notifications"} {
		s.App.OnRecordAfterUpdateSuccess(hook).BindFunc(func(e *core.RecordEvent) error { events++; return e.Next() })
		s.App.OnRecordAfterCreateSuccess(hook).BindFunc(func(e *core.RecordEvent) error { events++; return e.Next() })
	}
	everybody := []string{ada, chidi, emeka, musa, apptest.Guest}
	before := map[string]string{}
	for _, who := range everybody {
		before[who] = snapshot(who)
	}
	s.Want(s.Vote(bola, clip, "approve"), 200, "")
	s.Want(s.Vote(dayo, clip, "reject"), 200, "")
	s.Drain()
	for _, who := range everybody {
		if after := snapshot(who); after != before[who] {
			t.Errorf("%q sees a change:\n%s\n%s", who, before[who], after)
		}
		for _, path := range []string{"clip_tallies", "assignments", "queue_cursors", "v_queue", "jobs"} {
			s.Want(s.Do(who, "GET", "/api/collections/"+path+"/records", nil), 403, "")
		}
		if who != bola && who != dayo {
			for _, query := range []string{"", "?filter=(clip='" + clip + "')", "?sort=created"} {
				if rows := s.Do(who, "GET", votes+query, nil).Items("items"); len(rows) != 0 {
					t.Errorf("%q sees %d votes", who, len(rows))
				}
			}
		}
		if answer := s.Do(who, "GET", "/api/collections/clips/records?filter=(votes_via_clip.verdict?='approve')", nil); len(answer.Items("items")) != 0 {
			t.Errorf("%q finds the clip by its votes: %d %s", who, answer.Status, answer.Raw)
		}
	}
	// PocketBase would let a filter or sort over back-relations tell.
	for _, query := range []string{
		"filter=(votes_via_clip.id='')", "filter=(votes_via_clip.verdict!='reject')", "sort=votes_via_clip.created", "filter=(id!=''%26%26votes_via_clip.validator!='x')",
	} {
		s.Want(s.Do(ada, "GET", "/api/collections/clips/records?"+query, nil), 400, "invalid_input")
	}
	s.Want(s.Do(chidi, "GET", "/api/collections/prompts/records?filter=(clips_via_prompt.votes_via_clip.verdict='approve')", nil), 400, "invalid_input")
	if events != 0 {
		t.Errorf("%d realtime events before the verdict", events)
	}
}

func TestCooldownCapAndQuota(t *testing.T) {
	s := hookstest.Start(t)
	s.Fund(1_000_000)
	s.Consent(ada)
	s.Policy("consensus", map[string]any{"assignment": "open", "cooldown_s": 5, "daily_cap": 1, "votes_per_hour": 3})
	clips := make([]string, 5)
	for i := range clips {
		clips[i] = s.Clip(ada)
	}
	s.Want(s.Vote(bola, clips[0], "approve"), 200, "")
	wait := s.Want(s.Vote(bola, clips[1], "approve"), 429, "cooldown")
	if wait.Header.Get("Retry-After") != "5" {
		t.Errorf("Retry-After is %q, want 5", wait.Header.Get("Retry-After"))
	}
	s.Advance(5 * time.Second)
	s.Want(s.Vote(bola, clips[1], "approve"), 200, "")
	if rewarded := s.Int("SELECT SUM(rewarded) FROM votes"); rewarded != 1 {
		t.Errorf("%d votes are rewarded, want the first only", rewarded)
	}
	s.Advance(5 * time.Second)
	s.Want(s.Vote(bola, clips[2], "approve"), 200, "")
	s.Advance(5 * time.Second)
	s.Want(s.Vote(bola, clips[3], "approve"), 429, "rate_limited")
	for _, who := range []string{chidi, dayo} {
		s.Want(s.Vote(who, clips[1], "approve"), 200, "")
		s.Advance(5 * time.Second)
	}
	if got := s.Balance(bola); got["pending"] != 0 {
		t.Errorf("bola was paid %d for a vote beyond the cap", got["pending"])
	}
	s.Advance(24 * time.Hour)
	s.Want(s.Vote(bola, clips[3], "approve"), 200, "")
	if rewarded := s.Int("SELECT rewarded FROM votes ORDER BY created DESC LIMIT 1"); rewarded != 1 {
		t.Error("the cap did not end with the day")
	}
}

func TestRolesMultiplyAndRemixesShare(t *testing.T) {
	s := open(t)
	s.Consent(emeka)
	for who, roles := range map[string][]string{bola: {"validator"}, chidi: {"validator", "ambassador"}} {
		s.Want(s.Do(apptest.Admin, "PATCH", "/api/collections/users/records/"+s.User(who).Id, map[string]any{"roles": roles}), 200, "")
	}
	original := s.Clip(ada)
	s.Decide(original, "approve")
	remix := s.Clip(emeka, "parent", original)
	s.Decide(remix, "approve")
	s.Drain()
	for who, want := range map[string]int64{ada: 15000 + 4500, emeka: 10500, bola: 2 * 2100, chidi: 2 * 2250, dayo: 2 * 1500} {
		if got := s.Balance(who)["pending"]; got != want {
			t.Errorf("%s has %d pending, want %d", who, got, want)
		}
	}
	if got := told(s, ada); got != "clip_approved, remix_approved" {
		t.Errorf("ada was told %s", got)
	}
}
