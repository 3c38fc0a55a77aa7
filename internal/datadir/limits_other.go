//go:build !linux && !darwin

package datadir

// FreeBytes is not known here.
func FreeBytes(string) (uint64, bool) { return 0, false }

// OpenFiles is not known here.
func OpenFiles() (uint64, bool) { return 0, false }
