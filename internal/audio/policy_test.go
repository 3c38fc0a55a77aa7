package audio_test

import (
	"errors"
	"testing"

	"github.com/lingualink/lingualink/internal/audio"
	"github.com/lingualink/lingualink/internal/fault"
)

func TestPolicyDefaults(t *testing.T) {
	got, err := audio.ParsePolicy(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := audio.Policy{
		VoiceMinMS: 1000, VoiceMaxMS: 60_000, VideoMinMS: 1000, VideoMaxMS: 180_000,
		VoiceMaxBytes: 20 << 20, VideoMaxBytes: 100 << 20,
		SilenceBelowDBFS: -50, MaxSilentBps: 8000, MaxClippedBps: 50, QuietBelowLUFS: -40,
		UploadsPerHour: 120, UploadsPerDay: 500,
	}
	if got != want {
		t.Errorf("got %+v", got)
	}
}

func TestPolicyValues(t *testing.T) {
	for _, test := range []struct {
		values string
		field  string // empty: accepted
	}{
		{`{"voice_max_ms": 90000, "uploads_per_day": 0}`, ""},
		{`{"voice_min_ms": 70000}`, "voice_min_ms"},
		{`{"voice_min_ms": -1}`, "voice_min_ms"},
		{`{"voice_max_ms": 0}`, "voice_max_ms"},
		{`{"video_max_ms": 360000000}`, "video_max_ms"},
		{`{"video_min_ms": 200000}`, "video_min_ms"},
		{`{"voice_max_bytes": 0}`, "voice_max_bytes"},
		{`{"video_max_bytes": 99999999999}`, "video_max_bytes"},
		{`{"silence_below_dbfs": 3}`, "silence_below_dbfs"},
		{`{"max_silent_bps": 10001}`, "max_silent_bps"},
		{`{"max_clipped_bps": -1}`, "max_clipped_bps"},
		{`{"quiet_below_lufs": -71}`, "quiet_below_lufs"},
		{`{"uploads_per_hour": -1}`, "uploads_per_hour"},
		{`{"uploads_per_day": -1}`, "uploads_per_day"},
		{`{"voice_max_seconds": 60}`, "values"},
	} {
		_, err := audio.ParsePolicy([]byte(test.values))
		var refusal *fault.Error
		switch {
		case test.field == "" && err != nil:
			t.Errorf("%s: %v", test.values, err)
		case test.field != "" && (!errors.As(err, &refusal) || refusal.Code != fault.PolicyInvalid || refusal.Field != test.field):
			t.Errorf("%s: %v", test.values, err)
		}
	}
}
