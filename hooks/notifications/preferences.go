package notifications

import (
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/notify"
)

func (o *office) registerPreferences(app core.App) {
	shell.Repeatable(app, "notification_preferences", "user", func(stored, sent *core.Record) bool {
		return alike(stored, sent, "category", "in_app", "push", "mail", "quiet_from_minute", "quiet_to_minute")
	})
	shell.Repeatable(app, "notification_mutes", "user", func(stored, sent *core.Record) bool { return alike(stored, sent, "thread") })
	app.OnRecordCreateExecute("notification_preferences").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.notification_preferences.create", Func: o.setPreferences,
	})
	app.OnRecordUpdateExecute("notification_preferences").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.notification_preferences.update", Func: o.setPreferences,
	})
}

// alike tells whether two rows say the same in these fields.
func alike(stored, sent *core.Record, fields ...string) bool {
	for _, field := range fields {
		if stored.GetString(field) != sent.GetString(field) {
			return false
		}
	}
	return true
}

// setPreferences refuses what cannot be switched off, and takes back what waits of
// what is switched off now.
func (o *office) setPreferences(e *core.RecordEvent) error {
	row := e.Record
	general := row.GetString("category") == collections.GeneralPreferences
	for _, channel := range notify.Channels() {
		switch set := row.GetString(string(channel)); {
		case set == "":
		case general:
			return fault.InvalidInput.On(string(channel)).Saying("Channels are set per category; general has the quiet hours.")
		case set == "off":
			if _, ok := (notify.Preferences{notify.Category(row.GetString("category")): {channel: false}}).Valid(); !ok {
				return fault.ChannelNeeded.On(string(channel))
			}
		}
	}
	if !general && (row.GetInt("quiet_from_minute") != 0 || row.GetInt("quiet_to_minute") != 0) {
		return fault.InvalidInput.On("quiet_from_minute").Saying("Quiet hours are set for all categories, in the row general.")
	}
	return shell.InTransaction(&e.App, func(tx core.App) error {
		for _, channel := range []notify.Channel{notify.Push, notify.Mail} {
			if row.GetString(string(channel)) != "off" {
				continue
			}
			if err := withdraw(tx, o.now(), row.GetString("user"), notify.Category(row.GetString("category")), channel); err != nil {
				return err
			}
		}
		return e.Next()
	})
}

// withdraw takes back what waits of a category to leave by a channel: who switched it
// off at night does not hear of it in the morning.
func withdraw(tx core.App, now time.Time, user string, category notify.Category, channel notify.Channel) error {
	kinds := []string{}
	for _, event := range notify.Catalogue() {
		if event.Category == category {
			kinds = append(kinds, string(event.Kind))
		}
	}
	by := []string{mailChannel}
	if channel == notify.Push {
		by = channels()[:3]
	}
	_, err := shell.Exec(tx, `
		UPDATE deliveries SET state = 'dropped', last_error = 'switched off by the person', finished_at = {:now}
		WHERE channel IN `+shell.Among("by")+` AND state = 'queued' AND user = {:user} AND kind IN `+shell.Among("kinds"),
		dbx.Params{"now": shell.Stamp(now), "user": user, "by": shell.List(by), "kinds": shell.List(kinds)})
	return err
}
