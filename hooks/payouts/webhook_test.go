package payouts_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks"
	"github.com/lingualink/lingualink/hooks/payouts"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/config"
	"github.com/lingualink/lingualink/internal/paystack"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

const harmless = `{"event":"invoice.create","data":{"domain":"test","id":18446744073709551615}}`

// The signature is over the bytes as they came: whatever reads, unpacks or tidies
// them on the way must not change what is checked.
func TestTheRawBytesAreChecked(t *testing.T) {
	g := openGate(t)
	sign := func(body string) string {
		return "X-Paystack-Signature: " + paystacktest.Sign(paystacktest.Key, []byte(body))
	}
	for name, test := range map[string]struct {
		body, signed string
		headers      []string
		status       int
	}{
		"as it is":                 {harmless, harmless, nil, 200},
		"white space inside":       {"  " + strings.ReplaceAll(harmless, ":", " : "), "  " + strings.ReplaceAll(harmless, ":", " : "), nil, 200},
		"a line end after it":      {harmless + "\n", harmless, nil, 401},
		"a line end that counts":   {harmless + "\n", harmless + "\n", nil, 200},
		"trailing bytes":           {harmless + `{"event":"transfer.success"}`, harmless, nil, 401},
		"a byte order mark":        {"\ufeff" + harmless, harmless, nil, 401},
		"said to be packed":        {harmless, harmless, []string{"Content-Encoding: gzip"}, 200},
		"as a form":                {harmless, harmless, []string{"Content-Type: application/x-www-form-urlencoded"}, 200},
		"as multipart":             {harmless, harmless, []string{"Content-Type: multipart/form-data; boundary=x"}, 200},
		"with an override":         {harmless, harmless, []string{"X-HTTP-Method-Override: DELETE"}, 200},
		"as somebody signed in":    {harmless, harmless, []string{"Authorization: nonsense"}, 200},
		"nothing at all":           {"", "", nil, 200},
		"too much":                 {strings.Repeat("x", paystack.MaxEvent+1), strings.Repeat("x", paystack.MaxEvent+1), nil, 413},
		"as much as is allowed":    {strings.Repeat("x", paystack.MaxEvent), strings.Repeat("x", paystack.MaxEvent), nil, 200},
		"zero bytes and bad UTF-8": {"\x00\xff", "\x00\xff", nil, 200},
	} {
		if answer := g.Do(apptest.Guest, "POST", gateWebhook, test.body, append(test.headers, sign(test.signed))...); answer.Status != test.status {
			t.Errorf("%s: %d %s, want %d", name, answer.Status, answer.Raw, test.status)
		}
	}
	g.is("broken", g.events("broken"), 3)
	g.is("one alert", g.alerts("webhook_broken"), 1)

	// Without a length, as a proxy may send it on.
	request := httptest.NewRequest("POST", gateWebhook, io.MultiReader(strings.NewReader(harmless[:9]), strings.NewReader(harmless[9:]+" ")))
	request.ContentLength = -1
	g.Want(g.Send(apptest.Guest, request, sign(harmless+" ")), 200, "")
}

