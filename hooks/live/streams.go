package live

import (
	"database/sql"
	"errors"
	"sync"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/rooms"
)

// streams are the subject of rooms in which one person speaks to many.
type streams struct {
	*studio

	// recount are the streams whose audience moved since it was counted last.
	recountLock sync.Mutex
	recount     map[string]bool

	admitted  admissions
	reactions reactions
}

func (s *studio) registerStreams(app core.App) {
	t := &streams{studio: s, recount: map[string]bool{}, admitted: admissions{open: map[string]map[string]time.Time{}}}
	s.join(t)
	t.registerOpening()
	t.registerTokens()
	t.registerKill(app)
	t.registerTexts(app)
	t.registerStage()
	t.registerChat(app)
	t.registerReactions()
	t.registerRecordings()
	t.registerFollows(app)
	t.registerAudience()
}

func (t *streams) kind() string { return collections.PresentInStream }

func (t *streams) find(app core.App, room string) (string, error) {
	var id string
	err := app.DB().NewQuery("SELECT id FROM streams WHERE room = {:room}").Bind(dbx.Params{"room": room}).Row(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

// findStream is a stream by its id, or fault.NotFound.
func findStream(app core.App, id string) (*core.Record, error) {
	record, err := app.FindRecordById("streams", id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fault.NotFound.On("stream")
	}
	return record, err
}

// streamOf reads what decisions need of a row.
func streamOf(record *core.Record) rooms.Stream {
	at := func(field string) time.Time { return record.GetDateTime(field).Time() }
	return rooms.Stream{
		Host: record.GetString("host"), State: rooms.State(record.GetString("status")), Room: record.GetString("room"),
		StartsAt: at("starts_at"), BackstageAt: at("backstage_at"), LiveAt: at("live_at"), AwayUntil: at("away_until"), EndedAt: at("ended_at"),
		Ending: rooms.Ending(record.GetString("ending")), Rooms: int64(record.GetInt("rooms")), Losses: int64(record.GetInt("losses")),
	}
}

// write puts a decision into the row and has its effects done.
func (t *streams) write(tx core.App, record *core.Record, outcome rooms.StreamOutcome, policy rooms.Policy) error {
	stream := outcome.Stream
	for field, value := range map[string]any{
		"host": stream.Host, "status": string(stream.State), "room": stream.Room, "ending": string(stream.Ending),
		"starts_at": stampOf(stream.StartsAt), "backstage_at": stampOf(stream.BackstageAt), "live_at": stampOf(stream.LiveAt),
		"away_until": stampOf(stream.AwayUntil), "ended_at": stampOf(stream.EndedAt), "due_at": stampOf(stream.Due(policy)),
		"rooms": stream.Rooms, "losses": stream.Losses,
	} {
		record.Set(field, value)
	}
	for _, one := range outcome.Effects {
		switch one.Kind {
		case rooms.HideStream:
			record.Set("hidden", true)
		case rooms.DeleteRoom: // everybody is out of it, whenever that is told
			if err := t.closeStays(tx, one.Room); err != nil {
				return err
			}
			if err := t.countInto(tx, record); err != nil {
				return err
			}
		default: // after the row is there
		}
	}
	if err := tx.Save(record); err != nil {
		return err
	}
	for _, one := range outcome.Effects {
		if err := t.effect(tx, record, one); err != nil {
			return err
		}
	}
	return nil
}

// effect carries out what a step asks for. [rooms.Wake] is the column due_at.
func (t *streams) effect(tx core.App, record *core.Record, one rooms.Effect) error {
	switch one.Kind {
	case rooms.CreateRoom:
		return t.createRoom(tx, one.Room)
	case rooms.DeleteRoom:
		return t.deleteRoom(tx, one.Room)
	case rooms.RemovePerson, rooms.SetGrants:
		return t.settlePerson(tx, one.Room, one.Person)
	case rooms.TellFollowers:
		return t.tellFollowers(tx, record)
	case rooms.HideStream:
		return hideClips(tx, record)
	case rooms.CloseSeats:
		shell.AfterCommit(tx, func() { t.forgetAdmissions(record.Id) })
		return lowerHands(tx, record.Id, t.now())
	default:
		return nil
	}
}

// step applies an event to the stream as it is in the transaction.
func (t *streams) step(tx core.App, record *core.Record, event rooms.StreamEvent) error {
	policy, err := t.policy(tx)
	if err != nil {
		return err
	}
	outcome, err := rooms.Step(streamOf(record), event, policy, t.now())
	if err != nil {
		return err
	}
	return t.write(tx, record, outcome, policy)
}

// hear is step for what was only heard, of the media server or of the clock: what
// does not apply any more is dropped.
func (t *streams) hear(tx core.App, id string, event rooms.StreamEvent) error {
	record, err := tx.FindRecordById("streams", id)
	if err != nil {
		return err
	}
	err = t.step(tx, record, event)
	if errors.Is(err, fault.StreamState.On("")) {
		return nil
	}
	return err
}

// visitor is what decides about a person in a stream, as it is now.
type visitor struct {
	Person   string
	Seat     rooms.Seat
	Row      *core.Record // of the seat; nil for who only listens
	Standing rooms.Standing
	Staff    bool // moderator of the platform
	Blocked  bool // by the host, or the other way round
}

// visit looks a person up; fault.NotFound for who is nobody.
func (t *streams) visit(app core.App, stream *core.Record, person string) (visitor, error) {
	v := visitor{Person: person}
	var user struct {
		Standing string `db:"standing"`
		Staff    bool   `db:"staff"`
	}
	err := app.DB().NewQuery(`
		SELECT standing, EXISTS (SELECT 1 FROM json_each(roles) WHERE value = {:role}) AS staff FROM users WHERE id = {:id}`).
		Bind(dbx.Params{"id": person, "role": collections.RoleModerator}).One(&user)
	if errors.Is(err, sql.ErrNoRows) {
		return v, fault.NotFound.On("person")
	}
	if err != nil {
		return v, err
	}
	v.Standing, v.Staff = rooms.Standing(user.Standing), user.Staff
	if v.Row, err = seatRow(app, stream.Id, person); err != nil {
		return v, err
	}
	v.Seat = rooms.Seat{Person: person, Role: rooms.Viewer}
	if v.Row != nil {
		v.Seat = seatOf(v.Row)
	}
	if v.Seat.Role == rooms.Moderator && !v.Staff {
		v.Seat.Role = rooms.Viewer
	}
	if person == stream.GetString("host") {
		v.Seat.Role = rooms.Host
		return v, nil
	}
	v.Blocked, err = accounts.Blocked(app, person, stream.GetString("host"))
	return v, err
}

// grants are what the visitor may do in the room now.
func (v visitor) grants(state rooms.State, policy rooms.Policy) rooms.Grants {
	if v.Blocked && v.Seat.Role != rooms.Moderator {
		return rooms.Grants{}
	}
	return rooms.Grant(v.Seat, state, v.Standing, policy)
}

func (t *streams) place(app core.App, id, person string) (place, error) {
	record, err := app.FindRecordById("streams", id)
	if err != nil {
		return place{}, err
	}
	policy, err := t.policy(app)
	if err != nil {
		return place{}, err
	}
	return t.placeIn(app, record, person, policy)
}

func (t *streams) placeIn(app core.App, record *core.Record, person string, policy rooms.Policy) (place, error) {
	at := place{Room: record.GetString("room")}
	state := rooms.State(record.GetString("status"))
	if recording, is := isRecorder(person); is {
		expected, err := recorderExpected(app, record.Id, recording)
		if err != nil || !expected {
			return at, err
		}
		at.Role = rooms.Recorder
		at.Grants = rooms.Grant(rooms.Seat{Role: rooms.Recorder}, state, rooms.Good, policy)
		return at, nil
	}
	v, err := t.visit(app, record, person)
	if errors.Is(err, fault.NotFound.On("")) {
		return at, nil
	}
	if err != nil {
		return at, err
	}
	at.Role, at.Grants = v.Seat.Role, v.grants(state, policy)
	return at, nil
}

// wanted are the rooms of all open streams. Whoever has no seat listens.
func (t *streams) wanted(app core.App) ([]rooms.WantedRoom, error) {
	policy, err := t.policy(app)
	if err != nil {
		return nil, err
	}
	records, err := app.FindRecordsByFilter("streams", "room != ''", "", 0, 0)
	if err != nil {
		return nil, err
	}
	all := make([]rooms.WantedRoom, 0, len(records))
	for _, record := range records {
		t.moveAudience(record.Id) // a webhook may have been lost
		want := rooms.WantedRoom{
			Name: record.GetString("room"), People: map[string]rooms.Grants{},
			Others: rooms.Grant(rooms.Seat{Role: rooms.Viewer}, rooms.State(record.GetString("status")), rooms.Good, policy),
		}
		listed, err := listedIn(app, record)
		if err != nil {
			return nil, err
		}
		for _, person := range listed {
			at, err := t.placeIn(app, record, person, policy)
			if err != nil {
				return nil, err
			}
			want.People[person] = at.Grants
		}
		all = append(all, want)
	}
	return all, nil
}

// listedIn are the people of whom a stream has more to say than that they listen:
// those with a seat, those between whom and the host there is a block, recorders.
func listedIn(app core.App, record *core.Record) ([]string, error) {
	people := []string{}
	err := app.DB().NewQuery(`
		SELECT person FROM stream_seats WHERE stream = {:stream}
		UNION SELECT {:host}
		UNION SELECT blocked FROM blocks WHERE user = {:host}
		UNION SELECT user FROM blocks WHERE blocked = {:host}
		UNION SELECT {:recorder} || id FROM stream_recordings WHERE stream = {:stream} AND state IN ('waiting', 'recording')`).
		Bind(dbx.Params{"stream": record.Id, "host": record.GetString("host"), "recorder": recorderPrefix}).Column(&people)
	return people, err
}

// moved lets the host's coming and going decide about the stream, and has the
// audience counted.
func (t *streams) moved(tx core.App, id, room, person string) error {
	shell.AfterCommit(tx, func() { t.moveAudience(id) })
	record, err := tx.FindRecordById("streams", id)
	if err != nil || person != record.GetString("host") {
		return err
	}
	present, err := inside(tx, room, person)
	if err != nil {
		return err
	}
	if present {
		return t.hear(tx, id, rooms.HostBack{Room: room})
	}
	return t.hear(tx, id, rooms.HostLeft{Room: room})
}

func (t *streams) lost(tx core.App, id, room string) error {
	return t.hear(tx, id, rooms.RoomLost{Room: room})
}

// due ends what has waited long enough, one transaction each, and clears the
// stage of who is gone.
func (t *streams) due(app core.App) error {
	ids := []string{}
	err := app.DB().NewQuery("SELECT id FROM streams WHERE due_at != '' AND due_at <= {:now} ORDER BY due_at LIMIT 200").
		Bind(dbx.Params{"now": shell.Stamp(t.now())}).Column(&ids)
	if err != nil {
		return err
	}
	failures := []error{}
	for _, id := range ids {
		failures = append(failures, app.RunInTransaction(func(tx core.App) error { return t.hear(tx, id, rooms.Tick{}) }))
	}
	failures = append(failures, t.clearStages(app))
	return errors.Join(failures...)
}

func (t *streams) barred(tx core.App, person string) error {
	ids := []string{}
	err := tx.DB().NewQuery("SELECT id FROM streams WHERE host = {:host} AND status IN ('scheduled', 'backstage', 'live', 'host_away') ORDER BY id").
		Bind(dbx.Params{"host": person}).Column(&ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := t.hear(tx, id, rooms.HostBarred{}); err != nil {
			return err
		}
	}
	return nil
}
