package accounts

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// AnswerFloor and Open are for the tests outside.
const AnswerFloor = answerFloor

// ForgetConfirmations is the sweep.
var ForgetConfirmations = forgetConfirmations

// ApplyProviders is what a start does with the sign-in providers.
var ApplyProviders = applyProviders

// Pause is the real wait of a gate.
var Pause = pause

// GatePatterns are the router patterns of all gates, sorted.
func GatePatterns() []string {
	patterns := []string{}
	for pattern := range gates {
		patterns = append(patterns, pattern)
	}
	slices.Sort(patterns)
	return patterns
}

// IsOpen tells whether the table of what restricted people may do has the
// pattern.
func IsOpen(pattern string) bool {
	_, listed := open[pattern]
	return listed
}

// SetPause replaces the wait and returns what puts it back.
func SetPause(replacement func(context.Context, time.Duration)) (restore func()) {
	before := pause
	pause = replacement
	return func() { pause = before }
}

// CountHashes counts password hashes until the test ends.
func CountHashes(t testing.TB) *atomic.Int64 {
	var count atomic.Int64
	before := compareHash
	compareHash = func(hash, password []byte) error {
		count.Add(1)
		return before(hash, password)
	}
	t.Cleanup(func() { compareHash = before })
	return &count
}
