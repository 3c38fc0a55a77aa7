package shell

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/collections"
)

const (
	jobLease       = time.Minute
	jobBatch       = 50
	mostTogether   = 16               // bounds how long the only writer is held
	outsideTimeout = 45 * time.Second // below the lease
	defaultTries   = 12
	maxBackoff     = time.Hour
	drainEvery     = time.Second
	gatherFor      = 50 * time.Millisecond
	doneKeptDays   = 30
)

// errLostJob means that somebody else finished or took over the job.
var errLostJob = errors.New("the job is no longer ours")

// Job is one effect to happen after a decision, exactly one per kind and key.
type Job struct {
	ID       string
	Kind     string
	Key      string
	Payload  any             // on the way in
	Raw      json.RawMessage // on the way out
	Attempts int
	RunAt    time.Time // zero: now
}

// JobHandler runs the jobs of one kind. Exactly one of InTx and Outside is set.
type JobHandler struct {
	// InTx writes to the database, in the transaction that marks the job done:
	// its effect happens exactly once, whatever crashes.
	InTx func(tx core.App, job Job) error
	// Outside talks to the world. It may be repeated after a crash, so it must
	// carry a key that its receiver recognises.
	Outside func(ctx context.Context, app core.App, job Job) error
	// MaxTries is how often a job is tried before it is dead; 0 is 12.
	MaxTries int
}

// Outbox is the table jobs and its worker. Rows are written in the transaction
// of their cause and drained by one worker with retries, growing pauses and
// dead letters. A worker that dies loses its jobs when their lease ends.
type Outbox struct {
	clock    *Clock
	worker   string
	handlers map[string]JobHandler
	sweeps   []sweep
	rounds   []*round
	wake     chan struct{}

	mu      sync.Mutex
	stop    context.CancelFunc
	stopped chan struct{}
}

type sweep struct {
	id    string
	every time.Duration
	last  time.Time
	run   func(app core.App) error
}

// NewOutbox returns an outbox without handlers.
func NewOutbox(clock *Clock) *Outbox {
	return &Outbox{clock: clock, worker: NewID(), handlers: map[string]JobHandler{}, wake: make(chan struct{}, 1)}
}

// Handle sets the handler of a kind; called while the areas register.
func (o *Outbox) Handle(kind string, handler JobHandler) {
	if (handler.InTx == nil) == (handler.Outside == nil) {
		panic("shell: job " + kind + " needs exactly one of InTx and Outside")
	}
	if handler.MaxTries == 0 {
		handler.MaxTries = defaultTries
	}
	o.handlers[kind] = handler
}

// Sweep runs fn about every so often, one run at a time, for work that is due by
// time and not by an event. A failing sweep is logged and tried again.
func (o *Outbox) Sweep(id string, every time.Duration, fn func(app core.App) error) {
	o.sweeps = append(o.sweeps, sweep{id: id, every: every, run: fn})
}

// Enqueue writes the job in the transaction of its cause and wakes the worker
// after the commit. A job whose kind and key exist already is not made again.
func (o *Outbox) Enqueue(tx core.App, job Job) error {
	if err := mustBeInTransaction(tx); err != nil {
		return err
	}
	if _, ok := o.handlers[job.Kind]; !ok {
		return fmt.Errorf("nobody handles jobs of kind %q", job.Kind)
	}
	payload, err := json.Marshal(job.Payload)
	if err != nil {
		return fmt.Errorf("job %s: %w", job.Kind, err)
	}
	now := o.clock.Now()
	runAt := job.RunAt
	if runAt.IsZero() {
		runAt = now
	}
	_, err = Exec(tx, `
		INSERT INTO jobs (id, kind, effect_key, payload, state, attempts, run_at, lease_until, worker, last_error, finished_at, created)
		VALUES ({:id}, {:kind}, {:key}, {:payload}, 'queued', 0, {:run_at}, '', '', '', '', {:now})
		ON CONFLICT (kind, effect_key) DO NOTHING`,
		dbx.Params{"id": RowID(now), "kind": job.Kind, "key": job.Key, "payload": string(payload), "run_at": Stamp(runAt), "now": Stamp(now)})
	if err != nil {
		return err
	}
	AfterCommit(tx, o.Wake)
	return nil
}

// Wake makes the worker look for jobs now.
func (o *Outbox) Wake() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// Start takes over what a killed worker left and begins to drain. The caller
// holds the lock of the data directory, so nobody else is running.
func (o *Outbox) Start(app core.App) error {
	if _, err := Exec(app, "UPDATE jobs SET state = 'queued', worker = '', lease_until = '' WHERE state = 'running'", nil); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	o.mu.Lock()
	o.stop, o.stopped = cancel, make(chan struct{})
	o.mu.Unlock()
	go o.loop(ctx, app, o.stopped)
	return nil
}

