package consensus_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

const escalations = "/api/lingualink/escalations"

// experts is an open-voting server on which three mixed votes escalate and three
// equal ones decide. Ada speaks, Fatima is of the gold tier in Hausa, Musa is a
// moderator. One expert decides: proposals_test.go is about two.
func experts(t *testing.T) *hookstest.Server {
	t.Helper()
	s := hookstest.Start(t)
	s.OpenVoting()
	s.OpenVotingWith(map[string]any{"max_votes": 3, "expert_steps": 1})
	s.Fund(10_000_000)
	s.Consent(ada)
	tier(s, fatima, "ha", collections.TierGold, collections.TrustProven)
	return s
}

// tier sets what an assessment would say about the person.
func tier(s *hookstest.Server, who, language, tier, state string) {
	row := dbx.Params{
		"id": shell.NewID(), "validator": s.User(who).Id, "language": s.Language(language), "state": state, "tier": tier, "accuracy": 0.9, "low": 0.9, "high": 0.95,
		"answers": 400, "pay_bps": 10000, "assessed_at": "", "retake_at": "", "seq": 0, "policy_version": 0,
	}
	if err := shell.UpsertAll(s.App, "trust", []string{"validator", "language"}, []dbx.Params{row}); err != nil {
		panic(err)
	}
}

// escalated uploads a clip of the speaker and has the crowd fall out over it.
func escalated(s *hookstest.Server, speaker string, extra ...string) (clip, escalation string) {
	clip = s.Clip(speaker, extra...)
	disagree(s, clip)
	return clip, openOn(s, clip)
}

func disagree(s *hookstest.Server, clip string) {
	for who, verdict := range map[string]string{bola: "approve", chidi: "reject", dayo: "approve"} {
		s.Want(s.Vote(who, clip, verdict), 200, "")
	}
}

// openOn is the open escalation of the clip.
func openOn(s *hookstest.Server, clip string) string {
	return s.Text("SELECT COALESCE(MAX(id), '') FROM escalations WHERE clip = {:clip} AND state = 'open'", dbx.Params{"clip": clip})
}

func act(s *hookstest.Server, who, escalation, verb string) apptest.Answer {
	return s.Do(who, "POST", escalations+"/"+escalation+"/"+verb, nil)
}

// rule decides as the person; the reason is that of a rejection.
func rule(s *hookstest.Server, who, escalation, verdict, note string) apptest.Answer {
	return s.Do(who, "POST", escalations+"/"+escalation+"/decide", aWord(verdict, note))
}

func aWord(verdict, note string) map[string]any {
	body := map[string]any{"verdict": verdict}
	if verdict == "reject" {
		body["reason"] = "unclear_audio"
	}
	if note != "" {
		body["note"] = note
	}
	return body
}

// ruled claims, listens and decides.
func ruled(s *hookstest.Server, who, escalation, verdict string) string {
	s.Want(act(s, who, escalation, "claim"), 200, "")
	s.Advance(2 * time.Second)
	return s.Want(rule(s, who, escalation, verdict, ""), 200, "").Data()["verdict"].(string)
}

func statusOf(s *hookstest.Server, clip string) string {
	return s.Text("SELECT status FROM clips WHERE id = {:clip}", dbx.Params{"clip": clip})
}

