package accounts_test

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/tools/subscriptions"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/internal/apptest"
)

var (
	publicCard = []string{"avatar", "badges", "bio", "collectionId", "collectionName", "country", "id", "languages", "name", "username"}
	ownCard    = sorted(publicCard, "created", "email", "roles", "standing", "updated", "verified")
	adminCard  = sorted(ownCard, "emailVisibility", "username_key")
)

func sorted(names []string, more ...string) []string {
	return slices.Sorted(slices.Values(append(slices.Clone(names), more...)))
}

func names(record map[string]any) []string { return slices.Sorted(maps.Keys(record)) }

func TestWhoSeesWhatOfAPerson(t *testing.T) {
	s := hookstest.Start(t)
	ada := s.User(apptest.Ada).Id
	for _, test := range []struct {
		who  string
		want []string
	}{
		{apptest.Guest, nil},
		{apptest.Bola, publicCard},
		{apptest.Musa, publicCard}, // moderators see cases, not addresses
		{apptest.Ada, ownCard},
		{apptest.Admin, adminCard},
	} {
		view := s.Do(test.who, "GET", usersPath+"/"+ada, nil)
		if test.want == nil {
			s.Want(view, 404, "")
		} else if got := names(s.Want(view, 200, "").JSON); !slices.Equal(got, test.want) {
			t.Errorf("%s views %v\nwant %v", test.who, got, test.want)
		}
		list := s.Want(s.Do(test.who, "GET", usersPath+"?filter="+url.QueryEscape(`username = "ada"`), nil), 200, "")
		if test.want == nil && len(list.Items("items")) != 0 {
			t.Errorf("%q lists %s", test.who, list.Raw)
		}
		for _, item := range list.Items("items") {
			if !slices.Equal(names(item), test.want) {
				t.Errorf("%s lists %v\nwant %v", test.who, names(item), test.want)
			}
		}
		// fields= asks for what is hidden, too.
		asked := s.Do(test.who, "GET", usersPath+"/"+ada+"?fields=*,email,standing,tokenKey,password", nil)
		if test.want != nil && !slices.Equal(names(asked.JSON), test.want) {
			t.Errorf("%s asks for %v", test.who, names(asked.JSON))
		}
	}
}

func TestSigningInShowsTheOwnCard(t *testing.T) {
	s := hookstest.Start(t)
	answer := s.Want(s.Do(apptest.Guest, "POST", "/api/collections/users/auth-with-password",
		map[string]any{"identity": "ada@lingualink.test", "password": apptest.Password}), 200, "")
	record, _ := answer.JSON["record"].(map[string]any)
	if !slices.Equal(names(record), ownCard) {
		t.Errorf("got %v", names(record))
	}
	fresh := s.Want(s.Do(apptest.Ada, "POST", "/api/collections/users/auth-refresh", nil), 200, "")
	record, _ = fresh.JSON["record"].(map[string]any)
	if !slices.Equal(names(record), ownCard) {
		t.Errorf("got %v", names(record))
	}
	signUp := s.Want(s.Do(apptest.Guest, "POST", usersPath, someone("ngozi", "ngozi@example.org")), 200, "")
	if !slices.Equal(names(signUp.JSON), publicCard) {
		t.Errorf("got %v", names(signUp.JSON))
	}
}