// Stop waits for the running job and ends the worker.
func (o *Outbox) Stop() {
	o.mu.Lock()
	stop, stopped := o.stop, o.stopped
	o.stop = nil
	o.mu.Unlock()
	if stop != nil {
		stop()
		<-stopped
	}
}

func (o *Outbox) loop(ctx context.Context, app core.App, stopped chan<- struct{}) {
	defer close(stopped)
	defer o.startRounds(ctx, app).Wait()
	ticker := time.NewTicker(drainEvery)
	defer ticker.Stop()
	for {
		if _, err := o.Drain(ctx, app); err != nil && ctx.Err() == nil {
			app.Logger().Error("outbox: draining failed", "error", err)
		}
		o.runSweeps(ctx, app)
		select {
		case <-ctx.Done():
			return
		case <-o.wake:
			o.gather(ctx)
		case <-ticker.C:
		}
	}
}

// gather lets the jobs of the next decisions come too, so that under load jobs
// share transactions with each other and leave the writer to the decisions.
func (o *Outbox) gather(ctx context.Context) {
	timer := time.NewTimer(gatherFor)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (o *Outbox) runSweeps(ctx context.Context, app core.App) {
	for i := range o.sweeps {
		s := &o.sweeps[i]
		if ctx.Err() != nil || time.Since(s.last) < s.every {
			continue
		}
		s.last = time.Now()
		if err := s.try(app); err != nil {
			app.Logger().Error("sweep failed", "sweep", s.id, "error", err)
		}
	}
}

// try runs the sweep; a panic in it must not end the server.
func (s *sweep) try(app core.App) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the sweep panicked: %v", r)
		}
	}()
	return s.run(app)
}

// Drain runs every job that is due and returns how many it finished. Jobs that
// fail are put back or given up; they are not an error of Drain.
func (o *Outbox) Drain(ctx context.Context, app core.App) (int, error) {
	finished := 0
	for ctx.Err() == nil {
		batch, err := o.claim(app)
		if err != nil || len(batch) == 0 {
			return finished, err
		}
		for len(batch) > 0 && ctx.Err() == nil { // the lease gives the rest back
			n := o.together(batch)
			if n > 1 && o.runTogether(app, batch[:n]) == nil {
				finished += n
			} else {
				// Where one spoils the transaction, the others run without it.
				for _, job := range batch[:n] {
					if o.run(ctx, app, job) {
						finished++
					}
				}
			}
			batch = batch[n:]
		}
	}
	return finished, nil
}

// together is how many jobs at the head of the batch may share a transaction; at
// least 1.
func (o *Outbox) together(batch []Job) int {
	n := 0
	for n < len(batch) && n < mostTogether && o.handlers[batch[n].Kind].InTx != nil {
		n++
	}
	return max(n, 1)
}

// runTogether runs jobs that only write to the database in one transaction, so
// that they share the wait for the disk. With an error none of them ran.
func (o *Outbox) runTogether(app core.App, jobs []Job) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("a handler panicked: %v", r)
		}
	}()
	return app.RunInTransaction(func(tx core.App) error {
		for _, job := range jobs {
			if err := o.finish(tx, job); err != nil {
				return err
			}
			if err := o.handlers[job.Kind].InTx(tx, job); err != nil {
				return err
			}
		}
		return nil
	})
}

// claim leases the next due jobs, those of dead workers included.
func (o *Outbox) claim(app core.App) ([]Job, error) {
	now := o.clock.Now()
	due := dbx.Params{"now": Stamp(now), "lease": Stamp(now.Add(jobLease)), "worker": o.worker, "batch": jobBatch}
	rows := []struct {
		ID       string `db:"id"`
		Kind     string `db:"kind"`
		Key      string `db:"effect_key"`
		Payload  string `db:"payload"`
		Attempts int    `db:"attempts"`
	}{}
	// A cheap read first: most wake-ups find nothing and need not take the writer.
	var waiting int
	if err := app.ConcurrentDB().NewQuery(
		"SELECT EXISTS (SELECT 1 FROM jobs WHERE state IN ('queued', 'running') AND ((state = 'queued' AND run_at <= {:now}) OR (state = 'running' AND lease_until <= {:now})))").
		Bind(dbx.Params{"now": Stamp(now)}).Row(&waiting); err != nil || waiting == 0 {
		return nil, err
	}
	err := app.NonconcurrentDB().NewQuery(`
		UPDATE jobs SET state = 'running', worker = {:worker}, lease_until = {:lease}, attempts = attempts + 1
		WHERE id IN (
			SELECT id FROM jobs
			WHERE state IN ('queued', 'running') AND ((state = 'queued' AND run_at <= {:now}) OR (state = 'running' AND lease_until <= {:now}))
			ORDER BY run_at LIMIT {:batch})
		RETURNING id, kind, effect_key, payload, attempts`).Bind(due).All(&rows)
	if err != nil {
		return nil, err
	}
	batch := make([]Job, len(rows))
	for i, row := range rows {
		batch[i] = Job{ID: row.ID, Kind: row.Kind, Key: row.Key, Raw: json.RawMessage(row.Payload), Attempts: row.Attempts}
	}
	return batch, nil
}

