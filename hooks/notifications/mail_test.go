package notifications_test

import (
	"html"
	"net/http/httptest"
	stdmail "net/mail"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/push/pushtest"
)

// header reads a mail's header.
func header(t *testing.T, data, name string) string {
	t.Helper()
	message, err := stdmail.ReadMessage(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return message.Header.Get(name)
}

func TestMailAndItsUnsubscribeLink(t *testing.T) {
	k := start(t)
	k.tell(ada, "payout_paid", payoutFailed("p1"))
	k.wantStates("") // the address is not confirmed
	k.verify(ada)
	k.tell(ada, "payout_paid", payoutFailed("p2"))
	k.send("mail")
	k.send("mail")
	got := k.smtp.Received()
	if len(got) != 1 || got[0].To != "ada@lingualink.test" || !strings.Contains(got[0].Data, "https://api.lingualink.test/payouts/p2") {
		t.Fatalf("%+v", got)
	}
	k.wantStates("sent")
	if header(t, got[0].Data, "List-Unsubscribe-Post") != "List-Unsubscribe=One-Click" {
		t.Error("no one-click")
	}
	link := strings.Trim(header(t, got[0].Data, "List-Unsubscribe"), "<>")
	path := strings.TrimPrefix(html.UnescapeString(link), "https://api.lingualink.test")
	if path == link {
		t.Fatalf("the link is %s", link)
	}
	// Scanners follow links: nothing changes.
	page := k.Want(k.Do(guest, "GET", path, nil), 200, "")
	if !strings.Contains(string(page.Raw), "<form method=\"post\">") || k.Int("SELECT COUNT(*) FROM notification_preferences") != 0 {
		t.Errorf("%s", page.Raw)
	}
	k.Want(k.Do(guest, "POST", path[:len(path)-1]+"_", nil), 404, "not_found")
	k.Want(k.Do(guest, "POST", "/api/lingualink/notifications/unsubscribe", nil), 404, "not_found")
	click := httptest.NewRequest("POST", path, strings.NewReader(url.Values{"List-Unsubscribe": {"One-Click"}}.Encode()))
	click.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	k.Want(k.Send(guest, click), 200, "")
	k.Want(k.Do(guest, "POST", path, nil), 200, "") // twice is once
	if got := k.Text("SELECT group_concat(category || ' ' || mail || push || in_app) FROM notification_preferences", nil); got != "payouts off" {
		t.Errorf("the preferences are %s", got)
	}
	k.tell(ada, "payout_paid", payoutFailed("p3"))
	k.wantStates("sent")
}

// TestMailThatMustComeHasNoLink: security is not stopped.
func TestMailThatMustComeHasNoLink(t *testing.T) {
	k := start(t)
	k.verify(ada)
	k.tell(ada, "payout_account_changed", map[string]any{"account": "a1", "currency": "NGN"})
	k.send("mail")
	got := k.smtp.Received()
	if len(got) != 1 || header(t, got[0].Data, "List-Unsubscribe") != "" {
		t.Errorf("%+v", got)
	}
}

func TestAMailServerThatIsBusyOrRefuses(t *testing.T) {
	k := start(t)
	k.verify(ada)
	k.smtp.Inject(pushtest.MailFault{At: "RCPT", Reply: "451 4.7.1 greylisted, come back later"})
	k.tell(ada, "payout_paid", payoutFailed("p1"))
	k.send("mail")
	k.wantStates("queued")
	k.Advance(time.Minute)
	k.send("mail")
	k.wantStates("sent")
	k.smtp.Inject(pushtest.MailFault{At: "DATA", Reply: "554 5.7.1 we do not like this"})
	k.tell(ada, "payout_paid", payoutFailed("p2"))
	k.send("mail")
	k.wantStates("sent dead")
	// The dot was sent and no answer came: it may be there.
	k.smtp.Inject(pushtest.MailFault{At: "END", Acted: true})
	k.tell(ada, "payout_paid", payoutFailed("p3"))
	k.send("mail")
	k.Advance(time.Hour)
	k.send("mail")
	k.wantStates("sent dead unknown")
	if n := len(k.smtp.Received()); n != 2 {
		t.Errorf("%d mails", n)
	}
}
