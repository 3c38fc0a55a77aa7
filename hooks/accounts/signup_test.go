package accounts_test

import (
	"bytes"
	"errors"
	"image"
	"image/png"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/fault"
)

// someone is the body of a sign-up.
func someone(username, email string) map[string]any {
	return map[string]any{"username": username, "email": email, "password": apptest.Password, "passwordConfirm": apptest.Password}
}

func TestSignUpMakesThePersonAndTheirProfile(t *testing.T) {
	s := hookstest.Start(t)
	body := someone("  Ngozi.1 ", "ngozi@example.org")
	body["emailVisibility"] = true
	answer := s.Want(s.Do(apptest.Guest, "POST", usersPath, body), 200, "")

	stored := row(t, s, "users", answer.Text("id"))
	for column, want := range map[string]string{
		"username": "Ngozi.1", "username_key": "ngozi.1", "standing": "good", "roles": "[]",
		"verified": "0", "emailVisibility": "0", "email": "ngozi@example.org",
	} {
		if stored[column] != want {
			t.Errorf("%s is %q, want %q", column, stored[column], want)
		}
	}
	profiles := s.Int("SELECT COUNT(*) FROM private_profiles WHERE user = {:id} AND updated <> ''", dbx.Params{"id": answer.Text("id")})
	if profiles != 1 {
		t.Errorf("%d private profiles", profiles)
	}
	if all, people := s.Int("SELECT COUNT(*) FROM private_profiles"), s.Int("SELECT COUNT(*) FROM users"); all != people {
		t.Errorf("%d profiles for %d people", all, people)
	}
}

func TestSignUpWithoutAUsernameGetsOne(t *testing.T) {
	s := hookstest.Start(t)
	body := someone("", "quick@example.org")
	delete(body, "username")
	body["name"] = "Ada Obi"
	answer := s.Want(s.Do(apptest.Guest, "POST", usersPath, body), 200, "")
	if name := answer.Text("username"); !strings.HasPrefix(name, "Ada.Obi-") || len(name) != len("Ada.Obi-")+6 {
		t.Errorf("the username is %q", name)
	}
}

func TestSignUpRefusals(t *testing.T) {
	s := hookstest.Start(t)
	for name, test := range map[string]struct {
		body   map[string]any
		status int
		code   string
	}{
		"username of somebody, folded": {someone("ＡDA", "x1@example.org"), 400, "username_taken"},
		"short username":               {someone("x", "x2@example.org"), 400, "username_invalid"},
		"bad username":                 {someone("a b c", "x3@example.org"), 400, "username_invalid"},
		"e-mail of somebody":           {someone("xavier", "ada@lingualink.test"), 400, "validation_not_unique"},
	} {
		t.Run(name, func(t *testing.T) {
			before := s.Int("SELECT COUNT(*) FROM users")
			s.Want(s.Do(apptest.Guest, "POST", usersPath, test.body), test.status, test.code)
			if s.Int("SELECT COUNT(*) FROM users") != before || s.Int("SELECT COUNT(*) FROM private_profiles") != before {
				t.Error("something was written")
			}
		})
	}
}

func TestNobodyWithoutAProfile(t *testing.T) {
	s := hookstest.Start(t)
	const id = "ngozi0000000001"
	exec(t, s, "INSERT INTO private_profiles (id, user) VALUES ('stray0000000001', {:id})", dbx.Params{"id": id})
	body := someone("ngozi", "ngozi@example.org")
	body["id"] = id
	if answer := s.Do(apptest.Guest, "POST", usersPath, body); answer.Status < 400 {
		t.Fatalf("got %d %s", answer.Status, answer.Raw)
	}
	if s.Int("SELECT COUNT(*) FROM users WHERE id = {:id}", dbx.Params{"id": id}) != 0 {
		t.Error("the person stayed although their profile could not be made")
	}
}

