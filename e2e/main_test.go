package e2e_test

import (
	"os"
	"testing"

	"github.com/lingualink/lingualink/e2e/harness"
)

func TestMain(m *testing.M) {
	code := m.Run()
	harness.RemoveBuilds()
	os.Exit(code)
}

// openPolicy lets anybody vote on any pending clip at any moment, so that votes
// can collide.
var openPolicy = map[string]any{"assignment": "open", "cooldown_s": 0, "daily_cap": 0, "min_listen": 0}

// The seeded rates, in kobo, as the wallet must show them.
const (
	clipMinor       = 15_000
	validationMinor = 1_500
)

// plenty funds a campaign beyond anything that a test earns.
const plenty = 1_000_000_000_000

// The rows as superusers read them.
type (
	clipRow struct {
		ID     string `json:"id"`
		Owner  string `json:"owner"`
		Status string `json:"status"`
	}
	voteRow struct {
		ID        string `json:"id"`
		Clip      string `json:"clip"`
		Validator string `json:"validator"`
		Verdict   string `json:"verdict"`
	}
)
