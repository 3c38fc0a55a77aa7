package audio

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	mp3 "github.com/hajimehoshi/go-mp3"
)

// parseMP3 walks the frames of MPEG-1, 2 and 2.5 layer III (ISO/IEC 11172-3,
// 2.4.1.3, and 13818-3) between the tags at either end. The last frame must end
// there. ID3 may also precede raw AAC.
func parseMP3(src *source) (recording, error) {
	start, end, err := withoutTags(src)
	if err != nil {
		return recording{}, err
	}
	if head, err := src.bytes(start, 2); err == nil && head[0] == 0xFF && head[1]&0xF6 == 0xF0 {
		return parseADTSFrom(src, start)
	}
	reader := bufio.NewReaderSize(io.NewSectionReader(src, start, end-start), 64<<10)
	first, err := peekMP3Frame(reader)
	if err != nil {
		return recording{}, err
	}
	found := recording{container: "mp3", codec: "mp3", rateHz: first.rateHz, channels: first.channels}

	// The first frame may be an index without sound that also counts the
	// samples an encoder added at both ends.
	added, isIndex := readMP3Index(reader, first)
	if isIndex {
		if _, err := reader.Discard(first.bytes); err != nil {
			return recording{}, errCut
		}
		start += int64(first.bytes)
	}
	var frames int64
	misread := false
	for {
		frame, err := peekMP3Frame(reader)
		if err == io.EOF {
			break
		}
		if err != nil {
			return recording{}, err
		}
		if frame.rateHz != first.rateHz || frame.samples != first.samples {
			return recording{}, errors.New("mp3: the sample rate changes")
		}
		if _, err := reader.Discard(frame.bytes); err != nil {
			return recording{}, errCut
		}
		frames += int64(frame.samples)
		misread = misread || frame.misread
	}
	if added >= frames {
		added = 0
	}
	found.durationMS = frameMS(frames-added, found.rateHz)
	if !misread {
		found.decode = func(write func([]float32) error) error {
			return decodeMP3(io.NewSectionReader(src, start, end-start), found, write)
		}
	}
	return found, nil
}

// withoutTags finds the bytes between ID3v2 and ID3v1.
func withoutTags(src *source) (start, end int64, err error) {
	end = src.size
	if tail, err := src.bytes(end-128, 3); err == nil && string(tail) == "TAG" {
		end -= 128
	}
	head, err := src.bytes(0, 10)
	if err != nil {
		return 0, 0, err
	}
	if string(head[:3]) == "ID3" {
		start = 10 + int64(head[6]&127)<<21 + int64(head[7]&127)<<14 + int64(head[8]&127)<<7 + int64(head[9]&127)
		if head[5]&0x10 != 0 {
			start += 10 // footer
		}
	}
	if start >= end {
		return 0, 0, errCut
	}
	return start, end, nil
}

// Versions in a frame header; 2 is MPEG-2.
const (
	mpeg25 = 0
	mpeg1  = 3
)

type mp3Frame struct {
	version  byte
	rateHz   int
	channels int
	samples  int
	bytes    int
	sideInfo int  // bytes between the header and the main data
	misread  bool // go-mp3 would take it for a frame of another length
}

// Bit rates of layer III in kbit/s; index 0 (free format) and 15 are refused.
var mp3Kilobits = [2][15]int{
	{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320}, // MPEG-1
	{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},     // MPEG-2 and 2.5
}

// peekMP3Frame reads the header at the reader's position without moving it;
// io.EOF means that nothing is left.
func peekMP3Frame(reader *bufio.Reader) (mp3Frame, error) {
	head, err := reader.Peek(4)
	if err == io.EOF && len(head) > 0 {
		return mp3Frame{}, errCut
	}
	if err != nil {
		return mp3Frame{}, err
	}
	version, layer := head[1]>>3&3, head[1]>>1&3
	bitrate, rate := int(head[2]>>4), int(head[2]>>2&3)
	if head[0] != 0xFF || head[1]&0xE0 != 0xE0 || version == 1 || layer != 1 || bitrate == 0 || bitrate == 15 || rate == 3 {
		return mp3Frame{}, errors.New("mp3: no frame where one is due")
	}
	frame := mp3Frame{
		version: version, channels: 2, samples: 1152, sideInfo: 32,
		rateHz: [...]int{44100, 48000, 32000}[rate],
	}
	table := 0
	if version != mpeg1 {
		table, frame.samples, frame.sideInfo = 1, 576, 17
		frame.rateHz /= 2
	}
	if version == mpeg25 {
		frame.rateHz /= 2
	}
	if head[3]>>6 == 3 { // mono: 17 for 32 bytes, 9 for 17
		frame.channels = 1
		frame.sideInfo = (frame.sideInfo + 2) / 2
	}
	bitsPerSecond, padding := mp3Kilobits[table][bitrate]*1000, int(head[2]>>1&1)
	frame.bytes = frame.samples/8*bitsPerSecond/frame.rateHz + padding
	// go-mp3 v0.3.4 takes 2.5 for 2, and for 2 it adds the padding before it
	// halves (frameheader.FrameSize).
	frame.misread = version == mpeg25 ||
		version != mpeg1 && (144*bitsPerSecond/frame.rateHz+padding)/2 != frame.bytes
	return frame, nil
}

// readMP3Index recognises the headers of Xing, LAME and Fraunhofer in the first
// frame. added counts the samples of encoder delay and padding that LAME's
// extension states (gabriel.mp3-tech.org/mp3infotag.html).
func readMP3Index(reader *bufio.Reader, first mp3Frame) (added int64, isIndex bool) {
	frame, err := reader.Peek(first.bytes)
	if err != nil || len(frame) < 4+first.sideInfo+8 {
		return 0, false
	}
	if bytes.HasPrefix(frame[min(36, len(frame)):], []byte("VBRI")) {
		return 0, true
	}
	tag := frame[4+first.sideInfo:]
	if !bytes.HasPrefix(tag, []byte("Xing")) && !bytes.HasPrefix(tag, []byte("Info")) {
		return 0, false
	}
	flags := binary.BigEndian.Uint32(tag[4:])
	at := 8
	for bit, size := range []int{4, 4, 100, 4} { // frames, bytes, seek table, quality
		if flags&(1<<bit) != 0 {
			at += size
		}
	}
	if len(tag) < at+24 {
		return 0, true
	}
	delays := tag[at+21:]
	return int64(delays[0])<<4 + int64(delays[1]>>4) + int64(delays[1]&15)<<8 + int64(delays[2]), true
}

// decodeMP3 turns go-mp3's output, always 16 bits in two channels, into the
// channels of the file.
func decodeMP3(media io.Reader, found recording, write func([]float32) error) error {
	// The wrapper hides Seek: go-mp3 would index the whole file first.
	decoder, err := mp3.NewDecoder(struct{ io.Reader }{media})
	if err != nil {
		return err
	}
	raw := make([]byte, 4*4096)
	samples := make([]float32, 0, 2*4096)
	for {
		n, err := io.ReadFull(decoder, raw)
		samples = samples[:0]
		for at := 0; at+4 <= n; at += 4 {
			for channel := range found.channels {
				value := int16(binary.LittleEndian.Uint16(raw[at+2*channel:]))
				samples = append(samples, float32(value)/(1<<15))
			}
		}
		if err := write(samples); err != nil {
			return err
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
