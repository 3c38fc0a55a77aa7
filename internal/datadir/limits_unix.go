//go:build linux || darwin

package datadir

import "syscall"

// FreeBytes is the space that this process may still fill on the file system of
// dir; false where the system does not tell.
func FreeBytes(dir string) (uint64, bool) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return 0, false
	}
	return stat.Bavail * uint64(stat.Bsize), true
}

// OpenFiles is how many files and connections this process may hold open; false
// where the system does not tell.
func OpenFiles() (uint64, bool) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, false
	}
	return limit.Cur, true
}
