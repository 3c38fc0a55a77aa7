package audio

import (
	"fmt"

	"github.com/lingualink/lingualink/internal/fault"
)

// unsupported refuses with the given sentence, or with what holds for any
// unreadable file when it is empty.
func unsupported(text string) *fault.Error {
	if text == "" {
		text = "This is not a whole recording that we can read. " +
			"Send wav, mp3, ogg, opus, webm, flac, m4a, aac or 3gp, for video mp4 or webm; if it was cut off, send it again."
	}
	return fault.UnsupportedMedia.On("media").Saying(text)
}

func tooLarge(size, maxBytes int64) *fault.Error {
	return fault.TooLarge.On("media").With("size_bytes", size).With("max_bytes", maxBytes).Saying(
		fmt.Sprintf("The file has %.1f MB, at most %.1f are allowed. Record shorter or with a lower quality.",
			float64(size)/1e6, float64(maxBytes)/1e6))
}

func tooShort(durationMS, minMS int64) *fault.Error {
	return fault.TooShort.On("media").With("duration_ms", durationMS).With("min_ms", minMS).Saying(
		fmt.Sprintf("The recording lasts %s seconds, it needs at least %s. Record again and say the whole phrase.",
			seconds(durationMS), seconds(minMS)))
}

func tooLong(durationMS, maxMS int64) *fault.Error {
	return fault.TooLong.On("media").With("duration_ms", durationMS).With("max_ms", maxMS).Saying(
		fmt.Sprintf("The recording lasts %s seconds, at most %s are allowed. Record again in shorter parts.",
			seconds(durationMS), seconds(maxMS)))
}

func silent(silentMS, durationMS int64) *fault.Error {
	return fault.Silent.On("media").With("silent_ms", silentMS).With("duration_ms", durationMS).Saying(
		fmt.Sprintf("The recording is silent for %s of %s seconds. Move closer to the microphone and record again.",
			seconds(silentMS), seconds(durationMS)))
}

func seconds(ms int64) string { return fmt.Sprintf("%.1f", float64(ms)/1000) }
