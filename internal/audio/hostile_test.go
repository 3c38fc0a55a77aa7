package audio_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"runtime"
	"slices"
	"testing"

	"github.com/mewkiz/flac"
	"github.com/mewkiz/flac/frame"
	"github.com/mewkiz/flac/meta"

	"github.com/lingualink/lingualink/internal/audio"
	"github.com/lingualink/lingualink/internal/fault"
)

// mostAllocated is what a probe of a small hostile file may allocate in all.
const mostAllocated = 128 << 20

// box is an ISO base media box that claims a size of its own if size is not 0.
func box(size uint32, kind string, content ...byte) []byte {
	if size == 0 {
		size = uint32(8 + len(content))
	}
	b := binary.BigEndian.AppendUint32(nil, size)
	return append(append(b, kind...), content...)
}

var ftyp = box(0, "ftyp", []byte("isom\x00\x00\x02\x00isommp42")...)

// patched replaces what follows the last marker.
func patched(t *testing.T, media []byte, marker string, skip int, with ...byte) []byte {
	t.Helper()
	at := bytes.LastIndex(media, []byte(marker))
	if at < 0 {
		t.Fatalf("no %q", marker)
	}
	media = bytes.Clone(media)
	copy(media[at+len(marker)+skip:], with)
	return media
}

func TestHostileFilesAreRefusedCheaply(t *testing.T) {
	for name, media := range hostileFiles(t) {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := probe(media, audio.Voice)
			runtime.ReadMemStats(&after)
			refusedAs(t, err, fault.UnsupportedMedia)
			if spent := after.TotalAlloc - before.TotalAlloc; spent > mostAllocated {
				t.Errorf("allocated %d MB", spent>>20)
			}
		})
	}
}

