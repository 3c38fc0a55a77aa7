package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/bits"

	"github.com/jfreymuth/vorbis"
)

// vorbisHead is what the identification header says (Vorbis I, section 4.2.2).
type vorbisHead struct{ channels, rateHz int }

func readVorbisHead(packet []byte) (vorbisHead, error) {
	if len(packet) != 30 || !bytes.HasPrefix(packet, []byte("\x01vorbis\x00\x00\x00\x00")) {
		return vorbisHead{}, errors.New("vorbis: bad identification header")
	}
	short, long := packet[28]&15, packet[28]>>4
	if short < 6 || long > 13 || short > long {
		return vorbisHead{}, errors.New("vorbis: bad block sizes")
	}
	return vorbisHead{channels: int(packet[11]), rateHz: int(binary.LittleEndian.Uint32(packet[12:]))}, nil
}

// newVorbisDecoder makes a decoder from the first and third header packet. The
// comments between them are not needed, and the library would allocate for as
// many as they claim.
func newVorbisDecoder(identification, setup []byte) (packetDecoder, error) {
	if err := checkCodebooks(setup); err != nil {
		return nil, err
	}
	decoder := new(vorbis.Decoder)
	for _, header := range [][]byte{identification, setup} {
		if err := decoder.ReadHeader(header); err != nil {
			return nil, err
		}
	}
	buffer := make([]float32, decoder.BufferSize())
	return func(packet []byte) ([]float32, error) { return decoder.DecodeInto(packet, buffer) }, nil
}

// mostCodebookValues bounds entries times dimensions over all codebooks of a
// stream; those of libvorbis hold below 70,000.
const mostCodebookValues = 1 << 20

// checkCodebooks walks the codebooks of a setup header (Vorbis I, section
// 3.2.1) before the library sees them: it would allocate whatever they claim,
// and loop for ever over an empty dimension or a code tree with holes.
func checkCodebooks(setup []byte) error {
	if !bytes.HasPrefix(setup, []byte("\x05vorbis")) {
		return errors.New("vorbis: bad setup header")
	}
	r := &bitReader{data: setup[7:]}
	values := uint64(0)
	for range r.read(8) + 1 {
		if r.read(24) != 0x564342 {
			return errors.New("vorbis: no codebook where one is due")
		}
		dimensions, entries := r.read(16), r.read(24)
		values += dimensions * entries
		if dimensions == 0 || entries == 0 || values > mostCodebookValues {
			return errors.New("vorbis: impossible codebook")
		}
		if !readCodeLengths(r, entries) {
			return errors.New("vorbis: codebook without a full tree")
		}
		lookup := r.read(4)
		if lookup == 0 {
			continue
		}
		r.read(32 + 32) // minimum and delta
		width := r.read(4) + 1
		r.read(1)
		count := dimensions * entries
		if lookup == 1 {
			// The library's own arithmetic (section 9.2.3), so that both walk the same bits.
			count = uint64(math.Floor(math.Pow(float64(entries), 1/float64(dimensions))))
		}
		for range count {
			r.read(width)
		}
		if r.ended {
			return errCut
		}
	}
	return nil
}

// readCodeLengths reads the lengths of the code words and says whether they
// make a full tree: the sum of 2^-length is one (Kraft), or the only word has
// one bit.
func readCodeLengths(r *bitReader, entries uint64) bool {
	var kraft, used uint64 // kraft in units of 2^-32
	add := func(count, length uint64) {
		used += count
		kraft += count << (32 - length)
	}
	if ordered := r.read(1) == 1; ordered {
		length := r.read(5) + 1
		for current := uint64(0); current < entries; length++ {
			count := r.read(uint64(bits.Len64(entries - current)))
			if length > 32 || count > entries-current || r.ended {
				return false
			}
			add(count, length)
			current += count
		}
	} else {
		sparse := r.read(1) == 1
		for range entries {
			if !sparse || r.read(1) == 1 {
				add(1, r.read(5)+1)
			}
			if r.ended {
				return false
			}
		}
	}
	return kraft == 1<<32 || used == 1 && kraft == 1<<31 && entries > 1
}

// bitReader reads least significant bits first. Past the end it gives zeros.
type bitReader struct {
	data  []byte
	at    uint64 // bits
	ended bool
}

func (r *bitReader) read(n uint64) (value uint64) {
	for i := range n {
		if r.at/8 >= uint64(len(r.data)) {
			r.ended = true
			return 0
		}
		value |= uint64(r.data[r.at/8]>>(r.at%8)&1) << i
		r.at++
	}
	return value
}
