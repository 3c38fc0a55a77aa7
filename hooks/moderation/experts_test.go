package moderation_test

import (
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/moderation"
	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
)

// disputed is a rejected clip of Ada's about which the experts are asked.
func (d *desk) disputed() (clip, id string) {
	d.t.Helper()
	clip = d.Clip(ada)
	d.Decide(clip, "reject")
	d.Want(d.Do(ada, "POST", "/api/lingualink/clips/"+clip+"/dispute", map[string]any{"text": "Listen again."}), 200, "")
	return clip, d.caseOf("clip", clip)
}

// expert decides the escalation of a clip as an expert, by the function that the
// route of the experts calls.
func (d *desk) expert(clip string, outcome engine.Outcome, reason engine.Reason, who string) {
	d.t.Helper()
	err := d.App.RunInTransaction(func(tx core.App) error {
		_, err := consensus.Overrule(tx, d.Deps, clip, outcome, reason, "user:"+d.User(who).Id, "I listened.")
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) escalation(clip string) string {
	d.t.Helper()
	return d.Text("SELECT state FROM escalations WHERE clip = {:clip}", dbx.Params{"clip": clip})
}

func TestWhatExpertsAreAskedIsACase(t *testing.T) {
	d := openDesk(t)
	clip, id := d.disputed()
	record, err := d.App.FindRecordById("cases", id)
	if err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]string{"origin": "expert", "state": "open", "severity": "1", "reports": "1", "reasons": `{"unclear_audio":1}`} {
		if got := record.GetString(field); got != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
	d.expert(clip, engine.Approved, "", emeka)
	for field, want := range map[string]string{"state": "resolved", "action": "approve_clip", "decided_by": "user:" + d.User(emeka).Id, "appeal": ""} {
		if got := d.field("cases", id, field); got != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
	if d.escalation(clip) != collections.EscalationDecided || d.Text("SELECT state FROM reports", nil) != "dismissed" {
		t.Error("the escalation or what it said is open")
	}
	if d.Int("SELECT COUNT(*) FROM decisions") != 0 || d.Int("SELECT COUNT(*) FROM strikes") != 0 {
		t.Error("an expert's word is a decision about conduct")
	}
	d.wantsTold(ada)
	d.sound()
}

func TestExpertsRejectWithoutBlame(t *testing.T) {
	d := openDesk(t)
	clip, id := d.disputed()
	d.expert(clip, engine.Rejected, engine.CutOff, emeka)
	if d.field("cases", id, "action") != "reject_clip" || d.field("cases", id, "found") != "unclear_audio" || d.standing(ada) != "good" {
		t.Errorf("decided as %s %s", d.field("cases", id, "action"), d.field("cases", id, "found"))
	}
}

func TestAModeratorDecidesWhatExpertsAreAsked(t *testing.T) {
	d := openDesk(t)
	clip, id := d.disputed()
	d.Want(d.resolve(musa, id, "approve_clip"), 200, "")
	if d.escalation(clip) != collections.EscalationDecided || d.field("clips", clip, "status") != "approved" || d.field("cases", id, "decided_by") != "user:"+d.User(musa).Id {
		t.Errorf("the escalation is %s, the clip %s", d.escalation(clip), d.field("clips", clip, "status"))
	}
	d.wantsTold(ada)
	d.sound()
}

func TestWhatPeopleReportedStaysForStaff(t *testing.T) {
	d := openDesk(t)
	clip, id := d.disputed()
	d.Want(d.report(musa, "clip", clip, "hate"), 200, "") // moderators see what is rejected
	d.expert(clip, engine.Approved, "", emeka)
	if d.field("cases", id, "state") != "open" {
		t.Error("the experts closed what people reported")
	}
	if got := d.Text("SELECT group_concat(state, ' ') FROM (SELECT state FROM reports ORDER BY reporter)", nil); got != "dismissed open" {
		t.Errorf("the reports are %s", got)
	}
	d.Want(d.resolve(fatima, id, "hide", "found", "hate"), 200, "")
	// The experts are asked anew: the case is decided, so there is another one.
	err := d.App.RunInTransaction(func(tx core.App) error {
		_, err := moderation.File(tx, moderation.Claim{Type: "clip", ID: clip, Reason: "unclear_audio", Origin: collections.CaseExpert})
		return err
	})
	if err != nil || d.caseOf("clip", clip) == id {
		t.Errorf("no case of its own: %v", err)
	}
}

func TestAWithdrawnClipNeedsNoExpert(t *testing.T) {
	d := openDesk(t)
	clip, id := d.disputed()
	d.Want(d.Do(ada, "POST", "/api/lingualink/clips/"+clip+"/withdraw", nil), 200, "")
	if d.field("cases", id, "state") != "resolved" || d.field("cases", id, "action") != "dismiss" || d.field("cases", id, "decided_by") != "system" {
		t.Errorf("the case is %s by %s", d.field("cases", id, "state"), d.field("cases", id, "decided_by"))
	}
}

// TestEscalationsFromBeforeGetTheirCases, once, by the jobs of the migration.
func TestEscalationsFromBeforeGetTheirCases(t *testing.T) {
	d := openDesk(t)
	clip, decided := d.Clip(ada), d.approved()
	stamp := shell.Stamp(d.Deps.Clock.Now())
	for id, row := range map[string][2]string{"escalation00001": {clip, "open"}, "escalation00002": {decided, "decided"}} {
		d.Insert("escalations", dbx.Params{"id": id, "clip": row[0], "language": d.Language("ha"), "owner": d.User(ada).Id, "cause": "max_votes", "state": row[1], "created": stamp, "updated": stamp})
		d.Insert("jobs", dbx.Params{
			"id": shell.NewID(), "kind": "cases.escalation", "effect_key": id, "payload": `{"escalation":"` + id + `"}`, "state": "queued", "attempts": 0,
			"run_at": stamp, "lease_until": "", "worker": "", "last_error": "", "finished_at": "", "created": stamp,
		})
	}
	d.Drain()
	if got := d.Text("SELECT group_concat(subject_id || ' ' || origin) FROM cases", nil); got != clip+" expert" {
		t.Errorf("the cases are %q", got)
	}
	if n := d.Int("SELECT COUNT(*) FROM jobs WHERE kind = 'cases.escalation' AND state != 'done'"); n != 0 {
		t.Errorf("%d jobs are left", n)
	}
}
