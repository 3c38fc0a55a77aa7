package e2e_test

import (
	"bufio"
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lingualink/lingualink/e2e/harness"
)

// mailbox is an SMTP server on loopback that keeps what it is sent.
type mailbox struct {
	listener net.Listener
	messages chan string
}

func openMailbox(t *testing.T) *mailbox {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	box := &mailbox{listener: listener, messages: make(chan string, 100)}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go box.converse(connection)
		}
	}()
	return box
}

// converse speaks as much SMTP as a client needs to hand over a message.
func (m *mailbox) converse(connection net.Conn) {
	defer connection.Close()
	lines := bufio.NewScanner(connection)
	say := func(line string) { fmt.Fprint(connection, line+"\r\n") }
	say("220 mailbox")
	for lines.Scan() {
		switch command := strings.ToUpper(lines.Text()); {
		case strings.HasPrefix(command, "DATA"):
			say("354 go on")
			var message strings.Builder
			for lines.Scan() && lines.Text() != "." {
				message.WriteString(lines.Text() + "\n")
			}
			m.messages <- message.String()
			say("250 kept")
		case strings.HasPrefix(command, "QUIT"):
			say("221 bye")
			return
		default:
			say("250 fine")
		}
	}
}

// next waits for the next message.
func (m *mailbox) next(t *testing.T) string {
	t.Helper()
	select {
	case message := <-m.messages:
		return message
	case <-time.After(time.Minute):
		t.Fatal("no mail came")
		return ""
	}
}

var code = regexp.MustCompile(`\b[0-9]{8}\b`)

// TestSignInByMail gets a one-time code by a real SMTP conversation and signs
// in with it, once.
func TestSignInByMail(t *testing.T) {
	box := openMailbox(t)
	host, port, err := net.SplitHostPort(box.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server := harness.Start(t, harness.Options{Env: []string{
		"LL_SMTP_HOST=" + host, "LL_SMTP_PORT=" + port, "LL_MAIL_FROM=Lingualink <hello@lingualink.test>",
	}})
	person := server.SignUp(t, "adaeze", server.Language(t, "ig"))
	var asked struct {
		OTP string `json:"otpId"`
	}
	server.Guest().Must(t, "POST", "/api/collections/users/request-otp", map[string]any{"email": person.Email}, &asked)
	message := box.next(t)
	password := code.FindString(message)
	if password == "" || !strings.Contains(message, "hello@lingualink.test") {
		t.Fatalf("no code in the message:\n%s", message)
	}
	var session struct {
		Token  string `json:"token"`
		Record struct {
			Username string `json:"username"`
			Verified bool   `json:"verified"`
		} `json:"record"`
	}
	signIn := map[string]any{"otpId": asked.OTP, "password": password}
	server.Guest().Must(t, "POST", "/api/collections/users/auth-with-otp", signIn, &session)
	if session.Token == "" || session.Record.Username != "adaeze" || !session.Record.Verified {
		t.Errorf("signed in as %+v", session.Record)
	}
	again, err := server.Guest().Do(t.Context(), "POST", "/api/collections/users/auth-with-otp", signIn)
	if err != nil || again.Status != 400 {
		t.Errorf("the code was taken twice: %v %v", again, err)
	}
}

// TestWithoutMailNothingIsPromised asks a server that cannot send mail.
func TestWithoutMailNothingIsPromised(t *testing.T) {
	server := harness.Start(t, harness.Options{})
	for _, path := range []string{"request-otp", "request-password-reset", "request-verification"} {
		answer, err := server.Guest().Do(t.Context(), "POST", "/api/collections/users/"+path, map[string]any{"email": "nobody@lingualink.test"})
		if err != nil || answer.Status != 503 || answer.Code() != "not_configured" {
			t.Errorf("%s: %v %v", path, answer, err)
		}
	}
}
