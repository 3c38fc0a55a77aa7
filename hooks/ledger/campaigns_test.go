package ledger_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/internal/apptest"
)

func TestFundingIsForAdminsAndAudited(t *testing.T) {
	s := hookstest.Start(t)
	path := "/api/lingualink/campaigns/" + s.GeneralCampaign() + "/fund"
	const key = "Idempotency-Key: one"
	body := map[string]any{"amount_minor": 5000, "memo": "Grant"}
	s.Want(s.Do(apptest.Guest, "POST", path, body, key), 401, "sign_in_required")
	s.Want(s.Do(apptest.Musa, "POST", path, body, key), 403, "not_allowed")
	s.Want(s.Do(apptest.Admin, "POST", path, body), 400, "idempotency_key_required")
	for _, c := range []struct {
		name string
		body any
		code string
	}{
		{"zero", map[string]any{"amount_minor": 0}, "amount_invalid"},
		{"negative", map[string]any{"amount_minor": -5}, "amount_invalid"},
		{"beyond 2^53-1", `{"amount_minor": 9007199254740992}`, "amount_overflow"},
		{"a fraction", `{"amount_minor": 10.5}`, "invalid_input"},
		{"a text", map[string]any{"amount_minor": "5000"}, "invalid_input"},
		{"an unknown field", map[string]any{"amount_minor": 5, "amout": 5}, "invalid_input"},
		{"not JSON", "amount_minor=5", "invalid_input"},
	} {
		t.Run(c.name, func(t *testing.T) { s.Want(s.Do(apptest.Admin, "POST", path, c.body, key), 400, c.code) })
	}
	s.Want(s.Do(apptest.Admin, "POST", "/api/lingualink/campaigns/nothing00000000/fund", body, key), 404, "not_found")

	first := s.Want(s.Do(apptest.Admin, "POST", path, body, key), 200, "")
	again := s.Want(s.Do(apptest.Admin, "POST", path, body, key), 200, "")
	if first.Data()["tx"] != again.Data()["tx"] || again.Data()["balance_minor"] != 5000.0 {
		t.Errorf("the repeat gave %v, first was %v", again.Data(), first.Data())
	}
	s.Want(s.Do(apptest.Admin, "POST", path, map[string]any{"amount_minor": 5001, "memo": "Grant"}, key), 409, "idempotency_conflict")
	if n := s.Int("SELECT COUNT(*) FROM audit_log WHERE action = 'campaign.fund'"); n != 1 {
		t.Errorf("%d audit rows, want 1", n)
	}
	verifyClean(t, s)
}

func TestCampaignsAndRatesAreVersionedAndChecked(t *testing.T) {
	s := hookstest.Start(t)
	campaigns, rates := "/api/collections/campaigns/records", "/api/collections/reward_rates/records"
	s.Want(s.Do(apptest.Admin, "POST", campaigns, map[string]any{"name": "Ghana", "currency": "GHS"}), 400, "rate_missing")
	for _, action := range []string{"clip", "validation"} {
		s.Want(s.Do(apptest.Admin, "POST", rates, map[string]any{"action": action, "currency": "GHS", "amount_minor": 70}), 200, "")
	}
	made := s.Want(s.Do(apptest.Admin, "POST", campaigns, map[string]any{"name": "Ghana", "currency": "GHS"}), 200, "")
	if made.Text("status") != "open" {
		t.Errorf("a campaign starts %q, want open", made.Text("status"))
	}
	s.Want(s.Do(apptest.Admin, "PATCH", campaigns+"/"+made.Text("id"), map[string]any{"currency": "NGN"}), 400, "server_field")
	s.Want(s.Do(apptest.Admin, "PATCH", campaigns+"/"+made.Text("id"), map[string]any{"status": "closed"}), 200, "")

	for _, amount := range []any{0, -1, 10.5, "abc"} {
		answer := s.Do(apptest.Admin, "POST", rates, map[string]any{"action": "clip", "currency": "NGN", "amount_minor": amount})
		if answer.Status != 400 {
			t.Errorf("a rate of %v was answered %d", amount, answer.Status)
		}
	}
	rate := s.Want(s.Do(apptest.Admin, "POST", rates, map[string]any{"action": "clip", "currency": "NGN", "amount_minor": 20000, "version": 99}), 200, "")
	if rate.JSON["version"] != 5.0 {
		t.Errorf("the version is %v, want 5: numbers are the server's", rate.JSON["version"])
	}
	s.Want(s.Do(apptest.Admin, "PATCH", rates+"/"+rate.Text("id"), map[string]any{"amount_minor": 1}), 409, "insert_only")
	s.Want(s.Do(apptest.Admin, "DELETE", rates+"/"+rate.Text("id"), nil), 409, "insert_only")
	s.Want(s.Do(apptest.Ada, "POST", rates, map[string]any{"action": "clip", "currency": "NGN", "amount_minor": 1}), 403, "")
}

