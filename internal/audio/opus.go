package audio

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/pion/opus"
)

// packetDecoder decodes the packets of one track in their order. The samples
// are valid until the next call.
type packetDecoder func(packet []byte) ([]float32, error)

// opusRateHz is the clock of Opus, whatever the encoder was fed.
const opusRateHz = 48000

// opusHead is the identification header of RFC 7845, section 5.1.
type opusHead struct {
	channels int
	preSkip  int64 // samples at 48 kHz to drop at the start
	family   byte
}

func readOpusHead(b []byte) (opusHead, error) {
	if len(b) < 19 || string(b[:8]) != "OpusHead" || b[8]&0xF0 != 0 || b[9] == 0 {
		return opusHead{}, errors.New("opus: bad identification header")
	}
	return opusHead{
		channels: int(b[9]),
		preSkip:  int64(binary.LittleEndian.Uint16(b[10:])),
		family:   b[18],
	}, nil
}

// opusSamples is the duration of a packet at 48 kHz from its first bytes
// (RFC 6716, section 3.1): at most 120 ms.
func opusSamples(packet []byte) (int64, error) {
	if len(packet) == 0 {
		return 0, errors.New("opus: empty packet")
	}
	config, frames := packet[0]>>3, int64(1)
	switch packet[0] & 3 {
	case 1, 2:
		frames = 2
	case 3:
		if len(packet) < 2 {
			return 0, errCut
		}
		frames = int64(packet[1] & 63)
	}
	var frame int64
	switch {
	case config < 12: // SILK: 10, 20, 40, 60 ms
		frame = [...]int64{480, 960, 1920, 2880}[config&3]
	case config < 16: // hybrid: 10, 20 ms
		frame = [...]int64{480, 960}[config&1]
	default: // CELT: 2.5, 5, 10, 20 ms
		frame = 120 << (config & 3)
	}
	if frames*frame == 0 || frames*frame > 5760 {
		return 0, fmt.Errorf("opus: packet of %d samples", frames*frame)
	}
	return frames * frame, nil
}

// newOpusDecoder is nil for layouts beyond stereo, which pion/opus lacks.
func newOpusDecoder(channels int, family byte) packetDecoder {
	if channels > 2 || family != 0 {
		return nil
	}
	decoder, err := opus.NewDecoderWithOutput(opusRateHz, channels)
	if err != nil {
		return nil
	}
	buffer := make([]float32, 5760*channels)
	return func(packet []byte) ([]float32, error) {
		n, err := decoder.DecodeToFloat32(packet, buffer)
		if err != nil {
			return nil, err
		}
		return buffer[:n*channels], nil
	}
}
