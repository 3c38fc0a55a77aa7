package paystack_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/paystack"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

func TestStatuses(t *testing.T) {
	conclusive := []string{}
	for _, s := range paystack.Statuses() {
		if !s.Known() {
			t.Errorf("%s is listed and not known", s)
		}
		if s.Conclusive() {
			conclusive = append(conclusive, string(s))
		}
	}
	if got := strings.Join(conclusive, " "); got != "success failed reversed abandoned blocked rejected" {
		t.Errorf("conclusive are %s", got)
	}
	for _, s := range []paystack.Status{"", "queued", "processing", "successful", "SUCCESS", "success "} {
		if s.Known() || s.Conclusive() {
			t.Errorf("%q is believed", s)
		}
	}
}

// Paystack counts a hundred to a CFA franc, which has no part; to us it is one.
func TestFrancs(t *testing.T) {
	server := fake(t, func(o *paystacktest.Options) { o.Balances["XOF"] = 250_000 })
	c := clientOf(t, server.URL)
	if got := must(c.Balances(t.Context()))(t); got[money.XOF] != 2_500 || got[money.NGN] != 100_000_00 {
		t.Errorf("balances %v", got)
	}
	must(c.InitializeTransaction(t.Context(), paystack.PaymentOrder{Reference: "fund-cfa", AmountMinor: 5_000, Currency: money.XOF, Email: "a@b.c"}))(t)
	if asked := server.State().Transactions[0].Requested; asked != 500_000 {
		t.Errorf("%d subunits were asked for", asked)
	}
	if paid := must(c.VerifyTransaction(t.Context(), "fund-cfa"))(t); paid.AmountMinor != 5_000 || *paid.RequestedMinor != 5_000 {
		t.Errorf("%+v", paid)
	}
}

func TestBalancesThatCannotBeTrusted(t *testing.T) {
	for name, rows := range map[string]string{
		"a currency twice": `[{"currency":"NGN","balance":1},{"currency":"NGN","balance":2}]`,
		"no currency":      `[{"balance":1}]`,
		"no balance":       `[{"currency":"NGN"}]`,
		"a fraction":       `[{"currency":"NGN","balance":1.5}]`,
		"half a franc":     `[{"currency":"XOF","balance":150}]`,
		"too much":         `[{"currency":"NGN","balance":9007199254740992}]`,
		"null":             `null`,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"status":true,"message":"","data":%s}`, rows)
		}))
		got, err := clientOf(t, server.URL).Balances(t.Context())
		server.Close()
		if wantKind(t, err, paystack.ErrUnavailable); got != nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// An answer about something else than what was asked for is none.
func TestAnswersAboutSomethingElse(t *testing.T) {
	server := fake(t)
	c := clientOf(t, server.URL)
	lie := func(op string, fields map[string]any) {
		server.Inject(paystacktest.Fault{Op: op, Kind: paystacktest.Overwrite, Fields: fields})
	}
	lie("bank.resolve", map[string]any{"account_number": "0123456782"})
	_, err := c.ResolveAccount(t.Context(), account, "058")
	wantKind(t, err, paystack.ErrUnavailable)
	lie("recipient.create", map[string]any{"recipient_code": nil})
	_, err = c.CreateRecipient(t.Context(), paystack.RecipientOrder{Type: "nuban", Name: "A", AccountNumber: account, BankCode: "058", Currency: "NGN"})
	wantKind(t, err, paystack.ErrAmbiguous)
	lie("transaction.initialize", map[string]any{"reference": "another"})
	_, err = c.InitializeTransaction(t.Context(), paystack.PaymentOrder{Reference: "fund-1", AmountMinor: 1, Currency: "NGN", Email: "a@b.c"})
	wantKind(t, err, paystack.ErrAmbiguous)
}

func TestInvalidPaymentsAndRecipients(t *testing.T) {
	server := fake(t)
	c := clientOf(t, server.URL)
	for _, o := range []paystack.PaymentOrder{
		{Reference: "fund-1", AmountMinor: 0, Currency: "NGN", Email: "a@b.c"},
		{Reference: "fund-1", AmountMinor: -1, Currency: "NGN", Email: "a@b.c"},
		{Reference: "fund-1", AmountMinor: 1, Currency: "EUR", Email: "a@b.c"},
		{Reference: "fund_1", AmountMinor: 1, Currency: "NGN", Email: "a@b.c"},
		{Reference: "fund-1", AmountMinor: 1, Currency: "NGN", Email: "nobody"},
	} {
		_, err := c.InitializeTransaction(t.Context(), o)
		wantKind(t, err, paystack.ErrInvalid)
	}
	_, err := c.CreateRecipient(t.Context(), paystack.RecipientOrder{Type: "nuban", Name: " ", AccountNumber: account, BankCode: "058", Currency: "NGN"})
	wantKind(t, err, paystack.ErrInvalid)
	if n := len(server.Requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}