func TestRewardsWaitForFundsAndArePaidInOrder(t *testing.T) {
	s := hookstest.Start(t)
	s.OpenVoting()
	s.Consent(apptest.Ada)
	first, second := s.Clip(apptest.Ada), s.Clip(apptest.Ada)
	s.Decide(first, "approve")
	s.Decide(second, "approve")
	if got := s.Balance(apptest.Ada); got["pending"] != 0 || got["unfunded"] != 30000 {
		t.Fatalf("without funds the wallet is %v", got)
	}
	// Enough for the first clip and everybody on it; what is left would pay a
	// validator but not the second clip's owner, who is next.
	s.Fund(15000 + 3*1500 + 2000)
	if got := s.Int("SELECT COUNT(*) FROM rewards WHERE state = 'pending'"); got != 4 {
		t.Errorf("%d rewards are paid, want the first 4 in order", got)
	}
	if got := s.Int("SELECT MIN(seq) FROM rewards WHERE state = 'unfunded'"); got != 5 {
		t.Errorf("the first waiting reward is %d, want 5", got)
	}
	third := s.Clip(apptest.Ada)
	s.Decide(third, "reject", apptest.Bola, apptest.Chidi, apptest.Dayo)
	if got := s.Int("SELECT COUNT(*) FROM rewards WHERE state = 'pending'"); got != 4 {
		t.Errorf("a newer reward overtook those that wait: %d are paid", got)
	}
	s.Fund(1_000_000)
	if got := s.Int("SELECT COUNT(*) FROM rewards WHERE state = 'unfunded'"); got != 0 {
		t.Errorf("%d rewards still wait", got)
	}
	if got := s.Balance(apptest.Ada)["pending"]; got != 30000 {
		t.Errorf("ada has %d pending, want 30000", got)
	}
	if got := s.Balance(apptest.Bola)["pending"]; got != 4500 {
		t.Errorf("bola has %d pending, want 4500", got)
	}
	verifyClean(t, s)
}