func TestWhoMayDecide(t *testing.T) {
	s := experts(t)
	clip, escalation := escalated(s, ada)
	for _, c := range []struct {
		who, are     string
		list, others int
		code         string
	}{
		{apptest.Guest, "a guest", 401, 401, "sign_in_required"},
		{apptest.Admin, "a superuser", 403, 403, "not_allowed"},
		{emeka, "no expert", 403, 403, "not_expert"},
		{chidi, "a voter", 403, 403, "not_expert"},
	} {
		t.Run(c.are, func(t *testing.T) {
			s.Want(s.Do(c.who, "GET", escalations, nil), c.list, c.code)
			for _, verb := range []string{"claim", "release"} {
				s.Want(act(s, c.who, escalation, verb), c.others, c.code)
			}
			s.Want(rule(s, c.who, escalation, "approve", ""), c.others, c.code)
		})
	}
	for _, c := range []struct{ tier, state, are string }{
		{collections.TierSilver, collections.TrustProven, "of the silver tier"},
		{collections.TierGold, collections.TrustUnproven, "not proven"},
		{collections.TierGold, collections.TrustExcluded, "excluded"},
	} {
		tier(s, emeka, "ha", c.tier, c.state)
		if answer := s.Do(emeka, "GET", escalations, nil); answer.Code() != "not_expert" {
			t.Errorf("emeka, %s: %s", c.are, answer.Raw)
		}
	}
	for _, who := range []string{fatima, musa} {
		for _, query := range []string{"", "?language=ha", "?limit=1&language=" + s.Language("ha")} {
			if got := clipsOf(s.Want(s.Do(who, "GET", escalations+query, nil), 200, "").Items("items")); got != clip {
				t.Errorf("%s gets %q of %q, want %s", who, got, query, clip)
			}
		}
	}
	s.Want(s.Do(fatima, "GET", escalations+"?language=yo", nil), 403, "not_expert")
	if got := s.Want(s.Do(musa, "GET", escalations+"?language=yo", nil), 200, "").Items("items"); len(got) != 0 {
		t.Errorf("there is nothing in Yoruba: %v", got)
	}
	s.Want(s.Do(musa, "GET", escalations+"?language=xx", nil), 400, "language_unavailable")
	s.Want(s.Do(musa, "GET", escalations+"?limit=0", nil), 400, "invalid_input")
	s.Want(act(s, musa, "nothing00000000", "claim"), 404, "not_found")

	t.Run("who stops to speak the language", func(t *testing.T) {
		for _, who := range []string{musa, fatima} {
			speak(s, who, "yo")
			s.Want(s.Do(who, "GET", escalations+"?language=ha", nil), 403, "not_expert")
			s.Want(act(s, who, escalation, "claim"), 403, "not_expert")
			speak(s, who, "ha", "yo")
		}
	})
	t.Run("who is suspended after the claim", func(t *testing.T) {
		s.Want(act(s, fatima, escalation, "claim"), 200, "")
		s.Advance(2 * time.Second)
		s.Want(s.Do(apptest.Admin, "PATCH", "/api/collections/users/records/"+s.User(fatima).Id, map[string]any{"standing": "suspended"}), 200, "")
		s.Forget(fatima)
		s.Want(s.Do(fatima, "GET", escalations, nil), 403, "account_suspended")
		s.Want(rule(s, fatima, escalation, "approve", ""), 403, "account_suspended")
		if status := statusOf(s, clip); status != "escalated" {
			t.Errorf("the clip is %s", status)
		}
	})
}

func speak(s *hookstest.Server, who string, codes ...string) {
	ids := make([]string, len(codes))
	for i, code := range codes {
		ids[i] = s.Language(code)
	}
	s.Want(s.Do(who, "PATCH", "/api/collections/users/records/"+s.User(who).Id, map[string]any{"languages": ids}), 200, "")
}

