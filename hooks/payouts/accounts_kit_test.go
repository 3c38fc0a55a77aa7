package payouts_test

import (
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

const (
	accountsPath = "/api/lingualink/payout-accounts"
	banksPath    = "/api/lingualink/banks"
	flagsPath    = "/api/lingualink/risk-flags/"
	numberOfAda  = "0123456701" // the bank has it as ADEYEMI ADA
)

// teller is a server where people enter bank accounts.
type teller struct {
	*hookstest.Server
	t     testing.TB
	fake  *paystacktest.Server
	names map[string]string // by number; unknown ones are not resolved
	// during happens while the bank is asked, if set.
	during func()
}

// openTeller starts one. Everybody is Ada Adeyemi by law, and so is the owner of
// some accounts.
func openTeller(t testing.TB, environ ...string) *teller {
	t.Helper()
	s := &teller{t: t, names: map[string]string{}}
	fake, err := paystacktest.Start(paystacktest.Options{Resolve: func(_, number string) (string, bool) {
		if s.during != nil {
			s.during()
		}
		name, known := s.names[number]
		return name, known
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	s.fake = fake
	for _, number := range []string{numberOfAda, "0123456702", "0123456703", "0123456704"} {
		s.names[number] = "ADEYEMI ADA"
	}
	s.Server = hookstest.Start(t, append([]string{
		"PAYSTACK_SECRET_KEY=" + paystacktest.Key, "LL_PAYSTACK_BASE_URL=" + fake.URL, "LL_PEPPER=0123456789abcdef0123456789abcdef",
	}, environ...)...)
	s.run("UPDATE private_profiles SET legal_name = 'Ada Adeyemi'", nil)
	return s
}

func (s *teller) run(query string, params dbx.Params) {
	s.t.Helper()
	if _, err := shell.Exec(s.App, query, params); err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
}

// confirm is a fresh confirmation for bank accounts.
func (s *teller) confirm(who string) string {
	s.t.Helper()
	value, _ := s.Want(s.Do(who, "POST", "/api/lingualink/confirm",
		map[string]any{"purpose": "payout_account", "password": apptest.Password}), 200, "").Data()["confirmation"].(string)
	return value
}

// nigerian is the body for a number at Guaranty Trust Bank.
func nigerian(number string) map[string]any {
	return map[string]any{"country": "NG", "currency": "NGN", "bank_code": "058", "account_number": number}
}

// enter sends an account with a fresh confirmation.
func (s *teller) enter(who string, body map[string]any) apptest.Answer {
	s.t.Helper()
	return s.Do(who, "POST", accountsPath, body, "X-Confirmation: "+s.confirm(who))
}

// entered is the id of an account that was taken.
func (s *teller) entered(who, number string) string {
	s.t.Helper()
	id, _ := s.Want(s.enter(who, nigerian(number)), 200, "").Data()["id"].(string)
	return id
}

// field reads one column of an account.
func (s *teller) field(id, column string) string {
	s.t.Helper()
	return s.Text("SELECT "+column+" FROM payout_accounts WHERE id = {:id}", dbx.Params{"id": id})
}

// flags counts a person's open flags of a kind.
func (s *teller) flags(who, kind string) int64 {
	s.t.Helper()
	return s.Int("SELECT COUNT(*) FROM risk_flags WHERE user = {:user} AND kind = {:kind} AND state = 'open'",
		dbx.Params{"user": s.User(who).Id, "kind": kind})
}

// payoutTo plants a payout that waits in a state.
func (s *teller) payoutTo(who, account, state string) string {
	s.t.Helper()
	id, user, now := shell.NewID(), s.User(who).Id, shell.Stamp(s.Deps.Clock.Now())
	s.run(`INSERT INTO payouts (id, user, currency, amount_minor, account, recipient_code, status, reference, state, settled, idem_key, requested_at, created, updated)
		VALUES ({:id}, {:user}, 'NGN', 100000, {:account}, {:recipient}, 'checking', {:ref}, {:state}, '', {:id}, {:now}, {:now}, {:now})`,
		dbx.Params{"id": id, "user": user, "account": account, "recipient": s.field(account, "recipient_code"), "ref": "ll-test-" + id, "state": state, "now": now})
	return id
}

func (s *teller) stateOf(id string) string {
	s.t.Helper()
	return s.Text("SELECT state FROM payouts WHERE id = {:id}", dbx.Params{"id": id})
}

func (s *teller) stand(who, standing string) {
	s.t.Helper()
	id := s.User(who).Id
	err := s.App.RunInTransaction(func(tx core.App) error { return accounts.SetStanding(tx, id, standing, "a test", shell.System) })
	if err != nil {
		s.t.Fatal(err)
	}
	s.Forget(who)
}

// rename changes a person's legal name as they do it.
func (s *teller) rename(who, name string) {
	s.t.Helper()
	profile, err := s.App.FindFirstRecordByData("private_profiles", "user", s.User(who).Id)
	if err != nil {
		s.t.Fatal(err)
	}
	s.Want(s.Do(who, "PATCH", "/api/collections/private_profiles/records/"+profile.Id, map[string]any{"legal_name": name}), 200, "")
}

// superuser makes another admin and returns their id and the header that signs
// them in.
func (s *teller) superuser(email, person string) (id, session string) {
	s.t.Helper()
	collection, err := s.App.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		s.t.Fatal(err)
	}
	admin := core.NewRecord(collection)
	admin.SetEmail(email)
	admin.SetPassword(apptest.Password)
	if person != "" {
		admin.Set("person", s.User(person).Id)
	}
	if err := s.App.Save(admin); err != nil {
		s.t.Fatal(err)
	}
	token, err := admin.NewAuthToken()
	if err != nil {
		s.t.Fatal(err)
	}
	return admin.Id, "Authorization: " + token
}

// audited counts rows of the audit log.
func (s *teller) audited(action string) int64 {
	s.t.Helper()
	return s.Int("SELECT COUNT(*) FROM audit_log WHERE action = {:action}", dbx.Params{"action": action})
}

// told counts what a person was told.
func (s *teller) told(who, kind string) int64 {
	s.t.Helper()
	s.Drain()
	return s.Int("SELECT COUNT(*) FROM notifications WHERE user = {:user} AND kind = {:kind}", dbx.Params{"user": s.User(who).Id, "kind": kind})
}
