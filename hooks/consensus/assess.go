package consensus

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
	"github.com/lingualink/lingualink/internal/consensus/trust"
)

const (
	assessEvery = 5 * time.Second
	assessBatch = 10  // assessments in one transaction, each with the pay that it settles
	lookPairs   = 200 // validators read at once
	maxAssessed = 200 // assessments in one sweep, so that jobs get their turn

	jobSettleAccrued = "trust.settle"
)

// assessor finds the validators that are due for an assessment. What it keeps is
// a shortcut only: a new one, after a restart, reads everything once.
type assessor struct {
	deps *shell.Deps

	mu   sync.Mutex
	done map[string]passed // by language
}

// passed is up to which lesson nobody of a language is due under a version of
// the policy, until a new lesson comes.
type passed struct{ version, seq int64 }

func registerAssessments(deps *shell.Deps) {
	a := newAssessor(deps)
	deps.Outbox.Sweep("trust.assess", assessEvery, a.sweep)
	deps.Outbox.Handle(jobSettleAccrued, shell.JobHandler{InTx: func(tx core.App, job shell.Job) error {
		var rest accruedRest
		if err := json.Unmarshal(job.Raw, &rest); err != nil {
			return err
		}
		return settleAccrued(tx, deps, rest)
	}})
}

func newAssessor(deps *shell.Deps) *assessor {
	return &assessor{deps: deps, done: map[string]passed{}}
}

// AssessDue assesses every validator who is due, a batch per transaction.
//
// Somebody is due in a language assess_s after the last of a few lessons
// ([trust.Lessons]) that came since the last assessment. So there is at least
// assess_s between an answer and what it changes, no assessment rests on a single
// new answer, and what a person sees of their own skill does not tell which of
// their answers was measured.
func AssessDue(app core.App, deps *shell.Deps) error { return newAssessor(deps).sweep(app) }

func (a *assessor) sweep(app core.App) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	rows := []struct {
		ID  string `db:"id"`
		Seq int64  `db:"seq"`
	}{}
	if err := app.ConcurrentDB().NewQuery(taughtQuery).All(&rows); err != nil {
		return err
	}
	left := maxAssessed
	problems := []error{}
	for _, row := range rows {
		if row.Seq == 0 || left == 0 {
			continue
		}
		assessed, err := a.language(app, row.ID, row.Seq, left)
		problems = append(problems, err)
		left -= assessed
	}
	return errors.Join(problems...)
}

// taughtQuery reads the last lesson of every language.
const taughtQuery = "SELECT l.id, COALESCE((SELECT MAX(s.seq) FROM skills s WHERE s.language = l.id), 0) AS seq FROM languages l"

// duePair is a validator with lessons since the last assessment.
type duePair struct {
	Validator string `db:"validator"`
	Seq       int64  `db:"seq"`      // of the last lesson
	Assessed  int64  `db:"assessed"` // of the last lesson of the last assessment
	// Enough is when the lesson came with which there are enough, or empty.
	Enough string `db:"enough"`
}

// duePairsQuery reads the validators of a language in the order of their last lesson.
func duePairsQuery() string {
	return `
		SELECT s.validator, s.seq, COALESCE(t.seq, 0) AS assessed, COALESCE((
			SELECT e.created FROM skill_events e
			WHERE e.language = s.language AND e.validator = s.validator AND e.seq > COALESCE(t.seq, 0)
			ORDER BY e.seq LIMIT 1 OFFSET {:lessons} - 1), '') AS enough
		FROM skills s LEFT JOIN trust t ON t.validator = s.validator AND t.language = s.language
		WHERE s.language = {:language} AND s.seq > {:after} AND s.seq > COALESCE(t.seq, 0)
		ORDER BY s.seq LIMIT {:batch}`
}

// language assesses up to most validators of a language, whose last lesson is
// seq, and returns how many.
func (a *assessor) language(app core.App, language string, seq int64, most int) (int, error) {
	by := assessment{deps: a.deps, now: a.deps.Clock.Now(), language: language}
	var err error
	if by.policy, by.version, err = shell.ConsensusPolicy(app, by.now, language); err != nil {
		return 0, err
	}
	done := a.done[language]
	if done.version != by.version {
		done = passed{version: by.version}
	}
	if done.seq >= seq {
		return 0, nil
	}
	due, done, err := by.due(app, done, seq, most)
	if err != nil {
		return 0, err
	}
	a.done[language] = done
	return len(due), by.each(app, due)
}

// assessment is what validators of a language are assessed by.
type assessment struct {
	deps     *shell.Deps
	now      time.Time
	language string
	policy   engine.Policy
	version  int64
}

// due finds up to most validators who are due, after those passed already and
// at least up to the lesson seq. Whoever has too few lessons is passed as well:
// the next lesson brings them back.
func (by assessment) due(app core.App, done passed, seq int64, most int) ([]duePair, passed, error) {
	ripe := shell.Stamp(by.now.Add(-time.Duration(by.policy.AssessS) * time.Second))
	params := dbx.Params{"language": by.language, "lessons": trust.Lessons(&by.policy), "after": done.seq, "batch": lookPairs}
	due, waiting := []duePair{}, false
	for {
		pairs := []duePair{}
		if err := app.ConcurrentDB().NewQuery(duePairsQuery()).Bind(params).All(&pairs); err != nil {
			return nil, done, err
		}
		for _, pair := range pairs {
			params["after"] = pair.Seq
			if pair.Enough == "" {
				continue
			}
			if !waiting {
				waiting, done.seq = true, pair.Seq-1
			}
			if pair.Enough <= ripe {
				due = append(due, pair)
			}
			if len(due) == most {
				return due, done, nil
			}
		}
		if len(pairs) < lookPairs {
			break
		}
	}
	if !waiting {
		done.seq = seq
	}
	return due, done, nil
}

