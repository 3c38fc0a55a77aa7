package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The superuser of every server.
const (
	AdminEmail    = "admin@lingualink.test"
	AdminPassword = "correct horse battery"
)

// Options say what to run.
type Options struct {
	// Binary is the executable; empty is the server of this module.
	Binary string
	// Dir is the data directory; empty is a new one.
	Dir string
	// Address is where to listen; empty is a free one. [FreeAddress] makes one for
	// tests in which something must know it before the server starts.
	Address string
	// Env are NAME=value pairs. Settings of this project in the environment of
	// the test do not reach the server.
	Env []string
}

// Server is one data directory with the process that serves it. It keeps its
// address through restarts.
type Server struct {
	URL string
	Dir string

	options Options
	address string
	http    *http.Client
	admin   *Client

	mu      sync.Mutex
	process *process
	said    transcript
}

// process is one run of the binary. exit is closed after it has ended.
type process struct {
	command *exec.Cmd
	exit    chan struct{}
}

// startChild starts a command that ends with this process at the latest.
func startChild(command *exec.Cmd) (*process, error) {
	endWithParent(command)
	run := &process{command: command, exit: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // see endWithParent
		defer runtime.UnlockOSThread()
		err := command.Start()
		started <- err
		if err == nil {
			_ = command.Wait() // the state says how it ended; the error repeats it
			close(run.exit)
		}
	}()
	return run, <-started
}

// Start makes the superuser, starts the server and waits until it answers. It
// is stopped when the test ends; what it said is logged if the test failed.
func Start(t TB, options Options) *Server {
	t.Helper()
	if options.Binary == "" {
		options.Binary = Build(t, ".")
	}
	if options.Dir == "" {
		options.Dir = newDir(t, options.Binary)
	}
	s := open(t, options)
	t.Cleanup(func() {
		s.Stop(t)
		s.http.CloseIdleConnections()
		if t.Failed() {
			t.Logf("the server said:\n%s", s.Said())
		}
	})
	s.Command(t, "superuser", "upsert", AdminEmail, AdminPassword)
	s.Launch(t)
	return s
}

// open is a server that does not run yet.
func open(t TB, options Options) *Server {
	t.Helper()
	if options.Address == "" {
		options.Address = FreeAddress(t)
	}
	return &Server{
		Dir: options.Dir, options: options, address: options.Address, URL: "http://" + options.Address,
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 512, DisableCompression: true}},
	}
}

// templates are data directories with the schema and the superuser, by binary: to
// make one takes seconds, to copy it none.
var templates struct {
	sync.Mutex
	byBinary map[string]string
}

// newDir is a data directory as a first start leaves it.
func newDir(t TB, binary string) string {
	t.Helper()
	templates.Lock()
	defer templates.Unlock()
	template, made := templates.byBinary[binary]
	if !made {
		var err error
		if template, err = os.MkdirTemp("", "lingualink-e2e-data-"); err != nil {
			t.Fatalf("a data directory: %v", err)
		}
		first := open(t, Options{Binary: binary, Dir: template})
		first.Command(t, "superuser", "upsert", AdminEmail, AdminPassword)
		first.Launch(t) // applies the migrations
		first.Stop(t)
		if templates.byBinary == nil {
			templates.byBinary = map[string]string{}
		}
		templates.byBinary[binary] = template
	}
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(dir, os.DirFS(template)); err != nil {
		t.Fatalf("a data directory: %v", err)
	}
	return dir
}

// Launch starts the process on the data directory and waits until it is
// healthy. It is for a server that was stopped or killed.
func (s *Server) Launch(t TB) {
	t.Helper()
	command := s.command("serve", "--http", s.address)
	command.Stdout, command.Stderr = &s.said, &s.said
	run, err := startChild(command)
	if err != nil {
		t.Fatalf("starting the server: %v", err)
	}
	s.mu.Lock()
	s.process = run
	s.mu.Unlock()
	// Connections to the last process are dead; a POST on one would fail.
	s.http.CloseIdleConnections()
	Eventually(t, "the server answers", func() (bool, error) {
		select {
		case <-run.exit:
			return false, fmt.Errorf("it ended (%v) and said:\n%s", command.ProcessState, s.Said())
		default:
		}
		answer, err := s.Guest().Do(context.Background(), http.MethodGet, "/api/health", nil)
		return err == nil && answer.Status == http.StatusOK, nil
	})
}

