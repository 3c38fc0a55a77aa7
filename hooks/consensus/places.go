package consensus

import (
	"database/sql"
	"errors"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
)

// place is how far a person is in the queue of a language.
type place struct {
	Seq     int64 // turn reached among clips without votes
	Started int64 // turn reached among clips with votes
	engine.Slots
	SeenAt string
}

// turn is the turn that was reached in one part of the queue.
func (p *place) turn(started bool) *int64 {
	if started {
		return &p.Started
	}
	return &p.Seq
}

// load reads how far the person is, whether they hold anything and whether they
// are excluded. Who asks for the first time has the onboarding before them.
func (a *asking) load() error {
	params := dbx.Params{"me": a.validator, "language": a.language}
	err := a.tx.DB().NewQuery(`
		SELECT seq, started, handed, onboarding, gold_at, seen_at FROM queue_cursors
		WHERE validator = {:me} AND language = {:language}`).Bind(params).One(&a.place)
	if errors.Is(err, sql.ErrNoRows) {
		a.place.Onboarding, err = int64(a.policy.Onboarding), nil
	}
	if err != nil {
		return err
	}
	a.before = a.place
	return a.tx.DB().NewQuery(`SELECT
		EXISTS (SELECT 1 FROM assignments WHERE validator = {:me} AND language = {:language} AND state = 'live'),
		EXISTS (SELECT 1 FROM trust WHERE validator = {:me} AND language = {:language} AND state = 'excluded'),
		EXISTS (SELECT 1 FROM trust WHERE validator = {:me} AND language = {:language} AND retake_at <> '')`).
		Bind(params).Row(&a.holds, &a.excluded, &a.retook)
}

// savePlace stores how far the person is. That they asked is news only after a
// while: polling an empty queue writes nothing.
func (a *asking) savePlace() error {
	const looksPerActive = 8
	fresh := a.now.Add(-time.Duration(a.policy.ActiveS) * time.Second / looksPerActive)
	if a.place == a.before && a.place.SeenAt != "" && a.place.SeenAt > shell.Stamp(fresh) {
		return nil
	}
	return shell.UpsertAll(a.tx, "queue_cursors", []string{"validator", "language"}, []dbx.Params{{
		"id": shell.NewID(), "validator": a.validator, "language": a.language, "seq": a.place.Seq, "started": a.place.Started,
		"handed": a.place.Handed, "onboarding": a.place.Onboarding, "gold_at": a.place.GoldAt, "seen_at": shell.Stamp(a.now),
	}})
}

// offerAgain turns the places of two people who are no longer kept apart back to
// the other's first clip without votes, which they passed over meanwhile. Clips
// with votes come up again by themselves; turning back among them would let
// anybody draw anew, by blocking a friend and making up, until the friend's clip
// comes to them.
func offerAgain(tx core.App, pair *core.Record) error {
	people := [2]string{pair.GetString("user"), pair.GetString("blocked")}
	if pair.Collection().Name == "relations" {
		people = [2]string{pair.GetString("a"), pair.GetString("b")}
	}
	for i, validator := range people {
		_, err := shell.Exec(tx, `
			UPDATE queue_cursors SET seq = MIN(seq, COALESCE((
				SELECT MIN(t.turn) - 1 FROM clip_tallies t
				WHERE t.owner = {:owner} AND t.language = queue_cursors.language AND t.started = 0 AND t.ready = 1 AND t.gold = ''), seq))
			WHERE validator = {:validator}`, dbx.Params{"validator": validator, "owner": people[1-i]})
		if err != nil {
			return err
		}
	}
	return nil
}
