package consensus_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

// twoSteps is [experts] with the policy's own two steps, and Emeka a second expert.
func twoSteps(t *testing.T) *hookstest.Server {
	t.Helper()
	s := experts(t)
	s.OpenVotingWith(map[string]any{"max_votes": 3})
	tier(s, emeka, "ha", collections.TierGold, collections.TrustProven)
	return s
}

// says claims, listens and says a word.
func says(s *hookstest.Server, who, escalation, verdict string) apptest.Answer {
	s.Want(act(s, who, escalation, "claim"), 200, "")
	s.Advance(2 * time.Second)
	return rule(s, who, escalation, verdict, "")
}

func escalationRow(s *hookstest.Server, escalation string) string {
	return s.Text("SELECT state || ' ' || proposed || ' ' || (proposed_by != '') || ' ' || contested || ' ' || claimed_by || ' ' || (verdict != '') FROM escalations WHERE id = {:id}",
		dbx.Params{"id": escalation})
}

func TestTwoExpertsWhoSayTheSameDecide(t *testing.T) {
	s := twoSteps(t)
	clip, escalation := escalated(s, ada)
	first := s.Want(says(s, fatima, escalation, "reject"), 200, "")
	if data := first.Data(); data["state"] != "proposed" || data["verdict"] != "" || data["outcome"] != "rejected" {
		t.Errorf("the first word: %s", first.Raw)
	}
	if row := escalationRow(s, escalation); row != "open rejected 1 0  0" || statusOf(s, clip) != "escalated" {
		t.Errorf("after one word: %s, the clip is %s", row, statusOf(s, clip))
	}
	if got := s.Balance(ada)["pending"]; got != 0 {
		t.Errorf("one word paid %d", got)
	}
	// The same again does nothing, another word comes too late, and she is not the second.
	if again := s.Want(rule(s, fatima, escalation, "reject", ""), 200, ""); !maps.Equal(again.Data(), first.Data()) {
		t.Errorf("again: %s", again.Raw)
	}
	s.Want(rule(s, fatima, escalation, "approve", ""), 409, "escalation_closed")
	s.Want(rule(s, fatima, escalation, "reject", "It hums."), 409, "escalation_closed")
	s.Want(act(s, fatima, escalation, "claim"), 403, "not_eligible")
	if items := s.Want(s.Do(fatima, "GET", escalations, nil), 200, "").Items("items"); len(items) != 0 {
		t.Errorf("it is offered to the first again: %v", items)
	}

	second := s.Want(says(s, emeka, escalation, "reject"), 200, "")
	if data := second.Data(); data["state"] != "decided" || data["verdict"] == "" {
		t.Errorf("the second word: %s", second.Raw)
	}
	if row := escalationRow(s, escalation); row != "decided rejected 1 0 "+s.User(emeka).Id+" 1" || statusOf(s, clip) != "rejected" {
		t.Errorf("after two words: %s, the clip is %s", row, statusOf(s, clip))
	}
	actor := s.Text("SELECT actor FROM verdicts WHERE id = {:id}", dbx.Params{"id": second.Data()["verdict"]})
	if actor != "user:"+s.User(emeka).Id {
		t.Errorf("the verdict is of %s", actor)
	}
	for action, who := range map[string]string{"escalation.first": fatima, "escalation.second": emeka} {
		data := s.Text("SELECT data FROM audit_log WHERE action = {:action} AND actor = {:actor} AND subject_id = {:id}",
			dbx.Params{"action": action, "actor": "user:" + s.User(who).Id, "id": escalation})
		if names := strings.Contains(data, s.User(fatima).Id); names != (who == emeka) {
			t.Errorf("%s: %s", action, data)
		}
	}
	// What each said stays their answer.
	s.Want(rule(s, emeka, escalation, "reject", ""), 200, "")
	s.Want(rule(s, fatima, escalation, "reject", ""), 200, "")
	s.Want(rule(s, emeka, escalation, "approve", ""), 409, "escalation_closed")
	if n := s.Int("SELECT COUNT(*) FROM verdicts WHERE clip = {:clip}", dbx.Params{"clip": clip}); n != 2 {
		t.Errorf("%d verdicts", n)
	}
}

