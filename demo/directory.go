package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lingualink/lingualink/internal/datadir"
)

// markerFile tells a demonstration directory from a real one and remembers the
// logins. They are worth nothing elsewhere.
const markerFile = ".lingualink-demo.json"

// ErrNotDemo refuses a directory that holds something else.
var ErrNotDemo = errors.New("the directory holds data that is not a demonstration")

// Login is how to sign in as somebody.
type Login struct {
	Role     string `json:"role"`
	Email    string `json:"email"`
	Password string `json:"password"`
}

// Logins reads the logins of a filled demonstration; none when dir is empty,
// absent or was not filled to the end, [ErrNotDemo] when it holds other data.
func Logins(dir string) ([]Login, error) {
	content, err := os.ReadFile(filepath.Join(dir, markerFile))
	if err == nil {
		logins := []Login{}
		return logins, json.Unmarshal(content, &logins)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, entry := range entries {
		if entry.Name() != datadir.LockFile {
			return nil, fmt.Errorf("%w: %s", ErrNotDemo, dir)
		}
	}
	return nil, nil
}

// Reset empties a demonstration directory; any other is refused.
func Reset(dir string) error {
	if _, err := Logins(dir); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() == datadir.LockFile {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}
