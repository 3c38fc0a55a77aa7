package audio

import (
	"errors"
	"fmt"
	"io"

	"github.com/mewkiz/flac"
)

// parseFLAC reads STREAMINFO (RFC 9639, section 8.2). Frames have no length
// field, so only decoding proves the rest: every frame has a checksum, and
// their samples must add up to what STREAMINFO counts, unless it counts none.
func parseFLAC(src *source) (recording, error) {
	// mimetype matched "fLaC" and a first block of type STREAMINFO with 34
	// bytes, so the library allocates for no other block.
	stream, err := flac.New(src.reader(0))
	if err != nil {
		return recording{}, err
	}
	info := stream.Info
	channels, bits := int(info.NChannels), int(info.BitsPerSample)
	rateHz := int(info.SampleRate)
	if info.NSamples > largestBytes*8 {
		return recording{}, fmt.Errorf("flac: %d samples", info.NSamples)
	}
	found := recording{
		container: "flac", codec: "flac", checked: true,
		durationMS: frameMS(int64(info.NSamples), rateHz), rateHz: rateHz, channels: channels,
	}
	found.decode = func(write func([]float32) error) error {
		stream, err := flac.New(src.reader(0))
		if err != nil {
			return err
		}
		var count uint64
		samples := make([]float32, 0, 65536*channels)
		for {
			frame, err := stream.ParseNext()
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
			if len(frame.Subframes) != channels || frame.BlockSize == 0 {
				return errors.New("flac: frame differs from STREAMINFO")
			}
			samples = samples[:0]
			for i := range int(frame.BlockSize) {
				for _, sub := range frame.Subframes {
					samples = append(samples, float32(sub.Samples[i])/float32(int64(1)<<(bits-1)))
				}
			}
			if err := write(samples); err != nil {
				return err
			}
			count += uint64(frame.BlockSize)
		}
		if info.NSamples != 0 && count != info.NSamples {
			return errCut
		}
		return nil
	}
	return found, nil
}
