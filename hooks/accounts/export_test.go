package accounts

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
)

// AnswerFloor and Open are for the tests outside.
const AnswerFloor = answerFloor

// ForgetConfirmations is the sweep.
var ForgetConfirmations = forgetConfirmations

// ApplyProviders is what a start does with the sign-in providers.
var ApplyProviders = applyProviders

// StartFloor is the real wait of a gate.
var StartFloor = startFloor

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

// SetFloor replaces the wait and returns what puts it back.
func SetFloor(replacement func() func(context.Context)) (restore func()) {
	before := startFloor
	startFloor = replacement
	return func() { startFloor = before }
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
