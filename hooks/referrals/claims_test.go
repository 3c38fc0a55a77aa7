package referrals_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

func TestACodeAtSignUp(t *testing.T) {
	s := begin(t)
	people := s.Int("SELECT COUNT(*) FROM users")
	for _, code := range []string{"NOSUCHCODE", "a/b", "💃", strings.Repeat("A", 300)} {
		answer := s.Want(s.signUp("ngozi", code), 400, "referral_code_unknown")
		if _, named := answer.Data()["referral_code"]; !named {
			t.Errorf("%q: %s", code, answer.Raw)
		}
	}
	for _, code := range []any{true, []string{"x"}, map[string]any{}} {
		body := map[string]any{"username": "ngozi", "email": "ngozi@lingualink.test", "password": apptest.Password, "passwordConfirm": apptest.Password, "referral_code": code}
		s.Want(s.Do(guest, "POST", usersPath, body), 400, "invalid_input")
	}
	if n := s.Int("SELECT COUNT(*) FROM users"); n != people {
		t.Fatal("somebody was made")
	}
	// A sign-up that fails for another reason notes nothing.
	s.Want(s.signUp("no spaces", s.code(ada)), 400, "username_invalid")
	if n := s.Int("SELECT COUNT(*) FROM referral_claims") + s.Int("SELECT COUNT(*) FROM referrals"); n != 0 {
		t.Fatal("a claim of nobody")
	}
	answer := s.Want(s.signUp("ngozi", "  @"+strings.ToLower(s.code(ada))+" "), 200, "")
	if strings.Contains(string(answer.Raw), "referral") {
		t.Errorf("the answer tells: %s", answer.Raw)
	}
	s.wants("ngozi", s.state("ngozi"), "invited 0", s.claims("ngozi"), "attributed signup")
	s.Want(s.signUp("obi", " "), 200, "")
	s.wants("obi", s.state("obi"), "", s.claims("obi"), "")

	// Nothing but the sign-up reads it.
	for _, who := range []string{"obi", admin} {
		s.Want(s.Do(who, "PATCH", usersPath+"/"+s.id("obi"), map[string]any{"referral_code": s.code(ada), "bio": "hello"}), 200, "")
	}
	s.wants("a later PATCH", s.state("obi"), "", s.claims("obi"), "")
	body := map[string]any{"username": "made", "email": "made@lingualink.test", "password": apptest.Password, "passwordConfirm": apptest.Password, "referral_code": s.code(ada)}
	s.Want(s.Do(admin, "POST", usersPath, body), 200, "")
	s.wants("made by an admin", s.state("made"), "", s.claims("made"), "")
}

// A code of digits in a form with a picture comes as a number.
func TestACodeInAForm(t *testing.T) {
	s := begin(t)
	s.ambassador(ada)
	s.wants("chosen", s.choose(ada, "2027").status, 200)
	fields := map[string]string{"username": "ngozi", "email": "n@lingualink.test", "password": apptest.Password, "passwordConfirm": apptest.Password, "referral_code": "2027"}
	form := s.Upload(guest, usersPath, fields, "nothing", "x.txt", []byte("x"))
	s.Want(form, 200, "")
	s.wants("ngozi", s.state("ngozi"), "invited 0")
}

func TestARefusedCodeKeepsNobodyOut(t *testing.T) {
	s := begin(t)
	s.Want(s.Do(admin, "PATCH", usersPath+"/"+s.id(ada), map[string]any{"standing": "suspended"}), 200, "")
	s.join("ngozi", s.code(ada))
	s.wants("ngozi", s.state("ngozi"), "", s.claims("ngozi"), "referrer_barred signup", s.notices("ngozi"), "referral_refused", s.notices(ada), "")
	data := s.Want(s.Do("ngozi", "GET", own, nil), 200, "").Data()
	last := data["last_claim"].(map[string]any)
	s.wants("what ngozi sees", last["outcome"], "not_eligible", last["via"], "signup", data["brought_by"], nil)
	text := s.Text("SELECT data FROM notifications WHERE user = {:id} AND kind = 'referral_refused'", dbx.Params{"id": s.id("ngozi")})
	if !strings.Contains(text, `"reason":"not_eligible"`) || strings.Contains(text, "barred") {
		t.Errorf("the notice says %s", text)
	}
	// Another code still counts.
	s.Want(s.claim("ngozi", s.code(bola)), 200, "")
	s.wants("bola's", s.state("ngozi"), "invited 0", s.claims("ngozi"), "referrer_barred signup, attributed claim")
}

