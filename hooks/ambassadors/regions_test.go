package ambassadors_test

import (
	"strings"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/ambassadors"
	"github.com/lingualink/lingualink/hooks/shell"
)

func TestRegionKey(t *testing.T) {
	for _, c := range []struct{ country, region, want string }{
		{"NG", "Kano", "NG:kano"},
		{"NG", " KANO  state ", "NG:kano"},
		{"NG", "Ọ̀yọ́ State", "NG:oyo"},
		{"NG", "Oyo-State", "NG:oyo"},
		{"NG", "State of Oyo", "NG:ofoyo"},
		{"NG", "Akwa Ibom", "NG:akwaibom"},
		{"NG", "Akwa-Ibom", "NG:akwaibom"},
		{"NG", "AkwaIbom", "NG:akwaibom"},
		{"NG", "Estate", "NG:estate"},
		{"GH", "Kano", "GH:kano"},
		{"ET", "አማራ", "ET:አማራ"},
		{"EG", "القاهِرة", "EG:القاهرة"},
		{"NG", "", ""},
		{"NG", "State", ""},
		{"NG", " - ", ""},
		{"", "Kano", ""},
		{"NG", strings.Repeat("ﷺ", 80), "NG:" + strings.Repeat("صلىاللهعليهوسلم", 6)[:160]},
	} {
		if got := ambassadors.RegionKey(c.country, c.region); got != c.want {
			t.Errorf("%q %q: %q, want %q", c.country, c.region, got, c.want)
		}
	}
}

func (o *office) regionKey(who string) string {
	o.t.Helper()
	return o.Text("SELECT region_key FROM private_profiles WHERE user = {:id}", o.id(who))
}

func (o *office) profile(who string) string {
	o.t.Helper()
	return "/api/collections/private_profiles/records/" + o.Text("SELECT id FROM private_profiles WHERE user = {:id}", o.id(who))
}

func TestTheKeyFollowsThePerson(t *testing.T) {
	o := open(t)
	card := "/api/collections/users/records/" + o.User(ada).Id
	if o.regionKey(ada) != "" {
		t.Fatal("a key without a region")
	}
	o.Want(o.Do(ada, "PATCH", o.profile(ada), map[string]any{"region": "Kano State"}), 200, "")
	if o.regionKey(ada) != "" {
		t.Errorf("a key without a country: %q", o.regionKey(ada))
	}
	o.Want(o.Do(ada, "PATCH", card, map[string]any{"country": "NG"}), 200, "")
	if o.regionKey(ada) != "NG:kano" {
		t.Errorf("with the country %q", o.regionKey(ada))
	}
	stale, err := o.App.FindFirstRecordByData("private_profiles", "user", o.User(ada).Id)
	if err != nil {
		t.Fatal(err)
	}
	o.Want(o.Do(ada, "PATCH", card, map[string]any{"country": "GH", "bio": "I moved."}), 200, "")
	if o.regionKey(ada) != "GH:kano" {
		t.Errorf("after moving %q", o.regionKey(ada))
	}
	stale.Set("city", "Accra") // loaded before she moved
	if err := o.App.Save(stale); err != nil {
		t.Fatal(err)
	}
	if o.regionKey(ada) != "GH:kano" {
		t.Errorf("an old record brought back %q", o.regionKey(ada))
	}
	o.Want(o.Do(ada, "PATCH", o.profile(ada), map[string]any{"region": ""}), 200, "")
	if o.regionKey(ada) != "" {
		t.Errorf("without a region %q", o.regionKey(ada))
	}
	o.Do(ada, "PATCH", o.profile(ada), map[string]any{"region_key": "NG:kano"})
	if o.regionKey(ada) != "" {
		t.Errorf("she wrote %q", o.regionKey(ada))
	}
	if answer := o.Do(ada, "GET", o.profile(ada), nil); answer.JSON["region_key"] != nil {
		t.Errorf("she reads the key: %s", answer.Raw)
	}
}

