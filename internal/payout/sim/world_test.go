package sim_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/audio"
	"github.com/lingualink/lingualink/internal/config"
	book "github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/paystack"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

const (
	pepper = "0123456789abcdef0123456789abcdef"
	second = "second@lingualink.test" // the other superuser
	// wealth is what everybody has to be paid out, in minor units.
	wealth = 600_000_00
	// balance is what Paystack holds at first.
	balance = 3_000_000_00
)

// earners are who asks for payouts; the two admins are other people.
var earners = []string{apptest.Ada, apptest.Bola, apptest.Chidi, apptest.Dayo}

// world is one seed: a server, a Paystack, and the time of both.
type world struct {
	t    *testing.T
	rng  *rand.Rand
	met  *meetings
	now  time.Time
	fake *paystacktest.Server
	s    *apptest.Server
	deps *shell.Deps
	// client is the server's, with the points of its death.
	client *mortal
	// crash is the point at which the server dies next, and how often it is
	// passed before.
	crash struct {
		point string
		skip  int
	}
	mark     string // file beside the data directory, which no backup brings back
	backup   string // directory of the last backup
	backedUp int    // orders that had left by then
	restored time.Time
	earned   map[string]int64
	accounts map[string]string
	keys     int
	lines    []string
}

// live runs a world from its beginning to its end.
func live(t *testing.T, seed uint64, met *meetings) {
	w := &world{
		t: t, met: met, rng: rand.New(rand.NewPCG(seed, 0x11AC)),
		now:    time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC),
		earned: map[string]int64{}, accounts: map[string]string{}, mark: filepath.Join(t.TempDir(), "mark.json"),
	}
	defer func() {
		if t.Failed() || *trace {
			for _, line := range w.lines {
				t.Log(line)
			}
		}
	}()
	w.found(seed)
	for range 12 + w.rng.IntN(28) {
		w.step()
		w.tick(time.Duration(1+w.rng.IntN(3000)) * time.Millisecond)
		w.always()
		if t.Failed() {
			return
		}
	}
	w.heal()
	w.finish()
	w.always()
	w.atTheEnd()
}

