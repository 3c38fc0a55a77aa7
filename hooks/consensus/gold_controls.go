package consensus

import (
	"cmp"
	"encoding/json"
	"math/rand/v2"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

const (
	jobEndControl    = "gold.end"    // gives a control up to the experts, as it were
	jobDecideControl = "gold.decide" // the known truth decides it, as an expert would

	sweepControlsEvery = 5 * time.Minute
)

func registerControls(deps *shell.Deps) {
	for kind, handle := range map[string]func(tx core.App, deps *shell.Deps, now time.Time, control string) error{
		jobEndControl: endControl, jobDecideControl: decideControl,
	} {
		deps.Outbox.Handle(kind, shell.JobHandler{InTx: func(tx core.App, job shell.Job) error {
			var payload controlJob
			if err := json.Unmarshal(job.Raw, &payload); err != nil {
				return err
			}
			return handle(tx, deps, deps.Clock.Now(), payload.Clip)
		}})
	}
	deps.Outbox.Sweep("gold.controls", sweepControlsEvery, func(app core.App) error { return sweepControls(app, deps) })
}

type controlJob struct {
	Clip string `json:"clip"`
}

// settleControl follows the verdict on a control: the language learns how right
// the crowd is. A control on which the votes did not
// agree has to wait for an expert, as any clip does, so the truth takes its time.
func settleControl(tx core.App, deps *shell.Deps, now time.Time, clip, goldID string, explanation engine.Explanation) error {
	g, err := findGold(tx, "id", goldID)
	if err != nil {
		return err
	}
	if explanation.Reason != engine.ByExpert && explanation.Outcome != engine.Escalated {
		err := addToLanguage(tx, g.Language, dbx.Params{calibration(g.label(), explanation.Outcome.Label()): 1})
		if err != nil {
			return err
		}
	}
	if explanation.Outcome == engine.Escalated {
		if err := decideLater(tx, deps, now, clip, clip); err != nil {
			return err
		}
	}
	if err := showToVoters(tx, clip); err != nil {
		return err
	}
	return g.wearOut(tx, deps, now)
}

// showToVoters lets those who voted on a control find it like any other clip, once
// it is approved: to them its absence would tell, and nobody else knows of it.
func showToVoters(tx core.App, control string) error {
	_, err := shell.Exec(tx, `
		UPDATE clips SET shown_to = COALESCE((SELECT GROUP_CONCAT(validator, ' ') FROM votes WHERE clip = {:clip}), '') WHERE id = {:clip}`,
		dbx.Params{"clip": control})
	return err
}

// calibration is the column of language_stats that counts controls of the truth
// with that verdict of the crowd.
func calibration(truth, verdict crowd.Label) string {
	column := map[crowd.Label]string{crowd.Good: "good_", crowd.Bad: "bad_"}[truth]
	return column + map[crowd.Label]string{crowd.Good: "approved", crowd.Bad: "rejected"}[verdict]
}

// decideLater lets the truth decide an escalated control after 1 to 24 hours, the
// time that an expert may take. The key names the occasion.
func decideLater(tx core.App, deps *shell.Deps, now time.Time, clip, key string) error {
	wait := time.Hour + rand.N(23*time.Hour)
	return deps.Outbox.Enqueue(tx, shell.Job{Kind: jobDecideControl, Key: key, Payload: controlJob{clip}, RunAt: now.Add(wait)})
}

// wearOut retires an active gold clip that enough people met, once none of its
// controls is open.
func (g goldRow) wearOut(tx core.App, deps *shell.Deps, now time.Time) error {
	if g.State != collections.GoldActive {
		return nil
	}
	policy, _, err := shell.ConsensusPolicy(tx, now, g.Language)
	if err != nil || g.Exposures < policy.GoldExposures {
		return err
	}
	var open bool
	err = tx.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM clip_tallies WHERE gold = {:gold} AND gold != '' AND open = 1)").Bind(dbx.Params{"gold": g.ID}).Row(&open)
	if err != nil || open {
		return err
	}
	return g.retire(tx, deps, now, wornOut)
}

