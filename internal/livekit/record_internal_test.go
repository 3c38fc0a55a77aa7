package livekit

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4/pkg/media/oggreader"
)

// frames are packets of 20 ms at the given numbers of frames after the first.
func frames(first uint32, at ...int) func() (*rtp.Packet, error) {
	return func() (*rtp.Packet, error) {
		if len(at) == 0 {
			return nil, io.EOF
		}
		packet := &rtp.Packet{Header: rtp.Header{Timestamp: first + uint32(at[0]*opusFrame)}, Payload: []byte{0xF8, 1, 2, 3}}
		at = at[1:]
		return packet, nil
	}
}

// granules reads the times of all pages back, in samples.
func granules(t *testing.T, file []byte) []uint64 {
	t.Helper()
	reader, _, err := oggreader.NewWith(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	all := []uint64{}
	for {
		_, page, err := reader.ParseNextPage()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.GranulePosition)
	}
}

// TestVoice: what a sender's clock may do to a file.
func TestVoice(t *testing.T) {
	for name, c := range map[string]struct {
		first  uint32
		at     []int
		most   time.Duration
		length int // frames in the file
		lost   int
	}{
		"one after the other":      {0, []int{0, 1, 2, 3}, time.Minute, 4, 0},
		"a clock that wraps":       {0xFFFF_FFFF - 2*opusFrame, []int{0, 1, 2, 3, 4}, time.Minute, 5, 0},
		"twice and too late":       {7, []int{0, 2, 2, 1, 3}, time.Minute, 4, 2},
		"frames of 60 ms":          {7, []int{0, 3, 6}, time.Minute, 7, 0},
		"a pause":                  {7, []int{0, 1, 101}, time.Minute, 102, 0},
		"a clock that jumps ahead": {7, []int{0, 1, 1_000_000}, time.Second, 50, 0},
		"a clock that jumps back":  {1 << 30, []int{0, 1, -1_000}, time.Second, 2, 1},
		"enough":                   {7, []int{0, 1, 2, 3, 4, 5, 6}, 100 * time.Millisecond, 5, 0},
		"nothing":                  {7, nil, time.Second, 0, 0},
	} {
		var file bytes.Buffer
		got, err := write(frames(c.first, c.at...), &file, c.most)
		if err != nil || got.Lost != c.lost || got.Duration != time.Duration(c.length)*20*time.Millisecond {
			t.Errorf("%s: %+v, %v, want %d frames", name, got, err, c.length)
		}
		last := uint64(0)
		for _, at := range granules(t, file.Bytes()) {
			if at < last || at-last > opusLongest {
				t.Errorf("%s: a page goes from %d to %d", name, last, at)
			}
			last = at
		}
		if c.length > 0 && last > uint64(c.length*opusFrame) {
			t.Errorf("%s: the file ends at %d", name, last)
		}
	}
}

type full struct{ after int }

var errFull = errors.New("disk full")

func (f *full) Write(p []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestVoiceOnAFullDisk(t *testing.T) {
	for after := range 5 {
		if _, err := write(frames(0, 0, 1, 2, 3, 4), &full{after}, time.Minute); !errors.Is(err, errFull) {
			t.Errorf("after %d writes: %v", after, err)
		}
	}
}
