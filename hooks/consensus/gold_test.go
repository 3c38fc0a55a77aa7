package consensus_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
	engine "github.com/lingualink/lingualink/internal/consensus"
)

const goldRoute = "/api/lingualink/gold"

// makeGold makes a recording gold by the admin's word.
func makeGold(s *hookstest.Server, t *testing.T, clip, truth string) string {
	t.Helper()
	answer := s.Want(s.Do(apptest.Admin, "POST", goldRoute, map[string]any{"clip": clip, "truth": truth, "reason": "clear"}), 200, "")
	return answer.Data()["gold"].(string)
}

// controlOf is the open control of a gold clip; one is opened where there is none, as
// for somebody who is shown it.
func controlOf(s *hookstest.Server, gold string) (control string) {
	control = openControlOf(s, gold)
	if control != "" {
		return control
	}
	err := s.App.RunInTransaction(func(tx core.App) (err error) {
		control, err = consensus.OpenControl(tx, s.Deps, gold)
		return err
	})
	if err != nil {
		panic(err)
	}
	return control
}

func openControlOf(s *hookstest.Server, gold string) string {
	return s.Text("SELECT COALESCE(MAX(clip), '') FROM clip_tallies WHERE gold = {:gold} AND open = 1", dbx.Params{"gold": gold})
}

// inTx runs something in a transaction.
func inTx(s *hookstest.Server, t *testing.T, fn func(tx core.App) error) {
	t.Helper()
	if err := s.App.RunInTransaction(fn); err != nil {
		t.Fatal(err)
	}
}

// say lets an expert decide.
func say(s *hookstest.Server, t *testing.T, clip string, outcome engine.Outcome) {
	t.Helper()
	inTx(s, t, func(tx core.App) error {
		reason := engine.Reason("")
		if outcome == engine.Rejected {
			reason = engine.CutOff
		}
		_, err := consensus.OverruleAny(tx, s.Deps, s.Deps.Clock.Now(), clip, outcome, reason, "user:"+s.User(musa).Id, "")
		return err
	})
}

// meet hands the person the next control, and says which gold clip that is.
func meet(s *hookstest.Server, t *testing.T, who string) (control, gold string) {
	t.Helper()
	inTx(s, t, func(tx core.App) error {
		policy, _, err := shell.ConsensusPolicy(tx, s.Deps.Clock.Now(), s.Language("ha"))
		if err != nil {
			return err
		}
		control, err = consensus.NextControl(tx, s.Deps, policy, s.Language("ha"), s.User(who).Id)
		return err
	})
	if control != "" {
		gold = s.Text("SELECT gold FROM clip_tallies WHERE clip = {:clip}", dbx.Params{"clip": control})
	}
	return control, gold
}

