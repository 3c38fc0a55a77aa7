package payouts_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/payouts"
	"github.com/lingualink/lingualink/hooks/shell"
	book "github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/payout"
	"github.com/lingualink/lingualink/internal/paystack"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

// Amounts of the tests, in kobo.
const (
	openingMinor int64 = 100_000_000 // at Paystack when a test begins
	askedMinor   int64 = 500_000     // of most payouts
	feeMinor     int64 = 10_00       // what the fake takes for that
)

// kit is a server that pays through a fake Paystack.
type kit struct {
	*hookstest.Server
	t      *testing.T
	fake   *paystacktest.Server
	client *paystack.Client
	earned map[string]int64 // by user
	funded bool
	again  func() // starts the fake anew, with nothing that happened
}

// start starts both, with faults at the fake. When the test ends, the invariants
// are checked.
func start(t *testing.T, plan ...paystacktest.Fault) *kit {
	t.Helper()
	return startWith(t, paystacktest.Options{}, plan...)
}

func startWith(t *testing.T, options paystacktest.Options, plan ...paystacktest.Fault) *kit {
	t.Helper()
	k := &kit{t: t, earned: map[string]int64{}}
	begun := time.Now() // the fake needs a time before the server has one
	options.Now = func() time.Time {
		if k.Server == nil {
			return begun
		}
		return k.Deps.Clock.Now()
	}
	if options.Balances == nil {
		options.Balances = map[string]int64{"NGN": openingMinor}
	}
	var err error
	if k.fake, err = paystacktest.Start(options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.fake.Close() })
	k.again = func() {
		options.Addr = strings.TrimPrefix(k.fake.URL, "http://")
		if k.fake, err = paystacktest.Start(options); err != nil {
			t.Fatal(err)
		}
	}
	k.Server = hookstest.Start(t, "PAYSTACK_SECRET_KEY="+paystacktest.Key, "LL_PAYSTACK_BASE_URL="+k.fake.URL, "LL_PAYOUTS=on",
		"LL_PEPPER=0123456789abcdef0123456789abcdef")
	if k.client, err = paystack.New(paystacktest.Key, paystack.Options{BaseURL: k.fake.URL}); err != nil {
		t.Fatal(err)
	}
	k.policy(nil)
	k.fake.Inject(plan...)
	t.Cleanup(k.checkBooks)
	return k
}

// policy switches payouts on, with other values besides.
func (k *kit) policy(values map[string]any) {
	k.t.Helper()
	all := map[string]any{"enabled": true, "request_hours": 0}
	for name, value := range values {
		all[name] = value
	}
	k.Policy(shell.PolicyPayouts, all)
}

// earn makes money available to a person by postings like those of rewards.
func (k *kit) earn(who string, minor int64) {
	k.t.Helper()
	if !k.funded {
		k.Fund(money.MaxMinor / 4)
		k.funded = true
	}
	user, key := k.User(who).Id, fmt.Sprintf("%s:%d", who, k.earned[k.User(who).Id])
	pending := book.UserAccount(user, book.Pending, money.NGN)
	err := k.App.RunInTransaction(func(tx core.App) error {
		_, err := ledger.Post(tx, k.Deps,
			book.Tx{Kind: book.RewardEarned, Key: "reward:kit:" + key, Actor: "kit", Entries: book.Move(book.CampaignAccount(k.GeneralCampaign(), money.NGN), pending, minor)},
			book.Tx{Kind: book.RewardReleased, Key: "release:kit:" + key, Actor: "kit", Entries: book.Move(pending, book.UserAccount(user, book.Available, money.NGN), minor)})
		return err
	})
	if err != nil {
		k.t.Fatal(err)
	}
	k.earned[user] += minor
}

