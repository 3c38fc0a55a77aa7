package payouts

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/paystack"
)

const (
	webhookPath = "/webhooks/paystack"
	// bodiesKept is how long the body of a webhook can be looked at.
	bodiesKept = 30 * 24 * time.Hour
)

// useful are the events that something follows from, by their beginning.
var useful = []string{"transfer.", "charge.success", "refund.", "charge.dispute."}

// registerWebhook takes Paystack's events. They are stored and answered, nothing
// more: what follows from one is asked of Paystack by the rounds.
func (d *desk) registerWebhook(core.App) {
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: webhookPath, Who: shell.Anyone,
		What:   "For Paystack alone: an event, signed with the secret key over the raw body.",
		Params: []shell.Param{shell.Header(paystack.SignatureHeader, "Hexadecimal HMAC-SHA512 of the body.")},
		Upload: "application/json", MaxBytes: paystack.MaxEvent, Media: "text/plain",
		Faults: []*fault.Code{fault.NotConfigured, fault.SignatureInvalid, fault.TooLarge, fault.InvalidInput},
		Handle: d.receive,
	})
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/paystack_events/{id}/open", Who: shell.Superuser,
		What: "Read the body of a webhook, while it is kept. The audit log remembers who did.",
		Data: openedData{}, Faults: []*fault.Code{fault.NotFound, fault.NotConfigured},
		Handle: d.openEvent,
	})
	d.deps.Outbox.Sweep("payouts.webhooks", time.Hour, d.forgetBodies)
}

// receive stores an event once. Whatever is not stored is not answered with 200,
// so that Paystack sends it again.
func (d *desk) receive(e *core.RequestEvent) error {
	if err := d.configured(); err != nil {
		return err
	}
	// The bytes as they came: a body that was decoded and encoded again has
	// another signature.
	body, err := io.ReadAll(e.Request.Body)
	if err != nil {
		return shell.BodyError(err, paystack.MaxEvent)
	}
	keys := d.deps.Config.Paystack
	signatures := paystack.NewSignatures(string(keys.SecretKey), string(keys.PreviousKey))
	if !signatures.Valid(body, e.Request.Header.Get(paystack.SignatureHeader)) {
		return fault.SignatureInvalid.On("signature")
	}
	event, problem := paystack.ParseEvent(body)
	if event.Domain != "" && event.Domain != d.provider.Domain() {
		return fault.SignatureInvalid.On("domain").Saying("The event is of the other mode, test or live.")
	}
	if err := d.keepEvent(e.App, body, event, problem); err != nil {
		return err
	}
	return e.String(http.StatusOK, "ok")
}

// keepEvent writes the row of an event, unless the same body is there already.
func (d *desk) keepEvent(app core.App, body []byte, event paystack.Event, problem error) error {
	keeper, err := newSealer(string(d.deps.Config.Pepper))
	if err != nil {
		return err
	}
	id, sum, now := shell.NewID(), sha256.Sum256(body), shell.Stamp(d.now())
	row := dbx.Params{
		"id": id, "event": cut(event.Name, 60), "domain": cut(event.Domain, 10), "data_id": "", "reference": cut(event.Reference, 100),
		"body_hash": hex.EncodeToString(sum[:]), "body": keeper.seal(id, body),
		"state": collections.EventQueued, "error": "", "received_at": now, "processed_at": "",
	}
	if event.DataID != 0 {
		row["data_id"] = strconv.FormatUint(event.DataID, 10)
	}
	switch {
	case problem != nil:
		row["state"], row["error"], row["processed_at"] = collections.EventBroken, cut(problem.Error(), 500), now
	case !slices.ContainsFunc(useful, func(start string) bool { return strings.HasPrefix(event.Name, start) }):
		row["state"], row["processed_at"] = collections.EventIgnored, now
	}
	if problem == nil {
		err = shell.Insert(app, "paystack_events", row)
	} else {
		err = app.RunInTransaction(func(tx core.App) error {
			if err := shell.Insert(tx, "paystack_events", row); err != nil {
				return err
			}
			return d.alert(tx, notice{Kind: "webhook_broken", Severity: "warning", SubjectType: "paystack_events",
				Text: "Paystack sent an event that cannot be read. Open it in paystack_events; nothing followed from it.",
				Data: map[string]any{"event": id, "error": row["error"]}})
		})
	}
	if shell.IsUniqueViolation(err, "body_hash") {
		return nil
	}
	if err == nil && row["state"] == collections.EventQueued {
		d.deps.Outbox.WakeRound(roundInbox)
	}
	return err
}

// cut keeps what fits into a column.
func cut(text string, runes int) string {
	text = strings.ToValidUTF8(text, "�")
	if utf8.RuneCountInString(text) <= runes {
		return text
	}
	return string([]rune(text)[:runes])
}

type openedData struct {
	Event string `json:"event" help:"Paystack's name of it."`
	Body  string `json:"body" help:"The body as it was received."`
}

// openEvent shows an admin what Paystack wrote.
func (d *desk) openEvent(e *core.RequestEvent) error {
	keeper, err := newSealer(string(d.deps.Config.Pepper))
	if err != nil {
		return err
	}
	var data openedData
	err = e.App.RunInTransaction(func(tx core.App) error {
		record, err := tx.FindRecordById("paystack_events", e.Request.PathValue("id"))
		if err != nil {
			return err
		}
		sealed := record.GetString("body")
		if sealed == "" {
			return fault.NotFound.On("body").Saying("The body was not kept, or its 30 days are over.")
		}
		body, err := keeper.open(record.Id, sealed)
		if errors.Is(err, errSealed) {
			return fault.NotConfigured.On("pepper").Saying("The body was sealed with another LL_PEPPER.")
		}
		if err != nil {
			return err
		}
		data = openedData{Event: record.GetString("event"), Body: string(body)}
		return shell.Audit(tx, d.now(), shell.Act{
			Actor: shell.ActorOf(e.Auth), Action: "webhook.open", SubjectType: "paystack_events", SubjectID: record.Id,
		})
	})
	if err != nil {
		return err
	}
	return shell.OK(e, data, "This is what Paystack sent.")
}

// forgetBodies wipes bodies whose time is over. The rows stay: they tell what
// came and what became of it.
func (d *desk) forgetBodies(app core.App) error {
	_, err := shell.Exec(app, "UPDATE paystack_events SET body = '' WHERE body != '' AND received_at < {:old}",
		dbx.Params{"old": shell.Stamp(d.now().Add(-bodiesKept))})
	return err
}