func TestMakingGold(t *testing.T) {
	s := open(t)
	unlabelled, good, bad, hidden, withdrawn := s.Clip(ada), s.Clip(ada), s.Clip(ada), s.Clip(ada), s.Clip(ada)
	s.Decide(good, "reject")
	say(s, t, good, engine.Approved)
	say(s, t, bad, engine.Rejected)
	s.Want(s.Do(ada, "POST", "/api/lingualink/clips/"+withdrawn+"/withdraw", nil), 200, "")
	if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE clips SET hidden = 1 WHERE id = {:id}").Bind(dbx.Params{"id": hidden}).Execute(); err != nil {
		t.Fatal(err)
	}
	gold := makeGold(s, t, good, "good") // an expert said so already
	control := controlOf(s, gold)

	for name, c := range map[string]struct {
		who    string
		body   map[string]any
		status int
		code   string
	}{
		"a guest":                   {apptest.Guest, map[string]any{"clip": bad, "reason": "r"}, 401, "sign_in_required"},
		"a moderator":               {musa, map[string]any{"clip": bad, "reason": "r"}, 403, "not_allowed"},
		"no such clip":              {apptest.Admin, map[string]any{"clip": "nothing00000000", "reason": "r"}, 404, "not_found"},
		"no clip":                   {apptest.Admin, map[string]any{"reason": "r"}, 404, "not_found"},
		"no reason":                 {apptest.Admin, map[string]any{"clip": bad, "reason": "  "}, 400, "invalid_input"},
		"a long reason":             {apptest.Admin, map[string]any{"clip": bad, "reason": strings.Repeat("ẹ", 301)}, 400, "invalid_input"},
		"a truth of another kind":   {apptest.Admin, map[string]any{"clip": bad, "truth": "maybe", "reason": "r"}, 400, "invalid_input"},
		"against the expert":        {apptest.Admin, map[string]any{"clip": bad, "truth": "good", "reason": "r"}, 409, "gold_contradicted"},
		"nobody knows the truth":    {apptest.Admin, map[string]any{"clip": unlabelled, "reason": "r"}, 400, "invalid_input"},
		"a reason that is none":     {apptest.Admin, map[string]any{"clip": unlabelled, "truth": "bad", "reject_reason": "ugly", "reason": "r"}, 400, "invalid_input"},
		"a hidden clip":             {apptest.Admin, map[string]any{"clip": hidden, "truth": "bad", "reason": "r"}, 409, "clip_hidden"},
		"a withdrawn clip":          {apptest.Admin, map[string]any{"clip": withdrawn, "truth": "bad", "reason": "r"}, 409, "clip_withdrawn"},
		"a clip that is gold":       {apptest.Admin, map[string]any{"clip": good, "reason": "r"}, 409, "gold_already"},
		"a control":                 {apptest.Admin, map[string]any{"clip": control, "truth": "good", "reason": "r"}, 400, "invalid_input"},
		"a field that is not there": {apptest.Admin, map[string]any{"clip": bad, "reason": "r", "state": "active"}, 400, "invalid_input"},
	} {
		if answer := s.Do(c.who, "POST", goldRoute, c.body); answer.Status != c.status || answer.Code() != c.code {
			t.Errorf("%s: %d %s, want %d %s", name, answer.Status, answer.Code(), c.status, c.code)
		}
	}
	if n := s.Int("SELECT COUNT(*) FROM gold_clips"); n != 1 {
		t.Fatalf("%d gold clips, want 1", n)
	}

	answer := s.Want(s.Do(apptest.Admin, "POST", goldRoute, map[string]any{"clip": bad, "reason": "cut off"}), 200, "").Data()
	if answer["truth"] != "bad" || answer["state"] != "active" || answer["good"] != 1.0 || answer["bad"] != 1.0 || answer["clip"] != bad {
		t.Errorf("the admin is told %v", answer)
	}
	s.Want(s.Do(apptest.Admin, "POST", goldRoute, map[string]any{"clip": unlabelled, "truth": "bad", "reject_reason": "wrong_text", "reason": "another sentence"}), 200, "")
	verdict := s.Text("SELECT json_array([by], outcome, reason, note, revision, actor) FROM verdicts WHERE clip = {:clip}", dbx.Params{"clip": unlabelled})
	admin, err := s.App.FindAuthRecordByEmail("_superusers", apptest.Admin)
	if err != nil {
		t.Fatal(err)
	}
	if want := `["expert","rejected","wrong_text","another sentence",1,"superuser:` + admin.Id + `"]`; verdict != want {
		t.Errorf("the admin's word is %s, want %s", verdict, want)
	}
	if n := s.Int("SELECT gold_clips FROM language_stats"); n != 3 {
		t.Errorf("the language has %d gold clips, want 3", n)
	}
	if n := s.Int("SELECT COUNT(*) FROM clips WHERE control = 1"); n != 1 {
		t.Errorf("%d controls are open, though nobody has asked", n-1)
	}
	if n := s.Int("SELECT COUNT(*) FROM audit_log WHERE action = 'gold.make'"); n != 3 {
		t.Errorf("%d audit rows, want 3", n)
	}
	sound(t, s)
}

