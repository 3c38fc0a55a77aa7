package notifications_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
)

func TestToldOnce(t *testing.T) {
	k := start(t)
	k.device(ada, 1)
	k.verify(ada)
	for range 3 { // the same event, decided three times
		k.queue(ada, "payout_failed", payoutFailed("p1"), "payout:p1:failed")
	}
	// A neighbour in the same transaction that cannot be told spoils it for all.
	k.exec("INSERT INTO jobs (id, kind, effect_key, payload, state, attempts, run_at, created) VALUES ('spoilspoilspoil', 'notify', 'spoil', '{\"user\":\"nobody\",\"kind\":\"promoted\"}', 'queued', 0, {:now}, {:now})",
		dbx.Params{"now": shell.Stamp(k.Deps.Clock.Now())})
	k.Drain()
	k.Drain()
	row := k.wantInbox(ada, 1)[0]
	if row["title"] != "Your payout did not arrive" || row["body"] != "₦1,500.00 is back in your wallet." || row["language"] != "en" || row["category"] != "payouts" ||
		row["link"] != "/payouts/p1" || row["collapse"] != "payout:p1" || row["urgent"] != true || row["read"] != false {
		t.Errorf("%v", row)
	}
	k.wantStates("queued queued")
	if got := k.Text("SELECT group_concat(effect_key, ' ') FROM (SELECT effect_key FROM deliveries ORDER BY channel DESC)", nil); got !=
		"payout:p1:failed:"+k.User(ada).Id+":mail payout:p1:failed:"+k.User(ada).Id+":push/"+k.Text("SELECT id FROM push_devices", nil) {
		t.Errorf("the effect keys are %s", got)
	}
}

