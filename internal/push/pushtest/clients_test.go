package pushtest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/push"
	"github.com/lingualink/lingualink/internal/push/expo"
	"github.com/lingualink/lingualink/internal/push/fcm"
	"github.com/lingualink/lingualink/internal/push/pushtest"
	"github.com/lingualink/lingualink/internal/push/webpush"
)

func expoToken(i int) string { return fmt.Sprintf("ExponentPushToken[%022d]", i) }

func message() push.Message {
	return push.Message{Title: "Owó rẹ kò dé", Body: "₦1,500.00", Data: map[string]string{"kind": "payout_failed", "link": "/payouts/1"}, Collapse: "payout:1", Urgent: true}
}

func to(tokens ...string) []push.Delivery {
	deliveries := make([]push.Delivery, len(tokens))
	for i, token := range tokens {
		deliveries[i] = push.Delivery{Target: push.Target{Token: token}, Message: message()}
	}
	return deliveries
}

// outcomes writes what came of deliveries, in their order.
func outcomes(results []push.Result) string {
	words := make([]string, len(results))
	for i, result := range results {
		words[i] = string(result.Outcome)
	}
	return strings.Join(words, " ")
}

func startExpo(t testing.TB, options expo.Options) (*pushtest.Expo, *expo.Client) {
	t.Helper()
	fake := pushtest.StartExpo()
	t.Cleanup(fake.Close)
	options.BaseURL, options.Unlimited = fake.URL, true
	client, err := expo.New(options)
	if err != nil {
		t.Fatal(err)
	}
	return fake, client
}

var start = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)

func standing() time.Time { return start }

func TestExpoMessage(t *testing.T) {
	fake, client := startExpo(t, expo.Options{ChannelID: "news", Now: standing, AccessToken: "secret"})
	fake.AccessToken = "secret"
	d := to(expoToken(1))
	d[0].Message.Expires = start.Add(45 * time.Second)
	results := client.Send(t.Context(), d)
	if outcomes(results) != "ticketed" || results[0].Ticket == "" {
		t.Fatalf("%+v", results)
	}
	got := fake.Accepted()[0]
	if got.To != expoToken(1) || got.Title != "Owó rẹ kò dé" || got.Body != "₦1,500.00" || *got.TTL != 45 || got.Priority != "high" ||
		got.ChannelID != "news" || got.Data["link"] != "/payouts/1" || got.Data["collapse"] != "payout:1" {
		t.Errorf("%+v", got)
	}
	if text := fmt.Sprintf("%v %+v %#v", client, client, client); strings.Contains(text, "secret") {
		t.Error("the token is printed")
	}
}

func TestExpoBatches(t *testing.T) {
	fake, client := startExpo(t, expo.Options{})
	tokens := []string{}
	for i := range 250 {
		tokens = append(tokens, expoToken(i))
	}
	tokens[7] = "nonsense"
	fake.Kill(tokens[120])
	results := client.Send(t.Context(), to(tokens...))
	for i, result := range results {
		want := push.Ticketed
		if i == 7 || i == 120 {
			want = push.Dead
		}
		if result.Outcome != want {
			t.Errorf("%d: %+v", i, result)
		}
	}
	if fake.Requests("send") != 3 || len(fake.Accepted()) != 248 {
		t.Errorf("%d requests, %d messages", fake.Requests("send"), len(fake.Accepted()))
	}
	if strings.Contains(results[120].Detail, tokens[120]) {
		t.Error("the token is in the detail")
	}
}

