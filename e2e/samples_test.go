package e2e_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lingualink/lingualink/e2e/harness"
)

// sample is one file of the manifest that the client's tests read.
type sample struct {
	File     string `json:"file"`
	Kind     string `json:"kind"`
	Language string `json:"language"`
	// What the server must measure of a good one.
	Container string `json:"container,omitempty"`
	Codec     string `json:"codec,omitempty"`
	// Code is the refusal of a bad one.
	Code string `json:"code,omitempty"`
}

// studio makes sound samples in a directory.
type studio struct {
	t   *testing.T
	dir string
}

// makeSamples fills the directory: real speech of several languages in every
// format that phones and browsers record, files that must be refused, and
// plain voices for everything else. manifest.json lists them.
func makeSamples(t *testing.T, dir string) {
	t.Helper()
	for _, tool := range []string{"ffmpeg", "espeak-ng"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("the samples need %s: run scripts/test-deps.sh", tool)
		}
	}
	s := studio{t: t, dir: dir}
	manifest := map[string]any{"good": s.good(), "bad": s.bad(), "voices": s.voices(80)}
	content, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	s.write("manifest.json", content)
}

// phrases are spoken by espeak-ng, whose voices have the codes of the languages.
var phrases = map[string]string{
	"sw": "Habari za asubuhi. Leo tunaenda sokoni kununua mboga na matunda.",
	"en": "Good morning. Today we walk to the market to buy some fruit.",
	"fr": "Bonjour. Aujourd'hui nous allons au marché acheter des fruits.",
	"om": "Akkam bulte? Har'a gara gabaa deemnee kuduraa bitanna.",
	"am": "እንደምን አደርክ? ዛሬ ወደ ገበያ ሄደን ፍራፍሬ እንገዛለን።",
	"af": "Goeie môre. Vandag stap ons mark toe om vrugte te koop.",
}

func (s studio) good() []sample {
	s.t.Helper()
	for language, phrase := range phrases {
		s.run("espeak-ng", "-v", language, "-w", s.path("speech-"+language+".wav"), phrase)
	}
	amr := []string{"-c:a", "aac", "-f", "3gp"}
	amrCodec := "aac"
	if strings.Contains(s.run("ffmpeg", "-hide_banner", "-encoders"), "libopencore_amrnb") {
		amr, amrCodec = []string{"-c:a", "libopencore_amrnb", "-ar", "8000", "-ac", "1", "-f", "3gp"}, "amr_nb"
	}
	picture := []string{"-f", "lavfi", "-i", "testsrc=size=160x120:rate=10", "-shortest", "-pix_fmt", "yuv420p"}
	samples := []struct {
		sample
		encode []string
	}{
		{sample{File: "speech.wav", Kind: "voice", Language: "sw", Container: "wav", Codec: "pcm"}, []string{"-c:a", "pcm_s16le"}},
		{sample{File: "speech.mp3", Kind: "voice", Language: "en", Container: "mp3", Codec: "mp3"}, []string{"-c:a", "libmp3lame", "-b:a", "64k"}},
		{sample{File: "speech.ogg", Kind: "voice", Language: "fr", Container: "ogg", Codec: "opus"}, []string{"-c:a", "libopus", "-b:a", "24k"}},
		{sample{File: "vorbis.ogg", Kind: "voice", Language: "om", Container: "ogg", Codec: "vorbis"}, []string{"-c:a", "libvorbis"}},
		{sample{File: "speech.webm", Kind: "voice", Language: "om", Container: "webm", Codec: "opus"}, []string{"-c:a", "libopus", "-b:a", "32k"}},
		{sample{File: "speech.flac", Kind: "voice", Language: "am", Container: "flac", Codec: "flac"}, []string{"-c:a", "flac"}},
		{sample{File: "speech.m4a", Kind: "voice", Language: "af", Container: "mp4", Codec: "aac"}, []string{"-c:a", "aac", "-b:a", "64k"}},
		{sample{File: "speech.aac", Kind: "voice", Language: "sw", Container: "adts", Codec: "aac"}, []string{"-c:a", "aac", "-f", "adts"}},
		{sample{File: "speech.3gp", Kind: "voice", Language: "en", Container: "mp4", Codec: amrCodec}, amr},
		{sample{File: "talk.mp4", Kind: "video", Language: "fr", Container: "mp4", Codec: "aac"}, append(picture, "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac")},
		{sample{File: "talk.webm", Kind: "video", Language: "am", Container: "webm", Codec: "opus"}, append(picture, "-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus")},
	}
	made := make([]sample, len(samples))
	for i, wanted := range samples {
		s.ffmpeg(wanted.File, append([]string{"-i", s.path("speech-" + wanted.Language + ".wav")}, wanted.encode...)...)
		made[i] = wanted.sample
	}
	return made
}