func TestAClaimLater(t *testing.T) {
	s := begin(t)
	s.join("ngozi", "")
	s.Want(s.claim(guest, s.code(ada)), 401, "sign_in_required")
	s.Want(s.claim(admin, s.code(ada)), 403, "not_allowed")
	s.Want(s.claim("ngozi", "NOSUCHCODE"), 400, "referral_code_unknown")
	s.Advance(6 * day)
	for range 2 { // and a repeat
		data := s.Want(s.claim("ngozi", s.code(ada)), 200, "").Data()
		by := data["brought_by"].(map[string]any)["user"].(map[string]any)
		s.wants("by ada", by["id"], s.id(ada), by["username"], "ada")
		if _, tells := by["email"]; tells || len(by) != 5 {
			t.Errorf("the card is %v", by)
		}
	}
	s.wants("once", s.state("ngozi"), "invited 0", s.claims("ngozi"), "attributed claim")
	s.refused(s.claim("ngozi", s.code(bola)), "attributed_other")
	s.wants("swapped", s.claims("ngozi"), "attributed claim, attributed_other claim",
		s.Text("SELECT referrer FROM referrals WHERE referred = {:id}", dbx.Params{"id": s.id("ngozi")}), s.id(ada))
	s.Want(s.Do(admin, "PATCH", usersPath+"/"+s.id("ngozi"), map[string]any{"standing": "banned"}), 200, "")
	s.Forget("ngozi")
	s.Want(s.claim("ngozi", s.code(ada)), 403, "account_banned")
}

func TestEveryRefusal(t *testing.T) {
	s := begin(t)
	s.join("ngozi", "")
	s.refused(s.claim("ngozi", s.code("ngozi")), "own_code")
	s.Want(s.signUp("younger", ""), 200, "")
	s.refused(s.claim("ngozi", s.code("younger")), "referrer_younger")

	// Older accounts that point at each other came from elsewhere.
	s.Insert("referrals", dbx.Params{"id": shell.NewID(), "referred": s.id(ada), "referrer": s.id("ngozi"), "code": shell.NewID(), "state": "invited", "activation": "{}", "created": "2026-01-01 00:00:00.000Z", "updated": ""})
	s.Insert("referrals", dbx.Params{"id": shell.NewID(), "referred": s.id(bola), "referrer": s.id(ada), "code": shell.NewID(), "state": "invited", "activation": "{}", "created": "2026-01-01 00:00:00.000Z", "updated": ""})
	for _, who := range []string{ada, bola} {
		s.refused(s.claim("ngozi", s.code(who)), "cycle")
	}

	s.Insert("freezes", dbx.Params{"id": shell.NewID(), "user": s.id(chidi), "cluster": shell.NewID(), "reason": "Look.", "state": "frozen"})
	s.refused(s.claim("ngozi", s.code(chidi)), "not_eligible")
	s.Insert("relations", dbx.Params{"id": shell.NewID(), "a": s.id(dayo), "b": s.id("ngozi"), "kind": "device"})
	s.refused(s.claim("ngozi", s.code(dayo)), "not_eligible")
	for _, who := range []string{"ngozi", emeka} {
		id := shell.NewID()
		s.Insert("payout_accounts", dbx.Params{"id": id, "user": s.id(who), "fingerprint": "same", "recipient_code": "RCP_" + id, "status": "active", "currency": "NGN", "country": "NG", "type": "nuban", "created": "2026-01-01 00:00:00.000Z"})
	}
	s.refused(s.claim("ngozi", s.code(emeka)), "not_eligible")
	for _, who := range []string{"ngozi", fatima} {
		s.Insert("sightings", dbx.Params{"id": shell.NewID(), "user": s.id(who), "kind": "device", "hash": "same", "first_at": "x", "last_at": "x"})
	}
	s.refused(s.claim("ngozi", s.code(fatima)), "not_eligible")
	s.wants("what is kept", s.claims("ngozi"), "own_code claim, referrer_younger claim, cycle claim, cycle claim, referrer_barred claim, known_link claim, same_payout_account claim, same_device claim",
		s.state("ngozi"), "")
	s.Want(s.claim("ngozi", "NOSUCHCODE"), 400, "")
	s.Want(s.claim("ngozi", "NOSUCHCODE"), 400, "")
	s.Want(s.claim("ngozi", s.code(musa)), 429, "rate_limited")

	s.Advance(day)
	s.join("late", "")
	s.Advance(7*day - time.Minute)
	s.join("early", "")
	s.Clip("early")
	s.refused(s.claim("early", s.code(musa)), "after_first_clip")
	s.Advance(2 * time.Minute)
	s.refused(s.claim("late", s.code(musa)), "too_late")
}