// TestAControlLooksLikeItsSource compares every column that there is, so that one
// that is added later is thought of.
func TestAControlLooksLikeItsSource(t *testing.T) {
	s := open(t)
	before := s.Int("SELECT COALESCE(MAX(owner_seq), 0) FROM clip_tallies WHERE owner = {:ada}", dbx.Params{"ada": s.User(ada).Id})
	source := s.Clip(ada, "dialect", "Kananci")
	s.Advance(time.Minute)
	control := controlOf(s, makeGold(s, t, source, "good"))
	own := map[string]bool{
		"id": true, "media": true, "media_sha256": true, "created": true, "updated": true, "status": true, "decided_at": true, "reserved": true, "control": true,
	}
	columns := []string{}
	if err := s.App.DB().NewQuery("SELECT name FROM pragma_table_info('clips')").Column(&columns); err != nil {
		t.Fatal(err)
	}
	for _, column := range columns {
		query := "SELECT COALESCE(CAST([" + column + "] AS TEXT), 'null') FROM clips WHERE id = {:id}"
		of, shown := s.Text(query, dbx.Params{"id": source}), s.Text(query, dbx.Params{"id": control})
		if (of == shown) == own[column] {
			t.Errorf("%s: the source has %q, the control %q", column, of, shown)
		}
	}
	if len(columns) < 25 {
		t.Errorf("only %d columns were compared", len(columns))
	}
	s.Clip(ada)
	if after := s.Int("SELECT MAX(owner_seq) FROM clip_tallies WHERE owner = {:ada}", dbx.Params{"ada": s.User(ada).Id}); after != before+2 {
		t.Errorf("the speaker's count went from %d to %d by two clips", before, after)
	}
	if n := s.Int("SELECT owner_seq FROM clip_tallies WHERE clip = {:clip}", dbx.Params{"clip": control}); n != 0 {
		t.Errorf("the control is clip %d of its speaker", n)
	}
}

func TestReservedAndBackAgain(t *testing.T) {
	s := open(t)
	clip := s.Clip(ada)
	s.Decide(clip, "approve")
	records := "/api/collections/clips/records"
	media := "/api/files/clips/" + clip + "/" + s.Text("SELECT media FROM clips WHERE id = {:id}", dbx.Params{"id": clip})
	seen := func(who string) string {
		token := ""
		if who != apptest.Guest {
			token = "?token=" + s.Want(s.Do(who, "POST", "/api/files/token", nil), 200, "").Text("token")
		}
		return fmt.Sprint(s.Do(who, "GET", records+"/"+clip, nil).Status, len(s.Do(who, "GET", records, nil).Items("items")),
			s.Do(apptest.Guest, "GET", media+token, nil).Status)
	}
	want := func(when string, table map[string]string) {
		t.Helper()
		for who, status := range table {
			if got := seen(who); got != status {
				t.Errorf("%s %q sees %s, want %s", when, who, got, status)
			}
		}
	}
	public := map[string]string{apptest.Guest: "200 1 200", ada: "200 1 200", bola: "200 1 200", emeka: "200 1 200", musa: "200 1 200"}
	want("approved", public)
	events := 0
	s.App.OnRecordAfterUpdateSuccess("clips").BindFunc(func(e *core.RecordEvent) error {
		if e.Record.Id == clip {
			events++
		}
		return e.Next()
	})
	say(s, t, clip, engine.Approved)
	events = 0
	owners := string(s.Do(ada, "GET", records+"/"+clip, nil).Raw)
	gold := makeGold(s, t, clip, "")
	want("reserved", map[string]string{apptest.Guest: "404 0 404", ada: "200 1 200", bola: "404 0 404", emeka: "404 0 404", musa: "200 1 200"})
	token := "?token=" + s.Want(s.Do(ada, "POST", "/api/files/token", nil), 200, "").Text("token")
	if cache := s.Do(apptest.Guest, "GET", media+token, nil).Header.Get("Cache-Control"); cache != "private, no-store" {
		t.Errorf("reserved media may be kept: %s", cache)
	}
	controlOf(s, gold)
	retire := goldRoute + "/" + gold + "/retire"
	s.Want(s.Do(musa, "POST", retire, map[string]any{"reason": "old"}), 403, "not_allowed")
	s.Want(s.Do(apptest.Admin, "POST", retire, map[string]any{}), 400, "invalid_input")
	s.Want(s.Do(apptest.Admin, "POST", goldRoute+"/nothing00000000/retire", map[string]any{"reason": "old"}), 404, "not_found")
	for range 2 { // repeating does nothing
		answer := s.Want(s.Do(apptest.Admin, "POST", retire, map[string]any{"reason": "old"}), 200, "").Data()
		if answer["state"] != "retired" || answer["good"] != 0.0 {
			t.Errorf("the admin is told %v", answer)
		}
	}
	want("retired", public)
	if after := string(s.Do(ada, "GET", records+"/"+clip, nil).Raw); after != owners || events != 0 {
		t.Errorf("the speaker notices: %d events\n%s\n%s", events, owners, after)
	}
	if row := s.Text("SELECT json_array(state, reason, ended_at != '', (SELECT gold_clips FROM language_stats)) FROM gold_clips", nil); row != `["retired","old",1,0]` {
		t.Errorf("the gold clip is %s", row)
	}
	if n := s.Int("SELECT COUNT(*) FROM clips WHERE control = 1 AND status = 'withdrawn'"); n != 1 {
		t.Errorf("the control without votes is not withdrawn")
	}
	if n := s.Int("SELECT COUNT(*) FROM audit_log WHERE action = 'gold.retire'"); n != 1 {
		t.Errorf("%d audit rows of retiring, want 1", n)
	}
	s.Want(s.Do(apptest.Admin, "POST", goldRoute, map[string]any{"clip": clip, "truth": "good", "reason": "again"}), 409, "gold_already")
}

