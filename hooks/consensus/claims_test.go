package consensus_test

import (
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/internal/apptest"
)

func TestOfTwoClaimsOneWins(t *testing.T) {
	s := experts(t)
	const rounds = 15
	for range rounds {
		_, escalation := escalated(s, ada)
		rivals := []string{fatima, musa}
		answers := make([]apptest.Answer, len(rivals))
		for _, who := range rivals {
			s.Token(who)
		}
		start := make(chan struct{})
		var done sync.WaitGroup
		for i, who := range rivals {
			done.Go(func() {
				<-start
				answers[i] = act(s, who, escalation, "claim")
			})
		}
		close(start)
		done.Wait()
		won := -1
		for i, answer := range answers {
			if answer.Status == http.StatusOK {
				won = i
			} else {
				s.Want(answer, 409, "escalation_taken")
			}
		}
		if won < 0 || answers[0].Status == answers[1].Status {
			t.Fatalf("claims: %s %s", answers[0].Raw, answers[1].Raw)
		}
		if holder := s.Text("SELECT claimed_by FROM escalations WHERE id = {:id}", dbx.Params{"id": escalation}); holder != s.User(rivals[won]).Id {
			t.Errorf("%s holds the clip, %s won", holder, rivals[won])
		}
		s.Advance(2 * time.Second)
		s.Want(rule(s, rivals[1-won], escalation, "approve", ""), 409, "claim_required")
		s.Want(rule(s, rivals[won], escalation, "approve", ""), 200, "")
	}
}

func TestAClaimEnds(t *testing.T) {
	s := experts(t)
	_, escalation := escalated(s, ada)
	s.Want(rule(s, fatima, escalation, "approve", ""), 409, "claim_required")
	first := s.Want(act(s, fatima, escalation, "claim"), 200, "").Data()
	s.Advance(10 * time.Minute)
	if again := s.Want(act(s, fatima, escalation, "claim"), 200, "").Data(); again["claim_until"] != first["claim_until"] {
		t.Errorf("claiming again moved the end from %v to %v", first["claim_until"], again["claim_until"])
	}
	s.Want(act(s, musa, escalation, "claim"), 409, "escalation_taken")
	s.Want(act(s, musa, escalation, "release"), 200, "") // not his: nothing happens
	s.Want(act(s, musa, escalation, "claim"), 409, "escalation_taken")

	s.Advance(20*time.Minute - time.Second)
	s.Want(act(s, musa, escalation, "claim"), 409, "escalation_taken")
	s.Advance(time.Second)
	s.Want(rule(s, fatima, escalation, "approve", ""), 409, "claim_required")
	s.Want(act(s, musa, escalation, "claim"), 200, "")
	s.Want(act(s, fatima, escalation, "claim"), 409, "escalation_taken")

	s.Want(act(s, musa, escalation, "release"), 200, "")
	s.Want(act(s, musa, escalation, "release"), 200, "")
	s.Want(rule(s, musa, escalation, "approve", ""), 409, "claim_required")
	s.Want(act(s, fatima, escalation, "claim"), 200, "")
}

func TestNobodyKeepsTheQueueFromTheOthers(t *testing.T) {
	s := experts(t)
	held := ""
	for i := range consensus.MaxClaims + 1 {
		_, escalation := escalated(s, ada)
		if i < consensus.MaxClaims {
			s.Want(act(s, fatima, escalation, "claim"), 200, "")
			held = escalation
			continue
		}
		s.Want(act(s, fatima, escalation, "claim"), 409, "too_many_claims")
		s.Want(act(s, fatima, held, "claim"), 200, "") // hers already
		s.Want(act(s, fatima, held, "release"), 200, "")
		s.Want(act(s, fatima, escalation, "claim"), 200, "")
		s.Want(act(s, fatima, held, "claim"), 409, "too_many_claims")
		s.Advance(31 * time.Minute) // all have run out
		s.Want(act(s, fatima, held, "claim"), 200, "")
	}
}

func TestExpertsListen(t *testing.T) {
	s := experts(t)
	_, escalation := escalated(s, ada)
	s.Want(act(s, fatima, escalation, "claim"), 200, "")
	answer := s.Want(rule(s, fatima, escalation, "approve", ""), 409, "not_heard")
	if !strings.Contains(string(answer.Raw), `"retry_after":2`) {
		t.Errorf("1.3 seconds are to be heard: %s", answer.Raw)
	}
	s.Advance(1200 * time.Millisecond)
	s.Want(act(s, fatima, escalation, "claim"), 200, "") // does not begin anew
	s.Want(rule(s, fatima, escalation, "approve", ""), 409, "not_heard")
	s.Advance(200 * time.Millisecond)
	s.Want(rule(s, fatima, escalation, "approve", ""), 200, "")
}

