package consensus_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/hookstest"
)

// BenchmarkRefit re-estimates a language: one operation reads the votes from the
// database and finds the skills. What it keeps meanwhile, and what the only
// writer is held for once, are figures of their own.
func BenchmarkRefit(b *testing.B) {
	for _, r := range []recipe{
		{language: "ha", people: 1_000, clips: 33_000, open: 500, votes: 3},
		{language: "ha", people: 5_000, clips: 333_000, open: 2000, votes: 3},
		{language: "ha", people: 100_000, clips: 333_000, open: 2000, votes: 3},
	} {
		b.Run(fmt.Sprintf("votes=%d/people=%d", r.clips*r.votes, r.people), func(b *testing.B) {
			p := plantCrowd(b, hookstest.Start(b), r)
			var proposal *consensus.Proposal
			for b.Loop() {
				proposal = p.propose()
			}
			b.ReportMetric(float64(heap()), "heap-bytes")
			began := time.Now()
			p.commit(proposal, consensus.FitAccepted)
			b.ReportMetric(time.Since(began).Seconds(), "s/commit")
		})
	}
}

// heap is what is reachable.
func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
