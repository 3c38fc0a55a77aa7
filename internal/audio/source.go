package audio

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// errCut means that the file ends before its own structure does.
var errCut = errors.New("the file is cut off")

// source is the file under examination. It stops at the end of the context and
// remembers a failing disk, so that neither is mistaken for a bad recording.
type source struct {
	ctx     context.Context
	media   io.ReaderAt
	size    int64
	failure error
}

// ReadAt implements io.ReaderAt within the stated size.
func (s *source) ReadAt(p []byte, at int64) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, s.fail(err)
	}
	if at < 0 || at >= s.size {
		return 0, io.EOF
	}
	wanted := p[:min(int64(len(p)), s.size-at)]
	n, err := s.media.ReadAt(wanted, at)
	if n < len(wanted) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return n, s.fail(fmt.Errorf("audio: reading the upload at byte %d: %w", at+int64(n), err))
	}
	if len(wanted) < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (s *source) fail(err error) error {
	if s.failure == nil {
		s.failure = err
	}
	return err
}

// reader reads from a byte to the end of the file.
func (s *source) reader(at int64) *io.SectionReader {
	return io.NewSectionReader(s, at, max(0, s.size-at))
}

// bytes returns exactly n bytes. The caller bounds n.
func (s *source) bytes(at int64, n int) ([]byte, error) {
	if at < 0 || int64(n) > s.size-at {
		return nil, errCut
	}
	p := make([]byte, n)
	if _, err := s.ReadAt(p, at); err != nil && err != io.EOF {
		return nil, err
	}
	return p, nil
}
