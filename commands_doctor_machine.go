package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/lingualink/lingualink/internal/audio"
	"github.com/lingualink/lingualink/internal/datadir"
)

const (
	leastFreeBytes = 1 << 30
	// leastOpenFiles is what PocketBase's guide to production raises the limit
	// to: every client with realtime holds a connection.
	leastOpenFiles = 4096
)

// checkConfiguration reports every problem, and what is valid but unwise.
func (d *doctor) checkConfiguration() {
	const name = "configuration"
	if d.problem != nil {
		for problem := range strings.Lines(d.problem.Error()) {
			d.fail(name, "correct the variable; .env.example lists them all", "%s", strings.TrimSpace(problem))
		}
		return
	}
	before := len(d.checks)
	if !d.cfg.RateLimits {
		d.warn(name, "set LL_RATE_LIMITS=on", "the rate limits are off: anybody may send as much as they like")
	}
	if d.cfg.TestClock != "" {
		d.warn(name, "remove LL_TEST_CLOCK", "a file turns the clock: holds and deadlines are not real")
	}
	if d.cfg.DangerousEndpoints {
		d.warn(name, "set LL_DANGEROUS_ENDPOINTS=off", "superusers can go around the ledger's protection")
	}
	if !d.cfg.Mail.On() {
		d.warn(name, "set LL_SMTP_HOST and LL_MAIL_FROM", "there is no mail: nobody gets a code or can reset a password")
	}
	if d.cfg.PublicURL == "" {
		d.warn(name, "set LL_PUBLIC_URL", "the public address is not set: links in mails lead to localhost")
	}
	if len(d.checks) == before {
		d.ok(name, "it is valid")
	}
}

func (d *doctor) checkMachine() {
	if _, found := audio.FindFFmpeg(); found {
		d.ok("sound decoder", "ffmpeg was found")
	} else {
		d.warn("sound decoder", "install ffmpeg", "ffmpeg was not found: loudness of AAC and AMR is not measured")
	}
	if err := mustBeWritable(os.TempDir()); err != nil {
		d.fail("temporary files", "set TMPDIR to a directory on a real disk that the server may write", "uploads cannot be spooled: %v", err)
	} else {
		d.ok("temporary files", "%s is writable", os.TempDir())
	}
	switch files, known := datadir.OpenFiles(); {
	case !known:
	case files < leastOpenFiles:
		d.warn("open files", "raise the limit: ulimit -n, LimitNOFILE= or --ulimit nofile", "only %d files and connections can be open", files)
	default:
		d.ok("open files", "%d files and connections can be open", files)
	}
}

func (d *doctor) checkSpace() {
	free, known := datadir.FreeBytes(d.dir)
	switch {
	case !known:
	case free < leastFreeBytes:
		d.fail("disk space", "make room or move the directory: a full disk stops every write", "only %d MiB are free", free>>20)
	default:
		d.ok("disk space", "%d GiB are free", free>>30)
	}
}

// mustBeWritable tries it.
func mustBeWritable(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory", dir)
	}
	file, err := os.CreateTemp(dir, ".lingualink-doctor-*")
	if err != nil {
		return err
	}
	_, err = file.WriteString("written to see whether it can be\n")
	return errors.Join(err, file.Close(), os.Remove(file.Name()))
}
