package datadir

import (
	"net/url"
	"path/filepath"
)

// The databases in the directory: everything, and the request logs.
const (
	Data = "data.db"
	Logs = "auxiliary.db"
)

// The settings of every connection are PocketBase's own (core/db_connect.go),
// busy_timeout first so that the others wait for it, and what it leaves out:
//
//   - _txlock=immediate: a transaction that reads before it writes takes the
//     write lock at its start. Without it any second writer on the file makes
//     the write fail in a way that no retry can cure.
const settings = "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=journal_size_limit(200000000)" +
	"&_pragma=foreign_keys(ON)&_pragma=temp_store(MEMORY)&_pragma=cache_size(-32000)&_defensive=1&_txlock=immediate"

// Money is in the data: a commit is on the disk before anybody is told. Logs
// may lose their last lines when the power fails.
//
// A checkpoint writes every page once that changed since the last one, and waits
// for the disk twice. At SQLite's 1,000 pages of 4 KiB one falls due every fifth
// transaction of votes; at 10,000 the log grows to 40 MB instead of 4.
const (
	dataSettings = "&_pragma=synchronous(FULL)&_pragma=mmap_size(2147483648)&_pragma=wal_autocheckpoint(10000)" // bytes
	logSettings  = "&_pragma=synchronous(NORMAL)"
)

// DSN is the data source name for the modernc.org/sqlite driver of a database
// that this process writes. The path holds no question mark.
func DSN(path string) string {
	if filepath.Base(path) == Data {
		return path + settings + dataSettings
	}
	return path + settings + logSettings
}

// ReadOnlyDSN is the data source name for looking at a database that a server
// may be writing. A transaction on it is one snapshot and blocks nobody.
func ReadOnlyDSN(path string) string {
	address := url.URL{Scheme: "file", Path: absolute(path)}
	return address.String() + "?mode=ro&_pragma=busy_timeout(10000)&_pragma=query_only(ON)&_pragma=temp_store(MEMORY)"
}
