package consensus

import (
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// What the tests of trust look into.
var (
	DuePairsQuery = duePairsQuery
	TaughtQuery   = taughtQuery
	NewAssessor   = newAssessor
	Sweep         = (*assessor).sweep
)

// LookPairs is how many validators are read at once.
const LookPairs = lookPairs

// Teach plants lessons from answers on clips of known truth, as controls do.
func Teach(app core.App, now time.Time, validator, language string, answers ...crowd.Event) error {
	lessons := make([]lesson, len(answers))
	for i, event := range answers {
		lessons[i] = lesson{skillKey{validator, language}, shell.NewID(), event}
	}
	return app.RunInTransaction(func(tx core.App) error {
		_, err := learn(tx, now, lessons)
		return err
	})
}

// AssessLate assesses a validator as a sweep does that looked for who is due
// before the validator was ever assessed.
func AssessLate(app core.App, deps *shell.Deps, validator, language string) error {
	now := deps.Clock.Now()
	policy, version, err := shell.ConsensusPolicy(app, now, language)
	if err != nil {
		return err
	}
	by := assessment{deps: deps, now: now, language: language, policy: policy, version: version}
	return by.all(app, []duePair{{Validator: validator}})
}
