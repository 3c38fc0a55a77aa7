package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/abema/go-mp4"
)

// Bounds on crafted files. Half an hour at 60 pictures a second has 108,000
// samples.
const (
	mostBoxDepth   = 10
	mostBoxes      = 1 << 15
	mostTableBytes = 4 << 20 // of all tables together
	mostSamples    = 1 << 19
)

// mp4Sound and mp4Pictures name the sample entries that are accepted
// (mp4ra.org, sample entries).
var (
	mp4Sound = map[string]string{
		"mp4a": "aac", "Opus": "opus", "samr": "amr_nb", "sawb": "amr_wb", "alac": "alac", "fLaC": "flac", ".mp3": "mp3",
	}
	mp4Pictures = map[string]string{
		"avc1": "h264", "avc3": "h264", "hvc1": "h265", "hev1": "h265", "mp4v": "mpeg4",
		"s263": "h263", "h263": "h263", "vp08": "vp8", "vp09": "vp9", "av01": "av1",
	}
)

// mp4Track is one trak and the samples that it and the fragments list.
type mp4Track struct {
	id        uint32
	handler   string // "soun", "vide" or anything else
	entry     string // sample entry, the four letters of the codec
	codec     string
	timescale uint32
	rateHz    int
	channels  int
	trim      int64 // of the timescale: where the edit list starts

	times  []mp4.SttsEntry
	sizes  *mp4.Stsz
	runs   []mp4.StscEntry
	chunks []uint64

	samples  []mp4Sample
	duration uint64 // of the timescale
	defaults mp4.Trex
}

// mp4Sample is where a sample lies in the file.
type mp4Sample struct {
	at   int64
	size uint32
}

// mp4File collects the boxes of a file.
type mp4File struct {
	src    *source
	tracks []*mp4Track
	boxes  int
	tables uint64 // bytes of all tables
	listed int    // samples in all tables

	moof     int64 // start of the current fragment
	fragment *mp4.Tfhd
	runAt    int64 // where the next run's samples lie unless it says so
}

// parseMP4 reads the ISO base media format (ISO/IEC 14496-12), plain or
// fragmented, with the brands of MP4, M4A, 3GP and QuickTime. Boxes and all
// samples that they list must lie inside the file.
func parseMP4(src *source) (recording, error) {
	file := &mp4File{src: src}
	if _, err := mp4.ReadBoxStructure(src.reader(0), file.visit); err != nil {
		return recording{}, err
	}
	return file.recording()
}

// visit takes one box. go-mp4 believes sizes and counts, so they are checked
// here before it reads a payload.
func (f *mp4File) visit(handle *mp4.ReadHandle) (any, error) {
	box := handle.BoxInfo
	if f.boxes++; f.boxes > mostBoxes || len(handle.Path) > mostBoxDepth {
		return nil, errors.New("mp4: too many boxes")
	}
	if box.Size < box.HeaderSize {
		return nil, errors.New("mp4: box smaller than its header")
	}
	if box.Offset > uint64(f.src.size) || box.Size > uint64(f.src.size)-box.Offset {
		return nil, errCut
	}
	switch kind := box.Type.String(); kind {
	case "moof":
		f.moof, f.fragment = int64(box.Offset), nil
		return handle.Expand()
	case "trak":
		if f.tracks = append(f.tracks, &mp4Track{}); len(f.tracks) > mostTracks {
			return nil, errors.New("mp4: too many tracks")
		}
		return handle.Expand()
	case "moov", "mdia", "minf", "stbl", "stsd", "edts", "mvex", "traf", "wave":
		return handle.Expand()
	case "tkhd", "mdhd", "hdlr", "elst", "stts", "stsz", "stsc", "stco", "co64", "esds", "trex", "tfhd", "trun":
		if f.tables += box.Size; f.tables > mostTableBytes {
			return nil, errors.New("mp4: tables too large")
		}
		return nil, f.takeTable(box)
	}
	if len(handle.Path) >= 2 && handle.Path[len(handle.Path)-2].String() == "stsd" {
		return nil, f.takeEntry(handle)
	}
	return nil, nil
}

// takeTable unmarshals a box from a copy of its payload, so that go-mp4, which
// reads byte by byte, can neither leave the box nor wait for the disk.
func (f *mp4File) takeTable(box mp4.BoxInfo) error {
	raw, err := f.src.bytes(int64(box.Offset+box.HeaderSize), int(box.Size-box.HeaderSize))
	if err != nil {
		return err
	}
	// Samples without a field of their own cost no bytes, so that a table of
	// any size may claim 2^32 of them.
	at := map[mp4.BoxType]int{mp4.BoxTypeTrun(): 4, mp4.BoxTypeStsz(): 8}[box.Type]
	if at > 0 && len(raw) >= at+4 {
		f.listed += int(binary.BigEndian.Uint32(raw[at:]))
		if f.listed > mostSamples {
			return errors.New("mp4: too many samples")
		}
	}
	payload, _, err := mp4.UnmarshalAny(bytes.NewReader(raw), box.Type, uint64(len(raw)), box.Context)
	if err != nil {
		return err
	}
	return f.take(payload)
}

