package audio

import (
	"maps"
	"slices"

	"github.com/gabriel-vasile/mimetype"
)

// format is one sniffed type: how its structure is followed, and the extension
// of stored files.
type format struct {
	parse     func(*source) (recording, error)
	extension string
}

// formats is keyed by what mimetype sniffs, because that is the judgement
// PocketBase's file field will pass on the same bytes. One list serves both, so
// that nothing is accepted here and refused there. MP4 audio of phones has many
// brands and sniffs as video more often than not.
var formats = map[string]format{
	"audio/wav":       {parseWAV, ".wav"},
	"audio/mpeg":      {parseMP3, ".mp3"},
	"audio/aac":       {parseADTS, ".aac"},
	"audio/flac":      {parseFLAC, ".flac"},
	"audio/ogg":       {parseOgg, ".ogg"},
	"video/webm":      {parseWebM, ".webm"},
	"video/mp4":       {parseMP4, ".mp4"},
	"audio/mp4":       {parseMP4, ".mp4"},
	"audio/x-m4a":     {parseMP4, ".mp4"},
	"video/x-m4v":     {parseMP4, ".mp4"},
	"video/quicktime": {parseMP4, ".mov"},
	"video/3gpp":      {parseMP4, ".3gp"},
	"video/3gpp2":     {parseMP4, ".3g2"},
}

// StoredMIMETypes is the allow-list for the file field that stores recordings,
// sorted. It covers everything that Probe accepts, in the names that
// github.com/gabriel-vasile/mimetype gives.
var StoredMIMETypes = slices.Sorted(maps.Keys(formats))

// FileExtension is the extension, with its dot, under which the file is stored.
func FileExtension(report Report) string {
	extension := formats[report.MIME].extension
	if extension == ".mp4" && report.VideoCodec == "" {
		return ".m4a"
	}
	return extension
}

// sniff finds the format by content.
func sniff(src *source) (string, format, bool) {
	found, err := mimetype.DetectReader(src.reader(0))
	if err != nil {
		return "", format{}, false
	}
	known, ok := formats[found.String()]
	return found.String(), known, ok
}