func TestMissingKeysAreFilled(t *testing.T) {
	o := open(t)
	people := o.many(ambassadors.RegionBatch + 3)
	o.exec("UPDATE private_profiles SET region = 'Kano' WHERE user IN (SELECT id FROM users WHERE country = 'NG')")
	o.exec("UPDATE private_profiles SET region_key = 'NG:old' WHERE user = {:id}", dbx.Params{"id": people[0]})
	o.exec("UPDATE private_profiles SET region_key = 'NG:gone' WHERE user = {:id}", o.id(ada)) // without a region
	if err := ambassadors.FillRegions(o.App); err != nil {
		t.Fatal(err)
	}
	if n := o.Int("SELECT COUNT(*) FROM private_profiles WHERE region_key = 'NG:kano'"); int(n) != len(people) {
		t.Errorf("%d of %d have the key", n, len(people))
	}
	if o.Int("SELECT COUNT(*) FROM private_profiles WHERE region_key NOT IN ('', 'NG:kano')") != 0 {
		t.Error("a wrong key stayed")
	}
}

// plans says how SQLite runs a query.
func (o *office) plan(query string, params dbx.Params) string {
	o.t.Helper()
	rows := []struct {
		Detail string `db:"detail"`
	}{}
	if err := o.App.NonconcurrentDB().NewQuery("EXPLAIN QUERY PLAN " + query).Bind(params).All(&rows); err != nil {
		o.t.Fatal(err)
	}
	plan := ""
	for _, row := range rows {
		plan += row.Detail + "\n"
	}
	return plan
}

// TestPlans: nothing reads a whole table, whatever SQLite knows about its size.
func TestPlans(t *testing.T) {
	o := open(t)
	queries := []struct {
		name, query string
		params      dbx.Params
		want        []string
	}{
		{"due months", ambassadors.DueQuery, dbx.Params{"month": "x", "batch": 1}, []string{"idx_ambassadors_due (ended_at=? AND next_month<?)"}},
		{"referrers", ambassadors.ReferrersQuery, dbx.Params{"after": "", "batch": 1}, []string{"idx_referrals_referrer (referrer>?)"}},
		{"activations", ambassadors.StayedQuery, dbx.Params{"referrers": "[]"}, []string{"idx_referrals_referrer (referrer=? AND state=?)", "idx_contributors_user (user=?)"}},
		{"brought", ambassadors.BroughtQuery, dbx.Params{"user": "x"}, []string{"idx_referrals_referrer (referrer=?)"}},
		{"figures", ambassadors.FiguresQuery, dbx.Params{"region": "x"}, []string{
			"idx_private_profiles_region (region_key=?)", "idx_validators_person (person=?)", "idx_contributors_user (user=?)", "idx_referrals_referred (referred=?)",
		}},
		{"newcomers", ambassadors.NewcomersQuery, dbx.Params{"region": "x", "since": "x"}, []string{"idx_private_profiles_region (region_key=?)", "idx_contributors_user (user=?)"}},
	}
	for i, statistics := range []string{"no statistics", "small"} {
		if i == 1 {
			for _, user := range o.many(200) {
				o.brings(user, shell.NewID(), "active", o.now(), o.now())
			}
			o.exec("UPDATE private_profiles SET region = 'Kano', region_key = 'NG:kano'")
			o.appoint(ada)
			o.exec("ANALYZE")
		}
		for _, q := range queries {
			plan := o.plan(q.query, q.params)
			for _, want := range q.want {
				if !strings.Contains(plan, want) {
					t.Errorf("%s, %s: no %q in\n%s", q.name, statistics, want, plan)
				}
			}
			for _, table := range []string{"private_profiles", "p", "users", "u", "v", "c", "r", "referrals", "a", "contributors"} {
				if strings.Contains(plan, "SCAN "+table+"\n") || strings.Contains(plan, "AUTOMATIC") {
					t.Errorf("%s, %s: reads all of %s\n%s", q.name, statistics, table, plan)
				}
			}
		}
	}
}
