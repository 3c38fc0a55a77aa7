package consensus

import (
	"fmt"
	"sync"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
)

// maxTogether bounds one transaction of the box, and with it how long the only
// writer is held.
const maxTogether = 32

// ballotBox casts the ballots that arrive while the last ones are being written
// in one transaction, so that they share the wait for the disk. Nobody waits for
// company: a ballot that comes alone is cast at once.
type ballotBox struct {
	app  core.App
	deps *shell.Deps

	mu      sync.Mutex
	waiting []*castBallot
	busy    bool
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
	result := <-entry.done
	return result.cast, result.err
}

// empty casts what waits, a transaction at a time, until nothing does.
func (b *ballotBox) empty() {
	for {
		b.mu.Lock()
		together := b.waiting[:min(len(b.waiting), maxTogether)]
		b.waiting = b.waiting[len(together):]
		b.busy = len(together) > 0
		b.mu.Unlock()
		if len(together) == 0 {
			return
		}
		// Where one spoils the transaction, the others are cast without it.
		if len(together) == 1 || b.write(together) != nil {
			for i := range together {
				one := together[i : i+1]
				if err := b.write(one); err != nil {
					one[0].done <- castResult{err: err}
				}
			}
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
	var casts []Cast
	err = b.app.RunInTransaction(func(tx core.App) (err error) {
		casts, err = CastVotes(tx, b.deps, ballots)
		return err
	})
	if err != nil {
		return err
	}
	for i, entry := range together {
		entry.done <- castResult{cast: casts[i]}
	}
	return nil
}