// account is the person's bank account, made when it is asked for first.
func (k *kit) account(who string) *core.Record {
	k.t.Helper()
	user := k.User(who).Id
	if record, err := k.App.FindFirstRecordByFilter("payout_accounts", "user = {:user} && status = 'active'", dbx.Params{"user": user}); err == nil {
		return record
	}
	n := k.Int("SELECT COUNT(*) FROM payout_accounts")
	recipient, err := k.client.CreateRecipient(context.Background(), paystack.RecipientOrder{
		Type: "nuban", Name: who, AccountNumber: fmt.Sprintf("%010d", 1_000+n), BankCode: "058", Currency: money.NGN,
	})
	if err != nil {
		k.t.Fatal(err)
	}
	now, id := shell.Stamp(k.Deps.Clock.Now()), shell.NewID()
	k.Insert("payout_accounts", dbx.Params{
		"id": id, "user": user, "currency": "NGN", "country": "NG", "type": "nuban", "bank_code": "058", "bank_name": "Guaranty Trust Bank",
		"last4": fmt.Sprintf("%04d", 1_000+n), "resolved_name": strings.ToUpper(who), "name_match": "match", "name_digests": "",
		"recipient_code": recipient.Code, "fingerprint": id, "status": "active", "usable_from": "", "set_by": "user:" + user, "created": now, "updated": now,
	})
	record, err := k.App.FindRecordById("payout_accounts", id)
	if err != nil {
		k.t.Fatal(err)
	}
	return record
}

// request earns and asks for an amount, which is approved at once when it is
// below the automatic limit. It returns the payout's id.
func (k *kit) request(who string, minor int64) string {
	k.t.Helper()
	k.earn(who, minor)
	id, err := payouts.Ask(k.App, k.account(who), minor)
	if err != nil {
		k.t.Fatal(err)
	}
	return id
}

// work is one turn of the worker.
func (k *kit) work() {
	k.t.Helper()
	if err := k.tryWork(context.Background()); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kit) tryWork(ctx context.Context) error {
	return k.Deps.Outbox.RunRound(ctx, k.App, "payouts.work")
}

// workUntilHung is a turn whose client loses patience when a request hangs.
func (k *kit) workUntilHung() {
	k.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-k.fake.Hung():
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := k.tryWork(ctx); err != nil {
		k.t.Fatal(err)
	}
}

// advance turns the clock of both and has the worker take its turn.
func (k *kit) advance(d time.Duration) {
	k.t.Helper()
	k.Advance(d)
	k.fake.Tick()
	k.work()
}

// unplug takes Paystack off the network; plug puts one there that knows the
// account of the one person and nothing else.
func (k *kit) unplug() { k.fake.Close() }

func (k *kit) plug(who string) {
	k.t.Helper()
	code := k.account(who).GetString("recipient_code")
	k.again()
	recipient, err := k.client.CreateRecipient(context.Background(), paystack.RecipientOrder{
		Type: "nuban", Name: who, AccountNumber: "0000001000", BankCode: "058", Currency: money.NGN,
	})
	if err != nil || recipient.Code != code {
		k.t.Fatalf("the recipient is %s, want %s: %v", recipient.Code, code, err)
	}
}

// lift ends every pause as an admin does.
func (k *kit) lift() {
	k.t.Helper()
	if err := payouts.Lift(k.App); err != nil {
		k.t.Fatal(err)
	}
}

// round runs one round.
func (k *kit) round(id string) {
	k.t.Helper()
	if err := k.Deps.Outbox.RunRound(context.Background(), k.App, id); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kit) record(id string) *core.Record {
	k.t.Helper()
	record, err := k.App.FindRecordById("payouts", id)
	if err != nil {
		k.t.Fatal(err)
	}
	return record
}

func (k *kit) state(id string) payout.State { return payout.State(k.record(id).GetString("state")) }

func (k *kit) reference(id string) string { return k.record(id).GetString("reference") }

// successes is how often the bank was told to pay.
func (k *kit) successes(id string) int { return k.fake.Successes(k.reference(id)) }

func (k *kit) fakeBalance() int64 { return k.fake.Balance("NGN") }

func (k *kit) balance(key string) int64 {
	return k.Int("SELECT COALESCE((SELECT balance_minor FROM ledger_accounts WHERE [[key]] = {:key}), 0)", dbx.Params{"key": key})
}

// wallet is what is available and held of a person.
func (k *kit) wallet(who string) string {
	user := k.User(who).Id
	return fmt.Sprintf("available %d, held %d", k.balance("user:"+user+":available:NGN"), k.balance("user:"+user+":held:NGN"))
}

