package consensus

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

const (
	// contradiction is how far, in log odds, a re-estimate must be on the other
	// side of a verdict to have an expert look at it.
	contradiction = crowd.LogOdds(4e9)
	mostAudits    = 20   // verdicts that one re-estimate sends to the experts
	lessonBatch   = 5000 // lessons that are written by one statement
)

// Proposal is a re-estimate of which nothing is written yet.
type Proposal struct {
	Fit
	seen    *snapshot
	good    crowd.Mass // of the settled clips
	settled crowd.Mass
	learned []crowd.Counts // by voter
	audits  []audit
}

// audit is a verdict that the votes strongly contradict.
type audit struct {
	place   int64         // clip_tallies.seq
	against crowd.LogOdds // how strongly
}

// Propose reads the votes of a language as they are at one moment and
// re-estimates everybody's skill by them. It writes nothing, holds nobody up and
// needs no transaction.
func Propose(ctx context.Context, app core.App, deps *shell.Deps, language string) (*Proposal, error) {
	policy, version, err := shell.ConsensusPolicy(app, deps.Clock.Now(), language)
	if err != nil {
		return nil, err
	}
	seen, err := observe(ctx, app, language)
	if err != nil {
		return nil, err
	}
	estimate := seen.log.Estimate(&policy.Policy)
	p := &Proposal{seen: seen, good: estimate.Good, settled: estimate.Settled, learned: make([]crowd.Counts, len(seen.voters))}
	for n, skill := range estimate.Skills {
		p.learned[n] = skill.Learned
	}
	p.Fit = Fit{
		Language: language, State: FitAccepted, PolicyVersion: version,
		Clips: len(seen.places), Votes: seen.votes, Validators: seen.validators(), Iterations: estimate.Iterations,
		GoodShare: policy.Share(crowd.Language{Good: estimate.Good, Settled: estimate.Settled}),
	}
	if err := estimate.Check(&seen.log, &policy.Policy, seen.skills, seen.stats.known()); err != nil {
		p.State, p.Reason = FitRefused, err.Error()
	} else {
		p.audits = seen.contradicted(estimate)
		p.Changed, p.Audits = len(p.lessons("", nil)), len(p.audits)
	}
	seen.log, seen.places, seen.verdicts = crowd.Log{}, nil, nil // the largest part, done with
	return p, ctx.Err()
}

// contradicted are the verdicts that the estimate is surest are wrong, the
// surest first.
func (s *snapshot) contradicted(estimate crowd.Estimate) []audit {
	audits := []audit{}
	for i, verdict := range s.verdicts {
		if against := -estimate.LogOdds[i] * crowd.LogOdds(verdict); against > contradiction {
			audits = append(audits, audit{s.places[i], against})
		}
	}
	slices.SortFunc(audits, func(a, b audit) int {
		return cmp.Or(cmp.Compare(b.against, a.against), cmp.Compare(a.place, b.place))
	})
	return audits[:min(len(audits), mostAudits)]
}

// Commit puts an accepted re-estimate into force, in one transaction, and records
// a refused one. What was learned and settled since the proposal's moment is kept.
// If another re-estimate of the language was recorded since, nothing is written.
func (p *Proposal) Commit(app core.App, deps *shell.Deps) (Fit, error) {
	fit, now := p.Fit, deps.Clock.Now()
	err := app.RunInTransaction(func(tx core.App) error {
		current, err := p.supersede(tx, now)
		if err != nil {
			return err
		}
		if !current {
			fit.State, fit.Reason = FitOvertaken, "another re-estimate came between"
			return nil
		}
		fit.ID = shell.NewID()
		if err := fit.record(tx, now, p.seen.seq); err != nil || fit.State == FitRefused {
			return err
		}
		if fit.Changed, err = p.teach(tx, now, fit.ID); err != nil {
			return err
		}
		if fit.Audits, err = p.audit(tx, deps, now); err != nil {
			return err
		}
		return deps.Outbox.Enqueue(tx, firstRescore(fit))
	})
	if err != nil {
		return Fit{}, err
	}
	if fit.State == FitAccepted {
		app.Logger().Info("skills were re-estimated", "language", fit.Language, "fit", fit.ID, "votes", fit.Votes, "changed", fit.Changed)
	} else {
		app.Logger().Warn("a re-estimate of skills was not put into force", "language", fit.Language, "state", fit.State, "reason", fit.Reason)
	}
	return fit, nil
}

