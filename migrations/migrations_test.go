package migrations_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/migrations/seed"
)

// database has no hooks: these tests are about the second fence.
var database apptest.Database

func TestMain(m *testing.M) { database.Main(m) }

func migrated(t *testing.T) core.App {
	t.Helper()
	return database.App(t)
}

func TestFromEmptyAndAgain(t *testing.T) {
	app := migrated(t)
	applied := []string{}
	if err := app.DB().NewQuery("SELECT file FROM _migrations").Column(&applied); err != nil {
		t.Fatal(err)
	}
	ours := core.AppMigrations.Items()
	if len(ours) == 0 {
		t.Fatal("no migration is registered")
	}
	for _, step := range ours {
		if !slices.Contains(applied, step.File) {
			t.Errorf("%s was not applied", step.File)
		}
	}
	before := count(t, app, "SELECT COUNT(*) FROM languages") + count(t, app, "SELECT COUNT(*) FROM prompts")
	if err := app.RunAllMigrations(); err != nil {
		t.Fatalf("the second start: %v", err)
	}
	if after := count(t, app, "SELECT COUNT(*) FROM languages") + count(t, app, "SELECT COUNT(*) FROM prompts"); after != before {
		t.Errorf("the second start made %d rows", after-before)
	}
}

func count(t *testing.T, app core.App, query string) int {
	t.Helper()
	var n int
	if err := app.DB().NewQuery(query).Row(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func TestSeeds(t *testing.T) {
	app := migrated(t)
	if want := len(seed.Languages()); count(t, app, "SELECT COUNT(*) FROM languages") != want || want < 100 {
		t.Errorf("there are %d languages, %d in the file", count(t, app, "SELECT COUNT(*) FROM languages"), want)
	}
	for query, want := range map[string]int{
		"SELECT COUNT(*) FROM prompts": len(seed.Prompts()),
		"SELECT COUNT(*) FROM prompts p LEFT JOIN languages l ON l.id = p.language WHERE l.id IS NULL":             0,
		"SELECT amount_minor FROM reward_rates WHERE action = 'validation' AND currency = 'NGN' AND language = ''": 1500,
		"SELECT amount_minor FROM reward_rates WHERE action = 'clip' AND currency = 'NGN' AND language = ''":       15000,
		"SELECT COUNT(*) FROM reward_rates":                                                                                         2,
		"SELECT COUNT(*) FROM reward_rates WHERE effective_from > '2026-01-01 00:00:00.000Z'":                                       0,
		"SELECT COUNT(*) FROM campaigns WHERE currency = 'NGN' AND status = 'open' AND language = ''":                               1,
		"SELECT COUNT(*) FROM campaigns":                                                                                            1,
		"SELECT COUNT(*) FROM consent_texts WHERE version = '1' AND locale = 'en' AND effective_from <= '2026-01-01 00:00:00.000Z'": 1,
		"SELECT COUNT(*) FROM ledger_txs":                                                                                           0,
		"SELECT COUNT(*) FROM users":                                                                                                0,
		"SELECT COUNT(*) FROM _superusers WHERE email != '__pbinstaller@example.com'":                                               0,
		"SELECT COUNT(*) FROM languages WHERE id = '" + yoruba + "' AND code = 'yo'":                                                1,
		"SELECT COUNT(*) FROM audit_log":                                                                                            0,
	} {
		if got := count(t, app, query); got != want {
			t.Errorf("%s\ngave %d, want %d", query, got, want)
		}
	}
}

// yoruba is pinned: the ids of seeded rows are the same on every server, for
// ever, or apps that remember one break.
const yoruba = "febc9387b4d628b"

// rows are one of each kind that is never changed.
const rows = `
INSERT INTO ledger_accounts (id, [key], type, user, campaign, currency, balance_minor, min_balance_minor, closed, created)
VALUES ('account00000001', 'external:funding:NGN', 'asset', '', '', 'NGN', 0, -9007199254740991, 0, ''),
       ('account00000002', 'user:u:available:NGN', 'liability', '', '', 'NGN', 0, 0, 0, ''),
       ('account00000003', 'user:u:pending:NGN', 'liability', '', '', 'NGN', 0, 0, 1, '');
INSERT INTO ledger_txs (id, seq, kind, idem_key, input_hash, effective_at, recorded_at, actor, source_type, source_id, reverses, memo, prev_hash, hash)
VALUES ('tx0000000000001', 1, 'fund', 'k1', 'i1', '', '', 'system', '', '', '', '', '', 'h1');
INSERT INTO ledger_entries (id, tx, account, seq, line, amount_minor, currency, balance_after_minor)
VALUES ('entry0000000001', 'tx0000000000001', 'account00000001', 1, 0, -700, 'NGN', -700),
       ('entry0000000002', 'tx0000000000001', 'account00000002', 1, 1, 700, 'NGN', 700);
INSERT INTO audit_log (id, seq, at, actor, action, subject_type, subject_id, reason, data, prev_hash, hash)
VALUES ('audit0000000001', 1, '', 'system', 'plant', 'x', '', '', '{}', '', 'h');
INSERT INTO votes (id, clip, validator, verdict, reason, feedback, rewarded, created)
VALUES ('vote00000000001', 'c', 'v', 'approve', '', '', 0, '');
INSERT INTO verdicts (id, clip, owner, revision, outcome, confidence, votes, reason, feedback, policy_version, explanation, created)
VALUES ('verdict00000001', 'c', 'o', 1, 'approved', 1, 3, '', '[]', 0, '{}', '');
INSERT INTO policies (id, subject, language, version, [values], effective_from, created)
VALUES ('policy000000001', 'audio', '', 1, '{}', '', '');`

// planted runs fn on the rows above and undoes everything.
func planted(t *testing.T, fn func(tx core.App)) {
	t.Helper()
	errUndo := errors.New("undo")
	err := migrated(t).RunInTransaction(func(tx core.App) error {
		if _, err := tx.DB().NewQuery(rows).Execute(); err != nil {
			t.Fatalf("the rows to try it on: %v", err)
		}
		fn(tx)
		return errUndo
	})
	if !errors.Is(err, errUndo) {
		t.Fatal(err)
	}
}

// refused fails unless err is the abort of a trigger of the table.
func refused(t *testing.T, table string, err error) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), table+": ") {
		t.Errorf("got %v, want the refusal of %s", err, table)
	}
}

