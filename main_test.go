package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/lingualink/lingualink/internal/config"
)

// runAsProgram makes this test binary behave as the program, so that processes
// can be tested without building it again.
const runAsProgram = "LINGUALINK_TEST_RUN_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(runAsProgram) != "" {
		main()
		os.Exit(0)
	}
	flag.Parse()
	os.Args = os.Args[:1] // the program would read the flags of the test
	code := m.Run()
	if err := os.RemoveAll(template); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// invoke prepares the program with the arguments and variables.
func invoke(t *testing.T, environ []string, args ...string) *exec.Cmd {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0], args...)
	command.Env = append([]string{runAsProgram + "=1", "PATH=" + os.Getenv("PATH"), "TMPDIR=" + t.TempDir()}, environ...)
	return command
}

// outcome runs the program to its end.
func outcome(t *testing.T, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	command := invoke(t, environ, args...)
	var out, bad strings.Builder
	command.Stdout, command.Stderr = &out, &bad
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), out.String(), bad.String()
}

// server is a running program.
type server struct {
	command *exec.Cmd
	url     string
	said    string // until it was started
}

// serve starts the program and returns when it answers.
func serve(t *testing.T, dir string) server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	s := server{command: invoke(t, nil, "serve", "--http", address, "--dir", dir), url: "http://" + address}
	output, err := s.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.command.Stderr = os.Stderr
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		s.said += lines.Text() + "\n"
		if strings.Contains(lines.Text(), "Server started") {
			go func() { _, _ = io.Copy(io.Discard, output) }()
			return s
		}
	}
	t.Fatalf("the server ended with: %s", s.said)
	return s
}

// stop ends the process by a signal and returns its exit code.
func (s server) stop(t *testing.T, signal os.Signal) int {
	t.Helper()
	if err := s.command.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	if err := s.command.Wait(); err != nil {
		t.Logf("after %s: %v", signal, err)
	}
	return s.command.ProcessState.ExitCode()
}

func (s server) get(t *testing.T, path string) (status int, contentType, body string) {
	t.Helper()
	response, err := http.Get(s.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("Content-Type"), string(content)
}

func TestServer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := serve(t, dir)

	t.Run("says what it can do", func(t *testing.T) {
		for _, want := range []string{"Lingualink dev", "Rate limits", "LL_SMTP_HOST", "Sound decoder"} {
			if !strings.Contains(s.said, want) {
				t.Errorf("the start does not say %q:\n%s", want, s.said)
			}
		}
	})
	t.Run("pages and API", func(t *testing.T) {
		for path, want := range map[string]struct {
			status   int
			kind, in string
		}{
			"/":                             {200, "text/html", "<title>Lingualink</title>"},
			"/style.css":                    {200, "text/css", "{"},
			"/nothing-here":                 {404, "application/json", `"status":404`},
			"/api/nothing-here":             {404, "application/json", `"status":404`},
			"/api/health":                   {200, "application/json", `"code":200`},
			"/api/lingualink/openapi.json":  {200, "application/json", `"openapi"`},
			"/api/lingualink/nothing-here":  {404, "application/json", `"status":404`},
			"/../migrations/1795300000.sql": {404, "application/json", `"status":404`},
		} {
			status, kind, body := s.get(t, path)
			if status != want.status || !strings.HasPrefix(kind, want.kind) || !strings.Contains(body, want.in) {
				t.Errorf("%s: got %d %s, want %d %s with %s", path, status, kind, want.status, want.kind, want.in)
			}
		}
	})
	t.Run("a second one is refused", func(t *testing.T) {
		for _, args := range [][]string{
			{"serve", "--http", "127.0.0.1:0", "--dir", dir},
			{"--dir", dir, "serve", "--http=127.0.0.1:0"},
			{"serve", "--dir=" + dir, "--http", "127.0.0.1:0", "--origins", "https://a.example"},
		} {
			code, _, said := outcome(t, nil, args...)
			if code != 1 || !strings.Contains(said, dir) || !strings.Contains(said, "--dir") {
				t.Errorf("%q: exit code %d: %s", args, code, said)
			}
		}
	})
	t.Run("commands beside it", func(t *testing.T) {
		for _, args := range [][]string{
			{"health", "--url", s.url},
			{"doctor", "--dir", dir},
			{"ledger", "verify", "--dir", dir},
			{"audit", "verify", "--dir", dir},
			{"superuser", "upsert", "admin@lingualink.test", "correct horse battery", "--dir", dir},
		} {
			if code, out, said := outcome(t, nil, args...); code != 0 {
				t.Errorf("%q: exit code %d: %s%s", args, code, out, said)
			}
		}
		code, out, _ := outcome(t, nil, "doctor", "--json", "--dir", dir)
		var report struct {
			OK     bool    `json:"ok"`
			Checks []check `json:"checks"`
		}
		if err := json.Unmarshal([]byte(out), &report); err != nil || code != 0 || !report.OK {
			t.Fatalf("exit code %d: %v: %s", code, err, out)
		}
		want(t, report.Checks, "server", stateOK, "one is running")
		want(t, report.Checks, "superuser", stateOK, "1")
		want(t, report.Checks, "schema and rules", stateOK, "")
	})
	t.Run("a kill gives the directory back", func(t *testing.T) {
		if code := s.stop(t, syscall.SIGKILL); code == 0 {
			t.Error("a killed server ended well")
		}
		if code, _, said := outcome(t, nil, "health", "--url", s.url, "--timeout", "2s"); code != 1 || !strings.Contains(said, "not healthy") {
			t.Errorf("health of nothing: exit code %d: %s", code, said)
		}
		again := serve(t, dir)
		if code := again.stop(t, syscall.SIGTERM); code != 0 {
			t.Errorf("after SIGTERM: exit code %d", code)
		}
	})
}

