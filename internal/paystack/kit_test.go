package paystack_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/paystack"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

const (
	ref     = "ll-test-abcdefghijklmno"
	account = "0123456781"
)

// fake starts a server with NGN 100,000.00.
func fake(t testing.TB, change ...func(*paystacktest.Options)) *paystacktest.Server {
	t.Helper()
	options := paystacktest.Options{Seed: 1, Balances: map[string]int64{"NGN": 100_000_00}}
	for _, f := range change {
		f(&options)
	}
	server, err := paystacktest.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

func clientOf(t testing.TB, url string) *paystack.Client {
	t.Helper()
	client, err := paystack.New(paystacktest.Key, paystack.Options{BaseURL: url})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// payee makes the recipient that tests pay to.
func payee(t testing.TB, c *paystack.Client) string {
	t.Helper()
	r, err := c.CreateRecipient(t.Context(), paystack.RecipientOrder{
		Type: "nuban", Name: "Bisi Adeyemi", AccountNumber: account, BankCode: "058", Currency: money.NGN,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r.Code
}

func order(recipient string) paystack.TransferOrder {
	return paystack.TransferOrder{Reference: ref, AmountMinor: 150_000, Currency: money.NGN, RecipientCode: recipient, Reason: "Earnings"}
}

func chargeOrder(reference string) paystack.ChargeOrder {
	return paystack.ChargeOrder{Reference: reference, AmountMinor: 5_000_00, Currency: money.NGN, Email: "sponsor@example.org", Phone: "0551234987", Provider: "mtn"}
}

var kinds = []error{
	paystack.ErrInvalid, paystack.ErrNotSent, paystack.ErrRateLimited, paystack.ErrRefused,
	paystack.ErrNotFound, paystack.ErrAmbiguous, paystack.ErrUnavailable,
}

// wantKind fails unless the error is of this kind and of no other.
func wantKind(t testing.TB, err, kind error) {
	t.Helper()
	for _, k := range kinds {
		if errors.Is(err, k) != (k == kind) {
			t.Errorf("%v: is it %q? %v", err, k, errors.Is(err, k))
		}
	}
}

// call is one of every operation, for what holds of all of them.
type call struct {
	op string
	do func(ctx context.Context, c *paystack.Client) error
}

func calls(recipient string) []call {
	return []call{
		{"bank.list", func(ctx context.Context, c *paystack.Client) error { _, err := c.Banks(ctx, "nigeria", ""); return err }},
		{"bank.resolve", func(ctx context.Context, c *paystack.Client) error {
			_, err := c.ResolveAccount(ctx, account, "058")
			return err
		}},
		{"recipient.create", func(ctx context.Context, c *paystack.Client) error {
			_, err := c.CreateRecipient(ctx, paystack.RecipientOrder{Type: "nuban", Name: "B", AccountNumber: account, BankCode: "058", Currency: "NGN"})
			return err
		}},
		{"transfer.initiate", func(ctx context.Context, c *paystack.Client) error {
			_, err := c.InitiateTransfer(ctx, order(recipient))
			return err
		}},
		{"transfer.verify", func(ctx context.Context, c *paystack.Client) error { _, err := c.VerifyTransfer(ctx, ref); return err }},
		{"transfer.fetch", func(ctx context.Context, c *paystack.Client) error {
			_, err := c.FetchTransfer(ctx, "TRF_1")
			return err
		}},
		{"transfer.list", func(ctx context.Context, c *paystack.Client) error {
			_, err := all(c.ListTransfers(ctx, paystack.StatusSuccess, time.Time{}, time.Time{}))
			return err
		}},
		{"balance.fetch", func(ctx context.Context, c *paystack.Client) error { _, err := c.Balances(ctx); return err }},
		{"balance.ledger", func(ctx context.Context, c *paystack.Client) error {
			_, err := all(c.BalanceLedger(ctx, time.Time{}, time.Time{}))
			return err
		}},
		{"transaction.initialize", func(ctx context.Context, c *paystack.Client) error {
			_, err := c.InitializeTransaction(ctx, paystack.PaymentOrder{Reference: "fund-1", AmountMinor: 1, Currency: "NGN", Email: "a@b.c"})
			return err
		}},
		{"transaction.verify", func(ctx context.Context, c *paystack.Client) error {
			_, err := c.VerifyTransaction(ctx, "fund-1")
			return err
		}},
		{"charge.create", func(ctx context.Context, c *paystack.Client) error {
			_, err := c.Charge(ctx, chargeOrder("fund-2"))
			return err
		}},
		{"refund.create", func(ctx context.Context, c *paystack.Client) error {
			_, err := c.CreateRefund(ctx, paystack.RefundOrder{Transaction: "fund-1", AmountMinor: 1, Currency: "NGN"})
			return err
		}},
		{"refund.fetch", func(ctx context.Context, c *paystack.Client) error { _, err := c.FetchRefund(ctx, 1); return err }},
		{"refund.list", func(ctx context.Context, c *paystack.Client) error {
			_, err := all(c.ListRefunds(ctx, time.Time{}, time.Time{}))
			return err
		}},
		{"dispute.fetch", func(ctx context.Context, c *paystack.Client) error { _, err := c.FetchDispute(ctx, 1); return err }},
	}
}

func writes(op string) bool {
	return slices.Contains([]string{"recipient.create", "transfer.initiate", "transaction.initialize", "charge.create", "refund.create"}, op)
}

// unknown is the kind of a failure after the request was sent.
func unknown(op string) error {
	if writes(op) {
		return paystack.ErrAmbiguous
	}
	return paystack.ErrUnavailable
}

func all[T any](rows func(func(T, error) bool)) ([]T, error) {
	var got []T
	for row, err := range rows {
		if err != nil {
			return got, err
		}
		got = append(got, row)
	}
	return got, nil
}

func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func newest[T any](rows []T, at func(T) time.Time) bool {
	return slices.IsSortedFunc(rows, func(a, b T) int { return cmp.Compare(at(b).UnixNano(), at(a).UnixNano()) })
}

func reference(i int) string { return fmt.Sprintf("ll-test-%015d", i) }
