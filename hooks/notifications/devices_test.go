package notifications_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

func TestRegisteringADevice(t *testing.T) {
	k := start(t)
	id := k.device(ada, 1)
	k.Advance(1000)
	if again := k.Want(k.Do(ada, "POST", devices, map[string]any{"provider": "expo", "token": expoToken(1), "name": "New phone"}), 200, ""); again.Text("id") != id || again.Text("name") != "New phone" {
		t.Errorf("%s", again.Raw)
	}
	k.device(ada, 2)
	if n := len(k.Want(k.Do(ada, "GET", devices, nil), 200, "").Items("items")); n != 2 {
		t.Errorf("Ada has %d devices", n)
	}
	for who, want := range map[string]int{bola: 0, musa: 0} {
		if n := len(k.Want(k.Do(who, "GET", devices, nil), 200, "").Items("items")); n != want {
			t.Errorf("%s sees %d devices", who, n)
		}
		k.Want(k.Do(who, "DELETE", devices+"/"+id, nil), 404, "")
	}
	// Nobody registers for somebody else, nobody changes a device.
	k.Want(k.Do(bola, "POST", devices, map[string]any{"provider": "expo", "token": expoToken(3), "user": k.User(ada).Id}), 400, "server_field")
	k.Want(k.Do(guest, "POST", devices, map[string]any{"provider": "expo", "token": expoToken(3)}), 400, "")
	k.Want(k.Do(admin, "POST", devices, map[string]any{"provider": "expo", "token": expoToken(3)}), 403, "server_owned")
	if answer := k.Do(ada, "PATCH", devices+"/"+id, map[string]any{"token": expoToken(4)}); answer.Status < 400 {
		t.Errorf("%s", answer.Raw)
	}
	k.Want(k.Do(ada, "DELETE", devices+"/"+id, nil), 204, "") // signs out on this phone
	k.tell(ada, "promoted", nil)
	k.send("expo")
	if got := k.expo.Accepted(); len(got) != 1 || got[0].To != expoToken(2) {
		t.Errorf("%+v", got)
	}
}

func TestDevicesThatNoMessageCouldReach(t *testing.T) {
	k := start(t)
	sub, err := k.web.Subscribe(k.vapid)
	if err != nil {
		t.Fatal(err)
	}
	for name, device := range map[string]map[string]any{
		"no provider":        {"token": expoToken(1)},
		"another provider":   {"provider": "apns", "token": expoToken(1)},
		"no token":           {"provider": "expo"},
		"a token of Google":  {"provider": "expo", "token": "fcm-token-of-ada-000000000001"},
		"a short token":      {"provider": "fcm", "token": "x"},
		"a foreign endpoint": {"provider": "webpush", "token": "https://example.org/push", "p256dh": sub.P256dh, "auth": sub.Auth},
		"a wrong key":        {"provider": "webpush", "token": sub.Endpoint, "p256dh": "AAAA", "auth": sub.Auth},
		"an old server key":  {"provider": "webpush", "token": sub.Endpoint, "p256dh": sub.P256dh, "auth": sub.Auth, "vapid_key": "BOld"},
	} {
		if answer := k.Do(ada, "POST", devices, device); answer.Status != 400 {
			t.Errorf("%s: %s", name, answer.Raw)
		}
	}
	if n := k.Int("SELECT COUNT(*) FROM push_devices"); n != 0 {
		t.Errorf("%d devices", n)
	}
}

func TestWhatIsNotConfiguredSaysSo(t *testing.T) {
	s := hookstest.Start(t)
	for _, provider := range []string{"expo", "fcm", "webpush"} {
		s.Want(s.Do(ada, "POST", devices, map[string]any{"provider": provider, "token": expoToken(1)}), 503, "not_configured")
	}
	data := s.Want(s.Do(ada, "GET", "/api/lingualink/notifications/channels", nil), 200, "").Data()
	if data["in_app"] != true || data["expo"] != false || data["webpush"] != false || data["mail"] != false || data["vapid_public_key"] != "" {
		t.Errorf("%v", data)
	}
	s.Want(s.Do(guest, "GET", "/api/lingualink/notifications/channels", nil), 401, "sign_in_required")
	k := start(t)
	if data := k.Want(k.Do(ada, "GET", "/api/lingualink/notifications/channels", nil), 200, "").Data(); data["expo"] != true || data["vapid_public_key"] != k.vapid {
		t.Errorf("%v", data)
	}
}

func TestSignedOutEverywhere(t *testing.T) {
	for name, out := range map[string]func(k *kit){
		"banned": func(k *kit) {
			err := k.App.RunInTransaction(func(tx core.App) error {
				return accounts.SetStanding(tx, k.User(ada).Id, "banned", "spam", shell.System)
			})
			if err != nil {
				k.t.Fatal(err)
			}
		},
		"suspended by an admin": func(k *kit) {
			k.Want(k.Do(admin, "PATCH", "/api/collections/users/records/"+k.User(ada).Id, map[string]any{"standing": "suspended"}), 200, "")
		},
		"a new password": func(k *kit) {
			k.Want(k.Do(ada, "PATCH", "/api/collections/users/records/"+k.User(ada).Id,
				map[string]any{"oldPassword": apptest.Password, "password": "another horse battery", "passwordConfirm": "another horse battery"}), 200, "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := start(t)
			k.device(ada, 1)
			k.device(bola, 2)
			k.tell(ada, "promoted", nil)
			out(k)
			if got := k.Text("SELECT group_concat(user, ' ') FROM push_devices", nil); got != k.User(bola).Id {
				t.Errorf("the devices are of %s", got)
			}
			k.send("expo")
			k.wantStates("dropped")
		})
	}
}

// TestAWarningSignsNobodyOut: a change that ends no session leaves the devices.
func TestAWarningSignsNobodyOut(t *testing.T) {
	k := start(t)
	k.device(ada, 1)
	k.Want(k.Do(admin, "PATCH", "/api/collections/users/records/"+k.User(ada).Id, map[string]any{"standing": "warned"}), 200, "")
	k.Want(k.Do(ada, "PATCH", "/api/collections/users/records/"+k.User(ada).Id, map[string]any{"bio": "Hello."}), 200, "")
	if n := k.Int("SELECT COUNT(*) FROM push_devices"); n != 1 {
		t.Error("the device is gone")
	}
}

func TestATokenBelongsToOnePersonAtATime(t *testing.T) {
	k := start(t)
	barrier := make(chan struct{})
	var racers sync.WaitGroup
	people := []string{ada, bola, chidi, dayo, emeka, musa}
	for _, who := range people {
		k.Token(who)
	}
	for _, who := range people {
		racers.Go(func() {
			<-barrier
			if answer := k.Do(who, "POST", devices, map[string]any{"provider": "expo", "token": expoToken(1)}); answer.Status != 200 {
				t.Errorf("%s: %s", who, answer.Raw)
			}
		})
	}
	close(barrier)
	racers.Wait()
	if n := k.Int("SELECT COUNT(*) FROM push_devices WHERE token = {:t}", dbx.Params{"t": expoToken(1)}); n != 1 {
		t.Errorf("the token is there %d times", n)
	}
}

func TestTheOldestDeviceMakesRoom(t *testing.T) {
	k := start(t)
	for i := range 21 {
		k.Advance(1_000_000_000)
		k.device(ada, i+1)
	}
	if got, want := k.Text("SELECT COUNT(*) || ' ' || MIN(token) FROM push_devices", nil), fmt.Sprintf("20 %s", expoToken(2)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
