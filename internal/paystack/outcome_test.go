package paystack_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/paystack"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

// Every fault, on every operation: the kind of the error, and one request only.
func TestWhatAnAnswerProves(t *testing.T) {
	type F = paystacktest.Fault
	for name, test := range map[string]struct {
		fault F
		kind  error // nil: unknown of the operation
	}{
		"connection reset":            {F{Kind: paystacktest.Cut}, nil},
		"reset after acting":          {F{Kind: paystacktest.Cut, Act: paystacktest.ActAfter}, nil},
		"reset mid-answer":            {F{Kind: paystacktest.CutMidway, Act: paystacktest.ActAfter}, nil},
		"500":                         {F{Kind: paystacktest.Answer, Status: 500}, nil},
		"502 after acting":            {F{Kind: paystacktest.Answer, Status: 502, Act: paystacktest.ActAfter}, nil},
		"503":                         {F{Kind: paystacktest.Answer, Status: 503}, nil},
		"504":                         {F{Kind: paystacktest.Answer, Status: 504}, nil},
		"request timeout":             {F{Kind: paystacktest.Answer, Status: 408}, nil},
		"a page with 200":             {F{Kind: paystacktest.HTML}, nil},
		"a page with 502":             {F{Kind: paystacktest.HTML, Status: 502}, nil},
		"a page with 404":             {F{Kind: paystacktest.HTML, Status: 404}, nil},
		"a page with 403":             {F{Kind: paystacktest.HTML, Status: 403}, nil},
		"half of the JSON":            {F{Kind: paystacktest.Truncated, Act: paystacktest.ActAfter}, nil},
		"200 with status false":       {F{Kind: paystacktest.Denied}, nil},
		"400 with status true":        {F{Kind: paystacktest.Answer, Status: 400, Body: map[string]any{"status": true}}, nil},
		"JSON that is not Paystack's": {F{Kind: paystacktest.Answer, Status: 400, Body: map[string]any{"error": "x"}}, nil},
		"no data":                     {F{Kind: paystacktest.Answer, Status: 200, Body: map[string]any{"status": true, "data": nil}}, nil},
		"a redirect":                  {F{Kind: paystacktest.Redirect}, nil},
		"rate limit":                  {F{Kind: paystacktest.Limited, ResetSeconds: 7}, paystack.ErrRateLimited},
		"rate limit as a page":        {F{Kind: paystacktest.HTML, Status: 429}, paystack.ErrRateLimited},
		"a refusal":                   {paystacktest.Refusal("", 400, "some_code", "No."), paystack.ErrRefused},
		"a wrong key":                 {paystacktest.Refusal("", 401, "", "Invalid key"), paystack.ErrRefused},
		"a 404 with another code":     {paystacktest.Refusal("", 404, "route_gone", "This route was not found"), paystack.ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			for _, call := range calls("RCP_1234") {
				server := fake(t)
				fault := test.fault
				fault.Times = -1
				server.Inject(fault)
				err := call.do(t.Context(), clientOf(t, server.URL))
				kind := test.kind
				if kind == nil {
					kind = unknown(call.op)
				}
				wantKind(t, err, kind)
				if n := len(server.Requests()); n != 1 {
					t.Errorf("%s: %d requests arrived, want one", call.op, n)
				}
			}
		})
	}
}

// "status" says whether the call worked, whatever else the answer holds.
func TestStatusFalseIsNoAnswer(t *testing.T) {
	server := fake(t)
	data := map[string]any{"id": 1, "reference": ref, "amount": 150_000, "currency": "NGN", "status": "success"}
	server.Inject(paystacktest.Fault{Kind: paystacktest.Answer, Status: 200, Times: -1, Body: map[string]any{"status": false, "data": data}})
	c := clientOf(t, server.URL)
	made, err := c.InitiateTransfer(t.Context(), order("RCP_1234"))
	if wantKind(t, err, paystack.ErrAmbiguous); made != (paystack.Transfer{}) {
		t.Errorf("%+v", made)
	}
	_, err = c.VerifyTransfer(t.Context(), ref)
	wantKind(t, err, paystack.ErrUnavailable)
}

