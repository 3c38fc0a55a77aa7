// Package datadir decides how a data directory is opened: by one server at a
// time, with which settings of SQLite, and how others look at it meanwhile. It
// refuses a second server at once, because two of them would both run every
// job and every payment. It knows files and names, not what is in the database.
package datadir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// LockFile is the file in the directory that carries the lock.
const LockFile = "lingualink.lock"

const (
	// InUse looks by taking the lock for an instant; a server that starts in
	// that instant tries again.
	lockWait  = 250 * time.Millisecond
	lockRetry = 10 * time.Millisecond
)

// BusyError says that another server has the directory.
type BusyError struct {
	Dir string // absolute where it could be resolved
}

// Error implements error.
func (e *BusyError) Error() string {
	return fmt.Sprintf("another server is running on the data directory %s.\n"+
		"Stop that one first, or give this one a directory of its own with --dir.", e.Dir)
}

// Lock is the right to write to a data directory as its server. The operating
// system takes it back when the process ends, however it ends. It must stay
// reachable: a lock that is collected as garbage is released.
type Lock struct {
	file *flock.Flock
}

// Acquire makes the directory where it is missing and takes its lock, or
// returns a [BusyError] within a quarter of a second.
func Acquire(dir string) (*Lock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the data directory cannot be made: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), lockWait)
	defer cancel()
	lock := &Lock{file: flock.New(filepath.Join(dir, LockFile))}
	taken, err := lock.file.TryLockContext(ctx, lockRetry)
	switch {
	case taken:
		return lock, nil
	case err == nil, errors.Is(err, context.DeadlineExceeded):
		return nil, &BusyError{Dir: absolute(dir)}
	}
	return nil, fmt.Errorf("the data directory cannot be locked: %w", err)
}

// Release gives the directory back.
func (l *Lock) Release() error { return l.file.Unlock() }

// InUse tells whether a server has the directory. It changes nothing in it.
func InUse(dir string) (bool, error) {
	file := flock.New(filepath.Join(dir, LockFile), flock.SetFlag(os.O_RDONLY))
	shared, err := file.TryRLock()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil // no server was ever started on it
	case err != nil:
		return false, err
	case !shared:
		return true, nil
	}
	return false, file.Unlock()
}

func absolute(dir string) string {
	if full, err := filepath.Abs(dir); err == nil {
		return full
	}
	return dir
}