// final are tables whose rows are never changed or removed, with a field to try.
var final = map[string]string{
	"ledger_txs":     "memo",
	"ledger_entries": "amount_minor",
	"audit_log":      "reason",
	"votes":          "feedback",
	"verdicts":       "confidence",
	"policies":       "subject",
	"reward_rates":   "amount_minor",
	"consent_texts":  "title",
}

func TestFinalRowsStay(t *testing.T) {
	for table, field := range final {
		t.Run(table, func(t *testing.T) {
			planted(t, func(tx core.App) {
				before := count(t, tx, "SELECT COUNT(*) FROM "+table)
				if before == 0 {
					t.Fatal("there is no row to try it on")
				}
				_, err := tx.DB().NewQuery("UPDATE " + table + " SET [[" + field + "]] = '9'").Execute()
				refused(t, table, err)
				_, err = tx.DB().NewQuery("UPDATE " + table + " SET id = id").Execute()
				refused(t, table, err)
				_, err = tx.DB().NewQuery("DELETE FROM " + table).Execute()
				refused(t, table, err)

				// The same through PocketBase, as an admin or a hook would.
				record := &core.Record{}
				if err := tx.RecordQuery(table).Limit(1).One(record); err != nil {
					t.Fatal(err)
				}
				record.Set(field, "9")
				refused(t, table, tx.SaveNoValidate(record))
				refused(t, table, tx.Delete(record))
				if after := count(t, tx, "SELECT COUNT(*) FROM "+table); after != before {
					t.Errorf("%d rows are left of %d", after, before)
				}
			})
		})
	}
}

func TestAccountsMoveByPostingOnly(t *testing.T) {
	for name, statement := range map[string]string{
		"removed":          "DELETE FROM ledger_accounts WHERE id = 'account00000002'",
		"removed unused":   "DELETE FROM ledger_accounts WHERE id = 'account00000003'",
		"renamed":          "UPDATE ledger_accounts SET [[key]] = 'user:other:available:NGN' WHERE id = 'account00000002'",
		"another id":       "UPDATE ledger_accounts SET id = 'account00000009' WHERE id = 'account00000002'",
		"another person":   "UPDATE ledger_accounts SET user = 'somebody' WHERE id = 'account00000002'",
		"another type":     "UPDATE ledger_accounts SET type = 'equity' WHERE id = 'account00000002'",
		"another currency": "UPDATE ledger_accounts SET currency = 'KES' WHERE id = 'account00000002'",
		"lower minimum":    "UPDATE ledger_accounts SET min_balance_minor = -5 WHERE id = 'account00000002'",
		"richer":           "UPDATE ledger_accounts SET balance_minor = 701 WHERE id = 'account00000002'",
		"poorer":           "UPDATE ledger_accounts SET balance_minor = 0 WHERE id = 'account00000002'",
		"text":             "UPDATE ledger_accounts SET balance_minor = '700 and more' WHERE id = 'account00000002'",
		"unused but rich":  "UPDATE ledger_accounts SET balance_minor = 1 WHERE id = 'account00000003'",
		"born rich": `INSERT INTO ledger_accounts (id, [[key]], type, user, campaign, currency, balance_minor, min_balance_minor, closed, created)
			VALUES ('account00000004', 'user:w:available:NGN', 'liability', '', '', 'NGN', 5, 0, 0, '')`,
	} {
		t.Run(name, func(t *testing.T) {
			planted(t, func(tx core.App) {
				_, err := tx.DB().NewQuery(statement).Execute()
				refused(t, "ledger_accounts", err)
				if got := count(t, tx, "SELECT balance_minor FROM ledger_accounts WHERE [[key]] = 'user:u:available:NGN'"); got != 700 {
					t.Errorf("the balance is %d, want 700", got)
				}
			})
		})
	}
	t.Run("by an admin", func(t *testing.T) {
		planted(t, func(tx core.App) {
			record, err := tx.FindRecordById("ledger_accounts", "account00000002")
			if err != nil {
				t.Fatal(err)
			}
			record.Set("balance_minor", 1_000_000)
			refused(t, "ledger_accounts", tx.SaveNoValidate(record))
			refused(t, "ledger_accounts", tx.Delete(record))
		})
	})
	t.Run("closing is allowed", func(t *testing.T) {
		planted(t, func(tx core.App) {
			if _, err := tx.DB().NewQuery("UPDATE ledger_accounts SET closed = 1 WHERE id = 'account00000002'").Execute(); err != nil {
				t.Error(err)
			}
		})
	})
}

