package paystack_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/paystack"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

func TestRefundsAndDisputes(t *testing.T) {
	server := fake(t)
	c, ctx := clientOf(t, server.URL), t.Context()
	order := paystack.PaymentOrder{Reference: "fund-1", AmountMinor: 5_000_00, Currency: money.NGN, Email: "sponsor@example.org"}
	must(c.InitializeTransaction(ctx, order))(t)
	back := paystack.RefundOrder{Transaction: "fund-1", AmountMinor: 5_000_00, Currency: money.NGN, Note: "twice"}
	_, err := c.CreateRefund(ctx, back)
	wantKind(t, err, paystack.ErrRefused) // nobody paid
	if err := errors.Join(server.Pay("fund-1"), server.Dispute("fund-1")); err != nil {
		t.Fatal(err)
	}

	made := must(c.CreateRefund(ctx, back))(t)
	if made.Status != paystack.RefundPending || made.AmountMinor != 5_000_00 || made.ID == 0 || made.Domain != paystack.DomainTest {
		t.Errorf("%+v", made)
	}
	_, err = c.CreateRefund(ctx, back)
	wantKind(t, err, paystack.ErrRefused) // it has all gone back
	if err := server.FinishRefund("fund-1", paystack.RefundProcessed); err != nil {
		t.Fatal(err)
	}
	found := must(c.FetchRefund(ctx, made.ID))(t)
	listed, err := all(c.ListRefunds(ctx, made.CreatedAt.Add(-time.Minute), time.Time{}))
	if err != nil || !slices.Equal(listed, []paystack.Refund{found}) || found.Status != paystack.RefundProcessed || found.TransactionID != made.TransactionID {
		t.Errorf("%+v, %+v, %v", found, listed, err)
	}
	_, err = c.FetchRefund(ctx, made.ID+1)
	wantKind(t, err, paystack.ErrNotFound)

	dispute := server.State().Disputes[0]
	open := must(c.FetchDispute(ctx, dispute.ID))(t)
	if err := server.ResolveDispute("fund-1", "merchant-accepted"); err != nil {
		t.Fatal(err)
	}
	lost := must(c.FetchDispute(ctx, dispute.ID))(t)
	if open.Status == paystack.DisputeResolved || open.Resolution != "" || lost.Status != paystack.DisputeResolved ||
		lost.Resolution != "merchant-accepted" || *lost.RefundMinor != 5_000_00 || lost.TransactionReference != "fund-1" {
		t.Errorf("%+v, then %+v", open, lost)
	}
}

