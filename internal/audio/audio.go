// Package audio decides whether an uploaded file is a recording that the
// community can use, and measures it: container and codecs, true duration,
// silence, clipping and loudness. It looks at the bytes alone; the file's name
// and the type that the client claims are never read.
//
// It refuses what is not one of the listed formats, what is cut off, what has
// no sound track, video sent as voice and voice sent as video, what is too
// short, too long, too large or silent. Every refusal is a fault on the field
// "media" that says what to do. A sound file whose codec cannot be decoded here
// (AAC, AMR) is never refused for its sound: its quality is unknown.
//
// Files are hostile until proven otherwise. Every loop ends with the file or
// with the longest allowed duration, memory does not grow with either, and a
// panic in a codec is a refusal.
package audio

// Kind is what the client says it sends.
type Kind string

// The kinds of clips.
const (
	Voice Kind = "voice"
	Video Kind = "video"
)

// Quality is a note on how the sound came through. Only silence is refused.
type Quality string

// Qualities. Clipped wins over quiet; unknown means that nothing was decoded.
const (
	Good    Quality = "good"
	Clipped Quality = "clipped"
	Quiet   Quality = "quiet"
	Unknown Quality = "unknown"
)

// Report is what is known of an accepted file. Pointers are nil where nothing
// was measured.
type Report struct {
	MIME       string // as PocketBase sniffs it; one of StoredMIMETypes
	Container  string // wav, mp3, ogg, webm, flac, adts, mp4
	Codec      string // pcm, mp3, opus, vorbis, flac, aac, amr_nb, amr_wb, alac
	VideoCodec string // h264, h265, mpeg4, h263, vp8, vp9, av1; empty for voice

	DurationMS   int64
	SampleRateHz int
	Channels     int

	Quality      Quality
	LoudnessLUFS *float64 // integrated, ITU-R BS.1770-4; also nil when all is below its gate of -70
	PeakDBFS     *float64 // highest sample, not below -120
	SilentMS     *int64
	ClippedBps   *int64

	SHA256    string // of all bytes, lower-case hex
	SizeBytes int64
}

// recording is what a container says of itself once its structure was followed
// to the end of the file.
type recording struct {
	container  string
	codec      string // empty: no sound track
	videoCodec string // empty: no picture track
	durationMS int64  // 0: only decoding tells
	rateHz     int
	channels   int

	// decode hands over all sound as interleaved samples with full scale ±1;
	// nil where no decoder in Go exists.
	decode func(write func(samples []float32) error) error
	// checked says that the codec proves its own bytes (FLAC's checksums), so
	// that a decoding failure means a broken file, not a gap in our decoder.
	checked bool
}

// frameMS is how long frames last at a rate, rounded to the nearest ms.
func frameMS(frames int64, rateHz int) int64 {
	if rateHz <= 0 {
		return 0
	}
	rate := int64(rateHz)
	return frames/rate*1000 + (frames%rate*1000+rate/2)/rate
}
