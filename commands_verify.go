package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/spf13/cobra"

	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/shell"
	book "github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
)

func newLedgerCommand(p *program) *cobra.Command {
	var asJSON bool
	verify := &cobra.Command{
		Use:   "verify",
		Short: "Prove the ledger's promises on the stored rows",
		Long: `Read the whole ledger as it is at one moment, also while a server runs, and
prove what it promises: every transaction balances, no row was changed, removed
or reordered, every balance is the sum of its entries, every reward was posted as
its row says. The exit code is 1 when a promise is broken; the first row that
breaks it is named. Keep the head somewhere else: rows removed from the end with
everything made to fit show only there.

With --json:
  {"ok": true, "transactions": 2, "entries": 4, "accounts": 3,
   "head": {"seq": 2, "hash": "...", "recorded_at": "2026-01-02T03:04:05.678Z"},
   "trial_balance": [{"currency": "NGN", "type": "liability", "balance_minor": 1500}],
   "findings": [{"promise": "L8", "table": "ledger_txs", "row": "...", "what": "..."}]}
Balances are in minor units, credits positive; per currency they sum to zero.`,
		Example: "  lingualink ledger verify --dir /data\n  lingualink ledger verify --json | jq .head",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			var report book.Report
			err := lookMigrated(command.Context(), p.app.DataDir(), func(db dbx.Builder) (err error) {
				report, err = ledger.Verify(db)
				return err
			})
			if err != nil {
				return fmt.Errorf("the ledger cannot be verified: %w", err)
			}
			write := writeLedger
			if asJSON {
				write = writeLedgerJSON
			}
			if err := write(command.OutOrStdout(), report); err != nil {
				return err
			}
			if n := len(report.Findings); n > 0 {
				first := report.Findings[0]
				return fmt.Errorf("the ledger breaks %d of its promises, first %s in %s %s: stop paying out and see docs/operate.md#ledger",
					n, first.Promise, first.Table, first.Row)
			}
			return nil
		},
	}
	verify.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return group("ledger", "Look at the ledger", verify)
}

func writeLedger(w io.Writer, report book.Report) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "%d transactions, %d entries, %d accounts\n", report.Transactions, report.Entries, report.Accounts)
	if report.Transactions > 0 {
		fmt.Fprintf(w, "head: %d %s, recorded %s\n", report.Head.Seq, report.Head.Hash, report.Head.RecordedAt.UTC().Format(time.RFC3339))
	}
	totals := map[money.Currency]int64{}
	for i, line := range report.TrialBalance {
		fmt.Fprintf(table, "%s\t%s\t\n", line.Type, money.Format(line.BalanceMinor, line.Currency))
		totals[line.Currency] += line.BalanceMinor
		if i+1 == len(report.TrialBalance) || report.TrialBalance[i+1].Currency != line.Currency {
			fmt.Fprintf(table, "sum\t%s\t\n", money.Format(totals[line.Currency], line.Currency))
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, finding := range report.Findings {
		fmt.Fprintf(w, "BROKEN %s: %s %s: %s\n", finding.Promise, finding.Table, finding.Row, finding.What)
	}
	if len(report.Findings) == 0 {
		fmt.Fprintln(w, "every promise holds")
	}
	return nil
}

func writeLedgerJSON(w io.Writer, report book.Report) error {
	type object = map[string]any
	trial, findings := []object{}, []object{}
	for _, line := range report.TrialBalance {
		trial = append(trial, object{"currency": line.Currency, "type": line.Type, "balance_minor": line.BalanceMinor})
	}
	for _, finding := range report.Findings {
		findings = append(findings, object{"promise": finding.Promise, "table": finding.Table, "row": finding.Row, "what": finding.What})
	}
	return writeJSON(w, object{
		"ok": len(findings) == 0, "transactions": report.Transactions, "entries": report.Entries, "accounts": report.Accounts,
		"head":          object{"seq": report.Head.Seq, "hash": report.Head.Hash, "recorded_at": report.Head.RecordedAt.UTC()},
		"trial_balance": trial, "findings": findings,
	})
}

func newAuditCommand(p *program) *cobra.Command {
	var asJSON bool
	verify := &cobra.Command{
		Use:   "verify",
		Short: "Prove that the audit log is whole",
		Long: `Read the audit log as it is at one moment, also while a server runs, and prove
that no row was changed, removed, inserted or reordered. The exit code is 1 when
one was; the first such row is named. Keep the head somewhere else: rows removed
from the end show only there.

With --json:
  {"ok": true, "rows": 12, "head": "..."}
and when the log is broken also "first_bad_seq" and "problem".`,
		Example: "  lingualink audit verify --dir /data\n  lingualink audit verify --json",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			var report shell.AuditReport
			err := lookMigrated(command.Context(), p.app.DataDir(), func(db dbx.Builder) (err error) {
				report, err = shell.VerifyAudit(db)
				return err
			})
			if err != nil {
				return fmt.Errorf("the audit log cannot be verified: %w", err)
			}
			if err := writeAudit(command.OutOrStdout(), report, asJSON); err != nil {
				return err
			}
			if report.Problem != "" {
				return fmt.Errorf("the audit log is broken at row %d: %s; see docs/operate.md#audit-log", report.FirstBad, report.Problem)
			}
			return nil
		},
	}
	verify.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return group("audit", "Look at the audit log", verify, newAuditExport(p))
}

func newAuditExport(p *program) *cobra.Command {
	var subject, actor, from, to, format string
	command := &cobra.Command{
		Use:   "export",
		Short: "Write the audit log, or part of it, to standard output",
		Long: `Write rows of the audit log, oldest first, also while a server runs: as CSV, or
with --format json as one object a line. Every row has its hash and the one before
it, so that a whole export can be proved without the database.`,
		Example: "  lingualink audit export --subject cases --from 2026-01-01 > cases.csv\n  lingualink audit export --actor user:abcdefghijklmno --format json",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if format != shell.FormatCSV && format != shell.FormatJSON {
				return fmt.Errorf("the format is csv or json, not %q", format)
			}
			filter, err := shell.ParseAuditFilter(subject, actor, from, to)
			if err != nil {
				return err
			}
			return lookMigrated(command.Context(), p.app.DataDir(), func(db dbx.Builder) error {
				return shell.ExportAudit(db, filter, format, command.OutOrStdout())
			})
		},
	}
	command.Flags().StringVar(&subject, "subject", "", "a collection, or a collection, / and an id")
	command.Flags().StringVar(&actor, "actor", "", "for example user:<id> or superuser:<id>")
	command.Flags().StringVar(&from, "from", "", "RFC 3339 time or date")
	command.Flags().StringVar(&to, "to", "", "RFC 3339 time or date, not included")
	command.Flags().StringVar(&format, "format", shell.FormatCSV, "csv or json")
	return command
}

func writeAudit(w io.Writer, report shell.AuditReport, asJSON bool) error {
	if asJSON {
		return writeJSON(w, struct {
			OK bool `json:"ok"`
			shell.AuditReport
		}{report.Problem == "", report})
	}
	if report.Problem != "" {
		_, err := fmt.Fprintf(w, "BROKEN at row %d: %s\n", report.FirstBad, report.Problem)
		return err
	}
	_, err := fmt.Fprintf(w, "%d rows are whole\nhead: %s\n", report.Rows, report.Head)
	return err
}
