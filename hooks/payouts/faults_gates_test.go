package payouts_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

func TestF28TheSameEventFiveTimes(t *testing.T) {
	g := openGate(t)
	id, reference := g.sending()
	g.post(reference)
	event := g.Fake.Take()[0]
	for range 5 {
		g.Want(g.send(paystacktest.Key, string(event.Body)), 200, "")
	}
	g.is("rows", g.Int("SELECT COUNT(*) FROM paystack_events"), 1)
	g.round("payouts.inbox")
	g.is("applied", g.events("applied"), 1)
	g.is("verified", int64(g.verify()), 1)
	g.Want(g.send(paystacktest.Key, string(event.Body)), 200, "") // and after all is done
	g.round("payouts.inbox")
	g.is("due", int64(g.verify()), 0)
	g.is("postings", g.Int("SELECT COUNT(*) FROM ledger_txs WHERE kind = 'payout_paid'"), 1)
	if g.state(id) != "paid" {
		t.Error(g.state(id))
	}
}

func TestF29SuccessBeforeTheAnswerIsStored(t *testing.T) {
	g := openGate(t)
	id, reference := g.sending()
	g.post(reference) // whose answer nobody has stored yet
	g.is("due before the event", int64(g.verify()), 0)
	g.deliver()
	g.is("due after it", int64(g.verify()), 1)
	if g.state(id) != "paid" {
		t.Error(g.state(id))
	}
	g.is("paid", int64(g.Fake.Successes(reference)), 1)
	g.verifyLedger()
}

func TestF30ALateFailureAfterASuccess(t *testing.T) {
	g := openGate(t)
	id, reference := g.sending()
	g.post(reference)
	g.deliver()
	g.verify()
	if err := g.Fake.Emit("transfer.failed", reference, map[string]any{"status": "failed"}); err != nil {
		t.Fatal(err)
	}
	g.deliver()
	g.is("asked", int64(g.verify()), 1)
	if g.state(id) != "paid" || g.Balance(apptest.Ada)["available"] != 0 {
		t.Errorf("%s, %v", g.state(id), g.Balance(apptest.Ada))
	}
}

func TestF31AFailureThatVerifyDoesNotKnow(t *testing.T) {
	g := openGate(t)
	id, reference := g.sending()
	g.Fake.Script(reference, paystacktest.Step{Status: "pending"})
	g.post(reference)
	if err := g.Fake.Emit("transfer.failed", reference, map[string]any{"status": "failed"}); err != nil {
		t.Fatal(err)
	}
	g.deliver()
	g.is("asked", int64(g.verify()), 1)
	if g.state(id) != "in_flight" || g.Balance(apptest.Ada)["held"] != 5_000_00 {
		t.Errorf("%s, %v", g.state(id), g.Balance(apptest.Ada))
	}
}

func TestF33ReversedWithoutASuccess(t *testing.T) {
	g := openGate(t)
	id, reference := g.sending()
	g.Fake.Script(reference, paystacktest.Step{Status: "pending"}, paystacktest.Step{AfterSeconds: 60, Status: "reversed"})
	g.post(reference)
	g.later(time.Minute)
	g.Fake.Tick()
	for range 2 {
		g.deliver()
		g.verify()
	}
	if g.state(id) != "failed" || g.Balance(apptest.Ada)["available"] != 5_000_00 || g.Balance(apptest.Ada)["held"] != 0 {
		t.Errorf("%s, %v", g.state(id), g.Balance(apptest.Ada))
	}
	g.is("released", g.Int("SELECT COUNT(*) FROM ledger_txs WHERE kind = 'payout_released'"), 1)
}

