package harness

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
)

// Voice is a wav file of 1.2 s at 16 kHz, mono, 16 bits: a hum with the pitch,
// the formants and the syllables of a speaker that the seed chooses. The same
// seed gives the same bytes, another one others, and none is silent.
func Voice(seed uint64) []byte {
	const (
		rateHz    = 16_000
		frames    = rateHz * 12 / 10
		harmonics = 6
	)
	random := rand.New(rand.NewPCG(seed, 0x766f696365))
	pitchHz := 90 + 160*random.Float64()
	syllablesHz := 3 + 2*random.Float64()
	var loudness [harmonics]float64
	for i := range loudness {
		loudness[i] = (0.3 + random.Float64()) / float64(i+1)
	}
	samples := make([]int16, frames)
	for i := range samples {
		at := float64(i) / rateHz
		value := 0.0
		for h, share := range loudness {
			value += share * math.Sin(2*math.Pi*pitchHz*float64(h+1)*at)
		}
		// Speech swells and fades a few times a second and is never quite clean.
		swell := 0.6 - 0.4*math.Cos(2*math.Pi*syllablesHz*at)
		value = value*swell*0.15 + (random.Float64()-0.5)*0.01
		samples[i] = int16(math.Round(32_000 * max(-1, min(1, value))))
	}
	return wav(rateHz, samples)
}

// wav writes one channel as 16-bit PCM.
func wav(rateHz uint32, samples []int16) []byte {
	size := uint32(2 * len(samples))
	var file bytes.Buffer
	for _, part := range []any{
		[]byte("RIFF"), 36 + size, []byte("WAVE"),
		[]byte("fmt "), uint32(16), uint16(1), uint16(1), rateHz, 2 * rateHz, uint16(2), uint16(16),
		[]byte("data"), size, samples,
	} {
		// Writing fixed sizes into memory cannot fail.
		_ = binary.Write(&file, binary.LittleEndian, part)
	}
	return file.Bytes()
}
