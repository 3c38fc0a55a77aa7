package audio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// mostWAVChunks is how many chunks may precede the sound.
const mostWAVChunks = 1024

// Format tags of WAVEFORMATEX.
const (
	wavPCM        = 0x0001
	wavFloat      = 0x0003
	wavExtensible = 0xFFFE
)

// parseWAV follows the chunks of RIFF/WAVE ("Multimedia Programming Interface
// and Data Specifications 1.0", 1991; WAVEFORMATEXTENSIBLE in Microsoft's
// mmreg.h). A data chunk of size 0 or 2^32-1 was written to a pipe and lasts to
// the end of the file.
func parseWAV(src *source) (recording, error) {
	var layout *wavLayout
	at := int64(12)
	for range mostWAVChunks {
		header, err := src.bytes(at, 8)
		if err != nil {
			return recording{}, err
		}
		at += 8
		size := int64(binary.LittleEndian.Uint32(header[4:]))
		switch string(header[:4]) {
		case "fmt ":
			if layout, err = readWAVLayout(src, at, size); err != nil {
				return recording{}, err
			}
		case "data":
			if layout == nil {
				return recording{}, errors.New("wav: data before format")
			}
			if size == 0 || size == math.MaxUint32 {
				size = src.size - at
			}
			if size > src.size-at {
				return recording{}, errCut
			}
			return layout.recording(src, at, size), nil
		}
		at += size + size%2
	}
	return recording{}, errors.New("wav: too many chunks")
}

// wavLayout is how samples lie in the data chunk.
type wavLayout struct {
	float    bool
	bits     int
	channels int
	rateHz   int
}

func readWAVLayout(src *source, at, size int64) (*wavLayout, error) {
	head, err := src.bytes(at, int(min(size, 40)))
	if err != nil {
		return nil, err
	}
	if len(head) < 16 {
		return nil, errors.New("wav: short format chunk")
	}
	tag := binary.LittleEndian.Uint16(head)
	if tag == wavExtensible && len(head) >= 26 {
		tag = binary.LittleEndian.Uint16(head[24:]) // first two bytes of the sub-format's GUID
	}
	layout := &wavLayout{
		float:    tag == wavFloat,
		bits:     int(binary.LittleEndian.Uint16(head[14:])),
		channels: int(binary.LittleEndian.Uint16(head[2:])),
		rateHz:   int(binary.LittleEndian.Uint32(head[4:])),
	}
	frameBytes := int(binary.LittleEndian.Uint16(head[12:]))
	known := tag == wavPCM && (layout.bits == 8 || layout.bits == 16 || layout.bits == 24 || layout.bits == 32) ||
		tag == wavFloat && (layout.bits == 32 || layout.bits == 64)
	if !known || layout.channels == 0 || frameBytes != layout.bits/8*layout.channels {
		return nil, fmt.Errorf("wav: format %#x of %d bits in %d channels", tag, layout.bits, layout.channels)
	}
	return layout, nil
}

func (l *wavLayout) recording(src *source, at, size int64) recording {
	frameBytes := int64(l.bits / 8 * l.channels)
	frames := size / frameBytes
	return recording{
		container: "wav", codec: "pcm",
		durationMS: frameMS(frames, l.rateHz), rateHz: l.rateHz, channels: l.channels,
		decode: func(write func([]float32) error) error {
			data := io.NewSectionReader(src, at, frames*frameBytes)
			raw := make([]byte, 4096*frameBytes)
			samples := make([]float32, 4096*l.channels)
			for {
				n, err := io.ReadFull(data, raw)
				count := n * 8 / l.bits
				for i := range count {
					samples[i] = l.sample(raw[i*l.bits/8:])
				}
				if err := write(samples[:count]); err != nil {
					return err
				}
				if err == io.EOF || err == io.ErrUnexpectedEOF {
					return nil
				}
				if err != nil {
					return err
				}
			}
		},
	}
}

// sample scales the first sample of b to full scale ±1. Eight bits are
// unsigned, all others signed.
func (l *wavLayout) sample(b []byte) float32 {
	switch {
	case l.float && l.bits == 64:
		return float32(math.Float64frombits(binary.LittleEndian.Uint64(b)))
	case l.float:
		return math.Float32frombits(binary.LittleEndian.Uint32(b))
	case l.bits == 8:
		return float32(int(b[0])-128) / (1 << 7)
	case l.bits == 16:
		return float32(int16(binary.LittleEndian.Uint16(b))) / (1 << 15)
	case l.bits == 24:
		return float32(int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24)>>8) / (1 << 23)
	default:
		return float32(int32(binary.LittleEndian.Uint32(b))) / (1 << 31)
	}
}