func TestRefundsThatAreNotSent(t *testing.T) {
	server := fake(t)
	c := clientOf(t, server.URL)
	for _, o := range []paystack.RefundOrder{
		{Transaction: "fund-1", Currency: money.NGN},
		{Transaction: "fund-1", AmountMinor: -1, Currency: money.NGN},
		{Transaction: "fund_1", AmountMinor: 1, Currency: money.NGN},
		{Transaction: "fund-1", AmountMinor: 1, Currency: "XYZ"},
	} {
		_, err := c.CreateRefund(t.Context(), o)
		wantKind(t, err, paystack.ErrInvalid)
	}
	if n := len(server.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// What a charge says is passed on as it is; money is proved by a verification.
func TestCharge(t *testing.T) {
	server := fake(t)
	c, ctx := clientOf(t, server.URL), t.Context()
	for i, status := range []string{paystack.ChargeSendOTP, paystack.ChargePending, paystack.TransactionSuccess, paystack.ChargeFailed, "quite_new"} {
		server.Inject(paystacktest.Fault{Op: "charge.create", Kind: paystacktest.Overwrite, Fields: map[string]any{"status": status}})
		o := chargeOrder("charge-" + string(rune('a'+i)))
		if got := must(c.Charge(ctx, o))(t); got.Status != status || got.Reference != o.Reference || got.Text == "" {
			t.Errorf("%s: %+v", status, got)
		}
		if paid := must(c.VerifyTransaction(ctx, o.Reference))(t); paid.Status == paystack.TransactionSuccess {
			t.Errorf("%s: paid", status)
		}
	}
	_, err := c.Charge(ctx, chargeOrder("charge-a"))
	wantKind(t, err, paystack.ErrRefused) // the reference is in use

	again := chargeOrder("charge-z")
	again.Phone, again.Provider, again.AuthorizationCode = "", "", "AUTH_1"
	if got := must(c.Charge(ctx, again))(t); got.Status != paystack.TransactionSuccess || must(c.VerifyTransaction(ctx, "charge-z"))(t).AmountMinor != again.AmountMinor {
		t.Errorf("%+v", got)
	}
	server.Inject(paystacktest.Fault{Op: "charge.create", Kind: paystacktest.Overwrite, Fields: map[string]any{"reference": "another"}})
	_, err = c.Charge(ctx, chargeOrder("charge-y"))
	wantKind(t, err, paystack.ErrAmbiguous)

	for _, o := range []paystack.ChargeOrder{
		{Reference: "x", AmountMinor: 1, Currency: money.NGN, Email: "a@b.c"},
		{Reference: "x", AmountMinor: 1, Currency: money.NGN, Email: "a@b.c", Phone: "055", Provider: "mtn", AuthorizationCode: "AUTH_1"},
		{Reference: "x_", AmountMinor: 1, Currency: money.NGN, Email: "a@b.c", AuthorizationCode: "AUTH_1"},
		{Reference: "x", Currency: money.NGN, Email: "a@b.c", AuthorizationCode: "AUTH_1"},
		{Reference: "x", AmountMinor: 1, Currency: money.NGN, AuthorizationCode: "AUTH_1"},
	} {
		_, err := c.Charge(ctx, o)
		wantKind(t, err, paystack.ErrInvalid)
	}
}

func TestApprovalsAreRead(t *testing.T) {
	want := paystack.Approval{Reference: "ll-test-1", AmountMinor: 150_000, Currency: money.NGN, RecipientCode: "RCP_1"}
	for _, body := range []string{
		`{"reference":"ll-test-1","amount":150000,"currency":"NGN","recipient":{"recipient_code":"RCP_1","id":7},"status":"received"}`,
		`{"event":"transfer.approval","data":{"reference":"ll-test-1","amount":"150000","currency":"ngn","recipient":"RCP_1"}}`,
		`{"data":null,"reference":"ll-test-1","amount":150000,"currency":"NGN","recipient":7,"recipient_code":"RCP_1"}`,
	} {
		if got, err := paystack.ParseApproval([]byte(body)); err != nil || got != want {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
	for _, body := range []string{
		``, `[]`, `null`, `{}`, `{"data":{}}`,
		`{"amount":150000,"currency":"NGN","recipient":"RCP_1"}`,
		`{"reference":"r","currency":"NGN","recipient":"RCP_1"}`,
		`{"reference":"r","amount":150000.5,"currency":"NGN","recipient":"RCP_1"}`,
		`{"reference":"r","amount":-1e3,"currency":"NGN","recipient":"RCP_1"}`,
		`{"reference":"r","amount":150000,"recipient":"RCP_1"}`,
		`{"reference":"r","amount":150000,"currency":"NGN","recipient":7}`,
		`{"reference":"r","amount":150000,"currency":"NGN","recipient":"RCP_1"} {}`,
	} {
		if got, err := paystack.ParseApproval([]byte(body)); err == nil {
			t.Errorf("%s: %+v", body, got)
		}
	}
}

func TestTheClockOfPaystack(t *testing.T) {
	server := fake(t)
	c := clientOf(t, server.URL)
	if skew, known := c.ClockSkew(); known {
		t.Errorf("%v before an answer", skew)
	}
	must(c.Balances(t.Context()))(t)
	if skew, known := c.ClockSkew(); !known || skew.Abs() > 2*time.Second {
		t.Errorf("%v, %v", skew, known)
	}
}
