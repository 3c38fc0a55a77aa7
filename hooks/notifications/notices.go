package notifications

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/notify"
)

// How much the inbox takes, in letters.
const (
	longestTitle = 200
	longestBody  = 2000
)

func (o *office) registerNotices() {
	o.deps.Outbox.Handle(shell.JobNotify, shell.JobHandler{InTx: o.deliver})
}

// deliver tells one person of one event, in the transaction that marks its job
// done: nobody is told twice, and nobody is forgotten.
func (o *office) deliver(tx core.App, job shell.Job) error {
	var notice shell.Notice
	if err := json.Unmarshal(job.Raw, &notice); err != nil {
		return err
	}
	policy, err := o.policy(tx)
	if err != nil {
		return err
	}
	_, err = o.tell(tx, policy, job.Key, notice)
	return err
}

// tell writes what a notice comes to: the row of the inbox, and a delivery for every
// other way. The key names the event and the person. It says whether anything was
// written.
func (o *office) tell(tx core.App, policy notify.Policy, key string, notice shell.Notice) (bool, error) {
	who, err := load(tx, notice.User)
	if err != nil {
		return false, err
	}
	said := notify.Notice{Kind: notify.Kind(notice.Kind), Data: notice.Data}
	var problem error
	rules := who.rules(tx, &problem)
	if notice.From != "" && rules.Blocked(notice.From) || problem != nil {
		return false, problem
	}
	words, err := notify.Say(said, who.reader)
	if err != nil {
		// A mistake of the program, which is in the log: better told in English than not.
		_, err := o.intoInbox(tx, who, notice, notify.Event{}, notify.Said{Title: cmp.Or(notice.Title, notice.Kind), Body: notice.Body, Language: notify.English}, time.Time{})
		return true, err
	}
	event, _ := notify.Of(said.Kind)
	now := o.now()
	ways, err := o.ways(tx, who, event.DigestOf(notice.Data))
	if err != nil {
		return false, err
	}
	plan, err := notify.Plan(policy, said, rules, ways, now)
	if err != nil || problem != nil {
		return false, cmp.Or(problem, err)
	}
	row := ""
	for _, d := range plan {
		if d.Channel == notify.InApp {
			expires := time.Time{}
			if event.Lasts > 0 {
				expires = now.Add(event.Lasts)
			}
			if row, err = o.intoInbox(tx, who, notice, event, words, expires); err != nil {
				return false, err
			}
		}
	}
	return len(plan) > 0, o.queue(tx, who, key, said, row, plan)
}

// ways are those by which a person can be reached, the inbox first.
func (o *office) ways(tx core.App, who person, digest string) ([]notify.Way, error) {
	alike := map[bool]time.Time{}
	if digest != "" {
		rows := []struct {
			Mail bool   `db:"mail"`
			At   string `db:"at"`
		}{}
		err := tx.DB().NewQuery(`
			SELECT channel = 'mail' AS mail, MAX(sent_at) AS at FROM deliveries
			WHERE user = {:user} AND digest = {:digest} AND digest != '' AND sent_at != '' GROUP BY channel = 'mail'`).
			Bind(dbx.Params{"user": who.id, "digest": digest}).All(&rows)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			at, err := shell.ParseStamp(row.At)
			if err != nil {
				return nil, err
			}
			alike[row.Mail] = at
		}
	}
	ways := []notify.Way{{Channel: notify.InApp}}
	if len(o.usable(who.devices)) > 0 {
		ways = append(ways, notify.Way{Channel: notify.Push, LastAlike: alike[false]})
	}
	if o.isOn(mailChannel) && who.mailable {
		ways = append(ways, notify.Way{Channel: notify.Mail, LastAlike: alike[true]})
	}
	return ways, nil
}

// intoInbox writes the row that apps watch.
func (o *office) intoInbox(tx core.App, who person, notice shell.Notice, event notify.Event, words notify.Said, expires time.Time) (string, error) {
	inbox, err := tx.FindCachedCollectionByNameOrId("notifications")
	if err != nil {
		return "", err
	}
	row := core.NewRecord(inbox)
	row.Set("user", who.id)
	row.Set("kind", notice.Kind)
	row.Set("title", cut(words.Title, longestTitle))
	row.Set("body", cut(words.Body, longestBody))
	row.Set("language", words.Language)
	row.Set("data", notice.Data)
	row.Set("category", string(event.Category))
	row.Set("urgent", event.Urgent)
	row.Set("from", cmp.Or(notice.From, event.ActorOf(notice.Data)))
	row.Set("link", cut(event.LinkOf(notice.Data), 300))
	row.Set("collapse", cut(event.CollapseOf(notice.Data), 200))
	row.Set("thread", event.ThreadOf(notice.Data))
	if !expires.IsZero() {
		row.Set("expires_at", expires)
	}
	err = tx.Save(row)
	return row.Id, err
}

// queue writes a delivery for every device and for the mailbox, and wakes who sends.
func (o *office) queue(tx core.App, who person, key string, said notify.Notice, inbox string, plan []notify.Delivery) error {
	data, err := json.Marshal(said.Data)
	if err != nil {
		return err
	}
	now, rows := o.now(), []dbx.Params{}
	add := func(d notify.Delivery, channel, device string) {
		rows = append(rows, dbx.Params{
			"id": shell.RowID(now), "user": who.id, "kind": string(said.Kind), "effect_key": key + ":" + effect(d.Channel, device),
			"channel": channel, "device": device, "data": string(data), "digest": d.Digest, "notification": inbox, "urgent": d.Urgent,
			"state": collections.DeliveryQueued, "attempts": 0, "next_at": shell.Stamp(d.At), "expires_at": shell.Stamp(d.Expires),
			"ticket": "", "sent_at": "", "last_error": "", "finished_at": "", "created": shell.Stamp(now),
		})
	}
	for _, d := range plan {
		switch d.Channel {
		case notify.Push:
			for _, to := range o.usable(who.devices) {
				add(d, to.Provider, to.ID)
			}
		case notify.Mail:
			add(d, mailChannel, "")
		}
	}
	if err := insertOnce(tx, rows); err != nil {
		return err
	}
	shell.AfterCommit(tx, func() {
		for _, row := range rows {
			o.deps.Outbox.WakeRound(roundOf(row["channel"].(string)))
		}
	})
	return nil
}

// effect is the part of the key that names the way.
func effect(channel notify.Channel, device string) string {
	if device == "" {
		return string(channel)
	}
	return string(channel) + "/" + device
}

// insertOnce writes deliveries. One whose effect key exists is not made again.
func insertOnce(tx core.App, rows []dbx.Params) error {
	if len(rows) == 0 {
		return nil
	}
	return shell.ExecEach(tx, `
		INSERT INTO deliveries (id, user, kind, effect_key, channel, device, data, digest, notification, urgent, state, attempts, next_at, expires_at, ticket, sent_at, last_error, finished_at, created)
		VALUES ({:id}, {:user}, {:kind}, {:effect_key}, {:channel}, {:device}, {:data}, {:digest}, {:notification}, {:urgent}, {:state}, {:attempts}, {:next_at}, {:expires_at}, {:ticket}, {:sent_at}, {:last_error}, {:finished_at}, {:created})
		ON CONFLICT (effect_key) DO NOTHING`, rows)
}
