package live

import (
	"context"
	"errors"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/internal/rooms"
)

const (
	// roundAudience counts audiences that moved. Clients watch the figures, so
	// they change every two seconds at most, however many come and go.
	roundAudience = "live.audience"
	audienceEvery = 2 * time.Second
)

func (t *streams) registerAudience() {
	t.deps.Outbox.Round(roundAudience, audienceEvery, func(_ context.Context, app core.App) error {
		t.recountLock.Lock()
		ids := t.recount
		t.recount = map[string]bool{}
		t.recountLock.Unlock()
		failures := []error{}
		for id := range ids {
			failures = append(failures, app.RunInTransaction(func(tx core.App) error { return t.countAnew(tx, id) }))
		}
		return errors.Join(failures...)
	})
}

// moveAudience has the audience of a stream counted soon.
func (t *streams) moveAudience(id string) {
	t.recountLock.Lock()
	defer t.recountLock.Unlock()
	t.recount[id] = true
}

// countAnew saves the figures of a stream if they are others.
func (t *streams) countAnew(tx core.App, id string) error {
	record, err := tx.FindRecordById("streams", id)
	if err != nil {
		return err
	}
	before := audienceOf(record)
	if err := t.countInto(tx, record); err != nil {
		return err
	}
	after := audienceOf(record)
	if after.WatchSeconds-before.WatchSeconds < 60 {
		before.WatchSeconds = after.WatchSeconds // grows all the time
	}
	if before == after {
		return nil
	}
	return tx.Save(record)
}

func audienceOf(record *core.Record) rooms.Audience {
	return rooms.Audience{
		Now: int64(record.GetInt("viewers")), Peak: int64(record.GetInt("peak_viewers")),
		Unique: int64(record.GetInt("unique_viewers")), WatchSeconds: int64(record.GetInt("watch_seconds")),
	}
}

// countInto sets the figures. Who is in a room that the stream has no more is not
// inside: it is being deleted.
func (t *streams) countInto(app core.App, record *core.Record) error {
	stays, err := staysOf(app, record.Id)
	if err != nil {
		return err
	}
	now, room := t.now(), record.GetString("room")
	for i := range stays {
		if stays[i].Open() && stays[i].Room != room {
			stays[i].Left = now
		}
	}
	a := rooms.Count(stays, now)
	record.Set("viewers", a.Now)
	record.Set("peak_viewers", a.Peak)
	record.Set("unique_viewers", a.Unique)
	record.Set("watch_seconds", a.WatchSeconds)
	return nil
}
