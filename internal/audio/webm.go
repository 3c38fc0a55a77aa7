package audio

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/bits"

	"github.com/at-wat/ebml-go"
)

// The elements that matter (RFC 9559, section 5; EBML is RFC 8794).
const (
	ebmlSegment       = 0x18538067
	ebmlInfo          = 0x1549A966
	ebmlTimestampUnit = 0x2AD7B1
	ebmlTracks        = 0x1654AE6B
	ebmlTrack         = 0xAE
	ebmlTrackNumber   = 0xD7
	ebmlTrackType     = 0x83
	ebmlCodecID       = 0x86
	ebmlCodecPrivate  = 0x63A2
	ebmlCodecDelay    = 0x56AA
	ebmlCluster       = 0x1F43B675
	ebmlTimestamp     = 0xE7
	ebmlSimpleBlock   = 0xA3
	ebmlBlockGroup    = 0xA0
	ebmlBlock         = 0xA1
	ebmlBlockDuration = 0x9B
	ebmlDiscard       = 0x75A2
)

// Bounds on crafted files.
const (
	mostTracks     = 32
	mostValueBytes = 256 << 10 // of one header element
	mostBlockBytes = 1 << 20   // of one block of sound
	mostNS         = 1 << 60   // of a timestamp
)

// webmWalk steps through a file element by element. Masters that matter are
// entered, everything else is skipped unless its payload is taken, so one flat
// loop is the whole tree and nesting costs nothing. Live recordings leave
// segment and clusters without a size; every other element must end inside the
// file.
//
// ebml-go's own Unmarshal is not used for this: it stops at the first unknown
// element, reads whole pictures into memory, and takes a file that ends between
// two elements for complete.
type webmWalk struct {
	reader *bufio.Reader
	behind int64 // bytes of the file that lie behind the current payload's start
	left   int64 // bytes of the current payload that were not read yet
	id     uint64
	err    error
}

func newWebMWalk(src *source) *webmWalk {
	return &webmWalk{reader: bufio.NewReaderSize(src.reader(0), 64<<10), behind: src.size}
}

// next moves to the next element; it is false at the end and on an error.
func (w *webmWalk) next() bool {
	if _, err := w.reader.Discard(int(w.left)); err != nil {
		w.err = errCut
		return false
	}
	id, idBytes, err := readVint(w.reader, true)
	if err == io.EOF {
		return false
	}
	size, sizeBytes, sizeErr := readVint(w.reader, false)
	if err != nil || sizeErr != nil {
		w.err = errCut
		return false
	}
	w.id, w.left = id, 0
	w.behind -= int64(idBytes + sizeBytes)
	open := size == 1<<(7*sizeBytes)-1
	switch {
	case open && id != ebmlSegment && id != ebmlCluster:
		w.err = errors.New("webm: element without a size")
	case !open && size > uint64(w.behind):
		w.err = errCut
	}
	switch id {
	case ebmlSegment, ebmlInfo, ebmlTracks, ebmlTrack, ebmlCluster, ebmlBlockGroup:
	default:
		w.left = int64(size)
		w.behind -= int64(size)
	}
	return w.err == nil
}

// payload takes all of the element, or nothing of one that is larger than most.
func (w *webmWalk) payload(most int64) []byte {
	if w.left > most {
		w.err = errors.New("webm: element too large")
		return nil
	}
	p := make([]byte, w.left)
	if _, err := io.ReadFull(w.reader, p); err != nil {
		w.err = errCut
	}
	w.left = 0
	return p
}

// number takes an unsigned integer.
func (w *webmWalk) number() (value uint64) {
	for _, b := range w.payload(8) {
		value = value<<8 | uint64(b)
	}
	return value
}

// signed takes a signed integer.
func (w *webmWalk) signed() int64 {
	shift := 64 - 8*min(w.left, 8)
	return int64(w.number()<<shift) >> shift
}

// readVint reads a variable-size integer (RFC 8794, section 4), keeping the
// length marker for an id. io.EOF means that nothing is left.
func readVint(reader *bufio.Reader, isID bool) (value uint64, size int, err error) {
	first, err := reader.ReadByte()
	if err != nil {
		return 0, 0, err
	}
	size = bits.LeadingZeros8(first) + 1
	if size > 8 || isID && size > 4 {
		return 0, 0, errors.New("webm: bad variable-size integer")
	}
	value = uint64(first)
	if !isID {
		value &= 1<<(8-size) - 1
	}
	for range size - 1 {
		b, err := reader.ReadByte()
		if err != nil {
			return 0, 0, errCut
		}
		value = value<<8 | uint64(b)
	}
	return value, size, nil
}

// webmTrack is one TrackEntry and the time its blocks fill.
type webmTrack struct {
	number, kind, delayNS uint64
	codec                 string
	private               []byte

	firstNS, lastNS, endNS int64 // of blocks; lastNS is the start of the latest
	blocks                 int64
	heldNS                 int64 // sum over Opus packets
}

// Kinds of tracks.
const (
	webmVideo = 1
	webmAudio = 2
)

