package ambassadors_test

import (
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/ambassadors"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/referral"
)

const (
	ada, bola, chidi, dayo, emeka, fatima, musa, guest = apptest.Ada, apptest.Bola, apptest.Chidi, apptest.Dayo, apptest.Emeka, apptest.Fatima, apptest.Musa, apptest.Guest

	chief  = "chief@lingualink.test"  // the admin who is Fatima
	deputy = "deputy@lingualink.test" // the admin who is Musa

	applications = "/api/collections/ambassador_applications/records"
	decisions    = "/api/lingualink/ambassador_applications/"
	terms        = "/api/lingualink/ambassadors/"
	stipendMinor = 5_000_00
	day          = 24 * time.Hour
	forApproval  = "ambassador_approve"
	forTerms     = "ambassador_terms"
)

func TestMain(m *testing.M) { apptest.Main(m) }

// office is a server with two admins who are persons, on the tenth of a month.
type office struct {
	*hookstest.Server
	t testing.TB
}

func open(t testing.TB, environ ...string) *office {
	t.Helper()
	o := &office{hookstest.Start(t, environ...), t}
	o.admin(chief, fatima)
	o.admin(deputy, musa)
	o.turnTo(1, 10)
	return o
}

func (o *office) admin(email, person string) {
	o.t.Helper()
	collection, err := o.App.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		o.t.Fatal(err)
	}
	record := core.NewRecord(collection)
	record.SetEmail(email)
	record.SetPassword(apptest.Password)
	if person != "" {
		record.Set("person", o.User(person).Id)
	}
	if err := o.App.Save(record); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) now() time.Time { return o.Deps.Clock.Now() }

// turnTo turns the clock to noon of a day, so many months on.
func (o *office) turnTo(months, dayOfMonth int) {
	o.t.Helper()
	now := o.now()
	o.Advance(time.Date(now.Year(), now.Month()+time.Month(months), dayOfMonth, 12, 0, 0, 0, time.UTC).Sub(now))
}

// month is the name of a month from the present one.
func (o *office) month(ahead int) string {
	return referral.MonthName(referral.MonthStart(o.now()).AddDate(0, ahead, 0))
}

func (o *office) exec(query string, params ...dbx.Params) {
	o.t.Helper()
	all := dbx.Params{}
	for _, p := range params {
		for name, value := range p {
			all[name] = value
		}
	}
	if _, err := shell.Exec(o.App, query, all); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) id(who string) dbx.Params { return dbx.Params{"id": o.User(who).Id} }

func (o *office) standing(who, standing string) {
	o.t.Helper()
	err := o.App.RunInTransaction(func(tx core.App) error {
		return accounts.SetStanding(tx, o.User(who).Id, standing, "test", shell.System)
	})
	if err != nil {
		o.t.Fatal(err)
	}
	o.Forget(who)
}

// application is a body that is in order.
func application(change ...any) map[string]any {
	body := map[string]any{"country": "NG", "region": "Kano State", "motivation": "My friends speak Hausa.", "experience": "I teach."}
	for i := 0; i+1 < len(change); i += 2 {
		body[change[i].(string)] = change[i+1]
	}
	return body
}

func (o *office) apply(who string, change ...any) string {
	o.t.Helper()
	return o.Want(o.Do(who, "POST", applications, application(change...)), 200, "").Text("id")
}

// offer is a body of terms that is in order.
func (o *office) offer(change ...any) map[string]any {
	body := map[string]any{"stipend_minor": stipendMinor, "currency": "NGN", "campaign": o.GeneralCampaign()}
	for i := 0; i+1 < len(change); i += 2 {
		body[change[i].(string)] = change[i+1]
	}
	return body
}

func (o *office) confirmed(admin, purpose string) string {
	o.t.Helper()
	answer := o.Want(o.Do(admin, "POST", "/api/lingualink/confirm", map[string]any{"purpose": purpose, "password": apptest.Password}), 200, "")
	value, _ := answer.Data()["confirmation"].(string)
	return "X-Confirmation: " + value
}

func (o *office) approve(admin, application string, change ...any) apptest.Answer {
	o.t.Helper()
	return o.Do(admin, "POST", decisions+application+"/approve", o.offer(change...), o.confirmed(admin, forApproval))
}

// appoint makes somebody an ambassador and returns the row's id.
func (o *office) appoint(who string, change ...any) string {
	o.t.Helper()
	data := o.Want(o.approve(chief, o.apply(who), change...), 200, "").Data()
	id, _ := data["ambassador"].(string)
	return id
}

func (o *office) change(admin, ambassador string, version int, change ...any) apptest.Answer {
	o.t.Helper()
	body := o.offer(append([]any{"version", version, "reason", "We talked."}, change...)...)
	return o.Do(admin, "POST", terms+ambassador+"/terms", body, o.confirmed(admin, forTerms))
}

func (o *office) end(admin, ambassador string) apptest.Answer {
	o.t.Helper()
	return o.Do(admin, "POST", terms+ambassador+"/end", map[string]any{"reason": "We part."})
}

func (o *office) stipends() {
	o.t.Helper()
	if err := ambassadors.PostStipends(o.App, o.Deps); err != nil {
		o.t.Fatal(err)
	}
}

// paid are a person's stipends: month, amount, state and cut, in order of payment.
func (o *office) paid(who string) []string {
	o.t.Helper()
	var rows []string
	err := o.App.DB().NewQuery(`SELECT subject || ' ' || amount_minor || ' ' || state || CASE cut WHEN '' THEN '' ELSE ' ' || cut END || ' v' || policy_version
		FROM rewards WHERE user = {:id} AND rule = 'ambassador_stipend' ORDER BY seq`).Bind(o.id(who)).Column(&rows)
	if err != nil {
		o.t.Fatal(err)
	}
	return rows
}

// books fails the test if the ledger breaks a promise.
func (o *office) books() {
	o.t.Helper()
	report, err := ledger.Verify(o.App.DB())
	if err != nil || len(report.Findings) != 0 {
		o.t.Errorf("the ledger: %+v %v", report.Findings, err)
	}
	if report, err := shell.VerifyAudit(o.App.DB()); err != nil || report.Problem != "" {
		o.t.Errorf("the audit log: %+v %v", report, err)
	}
}

func (o *office) roles(who string) string {
	o.t.Helper()
	return o.Text("SELECT roles FROM users WHERE id = {:id}", o.id(who))
}

func (o *office) notices(who, kind string) int64 {
	o.t.Helper()
	o.Drain()
	return o.Int("SELECT COUNT(*) FROM notifications WHERE user = {:id} AND kind = {:kind}", o.id(who), dbx.Params{"kind": kind})
}

// together runs functions at one moment and returns when all are done.
func together(functions ...func()) {
	start := make(chan struct{})
	var done sync.WaitGroup
	for _, fn := range functions {
		done.Go(func() {
			<-start
			fn()
		})
	}
	close(start)
	done.Wait()
}
