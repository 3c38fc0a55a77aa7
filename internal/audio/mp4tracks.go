package audio

import (
	"errors"
	"math"
)

// recording sums up the boxes of a file.
func (f *mp4File) recording() (recording, error) {
	found := recording{container: "mp4"}
	var sound *mp4Track
	for _, track := range f.tracks {
		switch {
		case track.handler == "soun" && sound == nil:
			sound = track
		case track.handler == "vide" && found.videoCodec == "":
			if found.videoCodec = mp4Pictures[track.entry]; found.videoCodec == "" {
				return recording{}, errors.New("mp4: picture codec " + track.entry)
			}
		default:
			continue
		}
		if err := track.list(f.src); err != nil {
			return recording{}, err
		}
		found.durationMS = max(found.durationMS, track.durationMS())
	}
	if sound == nil && found.videoCodec == "" {
		return recording{}, errors.New("mp4: neither sound nor pictures")
	}
	if sound == nil {
		return found, nil
	}
	if sound.codec == "" {
		return recording{}, errors.New("mp4: sound codec " + sound.entry)
	}
	found.codec, found.rateHz, found.channels = sound.codec, sound.rateHz, sound.channels
	if found.rateHz == 0 { // does not fit the field's 16 bits
		found.rateHz = int(min(sound.timescale, math.MaxInt32))
	}
	if decoder := newOpusDecoder(sound.channels, 0); decoder != nil && sound.codec == "opus" {
		found.decode = func(write func([]float32) error) error { return sound.decode(f.src, decoder, write) }
	}
	return found, nil
}

// durationMS is what the samples last, less the encoder delay that the edit
// list skips. A longer skip hides sound that is there, so it counts.
func (t *mp4Track) durationMS() int64 {
	if t.timescale == 0 || t.duration > math.MaxInt64/1000 {
		return math.MaxInt64
	}
	duration := int64(t.duration)
	if t.trim <= int64(t.timescale)*slackMS/1000 {
		duration = max(0, duration-t.trim)
	}
	return frameMS(duration, int(t.timescale))
}

// list adds the samples of the plain tables (ISO/IEC 14496-12, 8.7) to those
// of the fragments.
func (t *mp4Track) list(src *source) error {
	if t.timescale == 0 || t.entry == "" {
		return errors.New("mp4: track without a header")
	}
	count := 0
	if t.sizes != nil {
		count = int(t.sizes.SampleCount)
	}
	timed := uint64(0)
	for _, entry := range t.times {
		timed += uint64(entry.SampleCount)
		t.duration += uint64(entry.SampleCount) * uint64(entry.SampleDelta)
	}
	if timed != uint64(count) {
		return errors.New("mp4: sample tables differ")
	}
	index := 0
	for i, run := range t.runs {
		end := uint64(len(t.chunks)) + 1
		if i+1 < len(t.runs) {
			end = min(end, uint64(t.runs[i+1].FirstChunk))
		}
		if run.FirstChunk == 0 || uint64(run.FirstChunk) >= end {
			return errors.New("mp4: bad chunk table")
		}
		for chunk := uint64(run.FirstChunk); chunk < end; chunk++ {
			at := int64(min(t.chunks[chunk-1], math.MaxInt64))
			for range run.SamplesPerChunk {
				if index >= count {
					return errors.New("mp4: sample tables differ")
				}
				size := t.sizes.SampleSize
				if size == 0 {
					size = t.sizes.EntrySize[index]
				}
				if err := t.add(src, at, size); err != nil {
					return err
				}
				at += int64(size)
				index++
			}
		}
	}
	if index != count {
		return errors.New("mp4: sample tables differ")
	}
	if len(t.samples) == 0 {
		return errCut
	}
	return nil
}

// decode decodes the samples in their order.
func (t *mp4Track) decode(src *source, decoder packetDecoder, write func([]float32) error) error {
	for _, sample := range t.samples {
		packet, err := src.bytes(sample.at, int(min(sample.size, mostPacketBytes)))
		if err != nil {
			return err
		}
		samples, err := decoder(packet)
		if err == nil {
			err = write(samples)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