func TestNotFound(t *testing.T) {
	server := fake(t)
	c := clientOf(t, server.URL)
	_, err := c.VerifyTransfer(t.Context(), ref)
	wantKind(t, err, paystack.ErrNotFound)
	_, err = c.FetchTransfer(t.Context(), "TRF_0000")
	wantKind(t, err, paystack.ErrNotFound)
	_, err = c.VerifyTransaction(t.Context(), "nobody-paid")
	wantKind(t, err, paystack.ErrNotFound)
	// A write is never "not found", whatever the words: nothing was looked up.
	server.Inject(paystacktest.NotFound("transfer.initiate", 1))
	_, err = c.InitiateTransfer(t.Context(), order("RCP_1234"))
	wantKind(t, err, paystack.ErrRefused)
}

func TestNothingWasSent(t *testing.T) {
	// A port that was free a moment ago may be somebody's by now; nobody takes
	// the first one.
	const closed = "http://127.0.0.1:1"
	untrusted := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a request arrived through a connection that is not trusted")
	}))
	untrusted.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	untrusted.StartTLS()
	defer untrusted.Close()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	server := fake(t)
	for name, test := range map[string]struct {
		ctx context.Context
		url string
	}{
		"nobody listens":       {t.Context(), closed},
		"no such name":         {t.Context(), "http://paystack.invalid"},
		"untrusted":            {t.Context(), untrusted.URL},
		"given up beforehand":  {over, server.URL},
		"TLS to a plain place": {t.Context(), strings.Replace(server.URL, "http:", "https:", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			for _, call := range calls("RCP_1234") {
				wantKind(t, call.do(test.ctx, clientOf(t, test.url)), paystack.ErrNotSent)
			}
		})
	}
	if n := len(server.Requests()); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
}

// The client gives up while the server has the request: acted upon or not, it
// cannot know.
func TestATimeoutIsAmbiguous(t *testing.T) {
	for _, act := range []paystacktest.Act{paystacktest.ActNever, paystacktest.ActAfter, paystacktest.ActLate} {
		server := fake(t)
		c := clientOf(t, server.URL)
		recipient := payee(t, c)
		server.Inject(paystacktest.Fault{Op: "transfer.initiate", Kind: paystacktest.Hang, Act: act})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-server.Hung()
			cancel()
		}()
		_, err := c.InitiateTransfer(ctx, order(recipient))
		wantKind(t, err, paystack.ErrAmbiguous)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v does not say why", err)
		}
		_, err = c.VerifyTransfer(t.Context(), ref)
		switch act {
		case paystacktest.ActAfter:
			if err != nil || server.Successes(ref) != 1 {
				t.Errorf("%s: %v, paid %d times", act, err, server.Successes(ref))
			}
		case paystacktest.ActLate, paystacktest.ActNever:
			wantKind(t, err, paystack.ErrNotFound)
			_, err = c.InitiateTransfer(t.Context(), order(recipient))
			if late := server.DeliverLate(); err != nil || late != map[paystacktest.Act]int{paystacktest.ActLate: 1}[act] {
				t.Errorf("%s: %v, %d were late", act, err, late)
			}
			if n := server.Successes(ref); n != 1 {
				t.Errorf("%s: paid %d times", act, n)
			}
		}
	}
}