func (s studio) bad() []sample {
	s.t.Helper()
	speech := s.path("speech-en.wav")
	s.ffmpeg("silent.wav", "-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono", "-t", "3")
	s.ffmpeg("short.wav", "-i", speech, "-t", "0.1")
	s.ffmpeg("long.mp3", "-stream_loop", "-1", "-i", speech, "-t", "62", "-c:a", "libmp3lame", "-b:a", "32k")
	s.ffmpeg("mute.mp4", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=10", "-t", "2", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast")
	s.half("talk.mp4", "cut.mp4")
	s.half("speech.wav", "cut.wav")
	s.half("speech.m4a", "cut.m4a")
	s.write("text.wav", []byte(strings.Repeat("This is not a recording. ", 2000)))
	s.write("zip.mp3", s.zip())
	s.write("empty.wav", nil)
	return []sample{
		{File: "silent.wav", Kind: "voice", Language: "en", Code: "silent"},
		{File: "short.wav", Kind: "voice", Language: "en", Code: "too_short"},
		{File: "long.mp3", Kind: "voice", Language: "en", Code: "too_long"},
		{File: "mute.mp4", Kind: "video", Language: "en", Code: "no_audio_track"},
		{File: "cut.mp4", Kind: "video", Language: "en", Code: "unsupported_media"},
		{File: "cut.wav", Kind: "voice", Language: "en", Code: "unsupported_media"},
		{File: "cut.m4a", Kind: "voice", Language: "en", Code: "unsupported_media"},
		{File: "text.wav", Kind: "voice", Language: "en", Code: "unsupported_media"},
		{File: "zip.mp3", Kind: "voice", Language: "en", Code: "unsupported_media"},
		{File: "empty.wav", Kind: "voice", Language: "en", Code: "unsupported_media"},
		{File: "talk.webm", Kind: "voice", Language: "en", Code: "unsupported_media"}, // a video is no voice
		{File: "speech.flac", Kind: "video", Language: "en", Code: "unsupported_media"},
	}
}

// voices are recordings without words that differ from each other.
func (s studio) voices(n int) []string {
	s.t.Helper()
	files := make([]string, n)
	for i := range files {
		files[i] = fmt.Sprintf("voice-%02d.wav", i)
		s.write(files[i], harness.Voice(uint64(i)))
	}
	return files
}

// zip is an archive of incompressible bytes.
func (s studio) zip() []byte {
	s.t.Helper()
	var archive bytes.Buffer
	writer := zip.NewWriter(&archive)
	file, err := writer.Create("voice.mp3")
	if err == nil {
		_, err = file.Write(harness.Voice(1000))
	}
	if err == nil {
		err = writer.Close()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return archive.Bytes()
}

// half writes the first half of one sample as another.
func (s studio) half(of, name string) {
	s.t.Helper()
	whole, err := os.ReadFile(s.path(of))
	if err != nil {
		s.t.Fatal(err)
	}
	s.write(name, whole[:len(whole)/2])
}

func (s studio) ffmpeg(name string, args ...string) {
	s.t.Helper()
	s.run("ffmpeg", append(append([]string{"-nostdin", "-v", "error", "-y"}, args...), s.path(name))...)
}

func (s studio) path(name string) string { return filepath.Join(s.dir, name) }

func (s studio) write(name string, content []byte) {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), content, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s studio) run(name string, args ...string) string {
	s.t.Helper()
	out, err := exec.CommandContext(s.t.Context(), name, args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}
