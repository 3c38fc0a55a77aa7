package paystack_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/paystack"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

// Computed by: printf %s "$body" | openssl dgst -sha512 -hmac sk_test_golden
const (
	goldenBody      = `{"event":"transfer.success","data":{"id":18446744073709551615}}`
	goldenKey       = "sk_test_golden"
	goldenSignature = "0920a56652060f32e25c02bd3b99c3d22b001812154f6b7bbbaa967950cfcd0f058d7270b8464e29c824e4d4f9e52505e16517d0e7c7f4b03cdb2f36951777a3"
)

func sign(key, body string) string {
	mac := hmac.New(sha512.New, []byte(key))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

func TestSignatures(t *testing.T) {
	const old = "sk_test_previous"
	both := paystack.NewSignatures(goldenKey, old)
	for name, test := range map[string]struct {
		signatures      paystack.Signatures
		body, signature string
		want            bool
	}{
		"golden":                     {both, goldenBody, goldenSignature, true},
		"previous key":               {both, goldenBody, sign(old, goldenBody), true},
		"previous key, forgotten":    {paystack.NewSignatures(goldenKey), goldenBody, sign(old, goldenBody), false},
		"another key":                {both, goldenBody, sign("sk_test_forger", goldenBody), false},
		"another body":               {both, goldenBody + " ", goldenSignature, false},
		"the number of a JavaScript": {both, strings.Replace(goldenBody, "18446744073709551615", "18446744073709552000", 1), goldenSignature, false},
		"upper case":                 {both, goldenBody, strings.ToUpper(goldenSignature), false},
		"one upper case letter":      {both, goldenBody, strings.Replace(goldenSignature, "a", "A", 1), false},
		"short":                      {both, goldenBody, goldenSignature[:126], false},
		"long":                       {both, goldenBody, goldenSignature + "00", false},
		"none":                       {both, goldenBody, "", false},
		"not hexadecimal":            {both, goldenBody, strings.Repeat("g", 128), false},
		"with a space":               {both, goldenBody, " " + goldenSignature[1:], false},
		"an empty key is no key":     {paystack.NewSignatures(""), goldenBody, sign("", goldenBody), false},
		"no keys":                    {paystack.NewSignatures(), goldenBody, goldenSignature, false},
		"zero":                       {paystack.Signatures{}, goldenBody, goldenSignature, false},
		"an empty body":              {both, "", sign(goldenKey, ""), true},
	} {
		if got := test.signatures.Valid([]byte(test.body), test.signature); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
	if paystacktest.Sign(goldenKey, []byte(goldenBody)) != goldenSignature {
		t.Error("the fake signs otherwise")
	}
}

// The files have the shapes of the official samples, with our own values.
func TestEvents(t *testing.T) {
	fee := int64(2500)
	transfer := func(status paystack.Status) *paystack.Transfer {
		return &paystack.Transfer{
			Reference: ref, Code: "TRF_a1b2c3d4", ID: 18446744073709551615, AmountMinor: 750_000, Currency: money.NGN,
			RecipientCode: "RCP_e5f6a7b8", RecipientID: 9007199254740993, Status: status, Domain: "test",
		}
	}
	success := transfer(paystack.StatusSuccess)
	success.FeeChargedMinor = &fee
	failed := transfer(paystack.StatusFailed)
	failed.SessionID = "110006200324071331002061586801"
	for file, test := range map[string]struct {
		name, domain, reference string
		id                      uint64
		transfer                *paystack.Transfer
	}{
		"transfer_success":  {"transfer.success", "test", ref, 18446744073709551615, success},
		"transfer_failed":   {"transfer.failed", "test", ref, 18446744073709551615, failed},
		"transfer_reversed": {"transfer.reversed", "live", ref, 77, nil},
		"charge_success":    {"charge.success", "live", "fund-c1", 9007199254740993, nil},
		"refund_text":       {"refund.processed", "live", "fund-c1", 0, nil},
		"refund_number":     {"refund.failed", "live", "fund-c1", 0, nil},
		"dispute":           {"charge.dispute.create", "live", "fund-c1", 358, nil},
		"other":             {"customeridentification.success", "", "", 0, nil},
	} {
		t.Run(file, func(t *testing.T) {
			body, err := os.ReadFile(filepath.Join("testdata", "events", file+".json"))
			if err != nil {
				t.Fatal(err)
			}
			e, err := paystack.ParseEvent(body)
			if err != nil {
				t.Fatal(err)
			}
			if e.Name != test.name || e.Domain != test.domain || e.Reference != test.reference || e.DataID != test.id {
				t.Errorf("got %q, %q, %q, %d", e.Name, e.Domain, e.Reference, e.DataID)
			}
			if test.transfer != nil {
				got := *e.Transfer
				if got.CreatedAt.Format("2006-01-02 15:04:05") != "2026-03-04 10:32:40" {
					t.Errorf("created at %v", got.CreatedAt)
				}
				got.CreatedAt = test.transfer.CreatedAt
				if asJSON(t, got) != asJSON(t, *test.transfer) {
					t.Errorf("got %+v", got)
				}
			}
		})
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestTheRestOfTheEvents(t *testing.T) {
	read := func(file string) paystack.Event {
		body, err := os.ReadFile(filepath.Join("testdata", "events", file+".json"))
		if err != nil {
			t.Fatal(err)
		}
		e, err := paystack.ParseEvent(body)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	charge := read("charge_success").Transaction
	if charge.AmountMinor != 5_000_000 || charge.FeesMinor != nil || charge.CustomerEmail != "sponsor@example.org" ||
		string(charge.Metadata) != "0" || charge.Status != paystack.TransactionSuccess || charge.PaidAt.IsZero() {
		t.Errorf("charge: %+v", charge)
	}
	for _, file := range []string{"refund_text", "refund_number"} {
		if r := read(file).Refund; r.AmountMinor != 20_000 || r.Currency != money.NGN || r.TransactionReference != "fund-c1" {
			t.Errorf("%s: %+v", file, r)
		}
	}
	if d := read("dispute").Dispute; d.ID != 358 || *d.RefundMinor != 5_800 || d.Status != "awaiting-merchant-feedback" {
		t.Errorf("dispute: %+v", d)
	}
}

func TestBrokenEvents(t *testing.T) {
	data := func(name, data string) string { return `{"event":"` + name + `","data":` + data + `}` }
	for name, test := range map[string]struct{ body, keeps string }{
		"nothing":            {"", ""},
		"a list":             {"[]", ""},
		"no name":            {`{"data":{}}`, ""},
		"a number as name":   {`{"event":{"a":1},"data":{}}`, ""},
		"half":               {goldenBody[:30], ""},
		"two":                {goldenBody + goldenBody, ""},
		"no data":            {`{"event":"transfer.success"}`, "transfer.success"},
		"null":               {data("transfer.success", "null"), "transfer.success"},
		"a fraction":         {data("transfer.success", `{"amount":10.5,"currency":"NGN","status":"success"}`), "transfer.success"},
		"an exponent":        {data("transfer.success", `{"amount":1e3,"currency":"NGN","status":"success"}`), "transfer.success"},
		"a fraction in text": {data("refund.failed", `{"amount":"10.50","currency":"NGN","status":"failed"}`), "refund.failed"},
		"beyond 2^53-1":      {data("transfer.success", `{"amount":9007199254740992,"currency":"NGN","status":"success"}`), "transfer.success"},
		"negative":           {data("charge.success", `{"amount":-1,"currency":"NGN","status":"success","reference":"x"}`), "charge.success"},
		"negative transfer":  {data("transfer.success", `{"amount":-1,"currency":"NGN","status":"success"}`), "transfer.success"},
		"no amount":          {data("transfer.success", `{"currency":"NGN","status":"success"}`), "transfer.success"},
		"no status":          {data("transfer.success", `{"amount":1,"currency":"NGN"}`), "transfer.success"},
		"no currency":        {data("transfer.success", `{"amount":1,"status":"success"}`), "transfer.success"},
		"an id too large":    {data("transfer.success", `{"id":18446744073709551616,"amount":1,"currency":"NGN","status":"success"}`), "transfer.success"},
		"an id in float":     {data("transfer.success", `{"id":1.8e19,"amount":1,"currency":"NGN","status":"success"}`), "transfer.success"},
		"half a franc":       {data("charge.success", `{"amount":150,"currency":"XOF","status":"success","reference":"x"}`), "charge.success"},
		"too long":           {data("transfer.success", `"`+strings.Repeat("x", paystack.MaxEvent)+`"`), ""},
	} {
		e, err := paystack.ParseEvent([]byte(test.body))
		if err == nil || e.Name != test.keeps || e.Transfer != nil || e.Transaction != nil || e.Refund != nil {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
	// Whole francs: Paystack counts a hundred to one.
	e, err := paystack.ParseEvent([]byte(data("charge.success", `{"amount":150000,"currency":"XOF","status":"success","reference":"x"}`)))
	if err != nil || e.Transaction.AmountMinor != 1500 {
		t.Errorf("%+v, %v", e.Transaction, err)
	}
}

// What the samples show in several shapes is read in all of them.
func TestShapes(t *testing.T) {
	for name, test := range map[string]struct {
		fields, code string
		id           uint64
	}{
		"recipient as id":         {`"recipient":56824902`, "", 56824902},
		"recipient as code":       {`"recipient":"RCP_x"`, "RCP_x", 0},
		"recipient as object":     {`"recipient":{"id":7,"recipient_code":"RCP_y"}`, "RCP_y", 7},
		"recipient null":          {`"recipient":null`, "", 0},
		"integration as number":   {`"integration":463433`, "", 0},
		"integration as object":   {`"integration":{"id":1}`, "", 0},
		"metadata as number":      {`"metadata":0`, "", 0},
		"metadata as text":        {`"metadata":""`, "", 0},
		"metadata as object":      {`"metadata":{"a":[1]}`, "", 0},
		"breakdown as number":     {`"fees_breakdown":10`, "", 0},
		"breakdown as list":       {`"fees_breakdown":[{"a":1}]`, "", 0},
		"session null":            {`"session":null`, "", 0},
		"session as list":         {`"session":[]`, "", 0},
		"gateway response object": {`"gateway_response":{"a":1}`, "", 0},
		"time as number":          {`"createdAt":1700000000`, "", 0},
	} {
		body := `{"event":"transfer.success","data":{"amount":"1500","currency":"ngn","status":"queued",` + test.fields + `}}`
		e, err := paystack.ParseEvent([]byte(body))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := e.Transfer
		if got.RecipientCode != test.code || got.RecipientID != test.id || got.AmountMinor != 1500 || got.Currency != money.NGN ||
			got.Status != "queued" || got.Status.Known() || got.Status.Conclusive() || got.FeeChargedMinor != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func FuzzParseEvent(f *testing.F) {
	files, err := filepath.Glob("testdata/events/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal(err, len(files))
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Add([]byte(`{"event":"transfer.x","data":{"recipient":"","session":{"id":1},"amount":"-0"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := paystack.ParseEvent(body)
		again, errAgain := paystack.ParseEvent(bytes.Clone(body))
		if (err == nil) != (errAgain == nil) || e.Name != again.Name || e.Reference != again.Reference {
			t.Fatal("two readings differ")
		}
		if err != nil {
			if e.Transfer != nil || e.Transaction != nil || e.Refund != nil || e.Dispute != nil {
				t.Fatalf("a broken event has content: %+v", e)
			}
			return
		}
		if e.Name == "" {
			t.Fatal("an event without a name")
		}
		amounts := []int64{}
		if e.Transfer != nil {
			amounts = append(amounts, e.Transfer.AmountMinor)
			if e.Transfer.Status == "" || e.Transfer.Currency == "" {
				t.Fatalf("%+v", e.Transfer)
			}
		}
		if e.Transaction != nil {
			amounts = append(amounts, e.Transaction.AmountMinor)
		}
		if e.Refund != nil {
			amounts = append(amounts, e.Refund.AmountMinor)
		}
		for _, amount := range amounts {
			if amount < 0 || amount > money.MaxMinor {
				t.Fatalf("the amount is %d", amount)
			}
		}
	})
}
