package live

import (
	"database/sql"
	"errors"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/rooms"
)

// seatRow is the place of a person in a stream; nil for who only listens.
func seatRow(app core.App, stream, person string) (*core.Record, error) {
	record, err := app.FindFirstRecordByFilter("stream_seats", "stream = {:stream} && person = {:person}", dbx.Params{"stream": stream, "person": person})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return record, err
}

func seatOf(record *core.Record) rooms.Seat {
	return rooms.Seat{
		Person: record.GetString("person"), Role: rooms.Role(record.GetString("role")), Hand: rooms.Hand(record.GetString("hand")),
		Muted: record.GetBool("muted"), Removed: rooms.Removal(record.GetString("removed")), Since: record.GetDateTime("since").Time(),
	}
}

// saveSeat writes a seat, by Save: the host watches them.
func saveSeat(tx core.App, row *core.Record, stream string, seat rooms.Seat) (*core.Record, error) {
	if row == nil {
		collection, err := tx.FindCachedCollectionByNameOrId("stream_seats")
		if err != nil {
			return nil, err
		}
		row = core.NewRecord(collection)
		row.Set("stream", stream)
		row.Set("person", seat.Person)
	}
	row.Set("role", string(seat.Role))
	row.Set("hand", string(seat.Hand))
	row.Set("muted", seat.Muted)
	row.Set("removed", string(seat.Removed))
	row.Set("since", stampOf(seat.Since))
	return row, tx.Save(row)
}

// speakersOf is how many people are on the stage besides the host.
func speakersOf(app core.App, stream string) (int64, error) {
	var n int64
	err := app.DB().NewQuery("SELECT COUNT(*) FROM stream_seats WHERE stream = {:stream} AND role IN ('speaker', 'cohost')").
		Bind(dbx.Params{"stream": stream}).Row(&n)
	return n, err
}

// stepSeat applies an act to a person's seat as it is in the transaction.
func (t *streams) stepSeat(tx core.App, stream *core.Record, v visitor, act rooms.Act) (*core.Record, error) {
	policy, err := t.policy(tx)
	if err != nil {
		return nil, err
	}
	speakers, err := speakersOf(tx, stream.Id)
	if err != nil {
		return nil, err
	}
	stage := rooms.Stage{State: rooms.State(stream.GetString("status")), Room: stream.GetString("room"), Speakers: speakers}
	outcome, err := rooms.StepSeat(v.Seat, act, stage, policy, t.now())
	if err != nil {
		return nil, err
	}
	row, err := saveSeat(tx, v.Row, stream.Id, outcome.Seat)
	if err != nil {
		return nil, err
	}
	for _, one := range outcome.Effects {
		if err := t.effect(tx, stream, one); err != nil {
			return nil, err
		}
	}
	return row, nil
}

// lowerHands is the end of a stage.
func lowerHands(tx core.App, stream string, now time.Time) error {
	_, err := shell.Exec(tx, "UPDATE stream_seats SET hand = '', since = {:now}, updated = {:now} WHERE stream = {:stream} AND hand != ''",
		dbx.Params{"stream": stream, "now": shell.Stamp(now)})
	return err
}

// clearStages takes down hands, and off the stage, those who left the room and did
// not come back for as long as a stream waits for its host: their places are kept
// from others.
func (t *streams) clearStages(app core.App) error {
	policy, err := t.policy(app)
	if err != nil {
		return err
	}
	gone := []struct {
		Stream string `db:"stream"`
		Person string `db:"person"`
	}{}
	err = app.DB().NewQuery(`
		SELECT s.stream, s.person FROM streams t JOIN stream_seats s ON s.stream = t.id
		WHERE t.room != '' AND s.removed = '' AND (s.role IN ('speaker', 'cohost') OR s.role = 'viewer' AND s.hand = 'raised') AND s.since <= {:old}
		AND NOT EXISTS (SELECT 1 FROM live_presence p WHERE p.subject_id = s.stream AND p.person = s.person AND (p.left_at = '' OR p.left_at > {:old}))
		LIMIT 200`).Bind(dbx.Params{"old": shell.Stamp(t.now().Add(-time.Duration(policy.HostGraceSeconds) * time.Second))}).All(&gone)
	if err != nil {
		return err
	}
	failures := []error{}
	for _, one := range gone {
		failures = append(failures, app.RunInTransaction(func(tx core.App) error {
			stream, err := tx.FindRecordById("streams", one.Stream)
			if err != nil {
				return err
			}
			v, err := t.visit(tx, stream, one.Person)
			if err != nil {
				return err
			}
			_, err = t.stepSeat(tx, stream, v, rooms.Act{Kind: rooms.StepAside})
			if errors.Is(err, fault.StageState.On("")) || errors.Is(err, fault.StreamState.On("")) {
				return nil // somebody was faster
			}
			return err
		}))
	}
	return errors.Join(failures...)
}
