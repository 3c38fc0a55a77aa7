package audio

import "math"

// biquad is a second-order filter in transposed direct form II with state for
// one channel.
type biquad struct{ b0, b1, b2, a1, a2, z1, z2 float64 }

func (f *biquad) filter(x float64) float64 {
	y := f.b0*x + f.z1
	f.z1 = f.b1*x - f.a1*y + f.z2
	f.z2 = f.b2*x - f.a2*y
	return y
}

// kWeighting is the two-stage filter of ITU-R BS.1770-4, Annex 1: a high shelf
// for the head and a high pass. The recommendation lists coefficients for
// 48 kHz only; these are its analogue prototypes at any rate, as in libebur128
// (ebur128.c, ebur128_init_filter) and De Man, "Evaluation of Implementations
// of the EBU R128 Loudness Measurement" (AES 145).
func kWeighting(rateHz int) [2]biquad {
	const (
		shelfHz, shelfGainDB, shelfQ = 1681.974450955533, 3.999843853973347, 0.7071752369554196
		passHz, passQ                = 38.13547087602444, 0.5003270373238773
	)
	k := math.Tan(math.Pi * shelfHz / float64(rateHz))
	vh := math.Pow(10, shelfGainDB/20)
	vb := math.Pow(vh, 0.4996667741545416)
	a0 := 1 + k/shelfQ + k*k
	shelf := biquad{
		b0: (vh + vb*k/shelfQ + k*k) / a0,
		b1: 2 * (k*k - vh) / a0,
		b2: (vh - vb*k/shelfQ + k*k) / a0,
		a1: 2 * (k*k - 1) / a0,
		a2: (1 - k/shelfQ + k*k) / a0,
	}
	k = math.Tan(math.Pi * passHz / float64(rateHz))
	a0 = 1 + k/passQ + k*k
	pass := biquad{b0: 1, b1: -2, b2: 1, a1: 2 * (k*k - 1) / a0, a2: (1 - k/passQ + k*k) / a0}
	return [2]biquad{shelf, pass}
}

// channelWeight is G of BS.1770-4, table 3, for the order L R C LFE Ls Rs of
// six channels. Other layouts are not told apart and weigh 1.
func channelWeight(channel, channels int) float64 {
	if channels != 6 {
		return 1
	}
	return [6]float64{1, 1, 1, 0, 1.41, 1.41}[channel]
}

// level is the loudness of a mean square, formula (2) of BS.1770-4. For one
// channel at 1 kHz it equals the level in dBFS.
func level(meanSquare float64) float64 {
	return -0.691 + 10*math.Log10(meanSquare)
}

// integrated is the gated loudness of BS.1770-4 in LUFS: blocks of 400 ms that
// overlap by 75 %, an absolute gate at -70 and a relative one 10 LU below the
// mean of what passed it. steps are mean squares of 100 ms each, summed over
// the weighted channels. ok is false when no block passes.
func integrated(steps []float64) (lufs float64, ok bool) {
	gatedMean := func(gate float64) (mean float64, ok bool) {
		sum, count := 0.0, 0
		for i := 3; i < len(steps); i++ {
			block := (steps[i-3] + steps[i-2] + steps[i-1] + steps[i]) / 4
			if level(block) > gate {
				sum, count = sum+block, count+1
			}
		}
		return sum / float64(max(count, 1)), count > 0
	}
	mean, ok := gatedMean(-70)
	if !ok {
		return 0, false
	}
	if mean, ok = gatedMean(max(-70, level(mean)-10)); !ok {
		return 0, false
	}
	return level(mean), true
}
