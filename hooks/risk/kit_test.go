package risk_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/risk"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

const (
	ada, bola, chidi, dayo, emeka, fatima, musa, guest, admin = apptest.Ada, apptest.Bola, apptest.Chidi, apptest.Dayo, apptest.Emeka, apptest.Fatima, apptest.Musa, apptest.Guest, apptest.Admin

	clustersPath = "/api/lingualink/risk-clusters/"
	refreshPath  = "/api/collections/users/auth-refresh"
)

func TestMain(m *testing.M) { apptest.Main(m) }

// office is a server where people are looked at.
type office struct {
	*hookstest.Server
	t testing.TB
}

func open(t testing.TB) *office {
	t.Helper()
	return &office{Server: hookstest.Start(t, "LL_PEPPER=0123456789abcdef0123456789abcdef"), t: t}
}

// seen signs a person's session on from a device and an address.
func (o *office) seen(who, device, address string) {
	o.t.Helper()
	request := httptest.NewRequest("POST", refreshPath, nil)
	request.RemoteAddr = address + ":4711"
	headers := []string{}
	if device != "" {
		headers = append(headers, risk.DeviceHeader+": "+device)
	}
	o.Want(o.Send(who, request, headers...), 200, "")
}

// shareDevice has people use one phone, each from an address of their own, and
// waits for what follows.
func (o *office) shareDevice(device string, who ...string) {
	o.t.Helper()
	for i, name := range who {
		o.seen(name, device, fmt.Sprintf("10.0.%d.%d", len(device)%200, i+1))
	}
	o.Drain()
}

func (o *office) id(who string) string { return o.User(who).Id }

func (o *office) ids(who ...string) []string {
	list := make([]string, len(who))
	for i, name := range who {
		list[i] = o.id(name)
	}
	return list
}

// crowd makes people by SQL; nobody needs their passwords.
func (o *office) crowd(n int) []string {
	o.t.Helper()
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("person%03d", i)
		o.run(`INSERT INTO users (id, username, username_key, email, password, tokenKey, standing, roles, languages, badges, created, updated, verified, emailVisibility, name, bio, country, avatar)
			SELECT {:id}, {:name}, {:name}, {:name} || '@crowd.test', password, {:id} || tokenKey, 'good', '[]', languages, '[]', {:now}, {:now}, 1, 0, '', '', '', ''
			FROM users WHERE username = 'ada'`,
			dbx.Params{"id": shell.NewID(), "name": names[i], "now": shell.Stamp(o.Deps.Clock.Now())})
	}
	return names
}

func (o *office) run(query string, params dbx.Params) {
	o.t.Helper()
	if _, err := shell.Exec(o.App, query, params); err != nil {
		o.t.Fatalf("%s: %v", query, err)
	}
}

func (o *office) look(who ...string) {
	o.t.Helper()
	if err := risk.LookNow(o.App, o.ids(who...)...); err != nil {
		o.t.Fatal(err)
	}
	o.Drain()
}

func (o *office) sweep(id string) {
	o.t.Helper()
	if err := risk.Sweep(o.App, id); err != nil {
		o.t.Fatal(err)
	}
	o.Drain()
}

// clusters are the stored ones as "act state: people", in order.
func (o *office) clusters() string {
	o.t.Helper()
	rows := []struct {
		Act    string `db:"act"`
		State  string `db:"state"`
		People string `db:"people"`
	}{}
	if err := o.App.DB().NewQuery(`
		SELECT act, state, (SELECT group_concat(username, ' ') FROM (SELECT u.username FROM json_each(c.people) p JOIN users u ON u.id = p.value ORDER BY u.username)) AS people
		FROM risk_clusters c ORDER BY created, rowid`).All(&rows); err != nil {
		o.t.Fatal(err)
	}
	lines := make([]string, len(rows))
	for i, row := range rows {
		lines[i] = row.Act + " " + row.State + ": " + row.People
	}
	return strings.Join(lines, "\n")
}