// supersede takes the place of the re-estimate before, unless another one has.
// What is known about the language becomes what was found, and what came since:
// every clip that was settled after the moment of the snapshot is added again.
func (p *Proposal) supersede(tx core.App, now time.Time) (bool, error) {
	if err := addToLanguage(tx, p.Language, dbx.Params{"verdicts": 0}); err != nil {
		return false, err
	}
	seen, good, settled := p.seen.stats, int64(p.good), int64(p.settled)
	if p.State == FitRefused {
		good, settled = seen.Good, seen.Settled
	}
	changed, err := shell.Exec(tx, `
		UPDATE language_stats SET fitted_at = {:now}, verdicts = verdicts - {:verdicts}, good = good + {:good}, settled = settled + {:settled}
		WHERE language = {:language} AND fitted_at = {:before}`,
		dbx.Params{
			"now": shell.Stamp(now), "verdicts": seen.Verdicts, "good": good - seen.Good, "settled": settled - seen.Settled,
			"language": p.Language, "before": p.seen.fittedAt,
		})
	if err != nil || changed == 0 {
		return false, err
	}
	return true, putIntoForce(tx, p.Language)
}

// record inserts the row of the re-estimate.
func (fit Fit) record(tx core.App, now time.Time, seq int64) error {
	return shell.Insert(tx, "fits", dbx.Params{
		"id": fit.ID, "language": fit.Language, "state": fit.State, "reason": fit.Reason, "policy_version": fit.PolicyVersion,
		"clips": fit.Clips, "votes": fit.Votes, "validators": fit.Validators, "iterations": fit.Iterations,
		"good_share": fit.GoodShare, "seq": seq, "created": shell.Stamp(now),
	})
}

// teach gives everybody whose skill changes a lesson, and returns how many.
func (p *Proposal) teach(tx core.App, now time.Time, fit string) (int, error) {
	since, err := eventsSince(tx, p.Language, p.seen.seq)
	if err != nil {
		return 0, err
	}
	lessons := p.lessons(fit, since)
	for batch := range slices.Chunk(lessons, lessonBatch) {
		if err := replaceLearned(tx, now, batch); err != nil {
			return 0, err
		}
	}
	return len(lessons), nil
}

// replaceLearned is [learn] for the lessons of one re-estimate, one for each
// person. It replaces what was learned and leaves gold alone, so no skill need be
// read first, and the rows travel as one value instead of a thousand variables:
// that takes the only writer half the time.
func replaceLearned(tx core.App, now time.Time, lessons []lesson) error {
	rows := make([][]any, len(lessons))
	for i, l := range lessons {
		c := l.event.Counts
		rows[i] = []any{shell.NewID(), l.validator, c.TP, c.FN, c.TN, c.FP}
	}
	packed, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	var seq int64
	if err := tx.DB().NewQuery("SELECT COALESCE(MAX(seq), 0) FROM skill_events").Row(&seq); err != nil {
		return err
	}
	params := dbx.Params{
		"rows": string(packed), "next": seq + 1, "language": lessons[0].language,
		"source": string(crowd.FromFit), "cause": lessons[0].cause, "created": shell.Stamp(now),
	}
	for _, statement := range []string{
		`INSERT INTO skill_events (id, seq, validator, language, source, cause, tp, fn, tn, fp, created)
		SELECT value->>0, {:next} + key, value->>1, {:language}, {:source}, {:cause}, value->>2, value->>3, value->>4, value->>5, {:created}
		FROM json_each({:rows}) ORDER BY key`,
		`INSERT INTO skills (id, seq, validator, language, learned_tp, learned_fn, learned_tn, learned_fp)
		SELECT value->>0, {:next} + key, value->>1, {:language}, value->>2, value->>3, value->>4, value->>5 FROM json_each({:rows}) WHERE true
		ON CONFLICT (validator, language) DO UPDATE SET seq = excluded.seq, learned_tp = excluded.learned_tp,
			learned_fn = excluded.learned_fn, learned_tn = excluded.learned_tn, learned_fp = excluded.learned_fp`,
	} {
		if _, err := shell.Exec(tx, statement, params); err != nil {
			return err
		}
	}
	return nil
}

