package audio_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gabriel-vasile/mimetype"

	"github.com/lingualink/lingualink/internal/audio"
	"github.com/lingualink/lingualink/internal/fault"
)

type accepted struct {
	kind       audio.Kind
	container  string
	codec      string
	videoCodec string
	durationMS int64
	rateHz     int
	channels   int
	extension  string
	loudness   float64 // by ffmpeg's ebur128; 0 where only the fallback decodes
}

// Durations and loudness are those of ffprobe and of ffmpeg's filter ebur128.
// AAC in ADTS and in fragments without an edit list keeps its encoder delay.
var acceptedFixtures = map[string]accepted{
	"pcm8.wav":       {audio.Voice, "wav", "pcm", "", 1100, 8000, 1, ".wav", -21.5},
	"pcm16.wav":      {audio.Voice, "wav", "pcm", "", 1100, 8000, 1, ".wav", -21.5},
	"pcm24.wav":      {audio.Voice, "wav", "pcm", "", 1100, 8000, 1, ".wav", -21.5},
	"streamed.wav":   {audio.Voice, "wav", "pcm", "", 1100, 8000, 1, ".wav", -21.5},
	"speech.mp3":     {audio.Voice, "mp3", "mp3", "", 2500, 16000, 1, ".mp3", -22.3},
	"stereo.mp3":     {audio.Voice, "mp3", "mp3", "", 2500, 44100, 2, ".mp3", -22.4},
	"padded.mp3":     {audio.Voice, "mp3", "mp3", "", 1200, 22050, 1, ".mp3", 0}, // go-mp3 would misread it
	"silk.ogg":       {audio.Voice, "ogg", "opus", "", 2500, 48000, 1, ".ogg", -22.8},
	"celt.ogg":       {audio.Voice, "ogg", "opus", "", 2500, 48000, 1, ".ogg", -22.1},
	"hybrid.opus":    {audio.Voice, "ogg", "opus", "", 2500, 48000, 1, ".ogg", -22.2},
	"vorbis.ogg":     {audio.Voice, "ogg", "vorbis", "", 2500, 16000, 1, ".ogg", -21.7},
	"opus.webm":      {audio.Voice, "webm", "opus", "", 2505, 48000, 1, ".webm", -22.5},
	"live.webm":      {audio.Voice, "webm", "opus", "", 2505, 48000, 1, ".webm", -22.5},
	"vorbis.webm":    {audio.Voice, "webm", "vorbis", "", 2532, 16000, 1, ".webm", -21.7},
	"speech.flac":    {audio.Voice, "flac", "flac", "", 1100, 8000, 1, ".flac", -21.5},
	"ipod.m4a":       {audio.Voice, "mp4", "aac", "", 2500, 16000, 1, ".m4a", 0},
	"mp42.m4a":       {audio.Voice, "mp4", "aac", "", 2500, 16000, 1, ".m4a", 0},
	"isom.m4a":       {audio.Voice, "mp4", "aac", "", 2500, 16000, 1, ".m4a", 0},
	"fragmented.m4a": {audio.Voice, "mp4", "aac", "", 2564, 16000, 1, ".m4a", 0},
	"opus.m4a":       {audio.Voice, "mp4", "opus", "", 2500, 48000, 1, ".m4a", -22.5},
	"alac.m4a":       {audio.Voice, "mp4", "alac", "", 1100, 8000, 1, ".m4a", 0},
	"raw.aac":        {audio.Voice, "adts", "aac", "", 2624, 16000, 1, ".aac", 0},
	"aac.3gp":        {audio.Voice, "mp4", "aac", "", 2500, 16000, 1, ".3gp", 0},
	"amr_nb.3gp":     {audio.Voice, "mp4", "amr_nb", "", 2500, 8000, 1, ".3gp", 0},
	"amr_wb.3gp":     {audio.Voice, "mp4", "amr_wb", "", 2500, 16000, 1, ".3gp", 0},
	"silent.m4a":     {audio.Voice, "mp4", "aac", "", 2000, 16000, 1, ".m4a", 0}, // nobody can tell

	"h264.mp4":       {audio.Video, "mp4", "aac", "h264", 2600, 16000, 1, ".mp4", 0},
	"fragmented.mp4": {audio.Video, "mp4", "aac", "h264", 2664, 16000, 1, ".mp4", 0},
	"h264_opus.mp4":  {audio.Video, "mp4", "opus", "h264", 2600, 48000, 1, ".mp4", -22.5},
	"quicktime.mov":  {audio.Video, "mp4", "aac", "h264", 2600, 16000, 1, ".mov", 0},
	"video.3gp":      {audio.Video, "mp4", "aac", "h264", 2600, 16000, 1, ".3gp", 0},
	"vp8.webm":       {audio.Video, "webm", "vorbis", "vp8", 2600, 16000, 1, ".webm", -21.7},
	"vp9.webm":       {audio.Video, "webm", "opus", "vp9", 2600, 48000, 1, ".webm", -22.5},
	"av1.webm":       {audio.Video, "webm", "opus", "av1", 2600, 48000, 1, ".webm", -22.5},
}

