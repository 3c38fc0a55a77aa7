package notifications

import (
	"encoding/json"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/internal/notify"
)

// device is where a push can go.
type device struct {
	ID       string `json:"id"`
	Provider string `json:"provider"`
	VAPID    string `json:"vapid"`
}

// preference is a row of notification_preferences.
type preference struct {
	Category string `json:"category"`
	InApp    string `json:"in_app"`
	Push     string `json:"push"`
	Mail     string `json:"mail"`
	From     int    `json:"from"`
	To       int    `json:"to"`
}

// person is who is told, as far as it decides how and in which words.
type person struct {
	id       string
	mailable bool // has a confirmed address
	reader   notify.Reader
	devices  []device
	prefers  notify.Preferences
	quiet    *notify.Quiet
}

// load reads a person, in one statement.
func load(tx core.App, id string) (person, error) {
	var row struct {
		Email       string `db:"email"`
		Verified    bool   `db:"verified"`
		Zone        string `db:"zone"`
		Language    string `db:"language"`
		Preferences string `db:"preferences"`
		Devices     string `db:"devices"`
	}
	err := tx.DB().NewQuery(`
		SELECT u.email, u.verified, COALESCE(p.time_zone, '') AS zone, COALESCE(p.interface_language, '') AS language,
			(SELECT json_group_array(json_object('category', category, 'in_app', in_app, 'push', push, 'mail', mail, 'from', quiet_from_minute, 'to', quiet_to_minute))
				FROM notification_preferences WHERE user = u.id) AS preferences,
			(SELECT json_group_array(json_object('id', id, 'provider', provider, 'vapid', vapid_key)) FROM push_devices WHERE user = u.id) AS devices
		FROM users u LEFT JOIN private_profiles p ON p.user = u.id WHERE u.id = {:user}`).
		Bind(dbx.Params{"user": id}).One(&row)
	if err != nil {
		return person{}, err
	}
	who := person{id: id, mailable: row.Verified && row.Email != "", reader: readerOf(row.Language, row.Zone)}
	if err := json.Unmarshal([]byte(row.Devices), &who.devices); err != nil {
		return person{}, err
	}
	preferences := []preference{}
	if err := json.Unmarshal([]byte(row.Preferences), &preferences); err != nil {
		return person{}, err
	}
	who.prefers, who.quiet = preferencesOf(preferences)
	return who, nil
}

// readerOf is who reads, by the profile's language and time zone.
func readerOf(language, zone string) notify.Reader {
	reader := notify.Reader{Language: notify.English, Zone: time.UTC}
	if language != "" {
		reader.Language = notify.LanguageOf(language)
	}
	if found, ok := notify.ZoneOf(zone); ok {
		reader.Zone = found
	}
	return reader
}

// preferencesOf reads rows: switches per category, and the quiet hours if they are set.
func preferencesOf(rows []preference) (notify.Preferences, *notify.Quiet) {
	prefers, quiet := notify.Preferences{}, (*notify.Quiet)(nil)
	for _, row := range rows {
		if row.Category == collections.GeneralPreferences {
			quiet = &notify.Quiet{FromMinute: row.From, ToMinute: row.To}
			continue
		}
		set := map[notify.Channel]bool{}
		for channel, value := range map[notify.Channel]string{notify.InApp: row.InApp, notify.Push: row.Push, notify.Mail: row.Mail} {
			if value != "" {
				set[channel] = value == "on"
			}
		}
		prefers[notify.Category(row.Category)] = set
	}
	return prefers, quiet
}

// usable are the devices that a push can reach now: the provider is on, and the
// subscription was made with the key that is in force.
func (o *office) usable(devices []device) []device {
	reached := []device{}
	for _, d := range devices {
		if o.isOn(d.Provider) && (d.Provider != collections.ProviderWebPush || d.VAPID == o.senders.VAPIDKey) {
			reached = append(reached, d)
		}
	}
	return reached
}

// rules make of a person what the plan asks for. The plan's questions cannot fail, so
// the first error is kept for after it.
func (who person) rules(tx core.App, problem *error) notify.Person {
	keep := func(err error) {
		if *problem == nil {
			*problem = err
		}
	}
	return notify.Person{
		Preferences: who.prefers, Quiet: who.quiet, Zone: who.reader.Zone,
		Blocked: func(other string) bool {
			blocked, err := accounts.Blocked(tx, who.id, other)
			keep(err)
			return blocked
		},
		Muted: func(thread string) bool {
			var muted bool
			keep(tx.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM notification_mutes WHERE user = {:user} AND thread = {:thread})").
				Bind(dbx.Params{"user": who.id, "thread": thread}).Row(&muted))
			return muted
		},
	}
}