// retire takes a gold clip out of service: its recording comes back into sight,
// nobody is handed it any more, and who voted on a control that is open gets a
// verdict and the pay. One that is retired already stays as it is.
func (g goldRow) retire(tx core.App, deps *shell.Deps, now time.Time, reason string) error {
	for _, from := range []string{collections.GoldActive, collections.GoldSuspect} {
		changed, err := g.move(tx, now, from, collections.GoldRetired, reason)
		if err != nil {
			return err
		}
		if !changed {
			continue
		}
		if err := reserve(tx, g.Source, false); err != nil {
			return err
		}
		if err := withdrawControls(tx, now, unvotedControls, g.ID); err != nil {
			return err
		}
		return g.endControls(tx, deps, now)
	}
	return nil
}

// Which controls of a gold clip are taken back.
const (
	allControls     = "SELECT clip FROM clip_tallies WHERE gold = {:id} AND gold != ''"
	unvotedControls = allControls + " AND open = 1 AND NOT EXISTS (SELECT 1 FROM votes WHERE votes.clip = clip_tallies.clip)"
	// unvotedControl is one control, by its own id.
	unvotedControl = "SELECT clip FROM clip_tallies WHERE clip = {:id} AND gold != '' AND open = 1 AND NOT EXISTS (SELECT 1 FROM votes WHERE votes.clip = clip_tallies.clip)"
)

// withdrawControls takes controls back, by the id that says which.
func withdrawControls(tx core.App, now time.Time, which, id string) error {
	params := dbx.Params{"id": id, "now": shell.Stamp(now)}
	_, err := shell.Exec(tx, "UPDATE clips SET status = 'withdrawn', withdrawn_at = {:now}, updated = {:now} WHERE status != 'withdrawn' AND id IN ("+which+")", params)
	if err != nil {
		return err
	}
	_, err = shell.Exec(tx, "UPDATE clip_tallies SET open = 0, ready = 0 WHERE open = 1 AND clip IN ("+which+")", params)
	return err
}

