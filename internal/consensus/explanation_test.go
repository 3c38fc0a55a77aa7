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
	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestGoldenExplanation(t *testing.T) {
	golden := filepath.Join("testdata", "rejected.json")
	votes := ballots("-+----")
	votes[0].Reason, votes[2].Reason = consensus.UnclearAudio, consensus.CutOff
	votes[3].Reason, votes[4].Reason = consensus.CutOff, consensus.Other
	votes[5].Reason = consensus.Other
	votes[0].Skill.Learned = crowd.Counts{TP: 7_654_321_098, FN: 345_678_902, TN: 3 * crowd.Answer}
	votes[3].Skill = gold(5, 0, 0, 5)
	votes[4].Related = true
	in := language(4, 60)
	in.Good, in.Settled = 300*crowd.Answer, 420*crowd.Answer
	in.Calibration = consensus.Calibration{GoodApproved: 28, GoodRejected: 2, BadApproved: 3, BadRejected: 27}
	p := consensus.DefaultPolicy()
	e := consensus.Decide(&p, 12, in, votes)

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

// stored reads an explanation that an engine made once.
func stored(t *testing.T, file string) consensus.Explanation {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	e, err := consensus.ParseExplanation(data)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestReplayFindsEveryAlteration(t *testing.T) {
	alterations := map[string]func(*consensus.Explanation){
		"outcome":           func(e *consensus.Explanation) { e.Outcome = consensus.Approved },
		"no outcome":        func(e *consensus.Explanation) { e.Outcome = consensus.Undecided },
		"basis":             func(e *consensus.Explanation) { e.Reason = consensus.ByMaxVotes },
		"timeout":           func(e *consensus.Explanation) { e.Reason = consensus.ByTimeout },
		"reject reason":     func(e *consensus.Explanation) { e.RejectReason = consensus.Offensive },
		"log odds":          func(e *consensus.Explanation) { e.LogOdds -= 1e-9 },
		"posterior":         func(e *consensus.Explanation) { e.Posterior += 1e-9 },
		"prior":             func(e *consensus.Explanation) { e.Prior = 0.71 },
		"prior log odds":    func(e *consensus.Explanation) { e.PriorLogOdds = 1 },
		"threshold":         func(e *consensus.Explanation) { e.AcceptLogOdds = 4 },
		"another threshold": func(e *consensus.Explanation) { e.RejectAt = 0.96 },
		"a weight":          func(e *consensus.Explanation) { e.Votes[1].Weight = 1.3 },
		"a running sum":     func(e *consensus.Explanation) { e.Votes[1].LogOdds = 0 },
		"a choice":          func(e *consensus.Explanation) { e.Votes[1].Choice = consensus.Reject },
		"no choice":         func(e *consensus.Explanation) { e.Votes[1].Choice = "skip" },
		"a reliability":     func(e *consensus.Explanation) { e.Votes[1].Sensitivity = 0.91 },
		"an excess of it":   func(e *consensus.Explanation) { e.Votes[1].Specificity = 1 },
		"a lack of it":      func(e *consensus.Explanation) { e.Votes[3].Sensitivity = 0.01 },
		"a vote left out":   func(e *consensus.Explanation) { e.Votes = e.Votes[1:] },
		"a vote twice":      func(e *consensus.Explanation) { e.Votes[1] = e.Votes[0] },
		"an id twice":       func(e *consensus.Explanation) { e.Votes[1].ID = e.Votes[0].ID },
		"ids out of line":   func(e *consensus.Explanation) { e.Votes[1].ID = "a" },
		"votes out of line": func(e *consensus.Explanation) { e.Votes[0], e.Votes[1] = e.Votes[1], e.Votes[0] },
		"another engine":    func(e *consensus.Explanation) { e.Engine = "fixed-0" },
		"senseless policy":  func(e *consensus.Explanation) { e.Prior = 1 },
		"an expert unasked": func(e *consensus.Explanation) { e.Reason, e.Outcome = consensus.ByExpert, consensus.Escalated },
		"minima":            func(e *consensus.Explanation) { e.MinRejects = 5 },
	}
	ours := map[string]func(*consensus.Explanation){
		"weight of one who has none": func(e *consensus.Explanation) { e.Votes[4].Unweighed = "" },
		"a weight taken away":        func(e *consensus.Explanation) { e.Votes[0].Unweighed = crowd.Excluded },
		"the calibrated error":       func(e *consensus.Explanation) { e.CalibratedError = 0.01 },
		"what it follows from":       func(e *consensus.Explanation) { e.Calibration.BadApproved = 0 },
		"the controls":               func(e *consensus.Explanation) { e.Calibration = nil },
		"the other engine":           func(e *consensus.Explanation) { e.Engine = "fixed-1" },
	}
	for file, sets := range map[string][]map[string]func(*consensus.Explanation){"rejected.json": {alterations, ours}, "fixed-1.json": {alterations}} {
		for _, set := range sets {
			for name, alter := range set {
				t.Run(file+": "+name, func(t *testing.T) {
					e := stored(t, file)
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
	}
}

// TestVerdictsOfTheEngineBeforeStillReplay: that file was made by an engine that
// decides no more, and is never written anew.
func TestVerdictsOfTheEngineBeforeStillReplay(t *testing.T) {
	e := stored(t, "fixed-1.json")
	again, err := consensus.Replay(e)
	if err != nil || e.Engine == consensus.Engine || again.Outcome != consensus.Rejected || again.RejectReason != consensus.Other {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestReplayShowsWhatComesOut(t *testing.T) {
	e := decide(ballots("+++"))
	e.Outcome = consensus.Rejected
	if again, err := consensus.Replay(e); err == nil || again.Outcome != consensus.Approved || e.Outcome != consensus.Rejected {
		t.Errorf("replayed it is %q, %v", again.Outcome, err)
	}
}

func TestParseExplanationRefuses(t *testing.T) {
	for _, text := range []string{``, `[]`, `"crowd-1"`, `{"engine":1}`, `{"engine":"crowd-1","colour":"red"}`, `{}{}`, `{`} {
		if e, err := consensus.ParseExplanation([]byte(text)); err == nil {
			t.Errorf("%q was read as %+v", text, e)
		}
	}
}

func FuzzDecideReplay(f *testing.F) {
	f.Add(uint8(9), uint8(1), 0.99, 0.97, 2, 7, 2, []byte{0, 230, 192, 1, 230, 192}, uint8(0))
	f.Add(uint8(0), uint8(90), 0.51, 0.51, 1, 1, 1, []byte{1, 255, 255}, uint8(1))
	f.Add(uint8(200), uint8(1), 0.9999999999999999, 0.9999999999999999, 1, 15, 1, []byte(strings.Repeat("\x00\xff\xff", 15)), uint8(2))
	f.Add(uint8(30), uint8(30), 0.98, 0.97, 2, 7, 2, []byte(strings.Repeat("\x03\x01\xf0\x04\x60\x60", 4)), uint8(3))
	f.Fuzz(func(t *testing.T, good, bad uint8, accept, reject float64, minVotes, maxVotes, minRejects int, raw []byte, after uint8) {
		p := consensus.DefaultPolicy()
		p.AcceptAt, p.AcceptAtFirst, p.RejectAt = accept, accept, reject
		p.MinVotes, p.MaxVotes, p.MinRejects = minVotes, maxVotes, minRejects
		if p.Validate() != nil {
			p = consensus.DefaultPolicy()
		}
		in := language(int(good), int(bad)*4)
		in.Good, in.Settled = crowd.Mass(good)*crowd.Answer, crowd.Mass(int(good)+int(bad))*crowd.Answer
		in.Calibration = consensus.Calibration{GoodApproved: int64(good), GoodRejected: int64(bad) / 7, BadApproved: int64(good) / 5, BadRejected: int64(bad)}
		var votes []consensus.Vote
		for ; len(raw) >= 3 && len(votes) < 40; raw = raw[3:] {
			sense, spec := crowd.Mass(raw[1])*crowd.Answer/13, crowd.Mass(raw[2])*crowd.Answer/17
			votes = append(votes, consensus.Vote{
				ID: fmt.Sprintf("%c%02d", raw[0], len(votes)), Validator: "v",
				Choice: []consensus.Choice{consensus.Approve, consensus.Reject}[raw[0]%2],
				Reason: consensus.Reasons()[raw[1]%7], Related: raw[0]%11 == 3,
				Skill: crowd.Skill{Gold: crowd.Counts{TP: sense, FN: 5 * crowd.Answer / 3, TN: spec, FP: crowd.Answer}},
			})
		}
		e := consensus.Decide(&p, 1, in, votes)
		if (e.Outcome == consensus.Undecided) && len(votes) >= p.MaxVotes {
			t.Fatalf("undecided after %d votes of at most %d", len(votes), p.MaxVotes)
		}
		switch after % 4 {
		case 1:
			e = e.TimedOut()
		case 2:
			e = e.Expert(consensus.Approved, "")
		case 3:
			e = e.Expert(consensus.Rejected, consensus.CutOff)
		}
		data, err := consensus.ExplanationJSON(e)
		if err != nil {
			t.Fatal(err)
		}
		read, err := consensus.ParseExplanation(data)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := consensus.Replay(read); err != nil || !reflect.DeepEqual(again, e) {
			t.Fatalf("%v\n%+v\n%+v", err, e, again)
		}
		if !(e.Posterior > 0 && e.Posterior < 1) || !(e.CalibratedError >= 0 && e.CalibratedError < 1) {
			t.Fatalf("posterior %v, error %v", e.Posterior, e.CalibratedError)
		}
	})
}
