package harness_test

import (
	"bytes"
	"testing"

	"github.com/lingualink/lingualink/e2e/harness"
	"github.com/lingualink/lingualink/internal/audio"
)

func TestVoicesAreDistinctAndPassTheProbe(t *testing.T) {
	seen := map[string]uint64{}
	for seed := range uint64(8) {
		voice := harness.Voice(seed)
		if !bytes.Equal(voice, harness.Voice(seed)) {
			t.Errorf("voice %d is not the same twice", seed)
		}
		report, err := audio.NewProber(nil).Probe(t.Context(), bytes.NewReader(voice), int64(len(voice)), audio.Voice, audio.DefaultPolicy())
		if err != nil {
			t.Fatalf("voice %d: %v", seed, err)
		}
		if report.DurationMS != 1200 || report.Quality != audio.Good {
			t.Errorf("voice %d lasts %d ms and is %s", seed, report.DurationMS, report.Quality)
		}
		if other, twice := seen[report.SHA256]; twice {
			t.Errorf("voices %d and %d are the same", other, seed)
		}
		seen[report.SHA256] = seed
	}
}
