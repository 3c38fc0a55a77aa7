package consensus_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/lingualink/lingualink/internal/consensus"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestGoldenExplanation(t *testing.T) {
	golden := filepath.Join("testdata", "rejected.json")
	votes := ballots("-+----")
	votes[0].Reason, votes[2].Reason = consensus.UnclearAudio, consensus.CutOff
	votes[3].Reason, votes[4].Reason = consensus.CutOff, consensus.Other
	votes[5].Reason = consensus.Other
	votes[3].Sensitivity, votes[3].Specificity = 0.4, 0.5 // no better than chance
	e := consensus.Decide(consensus.DefaultPolicy(), 12, votes)

	data, err := consensus.ExplanationJSON(e)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := json.Indent(&got, data, "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("got\n%s\nwant\n%s", got.Bytes(), want)
	}
	stored, err := consensus.ParseExplanation(want)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := consensus.Replay(stored); err != nil || !reflect.DeepEqual(again, e) {
		t.Errorf("the stored text replays to %+v, %v", again, err)
	}
}

func TestReplayFindsEveryAlteration(t *testing.T) {
	for name, alter := range map[string]func(*consensus.Explanation){
		"outcome":           func(e *consensus.Explanation) { e.Outcome = consensus.Rejected },
		"basis":             func(e *consensus.Explanation) { e.Reason = consensus.ByRejection },
		"reject reason":     func(e *consensus.Explanation) { e.RejectReason = consensus.Other },
		"posterior":         func(e *consensus.Explanation) { e.Posterior += 1e-9 },
		"prior":             func(e *consensus.Explanation) { e.Prior = 0.81 },
		"threshold":         func(e *consensus.Explanation) { e.AcceptLogOdds = 4 },
		"a weight":          func(e *consensus.Explanation) { e.Votes[1].Weight = 1.3 },
		"a running sum":     func(e *consensus.Explanation) { e.Votes[1].LogOdds = 0 },
		"a choice":          func(e *consensus.Explanation) { e.Votes[1].Choice = consensus.Reject },
		"a reliability":     func(e *consensus.Explanation) { e.Votes[1].Sensitivity = 0.91 },
		"an excess of it":   func(e *consensus.Explanation) { e.Votes[1].Specificity = 1 },
		"a vote left out":   func(e *consensus.Explanation) { e.Votes = e.Votes[:2] },
		"a vote twice":      func(e *consensus.Explanation) { e.Votes[1] = e.Votes[0] },
		"votes out of line": func(e *consensus.Explanation) { e.Votes[0], e.Votes[1] = e.Votes[1], e.Votes[0] },
		"another engine":    func(e *consensus.Explanation) { e.Engine = "fixed-0" },
		"senseless policy":  func(e *consensus.Explanation) { e.Prior = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			e := consensus.Decide(consensus.DefaultPolicy(), 1, ballots("+++"))
			if _, err := consensus.Replay(e); err != nil {
				t.Fatalf("untouched: %v", err)
			}
			alter(&e)
			if _, err := consensus.Replay(e); !errors.Is(err, consensus.ErrReplay) {
				t.Errorf("%v, want ErrReplay", err)
			}
		})
	}
}

func TestReplayNeedsNoReachablePolicy(t *testing.T) {
	// Reliabilities learned per person may stand where the policy's own would not.
	p := consensus.DefaultPolicy()
	p.AcceptAt = 0.999999
	e := consensus.Decide(p, 1, ballots("+++"))
	if again, err := consensus.Replay(e); err != nil || again.Outcome != consensus.Undecided {
		t.Errorf("%q, %v", again.Outcome, err)
	}
}

func TestParseExplanationRefuses(t *testing.T) {
	for _, text := range []string{``, `[]`, `"fixed-1"`, `{"engine":1}`, `{"engine":"fixed-1","colour":"red"}`, `{}{}`, `{`} {
		if e, err := consensus.ParseExplanation([]byte(text)); err == nil {
			t.Errorf("%q was read as %+v", text, e)
		}
	}
}

func FuzzDecideReplay(f *testing.F) {
	f.Add(0.8, 0.99, 0.97, 2, 7, 2, []byte{0, 230, 192, 1, 230, 192})
	f.Add(0.5, 0.51, 0.51, 1, 1, 1, []byte{1, 255, 255})
	f.Add(5e-324, 0.9999999999999999, 0.9999999999999999, 1, 15, 1, []byte(strings.Repeat("\x00\xff\xff", 15)))
	f.Fuzz(func(t *testing.T, prior, accept, reject float64, minVotes, maxVotes, minRejects int, raw []byte) {
		p := consensus.DefaultPolicy()
		p.Prior, p.AcceptAt, p.RejectAt = prior, accept, reject
		p.MinVotes, p.MaxVotes, p.MinRejects = minVotes, maxVotes, minRejects
		if p.Validate() != nil {
			p = consensus.DefaultPolicy()
		}
		var votes []consensus.Vote
		for ; len(raw) >= 3 && len(votes) < 40; raw = raw[3:] {
			votes = append(votes, consensus.Vote{
				ID: fmt.Sprintf("%c%02d", raw[0], len(votes)), Validator: "v",
				Choice:      []consensus.Choice{consensus.Approve, consensus.Reject, "skip"}[raw[0]%3],
				Reason:      consensus.Reasons()[raw[1]%7],
				Sensitivity: float64(raw[1]) / 254, Specificity: float64(raw[2]) / 254,
			})
		}
		e := consensus.Decide(p, 1, votes)
		data, err := consensus.ExplanationJSON(e)
		if err != nil {
			t.Fatal(err)
		}
		stored, err := consensus.ParseExplanation(data)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := consensus.Replay(stored); err != nil || !reflect.DeepEqual(again, e) {
			t.Fatalf("%v\n%+v\n%+v", err, e, again)
		}
		if (e.Outcome == consensus.Undecided) && len(votes) >= p.MaxVotes {
			t.Fatalf("undecided after %d votes of at most %d", len(votes), p.MaxVotes)
		}
		if !(e.Posterior > 0 && e.Posterior < 1) {
			t.Fatalf("posterior %v", e.Posterior)
		}
	})
}