// Stop asks the process to end (SIGTERM) and waits for it; a process that does
// not end is killed and fails the test. Without a process it does nothing.
func (s *Server) Stop(t TB) {
	t.Helper()
	run := s.take()
	if run == nil {
		return
	}
	if err := run.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Logf("asking the server to end: %v", err)
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-run.exit:
	case <-late.C:
		_ = run.command.Process.Kill() // it may have ended this moment
		<-run.exit
		t.Fatalf("the server did not end within %v of SIGTERM; it said:\n%s", patience, s.Said())
	}
}

// Kill ends the process with SIGKILL: no handler of it runs any more.
func (s *Server) Kill(t TB) {
	t.Helper()
	run := s.take()
	if run == nil {
		t.Fatalf("there is no process to kill")
	}
	if err := run.command.Process.Kill(); err != nil {
		t.Fatalf("the server ended by itself (%v); it said:\n%s", run.command.ProcessState, s.Said())
	}
	<-run.exit
}

// take hands the process to the one who ends it.
func (s *Server) take() *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	run := s.process
	s.process = nil
	return run
}

// Said is what the processes wrote so far, the last 64 KiB of it.
func (s *Server) Said() string { return s.said.String() }

// command prepares the binary on the data directory.
func (s *Server) command(args ...string) *exec.Cmd {
	command := exec.Command(s.options.Binary, append(args, "--dir", s.Dir)...)
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "LL_") && !strings.HasPrefix(pair, "PAYSTACK_") && !strings.HasPrefix(pair, "LIVEKIT_") {
			command.Env = append(command.Env, pair)
		}
	}
	command.Env = append(command.Env, s.options.Env...)
	return command
}

// Command runs a command of the binary on the data directory, also while the
// server runs, and returns its standard output. A failing one ends the test.
func (s *Server) Command(t TB, args ...string) []byte {
	t.Helper()
	command := s.command(args...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.Bytes()
}

// LedgerReport is what `ledger verify --json` prints, as far as tests look.
type LedgerReport struct {
	OK           bool              `json:"ok"`
	Transactions int64             `json:"transactions"`
	Entries      int64             `json:"entries"`
	Findings     []json.RawMessage `json:"findings"`
}

// AuditReport is what `audit verify --json` prints.
type AuditReport struct {
	OK   bool   `json:"ok"`
	Rows int64  `json:"rows"`
	Head string `json:"head"`
}

// VerifyLedger ends the test unless every promise of the ledger holds.
func (s *Server) VerifyLedger(t TB) LedgerReport {
	t.Helper()
	var report LedgerReport
	decode(t, s.Command(t, "ledger", "verify", "--json"), &report)
	if !report.OK || len(report.Findings) > 0 {
		t.Fatalf("the ledger breaks its promises: %s", report.Findings)
	}
	return report
}

// VerifyAudit ends the test unless the audit log is whole.
func (s *Server) VerifyAudit(t TB) AuditReport {
	t.Helper()
	var report AuditReport
	decode(t, s.Command(t, "audit", "verify", "--json"), &report)
	if !report.OK {
		t.Fatalf("the audit log is broken: %+v", report)
	}
	return report
}

func decode(t TB, raw []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatalf("not the JSON that was expected: %v\n%s", err, raw)
	}
}

// FreeAddress finds a free port on the loopback interface, below those that the
// kernel gives to outgoing connections: between a kill and a restart none of
// them can take it.
func FreeAddress(t TB) string {
	t.Helper()
	const lowest, ports, tries = 20_000, 10_000, 100
	for range tries {
		address := net.JoinHostPort("127.0.0.1", fmt.Sprint(lowest+rand.N(ports)))
		if listener, err := net.Listen("tcp", address); err == nil {
			if err := listener.Close(); err != nil {
				t.Fatalf("%v", err)
			}
			return address
		}
	}
	t.Fatalf("no free port found on 127.0.0.1")
	return ""
}

// transcript keeps the end of what was written to it.
type transcript struct {
	mu   sync.Mutex
	text []byte
}

func (w *transcript) Write(p []byte) (int, error) {
	const kept = 64 << 10
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, p...)
	if extra := len(w.text) - kept; extra > 0 {
		w.text = append(w.text[:0], w.text[extra:]...)
	}
	return len(p), nil
}

func (w *transcript) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.text)
}