// Nobody is the judge of a clip that they have to do with: it is not listed for
// them, and they can neither claim nor decide it.
func TestNobodyDecidesWhatTheyHaveToDoWith(t *testing.T) {
	for _, c := range []struct {
		name string
		made func(s *hookstest.Server) (clip string)
	}{
		{"an own clip", func(s *hookstest.Server) string {
			s.Consent(fatima)
			clip, _ := escalated(s, fatima)
			return clip
		}},
		{"a clip voted on", func(s *hookstest.Server) string {
			clip := s.Clip(ada)
			for who, verdict := range map[string]string{bola: "approve", fatima: "reject", dayo: "approve"} {
				s.Want(s.Vote(who, clip, verdict), 200, "")
			}
			return clip
		}},
		{"a clip of somebody who blocked them", func(s *hookstest.Server) string {
			clip, _ := escalated(s, ada)
			s.Want(s.Do(ada, "POST", "/api/collections/blocks/records", map[string]any{"blocked": s.User(fatima).Id}), 200, "")
			return clip
		}},
		{"a clip of somebody they blocked", func(s *hookstest.Server) string {
			clip, _ := escalated(s, ada)
			s.Want(s.Do(fatima, "POST", "/api/collections/blocks/records", map[string]any{"blocked": s.User(ada).Id}), 200, "")
			return clip
		}},
		{"a clip of a linked account", func(s *hookstest.Server) string {
			clip, _ := escalated(s, ada)
			s.Want(s.Do(apptest.Admin, "POST", "/api/collections/relations/records", map[string]any{"a": s.User(fatima).Id, "b": s.User(ada).Id, "kind": "device"}), 200, "")
			return clip
		}},
		{"a remix of an own clip", func(s *hookstest.Server) string {
			s.Consent(fatima)
			original := s.Clip(fatima)
			s.Decide(original, "approve")
			clip, _ := escalated(s, ada, "parent", original)
			return clip
		}},
		{"what they have decided before", func(s *hookstest.Server) string {
			clip, escalation := escalated(s, ada)
			ruled(s, fatima, escalation, "reject")
			reopen(s, clip, collections.CauseAudit)
			return clip
		}},
		{"what they answered as a control", func(s *hookstest.Server) string {
			clip, _ := escalated(s, ada)
			vote := s.Text("SELECT id FROM votes LIMIT 1", nil)
			gold := shell.NewID()
			execSQL(s, "INSERT INTO gold_clips (id, source, language, truth, state, actor) SELECT {:gold}, id, language, 'good', 'suspect', 'superuser:x' FROM clips WHERE id = {:clip}",
				dbx.Params{"gold": gold, "clip": clip})
			execSQL(s, "INSERT INTO gold_exposures (id, gold, validator, clip, handed_at, vote) VALUES ({:id}, {:gold}, {:fatima}, {:clip}, '2026-01-01 00:00:00.000Z', {:vote})",
				dbx.Params{"id": shell.NewID(), "gold": gold, "fatima": s.User(fatima).Id, "clip": clip, "vote": vote})
			return clip
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := experts(t)
			clip := c.made(s)
			escalation := openOn(s, clip)
			if escalation == "" {
				t.Fatal("there is nothing to decide")
			}
			if got := s.Want(s.Do(fatima, "GET", escalations, nil), 200, "").Items("items"); len(got) != 0 {
				t.Errorf("fatima may decide %v", got)
			}
			s.Want(act(s, fatima, escalation, "claim"), 403, "not_eligible")
			s.Want(rule(s, fatima, escalation, "approve", ""), 403, "not_eligible")
			if c.name != "an own clip" {
				s.Want(act(s, musa, escalation, "claim"), 200, "") // another expert may
			}
		})
	}
}

// reopen asks the experts again, as an audit of verdicts does.
func reopen(s *hookstest.Server, clip, cause string) {
	err := s.App.RunInTransaction(func(tx core.App) error {
		return consensus.Escalate(tx, s.Deps, s.Deps.Clock.Now(), clip, cause)
	})
	if err != nil {
		panic(err)
	}
}

func execSQL(s *hookstest.Server, statement string, params dbx.Params) {
	if _, err := shell.Exec(s.App, statement, params); err != nil {
		panic(statement + ": " + err.Error())
	}
}

