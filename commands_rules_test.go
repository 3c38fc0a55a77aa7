package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/lingualink/lingualink/internal/consensus"
)

// said runs a command in this process and returns what it printed.
func said(t *testing.T, command *cobra.Command, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	command.SetOut(&out)
	command.SetArgs(args)
	if err := command.Execute(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// keys are the names in a JSON object, in any order, with their values' names
// below them.
func keys(t *testing.T, text string) map[string]any {
	t.Helper()
	document := map[string]any{}
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return document
}

func TestReplayPrintsWhatItPromises(t *testing.T) {
	const data = "internal/consensus/replay/testdata/"
	files := []string{"--votes", data + "votes.csv", "--truth", data + "truth.csv", "--seeds", "2"}
	document := keys(t, said(t, newReplayCommand(), append(files, "--json", "--threshold", "0.9", "--gold", "0.1")...))
	if document["threshold"] != 0.9 || document["seeds"] != 2.0 || document["items"].(float64) < 10 || document["votes"].(float64) < 50 {
		t.Errorf("the document is %v", document)
	}
	for _, rule := range []string{"online", "batch", "majority", "first_to_two", "first_to_three"} {
		score, ok := document["rules"].(map[string]any)[rule].(map[string]any)
		if accuracy, _ := score["accuracy"].(float64); !ok || accuracy <= 0.5 || accuracy > 1 {
			t.Errorf("%s scores %v", rule, score)
		}
	}
	if table := said(t, newReplayCommand(), files...); !strings.Contains(table, "first to three") || strings.Count(table, "\n") != 7 {
		t.Errorf("it prints\n%s", table)
	}
}

func TestSimulatePrintsWhatItPromises(t *testing.T) {
	policy := filepath.Join(t.TempDir(), "policy.json")
	if err := os.WriteFile(policy, []byte(`{"max_votes": 5}`), 0o600); err != nil {
		t.Fatal(err)
	}
	document := keys(t, said(t, newSimulateCommand(), "--scenario", "approvers30", "--seeds", "1", "--policy", policy, "--json"))
	ours := document["rules"].(map[string]any)["lingualink"].(map[string]any)
	simple := document["rules"].(map[string]any)["first_to_two"].(map[string]any)
	if document["scenario"] != "approvers30" || ours["bad_accepted"].(float64) >= simple["bad_accepted"].(float64) {
		t.Errorf("the document is %v", document)
	}
	for _, name := range []string{"good_rejected", "votes_per_clip", "escalated"} {
		if _, ok := ours[name].(float64); !ok {
			t.Errorf("%s is missing in %v", name, ours)
		}
	}
	if pay := ours["pay"].(map[string]any); pay["attackers"] != 0.0 || pay["honest"].(float64) < 0.5 {
		t.Errorf("pay is %v", pay)
	}
	whole, err := json.Marshal(consensus.DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	defaults := said(t, newSimulateCommand(), "--scenario", "ring", "--seeds", "1", "--json")
	for name, values := range map[string]string{
		"every value of a policy": string(whole), "values without effect here": `{"lease_s": 30, "fit_share": 0.5}`,
	} {
		if got := simulateUnder(t, policy, values); got != defaults {
			t.Errorf("%s: %s, by default %s", name, got, defaults)
		}
	}
	for _, values := range []string{`{"min_votes": 3}`, `{"lease_s": 30, "min_votes": 3}`} {
		if got := simulateUnder(t, policy, values); got == defaults {
			t.Errorf("%s changes nothing", values)
		}
	}
	if table := said(t, newSimulateCommand(), "--scenario", "clean", "--seeds", "1"); strings.Count(table, "\n") != 5 {
		t.Errorf("it prints\n%s", table)
	}
	if got := simulateUnder(t, policy, " {} "); got != defaults {
		t.Errorf("no values: %s, by default %s", got, defaults)
	}
	for values, says := range map[string]string{
		"": "no policy in the file", " \n": "no policy in the file", "null": "no policy in the file", `{"accept_at": null}`: "accept_at is null",
		`{"max_voters": 5}`: "max_voters", `{"lease_s": 0}`: "lease_s", `{"accept_at": 2}`: "accept_at",
	} {
		if err := os.WriteFile(policy, []byte(values), 0o600); err != nil {
			t.Fatal(err)
		}
		command := newSimulateCommand()
		command.SetArgs([]string{"--policy", policy})
		command.SilenceErrors, command.SilenceUsage = true, true
		if err := command.Execute(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("a policy with %s: %v", values, err)
		}
	}
}

// simulateUnder is what the ring reaches under the values, written to the file.
func simulateUnder(t *testing.T, file, values string) string {
	t.Helper()
	if err := os.WriteFile(file, []byte(values), 0o600); err != nil {
		t.Fatal(err)
	}
	return said(t, newSimulateCommand(), "--scenario", "ring", "--seeds", "1", "--json", "--policy", file)
}
