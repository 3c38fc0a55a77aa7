package audio

import (
	"bufio"
	"errors"
	"io"
)

// aacRates are the sampling frequencies of ISO/IEC 14496-3, table 1.18.
var aacRates = [...]int{96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350}

// parseADTS walks raw AAC frames (ISO/IEC 14496-3, 1.A.2). Each states its
// length; the last must end with the file.
func parseADTS(src *source) (recording, error) { return parseADTSFrom(src, 0) }

func parseADTSFrom(src *source, start int64) (recording, error) {
	reader := bufio.NewReaderSize(src.reader(start), 64<<10)
	found := recording{container: "adts", codec: "aac"}
	var frames int64
	for {
		header, err := reader.Peek(7)
		if err == io.EOF && len(header) == 0 && frames > 0 {
			found.durationMS = frameMS(frames, found.rateHz)
			return found, nil
		}
		if err != nil {
			return recording{}, errCut
		}
		index := int(header[2] >> 2 & 15)
		channels := int(header[2]&1)<<2 | int(header[3]>>6)
		length := int(header[3]&3)<<11 | int(header[4])<<3 | int(header[5]>>5)
		if header[0] != 0xFF || header[1]&0xF6 != 0xF0 || index >= len(aacRates) || channels == 0 || length < 7 {
			return recording{}, errors.New("aac: no frame where one is due")
		}
		if channels == 7 {
			channels = 8
		}
		if frames == 0 {
			found.rateHz, found.channels = aacRates[index], channels
		} else if aacRates[index] != found.rateHz {
			return recording{}, errors.New("aac: the sample rate changes")
		}
		frames += 1024 * (int64(header[6]&3) + 1)
		if _, err := reader.Discard(length); err != nil {
			return recording{}, errCut
		}
	}
}
