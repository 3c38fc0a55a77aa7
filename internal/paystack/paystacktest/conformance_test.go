package paystacktest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/paystack"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

// field is a line of testdata/fields.txt.
type field struct {
	op, path, kind string
	nullable, must bool
}

// shownAsNull are fields that the description calls text and the code samples
// of Paystack show as null.
var shownAsNull = []string{"data.recipient.email", "data[].recipient.email", "data.email"}

func fields(t *testing.T) map[string][]field {
	t.Helper()
	raw, err := os.ReadFile("testdata/fields.txt")
	if err != nil {
		t.Fatal(err)
	}
	byOp := map[string][]field{}
	for line := range strings.Lines(string(raw)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		parts := strings.Fields(line)
		if len(parts) != 4 {
			t.Fatalf("cannot read %q", line)
		}
		f := field{op: parts[0], path: parts[1], kind: strings.TrimSuffix(parts[2], "?"), must: parts[3] == "required"}
		f.nullable = strings.HasSuffix(parts[2], "?") || slices.Contains(shownAsNull, f.path)
		byOp[f.op] = append(byOp[f.op], f)
	}
	return byOp
}

// at are the values at a path; what is missing is not among them, and counted.
func at(value any, path string) (values []any, missing int) {
	values = []any{value}
	for part := range strings.SplitSeq(path, ".") {
		name, lists := strings.TrimRight(part, "[]"), strings.Count(part, "[]")
		var next []any
		for _, v := range values {
			object, ok := v.(map[string]any)
			if !ok {
				continue // a parent that is null has no children
			}
			child, ok := object[name]
			if !ok {
				missing++
				continue
			}
			next = append(next, child)
		}
		for range lists {
			var flat []any
			for _, v := range next {
				if list, ok := v.([]any); ok {
					flat = append(flat, list...)
				}
			}
			next = flat
		}
		values = next
	}
	return values, missing
}

func fits(v any, f field) bool {
	switch v := v.(type) {
	case nil:
		return f.nullable || f.kind == "any"
	case json.Number:
		_, err := v.Int64()
		return f.kind == "integer" && err == nil || f.kind == "any"
	case string:
		return f.kind == "string" || f.kind == "any"
	case bool:
		return f.kind == "boolean"
	case []any:
		return f.kind == "array" || f.kind == "any"
	case map[string]any:
		return f.kind == "object" || f.kind == "any"
	}
	return false
}

// breaches says where an answer is not as described. A part of a path below an
// optional parent is asked for only where the parent is.
func breaches(answer any, described []field) []string {
	var problems []string
	for _, f := range described {
		values, missing := at(answer, f.path)
		if missing > 0 && f.must && !optionalAbove(answer, f, described) {
			problems = append(problems, fmt.Sprintf("%s: %s is missing", f.op, f.path))
		}
		for _, v := range values {
			if !fits(v, f) {
				problems = append(problems, fmt.Sprintf("%s: %s is %v, want %s", f.op, f.path, v, f.kind))
			}
		}
	}
	return problems
}

func optionalAbove(answer any, f field, described []field) bool {
	return slices.ContainsFunc(described, func(above field) bool {
		_, missing := at(answer, above.path)
		return !above.must && missing > 0 && strings.HasPrefix(f.path, above.path+".")
	})
}

