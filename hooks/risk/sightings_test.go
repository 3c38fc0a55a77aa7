package risk_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/risk"
	"github.com/lingualink/lingualink/internal/apptest"
)

func (o *office) sightings(who, kind string) int64 {
	o.t.Helper()
	return o.Int("SELECT COUNT(*) FROM sightings WHERE user = {:user} AND kind = {:kind}", dbx.Params{"user": o.id(who), "kind": kind})
}

func TestWhatPeopleAreSeenWith(t *testing.T) {
	o := open(t)
	o.seen(ada, "phone-of-ada", "41.58.1.2")
	o.seen(ada, "phone-of-ada", "41.58.1.2")
	o.seen(ada, "phone-of-ada", "41.58.1.3")
	o.seen(ada, "", "41.58.1.3")
	if o.sightings(ada, "device") != 1 || o.sightings(ada, "address") != 2 {
		t.Errorf("%d devices, %d addresses", o.sightings(ada, "device"), o.sightings(ada, "address"))
	}
	if n := o.Int("SELECT COUNT(*) FROM sightings WHERE length(hash) != 64 OR hash LIKE '%ada%' OR hash LIKE '41.%' OR first_at != last_at"); n != 0 {
		t.Errorf("%d are no keyed hashes, or were written again at once", n)
	}
	o.Advance(time.Hour)
	o.seen(ada, "phone-of-ada", "41.58.1.2")
	if n := o.Int("SELECT COUNT(*) FROM sightings WHERE first_at < last_at"); n != 2 {
		t.Errorf("%d were seen again after an hour", n)
	}
	signIn := func(password string, status int) {
		o.Want(o.Do(guest, "POST", "/api/collections/users/auth-with-password", map[string]any{"identity": "bola@lingualink.test", "password": password},
			risk.DeviceHeader+": phone-of-bola"), status, "")
	}
	signIn("not the password", 400)
	if o.sightings(bola, "device") != 0 {
		t.Error("somebody who does not know the password was seen")
	}
	signIn(apptest.Password, 200)
	if o.sightings(bola, "device") != 1 {
		t.Error("a sign-in was not seen")
	}
	o.Want(o.Do(guest, "POST", "/api/collections/users/records", map[string]any{"username": "ngozi", "email": "ngozi@example.org",
		"password": apptest.Password, "passwordConfirm": apptest.Password}, risk.DeviceHeader+": phone-of-ngozi"), 200, "")
	if o.sightings("ngozi", "device") != 1 || o.sightings("ngozi", "address") != 1 {
		t.Error("a sign-up was not seen")
	}
}

func TestFormsOfDevicesAndAddresses(t *testing.T) {
	for id, want := range map[string]string{
		"": "", "1234567": "", "12345678": "12345678", " 12345678 ": "12345678", strings.Repeat("x", 100): strings.Repeat("x", 100), strings.Repeat("x", 101): "",
		"with space": "", "tab\tinside": "", "ẹyọ-ẹyọ-ẹyọ": "", "\x00\x00\x00\x00\x00\x00\x00\x00": "",
	} {
		if got := risk.DeviceOf(id); got != want {
			t.Errorf("%q: %q", id, got)
		}
	}
	for address, want := range map[string]string{
		"41.58.1.2": "41.58.1.2", "::ffff:41.58.1.2": "41.58.1.2", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:db8:1:2:ffff::1": "2001:db8:1:2::/64",
		"2001:db8:1:3::1": "2001:db8:1:3::/64", "fe80::1%eth0": "fe80::/64", "": "", "nowhere": "",
	} {
		if got := risk.AddressOf(address); got != want {
			t.Errorf("%q: %q", address, got)
		}
	}
}

// TestNothingIsKeptWithoutAKey: a hash without a key tells what was hashed.
func TestNothingIsKeptWithoutAKey(t *testing.T) {
	s := hookstest.Start(t)
	s.Want(s.Do(ada, "POST", refreshPath, nil, risk.DeviceHeader+": phone-of-ada"), 200, "")
	if n := s.Int("SELECT COUNT(*) FROM sightings"); n != 0 {
		t.Errorf("%d sightings", n)
	}
}

// TestASignInDoesNotFailForASighting: what cannot be stored is logged.
func TestASignInDoesNotFailForASighting(t *testing.T) {
	o := open(t)
	o.run("CREATE TRIGGER full BEFORE INSERT ON sightings BEGIN SELECT RAISE(ABORT, 'the disk is full'); END", nil)
	answer := o.Want(o.Send(ada, httptest.NewRequest("POST", refreshPath, nil), risk.DeviceHeader+": phone-of-ada"), 200, "")
	if answer.Text("token") == "" || o.Int("SELECT COUNT(*) FROM sightings") != 0 {
		t.Error("no token, or a sighting")
	}
}

func TestOldAddressesAreForgotten(t *testing.T) {
	o := open(t)
	o.seen(ada, "phone-of-ada", "41.58.1.2")
	o.Advance(89 * 24 * time.Hour)
	o.seen(ada, "", "41.58.1.3")
	o.sweep("sightings")
	if o.sightings(ada, "address") != 2 {
		t.Error("an address was forgotten too early")
	}
	o.Advance(2 * 24 * time.Hour)
	o.sweep("sightings")
	if o.sightings(ada, "address") != 1 || o.sightings(ada, "device") != 1 {
		t.Errorf("%d addresses and %d devices are left", o.sightings(ada, "address"), o.sightings(ada, "device"))
	}
}

// TestNobodyFillsTheTable: of made-up devices the newest are kept.
func TestNobodyFillsTheTable(t *testing.T) {
	o := open(t)
	o.seen(bola, "phone-of-bola", "41.58.1.2")
	for i := range 203 {
		o.seen(ada, fmt.Sprintf("made-up-%03d", i), "41.58.1.2")
	}
	if o.sightings(ada, "device") != 200 || o.sightings(ada, "address") != 1 || o.sightings(bola, "device") != 1 {
		t.Errorf("%d devices of Ada, %d of Bola are kept", o.sightings(ada, "device"), o.sightings(bola, "device"))
	}
	o.seen(bola, "made-up-202", "41.58.1.2")
	o.Drain()
	o.wantFrozen(ada, bola)
}

// TestAnAdminIsNotSeenAsAPerson who opens a person's session for them.
func TestAnAdminIsNotSeenAsAPerson(t *testing.T) {
	o := &office{Server: hookstest.Start(t, "LL_PEPPER=0123456789abcdef0123456789abcdef", "LL_DANGEROUS_ENDPOINTS=on"), t: t}
	o.Want(o.Do(admin, "POST", "/api/collections/users/impersonate/"+o.id(ada), nil, risk.DeviceHeader+": phone-of-admin"), 200, "")
	if n := o.Int("SELECT COUNT(*) FROM sightings"); n != 0 {
		t.Errorf("%d sightings", n)
	}
}
