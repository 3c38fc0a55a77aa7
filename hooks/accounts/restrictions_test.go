package accounts_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/tools/subscriptions"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

var restrictedStandings = map[string]string{"suspended": "account_suspended", "banned": "account_banned"}

func refused(a apptest.Answer) bool {
	return a.Code() == "account_suspended" || a.Code() == "account_banned"
}

// notice puts one notification of the person into the table.
func notice(t testing.TB, s *hookstest.Server, who string) string {
	t.Helper()
	id := shell.NewID()
	exec(t, s, "INSERT INTO notifications (id, user, kind, title) VALUES ({:id}, {:user}, 'test', 'Hello')",
		dbx.Params{"id": id, "user": s.User(who).Id})
	return id
}

func TestWhatStaysOpen(t *testing.T) {
	for standing := range restrictedStandings {
		t.Run(standing, func(t *testing.T) {
			s := withMail(t)
			setStanding(t, s, apptest.Ada, standing)
			ada, notice := s.User(apptest.Ada).Id, notice(t, s, apptest.Ada)
			reset, err := s.User(apptest.Ada).NewPasswordResetToken()
			if err != nil {
				t.Fatal(err)
			}
			for _, test := range []struct {
				method, path string
				body         any
				status       int
			}{
				{"GET", usersAPI + "auth-methods", nil, 200},
				{"POST", usersAPI + "auth-refresh", nil, 200},
				{"POST", usersAPI + "auth-with-password", map[string]any{"identity": known, "password": apptest.Password}, 200},
				{"POST", usersAPI + "auth-with-otp", map[string]any{"otpId": otp(t, s, apptest.Ada, "12345678").Id, "password": "00000000"}, 400},
				{"POST", usersAPI + "auth-with-oauth2", map[string]any{"provider": "google", "code": "x"}, 403}, // switched off
				{"POST", usersAPI + "request-otp", byAddress(known), 200},
				{"POST", usersAPI + "request-password-reset", byAddress(known), 204},
				{"POST", usersAPI + "confirm-verification", map[string]any{"token": "x"}, 400},
				{"POST", usersAPI + "confirm-email-change", map[string]any{"token": "x", "password": "x"}, 400},
				{"GET", usersPath + "/" + ada, nil, 200},
				{"GET", "/api/lingualink/wallet", nil, 200},
				{"GET", "/api/lingualink/wallet/statement?currency=NGN", nil, 200},
				{"GET", "/api/collections/notifications/records", nil, 200},
				{"GET", "/api/collections/notifications/records/" + notice, nil, 200},
				{"PATCH", "/api/collections/notifications/records/" + notice, map[string]any{"read": true}, 200},
				{"GET", "/api/collections/verdicts/records", nil, 200},
				{"GET", "/api/collections/verdicts/records/abcdefghijklmno", nil, 404},
				{"GET", "/", nil, 0}, // pages are for everybody
				// Last, because it ends the session.
				{"POST", usersAPI + "confirm-password-reset", map[string]any{
					"token": reset, "password": "another long one", "passwordConfirm": "another long one"}, 204},
			} {
				answer := s.Do(apptest.Ada, test.method, test.path, test.body)
				if refused(answer) || (test.status != 0 && answer.Status != test.status) {
					t.Errorf("%s %s: got %d, want %d\n%s", test.method, test.path, answer.Status, test.status, answer.Raw)
				}
			}
		})
	}
	// The paths of what is to come are kept open.
	for _, pattern := range []string{
		"POST /api/collections/{collection}/records", "GET /api/collections/{collection}/records",
		"GET /api/realtime", "POST /api/realtime",
	} {
		if !accounts.IsOpen(pattern) {
			t.Errorf("%s is closed", pattern)
		}
	}
}

