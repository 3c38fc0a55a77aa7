package ledger_test

import (
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/internal/apptest"
)

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
