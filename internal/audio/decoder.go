package audio

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"time"
)

// Decoder decodes sound that no decoder in Go can decode.
type Decoder interface {
	// Decode calls write with interleaved samples, full scale ±1, at the rate
	// and with the channels of sound, at most MaxMS of them, until the sound
	// ends. An error of write ends it and is returned.
	Decode(ctx context.Context, sound Sound, write func(samples []float32) error) error
}

// Sound is a file whose structure was found whole, and what is wanted of it.
type Sound struct {
	Media        *io.SectionReader
	Container    string // as in Report
	SampleRateHz int
	Channels     int
	MaxMS        int64
}

// ffmpeg decodes with the program of that name. The program gets a file of its
// own to seek in (MP4 keeps its index at either end), a fixed demuxer, no
// network and no other protocol.
type ffmpeg struct {
	path string
	// slots bounds how many run at once: one per processor keeps them busy, more
	// would only take memory from each other on a small server.
	slots chan struct{}
}

const (
	ffmpegTimeout  = 30 * time.Second
	ffmpegMaxAlloc = 256 << 20 // bytes in one allocation
)

// demuxers names ffmpeg's reader of each container, so that it never guesses.
var demuxers = map[string]string{
	"wav": "wav", "mp3": "mp3", "ogg": "ogg", "webm": "matroska", "flac": "flac", "adts": "aac", "mp4": "mov",
}

// FindFFmpeg looks for ffmpeg on the PATH.
func FindFFmpeg() (Decoder, bool) {
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		return nil, false
	}
	return ffmpeg{path: path, slots: make(chan struct{}, runtime.NumCPU())}, true
}

// Decode implements Decoder.
func (f ffmpeg) Decode(ctx context.Context, sound Sound, write func([]float32) error) error {
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	file, err := os.CreateTemp("", "lingualink-sound-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	_, err = io.Copy(file, sound.Media)
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}

	ctx, stop := context.WithTimeout(ctx, ffmpegTimeout)
	defer stop()
	command := exec.CommandContext(ctx, f.path,
		"-nostdin", "-hide_banner", "-loglevel", "error", "-max_alloc", strconv.Itoa(ffmpegMaxAlloc), "-threads", "1",
		"-protocol_whitelist", "file,pipe", "-f", demuxers[sound.Container], "-i", "file:"+file.Name(),
		"-map", "0:a:0", "-t", fmt.Sprintf("%.3f", float64(sound.MaxMS+slackMS)/1000), // enough for write to see too much
		"-ac", strconv.Itoa(sound.Channels), "-ar", strconv.Itoa(sound.SampleRateHz), "-f", "f32le", "pipe:1")
	command.Env = []string{}
	command.WaitDelay = time.Second
	output, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	err = copyFloats(output, sound.Channels, write)
	if err != nil {
		stop() // nobody reads on: do not wait for it to fill the pipe
	}
	return errors.Join(err, command.Wait())
}

// copyFloats hands over little-endian 32-bit floats in pieces of whole frames.
func copyFloats(r io.Reader, channels int, write func([]float32) error) error {
	buffered := bufio.NewReader(r)
	raw := make([]byte, 1024*channels*4)
	samples := make([]float32, 1024*channels)
	for {
		n, err := io.ReadFull(buffered, raw)
		for i := range n / 4 {
			samples[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
		if err := write(samples[:n/4]); err != nil {
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
