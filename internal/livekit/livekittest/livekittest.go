// Package livekittest starts the real livekit-server for tests, on loopback only,
// as production would run it: rooms are made by the server side alone, webhooks
// are signed. It fails a test that cannot have it; there is no fake in its place.
//
// scripts/livekit-server.sh builds the binary once and keeps it outside the tree.
package livekittest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The key and secret of every server that is started here.
const (
	Key    = "testkey"
	Secret = "only-for-tests-on-loopback-0123456789abcdef"
)

const (
	startWait = 20 * time.Second
	stopWait  = 2 * time.Second
)

// Server is a running livekit-server.
type Server struct {
	// URL is its address, such as ws://127.0.0.1:40123.
	URL string

	tb      testing.TB
	binary  string
	config  string
	port    int
	process *exec.Cmd
	watcher *exec.Cmd // ends the server when the test process dies without cleaning up
	ended   chan struct{}
	log     *tail
}

// Start runs a server until the test ends. Webhooks go to webhookURL, nowhere if
// it is empty. Rooms that nobody has entered stay for 20 s, rooms that everybody
// has left for 1 s.
func Start(tb testing.TB, webhookURL string) *Server {
	tb.Helper()
	s := &Server{tb: tb, binary: binary(tb), config: filepath.Join(tb.TempDir(), "livekit.yaml")}
	tb.Cleanup(s.Kill)
	for range 5 { // another process may take a port between looking and listening
		ports := freePorts(tb)
		s.port, s.URL = ports.http, fmt.Sprintf("ws://127.0.0.1:%d", ports.http)
		if err := os.WriteFile(s.config, []byte(configuration(ports, webhookURL)), 0o600); err != nil {
			tb.Fatal(err)
		}
		if s.run() {
			return s
		}
	}
	tb.Fatalf("livekit-server does not start:\n%s", s.log)
	return nil
}

// Restart ends the server as a crash would and starts it again at the same
// address: all rooms are lost, and no webhook tells.
func (s *Server) Restart() {
	s.tb.Helper()
	s.Kill()
	if !s.run() {
		s.tb.Fatalf("livekit-server does not start again:\n%s", s.log)
	}
}

// Kill ends the server as a crash would.
func (s *Server) Kill() {
	if s.process != nil {
		s.end(syscall.SIGKILL)
	}
}

// Stop ends the server as an operator would: TERM drains, which waits for people
// for ever; the second one forces.
func (s *Server) Stop() {
	if s.process == nil || s.end(syscall.SIGTERM) || s.end(syscall.SIGTERM) {
		return
	}
	s.Kill()
}

// end sends a signal to this process alone and tells whether it ended.
func (s *Server) end(signal syscall.Signal) bool {
	_ = s.process.Process.Signal(signal) // it may have ended
	select {
	case <-s.ended:
		s.forget()
		return true
	case <-time.After(stopWait):
		return false
	}
}

// run starts the process and waits until it answers; false if it ended instead.
func (s *Server) run() bool {
	s.tb.Helper()
	process := exec.Command(s.binary, "--config", s.config)
	s.log = &tail{}
	process.Stdout, process.Stderr = s.log, s.log
	if err := process.Start(); err != nil {
		s.tb.Fatal(err)
	}
	s.process, s.ended = process, make(chan struct{})
	go func(ended chan struct{}) {
		_ = process.Wait() // how it ended is said by its log
		close(ended)
	}(s.ended)
	s.watch()
	if s.answers() {
		return true
	}
	s.Kill()
	return false
}

// watch starts a shell that waits for its input to end, which the death of this
// process does, and then kills the server.
func (s *Server) watch() {
	s.tb.Helper()
	s.watcher = exec.Command("sh", "-c", fmt.Sprintf("cat >/dev/null; kill -9 %d", s.process.Process.Pid))
	if _, err := s.watcher.StdinPipe(); err != nil {
		s.tb.Fatal(err)
	}
	if err := s.watcher.Start(); err != nil {
		s.tb.Fatal(err)
	}
}

// forget is after the server has ended: nobody must kill its number any more.
func (s *Server) forget() {
	_ = s.watcher.Process.Kill() // the shell; its cat ends with the pipe that Wait closes
	_ = s.watcher.Wait()
	s.process, s.watcher = nil, nil
}

func (s *Server) answers() bool {
	ctx, cancel := context.WithTimeout(context.Background(), startWait)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-s.ended:
			s.forget()
			return false
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/", s.port), nil)
		if err != nil {
			s.tb.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			continue
		}
		_ = answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return true
		}
	}
}

// Log is the end of what the server has written.
func (s *Server) Log() string { return s.log.String() }

var built = sync.OnceValues(func() (string, error) {
	_, here, _, _ := runtime.Caller(0)
	script := filepath.Join(filepath.Dir(here), "..", "..", "..", "scripts", "livekit-server.sh")
	command := exec.Command("bash", script)
	var problems bytes.Buffer
	command.Stderr = &problems
	path, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, problems.String())
	}
	return strings.TrimSpace(string(path)), nil
})

// binary is the path of the server, which is built if nobody has yet.
func binary(tb testing.TB) string {
	tb.Helper()
	path, err := built()
	if err != nil {
		tb.Fatalf("there is no livekit-server to test with; run make deps: %v", err)
	}
	return path
}

type ports struct{ http, udp, metrics, none int }

// freePorts asks the system for ports. It holds all of them at once, so that they
// differ.
func freePorts(tb testing.TB) ports {
	tb.Helper()
	tcp := func() (int, func() error) {
		listener, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			tb.Fatal(err)
		}
		return listener.Addr().(*net.TCPAddr).Port, listener.Close
	}
	web, closeWeb := tcp()
	metrics, closeMetrics := tcp()
	none, closeNone := tcp()
	packets, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	for _, free := range []func() error{closeWeb, closeMetrics, closeNone, packets.Close} {
		if err := free(); err != nil {
			tb.Fatal(err)
		}
	}
	return ports{http: web, udp: packets.LocalAddr().(*net.UDPAddr).Port, metrics: metrics, none: none}
}

// configuration listens on loopback alone: bind_addresses does not cover ICE over
// TCP, so that is off, and the stun server is one that nobody runs, because
// without any the server names public ones to its clients.
func configuration(p ports, webhookURL string) string {
	text := fmt.Sprintf(`port: %d
bind_addresses: ["127.0.0.1"]
keys: {%s: "%s"}
rtc:
  tcp_port: 0
  udp_port: %d
  use_external_ip: false
  node_ip: 127.0.0.1
  enable_loopback_candidate: true
  interfaces: {includes: ["lo"]}
  ips: {includes: ["127.0.0.1/32"]}
  stun_servers: ["127.0.0.1:%d"]
room: {auto_create: false, empty_timeout: 20, departure_timeout: 1}
prometheus: {port: %d}
logging: {level: info}
`, p.http, Key, Secret, p.udp, p.none, p.metrics)
	if webhookURL != "" {
		text += fmt.Sprintf("webhook: {api_key: %s, urls: [%q]}\n", Key, webhookURL)
	}
	return text
}

// tail keeps the last bytes that were written.
type tail struct {
	lock sync.Mutex
	text []byte
}

const tailLength = 64 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - tailLength; over > 0 {
		t.text = append([]byte(nil), t.text[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	if t == nil {
		return ""
	}
	t.lock.Lock()
	defer t.lock.Unlock()
	return string(t.text)
}
