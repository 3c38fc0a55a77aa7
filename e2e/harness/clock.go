package harness

import (
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Clock turns the clock of a server (LL_TEST_CLOCK).
type Clock struct {
	path string

	mu     sync.Mutex
	offset time.Duration
	turns  int
}

// NewClock makes a clock that shows the right time until it is turned.
func NewClock(t TB) *Clock {
	t.Helper()
	c := &Clock{path: filepath.Join(t.TempDir(), "clock")}
	c.Advance(t, 0)
	return c
}

// Env is the setting that gives the clock to a server.
func (c *Clock) Env() string { return "LL_TEST_CLOCK=" + c.path }

// Advance turns the clock forward.
func (c *Clock) Advance(t TB, by time.Duration) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += by
	// The server notices a change by the file's time, which the system counts in
	// steps of milliseconds: every file gets one of its own. It must never read
	// half of one, either.
	c.turns++
	changed := time.Unix(int64(c.turns), 0)
	next := c.path + ".next"
	if err := os.WriteFile(next, []byte(c.offset.String()), 0o600); err != nil {
		t.Fatalf("turning the clock: %v", err)
	}
	if err := os.Chtimes(next, changed, changed); err != nil {
		t.Fatalf("turning the clock: %v", err)
	}
	if err := os.Rename(next, c.path); err != nil {
		t.Fatalf("turning the clock: %v", err)
	}
}

// Offset is how far the clock was turned.
func (c *Clock) Offset() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offset
}