// alerts are the kinds of open alerts, pauses the open pauses.
func (k *kit) alerts() string {
	return k.Text("SELECT COALESCE(group_concat(kind, ' '), '') FROM (SELECT DISTINCT kind FROM alerts WHERE state = 'open' ORDER BY kind)", nil)
}

func (k *kit) pauses() string {
	return k.Text("SELECT COALESCE(group_concat(p, ' '), '') FROM (SELECT scope || ':' || cause AS p FROM payout_pauses WHERE lifted_at = '' ORDER BY 1)", nil)
}

// posts is how many orders reached the fake.
func (k *kit) posts() int { return k.fake.Count("transfer.initiate") }

// want compares what a payout has come to.
func (k *kit) want(id string, state payout.State, successes int, wallet string) {
	k.t.Helper()
	if got := k.state(id); got != state {
		k.t.Errorf("the payout is %s, want %s; history: %s", got, state, k.history(id))
	}
	if got := k.successes(id); got != successes {
		k.t.Errorf("it was paid %d times, want %d", got, successes)
	}
	who := k.Text("SELECT username FROM users WHERE id = {:id}", dbx.Params{"id": k.record(id).GetString("user")})
	if got := k.wallet(who); wallet != "" && got != wallet {
		k.t.Errorf("the wallet: %s, want %s", got, wallet)
	}
}

// wantTrouble compares the open alerts and pauses.
func (k *kit) wantTrouble(alerts, pauses string) {
	k.t.Helper()
	if got := k.alerts(); got != alerts {
		k.t.Errorf("alerts %q, want %q", got, alerts)
	}
	if got := k.pauses(); got != pauses {
		k.t.Errorf("pauses %q, want %q", got, pauses)
	}
}

func (k *kit) history(id string) string {
	return k.Text("SELECT COALESCE(group_concat(event || ' -> ' || to_state, '; '), '') FROM (SELECT event, to_state FROM payout_events WHERE payout = {:id} ORDER BY seq)", dbx.Params{"id": id})
}

const (
	nothingHeld = "available 0, held 0"
	allHeld     = "available 0, held 500000"
	allBack     = "available 500000, held 0"
)

// checkBooks checks what must hold at the end of every test, whatever happened:
// nobody is paid twice (I1), the ledger keeps its promises (I2), its account with
// what is in transit is Paystack's balance (I3), every hold is where the payout
// says (I4), and what people earned is all there (I5).
func (k *kit) checkBooks() {
	k.t.Helper()
	k.fake.Heal()
	for _, transfer := range k.fake.State().Transfers {
		if transfer.Successes > 1 {
			k.t.Errorf("I1: %s was paid %d times", transfer.Reference, transfer.Successes)
		}
	}
	lines, err := payouts.Money(context.Background(), k.App)
	if err != nil {
		k.t.Errorf("I3: %v", err)
	}
	for currency, line := range lines {
		if holds := -k.balance("paystack:" + string(currency)); holds+line.TransitMinor != k.fake.Balance(string(currency)) {
			k.t.Errorf("I3: the ledger holds %d and %d are in transit, Paystack has %d: %+v", holds, line.TransitMinor, k.fake.Balance(string(currency)), line)
		}
	}
	books, err := payouts.Verify(k.App.DB())
	if err != nil {
		k.t.Errorf("I2: %v", err)
	}
	for _, finding := range books.Findings {
		k.t.Errorf("I2, I4: %+v", finding)
	}
	for user, earned := range k.earned {
		paid := k.Int(`SELECT COALESCE(SUM(amount_minor), 0) FROM payouts WHERE user = {:user} AND ((settled = 'paid' AND state != 'reversed') OR state = 'paid_late')`, dbx.Params{"user": user})
		has := k.balance("user:"+user+":pending:NGN") + k.balance("user:"+user+":available:NGN") + k.balance("user:"+user+":held:NGN")
		if has+paid != earned {
			k.t.Errorf("I5: %s earned %d, has %d and was paid %d", user, earned, has, paid)
		}
	}
}
