package audio_test

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/lingualink/lingualink/internal/audio"
)

// The levels follow from ITU-R BS.1770-4, Annex 1: a 0 dBFS sine of 997 Hz in
// one front channel reads -3.01 LKFS, a second channel adds 3.01, the absolute
// gate lies at -70 and the relative one 10 LU below the ungated level.
func TestLoudnessOfKnownSignals(t *testing.T) {
	at1k := func(db float64) func(float64) float64 { return sine(1000, decibels(db)) }
	inTurn := func(until float64, first, then func(float64) float64) func(float64) float64 {
		return func(t float64) float64 {
			if t < until {
				return first(t)
			}
			return then(t)
		}
	}
	for _, test := range []struct {
		name     string
		rateHz   int
		channels []func(float64) float64
		want     float64
	}{
		{"full scale, 48 kHz", 48000, []func(float64) float64{at1k(0)}, -3.01},
		{"full scale, 44.1 kHz", 44100, []func(float64) float64{at1k(0)}, -3.01},
		{"full scale, 16 kHz", 16000, []func(float64) float64{at1k(0)}, -3.01},
		{"full scale, 8 kHz", 8000, []func(float64) float64{at1k(0)}, -3.01},
		{"full scale, 192 kHz", 192000, []func(float64) float64{at1k(0)}, -3.01},
		{"-20 dBFS", 48000, []func(float64) float64{at1k(-20)}, -23.01},
		{"stereo", 48000, []func(float64) float64{at1k(-20), at1k(-20)}, -20},
		{"one side", 48000, []func(float64) float64{at1k(-20), nothing}, -23.01},
		{"5.1, surround weighs 1.41", 48000, []func(float64) float64{nothing, nothing, nothing, at1k(-6), at1k(-20), nothing}, -21.52},
		{"pauses do not count", 48000, []func(float64) float64{inTurn(4, at1k(-20), nothing)}, -23.13},
		{"nor does what is 10 LU softer", 48000, []func(float64) float64{inTurn(4, at1k(-20), at1k(-40))}, -23.13},
		{"the filter cuts the depths", 48000, []func(float64) float64{sine(20, 1)}, -17.0},
	} {
		t.Run(test.name, func(t *testing.T) {
			report, err := probe(wav(test.rateHz, 5, test.channels...), audio.Voice)
			if err != nil {
				t.Fatal(err)
			}
			if got := *report.LoudnessLUFS; math.Abs(got-test.want) > 0.1 {
				t.Errorf("%.2f LUFS, want %.2f", got, test.want)
			}
		})
	}
}

func TestQuality(t *testing.T) {
	for _, test := range []struct {
		name    string
		signal  func(float64) float64
		quality audio.Quality
		peak    float64
		clipped int64
	}{
		{"speech level", sine(400, decibels(-20)), audio.Good, -20, 0},
		{"just below full scale", sine(400, 0.98), audio.Good, -0.18, 0},
		{"cut off at full scale", func(t float64) float64 { return max(-1, min(1, 2*math.Sin(800*math.Pi*t))) }, audio.Clipped, 0, 6667},
		{"far from the microphone", sine(400, decibels(-44)), audio.Quiet, -44, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			report, err := probe(wav(48000, 2, test.signal), audio.Voice)
			if err != nil {
				t.Fatal(err)
			}
			if report.Quality != test.quality || math.Abs(*report.PeakDBFS-test.peak) > 0.05 {
				t.Errorf("%s with a peak of %.2f dBFS", report.Quality, *report.PeakDBFS)
			}
			if got := *report.ClippedBps; got < test.clipped-200 || got > test.clipped+200 {
				t.Errorf("%d bps clipped, want %d", got, test.clipped)
			}
		})
	}
}

func TestSilenceIsCountedInTenthsOfASecond(t *testing.T) {
	everySecond := func(t float64) float64 { // sound within 300 ms of each second
		if part := t - math.Floor(t); part > 0.01 && part < 0.25 {
			return 0.2 * math.Sin(2*math.Pi*500*t)
		}
		return 0
	}
	report, err := probe(wav(16000, 4, nothing, everySecond), audio.Voice)
	if err != nil {
		t.Fatal(err)
	}
	if *report.SilentMS != 2800 {
		t.Errorf("%d ms silent, want 2800", *report.SilentMS)
	}
}

func TestSampleFormatsMeanTheSame(t *testing.T) {
	le := binary.LittleEndian
	for _, format := range []struct {
		name      string
		tag, bits int
		put       func(b []byte, x float64) []byte
	}{
		{"8 bits", 1, 8, func(b []byte, x float64) []byte { return append(b, byte(math.Round(x*127)+128)) }},
		{"16 bits", 1, 16, func(b []byte, x float64) []byte { return le.AppendUint16(b, uint16(int16(x*(1<<15)))) }},
		{"24 bits", 1, 24, func(b []byte, x float64) []byte {
			return append(b, le.AppendUint32(nil, uint32(int32(x*(1<<23))))[:3]...)
		}},
		{"32 bits", 1, 32, func(b []byte, x float64) []byte { return le.AppendUint32(b, uint32(int32(x*(1<<31)))) }},
		{"32-bit float", 3, 32, func(b []byte, x float64) []byte { return le.AppendUint32(b, math.Float32bits(float32(x))) }},
		{"64-bit float", 3, 64, func(b []byte, x float64) []byte { return le.AppendUint64(b, math.Float64bits(x)) }},
	} {
		t.Run(format.name, func(t *testing.T) {
			var data []byte
			for i := range 16000 * 2 {
				data = format.put(data, 0.5*math.Sin(2*math.Pi*1000*float64(i)/16000))
			}
			report, err := probe(wavFile(format.tag, format.bits, 1, 16000, uint32(len(data)), data), audio.Voice)
			if err != nil {
				t.Fatal(err)
			}
			if report.DurationMS != 2000 || math.Abs(*report.LoudnessLUFS+9.03) > 0.1 || math.Abs(*report.PeakDBFS+6.02) > 0.1 {
				t.Errorf("%d ms, %.2f LUFS, peak %.2f", report.DurationMS, *report.LoudnessLUFS, *report.PeakDBFS)
			}
		})
	}
}

func TestFloatsThatAreNoNumbersDoNoHarm(t *testing.T) {
	var data []byte
	for i := range 16000 * 2 {
		x := float32(0.3 * math.Sin(2*math.Pi*1000*float64(i)/16000))
		switch i % 1000 {
		case 0:
			x = float32(math.NaN())
		case 1:
			x = float32(math.Inf(1))
		}
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
	}
	report, err := probe(wavFile(3, 32, 1, 16000, uint32(len(data)), data), audio.Voice)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(*report.LoudnessLUFS+13.5) > 0.5 {
		t.Errorf("%.2f LUFS", *report.LoudnessLUFS)
	}
}