func TestEntriesFollow(t *testing.T) {
	entry := func(tx core.App, account string, seq, amount, after int64, currency string) error {
		_, err := tx.DB().Insert("ledger_entries", dbx.Params{
			"id": "entry0000000009", "tx": fmt.Sprintf("tx000000000000%d", seq), "account": account, "seq": seq, "line": 9,
			"amount_minor": amount, "currency": currency, "balance_after_minor": after,
		}).Execute()
		return err
	}
	next := func(t *testing.T, tx core.App) {
		t.Helper()
		_, err := tx.DB().NewQuery(`
			INSERT INTO ledger_txs (id, seq, kind, idem_key, input_hash, effective_at, recorded_at, actor, source_type, source_id, reverses, memo, prev_hash, hash)
			VALUES ('tx0000000000002', 2, 'fund', 'k2', 'i2', '', '', 'system', '', '', '', '', 'h1', 'h2')`).Execute()
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Run("an older transaction is closed", func(t *testing.T) {
		planted(t, func(tx core.App) {
			next(t, tx)
			if err := entry(tx, "account00000002", 2, 100, 800, "NGN"); err != nil {
				t.Fatal(err)
			}
			refused(t, "ledger_entries", entry(tx, "account00000002", 1, 100, 900, "NGN"))
		})
	})
	for name, try := range map[string]func(tx core.App) error{
		"wrong balance after":    func(tx core.App) error { return entry(tx, "account00000002", 2, 100, 900, "NGN") },
		"another currency":       func(tx core.App) error { return entry(tx, "account00000002", 2, 100, 800, "KES") },
		"an unknown account":     func(tx core.App) error { return entry(tx, "account00000008", 2, 100, 100, "NGN") },
		"a closed account":       func(tx core.App) error { return entry(tx, "account00000003", 2, 100, 100, "NGN") },
		"an unknown transaction": func(tx core.App) error { return entry(tx, "account00000002", 3, 100, 800, "NGN") },
	} {
		t.Run(name, func(t *testing.T) {
			planted(t, func(tx core.App) {
				next(t, tx)
				refused(t, "ledger_entries", try(tx))
				if got := count(t, tx, "SELECT balance_minor FROM ledger_accounts WHERE id = 'account00000002'"); got != 700 {
					t.Errorf("the balance is %d, want 700", got)
				}
			})
		})
	}
	t.Run("what follows is carried", func(t *testing.T) {
		planted(t, func(tx core.App) {
			next(t, tx)
			if err := entry(tx, "account00000002", 2, -100, 600, "NGN"); err != nil {
				t.Fatal(err)
			}
			if got := count(t, tx, "SELECT balance_minor FROM ledger_accounts WHERE id = 'account00000002'"); got != 600 {
				t.Errorf("the balance is %d, want 600", got)
			}
		})
	})
}

// A rename of a system collection would leave its triggers behind unseen.
func TestRecordsOfRecordAreSystem(t *testing.T) {
	app := migrated(t)
	for _, name := range []string{"ledger_txs", "ledger_entries", "ledger_accounts", "audit_log"} {
		collection, err := app.FindCollectionByNameOrId(name)
		if err != nil {
			t.Fatal(err)
		}
		if !collection.System {
			t.Errorf("%s is not a system collection", name)
		}
	}
}
