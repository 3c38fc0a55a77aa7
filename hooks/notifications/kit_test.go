package notifications_test

import (
	"context"
	"fmt"
	stdmail "net/mail"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/mailer"

	"github.com/lingualink/lingualink/hooks"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/notifications"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/push"
	"github.com/lingualink/lingualink/internal/push/expo"
	"github.com/lingualink/lingualink/internal/push/fcm"
	"github.com/lingualink/lingualink/internal/push/mail"
	"github.com/lingualink/lingualink/internal/push/pushtest"
	"github.com/lingualink/lingualink/internal/push/webpush"
)

const (
	ada, bola, chidi, dayo, emeka, musa, guest, admin = apptest.Ada, apptest.Bola, apptest.Chidi, apptest.Dayo, apptest.Emeka, apptest.Musa, apptest.Guest, apptest.Admin
)

const devices = "/api/collections/push_devices/records"

func TestMain(m *testing.M) { apptest.Main(m) }

// kit is a server whose messages go to fakes of all providers.
type kit struct {
	*hookstest.Server
	t        testing.TB
	expo     *pushtest.Expo
	fcm      *pushtest.FCM
	web      *pushtest.WebPush
	smtp     *pushtest.SMTP
	vapid    string
	senders  notifications.Senders
	killed   string // the channel whose next answer finds nobody
	notices  int
	environs []string
}

func start(t testing.TB) *kit {
	t.Helper()
	k := &kit{t: t, expo: pushtest.StartExpo(), environs: []string{
		"LL_RATE_LIMITS=off", "LL_SMTP_HOST=127.0.0.1", "LL_MAIL_FROM=Lingualink <hello@lingualink.test>", "LL_PUBLIC_URL=https://api.lingualink.test",
	}}
	t.Cleanup(k.expo.Close)
	k.expo.AccessToken = "secret"
	now := func() time.Time {
		if k.Server == nil {
			return time.Now()
		}
		return k.Deps.Clock.Now()
	}
	var err error
	if k.fcm, err = pushtest.StartFCM(now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.fcm.Close)
	k.web = pushtest.StartWebPush(now)
	t.Cleanup(k.web.Close)
	if k.smtp, err = pushtest.StartSMTP(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.smtp.Close)
	k.connect(now)
	k.Server = hookstest.StartWith(t, k.inject, k.environs...)
	// No quiet hours by default: tests run at any hour.
	k.Policy(shell.PolicyNotifications, map[string]any{"quiet_from_minute": 0, "quiet_to_minute": 0})
	return k
}

// connect makes the real clients, to the fakes.
func (k *kit) connect(now func() time.Time) {
	k.t.Helper()
	toExpo, err := expo.New(expo.Options{BaseURL: k.expo.URL, AccessToken: "secret", Unlimited: true, Now: now})
	if err != nil {
		k.t.Fatal(err)
	}
	toFCM, err := fcm.New(k.fcm.ServiceAccount(), fcm.Options{BaseURL: k.fcm.URL, Now: now})
	if err != nil {
		k.t.Fatal(err)
	}
	public, private, err := webpush.GenerateKeys()
	if err != nil {
		k.t.Fatal(err)
	}
	toWeb, err := webpush.New(webpush.Options{PublicKey: public, PrivateKey: private, Subscriber: "push@lingualink.test", Loopback: true, Now: now})
	if err != nil {
		k.t.Fatal(err)
	}
	k.vapid = public
	k.senders = notifications.Senders{
		Expo: mortalExpo{toExpo, k}, FCM: mortal{toFCM, k}, WebPush: toWeb, VAPIDKey: public,
		Mail: func(_ core.App, m mail.Mail) error {
			err := (&mailer.SMTPClient{Host: k.smtp.Host, Port: k.smtp.Port}).Send(&mailer.Message{
				From: m.From, To: []stdmail.Address{m.To}, Subject: m.Subject, Text: m.Text, HTML: m.HTML, Headers: m.Headers,
			})
			k.die("mail")
			return err
		},
	}
}

func (k *kit) inject(_ *shell.Deps, providers *hooks.Providers) { providers.Tell = k.senders }

// die ends the run after the provider answered and before anything is written, as a
// kill does.
func (k *kit) die(channel string) {
	if k.killed == channel {
		k.killed = ""
		panic(killed{})
	}
}

type killed struct{}

type mortal struct {
	push.Sender
	k *kit
}

