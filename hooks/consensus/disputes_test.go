package consensus_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/internal/apptest"
)

func dispute(s *hookstest.Server, who, clip, text string) apptest.Answer {
	return s.Do(who, "POST", "/api/lingualink/clips/"+clip+"/dispute", map[string]any{"text": text})
}

func TestWhoMayDispute(t *testing.T) {
	s := experts(t)
	rejected, approved, pending := s.Clip(ada), s.Clip(ada), s.Clip(ada)
	s.Decide(rejected, "reject")
	s.Decide(approved, "approve")
	s.Want(dispute(s, apptest.Guest, rejected, "why"), 401, "sign_in_required")
	s.Want(dispute(s, apptest.Admin, rejected, "why"), 403, "not_allowed")
	for _, who := range []string{bola, fatima, musa} {
		s.Want(dispute(s, who, rejected, "why"), 404, "not_found")
	}
	s.Want(dispute(s, ada, "nothing00000000", "why"), 404, "not_found")
	for _, text := range []string{"", "  ", strings.Repeat("é", 1001)} {
		s.Want(dispute(s, ada, rejected, text), 400, "invalid_input")
	}
	s.Want(dispute(s, ada, approved, "why"), 409, "not_disputable")
	s.Want(dispute(s, ada, pending, "why"), 409, "not_disputable")
	doubted, _ := escalated(s, ada)
	s.Want(dispute(s, ada, doubted, "why"), 409, "not_disputable")
	execSQL(s, "UPDATE clips SET control = 1 WHERE id = {:clip}", dbx.Params{"clip": rejected})
	s.Want(dispute(s, ada, rejected, "why"), 404, "not_found")
	execSQL(s, "UPDATE clips SET control = 0 WHERE id = {:clip}", dbx.Params{"clip": rejected})
	s.Want(dispute(s, ada, rejected, "why"), 200, "")
	if status := statusOf(s, rejected); status != "rejected" {
		t.Errorf("the disputed clip is %s", status)
	}
	late := s.Clip(ada)
	s.Decide(late, "reject")
	s.Advance(30*24*time.Hour - time.Minute)
	execSQL(s, "UPDATE escalations SET state = 'closed'", nil)
	s.Want(dispute(s, ada, rejected, "why"), 200, "") // what was closed without an answer may be asked again
	s.Advance(2 * time.Minute)
	s.Want(dispute(s, ada, late, "why"), 409, "not_disputable")
}

func TestADisputeIsAnsweredOnce(t *testing.T) {
	s := experts(t)
	clip := s.Clip(ada)
	s.Decide(clip, "reject")
	s.Want(dispute(s, ada, clip, "  It is Hausa, of Kano.  "), 200, "")
	s.Want(dispute(s, ada, clip, "again"), 409, "already_disputed")
	rows := s.Want(s.Do(musa, "GET", "/api/collections/escalations/records", nil), 200, "").Items("items")
	if len(rows) != 1 || rows[0]["cause"] != "dispute" || rows[0]["text"] != "It is Hausa, of Kano." {
		t.Fatalf("the moderators read %v", rows)
	}
	item := s.Want(s.Do(fatima, "GET", escalations, nil), 200, "").Items("items")[0]
	if _, told := item["text"]; told || item["cause"] != "dispute" {
		t.Errorf("the expert hears %v", item)
	}
	ruled(s, fatima, openOn(s, clip), "reject")
	s.Drain()
	if got := told(s, ada); got != "clip_rejected, verdict_confirmed" {
		t.Errorf("ada was told %s", got)
	}
	s.Want(dispute(s, ada, clip, "but"), 409, "already_disputed")

	// A new verdict, not in answer to a dispute, may be disputed again.
	s.Want(overrule(s, clip, "approve", "fine"), 200, "")
	s.Want(overrule(s, clip, "reject", "after all"), 200, "")
	s.Want(dispute(s, ada, clip, "why"), 200, "")
	ruled(s, musa, openOn(s, clip), "approve")
	s.Drain()
	if got := told(s, ada); got != "clip_rejected, verdict_changed, verdict_changed, verdict_changed, verdict_confirmed" {
		t.Errorf("ada was told %s", got)
	}
	if got := s.Balance(ada)["pending"]; got != 15000 {
		t.Errorf("ada has %d", got)
	}
	sound(t, s)
}

// The words of the speaker reach what the experts are asked about the clip already.
func TestADisputeJoinsAnAudit(t *testing.T) {
	s := experts(t)
	clip := s.Clip(ada)
	s.Decide(clip, "reject")
	reopen(s, clip, "audit")
	s.Want(dispute(s, ada, clip, "why"), 200, "")
	s.Want(dispute(s, ada, clip, "why"), 409, "already_disputed")
	if row := s.Text("SELECT COUNT(*) || ' ' || cause || ' ' || text FROM escalations", nil); row != "1 audit why" {
		t.Errorf("the escalation is %s", row)
	}
	ruled(s, musa, openOn(s, clip), "reject")
	s.Drain()
	if got := told(s, ada); got != "clip_rejected, verdict_confirmed" {
		t.Errorf("ada was told %s", got)
	}
}

// An audit that confirms the verdict is no news to anybody.
func TestAConfirmedAuditIsNoNews(t *testing.T) {
	s := experts(t)
	clip := s.Clip(ada)
	s.Decide(clip, "approve")
	reopen(s, clip, "audit")
	ruled(s, musa, openOn(s, clip), "approve")
	s.Drain()
	if got := told(s, ada); got != "clip_approved" {
		t.Errorf("ada was told %s", got)
	}
	sound(t, s)
}
