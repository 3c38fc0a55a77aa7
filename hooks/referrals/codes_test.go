package referrals_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/shell"
)

func (s *story) ambassador(who string) {
	s.t.Helper()
	s.Want(s.Do(admin, "PATCH", usersPath+"/"+s.id(who), map[string]any{"roles": []string{"ambassador"}}), 200, "")
}

func (s *story) choose(who, code string) (answer struct {
	status       int
	code, reason string
}) {
	s.t.Helper()
	a := s.Do(who, "POST", codePath, map[string]any{"code": code})
	answer.status, answer.code = a.Status, a.Code()
	if item, ok := a.Data()["code"].(map[string]any); ok {
		params, _ := item["params"].(map[string]any)
		answer.reason, _ = params["reason"].(string)
	}
	return answer
}

func TestEverybodyHasACode(t *testing.T) {
	s := begin(t)
	people := s.Int("SELECT COUNT(*) FROM users")
	if n := s.Int("SELECT COUNT(DISTINCT user) FROM referral_codes WHERE [[current]] = 1 AND origin = 'generated' AND length(code) = 8"); n != people {
		t.Errorf("%d of %d people have a code", n, people)
	}
	// Somebody of before the codes, to whom the job has not come.
	s.exec("DROP TRIGGER referral_codes_no_delete", nil)
	s.exec("DELETE FROM referral_codes WHERE user IN ({:ada}, {:bola})", dbx.Params{"ada": s.id(ada), "bola": s.id(bola)})
	data := s.Want(s.Do(ada, "GET", own, nil), 200, "").Data()
	if data["code"] != s.code(ada) || !strings.HasSuffix(data["link"].(string), "/join/"+s.code(ada)) || data["qr"] != "/api/lingualink/codes/"+s.code(ada)+"/qr" {
		t.Errorf("ada sees %v", data)
	}
	// The job that the migration has queued, twice.
	for _, key := range []string{"one", "two"} {
		err := s.App.RunInTransaction(func(tx core.App) error {
			return s.Deps.Outbox.Enqueue(tx, shell.Job{Kind: "referrals.code", Key: key, Payload: map[string]string{"user": s.id(bola)}})
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Drain()
		if n := s.Int("SELECT COUNT(*) FROM referral_codes WHERE user = {:bola}", dbx.Params{"bola": s.id(bola)}); n != 1 {
			t.Errorf("bola has %d codes", n)
		}
	}
	s.Want(s.Do(guest, "GET", own, nil), 401, "sign_in_required")
	s.Want(s.Do(admin, "GET", own, nil), 403, "not_allowed")
}

func TestAnAmbassadorChoosesACode(t *testing.T) {
	s := begin(t)
	generated := s.code(ada)
	s.Want(s.Do(ada, "POST", codePath, map[string]any{"code": "ADA-HAUSA"}), 403, "not_allowed")
	s.Want(s.Do(guest, "POST", codePath, map[string]any{"code": "ADA-HAUSA"}), 401, "sign_in_required")
	s.ambassador(ada)
	s.ambassador(bola)
	for code, reason := range map[string]string{
		"ADA": "code_length", "A B C D": "code_letters", "-ADAS": "code_hyphens", "ADM1N": "code_reserved", "АDАХ": "code_letters", "": "code_length",
	} {
		if got := s.choose(ada, code); got.status != 400 || got.code != "referral_code_invalid" || got.reason != reason {
			t.Errorf("%q: %+v, want %s", code, got, reason)
		}
	}
	s.Want(s.Do(ada, "POST", codePath, map[string]any{"code": 7}), 400, "invalid_input")
	s.wants("chosen", s.choose(ada, " ada-hausa ").status, 200, s.code(ada), "ADA-HAUSA")
	s.wants("taken", s.choose(bola, "ADAHAU5A"), "{409 referral_code_taken }", s.choose(bola, generated), "{409 referral_code_taken }")
	s.wants("again", s.choose(ada, "ADAHAUSA").status, 200, s.code(ada), "ADA-HAUSA")
	s.wants("soon", s.choose(ada, "ADAS-VOICE"), "{409 referral_code_early }", s.code(ada), "ADA-HAUSA")
	s.wants("back", s.choose(ada, strings.ToLower(generated)).status, 200, s.code(ada), generated)
	s.wants("and forth", s.choose(ada, "Ada-Hausa").status, 200, s.code(ada), "ADA-HAUSA")

	// Both bring people to ada.
	s.join("one", generated)
	s.join("two", "ada hausa")
	if n := s.Int("SELECT COUNT(*) FROM referrals WHERE referrer = {:ada}", dbx.Params{"ada": s.id(ada)}); n != 2 {
		t.Errorf("%d people, want 2", n)
	}
	s.Advance(90*day - time.Minute)
	s.wants("a moment too soon", s.choose(ada, "ADAS-VOICE").code, "referral_code_early")
	s.Advance(time.Minute)
	s.wants("after 90 days", s.choose(ada, "ADAS-VOICE").status, 200, s.code(ada), "ADAS-VOICE")
	if n := len(s.Want(s.Do(ada, "GET", own, nil), 200, "").Items("codes")); n != 3 {
		t.Errorf("ada has %d codes", n)
	}
	for range 20 {
		s.choose(bola, "x")
	}
	s.wants("tried out", s.choose(bola, "BOLA-CODE").status, 429)
}

// Two ambassadors want one code at the same moment.
func TestACodeIsGivenOnce(t *testing.T) {
	s := begin(t)
	people := []string{ada, bola, chidi, dayo}
	for _, who := range people {
		s.ambassador(who)
		s.Token(who)
	}
	var barrier sync.WaitGroup
	barrier.Add(len(people))
	statuses := make(chan int, len(people))
	for _, who := range people {
		go func() {
			barrier.Done()
			barrier.Wait()
			statuses <- s.Do(who, "POST", codePath, map[string]any{"code": "HAUSA-1"}).Status
		}()
	}
	got := map[int]int{}
	for range people {
		got[<-statuses]++
	}
	s.wants("a race", got[http.StatusOK], 1, got[http.StatusConflict], 3, s.Int("SELECT COUNT(*) FROM referral_codes WHERE code = 'HAUSA-1'"), 1)
}

// A code that cannot be made makes no person.
func TestNobodyWithoutACode(t *testing.T) {
	s := begin(t)
	s.exec("CREATE TRIGGER none BEFORE INSERT ON referral_codes BEGIN SELECT RAISE(ABORT, 'no'); END", nil)
	if answer := s.signUp("ngozi", ""); answer.Status < 400 {
		t.Errorf("got %d", answer.Status)
	}
	if n := s.Int("SELECT COUNT(*) FROM users WHERE username = 'ngozi'") + s.Int("SELECT COUNT(*) FROM private_profiles p WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.id = p.user)"); n != 0 {
		t.Error("somebody stayed")
	}
}

// The first codes are taken: others are tried.
func TestATakenCodeIsTriedAgain(t *testing.T) {
	s := begin(t)
	tries := 0
	s.App.OnRecordCreateExecute("users").Bind(&hook.Handler[*core.RecordEvent]{
		Priority: 102, // inside the transaction, before the code is made
		Func:     func(e *core.RecordEvent) error { tries++; return e.Next() },
	})
	// A trigger that drops the first insert is what a taken key does.
	s.exec("CREATE TABLE first (n INTEGER)", nil)
	s.exec(`CREATE TRIGGER taken BEFORE INSERT ON referral_codes WHEN (SELECT COUNT(*) FROM first) < 3
		BEGIN INSERT INTO first VALUES (1); SELECT RAISE(IGNORE); END`, nil)
	s.Want(s.signUp("ngozi", ""), 200, "")
	s.wants("after three", tries, 1, len(s.code("ngozi")), 8)
}