// run executes one leased job and reports whether it is done.
func (o *Outbox) run(ctx context.Context, app core.App, job Job) bool {
	handler, ok := o.handlers[job.Kind]
	if !ok {
		handler = JobHandler{MaxTries: 1}
	}
	err := o.effect(ctx, app, handler, job)
	switch {
	case err == nil:
		return true
	case errors.Is(err, errLostJob):
		return false
	}
	app.Logger().Warn("job failed", "kind", job.Kind, "key", job.Key, "attempt", job.Attempts, "error", err)
	if putBack := o.fail(app, handler, job, err); putBack != nil {
		app.Logger().Error("job could not be put back; its lease will end", "kind", job.Kind, "key", job.Key, "error", putBack)
	}
	return false
}

func (o *Outbox) effect(ctx context.Context, app core.App, handler JobHandler, job Job) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the handler panicked: %v", r)
		}
	}()
	switch {
	case handler.InTx != nil:
		return app.RunInTransaction(func(tx core.App) error {
			if err := o.finish(tx, job); err != nil {
				return err
			}
			return handler.InTx(tx, job)
		})
	case handler.Outside != nil:
		outside, cancel := context.WithTimeout(context.WithoutCancel(ctx), outsideTimeout)
		defer cancel()
		if err := handler.Outside(outside, app, job); err != nil {
			return err
		}
		return o.finish(app, job)
	default:
		return fmt.Errorf("nobody handles jobs of kind %q", job.Kind)
	}
}

// finish marks the job done if this worker's lease is still the one in force.
func (o *Outbox) finish(app core.App, job Job) error {
	changed, err := Exec(app,
		"UPDATE jobs SET state = 'done', finished_at = {:now}, last_error = '', lease_until = '' WHERE id = {:id} AND state = 'running' AND worker = {:worker} AND attempts = {:attempts}",
		dbx.Params{"id": job.ID, "worker": o.worker, "attempts": job.Attempts, "now": Stamp(o.clock.Now())})
	if err == nil && changed == 0 {
		return errLostJob
	}
	return err
}

// fail puts the job back with a growing pause, or gives it up.
func (o *Outbox) fail(app core.App, handler JobHandler, job Job, cause error) error {
	now := o.clock.Now()
	state, runAt, finishedAt := collections.JobQueued, now.Add(Backoff(job.Attempts)), ""
	if job.Attempts >= handler.MaxTries {
		state, finishedAt = collections.JobDead, Stamp(now)
	}
	_, err := Exec(app, `
		UPDATE jobs SET state = {:state}, run_at = {:run_at}, finished_at = {:finished}, last_error = {:error}, lease_until = '', worker = ''
		WHERE id = {:id} AND state = 'running' AND worker = {:worker} AND attempts = {:attempts}`,
		dbx.Params{
			"state": state, "run_at": Stamp(runAt), "finished": finishedAt, "error": truncate(cause.Error(), 1000),
			"id": job.ID, "worker": o.worker, "attempts": job.Attempts,
		})
	return err
}

// Backoff is the pause after the given number of tries: 1 s, 2 s, 4 s ... up to
// an hour, each with up to a quarter more so that failed jobs spread out.
func Backoff(attempts int) time.Duration {
	pause := maxBackoff
	if attempts < 13 {
		pause = min(time.Second<<max(attempts-1, 0), maxBackoff)
	}
	return pause + rand.N(pause/4+1)
}

func truncate(text string, runes int) string {
	if cut := []rune(text); len(cut) > runes {
		return string(cut[:runes])
	}
	return text
}

func bindOutbox(app core.App, deps *Deps) {
	deps.Outbox.Sweep("quotas", time.Hour, func(app core.App) error { return SweepQuotas(app, deps.Clock.Now()) })
	deps.Outbox.Sweep("jobs.done", time.Hour, func(app core.App) error {
		_, err := Exec(app, "DELETE FROM jobs WHERE state = 'done' AND run_at < {:old} AND finished_at < {:old}",
			dbx.Params{"old": Stamp(deps.Clock.Now().AddDate(0, 0, -doneKeptDays))})
		return err
	})
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "ll.shell.outbox.start",
		Func: func(e *core.ServeEvent) error {
			if err := e.Next(); err != nil {
				return err
			}
			return deps.Outbox.Start(e.App)
		},
	})
	app.OnTerminate().Bind(&hook.Handler[*core.TerminateEvent]{
		Id: "ll.shell.outbox.stop", Priority: drainPriority + 1,
		Func: func(e *core.TerminateEvent) error {
			deps.Outbox.Stop()
			return e.Next()
		},
	})
}
