package notifications

import (
	"context"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"golang.org/x/time/rate"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/notify"
	"github.com/lingualink/lingualink/internal/push"
)

// How many deliveries are handed over at once, and how many a second. Expo takes 100
// in a request and six requests at a time; its client keeps to 600 a second itself.
var batches = map[string]int{collections.ProviderExpo: 600, collections.ProviderFCM: 200, collections.ProviderWebPush: 200}

var perSecond = map[string]rate.Limit{collections.ProviderFCM: 1000, collections.ProviderWebPush: 500}

const (
	sendEvery     = time.Second
	receiptsEvery = time.Minute
	receiptBatch  = 1000
)

// roundOf names the round of a channel.
func roundOf(channel string) string { return "notifications." + channel }

const receiptsRound = "notifications.receipts"

func (o *office) registerSending() {
	for channel, most := range batches {
		limit := rate.NewLimiter(rate.Inf, most)
		if bound, there := perSecond[channel]; there {
			limit.SetLimit(bound)
		}
		o.deps.Outbox.Round(roundOf(channel), sendEvery, func(ctx context.Context, app core.App) error {
			sender := o.sender(channel)
			if sender == nil {
				return nil
			}
			return o.send(ctx, app, channel, sender, limit, most)
		})
	}
	o.deps.Outbox.Round(receiptsRound, receiptsEvery, o.askReceipts)
}

// send hands over what is due, batch by batch, until nothing is, or the provider does
// not take any more.
func (o *office) send(ctx context.Context, app core.App, channel string, sender push.Sender, limit *rate.Limiter, most int) error {
	policy, err := o.policy(app)
	if err != nil {
		return err
	}
	if err := o.takeOver(app, policy, channel); err != nil {
		return err
	}
	for ctx.Err() == nil {
		if resting, err := o.rests(app, channel); err != nil || resting {
			return err
		}
		groups, err := o.claim(app, channel, most)
		if err != nil || len(groups) == 0 {
			return err
		}
		letters, results := []letter{}, []push.Result{}
		outgoing, places := []push.Delivery{}, []int{}
		for _, rows := range groups {
			written, err := write(rows)
			letters = append(letters, written)
			switch {
			case err != nil:
				results = append(results, push.Result{Outcome: push.Refused, Code: "no_words", Detail: push.Short(err.Error())})
			case !o.reachable(rows[len(rows)-1]):
				results = append(results, push.Result{Outcome: push.Dead, Code: "device_gone"})
			default:
				places, outgoing = append(places, len(results)), append(outgoing, written.delivery())
				results = append(results, push.Result{})
			}
		}
		if err := limit.WaitN(ctx, min(max(len(outgoing), 1), most)); err != nil {
			return nil // the server stops; what was claimed is taken over by the next run
		}
		refused := 0
		for i, result := range sender.Send(ctx, outgoing) {
			results[places[i]] = result
			if result.Outcome == push.NotSent || result.Outcome == push.Failed || result.Outcome == push.Limited || result.Outcome == push.Unknown {
				refused++
			}
		}
		if err := o.record(app, policy, channel, letters, results); err != nil {
			return err
		}
		if refused > 0 && refused == len(outgoing) {
			return nil // it is down; what waits need not run into it, too
		}
	}
	return nil
}

// recordOne writes how a delivery goes on, if it is still where it was.
const recordOne = `
	UPDATE deliveries SET state = {:state}, attempts = attempts + {:attempts}, next_at = CASE WHEN {:next_at} = '' THEN next_at ELSE {:next_at} END,
		ticket = {:ticket}, sent_at = CASE WHEN {:sent_at} = '' THEN sent_at ELSE {:sent_at} END, last_error = {:error}, finished_at = {:finished}
	WHERE id = {:id} AND state IN ('sending', 'ticket')`

// record writes what came of a batch, in one transaction.
func (o *office) record(app core.App, policy notify.Policy, channel string, letters []letter, results []push.Result) error {
	now := o.now()
	return app.RunInTransaction(func(tx core.App) error {
		rows := []dbx.Params{}
		for i, l := range letters {
			step := policy.After(l.tried(), results[i], now)
			ended, err := o.follow(tx, channel, l, results[i], step)
			if err != nil {
				return err
			}
			rows = append(rows, ended...)
		}
		return shell.ExecEach(tx, recordOne, rows)
	})
}

