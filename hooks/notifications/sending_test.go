package notifications_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/push/pushtest"
)

func TestPushByExpoAndItsReceipt(t *testing.T) {
	k := start(t)
	id := k.device(ada, 1)
	k.tell(ada, "payout_failed", payoutFailed("p1"))
	row := k.inbox(ada)[0]
	k.send("expo")
	got := k.expo.Accepted()
	if len(got) != 1 || got[0].To != expoToken(1) || got[0].Title != "Your payout did not arrive" || got[0].Priority != "high" {
		t.Fatalf("%+v", got)
	}
	for name, want := range map[string]string{"kind": "payout_failed", "category": "payouts", "payout": "p1", "link": "/payouts/p1", "notification": row["id"].(string), "collapse": "payout:p1"} {
		if got[0].Data[name] != want {
			t.Errorf("%s is %q, want %q", name, got[0].Data[name], want)
		}
	}
	if len(got[0].Data) != 6 {
		t.Errorf("more than the app needs is in the message: %v", got[0].Data)
	}
	k.wantStates("ticket")
	k.send("receipts") // too early
	if n := k.expo.Requests("receipts"); n != 0 {
		t.Errorf("%d questions before there can be a receipt", n)
	}
	k.Advance(16 * time.Minute)
	k.send("receipts")
	k.wantStates("delivered")
	if n := k.Int("SELECT COUNT(*) FROM push_devices WHERE id = {:id}", dbx.Params{"id": id}); n != 1 {
		t.Error("the device is gone")
	}
	k.send("expo")
	k.send("receipts")
	if len(k.expo.Accepted()) != 1 {
		t.Error("it was sent again")
	}
}

func TestReceiptsThatComeLateOrNever(t *testing.T) {
	k := start(t)
	k.device(ada, 1)
	k.expo.Late(1)
	k.tell(ada, "promoted", nil)
	k.send("expo")
	k.Advance(16 * time.Minute)
	k.send("receipts")
	k.wantStates("ticket")
	k.Advance(16 * time.Minute)
	k.send("receipts")
	k.wantStates("delivered")

	k.expo.Late(1_000)
	k.tell(ada, "demoted", nil)
	k.send("expo")
	k.Advance(24 * time.Hour)
	k.send("receipts")
	k.wantStates("delivered sent") // Expo took it over; nobody will ever know more
}

// TestAQuestionThatIsRefusedSendsNothingAgain: our key is not accepted for receipts.
func TestAQuestionThatIsRefusedSendsNothingAgain(t *testing.T) {
	k := start(t)
	k.device(ada, 1)
	k.tell(ada, "promoted", nil)
	k.send("expo")
	k.Advance(16 * time.Minute)
	k.expo.AccessToken = "another"
	k.send("receipts")
	k.wantStates("ticket")
	k.expo.AccessToken = "secret"
	k.Advance(16 * time.Minute)
	k.send("receipts")
	k.wantStates("delivered")
	if len(k.expo.Accepted()) != 1 {
		t.Error("it was sent again")
	}
}

func TestDeadTokensAreForgotten(t *testing.T) {
	k := start(t)
	k.device(ada, 1)
	k.device(ada, 2)
	k.device(ada, 3)
	k.expo.Kill(expoToken(1))
	k.expo.SpoilReceipt(expoToken(2), "DeviceNotRegistered")
	k.tell(ada, "promoted", nil)
	k.send("expo")
	k.wantStates("dropped ticket ticket")
	if got := k.Text("SELECT group_concat(token, ' ') FROM (SELECT token FROM push_devices ORDER BY token)", nil); got != expoToken(2)+" "+expoToken(3) {
		t.Errorf("the devices are %s", got)
	}
	k.Advance(16 * time.Minute)
	k.send("receipts")
	k.wantStates("dropped dropped delivered")
	if got := k.Text("SELECT group_concat(token, ' ') FROM push_devices", nil); got != expoToken(3) {
		t.Errorf("the devices are %s", got)
	}
}

func TestATokenThatMoved(t *testing.T) {
	k := start(t)
	first := k.device(ada, 1)
	k.tell(ada, "promoted", nil)
	if second := k.device(bola, 1); second == first {
		t.Fatal("the device is the first one's")
	}
	if n := len(k.Want(k.Do(ada, "GET", devices, nil), 200, "").Items("items")); n != 0 {
		t.Errorf("Ada still has %d devices", n)
	}
	k.send("expo")
	k.wantStates("dropped") // it was Ada's message, and the phone is Bola's
	k.tell(bola, "promoted", nil)
	k.send("expo")
	if got := k.expo.Accepted(); len(got) != 1 || got[0].To != expoToken(1) {
		t.Errorf("%+v", got)
	}
	k.wantStates("dropped ticket")
}

