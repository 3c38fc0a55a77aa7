package paystacktest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

func start(t testing.TB, options paystacktest.Options) *paystacktest.Server {
	t.Helper()
	server, err := paystacktest.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

func name(i int) string { return fmt.Sprintf("ll-test-%015d", i) }

// world speaks plain HTTP to a server, so that nothing of the client is needed
// to judge it.
type world struct {
	t         testing.TB
	server    *paystacktest.Server
	recipient string
}

func prepare(t testing.TB, server *paystacktest.Server) *world {
	t.Helper()
	w := &world{t: t, server: server}
	w.recipient = w.payee("0123456781")
	w.transfer(1)
	w.pay("fund-1")
	return w
}

func (w *world) send(method, path, body string) (int, []byte) {
	w.t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, w.server.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+paystacktest.Key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return response.StatusCode, answer
}

func (w *world) payee(account string) string {
	w.t.Helper()
	_, body := w.send("POST", "/transferrecipient", `{"type":"nuban","name":"A","account_number":"`+account+`","bank_code":"058","currency":"NGN"}`)
	var answer struct {
		Data struct {
			Code string `json:"recipient_code"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Data.Code == "" {
		w.t.Fatalf("%s, %v", body, err)
	}
	return answer.Data.Code
}

func (w *world) order(i int) string {
	return fmt.Sprintf(`{"source":"balance","amount":100000,"currency":"NGN","recipient":"%s","reference":"%s","reason":"Earnings"}`, w.recipient, name(i))
}

// transfer makes one and returns the status of the answer and of the transfer.
func (w *world) transfer(i int) (int, string) {
	w.t.Helper()
	status, body := w.send("POST", "/transfer", w.order(i))
	var answer struct {
		Data struct {
			Status string `json:"status"`
		} `json:"data"`
		Message string `json:"message"`
		Code    string `json:"code"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		w.t.Fatalf("%s: %v", body, err)
	}
	if status != 200 {
		return status, answer.Code + "|" + answer.Message
	}
	return status, answer.Data.Status
}

func (w *world) pay(reference string) {
	w.t.Helper()
	if status, body := w.send("POST", "/transaction/initialize", `{"email":"a@b.c","amount":1000000,"currency":"NGN","reference":"`+reference+`"}`); status != 200 {
		w.t.Fatalf("%d %s", status, body)
	}
}

// balanced fails unless every balance is the sum of its rows.
func balanced(t testing.TB, server *paystacktest.Server) {
	t.Helper()
	state := server.State()
	sums := map[string]int64{}
	for _, row := range state.Rows {
		sums[row.Currency] += row.Difference
		if row.Balance != sums[row.Currency] {
			t.Errorf("row %d says %d, the rows up to it sum to %d", row.ID, row.Balance, sums[row.Currency])
		}
	}
	if !reflect.DeepEqual(sums, state.Balances) {
		t.Errorf("the rows sum to %v, the balances are %v", sums, state.Balances)
	}
}

func TestTheLivesOfTransfers(t *testing.T) {
	const amount, fee = 100_000, 1_000
	for label, test := range map[string]struct {
		statuses  []string
		options   paystacktest.Options
		left      int64 // of the balance, besides
		successes int
		events    string
	}{
		"success":                     {[]string{"success"}, paystacktest.Options{}, -amount - fee, 1, "transfer.success"},
		"failed":                      {[]string{"failed"}, paystacktest.Options{}, 0, 0, "transfer.failed"},
		"reversed at once":            {[]string{"reversed"}, paystacktest.Options{}, 0, 0, "transfer.reversed"},
		"reversed later":              {[]string{"success", "reversed"}, paystacktest.Options{}, -fee, 1, "transfer.success transfer.reversed"},
		"reversed later, with fee":    {[]string{"success", "reversed"}, paystacktest.Options{ReturnFee: true}, 0, 1, "transfer.success transfer.reversed"},
		"reversed three times":        {[]string{"success", "reversed", "reversed", "reversed"}, paystacktest.Options{}, -fee, 1, "transfer.success transfer.reversed"},
		"failed, then success":        {[]string{"failed", "success"}, paystacktest.Options{}, -amount - fee, 1, "transfer.failed transfer.success"},
		"a code that never came":      {[]string{"otp", "abandoned"}, paystacktest.Options{}, 0, 0, ""},
		"blocked":                     {[]string{"blocked"}, paystacktest.Options{}, 0, 0, ""},
		"rejected":                    {[]string{"rejected"}, paystacktest.Options{}, 0, 0, ""},
		"a word that nobody knows":    {[]string{"queued", "successful"}, paystacktest.Options{}, -amount - fee, 0, ""},
		"received and then a success": {[]string{"received", "success"}, paystacktest.Options{}, -amount - fee, 1, "transfer.success"},
	} {
		t.Run(label, func(t *testing.T) {
			options := test.options
			options.Balances = map[string]int64{"NGN": 1_000_000}
			options.Script = []paystacktest.Step{{Status: "pending"}}
			server := start(t, options)
			w := &world{t: t, server: server}
			w.recipient = w.payee("0123456781")
			if status, is := w.transfer(1); status != 200 || is != "pending" {
				t.Fatal(status, is)
			}
			for _, status := range test.statuses {
				if err := server.SetStatus(name(1), status); err != nil {
					t.Fatal(err)
				}
			}
			events := []string{}
			for _, d := range server.Take() {
				events = append(events, d.Event)
			}
			if left := server.Balance("NGN") - 1_000_000; left != test.left || server.Successes(name(1)) != test.successes {
				t.Errorf("%d of the balance, paid %d times", left, server.Successes(name(1)))
			}
			if got := strings.Join(events, " "); got != test.events {
				t.Errorf("events %q", got)
			}
			balanced(t, server)
		})
	}
}

func TestScriptsFollowTheClock(t *testing.T) {
	server := start(t, paystacktest.Options{Balances: map[string]int64{"NGN": 1_000_000}, Script: paystacktest.OTP()})
	w := &world{t: t, server: server}
	w.recipient = w.payee("0123456781")
	if _, is := w.transfer(1); is != "otp" {
		t.Fatal(is)
	}
	status := func() string { return server.State().Transfers[0].Status }
	if server.Advance(29 * time.Minute); status() != "otp" {
		t.Errorf("after 29 minutes %s", status())
	}
	if server.Advance(time.Minute); status() != "abandoned" || server.Balance("NGN") != 1_000_000 {
		t.Errorf("after 30 minutes %s, %d", status(), server.Balance("NGN"))
	}
	server.Script(name(2), paystacktest.Step{Status: "success"}, paystacktest.Step{AfterSeconds: 7 * 86_400, Status: "reversed"})
	if _, is := w.transfer(2); is != "success" {
		t.Error(is)
	}
	server.Advance(8 * 24 * time.Hour)
	if got := server.State().Transfers[1].History; len(got) != 3 || got[2].Status != "reversed" {
		t.Errorf("%+v", got)
	}
	balanced(t, server)
}

func TestReferencesAreUnique(t *testing.T) {
	server := start(t, paystacktest.Options{Balances: map[string]int64{"NGN": 10_000_000}})
	w := prepare(t, server)
	if status, why := w.transfer(1); status != 400 || !strings.HasPrefix(why, "duplicate_transfer_reference|") {
		t.Errorf("%d %s", status, why)
	}
	// A check that fails does not use the reference up.
	server.Fund("NGN", -server.Balance("NGN"))
	if status, why := w.transfer(2); status != 400 || !strings.Contains(why, "balance is not enough") {
		t.Errorf("%d %s", status, why)
	}
	server.Fund("NGN", 101_000)
	if status, is := w.transfer(2); status != 200 || is != "success" || server.Balance("NGN") != 0 {
		t.Errorf("%d %s, %d left", status, is, server.Balance("NGN"))
	}
	// Many at once: one is made.
	server.Fund("NGN", 10_000_000)
	var race sync.WaitGroup
	made := make(chan int, 20)
	for range cap(made) {
		race.Go(func() {
			status, _ := w.send("POST", "/transfer", w.order(3))
			made <- status
		})
	}
	race.Wait()
	close(made)
	ok := 0
	for status := range made {
		if status == 200 {
			ok++
		}
	}
	if ok != 1 || server.Successes(name(3)) != 1 {
		t.Errorf("%d made, paid %d times", ok, server.Successes(name(3)))
	}
	balanced(t, server)
}

// Whoever asks for no status gets the pending ones, which looks like all.
func TestAListWithoutStatusIsOfPendingOnes(t *testing.T) {
	server := start(t, paystacktest.Options{Balances: map[string]int64{"NGN": 10_000_000}})
	w := prepare(t, server)
	server.Script(name(2), paystacktest.Step{Status: "pending"})
	w.transfer(2)
	if _, body := w.send("GET", "/transfer", ""); strings.Contains(string(body), name(1)) || !strings.Contains(string(body), name(2)) {
		t.Errorf("%s", body)
	}
}

func TestAnotherKeyIsRefused(t *testing.T) {
	server := start(t, paystacktest.Options{SecretKey: "sk_test_rotated", Balances: map[string]int64{"NGN": 10_000_000}})
	w := &world{t: t, server: server}
	if status, body := w.send("GET", "/balance", ""); status != 401 || !strings.Contains(string(body), "Invalid key") {
		t.Errorf("%d %s", status, body)
	}
	if q := server.Requests()[0]; q.KeyFits || q.Status != 401 || q.Op != "balance.fetch" {
		t.Errorf("%+v", q)
	}
}

func TestRecipientsAreOnePerAccount(t *testing.T) {
	server := start(t, paystacktest.Options{Balances: map[string]int64{"NGN": 1_000_000}})
	w := &world{t: t, server: server}
	w.recipient = w.payee("0123456781")
	if again := w.payee("0123456781"); again != w.recipient {
		t.Errorf("%s and %s", w.recipient, again)
	}
	if other := w.payee("0123456782"); other == w.recipient {
		t.Error("two accounts share a recipient")
	}
	if err := server.Block(w.recipient); err != nil {
		t.Fatal(err)
	}
	if status, why := w.transfer(1); status != 400 || !strings.Contains(why, "to this recipient") {
		t.Errorf("%d %s", status, why)
	}
}

func TestApproval(t *testing.T) {
	for decision, test := range map[paystacktest.Decision]struct {
		answer int
		status string
		left   int64
	}{
		paystacktest.Approved: {200, "success", 899_000},
		paystacktest.Refused:  {400, "rejected", 1_000_000},
		paystacktest.Silent:   {500, "blocked", 1_000_000},
	} {
		asked := ""
		var server *paystacktest.Server
		approver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			asked = string(body)
			// It is asked before the answer goes out, and may ask back.
			if is := server.State().Transfers[0].Status; is != "received" {
				t.Errorf("asked while %s", is)
			}
			w.WriteHeader(test.answer)
		}))
		defer approver.Close()
		server = start(t, paystacktest.Options{Balances: map[string]int64{"NGN": 1_000_000}, ApprovalURL: approver.URL})
		w := &world{t: t, server: server}
		w.recipient = w.payee("0123456781")
		if _, is := w.transfer(1); is != test.status || server.Balance("NGN") != test.left {
			t.Errorf("%s: %s, %d left", decision, is, server.Balance("NGN"))
		}
		if !strings.Contains(asked, name(1)) || !strings.Contains(asked, w.recipient) {
			t.Errorf("%s: asked about %s", decision, asked)
		}
	}
}

