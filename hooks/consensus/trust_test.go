package consensus_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

const retakeHausa = "/api/lingualink/trust/ha/retake"

// gold makes an active gold clip in Hausa and returns its id. The recording
// behind it plays no part here.
func gold(s *hookstest.Server, t *testing.T) string {
	t.Helper()
	id := shell.NewID()
	_, err := s.App.DB().Insert("gold_clips", dbx.Params{
		"id": id, "source": shell.NewID(), "language": s.Language("ha"), "truth": "good", "state": "active", "actor": "system",
	}).Execute()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// cursor gives the person's place in the queue of Hausa so much onboarding left.
func cursor(s *hookstest.Server, t *testing.T, who string, left int) {
	t.Helper()
	_, err := shell.Exec(s.App, `
		INSERT INTO queue_cursors (id, validator, language, onboarding) VALUES ({:id}, {:me}, {:language}, {:left})
		ON CONFLICT (validator, language) DO UPDATE SET onboarding = excluded.onboarding`,
		dbx.Params{"id": shell.NewID(), "me": s.User(who).Id, "language": s.Language("ha"), "left": left})
	if err != nil {
		t.Fatal(err)
	}
}

func stand(s *hookstest.Server, t *testing.T, who, standing string) {
	t.Helper()
	err := s.App.RunInTransaction(func(tx core.App) error {
		return accounts.SetStanding(tx, s.User(who).Id, standing, "because", shell.System)
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Forget(who)
}

func TestWhoReadsTrust(t *testing.T) {
	s := measured(t)
	teach(s, t, bola, answers(3, 0, 2, 0)...)
	assess(s, t)
	const path, rows = "/api/lingualink/trust", "/api/collections/trust/records"
	s.Want(s.Do(apptest.Guest, "GET", path, nil), 401, "sign_in_required")
	s.Want(s.Do(apptest.Admin, "GET", path, nil), 403, "not_allowed")
	for who, want := range map[string]int{bola: 1, chidi: 0, musa: 0, apptest.Guest: 0, apptest.Admin: 1} {
		items := s.Want(s.Do(who, "GET", rows, nil), 200, "").Items("items")
		if len(items) != want {
			t.Errorf("%q reads %d rows", who, len(items))
		}
		for _, item := range items {
			if _, shown := item["seq"]; shown != (who == apptest.Admin) {
				t.Errorf("%q reads %v", who, item)
			}
		}
	}
	if got := trustOf(s, t, chidi); got["assessed_at"] != "" {
		t.Errorf("chidi reads %v", got)
	}
	stand(s, t, bola, "suspended")
	s.Want(s.Do(bola, "GET", path, nil), 403, "account_suspended")
}

func TestWhatTrustShows(t *testing.T) {
	s := measured(t)
	first := s.Deps.Clock.Now()
	teach(s, t, bola, answers(3, 0, 2, 0)...)
	careerOf(s, t, bola, 12, 3)
	assess(s, t)
	got := trustOf(s, t, bola)
	for name, want := range map[string]any{
		"language": s.Language("ha"), "state": "proven", "tier": "bronze", "accuracy": 0.86, "low": 0.7053, "high": 1.0, "answers": 5.0,
		"retake_at": "", "review_open": false, "advice": "Go on as you do.",
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	from, err := time.Parse(time.RFC3339, got["retake_from"].(string))
	if err != nil || from.Before(first.Add(168*time.Hour)) || from.After(first.Add(169*time.Hour)) {
		t.Errorf("the onboarding may be taken again from %v (%v)", from, err)
	}
	at, err := time.Parse(time.RFC3339, got["assessed_at"].(string))
	if err != nil || at.Before(first.Add(time.Hour)) || at.After(first.Add(2*time.Hour)) {
		t.Errorf("assessed at %v (%v)", at, err)
	}
	left := func() float64 { return trustOf(s, t, bola)["onboarding"].(map[string]any)["left"].(float64) }
	if left() != 10 {
		t.Errorf("before the first clip %v are left of the onboarding", left())
	}
	cursor(s, t, bola, 4)
	if left() != 4 {
		t.Errorf("%v are left of the onboarding, want 4", left())
	}
	rank := rankOf(s, t, bola)
	needs := rank["needs"].(map[string]any)
	if rank["validator"] != false || rank["votes"] != 12.0 || rank["days"] != 3.0 || rank["accuracy"] != 0.86 ||
		needs["votes"] != 200.0 || needs["days"] != 10.0 || needs["accuracy"] != 0.9 || needs["keep"] != 0.85 {
		t.Errorf("the rank is %v", rank)
	}
	languages := s.Want(s.Do(bola, "GET", "/api/lingualink/trust", nil), 200, "").Items("languages")
	if len(languages) != 2 || languages[0]["code"] != "ha" || languages[1]["code"] != "yo" || languages[1]["state"] != "unproven" {
		t.Errorf("bola speaks Hausa and Yoruba and reads of %v", languages)
	}
}

func TestRetake(t *testing.T) {
	s := measured(t)
	retake := func() apptest.Answer { return s.Do(bola, "POST", retakeHausa, nil) }
	s.Want(retake(), 409, "retake_unavailable") // there is no gold
	met, fresh := gold(s, t), gold(s, t)
	s.Want(retake(), 409, "onboarding_open") // and no onboarding yet
	cursor(s, t, bola, 3)
	s.Want(retake(), 409, "onboarding_open") // it is under way
	cursor(s, t, bola, 0)
	teach(s, t, bola, answers(2, 3, 2, 3)...)
	s.Advance(168*time.Hour - time.Minute)
	early := s.Want(retake(), 429, "retake_early")
	if wait, err := strconv.Atoi(early.Header.Get("Retry-After")); err != nil || wait < 1 || wait > 60 {
		t.Errorf("Retry-After is %q", early.Header.Get("Retry-After"))
	}
	s.Advance(time.Minute)
	skill := s.Text("SELECT group_concat(gold_tp || ' ' || gold_fn || ' ' || gold_tn || ' ' || gold_fp || ' ' || seq) FROM skills", nil)
	answer := s.Want(retake(), 200, "")
	if left := answer.Data()["onboarding"].(map[string]any)["left"]; left != 10.0 {
		t.Errorf("the onboarding has %v clips", left)
	}
	if left := s.Int("SELECT onboarding FROM queue_cursors"); left != 10 {
		t.Errorf("the queue has %d clips of the onboarding to hand out", left)
	}
	if after := s.Text("SELECT group_concat(gold_tp || ' ' || gold_fn || ' ' || gold_tn || ' ' || gold_fp || ' ' || seq) FROM skills", nil); after != skill {
		t.Errorf("the retake made %s of %s", after, skill)
	}
	got := trustOf(s, t, bola)
	if got["retake_at"] == "" || got["state"] != "unproven" || got["assessed_at"] != "" {
		t.Errorf("bola reads %v", got)
	}

	s.Want(retake(), 409, "onboarding_open")
	cursor(s, t, bola, 0)
	s.Advance(time.Hour)
	s.Want(retake(), 429, "retake_early") // counts from the retake now
	s.Advance(168 * time.Hour)
	for _, clip := range []string{met, fresh} {
		_, err := s.App.DB().Insert("gold_exposures", dbx.Params{"id": shell.NewID(), "gold": clip, "validator": s.User(bola).Id, "clip": shell.NewID(), "handed_at": "2020-01-01"}).Execute()
		if err != nil {
			t.Fatal(err)
		}
	}
	s.Want(retake(), 409, "retake_unavailable") // nothing that bola has not heard
	third := gold(s, t)
	s.Want(retake(), 200, "")
	if n := s.Int("SELECT COUNT(*) FROM trust"); n != 1 {
		t.Errorf("%d rows of trust", n)
	}
	cursor(s, t, bola, 0)
	s.Advance(169 * time.Hour)
	if _, err := shell.Exec(s.App, "UPDATE gold_clips SET state = 'retired' WHERE id = {:id}", dbx.Params{"id": third}); err != nil {
		t.Fatal(err)
	}
	s.Want(retake(), 409, "retake_unavailable")

	sweep(s, t) // the row of the retake does not stand in the way of the assessment
	if got := trustOf(s, t, bola); got["assessed_at"] == "" || got["answers"] != 10.0 || got["retake_at"] == "" {
		t.Errorf("after the assessment bola reads %v", got)
	}
}

func TestWhoMayRetake(t *testing.T) {
	s := measured(t)
	gold(s, t)
	cursor(s, t, bola, 0)
	s.Want(s.Do(apptest.Guest, "POST", retakeHausa, nil), 401, "sign_in_required")
	s.Want(s.Do(apptest.Admin, "POST", retakeHausa, nil), 403, "not_allowed")
	s.Want(s.Do(bola, "POST", "/api/lingualink/trust/sw/retake", nil), 403, "language_not_spoken")
	s.Want(s.Do(bola, "POST", "/api/lingualink/trust/xx/retake", nil), 400, "language_unavailable")
	stand(s, t, bola, "suspended")
	s.Want(s.Do(bola, "POST", retakeHausa, nil), 403, "account_suspended")
	stand(s, t, bola, "good")
	s.Want(s.Do(bola, "POST", "/api/lingualink/trust/"+s.Language("ha")+"/retake", nil), 200, "") // never measured: at any time
	if n := s.Int("SELECT COUNT(*) FROM queue_cursors WHERE onboarding > 0"); n != 1 {
		t.Errorf("%d people begin the onboarding", n)
	}
}
