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
// can collide. Everybody is held to be as good as they are in these tests, and so
// well known that what is learned in between changes nothing: what comes out can
// be reckoned from the votes alone.
var openPolicy = map[string]any{
	"assignment": "open", "cooldown_s": 0, "daily_cap": 0, "prior_floor": 0.8, "prior_cap": 0.8, "min_votes": 3,
	"sensitivity_prior": map[string]any{"hits": 900, "misses": 100}, "specificity_prior": map[string]any{"hits": 900, "misses": 100},
}

// clientPolicy has the queue hand a clip to three validators at once, whoever they
// are, and decides by three equal votes.
var clientPolicy = map[string]any{
	"min_votes": 3, "best_of": 1, "owner_votes": 0, "prior_floor": 0.8, "prior_cap": 0.8,
	"sensitivity_prior": map[string]any{"hits": 900, "misses": 100}, "specificity_prior": map[string]any{"hits": 750, "misses": 250},
}

// flatPay pays whoever agrees with the verdict the whole fee.
var flatPay = map[string]any{"validation_pay": "agreement"}

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