func TestRewardsAreReleasedAfterTheHold(t *testing.T) {
	s := hookstest.Start(t)
	s.OpenVoting()
	s.Fund(1_000_000)
	s.Consent(apptest.Ada)
	s.Decide(s.Clip(apptest.Ada), "approve")
	s.Advance(167 * time.Hour)
	if err := ledger.ReleaseDue(s.App, s.Deps); err != nil {
		t.Fatal(err)
	}
	if got := s.Balance(apptest.Ada); got["pending"] != 15000 || got["available"] != 0 {
		t.Errorf("before the hold is over: %v", got)
	}
	s.Advance(2 * time.Hour)
	for range 2 { // releasing twice moves nothing twice
		if err := ledger.ReleaseDue(s.App, s.Deps); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Balance(apptest.Ada); got["pending"] != 0 || got["available"] != 15000 || got["earned"] != 15000 {
		t.Errorf("after the hold: %v", got)
	}
	verifyClean(t, s)
}

func TestCorrectionsReverseOnce(t *testing.T) {
	s := hookstest.Start(t)
	s.OpenVoting()
	s.Fund(100_000)
	s.Consent(apptest.Ada)
	s.Decide(s.Clip(apptest.Ada), "approve")
	earned := s.Text("SELECT tx FROM rewards WHERE rule = 'clip'", nil)
	path := "/api/lingualink/ledger_txs/" + earned + "/reverse"
	s.Want(s.Do(apptest.Musa, "POST", path, map[string]any{"reason": "wrong"}), 403, "not_allowed")
	s.Want(s.Do(apptest.Admin, "POST", path, map[string]any{"reason": ""}), 400, "invalid_input")
	s.Want(s.Do(apptest.Admin, "POST", path, map[string]any{"reason": "wrong clip"}), 200, "")
	s.Want(s.Do(apptest.Admin, "POST", path, map[string]any{"reason": "wrong clip"}), 409, "already_reversed")
	if got := s.Balance(apptest.Ada); got["pending"] != 0 || got["earned"] != 0 {
		t.Errorf("after the reversal: %v", got)
	}
	if n := s.Int("SELECT COUNT(*) FROM audit_log WHERE action = 'ledger.reverse'"); n != 1 {
		t.Errorf("%d audit rows, want 1", n)
	}
	reversal := s.Text("SELECT id FROM ledger_txs WHERE reverses = {:tx}", dbx.Params{"tx": earned})
	s.Want(s.Do(apptest.Admin, "POST", "/api/lingualink/ledger_txs/"+reversal+"/reverse", map[string]any{"reason": "undo"}), 409, "not_reversible")
	verifyClean(t, s)

	// A released reward is not taken back by a correction.
	s.Advance(200 * time.Hour)
	if err := ledger.ReleaseDue(s.App, s.Deps); err != nil {
		t.Fatal(err)
	}
	released := s.Text("SELECT tx FROM rewards WHERE state = 'released' LIMIT 1", nil)
	s.Want(s.Do(apptest.Admin, "POST", "/api/lingualink/ledger_txs/"+released+"/reverse", map[string]any{"reason": "late"}), 409, "not_reversible")
}

func TestMoneyThatComesBackPaysWhatWaits(t *testing.T) {
	s := hookstest.Start(t)
	s.OpenVoting()
	s.Fund(15000)
	s.Consent(apptest.Ada)
	s.Decide(s.Clip(apptest.Ada), "approve")
	if got := s.Int("SELECT COUNT(*) FROM rewards WHERE state = 'unfunded'"); got != 3 {
		t.Fatalf("%d rewards wait, want the validators' 3", got)
	}
	earned := s.Text("SELECT tx FROM rewards WHERE rule = 'clip'", nil)
	s.Want(s.Do(apptest.Admin, "POST", "/api/lingualink/ledger_txs/"+earned+"/reverse", map[string]any{"reason": "wrong clip"}), 200, "")
	s.Drain()
	if got := s.Int("SELECT COUNT(*) FROM rewards WHERE state = 'unfunded'"); got != 0 {
		t.Errorf("%d rewards still wait although the money came back", got)
	}
	verifyClean(t, s)
}

func TestOneKeyFundsOneCampaign(t *testing.T) {
	s := hookstest.Start(t)
	other := s.Want(s.Do(apptest.Admin, "POST", "/api/collections/campaigns/records", map[string]any{"name": "Other", "currency": "NGN"}), 200, "").Text("id")
	const key = "Idempotency-Key: same"
	body := map[string]any{"amount_minor": 100}
	s.Want(s.Do(apptest.Admin, "POST", "/api/lingualink/campaigns/"+s.GeneralCampaign()+"/fund", body, key), 200, "")
	s.Want(s.Do(apptest.Admin, "POST", "/api/lingualink/campaigns/"+other+"/fund", body, key), 409, "idempotency_conflict")
	s.Want(s.Do(apptest.Admin, "PATCH", "/api/collections/campaigns/records/"+s.GeneralCampaign(), map[string]any{"status": "closed"}), 200, "")
	s.Want(s.Do(apptest.Admin, "POST", "/api/lingualink/campaigns/"+s.GeneralCampaign()+"/fund", body, key), 200, "") // a retry
	s.Want(s.Do(apptest.Admin, "POST", "/api/lingualink/campaigns/"+s.GeneralCampaign()+"/fund", body, key+"2"), 409, "campaign_unavailable")
	s.Want(s.Do(apptest.Admin, "POST", "/api/lingualink/campaigns/"+other+"/fund", map[string]any{"amount_minor": 1, "memo": strings.Repeat("x", 301)}, key+"3"), 400, "invalid_input")
}
