package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/replay"
	"github.com/lingualink/lingualink/internal/consensus/simulate"
)

const defaultSeeds = 20

// newReplayCommand compares rules of consensus on recorded votes.
func newReplayCommand() *cobra.Command {
	var votes, truth string
	var asJSON bool
	options := replay.Options{}
	command := &cobra.Command{
		Use:   "replay",
		Short: "Compare rules of consensus on recorded votes",
		Long: `Shuffle recorded votes, give them to the engine that learns how reliable each
person is and to simple rules, and compare how often each is right and how many
votes it takes. Nothing of a server is read or written.

--votes is a CSV file with the columns item,worker,label and --truth one with
item,truth; labels are 0 and 1, ids are any text. Of repeated votes the first is
kept; items without truth are replayed but not scored.

With --json:
  {"items": 108, "votes": 4212, "seeds": 20, "threshold": 0.95, "rules": {
    "online": {"accuracy": 0.73, "votes_per_item": 4.46, "undecided": 0.1},
    "batch": {"accuracy": 0.9}, "majority": {"accuracy": 0.76, "votes_per_item": 39},
    "first_to_two": {...}, "first_to_three": {...}}}`,
		Example: "  lingualink consensus replay --votes votes.csv --truth truth.csv\n" +
			"  lingualink consensus replay --votes votes.csv --truth truth.csv --gold 0.05 --threshold 0.98 --json",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) (err error) {
			if votes == "" || truth == "" {
				return errors.New("name the two files with --votes and --truth")
			}
			votesFile, err := os.Open(votes)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, votesFile.Close()) }()
			truthFile, err := os.Open(truth)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, truthFile.Close()) }()
			options.Votes, options.Truth = votesFile, truthFile
			result, err := replay.Run(options)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(command.OutOrStdout(), result)
			}
			return writeReplay(command.OutOrStdout(), result)
		},
	}
	command.Flags().StringVar(&votes, "votes", "", "CSV file of votes: item,worker,label")
	command.Flags().StringVar(&truth, "truth", "", "CSV file of truth: item,truth")
	command.Flags().Float64Var(&options.Gold, "gold", 0, "share of the items whose truth the engine is told, 0 to 1")
	command.Flags().IntVar(&options.Seeds, "seeds", defaultSeeds, "number of shuffles")
	command.Flags().Float64Var(&options.Threshold, "threshold", 0.95, "probability at which the engine decides")
	command.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return command
}

func writeReplay(w io.Writer, result replay.Result) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	rules := result.Rules
	fmt.Fprintf(w, "%d items, %d votes, %d shuffles, threshold %v\n", result.Items, result.Votes, result.Seeds, result.Threshold)
	fmt.Fprintln(table, "rule\taccuracy\tvotes per item\tundecided")
	for _, line := range []struct {
		name string
		replay.Stopping
	}{{"online", rules.Online}, {"first to two", rules.FirstToTwo}, {"first to three", rules.FirstToThree}} {
		fmt.Fprintf(table, "%s\t%.4f\t%.2f\t%.3f\n", line.name, line.Accuracy, line.VotesPerItem, line.Undecided)
	}
	fmt.Fprintf(table, "majority of all\t%.4f\t%.2f\n", rules.Majority.Accuracy, rules.Majority.VotesPerItem)
	fmt.Fprintf(table, "batch on all\t%.4f\n", rules.Batch.Accuracy)
	return table.Flush()
}

// newSimulateCommand shows what attackers reach under the rules.
func newSimulateCommand() *cobra.Command {
	var file string
	var asJSON bool
	options := simulate.Options{}
	command := &cobra.Command{
		Use:   "simulate",
		Short: "Let made-up crowds with attackers vote",
		Long: `Let a made-up crowd of sixty validate made-up clips, some of them attackers, under
the engine that learns how reliable each person is and under two simple rules.
Shows how many bad clips are accepted, how many good ones rejected, what it costs
in votes, and what honest people and attackers earn. Nothing of a server is read
or written.

Scenarios: ` + strings.Join(simulate.Scenarios(), ", ") + `.
--policy is a JSON file with the values of a consensus policy that differ from the
defaults, as in the table policies. Those that say how votes weigh, what they come
to, how much gold there is and who votes next have an effect here, the others none.

With --json:
  {"scenario": "ring", "rules": {"lingualink": {"bad_accepted": 0.05,
    "good_rejected": 0.002, "votes_per_clip": 2.6, "escalated": 0.01,
    "pay": {"honest": 0.9, "attackers": 0}}, "first_to_two": {...}, "first_to_three": {...}}}
and in each rule also ring_accepted, honest_excluded and attackers_caught.`,
		Example: "  lingualink consensus simulate --scenario ring\n" +
			"  lingualink consensus simulate --scenario approvers50 --policy policy.json --json",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			policy := consensus.DefaultPolicy()
			if file != "" {
				values, err := os.ReadFile(file)
				if err != nil {
					return err
				}
				// In the table an empty value means the defaults. A file that is empty is
				// one that was not written.
				if text := strings.TrimSpace(string(values)); text == "" || text == "null" {
					return fmt.Errorf("%s: there is no policy in the file; {} is the defaults", file)
				}
				if policy, err = consensus.ParsePolicy(values); err != nil {
					return fmt.Errorf("%s: %w", file, err)
				}
			}
			options.Policy = policy.Policy
			result, err := simulate.Run(options)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(command.OutOrStdout(), result)
			}
			return writeSimulation(command.OutOrStdout(), result)
		},
	}
	command.Flags().StringVar(&options.Scenario, "scenario", simulate.Scenarios()[0], "which crowd votes")
	command.Flags().StringVar(&file, "policy", "", "JSON file with values of the consensus policy")
	command.Flags().IntVar(&options.Seeds, "seeds", defaultSeeds, "number of crowds")
	command.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return command
}

func writeSimulation(w io.Writer, result simulate.Result) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "scenario %s\n", result.Scenario)
	fmt.Fprintln(table, "rule\tbad accepted\tring's bad accepted\tgood rejected\tvotes per clip\tescalated\thonest out\tpay honest\tpay attackers")
	for _, line := range []struct {
		name string
		simulate.Score
	}{{"lingualink", result.Rules.Lingualink}, {"first to two", result.Rules.FirstToTwo}, {"first to three", result.Rules.FirstToThree}} {
		fmt.Fprintf(table, "%s\t%.4f\t%.4f\t%.4f\t%.2f\t%.4f\t%.4f\t%.3f\t%.3f\n", line.name, line.BadAccepted, line.RingAccepted,
			line.GoodRejected, line.VotesPerClip, line.Escalated, line.HonestExcluded, line.Pay.Honest, line.Pay.Attackers)
	}
	return table.Flush()
}
