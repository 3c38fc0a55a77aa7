package livekit_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/audio"
	"github.com/lingualink/lingualink/internal/livekit"
	"github.com/lingualink/lingualink/internal/livekit/livekittest"
	"github.com/lingualink/lingualink/internal/rooms"
)

// tone is an OGG/Opus file of a steady tone.
func tone(t *testing.T) io.ReadCloser {
	t.Helper()
	file, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=frequency=440:duration=20", "-c:a", "libopus", "-b:a", "24k", "-page_duration", "20000", "-f", "ogg", "-").Output()
	if err != nil {
		t.Fatalf("there is no sound to record; run make deps: %v", err)
	}
	return io.NopCloser(bytes.NewReader(file))
}

// TestRecord: a hidden recorder writes the host's voice, and nobody else's, into a
// file that goes the way of any clip.
func TestRecord(t *testing.T) {
	s, c := start(t)
	host := livekittest.MustJoin(t, s, ticket(t, c, room(1), "ada", rooms.Host))
	other := livekittest.MustJoin(t, s, ticket(t, c, room(1), "bob", rooms.Speaker))
	_, err := other.Speak() // is silent, so a file with it would be
	must(t, err)
	host.Play(tone(t))
	hears(t, other, "ada")

	var file bytes.Buffer
	done := make(chan error, 1)
	got := livekit.Recorded{}
	go func() {
		var err error
		got, err = c.Record(t.Context(), livekit.Recording{Room: room(1), Identity: "recorder", Person: "ada", Most: 3 * time.Second, Patience: 10 * time.Second}, &file)
		done <- err
	}()
	until(t, "the recorder", func() bool { return person(t, c, room(1), "recorder").Connected })
	want := grants(rooms.Recorder)
	if seen := person(t, c, room(1), "recorder"); seen.Grants != want {
		t.Errorf("the recorder may %s, want %s", seen.Grants, want)
	}
	must(t, <-done)
	if got.Duration < 2900*time.Millisecond || got.Duration > 3100*time.Millisecond {
		t.Errorf("recorded %+v", got)
	}
	report, err := audio.NewProber(nil).Probe(t.Context(), bytes.NewReader(file.Bytes()), int64(file.Len()), audio.Voice, audio.DefaultPolicy())
	must(t, err)
	if report.Codec != "opus" || report.DurationMS < 2800 || report.DurationMS > 3100 || report.PeakDBFS == nil || *report.PeakDBFS < -40 || report.SilentMS == nil || *report.SilentMS > 500 {
		t.Errorf("the clip is %+v", report)
	}
	until(t, "the recorder gone", func() bool { return person(t, c, room(1), "recorder").SID == "" })
}

// counter tells how much was written.
type counter struct{ atomic.Int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.Add(int64(len(p)))
	return len(p), nil
}

func TestRecordEnds(t *testing.T) {
	s, c := start(t)
	host := livekittest.MustJoin(t, s, ticket(t, c, room(1), "ada", rooms.Host))
	var written counter
	recording := func() {
		t.Helper()
		written.Store(0)
		until(t, "sound in the file", func() bool { return written.Load() > 500 })
	}
	record := func(ctx context.Context, who, person string, patience time.Duration) <-chan error {
		done := make(chan error, 1)
		go func() {
			_, err := c.Record(ctx, livekit.Recording{Room: room(1), Identity: who, Person: person, Most: time.Minute, Patience: patience}, &written)
			done <- err
		}()
		return done
	}
	if err := <-record(t.Context(), "r1", "nobody", 300*time.Millisecond); !errors.Is(err, livekit.ErrAbsent) {
		t.Errorf("nobody to record: %v", err)
	}
	_, err := host.Show() // a camera is no voice
	must(t, err)
	if err := <-record(t.Context(), "r2", "ada", 300*time.Millisecond); !errors.Is(err, livekit.ErrAbsent) {
		t.Errorf("a camera was recorded: %v", err)
	}
	_, err = host.Speak()
	must(t, err)
	ctx, stop := context.WithCancel(t.Context())
	stopped := record(ctx, "r3", "ada", 10*time.Second)
	recording()
	stop()
	if err := <-stopped; err != nil {
		t.Errorf("stopped: %v", err)
	}
	ended := record(t.Context(), "r4", "ada", 10*time.Second)
	recording()
	must(t, c.DeleteRoom(t.Context(), room(1)))
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the room ended: %v", err)
		}
	case <-time.After(9 * time.Second): // patience is longer
		t.Error("a recorder outlives its room")
	}
	for _, wrong := range []livekit.Recording{
		{}, {Room: room(1), Identity: "r", Person: "ada", Most: 2 * time.Hour, Patience: time.Second}, {Room: room(1), Identity: "r", Person: "ada", Most: time.Second},
	} {
		if _, err := c.Record(t.Context(), wrong, io.Discard); !errors.Is(err, livekit.ErrInvalid) {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
	if _, err := c.Record(t.Context(), livekit.Recording{Room: room(9), Identity: "r", Person: "ada", Most: time.Second, Patience: time.Second}, io.Discard); err == nil || errors.Is(err, livekit.ErrInvalid) {
		t.Errorf("a room that is not there: %v", err)
	}
}
