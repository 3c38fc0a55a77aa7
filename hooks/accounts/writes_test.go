package accounts_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

// ownerWrites is what a person may change of a row of their own, and which
// columns follow from it. Everything else in these tables is the server's.
var ownerWrites = map[string]map[string][]string{
	"users": {
		"username": {"username", "username_key"}, "name": {"name"}, "bio": {"bio"}, "country": {"country"},
		"languages": {"languages"}, "avatar": nil, // a file, not a text
		"password": nil, // needs the old one
	},
	"private_profiles": {
		"legal_name": {"legal_name"}, "phone": {"phone"}, "birth_year": {"birth_year"}, "region": {"region", "region_key"},
		"city": {"city"}, "time_zone": {"time_zone"}, "interface_language": {"interface_language"},
		"off_leaderboards": {"off_leaderboards"},
	},
	"consents": {}, "blocks": {}, "confirmations": {}, "relations": {},
}

// hostile is a valid value of the field that the row does not have.
func hostile(field core.Field, other string) any {
	switch typed := field.(type) {
	case *core.BoolField:
		return true
	case *core.NumberField:
		return 1999
	case *core.DateField, *core.AutodateField:
		return "2031-01-01 00:00:00.000Z"
	case *core.SelectField:
		return typed.Values[len(typed.Values)-1]
	case *core.RelationField:
		return other
	case *core.EmailField:
		return "hostile@example.org"
	}
	switch field.GetName() {
	case "id":
		return "hostile00000001"
	case "country":
		return "NG"
	case "phone":
		return "+2348012345678"
	case "time_zone":
		return "Africa/Lagos"
	case "interface_language":
		return "ha"
	}
	return "hostilehostilehostilehostilehostile"[:20]
}

// rows makes one row of Ada's per table and returns their ids.
func rows(t testing.TB, s *hookstest.Server) map[string]string {
	t.Helper()
	ada, bola := s.User(apptest.Ada).Id, s.User(apptest.Bola).Id
	block := s.Want(s.Do(apptest.Ada, "POST", blocksPath, map[string]any{"blocked": bola}), 200, "")
	consent := s.Want(s.Do(apptest.Ada, "POST", consentsPath, map[string]any{"version": "1"}), 200, "")
	confirmed(t, s, apptest.Ada)
	exec(t, s, "INSERT INTO relations (id, a, b, kind) VALUES ('relation0000001', {:a}, {:b}, 'device')", dbx.Params{"a": ada, "b": bola})
	return map[string]string{
		"users": ada, "blocks": block.Text("id"), "consents": consent.Text("id"), "relations": "relation0000001",
		"private_profiles": s.Text("SELECT id FROM private_profiles WHERE user = {:ada}", dbx.Params{"ada": ada}),
		"confirmations":    s.Text("SELECT id FROM confirmations", nil),
	}
}

func fieldsOf(t testing.TB, s *hookstest.Server, table string) core.FieldsList {
	t.Helper()
	collection, err := s.App.FindCollectionByNameOrId(table)
	if err != nil {
		t.Fatal(err)
	}
	return collection.Fields
}

func TestNobodyChangesTheServersFields(t *testing.T) {
	s := hookstest.Start(t, "LL_RATE_LIMITS=off")
	stored := rows(t, s)
	others := map[bool]string{false: s.User(apptest.Chidi).Id, true: s.Language("ig")}
	for table, writable := range ownerWrites {
		id := stored[table]
		for _, field := range fieldsOf(t, s, table) {
			for _, who := range []string{apptest.Guest, apptest.Bola, apptest.Musa, apptest.Ada} {
				for _, modifier := range []string{"", "+", "-"} {
					name := field.GetName()
					before := row(t, s, table, id)
					answer := s.Do(who, "PATCH", "/api/collections/"+table+"/records/"+id,
						map[string]any{name + modifier: hostile(field, others[name == "languages"])})
					after := row(t, s, table, id)
					allowed := []string{"updated"}
					if who == apptest.Ada {
						allowed = append(allowed, writable[name]...)
					}
					changed := []string{}
					for column := range before {
						if before[column] != after[column] {
							changed = append(changed, column)
						}
					}
					for _, column := range changed {
						if !slices.Contains(allowed, column) {
							t.Errorf("%q changed %s.%s by %s%s: %q to %q (%d)", who, table, column, name, modifier, before[column], after[column], answer.Status)
						}
					}
					if who != apptest.Ada && (answer.Status < 400 || len(changed) > 0) {
						t.Errorf("%q patched %s: %d, changed %v", who, table, answer.Status, changed)
					}
					if who == apptest.Ada && modifier == "" && len(writable[name]) > 0 && !slices.Contains(changed, writable[name][0]) {
						t.Errorf("Ada could not change her %s.%s: %s", table, name, answer.Raw)
					}
				}
			}
		}
	}
}

func TestSuperusersChangeNoServerTable(t *testing.T) {
	s := hookstest.Start(t)
	stored := rows(t, s)
	for _, table := range []string{"private_profiles", "consents", "blocks", "confirmations"} {
		for _, field := range fieldsOf(t, s, table) {
			before := row(t, s, table, stored[table])
			body := map[string]any{field.GetName(): hostile(field, s.User(apptest.Chidi).Id)}
			s.Want(s.Do(apptest.Admin, "PATCH", "/api/collections/"+table+"/records/"+stored[table], body), 403, "server_owned")
			s.Want(s.Do(apptest.Admin, "POST", "/api/collections/"+table+"/records", body), 403, "server_owned")
			if after := row(t, s, table, stored[table]); !maps.Equal(before, after) {
				t.Errorf("%s.%s: %v became %v", table, field.GetName(), before, after)
			}
		}
	}
}