// TestKilledBetweenSendAndRecord: the provider has it, the server does not know.
func TestKilledBetweenSendAndRecord(t *testing.T) {
	k := start(t)
	k.device(ada, 1)
	k.verify(ada)
	k.tell(ada, "payout_failed", payoutFailed("p1"))
	for _, channel := range []string{"expo", "mail"} {
		k.killed = channel
		err := k.Deps.Outbox.RunRound(context.Background(), k.App, "notifications."+channel)
		if channel == "expo" && (err == nil || !strings.Contains(err.Error(), "panicked")) {
			t.Fatalf("the round was not killed: %v", err)
		}
	}
	// A panic in a dialogue is not a kill; what a kill leaves is this.
	k.exec("UPDATE deliveries SET state = 'sending', finished_at = '' WHERE channel = 'mail'", nil)
	if n := k.Int("SELECT COUNT(*) FROM deliveries WHERE state = 'sending'"); n != 2 {
		t.Fatalf("%d are being sent", n)
	}
	k = k.restarted()
	k.Drain()
	k.send("expo")
	k.send("mail")
	k.send("expo")
	k.send("mail")
	k.wantInbox(ada, 1)
	sent := k.expo.Accepted()
	if len(sent) != 2 || sent[0].Data["collapse"] == "" || sent[0].Data["collapse"] != sent[1].Data["collapse"] {
		t.Errorf("push: %+v", sent)
	}
	if n := len(k.smtp.Received()); n != 1 {
		t.Errorf("%d mails", n)
	}
	if got := k.Text("SELECT group_concat(channel || ' ' || state, ', ') FROM (SELECT channel, state FROM deliveries ORDER BY channel)", nil); got != "expo ticket, mail unknown" {
		t.Errorf("the deliveries are %s", got)
	}
	// The admin sees it; nobody sends it again.
	status := k.Want(k.Do(admin, "GET", "/api/lingualink/notifications/status", nil), 200, "")
	for _, channel := range status.Items("channels") {
		if want := map[bool]float64{true: 1}[channel["name"] == "mail"]; channel["unknown"] != want {
			t.Errorf("%v", channel)
		}
	}
	unknown := k.Text("SELECT id FROM deliveries WHERE state = 'unknown'", nil)
	k.Want(k.Do(admin, "POST", "/api/lingualink/deliveries/"+unknown+"/replay", map[string]any{"reason": "again"}), 409, "not_dead")
}

// TestAServerThatAlwaysDiesWhileSending does not send for ever.
func TestAServerThatAlwaysDiesWhileSending(t *testing.T) {
	k := start(t)
	k.device(ada, 1)
	k.tell(ada, "promoted", nil)
	for range 8 {
		k.killed = "expo"
		_ = k.Deps.Outbox.RunRound(context.Background(), k.App, "notifications.expo") // killed, or nothing left to do
	}
	k.killed = ""
	k.send("expo")
	k.wantStates("dead")
	if n := len(k.expo.Accepted()); n != 6 {
		t.Errorf("sent %d times, want 6", n)
	}
}

func TestTooMany(t *testing.T) {
	k := start(t)
	k.device(ada, 1)
	k.expo.Inject(pushtest.TooMany("send", 1, 120))
	k.tell(ada, "promoted", nil)
	k.send("expo")
	k.wantStates("queued")
	k.tell(ada, "demoted", nil) // waits, too: the provider asked for a rest
	k.Advance(100 * time.Second)
	k.send("expo")
	if n := k.expo.Requests("send"); n != 1 {
		t.Errorf("%d requests before Retry-After was over", n)
	}
	k.Advance(21 * time.Second)
	k.send("expo")
	k.wantStates("ticket ticket")
}

func TestADownProviderAndTheDeadLetter(t *testing.T) {
	k := start(t)
	k.device(ada, 1)
	k.expo.Inject(pushtest.Down("send", -1))
	k.tell(ada, "promoted", nil)
	for attempt := range 6 {
		k.send("expo")
		k.send("expo") // at once again: nothing is due
		if n := k.expo.Requests("send"); n != attempt+1 {
			t.Fatalf("%d requests at attempt %d", n, attempt+1)
		}
		k.Advance(time.Hour)
	}
	k.wantStates("dead")
	id := k.Text("SELECT id FROM deliveries", nil)
	replay := "/api/lingualink/deliveries/" + id + "/replay"
	for who, code := range map[string]int{guest: 401, ada: 403, musa: 403} {
		k.Want(k.Do(who, "POST", replay, map[string]any{"reason": "x"}), code, "")
	}
	k.Want(k.Do(admin, "POST", replay, map[string]any{}), 400, "invalid_input")
	k.Want(k.Do(admin, "POST", "/api/lingualink/deliveries/nothing00000000/replay", map[string]any{"reason": "x"}), 404, "not_found")
	k.expo.Heal()
	k.Want(k.Do(admin, "POST", replay, map[string]any{"reason": "Expo is back."}), 200, "")
	k.Want(k.Do(admin, "POST", replay, map[string]any{"reason": "Expo is back."}), 409, "not_dead")
	k.send("expo")
	k.wantStates("ticket")
	if n := k.Int("SELECT COUNT(*) FROM audit_log WHERE action = 'delivery.replay' AND subject_id = {:id}", dbx.Params{"id": id}); n != 1 {
		t.Errorf("%d lines in the audit log", n)
	}
}

