package main

import (
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/spf13/cobra"

	"github.com/lingualink/lingualink/hooks/consensus"
)

func newConsensusCommand(p *program) *cobra.Command {
	var asJSON bool
	verify := &cobra.Command{
		Use:   "verify",
		Short: "Recompute every verdict",
		Long: `Read all verdicts as they are at one moment, also while a server runs, and
recompute each from its own explanation: the votes, how they were weighed, and
the thresholds of the policy. The exit code is 1 when one does not follow.

With --json:
  {"ok": true, "verdicts": 12, "findings": [{"verdict": "...", "what": "..."}]}`,
		Example: "  lingualink consensus verify --dir /data\n  lingualink consensus verify --json",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			var report consensus.Report
			err := look(command.Context(), p.app.DataDir(), func(db dbx.Builder) (err error) {
				report, err = consensus.Verify(db)
				return err
			})
			if err != nil {
				return fmt.Errorf("the verdicts cannot be verified: %w", err)
			}
			out := command.OutOrStdout()
			if asJSON {
				err = writeJSON(out, struct {
					OK bool `json:"ok"`
					consensus.Report
				}{len(report.Findings) == 0, report})
			} else {
				for _, finding := range report.Findings {
					fmt.Fprintf(out, "BROKEN %s: %s\n", finding.Verdict, finding.What)
				}
				_, err = fmt.Fprintf(out, "%d verdicts, %d do not follow from their votes\n", report.Verdicts, len(report.Findings))
			}
			if err != nil {
				return err
			}
			if n := len(report.Findings); n > 0 {
				return fmt.Errorf("%d verdicts do not follow from their votes, first %s", n, report.Findings[0].Verdict)
			}
			return nil
		},
	}
	verify.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return group("consensus", "Look at verdicts, compare rules", verify, newReplayCommand(), newSimulateCommand())
}