func TestExpandShowsThePublicCard(t *testing.T) {
	s := hookstest.Start(t)
	ada := s.User(apptest.Ada).Id
	block := s.Want(s.Do(apptest.Bola, "POST", blocksPath+"?expand=blocked,user", map[string]any{"blocked": ada}), 200, "")
	for name, answer := range map[string]apptest.Answer{
		"create":        block,
		"view":          s.Do(apptest.Bola, "GET", blocksPath+"/"+block.Text("id")+"?expand=blocked,user", nil),
		"back-relation": s.Do(apptest.Bola, "GET", usersPath+"/"+s.User(apptest.Bola).Id+"?expand=blocks_via_user.blocked", nil),
	} {
		s.Want(answer, 200, "")
		holder := answer.JSON
		if name == "back-relation" {
			expand, _ := holder["expand"].(map[string]any)
			list, _ := expand["blocks_via_user"].([]any)
			holder, _ = list[0].(map[string]any)
		}
		expand, _ := holder["expand"].(map[string]any)
		blocked, _ := expand["blocked"].(map[string]any)
		if !slices.Equal(names(blocked), publicCard) {
			t.Errorf("%s: expanded %v\n%s", name, names(blocked), answer.Raw)
		}
		if self, ok := expand["user"].(map[string]any); ok && !slices.Equal(names(self), ownCard) {
			t.Errorf("%s: oneself is %v", name, names(self))
		}
	}
	// What belongs to somebody else is not reached through them.
	hidden := s.Want(s.Do(apptest.Bola, "GET", usersPath+"/"+ada+
		"?expand=private_profiles_via_user,consents_via_user,blocks_via_blocked,blocks_via_user,confirmations_via_user,relations_via_a", nil), 200, "")
	if expand, ok := hidden.JSON["expand"].(map[string]any); ok {
		for name := range expand {
			if name != "blocks_via_blocked" { // Bola's own block of her
				t.Errorf("reached %s: %s", name, hidden.Raw)
			}
		}
	}
}

// Each question is put twice, with the private value changed in between. An
// answer that is not refused must be the same.
func TestNobodySearchesByWhatIsPrivate(t *testing.T) {
	s := hookstest.Start(t)
	ada := s.User(apptest.Ada).Id
	private := []struct{ path, column, table, low, high string }{
		{"email", "email", "users", "1a@example.org", "zz@example.org"},
		{"emailVisibility", "emailVisibility", "users", "0", "1"},
		{"verified", "verified", "users", "0", "1"},
		{"standing", "standing", "users", "good", "warned"},
		{"roles", "roles", "users", "[]", `["moderator"]`},
		{"username_key", "username_key", "users", "ada", "zzz"},
		{"tokenKey", "tokenKey", "users", strings.Repeat("a", 40), strings.Repeat("z", 40)},
		{"created", "created", "users", "2001-01-01 00:00:00.000Z", "2031-01-01 00:00:00.000Z"},
		{"updated", "updated", "users", "2001-01-01 00:00:00.000Z", "2031-01-01 00:00:00.000Z"},
		{"private_profiles_via_user.phone", "phone", "private_profiles", "+2340000000", "+9990000000"},
		{"private_profiles_via_user.birth_year", "birth_year", "private_profiles", "1901", "2099"},
		{"private_profiles_via_user.legal_name", "legal_name", "private_profiles", "Aa", "Zz"},
	}
	list := func(who, query string) apptest.Answer { return s.Do(who, "GET", usersPath+"?"+query, nil) }
	// Bola finds herself, so that PocketBase does not slow down empty answers.
	filter := func(text string) string {
		return "filter=" + url.QueryEscape("("+text+") || id = '"+s.User(apptest.Bola).Id+"'")
	}
	for _, field := range private {
		key := map[bool]string{true: "id", false: "user"}[field.table == "users"]
		params := dbx.Params{"ada": ada}
		before := s.Text("SELECT [["+field.column+"]] FROM "+field.table+" WHERE "+key+" = {:ada}", params)
		write := func(value string) {
			exec(t, s, "UPDATE "+field.table+" SET [["+field.column+"]] = {:value} WHERE "+key+" = {:ada}", params, dbx.Params{"value": value})
		}
		for _, query := range []string{
			filter(field.path + " != ''"),
			filter(field.path + " = '" + field.high + "'"),
			filter(field.path + " ?~ '" + field.high[:1] + "'"),
			filter(field.path + " > '" + field.low + "' || " + field.path + ":lower = 'x'"),
			filter("id = '" + ada + "' && (" + field.path + ":length > 3)"),
			filter("geoDistance(" + field.path + ", 0, 0, 0) > 50"),
			filter("strftime('%Y', " + field.path + ") > '2020'"),
			filter("username != '' && 'b' < " + field.path),
			"sort=" + field.path, "sort=-" + field.path, "sort=username,%20-" + field.path, "sort=" + field.path + ":lower",
		} {
			write(field.low)
			low := list(apptest.Bola, query)
			write(field.high)
			high := list(apptest.Bola, query)
			write(before)
			if low.Status >= 400 && high.Status == low.Status {
				continue
			}
			if low.Status != high.Status || ids(low) != ids(high) {
				t.Errorf("Bola tells Ada apart by %s:\n%s\n%s", query, low.Raw, high.Raw)
			}
		}
	}
	s.Want(list(apptest.Admin, "filter="+url.QueryEscape("email = 'ada@lingualink.test'")+"&sort=email"), 200, "")
	s.Want(list(apptest.Bola, "filter="+url.QueryEscape("name != 'email' && bio !~ 'my email'")), 200, "")
}

