package live

import (
	"database/sql"
	"errors"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/rooms"
)

// stayRow is a row of live_presence.
type stayRow struct {
	ID        string `db:"id"`
	Kind      string `db:"subject_type"`
	SubjectID string `db:"subject_id"`
	Room      string `db:"room"`
	SID       string `db:"sid"`
	Person    string `db:"person"`
	Role      string `db:"role"`
	JoinedAt  string `db:"joined_at"`
	LeftAt    string `db:"left_at"`
	Misses    int64  `db:"misses"`
}

func (r stayRow) stay() (rooms.Stay, error) {
	joined, err := shell.ParseStamp(r.JoinedAt)
	if err != nil {
		return rooms.Stay{}, err
	}
	left, err := shell.ParseStamp(r.LeftAt)
	return rooms.Stay{Room: r.Room, SID: r.SID, Person: r.Person, Role: rooms.Role(r.Role), Joined: joined, Left: left}, err
}

// stampOf is a time as a column has it, empty when there is none.
func stampOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return shell.Stamp(t)
}

// sight adds what was seen of a stay to its row. Who is no person, such as a
// recorder, has none.
func sight(tx core.App, kind, id string, seen rooms.Sighting) error {
	var known bool
	if err := tx.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM users WHERE id = {:id})").Bind(dbx.Params{"id": seen.Person}).Row(&known); err != nil || !known {
		return err
	}
	row := stayRow{ID: shell.RowID(seen.Joined), Kind: kind, SubjectID: id}
	err := tx.DB().NewQuery("SELECT * FROM live_presence WHERE room = {:room} AND sid = {:sid}").
		Bind(dbx.Params{"room": seen.Room, "sid": seen.SID}).One(&row)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	stay := rooms.Stay{}
	if err == nil {
		if stay, err = row.stay(); err != nil {
			return err
		}
	}
	stay = stay.Merge(seen)
	return shell.UpsertAll(tx, "live_presence", []string{"room", "sid"}, []dbx.Params{{
		"id": row.ID, "subject_type": row.Kind, "subject_id": row.SubjectID, "room": stay.Room, "sid": stay.SID, "person": stay.Person,
		"role": string(stay.Role), "joined_at": stampOf(stay.Joined), "left_at": stampOf(stay.Left), "misses": row.Misses,
	}})
}

// staysOf are all stays in the rooms that a stream or call has had.
func staysOf(app core.App, id string) ([]rooms.Stay, error) {
	rows := []stayRow{}
	err := app.DB().NewQuery("SELECT * FROM live_presence WHERE subject_id = {:id}").Bind(dbx.Params{"id": id}).All(&rows)
	if err != nil {
		return nil, err
	}
	stays := make([]rooms.Stay, len(rows))
	for i, row := range rows {
		if stays[i], err = row.stay(); err != nil {
			return nil, err
		}
	}
	return stays, nil
}

// openStays are the stays that nobody has left yet, of any room.
func openStays(app core.App) ([]rooms.KnownStay, error) {
	rows := []stayRow{}
	if err := app.DB().NewQuery("SELECT * FROM live_presence WHERE left_at = ''").All(&rows); err != nil {
		return nil, err
	}
	stays := make([]rooms.KnownStay, len(rows))
	for i, row := range rows {
		stay, err := row.stay()
		if err != nil {
			return nil, err
		}
		stays[i] = rooms.KnownStay{Stay: stay, Misses: row.Misses}
	}
	return stays, nil
}

// inside tells whether the person has an open stay in the room.
func inside(app core.App, room, person string) (bool, error) {
	var open bool
	err := app.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM live_presence WHERE room = {:room} AND person = {:person} AND left_at = '')").
		Bind(dbx.Params{"room": room, "person": person}).Row(&open)
	return open, err
}

// closeStays ends all open stays of a room: it is gone.
func (s *studio) closeStays(tx core.App, room string) error {
	_, err := shell.Exec(tx, "UPDATE live_presence SET left_at = {:now} WHERE room = {:room} AND left_at = ''",
		dbx.Params{"now": shell.Stamp(s.now()), "room": room})
	return err
}
