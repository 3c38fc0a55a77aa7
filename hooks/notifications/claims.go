package notifications

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/notify"
	"github.com/lingualink/lingualink/internal/push"
)

// claimed is a delivery that this run hands over.
type claimed struct {
	ID           string `db:"id"`
	User         string `db:"user"`
	Kind         string `db:"kind"`
	Key          string `db:"effect_key"`
	Channel      string `db:"channel"`
	Device       string `db:"device"`
	Data         string `db:"data"`
	Digest       string `db:"digest"`
	Notification string `db:"notification"`
	Urgent       bool   `db:"urgent"`
	Attempts     int    `db:"attempts"`
	ExpiresAt    string `db:"expires_at"`
	SentAt       string `db:"sent_at"`
	Ticket       string `db:"ticket"`
	// Where it goes now; nothing if the device or the address is gone.
	Token    string `db:"token"`
	P256dh   string `db:"p256dh"`
	Auth     string `db:"auth"`
	VAPID    string `db:"vapid_key"`
	Email    string `db:"email"`
	Name     string `db:"name"`
	Language string `db:"language"`
	Zone     string `db:"zone"`
}

const claimedColumns = "id, user, kind, effect_key, channel, device, data, digest, notification, urgent, attempts, expires_at, sent_at, ticket"

// takeOver gives back what a worker that died was sending. Only one run at a time
// works on a channel, in one process, so at its start nothing else is under way. A
// push goes again and is shown once, by its collapse key. A mail may have left and
// never goes again.
func (o *office) takeOver(app core.App, policy notify.Policy, channel string) error {
	var left bool
	if err := app.ConcurrentDB().NewQuery("SELECT EXISTS (SELECT 1 FROM deliveries WHERE channel = {:channel} AND state = 'sending')").
		Bind(dbx.Params{"channel": channel}).Row(&left); err != nil || !left {
		return err
	}
	params := dbx.Params{"channel": channel, "now": shell.Stamp(o.now()), "most": policy.PushAttempts}
	sql := `
		UPDATE deliveries SET
			state = CASE WHEN attempts >= {:most} THEN 'dead' ELSE 'queued' END,
			finished_at = CASE WHEN attempts >= {:most} THEN {:now} ELSE '' END,
			last_error = 'the server stopped while this was being sent'
		WHERE channel = {:channel} AND state = 'sending'`
	if channel == mailChannel {
		delete(params, "most")
		sql = `
		UPDATE deliveries SET state = 'unknown', finished_at = {:now}, last_error = 'the server stopped while this was being sent; it may have left'
		WHERE channel = {:channel} AND state = 'sending'`
	}
	_, err := shell.Exec(app, sql, params)
	return err
}

// claim marks up to so many deliveries as being sent, with all that is told as one
// with them, and returns them in groups of what is told as one. What is not worth
// anything any more ends here.
func (o *office) claim(app core.App, channel string, most int) ([][]claimed, error) {
	due := dbx.Params{"channel": channel, "now": shell.Stamp(o.now())}
	var waiting bool // a cheap read first: most runs find nothing and need not take the writer
	if err := app.ConcurrentDB().NewQuery("SELECT EXISTS (SELECT 1 FROM deliveries WHERE channel = {:channel} AND state = 'queued' AND next_at <= {:now})").
		Bind(due).Row(&waiting); err != nil || !waiting {
		return nil, err
	}
	rows := []claimed{}
	err := app.RunInTransaction(func(tx core.App) error {
		rows = rows[:0]
		if _, err := shell.Exec(tx, `
			UPDATE deliveries SET state = 'expired', finished_at = {:now}
			WHERE channel = {:channel} AND state = 'queued' AND next_at <= {:now} AND expires_at != '' AND expires_at <= {:now}`, due); err != nil {
			return err
		}
		first := []claimed{}
		err := tx.NonconcurrentDB().NewQuery(`
			UPDATE deliveries SET state = 'sending', attempts = attempts + 1
			WHERE id IN (SELECT id FROM deliveries WHERE channel = {:channel} AND state = 'queued' AND next_at <= {:now} ORDER BY next_at LIMIT {:most})
			RETURNING ` + claimedColumns).Bind(dbx.Params{"channel": channel, "now": due["now"], "most": most}).All(&first)
		if err != nil {
			return err
		}
		rows = append(rows, first...)
		if len(first) < most {
			return nil
		}
		alike, err := claimAlike(tx, first, due)
		rows = append(rows, alike...)
		return err
	})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	if err := whereTo(app, rows); err != nil {
		return nil, err
	}
	return together(rows), nil
}

// claimAlike takes what is due of the same digests, so that a full batch does not
// tell in two parts what is told as one.
func claimAlike(tx core.App, first []claimed, due dbx.Params) ([]claimed, error) {
	digests := []string{}
	for _, row := range first {
		if row.Digest != "" {
			digests = append(digests, row.User+" "+row.Device+" "+row.Digest)
		}
	}
	more := []claimed{}
	if len(digests) == 0 {
		return more, nil
	}
	err := tx.NonconcurrentDB().NewQuery(`
		UPDATE deliveries SET state = 'sending', attempts = attempts + 1
		WHERE channel = {:channel} AND state = 'queued' AND next_at <= {:now} AND digest != ''
		  AND user || ' ' || device || ' ' || digest IN ` + shell.Among("digests") + `
		RETURNING ` + claimedColumns).
		Bind(dbx.Params{"channel": due["channel"], "now": due["now"], "digests": shell.List(digests)}).All(&more)
	return more, err
}

