package referrals_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

const (
	ada, bola, chidi, dayo, emeka, fatima, musa, guest, admin = apptest.Ada, apptest.Bola, apptest.Chidi, apptest.Dayo, apptest.Emeka, apptest.Fatima, apptest.Musa, apptest.Guest, apptest.Admin

	usersPath = "/api/collections/users/records"
	own       = "/api/lingualink/referrals"
	claimPath = "/api/lingualink/referrals/claim"
	codePath  = "/api/lingualink/referrals/code"

	day = 24 * time.Hour
	// bonus is what an activation brings in naira, without a tier.
	bonus = 75_000
)

func TestMain(m *testing.M) { apptest.Main(m) }

// story is a server on which verdicts follow from three votes, with money.
type story struct {
	*hookstest.Server
	t *testing.T
}

// begin starts a story. However it ends, the ledger's promises hold.
func begin(t *testing.T) *story {
	t.Helper()
	s := &story{hookstest.Start(t, "LL_PEPPER=0123456789abcdef0123456789abcdef", "LL_RATE_LIMITS=off"), t}
	s.OpenVoting()
	s.Fund(100_000_000)
	s.Advance(day) // everybody of the template is a day old
	t.Cleanup(func() {
		report, err := ledger.Verify(s.App.DB())
		if err != nil || len(report.Findings) > 0 {
			t.Errorf("the ledger: %v %v", report.Findings, err)
		}
	})
	return s
}

// id of a person.
func (s *story) id(who string) string { return s.User(who).Id }

// code is the current code of a person.
func (s *story) code(who string) string {
	s.t.Helper()
	return s.Text("SELECT code FROM referral_codes WHERE user = {:user} AND [[current]] = 1", dbx.Params{"user": s.id(who)})
}

// signUp sends a sign-up with a code, or without one if it is empty.
func (s *story) signUp(name, code string, headers ...string) apptest.Answer {
	s.t.Helper()
	body := map[string]any{
		"username": name, "email": name + "@lingualink.test", "password": apptest.Password, "passwordConfirm": apptest.Password,
		"languages": []string{s.Language("ha")},
	}
	if code != "" {
		body["referral_code"] = code
	}
	return s.Do(guest, "POST", usersPath, body, headers...)
}

// join signs somebody up and has them agree to the terms.
func (s *story) join(name, code string, headers ...string) {
	s.t.Helper()
	s.Want(s.signUp(name, code, headers...), 200, "")
	s.Consent(name)
	s.Drain()
}

// verify marks a person's address as confirmed.
func (s *story) verify(who string) {
	s.t.Helper()
	s.Want(s.Do(admin, "PATCH", usersPath+"/"+s.id(who), map[string]any{"verified": true}), 200, "")
}

// approved is a clip of the person that the voters approve, on the present day.
func (s *story) approved(who string, voters ...string) string {
	s.t.Helper()
	clip := s.Clip(who)
	s.Decide(clip, "approve", voters...)
	s.Drain()
	return clip
}

// works has the person send an approved clip on each of three days.
func (s *story) works(who string, voters ...string) (clips []string) {
	s.t.Helper()
	for range 3 {
		clips = append(clips, s.approved(who, voters...))
		s.Advance(day)
	}
	return clips
}

// overrule puts the word of an admin in the place of a verdict.
func (s *story) overrule(clip, verdict string) {
	s.t.Helper()
	body := map[string]any{"verdict": verdict, "note": "Listened again."}
	if verdict == "reject" {
		body["reason"] = "background_noise"
	}
	s.Want(s.Do(admin, "POST", "/api/lingualink/clips/"+clip+"/overrule", body), 200, "")
	s.Drain()
}

// release makes everything available whose hold is over.
func (s *story) release() {
	s.t.Helper()
	if err := ledger.ReleaseDue(s.App, s.Deps); err != nil {
		s.t.Fatal(err)
	}
	s.Drain()
}

// state is where a person stands whom somebody brought: state, round, acts; or
// nothing.
func (s *story) state(who string) string {
	s.t.Helper()
	return s.Text(`SELECT COALESCE((SELECT state || ' ' || round FROM referrals WHERE referred = {:user}), '')`, dbx.Params{"user": s.id(who)})
}

// rewardsOf are what referrals brought a person, in order: what for, state, amount
// and cut.
func (s *story) rewardsOf(who string) string {
	s.t.Helper()
	rows := []string{}
	err := s.App.DB().NewQuery(`
		SELECT replace(rule, 'referral_', '') || ' ' || state || ' ' || amount_minor || CASE cut WHEN '' THEN '' ELSE ' ' || cut END FROM rewards
		WHERE user = {:user} AND referral != '' ORDER BY seq`).Bind(dbx.Params{"user": s.id(who)}).Column(&rows)
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.Join(rows, ", ")
}

// wants compares pairs of what is and what should be.
func (s *story) wants(when string, pairs ...any) {
	s.t.Helper()
	for i := 0; i+1 < len(pairs); i += 2 {
		if got, want := fmt.Sprint(pairs[i]), fmt.Sprint(pairs[i+1]); got != want {
			s.t.Errorf("%s: got %q, want %q", when, got, want)
		}
	}
}

// claims are the outcomes of a person's claims, in order.
func (s *story) claims(who string) string {
	s.t.Helper()
	rows := []string{}
	err := s.App.DB().NewQuery("SELECT outcome || ' ' || via FROM referral_claims WHERE user = {:user} ORDER BY created, id").
		Bind(dbx.Params{"user": s.id(who)}).Column(&rows)
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.Join(rows, ", ")
}

// notices are the kinds of what a person was told about referrals, in order.
func (s *story) notices(who string) string {
	s.t.Helper()
	s.Drain()
	rows := []string{}
	err := s.App.DB().NewQuery("SELECT kind FROM notifications WHERE user = {:user} AND kind LIKE 'referral%' ORDER BY rowid").
		Bind(dbx.Params{"user": s.id(who)}).Column(&rows)
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.Join(rows, ", ")
}

// claim uses a code later.
func (s *story) claim(who, code string, headers ...string) apptest.Answer {
	s.t.Helper()
	return s.Do(who, "POST", claimPath, map[string]any{"code": code}, headers...)
}

// refused fails unless the claim is refused for the reason.
func (s *story) refused(a apptest.Answer, reason string) {
	s.t.Helper()
	s.Want(a, 409, "referral_refused")
	item := a.Data()["code"].(map[string]any)
	if got := item["params"].(map[string]any)["reason"]; got != reason {
		s.t.Errorf("refused for %v, want %s", got, reason)
	}
}

func (s *story) exec(sql string, params dbx.Params) {
	s.t.Helper()
	if _, err := shell.Exec(s.App, sql, params); err != nil {
		s.t.Fatal(err)
	}
}

// drainTogether runs the outbox from several sides at once.
func (s *story) drainTogether() {
	s.t.Helper()
	failed := make(chan error, 4)
	for range cap(failed) {
		go func() {
			_, err := s.Deps.Outbox.Drain(context.Background(), s.App)
			failed <- err
		}()
	}
	for range cap(failed) {
		if err := <-failed; err != nil {
			s.t.Error(err)
		}
	}
}