func TestTheSpeakerTakesTheRecordingBack(t *testing.T) {
	s := open(t)
	s.Consent(emeka)
	source := s.Clip(ada)
	gold := makeGold(s, t, source, "good")
	decided := controlOf(s, gold)
	s.Decide(decided, "approve")
	open, token := controlOf(s, gold), s.Want(s.Do(bola, "POST", "/api/files/token", nil), 200, "").Text("token")
	s.Want(s.Vote(emeka, open, "approve"), 200, "")
	media := "/api/files/clips/" + decided + "/" + s.Text("SELECT media FROM clips WHERE id = {:id}", dbx.Params{"id": decided}) + "?token=" + token
	s.Want(s.Do(apptest.Guest, "GET", media, nil), 200, "")
	s.Want(s.Do(bola, "GET", "/api/collections/clips/records/"+decided, nil), 200, "")

	s.Want(s.Do(ada, "POST", "/api/lingualink/clips/"+open+"/withdraw", nil), 404, "not_found") // she does not know of it
	s.Want(s.Do(ada, "POST", "/api/lingualink/clips/"+decided+"/withdraw", nil), 404, "not_found")
	s.Want(s.Do(ada, "POST", "/api/lingualink/clips/"+source+"/withdraw", nil), 200, "")

	s.Want(s.Do(apptest.Guest, "GET", media, nil), 404, "")
	s.Want(s.Do(bola, "GET", "/api/collections/clips/records/"+decided, nil), 404, "")
	s.Want(s.Vote(dayo, open, "approve"), 409, "clip_withdrawn")
	s.Drain()
	if row := s.Text("SELECT json_array(state, reason, (SELECT gold_clips FROM language_stats), (SELECT reserved FROM clips WHERE id = source)) FROM gold_clips", nil); row != `["retired","withdrawn",0,0]` {
		t.Errorf("the gold clip is %s", row)
	}
	if n := s.Int("SELECT COUNT(*) FROM clips WHERE control = 1 AND status != 'withdrawn'"); n != 0 {
		t.Errorf("%d controls are still there", n)
	}
	if n := s.Int("SELECT COUNT(*) FROM clip_tallies WHERE open = 1"); n != 0 {
		t.Errorf("%d clips wait for votes", n)
	}
	if got := s.Balance(bola)["pending"]; got != 1500 {
		t.Errorf("bola keeps %d of the control that was decided, want 1500", got)
	}
	sound(t, s)
}