func TestItsOwnTimeout(t *testing.T) {
	server := fake(t)
	server.Inject(paystacktest.Fault{Kind: paystacktest.Hang, Times: -1})
	c, err := paystack.New(paystacktest.Key, paystack.Options{BaseURL: server.URL, Timeout: 30 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.InitiateTransfer(t.Context(), order("RCP_1234"))
	wantKind(t, err, paystack.ErrAmbiguous)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v does not say why", err)
	}
}

func TestRefusals(t *testing.T) {
	for name, test := range map[string]struct {
		status        int
		code, message string
		want          paystack.Refusal
	}{
		"duplicate":                {400, "duplicate_transfer_reference", "", paystack.RefusedDuplicate},
		"duplicate as 404":         {404, "duplicate_transfer_reference", "", paystack.RefusedDuplicate},
		"duplicate by its words":   {400, "", "Please provide a unique reference. Reference already exists on a transfer", paystack.RefusedDuplicate},
		"duplicate as 401":         {401, "duplicate_transfer_reference", "Invalid key", paystack.RefusedDuplicate},
		"balance":                  {400, "", "Your balance is not enough to fulfil this request", paystack.RefusedBalance},
		"balance by its code":      {400, "insufficient_balance", "", paystack.RefusedBalance},
		"key":                      {401, "", "Invalid key", paystack.RefusedAccess},
		"forbidden":                {403, "", "No", paystack.RefusedAccess},
		"starter business":         {400, "", "You cannot initiate third party payouts as a starter business", paystack.RefusedAccess},
		"watchlist":                {400, "", "Sorry, we can't make the transfer to this recipient at the moment", paystack.RefusedRecipient},
		"recipient":                {400, "invalid_transfer_recipient", "Recipient specified is invalid", paystack.RefusedRecipient},
		"what nobody has seen yet": {400, "brand_new", "Something else", paystack.RefusedOther},
		"an illegal reference":     {400, "", "Transfer reference contains illegal characters", paystack.RefusedOther},
	} {
		t.Run(name, func(t *testing.T) {
			server := fake(t)
			server.Inject(paystacktest.Refusal("transfer.initiate", test.status, test.code, test.message))
			_, err := clientOf(t, server.URL).InitiateTransfer(t.Context(), order("RCP_1234"))
			wantKind(t, err, paystack.ErrRefused)
			if got := paystack.RefusalOf(err); got != test.want {
				t.Errorf("%v is %q, want %q", err, got, test.want)
			}
		})
	}
	if got := paystack.RefusalOf(errors.New("x")); got != "" {
		t.Errorf("an error of others is %q", got)
	}
	ambiguous := &paystack.Error{Kind: paystack.ErrAmbiguous, Code: "duplicate_transfer_reference"}
	if got := ambiguous.Refusal(); got != "" {
		t.Errorf("what is no refusal is %q", got)
	}
}

func TestInvalidOrdersAreNotSent(t *testing.T) {
	server := fake(t)
	c := clientOf(t, server.URL)
	changed := func(change func(*paystack.TransferOrder)) paystack.TransferOrder {
		o := order("RCP_1234")
		change(&o)
		return o
	}
	for name, o := range map[string]paystack.TransferOrder{
		"zero":               changed(func(o *paystack.TransferOrder) { o.AmountMinor = 0 }),
		"negative":           changed(func(o *paystack.TransferOrder) { o.AmountMinor = -1 }),
		"beyond 2^53-1":      changed(func(o *paystack.TransferOrder) { o.AmountMinor = money.MaxMinor + 1 }),
		"no currency":        changed(func(o *paystack.TransferOrder) { o.Currency = "" }),
		"unknown currency":   changed(func(o *paystack.TransferOrder) { o.Currency = "EUR" }),
		"no reference":       changed(func(o *paystack.TransferOrder) { o.Reference = "" }),
		"short reference":    changed(func(o *paystack.TransferOrder) { o.Reference = ref[:15] }),
		"long reference":     changed(func(o *paystack.TransferOrder) { o.Reference = strings.Repeat("a", 51) }),
		"capitals":           changed(func(o *paystack.TransferOrder) { o.Reference = "LL-test-abcdefghij" }),
		"a path":             changed(func(o *paystack.TransferOrder) { o.Reference = "ll-test/abcdefghijk" }),
		"a line end":         changed(func(o *paystack.TransferOrder) { o.Reference = ref + "\n" }),
		"no recipient":       changed(func(o *paystack.TransferOrder) { o.RecipientCode = "" }),
		"an account instead": changed(func(o *paystack.TransferOrder) { o.RecipientCode = "058 0123456789" }),
	} {
		_, err := c.InitiateTransfer(t.Context(), o)
		if wantKind(t, err, paystack.ErrInvalid); t.Failed() {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, errs := c.VerifyTransfer(t.Context(), "../../balance")
	wantKind(t, errs, paystack.ErrInvalid)
	for _, id := range []string{"", "verify", "TRF_", "-1", "18446744073709551616", "TRF_1/2", "RCP_123"} {
		if _, err := c.FetchTransfer(t.Context(), id); id != "TRF_" {
			wantKind(t, err, paystack.ErrInvalid)
		}
	}
	_, errs = all(c.ListTransfers(t.Context(), "", time.Time{}, time.Time{}))
	wantKind(t, errs, paystack.ErrInvalid)
	_, errs = c.VerifyTransaction(t.Context(), "a/b")
	wantKind(t, errs, paystack.ErrInvalid)
	_, errs = c.ResolveAccount(t.Context(), "", "058")
	wantKind(t, errs, paystack.ErrInvalid)
	for _, q := range server.Requests() {
		if q.Path != "/transfer/TRF_" {
			t.Errorf("%s %s was sent", q.Method, q.Path)
		}
	}
}

// No error, log line or print of a value repeats the key or an account number,
// not even one that the server sends back.
func TestSecretsStaySecret(t *testing.T) {
	const planted = "sk_test_plantedplantedplanted"
	seen := []string{}
	look := func(values ...any) {
		for _, v := range values {
			log := &strings.Builder{}
			slog.New(slog.NewTextHandler(log, nil)).Info("x", "v", v)
			seen = append(seen, fmt.Sprintf("%v %+v %#v %s %q", v, v, v, v, v), log.String())
		}
	}
	chatty := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := map[string]int{"/bank": 500, "/balance": 200}[r.URL.Path]
		if status == 0 {
			status = 400
		}
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"status":false,"message":"key %[1]s account %[2]s","code":"%[1]s","type":"%[2]s","meta":{"nextStep":"%[1]s"}}`, planted, account)
	}))
	defer chatty.Close()
	server := fake(t)
	server.Inject(paystacktest.Fault{Kind: paystacktest.Cut, Times: -1})
	for _, url := range []string{chatty.URL, server.URL, "http://127.0.0.1:1", "http://paystack.invalid"} {
		c, err := paystack.New(planted, paystack.Options{BaseURL: url})
		if err != nil {
			t.Fatal(err)
		}
		look(c, *c)
		for _, call := range calls("RCP_1234") {
			err := call.do(t.Context(), c)
			var e *paystack.Error
			if !errors.As(err, &e) {
				t.Fatalf("%s at %s: %v is not an Error", call.op, url, err)
			}
			look(err, *e, errors.Unwrap(err))
			for _, cause := range e.Unwrap() {
				look(cause)
			}
		}
	}
	look(paystack.NewSignatures(planted))
	for _, key := range []string{planted + "\n", "pk_" + planted, planted[1:]} {
		if _, err := paystack.New(key, paystack.Options{}); err == nil {
			t.Errorf("%q is accepted", key)
		} else {
			look(err)
		}
	}
	_, err := paystack.New(strings.Replace(planted, "test", "live", 1), paystack.Options{BaseURL: "http://127.0.0.1:1"})
	if err == nil {
		t.Error("a live key goes over plain http")
	}
	look(err)
	for _, text := range seen {
		if strings.Contains(text, "planted") || strings.Contains(text, account) {
			t.Errorf("a secret is told: %.200s", text)
		}
	}
	if len(seen) < 100 {
		t.Errorf("only %d texts were looked at", len(seen))
	}
}

func TestLongAnswersAreCut(t *testing.T) {
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			fmt.Fprintf(w, `{"status":true,"data":"%s"}`, strings.Repeat("x", 5<<20))
			return
		}
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"status":false,"message":"%s"}`, strings.Repeat("ẹ ", 100_000))
	}))
	defer endless.Close()
	c := clientOf(t, endless.URL)
	_, err := c.Balances(t.Context())
	wantKind(t, err, paystack.ErrUnavailable)
	if !strings.Contains(err.Error(), "longer than") {
		t.Error(err)
	}
	_, err = c.InitiateTransfer(t.Context(), order("RCP_1234"))
	wantKind(t, err, paystack.ErrRefused)
	if len(err.Error()) > 400 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
}
