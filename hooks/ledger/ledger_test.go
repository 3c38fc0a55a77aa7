package ledger_test

import (
	"encoding/csv"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/fault"
	book "github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
)

func TestMain(m *testing.M) { apptest.Main(m) }

// post runs one posting in a transaction of its own.
func post(s *hookstest.Server, request book.Tx) (posted book.Posted, err error) {
	err = s.App.RunInTransaction(func(tx core.App) error {
		all, err := ledger.Post(tx, s.Deps, request)
		if err == nil {
			posted = all[0]
		}
		return err
	})
	return posted, err
}

func funding(s *hookstest.Server, key string, minor int64) book.Tx {
	return book.Tx{
		Kind: book.CampaignFunded, Key: key, Actor: "superuser:test",
		Entries: book.Move(book.PlatformFunding(money.NGN), book.CampaignAccount(s.GeneralCampaign(), money.NGN), minor),
	}
}

func verifyClean(t *testing.T, s *hookstest.Server) book.Report {
	t.Helper()
	report, err := ledger.Verify(s.App.DB())
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Findings) > 0 {
		t.Fatalf("the ledger does not verify: %+v", report.Findings)
	}
	return report
}

func TestPostOutsideATransactionIsRefused(t *testing.T) {
	s := hookstest.Start(t)
	if _, err := ledger.Post(s.App, s.Deps, funding(s, "k", 5)); err == nil {
		t.Fatal("posted without a transaction")
	}
	if n := s.Int("SELECT COUNT(*) FROM ledger_txs"); n != 0 {
		t.Errorf("%d transactions were stored", n)
	}
}

func TestTheSameKeyIsPostedOnce(t *testing.T) {
	s := hookstest.Start(t)
	first, err := post(s, funding(s, "k", 500))
	if err != nil {
		t.Fatal(err)
	}
	second, err := post(s, funding(s, "k", 500))
	if err != nil || second.ID != first.ID {
		t.Errorf("the repeat gave %s, %v; want %s", second.ID, err, first.ID)
	}
	if _, err := post(s, funding(s, "k", 501)); !errors.Is(err, fault.KeyConflict.On("")) {
		t.Errorf("another input under the key: %v", err)
	}
	if n := s.Int("SELECT COUNT(*) FROM ledger_txs"); n != 1 {
		t.Errorf("%d transactions, want 1", n)
	}
	verifyClean(t, s)
}

func TestConcurrentRepeatsPostOnce(t *testing.T) {
	s := hookstest.Start(t)
	const replays = 24
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	ids := make([]string, replays)
	ready.Add(replays)
	for i := range replays {
		done.Go(func() {
			ready.Done()
			<-start
			posted, err := post(s, funding(s, "race", 700))
			if err != nil {
				t.Errorf("replay %d: %v", i, err)
			}
			ids[i] = posted.ID
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("replays gave different transactions %s and %s", id, ids[0])
		}
	}
	if report := verifyClean(t, s); report.Transactions != 1 {
		t.Errorf("%d transactions, want 1", report.Transactions)
	}
}

func TestConcurrentSpendersNeverOverdraw(t *testing.T) {
	s := hookstest.Start(t)
	if _, err := post(s, funding(s, "start", 1000)); err != nil {
		t.Fatal(err)
	}
	const spenders = 20
	var done sync.WaitGroup
	var mu sync.Mutex
	paid, refused := 0, 0
	for i := range spenders {
		done.Go(func() {
			_, err := post(s, book.Tx{
				Kind: book.RewardEarned, Key: "spend:" + string(rune('a'+i)), Actor: "system",
				Entries: book.Move(book.CampaignAccount(s.GeneralCampaign(), money.NGN), book.UserAccount(s.User(apptest.Ada).Id, book.Pending, money.NGN), 300),
			})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				paid++
			case errors.Is(err, fault.InsufficientFunds.On("")):
				refused++
			default:
				t.Errorf("spender %d: %v", i, err)
			}
		})
	}
	done.Wait()
	if paid != 3 || refused != spenders-3 {
		t.Errorf("%d paid and %d refused, want 3 and %d", paid, refused, spenders-3)
	}
	verifyClean(t, s)
}