func (o *office) wantClusters(want ...string) {
	o.t.Helper()
	if got := o.clusters(); got != strings.Join(want, "\n") {
		o.t.Errorf("the clusters are\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

// cluster is the id of the only open cluster.
func (o *office) cluster() string {
	o.t.Helper()
	if n := o.Int("SELECT COUNT(*) FROM risk_clusters WHERE state = 'open'"); n != 1 {
		o.t.Fatalf("%d clusters are open:\n%s", n, o.clusters())
	}
	return o.Text("SELECT id FROM risk_clusters WHERE state = 'open'", nil)
}

// frozen are those whose money waits.
func (o *office) frozen() string {
	o.t.Helper()
	return o.Text("SELECT COALESCE(group_concat(username, ' '), '') FROM (SELECT u.username FROM freezes f JOIN users u ON u.id = f.user WHERE f.state = 'frozen' ORDER BY u.username)", nil)
}

func (o *office) wantFrozen(who ...string) {
	o.t.Helper()
	if got := o.frozen(); got != strings.Join(who, " ") {
		o.t.Errorf("frozen are %q, want %q", got, who)
	}
	for _, name := range []string{ada, bola, chidi, dayo, emeka, fatima} {
		frozen, err := risk.Frozen(o.App, o.id(name))
		if err != nil || frozen != strings.Contains(" "+strings.Join(who, " ")+" ", " "+name+" ") {
			o.t.Errorf("%s is frozen: %t, %v", name, frozen, err)
		}
	}
}

// told counts what a person was told.
func (o *office) told(who, kind string) int64 {
	o.t.Helper()
	o.Drain()
	return o.Int("SELECT COUNT(*) FROM notifications WHERE user = {:user} AND kind = {:kind}", dbx.Params{"user": o.id(who), "kind": kind})
}

// everything that looks write, to be compared.
func (o *office) everything() string {
	o.t.Helper()
	all := map[string][]dbx.NullStringMap{}
	for _, table := range []string{"risk_clusters", "freezes", "risk_flags", "relations", "cleared_pairs", "notifications", "audit_log", "alerts", "appeals"} {
		rows := []dbx.NullStringMap{}
		if err := o.App.DB().NewQuery("SELECT * FROM " + table + " ORDER BY id").All(&rows); err != nil {
			o.t.Fatal(err)
		}
		all[table] = rows
	}
	text, err := json.Marshal(all)
	if err != nil {
		o.t.Fatal(err)
	}
	return string(text)
}

func (o *office) decide(who, cluster, outcome, reason string, spare ...string) apptest.Answer {
	o.t.Helper()
	body := map[string]any{"outcome": outcome, "reason": reason}
	if len(spare) > 0 {
		body["spare"] = spare
	}
	return o.Do(who, "POST", clustersPath+cluster+"/decide", body)
}

// approves plants what the votes of one person say about another's clips.
func (o *office) approves(validator, owner string, z float64) {
	o.t.Helper()
	o.run(`INSERT INTO owner_signals (id, validator, owner, language, clips, approvals, expected, variance, z, updated)
		VALUES ({:id}, {:v}, {:o}, {:l}, 40, 40, 20, 1, {:z}, {:now}) ON CONFLICT (validator, owner, language) DO UPDATE SET z = {:z}, updated = {:now}`,
		dbx.Params{"id": shell.NewID(), "v": o.id(validator), "o": o.id(owner), "l": o.Language("ha"), "z": z, "now": shell.Stamp(o.Deps.Clock.Now())})
}

// brought plants that one person brought another.
func (o *office) brought(referrer, referred string) {
	o.t.Helper()
	now := shell.Stamp(o.Deps.Clock.Now())
	o.Insert("referrals", dbx.Params{"id": shell.NewID(), "referred": o.id(referred), "referrer": o.id(referrer), "code": "", "state": "invited", "created": now, "updated": now})
}

// claimed plants a use of a referrer's code.
func (o *office) claimed(who, referrer, outcome, via string, at time.Time) {
	o.t.Helper()
	o.Insert("referral_claims", dbx.Params{"id": shell.NewID(), "user": o.id(who), "referrer": o.id(referrer), "code": "code" + o.id(referrer)[:11],
		"outcome": outcome, "via": via, "created": shell.Stamp(at)})
}

// paidInto plants a bank account.
func (o *office) paidInto(who, recipient, fingerprint, digests string, at time.Time) {
	o.t.Helper()
	now := shell.Stamp(at)
	o.Insert("payout_accounts", dbx.Params{"id": shell.NewID(), "user": o.id(who), "currency": "NGN", "country": "NG", "type": "nuban", "bank_code": "058",
		"last4": "6789", "name_match": "match", "name_digests": digests, "recipient_code": recipient, "fingerprint": fingerprint, "status": "replaced", "created": now, "updated": now})
}

// person makes another admin who is a user, and returns the header that signs
// them in.
func (o *office) person(email, user string) string {
	o.t.Helper()
	collection, err := o.App.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		o.t.Fatal(err)
	}
	record := core.NewRecord(collection)
	record.SetEmail(email)
	record.SetPassword(apptest.Password)
	record.Set("person", o.id(user))
	if err := o.App.Save(record); err != nil {
		o.t.Fatal(err)
	}
	token, err := record.NewAuthToken()
	if err != nil {
		o.t.Fatal(err)
	}
	return "Authorization: " + token
}

// links compares who is linked to whom.
func (o *office) wantCircle(who string, others ...string) {
	o.t.Helper()
	circle, err := risk.Circle(o.App, o.id(who))
	if err != nil {
		o.t.Fatal(err)
	}
	want := map[string]bool{}
	for _, id := range o.ids(others...) {
		want[id] = true
	}
	for _, id := range circle {
		if !want[id] {
			o.t.Errorf("%s is in the circle of %s", o.Text("SELECT username FROM users WHERE id = {:id}", dbx.Params{"id": id}), who)
		}
		delete(want, id)
	}
	if len(want) > 0 {
		o.t.Errorf("the circle of %s lacks %v", who, want)
	}
}
