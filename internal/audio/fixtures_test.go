package audio_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/lingualink/lingualink/internal/audio"
	"github.com/lingualink/lingualink/internal/fault"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	media, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return media
}

func probe(media []byte, kind audio.Kind) (audio.Report, error) {
	return audio.NewProber(nil).Probe(context.Background(), bytes.NewReader(media), int64(len(media)), kind, audio.DefaultPolicy())
}

// refusedAs fails unless err is a fault of the code on the field "media" with a
// sentence of its own.
func refusedAs(t *testing.T, err error, code *fault.Code) *fault.Error {
	t.Helper()
	var refusal *fault.Error
	if !errors.As(err, &refusal) || refusal.Code != code {
		t.Fatalf("got %v, want %s", err, code.Name)
	}
	if refusal.Field != "media" || refusal.Text == "" {
		t.Fatalf("field %q, text %q", refusal.Field, refusal.Text)
	}
	return refusal
}

// wav writes one channel per function, each giving a sample for a time in
// seconds, as 16-bit PCM.
func wav(rateHz int, seconds float64, channels ...func(t float64) float64) []byte {
	frames := int(seconds * float64(rateHz))
	data := make([]byte, 0, 2*frames*len(channels))
	for i := range frames {
		for _, channel := range channels {
			value := math.Round(32767 * channel(float64(i)/float64(rateHz)))
			data = binary.LittleEndian.AppendUint16(data, uint16(int16(value)))
		}
	}
	return wavFile(1, 16, len(channels), rateHz, uint32(len(data)), data)
}

// wavFile writes the headers freely, also wrong ones.
func wavFile(tag, bits, channels, rateHz int, claimed uint32, data []byte) []byte {
	le := binary.LittleEndian
	file := append([]byte("RIFF"), 0, 0, 0, 0)
	file = append(file, "WAVEfmt \x10\x00\x00\x00"...)
	file = le.AppendUint16(file, uint16(tag))
	file = le.AppendUint16(file, uint16(channels))
	file = le.AppendUint32(file, uint32(rateHz))
	file = le.AppendUint32(file, uint32(rateHz*channels*bits/8))
	file = le.AppendUint16(file, uint16(channels*bits/8))
	file = le.AppendUint16(file, uint16(bits))
	file = append(file, "data"...)
	file = le.AppendUint32(file, claimed)
	return append(file, data...)
}

func sine(hz, amplitude float64) func(float64) float64 {
	return func(t float64) float64 { return amplitude * math.Sin(2*math.Pi*hz*t) }
}

func nothing(float64) float64 { return 0 }

// decibels is the amplitude of a level relative to full scale.
func decibels(db float64) float64 { return math.Pow(10, db/20) }

// oggFile lays packets into pages, one each, with correct checksums. granule
// gives the position after packet i.
func oggFile(granule func(i int) int64, packets ...[]byte) []byte {
	var file []byte
	for i, packet := range packets {
		flags := byte(0)
		if i == 0 {
			flags = 2
		}
		page := append([]byte("OggS\x00"), flags)
		page = binary.LittleEndian.AppendUint64(page, uint64(granule(i)))
		page = append(page, "SERI"...)
		page = binary.LittleEndian.AppendUint32(page, uint32(i))
		page = append(page, 0, 0, 0, 0, byte(len(packet)/255+1))
		for range len(packet) / 255 {
			page = append(page, 255)
		}
		page = append(page, byte(len(packet)%255))
		page = append(page, packet...)
		crc := uint32(0)
		for _, b := range page {
			crc ^= uint32(b) << 24
			for range 8 {
				crc = crc<<1 ^ (crc>>31)*0x04c11db7
			}
		}
		binary.LittleEndian.PutUint32(page[22:], crc)
		file = append(file, page...)
	}
	return file
}

func opusHeaders() [][]byte {
	return [][]byte{
		[]byte("OpusHead\x01\x01\x00\x00\x80\xbb\x00\x00\x00\x00\x00"),
		[]byte("OpusTags\x00\x00\x00\x00\x00\x00\x00\x00"),
	}
}