func TestNobodySearchesByAddressThroughARelation(t *testing.T) {
	s := hookstest.Start(t)
	bola := s.User(apptest.Bola).Id
	for _, who := range []string{apptest.Ada, apptest.Chidi} {
		s.Want(s.Do(apptest.Bola, "POST", blocksPath, map[string]any{"blocked": s.User(who).Id}), 200, "")
	}
	list := func(query string) apptest.Answer { return s.Do(apptest.Bola, "GET", blocksPath+"?"+query, nil) }
	for _, sort := range []string{"blocked.email", "-blocked.email", "id,+blocked.email:lower", "user.blocks_via_user.blocked.email"} {
		s.Want(list("sort="+url.QueryEscape(sort)), 400, "invalid_input")
	}
	for _, filter := range []string{
		"user.blocks_via_user.blocked.email ?= 'ada@lingualink.test'", "user.blocks_via_user.blocked.email != 'x'",
		"// \"\nuser.blocks_via_user.id = '' // \"",
	} {
		s.Want(list("filter="+url.QueryEscape(filter)), 400, "invalid_input")
	}
	for _, filter := range []string{
		"blocked.email > 'a'", "blocked.email != 'x'", "blocked.email:lower ~ 'ada'", "'ada@lingualink.test' = blocked.email",
		"geoDistance(blocked.email, 1, 1, 1) > 0", "strftime('%s', blocked.email) > '0'",
	} {
		answer := s.Want(list("filter="+url.QueryEscape(filter)), 200, "")
		if n := len(answer.Items("items")); n != 0 {
			t.Errorf("%s finds %d", filter, n)
		}
	}
	s.Want(list("sort=user.username,blocked.name&filter="+url.QueryEscape("user = '"+bola+"'")), 200, "")
}

func TestRealtimeShowsThePublicCard(t *testing.T) {
	s := hookstest.Start(t)
	ada := s.User(apptest.Ada)
	for _, test := range []struct {
		who  string
		want []string
	}{{apptest.Ada, ownCard}, {apptest.Bola, publicCard}, {apptest.Musa, publicCard}} {
		client := subscriptions.NewDefaultClient()
		client.Set(apis.RealtimeClientAuthKey, s.User(test.who))
		client.Subscribe("users/*")
		s.App.SubscriptionsBroker().Register(client)
		s.Want(s.Do(apptest.Ada, "PATCH", usersPath+"/"+ada.Id, map[string]any{"bio": "Hello " + test.who}), 200, "")
		message := <-client.Channel()
		s.App.SubscriptionsBroker().Unregister(client.Id())
		var data struct{ Record map[string]any }
		if err := json.Unmarshal(message.Data, &data); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(names(data.Record), test.want) {
			t.Errorf("%s hears %v", test.who, names(data.Record))
		}
	}
	// A guest hears nothing: the broadcast to her is decided within the request.
	guest := subscriptions.NewDefaultClient()
	guest.Subscribe("users/*", "users/"+ada.Id)
	s.App.SubscriptionsBroker().Register(guest)
	bola := subscriptions.NewDefaultClient()
	bola.Set(apis.RealtimeClientAuthKey, s.User(apptest.Bola))
	bola.Subscribe("users/*")
	s.App.SubscriptionsBroker().Register(bola)
	s.Want(s.Do(apptest.Ada, "PATCH", usersPath+"/"+ada.Id, map[string]any{"bio": "Last"}), 200, "")
	<-bola.Channel()
	select {
	case message := <-guest.Channel():
		t.Errorf("a guest heard %s", message.Data)
	default:
	}
}

// ids are the records of a list in their order.
func ids(answer apptest.Answer) string {
	all := []string{}
	for _, item := range answer.Items("items") {
		id, _ := item["id"].(string)
		all = append(all, id)
	}
	return strings.Join(all, " ")
}