// each assesses in batches. If one of a batch spoils the transaction, the others
// are assessed without it.
func (by assessment) each(app core.App, due []duePair) error {
	problems := []error{}
	for batch := range slices.Chunk(due, assessBatch) {
		if by.all(app, batch) == nil {
			continue
		}
		for i, pair := range batch {
			if err := by.all(app, batch[i:i+1]); err != nil {
				problems = append(problems, fmt.Errorf("assessing %s: %w", pair.Validator, err))
			}
		}
	}
	return errors.Join(problems...)
}

func (by assessment) all(app core.App, batch []duePair) error {
	return app.RunInTransaction(func(tx core.App) error {
		language, err := loadLanguage(tx, by.language)
		if err != nil {
			return err
		}
		for _, pair := range batch {
			if err := by.one(tx, language.language().Language, pair); err != nil {
				return err
			}
		}
		return nil
	})
}

// one writes the assessment of a validator with all that follows from it, unless
// somebody else did meanwhile.
func (by assessment) one(tx core.App, language crowd.Language, pair duePair) error {
	key := skillKey{pair.Validator, by.language}
	row, err := trustRow(tx, key)
	if err != nil || int64(row.GetInt("seq")) != pair.Assessed {
		return err
	}
	skills, err := loadSkills(tx, []skillKey{key})
	if err != nil {
		return err
	}
	skill := skills[key]
	before := trust.Assessment{State: trust.State(row.GetString("state")), Tier: trust.Tier(row.GetString("tier"))}
	after := trust.Assess(&by.policy, language, skill.skill())
	by.fill(row, after, skill.Seq)
	if err := tx.SaveNoValidate(row); err != nil {
		return err
	}
	if err := tellTrust(tx, by.deps, row, before, after); err != nil {
		return err
	}
	if before.State != after.State {
		err := OnTrustChange(tx).Trigger(&TrustEvent{
			App: tx, Validator: key.validator, Language: key.language, From: string(before.State), To: string(after.State), At: by.now,
		})
		if err != nil {
			return err
		}
	}
	if after.State != trust.Unproven {
		err := settleAccrued(tx, by.deps, accruedRest{Accrued: ledger.Accrued{
			User: key.validator, Language: key.language, FactorBps: after.PayBps, ConsensusVersion: by.version, SkillSeq: skill.Seq,
		}})
		if err != nil {
			return err
		}
	}
	return updateRank(tx, by.deps, by.now, key.validator, skill.Seq)
}

// fill brings what was found into the row that the person reads.
func (by assessment) fill(row *core.Record, a trust.Assessment, seq int64) {
	row.Set("state", string(a.State))
	row.Set("tier", string(a.Tier))
	row.Set("accuracy", a.Accuracy)
	row.Set("low", a.Low)
	row.Set("high", a.High)
	row.Set("answers", a.Answers)
	row.Set("pay_bps", a.PayBps)
	row.Set("seq", seq)
	row.Set("policy_version", by.version)
	row.Set("assessed_at", by.now)
}

// accruedRest is what is still to be settled of an assessment.
type accruedRest struct {
	ledger.Accrued
	Part int `json:"part"`
}

// settleAccrued pays what waited for the assessment. More than the ledger takes
// at once continues in jobs, at the same factor.
func settleAccrued(tx core.App, deps *shell.Deps, rest accruedRest) error {
	more, err := ledger.SettleAccrued(tx, deps, rest.Accrued)
	if err != nil || !more {
		return err
	}
	rest.Part++
	return deps.Outbox.Enqueue(tx, shell.Job{
		Kind: jobSettleAccrued, Key: fmt.Sprintf("%s:%s:%d:%d", rest.User, rest.Language, rest.SkillSeq, rest.Part), Payload: rest,
	})
}

// tellTrust lets a person know that they are proven, in another tier or excluded
// now, once per assessment.
func tellTrust(tx core.App, deps *shell.Deps, row *core.Record, before, after trust.Assessment) error {
	notice := shell.Notice{
		User: row.GetString("validator"),
		Data: map[string]any{"language": row.GetString("language"), "state": string(after.State), "tier": string(after.Tier)},
	}
	switch {
	case after.State == trust.Unproven, after.State == before.State && after.Tier == before.Tier:
		return nil
	case after.State == trust.Excluded:
		notice.Kind, notice.Title = "trust_excluded", "Your votes do not count at the moment"
		notice.Body = "In this language your answers do not tell good recordings from bad ones, so they are neither counted nor paid. " + wayBack
	case after.State != before.State:
		notice.Kind, notice.Title = "trust_proven", "Enough is known about your answers"
		notice.Body = "You can see now how accurate you are in this language. What was waiting for this in your wallet is settled."
	default:
		notice.Kind, notice.Title = "trust_tier", "Your tier is "+string(after.Tier)+" now"
		notice.Body = "The tier follows from how many answers you gave in this language and how accurate they are."
	}
	return shell.Notify(tx, deps, fmt.Sprintf("trust:%s:%d", row.Id, row.GetInt("seq")), notice)
}

// wayBack is what somebody who is excluded can do.
const wayBack = "Take the onboarding again and listen for what is asked there, or ask for a review if you think that this is wrong."