// A middleware that reads the body before the route does leaves it as it was.
func TestAMiddlewareThatReadsTheBody(t *testing.T) {
	fake, err := paystacktest.Start(paystacktest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	s := apptest.Start(t, func(app core.App, cfg config.Config) (func(context.Context, core.App) (int, error), error) {
		deps, err := hooks.Wire(app, cfg)
		if err != nil {
			return nil, err
		}
		app.OnServe().BindFunc(func(e *core.ServeEvent) error {
			e.Router.BindFunc(func(e *core.RequestEvent) error {
				var into map[string]any
				if err := e.BindBody(&into); err != nil || into["event"] != "invoice.create" {
					t.Errorf("the middleware read %v, %v", into, err)
				}
				return e.Next()
			})
			return e.Next()
		})
		return deps.Outbox.Drain, nil
	}, "PAYSTACK_SECRET_KEY="+paystacktest.Key, "LL_PAYSTACK_BASE_URL="+fake.URL)
	signature := paystack.SignatureHeader + ": " + paystacktest.Sign(paystacktest.Key, []byte(harmless))
	s.Want(s.Do(apptest.Guest, "POST", gateWebhook, harmless, signature), 200, "")
}

func TestWebhooksAreNotRateLimited(t *testing.T) {
	g := openGate(t)
	rule, found := g.App.Settings().RateLimits.FindRateLimitRule([]string{"POST " + gateWebhook, gateWebhook})
	if !found || rule.MaxRequests < 1_000_000 {
		t.Errorf("%+v", rule)
	}
	rule, found = g.App.Settings().RateLimits.FindRateLimitRule([]string{"POST " + gateApproval, gateApproval})
	if !found || rule.MaxRequests < 1_000_000 {
		t.Errorf("%+v", rule)
	}
}

func TestBodiesAreForgotten(t *testing.T) {
	g := openGate(t)
	g.Want(g.send(paystacktest.Key, harmless), 200, "")
	sweep := func() {
		t.Helper()
		if err := g.Desk.ForgetBodies(g.App); err != nil {
			t.Fatal(err)
		}
	}
	g.Advance(29 * 24 * time.Hour)
	sweep()
	g.is("kept", g.Int("SELECT COUNT(*) FROM paystack_events WHERE body != ''"), 1)
	id := g.Text("SELECT id FROM paystack_events", nil)
	g.Want(g.Do(apptest.Ada, "POST", "/api/lingualink/paystack_events/"+id+"/open", nil), 403, "not_allowed")
	g.Advance(2 * 24 * time.Hour)
	sweep()
	g.is("kept", g.Int("SELECT COUNT(*) FROM paystack_events WHERE body != ''"), 0)
	g.is("rows", g.Int("SELECT COUNT(*) FROM paystack_events"), 1)
	g.Want(g.Do(apptest.Admin, "POST", "/api/lingualink/paystack_events/"+id+"/open", nil), 404, "not_found")
	g.Want(g.send(paystacktest.Key, harmless), 200, "") // known for ever
	g.is("rows", g.Int("SELECT COUNT(*) FROM paystack_events"), 1)
}

func TestTheSealHolds(t *testing.T) {
	sealed, open, err := payouts.Sealed(gatePepper, "row1", []byte(harmless))
	if err != nil {
		t.Fatal(err)
	}
	if body, err := open(gatePepper, "row1", sealed); err != nil || string(body) != harmless {
		t.Errorf("%s, %v", body, err)
	}
	flipped := sealed[:len(sealed)-6] + "AAAAA" + sealed[len(sealed)-1:]
	for name, test := range map[string][3]string{
		"another row":     {gatePepper, "row2", sealed},
		"another pepper":  {gateSecret, "row1", sealed},
		"no pepper":       {"", "row1", sealed},
		"changed":         {gatePepper, "row1", flipped},
		"another key's":   {gatePepper, "row1", "00000000" + sealed[8:]},
		"without its key": {gatePepper, "row1", sealed[9:]},
		"nothing":         {gatePepper, "row1", ""},
	} {
		if body, err := open(test[0], test[1], test[2]); err == nil {
			t.Errorf("%s: %q", name, body)
		}
	}
	again, _, err := payouts.Sealed(gatePepper, "row1", []byte(harmless))
	if err != nil || again == sealed {
		t.Error("two seals of one text are the same")
	}
}

// The secret of the approval address is in no log, whatever the answer.
func TestTheApprovalSecretIsInNoLog(t *testing.T) {
	g := openGate(t)
	var process bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&process, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	id, reference := g.sending()
	g.Want(g.Do(apptest.Guest, "POST", gateApproval, transferBody(t, g, reference, nil)), 200, "")
	for _, call := range [][2]string{
		{"POST", gateApproval}, {"GET", gateApproval}, {"POST", gateApproval + "/"}, {"POST", gateApproval + "?x=" + id}, {"PUT", gateApproval + "/more"},
		{"POST", gateWebhook + "/%61pprove/" + gateSecret}, {"POST", strings.Replace(gateApproval, "/approve/", "/APPROVE/", 1)}, {"OPTIONS", gateApproval},
		// the address as somebody may misspell it
		{"POST", gateWebhook + "/aprove/" + gateSecret}, {"POST", gateWebhook + ";/approve/" + gateSecret}, {"POST", "/" + gateSecret}, {"POST", gateWebhook + "?secret=" + gateSecret},
	} {
		answer := g.Do(apptest.Guest, call[0], call[1], `{`)
		if strings.Contains(string(answer.Raw), gateSecret) {
			t.Errorf("%v: the answer repeats it: %s", call, answer.Raw)
		}
	}
	if answer := g.Do(apptest.Guest, "GET", "/api/lingualink/openapi.json", nil); strings.Contains(string(answer.Raw), gateSecret) || !strings.Contains(string(answer.Raw), "/webhooks/paystack/approve/{secret}") {
		t.Error("openapi.json has the secret, or has not the route")
	}
	rows := logged(t, g)
	hidden := 0
	for _, row := range rows {
		if strings.Contains(row, gateSecret) {
			t.Errorf("logged: %s", row)
		}
		hidden += strings.Count(row, "/approve/hidden")
	}
	if hidden == 0 {
		t.Errorf("nothing was logged: %q", rows)
	}
	if strings.Contains(process.String(), gateSecret) {
		t.Errorf("printed: %s", process.String())
	}
}

// logged waits until the log of requests is written and returns its rows.
func logged(t *testing.T, g *gate) []string {
	t.Helper()
	deadline, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		if handler, ok := g.App.Logger().Handler().(interface{ WriteAll(context.Context) error }); ok {
			if err := handler.WriteAll(deadline); err != nil {
				t.Fatal(err)
			}
		}
		rows := []struct {
			Message string `db:"message"`
			Data    string `db:"data"`
		}{}
		if err := g.App.AuxDB().NewQuery("SELECT message, data FROM _logs").All(&rows); err != nil {
			t.Fatal(err)
		}
		texts, seen := []string{}, 0
		for _, row := range rows {
			texts = append(texts, row.Message+" "+row.Data)
			if strings.Contains(row.Message, "approve") || strings.Contains(row.Message, "APPROVE") {
				seen++
			}
		}
		if seen >= 6 {
			return texts
		}
		select {
		case <-deadline.Done():
			t.Fatalf("the requests are not in the log: %q", texts)
		case <-time.After(20 * time.Millisecond): // PocketBase writes its log beside the request
		}
	}
}
