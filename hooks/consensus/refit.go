package consensus

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"golang.org/x/sync/errgroup"

	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
	"github.com/lingualink/lingualink/internal/fault"
)

const (
	refitEvery    = time.Minute // how often it is looked whether one is due
	leastVerdicts = 20          // new verdicts before their share makes one due
)

// States of a re-estimate.
const (
	FitAccepted  = "accepted"
	FitRefused   = "refused"
	FitOvertaken = "overtaken" // another one of the language came between: nothing was written
)

// Fit is a re-estimate of all skills of a language.
type Fit struct {
	ID            string  `json:"id,omitempty"` // of its row; empty if nothing was written
	Language      string  `json:"language"`
	State         string  `json:"state"`
	Reason        string  `json:"reason,omitempty"` // why it was refused
	PolicyVersion int64   `json:"policy_version"`
	Clips         int     `json:"clips"`
	Votes         int64   `json:"votes"`
	Validators    int     `json:"validators"`
	Iterations    int     `json:"iterations"`
	GoodShare     float64 `json:"good_share"`
	Changed       int     `json:"changed"` // skills that it changes
	Audits        int     `json:"audits"`  // verdicts that it sends to the experts
}

// Refit re-estimates the languages, several at a time, and puts what the guards
// accept into force; a dry run writes nothing. The fits are in the order of the
// languages. One that fails leaves the others alone.
func Refit(ctx context.Context, app core.App, deps *shell.Deps, languages []string, dryRun bool) ([]Fit, error) {
	fits, failures := make([]Fit, len(languages)), make([]error, len(languages))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, language := range languages {
		group.Go(func() error {
			fits[i], failures[i] = refit(ctx, app, deps, language, dryRun)
			return nil
		})
	}
	return fits, errors.Join(group.Wait(), errors.Join(failures...))
}

// refit re-estimates one language; a panic in it must not end the server.
func refit(ctx context.Context, app core.App, deps *shell.Deps, language string, dryRun bool) (fit Fit, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("re-estimating %s panicked: %v\n%s", language, r, debug.Stack())
		}
	}()
	proposal, err := Propose(ctx, app, deps, language)
	switch {
	case err != nil:
		return Fit{}, err
	case dryRun:
		return proposal.Fit, nil
	default:
		return proposal.Commit(app, deps)
	}
}

// refitter re-estimates in the background, one round at a time: reading and
// reckoning take seconds where there are millions of votes, and the outbox is not
// to wait for that.
type refitter struct {
	deps *shell.Deps

	mu      sync.Mutex
	running bool
	stopped bool
	cancel  context.CancelFunc
	round   sync.WaitGroup
}

func registerRefit(app core.App, deps *shell.Deps) {
	r := &refitter{deps: deps}
	deps.Outbox.Sweep("skills.refit", refitEvery, r.begin)
	deps.Outbox.Handle(jobRescore, shell.JobHandler{
		InTx: func(tx core.App, job shell.Job) error { return rescore(tx, deps, job) },
	})
	app.OnTerminate().Bind(&hook.Handler[*core.TerminateEvent]{
		Id: "ll.consensus.refit.stop",
		Func: func(e *core.TerminateEvent) error {
			r.stop()
			return e.Next()
		},
	})
}

// begin starts a round for the languages that are due, unless one is under way.
func (r *refitter) begin(app core.App) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running || r.stopped {
		return nil
	}
	languages, err := DueForRefit(app, r.deps.Clock.Now())
	if err != nil || len(languages) == 0 {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.running, r.cancel = true, cancel
	r.round.Go(func() {
		if _, err := Refit(ctx, app, r.deps, languages, false); err != nil && ctx.Err() == nil {
			app.Logger().Error("re-estimating skills failed", "error", err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.running = false
		cancel()
	})
	return nil
}

// stop ends the round under way. What it has not written by now it does not
// write: the languages are still due when a server starts.
func (r *refitter) stop() {
	r.mu.Lock()
	r.stopped = true
	if r.cancel != nil {
		r.cancel()
	}
	r.mu.Unlock()
	r.round.Wait()
}

// DueForRefit lists the languages whose skills are to be re-estimated: those
// with a new verdict whose last re-estimate is long ago, and those with many new
// verdicts.
func DueForRefit(app core.App, now time.Time) ([]string, error) {
	rows := []struct {
		Language string     `db:"language"`
		Verdicts int64      `db:"verdicts"`
		Settled  crowd.Mass `db:"settled"`
		FittedAt string     `db:"fitted_at"`
	}{}
	err := app.DB().NewQuery("SELECT language, verdicts, settled, fitted_at FROM language_stats WHERE verdicts > 0 ORDER BY language").All(&rows)
	if err != nil {
		return nil, err
	}
	due := []string{}
	for _, row := range rows {
		policy, _, err := shell.ConsensusPolicy(app, now, row.Language)
		if err != nil {
			return nil, err
		}
		at, err := shell.ParseStamp(row.FittedAt)
		if err != nil {
			return nil, err
		}
		if isDue(policy.Refit, row.Verdicts, row.Settled, now.Sub(at)) {
			due = append(due, row.Language)
		}
	}
	return due, nil
}

// isDue decides by the verdicts since the last re-estimate. All verdicts of the
// language are taken to be as many as its settled clips, which are counted.
func isDue(policy engine.Refit, verdicts int64, settled crowd.Mass, since time.Duration) bool {
	switch {
	case verdicts == 0:
		return false
	case since >= time.Duration(policy.FitHours)*time.Hour:
		return true
	default:
		return verdicts >= leastVerdicts && float64(verdicts) >= policy.FitShare*settled.Answers()
	}
}

// FitLanguage is a language whose skills can be re-estimated.
type FitLanguage struct {
	ID   string `db:"id"`
	Code string `db:"code"`
}

// FitLanguages finds the language of a code, fault.LanguageUnknown if it is not
// there; without a code, all in which there are votes.
func FitLanguages(app core.App, code string) ([]FitLanguage, error) {
	found := []FitLanguage{}
	query := app.DB().Select("id", "code").From("languages l").OrderBy("code")
	if code == "" {
		query.Where(dbx.NewExp("EXISTS (SELECT 1 FROM clip_tallies t WHERE t.language = l.id AND t.votes > 0)"))
	} else {
		query.Where(dbx.HashExp{"code": code})
	}
	if err := query.All(&found); err != nil {
		return nil, err
	}
	if code != "" && len(found) == 0 {
		return nil, fault.LanguageUnknown.On("language").Saying("There is no language " + code + ".")
	}
	return found, nil
}
