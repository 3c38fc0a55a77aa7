package audio

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/lingualink/lingualink/internal/fault"
)

// slackMS is how far decoded sound may run past what a container claims or the
// policy allows: encoder delay and rounding, never content.
const slackMS = 1000

// The sound that the meter and the decoders are made for.
const (
	lowestRateHz  = 8000
	highestRateHz = 192_000
	mostChannels  = 8
)

// Prober examines uploads. It keeps no state between them and may be used by
// many goroutines.
type Prober struct{ fallback Decoder }

// NewProber returns a prober that turns to fallback for sound that no decoder
// in Go can decode; nil means that such sound is not measured.
func NewProber(fallback Decoder) *Prober { return &Prober{fallback: fallback} }

// Probe examines size bytes of media as the given kind. A refusal is a
// *fault.Error on the field "media" with one of the codes unsupported_media,
// no_audio_track, too_short, too_long, silent, too_large; any other error is a
// failing disk or the end of ctx and says nothing about the file.
func (p *Prober) Probe(ctx context.Context, media io.ReaderAt, size int64, kind Kind, limits Policy) (Report, error) {
	within := limits.bounds(kind)
	if size > within.maxBytes {
		return Report{}, tooLarge(size, within.maxBytes)
	}
	src := &source{ctx: ctx, media: media, size: size}
	report, err := p.examine(src, kind, limits)
	if src.failure != nil {
		return Report{}, src.failure
	}
	if err != nil {
		var refusal *fault.Error
		if !errors.As(err, &refusal) {
			refusal = unsupported("").Because(err)
		}
		return Report{}, refusal
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, src.reader(0)); err != nil {
		return Report{}, err
	}
	report.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return report, nil
}

// examine decides. Its recover is the only one: containers and codecs come from
// libraries that index into what a stranger wrote.
func (p *Prober) examine(src *source, kind Kind, limits Policy) (report Report, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("audio: decoder panicked: %v", panicked)
		}
	}()
	mime, known, ok := sniff(src)
	if !ok {
		return Report{}, unsupported("")
	}
	found, err := known.parse(src)
	if err != nil {
		return Report{}, err
	}
	if err := checkTracks(found, kind); err != nil {
		return Report{}, err
	}
	within := limits.bounds(kind)
	if found.durationMS > within.maxMS {
		return Report{}, tooLong(found.durationMS, within.maxMS)
	}
	report = Report{
		MIME: mime, Container: found.container, Codec: found.codec, VideoCodec: found.videoCodec,
		DurationMS: found.durationMS, SampleRateHz: found.rateHz, Channels: found.channels,
		Quality: Unknown, SizeBytes: src.size,
	}
	sound, err := p.measure(src, found, limits.SilenceBelowDBFS, within.maxMS+slackMS)
	if err != nil {
		return Report{}, err
	}
	if sound != nil {
		// A container that claims less than it holds is believed within the slack.
		if held := frameMS(sound.frames, found.rateHz); found.durationMS == 0 || held > found.durationMS+slackMS {
			report.DurationMS = held
		}
		sound.fill(&report, limits)
	}
	return report, judge(report, within, limits)
}

func checkTracks(found recording, kind Kind) error {
	switch {
	case found.codec == "":
		return fault.NoAudioTrack.On("media").Saying(
			"The recording has no sound track. Allow the microphone and record again.")
	case kind == Voice && found.videoCodec != "":
		return unsupported("This is a video. Send it as a video clip, or record sound only.")
	case kind == Video && found.videoCodec == "":
		return unsupported("This has no picture. Send it as a voice clip, or record with the camera on.")
	case found.rateHz < lowestRateHz || found.rateHz > highestRateHz:
		return unsupported(fmt.Sprintf("The sound has %d samples per second. Record with %d to %d.",
			found.rateHz, lowestRateHz, highestRateHz))
	case found.channels < 1 || found.channels > mostChannels:
		return unsupported(fmt.Sprintf("The sound has %d channels. Record in mono or stereo.", found.channels))
	}
	return nil
}

// measure returns nil where the sound cannot be decoded. Its errors are
// refusals.
func (p *Prober) measure(src *source, found recording, silenceBelowDBFS float64, maxMS int64) (*meter, error) {
	attempt := func(decode func(func([]float32) error) error) (*meter, error) {
		sound := newMeter(found.rateHz, found.channels, silenceBelowDBFS, maxMS)
		err := decode(sound.write)
		if errors.Is(err, errPastLimit) {
			err = tooLong(frameMS(sound.frames, found.rateHz), maxMS-slackMS)
		}
		return sound, err
	}
	decoders := []func(func([]float32) error) error{found.decode}
	if p.fallback != nil && !found.checked {
		decoders = append(decoders, func(write func([]float32) error) error {
			return p.fallback.Decode(src.ctx, Sound{
				Media: src.reader(0), Container: found.container,
				SampleRateHz: found.rateHz, Channels: found.channels, MaxMS: maxMS,
			}, write)
		})
	}
	for _, decode := range decoders {
		if decode == nil {
			continue
		}
		sound, err := attempt(decode)
		if err == nil {
			return sound, nil
		}
		var refusal *fault.Error
		if errors.As(err, &refusal) || found.checked {
			return nil, err
		}
	}
	return nil, nil
}

// judge refuses what the finished report shows.
func judge(report Report, within bounds, limits Policy) error {
	switch {
	case report.DurationMS > within.maxMS:
		return tooLong(report.DurationMS, within.maxMS)
	case report.DurationMS < max(1, within.minMS):
		return tooShort(report.DurationMS, max(1, within.minMS))
	case report.SilentMS != nil && *report.SilentMS*10_000 > limits.MaxSilentBps*report.DurationMS:
		return silent(*report.SilentMS, report.DurationMS)
	}
	return nil
}
