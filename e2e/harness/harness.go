// Package harness decides how a real server is built, started, driven and
// killed from outside. It refuses to share a process, a database handle or a
// clock with the server: what it sees is what a client or an operator sees.
//
//	server := harness.Start(t, harness.Options{Env: []string{"LL_RATE_LIMITS=off"}})
//	ada := server.SignUp(t, "ada", "ha")
//	answer, err := ada.Upload(ctx, harness.NewID(), "ha", harness.Voice(1))
//
// Functions that take a TB end the test on an error and belong on its own
// goroutine. Methods that return an error may be called from any.
package harness

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// TB is what the harness needs of a test. *testing.T is one; a program that is
// no test brings its own.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
	Cleanup(func())
	TempDir() string
	Failed() bool
}

const (
	// patience bounds every wait for a condition. It is far beyond what any of
	// them takes, so that a slow machine does not fail and a hanging one does.
	patience = 60 * time.Second
	// pollEvery is how often a condition is looked at.
	pollEvery = 10 * time.Millisecond
)

// Eventually looks at the condition until it holds. It ends the test when the
// condition returns an error, or still does not hold after a minute.
func Eventually(t TB, what string, condition func() (bool, error)) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		holds, err := condition()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if holds {
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("%s: not within %v", what, patience)
		case <-ticker.C:
		}
	}
}

// NewID makes a record id as a client does: 15 characters a-z and 0-9.
func NewID() string {
	return strings.ToLower(rand.Text()[:15])
}

var builds struct {
	sync.Mutex
	made map[string]string
}

// Build compiles a main package of this module, given by its path relative to
// the module ("." is the server), once per process. It returns the path of the
// executable, which stays until [RemoveBuilds].
func Build(t TB, pkg string) string {
	t.Helper()
	builds.Lock()
	defer builds.Unlock()
	if made, ok := builds.made[pkg]; ok {
		return made
	}
	root := strings.TrimSpace(output(t, "", "go", "list", "-m", "-f", "{{.Dir}}"))
	dir, err := os.MkdirTemp("", "lingualink-e2e-")
	if err != nil {
		t.Fatalf("%v", err)
	}
	made := filepath.Join(dir, "server")
	output(t, root, "go", "build", "-trimpath", "-o", made, pkg)
	if builds.made == nil {
		builds.made = map[string]string{}
	}
	builds.made[pkg] = made
	return made
}

// RemoveBuilds deletes what [Build] made; call it when everything has ended.
func RemoveBuilds() {
	builds.Lock()
	defer builds.Unlock()
	for _, made := range builds.made {
		if err := os.RemoveAll(filepath.Dir(made)); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	builds.made = nil
	templates.Lock()
	defer templates.Unlock()
	for _, dir := range templates.byBinary {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	templates.byBinary = nil
}

// output runs a tool to its end and returns its standard output.
func output(t TB, dir, name string, args ...string) string {
	t.Helper()
	command := exec.Command(name, args...)
	command.Dir = dir
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String()
}
