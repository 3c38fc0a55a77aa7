package notifications

import (
	"net/http"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
)

// rests tells whether nothing may leave by a channel now: its provider said so, or
// does not accept our keys. It is a row, so it holds across restarts.
func (o *office) rests(app core.App, channel string) (bool, error) {
	var resting bool
	err := app.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM delivery_channels WHERE name = {:name} AND rests_until > {:now})").
		Bind(dbx.Params{"name": channel, "now": shell.Stamp(o.now())}).Row(&resting)
	return resting, err
}

// rest lets a channel rest. A shorter rest does not end a longer one.
func (o *office) rest(tx core.App, channel string, until time.Time, cause string) error {
	_, err := shell.Exec(tx, `
		INSERT INTO delivery_channels (id, name, rests_until, cause, updated) VALUES ({:id}, {:name}, {:until}, {:cause}, {:now})
		ON CONFLICT (name) DO UPDATE SET cause = excluded.cause, updated = excluded.updated, rests_until = MAX(rests_until, excluded.rests_until)`,
		dbx.Params{"id": shell.NewID(), "name": channel, "until": shell.Stamp(until), "cause": cause, "now": shell.Stamp(o.now())})
	return err
}

// waysData is what an app needs to register a device.
type waysData struct {
	InApp   bool   `json:"in_app"`
	Expo    bool   `json:"expo"`
	FCM     bool   `json:"fcm"`
	WebPush bool   `json:"webpush"`
	Mail    bool   `json:"mail"`
	VAPID   string `json:"vapid_public_key"` // for subscriptions of browsers
}

// channelData is a channel as an admin sees it.
type channelData struct {
	Name       string `json:"name"`
	On         bool   `json:"on"`
	Variable   string `json:"variable"` // turns it on
	RestsUntil string `json:"rests_until"`
	Cause      string `json:"cause"`
	Waiting    int64  `json:"waiting"` // queued, being sent, or without its receipt
	Dead       int64  `json:"dead"`
	Unknown    int64  `json:"unknown"`
}

type statusData struct {
	Channels []channelData `json:"channels"`
	DeadJobs int64         `json:"dead_jobs"` // of all kinds
}

func (o *office) registerChannels() {
	o.deps.Routes.Add(shell.Route{
		Method: http.MethodGet, Path: "/notifications/channels", Who: shell.Account, Data: waysData{},
		What: "By which ways this server can tell people, and the key for subscriptions of browsers.",
		Handle: func(e *core.RequestEvent) error {
			return shell.OK(e, waysData{
				InApp: true, Expo: o.isOn(collections.ProviderExpo), FCM: o.isOn(collections.ProviderFCM),
				WebPush: o.isOn(collections.ProviderWebPush), Mail: o.isOn(mailChannel), VAPID: o.senders.VAPIDKey,
			}, "The channels of this server.")
		},
	})
	o.deps.Routes.Add(shell.Route{
		Method: http.MethodGet, Path: "/notifications/status", Who: shell.Superuser, Data: statusData{},
		What: "Channels that rest, deliveries that wait, and what failed for good.",
		Handle: func(e *core.RequestEvent) error {
			status, err := o.status(e.App)
			if err != nil {
				return err
			}
			return shell.OK(e, status, "The state of all channels.")
		},
	})
}

func (o *office) status(app core.App) (statusData, error) {
	counts := []struct {
		Channel string `db:"channel"`
		State   string `db:"state"`
		N       int64  `db:"n"`
	}{}
	err := app.DB().NewQuery(`
		SELECT channel, state, COUNT(*) AS n FROM deliveries WHERE state IN ('queued', 'sending', 'ticket') GROUP BY channel, state
		UNION ALL SELECT channel, state, COUNT(*) FROM deliveries WHERE state IN ('dead', 'unknown') AND finished_at != '' GROUP BY channel, state`).All(&counts)
	if err != nil {
		return statusData{}, err
	}
	resting := []struct {
		Name  string `db:"name"`
		Until string `db:"rests_until"`
		Cause string `db:"cause"`
	}{}
	if err := app.DB().NewQuery("SELECT name, rests_until, cause FROM delivery_channels WHERE rests_until > {:now}").
		Bind(dbx.Params{"now": shell.Stamp(o.now())}).All(&resting); err != nil {
		return statusData{}, err
	}
	status := statusData{Channels: []channelData{}}
	if err := app.DB().NewQuery("SELECT COUNT(*) FROM jobs WHERE state = 'dead'").Row(&status.DeadJobs); err != nil {
		return statusData{}, err
	}
	for _, name := range channels() {
		channel := channelData{Name: name, On: o.isOn(name), Variable: variables[name]}
		for _, row := range resting {
			if row.Name == name {
				channel.RestsUntil, channel.Cause = row.Until, row.Cause
			}
		}
		for _, row := range counts {
			switch {
			case row.Channel != name:
			case row.State == collections.DeliveryDead:
				channel.Dead += row.N
			case row.State == collections.DeliveryUnknown:
				channel.Unknown += row.N
			default:
				channel.Waiting += row.N
			}
		}
		status.Channels = append(status.Channels, channel)
	}
	return status, nil
}