func TestTheFakeAnswersAsDescribed(t *testing.T) {
	described := fields(t)
	server := start(t, paystacktest.Options{Balances: map[string]int64{"NGN": 10_000_000}})
	w := prepare(t, server)
	w.pay("fund-open")
	if err := errors.Join(server.Pay("fund-1"), server.Refund("fund-1", 5), server.Dispute("fund-1")); err != nil {
		t.Fatal(err)
	}
	answered := map[string]bool{}
	for _, c := range []struct{ op, method, path, body string }{
		{"bank.list", "GET", "/bank?country=nigeria", ""},
		{"bank.resolve", "GET", "/bank/resolve?account_number=0123456781&bank_code=058", ""},
		{"recipient.create", "POST", "/transferrecipient", `{"type":"nuban","name":"A","account_number":"0123456781","bank_code":"058","currency":"NGN"}`},
		{"transfer.initiate", "POST", "/transfer", w.order(50)},
		{"transfer.list", "GET", "/transfer?status=success", ""},
		{"transfer.verify", "GET", "/transfer/verify/" + name(50), ""},
		{"transfer.fetch", "GET", "/transfer/" + server.State().Transfers[0].Code, ""},
		{"balance.fetch", "GET", "/balance", ""},
		{"balance.ledger", "GET", "/balance/ledger", ""},
		{"transaction.initialize", "POST", "/transaction/initialize", `{"email":"a@b.c","amount":100,"currency":"NGN","reference":"fund-2"}`},
		{"transaction.verify", "GET", "/transaction/verify/fund-1", ""},
		{"transaction.verify", "GET", "/transaction/verify/fund-open", ""},
		{"charge.create", "POST", "/charge", `{"email":"a@b.c","amount":100000,"currency":"NGN","reference":"fund-3","authorization_code":"AUTH_1"}`},
		{"refund.create", "POST", "/refund", `{"transaction":"fund-3","amount":100}`},
		{"refund.fetch", "GET", fmt.Sprintf("/refund/%d", server.State().Refunds[0].ID), ""},
		{"refund.list", "GET", "/refund", ""},
		{"dispute.fetch", "GET", fmt.Sprintf("/dispute/%d", server.State().Disputes[0].ID), ""},
	} {
		status, body := w.send(c.method, c.path, c.body)
		if want := map[bool]int{true: 201, false: 200}[c.op == "recipient.create"]; status != want {
			t.Errorf("%s: %d %s", c.op, status, body)
		}
		for _, problem := range breaches(decode(t, body), described[c.op]) {
			if c.path == "/transaction/verify/fund-open" && strings.Contains(problem, "data.authorization.") {
				continue // of a payment that nobody made
			}
			t.Error(problem)
		}
		answered[c.op] = true
	}
	for _, op := range paystacktest.Operations() {
		if !answered[op] || len(described[op]) < 4 {
			t.Errorf("%s is not compared, or not described", op)
		}
	}
}

// The comparison notices what it is there for.
func TestBreachesAreFound(t *testing.T) {
	described := fields(t)["balance.fetch"]
	for body, want := range map[string]int{
		`{"status":true,"message":"","data":[{"currency":"NGN","balance":1}]}`:   0,
		`{"status":true,"message":"","data":[{"currency":"NGN","balance":"1"}]}`: 1,
		`{"status":true,"message":"","data":[{"currency":"NGN","balance":1.5}]}`: 1,
		`{"status":true,"message":"","data":[{"currency":"NGN"}]}`:               1,
		`{"status":true,"message":"","data":[{"currency":null,"balance":1}]}`:    1,
		`{"status":1,"data":{}}`: 3,
	} {
		if got := breaches(decode(t, []byte(body)), described); len(got) != want {
			t.Errorf("%s: %q", body, got)
		}
	}
}