func TestExitCodes(t *testing.T) {
	empty := t.TempDir()
	for name, c := range map[string]struct {
		environ []string
		args    []string
		code    int
		says    string
	}{
		"nothing":             {args: nil, code: 0},
		"help":                {args: []string{"serve", "--help"}, code: 0},
		"help, bad variables": {args: []string{"doctor", "--help"}, environ: []string{"LL_NOPE=1"}, code: 0},
		"version":             {args: []string{"--version"}, code: 0},
		"unknown":             {args: []string{"fly"}, code: 1, says: `unknown command "fly"`},
		"unknown below":       {args: []string{"ledger", "fly"}, code: 1, says: `unknown command "fly"`},
		"half a command":      {args: []string{"ledger"}, code: 1, says: "say what to do"},
		"unknown flag":        {args: []string{"doctor", "--fly"}, code: 1, says: "unknown flag"},
		"no database":         {args: []string{"ledger", "verify"}, code: 1, says: "there is no database"},
		"no audit log":        {args: []string{"audit", "verify", "--json"}, code: 1, says: "there is no database"},
		"no verdicts":         {args: []string{"consensus", "verify"}, code: 1, says: "there is no database"},
		"no votes":            {args: []string{"consensus", "replay"}, code: 1, says: "--votes and --truth"},
		"missing votes":       {args: []string{"consensus", "replay", "--votes", "v.csv", "--truth", "t.csv"}, code: 1, says: "v.csv"},
		"unknown crowd":       {args: []string{"consensus", "simulate", "--scenario", "angels"}, code: 1, says: "choose one of clean"},
		"help of demo":        {args: []string{"demo", "--help"}, code: 0},
		"empty directory":     {args: []string{"doctor"}, code: 0},
		"missing directory":   {args: []string{"doctor", "--dir", filepath.Join(empty, "missing")}, code: 1, says: "checks failed"},
		"every problem at once": {
			args: []string{"serve"}, environ: []string{"LL_NOPE=1", "LL_RATE_LIMITS=maybe"}, code: 1, says: "LL_NOPE: |LL_RATE_LIMITS: ",
		},
		"no test clock":        {args: []string{"serve"}, environ: []string{"LL_TEST_CLOCK=/missing/clock"}, code: 1, says: "LL_TEST_CLOCK"},
		"doctor, bad variable": {args: []string{"doctor"}, environ: []string{"LL_NOPE=1"}, code: 1, says: "1 of "},
		"not a source tree":    {args: []string{"schema", "snapshot", "a"}, code: 1, says: "root of the source tree"},
	} {
		t.Run(name, func(t *testing.T) {
			args := c.args
			if len(args) > 0 && args[0] != "--version" && !slices.Contains(args, "--dir") {
				args = append(args, "--dir", empty)
			}
			command := invoke(t, c.environ, args...)
			command.Dir = empty
			var said strings.Builder
			command.Stderr = &said
			var exit *exec.ExitError
			if err := command.Run(); err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if code := command.ProcessState.ExitCode(); code != c.code {
				t.Errorf("exit code %d, want %d: %s", code, c.code, said.String())
			}
			for part := range strings.SplitSeq(c.says, "|") {
				if !strings.Contains(said.String(), part) || strings.Contains(said.String(), "Usage:") {
					t.Errorf("it said %q, want %q without the usage", said.String(), part)
				}
			}
			if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
				t.Errorf("it left %v behind, %v", left, err)
			}
		})
	}
}

// Secrets are pasted into the wrong variable too, so no value is printed.
func TestPartsPrintNoValue(t *testing.T) {
	values := map[string]string{
		"PAYSTACK_SECRET_KEY": "sk_test_planted1", "LL_PEPPER": "planted2planted2planted2planted2",
		"LL_SMTP_HOST": "planted3.example", "LL_MAIL_FROM": "planted4@example.org", "LL_PUBLIC_URL": "https://planted5.example",
		"LIVEKIT_URL": "wss://planted6.example", "LIVEKIT_API_KEY": "planted7", "LIVEKIT_API_SECRET": "planted8",
		"LL_TRUSTED_PROXY": "X-Planted9", "LL_TEST_CLOCK": "/planted10", "LL_DANGEROUS_ENDPOINTS": "on", "LL_PAYOUTS": "on",
	}
	environ := []string{}
	for name, value := range values {
		environ = append(environ, name+"="+value)
	}
	cfg, err := config.Load(environ)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := writeParts(&out, append(cfg.Parts(), soundDecoder(false))); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.ToLower(out.String()), "planted") {
		t.Errorf("a value is printed:\n%s", out.String())
	}
	if !strings.Contains(out.String(), "ffmpeg not found: loudness of AAC and AMR is not measured") {
		t.Errorf("the missing decoder is not mentioned:\n%s", out.String())
	}
}