func TestEveryFormatIsReadAsItIs(t *testing.T) {
	for name, want := range acceptedFixtures {
		t.Run(name, func(t *testing.T) {
			media := fixture(t, name)
			report, err := probe(media, want.kind)
			if err != nil {
				t.Fatalf("refused: %v, because %v", err, errors.Unwrap(err))
			}
			got := accepted{
				want.kind, report.Container, report.Codec, report.VideoCodec, want.durationMS,
				report.SampleRateHz, report.Channels, audio.FileExtension(report), want.loudness,
			}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if math.Abs(float64(report.DurationMS-want.durationMS)) > 35 { // half a Vorbis block
				t.Errorf("%d ms, want %d", report.DurationMS, want.durationMS)
			}
			sum := sha256.Sum256(media)
			if report.SHA256 != hex.EncodeToString(sum[:]) || report.SizeBytes != int64(len(media)) {
				t.Errorf("sum %s of %d bytes", report.SHA256, report.SizeBytes)
			}
			checkMeasure(t, report, want.loudness)
		})
	}
}

func checkMeasure(t *testing.T, report audio.Report, loudness float64) {
	t.Helper()
	if loudness == 0 {
		if report.Quality != audio.Unknown || report.LoudnessLUFS != nil || report.PeakDBFS != nil || report.SilentMS != nil || report.ClippedBps != nil {
			t.Errorf("measured what cannot be decoded: %+v", report)
		}
		return
	}
	if report.Quality != audio.Good {
		t.Errorf("quality %q", report.Quality)
	}
	if math.Abs(*report.LoudnessLUFS-loudness) > 0.15 {
		t.Errorf("%.2f LUFS, want %.1f", *report.LoudnessLUFS, loudness)
	}
	if *report.PeakDBFS > -3 || *report.PeakDBFS < -12 || *report.ClippedBps != 0 || *report.SilentMS > 200 {
		t.Errorf("peak %.1f dBFS, %d bps clipped, %d ms silent", *report.PeakDBFS, *report.ClippedBps, *report.SilentMS)
	}
}

func TestStoredTypesCoverWhatIsAccepted(t *testing.T) {
	if !slices.IsSorted(audio.StoredMIMETypes) {
		t.Error("not sorted")
	}
	for name, want := range acceptedFixtures {
		media := fixture(t, name)
		report, err := probe(media, want.kind)
		if err != nil {
			t.Fatal(name, err)
		}
		sniffed := mimetype.Detect(media).String()
		if !slices.Contains(audio.StoredMIMETypes, sniffed) || report.MIME != sniffed {
			t.Errorf("%s: sniffed as %s, reported as %s", name, sniffed, report.MIME)
		}
	}
}

func TestRefusals(t *testing.T) {
	zip := append([]byte("PK\x03\x04"), make([]byte, 500)...)
	noise := make([]byte, 5000)
	for i := range noise {
		noise[i] = byte(i*i*7 + i>>3)
	}
	for _, test := range []struct {
		name  string
		media []byte
		kind  audio.Kind
		code  *fault.Code
	}{
		{"nothing", nil, audio.Voice, fault.UnsupportedMedia},
		{"one byte", []byte{0}, audio.Voice, fault.UnsupportedMedia},
		{"noise", noise, audio.Voice, fault.UnsupportedMedia},
		{"zip", zip, audio.Voice, fault.UnsupportedMedia},
		{"html", []byte("<!DOCTYPE html><html><body>Not found</body></html>"), audio.Voice, fault.UnsupportedMedia},
		{"png", []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), audio.Voice, fault.UnsupportedMedia},
		{"gif", []byte("GIF89a\x01\x00\x01\x00"), audio.Video, fault.UnsupportedMedia},
		{"script", fixture(t, "make.sh"), audio.Voice, fault.UnsupportedMedia},
		{"video as voice", fixture(t, "h264.mp4"), audio.Voice, fault.UnsupportedMedia},
		{"video as voice, webm", fixture(t, "vp9.webm"), audio.Voice, fault.UnsupportedMedia},
		{"voice as video", fixture(t, "isom.m4a"), audio.Video, fault.UnsupportedMedia},
		{"voice as video, webm", fixture(t, "opus.webm"), audio.Video, fault.UnsupportedMedia},
		{"mute video", fixture(t, "mute.mp4"), audio.Video, fault.NoAudioTrack},
		{"mute video, webm", fixture(t, "mute.webm"), audio.Video, fault.NoAudioTrack},
		{"silent mp3", fixture(t, "silent.mp3"), audio.Voice, fault.Silent},
		{"silent flac", fixture(t, "silent.flac"), audio.Voice, fault.Silent},
		{"silent opus", fixture(t, "silent.ogg"), audio.Voice, fault.Silent},
		{"silent opus in webm", fixture(t, "silent.webm"), audio.Voice, fault.Silent},
		{"silent vorbis", fixture(t, "silent_vorbis.ogg"), audio.Voice, fault.Silent},
		{"silent video", fixture(t, "silent_video.webm"), audio.Video, fault.Silent},
		{"digital silence", wav(8000, 2, nothing), audio.Voice, fault.Silent},
		{"hum of direct current", wav(8000, 2, func(float64) float64 { return 0.5 }), audio.Voice, fault.Silent},
		{"short", wav(8000, 0.4, sine(440, 0.3)), audio.Voice, fault.TooShort},
		{"no sound at all", wav(8000, 0, nothing), audio.Voice, fault.TooShort},
		{"long", wav(8000, 60.1, sine(440, 0.3)), audio.Voice, fault.TooLong},
		{"odd rate", wav(4000, 2, sine(440, 0.3)), audio.Voice, fault.UnsupportedMedia},
		{"nine channels", wav(8000, 2, slices.Repeat([]func(float64) float64{nothing}, 9)...), audio.Voice, fault.UnsupportedMedia},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := probe(test.media, test.kind)
			refusedAs(t, err, test.code)
		})
	}
}

