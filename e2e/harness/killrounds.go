package harness

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// Rounds is a way to find out what a crash breaks: load, SIGKILL, restart,
// check, many times on one data directory.
type Rounds struct {
	Rounds int
	// Seed chooses the moments of the kills. It is logged, so that a failure can
	// be tried again, although no two runs interleave alike.
	Seed uint64
	// LeastAnswered and MostAnswered bound how many requests are answered in a
	// round before the kill.
	LeastAnswered, MostAnswered int
	// Load sends requests, calling answered after every answer, until they fail
	// because the server is dead, or ctx ends. It runs on a goroutine of its
	// own, so it returns its error instead of ending the test.
	Load func(ctx context.Context, round int, answered func()) error
	// Check looks at the restarted server.
	Check func(round int)
}

// KillRounds runs the rounds on a running server. The kill comes up to 25 ms
// after a random number of answers, so that a slower server is hit in the same
// phases of its work.
func KillRounds(t TB, s *Server, rounds Rounds) {
	t.Helper()
	t.Logf("kill rounds: seed %d", rounds.Seed)
	random := rand.New(rand.NewPCG(rounds.Seed, 0x6b696c6c))
	for round := range rounds.Rounds {
		wanted := rounds.LeastAnswered + random.IntN(rounds.MostAnswered-rounds.LeastAnswered+1)
		extra := time.Duration(random.Int64N(int64(25 * time.Millisecond)))
		killUnderLoad(t, s, rounds, round, wanted, extra)
		s.Launch(t)
		rounds.Check(round)
	}
}

func killUnderLoad(t TB, s *Server, rounds Rounds, round, wanted int, extra time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var (
		mu      sync.Mutex
		count   int
		reached = make(chan struct{})
		done    = make(chan error, 1)
	)
	answered := func() {
		mu.Lock()
		defer mu.Unlock()
		if count++; count == wanted {
			close(reached)
		}
	}
	go func() { done <- rounds.Load(ctx, round, answered) }()
	select {
	case <-reached:
	case err := <-done:
		t.Fatalf("round %d: the load ended before the kill: %v", round, err)
	case <-ctx.Done():
		mu.Lock()
		defer mu.Unlock()
		t.Fatalf("round %d: %d of %d requests were answered within %v", round, count, wanted, patience)
	}
	<-time.After(extra)
	s.Kill(t)
	cancel()
	if err := <-done; err != nil {
		t.Fatalf("round %d: %v", round, err)
	}
}
