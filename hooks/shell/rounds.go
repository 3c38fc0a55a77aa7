package shell

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

// round is work that waits for somebody outside.
type round struct {
	id    string
	every time.Duration
	run   func(ctx context.Context, app core.App) error
	wake  chan struct{}
	busy  sync.Mutex // one run at a time
}

// Round runs fn about every so often in a goroutine of its own, one run at a
// time, for work that talks to somebody outside and may have to wait: jobs and
// sweeps go on meanwhile. A failing round is logged and tried again; a stop ends
// its context.
func (o *Outbox) Round(id string, every time.Duration, fn func(ctx context.Context, app core.App) error) {
	o.rounds = append(o.rounds, &round{id: id, every: every, run: fn, wake: make(chan struct{}, 1)})
}

// WakeRound makes a round begin now instead of when it is due.
func (o *Outbox) WakeRound(id string) {
	for _, r := range o.rounds {
		if r.id == id {
			select {
			case r.wake <- struct{}{}:
			default:
			}
		}
	}
}

// RunRound runs a round once, now, and returns its error: for commands and
// tests. It waits for a run that has begun already.
func (o *Outbox) RunRound(ctx context.Context, app core.App, id string) error {
	for _, r := range o.rounds {
		if r.id == id {
			return r.try(ctx, app)
		}
	}
	return fmt.Errorf("there is no round %q", id)
}

// startRounds begins all rounds and returns what waits for their end.
func (o *Outbox) startRounds(ctx context.Context, app core.App) *sync.WaitGroup {
	running := &sync.WaitGroup{}
	for _, r := range o.rounds {
		running.Go(func() { r.loop(ctx, app) })
	}
	return running
}

func (r *round) loop(ctx context.Context, app core.App) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		case <-timer.C:
		}
		if err := r.try(ctx, app); err != nil && ctx.Err() == nil {
			app.Logger().Error("round failed", "round", r.id, "error", err)
		}
		timer.Reset(r.every)
	}
}

// try runs the round; a panic in it must not end the server.
func (r *round) try(ctx context.Context, app core.App) (err error) {
	r.busy.Lock()
	defer r.busy.Unlock()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the round panicked: %v", p)
		}
	}()
	return r.run(ctx, app)
}
