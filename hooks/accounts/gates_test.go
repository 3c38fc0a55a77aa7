package accounts_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/internal/apptest"
)

const (
	usersAPI = "/api/collections/users/"
	nobody   = "nobody@example.org"
	known    = "ada@lingualink.test"
)

var seconds = regexp.MustCompile(`(?:Wait |"retry_after":)[0-9]+`)

// shape is what can be told from an answer, with what is random taken out.
func shape(a apptest.Answer) string {
	body := string(a.Raw)
	if id := a.Text("otpId"); id != "" {
		body = strings.Replace(body, id, "<"+strconv.Itoa(len(id))+">", 1)
	}
	body = seconds.ReplaceAllString(body, "<s>") // the clock runs on between two requests
	headers := slices.Sorted(maps.Keys(a.Header))
	return strconv.Itoa(a.Status) + " " + strings.Join(headers, ",") + " " + body
}

func TestKnownAndUnknownAddressesAreAnsweredAlike(t *testing.T) {
	for name, test := range map[string]struct {
		endpoint string
		body     func(address string) map[string]any
		status   int
	}{
		"wrong password": {"auth-with-password", func(a string) map[string]any { return map[string]any{"identity": a, "password": "wrong"} }, 400},
		"wrong password, form": {"auth-with-password", func(a string) map[string]any {
			return map[string]any{"identity": a, "password": strings.Repeat("x", 100)}
		}, 400},
		"by field": {"auth-with-password", func(a string) map[string]any {
			return map[string]any{"identity": a, "identityField": "email", "password": "wrong"}
		}, 400},
		"no password":  {"auth-with-password", func(a string) map[string]any { return map[string]any{"identity": a} }, 400},
		"code":         {"request-otp", byAddress, 200},
		"reset":        {"request-password-reset", byAddress, 204},
		"verification": {"request-verification", byAddress, 204},
	} {
		t.Run(name, func(t *testing.T) {
			s := withMail(t)
			tries := 6 // the sixth is over the limit of mails
			if test.endpoint == "auth-with-password" {
				tries = 1
			}
			for try := range tries {
				a := s.Do(apptest.Guest, "POST", usersAPI+test.endpoint, test.body(known))
				b := s.Do(apptest.Guest, "POST", usersAPI+test.endpoint, test.body(nobody))
				if shape(a) != shape(b) {
					t.Fatalf("try %d\nknown:   %s\nunknown: %s", try+1, shape(a), shape(b))
				}
				if try == 0 && a.Status != test.status {
					t.Errorf("got %d %s", a.Status, a.Raw)
				}
			}
		})
	}
}

func byAddress(address string) map[string]any { return map[string]any{"email": address} }

func TestPasswordsAreHashedForEverybody(t *testing.T) {
	s := withMail(t)
	exec(t, s, "UPDATE users SET password = '' WHERE username = 'bola'")
	hashes := accounts.CountHashes(t)
	for _, identity := range []string{known, nobody, "bola@lingualink.test", "not an address"} {
		before := hashes.Load()
		s.Want(s.Do(apptest.Guest, "POST", usersAPI+"auth-with-password", map[string]any{"identity": identity, "password": "wrong"}), 400, "")
		if n := hashes.Load() - before; n != 1 {
			t.Errorf("%s: %d hashes", identity, n)
		}
	}
	before := hashes.Load()
	s.Want(s.Do(apptest.Guest, "POST", usersAPI+"auth-with-password", map[string]any{"identity": known, "password": apptest.Password}), 200, "")
	if n := hashes.Load() - before; n != 1 {
		t.Errorf("signing in: %d hashes", n)
	}
	s.Want(s.Do(apptest.Guest, "POST", "/api/collections/_superusers/auth-with-password",
		map[string]any{"identity": apptest.Admin, "password": apptest.Password}), 200, "")
}

func TestCodesAreHashedForEverybody(t *testing.T) {
	s := withMail(t)
	hashes := accounts.CountHashes(t)
	s.Want(s.Do(apptest.Guest, "POST", usersAPI+"request-otp", byAddress(nobody)), 200, "")
	if hashes.Load() != 1 {
		t.Errorf("unknown address: %d hashes", hashes.Load())
	}
	// For a known address PocketBase hashes the code it stores.
	answer := s.Want(s.Do(apptest.Guest, "POST", usersAPI+"request-otp", byAddress(known)), 200, "")
	if stored := row(t, s, "_otps", answer.Text("otpId")); !strings.HasPrefix(stored["password"], "$2a$") {
		t.Errorf("stored %q", stored["password"])
	}

	live := otp(t, s, apptest.Ada, "12345678")
	expired := otp(t, s, apptest.Bola, "12345678")
	exec(t, s, "UPDATE _otps SET created = '2020-01-01 00:00:00.000Z' WHERE id = '"+expired.Id+"'")
	shapes := map[string]bool{}
	for _, id := range []string{live.Id, "abcdefghijklmno", expired.Id, "' OR 1=1"} {
		before := hashes.Load()
		refused := s.Do(apptest.Guest, "POST", usersAPI+"auth-with-otp", map[string]any{"otpId": id, "password": "00000000"})
		if shapes[shape(refused)] = true; refused.Status != 400 || hashes.Load()-before != 1 {
			t.Errorf("%s: %d, %d hashes", id, refused.Status, hashes.Load()-before)
		}
	}
	if len(shapes) != 1 {
		t.Errorf("told apart: %v", shapes)
	}
	s.Want(s.Do(apptest.Guest, "POST", usersAPI+"auth-with-otp", map[string]any{"otpId": live.Id, "password": "12345678"}), 200, "")
	s.Want(s.Do(apptest.Guest, "POST", usersAPI+"auth-with-otp", map[string]any{"otpId": live.Id, "password": "12345678"}), 400, "")
}

