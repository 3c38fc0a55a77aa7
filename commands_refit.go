package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/internal/datadir"
)

// newRefitCommand re-estimates skills by hand. A server does it by itself when it
// is due.
func newRefitCommand(p *program) *cobra.Command {
	var code string
	var dryRun, asJSON bool
	var lock *datadir.Lock
	command := opening(beside, &cobra.Command{
		Use:   "refit",
		Short: "Re-estimate how reliable everybody is",
		Long: `Re-estimate the skills of all validators of a language by all votes at once, and
put the result into force unless the guards refuse it: where it is wrong about
more clips of known truth than what is in force, moves the share of good clips by
more than a tenth, or would turn more than one verdict in fifty round. Verdicts
stay; open clips are weighed anew when the server runs. A server does all this by
itself when it is due.

It writes, so no server may run on the directory. With --dry-run nothing is
written and one may.

With --json:
  {"ok": true, "dry_run": false, "fits": [{"id": "...", "language": "ha",
   "state": "accepted", "policy_version": 0, "clips": 4000, "votes": 12000,
   "validators": 60, "iterations": 12, "good_share": 0.91, "changed": 60,
   "audits": 0}]}
The state is accepted or refused, then with a "reason" and "ok" false. The exit
code is 0 also where one is refused: nothing has failed.`,
		Example: "  lingualink consensus refit --dry-run\n  lingualink consensus refit --language ha --dir /data --json",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if !dryRun {
				if err := p.app.RunAllMigrations(); err != nil {
					return err
				}
			}
			languages, err := consensus.FitLanguages(p.app, code)
			if err != nil {
				return err
			}
			ids := make([]string, len(languages))
			for i, language := range languages {
				ids[i] = language.ID
			}
			fits, err := consensus.Refit(command.Context(), p.app, p.deps, ids, dryRun)
			if err != nil {
				return err
			}
			for i, language := range languages {
				fits[i].Language = language.Code
			}
			return writeFits(command.OutOrStdout(), fits, dryRun, asJSON)
		},
	})
	command.Flags().StringVar(&code, "language", "", "code of the language; all that have votes, if left out")
	command.Flags().BoolVar(&dryRun, "dry-run", false, "show what would come out and write nothing")
	command.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	p.beforeOpen[command] = func(dir string) (err error) {
		if _, err := os.Stat(filepath.Join(dir, datadir.Data)); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w", dir, errNoDatabase)
		}
		if !dryRun && lock == nil { // held until the process ends
			lock, err = datadir.Acquire(dir)
		}
		return err
	}
	return command
}

func writeFits(w io.Writer, fits []consensus.Fit, dryRun, asJSON bool) error {
	accepted := 0
	for _, fit := range fits {
		if fit.State == consensus.FitAccepted {
			accepted++
		}
	}
	if asJSON {
		return writeJSON(w, map[string]any{"ok": accepted == len(fits), "dry_run": dryRun, "fits": fits})
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "language\tstate\tclips\tvotes\tvalidators\tchanged\trounds\tgood\taudits\treason")
	for _, fit := range fits {
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%.3f\t%d\t%s\n", fit.Language, fit.State, fit.Clips, fit.Votes, fit.Validators,
			fit.Changed, fit.Iterations, fit.GoodShare, fit.Audits, fit.Reason)
	}
	return table.Flush()
}
