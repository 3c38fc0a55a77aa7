package payouts_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/internal/apptest"
	book "github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

const checkoutFee = 7_500 // what the fake keeps of NGN 5,000: 1.5 %

func TestACampaignIsFundedThroughTheCheckout(t *testing.T) {
	g := openGate(t)
	if _, err := g.App.NonconcurrentDB().NewQuery("UPDATE users SET verified = 1 WHERE username = 'ada'").Execute(); err != nil {
		t.Fatal(err)
	}
	id, reference := g.order(apptest.Ada, "k1", 5_000_00)
	again, _ := g.order(apptest.Ada, "k1", 5_000_00)
	if again != id || g.Fake.Count("transaction.initialize") != 1 {
		t.Errorf("the same key made %s, %d requests", again, g.Fake.Count("transaction.initialize"))
	}
	if got := g.Fake.State().Transactions[0]; got.Email != "ada@lingualink.test" || got.Requested != 5_000_00 || got.Currency != "NGN" {
		t.Errorf("%+v", got)
	}
	g.later(time.Minute)
	g.round("fundings.check") // nobody has paid
	if g.funding(id, "status") != "open" || g.budget() != 0 {
		t.Error(g.funding(id, "status"), g.budget())
	}
	if err := g.Fake.Pay(reference); err != nil {
		t.Fatal(err)
	}
	g.Fake.Take() // the event is lost
	g.later(time.Minute)
	g.round("fundings.check")
	g.is("budget", g.budget(), 5_000_00)
	g.is("at Paystack", -g.account(book.Paystack(money.NGN)), 5_000_00-checkoutFee)
	g.is("fees", -g.account(book.ExpenseAccount("payout_fee", money.NGN)), checkoutFee)
	g.is("audit", g.Int("SELECT COUNT(*) FROM audit_log WHERE action = 'campaign.fund'"), 1)
	g.Drain()
	g.is("notices", g.Int("SELECT COUNT(*) FROM notifications WHERE kind = 'funding_paid' AND user = {:u}", dbx.Params{"u": g.User(apptest.Ada).Id}), 1)
	own := g.Want(g.Do(apptest.Ada, "GET", "/api/collections/fundings/records", nil), 200, "")
	if len(own.Items("items")) != 1 || strings.Contains(string(own.Raw), "idem_key") || strings.Contains(string(own.Raw), "next_check_at") {
		t.Errorf("%s", own.Raw)
	}
	if others := g.Want(g.Do(apptest.Bola, "GET", "/api/collections/fundings/records", nil), 200, ""); len(others.Items("items")) != 0 {
		t.Errorf("%s", others.Raw)
	}
	g.verifyLedger()
}

func TestRewardsThatWaitedArePaidFromACheckout(t *testing.T) {
	g := openGate(t)
	g.OpenVoting()
	g.Consent(apptest.Ada)
	g.Decide(g.Clip(apptest.Ada), "approve")
	g.is("unfunded", g.Int("SELECT COUNT(*) FROM rewards WHERE state = 'unfunded'"), 4)
	g.paid(5_000_00)
	g.Drain()
	g.is("unfunded", g.Int("SELECT COUNT(*) FROM rewards WHERE state = 'unfunded'"), 0)
	if g.Balance(apptest.Ada)["pending"] == 0 {
		t.Error("nobody was paid")
	}
	g.verifyLedger()
}