// TestToldOnceUnderARace: many decide the same at the same moment.
func TestToldOnceUnderARace(t *testing.T) {
	k := start(t)
	k.device(ada, 1)
	user, barrier := k.User(ada).Id, make(chan struct{})
	var racers sync.WaitGroup
	for range 8 {
		racers.Go(func() {
			<-barrier
			err := k.App.RunInTransaction(func(tx core.App) error {
				return shell.Notify(tx, k.Deps, "payout:p1:failed", shell.Notice{User: user, Kind: "payout_failed", Data: payoutFailed("p1")})
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	close(barrier)
	racers.Wait()
	k.Drain()
	k.wantInbox(ada, 1)
	k.wantStates("queued")
}

func TestToldInTheirLanguage(t *testing.T) {
	k := start(t)
	k.exec("UPDATE private_profiles SET interface_language = 'fr-NE', time_zone = 'Africa/Niamey' WHERE user = {:id}", dbx.Params{"id": k.User(ada).Id})
	k.tell(ada, "payout_failed", payoutFailed("p1"))
	row := k.wantInbox(ada, 1)[0]
	if row["language"] != "fr" || !strings.Contains(row["body"].(string), "1\u202f500,00\u00a0₦") {
		t.Errorf("%v", row)
	}
}

// TestAMistakeOfTheProgram: tests hear of it, on a running server the person is told.
func TestAMistakeOfTheProgram(t *testing.T) {
	k := start(t)
	for name, notice := range map[string]shell.Notice{
		"no such kind":  {Kind: "nothing", Title: "Hello", Body: "There."},
		"no such field": {Kind: "promoted", Title: "Hello", Body: "There.", Data: map[string]any{"more": 1}},
		"a field short": {Kind: "payout_failed", Title: "Hello", Body: "There."},
	} {
		notice.User = k.User(ada).Id
		say := func() error {
			return k.App.RunInTransaction(func(tx core.App) error { return shell.Notify(tx, k.Deps, name, notice) })
		}
		if err := say(); err == nil {
			t.Errorf("%s: no error", name)
		}
		k.Deps.Strict = false
		if err := say(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		k.Deps.Strict = true
	}
	k.Drain()
	for _, row := range k.wantInbox(ada, 3) {
		if row["title"] != "Hello" || row["body"] != "There." || row["language"] != "en" {
			t.Errorf("%v", row)
		}
	}
}

func TestNothingFromWhoIsBlocked(t *testing.T) {
	k := start(t)
	k.device(ada, 1)
	k.Want(k.Do(ada, "POST", "/api/collections/blocks/records", map[string]any{"blocked": k.User(bola).Id}), 200, "")
	k.Want(k.Do(chidi, "POST", "/api/collections/blocks/records", map[string]any{"blocked": k.User(ada).Id}), 200, "")
	k.tell(ada, "follower", k.follower(bola))
	k.tell(ada, "follower", k.follower(chidi))
	// The field From counts where the data do not say who it was.
	err := k.App.RunInTransaction(func(tx core.App) error {
		return shell.Notify(tx, k.Deps, "from", shell.Notice{User: k.User(ada).Id, Kind: "promoted", From: k.User(bola).Id})
	})
	if err != nil {
		t.Fatal(err)
	}
	k.Drain()
	k.wantInbox(ada, 0)
	k.wantStates("")
	k.tell(ada, "follower", k.follower(dayo))
	if row := k.wantInbox(ada, 1)[0]; row["from"] != k.User(dayo).Id {
		t.Errorf("%v", row)
	}
	k.wantStates("queued")
}

func TestUnreadAndRead(t *testing.T) {
	k := start(t)
	const unread, readAll = "/api/lingualink/notifications/unread", "/api/lingualink/notifications/read-all"
	count := func(who string) (float64, bool) {
		t.Helper()
		data := k.Want(k.Do(who, "GET", unread, nil), 200, "").Data()
		return data["unread"].(float64), data["more"].(bool)
	}
	for range 3 {
		k.queue(ada, "promoted", nil)
	}
	k.queue(bola, "promoted", nil)
	k.Drain()
	first := k.inbox(ada)[0]["id"].(string)
	k.Want(k.Do(bola, "PATCH", "/api/collections/notifications/records/"+first, map[string]any{"read": true}), 404, "")
	k.Want(k.Do(ada, "PATCH", "/api/collections/notifications/records/"+first, map[string]any{"read": true}), 200, "")
	if n, more := count(ada); n != 2 || more {
		t.Errorf("%v unread, more: %v", n, more)
	}
	k.Want(k.Do(guest, "GET", unread, nil), 401, "sign_in_required")
	k.Want(k.Do(guest, "POST", readAll, nil), 401, "sign_in_required")
	k.Want(k.Do(admin, "POST", readAll, nil), 403, "not_allowed")
	if data := k.Want(k.Do(ada, "POST", readAll, nil), 200, "").Data(); data["read"] != 2.0 {
		t.Errorf("%v", data)
	}
	if n, _ := count(ada); n != 0 {
		t.Errorf("%v unread after all were read", n)
	}
	if n, _ := count(bola); n != 1 {
		t.Errorf("Bola has %v unread", n)
	}
	plantInbox(k, bola, 700, k.Deps.Clock.Now().Add(-time.Hour), false)
	if n, more := count(bola); n != 100 || !more {
		t.Errorf("%v unread, more: %v", n, more)
	}
	if data := k.Want(k.Do(bola, "POST", readAll, nil), 200, "").Data(); data["read"] != 701.0 {
		t.Errorf("%v", data)
	}
	// Suspended people still read what they are told.
	k.exec("UPDATE users SET standing = 'suspended' WHERE id = {:id}", dbx.Params{"id": k.User(bola).Id})
	k.Want(k.Do(bola, "GET", unread, nil), 200, "")
	k.Want(k.Do(bola, "POST", readAll, nil), 200, "")
}

func plantInbox(k *kit, who string, n int, created time.Time, read bool) {
	k.t.Helper()
	k.exec(`WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < {:n})
		INSERT INTO notifications (id, user, kind, title, read, created, updated)
		SELECT substr(lower(hex(randomblob(8))), 1, 15), {:user}, 'promoted', 't', {:read}, {:at}, {:at} FROM c`,
		dbx.Params{"n": n, "user": k.User(who).Id, "read": read, "at": shell.Stamp(created)})
}

// TestWhatIsAskedOftenUsesAnIndex reads SQLite's plans of what runs for every request
// or every second.
func TestWhatIsAskedOftenUsesAnIndex(t *testing.T) {
	k := start(t)
	for sql, want := range map[string]string{
		"SELECT COUNT(*) FROM (SELECT 1 FROM notifications WHERE user = 'u' AND read = FALSE LIMIT 101)":                                                               "SEARCH notifications USING COVERING INDEX idx_notifications_user (user=? AND read=?)",
		"SELECT id FROM deliveries WHERE channel = 'expo' AND state = 'queued' AND next_at <= 'n' ORDER BY next_at LIMIT 600":                                          "SEARCH deliveries USING INDEX idx_deliveries_due (channel=? AND state=? AND next_at<?)",
		"SELECT channel = 'mail' AS mail, MAX(sent_at) FROM deliveries WHERE user = 'u' AND digest = 'd' AND digest != '' AND sent_at != '' GROUP BY channel = 'mail'": "SEARCH deliveries USING INDEX idx_deliveries_alike (user=? AND digest=?)",
		"SELECT id FROM notifications WHERE read = TRUE AND created < 'o' LIMIT 500":                                                                                   "SEARCH notifications USING INDEX idx_notifications_seen (created<?)",
		"SELECT id FROM users WHERE id > 'p' ORDER BY id LIMIT 2000":                                                                                                   "SEARCH users USING COVERING INDEX sqlite_autoindex_users_1 (id>?)",
	} {
		rows := []struct {
			Detail string `db:"detail"`
		}{}
		if err := k.App.DB().NewQuery("EXPLAIN QUERY PLAN " + sql).All(&rows); err != nil {
			t.Fatal(err)
		}
		plan := ""
		for _, row := range rows {
			plan += row.Detail + "\n"
		}
		if !strings.Contains(plan, want) {
			t.Errorf("%s\nruns by\n%swant %s", sql, plan, want)
		}
	}
}

// TestAChannelThatWasSwitchedOff: what waited for it ends, and no mail goes twice when
// it is on again.
func TestAChannelThatWasSwitchedOff(t *testing.T) {
	k := start(t)
	now := k.Deps.Clock.Now()
	for i, row := range []struct{ channel, state string }{{"expo", "queued"}, {"expo", "ticket"}, {"expo", "sending"}, {"mail", "sending"}, {"mail", "queued"}} {
		k.Insert("deliveries", dbx.Params{"id": "delivery00000" + string(rune('a'+i)), "user": k.User(ada).Id, "kind": "promoted", "effect_key": string(rune('a' + i)), "channel": row.channel,
			"state": row.state, "next_at": shell.Stamp(now), "expires_at": shell.Stamp(now.Add(time.Hour)), "created": shell.Stamp(now)})
	}
	k.sweep() // of an office without senders
	k.wantStates("queued ticket queued unknown queued")
	k.Advance(2 * time.Hour)
	k.sweep()
	k.wantStates("expired sent expired unknown expired")
}

func TestOldOnesAreRemoved(t *testing.T) {
	k := start(t)
	k.device(ada, 1)
	now := k.Deps.Clock.Now()
	plantInbox(k, ada, 2, now.AddDate(0, 0, -91), true)  // read, kept 90 days
	plantInbox(k, ada, 3, now.AddDate(0, 0, -91), false) // not read
	plantInbox(k, ada, 4, now.AddDate(0, 0, -366), false)
	plantInbox(k, ada, 5, now.AddDate(0, 0, -89), true)
	for i, row := range []struct {
		state string
		days  int
	}{{"sent", -29}, {"sent", -31}, {"dead", -31}, {"dead", -181}, {"unknown", -31}, {"queued", -400}} {
		finished := ""
		if row.state != "queued" {
			finished = shell.Stamp(now.AddDate(0, 0, row.days))
		}
		k.Insert("deliveries", dbx.Params{"id": shell.NewID(), "user": k.User(ada).Id, "kind": "promoted", "effect_key": string(rune('a' + i)), "channel": "mail",
			"state": row.state, "next_at": shell.Stamp(now), "finished_at": finished, "created": shell.Stamp(now)})
	}
	k.sweep()
	if n := k.Int("SELECT COUNT(*) FROM notifications"); n != 8 {
		t.Errorf("the inbox has %d rows, want 8", n)
	}
	if n := k.Int("SELECT COUNT(*) FROM deliveries"); n != 4 {
		t.Errorf("%d deliveries are left, want 4", n)
	}
	if n := k.Int("SELECT COUNT(*) FROM push_devices"); n != 1 {
		t.Error("a device that was just seen is gone")
	}
	k.Advance(181 * 24 * time.Hour)
	k.sweep()
	if n := k.Int("SELECT COUNT(*) FROM push_devices"); n != 0 {
		t.Error("a device that was not seen for half a year is still there")
	}
}