// follow does what a step says beside the deliveries, and returns how they go on.
func (o *office) follow(tx core.App, channel string, l letter, result push.Result, step notify.Step) ([]dbx.Params, error) {
	now := shell.Stamp(o.now())
	how := dbx.Params{"state": "", "attempts": 0, "next_at": "", "ticket": "", "sent_at": "", "error": reason(result), "finished": now}
	others := "" // the state of all but the last of what was told as one
	switch step.Next {
	case notify.Done, notify.Ticket:
		how["state"], how["error"], others = collections.DeliverySent, "", collections.DeliveryMerged
		switch {
		case !l.receipt:
			how["sent_at"] = now
		case result.Outcome == push.Sent:
			how["state"] = collections.DeliveryDelivered
		}
		if step.Next == notify.Ticket {
			how["state"], how["next_at"], how["finished"], how["ticket"] = collections.DeliveryTicket, shell.Stamp(step.At), "", result.Ticket
			if l.receipt {
				how["ticket"] = l.rows[0].Ticket
			}
		}
	case notify.Again, notify.Rest:
		how["state"], how["next_at"], how["finished"] = collections.DeliveryQueued, shell.Stamp(step.At), ""
		if step.Next == notify.Rest {
			how["attempts"] = -1
		}
	case notify.Forget:
		how["state"] = collections.DeliveryDropped
	case notify.Drop:
		how["state"] = collections.DeliveryExpired
	case notify.Unclear:
		how["state"] = collections.DeliveryUnknown
	default:
		how["state"] = collections.DeliveryDead
	}
	if err := o.aside(tx, channel, l, result, step); err != nil {
		return nil, err
	}
	rows := make([]dbx.Params, len(l.rows))
	for i, row := range l.rows {
		rows[i] = dbx.Params{"id": row.ID}
		for name, value := range how {
			rows[i][name] = value
		}
		if others != "" && i < len(l.rows)-1 {
			rows[i]["state"], rows[i]["ticket"], rows[i]["next_at"], rows[i]["finished"] = others, "", "", now
		}
	}
	return rows, nil
}

// aside is what an answer means for others than the delivery itself: the device that
// is gone is forgotten, a channel that is not taken from rests.
func (o *office) aside(tx core.App, channel string, l letter, result push.Result, step notify.Step) error {
	last := l.rows[len(l.rows)-1]
	switch {
	case step.Next == notify.Forget && channel != mailChannel && last.Token != "" && result.Code != "device_gone":
		// The very token: another person's, or a newer one, is not what is dead.
		_, err := shell.Exec(tx, "DELETE FROM push_devices WHERE id = {:id} AND token = {:token}", dbx.Params{"id": last.Device, "token": last.Token})
		return err
	case step.Next == notify.Rest:
		tx.Logger().Error("a provider does not accept our keys; its channel rests", "channel", channel, "code", result.Code, "until", step.At)
		return o.rest(tx, channel, step.At, reason(result))
	case result.Outcome == push.Limited && result.RetryAfter > 0:
		return o.rest(tx, channel, o.now().Add(result.RetryAfter), reason(result))
	}
	return nil
}

// reason is what the provider said, in one line.
func reason(result push.Result) string {
	text := string(result.Outcome)
	if result.Code != "" {
		text += ": " + result.Code
	}
	if result.Detail != "" {
		text += ": " + result.Detail
	}
	return cut(text, 500)
}

// askReceipts asks Expo what became of what it took over. To ask twice does no harm.
func (o *office) askReceipts(ctx context.Context, app core.App) error {
	if o.senders.Expo == nil {
		return nil
	}
	policy, err := o.policy(app)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		if resting, err := o.rests(app, collections.ProviderExpo); err != nil || resting {
			return err
		}
		rows := []claimed{}
		err := app.DB().NewQuery("SELECT " + claimedColumns + ` FROM deliveries
			WHERE channel = {:channel} AND state = 'ticket' AND next_at <= {:now} ORDER BY next_at LIMIT {:most}`).
			Bind(dbx.Params{"channel": collections.ProviderExpo, "now": shell.Stamp(o.now()), "most": receiptBatch}).All(&rows)
		if err != nil || len(rows) == 0 {
			return err
		}
		if err := whereTo(app, rows); err != nil {
			return err
		}
		tickets := make([]string, len(rows))
		for i, row := range rows {
			tickets[i] = row.Ticket
		}
		if err := o.recordReceipts(app, policy, rows, o.senders.Expo.Receipts(ctx, tickets)); err != nil {
			return err
		}
	}
	return nil
}

// recordReceipts writes what the receipts say.
func (o *office) recordReceipts(app core.App, policy notify.Policy, rows []claimed, results []push.Result) error {
	now := o.now()
	return app.RunInTransaction(func(tx core.App) error {
		changes := []dbx.Params{}
		for i, row := range rows {
			sentAt, err := shell.ParseStamp(row.SentAt)
			if err != nil {
				return err
			}
			expires, err := shell.ParseStamp(row.ExpiresAt)
			if err != nil {
				return err
			}
			l, result := letter{rows: []claimed{row}, expires: expires, receipt: true}, results[i]
			if refusedToAnswer(result) {
				// It says nothing about the message, which is not sent again for it.
				if err := o.rest(tx, row.Channel, now.Add(time.Duration(policy.MisconfiguredMinutes)*time.Minute), reason(result)); err != nil {
					return err
				}
				result = push.Result{Outcome: push.Failed, Code: result.Code}
			}
			step := policy.AfterReceipt(l.tried(), sentAt, result, now)
			change, err := o.follow(tx, row.Channel, l, result, step)
			if err != nil {
				return err
			}
			changes = append(changes, change...)
		}
		return shell.ExecEach(tx, recordOne, changes)
	})
}

// refusedToAnswer tells our keys that are not accepted for the question from those
// that were not for the message, of which the receipt speaks.
func refusedToAnswer(result push.Result) bool {
	return result.Outcome == push.Misconfigured && result.Code != "InvalidCredentials" && result.Code != "MismatchSenderId"
}
