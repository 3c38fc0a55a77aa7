package consensus

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
)

const (
	timeoutEvery = 5 * time.Second
	// timeoutRound is how often each open clip is looked at, at most.
	timeoutRound = time.Hour
	timeoutBatch = 200
	timeoutKey   = "consensus.timeouts"
)

func registerTimeouts(deps *shell.Deps) {
	deps.Outbox.Sweep("consensus.timeouts", timeoutEvery, func(app core.App) error { return EscalateTimedOut(app, deps) })
}

// round is how far a round through the open clips has come. It outlives the
// process as a row of quotas: a key, a time and a number.
type round struct {
	Began string `db:"window_start"`
	Seq   int64  `db:"used"` // of the last clip looked at; 0 between two rounds
}

// EscalateTimedOut turns clips over to the experts that have been open for longer
// than the policy has it and on which nobody is left who could vote. One call
// looks at a batch of clips; a round through all of them begins at most hourly,
// so that a backlog which is being worked off costs little.
func EscalateTimedOut(app core.App, deps *shell.Deps) error {
	now := deps.Clock.Now()
	place, err := nextRound(app, now)
	if err != nil || place == nil {
		return err
	}
	policies, least, err := policiesOf(app, now)
	if err != nil {
		return err
	}
	waiting := []waitingClip{}
	err = app.DB().NewQuery(waitingQuery).Bind(dbx.Params{"seq": place.Seq, "batch": timeoutBatch}).All(&waiting)
	if err != nil {
		return err
	}
	var failed error // one clip that cannot be settled does not keep the others waiting
	ended := len(waiting) < timeoutBatch
	for _, clip := range waiting {
		created, err := shell.ParseStamp(clip.Created)
		if err != nil {
			return err
		}
		if created.After(now.Add(-least)) {
			ended = true // the rest is younger
			break
		}
		place.Seq = clip.Seq
		policy := policies[clip.Language]
		if created.After(now.Add(-escalatesAfter(policy))) {
			continue
		}
		if err := timeOut(app, deps, now, clip.ID, policy); err != nil {
			failed = errors.Join(failed, fmt.Errorf("clip %s: %w", clip.ID, err))
		}
	}
	if ended {
		place.Seq = 0
	}
	_, err = shell.Exec(app, `
		INSERT INTO quotas (id, [[key]], window_start, used) VALUES ({:id}, {:key}, {:began}, {:seq})
		ON CONFLICT ([[key]]) DO UPDATE SET window_start = excluded.window_start, used = excluded.used`,
		dbx.Params{"id": shell.NewID(), "key": timeoutKey, "began": place.Began, "seq": place.Seq})
	return errors.Join(failed, err)
}

// nextRound is where to go on, or nil until the next round begins.
func nextRound(app core.App, now time.Time) (*round, error) {
	var place round
	err := app.DB().NewQuery("SELECT window_start, used FROM quotas WHERE [[key]] = {:key}").Bind(dbx.Params{"key": timeoutKey}).One(&place)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	if place.Seq > 0 {
		return &place, nil
	}
	began, err := shell.ParseStamp(place.Began)
	if err != nil {
		return nil, err
	}
	if since := now.Sub(began); since >= 0 && since < timeoutRound {
		return nil, nil
	}
	return &round{Began: shell.Stamp(now)}, nil
}

// policiesOf are the policies of all languages, and the least time that any of
// them leaves a clip open.
func policiesOf(app core.App, now time.Time) (policies map[string]engine.Policy, least time.Duration, err error) {
	languages := []string{}
	if err := app.DB().Select("id").From("languages").Column(&languages); err != nil {
		return nil, 0, err
	}
	policies = map[string]engine.Policy{}
	for i, language := range languages {
		policy, _, err := shell.ConsensusPolicy(app, now, language)
		if err != nil {
			return nil, 0, err
		}
		policies[language] = policy
		if hours := escalatesAfter(policy); i == 0 || hours < least {
			least = hours
		}
	}
	return policies, least, nil
}

