package notifications

import (
	"context"
	"errors"
	stdmail "net/mail"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/mailer"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/notify"
	"github.com/lingualink/lingualink/internal/push"
	"github.com/lingualink/lingualink/internal/push/mail"
)

const (
	mailEvery = 2 * time.Second
	// mailTogether is how many dialogues run at once. Each claims its mail only when
	// it is about to send it, so that a crash leaves no more than these in doubt.
	mailTogether = 4
	// mailPatience is how long a dialogue may take; after it nobody knows.
	mailPatience = time.Minute
)

func (o *office) registerMail() {
	o.deps.Outbox.Round(roundOf(mailChannel), mailEvery, func(ctx context.Context, app core.App) error {
		if o.senders.Mail == nil {
			return nil
		}
		return o.sendMails(ctx, app)
	})
}

// SMTP is the Mailer of PocketBase's settings.
func SMTP(app core.App, letter mail.Mail) error {
	return app.NewMailClient().Send(&mailer.Message{
		From: letter.From, To: []stdmail.Address{letter.To}, Subject: letter.Subject, Text: letter.Text, HTML: letter.HTML, Headers: letter.Headers,
	})
}

func (o *office) sendMails(ctx context.Context, app core.App) error {
	policy, err := o.policy(app)
	if err != nil {
		return err
	}
	if err := o.takeOver(app, policy, mailChannel); err != nil {
		return err
	}
	var mu sync.Mutex
	var problems error
	push.Each(mailTogether, mailTogether, func(int) {
		if err := o.dialogues(ctx, app, policy); err != nil {
			mu.Lock()
			defer mu.Unlock()
			problems = errors.Join(problems, err)
		}
	})
	return problems
}

// dialogues sends one mail after the other until none is due, or the server does not
// take any more.
func (o *office) dialogues(ctx context.Context, app core.App, policy notify.Policy) error {
	for ctx.Err() == nil {
		if resting, err := o.rests(app, mailChannel); err != nil || resting {
			return err
		}
		groups, err := o.claim(app, mailChannel, 1) // committed as sending before the first byte
		if err != nil || len(groups) == 0 {
			return err
		}
		stop := false
		letters, results := make([]letter, len(groups)), make([]push.Result, len(groups))
		for i, rows := range groups {
			if letters[i], err = write(rows); err != nil {
				results[i] = push.Result{Outcome: push.Refused, Code: "no_words", Detail: push.Short(err.Error())}
				continue
			}
			results[i] = o.mail(app, letters[i])
			stop = stop || results[i].Outcome == push.NotSent || results[i].Outcome == push.Limited
		}
		if err := o.record(app, policy, mailChannel, letters, results); err != nil || stop {
			return err
		}
	}
	return nil
}

// mail hands one mail over. A dialogue that does not end in time is left to itself:
// what becomes of it is unknown.
func (o *office) mail(app core.App, l letter) push.Result {
	last := l.rows[len(l.rows)-1]
	if last.Email == "" {
		return push.Result{Outcome: push.Dead, Code: "device_gone", Detail: "there is no confirmed address any more"}
	}
	composed, err := mail.Compose(o.letterOf(app, l, last))
	if err != nil {
		return push.Result{Outcome: push.Refused, Code: "unsendable", Detail: push.Short(err.Error())}
	}
	done := make(chan push.Result, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- push.Result{Outcome: push.Unknown, Code: "panic", Detail: "the dialogue broke off"}
			}
		}()
		done <- mail.Judge(o.senders.Mail(app, composed))
	}()
	timer := time.NewTimer(mailPatience)
	defer timer.Stop()
	select {
	case result := <-done:
		return result
	case <-timer.C:
		return push.Result{Outcome: push.Unknown, Code: "no_answer", Detail: "the mail server did not answer in time"}
	}
}

// letterOf is the group as a letter.
func (o *office) letterOf(app core.App, l letter, last claimed) mail.Letter {
	reader := readerOf(last.Language, last.Zone)
	words := notify.Words(reader.Language)
	meta := app.Settings().Meta
	written := mail.Letter{
		From: stdmail.Address{Name: meta.SenderName, Address: meta.SenderAddress}, To: stdmail.Address{Name: oneLine(last.Name), Address: last.Email},
		Title: l.said.Title, Body: l.said.Body, Language: l.said.Language, Key: last.Key,
		Words: mail.Words{Open: words.Open, Why: words.Why, Unsubscribe: words.Unsubscribe},
	}
	base := o.deps.Config.PublicURL
	if link := l.event.LinkOf(l.data); base != "" && link != "" {
		written.Link = base + link
	}
	// One-click needs https (RFC 8058); without it there is no link that would work.
	if notify.Stoppable(l.event.Category) && strings.HasPrefix(base, "https://") {
		written.Unsubscribe = base + shell.APIPrefix + unsubscribePath + "?to=" + url.QueryEscape(notify.Unsubscribe(secretOf(app), last.User, l.event.Category))
	} else {
		written.Words.Unsubscribe = ""
	}
	return written
}

// oneLine takes out of a name what would break a header.
func oneLine(name string) string { return strings.Join(strings.Fields(name), " ") }
