package payouts_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/payouts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
	book "github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/payout"
	"github.com/lingualink/lingualink/internal/paystack"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

const (
	gatePepper   = "0123456789abcdef0123456789abcdef"
	gateSecret   = "fedcba9876543210fedcba9876543210"
	gateOldKey   = "sk_test_theoneb4"
	gateWebhook  = "/api/lingualink/webhooks/paystack"
	gateApproval = gateWebhook + "/approve/" + gateSecret
)

// gate is a server with a fake of Paystack beside it, which sends its events over
// HTTP.
type gate struct {
	*hookstest.Server
	t    *testing.T
	Fake *paystacktest.Server
	Desk payouts.Gate
	Pay  *paystack.Client
	URL  string
}

func openGate(t *testing.T, environ ...string) *gate {
	t.Helper()
	fake, err := paystacktest.Start(paystacktest.Options{Seed: 1, Now: time.Now, Balances: map[string]int64{"NGN": 100_000_00}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	g := &gate{t: t, Fake: fake}
	g.Server = hookstest.Start(t, append([]string{
		"PAYSTACK_SECRET_KEY=" + paystacktest.Key, "LL_PAYSTACK_BASE_URL=" + fake.URL, "LL_PAYOUTS=on", "LL_PEPPER=" + gatePepper,
		"LL_PAYSTACK_PREVIOUS_KEY=" + gateOldKey, "LL_PAYSTACK_APPROVAL_SECRET=" + gateSecret,
	}, environ...)...)
	if g.Pay, err = paystack.New(paystacktest.Key, paystack.Options{BaseURL: fake.URL}); err != nil {
		t.Fatal(err)
	}
	g.Desk = payouts.NewGate(g.Deps, g.Pay)
	web := httptest.NewServer(g.Handler)
	t.Cleanup(web.Close)
	g.URL = web.URL
	fake.SetWebhookURL(web.URL + gateWebhook)
	return g
}

// send posts a body to the webhook, signed with the key.
func (g *gate) send(key, body string, headers ...string) apptest.Answer {
	g.t.Helper()
	headers = append([]string{"X-Paystack-Signature: " + paystacktest.Sign(key, []byte(body))}, headers...)
	return g.Do(apptest.Guest, "POST", gateWebhook, body, headers...)
}

// deliver lets Paystack's events arrive and be read.
func (g *gate) deliver() {
	g.t.Helper()
	g.Fake.Deliver(g.t.Context())
	g.round("payouts.inbox")
}

func (g *gate) round(id string) {
	g.t.Helper()
	if err := g.Deps.Outbox.RunRound(g.t.Context(), g.App, id); err != nil {
		g.t.Fatalf("%s: %v", id, err)
	}
}

// verify lets the worker ask about the payouts that are due, and counts them.
func (g *gate) verify() int {
	g.t.Helper()
	due := g.Int("SELECT COUNT(*) FROM payouts WHERE next_check_at != '' AND next_check_at <= {:now}", dbx.Params{"now": shell.Stamp(g.Deps.Clock.Now())})
	g.round("payouts.work")
	return int(due)
}

func (g *gate) later(d time.Duration) {
	g.Advance(d)
	g.Fake.Advance(d)
}

// events counts stored webhooks of a state.
func (g *gate) events(state string) int64 {
	g.t.Helper()
	return g.Int("SELECT COUNT(*) FROM paystack_events WHERE state = {:state}", dbx.Params{"state": state})
}

// alerts counts open alerts of a kind.
func (g *gate) alerts(kind string) int64 {
	g.t.Helper()
	return g.Int("SELECT COUNT(*) FROM alerts WHERE kind = {:kind} AND state = 'open'", dbx.Params{"kind": kind})
}

// account is the balance of one account of the ledger.
func (g *gate) account(account book.Account) int64 {
	g.t.Helper()
	return g.Int("SELECT COALESCE(SUM(balance_minor), 0) FROM ledger_accounts WHERE [[key]] = {:key}", dbx.Params{"key": account.Key})
}

func (g *gate) budget() int64 { return g.account(book.CampaignAccount(g.GeneralCampaign(), money.NGN)) }

// is fails the test where a figure is not as wanted.
func (g *gate) is(what string, got, want int64) {
	g.t.Helper()
	if got != want {
		g.t.Errorf("%s: %d, want %d", what, got, want)
	}
}

// sending is a payout of Ada's that has been claimed for sending: NGN 5,000.
func (g *gate) sending() (id, reference string) {
	g.t.Helper()
	g.Policy(shell.PolicyPayouts, map[string]any{"enabled": true})
	recipient, err := g.Pay.CreateRecipient(g.t.Context(), paystack.RecipientOrder{Type: "nuban", Name: "Ada", AccountNumber: "0123456781", BankCode: "058", Currency: money.NGN})
	if err != nil {
		g.t.Fatal(err)
	}
	ada := g.User(apptest.Ada).Id
	id = shell.NewID()
	reference = "ll-test-" + id
	err = g.App.RunInTransaction(func(tx core.App) error {
		_, err := ledger.Post(tx, g.Deps, book.Tx{Kind: book.RewardReleased, Key: "test:" + id, Actor: shell.System,
			Entries: book.Move(book.PlatformFunding(money.NGN), book.UserAccount(ada, book.Available, money.NGN), 5_000_00)})
		return err
	})
	if err != nil {
		g.t.Fatal(err)
	}
	now := shell.Stamp(g.Deps.Clock.Now())
	g.Insert("payouts", dbx.Params{"id": id, "user": ada, "currency": "NGN", "amount_minor": 5_000_00, "reference": reference,
		"recipient_code": recipient.Code, "state": "", "account": "account00000001", "idem_key": id, "requested_at": now, "created": now, "updated": now})
	for _, event := range []payout.Event{payout.Request{}, payout.Checked{}, payout.Claim{}} {
		if err := g.Desk.Apply(g.App, id, event); err != nil {
			g.t.Fatalf("%s: %v", payout.Name(event), err)
		}
	}
	return id, reference
}

// post sends the payout to Paystack, without storing the answer.
func (g *gate) post(reference string) {
	g.t.Helper()
	_, err := g.Pay.InitiateTransfer(g.t.Context(), paystack.TransferOrder{Reference: reference, AmountMinor: 5_000_00, Currency: money.NGN,
		RecipientCode: g.Text("SELECT recipient_code FROM payouts WHERE reference = {:r}", dbx.Params{"r": reference})})
	if err != nil {
		g.t.Fatal(err)
	}
}

func (g *gate) state(id string) string {
	g.t.Helper()
	return g.Text("SELECT state FROM payouts WHERE id = {:id}", dbx.Params{"id": id})
}

// verifyLedger proves all promises of the ledger.
func (g *gate) verifyLedger() {
	g.t.Helper()
	report, err := ledger.Verify(g.App.DB())
	if err != nil || len(report.Findings) > 0 {
		g.t.Errorf("%+v, %v", report.Findings, err)
	}
}

// order makes an order to pay into the general campaign and returns its id.
func (g *gate) order(who, key string, minor int64) (id, reference string) {
	g.t.Helper()
	answer := g.Want(g.Do(who, "POST", "/api/lingualink/campaigns/"+g.GeneralCampaign()+"/checkout",
		map[string]any{"amount_minor": minor}, "Idempotency-Key: "+key), 200, "")
	id, _ = answer.Data()["id"].(string)
	reference, _ = answer.Data()["reference"].(string)
	if url, _ := answer.Data()["checkout_url"].(string); !strings.HasPrefix(url, g.Fake.URL) || reference != "lf-test-"+id {
		g.t.Fatalf("%s", answer.Raw)
	}
	return id, reference
}

// paid is an order of the admin's that was paid and credited.
func (g *gate) paid(minor int64) (id, reference string) {
	g.t.Helper()
	id, reference = g.order(apptest.Admin, shell.NewSecret(), minor)
	if err := g.Fake.Pay(reference); err != nil {
		g.t.Fatal(err)
	}
	g.deliver()
	g.round("fundings.check")
	if got := g.funding(id, "status"); got != "paid" {
		g.t.Fatalf("the order is %s", got)
	}
	return id, reference
}

func (g *gate) funding(id, column string) string {
	g.t.Helper()
	return g.Text("SELECT COALESCE("+column+", '') || '' FROM fundings WHERE id = {:id}", dbx.Params{"id": id})
}

// confirmed is a fresh confirmation of the admin's.
func (g *gate) confirmed(purpose string) string {
	g.t.Helper()
	answer := g.Want(g.Do(apptest.Admin, "POST", "/api/lingualink/confirm", map[string]any{"purpose": purpose, "password": apptest.Password}), 200, "")
	value, _ := answer.Data()["confirmation"].(string)
	return "X-Confirmation: " + value
}
