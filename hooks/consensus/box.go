package consensus

import (
	"fmt"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
)

// maxTogether bounds one transaction of the box, and with it how long the only
// writer is held.
const maxTogether = 32

// patience is how long the box waits, under load, for the voters it has just
// answered: most have the next vote ready, and one transaction of many ballots
// costs little more than one of few.
const patience = 2 * time.Millisecond

// ballotBox casts the ballots that arrive while the last ones are being written
// in one transaction, so that they share its statements and the wait for the
// disk. A ballot that comes alone is cast at once.
type ballotBox struct {
	app     core.App
	deps    *shell.Deps
	arrived chan struct{} // holds one signal

	mu      sync.Mutex
	waiting []*castBallot
	busy    bool
}

func newBallotBox(app core.App, deps *shell.Deps) *ballotBox {
	return &ballotBox{app: app, deps: deps, arrived: make(chan struct{}, 1)}
}

// castBallot is a ballot in the box; done gets what became of it.
type castBallot struct {
	ballot Ballot
	done   chan castResult
}

type castResult struct {
	cast Cast
	err  error // of the database
}

// castIn casts a ballot for a request. Inside a transaction that is open already
// there is no company to wait for.
func (b *ballotBox) castIn(app core.App, ballot Ballot) (Cast, error) {
	if !app.IsTransactional() {
		return b.cast(ballot)
	}
	casts, err := CastVotes(app, b.deps, []Ballot{ballot})
	if err != nil {
		return Cast{}, err
	}
	return casts[0], nil
}

// cast puts a ballot into the box and waits for what becomes of it.
func (b *ballotBox) cast(ballot Ballot) (Cast, error) {
	entry := &castBallot{ballot: ballot, done: make(chan castResult, 1)}
	b.mu.Lock()
	b.waiting = append(b.waiting, entry)
	if !b.busy {
		b.busy = true
		go b.empty()
	}
	b.mu.Unlock()
	select {
	case b.arrived <- struct{}{}:
	default:
	}
	result := <-entry.done
	return result.cast, result.err
}

// empty casts what waits, a transaction at a time, until nothing does.
func (b *ballotBox) empty() {
	answered := 0
	for {
		b.gather(answered)
		b.mu.Lock()
		together := b.waiting[:min(len(b.waiting), maxTogether)]
		b.waiting = b.waiting[len(together):]
		b.busy = len(together) > 0
		b.mu.Unlock()
		if len(together) == 0 {
			return
		}
		answered = len(together)
		if len(together) > 1 {
			err := b.write(together)
			if err == nil {
				continue
			}
			// Where one spoils the transaction, the others are cast without it.
			b.app.Logger().Warn("casting ballots together failed; they are cast one by one", "ballots", len(together), "error", err)
		}
		for i := range together {
			one := together[i : i+1]
			if err := b.write(one); err != nil {
				one[0].done <- castResult{err: err}
			}
		}
	}
}

// gather waits until as many ballots are there as were answered last, but not
// for long, and not at all when it was one.
func (b *ballotBox) gather(answered int) {
	if answered < 2 {
		return
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		b.mu.Lock()
		enough := len(b.waiting) >= answered
		b.mu.Unlock()
		if enough {
			return
		}
		select {
		case <-b.arrived:
		case <-timer.C:
			return
		}
	}
}

// write casts ballots in one transaction and tells each what became of it. With
// an error nothing is written and nobody is told.
func (b *ballotBox) write(together []*castBallot) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("casting votes panicked: %v", r)
		}
	}()
	ballots := make([]Ballot, len(together))
	for i, entry := range together {
		ballots[i] = entry.ballot
	}
	casts, err := shell.Transact(b.app, func(tx core.App) ([]Cast, error) {
		return CastVotes(tx, b.deps, ballots)
	})
	if err != nil {
		return err
	}
	for i, entry := range together {
		entry.done <- castResult{cast: casts[i]}
	}
	return nil
}
