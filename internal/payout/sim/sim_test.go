package sim_test

import (
	"flag"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/lingualink/lingualink/internal/apptest"
)

var (
	seeds     = flag.Int("seeds", 1000, "how many seeds to run")
	seedStart = flag.Uint64("seed-start", 1, "the first seed")
	trace     = flag.Bool("trace", false, "print every step")
)

func TestMain(m *testing.M) { apptest.Main(m) }

// TestSimulator runs the seeds, one world each.
func TestSimulator(t *testing.T) {
	var met meetings
	t.Run("seeds", func(t *testing.T) {
		next := atomic.Uint64{}
		for worker := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint("worker", worker), func(t *testing.T) {
				t.Parallel()
				for {
					at := next.Add(1) - 1
					if at >= uint64(*seeds) || t.Failed() {
						return
					}
					seed := *seedStart + at
					t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
						t.Cleanup(func() {
							if t.Failed() {
								t.Logf("replay: go test ./internal/payout/sim -run '^TestSimulator$' -args -seeds 1 -seed-start %d -trace", seed)
							}
						})
						live(t, seed, &met)
					})
				}
			})
		}
	})
	// Many seeds that never meet what they are for would prove nothing.
	if *seeds >= 200 && !t.Failed() {
		met.want(t)
	}
}
