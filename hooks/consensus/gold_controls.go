package consensus

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"path"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
	"github.com/lingualink/lingualink/internal/consensus/gold"
	"github.com/lingualink/lingualink/internal/fault"
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

// openControl shows the recording of a gold clip to validators once more: a clip
// of its own that has no file, no remix, no place among the speaker's clips, and
// is made by SQL, so that nobody hears of it.
func openControl(tx core.App, now time.Time, g goldRow) error {
	var source struct {
		Owner    string `db:"owner"`
		Media    string `db:"media"`
		Campaign string `db:"campaign"`
	}
	err := tx.DB().NewQuery("SELECT owner, media, campaign FROM clips WHERE id = {:clip}").Bind(dbx.Params{"clip": g.Source}).One(&source)
	if err != nil {
		return err
	}
	campaign, err := ledger.CampaignFor(tx, g.Language)
	switch {
	case errors.Is(err, fault.CampaignUnavailable.On("")):
		campaign.ID = source.Campaign // still pays for the clips that it has
	case err != nil:
		return err
	}
	id := shell.NewID()
	params := dbx.Params{
		"id": id, "source": g.Source, "campaign": campaign.ID, "now": shell.Stamp(now),
		// Every clip has a file name and a hash of its own.
		"media": shell.NewID() + path.Ext(source.Media), "sha256": "control:" + id,
	}
	_, err = shell.Exec(tx, `
		INSERT INTO clips (id, owner, kind, media, language, dialect, prompt, phrase, parent, root, depth, status, hidden, reserved, control, campaign,
			duration_ms, size_bytes, container, codec, sample_rate_hz, channels, quality, loudness_lufs, media_sha256, decided_at, withdrawn_at, created, updated)
		SELECT {:id}, owner, kind, {:media}, language, dialect, prompt, phrase, '', '', 0, 'pending', 0, 0, 1, {:campaign},
			duration_ms, size_bytes, container, codec, sample_rate_hz, channels, quality, loudness_lufs, {:sha256}, '', '', {:now}, {:now}
		FROM clips WHERE id = {:source}`, params)
	if err != nil {
		return err
	}
	_, err = shell.Exec(tx, `
		INSERT INTO clip_tallies (id, clip, language, owner, gold, seq, turn, turned_at, owner_seq, open, ready, started, passed, anybody, watched,
			leases, votes, approvals, rejections, log_odds)
		VALUES ({:tally}, {:id}, {:language}, {:owner}, {:gold},
			(SELECT COALESCE(MAX(seq), 0) + 1 FROM clip_tallies), (SELECT COALESCE(MAX(turn), 0) + 1 FROM clip_tallies), {:now},
			0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)`,
		dbx.Params{"tally": shell.NewID(), "id": id, "language": g.Language, "owner": source.Owner, "gold": g.ID, "now": shell.Stamp(now)})
	return err
}

// nextControl finds the control that the validator meets next, and remembers that
// they met its gold clip: once in a life. It is not one that they may not vote on,
// nor one whose recording or truth they can know: linked people count as one.
func nextControl(tx core.App, deps *shell.Deps, now time.Time, policy engine.Policy, language, validator string) (clip string, ok bool, err error) {
	seen := struct {
		Good int `db:"good"`
		Bad  int `db:"bad"`
	}{}
	params := dbx.Params{"me": validator, "actor": "user:" + validator, "language": language, "exposures": policy.GoldExposures}
	if err := tx.DB().NewQuery(seenQuery).Bind(params).One(&seen); err != nil {
		return "", false, err
	}
	for _, truth := range gold.Order(gold.GoodNext(seen.Good, seen.Bad, policy.Onboarding), rand.Float64()) {
		var found struct {
			Clip string `db:"clip"`
			Gold string `db:"gold"`
		}
		params["truth"] = truthOf(truth)
		err := tx.DB().NewQuery(controlQuery()).Bind(params).One(&found)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return "", false, err
		}
		return found.Clip, true, expose(tx, now, found.Gold, found.Clip, validator)
	}
	return "", false, nil
}

const seenQuery = `
	SELECT COUNT(*) FILTER (WHERE g.truth = 'good') AS good, COUNT(*) FILTER (WHERE g.truth = 'bad') AS bad
	FROM gold_exposures e JOIN gold_clips g ON g.id = e.gold
	WHERE e.validator = {:me} AND g.language = {:language}`

// controlQuery finds the open control to hand out: one that has votes before one
// that has none, for they are to end, else any. A language has tens to hundreds of
// gold clips, each with one open control.
func controlQuery() string {
	return `
		SELECT t.clip, g.id AS gold
		FROM gold_clips g
		JOIN clip_tallies t ON t.gold = g.id AND t.gold != '' AND t.open = 1 AND t.ready = 1
		JOIN clips c ON c.id = t.clip AND c.hidden = 0
		JOIN clips s ON s.id = g.source
		WHERE g.state = 'active' AND g.language = {:language} AND g.truth = {:truth} AND g.exposures < {:exposures}
			AND t.owner != {:me} AND NOT ` + relatedTo("t.owner") + ` AND NOT ` + earnsFrom("{:me}", "s.parent") + `
			AND NOT EXISTS (SELECT 1 FROM gold_exposures WHERE gold = g.id AND validator = {:me})
			AND NOT EXISTS (SELECT 1 FROM relations r JOIN gold_exposures e ON e.gold = g.id AND e.validator = r.b WHERE r.a = {:me})
			AND NOT EXISTS (SELECT 1 FROM relations r JOIN gold_exposures e ON e.gold = g.id AND e.validator = r.a WHERE r.b = {:me})
			AND NOT EXISTS (SELECT 1 FROM assignments WHERE clip = g.source AND validator = {:me})
			AND NOT EXISTS (SELECT 1 FROM votes WHERE clip = g.source AND validator = {:me})
			AND NOT EXISTS (SELECT 1 FROM verdicts WHERE clip = g.source AND actor = {:actor})
		ORDER BY t.started DESC, RANDOM() LIMIT 1`
}