// hostileFiles are all unsupported_media.
func hostileFiles(t *testing.T) map[string][]byte {
	all := []byte{0xFF, 0xFF, 0xFF, 0xFE}
	deep := bytes.Clone(ftyp)
	for left := 100_000; left > 0; left-- {
		deep = append(deep, box(uint32(8*left), "moov")...)
	}
	manyChunks := append([]byte("RIFF\xff\xff\xff\xffWAVE"), bytes.Repeat([]byte("junk\x00\x00\x00\x00"), 100_000)...)
	head := opusHeaders()
	position := func(at int64) func(int) int64 { return func(int) int64 { return at } }
	fragmented, plain := fixture(t, "fragmented.m4a"), fixture(t, "isom.m4a")
	webm, mp3 := fixture(t, "opus.webm"), fixture(t, "speech.mp3")

	return map[string][]byte{
		"boxes without end":             append(bytes.Clone(ftyp), bytes.Repeat(box(0, "free"), 100_000)...),
		"boxes in boxes":                deep,
		"box smaller than its header":   append(bytes.Clone(ftyp), box(3, "moov")...),
		"box of size zero":              append(bytes.Clone(ftyp), 0, 0, 0, 0, 'm', 'o', 'o', 'v'),
		"box of 2^64 bytes":             append(append(bytes.Clone(ftyp), box(1, "moov")...), bytes.Repeat(all, 2)...),
		"run of 2^32 empty samples":     patched(t, fragmented, "trun", 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF),
		"run outside the file":          patched(t, fragmented, "trun", 8, 0x7F, 0xFF, 0xFF, 0xFF),
		"run of no track":               patched(t, fragmented, "tfhd", 4, all...),
		"2^32 samples of one byte":      patched(t, plain, "stsz", 4, 0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF),
		"2^32 sample sizes":             patched(t, plain, "stsz", 4, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF),
		"2^32 chunks":                   patched(t, plain, "stco", 4, all...),
		"chunks outside the file":       patched(t, plain, "stco", 8, all...),
		"2^32 runs of chunks":           patched(t, plain, "stsc", 4, all...),
		"2^32 samples in a chunk":       patched(t, plain, "stsc", 12, all...),
		"2^32 times":                    patched(t, plain, "stts", 4, all...),
		"one sample more than times":    patched(t, plain, "stts", 8, 0, 0, 0, 99),
		"no timescale":                  patched(t, plain, "mdhd", 12, 0, 0, 0, 0),
		"another codec":                 patched(t, plain, "mp4a", -4, []byte("enca")...),
		"element of 2^56 bytes":         patched(t, webm, "\x16\x54\xAE\x6B", 0, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE),
		"element of unknown size":       patched(t, webm, "\x16\x54\xAE\x6B", 0, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF),
		"another codec in webm":         patched(t, webm, "A_OPUS", -6, []byte("A_AC-3")...),
		"timestamps beyond all time":    webmFile(1e9, 1<<40, []byte{0x81, 0, 0, 0x80, 0x08, 0}),
		"a block of no track":           webmFile(1e6, 0, []byte{0x82, 0, 0, 0x80, 0x08, 0}),
		"a block without a frame":       webmFile(1e6, 0, []byte{0x81, 0, 0, 0x80}),
		"an empty block":                webmFile(1e6, 0, nil),
		"laces larger than their block": webmFile(1e6, 0, []byte{0x81, 0, 0, 0x82, 0x02, 0xFF, 0xFF, 0x08}),
		"tag of 256 MB":                 append([]byte("ID3\x04\x00\x00\x7f\x7f\x7f\x7f"), mp3...),
		"free format":                   patched(t, mp3, "\xFF\xF3", 0, 0x08),
		"chunks without end":            manyChunks,
		"data before format":            []byte("RIFF\x00\x00\x00\x00WAVEdata\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
		"2^32 bytes of data":            wavFile(1, 16, 1, 16000, 0xFFFFFFF0, make([]byte, 64000)),
		"no channels":                   wavFile(1, 16, 0, 16000, 64000, make([]byte, 64000)),
		"A-law":                         wavFile(6, 8, 1, 16000, 64000, make([]byte, 64000)),
		"headers only":                  oggFile(position(0), head...),
		"Opus of no frames":             oggFile(position(99999), append(head, []byte{0x03, 0x00})...),
		"Opus of 63 frames":             oggFile(position(99999), append(head, []byte{0xFF, 0x3F})...),
		"wrong page checksum":           patched(t, fixture(t, "celt.ogg"), "OpusTags", 0, 'x'),
		"Speex":                         oggFile(position(0), []byte("Speex   1.2rc1                            "), []byte("x")),
		"two streams":                   append(oggFile(position(0), head...), oggFile(position(0), head...)...),
		"Vorbis without headers":        oggFile(position(9999), append([]byte("\x01vorbis\x00\x00\x00\x00\x01\x80\x3e\x00\x00"), make([]byte, 12)...)),
		"Vorbis of blocks of one":       vorbisFile(0x00),
		"Vorbis without codebooks":      vorbisFile(0xB8),
		"FLAC of another first block":   patched(t, fixture(t, "speech.flac"), "fLaC", 0, 6),
		"FLAC with one sample too many": patched(t, fixture(t, "speech.flac"), "fLaC", 21, 0xFF),
		"FLAC with a flipped bit":       flipped(fixture(t, "speech.flac"), 9000),
		"AAC that stops":                append(fixture(t, "raw.aac"), 0xFF, 0xF1),
	}
}

func flipped(media []byte, at int) []byte {
	media[at] ^= 1
	return media
}

// element is an EBML element; its id is written as it is.
func element(id string, payload ...byte) []byte {
	return append(append([]byte(id), 0x10, 0, byte(len(payload)>>8), byte(len(payload))), payload...)
}

// webmFile is a live recording of one Opus track in one cluster.
func webmFile(unitNS uint32, timestamp uint64, blocks ...[]byte) []byte {
	track := slices.Concat(element("\xD7", 1), element("\x83", 2), element("\x86", []byte("A_OPUS")...), element("\x63\xA2", opusHeaders()[0]...))
	file := slices.Concat(
		element("\x1A\x45\xDF\xA3", element("\x42\x82", []byte("webm")...)...),
		[]byte("\x18\x53\x80\x67\xFF"),
		element("\x15\x49\xA9\x66", element("\x2A\xD7\xB1", binary.BigEndian.AppendUint32(nil, unitNS)...)...),
		element("\x16\x54\xAE\x6B", element("\xAE", track...)...),
		[]byte("\x1F\x43\xB6\x75\xFF"),
		element("\xE7", binary.BigEndian.AppendUint64(nil, timestamp)...),
	)
	for _, block := range blocks {
		file = append(file, element("\xA3", block...)...)
	}
	return file
}

// vorbisFile has sound headers but for the block sizes, and an empty setup.
func vorbisFile(blocks byte) []byte {
	head := append([]byte("\x01vorbis\x00\x00\x00\x00\x01\x80\x3e\x00\x00"), make([]byte, 12)...)
	head = append(head, blocks, 1)
	return oggFile(func(int) int64 { return 32000 },
		head, []byte("\x03vorbis\xff\xff\xff\xff"), []byte("\x05vorbis\x00"), []byte{0, 0}, []byte{0, 0})
}

// farthest remembers how far into a file the reader came.
type farthest struct {
	*bytes.Reader
	at int64
}

func (f *farthest) ReadAt(p []byte, at int64) (int, error) {
	f.at = max(f.at, at+int64(len(p)))
	return f.Reader.ReadAt(p, at)
}

// Frames of 65,535 equal samples take a few bytes each. STREAMINFO may leave
// the length open or lie about it.
func TestAFlacBombStopsAtTheLimit(t *testing.T) {
	for _, claimed := range []uint64{0, 48000} {
		var file bytes.Buffer
		encoder, err := flac.NewEncoder(&file, &meta.StreamInfo{
			BlockSizeMin: 65535, BlockSizeMax: 65535, SampleRate: 8000, NChannels: 1, BitsPerSample: 16, NSamples: claimed,
		})
		if err != nil {
			t.Fatal(err)
		}
		samples := make([]int32, 65535)
		for range 1000 { // over two hours
			err := encoder.WriteFrame(&frame.Frame{
				Header: frame.Header{HasFixedBlockSize: true, BlockSize: 65535, SampleRate: 8000, Channels: frame.ChannelsMono, BitsPerSample: 16},
				Subframes: []*frame.Subframe{{
					SubHeader: frame.SubHeader{Pred: frame.PredConstant}, Samples: samples, NSamples: 65535,
				}},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		// mimetype knows FLAC only by a second block: empty padding.
		bomb := slices.Insert(file.Bytes(), 42, 0x81, 0, 0, 0)
		bomb[4] = 0
		media := &farthest{Reader: bytes.NewReader(bomb)}
		_, err = audio.NewProber(nil).Probe(context.Background(), media, int64(len(bomb)), audio.Voice, audio.DefaultPolicy())
		refusedAs(t, err, fault.TooLong)
		if media.at > int64(len(bomb))/2 {
			t.Errorf("read %d of %d bytes", media.at, len(bomb))
		}
	}
}

// Opus says in two bytes that 120 ms of silence follow. Granules that deny it
// are not believed in either direction.
func TestOpusLastsAsLongAsItsPackets(t *testing.T) {
	packets := opusHeaders()
	for range 600 { // 72 s
		packets = append(packets, []byte{0x1B, 0x02}) // 2 frames of 60 ms
	}
	honest := func(i int) int64 { return int64(max(0, i-1)) * 5760 }
	_, err := probe(oggFile(honest, packets...), audio.Voice)
	if refusal := refusedAs(t, err, fault.TooLong); refusal.Params["duration_ms"] != int64(72000) {
		t.Errorf("%v", refusal.Params)
	}

	boasting := func(i int) int64 { return int64(max(0, i-1)) << 32 }
	_, err = probe(oggFile(boasting, packets[:5]...), audio.Voice)
	if refusal := refusedAs(t, err, fault.TooShort); refusal.Params["duration_ms"] != int64(360) {
		t.Errorf("%v", refusal.Params)
	}
}

// Two blocks half a minute apart claim half a minute; what no packet fills is
// silence.
func TestGapsInTheTimelineAreSilent(t *testing.T) {
	webm := fixture(t, "live.webm")
	at := bytes.LastIndex(webm, []byte{0x1F, 0x43, 0xB6, 0x75})
	cluster := bytes.Index(webm[at:], []byte{0xE7}) + at
	width := int(webm[cluster+1] & 0x7F)
	binary.BigEndian.PutUint16(webm[cluster+width:], 30_000)
	_, err := probe(webm, audio.Voice)
	var refusal *fault.Error
	if !errors.As(err, &refusal) || refusal.Code != fault.Silent {
		t.Fatal(err)
	}
	if silent := refusal.Params["silent_ms"].(int64); silent < 25_000 {
		t.Errorf("%d ms silent", silent)
	}
}
