package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/pocketbase/dbx"
	"github.com/spf13/cobra"

	"github.com/lingualink/lingualink/hooks/payouts"
	"github.com/lingualink/lingualink/internal/datadir"
	"github.com/lingualink/lingualink/internal/money"
)

func newPayoutsCommand(p *program) *cobra.Command {
	return group("payouts", "Prove and reconcile what was paid out", newPayoutsVerify(p), newPayoutsReconcile(p))
}

func newPayoutsVerify(p *program) *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "verify",
		Short: "Prove that payouts, holds and postings fit together",
		Long: `Read everything as it is at one moment, also while a server runs, and prove what
"ledger verify" and "audit verify" prove, and besides that what is held for a
person is what their open payouts ask for, and that every settled payout was
settled once. Nothing outside is asked. The exit code is 1 when something does not
hold; the first row per promise is named.

With --json:
  {"ok": true, "transactions": 2, "payouts": 1,
   "findings": [{"promise": "P1", "table": "ledger_accounts", "row": "...", "what": "..."}]}`,
		Example: "  lingualink payouts verify --dir /data\n  lingualink payouts verify --json",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			var books payouts.Books
			err := lookMigrated(command.Context(), p.app.DataDir(), func(db dbx.Builder) (err error) {
				books, err = payouts.Verify(db)
				return err
			})
			if err != nil {
				return fmt.Errorf("the payouts cannot be verified: %w", err)
			}
			if err := writeBooks(command.OutOrStdout(), books, asJSON); err != nil {
				return err
			}
			if n := len(books.Findings); n > 0 {
				first := books.Findings[0]
				return fmt.Errorf("%d promises do not hold, first %s in %s %s: switch payouts off and see docs/operate.md#payouts",
					n, first.Promise, first.Table, first.Row)
			}
			return nil
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return command
}

func writeBooks(w io.Writer, books payouts.Books, asJSON bool) error {
	if asJSON {
		type object = map[string]any
		findings := []object{}
		for _, f := range books.Findings {
			findings = append(findings, object{"promise": f.Promise, "table": f.Table, "row": f.Row, "what": f.What})
		}
		return writeJSON(w, object{"ok": len(findings) == 0, "transactions": books.Transactions, "payouts": books.Payouts, "findings": findings})
	}
	fmt.Fprintf(w, "%d payouts, %d transactions\n", books.Payouts, books.Transactions)
	for _, finding := range books.Findings {
		fmt.Fprintf(w, "BROKEN %s: %s %s: %s\n", finding.Promise, finding.Table, finding.Row, finding.What)
	}
	if len(books.Findings) > 0 {
		return nil
	}
	_, err := fmt.Fprintln(w, "every promise holds")
	return err
}

// newPayoutsReconcile compares with Paystack while no server runs; a running one
// has a route for it.
func newPayoutsReconcile(p *program) *cobra.Command {
	var asJSON bool
	var lock *datadir.Lock
	command := opening(beside, &cobra.Command{
		Use:   "reconcile",
		Short: "Compare payouts with Paystack, and let a restored database send again",
		Long: `Ask Paystack for its transfers of the last eight days, its balances and their
lines, and compare them with the database. After a restore from a backup, or on a
copy, nothing is sent until this has found nothing left to explain.

It writes, so no server may run on the directory; for one that runs there is
POST /api/lingualink/payouts/reconcile. The exit code is 1 while something keeps
payouts from being sent.

With --json:
  {"sound": true, "detail": "", "transfers": 12, "orphans": 0, "different": 0,
   "currencies": {"NGN": {"balance_minor": 1000000, "transit_minor": 0,
    "difference_minor": 0, "unexplained": 0}}}`,
		Example: "  lingualink payouts reconcile --dir /data\n  lingualink payouts reconcile --json",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := p.app.RunAllMigrations(); err != nil {
				return err
			}
			done, err := payouts.Reconcile(command.Context(), p.app, "command")
			if err != nil {
				return fmt.Errorf("the payouts cannot be reconciled: %w", err)
			}
			if err := writeReconciled(command.OutOrStdout(), done, asJSON); err != nil {
				return err
			}
			if done.Detail != "" {
				return errors.New(done.Detail + " See docs/operate.md#payouts")
			}
			return nil
		},
	})
	command.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	p.beforeOpen[command] = func(dir string) (err error) {
		if _, err := os.Stat(filepath.Join(dir, datadir.Data)); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w", dir, errNoDatabase)
		}
		if lock == nil { // held until the process ends
			lock, err = datadir.Acquire(dir)
		}
		return err
	}
	return command
}

func writeReconciled(w io.Writer, done payouts.Reconciled, asJSON bool) error {
	if asJSON {
		return writeJSON(w, done)
	}
	fmt.Fprintf(w, "%d transfers, %d not known here, %d known otherwise\n", done.Transfers, done.Orphans, done.Different)
	for _, currency := range slices.Sorted(maps.Keys(done.Currencies)) {
		c := done.Currencies[currency]
		format := func(minor int64) string { return money.Format(minor, money.Currency(currency)) }
		fmt.Fprintf(w, "%s: balance %s, in transit %s, difference %s, %d lines to explain\n",
			currency, format(c.BalanceMinor), format(c.TransitMinor), format(c.DifferenceMinor), c.Unexplained)
	}
	if done.Sound {
		_, err := fmt.Fprintln(w, "the database may send")
		return err
	}
	_, err := fmt.Fprintln(w, "the database may not send")
	return err
}
