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

// played plays a sine of a level for a time, whatever the file holds.
type played struct {
	db      float64
	seconds int
	err     error
	panics  bool
	asked   []audio.Sound
	size    int64
}

func (p *played) Decode(_ context.Context, sound audio.Sound, write func([]float32) error) error {
	p.asked = append(p.asked, sound)
	p.size, _ = io.Copy(io.Discard, sound.Media)
	if p.panics {
		panic("index out of range")
	}
	for second := range p.seconds {
		samples := make([]float32, sound.SampleRateHz*sound.Channels)
		for i := range samples {
			at := float64(second) + float64(i/sound.Channels)/float64(sound.SampleRateHz)
			samples[i] = float32(decibels(p.db) * math.Sin(2*math.Pi*1000*at))
		}
		if err := write(samples); err != nil {
			return err
		}
	}
	return p.err
}

func probeWith(decoder audio.Decoder, media []byte) (audio.Report, error) {
	return audio.NewProber(decoder).Probe(context.Background(), bytes.NewReader(media), int64(len(media)), audio.Voice, audio.DefaultPolicy())
}

func TestTheFallbackMeasuresWhatGoCannotDecode(t *testing.T) {
	media := fixture(t, "ipod.m4a")
	decoder := &played{db: -20, seconds: 2}
	report, err := probeWith(decoder, media)
	if err != nil {
		t.Fatal(err)
	}
	asked := decoder.asked[0]
	if asked.Container != "mp4" || asked.SampleRateHz != 16000 || asked.Channels != 1 || asked.MaxMS < 60_000 || decoder.size != int64(len(media)) {
		t.Errorf("asked for %+v with %d bytes", asked, decoder.size)
	}
	if report.Quality != audio.Good || math.Abs(*report.LoudnessLUFS+23.01) > 0.1 || *report.SilentMS != 500 || report.DurationMS != 2500 {
		t.Errorf("%+v: %.2f LUFS, %d ms silent", report, *report.LoudnessLUFS, *report.SilentMS)
	}
}

func TestTheFallbackRefusesLikeAnyDecoder(t *testing.T) {
	for _, c := range []struct {
		sound *played
		code  *fault.Code
	}{
		{&played{db: -80, seconds: 2}, fault.Silent},
		{&played{db: -20, seconds: 90}, fault.TooLong},
		{&played{panics: true}, fault.UnsupportedMedia},
	} {
		_, err := probeWith(c.sound, fixture(t, "ipod.m4a"))
		if refusal := refusedAs(t, err, c.code); refusal.Field != "media" {
			t.Errorf("%s is about %q", c.code.Name, refusal.Field)
		}
	}
}

func TestAFailingFallbackLeavesTheQualityUnknown(t *testing.T) {
	report, err := probeWith(&played{db: -80, seconds: 2, err: errors.New("exit status 1")}, fixture(t, "ipod.m4a"))
	if err != nil {
		t.Fatal(err)
	}
	if report.Quality != audio.Unknown || report.LoudnessLUFS != nil || report.SilentMS != nil {
		t.Errorf("%+v", report)
	}
}

func TestTheFallbackIsNotAskedWhereGoDecodes(t *testing.T) {
	for _, name := range []string{"pcm16.wav", "speech.mp3", "speech.flac", "vorbis.ogg", "silk.ogg", "celt.ogg", "opus.webm", "opus.m4a"} {
		decoder := &played{db: -80, seconds: 2}
		if _, err := probeWith(decoder, fixture(t, name)); err != nil || len(decoder.asked) != 0 {
			t.Errorf("%s: %v, asked %d times", name, err, len(decoder.asked))
		}
	}
}

// A packet that pion/opus cannot decode, in a file that is whole, leaves the
// quality unknown.
func TestUndecodablePacketsAreNoRefusal(t *testing.T) {
	packets := opusHeaders()
	for range 100 {
		packets = append(packets, []byte{0x7A, 0xFB}) // two frames, the first longer than the packet
	}
	granule := func(i int) int64 { return int64(max(0, i-1)) * 1920 }
	report, err := probe(oggFile(granule, packets...), audio.Voice)
	if err != nil {
		t.Fatal(err)
	}
	if report.Quality != audio.Unknown || report.DurationMS != 4000 || report.SilentMS != nil {
		t.Errorf("%+v", report)
	}
}