func (m mortal) Send(ctx context.Context, deliveries []push.Delivery) []push.Result {
	results := m.Sender.Send(ctx, deliveries)
	m.k.die(m.Name())
	return results
}

type mortalExpo struct {
	*expo.Client
	k *kit
}

func (m mortalExpo) Send(ctx context.Context, deliveries []push.Delivery) []push.Result {
	results := m.Client.Send(ctx, deliveries)
	m.k.die("expo")
	return results
}

// restarted is the server after a kill: another process on what the first had
// committed.
func (k *kit) restarted() *kit {
	k.t.Helper()
	again := *k
	again.Server = hookstest.StartOn(k.t, k.App.DataDir(), k.inject, k.environs...)
	return &again
}

// queue writes a notice in a transaction of its own.
func (k *kit) queue(who, kind string, data map[string]any, cause ...string) {
	k.t.Helper()
	k.notices++
	about := fmt.Sprintf("test:%d", k.notices)
	if len(cause) > 0 {
		about = cause[0]
	}
	err := k.App.RunInTransaction(func(tx core.App) error {
		return shell.Notify(tx, k.Deps, about, shell.Notice{User: k.User(who).Id, Kind: kind, Title: "English", Body: "English.", Data: data})
	})
	if err != nil {
		k.t.Fatal(err)
	}
}

// tell queues a notice and has it planned.
func (k *kit) tell(who, kind string, data map[string]any, cause ...string) {
	k.t.Helper()
	k.queue(who, kind, data, cause...)
	k.Drain()
}

// send runs the round of a channel.
func (k *kit) send(channel string) {
	k.t.Helper()
	if err := k.Deps.Outbox.RunRound(context.Background(), k.App, "notifications."+channel); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kit) sweep() {
	k.t.Helper()
	if err := notifications.Sweep(k.App, k.Deps); err != nil {
		k.t.Fatal(err)
	}
}

func expoToken(i int) string { return fmt.Sprintf("ExponentPushToken[%022d]", i) }

// device registers a device of Expo and returns its id.
func (k *kit) device(who string, i int) string {
	k.t.Helper()
	return k.Want(k.Do(who, "POST", devices, map[string]any{"provider": "expo", "token": expoToken(i)}), 200, "").Text("id")
}

// verify confirms the person's address.
func (k *kit) verify(who string) {
	k.t.Helper()
	k.exec("UPDATE users SET verified = TRUE WHERE id = {:id}", dbx.Params{"id": k.User(who).Id})
}

func (k *kit) exec(sql string, params dbx.Params) {
	k.t.Helper()
	if _, err := shell.Exec(k.App, sql, params); err != nil {
		k.t.Fatal(err)
	}
}

// states are those of all deliveries, in their order.
func (k *kit) states() string {
	k.t.Helper()
	return k.Text("SELECT COALESCE(group_concat(state, ' '), '') FROM (SELECT state FROM deliveries ORDER BY id)", nil)
}

func (k *kit) wantStates(want string) {
	k.t.Helper()
	if got := k.states(); got != want {
		k.t.Fatalf("the deliveries are %q, want %q; the last error is %q", got, want, k.Text("SELECT COALESCE(MAX(last_error), '') FROM deliveries", nil))
	}
}

// inbox is what a person has been told.
func (k *kit) inbox(who string) []map[string]any {
	k.t.Helper()
	return k.Want(k.Do(who, "GET", "/api/collections/notifications/records?sort=created&perPage=500", nil), 200, "").Items("items")
}

func (k *kit) wantInbox(who string, want int) []map[string]any {
	k.t.Helper()
	items := k.inbox(who)
	if len(items) != want {
		k.t.Fatalf("%s was told %d times, want %d", who, len(items), want)
	}
	return items
}

// until turns the clock forward to the next time of day, UTC.
func (k *kit) until(hour, minute int) {
	k.t.Helper()
	now := k.Deps.Clock.Now()
	next := time.Date(now.Year(), now.Month(), now.Day(), hour, minute, 0, 0, time.UTC)
	if !next.After(now) {
		next = next.AddDate(0, 0, 1)
	}
	k.Advance(next.Sub(now))
}

// Notices of the tests.
func payoutFailed(id string) map[string]any {
	return map[string]any{"payout": id, "amount_minor": 150_000, "currency": "NGN"}
}

func (k *kit) follower(name string) map[string]any {
	return map[string]any{"from": k.User(name).Id, "name": name}
}
