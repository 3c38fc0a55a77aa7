package main

import (
	"fmt"
	"os"

	"github.com/lingualink/lingualink/e2e/harness"
)

// program is what the harness needs of a test, for a program.
type program struct {
	cleanups []func()
	failed   bool
}

// stopped ends the program from Fatalf through its cleanups.
type stopped struct{}

// run calls fn and then what it left to clean up, and gives the exit code.
func run(fn func(t harness.TB)) (code int) {
	p := &program{}
	func() {
		defer p.recoverStopped()
		defer harness.RemoveBuilds()
		defer func() {
			for len(p.cleanups) > 0 {
				last := len(p.cleanups) - 1
				cleanup := p.cleanups[last]
				p.cleanups = p.cleanups[:last]
				cleanup()
			}
		}()
		fn(p)
	}()
	if p.failed {
		return 1
	}
	return 0
}

func (p *program) recoverStopped() {
	switch reason := recover(); reason.(type) {
	case nil, stopped:
	default:
		panic(reason)
	}
}

// Helper implements harness.TB.
func (p *program) Helper() {}

// Failed implements harness.TB.
func (p *program) Failed() bool { return p.failed }

// Cleanup implements harness.TB.
func (p *program) Cleanup(fn func()) { p.cleanups = append(p.cleanups, fn) }

// Logf implements harness.TB.
func (p *program) Logf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// Fatalf implements harness.TB: it says what is wrong and stops the program.
func (p *program) Fatalf(format string, args ...any) {
	p.failed = true
	p.Logf(format, args...)
	panic(stopped{})
}

// TempDir implements harness.TB.
func (p *program) TempDir() string {
	dir, err := os.MkdirTemp("", "lingualink-bench-")
	if err != nil {
		p.Fatalf("%v", err)
	}
	p.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			p.Logf("%v", err)
		}
	})
	return dir
}
