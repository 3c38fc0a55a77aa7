package live_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/livekit"
)

// TestASentenceBecomesAClip only when the speaker says so, and goes the way of any
// clip from there.
func TestASentenceBecomesAClip(t *testing.T) {
	k := start(t)
	k.media.record = func(to io.Writer) (livekit.Recorded, error) {
		_, err := to.Write(k.Voice())
		return livekit.Recorded{Duration: time.Second}, err
	}
	stream := k.live(ada)
	k.join(stream, bola)
	record := func(who string, consent bool, seconds int) apptest.Answer {
		return k.post(who, "/streams/"+stream+"/record", map[string]any{"consent": consent, "seconds": seconds, "phrase": "Ina kwana?"})
	}
	k.Want(record(ada, true, 10), 403, "consent_required")
	k.Consent(ada)
	k.Consent(bola)
	k.Want(record(ada, false, 10), 400, "invalid_input")
	k.Want(record(ada, true, 61), 400, "invalid_input")
	k.Want(record(bola, true, 10), 403, "not_allowed")
	if n := k.Int("SELECT COUNT(*) FROM stream_recordings"); n != 0 || k.told("record") != 0 {
		t.Fatalf("%d recordings", n)
	}
	asked := record(ada, true, 10)
	k.Want(asked, 200, "")
	k.Want(record(ada, true, 10), 409, "stream_state") // one at a time
	id := asked.Data()["id"].(string)
	k.round("live.recordings")
	if got := k.field("stream_recordings", id, "state") + k.field("stream_recordings", id, "reason"); got != "clip" {
		t.Fatalf("the recording is %s", got)
	}
	if got := k.field("clips", id, "status") + " " + k.field("clips", id, "owner") + " " + k.field("clips", id, "phrase"); got != "pending "+k.User(ada).Id+" Ina kwana?" {
		t.Errorf("the clip is %s", got)
	}
	if n := k.Int("SELECT COUNT(*) FROM clip_tallies WHERE clip = '" + id + "' AND open = 1"); n != 1 {
		t.Error("it does not wait for validators")
	}
	if k.told("record "+k.User(ada).Id+" as recorder_"+id) != 1 {
		t.Error("somebody else was recorded")
	}
	// The stream is killed: what was made of it is hidden.
	k.ok(musa, "/streams/"+stream+"/kill", map[string]any{"reason": "hate"})
	if got := k.field("clips", id, "hidden"); got != "1" {
		t.Errorf("hidden is %s", got)
	}
}

// TestARecordingThatFails says why, and the next can be asked for.
func TestARecordingThatFails(t *testing.T) {
	k := start(t)
	stream := k.live(ada)
	k.Consent(ada)
	for name, c := range map[string]struct {
		record func(io.Writer) (livekit.Recorded, error)
		reason string
	}{
		"no microphone": {func(io.Writer) (livekit.Recorded, error) { return livekit.Recorded{}, livekit.ErrAbsent }, "There was no microphone."},
		"nothing said":  {func(io.Writer) (livekit.Recorded, error) { return livekit.Recorded{}, nil }, "There was no microphone."},
		"no server":     {func(io.Writer) (livekit.Recorded, error) { return livekit.Recorded{}, livekit.ErrUnreachable }, "It could not be recorded."},
		"no sound": {func(to io.Writer) (livekit.Recorded, error) {
			_, err := to.Write([]byte("not a recording at all"))
			return livekit.Recorded{Duration: time.Second}, err
		}, "This is not a whole recording that we can read."},
	} {
		k.media.record = c.record
		id := k.ok(ada, "/streams/"+stream+"/record", map[string]any{"consent": true, "seconds": 5})["id"].(string)
		k.round("live.recordings")
		if got := k.field("stream_recordings", id, "state") + ": " + k.field("stream_recordings", id, "reason"); !strings.HasPrefix(got, "failed: "+c.reason) {
			t.Errorf("%s: %s", name, got)
		}
	}
	// A process that died in the middle.
	id := k.ok(ada, "/streams/"+stream+"/record", map[string]any{"consent": true, "seconds": 5})["id"].(string)
	if _, err := k.App.DB().NewQuery("UPDATE stream_recordings SET state = 'recording' WHERE id = '" + id + "'").Execute(); err != nil {
		t.Fatal(err)
	}
	k.round("live.recordings")
	if got := k.field("stream_recordings", id, "state"); got != "failed" {
		t.Errorf("it is %s", got)
	}
	if n := k.Int("SELECT COUNT(*) FROM clips"); n != 0 {
		t.Errorf("%d clips were made", n)
	}
}