func TestCheckoutsThatAreRefused(t *testing.T) {
	g := openGate(t)
	path := "/api/lingualink/campaigns/" + g.GeneralCampaign() + "/checkout"
	body := func(minor any) map[string]any { return map[string]any{"amount_minor": minor} }
	for name, test := range map[string]struct {
		who    string
		path   string
		body   any
		status int
		code   string
	}{
		"a guest":                 {apptest.Guest, path, body(5_000_00), 401, "sign_in_required"},
		"an address not verified": {apptest.Bola, path, body(5_000_00), 403, "email_unverified"},
		"another's address":       {apptest.Bola, path, map[string]any{"amount_minor": 5_000_00, "email": "x@y.z"}, 400, "invalid_input"},
		"no address":              {apptest.Admin, path, map[string]any{"amount_minor": 5_000_00, "email": "Sponsor <x@y.z>"}, 400, "invalid_input"},
		"nothing":                 {apptest.Admin, path, body(0), 400, "amount_invalid"},
		"less than nothing":       {apptest.Admin, path, body(-1), 400, "amount_invalid"},
		"a fraction":              {apptest.Admin, path, body(5000.5), 400, "invalid_input"},
		"too little":              {apptest.Admin, path, body(49_99), 400, "amount_invalid"},
		"too much":                {apptest.Admin, path, body(10_000_000_01), 400, "amount_invalid"},
		"no such campaign":        {apptest.Admin, "/api/lingualink/campaigns/nothing/checkout", body(5_000_00), 404, "not_found"},
	} {
		if answer := g.Do(test.who, "POST", test.path, test.body, "Idempotency-Key: "+name); answer.Status != test.status || answer.Code() != test.code {
			t.Errorf("%s: %d %s", name, answer.Status, answer.Raw)
		}
	}
	g.is("orders", g.Int("SELECT COUNT(*) FROM fundings"), 0)
	g.Want(g.Do(apptest.Admin, "POST", path, body(5_000_00)), 400, "idempotency_key_required")
	g.order(apptest.Admin, "used", 5_000_00)
	g.Want(g.Do(apptest.Admin, "POST", path, body(5_000_01), "Idempotency-Key: used"), 409, "idempotency_conflict")
	g.Want(g.Do(apptest.Admin, "PATCH", "/api/collections/campaigns/records/"+g.GeneralCampaign(), map[string]any{"status": "closed"}), 200, "")
	g.Want(g.Do(apptest.Admin, "POST", path, body(5_000_00), "Idempotency-Key: late"), 409, "campaign_unavailable")
	g.order(apptest.Admin, "used", 5_000_00) // the order that is there stays
	g.is("requests", int64(g.Fake.Count("transaction.initialize")), 1)

	off := openGate(t, "PAYSTACK_SECRET_KEY=", "LL_PAYOUTS=off", "LL_PAYSTACK_PREVIOUS_KEY=")
	off.Want(off.Do(apptest.Admin, "POST", path, body(5_000_00), "Idempotency-Key: k"), 503, "not_configured")
	off.Want(off.send(paystacktest.Key, `{}`), 503, "not_configured")
	off.Want(off.Do(apptest.Guest, "POST", gateApproval, `{}`), 503, "not_configured")
}

func TestAnAnswerOfTheCheckoutIsLost(t *testing.T) {
	g := openGate(t)
	path := "/api/lingualink/campaigns/" + g.GeneralCampaign() + "/checkout"
	ask := func(key string) apptest.Answer {
		return g.Do(apptest.Admin, "POST", path, map[string]any{"amount_minor": 5_000_00}, "Idempotency-Key: "+key)
	}
	g.Fake.Inject(paystacktest.Fault{Op: "transaction.initialize", Kind: paystacktest.Answer, Status: 502})
	g.Want(ask("never arrived"), 503, "provider_unavailable")
	g.Want(ask("never arrived"), 200, "")

	g.Fake.Inject(paystacktest.Fault{Op: "transaction.initialize", Kind: paystacktest.Cut, Act: paystacktest.ActAfter})
	g.Want(ask("lost"), 503, "provider_unavailable")
	g.Want(ask("lost"), 503, "provider_unavailable") // another request may be under way
	g.later(2 * time.Minute)
	g.Want(ask("lost"), 409, "checkout_lost")
	if answer := g.Want(ask("lost"), 200, ""); answer.Data()["status"] != "expired" {
		t.Errorf("%s", answer.Raw)
	}
	g.is("orders", g.Int("SELECT COUNT(*) FROM fundings"), 2)
	g.is("references", g.Int("SELECT COUNT(DISTINCT reference) FROM fundings"), 2)
}

func TestAnOrderExpiresAndALatePaymentStillCounts(t *testing.T) {
	g := openGate(t)
	id, reference := g.order(apptest.Admin, "k", 5_000_00)
	for range 80 { // past every look of the schedule
		g.later(time.Hour)
		g.round("fundings.check")
	}
	if g.funding(id, "status") != "expired" || g.funding(id, "next_check_at") != "" {
		t.Fatalf("%s, next look %q", g.funding(id, "status"), g.funding(id, "next_check_at"))
	}
	asked := g.Fake.Count("transaction.verify")
	if asked < 40 || asked > 70 {
		t.Errorf("Paystack was asked %d times", asked)
	}
	if err := g.Fake.Pay(reference); err != nil {
		t.Fatal(err)
	}
	g.deliver()
	g.round("fundings.check")
	if g.funding(id, "status") != "paid" || g.budget() != 5_000_00 {
		t.Error(g.funding(id, "status"), g.budget())
	}
}

