package audio

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// oggPage is one page (RFC 3533, section 6).
type oggPage struct {
	granule int64 // end position of the last packet that ends here; -1 if none does
	packets [][]byte
}

// Flags of a page.
const (
	oggContinued = 1 // its first packet began on the page before
	oggFirst     = 2 // it opens a stream
)

// mostPacketBytes is what is kept of one packet. Opus allows 61,440 bytes and
// Vorbis headers are smaller still; only comments with pictures hold more.
const mostPacketBytes = 256 << 10

// walkOgg visits the pages of a file that is one stream. Several streams,
// beside or after each other, are refused, as is what does not end with a whole
// packet.
func walkOgg(src *source, visit func(oggPage) error) error {
	reader := bufio.NewReaderSize(src.reader(0), 64<<10)
	body := make([]byte, 255*255)
	var packet, serial []byte
	for {
		header, segments, content, err := readOggPage(reader, body)
		if err == io.EOF && serial != nil && packet == nil {
			return nil
		}
		if err == io.EOF {
			return errCut
		}
		if err != nil {
			return err
		}
		opens := header[5]&oggFirst != 0
		if opens != (serial == nil) || !opens && !bytes.Equal(serial, header[14:18]) {
			return errors.New("ogg: several streams")
		}
		if continued := header[5]&oggContinued != 0; continued != (packet != nil) {
			return errors.New("ogg: lost part of a packet")
		}
		serial = header[14:18]
		page := oggPage{granule: int64(binary.LittleEndian.Uint64(header[6:]))}
		for _, size := range segments {
			if packet == nil {
				packet = []byte{}
			}
			if len(packet) < mostPacketBytes {
				packet = append(packet, content[:size]...)
			}
			content = content[size:]
			if size < 255 {
				page.packets = append(page.packets, packet)
				packet = nil
			}
		}
		if err := visit(page); err != nil {
			return err
		}
	}
}

// readOggPage reads a page whose checksum holds into body. io.EOF means that
// nothing is left.
func readOggPage(reader io.Reader, body []byte) (header, segments, content []byte, err error) {
	header = make([]byte, 27)
	if n, err := io.ReadFull(reader, header); n == 0 && err == io.EOF {
		return nil, nil, nil, io.EOF
	} else if err != nil {
		return nil, nil, nil, errCut
	}
	if string(header[:5]) != "OggS\x00" {
		return nil, nil, nil, errors.New("ogg: no page where one is due")
	}
	segments = make([]byte, header[26])
	if _, err := io.ReadFull(reader, segments); err != nil {
		return nil, nil, nil, errCut
	}
	length := 0
	for _, size := range segments {
		length += int(size)
	}
	content = body[:length]
	if _, err := io.ReadFull(reader, content); err != nil {
		return nil, nil, nil, errCut
	}
	if !oggChecksumHolds(header, segments, content) {
		return nil, nil, nil, errors.New("ogg: wrong checksum")
	}
	return header, segments, content, nil
}

var oggTable = func() (table [256]uint32) {
	for i := range table {
		r := uint32(i) << 24
		for range 8 {
			r = r<<1 ^ (r>>31)*0x04c11db7
		}
		table[i] = r
	}
	return table
}()

// oggChecksumHolds compares the page's CRC-32 (polynomial 0x04c11db7, not
// reflected, which hash/crc32 does not offer), taken with its own field zero.
func oggChecksumHolds(header, segments, content []byte) bool {
	want := binary.LittleEndian.Uint32(header[22:])
	clear(header[22:26])
	crc := uint32(0)
	for _, part := range [][]byte{header, segments, content} {
		for _, b := range part {
			crc = crc<<8 ^ oggTable[byte(crc>>24)^b]
		}
	}
	return crc == want
}

// parseOgg reads Opus (RFC 7845) or Vorbis (Vorbis I, appendix A) in Ogg.
func parseOgg(src *source) (recording, error) {
	var first []byte
	err := walkOgg(src, func(page oggPage) error {
		if len(page.packets) > 0 {
			first = page.packets[0]
		}
		return io.EOF
	})
	if err != io.EOF {
		return recording{}, err
	}
	if len(first) > 7 && string(first[1:7]) == "vorbis" {
		return parseOggVorbis(src, first)
	}
	head, err := readOpusHead(first)
	if err != nil {
		return recording{}, err
	}
	return parseOggOpus(src, head)
}

// parseOggOpus takes the duration from the granules, minus the pre-skip, but
// never more than the packets hold (RFC 7845, section 4).
func parseOggOpus(src *source, head opusHead) (recording, error) {
	var index int
	var held, start, last int64
	start = -1
	err := walkOgg(src, func(page oggPage) error {
		for _, packet := range page.packets {
			if index++; index <= 2 { // identification and comments
				continue
			}
			samples, err := opusSamples(packet)
			if err != nil {
				return err
			}
			held += samples
		}
		if held > 0 && page.granule >= 0 {
			if start < 0 {
				start = max(0, page.granule-held)
			}
			last = page.granule
		}
		return nil
	})
	if err != nil {
		return recording{}, err
	}
	if start < 0 {
		return recording{}, errCut
	}
	return recording{
		container: "ogg", codec: "opus", rateHz: opusRateHz, channels: head.channels,
		durationMS: frameMS(max(0, min(held, last-start)-head.preSkip), opusRateHz),
		decode:     decodeOgg(src, 2, newOpusDecoder(head.channels, head.family)),
	}, nil
}

func parseOggVorbis(src *source, identification []byte) (recording, error) {
	head, err := readVorbisHead(identification)
	if err != nil {
		return recording{}, err
	}
	var index int
	var setup []byte
	var last int64
	err = walkOgg(src, func(page oggPage) error {
		for _, packet := range page.packets {
			if index++; index == 3 {
				setup = packet
			}
		}
		if index > 3 && page.granule >= 0 {
			last = page.granule
		}
		return nil
	})
	if err != nil {
		return recording{}, err
	}
	if last == 0 {
		return recording{}, errCut
	}
	decoder, err := newVorbisDecoder(identification, setup)
	if err != nil {
		return recording{}, err
	}
	return recording{
		container: "ogg", codec: "vorbis", rateHz: head.rateHz, channels: head.channels,
		durationMS: frameMS(last, head.rateHz),
		decode:     decodeOgg(src, 3, decoder),
	}, nil
}

// decodeOgg decodes all packets after the headers.
func decodeOgg(src *source, headers int, decoder packetDecoder) func(func([]float32) error) error {
	if decoder == nil {
		return nil
	}
	return func(write func([]float32) error) error {
		index := 0
		return walkOgg(src, func(page oggPage) error {
			for _, packet := range page.packets {
				if index++; index <= headers {
					continue
				}
				samples, err := decoder(packet)
				if err == nil {
					err = write(samples)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
}
