package payouts_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/payouts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/fault"
	book "github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/payout"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

const (
	payoutsPath = "/api/lingualink/payouts"
	naira       = 100
	week        = 7 * 24 * time.Hour
)

// counter is a server with people who have earned money and bank accounts, and
// two admins who are persons.
type counter struct {
	*hookstest.Server
	t        testing.TB
	fake     *paystacktest.Server
	accounts map[string]string // by person and currency
	keys     int
}

// The admins. The first is Fatima, the second Musa; the template's own admin is
// nobody.
const (
	chief  = "chief@lingualink.test"
	deputy = "deputy@lingualink.test"
)

func openCounter(t testing.TB, environ ...string) *counter {
	t.Helper()
	c := &counter{t: t, accounts: map[string]string{}}
	fake, err := paystacktest.Start(paystacktest.Options{
		Balances: map[string]int64{"NGN": 1_000_000_000},
		Now: func() time.Time {
			if c.Server == nil {
				return time.Now().Add(-week)
			}
			return c.Deps.Clock.Now()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	c.fake = fake
	c.Server = hookstest.Start(t, append([]string{
		"PAYSTACK_SECRET_KEY=" + paystacktest.Key, "LL_PAYSTACK_BASE_URL=" + fake.URL, "LL_PAYOUTS=on", "LL_PEPPER=0123456789abcdef0123456789abcdef",
	}, environ...)...)
	c.admin(chief, apptest.Fatima)
	c.admin(deputy, apptest.Musa)
	for _, who := range []string{apptest.Ada, apptest.Bola} {
		c.earn(who, money.NGN, 1_000_000*naira)
		c.account(who, money.NGN)
	}
	return c
}

// admin makes a superuser who is a person, or nobody.
func (c *counter) admin(email, person string) {
	c.t.Helper()
	collection, err := c.App.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		c.t.Fatal(err)
	}
	record := core.NewRecord(collection)
	record.SetEmail(email)
	record.SetPassword(apptest.Password)
	if err := c.App.Save(record); err != nil {
		c.t.Fatal(err)
	}
	if person != "" {
		c.exec("UPDATE _superusers SET person = {:person} WHERE id = {:id}", dbx.Params{"person": c.User(person).Id, "id": record.Id})
	}
}

func (c *counter) exec(query string, params dbx.Params) {
	c.t.Helper()
	if _, err := shell.Exec(c.App, query, params); err != nil {
		c.t.Fatal(err)
	}
}

func (c *counter) earn(who string, currency money.Currency, minor int64) {
	c.t.Helper()
	c.keys++
	err := c.App.RunInTransaction(func(tx core.App) error {
		_, err := ledger.Post(tx, c.Deps, book.Tx{
			Kind: book.RewardReleased, Key: fmt.Sprintf("test:%d", c.keys), Actor: shell.System,
			Entries: book.Move(book.PlatformFunding(currency), book.UserAccount(c.User(who).Id, book.Available, currency), minor),
		})
		return err
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

// account plants an active bank account and returns its id.
func (c *counter) account(who string, currency money.Currency) string {
	c.t.Helper()
	id, user := shell.NewID(), c.User(who).Id
	stamp := shell.Stamp(c.Deps.Clock.Now())
	c.Insert("payout_accounts", dbx.Params{
		"id": id, "user": user, "currency": string(currency), "country": "NG", "type": "nuban", "bank_code": "058", "bank_name": "First Test Bank",
		"last4": "4321", "resolved_name": "ADA LOVELACE", "name_match": "match", "name_digests": "", "recipient_code": "RCP_" + id,
		"fingerprint": "print-" + user, "status": "active", "usable_from": "", "set_by": "user:" + user, "created": stamp, "updated": stamp,
	})
	c.accounts[who+string(currency)] = id
	return id
}

// ask sends a request under a new key.
func (c *counter) ask(who string, minor any) apptest.Answer {
	c.t.Helper()
	c.keys++
	return c.askAs(who, minor, fmt.Sprintf("key-%d", c.keys))
}

func (c *counter) askAs(who string, minor any, key string) apptest.Answer {
	c.t.Helper()
	return c.Do(who, "POST", payoutsPath, map[string]any{"amount_minor": minor, "currency": "NGN", "account": c.accounts[who+"NGN"]}, "Idempotency-Key: "+key)
}

// asked is the id of a new payout.
func (c *counter) asked(who string, minor int64) string {
	c.t.Helper()
	id, _ := c.Want(c.ask(who, minor), 200, "").Data()["id"].(string)
	return id
}

// confirmed is a fresh confirmation of an admin.
func (c *counter) confirmed(admin, purpose string) string {
	c.t.Helper()
	answer := c.Want(c.do(admin, "POST", "/api/lingualink/confirm", map[string]any{"purpose": purpose, "password": apptest.Password}), 200, "")
	value, _ := answer.Data()["confirmation"].(string)
	return "X-Confirmation: " + value
}

// do is Do for the admins of this counter as well.
func (c *counter) do(who, method, path string, body any, headers ...string) apptest.Answer {
	c.t.Helper()
	return c.Do(apptest.Guest, method, path, body, append(headers, "Authorization: "+c.session(who))...)
}

func (c *counter) session(who string) string {
	c.t.Helper()
	if record, err := c.App.FindAuthRecordByEmail(core.CollectionNameSuperusers, who); err == nil {
		token, err := record.NewAuthToken()
		if err != nil {
			c.t.Fatal(err)
		}
		return token
	}
	return c.Token(who)
}

func (c *counter) approve(admin, id string) apptest.Answer {
	c.t.Helper()
	return c.do(admin, "POST", payoutsPath+"/"+id+"/approve", nil, c.confirmed(admin, "payout_approve"))
}

func (c *counter) reject(admin, id string) apptest.Answer {
	c.t.Helper()
	return c.do(admin, "POST", payoutsPath+"/"+id+"/reject", map[string]any{"reason": "The name is another one."})
}

// field reads one column of a payout.
func (c *counter) field(id, column string) string {
	c.t.Helper()
	return c.Text("SELECT CAST("+column+" AS TEXT) FROM payouts WHERE id = {:id}", dbx.Params{"id": id})
}

func (c *counter) audits(action, id string) int64 {
	c.t.Helper()
	return c.Int("SELECT COUNT(*) FROM audit_log WHERE action = {:action} AND subject_id = {:id}", dbx.Params{"action": action, "id": id})
}

// together runs all of them at one moment.
func together(acts ...func() apptest.Answer) []apptest.Answer {
	start, answers := make(chan struct{}), make([]apptest.Answer, len(acts))
	var done sync.WaitGroup
	for i, act := range acts {
		done.Go(func() {
			<-start
			answers[i] = act()
		})
	}
	close(start)
	done.Wait()
	return answers
}

func count(answers []apptest.Answer, status int) int {
	n := 0
	for _, answer := range answers {
		if answer.Status == status {
			n++
		}
	}
	return n
}

// books checks what holds whatever happened: what is held is what is open, and
// nobody is below zero.
func (c *counter) books() {
	c.t.Helper()
	held := c.Int("SELECT COALESCE(SUM(balance_minor), 0) FROM ledger_accounts WHERE [[key]] LIKE 'user:%:held:%'")
	open := c.Int("SELECT COALESCE(SUM(amount_minor), 0) FROM payouts WHERE settled = ''")
	below := c.Int("SELECT COUNT(*) FROM ledger_accounts WHERE [[key]] LIKE 'user:%' AND balance_minor < 0")
	if held != open || below != 0 {
		c.t.Errorf("held %d, open payouts of %d, %d accounts below zero", held, open, below)
	}
}

func TestMain(m *testing.M) { apptest.Main(m) }

// apply brings an event to a payout as the worker does.
func (c *counter) apply(id string, event payout.Event) error {
	return c.App.RunInTransaction(func(tx core.App) error { return payouts.Bring(tx, c.Deps, id, event) })
}

func (c *counter) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func conflicts(err error, why payout.Why) bool {
	var conflict *payout.Conflict
	return errors.As(err, &conflict) && conflict.Why == why
}

// refusal is what a caller is told of an error.
func refusal(err error) (*fault.Error, bool) {
	var refused *fault.Error
	ok := errors.As(payouts.RefusalOf(err), &refused)
	return refused, ok
}
