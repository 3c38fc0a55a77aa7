package notifications

import (
	"database/sql"
	"errors"
	"net/http"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/push"
	"github.com/lingualink/lingualink/internal/push/expo"
)

// mostDevices a person has; who registers another loses the one that was not seen
// for longest.
const mostDevices = 20

func (o *office) registerDevices(app core.App) {
	app.OnRecordCreateRequest("push_devices").Bind(&hook.Handler[*core.RecordRequestEvent]{
		Id: "ll.push_devices.create", Func: o.registerDevice,
	})
	app.OnRecordUpdateExecute("users").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.users.update.devices", Func: o.signedOut,
	})
	accounts.OnStandingChange(app).Bind(&hook.Handler[*accounts.StandingEvent]{
		Id: "ll.notifications.standing",
		Func: func(e *accounts.StandingEvent) error {
			if accounts.MayNotAct(e.User) {
				if err := forgetDevices(e.App, e.User.Id); err != nil {
					return err
				}
			}
			return e.Next()
		},
	})
}

// registerDevice makes a token this person's. It leaves whom it belonged to: the
// phone has another user now, who must not read the first one's messages. The same
// person's token again is the same device, seen now.
func (o *office) registerDevice(e *core.RecordRequestEvent) error {
	if err := o.checkDevice(e.Record); err != nil {
		return err
	}
	if e.Record.GetString("provider") == collections.ProviderWebPush {
		e.Record.Set("vapid_key", o.senders.VAPIDKey)
	}
	e.Record.Set("last_seen", o.now())
	var stored *core.Record
	err := shell.InTransaction(&e.App, func(tx core.App) error {
		token, user := e.Record.GetString("token"), e.Record.GetString("user")
		found, err := tx.FindFirstRecordByData("push_devices", "token", token)
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return err
		case found.GetString("user") == user:
			for _, field := range []string{"provider", "p256dh", "auth", "vapid_key", "last_seen", "name"} {
				found.Set(field, e.Record.Get(field))
			}
			stored = found
			return tx.Save(found)
		default:
			if err := tx.Delete(found); err != nil {
				return err
			}
		}
		_, err = shell.Exec(tx, `DELETE FROM push_devices WHERE user = {:user} AND id IN
			(SELECT id FROM push_devices WHERE user = {:user} ORDER BY last_seen DESC LIMIT -1 OFFSET {:most})`,
			dbx.Params{"user": user, "most": mostDevices - 1})
		if err != nil {
			return err
		}
		return e.Next()
	})
	if err != nil || stored == nil {
		return err
	}
	if err := apis.EnrichRecord(e.RequestEvent, stored); err != nil {
		return err
	}
	return e.JSON(http.StatusOK, stored)
}

// checkDevice refuses what no message could ever reach.
func (o *office) checkDevice(device *core.Record) error {
	provider, token := device.GetString("provider"), device.GetString("token")
	switch provider {
	case collections.ProviderExpo, collections.ProviderFCM, collections.ProviderWebPush:
	default:
		return fault.InvalidInput.On("provider").Saying("The provider is expo, fcm or webpush.")
	}
	if !o.isOn(provider) {
		return off(provider)
	}
	switch provider {
	case collections.ProviderExpo:
		if !expo.IsToken(token) {
			return fault.InvalidInput.On("token").Saying("This is no push token of Expo.")
		}
	case collections.ProviderFCM:
		if len(token) < 20 || len(token) > 1024 {
			return fault.InvalidInput.On("token").Saying("This is no registration token of Firebase.")
		}
	case collections.ProviderWebPush:
		if err := o.senders.WebPush.Check(push.Target{Token: token, P256dh: device.GetString("p256dh"), Auth: device.GetString("auth")}); err != nil {
			return fault.InvalidInput.On("token").Saying("This subscription cannot be sent to: the endpoint or one of its keys is not right.").Because(err)
		}
		if key := device.GetString("vapid_key"); key != "" && key != o.senders.VAPIDKey {
			return fault.InvalidInput.On("vapid_key").Saying("The server's key is another one. Subscribe again with the key of GET /api/lingualink/notifications/channels.")
		}
	}
	return nil
}

// signedOut forgets the devices of who was signed out everywhere: a new password, a
// new address, a ban.
func (o *office) signedOut(e *core.RecordEvent) error {
	before := e.Record.Original().TokenKey()
	return shell.InTransaction(&e.App, func(tx core.App) error {
		if err := e.Next(); err != nil || e.Record.TokenKey() == before {
			return err // a new password changes the key on its way to the row
		}
		return forgetDevices(tx, e.Record.Id)
	})
}

func forgetDevices(tx core.App, user string) error {
	_, err := shell.Exec(tx, "DELETE FROM push_devices WHERE user = {:user}", dbx.Params{"user": user})
	return err
}