// found makes the server, Paystack, money and bank accounts.
func (w *world) found(seed uint64) {
	w.t.Helper()
	fake, err := paystacktest.Start(paystacktest.Options{
		Seed: seed, Now: func() time.Time { return w.now },
		Balances: map[string]int64{"NGN": balance},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.fake = fake
	w.t.Cleanup(fake.Close)
	w.s = w.start("")
	w.admins()
	w.policy(map[string]any{"enabled": true})
	for _, who := range earners {
		w.earn(who, wealth)
		w.account(who)
	}
	w.openingBalance()
}

// start starts a server on the template, or on a copy of a backup.
func (w *world) start(backup string) *apptest.Server {
	w.t.Helper()
	wire := func(app core.App, cfg config.Config) (func(context.Context, core.App) (int, error), error) {
		w.deps = shell.NewDeps(cfg, shell.ClockOf(func() time.Time { return w.now }), audio.NewProber(nil))
		var providers hooks.Providers
		if cfg.Paystack.On() { // the template is made without
			w.client = &mortal{world: w}
			if err := w.client.restart(); err != nil {
				return nil, err
			}
			providers.Paystack = w.client
			w.bindCrashes(app)
		}
		hooks.Register(app, w.deps, providers)
		return w.deps.Outbox.Drain, nil
	}
	environ := []string{"PAYSTACK_SECRET_KEY=" + paystacktest.Key, "LL_PAYSTACK_BASE_URL=" + w.fake.URL, "LL_PAYOUTS=on", "LL_PEPPER=" + pepper, "LL_RATE_LIMITS=off", "LL_PAYOUTS_MARK=" + w.mark}
	if backup != "" {
		return apptest.StartOn(w.t, backup, wire, environ...)
	}
	return apptest.Start(w.t, wire, environ...)
}

// admins gives the two superusers the persons that they are.
func (w *world) admins() {
	w.t.Helper()
	// a copy of the first, because making a password takes longer than a world
	w.exec(`
		INSERT INTO _superusers (id, email, password, tokenKey, verified, created, updated)
		SELECT 'secondsuperuser', {:email}, password, tokenKey || '2', verified, created, updated FROM _superusers WHERE email = {:first}`,
		dbx.Params{"email": second, "first": apptest.Admin})
	for email, person := range map[string]string{apptest.Admin: apptest.Musa, second: apptest.Fatima} {
		admin, err := w.s.App.FindAuthRecordByEmail(core.CollectionNameSuperusers, email)
		if err != nil {
			w.t.Fatal(err)
		}
		w.exec("UPDATE _superusers SET person = {:person} WHERE id = {:id}", dbx.Params{"person": w.s.User(person).Id, "id": admin.Id})
	}
}

func (w *world) policy(values map[string]any) {
	w.t.Helper()
	base := map[string]any{"enabled": true, "request_hours": 1}
	for name, value := range values {
		base[name] = value
	}
	w.s.Want(w.s.Do(apptest.Admin, "POST", "/api/collections/policies/records", map[string]any{"subject": "payouts", "values": base}), 200, "")
}

// earn gives a person money that can be paid out, through the ledger.
func (w *world) earn(who string, amountMinor int64) {
	w.t.Helper()
	user, key := w.s.User(who).Id, fmt.Sprint("sim", w.next())
	campaign := book.CampaignAccount("simcampaign0000", money.NGN)
	pending, available := book.UserAccount(user, book.Pending, money.NGN), book.UserAccount(user, book.Available, money.NGN)
	err := w.s.App.RunInTransaction(func(tx core.App) error {
		_, err := ledger.Post(tx, w.deps,
			book.Tx{Kind: book.CampaignFunded, Key: "campfund:" + key, Actor: shell.System, Entries: book.Move(book.PlatformFunding(money.NGN), campaign, amountMinor)},
			book.Tx{Kind: book.RewardEarned, Key: "reward:" + key, Actor: shell.System, Entries: book.Move(campaign, pending, amountMinor)},
			book.Tx{Kind: book.RewardReleased, Key: "release:" + key, Actor: shell.System, Entries: book.Move(pending, available, amountMinor)})
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.earned[who] += amountMinor
}

// openingBalance writes what Paystack held before the story begins.
func (w *world) openingBalance() {
	w.t.Helper()
	err := w.s.App.RunInTransaction(func(tx core.App) error {
		_, err := ledger.Post(tx, w.deps, book.Tx{
			Kind: book.ToppedUp, Key: "topup:opening", Actor: shell.System,
			Entries: book.Move(book.Paystack(money.NGN), book.PlatformFunding(money.NGN), balance),
		})
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// account gives a person a bank account that payouts go to.
func (w *world) account(who string) {
	w.t.Helper()
	client, err := paystack.New(paystacktest.Key, paystack.Options{BaseURL: w.fake.URL})
	if err != nil {
		w.t.Fatal(err)
	}
	number := fmt.Sprintf("%010d", 1_000_000_000+w.next())
	recipient, err := client.CreateRecipient(context.Background(), paystack.RecipientOrder{
		Type: "nuban", Name: who, AccountNumber: number, BankCode: "058", Currency: money.NGN,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	now, id := shell.Stamp(w.now), shell.NewID()
	w.insert("payout_accounts", dbx.Params{
		"id": id, "user": w.s.User(who).Id, "currency": "NGN", "country": "NG", "type": "nuban", "bank_code": "058", "bank_name": "A bank", "last4": number[6:],
		"resolved_name": who, "name_match": collections.NameMatches, "name_digests": "", "recipient_code": recipient.Code,
		"fingerprint": hash(number), "status": collections.AccountActive, "usable_from": "", "set_by": "user:" + w.s.User(who).Id, "created": now, "updated": now,
	})
	w.accounts[who] = id
}

// next numbers what needs a name of its own.
func (w *world) next() int {
	w.keys++
	return w.keys
}

// tick moves the time of the server and of Paystack.
func (w *world) tick(d time.Duration) {
	w.now = w.now.Add(d).Truncate(time.Millisecond)
	w.fake.Tick()
}

func (w *world) say(format string, args ...any) {
	w.lines = append(w.lines, w.now.Format("01-02 15:04:05.000 ")+fmt.Sprintf(format, args...))
}

func (w *world) exec(sql string, params dbx.Params) {
	w.t.Helper()
	if _, err := w.s.App.NonconcurrentDB().NewQuery(sql).Bind(params).Execute(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) insert(table string, row dbx.Params) {
	w.t.Helper()
	if err := shell.Insert(w.s.App, table, row); err != nil {
		w.t.Fatal(err)
	}
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// confirmed is a confirmation of an admin for one purpose.
func (w *world) confirmed(email, purpose string) string {
	w.t.Helper()
	admin, err := w.s.App.FindAuthRecordByEmail(core.CollectionNameSuperusers, email)
	if err != nil {
		w.t.Fatal(err)
	}
	secret := shell.NewSecret()
	w.insert("confirmations", dbx.Params{
		"id": shell.NewID(), "user": "", "admin": admin.Id, "purpose": purpose, "token_hash": hash(secret),
		"expires_at": shell.Stamp(w.now.Add(time.Minute)), "used_at": "",
	})
	return "X-Confirmation: " + secret
}