func TestEverythingElseIsClosed(t *testing.T) {
	for standing, code := range restrictedStandings {
		t.Run(standing, func(t *testing.T) {
			s := withMail(t)
			setStanding(t, s, apptest.Ada, standing)
			ada, bola := s.User(apptest.Ada).Id, s.User(apptest.Bola).Id
			for _, test := range []struct {
				method, path string
				body         any
			}{
				{"GET", usersPath, nil},
				{"GET", usersPath + "/" + bola, nil},
				{"GET", usersPath + "/" + ada + "?expand=languages", nil},
				{"PATCH", usersPath + "/" + ada, map[string]any{"name": "x"}},
				{"POST", usersPath, someone("second", "second@example.org")},
				{"POST", usersAPI + "request-email-change", map[string]any{"newEmail": "x@example.org"}},
				{"POST", usersAPI + "request-verification", byAddress(known)},
				{"POST", usersAPI + "impersonate/" + bola, nil},
				{"GET", "/api/collections/notifications/records?expand=user", nil},
				{"GET", "/api/collections/verdicts/records?expand=clip.owner", nil},
				{"POST", "/api/collections/notifications/records", map[string]any{}},
				{"POST", "/api/collections/verdicts/records", map[string]any{}},
				{"PATCH", "/api/collections/verdicts/records/abcdefghijklmno", map[string]any{}},
				{"DELETE", "/api/collections/notifications/records/abcdefghijklmno", nil},
				{"GET", "/api/collections/clips/records", nil},
				{"POST", "/api/collections/clips/records", map[string]any{}},
				{"POST", "/api/collections/votes/records", map[string]any{}},
				{"GET", "/api/collections/votes/records", nil},
				{"POST", blocksPath, map[string]any{"blocked": bola}},
				{"POST", consentsPath, map[string]any{"version": "1"}},
				{"PATCH", "/api/collections/private_profiles/records/abcdefghijklmno", map[string]any{}},
				{"GET", "/api/collections/languages/records", nil},
				{"POST", "/api/files/token", nil},
				{"GET", "/api/files/users/" + bola + "/x.png", nil},
				{"POST", "/api/batch", map[string]any{}},
				{"GET", "/api/health", nil},
				{"GET", "/api/settings", nil},
				{"GET", "/api/nowhere", nil},
			} {
				s.Want(s.Do(apptest.Ada, test.method, test.path, test.body), 403, code)
			}
			parameter := regexp.MustCompile(`\{\w+\}`)
			for _, route := range s.Deps.Routes.All() {
				path := shell.APIPrefix + route.Path
				answer := s.Do(apptest.Ada, route.Method, parameter.ReplaceAllString(path, "abcdefghijklmno"), nil)
				open := strings.HasPrefix(route.Path, "/wallet") || route.Path == "/notifications/unread" || route.Path == "/notifications/read-all"
				if refused(answer) == open {
					t.Errorf("%s %s: got %d %s", route.Method, path, answer.Status, answer.Code())
				}
			}
		})
	}
}

func TestGoodAndWarnedPeopleAreNotRestricted(t *testing.T) {
	s := withMail(t)
	for _, standing := range []string{"good", "warned", "suspended", "good"} {
		setStanding(t, s, apptest.Ada, standing)
		answer := s.Do(apptest.Ada, "GET", usersPath, nil)
		if refused(answer) != (standing == "suspended") {
			t.Errorf("%s: got %d %s", standing, answer.Status, answer.Raw)
		}
		if accounts.MayNotAct(s.User(apptest.Ada)) != (standing == "suspended") {
			t.Errorf("MayNotAct of %s", standing)
		}
	}
}

func TestRestrictedPeopleHearTheirOwnOnly(t *testing.T) {
	s := withMail(t)
	setStanding(t, s, apptest.Ada, "suspended")
	ada, bola := s.User(apptest.Ada).Id, s.User(apptest.Bola).Id
	for topic, status := range map[string]int{
		"notifications/*":               204,
		"notifications":                 204,
		"notifications/abcdefghijklmno": 204,
		"verdicts/*":                    204,
		"appeals/*":                     204,
		"users/" + ada:                  204,
		"lingualink/wallet/" + ada:      204,
		"lingualink/wallet/" + bola:     403,
		"users/" + bola:                 403,
		"users/*":                       403,
		"users":                         403,
		"clips/*":                       403,
		"votes/*":                       403,
		"_pb_users_auth_/*":             403,
		"lingualink/other":              403,
		"anything":                      403,
		"verdicts/*?options=" + url.QueryEscape(`{"query":{"expand":"clip"}}`):    403,
		"users/" + ada + "?options=" + url.QueryEscape(`{"query":{"expand":""}}`): 403,
	} {
		client := subscriptions.NewDefaultClient()
		s.App.SubscriptionsBroker().Register(client)
		answer := s.Do(apptest.Ada, "POST", "/api/realtime", map[string]any{
			"clientId": client.Id(), "subscriptions": []string{"notifications/*", topic},
		})
		if answer.Status != status || (status == 403) != refused(answer) && !strings.HasPrefix(topic, "lingualink/") {
			t.Errorf("%s: got %d %s", topic, answer.Status, answer.Code())
		}
		if status == 403 && len(client.Subscriptions()) != 0 {
			t.Errorf("%s: subscribed to %v", topic, client.Subscriptions())
		}
	}
}
