package risk

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
)

const (
	// DeviceHeader is a random id that an app makes once per installation.
	DeviceHeader = "X-Device-Id"

	leastDevice, mostDevice = 8, 100 // characters of it
	// mostSightings of a kind are kept of a person, the newest: ids are made up
	// faster than phones.
	mostSightings = 200
	// seenAgain is how often a sighting that is known is written: tokens are
	// refreshed all the time.
	seenAgain = time.Hour
)

// registerSightings remembers what people are seen with when they sign up and
// whenever they are signed in. Without a pepper nothing is: hashes of addresses
// without a key tell the addresses.
func (d *desk) registerSightings(app core.App) {
	app.OnRecordCreateRequest("users").Bind(&hook.Handler[*core.RecordRequestEvent]{
		Id: "ll.users.create.seen",
		Func: func(e *core.RecordRequestEvent) error {
			if err := e.Next(); err != nil {
				return err
			}
			// A sign-up through a provider is in PocketBase's transaction; the sign-in
			// that follows at once is not. An admin makes others' accounts.
			if !e.HasSuperuserAuth() && !e.App.IsTransactional() {
				d.see(e.RequestEvent, e.Record.Id)
			}
			return nil
		},
	})
	app.OnRecordAuthRequest("users").Bind(&hook.Handler[*core.RecordAuthRequestEvent]{
		Id: "ll.users.auth.seen",
		Func: func(e *core.RecordAuthRequestEvent) error {
			if err := e.Next(); err != nil {
				return err // wrong, or half of a sign-in
			}
			if !e.HasSuperuserAuth() { // an admin who looks through a person's eyes
				d.see(e.RequestEvent, e.Record.Id)
			}
			return nil
		},
	})
}

// See remembers the device and the address that a person's request came from.
func See(e *core.RequestEvent, user string) {
	d, err := deskOf(e.App)
	if err != nil {
		e.App.Logger().Error("a sighting was not stored", "user", user, "error", err)
		return
	}
	d.see(e, user)
}

// see stores it. What fails is for the operator to read, not a reason to keep
// somebody out who has signed in.
func (d *desk) see(e *core.RequestEvent, user string) {
	if d.key == nil {
		return
	}
	device, address := deviceOf(e.Request.Header.Get(DeviceHeader)), addressOf(e.RealIP())
	if err := d.remember(e.App, user, device, address); err != nil {
		e.App.Logger().Error("a sighting was not stored", "user", user, "error", err)
	}
}

// deviceOf is the id if it is one, else nothing.
func deviceOf(id string) string {
	id = strings.TrimSpace(id)
	printable := func(r rune) bool { return r > ' ' && r <= '~' }
	if len(id) < leastDevice || len(id) > mostDevice || strings.ContainsFunc(id, func(r rune) bool { return !printable(r) }) {
		return ""
	}
	return id
}

// addressOf is an address as it is compared: of IPv6 the network of 64 bits that
// one connection gets, because phones change the rest every day.
func addressOf(text string) string {
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return ""
	}
	if ip = ip.Unmap(); ip.Is4() {
		return ip.String()
	}
	network, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return ""
	}
	return network.String()
}

// hash is HMAC-SHA256 under the key of this area; devices and addresses cannot be
// compared with each other.
func (d *desk) hash(kind, text string) string {
	mac := hmac.New(sha256.New, d.key)
	mac.Write([]byte(kind + "|" + text))
	return hex.EncodeToString(mac.Sum(nil))
}

// sighting is what somebody was seen with.
type sighting struct{ kind, hash string }

// remember stores what a person was seen with and has them looked at if a device
// is new to them and not to others.
func (d *desk) remember(app core.App, user, device, address string) error {
	now, seen := d.now(), []sighting{}
	if device != "" {
		seen = append(seen, sighting{collections.SeenDevice, d.hash(collections.SeenDevice, device)})
	}
	if address != "" {
		seen = append(seen, sighting{collections.SeenAddress, d.hash(collections.SeenAddress, address)})
	}
	stale, err := staleAmong(app, user, seen, now)
	if err != nil || len(stale) == 0 {
		return err
	}
	return app.RunInTransaction(func(tx core.App) error {
		for _, s := range stale {
			if err := d.store(tx, user, s, now); err != nil {
				return err
			}
		}
		return nil
	})
}

// staleAmong are those that are new or were written long enough ago. It spares
// most refreshes of a token the wait for the writer.
func staleAmong(app core.App, user string, seen []sighting, now time.Time) ([]sighting, error) {
	stale := []sighting{}
	for _, s := range seen {
		var known bool
		err := app.ConcurrentDB().NewQuery(`
			SELECT EXISTS (SELECT 1 FROM sightings WHERE kind = {:kind} AND hash = {:hash} AND user = {:user} AND last_at > {:recent} AND last_at <= {:now})`).
			Bind(dbx.Params{"kind": s.kind, "hash": s.hash, "user": user, "recent": shell.Stamp(now.Add(-seenAgain)), "now": shell.Stamp(now)}).Row(&known)
		if err != nil {
			return nil, err
		}
		if !known {
			stale = append(stale, s)
		}
	}
	return stale, nil
}

const othersQuery = "SELECT EXISTS (SELECT 1 FROM sightings WHERE kind = 'device' AND hash = {:hash} AND user != {:user})"

func (d *desk) store(tx core.App, user string, s sighting, now time.Time) error {
	row := dbx.Params{"id": shell.RowID(now), "user": user, "kind": s.kind, "hash": s.hash, "now": shell.Stamp(now)}
	again, err := shell.Exec(tx, "UPDATE sightings SET last_at = {:now} WHERE kind = {:kind} AND hash = {:hash} AND user = {:user}", row)
	if err != nil || again > 0 {
		return err
	}
	if _, err := shell.Exec(tx, `
		INSERT INTO sightings (id, user, kind, hash, first_at, last_at) VALUES ({:id}, {:user}, {:kind}, {:hash}, {:now}, {:now})`, row); err != nil {
		return err
	}
	_, err = shell.Exec(tx, `
		DELETE FROM sightings WHERE id IN (
			SELECT id FROM sightings WHERE user = {:user} AND kind = {:kind} ORDER BY last_at DESC, id DESC LIMIT -1 OFFSET {:most})`,
		dbx.Params{"user": user, "kind": s.kind, "most": mostSightings})
	if err != nil || s.kind != collections.SeenDevice {
		return err
	}
	var met bool
	if err := tx.DB().NewQuery(othersQuery).Bind(dbx.Params{"hash": s.hash, "user": user}).Row(&met); err != nil || !met {
		return err
	}
	return Look(tx, d.deps, "device:"+row["id"].(string), user)
}
