package pushtest_test

import (
	"errors"
	"io"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/tools/mailer"

	"github.com/lingualink/lingualink/internal/push"
	"github.com/lingualink/lingualink/internal/push/mail"
	"github.com/lingualink/lingualink/internal/push/pushtest"
)

func letter() mail.Letter {
	return mail.Letter{
		From: netmail.Address{Name: "Lingualink", Address: "hello@lingualink.test"}, To: netmail.Address{Address: "ada@example.test"},
		Title: "Your payout <did not> arrive", Body: "₦1,500.00 is back.\n\nOpen <it> & read.", Link: "https://app.lingualink.test/payouts/1", Language: "en",
		Words:       mail.Words{Open: "Open", Why: "You have an account.", Unsubscribe: "Stop these"},
		Unsubscribe: "https://api.lingualink.test/api/lingualink/unsubscribe/u.payouts.x", Key: "payout:1:ada:mail",
	}
}

// send sends it the way the server does.
func send(t *testing.T, s *pushtest.SMTP, m mail.Mail) error {
	t.Helper()
	client := &mailer.SMTPClient{Host: s.Host, Port: s.Port}
	return client.Send(&mailer.Message{From: m.From, To: []netmail.Address{m.To}, Subject: m.Subject, HTML: m.HTML, Text: m.Text, Headers: m.Headers})
}

