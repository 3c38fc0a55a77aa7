package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/internal/datadir"
)

// plantVotes puts clips with two votes each into the language: five that their
// speakers took back, and one that waits for more.
func plantVotes(t *testing.T, app core.App, code string) {
	t.Helper()
	for i := range 6 {
		clip, status := fmt.Sprint("clip", i+1), "withdrawn"
		if i == 5 {
			status = "pending"
		}
		plantRows(t, app,
			fmt.Sprintf("INSERT INTO clips (id, language, status, media_sha256) SELECT '%s', id, '%s', '%s' FROM languages WHERE code = '%s'", clip, status, clip, code),
			fmt.Sprintf("INSERT INTO clip_tallies (id, clip, language, seq, open, votes, approvals) SELECT id, id, language, %d, status = 'pending', 2, 2 FROM clips WHERE id = '%s'", i+1, clip),
			fmt.Sprintf("INSERT INTO votes (id, clip, validator, verdict) VALUES ('a%[1]s', '%[1]s', 'a', 'approve'), ('b%[1]s', '%[1]s', 'b', 'approve')", clip))
	}
}

func TestRefit(t *testing.T) {
	app := migratedApp(t)
	plantVotes(t, app, "ha")
	count := func(table string) (n int) {
		t.Helper()
		if err := app.DB().NewQuery("SELECT COUNT(*) FROM " + table).Row(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	server, err := datadir.Acquire(app.DataDir())
	if err != nil {
		t.Fatal(err)
	}
	code, out, said := outcome(t, nil, "consensus", "refit", "--dry-run", "--dir", app.DataDir())
	if code != 0 || !strings.Contains(out, "ha        accepted  5      10     2") || count("fits") != 0 {
		t.Errorf("a dry run beside a server: exit code %d, %s%s", code, out, said)
	}
	code, _, said = outcome(t, nil, "consensus", "refit", "--dir", app.DataDir())
	if code != 1 || !strings.Contains(said, "another server is running") || count("fits") != 0 {
		t.Errorf("beside a server: exit code %d, %s", code, said)
	}
	if err := server.Release(); err != nil {
		t.Fatal(err)
	}
	code, out, said = outcome(t, nil, "consensus", "refit", "--language", "ha", "--json", "--dir", app.DataDir())
	var report struct {
		OK     bool            `json:"ok"`
		DryRun bool            `json:"dry_run"`
		Fits   []consensus.Fit `json:"fits"`
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != 0 || !report.OK || report.DryRun || len(report.Fits) != 1 {
		t.Fatalf("exit code %d: %v: %s%s", code, err, out, said)
	}
	if fit := report.Fits[0]; fit.Language != "ha" || fit.State != consensus.FitAccepted || fit.Votes != 10 || fit.Changed != 2 || fit.ID == "" {
		t.Errorf("%+v", fit)
	}
	if count("fits") != 1 || count("skills") != 2 || count("jobs") != 1 {
		t.Errorf("it left %d fits, %d skills and %d jobs", count("fits"), count("skills"), count("jobs"))
	}
	code, out, said = outcome(t, nil, "consensus", "verify", "--dir", app.DataDir())
	if code != 0 || out != "0 verdicts, 2 lessons, 2 skills, 1 open clips; 0 rows do not follow from the votes\n" {
		t.Errorf("verify: exit code %d, %s%s", code, out, said)
	}
	plantRows(t, app, "UPDATE skills SET learned_tp = 0 WHERE validator = 'a'", "UPDATE clip_tallies SET votes = 3 WHERE clip = 'clip6'")
	code, out, said = outcome(t, nil, "consensus", "verify", "--dir", app.DataDir())
	if code != 1 || !strings.Contains(out, "BROKEN skills ") || !strings.Contains(out, "BROKEN clip_tallies clip6: ") || !strings.Contains(said, "2 rows do not follow") {
		t.Errorf("verify: exit code %d, %s%s", code, out, said)
	}
	code, out, _ = outcome(t, nil, "consensus", "verify", "--json", "--dir", app.DataDir())
	var broken struct {
		OK     bool  `json:"ok"`
		Broken int64 `json:"broken"`
		consensus.Report
	}
	if err := json.Unmarshal([]byte(out), &broken); err != nil || code != 1 || broken.OK || broken.Broken != 2 || len(broken.Findings) != 2 || broken.OpenClips != 1 {
		t.Errorf("verify: exit code %d, %v, %s", code, err, out)
	}
}

func TestRefitOfNothing(t *testing.T) {
	app := migratedApp(t)
	for says, args := range map[string][]string{
		"there is no database":     {"--dir", t.TempDir()},
		"There is no language xx.": {"--dir", app.DataDir(), "--language", "xx"},
		"unknown flag":             {"--dir", app.DataDir(), "--wet"},
	} {
		if code, _, said := outcome(t, nil, append([]string{"consensus", "refit"}, args...)...); code != 1 || !strings.Contains(said, says) {
			t.Errorf("exit code %d, %s, want %q", code, said, says)
		}
	}
	if code, out, said := outcome(t, nil, "consensus", "refit", "--dir", app.DataDir()); code != 0 || strings.Count(out, "\n") != 1 {
		t.Errorf("without votes: exit code %d, %s%s", code, out, said)
	}
}