func TestTriesOfACodeAreLimitedWhetherItExistsOrNot(t *testing.T) {
	s := withMail(t)
	first, second := otp(t, s, apptest.Ada, "12345678").Id, otp(t, s, apptest.Ada, "87654321").Id
	for _, pair := range [][2]string{{first, "nosuchcode00001"}, {second, "nosuchcode00002"}} {
		for try := range 7 {
			a := s.Do(apptest.Guest, "POST", usersAPI+"auth-with-otp", map[string]any{"otpId": pair[0], "password": "00000000"})
			b := s.Do(apptest.Guest, "POST", usersAPI+"auth-with-otp", map[string]any{"otpId": pair[1], "password": "00000000"})
			want := 400
			if try >= 5 {
				want = 429
			}
			if shape(a) != shape(b) || a.Status != want {
				t.Fatalf("try %d\nreal: %s\nfake: %s", try+1, shape(a), shape(b))
			}
		}
	}
}

func TestFailedSignInsPerAccountAreLimited(t *testing.T) {
	s := withMail(t)
	try := func(identity, password string) apptest.Answer {
		return s.Do(apptest.Guest, "POST", usersAPI+"auth-with-password", map[string]any{"identity": identity, "password": password})
	}
	s.Want(try(known, "wrong"), 400, "")
	s.Want(try(nobody, "wrong"), 400, "")
	exec(t, s, "UPDATE quotas SET used = 19 WHERE [[key]] LIKE 'auth-with-password:%'")
	for range 3 {
		s.Want(try(known, apptest.Password), 200, "") // counts nothing
	}
	s.Want(try(" ADA@lingualink.test ", "wrong"), 400, "") // the twentieth, however it is written
	s.Want(try(nobody, "wrong"), 400, "")
	limited := s.Want(try(known, apptest.Password), 429, "rate_limited")
	if unknown := try(nobody, apptest.Password); shape(unknown) != shape(limited) {
		t.Errorf("known:   %s\nunknown: %s", shape(limited), shape(unknown))
	}
	if wait, err := strconv.Atoi(limited.Header.Get("Retry-After")); err != nil || wait < 1 || wait > 600 {
		t.Errorf("Retry-After is %q", limited.Header.Get("Retry-After"))
	}
	s.Want(try("bola@lingualink.test", apptest.Password), 200, "")
	s.Advance(10*time.Minute + time.Second)
	s.Want(try(known, apptest.Password), 200, "")
	if n := s.Int("SELECT COUNT(*) FROM quotas WHERE [[key]] LIKE '%lingualink.test%'"); n != 0 {
		t.Error("a quota names an address")
	}
}

func TestGatesAreFreeWithoutRateLimits(t *testing.T) {
	s := withMail(t, "LL_RATE_LIMITS=off")
	for range 7 {
		s.Want(s.Do(apptest.Guest, "POST", usersAPI+"request-password-reset", byAddress(nobody)), 204, "")
	}
	if n := s.Int("SELECT COUNT(*) FROM quotas"); n != 0 {
		t.Errorf("%d quotas", n)
	}
}

func TestRequestedAddressIsNotToldToBeTaken(t *testing.T) {
	s := withMail(t)
	requested := []string{}
	s.App.OnRecordRequestEmailChangeRequest().BindFunc(func(e *core.RecordRequestEmailChangeRequestEvent) error {
		requested = append(requested, e.NewEmail)
		return e.Next()
	})
	sent := make(chan string, 10)
	s.App.OnMailerRecordEmailChangeSend().BindFunc(func(e *core.MailerRecordEvent) error {
		sent <- e.Message.To[0].Address
		if strings.HasPrefix(e.Message.To[0].Address, "undeliverable") {
			return errors.New("the mail server is away")
		}
		return e.Next()
	})
	ask := func(who, address string) apptest.Answer {
		return s.Do(who, "POST", usersAPI+"request-email-change", map[string]any{"newEmail": address})
	}
	taken := s.Want(ask(apptest.Ada, "bola@lingualink.test"), 204, "")
	for _, free := range []string{"free@example.org", "undeliverable@example.org"} {
		if answer := ask(apptest.Ada, free); shape(answer) != shape(taken) {
			t.Errorf("free:  %s\ntaken: %s", shape(answer), shape(taken))
		}
		if to := <-sent; to != free {
			t.Errorf("a mail went to %s", to)
		}
	}
	if !slices.Equal(requested, []string{"free@example.org", "undeliverable@example.org"}) {
		t.Errorf("acted for %v", requested)
	}
	for range 4 {
		s.Want(ask(apptest.Ada, "bola@lingualink.test"), 204, "")
	}
	s.Want(ask(apptest.Ada, "bola@lingualink.test"), 429, "rate_limited")

	s.Want(ask(apptest.Ada, known), 400, "") // her own
	s.Want(ask(apptest.Ada, "no address"), 400, "")
	if guest := ask(apptest.Guest, "chidi@lingualink.test"); guest.Status != 401 && guest.Status != 403 {
		t.Errorf("a guest got %d", guest.Status)
	}
	if admin := ask(apptest.Admin, "chidi@lingualink.test"); admin.Status < 400 {
		t.Errorf("a superuser got %d", admin.Status)
	}
}

