package shell

import (
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// TakeQuota counts one use of key and refuses with 429 rate_limited when limit
// uses have been made in the running window. The count is a row, so it holds
// across restarts; called inside a transaction it is undone with it. A limit of
// 0 is none.
func TakeQuota(app core.App, now time.Time, key string, limit int64, window time.Duration) error {
	if limit <= 0 {
		return nil
	}
	var row struct {
		Start string `db:"window_start"`
		Used  int64  `db:"used"`
	}
	err := app.NonconcurrentDB().NewQuery(`
		INSERT INTO quotas (id, [[key]], window_start, used) VALUES ({:id}, {:key}, {:now}, 1)
		ON CONFLICT ([[key]]) DO UPDATE SET
			used = CASE WHEN window_start <= {:expired} OR window_start > {:now} THEN 1 ELSE used + 1 END,
			window_start = CASE WHEN window_start <= {:expired} OR window_start > {:now} THEN {:now} ELSE window_start END
		RETURNING window_start, used`).
		Bind(dbx.Params{"id": NewID(), "key": key, "now": Stamp(now), "expired": Stamp(now.Add(-window))}).
		One(&row)
	if err != nil {
		return err
	}
	if row.Used <= limit {
		return nil
	}
	start, err := ParseStamp(row.Start)
	if err != nil {
		return err
	}
	return TooMany(max(start.Add(window).Sub(now), time.Second))
}

// SweepQuotas removes counters whose longest window has passed.
func SweepQuotas(app core.App, now time.Time) error {
	_, err := Exec(app, "DELETE FROM quotas WHERE window_start < {:old}", dbx.Params{"old": Stamp(now.AddDate(0, 0, -2))})
	return err
}

// ReturnQuota takes one use of key back. A limit that counts failures only takes
// before the try, so that parallel tries cannot pass it together, and returns
// after a success.
func ReturnQuota(app core.App, key string) error {
	_, err := Exec(app, "UPDATE quotas SET used = used - 1 WHERE [[key]] = {:key} AND used > 0", dbx.Params{"key": key})
	return err
}
