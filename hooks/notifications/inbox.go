package notifications

import (
	"net/http"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/notify"
)

// mostCounted bounds what counting costs: an app shows "99+" beyond it.
const mostCounted = 100

// Rows that one statement of a sweep removes, and how many statements one run makes:
// the writer is held for moments.
const (
	sweepRows  = 500
	sweepTimes = 20
)

// How long finished deliveries are kept; what failed for good, longer.
const (
	deliveriesKeptDays = 30
	failuresKeptDays   = 180
)

// topicInbox tells that the number of unread ones changed without a row changing that
// an app would hear of.
const topicInbox = "inbox"

type unreadData struct {
	Unread int64 `json:"unread"`
	// More: there are more than were counted.
	More bool `json:"more"`
}

type readData struct {
	Read int64 `json:"read"` // how many were unread before
}

func (o *office) registerInbox(core.App) {
	o.deps.Topics.Allow(topicInbox, func(auth *core.Record, rest string) bool {
		return !auth.IsSuperuser() && auth.Id == rest
	})
	o.deps.Routes.Add(shell.Route{
		Method: http.MethodGet, Path: "/notifications/unread", Who: shell.Person, Data: unreadData{},
		What: "How many notifications the person has not read, counted up to 100.",
		Handle: func(e *core.RequestEvent) error {
			data, err := unread(e.App, e.Auth.Id)
			if err != nil {
				return err
			}
			return shell.OK(e, data, "Unread notifications.")
		},
	})
	o.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/notifications/read-all", Who: shell.Person, Data: readData{},
		What: "Mark every notification of the person as read.",
		Handle: func(e *core.RequestEvent) error {
			read, err := o.readAll(e.App, e.Auth.Id)
			if err != nil {
				return err
			}
			return shell.OK(e, readData{Read: read}, "All notifications are read.")
		},
	})
	o.deps.Outbox.Sweep("notifications.old", time.Hour, o.sweep)
}

const unreadQuery = "SELECT COUNT(*) FROM (SELECT 1 FROM notifications WHERE user = {:user} AND read = FALSE LIMIT {:most})"

// unread counts by the index and stops: the cost does not grow with the inbox.
func unread(app core.App, user string) (unreadData, error) {
	var data unreadData
	err := app.DB().NewQuery(unreadQuery).Bind(dbx.Params{"user": user, "most": mostCounted + 1}).Row(&data.Unread)
	if data.Unread > mostCounted {
		data.Unread, data.More = mostCounted, true
	}
	return data, err
}

// readAll marks what is there now as read, so many at a time. Rows change by SQL,
// which tells nobody; so the topic does.
func (o *office) readAll(app core.App, user string) (int64, error) {
	total, now := int64(0), shell.Stamp(o.now())
	for {
		changed, err := shell.Exec(app, `
			UPDATE notifications SET read = TRUE, updated = {:now}
			WHERE id IN (SELECT id FROM notifications WHERE user = {:user} AND read = FALSE AND created <= {:now} LIMIT {:most})`,
			dbx.Params{"user": user, "now": now, "most": sweepRows})
		if err != nil {
			return total, err
		}
		if total += changed; changed < sweepRows {
			break
		}
	}
	if total > 0 {
		o.deps.Topics.Publish(app, "lingualink/"+topicInbox+"/"+user, map[string]any{"unread": 0})
	}
	return total, nil
}

// sweep removes what the policy does not keep: old rows of the inbox, what became of
// deliveries, and devices that were not seen for long.
func (o *office) sweep(app core.App) error {
	policy, err := o.policy(app)
	if err != nil {
		return err
	}
	if err := o.settleOff(app, policy); err != nil {
		return err
	}
	before := func(days int64) string { return shell.Stamp(o.now().AddDate(0, 0, -int(days))) }
	for _, rows := range []struct{ table, where, old string }{
		{"notifications", "read = TRUE AND created < {:old}", before(policy.InboxDays)},
		{"notifications", "created < {:old}", before(policy.InboxMostDays)},
		{"deliveries", "state IN ('sent', 'delivered', 'merged', 'dropped', 'expired') AND finished_at != '' AND finished_at < {:old}", before(deliveriesKeptDays)},
		{"deliveries", "state IN ('dead', 'unknown') AND finished_at != '' AND finished_at < {:old}", before(failuresKeptDays)},
		{"push_devices", "last_seen < {:old}", before(policy.DeviceDays)},
	} {
		for range sweepTimes {
			removed, err := shell.Exec(app, "DELETE FROM "+rows.table+" WHERE id IN (SELECT id FROM "+rows.table+" WHERE "+rows.where+" LIMIT {:most})",
				dbx.Params{"old": rows.old, "most": sweepRows})
			if err != nil {
				return err
			}
			if removed < sweepRows {
				break
			}
		}
	}
	return nil
}

// settleOff ends what waits for a channel that was switched off, for which no round
// runs any more: with it nothing would ever end.
func (o *office) settleOff(app core.App, policy notify.Policy) error {
	for _, channel := range channels() {
		if o.isOn(channel) {
			continue
		}
		if err := o.takeOver(app, policy, channel); err != nil {
			return err
		}
		_, err := shell.Exec(app, `
			UPDATE deliveries SET state = CASE state WHEN 'ticket' THEN 'sent' ELSE 'expired' END, finished_at = {:now}, last_error = 'the channel is switched off'
			WHERE channel = {:channel} AND state IN ('queued', 'ticket') AND expires_at != '' AND expires_at <= {:now}`,
			dbx.Params{"channel": channel, "now": shell.Stamp(o.now())})
		if err != nil {
			return err
		}
	}
	return nil
}