// One phone, two accounts: at the sign-up itself, and later.
func TestOneselfBySecondAccount(t *testing.T) {
	const phone, other = "X-Device-Id: phone-of-ada-1", "X-Device-Id: phone-of-obi-1"
	s := begin(t)
	s.Want(s.Do(guest, "POST", "/api/collections/users/auth-with-password", map[string]any{"identity": "ada@lingualink.test", "password": apptest.Password}, phone), 200, "")
	s.join("ada2", s.code(ada), phone)
	s.wants("at sign-up", s.state("ada2"), "", s.claims("ada2"), "same_device signup")
	s.refused(s.claim("ada2", s.code(ada), other), "not_eligible") // seen with ada's phone when signing up

	const bolas = "X-Device-Id: phone-of-bola-1" // ada is frozen by now
	s.Want(s.Do(guest, "POST", "/api/collections/users/auth-with-password", map[string]any{"identity": "bola@lingualink.test", "password": apptest.Password}, bolas), 200, "")
	s.join("obi", "", other)
	s.refused(s.claim("obi", s.code(bola), bolas), "not_eligible") // asks from bola's phone
	s.Want(s.claim("obi", s.code(bola), other), 200, "")
}

// Two codes at the same moment: one holds.
func TestAClaimRace(t *testing.T) {
	s := begin(t)
	s.join("ngozi", "")
	s.Token("ngozi")
	codes := []string{s.code(ada), s.code(bola), s.code(ada), s.code(bola)}
	var barrier sync.WaitGroup
	barrier.Add(len(codes))
	answers := make(chan apptest.Answer, len(codes))
	for _, code := range codes {
		go func() {
			barrier.Done()
			barrier.Wait()
			answers <- s.claim("ngozi", code)
		}()
	}
	got := map[int]int{}
	for range codes {
		got[(<-answers).Status]++
	}
	s.wants("a race", got[http.StatusOK], 2, got[http.StatusConflict], 2, s.Int("SELECT COUNT(*) FROM referrals"), 1,
		s.Int("SELECT COUNT(*) FROM referral_claims WHERE outcome = 'attributed'"), 1)
}

// Whoever loses against the index looks again, and answers by what is there then.
func TestTheIndexSettlesARace(t *testing.T) {
	s := begin(t)
	s.join("ngozi", "")
	tries := 0
	s.App.OnRecordCreateExecute("referrals").Bind(&hook.Handler[*core.RecordEvent]{
		Func: func(e *core.RecordEvent) error {
			if tries++; tries > 1 {
				return e.Next()
			}
			err := shell.Insert(e.App, "referrals", dbx.Params{
				"id": shell.NewID(), "referred": s.id("ngozi"), "referrer": s.id(bola), "code": shell.NewID(), "state": "invited", "activation": "{}", "created": "x", "updated": "x",
			})
			if err != nil {
				return err
			}
			return e.Next()
		},
	})
	s.Want(s.claim("ngozi", s.code(ada)), 200, "")
	// The first try is undone as a whole, its claim too.
	s.wants("the second try", tries, 2, s.claims("ngozi"), "attributed claim", s.state("ngozi"), "invited 0")
}