func escalatesAfter(policy engine.Policy) time.Duration {
	return time.Duration(policy.EscalateHours) * time.Hour
}

// waitingClip is an open clip in the order of arrival.
type waitingClip struct {
	Seq      int64  `db:"seq"`
	ID       string `db:"id"`
	Language string `db:"language"`
	Created  string `db:"created"`
}

const waitingQuery = `
	SELECT t.seq, c.id, c.language, c.created FROM clip_tallies t JOIN clips c ON c.id = t.clip
	WHERE t.open = 1 AND t.gold = '' AND t.seq > {:seq} ORDER BY t.seq LIMIT {:batch}`

// timeOut settles the clip as timed out if nobody is left to vote on it.
func timeOut(app core.App, deps *shell.Deps, now time.Time, clip string, policy engine.Policy) error {
	params := dbx.Params{
		"clip": clip, "since": shell.Stamp(now.Add(-escalatesAfter(policy))), "owner_votes": policy.OwnerVotes, "owner_window": policy.OwnerWindow,
	}
	somebodyLeft := somebodyLeftQuery(policy.Assignment == engine.AssignmentOpen)
	var left bool
	// Look without the writer first: mostly somebody is.
	if err := app.DB().NewQuery(somebodyLeft).Bind(params).Row(&left); err != nil || left {
		return err
	}
	return app.RunInTransaction(func(tx core.App) error {
		if err := tx.DB().NewQuery(somebodyLeft).Bind(params).Row(&left); err != nil || left {
			return err
		}
		r, _, err := consider(tx, now, clip)
		if err != nil || r.clip.Status != collections.ClipPending || r.clip.Hidden {
			return err
		}
		r.explanation = r.explanation.TimedOut()
		_, err = settle(tx, deps, now, []ruling{r})
		return err
	})
}

// somebodyLeftQuery tells whether anybody who was active lately may still get the
// clip: who has not voted, passed or been excluded, has nothing to do with the
// speaker or a voter, and has not judged enough of the speaker's last clips.
// Active is who asked for clips of the language; where voting is open, and nobody
// has to ask, who voted. It mostly ends at the first of them.
func somebodyLeftQuery(open bool) string {
	const voter = "q.validator"
	active := "queue_cursors q ON q.language = t.language AND q.seen_at > {:since}"
	if open {
		active = "(SELECT person AS validator, last_vote_at FROM validators) q ON q.last_vote_at > {:since}"
	}
	return `
		SELECT EXISTS (
			SELECT 1 FROM clip_tallies t JOIN clips c ON c.id = t.clip JOIN ` + active + ` JOIN users u ON u.id = q.validator
			WHERE t.clip = {:clip} AND q.validator != t.owner AND u.standing NOT IN ('suspended', 'banned')
				AND EXISTS (SELECT 1 FROM json_each(u.languages) WHERE value = t.language)
				AND NOT EXISTS (SELECT 1 FROM votes WHERE clip = t.clip AND validator = q.validator)
				AND NOT EXISTS (SELECT 1 FROM assignments WHERE clip = t.clip AND validator = q.validator AND state = 'skipped')
				AND NOT EXISTS (SELECT 1 FROM trust WHERE validator = q.validator AND language = t.language AND state = 'excluded')
				AND NOT EXISTS (SELECT 1 FROM votes v JOIN relations r ON r.a = v.validator AND r.b = q.validator OR r.b = v.validator AND r.a = q.validator WHERE v.clip = t.clip)
				AND NOT ` + areRelated(voter, "t.owner") + ` AND NOT ` + earnsFrom(voter, "c.parent") + `
				AND ({:owner_votes} = 0 OR {:owner_votes} > (
					SELECT COUNT(*) FROM assignments j WHERE j.validator = q.validator AND j.owner = t.owner AND j.clip != t.clip AND j.state IN ('live', 'voted')
						AND j.owner_seq > (SELECT MAX(owner_seq) FROM clip_tallies WHERE owner = t.owner) - {:owner_window})))`
}
