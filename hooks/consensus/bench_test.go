package consensus_test

import (
	"testing"

	"github.com/lingualink/lingualink/hooks/hookstest"
)

// BenchmarkVerdict is three votes through the router, the third of which brings
// the verdict with all that follows. One operation is one clip.
func BenchmarkVerdict(b *testing.B) {
	s := hookstest.Start(b, "LL_RATE_LIMITS=off")
	s.OpenVoting()
	s.Fund(9_000_000_000)
	s.Consent(ada)
	clips := make([]string, b.N)
	for i := range clips {
		clips[i] = s.Clip(ada)
	}
	b.ResetTimer()
	for _, clip := range clips {
		s.Decide(clip, "approve")
	}
}