func TestTheExpertsQueue(t *testing.T) {
	s := experts(t)
	first, _ := escalated(s, ada, "dialect", "Kano")
	s.Advance(time.Minute)
	yoruba, _ := escalated(s, ada, "language", s.Language("yo"))
	s.Advance(time.Minute)
	second, escalation := escalated(s, ada)
	hidden, _ := escalated(s, ada)
	execSQL(s, "UPDATE clips SET hidden = 1 WHERE id = {:clip}", dbx.Params{"clip": hidden})
	items := func(who, query string) []map[string]any {
		return s.Want(s.Do(who, "GET", escalations+query, nil), 200, "").Items("items")
	}
	if got := clipsOf(items(musa, "")); got != strings.Join([]string{first, yoruba, second}, " ") {
		t.Errorf("the moderator gets %s", got)
	}
	if got := clipsOf(items(musa, "?limit=1")); got != first {
		t.Errorf("the oldest is %s", got)
	}
	if got := clipsOf(items(fatima, "")); got != first+" "+second {
		t.Errorf("the expert for Hausa gets %s", got)
	}
	s.Want(act(s, musa, openOn(s, hidden), "claim"), 409, "clip_hidden")

	opened := func(item map[string]any) time.Time {
		at, err := time.Parse(time.RFC3339, item["opened_at"].(string))
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	if all := items(musa, ""); opened(all[2]).Sub(opened(all[0])) < 2*time.Minute {
		t.Errorf("opened at %v and %v, two minutes apart", all[0]["opened_at"], all[2]["opened_at"])
	}
	item := items(fatima, "")[0]
	want := []string{"cause", "claim_until", "claimed", "clip", "dialect", "duration_ms", "escalation", "kind", "language", "media_url", "opened_at", "phrase", "prompt"}
	if got := slices.Sorted(maps.Keys(item)); !slices.Equal(got, want) {
		t.Errorf("an item tells %v", got)
	}
	if item["cause"] != "max_votes" || item["dialect"] != "Kano" || item["phrase"] != "Ina kwana?" || item["duration_ms"] != 1300.0 || item["claimed"] != false || item["claim_until"] != "" {
		t.Errorf("the item is %v", item)
	}
	for _, secret := range []string{ada, bola, chidi, dayo} {
		if strings.Contains(fmt.Sprint(item), s.User(secret).Id) {
			t.Errorf("the item names %s", secret)
		}
	}
	until := s.Want(act(s, musa, escalation, "claim"), 200, "").Data()["claim_until"]
	if mine := items(musa, "")[2]; mine["claim_until"] != until || mine["claimed"] != false {
		t.Errorf("musa sees his own claim as %v", mine)
	}
	if other := items(fatima, "")[1]; other["claim_until"] != "" || other["claimed"] != true {
		t.Errorf("fatima sees the claim as %v", other)
	}
	s.Advance(31 * time.Minute)
	if late := items(fatima, "")[1]; late["claimed"] != false {
		t.Errorf("the claim has run out: %v", late)
	}

	// Doubt about gold is for moderators.
	s.Decide(s.Clip(ada), "approve")
	gold := s.Text("SELECT clip FROM verdicts WHERE outcome = 'approved'", nil)
	reopen(s, gold, collections.CauseGold)
	if got := clipsOf(items(fatima, "")); strings.Contains(got, gold) {
		t.Error("a validator learns which clip is gold")
	}
	s.Want(act(s, fatima, openOn(s, gold), "claim"), 403, "not_expert")
	if got := clipsOf(items(musa, "")); !strings.Contains(got, gold) {
		t.Errorf("the moderator gets %s", got)
	}
}

// While experts are to decide, moderators do not read what the crowd said.
func TestTheCrowdsVotesAreKeptFromModerators(t *testing.T) {
	s := experts(t)
	clip, escalation := escalated(s, ada)
	reads := func(who, path string) int { return len(s.Do(who, "GET", path, nil).Items("items")) }
	for _, path := range []string{
		"/api/collections/verdicts/records", "/api/collections/verdicts/records?filter=(confidence>0)", "/api/collections/votes/records",
	} {
		if n := reads(musa, path); n != 0 {
			t.Errorf("the moderator reads %d rows of %s", n, path)
		}
	}
	verdict := s.Text("SELECT id FROM verdicts", nil)
	s.Want(s.Do(musa, "GET", "/api/collections/verdicts/records/"+verdict, nil), 404, "")
	s.Want(s.Do(musa, "GET", "/api/collections/escalations/records?filter=(clip.votes_via_clip.verdict='approve')", nil), 400, "invalid_input")
	if n := reads(musa, "/api/collections/escalations/records"); n != 1 {
		t.Errorf("the moderator's feed has %d rows, want 1", n)
	}
	for _, who := range []string{ada, bola, fatima, emeka} {
		if n := reads(who, "/api/collections/escalations/records"); n != 0 {
			t.Errorf("%s reads the moderators' feed", who)
		}
	}
	ruled(s, musa, escalation, "approve")
	if n := reads(musa, "/api/collections/verdicts/records"); n != 2 {
		t.Errorf("afterwards the moderator reads %d verdicts, want 2", n)
	}
	s.Want(s.Do(musa, "GET", "/api/collections/clips/records/"+clip, nil), http.StatusOK, "")
}
