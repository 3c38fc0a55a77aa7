// Package mail builds e-mail messages: text and HTML of one template, and the headers
// by which a mailbox offers to stop them with one click (RFC 8058).
//
// It decides how a message looks and what an answer of an SMTP server means. It refuses
// line breaks in what becomes a header, and addresses that are none. It sends nothing:
// what it builds has plain types, for whatever sends mail.
package mail

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/mail"
	"net/textproto"
	"net/url"
	"strings"
	texttemplate "text/template"

	"github.com/lingualink/lingualink/internal/push"
)

// Words are what stands around the message, in the reader's language.
type Words struct {
	Open        string // on the button
	Why         string // why this was sent
	Unsubscribe string // on the link; empty where it cannot be stopped
}

// Letter is what is said to one person.
type Letter struct {
	From, To mail.Address
	Title    string
	Body     string // paragraphs are separated by an empty line
	Link     string // where the button leads, an http address; empty for no button
	Language string // BCP 47
	Words    Words
	// Unsubscribe is an https address that stops such mails with a POST and without
	// signing in (RFC 8058, 3.1). A GET there must change nothing: scanners follow
	// links. Empty for mails that must come, such as those about security.
	Unsubscribe string
	// Key names the effect. It becomes the Message-ID, so that a mailbox can recognise
	// a mail that comes twice.
	Key string
}

// Mail is a finished message.
type Mail struct {
	From, To   mail.Address
	Subject    string
	Text, HTML string
	Headers    map[string]string
}

//go:embed letter.html
var htmlSource string

//go:embed letter.txt
var textSource string

var (
	htmlLetter = template.Must(template.New("letter").Parse(htmlSource))
	textLetter = texttemplate.Must(texttemplate.New("letter").Parse(textSource))
)

const longestSubject = 200

// Compose builds the message.
func Compose(letter Letter) (Mail, error) {
	for name, value := range map[string]string{"from": letter.From.Name + letter.From.Address, "to": letter.To.Name + letter.To.Address, "key": letter.Key, "unsubscribe": letter.Unsubscribe} {
		if strings.ContainsAny(value, "\r\n\x00") {
			return Mail{}, errors.New("mail: a line break in " + name)
		}
	}
	for _, address := range []string{letter.From.Address, letter.To.Address} {
		parsed, err := mail.ParseAddress(address)
		if err != nil || parsed.Address != address {
			return Mail{}, errors.New("mail: an address is none")
		}
	}
	if err := webAddress(letter.Link, "https", "http"); err != nil {
		return Mail{}, err
	}
	if err := webAddress(letter.Unsubscribe, "https"); err != nil {
		return Mail{}, err
	}
	subject := strings.Join(strings.Fields(letter.Title), " ")
	if runes := []rune(subject); len(runes) > longestSubject {
		subject = string(runes[:longestSubject-1]) + "…"
	}
	if subject == "" || letter.Key == "" {
		return Mail{}, errors.New("mail: no title or no key")
	}
	page := struct {
		Letter
		Paragraphs []string
	}{letter, strings.Split(strings.TrimSpace(letter.Body), "\n\n")}
	var html, text bytes.Buffer
	if err := htmlLetter.Execute(&html, page); err != nil {
		return Mail{}, fmt.Errorf("mail: %w", err)
	}
	if err := textLetter.Execute(&text, page); err != nil {
		return Mail{}, fmt.Errorf("mail: %w", err)
	}
	return Mail{
		From: letter.From, To: letter.To, Subject: subject, Text: strings.TrimSpace(text.String()) + "\n", HTML: html.String(),
		Headers: headers(letter),
	}, nil
}

// headers are those besides From, To, Subject and Date. RFC 8058 counts only under a
// DKIM signature that covers both List headers: the relay has to sign them.
func headers(letter Letter) map[string]string {
	_, host, _ := strings.Cut(letter.From.Address, "@")
	sum := sha256.Sum256([]byte(letter.Key))
	h := map[string]string{
		"Message-ID":               "<" + base64.RawURLEncoding.EncodeToString(sum[:18]) + "@" + host + ">",
		"Auto-Submitted":           "auto-generated", // RFC 3834: no out-of-office answers
		"X-Auto-Response-Suppress": "All",            // the same for Exchange
	}
	if letter.Language != "" {
		h["Content-Language"] = letter.Language
	}
	if letter.Unsubscribe != "" {
		h["List-Unsubscribe"] = "<" + letter.Unsubscribe + ">"
		h["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
	}
	return h
}

func webAddress(address string, schemes ...string) error {
	if address == "" {
		return nil
	}
	parsed, err := url.Parse(address)
	if err == nil && parsed.Host != "" && !strings.ContainsAny(address, "<> ") {
		for _, scheme := range schemes {
			if parsed.Scheme == scheme {
				return nil
			}
		}
	}
	return errors.New("mail: a link is no web address, or not one of https")
}

// Judge tells what came of a mail from the error of whoever sent it: nil is Sent. What
// the server said is conclusive; a connection that broke leaves the question open, and
// a mail must not be sent twice for that.
func Judge(err error) push.Result {
	if err == nil {
		return push.Result{Outcome: push.Sent}
	}
	var said *textproto.Error
	if errors.As(err, &said) {
		result := push.Result{Outcome: push.Refused, Code: fmt.Sprint(said.Code), Detail: push.Short(said.Msg)}
		switch {
		case said.Code == 421, said.Code == 450, said.Code == 451, said.Code == 452:
			result.Outcome = push.Limited // come back later; greylisting, too
		case said.Code >= 400 && said.Code < 500:
			result.Outcome = push.Failed
		case said.Code == 530, said.Code == 534, said.Code == 535, said.Code == 538:
			result.Outcome = push.Misconfigured
		case said.Code == 550 && strings.HasPrefix(said.Msg, "5.1.1"), said.Code == 550 && strings.HasPrefix(said.Msg, "5.1.10"):
			result.Outcome = push.Dead // RFC 3463: the mailbox is not there; RFC 7505: it takes no mail
		}
		return result
	}
	var lookup *net.DNSError
	if errors.As(err, &lookup) {
		return push.Result{Outcome: push.NotSent, Code: "unreachable", Detail: push.Short(err.Error())}
	}
	return push.Broken(err)
}