func TestConfirmedAddressIsNotToldToBeTaken(t *testing.T) {
	s := withMail(t)
	hashes := accounts.CountHashes(t)
	token := func(address string) string {
		token, err := s.User(apptest.Ada).NewEmailChangeToken(address)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	confirm := func(token, password string) apptest.Answer {
		return s.Do(apptest.Guest, "POST", usersAPI+"confirm-email-change", map[string]any{"token": token, "password": password})
	}
	garbage := s.Want(confirm("garbage", apptest.Password), 400, "validation_invalid_token")
	for name, answer := range map[string]apptest.Answer{
		"taken":                     confirm(token("bola@lingualink.test"), apptest.Password),
		"taken, wrong password":     confirm(token("bola@lingualink.test"), "wrong"),
		"garbage, wrong password":   confirm("garbage", "wrong"),
		"garbage, without password": confirm("garbage", ""),
	} {
		if shape(answer) != shape(garbage) {
			t.Errorf("%s: %s\ngarbage: %s", name, shape(answer), shape(garbage))
		}
	}
	if hashes.Load() != 5 {
		t.Errorf("%d hashes for 5 refusals", hashes.Load())
	}
	s.Want(confirm(token("new@example.org"), "wrong"), 400, "validation_invalid_password")
	s.Want(confirm(token("new@example.org"), apptest.Password), 204, "")
	if stored := row(t, s, "users", s.User(apptest.Ada).Id); stored["email"] != "new@example.org" {
		t.Errorf("the address is %q", stored["email"])
	}
}

// Every gate waits, whatever it answers; nothing else does.
func TestEveryGateWaitsForTheFloor(t *testing.T) {
	s := withMail(t, "LL_RATE_LIMITS=off")
	started, waited := 0, 0
	defer accounts.SetFloor(func() func(context.Context) {
		started++
		return func(context.Context) { waited++ }
	})()
	patterns := accounts.GatePatterns()
	if len(patterns) != 7 {
		t.Errorf("gates: %v", patterns)
	}
	for _, pattern := range patterns {
		for _, collection := range []string{"users", "_pb_users_auth_", "_superusers"} {
			for _, body := range []any{
				map[string]any{"email": known, "identity": known, "newEmail": known}, map[string]any{}, "{", map[string]any{"email": 5},
			} {
				started, waited = 0, 0
				path := strings.Replace(strings.TrimPrefix(pattern, "POST "), "{collection}", collection, 1)
				answer := s.Do(apptest.Guest, "POST", path, body)
				if started != 1 || waited != 1 {
					t.Errorf("%s %v: %d, started %d, waited %d", path, body, answer.Status, started, waited)
				}
			}
		}
	}
	started = 0
	s.Do(apptest.Ada, "GET", usersPath, nil)
	s.Do(apptest.Ada, "POST", usersAPI+"auth-refresh", nil)
	if started != 0 {
		t.Error("other endpoints wait too")
	}
	if accounts.AnswerFloor < 300*time.Millisecond {
		t.Errorf("the floor of %v is below the work it hides", accounts.AnswerFloor)
	}
}

func TestTheFloorEndsWithTheRequest(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	wait := accounts.StartFloor()
	cancel()
	wait(gone)
	if gone.Err() == nil {
		t.Error("the request should be over")
	}
}

// Forms are read as JSON is.
func TestSigningInByForm(t *testing.T) {
	s := withMail(t)
	request := httptest.NewRequest("POST", usersAPI+"auth-with-password",
		bytes.NewBufferString("identity=ada%40lingualink.test&password=correct+horse+battery"))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	s.Want(s.Send(apptest.Guest, request), 200, "")

	code := otp(t, s, apptest.Ada, "01234567")
	request = httptest.NewRequest("POST", usersAPI+"auth-with-otp", strings.NewReader("otpId="+code.Id+"&password=01234567"))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	s.Want(s.Send(apptest.Guest, request), 200, "")
}

func TestOTPIdsLookAlike(t *testing.T) {
	s := withMail(t)
	form := regexp.MustCompile(`^[a-z0-9]{15}$`)
	for _, address := range []string{known, nobody} {
		id := s.Want(s.Do(apptest.Guest, "POST", usersAPI+"request-otp", byAddress(address)), 200, "").Text("otpId")
		if !form.MatchString(id) {
			t.Errorf("%s: %q", address, id)
		}
	}
}