// endControls sees to it that every control with votes comes to its verdict. It is
// left to jobs, for this may be in the middle of a vote on one of them.
func (g goldRow) endControls(tx core.App, deps *shell.Deps, now time.Time) error {
	controls := []struct {
		Clip   string `db:"clip"`
		Status string `db:"status"`
	}{}
	err := tx.DB().NewQuery(`
		SELECT c.id AS clip, c.status FROM clip_tallies t JOIN clips c ON c.id = t.clip
		WHERE t.gold = {:gold} AND t.gold != '' AND c.status IN ('pending', 'escalated')`).Bind(dbx.Params{"gold": g.ID}).All(&controls)
	if err != nil {
		return err
	}
	for _, control := range controls {
		if control.Status == collections.ClipPending {
			err = deps.Outbox.Enqueue(tx, shell.Job{Kind: jobEndControl, Key: control.Clip, Payload: controlJob{control.Clip}})
		} else {
			err = decideLater(tx, deps, now, control.Clip, control.Clip+":"+shell.Stamp(now))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// endControl gives a control that waits for votes up, as a clip that nobody is
// left to vote on.
func endControl(tx core.App, deps *shell.Deps, now time.Time, control string) error {
	r, _, err := consider(tx, now, control)
	if err != nil || r.clip.Status != collections.ClipPending || len(r.votes) == 0 {
		return err
	}
	r.explanation = r.explanation.TimedOut()
	_, err = settle(tx, deps, now, []ruling{r})
	return err
}

// decideControl lets the known truth decide an escalated control. While the truth
// is in doubt it waits: the expert who looks at the recording decides both.
func decideControl(tx core.App, deps *shell.Deps, now time.Time, control string) error {
	var row struct {
		Status string `db:"status"`
		Truth  string `db:"truth"`
		State  string `db:"state"`
		Reason string `db:"reason"`
	}
	err := tx.DB().NewQuery(`
		SELECT c.status, g.truth, g.state,
			COALESCE((SELECT v.reason FROM verdicts v WHERE v.clip = g.source AND v.[[by]] = 'expert' ORDER BY v.revision DESC LIMIT 1), '') AS reason
		FROM clip_tallies t JOIN clips c ON c.id = t.clip JOIN gold_clips g ON g.id = t.gold
		WHERE t.clip = {:clip}`).Bind(dbx.Params{"clip": control}).One(&row)
	if err != nil || row.Status != collections.ClipEscalated || row.State == collections.GoldSuspect {
		return err
	}
	outcome, reason := engine.Approved, engine.Reason("")
	if row.Truth == collections.TruthBad {
		outcome, reason = engine.Rejected, cmp.Or(engine.Reason(row.Reason), engine.Other)
	}
	_, err = overrule(tx, deps, now, control, outcome, reason, shell.System, "")
	return err
}

// wornOut is why a gold clip retires that enough people met.
const wornOut = "exposures"

// openRow is an open control as the sweep looks at it.
type openRow struct {
	Clip     string `db:"clip"`
	Language string `db:"language"`
	Votes    int    `db:"votes"`
	ShownAt  string `db:"shown_at"` // first
	HeldTill string `db:"held_till"`
}

const openControlsQuery = `
	SELECT t.clip, g.language, t.votes, COALESCE((SELECT MIN(handed_at) FROM gold_exposures WHERE clip = t.clip), c.created) AS shown_at,
		COALESCE((SELECT MAX(lease_until) FROM assignments WHERE clip = t.clip), c.created) AS held_till
	FROM gold_clips g CROSS JOIN clip_tallies t INDEXED BY idx_clip_tallies_gold ON t.gold = g.id AND t.gold != '' AND t.open = 1
	CROSS JOIN clips c ON c.id = t.clip
	WHERE g.state != 'retired'`

// fullQuery finds gold clips of which no control has votes or is in somebody's hands.
const fullQuery = `
	SELECT id, language, exposures FROM gold_clips g
	WHERE state != 'retired' AND NOT EXISTS (
		SELECT 1 FROM clip_tallies t WHERE t.gold = g.id AND t.gold != '' AND t.open = 1
		AND (t.votes > 0 OR EXISTS (SELECT 1 FROM assignments WHERE clip = t.clip AND state = 'live' AND lease_until > {:now})))`

// sweepControls ends what would stay open for ever: controls that waited for as
// long as any clip may, or that nobody who voted has held for so long, and gold
// clips that enough people met. Mostly there are none.
func sweepControls(app core.App, deps *shell.Deps) error {
	now := deps.Clock.Now()
	policies, _, err := policiesOf(app, now)
	if err != nil {
		return err
	}
	rows := []openRow{}
	if err := app.ConcurrentDB().NewQuery(openControlsQuery).All(&rows); err != nil {
		return err
	}
	for _, row := range rows {
		end, err := row.ends(escalatesAfter(policies[row.Language]), now)
		if err != nil {
			return err
		}
		if end == nil {
			continue
		}
		if err := app.RunInTransaction(func(tx core.App) error { return end(tx, deps, now, row.Clip) }); err != nil {
			return err
		}
	}
	full := []goldRow{}
	if err := app.ConcurrentDB().NewQuery(fullQuery).Bind(dbx.Params{"now": shell.Stamp(now)}).All(&full); err != nil {
		return err
	}
	for _, row := range full {
		if row.Exposures < policies[row.Language].GoldExposures {
			continue
		}
		err := app.RunInTransaction(func(tx core.App) error {
			g, err := findGold(tx, "id", row.ID)
			if err != nil {
				return err
			}
			return g.retire(tx, deps, now, wornOut)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// ends is how the control ends, or nil for one that goes on.
func (row openRow) ends(after time.Duration, now time.Time) (func(tx core.App, deps *shell.Deps, now time.Time, control string) error, error) {
	since, end := row.ShownAt, endControl
	if row.Votes == 0 {
		since, end = row.HeldTill, func(tx core.App, _ *shell.Deps, now time.Time, control string) error {
			return withdrawControls(tx, now, unvotedControl, control)
		}
	}
	at, err := shell.ParseStamp(since)
	if err != nil || now.Sub(at) < after {
		return nil, err
	}
	return end, nil
}