func startSMTP(t *testing.T) *pushtest.SMTP {
	t.Helper()
	s, err := pushtest.StartSMTP()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestMailArrives(t *testing.T) {
	s := startSMTP(t)
	m, err := mail.Compose(letter())
	if err != nil {
		t.Fatal(err)
	}
	if got := mail.Judge(send(t, s, m)); got.Outcome != push.Sent {
		t.Fatalf("%+v", got)
	}
	received := s.Received()
	if len(received) != 1 || received[0].To != "ada@example.test" || received[0].From != "hello@lingualink.test" {
		t.Fatalf("%+v", received)
	}
	parsed, err := netmail.ReadMessage(strings.NewReader(received[0].Data))
	if err != nil {
		t.Fatal(err)
	}
	// RFC 8058, 3.1: both headers, the address with https, the value word by word.
	for name, want := range map[string]string{
		"List-Unsubscribe": "<https://api.lingualink.test/api/lingualink/unsubscribe/u.payouts.x>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
		"Auto-Submitted": "auto-generated", "Content-Language": "en",
	} {
		if got := parsed.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if id := parsed.Header.Get("Message-ID"); id != m.Headers["Message-ID"] || !strings.HasSuffix(id, "@lingualink.test>") {
		t.Errorf("Message-ID is %q", id)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(parsed.Body))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"Your payout <did not> arrive\n\n₦1,500.00 is back.", "Open: https://app", "Stop these: https://api", "&lt;it&gt; &amp; read.", `lang="en"`} {
		if !strings.Contains(strings.ReplaceAll(string(body), "\r\n", "\n"), part) {
			t.Errorf("%q is not in the mail", part)
		}
	}
	again, err := mail.Compose(letter())
	if err != nil || again.Headers["Message-ID"] != m.Headers["Message-ID"] {
		t.Error("the same effect has another Message-ID")
	}
}

func TestMailThatMustCome(t *testing.T) {
	l := letter()
	l.Unsubscribe, l.Link, l.Language = "", "", ""
	m, err := mail.Compose(l)
	if err != nil {
		t.Fatal(err)
	}
	if m.Headers["List-Unsubscribe"] != "" || m.Headers["List-Unsubscribe-Post"] != "" || strings.Contains(m.HTML+m.Text, "Stop these") || strings.Contains(m.HTML+m.Text, "Open:") {
		t.Errorf("%+v", m)
	}
}

func TestComposeRefuses(t *testing.T) {
	for name, change := range map[string]func(l *mail.Letter){
		"header in a name":    func(l *mail.Letter) { l.To.Name = "Ada\r\nBcc: x@example.test" },
		"header in a key":     func(l *mail.Letter) { l.Key = "a\nb" },
		"no address":          func(l *mail.Letter) { l.To.Address = "ada" },
		"two addresses":       func(l *mail.Letter) { l.To.Address = "ada@example.test, b@example.test" },
		"script as a link":    func(l *mail.Letter) { l.Link = "javascript:alert(1)" },
		"plain unsubscribe":   func(l *mail.Letter) { l.Unsubscribe = "http://api.lingualink.test/u" },
		"unsubscribe escapes": func(l *mail.Letter) { l.Unsubscribe = "https://api.lingualink.test/u>,<mailto:x@example.test" },
		"no title":            func(l *mail.Letter) { l.Title = " " },
		"no key":              func(l *mail.Letter) { l.Key = "" },
	} {
		l := letter()
		change(&l)
		if _, err := mail.Compose(l); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	l := letter()
	l.Title = "a\r\nBcc: x@example.test " + strings.Repeat("ẹ", 300)
	m, err := mail.Compose(l)
	if err != nil || strings.ContainsAny(m.Subject, "\r\n") || len([]rune(m.Subject)) != 200 {
		t.Errorf("%q, %v", m.Subject, err)
	}
}

func TestMailFaults(t *testing.T) {
	m, err := mail.Compose(letter())
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		fault pushtest.MailFault
		want  push.Outcome
		mails int
	}{
		"greylisted":          {pushtest.MailFault{At: "RCPT", Reply: "451 4.7.1 come back later"}, push.Limited, 0},
		"full":                {pushtest.MailFault{At: "RCPT", Reply: "452 4.2.2 mailbox full"}, push.Limited, 0},
		"no mailbox":          {pushtest.MailFault{At: "RCPT", Reply: "550 5.1.1 no such user"}, push.Dead, 0},
		"not wanted":          {pushtest.MailFault{At: "RCPT", Reply: "550 5.7.1 blocked"}, push.Refused, 0},
		"refused at the end":  {pushtest.MailFault{At: "END", Reply: "554 5.6.0 spam"}, push.Refused, 0},
		"failed at the end":   {pushtest.MailFault{At: "END", Reply: "454 4.3.0 try again"}, push.Failed, 0},
		"cut after the dot":   {pushtest.MailFault{At: "END", Acted: true}, push.Unknown, 1},
		"cut in the dialogue": {pushtest.MailFault{At: "RCPT"}, push.Unknown, 0},
		"too many":            {pushtest.MailFault{At: "MAIL", Reply: "421 4.7.0 too many"}, push.Limited, 0},
	} {
		s := startSMTP(t)
		s.Inject(test.fault)
		if got := mail.Judge(send(t, s, m)); got.Outcome != test.want || len(s.Received()) != test.mails {
			t.Errorf("%s: %+v, %d mails", name, got, len(s.Received()))
		}
	}
	gone := startSMTP(t)
	gone.Close()
	if got := mail.Judge(send(t, gone, m)); got.Outcome != push.NotSent {
		t.Errorf("nobody listens: %+v", got)
	}
	if got := mail.Judge(&net.DNSError{Err: "no such host", Name: "relay.test"}); got.Outcome != push.NotSent {
		t.Errorf("no such host: %+v", got)
	}
	if got := mail.Judge(errors.New("odd")); got.Outcome != push.Unknown {
		t.Errorf("odd: %+v", got)
	}
}

// TestAMailThatIsHeld has the third mail be taken and never answered: the fake tells
// so, and the client is let go when the fake ends.
func TestAMailThatIsHeld(t *testing.T) {
	s, err := pushtest.StartSMTP()
	if err != nil {
		t.Fatal(err)
	}
	s.Inject(pushtest.MailFault{At: "END", Skip: 2, Hang: true, Acted: true})
	m, err := mail.Compose(letter())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := send(t, s, m); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error, 1)
	go func() { done <- send(t, s, m) }()
	if at := <-s.Hung(); at != "END" {
		t.Errorf("it hangs at %s", at)
	}
	if got := len(s.Received()); got != 3 {
		t.Errorf("%d mails were taken", got)
	}
	s.Close()
	if err := <-done; err == nil {
		t.Error("the client believes that it was answered")
	}
}