func TestARingOfThree(t *testing.T) {
	s := begin(t)
	s.join("first", "")
	s.Advance(time.Second)
	s.join("second", s.code("first"))
	s.Advance(time.Second)
	s.join("third", s.code("second"))
	s.Advance(time.Second)
	s.refused(s.claim("first", s.code("third")), "referrer_younger")

	// They and one more of them approve each other: nobody outside agreed.
	s.join("fourth", s.code("first"))
	for _, who := range []string{"first", "second", "third", "fourth"} {
		s.verify(who)
	}
	for _, clip := range s.works("second", "first", "third", "fourth") {
		s.wants(clip, s.Text("SELECT status FROM clips WHERE id = {:id}", dbx.Params{"id": clip}), "approved")
	}
	s.wants("second", s.state("second"), "invited 0", s.rewardsOf("first"), "")
}

// Behind a provider's sign-in the same holds, in PocketBase's own transaction.
func TestACodeWithAProvider(t *testing.T) {
	s := &story{hookstest.Start(t, "LL_OAUTH2_GOOGLE_CLIENT_ID=id", "LL_OAUTH2_GOOGLE_CLIENT_SECRET=secret", "LL_PEPPER=0123456789abcdef0123456789abcdef"), t}
	s.Advance(day)
	google := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		answer := map[string]any{"access_token": r.FormValue("code"), "token_type": "Bearer"}
		if r.URL.Path == "/me" {
			sub := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			answer = map[string]any{"sub": sub, "name": "Person " + sub, "email": sub + "@example.org", "email_verified": true}
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(google.Close)
	users, err := s.App.FindCollectionByNameOrId("users")
	if err != nil {
		t.Fatal(err)
	}
	users.OAuth2.Providers[0].TokenURL, users.OAuth2.Providers[0].UserInfoURL = google.URL+"/token", google.URL+"/me"
	if err := s.App.Save(users); err != nil {
		t.Fatal(err)
	}
	signIn := func(sub string, create map[string]any, headers ...string) apptest.Answer {
		return s.Do(guest, "POST", "/api/collections/users/auth-with-oauth2", map[string]any{
			"provider": "google", "code": sub, "redirectURL": "http://localhost/", "createData": create,
		}, headers...)
	}
	answer := s.Want(signIn("one", map[string]any{"username": "one", "referral_code": "NOSUCHCODE"}), 400, "referral_code_unknown")
	if _, named := answer.Data()["referral_code"]; !named {
		t.Errorf("%s", answer.Raw)
	}
	if n := s.Int("SELECT COUNT(*) FROM users WHERE email = 'one@example.org'"); n != 0 {
		t.Error("somebody was made")
	}
	s.Want(signIn("one", map[string]any{"username": "one", "referral_code": strings.ToLower(s.code(ada))}), 200, "")
	s.wants("one", s.state("one"), "invited 0", s.claims("one"), "attributed signup",
		s.Int("SELECT COUNT(*) FROM referrals WHERE activation LIKE '%\"verified\":true%'"), 1)
	s.Want(signIn("one", map[string]any{"referral_code": s.code(bola)}), 200, "") // a later sign-in
	s.wants("one again", s.claims("one"), "attributed signup")

	const phone = "X-Device-Id: phone-of-ada-1"
	s.Want(s.Do(guest, "POST", "/api/collections/users/auth-with-password", map[string]any{"identity": "ada@lingualink.test", "password": apptest.Password}, phone), 200, "")
	s.Want(signIn("two", map[string]any{"username": "two", "referral_code": s.code(ada)}, phone), 200, "")
	s.wants("two", s.state("two"), "", s.claims("two"), "same_device signup")
}