func TestPostedRowsCannotBeChanged(t *testing.T) {
	s := hookstest.Start(t)
	if _, err := post(s, funding(s, "k", 500)); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		"UPDATE ledger_txs SET memo = 'x'", "DELETE FROM ledger_txs",
		"UPDATE ledger_entries SET amount_minor = 1", "DELETE FROM ledger_entries",
		"UPDATE ledger_accounts SET balance_minor = balance_minor + 1", "UPDATE ledger_accounts SET min_balance_minor = -1",
		"UPDATE ledger_accounts SET [key] = 'x'", "DELETE FROM ledger_accounts",
		"INSERT INTO ledger_entries (id, tx, account, seq, line, amount_minor, currency, balance_after_minor) SELECT 'abcdefghijklmno', tx, account, seq, 9, 5, currency, 99 FROM ledger_entries LIMIT 1",
	} {
		if _, err := s.App.NonconcurrentDB().NewQuery(statement).Execute(); err == nil {
			t.Errorf("the database allowed: %s", statement)
		}
	}
	for _, table := range []string{"ledger_txs", "ledger_entries", "ledger_accounts"} {
		record, err := s.App.FindFirstRecordByFilter(table, "id != ''")
		if err != nil {
			t.Fatal(err)
		}
		path := "/api/collections/" + table + "/records"
		s.Want(s.Do(apptest.Admin, "PATCH", path+"/"+record.Id, map[string]any{"memo": "x", "balance_minor": 7, "amount_minor": 7}), 403, "server_owned")
		s.Want(s.Do(apptest.Admin, "DELETE", path+"/"+record.Id, nil), 409, "insert_only")
		s.Want(s.Do(apptest.Admin, "POST", path, map[string]any{"key": "x"}), 403, "server_owned")
		s.Want(s.Do(apptest.Admin, "DELETE", "/api/collections/"+table+"/truncate", nil), 403, "endpoint_closed")
		if err := s.App.Delete(record); err == nil {
			t.Errorf("%s: a record was deleted", table)
		}
	}
	verifyClean(t, s)
}

func TestVerifyNamesTheFirstBadRow(t *testing.T) {
	s := hookstest.Start(t)
	bad, err := post(s, funding(s, "a", 500))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := post(s, funding(s, "b", 600)); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"DROP TRIGGER ledger_txs_no_update", "UPDATE ledger_txs SET memo = 'forged' WHERE seq = 1"} {
		if _, err := s.App.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
			t.Fatal(err)
		}
	}
	report, err := ledger.Verify(s.App.DB())
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range report.Findings {
		if finding.Promise == book.PromiseChained && finding.Row == bad.ID {
			return
		}
	}
	t.Errorf("no finding names the edited row: %+v", report.Findings)
}

func TestVerifyFindsEntriesThatBelongNowhere(t *testing.T) {
	for _, statement := range []string{
		"UPDATE ledger_entries SET seq = 7", "UPDATE ledger_entries SET currency = 'KES'",
		"INSERT INTO ledger_entries (id, tx, account, seq, line, amount_minor, currency, balance_after_minor) SELECT 'straystraystray', 'nothing00000000', account, 9, 0, 5, currency, 5 FROM ledger_entries LIMIT 1",
	} {
		s := hookstest.Start(t)
		if _, err := post(s, funding(s, "a", 500)); err != nil {
			t.Fatal(err)
		}
		for _, step := range []string{"DROP TRIGGER ledger_entries_no_update", "DROP TRIGGER ledger_entries_follow", "DROP TRIGGER ledger_entries_carry", statement} {
			if _, err := s.App.NonconcurrentDB().NewQuery(step).Execute(); err != nil {
				t.Fatal(err)
			}
		}
		report, err := ledger.Verify(s.App.DB())
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, finding := range report.Findings {
			found = found || finding.Table == book.TableEntries
		}
		if !found {
			t.Errorf("after %s: %+v", statement, report.Findings)
		}
	}
}

func TestVerifyHoldsRewardsAgainstTheirPostings(t *testing.T) {
	s := hookstest.Start(t)
	s.OpenVoting()
	s.Fund(100_000)
	s.Consent(apptest.Ada)
	s.Decide(s.Clip(apptest.Ada), "approve")
	for _, change := range []string{"state = 'released'", "state = 'unfunded'", "amount_minor = amount_minor + 1", "tx = 'other0000000000'"} {
		column := strings.Fields(change)[0]
		was := s.Text("SELECT CAST("+column+" AS TEXT) FROM rewards WHERE rule = 'clip'", nil)
		for _, set := range []string{change, column + " = '" + was + "'"} {
			if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE rewards SET " + set + " WHERE rule = 'clip'").Execute(); err != nil {
				t.Fatal(err)
			}
			report, err := ledger.Verify(s.App.DB())
			if err != nil {
				t.Fatal(err)
			}
			if found := len(report.Findings) == 1 && report.Findings[0].Promise == ledger.PromiseRewards; found != (set == change) {
				t.Errorf("after %s: %+v", set, report.Findings)
			}
		}
	}
}

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