func TestExpoFaults(t *testing.T) {
	for name, test := range map[string]struct {
		fault pushtest.Fault
		want  string
		wait  time.Duration
	}{
		"429":         {pushtest.TooMany("send", 1, 7), "limited limited", 7 * time.Second},
		"503":         {pushtest.Down("send", 1), "failed failed", 0},
		"cut":         {pushtest.Fault{Op: "send", Kind: pushtest.Cut, Acted: true}, "unknown unknown", 0},
		"not JSON":    {pushtest.Fault{Op: "send", Kind: pushtest.HTML, Status: 200}, "unknown unknown", 0},
		"wrong token": {pushtest.Fault{Op: "send", Kind: pushtest.Answer, Status: 401, Body: `{"errors":[{"code":"UNAUTHORIZED","message":"no"}]}`}, "misconfigured misconfigured", 0},
		"errors, 200": {pushtest.Fault{Op: "send", Kind: pushtest.Answer, Status: 200, Body: `{"errors":[{"code":"API_ERROR","message":"no"}]}`}, "failed failed", 0},
		"redirect":    {pushtest.Fault{Op: "send", Kind: pushtest.Answer, Status: 302}, "refused refused", 0},
		"too many":    {pushtest.Fault{Op: "send", Kind: pushtest.Answer, Status: 400, Body: `{"errors":[{"code":"TOO_MANY_REQUESTS","message":"no"}]}`}, "limited limited", 0},
	} {
		fake, client := startExpo(t, expo.Options{})
		fake.Inject(test.fault)
		results := client.Send(t.Context(), to(expoToken(1), expoToken(2)))
		if got := outcomes(results); got != test.want || results[0].RetryAfter != test.wait {
			t.Errorf("%s: %s after %s", name, got, results[0].RetryAfter)
		}
	}
	fake, client := startExpo(t, expo.Options{})
	fake.Partial(1)
	if got := outcomes(client.Send(t.Context(), to(expoToken(1), expoToken(2)))); got != "ticketed unknown" {
		t.Errorf("a ticket is missing: %s", got)
	}
}

// TestExpoOneBadMessage: what Expo refuses because of one message reaches all others.
func TestExpoOneBadMessage(t *testing.T) {
	fake, client := startExpo(t, expo.Options{})
	tokens := []string{}
	for i := range 100 {
		tokens = append(tokens, expoToken(i))
	}
	deliveries := to(tokens...)
	deliveries[37].Message.Title = "\x00"
	for i, result := range client.Send(t.Context(), deliveries) {
		if want := map[bool]push.Outcome{true: push.Refused, false: push.Ticketed}[i == 37]; result.Outcome != want {
			t.Errorf("%d: %+v", i, result)
		}
	}
	if len(fake.Accepted()) != 99 {
		t.Errorf("%d messages arrived", len(fake.Accepted()))
	}
}

// TestExpoForeignToken: a token of another project keeps nobody from their message.
func TestExpoForeignToken(t *testing.T) {
	for project, want := range map[string]string{"": "ticketed ticketed ticketed", "@own/app": "ticketed refused ticketed"} {
		fake, client := startExpo(t, expo.Options{Project: project})
		fake.Belongs(expoToken(2), "@evil/app")
		if got := outcomes(client.Send(t.Context(), to(expoToken(1), expoToken(2), expoToken(3)))); got != want {
			t.Errorf("project %q: %s", project, got)
		}
	}
}

func TestExpoReceipts(t *testing.T) {
	fake, client := startExpo(t, expo.Options{})
	fake.Late(1)
	errors := []string{"", "DeviceNotRegistered", "MessageTooBig", "MessageRateExceeded", "InvalidCredentials", "MismatchSenderId", "ProviderError"}
	tokens, tickets := []string{}, []string{}
	for i, code := range errors {
		tokens = append(tokens, expoToken(i))
		if code != "" {
			fake.SpoilReceipt(expoToken(i), code)
		}
	}
	for _, result := range client.Send(t.Context(), to(tokens...)) {
		tickets = append(tickets, result.Ticket)
	}
	tickets = append(tickets, "unknown-ticket")
	if got, want := outcomes(client.Receipts(t.Context(), tickets)), strings.TrimSpace(strings.Repeat("pending ", 8)); got != want {
		t.Errorf("too early: %s", got)
	}
	if got := outcomes(client.Receipts(t.Context(), tickets)); got != "sent dead refused limited misconfigured misconfigured failed pending" {
		t.Errorf("later: %s", got)
	}
	many := make([]string, 700)
	if got := client.Receipts(t.Context(), many); len(got) != 700 || fake.Requests("receipts") != 5 {
		t.Errorf("%d receipts in %d requests", len(got), fake.Requests("receipts"))
	}
	fake.Inject(pushtest.Down("receipts", 1))
	if got := outcomes(client.Receipts(t.Context(), tickets[:2])); got != "failed failed" {
		t.Errorf("down: %s", got)
	}
}

func TestIsToken(t *testing.T) {
	for token, want := range map[string]bool{expoToken(1): true, "ExpoPushToken[abcdefghij-_]": true, "": false, "ExponentPushToken[]": false, "ExponentPushToken[a b]": false, "fcm:token": false} {
		if expo.IsToken(token) != want {
			t.Errorf("%q", token)
		}
	}
}

