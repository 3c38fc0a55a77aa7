package notifications_test

import (
	"fmt"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/shell"
)

// BenchmarkEventsToInbox is events that are queued already until they are in the
// inbox, each for a person with one device. One operation is one event.
func BenchmarkEventsToInbox(b *testing.B) {
	k := start(b)
	k.device(ada, 1)
	for range b.N {
		k.queue(ada, "promoted", nil)
	}
	b.ResetTimer()
	if n := k.Drain(); n != b.N {
		b.Fatalf("%d of %d", n, b.N)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkPush is deliveries that are queued until the fake of Expo has them and
// their tickets are written. One operation is one message.
func BenchmarkPush(b *testing.B) {
	k := start(b)
	now, user := shell.Stamp(k.Deps.Clock.Now()), k.User(ada).Id
	for i := range 20 {
		k.Insert("push_devices", dbx.Params{"id": fmt.Sprintf("device%09d", i), "user": user, "provider": "expo", "token": expoToken(i), "last_seen": now})
	}
	k.exec(`WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < {:n})
		INSERT INTO deliveries (id, user, kind, effect_key, channel, device, data, digest, state, next_at, created)
		SELECT printf('d%014d', i), {:user}, 'promoted', 'k' || i, 'expo', printf('device%09d', i % 20), 'null', '', 'queued', {:now}, {:now} FROM c`,
		dbx.Params{"n": b.N, "user": user, "now": now})
	b.ResetTimer()
	k.send("expo")
	if n := len(k.expo.Accepted()); n != b.N {
		b.Fatalf("%d of %d", n, b.N)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}