func TestStatementChains(t *testing.T) {
	s := hookstest.Start(t)
	s.OpenVoting()
	s.Fund(1_000_000)
	s.Consent(apptest.Ada)
	start := s.Deps.Clock.Now()
	for range 3 {
		s.Decide(s.Clip(apptest.Ada), "approve")
		s.Advance(24 * time.Hour)
	}
	s.Advance(200 * time.Hour)
	if err := ledger.ReleaseDue(s.App, s.Deps); err != nil {
		t.Fatal(err)
	}
	get := func(from, to time.Time) map[string]any {
		return s.Want(s.Do(apptest.Ada, "GET", "/api/lingualink/wallet/statement?currency=NGN&from="+from.Format(time.RFC3339)+"&to="+to.Format(time.RFC3339), nil), 200, "").Data()
	}
	middle, end := start.Add(36*time.Hour), s.Deps.Clock.Now().Add(time.Hour)
	early, late, whole := get(start.Add(-time.Hour), middle), get(middle, end), get(start.Add(-time.Hour), end)
	if early["opening_minor"] != 0.0 || early["closing_minor"] != late["opening_minor"] || late["closing_minor"] != whole["closing_minor"] || whole["closing_minor"] != 45000.0 {
		t.Errorf("statements do not chain: %v..%v, %v..%v, whole %v", early["opening_minor"], early["closing_minor"], late["opening_minor"], late["closing_minor"], whole["closing_minor"])
	}
	var sum float64
	for _, line := range whole["lines"].([]any) {
		sum += line.(map[string]any)["amount_minor"].(float64)
	}
	if sum != 45000 {
		t.Errorf("the lines sum to %v, want 45000", sum)
	}

	sheet := s.Want(s.Do(apptest.Ada, "GET", "/api/lingualink/wallet/statement?currency=NGN&format=csv", nil), 200, "")
	rows, err := csv.NewReader(strings.NewReader(string(sheet.Raw))).ReadAll()
	if err != nil || len(rows) != 1+1+6+1 {
		t.Errorf("the sheet has %d rows (%v), want a header, opening, 6 lines and closing", len(rows), err)
	}
	s.Want(s.Do(apptest.Ada, "GET", "/api/lingualink/wallet/statement?currency=EUR", nil), 400, "currency_unknown")
	s.Want(s.Do(apptest.Ada, "GET", "/api/lingualink/wallet/statement?currency=NGN&from=yesterday", nil), 400, "statement_period_invalid")
	s.Want(s.Do(apptest.Ada, "GET", "/api/lingualink/wallet/statement?currency=NGN&from=2026-03-01&to=2026-02-01", nil), 400, "statement_period_invalid")
	s.Want(s.Do(apptest.Guest, "GET", "/api/lingualink/wallet", nil), 401, "sign_in_required")
	if other := s.Balance(apptest.Emeka); other["pending"] != 0 || other["available"] != 0 {
		t.Errorf("emeka sees money that is not his: %v", other)
	}
}

func TestLedgerRowsAreSeenByTheirOwnerOnly(t *testing.T) {
	s := hookstest.Start(t)
	s.OpenVoting()
	s.Fund(1_000_000)
	s.Consent(apptest.Ada)
	s.Decide(s.Clip(apptest.Ada), "approve")
	for who, want := range map[string]map[string]int{
		apptest.Ada:   {"ledger_accounts": 1, "ledger_entries": 1, "rewards": 1},
		apptest.Bola:  {"ledger_accounts": 1, "ledger_entries": 1, "rewards": 1},
		apptest.Emeka: {"ledger_accounts": 0, "ledger_entries": 0, "rewards": 0},
		apptest.Musa:  {"ledger_accounts": 0, "ledger_entries": 0, "rewards": 0},
		apptest.Guest: {"ledger_accounts": 0, "ledger_entries": 0, "rewards": 0},
	} {
		for table, rows := range want {
			answer := s.Want(s.Do(who, "GET", "/api/collections/"+table+"/records", nil), 200, "")
			if got := len(answer.Items("items")); got != rows {
				t.Errorf("%q sees %d rows of %s, want %d", who, got, table, rows)
			}
		}
		s.Want(s.Do(who, "GET", "/api/collections/ledger_txs/records", nil), 403, "")
		s.Want(s.Do(who, "GET", "/api/collections/v_ledger/records", nil), 403, "")
	}
	if rows := s.Want(s.Do(apptest.Admin, "GET", "/api/collections/v_ledger/records", nil), 200, "").Items("items"); len(rows) != 2+4*2 {
		t.Errorf("the admin's view has %d rows, want 10", len(rows))
	}
}