// expose remembers that the validator met the gold clip.
func expose(tx core.App, now time.Time, goldID, control, validator string) error {
	err := shell.Insert(tx, "gold_exposures", dbx.Params{
		"id": shell.NewID(), "gold": goldID, "validator": validator, "clip": control, "handed_at": shell.Stamp(now), "vote": "", "missed": false,
	})
	if err != nil {
		return err
	}
	_, err = shell.Exec(tx, "UPDATE gold_clips SET exposures = exposures + 1 WHERE id = {:gold}", dbx.Params{"gold": goldID})
	return err
}

// settleControl follows the verdict on a control: the language learns how right
// the crowd is, and the gold clip goes on. A control on which the votes did not
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
	return g.goOn(tx, deps, now)
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

// goOn keeps one control of an active gold clip open, until enough people met it.
func (g goldRow) goOn(tx core.App, deps *shell.Deps, now time.Time) error {
	if g.State != collections.GoldActive {
		return nil
	}
	policy, _, err := shell.ConsensusPolicy(tx, now, g.Language)
	if err != nil {
		return err
	}
	var open bool
	err = tx.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM clip_tallies WHERE gold = {:gold} AND gold != '' AND open = 1)").Bind(dbx.Params{"gold": g.ID}).Row(&open)
	switch {
	case err != nil || open:
		return err
	case g.Exposures >= policy.GoldExposures:
		return g.retire(tx, deps, now, "exposures")
	}
	return openControl(tx, now, g)
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
		if err := withdrawControls(tx, now, g.ID, true); err != nil {
			return err
		}
		return g.endControls(tx, deps, now)
	}
	return nil
}

// withdrawControls takes back controls of a gold clip: those that are open and
// have no votes, or all.
func withdrawControls(tx core.App, now time.Time, goldID string, unvoted bool) error {
	which := "SELECT clip FROM clip_tallies WHERE gold = {:gold} AND gold != ''"
	if unvoted {
		which += " AND open = 1 AND NOT EXISTS (SELECT 1 FROM votes WHERE votes.clip = clip_tallies.clip)"
	}
	params := dbx.Params{"gold": goldID, "now": shell.Stamp(now)}
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

// openRow is an open control as the sweep looks at it.
type openRow struct {
	Clip      string `db:"clip"`
	Gold      string `db:"gold"`
	Language  string `db:"language"`
	Created   string `db:"created"`
	Votes     int    `db:"votes"`
	Held      bool   `db:"held"`
	Exposures int64  `db:"exposures"`
}

// sweepControls ends open controls that nobody is left to vote on: those that
// waited for as long as any clip may, and those of gold clips that enough people
// met. Mostly there are none.
func sweepControls(app core.App, deps *shell.Deps) error {
	now := deps.Clock.Now()
	rows := []openRow{}
	err := app.ConcurrentDB().NewQuery(`
		SELECT t.clip, g.id AS gold, g.language, g.exposures, c.created, t.votes,
			EXISTS (SELECT 1 FROM assignments WHERE clip = t.clip AND state = 'live' AND lease_until > {:now}) AS held
		FROM gold_clips g JOIN clip_tallies t ON t.gold = g.id AND t.gold != '' AND t.open = 1 JOIN clips c ON c.id = t.clip
		WHERE g.state != 'retired'`).Bind(dbx.Params{"now": shell.Stamp(now)}).All(&rows)
	if err != nil {
		return err
	}
	policies := map[string]engine.Policy{}
	for _, row := range rows {
		policy, known := policies[row.Language]
		if !known {
			if policy, _, err = shell.ConsensusPolicy(app, now, row.Language); err != nil {
				return err
			}
			policies[row.Language] = policy
		}
		end, err := row.ends(policy, now)
		if err != nil {
			return err
		}
		if end == nil {
			continue
		}
		if err := app.RunInTransaction(func(tx core.App) error { return end(tx, deps, now) }); err != nil {
			return err
		}
	}
	return nil
}

// ends is how the control ends, or nil for one that goes on.
func (row openRow) ends(policy engine.Policy, now time.Time) (func(tx core.App, deps *shell.Deps, now time.Time) error, error) {
	created, err := shell.ParseStamp(row.Created)
	if err != nil {
		return nil, err
	}
	switch {
	case row.Votes > 0 && now.Sub(created) >= time.Duration(policy.EscalateHours)*time.Hour:
		return func(tx core.App, deps *shell.Deps, now time.Time) error { return endControl(tx, deps, now, row.Clip) }, nil
	case row.Votes == 0 && !row.Held && row.Exposures >= policy.GoldExposures:
		return func(tx core.App, deps *shell.Deps, now time.Time) error {
			g, err := findGold(tx, "id", row.Gold)
			if err != nil {
				return err
			}
			return g.retire(tx, deps, now, "exposures")
		}, nil
	}
	return nil, nil
}