func TestAvatarIsUploadedBeforeTheTransaction(t *testing.T) {
	s := hookstest.Start(t)
	inside := []bool{}
	s.App.OnRecordCreateExecute("users").Bind(&hook.Handler[*core.RecordEvent]{
		Priority: 99, // right after PocketBase's upload
		Func: func(e *core.RecordEvent) error {
			inside = append(inside, e.App.IsTransactional())
			return e.Next()
		},
	})
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 4, 4))); err != nil {
		t.Fatal(err)
	}
	fields := map[string]string{}
	for name, value := range someone("ngozi", "ngozi@example.org") {
		fields[name] = value.(string)
	}
	answer := s.Want(s.Upload(apptest.Guest, usersPath, fields, "avatar", "me.png", picture.Bytes()), 200, "")
	if len(inside) != 1 || inside[0] {
		t.Errorf("in a transaction after the upload: %v", inside)
	}
	file := s.Do(apptest.Guest, "GET", "/api/files/users/"+answer.Text("id")+"/"+answer.Text("avatar"), nil)
	if file.Status != 200 || !bytes.Equal(file.Raw, picture.Bytes()) {
		t.Errorf("the picture: %d, %d bytes", file.Status, len(file.Raw))
	}
}

// Both have passed every check when the first of them writes.
func TestTwoSignUpsRaceForOneName(t *testing.T) {
	s := hookstest.Start(t)
	var barrier sync.WaitGroup
	barrier.Add(2)
	s.App.OnRecordCreateExecute("users").Bind(&hook.Handler[*core.RecordEvent]{
		Priority: 98,
		Func: func(e *core.RecordEvent) error {
			barrier.Done()
			barrier.Wait()
			return e.Next()
		},
	})
	answers := make(chan apptest.Answer, 2)
	for i, username := range []string{"Straße", "STRASSE"} {
		go func() {
			answers <- s.Do(apptest.Guest, "POST", usersPath, someone(username, "racer"+strconv.Itoa(i)+"@example.org"))
		}()
	}
	outcomes := map[string]int{}
	for range 2 {
		answer := <-answers
		outcomes[strconv.Itoa(answer.Status)+answer.Code()]++
	}
	if outcomes["200"] != 1 || outcomes["400username_taken"] != 1 {
		t.Errorf("got %v", outcomes)
	}
	if n := s.Int("SELECT COUNT(*) FROM users WHERE username_key = 'strasse'"); n != 1 {
		t.Errorf("%d people have the name", n)
	}
}

func TestUsernameChange(t *testing.T) {
	s := hookstest.Start(t)
	path := usersPath + "/" + s.User(apptest.Ada).Id
	id := s.User(apptest.Ada).Id
	s.Token(apptest.Ada)
	s.Want(s.Do(apptest.Ada, "PATCH", path, map[string]any{"username": "BOLA"}), 400, "username_taken")
	s.Want(s.Do(apptest.Ada, "PATCH", path, map[string]any{"username": "x"}), 400, "username_invalid")
	s.Want(s.Do(apptest.Ada, "PATCH", path, map[string]any{"username": " ADA "}), 200, "")
	if stored := row(t, s, "users", id); stored["username"] != "ADA" || stored["username_key"] != "ada" {
		t.Errorf("got %q, key %q", stored["username"], stored["username_key"])
	}
	s.Want(s.Do(apptest.Admin, "PATCH", path, map[string]any{"username": "bolA"}), 400, "username_taken")

	// Go code is held to the same.
	person, err := s.App.FindRecordById("users", id)
	if err != nil {
		t.Fatal(err)
	}
	person.Set("username", "ｂｏｌａ")
	person.SetEmailVisibility(true)
	if err := s.App.Save(person); !errors.Is(err, fault.UsernameTaken.On("")) {
		t.Errorf("got %v", err)
	}
	person.Set("username", "ada2")
	if err := s.App.Save(person); err != nil {
		t.Fatal(err)
	}
	if stored := row(t, s, "users", id); stored["emailVisibility"] != "0" || stored["username_key"] != "ada2" {
		t.Errorf("got %v", stored)
	}
}

