package ledger_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

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
