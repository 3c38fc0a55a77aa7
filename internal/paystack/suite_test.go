package paystack_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/paystack"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

// suite is what the rest of the server relies on. It runs against the fake, and
// against Paystack's own test mode where a key is given.
//
// A real account may lack what a transfer needs (a registered business, a
// balance, one-time codes switched off); it then refuses with a reason, which
// is logged. The fake must not.
func suite(t *testing.T, c *paystack.Client, real bool) {
	run := func(name string, f func(t *testing.T, ctx context.Context)) {
		t.Run(name, func(t *testing.T) { f(t, t.Context()) })
	}
	stamp := time.Now().UTC().Format("20060102150405.000000")
	unique := "ll-test-" + stamp[:14] + stamp[15:]

	run("banks", func(t *testing.T, ctx context.Context) {
		banks := must(c.Banks(ctx, "nigeria", money.NGN))(t)
		found := map[string]bool{}
		for _, b := range banks {
			if b.Code == "" || b.Name == "" || b.Currency != money.NGN {
				t.Errorf("%+v", b)
			}
			found[b.Code] = true
		}
		if !found["058"] || !found["044"] {
			t.Errorf("%d banks without two of the largest", len(banks))
		}
	})
	run("resolve", func(t *testing.T, ctx context.Context) {
		name, err := c.ResolveAccount(ctx, "0000000000", "057")
		if real && errors.Is(err, paystack.ErrRefused) {
			t.Log("not resolved:", err)
			return
		}
		if err != nil || name == "" {
			t.Errorf("%q, %v", name, err)
		}
		_, err = c.ResolveAccount(ctx, "1", "057")
		wantKind(t, err, paystack.ErrRefused)
	})
	recipient := ""
	run("recipient", func(t *testing.T, ctx context.Context) {
		order := paystack.RecipientOrder{Type: "nuban", Name: "Zenith Test", AccountNumber: "0000000000", BankCode: "057", Currency: money.NGN}
		first, again := must(c.CreateRecipient(ctx, order))(t), must(c.CreateRecipient(ctx, order))(t)
		if first.Code != again.Code || first.ID == 0 || !first.Active || first.Domain != c.Domain() || first.Currency != money.NGN {
			t.Errorf("%+v and %+v", first, again)
		}
		recipient = first.Code
	})
	run("a reference that nobody used", func(t *testing.T, ctx context.Context) {
		_, err := c.VerifyTransfer(ctx, unique)
		wantKind(t, err, paystack.ErrNotFound)
		_, err = c.VerifyTransaction(ctx, unique)
		wantKind(t, err, paystack.ErrNotFound)
	})
	run("transfer", func(t *testing.T, ctx context.Context) { suiteTransfer(t, ctx, c, real, unique, recipient) })
	run("transfer to nobody", func(t *testing.T, ctx context.Context) {
		o := order("RCP_doesnotexist")
		o.Reference = unique + "-x"
		_, err := c.InitiateTransfer(ctx, o)
		wantKind(t, err, paystack.ErrRefused)
		_, err = c.VerifyTransfer(ctx, o.Reference)
		wantKind(t, err, paystack.ErrNotFound)
	})
	run("balance", func(t *testing.T, ctx context.Context) {
		balances := must(c.Balances(ctx))(t)
		if _, ok := balances[money.NGN]; !ok {
			t.Errorf("no NGN among %v", balances)
		}
		for row, err := range c.BalanceLedger(ctx, time.Now().Add(-time.Hour), time.Time{}) {
			if err != nil || row.ID == 0 || row.Currency == "" || row.CreatedAt.IsZero() {
				t.Fatalf("%+v, %v", row, err)
			}
		}
	})
	run("payment", func(t *testing.T, ctx context.Context) {
		reference := "fund-" + unique
		o := paystack.PaymentOrder{Reference: reference, AmountMinor: 5_000_00, Currency: money.NGN, Email: "sponsor@example.org", Metadata: map[string]string{"order": reference}}
		checkout := must(c.InitializeTransaction(ctx, o))(t)
		if checkout.Reference != reference || checkout.AccessCode == "" {
			t.Errorf("%+v", checkout)
		}
		paid := must(c.VerifyTransaction(ctx, reference))(t)
		if paid.Status == paystack.TransactionSuccess || paid.AmountMinor != o.AmountMinor || paid.Currency != money.NGN || paid.Domain != c.Domain() {
			t.Errorf("%+v", paid)
		}
		_, err := c.InitializeTransaction(ctx, o)
		wantKind(t, err, paystack.ErrRefused)
	})
}

func suiteTransfer(t *testing.T, ctx context.Context, c *paystack.Client, real bool, reference, recipient string) {
	o := order(recipient)
	o.Reference = reference
	made, err := c.InitiateTransfer(ctx, o)
	if real && errors.Is(err, paystack.ErrRefused) {
		t.Logf("the account cannot send money (%s): %v", paystack.RefusalOf(err), err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	found := must(c.VerifyTransfer(ctx, reference))(t)
	fetched := must(c.FetchTransfer(ctx, made.Code))(t)
	for name, got := range map[string]paystack.Transfer{"made": made, "verified": found, "fetched": fetched} {
		if got.Reference != reference || got.AmountMinor != o.AmountMinor || got.Currency != money.NGN || got.ID != made.ID ||
			got.Code == "" || got.Domain != c.Domain() || !got.Status.Known() || got.CreatedAt.IsZero() {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if found.RecipientCode != recipient || made.RecipientID == 0 || found.RecipientID != made.RecipientID {
		t.Errorf("paid to %q %d, then %d", found.RecipientCode, made.RecipientID, found.RecipientID)
	}
	if found.Status == paystack.StatusSuccess && found.FeeChargedMinor == nil {
		t.Error("a success does not tell its fee")
	}
	// The reference is used up, whatever is asked for with it.
	o.AmountMinor++
	_, err = c.InitiateTransfer(ctx, o)
	if paystack.RefusalOf(err) != paystack.RefusedDuplicate {
		t.Errorf("a second transfer of one reference: %v", err)
	}
	listed := false
	for row, err := range c.ListTransfers(ctx, found.Status, found.CreatedAt.Add(-time.Minute), time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
		listed = listed || row.ID == made.ID
	}
	if !listed {
		t.Errorf("the transfer is not among those that are %s", found.Status)
	}
}

func TestSuite(t *testing.T) {
	server := fake(t, func(o *paystacktest.Options) { o.Now = time.Now })
	suite(t, clientOf(t, server.URL), false)
}

// TestSuiteAgainstPaystack needs PAYSTACK_SECRET_KEY=sk_test_…; it moves no
// real money.
func TestSuiteAgainstPaystack(t *testing.T) {
	key := os.Getenv("PAYSTACK_SECRET_KEY")
	if paystack.DomainOf(key) != paystack.DomainTest {
		t.Log("PAYSTACK_SECRET_KEY is no test key: the suite ran against the fake only, not against Paystack")
		return
	}
	c, err := paystack.New(key, paystack.Options{BaseURL: os.Getenv("LL_PAYSTACK_BASE_URL")})
	if err != nil {
		t.Fatal(err)
	}
	suite(t, c, true)
}