func startFCM(t testing.TB, now func() time.Time) (*pushtest.FCM, *fcm.Client) {
	t.Helper()
	fake, err := pushtest.StartFCM(now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	client, err := fcm.New(fake.ServiceAccount(), fcm.Options{BaseURL: fake.URL, ChannelID: "news", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return fake, client
}

func TestFCMMessage(t *testing.T) {
	fake, client := startFCM(t, standing)
	d := to("device-1")
	d[0].Message.Expires = start.Add(45 * time.Second)
	if got := outcomes(client.Send(t.Context(), d)); got != "sent" {
		t.Fatal(got)
	}
	got := fake.Accepted()[0]
	if got.Token != "device-1" || got.Notification["title"] != "Owó rẹ kò dé" || got.Data["kind"] != "payout_failed" || got.Android.Priority != "HIGH" ||
		got.Android.TTL != "45s" || got.Android.CollapseKey != "payout:1" || got.Android.Notification["tag"] != "payout:1" || got.Android.Notification["channel_id"] != "news" ||
		got.APNS.Headers["apns-priority"] != "10" || len(got.APNS.Headers["apns-collapse-id"]) > 64 || got.APNS.Headers["apns-expiration"] != fmt.Sprint(start.Unix()+45) {
		t.Errorf("%+v", got)
	}
	if text := fmt.Sprintf("%v %+v %#v", client, client, client); strings.Contains(text, "PRIVATE") || !strings.Contains(text, "lingualink-test") {
		t.Errorf("printed: %s", text)
	}
}

func TestFCMToken(t *testing.T) {
	now := start
	fake, client := startFCM(t, func() time.Time { return now })
	many := []string{}
	for i := range 100 {
		many = append(many, fmt.Sprint("device-", i))
	}
	client.Send(t.Context(), to(many...))
	if fake.Requests("token") != 1 || len(fake.Accepted()) != 100 {
		t.Errorf("%d tokens for %d messages", fake.Requests("token"), len(fake.Accepted()))
	}
	now = now.Add(59 * time.Minute) // it would end on the way
	client.Send(t.Context(), to("device-1"))
	if fake.Requests("token") != 2 {
		t.Errorf("%d tokens", fake.Requests("token"))
	}
	fake.Revoke()
	if got := outcomes(client.Send(t.Context(), to("device-1"))); got != "sent" || fake.Requests("token") != 3 {
		t.Errorf("revoked: %s, %d tokens", got, fake.Requests("token"))
	}
	fake.Revoke()
	fake.TokensLast(0)
	if got := outcomes(client.Send(t.Context(), to("device-1"))); got != "misconfigured" {
		t.Errorf("never accepted: %s", got)
	}
}

func TestFCMAnswers(t *testing.T) {
	fake, client := startFCM(t, standing)
	fake.Kill("gone")
	fake.Refuse("mangled", 400, "INVALID_ARGUMENT", "The registration token is not a valid FCM registration token", "INVALID_ARGUMENT", "")
	fake.Refuse("mangled-2", 400, "INVALID_ARGUMENT", "Request contains an invalid argument.", "INVALID_ARGUMENT", "message.token")
	fake.Refuse("too-big", 400, "INVALID_ARGUMENT", "Request contains an invalid argument.", "", "")
	fake.Refuse("bad-data", 400, "INVALID_ARGUMENT", "Invalid value", "INVALID_ARGUMENT", "message.data[0].value")
	fake.Refuse("foreign", 403, "PERMISSION_DENIED", "SenderId mismatch", "SENDER_ID_MISMATCH", "")
	fake.Refuse("apple-key", 401, "UNAUTHENTICATED", "Auth error from APNS", "THIRD_PARTY_AUTH_ERROR", "")
	fake.Refuse("quota", 429, "RESOURCE_EXHAUSTED", "Quota exceeded", "QUOTA_EXCEEDED", "")
	fake.Refuse("internal", 500, "INTERNAL", "Internal error", "INTERNAL", "")
	fake.Refuse("no-project", 404, "NOT_FOUND", "Requested entity was not found.", "", "")
	for token, want := range map[string]push.Outcome{
		"": push.Dead, "gone": push.Dead, "mangled": push.Dead, "mangled-2": push.Dead, "too-big": push.Refused, "bad-data": push.Refused,
		"foreign": push.Refused, "apple-key": push.Misconfigured, "quota": push.Limited, "internal": push.Failed, "no-project": push.Misconfigured,
	} {
		if got := client.Send(t.Context(), to(token))[0]; got.Outcome != want {
			t.Errorf("%q: %+v, want %s", token, got, want)
		}
	}
}

func TestFCMFaults(t *testing.T) {
	for name, test := range map[string]struct {
		fault pushtest.Fault
		want  string
		wait  time.Duration
	}{
		"429":           {pushtest.TooMany("send", 1, 60), "limited", time.Minute},
		"502":           {pushtest.Fault{Op: "send", Kind: pushtest.HTML, Status: 502}, "failed", 0},
		"cut":           {pushtest.Fault{Op: "send", Kind: pushtest.Cut, Acted: true}, "unknown", 0},
		"redirect":      {pushtest.Fault{Op: "send", Kind: pushtest.Answer, Status: 307}, "misconfigured", 0},
		"token cut":     {pushtest.Fault{Op: "token", Kind: pushtest.Cut}, "not_sent", 0},
		"token down":    {pushtest.Down("token", 1), "failed", 0},
		"token refused": {pushtest.Fault{Op: "token", Kind: pushtest.Answer, Status: 400, Body: `{"error":"invalid_grant"}`}, "misconfigured", 0},
		"token empty":   {pushtest.Fault{Op: "token", Kind: pushtest.Answer, Status: 200, Body: `{}`}, "failed", 0},
	} {
		fake, client := startFCM(t, standing)
		fake.Inject(test.fault)
		results := client.Send(t.Context(), to("device-1"))
		if got := outcomes(results); got != test.want || results[0].RetryAfter != test.wait {
			t.Errorf("%s: %+v", name, results)
		}
		if got := outcomes(client.Send(t.Context(), to("device-1"))); got != "sent" {
			t.Errorf("after %s: %s", name, got)
		}
	}
}

func TestFCMKeyFile(t *testing.T) {
	fake, _ := startFCM(t, standing)
	good := string(fake.ServiceAccount())
	for name, file := range map[string]string{
		"none": "", "no account": `{"type":"authorized_user"}`,
		"no key":    `{"type":"service_account","project_id":"p","client_email":"e","token_uri":"https://x.test"}`,
		"plain web": strings.Replace(good, fake.URL+"/token", "http://oauth.test/token", 1),
	} {
		if _, err := fcm.New([]byte(file), fcm.Options{}); err == nil || strings.Contains(err.Error(), "BEGIN") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func startWebPush(t testing.TB) (*pushtest.WebPush, *webpush.Client, string) {
	t.Helper()
	fake := pushtest.StartWebPush(nil)
	t.Cleanup(fake.Close)
	public, private, err := webpush.GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	client, err := webpush.New(webpush.Options{PublicKey: public, PrivateKey: private, Subscriber: "mailto:admin@example.org", Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v %+v %#v", client, client, client); strings.Contains(text, private) {
		t.Error("the private key is printed")
	}
	return fake, client, public
}

func subscribed(t testing.TB, fake *pushtest.WebPush, key string) (*pushtest.Subscription, push.Delivery) {
	t.Helper()
	s, err := fake.Subscribe(key)
	if err != nil {
		t.Fatal(err)
	}
	return s, push.Delivery{Target: push.Target{Token: s.Endpoint, P256dh: s.P256dh, Auth: s.Auth}, Message: message()}
}

func TestWebPushMessage(t *testing.T) {
	fake, client, key := startWebPush(t)
	_, d := subscribed(t, fake, key)
	if got := client.Send(t.Context(), []push.Delivery{d}); outcomes(got) != "sent" {
		t.Fatalf("%+v", got)
	}
	got := fake.Accepted()[0]
	var payload webpush.Payload
	if err := json.Unmarshal(got.Payload, &payload); err != nil || payload.Title != "Owó rẹ kò dé" || payload.Tag != "payout:1" || payload.Data["link"] != "/payouts/1" {
		t.Errorf("%s, %v", got.Payload, err)
	}
	if got.Urgency != "high" || got.TTL != 28*24*3600 || got.Topic != push.CollapseID("payout:1") || got.Subscriber != "mailto:admin@example.org" {
		t.Errorf("%+v", got)
	}
	// The largest message that fits, and one byte more.
	d.Message = push.Message{Title: strings.Repeat("x", webpush.MaxPayload-len(`{"title":"","body":""}`))}
	if got := client.Send(t.Context(), []push.Delivery{d}); outcomes(got) != "sent" {
		t.Errorf("%+v", got)
	}
	d.Message.Title += "x"
	if got := client.Send(t.Context(), []push.Delivery{d}); outcomes(got) != "refused" {
		t.Errorf("%+v", got)
	}
}

func TestWebPushAnswers(t *testing.T) {
	fake, client, key := startWebPush(t)
	s, d := subscribed(t, fake, key)
	fake.Unsubscribe(s)
	if got := outcomes(client.Send(t.Context(), []push.Delivery{d})); got != "dead" {
		t.Errorf("gone: %s", got)
	}
	_, d = subscribed(t, fake, key)
	unknown := d
	unknown.Target.Token = fake.URL + "/push/none"
	other, _, err := webpush.GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	_, mismatched := subscribed(t, fake, other)
	got := client.Send(t.Context(), []push.Delivery{unknown, mismatched, d})
	if outcomes(got) != "dead refused sent" || got[1].Code != "vapid_mismatch" {
		t.Errorf("%+v", got)
	}
	for name, test := range map[string]struct {
		fault pushtest.Fault
		want  string
	}{
		"429":       {pushtest.TooMany("send", 1, 5), "limited"},
		"500":       {pushtest.Down("send", 1), "failed"},
		"403":       {pushtest.Fault{Kind: pushtest.Answer, Status: 403, Body: "{}"}, "misconfigured"},
		"413":       {pushtest.Fault{Kind: pushtest.Answer, Status: 413, Body: "{}"}, "refused"},
		"redirect":  {pushtest.Fault{Kind: pushtest.Answer, Status: 302}, "refused"},
		"cut":       {pushtest.Fault{Kind: pushtest.Cut, Acted: true}, "unknown"},
		"apple's":   {pushtest.Fault{Kind: pushtest.Answer, Status: 400, Body: `{"reason":"VapidPkHashMismatch"}`}, "refused"},
		"accepted":  {pushtest.Fault{Kind: pushtest.Answer, Status: 202}, "sent"},
		"its words": {pushtest.Fault{Kind: pushtest.Answer, Status: 400, Body: "no " + d.Target.Token}, "refused"},
	} {
		fake.Inject(test.fault)
		got := client.Send(t.Context(), []push.Delivery{d})
		if outcomes(got) != test.want || strings.Contains(got[0].Detail, "://") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestWebPushEndpoints(t *testing.T) {
	public, private, err := webpush.GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	fake := pushtest.StartWebPush(nil)
	t.Cleanup(fake.Close)
	s, err := fake.Subscribe(public)
	if err != nil {
		t.Fatal(err)
	}
	client, err := webpush.New(webpush.Options{PublicKey: public, PrivateKey: private, Subscriber: "https://example.org"})
	if err != nil {
		t.Fatal(err)
	}
	for endpoint, good := range map[string]bool{
		"https://fcm.googleapis.com/fcm/send/abc": true, "https://updates.push.services.mozilla.com/wpush/v2/abc": true,
		"https://web.push.apple.com/abc": true, "https://db5p.notify.windows.com/w/?token=x": true,
		"http://fcm.googleapis.com/fcm/send/abc": false, "https://fcm.googleapis.com:8443/x": false, "https://user@fcm.googleapis.com/x": false,
		"https://fcm.googleapis.com.evil.test/x": false, "https://evilfcm.googleapis.com/x": false, "https://notify.windows.com.evil.test/": false,
		"https://127.0.0.1/x": false, "https://[::1]/x": false, "https://169.254.169.254/latest": false, "https://localhost/": false, "": false, s.Endpoint: false,
	} {
		if err := client.Check(push.Target{Token: endpoint, P256dh: s.P256dh, Auth: s.Auth}); (err == nil) != good {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
	const known = "https://fcm.googleapis.com/x"
	for name, target := range map[string]push.Target{
		"no key": {Token: known, Auth: s.Auth}, "no secret": {Token: known, P256dh: s.P256dh}, "short secret": {Token: known, P256dh: s.P256dh, Auth: "AAAA"},
		"no point": {Token: known, P256dh: strings.Repeat("A", 87), Auth: s.Auth},
	} {
		if client.Check(target) == nil {
			t.Errorf("%s is taken", name)
		}
	}
	// A known name that points into the network is found where the connection is made.
	inside, err := webpush.New(webpush.Options{PublicKey: public, PrivateKey: private, Subscriber: "a@b.c", Hosts: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	got := inside.Send(t.Context(), []push.Delivery{{Target: push.Target{Token: "https://localhost/x", P256dh: s.P256dh, Auth: s.Auth}}})
	if outcomes(got) != "dead" {
		t.Errorf("%+v", got)
	}
}

func TestWebPushKeys(t *testing.T) {
	public, private, err := webpush.GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := webpush.GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	if err := webpush.CheckKeys(public, private); err != nil {
		t.Error(err)
	}
	for name, keys := range map[string][2]string{"not a pair": {other, private}, "none": {"", ""}, "no key": {public, "!"}, "short": {public, "AAAA"}} {
		if err := webpush.CheckKeys(keys[0], keys[1]); err == nil || strings.Contains(err.Error(), private) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := webpush.New(webpush.Options{PublicKey: public, PrivateKey: private, Subscriber: "nobody"}); err == nil {
		t.Error("a subscriber who is none is taken")
	}
}

// TestNobodyListens: a provider that cannot be reached has sent nothing. One that does
// not answer leaves it open; the test ends the client's patience once it hangs.
func TestNobodyListens(t *testing.T) {
	expoFake, expoClient := startExpo(t, expo.Options{})
	fcmFake, fcmClient := startFCM(t, standing)
	webFake, webClient, key := startWebPush(t)
	_, web := subscribed(t, webFake, key)
	fcmClient.Send(t.Context(), to("device-0")) // has its access token then
	for _, c := range []struct {
		sender push.Sender
		hung   <-chan string
		inject func(...pushtest.Fault)
		send   []push.Delivery
	}{
		{expoClient, expoFake.Hung(), expoFake.Inject, to(expoToken(1))},
		{fcmClient, fcmFake.Hung(), fcmFake.Inject, to("device-1")},
		{webClient, webFake.Hung(), webFake.Inject, []push.Delivery{web}},
	} {
		c.inject(pushtest.Fault{Op: "send", Kind: pushtest.Hang})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-c.hung
			cancel()
		}()
		if got := outcomes(c.sender.Send(ctx, c.send)); got != "unknown" {
			t.Errorf("%s hangs: %s", c.sender.Name(), got)
		}
	}
	gone := pushtest.StartExpo()
	client, err := expo.New(expo.Options{BaseURL: gone.URL, Unlimited: true})
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	if got := outcomes(client.Send(t.Context(), to(expoToken(1)))); got != "not_sent" {
		t.Errorf("nobody listens: %s", got)
	}
}

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-7": 0, "soon": 0, "999999999": 24 * time.Hour,
		start.Add(time.Minute).Format(http.TimeFormat): time.Minute, start.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		if got := push.RetryAfter(http.Header{"Retry-After": {value}}, start); got != want {
			t.Errorf("%q: %s", value, got)
		}
	}
}

func TestCollapseID(t *testing.T) {
	long := push.CollapseID(strings.Repeat("x", 33))
	if push.CollapseID("abc-_1") != "abc-_1" || len(long) != 32 || long != push.CollapseID(strings.Repeat("x", 33)) || push.CollapseID("a:1") == push.CollapseID("a:2") {
		t.Error(long)
	}
}

func benchmark(b *testing.B, sender push.Sender, deliveries []push.Delivery) {
	b.Helper()
	sent := 0
	for b.Loop() {
		for i, result := range sender.Send(b.Context(), deliveries) {
			if result.Outcome != push.Sent && result.Outcome != push.Ticketed {
				b.Fatalf("%d: %+v", i, result)
			}
		}
		sent += len(deliveries)
	}
	b.ReportMetric(float64(sent)/b.Elapsed().Seconds(), "messages/s")
}

func BenchmarkExpo(b *testing.B) {
	_, client := startExpo(b, expo.Options{})
	tokens := []string{}
	for i := range 600 {
		tokens = append(tokens, expoToken(i))
	}
	benchmark(b, client, to(tokens...))
}

func BenchmarkFCM(b *testing.B) {
	_, client := startFCM(b, nil)
	tokens := []string{}
	for i := range 200 {
		tokens = append(tokens, fmt.Sprint("device-", i))
	}
	benchmark(b, client, to(tokens...))
}

func BenchmarkWebPush(b *testing.B) {
	fake, client, key := startWebPush(b)
	deliveries := []push.Delivery{}
	for range 200 {
		_, d := subscribed(b, fake, key)
		deliveries = append(deliveries, d)
	}
	benchmark(b, client, deliveries)
}