func TestAHiddenRecordingHidesItsControls(t *testing.T) {
	s := open(t)
	source := s.Clip(ada)
	gold := makeGold(s, t, source, "good")
	decided := controlOf(s, gold)
	s.Decide(decided, "approve")
	hide := func(hidden bool) {
		t.Helper()
		record, err := s.App.FindRecordById("clips", source)
		if err != nil {
			t.Fatal(err)
		}
		record.Set("hidden", hidden)
		if err := s.App.Save(record); err != nil {
			t.Fatal(err)
		}
	}
	hide(true)
	s.Want(s.Do(bola, "GET", "/api/collections/clips/records/"+decided, nil), 404, "")
	if row := s.Text("SELECT json_array(state, reason, (SELECT gold_clips FROM language_stats), (SELECT reserved FROM clips WHERE id = source)) FROM gold_clips", nil); row != `["retired","hidden",0,0]` {
		t.Errorf("the gold clip is %s", row)
	}
	hide(false)
	s.Want(s.Do(bola, "GET", "/api/collections/clips/records/"+decided, nil), 200, "")
	s.Want(s.Do(apptest.Guest, "GET", "/api/collections/clips/records/"+source, nil), 200, "")
}

func TestNothingIsMadeOfGold(t *testing.T) {
	s := open(t)
	s.Consent(emeka)
	source := s.Clip(ada)
	gold := makeGold(s, t, source, "good")
	control := controlOf(s, gold)
	s.Decide(control, "approve")
	for _, parent := range []string{source, control} {
		s.Want(s.UploadClip(emeka, s.Voice(), "parent", parent), 400, "parent_invalid")
	}
	s.Want(s.Do(apptest.Admin, "POST", goldRoute+"/"+gold+"/retire", map[string]any{"reason": "old"}), 200, "")
	s.Want(s.UploadClip(emeka, s.Voice(), "parent", source), 200, "")
}

func TestControlsEndByTheTruthWhenTheVotesDoNot(t *testing.T) {
	s := open(t)
	s.OpenVotingWith(map[string]any{"max_votes": 2, "min_votes": 2})
	gold := makeGold(s, t, s.Clip(ada), "bad")
	control := controlOf(s, gold)
	s.Want(s.Vote(bola, control, "approve"), 200, "")
	s.Want(s.Vote(chidi, control, "reject"), 200, "")
	status := func() string {
		return s.Text("SELECT status FROM clips WHERE id = {:id}", dbx.Params{"id": control})
	}
	if got := status(); got != "escalated" {
		t.Fatalf("the control is %s", got)
	}
	if n := s.Int("SELECT COUNT(*) FROM escalations"); n != 0 {
		t.Errorf("%d clips are shown to experts, who would know a control", n)
	}
	if next := controlOf(s, gold); next == "" || next == control {
		t.Errorf("no control follows")
	}
	s.Advance(59 * time.Minute)
	s.Drain()
	if got := status(); got != "escalated" {
		t.Fatalf("it was %s within the hour", got)
	}
	s.Advance(23*time.Hour + 2*time.Minute)
	s.Drain()
	if got := status(); got != "rejected" {
		t.Fatalf("after a day it is %s", got)
	}
	if row := s.Text("SELECT json_group_array(json_array(outcome, [by], actor)) FROM verdicts WHERE clip = {:clip}", dbx.Params{"clip": control}); row != `[["escalated","crowd",""],["rejected","expert","system"]]` {
		t.Errorf("its verdicts are %s", row)
	}
	if row := s.Text("SELECT json_array(good_approved, good_rejected, bad_approved, bad_rejected) FROM language_stats", nil); row != "[0,0,0,0]" {
		t.Errorf("the crowd is credited with %s", row)
	}
	if got := [2]int64{s.Balance(bola)["pending"], s.Balance(chidi)["pending"]}; got != [2]int64{0, 1500} {
		t.Errorf("they were paid %v under the policy of agreement", got)
	}
	if n := s.Int("SELECT COUNT(*) FROM rewards WHERE user = {:ada}", dbx.Params{"ada": s.User(ada).Id}); n != 0 {
		t.Errorf("the speaker was paid for a control")
	}
	sound(t, s)
}