// TestAnAnswerThatIsLost: Expo has it, nobody knows; it goes again under one key.
func TestAnAnswerThatIsLost(t *testing.T) {
	k := start(t)
	k.device(ada, 1)
	k.expo.Inject(pushtest.Fault{Op: "send", Kind: pushtest.Cut, Acted: true})
	k.tell(ada, "promoted", nil)
	k.send("expo")
	k.wantStates("queued")
	k.Advance(time.Minute)
	k.send("expo")
	k.wantStates("ticket")
	if sent := k.expo.Accepted(); len(sent) != 2 || sent[0].Data["collapse"] != sent[1].Data["collapse"] {
		t.Errorf("%+v", sent)
	}
}

func TestABatchOfWhichAPartIsAnswered(t *testing.T) {
	k := start(t)
	for i := range 3 {
		k.device(ada, i+1)
	}
	k.expo.Partial(1)
	k.tell(ada, "promoted", nil)
	k.send("expo")
	k.wantStates("ticket ticket queued")
	k.Advance(time.Minute)
	k.send("expo")
	k.wantStates("ticket ticket ticket")
	if n := k.expo.Requests("send"); n != 2 {
		t.Errorf("%d requests", n)
	}
}

func TestKeysThatAreNotAccepted(t *testing.T) {
	k := start(t)
	k.device(ada, 1)
	k.expo.AccessToken = "another"
	k.tell(ada, "promoted", nil)
	for range 8 { // more often than a push is tried
		k.send("expo")
		k.Advance(16 * time.Minute)
	}
	k.wantStates("queued")
	k.send("expo") // it rests again
	if n := k.Int("SELECT attempts FROM deliveries"); n != 0 {
		t.Errorf("%d attempts were counted", n)
	}
	for _, channel := range k.Want(k.Do(admin, "GET", "/api/lingualink/notifications/status", nil), 200, "").Items("channels") {
		if resting := channel["rests_until"] != ""; resting != (channel["name"] == "expo") {
			t.Errorf("%v", channel)
		}
	}
	k.expo.AccessToken = "secret"
	k.Advance(16 * time.Minute)
	k.send("expo")
	k.wantStates("ticket")
}

func TestARingIsWorthNothingLater(t *testing.T) {
	k := start(t)
	k.device(ada, 1)
	ring := func(call string) map[string]any {
		data := k.follower(bola)
		data["call"] = call
		return data
	}
	k.tell(ada, "call_ring", ring("c1"))
	k.send("expo")
	if got := k.expo.Accepted(); len(got) != 1 || got[0].TTL == nil || *got[0].TTL > 45 || *got[0].TTL < 40 {
		t.Fatalf("%+v", got)
	}
	k.tell(ada, "call_ring", ring("c2"))
	k.Advance(46 * time.Second)
	k.send("expo")
	k.wantStates("ticket expired")
	if len(k.expo.Accepted()) != 1 {
		t.Error("it rang after the call")
	}
	if row := k.inbox(ada)[0]; row["expires_at"] == "" {
		t.Errorf("%v", row)
	}
}

func TestFirebaseAndBrowsers(t *testing.T) {
	k := start(t)
	k.Want(k.Do(ada, "POST", devices, map[string]any{"provider": "fcm", "token": "fcm-token-of-ada-000000000001"}), 200, "")
	sub, err := k.web.Subscribe(k.vapid)
	if err != nil {
		t.Fatal(err)
	}
	k.Want(k.Do(ada, "POST", devices, map[string]any{"provider": "webpush", "token": sub.Endpoint, "p256dh": sub.P256dh, "auth": sub.Auth, "vapid_key": k.vapid}), 200, "")
	k.tell(ada, "payout_failed", payoutFailed("p1"))
	k.send("fcm")
	k.send("webpush")
	k.wantStates("sent sent")
	if got := k.fcm.Accepted(); len(got) != 1 {
		t.Errorf("%+v", got)
	}
	got := k.web.Accepted()
	if len(got) != 1 || !strings.Contains(string(got[0].Payload), `"tag":"payout:p1"`) || got[0].Urgency != "high" {
		t.Errorf("%+v", got)
	}
	// Gone, and made with a key that is not the server's any more.
	k.web.Unsubscribe(sub)
	k.fcm.Kill("fcm-token-of-ada-000000000001")
	k.tell(ada, "payout_failed", payoutFailed("p2"))
	k.send("fcm")
	k.send("webpush")
	k.wantStates("sent sent dropped dropped")
	if n := k.Int("SELECT COUNT(*) FROM push_devices"); n != 0 {
		t.Errorf("%d devices", n)
	}
	k.Insert("push_devices", dbx.Params{"id": shell.NewID(), "user": k.User(ada).Id, "provider": "webpush", "token": sub.Endpoint, "p256dh": sub.P256dh, "auth": sub.Auth,
		"vapid_key": "another", "last_seen": shell.Stamp(k.Deps.Clock.Now())})
	k.tell(ada, "payout_failed", payoutFailed("p3"))
	k.wantStates("sent sent dropped dropped")
}
