package consensus

import (
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// The queries of the re-estimate, for their plans.
const (
	LogQuery   = logQuery
	SinceQuery = sinceQuery
	OpenQuery  = openQuery
)

// Learn teaches one validator one lesson.
func Learn(tx core.App, now time.Time, validator, language, cause string, event crowd.Event) error {
	_, err := learn(tx, now, []lesson{{skillKey{validator, language}, cause, event}})
	return err
}

// Skill is a stored skill.
func Skill(app core.App, validator, language string) (crowd.Skill, error) {
	key := skillKey{validator, language}
	rows, err := loadSkills(app, []skillKey{key})
	return rows[key].skill(), err
}

// IsDue tells whether a language with so many new verdicts is due.
func IsDue(policy engine.Refit, verdicts int64, settled crowd.Mass, since time.Duration) bool {
	return isDue(policy, verdicts, settled, since)
}

// SweepRefit is one run of the sweep with its round, to the end.
func SweepRefit(app core.App, deps *shell.Deps) error {
	r := &refitter{deps: deps}
	err := r.begin(app)
	r.round.Wait()
	return err
}

// SweepRefitWhileStopping is a run of the sweep after the server was told to stop.
func SweepRefitWhileStopping(app core.App, deps *shell.Deps) error {
	r := &refitter{deps: deps}
	r.stop()
	err := r.begin(app)
	r.round.Wait()
	return err
}

// VerifySkills is what [Verify] finds wrong with the stored skills alone.
func VerifySkills(db dbx.Builder) ([]Finding, error) {
	v := &verifier{db: db}
	if err := v.history(); err != nil {
		return nil, err
	}
	v.report = Report{}
	err := v.skills()
	return v.report.Findings, err
}

// Rule writes an expert's verdict and returns its id.
func Rule(app core.App, deps *shell.Deps, clip string, outcome engine.Outcome) (verdict string, err error) {
	err = app.RunInTransaction(func(tx core.App) error {
		r, _, err := consider(tx, deps.Clock.Now(), clip)
		if err != nil {
			return err
		}
		r.by, r.explanation = collections.ByExpert, r.explanation.Expert(outcome, "")
		verdicts, err := settle(tx, deps, deps.Clock.Now(), []ruling{r})
		if err == nil {
			verdict = verdicts[0]
		}
		return err
	})
	return verdict, err
}