// whereTo fills in the device or address as it is now, and who reads. A device that
// belongs to somebody else by now is none.
func whereTo(app core.App, rows []claimed) error {
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	found := []claimed{}
	err := app.DB().NewQuery(`
		SELECT x.id, COALESCE(d.token, '') AS token, COALESCE(d.p256dh, '') AS p256dh, COALESCE(d.auth, '') AS auth, COALESCE(d.vapid_key, '') AS vapid_key,
			CASE WHEN u.verified THEN u.email ELSE '' END AS email, u.name, COALESCE(p.interface_language, '') AS language, COALESCE(p.time_zone, '') AS zone
		FROM deliveries x JOIN users u ON u.id = x.user
		LEFT JOIN push_devices d ON d.id = x.device AND d.user = x.user
		LEFT JOIN private_profiles p ON p.user = x.user
		WHERE x.id IN ` + shell.Among("ids")).Bind(dbx.Params{"ids": shell.List(ids)}).All(&found)
	if err != nil {
		return err
	}
	byID := map[string]claimed{}
	for _, row := range found {
		byID[row.ID] = row
	}
	for i := range rows {
		at := byID[rows[i].ID]
		rows[i].Token, rows[i].P256dh, rows[i].Auth, rows[i].VAPID = at.Token, at.P256dh, at.Auth, at.VAPID
		rows[i].Email, rows[i].Name, rows[i].Language, rows[i].Zone = at.Email, at.Name, at.Language, at.Zone
	}
	return nil
}

// together groups what is told as one, each group in the order of what happened.
func together(rows []claimed) [][]claimed {
	slices.SortFunc(rows, func(a, b claimed) int { return strings.Compare(a.ID, b.ID) })
	groups, place := [][]claimed{}, map[string]int{}
	for _, row := range rows {
		key := row.User + " " + row.Device + " " + row.Digest
		if at, there := place[key]; there && row.Digest != "" {
			groups[at] = append(groups[at], row)
			continue
		}
		place[key] = len(groups)
		groups = append(groups, []claimed{row})
	}
	return groups
}

// letter is one group in words.
type letter struct {
	rows     []claimed
	event    notify.Event
	said     notify.Said
	data     map[string]any // of the newest
	collapse string
	expires  time.Time // when the last of them is worth nothing any more
	receipt  bool      // it left before; this is about its receipt
}

// write puts a group into the words of who reads it.
func write(rows []claimed) (letter, error) {
	last := rows[len(rows)-1]
	l := letter{rows: rows}
	notices := make([]notify.Notice, len(rows))
	for i, row := range rows {
		notices[i] = notify.Notice{Kind: notify.Kind(row.Kind)}
		if err := json.Unmarshal([]byte(row.Data), &notices[i].Data); err != nil {
			return l, err
		}
		expires, err := shell.ParseStamp(row.ExpiresAt)
		if err != nil {
			return l, err
		}
		if expires.After(l.expires) {
			l.expires = expires
		}
	}
	l.event, _ = notify.Of(notify.Kind(last.Kind))
	l.data = notices[len(notices)-1].Data
	l.collapse = l.event.CollapseOf(l.data)
	if len(rows) > 1 {
		l.collapse = last.Digest
	}
	var err error
	l.said, err = notify.SayMany(notices, readerOf(last.Language, last.Zone))
	return l, err
}

// What a push shows, in letters: the smallest providers take some 4,000 bytes.
const (
	longestPushTitle = 100
	longestPushBody  = 300
)

// delivery is the group as a push.
func (l letter) delivery() push.Delivery {
	last := l.rows[len(l.rows)-1]
	data := map[string]string{"kind": last.Kind, "category": string(l.event.Category)}
	for _, field := range l.event.Fields {
		if id, ok := l.data[field.Name].(string); ok && field.Type == notify.ID {
			data[field.Name] = id
		}
	}
	if link := l.event.LinkOf(l.data); link != "" {
		data["link"] = link
	}
	if last.Notification != "" {
		data["notification"] = last.Notification
	}
	return push.Delivery{
		Target: push.Target{Token: last.Token, P256dh: last.P256dh, Auth: last.Auth},
		Message: push.Message{
			Title: cut(l.said.Title, longestPushTitle), Body: cut(l.said.Body, longestPushBody), Data: data,
			Collapse: l.collapse, Urgent: last.Urgent, Expires: l.expires,
		},
	}
}

// tried is the attempt that is being made.
func (l letter) tried() notify.Tried {
	tried := notify.Tried{Channel: notify.Push, Key: l.rows[0].Key, Expires: l.expires}
	if l.rows[0].Channel == mailChannel {
		tried.Channel = notify.Mail
	}
	for _, row := range l.rows {
		tried.Attempt = max(tried.Attempt, row.Attempts)
	}
	return tried
}

// reachable tells whether the device is still the person's, and its subscription one
// that this server can send to.
func (o *office) reachable(row claimed) bool {
	return row.Token != "" && (row.Channel != collections.ProviderWebPush || row.VAPID == o.senders.VAPIDKey)
}