// lessons are what the re-estimate teaches, by validator. A lesson replaces what
// was learned, so it holds what was learned since, too; who began anew since
// keeps only that.
func (p *Proposal) lessons(fit string, since map[string][]crowd.Event) []lesson {
	lessons := []lesson{}
	for n, voter := range p.seen.voters {
		if voter.former {
			continue
		}
		before, after := p.seen.skills[n], crowd.Skill{Learned: p.learned[n]}
		for _, event := range since[voter.id] {
			before, after = before.Apply(event), after.Apply(event)
		}
		if after.Learned != before.Learned {
			lessons = append(lessons, lesson{skillKey{voter.id, p.Language}, fit, crowd.Event{Source: crowd.FromFit, Counts: after.Learned}})
		}
	}
	slices.SortFunc(lessons, func(a, b lesson) int { return cmp.Compare(a.validator, b.validator) })
	return lessons
}

// eventRow is a line of the history of skills.
type eventRow struct {
	Seq       int64        `db:"seq"`
	Validator string       `db:"validator"`
	Language  string       `db:"language"`
	Source    crowd.Source `db:"source"`
	Cause     string       `db:"cause"`
	TP        crowd.Mass   `db:"tp"`
	FN        crowd.Mass   `db:"fn"`
	TN        crowd.Mass   `db:"tn"`
	FP        crowd.Mass   `db:"fp"`
}

const eventColumns = "e.seq, e.validator, e.language, e.source, e.cause, e.tp, e.fn, e.tn, e.fp"

func (row eventRow) event() crowd.Event {
	return crowd.Event{Source: row.Source, Counts: crowd.Counts{TP: row.TP, FN: row.FN, TN: row.TN, FP: row.FP}}
}

// sinceQuery has a plus, so that the index of the language, with all its
// history, is left alone.
const sinceQuery = "SELECT " + eventColumns + " FROM skill_events e WHERE e.seq > {:seq} AND +e.language = {:language} ORDER BY e.seq"

// eventsSince is what was learned in the language after the event with that
// number, by validator.
func eventsSince(tx core.App, language string, seq int64) (map[string][]crowd.Event, error) {
	rows := []eventRow{}
	err := tx.DB().NewQuery(sinceQuery).Bind(dbx.Params{"seq": seq, "language": language}).All(&rows)
	since := map[string][]crowd.Event{}
	for _, row := range rows {
		since[row.Validator] = append(since[row.Validator], row.event())
	}
	return since, err
}

// audit has experts look at the verdicts that the re-estimate contradicts, where
// they are still in force, and returns how many.
func (p *Proposal) audit(tx core.App, deps *shell.Deps, now time.Time) (int, error) {
	opened := 0
	for _, doubtful := range p.audits {
		var clip string
		err := tx.DB().NewQuery(`
			SELECT c.id FROM clip_tallies t JOIN clips c ON c.id = t.clip
			JOIN verdicts d ON d.clip = c.id AND d.revision = (SELECT MAX(revision) FROM verdicts WHERE clip = c.id)
			WHERE t.seq = {:place} AND d.[[by]] = {:crowd} AND d.outcome = c.status`).
			Bind(dbx.Params{"place": doubtful.place, "crowd": collections.ByCrowd}).Row(&clip)
		if errors.Is(err, sql.ErrNoRows) {
			continue // withdrawn, or superseded
		}
		if err != nil {
			return 0, err
		}
		if err := escalate(tx, deps, now, clip, collections.CauseAudit); err != nil {
			return 0, err
		}
		opened++
	}
	return opened, nil
}