func TestARetiredGoldClipPaysWhoVoted(t *testing.T) {
	s := open(t)
	gold := makeGold(s, t, s.Clip(ada), "good")
	control := controlOf(s, gold)
	s.Want(s.Vote(bola, control, "approve"), 200, "")
	s.Want(s.Do(apptest.Admin, "POST", goldRoute+"/"+gold+"/retire", map[string]any{"reason": "old"}), 200, "")
	if got, _ := meet(s, t, chidi); got != "" {
		t.Errorf("a control of a retired gold clip is handed out")
	}
	s.Drain()
	s.Want(s.Vote(chidi, control, "approve"), 409, "clip_decided")
	s.Advance(24*time.Hour + time.Minute)
	s.Drain()
	if row := s.Text("SELECT json_group_array(json_array(outcome, [by])) FROM verdicts WHERE clip = {:clip}", dbx.Params{"clip": control}); row != `[["escalated","crowd"],["approved","expert"]]` {
		t.Errorf("its verdicts are %s", row)
	}
	if got := s.Balance(bola)["pending"]; got != 1500 {
		t.Errorf("bola has %d, want 1500", got)
	}
	if n := s.Int("SELECT COUNT(*) FROM clip_tallies WHERE gold != '' AND open = 1"); n != 0 {
		t.Errorf("%d controls are still open", n)
	}
	sound(t, s)
}

func TestNobodyIsLeftToVoteOnAControl(t *testing.T) {
	s := open(t)
	s.OpenVotingWith(map[string]any{"gold_exposures": 2, "escalate_hours": 72})
	waiting, full := makeGold(s, t, s.Clip(ada), "good"), makeGold(s, t, s.Clip(ada), "good")
	control := controlOf(s, waiting)
	s.Want(s.Vote(bola, control, "approve"), 200, "")
	sweep := func() {
		t.Helper()
		if err := consensus.SweepControls(s.App, s.Deps); err != nil {
			t.Fatal(err)
		}
	}
	state := func(gold string) string {
		return s.Text("SELECT state || ' ' || reason FROM gold_clips WHERE id = {:id}", dbx.Params{"id": gold})
	}
	status := func() string {
		return s.Text("SELECT status FROM clips WHERE id = {:id}", dbx.Params{"id": control})
	}
	if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE gold_clips SET exposures = 2 WHERE id = {:id}").Bind(dbx.Params{"id": full}).Execute(); err != nil {
		t.Fatal(err)
	}
	s.Advance(71 * time.Hour)
	sweep()
	if got := status(); got != "pending" {
		t.Errorf("after 71 hours the control is %s", got)
	}
	if got := state(full); got != "retired exposures" {
		t.Errorf("a gold clip that enough people met is %q", got)
	}
	s.Advance(time.Hour)
	sweep()
	if got := status(); got != "escalated" {
		t.Errorf("after 72 hours the control is %s", got)
	}
	if got := state(waiting); got != "active " {
		t.Errorf("the gold clip is %q", got)
	}
	next := controlOf(s, waiting)
	s.Want(s.Vote(chidi, next, "approve"), 200, "") // the second and last exposure
	s.Want(s.Vote(dayo, next, "approve"), 200, "")
	s.Want(s.Vote(emeka, next, "approve"), 200, "")
	if got := state(waiting); got != "retired exposures" {
		t.Errorf("after its last control the gold clip is %q", got)
	}
	sound(t, s)
}
