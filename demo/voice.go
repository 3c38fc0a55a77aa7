package demo

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"time"
)

const voiceRateHz = 16000

// Voice makes a wav file (16 bit, mono, 16 kHz) that sounds vaguely like
// somebody talking: a buzzing pitch in syllables with pauses. The same seed
// gives the same bytes, another seed others. No person's voice is in it.
func Voice(seed uint64, length time.Duration) []byte {
	random := rand.New(rand.NewPCG(seed, 0x11a9))
	samples := int(length.Seconds() * voiceRateHz)
	pcm := make([]int16, samples)
	pitch := 90 + 130*random.Float64() // of the speaker, in Hz
	phase := 0.0
	for start := 0; start < samples; {
		syllable := voiceRateHz * (12 + random.IntN(14)) / 100
		glide := 0.85 + 0.3*random.Float64()
		brightness := 3 + random.IntN(6)
		for i := 0; i < syllable && start+i < samples; i++ {
			position := float64(i) / float64(syllable)
			phase += 2 * math.Pi * pitch * (1 + (glide-1)*position) / voiceRateHz
			var sound float64
			for harmonic := 1; harmonic <= brightness; harmonic++ {
				sound += math.Sin(phase*float64(harmonic)) / float64(harmonic)
			}
			pcm[start+i] = int16(7000*sound*math.Sin(math.Pi*position) + 40*random.NormFloat64())
		}
		start += syllable + voiceRateHz*random.IntN(6)/100
	}
	return wav(pcm)
}

// wav wraps samples in a RIFF header.
func wav(pcm []int16) []byte {
	const header, bytesPerSample = 44, 2
	size := uint32(len(pcm) * bytesPerSample)
	var file bytes.Buffer
	file.Grow(header + int(size))
	for _, part := range []any{
		[]byte("RIFF"), header - 8 + size, []byte("WAVEfmt "), uint32(16), uint16(1), uint16(1),
		uint32(voiceRateHz), uint32(voiceRateHz * bytesPerSample), uint16(bytesPerSample), uint16(8 * bytesPerSample),
		[]byte("data"), size, pcm,
	} {
		// Writing fixed-size values to memory cannot fail.
		_ = binary.Write(&file, binary.LittleEndian, part)
	}
	return file.Bytes()
}