// take keeps what a payload says of the latest track, or of the current
// fragment.
func (f *mp4File) take(payload mp4.IBox) error {
	switch box := payload.(type) {
	case *mp4.Trex:
		if track := f.track(box.TrackID); track != nil {
			track.defaults = *box
		}
		return nil
	case *mp4.Tfhd:
		f.fragment, f.runAt = box, f.moof
		if box.CheckFlag(mp4.TfhdBaseDataOffsetPresent) {
			f.runAt = int64(min(box.BaseDataOffset, uint64(f.src.size)))
		}
		return nil
	case *mp4.Trun:
		return f.takeRun(box)
	}
	if len(f.tracks) == 0 {
		return errors.New("mp4: table outside a track")
	}
	track := f.tracks[len(f.tracks)-1]
	switch box := payload.(type) {
	case *mp4.Tkhd:
		track.id = box.TrackID
	case *mp4.Mdhd:
		track.timescale = box.Timescale
	case *mp4.Hdlr:
		if track.handler == "" { // QuickTime has a second one for the data
			track.handler = string(box.HandlerType[:])
		}
	case *mp4.Elst:
		for i := range box.Entries {
			if start := box.GetMediaTime(i); start >= 0 { // -1 is a pause
				track.trim = start
				break
			}
		}
	case *mp4.Stts:
		track.times = box.Entries
	case *mp4.Stsz:
		track.sizes = box
	case *mp4.Stsc:
		track.runs = box.Entries
	case *mp4.Stco:
		for _, at := range box.ChunkOffset {
			track.chunks = append(track.chunks, uint64(at))
		}
	case *mp4.Co64:
		track.chunks = append(track.chunks, box.ChunkOffset...)
	case *mp4.Esds:
		track.takeConfig(box)
	}
	return nil
}

func (f *mp4File) track(id uint32) *mp4Track {
	for _, track := range f.tracks {
		if track.id == id {
			return track
		}
	}
	return nil
}

// takeEntry reads the part that all AudioSampleEntry share, which go-mp4 knows
// for few codecs, and descends for the codec's own boxes where it does.
func (f *mp4File) takeEntry(handle *mp4.ReadHandle) error {
	if len(f.tracks) == 0 {
		return errors.New("mp4: sample entry outside a track")
	}
	track := f.tracks[len(f.tracks)-1]
	if track.entry != "" {
		return nil // the first description counts
	}
	box := handle.BoxInfo
	track.entry = box.Type.String()
	if track.handler != "soun" {
		return nil
	}
	raw, err := f.src.bytes(int64(box.Offset+box.HeaderSize), 28)
	if err != nil {
		return err
	}
	track.codec = mp4Sound[track.entry]
	track.channels = int(binary.BigEndian.Uint16(raw[16:]))
	track.rateHz = int(binary.BigEndian.Uint16(raw[24:])) // 16.16 fixed point
	switch track.codec {
	case "amr_nb":
		track.rateHz, track.channels = 8000, 1
	case "amr_wb":
		track.rateHz, track.channels = 16000, 1
	case "opus":
		track.rateHz = opusRateHz
	}
	if track.entry == "mp4a" {
		_, err = handle.Expand()
	}
	return err
}

// takeConfig tells AAC from MP3 by the object type (mp4ra.org, object types);
// any other is refused. For AAC it also takes rate and channels from the
// AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1), because many writers put two
// channels into every sample entry.
func (t *mp4Track) takeConfig(esds *mp4.Esds) {
	t.codec = ""
	for _, descriptor := range esds.Descriptors {
		if config := descriptor.DecoderConfigDescriptor; config != nil {
			switch config.ObjectTypeIndication {
			case 0x40, 0x66, 0x67, 0x68:
				t.codec = "aac"
			case 0x69, 0x6B:
				t.codec = "mp3"
			}
		}
		b := descriptor.Data
		if descriptor.Tag != mp4.DecSpecificInfoTag || t.codec != "aac" || len(b) < 2 {
			continue
		}
		rate, channels := int(b[0]&7<<1|b[1]>>7), int(b[1]>>3&15)
		if rate < len(aacRates) && channels >= 1 && channels <= 6 { // else written out further on
			t.rateHz, t.channels = aacRates[rate], channels
		}
	}
}

// takeRun lists the samples of one run of a fragment (section 8.8.8).
func (f *mp4File) takeRun(run *mp4.Trun) error {
	if f.fragment == nil {
		return errors.New("mp4: run outside a fragment")
	}
	track := f.track(f.fragment.TrackID)
	if track == nil {
		return fmt.Errorf("mp4: no track %d", f.fragment.TrackID)
	}
	duration, size := track.defaults.DefaultSampleDuration, track.defaults.DefaultSampleSize
	if f.fragment.CheckFlag(mp4.TfhdDefaultSampleDurationPresent) {
		duration = f.fragment.DefaultSampleDuration
	}
	if f.fragment.CheckFlag(mp4.TfhdDefaultSampleSizePresent) {
		size = f.fragment.DefaultSampleSize
	}
	if run.CheckFlag(0x000001) {
		base := f.moof
		if f.fragment.CheckFlag(mp4.TfhdBaseDataOffsetPresent) {
			base = int64(min(f.fragment.BaseDataOffset, uint64(f.src.size)))
		}
		f.runAt = base + int64(run.DataOffset)
	}
	for i := range int(run.SampleCount) {
		if run.CheckFlag(0x000100) {
			duration = run.Entries[i].SampleDuration
		}
		if run.CheckFlag(0x000200) {
			size = run.Entries[i].SampleSize
		}
		if err := track.add(f.src, f.runAt, size); err != nil {
			return err
		}
		f.runAt += int64(size)
		track.duration += uint64(duration)
	}
	return nil
}

// add lists a sample, which must lie inside the file.
func (t *mp4Track) add(src *source, at int64, size uint32) error {
	if at < 0 || int64(size) > src.size-at {
		return errCut
	}
	t.samples = append(t.samples, mp4Sample{at: at, size: size})
	return nil
}
