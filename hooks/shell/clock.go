package shell

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/tools/types"
)

// Clock is the only source of time for decisions. It reads the system clock,
// or, when a file turns it (LL_TEST_CLOCK), that clock plus an offset.
type Clock struct {
	path string
	ask  func() time.Time

	mu      sync.Mutex
	changed time.Time
	offset  time.Duration
}

// NewClock returns a clock. An empty path is the system clock. Otherwise the
// file holds either a duration to add, such as "+168h" or "-90m", or an RFC 3339
// instant, which the clock shows at the moment the file was written and runs on
// from. The file is looked at on every reading, so it can be changed while the
// server runs; content that cannot be read leaves the last offset in force.
func NewClock(path string) (*Clock, error) {
	clock := &Clock{path: path}
	if path == "" {
		return clock, nil
	}
	if _, err := clock.read(); err != nil {
		return nil, fmt.Errorf("LL_TEST_CLOCK: %w", err)
	}
	return clock, nil
}

// ClockOf returns a clock that asks a function, for simulations whose time
// moves by their own steps.
func ClockOf(ask func() time.Time) *Clock { return &Clock{ask: ask} }

// Now is the time in UTC, cut to the millisecond that the database stores.
func (c *Clock) Now() time.Time {
	if c.ask != nil {
		return c.ask().UTC().Truncate(time.Millisecond)
	}
	now := time.Now()
	if c.path != "" {
		offset, _ := c.read()
		now = now.Add(offset)
	}
	return now.UTC().Truncate(time.Millisecond)
}

// read returns the offset, parsing the file only when it changed.
func (c *Clock) read() (time.Duration, error) {
	c.mu.Lock()
	defer c.mu.Unlock()

	info, err := os.Stat(c.path)
	if err != nil {
		return c.offset, err
	}
	if info.ModTime().Equal(c.changed) {
		return c.offset, nil
	}
	content, err := os.ReadFile(c.path)
	if err != nil {
		return c.offset, err
	}
	offset, err := parseOffset(strings.TrimSpace(string(content)), info.ModTime())
	if err != nil {
		return c.offset, err
	}
	c.changed, c.offset = info.ModTime(), offset
	return offset, nil
}

func parseOffset(text string, written time.Time) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	if offset, err := time.ParseDuration(text); err == nil {
		return offset, nil
	}
	instant, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0, fmt.Errorf("%q is neither a duration such as +168h nor an RFC 3339 time", text)
	}
	return instant.Sub(written), nil
}

// Stamp formats a time as PocketBase stores dates.
func Stamp(t time.Time) string {
	return t.UTC().Format(types.DefaultDateLayout)
}

// ParseStamp reads a date column; an empty one is the zero time.
func ParseStamp(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	return time.Parse(types.DefaultDateLayout, text)
}

// DateTime is a time as PocketBase's record fields hold it.
func DateTime(t time.Time) types.DateTime {
	date, err := types.ParseDateTime(t)
	if err != nil {
		panic(err) // only types that are no time at all fail
	}
	return date
}