func TestADecisionIsMadeOnce(t *testing.T) {
	s := experts(t)
	clip, escalation := escalated(s, ada)
	s.Want(act(s, fatima, escalation, "claim"), 200, "")
	s.Advance(2 * time.Second)
	for _, body := range []map[string]any{
		{"verdict": "escalated"}, {"verdict": "reject"}, {"verdict": "reject", "reason": "ugly"}, {"verdict": "approve", "reason": "cut_off"},
		{"verdict": "approve", "note": strings.Repeat("é", 501)}, {"verdict": "approve", "outcome": "approved"},
	} {
		s.Want(s.Do(fatima, "POST", escalations+"/"+escalation+"/decide", body), 400, "invalid_input")
	}
	first := s.Want(rule(s, fatima, escalation, "reject", "It hums."), 200, "")
	if status := statusOf(s, clip); status != "rejected" {
		t.Errorf("the clip is %s", status)
	}
	again := s.Want(rule(s, fatima, escalation, "reject", " It hums. "), 200, "")
	if !maps.Equal(first.Data(), again.Data()) || first.Data()["outcome"] != "rejected" || first.Data()["reason"] != "unclear_audio" {
		t.Errorf("first %s, again %s", first.Raw, again.Raw)
	}
	s.Want(rule(s, fatima, escalation, "reject", "It hums a lot."), 409, "escalation_closed")
	s.Want(rule(s, fatima, escalation, "approve", "It hums."), 409, "escalation_closed")
	s.Want(rule(s, musa, escalation, "reject", "It hums."), 409, "escalation_closed")
	s.Want(act(s, fatima, escalation, "claim"), 409, "escalation_closed")
	s.Want(act(s, fatima, escalation, "release"), 409, "escalation_closed")
	if n := s.Int("SELECT COUNT(*) FROM verdicts WHERE clip = {:clip}", dbx.Params{"clip": clip}); n != 2 {
		t.Errorf("%d verdicts, want the crowd's and the expert's", n)
	}
	row := s.Text("SELECT state || ' ' || (verdict = {:verdict}) || ' ' || (claimed_by = {:fatima}) || ' ' || claim_until || ' ' || (decided_at != '') FROM escalations",
		dbx.Params{"verdict": first.Data()["verdict"], "fatima": s.User(fatima).Id})
	if row != "decided 1 1  1" {
		t.Errorf("the escalation is %s", row)
	}
}

func TestOfManyEqualDecisionsOneIsWritten(t *testing.T) {
	s := experts(t)
	clip, escalation := escalated(s, ada)
	s.Want(act(s, fatima, escalation, "claim"), 200, "")
	s.Advance(2 * time.Second)
	var done sync.WaitGroup
	answers := make([]apptest.Answer, 6)
	start := make(chan struct{})
	for i := range answers {
		done.Go(func() {
			<-start
			answers[i] = rule(s, fatima, escalation, "approve", "")
		})
	}
	close(start)
	done.Wait()
	for _, answer := range answers {
		s.Want(answer, 200, "")
	}
	if n := s.Int("SELECT COUNT(*) FROM verdicts WHERE clip = {:clip}", dbx.Params{"clip": clip}); n != 2 {
		t.Errorf("%d verdicts", n)
	}
	if got := s.Balance(ada)["pending"]; got != 15000 {
		t.Errorf("ada has %d", got)
	}
}

func TestTheRecordingIsHeardByWhoHasIt(t *testing.T) {
	s := experts(t)
	clip, escalation := escalated(s, ada)
	hear := func(who string) apptest.Answer {
		token := s.Want(s.Do(who, "POST", "/api/files/token", nil), 200, "").Text("token")
		return s.Do(apptest.Guest, "GET", escalations+"/"+escalation+"/media?token="+token, nil)
	}
	s.Want(hear(fatima), 404, "not_found")
	url := s.Want(act(s, fatima, escalation, "claim"), 200, "").Data()["media_url"]
	if url != escalations+"/"+escalation+"/media" {
		t.Errorf("the media is at %v", url)
	}
	answer := s.Want(hear(fatima), 200, "")
	if len(answer.Raw) < 1000 || answer.Header.Get("Cache-Control") != "private, no-store" {
		t.Errorf("%d bytes, %v", len(answer.Raw), answer.Header)
	}
	for _, who := range []string{ada, bola, emeka, musa} {
		s.Want(hear(who), 404, "not_found")
	}
	s.Want(s.Do(apptest.Guest, "GET", escalations+"/"+escalation+"/media", nil), 404, "not_found")
	for _, hide := range []string{"UPDATE clips SET hidden = 1", "UPDATE clips SET hidden = 0, status = 'withdrawn'"} {
		execSQL(s, hide+" WHERE id = {:clip}", dbx.Params{"clip": clip})
		s.Want(hear(fatima), 404, "not_found")
	}
	execSQL(s, "UPDATE clips SET hidden = 0, status = 'escalated' WHERE id = {:clip}", dbx.Params{"clip": clip})
	s.Want(hear(fatima), 200, "")
	s.Advance(31 * time.Minute)
	s.Want(hear(fatima), 404, "not_found")
	s.Want(act(s, fatima, escalation, "claim"), 200, "")
	s.Want(s.Do(ada, "POST", "/api/collections/blocks/records", map[string]any{"blocked": s.User(fatima).Id}), 200, "")
	s.Want(hear(fatima), 404, "not_found")
}