func TestRefusalsSayWhatToDo(t *testing.T) {
	mostlySilent := func(t float64) float64 {
		if t < 4.1 {
			return 0
		}
		return 0.3 * math.Sin(2*math.Pi*440*t)
	}
	_, err := probe(wav(8000, 5, mostlySilent), audio.Voice)
	refusal := refusedAs(t, err, fault.Silent)
	const want = "The recording is silent for 4.1 of 5.0 seconds. Move closer to the microphone and record again."
	if refusal.Text != want || refusal.Params["silent_ms"] != int64(4100) || refusal.Params["duration_ms"] != int64(5000) {
		t.Errorf("%q %v", refusal.Text, refusal.Params)
	}

	_, err = probe(wav(8000, 0.4, sine(440, 0.3)), audio.Voice)
	refusal = refusedAs(t, err, fault.TooShort)
	if refusal.Params["duration_ms"] != int64(400) || refusal.Params["min_ms"] != int64(1000) || !strings.Contains(refusal.Text, "0.4") {
		t.Errorf("%q %v", refusal.Text, refusal.Params)
	}

	_, err = probe(wav(8000, 61, sine(440, 0.3)), audio.Voice)
	refusal = refusedAs(t, err, fault.TooLong)
	if refusal.Params["duration_ms"] != int64(61000) || refusal.Params["max_ms"] != int64(60000) {
		t.Errorf("%v", refusal.Params)
	}
}

func TestLimitsAreThoseOfTheKind(t *testing.T) {
	limits := audio.DefaultPolicy()
	limits.VoiceMaxBytes = 1000
	media := fixture(t, "speech.mp3")
	_, err := audio.NewProber(nil).Probe(context.Background(), bytes.NewReader(media), int64(len(media)), audio.Voice, limits)
	refusal := refusedAs(t, err, fault.TooLarge)
	if refusal.Params["max_bytes"] != int64(1000) {
		t.Errorf("%v", refusal.Params)
	}

	limits = audio.DefaultPolicy()
	limits.VoiceMaxMS = 2000 // a video may still last longer
	media = fixture(t, "vp9.webm")
	if _, err := audio.NewProber(nil).Probe(context.Background(), bytes.NewReader(media), int64(len(media)), audio.Video, limits); err != nil {
		t.Error(err)
	}
}

// A file without lengths in its headers (streamed WAV) cannot show that it was
// cut, every other must.
func TestCutFilesAreRefused(t *testing.T) {
	for name, want := range acceptedFixtures {
		if name == "streamed.wav" {
			continue
		}
		media := fixture(t, name)
		for _, left := range []int{len(media) - 1, len(media) * 9 / 10, len(media) / 2, len(media) / 4, 100, 20} {
			_, err := probe(media[:left], want.kind)
			var refusal *fault.Error
			if !errors.As(err, &refusal) || refusal.Code != fault.UnsupportedMedia {
				t.Errorf("%s: %d of %d bytes give %v", name, left, len(media), err)
			}
		}
	}
}

func TestAFailingDiskIsNoRefusal(t *testing.T) {
	broken := errors.New("input/output error")
	media := fixture(t, "celt.ogg")
	for _, name := range []string{"disk", "context", "short"} {
		ctx, cancel := context.WithCancel(context.Background())
		var reader io.ReaderAt = failing{media, int64(len(media) / 2), broken}
		want := broken
		switch name {
		case "context":
			cancel()
			want = context.Canceled
		case "short":
			reader, want = bytes.NewReader(media[:100]), io.ErrUnexpectedEOF
		}
		_, err := audio.NewProber(nil).Probe(ctx, reader, int64(len(media)), audio.Voice, audio.DefaultPolicy())
		cancel()
		var refusal *fault.Error
		if !errors.Is(err, want) || errors.As(err, &refusal) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// failing reads until a byte, then fails.
type failing struct {
	media []byte
	until int64
	err   error
}

func (f failing) ReadAt(p []byte, at int64) (int, error) {
	if at+int64(len(p)) > f.until {
		return 0, f.err
	}
	return bytes.NewReader(f.media).ReadAt(p, at)
}