// The client reads an answer that has the described fields and nothing else.
func TestTheClientReadsWhatIsDescribed(t *testing.T) {
	described := fields(t)
	patterns := map[string]string{
		"bank.list": "GET /bank", "bank.resolve": "GET /bank/resolve", "recipient.create": "POST /transferrecipient",
		"transfer.initiate": "POST /transfer", "transfer.list": "GET /transfer", "transfer.verify": "GET /transfer/verify/{r}",
		"transfer.fetch": "GET /transfer/{c}", "balance.fetch": "GET /balance", "balance.ledger": "GET /balance/ledger",
		"transaction.initialize": "POST /transaction/initialize", "transaction.verify": "GET /transaction/verify/{r}",
		"charge.create": "POST /charge", "refund.create": "POST /refund", "refund.fetch": "GET /refund/{i}", "refund.list": "GET /refund",
		"dispute.fetch": "GET /dispute/{i}",
	}
	mux := http.NewServeMux()
	for op, pattern := range patterns {
		body, err := json.Marshal(example(described[op]))
		if err != nil {
			t.Fatal(err)
		}
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
	}
	server := httptest.NewServer(mux)
	defer server.Close()
	c, err := paystack.New(paystacktest.Key, paystack.Options{BaseURL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	check := func(op string, ok bool, err error) {
		if err != nil || !ok {
			t.Errorf("%s: read well %v, %v", op, ok, err)
		}
	}
	banks, err := c.Banks(ctx, "", "")
	check("bank.list", len(banks) == 1 && banks[0].Currency == "NGN", err)
	owner, err := c.ResolveAccount(ctx, "0123456781", "058")
	check("bank.resolve", owner == "text", err)
	r, err := c.CreateRecipient(ctx, paystack.RecipientOrder{Type: "nuban", Name: "A", AccountNumber: "0123456781", BankCode: "058", Currency: "NGN"})
	check("recipient.create", r.Code == "RCP_text" && r.ID == 7 && r.BankCode == "058", err)
	good := func(t paystack.Transfer) bool {
		return t.AmountMinor == 7 && t.ID == 7 && t.Reference == name(1) && t.Status == "text" && !t.CreatedAt.IsZero()
	}
	made, err := c.InitiateTransfer(ctx, paystack.TransferOrder{Reference: name(1), AmountMinor: 7, Currency: "NGN", RecipientCode: "RCP_text"})
	check("transfer.initiate", good(made) && made.RecipientID == 7, err)
	found, err := c.VerifyTransfer(ctx, name(1))
	check("transfer.verify", good(found) && found.RecipientCode == "RCP_text", err)
	found, err = c.FetchTransfer(ctx, "7")
	check("transfer.fetch", good(found) && *found.FeeChargedMinor == 7, err)
	for row, err := range c.ListTransfers(ctx, "success", time.Time{}, time.Time{}) {
		check("transfer.list", good(row), err)
	}
	balances, err := c.Balances(ctx)
	check("balance.fetch", balances["NGN"] == 7, err)
	for row, err := range c.BalanceLedger(ctx, time.Time{}, time.Time{}) {
		check("balance.ledger", row.DifferenceMinor == 7 && row.ModelRow == 7, err)
	}
	checkout, err := c.InitializeTransaction(ctx, paystack.PaymentOrder{Reference: strings.ReplaceAll(name(1), "_", "-"), AmountMinor: 7, Currency: "NGN", Email: "a@b.c"})
	check("transaction.initialize", checkout.AuthorizationURL == "text", err)
	paid, err := c.VerifyTransaction(ctx, name(1))
	check("transaction.verify", paid.AmountMinor == 7 && *paid.FeesMinor == 7 && *paid.RequestedMinor == 7 && !paid.PaidAt.IsZero(), err)
	charged, err := c.Charge(ctx, paystack.ChargeOrder{Reference: name(1), AmountMinor: 7, Currency: "NGN", Email: "a@b.c", AuthorizationCode: "AUTH_1"})
	check("charge.create", charged.Status == "text" && charged.Reference == name(1), err)
	back, err := c.CreateRefund(ctx, paystack.RefundOrder{Transaction: name(1), AmountMinor: 7, Currency: "NGN"})
	check("refund.create", back.ID == 7 && back.TransactionID == 7 && back.TransactionReference == name(1) && back.AmountMinor == 7 && back.Status == "text", err)
	back, err = c.FetchRefund(ctx, 7)
	check("refund.fetch", back.TransactionID == 7 && back.AmountMinor == 7 && !back.CreatedAt.IsZero(), err)
	for row, err := range c.ListRefunds(ctx, time.Time{}, time.Time{}) {
		check("refund.list", row.TransactionID == 7 && row.AmountMinor == 7, err)
	}
	disputed, err := c.FetchDispute(ctx, 7)
	check("dispute.fetch", disputed.TransactionReference == name(1) && *disputed.RefundMinor == 7 && disputed.Currency == "NGN", err)
}

// example makes an answer with all fields that are described.
func example(described []field) map[string]any {
	root := map[string]any{}
	for _, f := range described {
		parts := strings.Split(f.path, ".")
		parent := root
		for _, part := range parts[:len(parts)-1] {
			key := strings.TrimRight(part, "[]")
			if strings.HasSuffix(part, "[]") {
				parent = parent[key].([]any)[0].(map[string]any)
			} else {
				parent = parent[key].(map[string]any)
			}
		}
		last := parts[len(parts)-1]
		key := strings.TrimRight(last, "[]")
		if strings.HasSuffix(last, "[]") {
			if f.kind == "object" {
				parent[key] = []any{map[string]any{}}
			}
			continue
		}
		parent[key] = exampleOf(f.kind, key)
	}
	return root
}

func exampleOf(kind, key string) any {
	special := map[string]any{
		"currency": "NGN", "account_number": "0123456781", "bank_code": "058", "reference": name(1), "recipient_code": "RCP_text",
		"createdAt": "2026-01-05T08:00:00.000Z", "paidAt": "2026-01-05T08:00:00.000Z", "is_deleted": false, "isDeleted": false,
	}
	if value, ok := special[key]; ok {
		return value
	}
	return map[string]any{"integer": 7, "string": "text", "boolean": true, "array": []any{}, "object": map[string]any{}, "any": nil}[kind]
}

func decode(t *testing.T, body []byte) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil && err != io.EOF {
		t.Fatalf("%v: %s", err, body)
	}
	return value
}