func TestPaystackIsDownWhileAnOrderIsChecked(t *testing.T) {
	g := openGate(t)
	id, reference := g.order(apptest.Admin, "k", 5_000_00)
	other, otherReference := g.order(apptest.Admin, "other", 6_000_00)
	if err := g.Fake.Pay(reference); err != nil {
		t.Fatal(err)
	}
	if err := g.Fake.Pay(otherReference); err != nil {
		t.Fatal(err)
	}
	g.Fake.Inject(paystacktest.Fault{Op: "transaction.verify", Reference: reference, Kind: paystacktest.Answer, Status: 500})
	g.deliver()
	if err := g.Deps.Outbox.RunRound(t.Context(), g.App, "fundings.check"); err == nil {
		t.Error("the round hides that Paystack was down")
	}
	if g.funding(id, "status") != "open" || g.funding(other, "status") != "paid" {
		t.Errorf("%s and %s", g.funding(id, "status"), g.funding(other, "status"))
	}
	g.later(time.Hour)
	g.round("fundings.check")
	if g.funding(id, "status") != "paid" {
		t.Error(g.funding(id, "status"))
	}
}

func TestF55PaymentsThatAreNotWhatWasOrdered(t *testing.T) {
	g := openGate(t)
	id, reference := g.order(apptest.Admin, "twice", 5_000_00)
	if err := g.Fake.Pay(reference); err != nil {
		t.Fatal(err)
	}
	ada := g.User(apptest.Ada).Id
	for i := range 2 {
		fields := map[string]any{"message": fmt.Sprint(i), "metadata": map[string]any{"user_id": ada, "amount_minor": 9_999_999, "campaign": "other"}}
		if err := g.Fake.Emit("charge.success", reference, fields); err != nil {
			t.Fatal(err)
		}
		g.deliver()
		g.round("fundings.check")
	}
	g.is("credited", g.Int("SELECT COUNT(*) FROM ledger_txs WHERE kind = 'campaign_paid'"), 1)
	g.is("budget", g.budget(), 5_000_00)
	if g.funding(id, "status") != "paid" {
		t.Error(g.funding(id, "status"))
	}

	for name, pay := range map[string]func(reference string) error{
		"less":             func(r string) error { return g.Fake.PayOther(r, 4_999_99, "") },
		"more":             func(r string) error { return g.Fake.PayOther(r, 5_000_01, "") },
		"another currency": func(r string) error { return g.Fake.PayOther(r, 0, "GHS") },
	} {
		before := g.account(book.Suspense(money.NGN)) + g.account(book.Suspense(money.GHS))
		id, reference := g.order(apptest.Admin, name, 5_000_00)
		if err := pay(reference); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			g.deliver()
			g.round("fundings.check")
		}
		if g.funding(id, "status") != "mismatch" || g.funding(id, "tx") == "" {
			t.Errorf("%s: %s", name, g.funding(id, "status"))
		}
		if after := g.account(book.Suspense(money.NGN)) + g.account(book.Suspense(money.GHS)); after <= before {
			t.Errorf("%s: nothing was set aside", name)
		}
	}
	g.is("alerts", g.alerts("funding_mismatch"), 3)
	g.is("budget", g.budget(), 5_000_00)
	for _, currency := range []money.Currency{money.NGN, money.GHS} {
		opening := map[money.Currency]int64{money.NGN: 100_000_00}[currency]
		g.is("at Paystack in "+string(currency), opening-g.account(book.Paystack(currency)), g.Fake.Balance(string(currency)))
	}

	// Of another mode: no money at all.
	id, reference = g.order(apptest.Admin, "mode", 5_000_00)
	if err := g.Fake.Pay(reference); err != nil {
		t.Fatal(err)
	}
	g.deliver()
	g.Fake.Pretend("live")
	g.round("fundings.check")
	if g.funding(id, "status") != "mismatch" || g.funding(id, "tx") != "" {
		t.Errorf("of the other mode: %s", g.funding(id, "status"))
	}
	// Nobody's wallet was touched by any of it, and no posting can top one up.
	g.is("wallets", g.Int("SELECT COUNT(*) FROM ledger_accounts WHERE user != ''"), 0)
	for _, route := range g.Deps.Routes.All() {
		if strings.Contains(route.Path, "wallet") && route.Method != "GET" {
			t.Errorf("%s %s", route.Method, route.Path)
		}
	}
	g.verifyLedger()
}
