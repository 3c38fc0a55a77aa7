package audio_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"testing"

	"github.com/lingualink/lingualink/internal/audio"
	"github.com/lingualink/lingualink/internal/fault"
)

// The tests of this file need the real program.
func ffmpeg(t *testing.T) audio.Decoder {
	t.Helper()
	decoder, found := audio.FindFFmpeg()
	if !found {
		t.Fatal("ffmpeg is not on the PATH; install it")
	}
	return decoder
}

func TestFFmpegMeasuresAAC(t *testing.T) {
	decoder := ffmpeg(t)
	for _, name := range []string{"ipod.m4a", "isom.m4a", "fragmented.m4a", "raw.aac", "aac.3gp"} {
		report, err := probeWith(decoder, fixture(t, name))
		if err != nil {
			t.Fatal(name, err)
		}
		if report.Quality != audio.Good || math.Abs(*report.LoudnessLUFS+21.4) > 0.15 {
			t.Errorf("%s: %s, %.2f LUFS", name, report.Quality, *report.LoudnessLUFS)
		}
	}
	_, err := probeWith(decoder, fixture(t, "silent.m4a"))
	refusedAs(t, err, fault.Silent)
}

func TestFFmpegStopsWithItsReaderAndItsContext(t *testing.T) {
	media := fixture(t, "ipod.m4a")
	sound := audio.Sound{
		Media:     io.NewSectionReader(bytes.NewReader(media), 0, int64(len(media))),
		Container: "mp4", SampleRateHz: 16000, Channels: 1, MaxMS: 60_000,
	}
	enough := errors.New("enough")
	if err := ffmpeg(t).Decode(context.Background(), sound, func([]float32) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := ffmpeg(t).Decode(ctx, sound, func([]float32) error { return nil }); err == nil {
		t.Error("decoded for nobody")
	}
}

func TestFFmpegReportsWhatItCannotDecode(t *testing.T) {
	media := []byte("not a recording")
	sound := audio.Sound{
		Media:     io.NewSectionReader(bytes.NewReader(media), 0, int64(len(media))),
		Container: "mp4", SampleRateHz: 16000, Channels: 1, MaxMS: 60_000,
	}
	if err := ffmpeg(t).Decode(context.Background(), sound, func([]float32) error { return nil }); err == nil {
		t.Error("decoded text")
	}
}
