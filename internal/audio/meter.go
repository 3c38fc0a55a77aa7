package audio

import (
	"errors"
	"math"
)

// errPastLimit stops a decoder that has handed over more sound than any clip
// may have, whatever its container claimed.
var errPastLimit = errors.New("more sound than allowed")

// fullScale is where a sample counts as clipped. Lossy codecs move clipped
// peaks by a fraction of a dB, so it lies just below 1.
const fullScale = 0.99

// floorDB stands for digital zero, whose logarithm no JSON can hold.
const floorDB = -120

// meter measures decoded sound as it streams by. It keeps one number for every
// 100 ms.
type meter struct {
	channels   int
	rateHz     int
	quietBelow float64 // dBFS
	maxFrames  int64

	filters    [][2]biquad
	stepFrames int       // frames of 100 ms
	filled     int       // frames of the unfinished step
	squares    []float64 // of the unfinished step, per channel

	steps   []float64 // weighted mean squares, see integrated
	loudMS  int64
	frames  int64
	clipped int64
	peak    float64
}

func newMeter(rateHz, channels int, silenceBelowDBFS float64, maxMS int64) *meter {
	filters := make([][2]biquad, channels)
	for i := range filters {
		filters[i] = kWeighting(rateHz)
	}
	return &meter{
		channels: channels, rateHz: rateHz, quietBelow: silenceBelowDBFS,
		maxFrames: maxMS * int64(rateHz) / 1000,
		filters:   filters, stepFrames: rateHz / 10, squares: make([]float64, channels),
	}
}

// write takes interleaved samples of whole frames.
func (m *meter) write(samples []float32) error {
	for ; len(samples) >= m.channels; samples = samples[m.channels:] {
		for channel, sample := range samples[:m.channels] {
			x := float64(sample)
			if math.IsNaN(x) || math.IsInf(x, 0) {
				x = 0 // float WAV may hold anything; one NaN would stay in the filter
			}
			x = max(-8, min(8, x))
			size := math.Abs(x)
			m.peak = max(m.peak, size)
			if size >= fullScale {
				m.clipped++
			}
			y := m.filters[channel][1].filter(m.filters[channel][0].filter(x))
			m.squares[channel] += y * y
		}
		m.frames++
		if m.filled++; m.filled == m.stepFrames {
			m.closeStep()
		}
	}
	if m.frames > m.maxFrames {
		return errPastLimit
	}
	return nil
}

// closeStep judges the step by its loudest channel: a recorder that fills one
// side of a stereo file is not silent.
func (m *meter) closeStep() {
	sum, loudest := 0.0, 0.0
	for channel, square := range m.squares {
		mean := square / float64(m.filled)
		sum += channelWeight(channel, m.channels) * mean
		loudest = max(loudest, mean)
		m.squares[channel] = 0
	}
	if level(loudest) >= m.quietBelow {
		m.loudMS += frameMS(int64(m.filled), m.rateHz)
	}
	if m.filled == m.stepFrames {
		m.steps = append(m.steps, sum)
	}
	m.filled = 0
}

// fill completes a report whose duration is known. What the timeline claims
// but no packet fills is silence too.
func (m *meter) fill(report *Report, limits Policy) {
	if m.filled > 0 {
		m.closeStep()
	}
	silent := max(0, report.DurationMS-m.loudMS)
	clipped := m.clipped * 10_000 / max(1, m.frames*int64(m.channels))
	peak := max(floorDB, 20*math.Log10(m.peak))
	report.SilentMS, report.ClippedBps, report.PeakDBFS = &silent, &clipped, &peak

	lufs, loud := integrated(m.steps)
	if loud {
		report.LoudnessLUFS = &lufs
	}
	switch {
	case clipped > limits.MaxClippedBps:
		report.Quality = Clipped
	case !loud || lufs < limits.QuietBelowLUFS:
		report.Quality = Quiet
	default:
		report.Quality = Good
	}
}
