package audio

import (
	"fmt"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/policy"
)

// Policy holds the numbers of the subject "audio". Durations are milliseconds,
// sizes bytes, shares basis points (10000 = all of it).
type Policy struct {
	VoiceMinMS    int64 `json:"voice_min_ms"`
	VoiceMaxMS    int64 `json:"voice_max_ms"`
	VideoMinMS    int64 `json:"video_min_ms"`
	VideoMaxMS    int64 `json:"video_max_ms"`
	VoiceMaxBytes int64 `json:"voice_max_bytes"`
	VideoMaxBytes int64 `json:"video_max_bytes"`

	// SilenceBelowDBFS: 100 ms whose K-weighted level is lower count as silent.
	// Noise of a quiet room through a phone lies near -60, speech at arm's
	// length above -40.
	SilenceBelowDBFS float64 `json:"silence_below_dbfs"`
	// MaxSilentBps is the share of silence above which a clip is refused.
	MaxSilentBps int64 `json:"max_silent_bps"`
	// MaxClippedBps is the share of samples at full scale above which the
	// quality is noted as clipped.
	MaxClippedBps int64 `json:"max_clipped_bps"`
	// QuietBelowLUFS: a clip of lower loudness is noted as quiet.
	QuietBelowLUFS float64 `json:"quiet_below_lufs"`

	// UploadsPerHour and UploadsPerDay limit one person; 0 is no limit. The
	// caller counts.
	UploadsPerHour int `json:"uploads_per_hour"`
	UploadsPerDay  int `json:"uploads_per_day"`
}

// DefaultPolicy is in force until a stored version replaces it.
func DefaultPolicy() Policy {
	return Policy{
		VoiceMinMS: 1000, VoiceMaxMS: 60_000,
		VideoMinMS: 1000, VideoMaxMS: 180_000,
		VoiceMaxBytes: 20 << 20, VideoMaxBytes: 100 << 20,
		SilenceBelowDBFS: -50, MaxSilentBps: 8000,
		MaxClippedBps: 50, QuietBelowLUFS: -40,
		UploadsPerHour: 120, UploadsPerDay: 500,
	}
}

// ParsePolicy lays stored values over the defaults.
func ParsePolicy(values []byte) (Policy, error) {
	return policy.Merge(DefaultPolicy(), values)
}

// Longest duration and largest file that a policy may allow: the work of one
// probe grows with both.
const (
	longestMS    = 30 * 60 * 1000
	largestBytes = 1 << 30
)

// Validate names the first value that is out of range (fault.PolicyInvalid).
func (p Policy) Validate() error {
	for _, check := range []struct {
		name        string
		value       float64
		least, most float64
	}{
		{"voice_max_ms", float64(p.VoiceMaxMS), 1, longestMS},
		{"video_max_ms", float64(p.VideoMaxMS), 1, longestMS},
		{"voice_min_ms", float64(p.VoiceMinMS), 0, float64(p.VoiceMaxMS)},
		{"video_min_ms", float64(p.VideoMinMS), 0, float64(p.VideoMaxMS)},
		{"voice_max_bytes", float64(p.VoiceMaxBytes), 1, largestBytes},
		{"video_max_bytes", float64(p.VideoMaxBytes), 1, largestBytes},
		{"silence_below_dbfs", p.SilenceBelowDBFS, -120, 0},
		{"max_silent_bps", float64(p.MaxSilentBps), 0, 10_000},
		{"max_clipped_bps", float64(p.MaxClippedBps), 0, 10_000},
		{"quiet_below_lufs", p.QuietBelowLUFS, -70, 0},
		{"uploads_per_hour", float64(p.UploadsPerHour), 0, 1e9},
		{"uploads_per_day", float64(p.UploadsPerDay), 0, 1e9},
	} {
		if !(check.value >= check.least && check.value <= check.most) {
			return fault.PolicyInvalid.On(check.name).Saying(
				fmt.Sprintf("%s must lie between %g and %g.", check.name, check.least, check.most))
		}
	}
	return nil
}

// bounds are the limits for one kind.
type bounds struct{ minMS, maxMS, maxBytes int64 }

func (p Policy) bounds(kind Kind) bounds {
	if kind == Video {
		return bounds{p.VideoMinMS, p.VideoMaxMS, p.VideoMaxBytes}
	}
	return bounds{p.VoiceMinMS, p.VoiceMaxMS, p.VoiceMaxBytes}
}
