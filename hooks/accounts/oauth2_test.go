package accounts_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/config"
)

func users(t testing.TB, s *hookstest.Server) *core.Collection {
	t.Helper()
	collection, err := s.App.FindCollectionByNameOrId("users")
	if err != nil {
		t.Fatal(err)
	}
	return collection
}

func TestProvidersFollowTheConfiguration(t *testing.T) {
	s := hookstest.Start(t)
	if settings := users(t, s).OAuth2; settings.Enabled || len(settings.Providers) != 0 {
		t.Errorf("without configuration: %+v", settings)
	}
	saves := 0
	s.App.OnCollectionUpdate("users").BindFunc(func(e *core.CollectionEvent) error {
		saves++
		return e.Next()
	})
	both := config.OAuth2{
		Google: config.OAuth2Client{ClientID: "g", ClientSecret: "gs"}, Facebook: config.OAuth2Client{ClientID: "f", ClientSecret: "fs"},
	}
	apple := config.OAuth2{Apple: config.OAuth2Client{ClientID: "a", ClientSecret: "as"}}
	for _, step := range []struct {
		cfg   config.OAuth2
		names []string
		saves int
	}{
		{config.OAuth2{}, nil, 0},
		{both, []string{"google", "facebook"}, 1},
		{both, []string{"google", "facebook"}, 1},
		{apple, []string{"apple"}, 2},
		{config.OAuth2{}, nil, 3},
		{config.OAuth2{}, nil, 3},
	} {
		if err := accounts.ApplyProviders(s.App, step.cfg); err != nil {
			t.Fatal(err)
		}
		settings := users(t, s).OAuth2
		if settings.Enabled != (len(step.names) > 0) || len(settings.Providers) != len(step.names) || saves != step.saves {
			t.Fatalf("%v: enabled %v, %d providers, %d saves", step.names, settings.Enabled, len(settings.Providers), saves)
		}
		for i, name := range step.names {
			if settings.Providers[i].Name != name || settings.Providers[i].ClientSecret == "" {
				t.Errorf("provider %d is %s", i, settings.Providers[i].Name)
			}
		}
		if settings.MappedFields.Name != "name" || settings.MappedFields.AvatarURL != "avatar" {
			t.Errorf("mapped fields: %+v", settings.MappedFields)
		}
	}
}

// provider plays Google for people whose code is their subject.
func provider(t testing.TB, s *hookstest.Server, people map[string]map[string]any) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		answer := map[string]any{"access_token": r.FormValue("code"), "token_type": "Bearer"}
		if r.URL.Path == "/me" {
			answer = people[r.Header.Get("Authorization")[len("Bearer "):]]
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	collection := users(t, s)
	collection.OAuth2.Providers[0].TokenURL = server.URL + "/token"
	collection.OAuth2.Providers[0].UserInfoURL = server.URL + "/me"
	if err := s.App.Save(collection); err != nil {
		t.Fatal(err)
	}
}

func TestSignUpWithAProvider(t *testing.T) {
	s := hookstest.Start(t, "LL_OAUTH2_GOOGLE_CLIENT_ID=id", "LL_OAUTH2_GOOGLE_CLIENT_SECRET=secret")
	person := func(sub, name, email string) map[string]any {
		return map[string]any{"sub": sub, "name": name, "email": email, "email_verified": true, "picture": "http://127.0.0.1:1/never.png"}
	}
	provider(t, s, map[string]map[string]any{
		"1": person("1", "Ngozi Ọkọ!", "ngozi@example.org"),
		"2": person("2", "NGOZI ỌKỌ", "ngozi2@example.org"),
		"3": person("3", "🙂", "x@example.org"),
		"4": person("4", "Somebody with a name that goes on and on and on", "y@example.org"),
		"5": person("5", "Impostor", "z@example.org"),
		"6": person("6", "Gifted", "g@example.org"),
	})
	signIn := func(code string, create map[string]any) apptest.Answer {
		return s.Do(apptest.Guest, "POST", usersAPI+"auth-with-oauth2", map[string]any{
			"provider": "google", "code": code, "redirectURL": "http://localhost/", "createData": create,
		})
	}
	for _, test := range []struct {
		code, username string
	}{
		{"1", `^Ngozi\.Ọkọ$`}, {"2", `^NGOZI\.ỌKỌ-[0-9]{6}$`}, {"3", `^speaker$`}, {"4", `^Somebody\.with\.a\.name\.th$`},
	} {
		answer := s.Want(signIn(test.code, nil), 200, "")
		record, _ := answer.JSON["record"].(map[string]any)
		if meta, _ := answer.JSON["meta"].(map[string]any); meta["avatarURL"] != "" {
			t.Errorf("the transaction was to fetch %v", meta["avatarURL"])
		}
		if name, _ := record["username"].(string); !regexp.MustCompile(test.username).MatchString(name) {
			t.Errorf("%s is called %q", test.code, name)
		}
		id, _ := record["id"].(string)
		stored := row(t, s, "users", id)
		if stored["standing"] != "good" || stored["verified"] != "1" || stored["avatar"] != "" || stored["roles"] != "[]" {
			t.Errorf("%s: %v", test.code, stored)
		}
		again, _ := s.Want(signIn(test.code, nil), 200, "").JSON["record"].(map[string]any)
		if again["id"] != id {
			t.Errorf("%s came back as %v", test.code, again["id"])
		}
	}
	if all, people := s.Int("SELECT COUNT(*) FROM private_profiles"), s.Int("SELECT COUNT(*) FROM users"); all != people {
		t.Errorf("%d profiles for %d people", all, people)
	}
	gifted := s.Want(signIn("6", map[string]any{"roles": []string{"moderator"}, "standing": "warned", "username": "gifted"}), 200, "")
	record, _ := gifted.JSON["record"].(map[string]any)
	id, _ := record["id"].(string)
	if stored := row(t, s, "users", id); stored["roles"] != "[]" || stored["standing"] != "good" || stored["username"] != "gifted" {
		t.Errorf("signed up as %v", stored)
	}
	for range 3 {
		s.Want(signIn("5", map[string]any{"username": "ada"}), 400, "username_taken")
	}
	for range 2 {
		s.Want(signIn("5", map[string]any{"username": "no spaces"}), 400, "username_invalid")
	}
	s.Want(signIn("5", nil), 429, "rate_limited") // every refused attempt has counted
	if n := s.Int("SELECT COUNT(*) FROM users WHERE email = 'z@example.org'"); n != 0 {
		t.Error("a refused sign-up left somebody")
	}
}
