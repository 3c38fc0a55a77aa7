package e2e_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lingualink/lingualink/e2e/harness"
	"github.com/lingualink/lingualink/internal/livekit/livekittest"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

// clientPatience bounds one file of client tests; they take seconds.
const clientPatience = 3 * time.Minute

// TestJavaScriptClient runs the tests beside this file (*.test.mjs) that use
// the server through the PocketBase SDK, as apps do.
func TestJavaScriptClient(t *testing.T) {
	installClient(t)
	samples, spool := t.TempDir(), t.TempDir()
	makeSamples(t, samples)
	clock := filepath.Join(t.TempDir(), "clock")
	if err := os.WriteFile(clock, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	bank, err := paystacktest.Start(paystacktest.Options{Now: time.Now, AutoDeliver: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bank.Close)
	address := harness.FreeAddress(t)
	media := livekittest.Start(t, "http://"+address+"/api/lingualink/webhooks/livekit")
	server := harness.Start(t, harness.Options{Address: address, Env: []string{
		"LL_RATE_LIMITS=off", "LL_TEST_CLOCK=" + clock, "TMPDIR=" + spool,
		"PAYSTACK_SECRET_KEY=" + paystacktest.Key, "LL_PAYSTACK_BASE_URL=" + bank.URL, "LL_PAYOUTS=on", "LL_PEPPER=0123456789abcdef0123456789abcdef",
		"LL_PAYOUTS_MARK=" + filepath.Join(t.TempDir(), "mark.json"),
		"LIVEKIT_URL=" + media.URL, "LIVEKIT_API_KEY=" + livekittest.Key, "LIVEKIT_API_SECRET=" + livekittest.Secret,
	}})
	bank.SetWebhookURL(server.URL + "/api/lingualink/webhooks/paystack")
	server.SetPolicy(t, "consensus", clientPolicy)
	server.SetPolicy(t, "rewards", flatPay)
	// Whoever approves payouts must be known as a person.
	server.SignUp(t, "approver")
	server.Command(t, "superuser", "person", harness.AdminEmail, "approver")
	limited := harness.Start(t, harness.Options{Env: []string{"LL_RATE_LIMITS=on"}})

	environ := append(os.Environ(),
		"E2E_URL="+server.URL, "E2E_PAYSTACK="+bank.URL, "E2E_LIMITED_URL="+limited.URL, "E2E_CLOCK="+clock,
		"E2E_SAMPLES="+samples, "E2E_LIVEKIT="+media.URL, "E2E_STORAGE="+filepath.Join(server.Dir, "storage"), "E2E_SPOOL="+spool,
		"E2E_ADMIN_EMAIL="+harness.AdminEmail, "E2E_ADMIN_PASSWORD="+harness.AdminPassword,
	)
	files, err := filepath.Glob("*.test.mjs")
	if err != nil || len(files) == 0 {
		t.Fatalf("no client tests: %v %v", files, err)
	}
	// One file after the other: they share the server and its clock.
	for _, file := range files {
		t.Run(strings.TrimSuffix(file, ".test.mjs"), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), clientPatience)
			defer cancel()
			node := exec.CommandContext(ctx, "node", "--test-reporter=spec", file)
			node.Env = environ
			said, err := node.CombinedOutput()
			t.Logf("%s", said)
			if err != nil {
				t.Errorf("%s: %v %v", file, err, context.Cause(ctx))
			}
		})
	}
	server.VerifyLedger(t)
	server.VerifyAudit(t)
}

// installClient makes sure that Node and the client's packages are there.
func installClient(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("the client tests need %s: run scripts/test-deps.sh", tool)
		}
	}
	for _, name := range []string{"pocketbase", "eventsource", "livekit-client"} {
		if _, err := os.Stat(filepath.Join("node_modules", name, "package.json")); err == nil {
			continue
		}
		said, err := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error").CombinedOutput()
		if err != nil {
			t.Fatalf("the client's packages cannot be installed (npm ci in e2e/): %v\n%s", err, said)
		}
		return
	}
}