func TestSignUpsPerAddressAreLimited(t *testing.T) {
	s := hookstest.Start(t)
	attempt := func(email string) apptest.Answer {
		return s.Do(apptest.Guest, "POST", usersPath, someone("no spaces please", email))
	}
	for _, email := range []string{"a@example.org", "A@example.org", " a@EXAMPLE.org", "a@example.org", "a@example.org"} {
		s.Want(attempt(email), 400, "username_invalid") // refused, and counted
	}
	limited := s.Want(attempt("a@example.org"), 429, "rate_limited")
	if wait, err := strconv.Atoi(limited.Header.Get("Retry-After")); err != nil || wait < 3000 || wait > 3600 {
		t.Errorf("Retry-After is %q", limited.Header.Get("Retry-After"))
	}
	s.Want(attempt("b@example.org"), 400, "username_invalid")
	s.Want(s.Do(apptest.Bola, "POST", usersPath, someone("no spaces", "a@example.org")), 429, "rate_limited")
	s.Want(s.Do(apptest.Admin, "POST", usersPath, someone("by.admin", "a@example.org")), 200, "")
	s.Advance(time.Hour + time.Second)
	s.Want(attempt("a@example.org"), 400, "username_invalid")

	if n := s.Int("SELECT COUNT(*) FROM quotas WHERE [[key]] LIKE '%example.org%'"); n != 0 {
		t.Error("a quota names an address")
	}
}

func TestSignUpsPerNetworkAreLimited(t *testing.T) {
	s := hookstest.Start(t)
	from := func(address string, i int) apptest.Answer {
		body := `{"username": "no spaces", "email": "n` + strconv.Itoa(i) + `@example.org"}`
		request := httptest.NewRequest("POST", usersPath, strings.NewReader(body))
		request.Header.Set("Content-Type", "application/json")
		request.RemoteAddr = address
		return s.Send(apptest.Guest, request)
	}
	s.Want(from("203.0.113.7:4000", 1), 400, "")
	s.Want(from("[2001:db8:1::7]:4000", 2), 400, "")
	exec(t, s, "UPDATE quotas SET used = 299 WHERE [[key]] LIKE 'signup.network:%'")
	s.Want(from("203.0.113.200:4000", 3), 400, "")
	for i, test := range []struct {
		address string
		status  int
	}{
		{"203.0.113.9:4000", 429}, {"203.0.112.9:4000", 400},
		{"[2001:db8:1:ffff::9]:4000", 400}, {"[2001:db8:1:eeee::9]:4000", 429}, {"[2001:db8:2::9]:4000", 400},
		{"[::ffff:203.0.113.9]:4000", 429},
	} {
		if answer := from(test.address, 10+i); answer.Status != test.status {
			t.Errorf("%s: got %d, want %d", test.address, answer.Status, test.status)
		}
	}
}

func TestSignUpsAreFreeWithoutRateLimits(t *testing.T) {
	s := hookstest.Start(t, "LL_RATE_LIMITS=off")
	for range 7 {
		s.Want(s.Do(apptest.Guest, "POST", usersPath, map[string]any{"username": "no spaces", "email": "a@example.org"}), 400, "")
	}
	if n := s.Int("SELECT COUNT(*) FROM quotas"); n != 0 {
		t.Errorf("%d quotas", n)
	}
}

func TestAnAddressIsTakenWhateverItsCase(t *testing.T) {
	s := hookstest.Start(t)
	s.Want(s.Do(apptest.Guest, "POST", usersPath, someone("shouting", "ADA@lingualink.test")), 400, "validation_not_unique")
	s.Want(s.Do(apptest.Guest, "POST", usersAPI+"auth-with-password", map[string]any{"identity": "Ada@Lingualink.test", "password": apptest.Password}), 200, "")
}
