package main

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase"

	"github.com/lingualink/lingualink/internal/config"
)

// TestOnlyTheDemonstrationPaysWithImaginaryMoney: no other command gets a key that
// nobody set, and a key that somebody set is never replaced.
func TestOnlyTheDemonstrationPaysWithImaginaryMoney(t *testing.T) {
	const own = "PAYSTACK_SECRET_KEY=sk_test_of_the_operator"
	for name, test := range map[string]struct {
		args, environ []string
		imaginary     bool
	}{
		"the demonstration":           {[]string{"demo"}, nil, true},
		"with an empty key":           {[]string{"demo", "--reset"}, []string{"PAYSTACK_SECRET_KEY="}, true},
		"with another address":        {[]string{"demo"}, []string{"LL_PAYSTACK_BASE_URL=https://api.paystack.co"}, true},
		"with a pepper and no limits": {[]string{"demo"}, []string{"LL_RATE_LIMITS=off", "LL_PEPPER=" + strings.Repeat("p", 40)}, true},
		"with a key of their own":     {[]string{"demo"}, []string{own}, false},
		"the server":                  {[]string{"serve"}, nil, false},
		"a server called demo":        {[]string{"serve", "demo"}, nil, false},
		"nothing":                     {nil, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := &program{app: pocketbase.NewWithConfig(pocketbase.Config{DefaultDataDir: t.TempDir()})}
			environ, err := p.imagine(test.args, test.environ)
			if err != nil {
				t.Fatal(err)
			}
			if p.paystack != nil {
				t.Cleanup(p.paystack.Close)
			}
			if (p.paystack != nil) != test.imaginary {
				t.Fatalf("an imaginary Paystack: %v", p.paystack != nil)
			}
			if !test.imaginary {
				if !slices.Equal(environ, test.environ) {
					t.Errorf("the environment is %q", environ)
				}
				return
			}
			cfg, err := config.Load(environ)
			if err != nil {
				t.Fatal(err)
			}
			if cfg.Paystack.BaseURL != p.paystack.URL || cfg.Paystack.Live() || !cfg.Paystack.Payouts || cfg.Paystack.Mark == "" || cfg.Pepper == "" {
				t.Errorf("the configuration: %+v", cfg.Paystack)
			}
			if slices.Contains(test.environ, "LL_RATE_LIMITS=off") && (cfg.RateLimits || string(cfg.Pepper)[0] != 'p') {
				t.Error("what the operator sets does not count")
			}
		})
	}
}

// TestTheDemonstrationIsSound: what the command makes passes every check that the
// commands for real directories have, and no real key comes near it afterwards.
func TestTheDemonstrationIsSound(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if code, said, bad := outcome(t, nil, "demo", "--serve=false", "--dir", dir); code != 0 || !strings.Contains(said, "second admin") {
		t.Fatalf("it ended with %d: %s%s", code, said, bad)
	}
	for _, what := range [][]string{{"payouts", "verify"}, {"ledger", "verify"}, {"audit", "verify"}, {"consensus", "verify"}, {"doctor"}} {
		if code, said, bad := outcome(t, nil, append(what, "--dir", dir)...); code != 0 {
			t.Errorf("%v ended with %d: %s%s", what, code, said, bad)
		}
	}
	key := []string{"PAYSTACK_SECRET_KEY=sk_test_of_the_operator"}
	if code, _, bad := outcome(t, key, "demo", "--serve=false", "--dir", dir); code != 1 || !strings.Contains(bad, "imaginary") {
		t.Errorf("with a key it ended with %d: %s", code, bad)
	}
	// What lies beside the directory must not outlive it.
	if beside, err := filepath.Glob(dir + "?*"); err != nil || len(beside) > 0 {
		t.Errorf("it left %v beside the directory (%v)", beside, err)
	}
	// What make run does: a new beginning, and then a server.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	s := server{command: invoke(t, nil, "demo", "--reset", "--dir", dir, "--http", address), url: "http://" + address}
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline, tick := time.After(2*time.Minute), time.Tick(50*time.Millisecond); ; {
		select {
		case <-tick:
		case <-deadline:
			t.Fatal("the demonstration never answered")
		}
		if response, err := http.Get(s.url + "/api/health"); err == nil {
			if response.Body.Close(); response.StatusCode != http.StatusOK {
				t.Errorf("it answers %d", response.StatusCode)
			}
			break
		}
	}
	if code := s.stop(t, os.Interrupt); code != 0 {
		t.Errorf("it ended with %d", code)
	}
}