func TestPayments(t *testing.T) {
	server := start(t, paystacktest.Options{})
	w := &world{t: t, server: server}
	w.pay("fund-1")
	if status, body := w.send("POST", "/transaction/initialize", `{"email":"a@b.c","amount":1,"reference":"fund-1"}`); status != 400 || !strings.Contains(string(body), "Duplicate") {
		t.Errorf("%d %s", status, body)
	}
	if err := server.Pay("fund-1"); err != nil {
		t.Fatal(err)
	}
	if err := server.Pay("fund-1"); err == nil {
		t.Error("paid twice")
	}
	if got := server.Balance("NGN"); got != 985_000 {
		t.Errorf("%d came in", got)
	}
	w.pay("fund-2")
	if err := server.PayOther("fund-2", 5, "GHS"); err != nil || server.Balance("GHS") != 5 {
		t.Errorf("%v, %d", err, server.Balance("GHS"))
	}
	if err := server.Refund("fund-1", 1_000_001); err == nil {
		t.Error("more was refunded than paid")
	}
	if err := server.Refund("fund-1", 400_000); err != nil || server.Balance("NGN") != 585_000 {
		t.Errorf("%v, %d", err, server.Balance("NGN"))
	}
	if err := server.Dispute("fund-1"); err != nil {
		t.Error(err)
	}
	events := []string{}
	for _, d := range server.Take() {
		events = append(events, d.Event)
	}
	if got := strings.Join(events, " "); got != "charge.success charge.success refund.pending refund.processed charge.dispute.create" {
		t.Error(got)
	}
	balanced(t, server)
}

func TestLoopbackOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "example.org:80", "127.0.0.1"} {
		if server, err := paystacktest.Start(paystacktest.Options{Addr: addr}); err == nil {
			server.Close()
			t.Errorf("listens on %s", addr)
		}
	}
}

func TestTheFeeTable(t *testing.T) {
	for _, test := range []struct {
		currency    string
		amount, fee int64
	}{
		{"NGN", 1, 1000}, {"NGN", 500_000, 1000}, {"NGN", 500_001, 2500}, {"NGN", 5_000_000, 2500}, {"NGN", 5_000_001, 5000},
		{"GHS", 10_000, 100}, {"KES", 150_000, 2000}, {"KES", 150_001, 4000}, {"KES", 2_000_001, 6000}, {"ZAR", 1, 300},
	} {
		if fee := paystacktest.TransferFee(test.currency, test.amount); fee != test.fee {
			t.Errorf("%s %d costs %d, want %d", test.currency, test.amount, fee, test.fee)
		}
	}
}