// webmFile collects what parseWebM needs while it walks.
type webmFile struct {
	tracks    []*webmTrack
	unitNS    int64 // of one timestamp
	cluster   int64 // timestamp of the current cluster
	current   *webmTrack
	discardNS int64
}

// parseWebM reads the tracks and follows all blocks. The duration runs from the
// first block to the end of the last, less what the encoder added; headers
// often have none and are not believed.
func parseWebM(src *source) (recording, error) {
	file := &webmFile{unitNS: 1_000_000}
	walk := newWebMWalk(src)
	for walk.next() {
		if err := file.take(walk); err != nil {
			return recording{}, err
		}
	}
	if walk.err != nil {
		return recording{}, walk.err
	}
	return file.recording(src)
}

func (f *webmFile) take(walk *webmWalk) error {
	if walk.id == ebmlTrack {
		f.tracks = append(f.tracks, &webmTrack{})
	}
	if len(f.tracks) > mostTracks {
		return errors.New("webm: too many tracks")
	}
	if len(f.tracks) > 0 {
		f.tracks[len(f.tracks)-1].take(walk)
	}
	switch walk.id {
	case ebmlTimestampUnit:
		if f.unitNS = int64(walk.number()); f.unitNS < 1 || f.unitNS > 1e9 {
			return errors.New("webm: bad timestamp unit")
		}
	case ebmlTimestamp:
		f.cluster = int64(walk.number())
	case ebmlSimpleBlock, ebmlBlock:
		return f.takeBlock(walk)
	case ebmlBlockDuration:
		duration := int64(min(walk.number(), uint64(mostNS/f.unitNS)))
		if f.current != nil {
			f.current.endNS = max(f.current.endNS, f.current.lastNS+duration*f.unitNS)
		}
	case ebmlDiscard:
		f.discardNS = walk.signed()
	}
	return walk.err
}

// take reads what belongs to a TrackEntry.
func (t *webmTrack) take(walk *webmWalk) {
	switch walk.id {
	case ebmlTrackNumber:
		t.number = walk.number()
	case ebmlTrackType:
		t.kind = walk.number()
	case ebmlCodecID:
		t.codec = string(walk.payload(64))
	case ebmlCodecPrivate:
		t.private = walk.payload(mostValueBytes)
	case ebmlCodecDelay:
		t.delayNS = walk.number()
	}
}

// takeBlock places a block on the timeline of its track.
func (f *webmFile) takeBlock(walk *webmWalk) error {
	number, offset, err := walk.blockHead()
	if err != nil {
		return err
	}
	f.current = nil
	for _, track := range f.tracks {
		if track.number == number {
			f.current = track
		}
	}
	track := f.current
	if track == nil || track.kind != webmAudio && track.kind != webmVideo {
		return nil
	}
	at := f.cluster + offset
	if at < math.MinInt16 || at > mostNS/f.unitNS {
		return errors.New("webm: bad timestamp")
	}
	startNS := at * f.unitNS
	lengthNS := startNS - track.lastNS // as long as the one before, until known better
	if track.codec == "A_OPUS" {
		if lengthNS, err = opusBlockNS(walk); err != nil {
			return err
		}
		track.heldNS += lengthNS
	}
	if track.blocks++; track.blocks == 1 {
		track.firstNS = startNS
		if track.codec != "A_OPUS" {
			lengthNS = 0
		}
	}
	track.lastNS = startNS
	track.endNS = max(track.endNS, startNS+max(0, lengthNS))
	return nil
}

// blockHead peeks at the track number and the timestamp of a block, the latter
// relative to its cluster.
func (w *webmWalk) blockHead() (track uint64, offset int64, err error) {
	head, err := w.reader.Peek(int(min(w.left, 12)))
	if err != nil {
		return 0, 0, errCut
	}
	if len(head) == 0 || head[0] == 0 {
		return 0, 0, errors.New("webm: bad block")
	}
	size := bits.LeadingZeros8(head[0]) + 1
	if len(head) < size+3 {
		return 0, 0, errors.New("webm: bad block")
	}
	track = uint64(head[0]) & (1<<(8-size) - 1)
	for _, b := range head[1:size] {
		track = track<<8 | uint64(b)
	}
	return track, int64(int16(binary.BigEndian.Uint16(head[size:]))), nil
}

func opusBlockNS(walk *webmWalk) (int64, error) {
	frames, err := blockFrames(walk)
	if err != nil {
		return 0, err
	}
	total := int64(0)
	for _, frame := range frames {
		samples, err := opusSamples(frame)
		if err != nil {
			return 0, err
		}
		total += samples * 1_000_000_000 / opusRateHz
	}
	return total, nil
}

// blockFrames takes a block of sound and undoes its lacing.
func blockFrames(walk *webmWalk) ([][]byte, error) {
	payload := walk.payload(mostBlockBytes)
	if walk.err != nil {
		return nil, walk.err
	}
	block, err := ebml.UnmarshalBlock(bytes.NewReader(payload), int64(len(payload)))
	if err != nil {
		return nil, err
	}
	return block.Data, nil
}
