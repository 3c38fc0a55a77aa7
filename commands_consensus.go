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
		Short: "Prove that verdicts and skills follow from the votes",
		Long: `Read all that is stored about votes as it is at one moment, also while a server
runs, and prove that it follows from them: every verdict from its own explanation
and the votes it counts, the newest one against the clip; every lesson in the
history of skills from the verdict, the answer on gold or the act that taught it;
every skill, rebuilt from that history, to the last bit; every running count of an
open clip. The exit code is 1 when something does not follow; the first hundred
such rows are named.

With --json:
  {"ok": true, "verdicts": 12, "lessons": 36, "skills": 5, "open_clips": 3,
   "broken": 0, "findings": [{"table": "verdicts", "row": "...", "what": "..."}]}
A row of skill_events is named by its seq, one of clip_tallies by its clip.`,
		Example: "  lingualink consensus verify --dir /data\n  lingualink consensus verify --json",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			var report consensus.Report
			err := lookMigrated(command.Context(), p.app.DataDir(), func(db dbx.Builder) (err error) {
				report, err = consensus.Verify(db)
				return err
			})
			if err != nil {
				return fmt.Errorf("the votes cannot be verified: %w", err)
			}
			out := command.OutOrStdout()
			if asJSON {
				err = writeJSON(out, struct {
					OK bool `json:"ok"`
					consensus.Report
				}{len(report.Findings) == 0, report})
			} else {
				for _, finding := range report.Findings {
					fmt.Fprintf(out, "BROKEN %s %s: %s\n", finding.Table, finding.Row, finding.What)
				}
				_, err = fmt.Fprintf(out, "%d verdicts, %d lessons, %d skills, %d open clips; %d rows do not follow from the votes\n",
					report.Verdicts, report.Lessons, report.Skills, report.OpenClips, report.Broken)
			}
			if err != nil {
				return err
			}
			if report.Broken > 0 {
				first := report.Findings[0]
				return fmt.Errorf("%d rows do not follow from the votes, first %s %s; see docs/operate.md#verdicts", report.Broken, first.Table, first.Row)
			}
			return nil
		},
	}
	verify.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return group("consensus", "Look at verdicts and skills, compare rules", verify, newRefitCommand(p), newReplayCommand(), newSimulateCommand())
}