func TestNobodyRemovesRows(t *testing.T) {
	s := hookstest.Start(t)
	stored := rows(t, s)
	for table, id := range stored {
		for _, who := range []string{apptest.Guest, apptest.Bola, apptest.Musa, apptest.Ada, apptest.Admin} {
			removable := table == "blocks" && (who == apptest.Ada || who == apptest.Admin) || table == "relations" && who == apptest.Admin
			if removable {
				continue
			}
			answer := s.Do(who, "DELETE", "/api/collections/"+table+"/records/"+id, nil)
			if answer.Status < 400 {
				t.Errorf("%q removed from %s: %d", who, table, answer.Status)
			}
			row(t, s, table, id)
		}
	}
	s.Want(s.Do(apptest.Ada, "DELETE", blocksPath+"/"+stored["blocks"], nil), 204, "")
}

// A sign-up that also sends a field of the server's is refused, or the field
// has no effect.
func TestSignUpSetsNoServerFields(t *testing.T) {
	s := hookstest.Start(t, "LL_RATE_LIMITS=off")
	for _, field := range fieldsOf(t, s, "users") {
		name := field.GetName()
		if slices.Contains([]string{"id", "username", "name", "bio", "country", "languages", "email", "password", "avatar"}, name) {
			continue
		}
		for _, who := range []string{apptest.Guest, apptest.Musa} {
			id := shell.NewID()
			body := someone("user."+id, id+"@example.org")
			body["id"] = id
			value := hostile(field, id)
			body[name] = value
			answer := s.Do(who, "POST", usersPath, body)
			if answer.Status >= 400 {
				continue
			}
			stored := row(t, s, "users", id)
			if stored[name] == value || stored["emailVisibility"] != "0" || stored["verified"] != "0" ||
				stored["standing"] != "good" || stored["roles"] != "[]" {
				t.Errorf("%q signed up with %s: %v", who, name, stored)
			}
		}
	}
}

func TestNobodyMakesServerRows(t *testing.T) {
	s := hookstest.Start(t)
	ada, bola := s.User(apptest.Ada).Id, s.User(apptest.Bola).Id
	for table, body := range map[string]map[string]any{
		"private_profiles": {"user": ada, "legal_name": "x"},
		"confirmations":    {"user": ada, "purpose": "payout_account", "token_hash": "x", "expires_at": "2031-01-01 00:00:00.000Z"},
		"relations":        {"a": ada, "b": bola, "kind": "device"},
	} {
		before := s.Int("SELECT COUNT(*) FROM " + table)
		for _, who := range []string{apptest.Guest, apptest.Ada, apptest.Musa} {
			if answer := s.Do(who, "POST", "/api/collections/"+table+"/records", body); answer.Status < 400 {
				t.Errorf("%q made a row of %s", who, table)
			}
		}
		if s.Int("SELECT COUNT(*) FROM "+table) != before {
			t.Errorf("%s has grown", table)
		}
	}
	for path, body := range map[string]map[string]any{
		blocksPath:   {"user": bola, "blocked": s.User(apptest.Chidi).Id},
		consentsPath: {"user": bola, "version": "1"},
	} {
		s.Want(s.Do(apptest.Ada, "POST", path, body), 400, "server_field")
		body["user"] = ada
		s.Want(s.Do(apptest.Ada, "POST", path, body), 200, "")
		if answer := s.Do(apptest.Guest, "POST", path, body); answer.Status < 400 {
			t.Errorf("a guest made %s", answer.Raw)
		}
	}
	s.Want(s.Do(apptest.Chidi, "POST", consentsPath, map[string]any{"version": "1", "withdrawn_at": "2031-01-01 00:00:00.000Z"}), 400, "server_field")
	s.Want(s.Do(apptest.Chidi, "POST", blocksPath, map[string]any{"blocked": bola, "created": "2001-01-01 00:00:00.000Z"}), 200, "")
	if n := s.Int("SELECT COUNT(*) FROM blocks WHERE created < '2002'"); n != 0 {
		t.Error("a client chose the time")
	}
}

func TestNobodyReadsWhatIsPrivate(t *testing.T) {
	s := hookstest.Start(t)
	stored := rows(t, s)
	for _, table := range []string{"private_profiles", "consents", "blocks", "confirmations", "relations"} {
		for _, who := range []string{apptest.Guest, apptest.Bola, apptest.Musa, apptest.Ada} {
			visible := who == apptest.Ada && table != "confirmations" && table != "relations"
			view := s.Do(who, "GET", "/api/collections/"+table+"/records/"+stored[table], nil)
			list := s.Do(who, "GET", "/api/collections/"+table+"/records", nil)
			listed := false
			for _, item := range list.Items("items") {
				listed = listed || item["id"] == stored[table]
			}
			if (view.Status == 200) != visible || listed != visible {
				t.Errorf("%q and %s: view %d, listed %v, want %v", who, table, view.Status, listed, visible)
			}
		}
	}
}