func TestTheSecondExpertIsNotToldWhatTheFirstSaid(t *testing.T) {
	s := twoSteps(t)
	_, quiet := escalated(s, ada)
	_, escalation := escalated(s, ada)
	seen := func(id string) map[string]any {
		for _, item := range s.Want(s.Do(emeka, "GET", escalations, nil), 200, "").Items("items") {
			if item["escalation"] == id {
				return item
			}
		}
		t.Fatalf("%s is not offered", id)
		return nil
	}
	before := seen(escalation)
	s.Want(says(s, fatima, escalation, "reject"), 200, "")
	if after := seen(escalation); !maps.Equal(before, after) {
		t.Errorf("before %v, after %v", before, after)
	}
	claimed := s.Want(act(s, emeka, escalation, "claim"), 200, "").Data()
	other := s.Want(act(s, emeka, quiet, "claim"), 200, "").Data()
	if len(claimed) != len(other) {
		t.Errorf("a claim after a word says %v, before one %v", claimed, other)
	}
	s.Want(s.Do(emeka, "GET", "/api/collections/escalations/records/"+escalation, nil), 404, "")
	if items := s.Want(s.Do(emeka, "GET", "/api/collections/escalations/records", nil), 200, "").Items("items"); len(items) != 0 {
		t.Errorf("an expert lists %v", items)
	}
}

func TestWhereTwoExpertsDisagreeAModeratorDecides(t *testing.T) {
	s := twoSteps(t)
	clip, escalation := escalated(s, ada)
	s.Want(says(s, fatima, escalation, "reject"), 200, "")
	contested := s.Want(says(s, emeka, escalation, "approve"), 200, "")
	if data := contested.Data(); data["state"] != "contested" || data["verdict"] != "" {
		t.Errorf("the second word: %s", contested.Raw)
	}
	if row := escalationRow(s, escalation); row != "open rejected 1 1  0" || statusOf(s, clip) != "escalated" {
		t.Errorf("contested: %s, the clip is %s", row, statusOf(s, clip))
	}
	if again := s.Want(rule(s, emeka, escalation, "approve", ""), 200, ""); !maps.Equal(again.Data(), contested.Data()) {
		t.Errorf("again: %s", again.Raw)
	}
	s.Want(rule(s, emeka, escalation, "reject", ""), 409, "escalation_closed")

	tier(s, dayo, "ha", collections.TierGold, collections.TrustProven)
	for _, who := range []string{emeka, fatima, dayo} {
		s.Want(act(s, who, escalation, "claim"), 403, "not_expert")
		if items := s.Want(s.Do(who, "GET", escalations, nil), 200, "").Items("items"); len(items) != 0 {
			t.Errorf("%s is offered %v", who, items)
		}
	}
	final := s.Want(says(s, musa, escalation, "approve"), 200, "")
	if final.Data()["state"] != "decided" || statusOf(s, clip) != "approved" {
		t.Errorf("the moderator's word: %s, the clip is %s", final.Raw, statusOf(s, clip))
	}
	if got := s.Balance(ada)["pending"]; got != 15000 {
		t.Errorf("ada has %d", got)
	}
}

func TestAModeratorsWordIsFinalAtOnce(t *testing.T) {
	s := twoSteps(t)
	for _, before := range []string{"", "reject", "approve"} {
		clip, escalation := escalated(s, ada)
		if before != "" {
			s.Want(says(s, fatima, escalation, before), 200, "")
		}
		if answer := s.Want(says(s, musa, escalation, "approve"), 200, ""); answer.Data()["state"] != "decided" || statusOf(s, clip) != "approved" {
			t.Errorf("after %q: %s, the clip is %s", before, answer.Raw, statusOf(s, clip))
		}
	}
}

func TestTheFirstExpertHasNoSecondAccount(t *testing.T) {
	s := twoSteps(t)
	_, escalation := escalated(s, ada)
	s.Want(says(s, fatima, escalation, "reject"), 200, "")
	s.Insert("relations", dbx.Params{"id": shell.NewID(), "a": s.User(emeka).Id, "b": s.User(fatima).Id, "kind": "device"})
	s.Want(act(s, emeka, escalation, "claim"), 403, "not_eligible")
}

func TestOfTwoFirstWordsOneIsKept(t *testing.T) {
	s := twoSteps(t)
	_, escalation := escalated(s, ada)
	s.Want(act(s, fatima, escalation, "claim"), 200, "")
	s.Advance(2 * time.Second)
	answers, start := make(chan apptest.Answer, 6), make(chan struct{})
	s.Token(fatima)
	for i := range cap(answers) {
		go func() {
			<-start
			answers <- rule(s, fatima, escalation, []string{"approve", "reject"}[i%2], "")
		}()
	}
	close(start)
	kept := map[any]bool{}
	for range cap(answers) {
		if answer := <-answers; answer.Status == 200 {
			kept[answer.Data()["outcome"]] = true
		} else {
			s.Want(answer, 409, "escalation_closed")
		}
	}
	if len(kept) != 1 || s.Int("SELECT COUNT(*) FROM audit_log WHERE action = 'escalation.first'") != 1 {
		t.Errorf("kept %v", kept)
	}
}
