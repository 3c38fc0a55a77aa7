package audio_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/lingualink/lingualink/internal/audio"
	"github.com/lingualink/lingualink/internal/fault"
)

var refusals = []*fault.Code{
	fault.UnsupportedMedia, fault.NoAudioTrack, fault.TooShort, fault.TooLong, fault.Silent, fault.TooLarge,
}

// FuzzProbe: whatever the bytes, the answer is a plausible report or a refusal
// from the list. Panics of libraries are recovered, so what it can find is in
// the rules themselves, and in loops and allocations that nothing ends.
func FuzzProbe(f *testing.F) {
	files, err := filepath.Glob("testdata/*.*")
	if err != nil || len(files) == 0 {
		f.Fatal("no fixtures", err)
	}
	for _, file := range files {
		media, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(media, false)
		f.Add(media, true)
	}
	limits := audio.DefaultPolicy()
	f.Fuzz(func(t *testing.T, media []byte, video bool) {
		kind, longest := audio.Voice, limits.VoiceMaxMS
		if video {
			kind, longest = audio.Video, limits.VideoMaxMS
		}
		report, err := audio.NewProber(nil).Probe(context.Background(), bytes.NewReader(media), int64(len(media)), kind, limits)
		if err != nil {
			var refusal *fault.Error
			if !errors.As(err, &refusal) || refusal.Field != "media" || !slices.Contains(refusals, refusal.Code) || refusal.Text == "" {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		plausible := report.DurationMS >= 1 && report.DurationMS <= longest &&
			report.SampleRateHz >= 7350 && report.SampleRateHz <= 192_000 &&
			report.Channels >= 1 && report.Channels <= 8 &&
			(report.VideoCodec != "") == video && report.Codec != "" && report.Container != "" &&
			slices.Contains(audio.StoredMIMETypes, report.MIME) && audio.FileExtension(report) != "" &&
			len(report.SHA256) == 64 && report.SizeBytes == int64(len(media))
		measured := report.Quality != audio.Unknown
		if measured {
			plausible = plausible && *report.SilentMS >= 0 && *report.SilentMS <= report.DurationMS &&
				*report.ClippedBps >= 0 && *report.ClippedBps <= 10_000 &&
				*report.PeakDBFS >= -120 && *report.PeakDBFS < 20 &&
				(report.LoudnessLUFS == nil || math.Abs(*report.LoudnessLUFS) <= 70)
		}
		if !plausible || measured != (report.SilentMS != nil) {
			t.Fatalf("accepted as %+v", report)
		}
	})
}

// One minute of sound, the longest voice clip.
func BenchmarkProbeWAV(b *testing.B) {
	benchmark(b, wav(16000, 60, sine(440, 0.3)))
}

func BenchmarkProbeOpus(b *testing.B) {
	benchmark(b, fixture(b, "celt.ogg"))
}

func benchmark(b *testing.B, media []byte) {
	prober := audio.NewProber(nil)
	b.ReportAllocs()
	var soundMS int64
	for b.Loop() {
		report, err := prober.Probe(context.Background(), bytes.NewReader(media), int64(len(media)), audio.Voice, audio.DefaultPolicy())
		if err != nil {
			b.Fatal(err)
		}
		soundMS += report.DurationMS
	}
	b.ReportMetric(float64(soundMS)/1000/b.Elapsed().Seconds(), "x_realtime")
}