func TestF34ReversedThreeTimesAndFailed(t *testing.T) {
	g := openGate(t)
	id, reference := g.sending()
	g.post(reference)
	g.deliver()
	g.verify()
	g.later(time.Hour)
	if err := g.Fake.SetStatus(reference, "reversed"); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"transfer.reversed", "transfer.reversed", "transfer.failed"} {
		if err := g.Fake.Emit(name, reference, map[string]any{"reason": fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	for range 4 {
		g.deliver()
		g.verify()
	}
	if g.state(id) != "reversed" || g.Balance(apptest.Ada)["available"] != 5_000_00 {
		t.Errorf("%s, %v", g.state(id), g.Balance(apptest.Ada))
	}
	g.is("credited back", g.Int("SELECT COUNT(*) FROM ledger_txs WHERE kind = 'payout_reversed'"), 1)
	g.is("applied", g.events("applied"), 5)
	g.verifyLedger()
}

func TestF36Forgeries(t *testing.T) {
	g := openGate(t)
	body := `{"event":"transfer.success","data":{"domain":"test","reference":"ll-test-000000000000001","amount":1,"currency":"NGN","status":"success","id":1}}`
	good := paystacktest.Sign(paystacktest.Key, []byte(body))
	for name, signature := range map[string]string{
		"none": "", "short": good[:127], "long": good + "0", "uppercase": strings.ToUpper(good), "of nobody's key": paystacktest.Sign("sk_test_other", []byte(body)),
		"of an empty key": paystacktest.Sign("", []byte(body)), "of another body": paystacktest.Sign(paystacktest.Key, []byte(body+" ")), "no hex": strings.Repeat("x", 128),
	} {
		headers := []string{}
		if signature != "" {
			headers = append(headers, "X-Paystack-Signature: "+signature)
		}
		if answer := g.Do(apptest.Guest, "POST", gateWebhook, body, headers...); answer.Status != 401 || answer.Code() != "signature_invalid" {
			t.Errorf("%s: %d %s", name, answer.Status, answer.Raw)
		}
	}
	g.is("stored", g.Int("SELECT COUNT(*) FROM paystack_events"), 0)
	g.Want(g.send(gateOldKey, body), 200, "") // the key before counts for as long as it is set

	other := openGate(t, "LL_PAYSTACK_PREVIOUS_KEY=")
	other.Want(other.send(gateOldKey, body), 401, "signature_invalid")
	other.is("stored", other.Int("SELECT COUNT(*) FROM paystack_events"), 0)
}

func TestF37AnEventThatDiffersFromTheOrder(t *testing.T) {
	g := openGate(t)
	id, reference := g.sending()
	g.post(reference)
	g.Fake.Take()
	if err := g.Fake.Emit("transfer.success", reference, map[string]any{"amount": 1, "currency": "GHS", "recipient": "RCP_thief"}); err != nil {
		t.Fatal(err)
	}
	g.deliver()
	g.verify()
	if g.state(id) != "paid" { // the event is not believed, verify is
		t.Errorf("after the event: %s", g.state(id))
	}

	id, reference = g.sending()
	g.post(reference)
	g.Fake.Inject(paystacktest.Fault{Op: "transfer.verify", Kind: paystacktest.Overwrite, Fields: map[string]any{"amount": 1}})
	g.deliver()
	g.verify()
	g.is("pauses", g.Int("SELECT COUNT(*) FROM payout_pauses WHERE lifted_at = ''"), 1)
	if g.state(id) != "manual" || g.alerts("mismatch") != 1 {
		t.Errorf("after verify: %s", g.state(id))
	}
}

func TestF38AnEventAboutNothingKnown(t *testing.T) {
	g := openGate(t)
	transfer := `{"event":"transfer.success","data":{"domain":"test","reference":"%s","amount":1,"currency":"NGN","status":"success","id":1}}`
	payment := `{"event":"charge.success","data":{"domain":"test","reference":"%s","amount":1,"currency":"NGN","status":"success","id":1}}`
	for _, body := range []string{fmt.Sprintf(transfer, "made-by-hand-0001"), fmt.Sprintf(payment, "lf-live-1"), fmt.Sprintf(payment, "ll-test-1"), `{"event":"invoice.create","data":{"domain":"test"}}`} {
		g.Want(g.send(paystacktest.Key, body), 200, "")
	}
	g.round("payouts.inbox")
	g.is("ignored", g.events("ignored"), 4)
	g.is("alerts", g.Int("SELECT COUNT(*) FROM alerts"), 0)

	g.Want(g.send(paystacktest.Key, fmt.Sprintf(transfer, "ll-test-nobodyknowsthis")), 200, "")
	g.Want(g.send(paystacktest.Key, fmt.Sprintf(payment, "lf-test-nobodyknowsthis")), 200, "")
	g.round("payouts.inbox")
	g.is("orphans", g.events("orphan"), 2)
	g.is("alerts", g.alerts("orphan_transfer"), 1)
	g.is("alerts", g.alerts("orphan_payment"), 1)
	g.is("pauses", g.Int("SELECT COUNT(*) FROM payout_pauses WHERE scope = 'all' AND cause = 'orphan' AND lifted_at = ''"), 1)
	g.is("money", g.Int("SELECT COUNT(*) FROM ledger_txs"), 0)
}

func TestF39AnEventOfTheOtherMode(t *testing.T) {
	g := openGate(t)
	body := `{"event":"%s","data":{"domain":"live","reference":"lf-test-1","transaction_reference":"lf-test-1","amount":1,"currency":"NGN","status":"success","id":1}}`
	for _, name := range []string{"charge.success", "transfer.success", "refund.processed", "charge.dispute.create", "invoice.create"} {
		if answer := g.send(paystacktest.Key, fmt.Sprintf(body, name)); answer.Status != 401 {
			t.Errorf("%s: %d", name, answer.Status)
		}
	}
	live := openGate(t)
	live.Want(live.send("sk_live_something", strings.Replace(body, `"live"`, `"test"`, 1)), 401, "signature_invalid")
	g.is("stored", g.Int("SELECT COUNT(*) FROM paystack_events"), 0)
}

func TestF40TheDatabaseDoesNotTakeTheEvent(t *testing.T) {
	g := openGate(t)
	id, reference := g.sending()
	g.post(reference)
	if _, err := g.App.NonconcurrentDB().NewQuery("CREATE TRIGGER full BEFORE INSERT ON paystack_events BEGIN SELECT RAISE(ABORT, 'disk is full'); END").Execute(); err != nil {
		t.Fatal(err)
	}
	g.is("taken", int64(g.Fake.Deliver(t.Context())), 0)
	if statuses := g.Fake.Events()[0].Statuses; len(statuses) != 1 || statuses[0] != 500 {
		t.Errorf("answered %v", statuses)
	}
	if _, err := g.App.NonconcurrentDB().NewQuery("DROP TRIGGER full").Execute(); err != nil {
		t.Fatal(err)
	}
	g.later(3 * time.Minute)
	g.deliver()
	g.verify()
	if g.state(id) != "paid" {
		t.Error(g.state(id))
	}
}

// transferBody is a transfer as Paystack may show it.
func transferBody(t *testing.T, g *gate, reference string, fields map[string]any) string {
	t.Helper()
	body := map[string]any{"reference": reference, "amount": 5_000_00, "currency": "NGN", "status": "received",
		"recipient": map[string]any{"recipient_code": g.Text("SELECT recipient_code FROM payouts WHERE reference = {:r}", dbx.Params{"r": reference})}}
	for name, value := range fields {
		body[name] = value
	}
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestF49ApprovalOfWhatIsNotSent(t *testing.T) {
	g := openGate(t)
	id, reference := g.sending()
	for name, fields := range map[string]map[string]any{
		"another amount": {"amount": 5_000_01}, "another currency": {"currency": "GHS"}, "another recipient": {"recipient": "RCP_thief"},
		"another reference": {"reference": "ll-test-000000000000000"}, "no amount": {"amount": nil}, "no recipient": {"recipient": nil}, "a fraction": {"amount": 500000.5},
	} {
		if answer := g.Do(apptest.Guest, "POST", gateApproval, transferBody(t, g, reference, fields)); answer.Status != 400 || answer.Code() != "transfer_refused" {
			t.Errorf("%s: %d %s", name, answer.Status, answer.Raw)
		}
	}
	g.is("alerts", g.alerts("transfer_refused"), 1)
	g.is("counted", g.Int("SELECT times FROM alerts WHERE kind = 'transfer_refused'"), 7)
	body := transferBody(t, g, reference, nil)
	for _, wrong := range []string{gateSecret[1:], gateSecret + "0", strings.ToUpper(gateSecret), "x"} {
		g.Want(g.Do(apptest.Guest, "POST", gateWebhook+"/approve/"+wrong, body), 400, "transfer_refused")
	}
	g.is("counted", g.Int("SELECT times FROM alerts WHERE kind = 'transfer_refused'"), 7) // strangers fill no table
	g.Want(g.Do(apptest.Guest, "POST", gateApproval, body), 200, "")
	g.Want(g.Do(apptest.Guest, "POST", gateApproval, `{"event":"transfer","data":`+transferBody(t, g, reference, map[string]any{"amount": "500000"})+`}`), 200, "")
	for _, state := range []string{"approved", "review", "paid", "failed", "cancelled", "manual"} {
		if _, err := g.App.NonconcurrentDB().NewQuery("UPDATE payouts SET state = {:state} WHERE id = {:id}").Bind(dbx.Params{"state": state, "id": id}).Execute(); err != nil {
			t.Fatal(err)
		}
		if answer := g.Do(apptest.Guest, "POST", gateApproval, body); answer.Status != 400 {
			t.Errorf("%s: %d", state, answer.Status)
		}
	}
	off := openGate(t, "LL_PAYSTACK_APPROVAL_SECRET=")
	off.Want(off.Do(apptest.Guest, "POST", gateWebhook+"/approve/x", body), 503, "not_configured")
}

func TestF50ApprovalBeforeThePostReturns(t *testing.T) {
	g := openGate(t)
	g.Fake.SetApprovalURL(g.URL + gateApproval)
	id, reference := g.sending()
	g.post(reference) // the fake asks while the order waits
	g.deliver()
	g.verify()
	if g.state(id) != "paid" {
		t.Errorf("%s; Paystack: %+v", g.state(id), g.Fake.State().Transfers)
	}
	g.is("alerts", g.alerts("transfer_refused"), 0)
}

func TestF54AnotherPepper(t *testing.T) {
	g := openGate(t)
	id, reference := g.sending()
	g.post(reference)
	g.Fake.Deliver(t.Context())
	sealed := g.Text("SELECT body FROM paystack_events", nil)
	if sealed == "" || strings.Contains(sealed, reference) {
		t.Fatalf("the body is kept as %q", sealed)
	}
	stored := g.Text("SELECT id FROM paystack_events", nil)
	if answer := g.Want(g.Do(apptest.Admin, "POST", "/api/lingualink/paystack_events/"+stored+"/open", nil), 200, ""); !strings.Contains(string(answer.Raw), reference) {
		t.Errorf("%s", answer.Raw)
	}
	g.is("audited", g.Int("SELECT COUNT(*) FROM audit_log WHERE action = 'webhook.open'"), 1)

	// What the pepper no longer opens is applied all the same.
	if _, err := g.App.NonconcurrentDB().NewQuery("UPDATE paystack_events SET body = 'ffffffff.AAAA'").Execute(); err != nil {
		t.Fatal(err)
	}
	g.Want(g.Do(apptest.Admin, "POST", "/api/lingualink/paystack_events/"+stored+"/open", nil), 503, "not_configured")
	g.round("payouts.inbox")
	g.verify()
	if g.state(id) != "paid" || g.events("applied") != 1 {
		t.Error(g.state(id))
	}

	none := openGate(t, "LL_PEPPER=")
	none.Want(none.send(paystacktest.Key, `{"event":"invoice.create","data":{}}`), 200, "")
	none.is("bodies", none.Int("SELECT COUNT(*) FROM paystack_events WHERE body != ''"), 0)
	none.is("rows", none.Int("SELECT COUNT(*) FROM paystack_events"), 1)
}
