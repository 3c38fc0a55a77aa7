package consensus_test

import (
	"math"
	"testing"

	"github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

func TestAClipNobodyIsLeftForTimesOut(t *testing.T) {
	for signs, want := range map[string]struct {
		outcome consensus.Outcome
		reason  consensus.Basis
	}{
		"":        {consensus.Escalated, consensus.ByTimeout},
		"+-":      {consensus.Escalated, consensus.ByTimeout},
		"+-+-+-+": {consensus.Escalated, consensus.ByTimeout},
		// What the votes decide, they decide.
		"+++": {consensus.Approved, consensus.ByAcceptance},
		"---": {consensus.Rejected, consensus.ByRejection},
	} {
		e := decide(ballots(signs)).TimedOut()
		if e.Outcome != want.outcome || e.Reason != want.reason || (e.RejectReason != "") != (want.outcome == consensus.Rejected) {
			t.Errorf("%q: %q for %q because %q, want %q for %q", signs, e.Outcome, e.Reason, e.RejectReason, want.outcome, want.reason)
		}
		if _, err := consensus.Replay(e); err != nil {
			t.Errorf("%q: %v", signs, err)
		}
	}
}

func TestAnExpertsWordIsFinal(t *testing.T) {
	for _, signs := range []string{"", "+++", "---", "+-+-+-+"} {
		for outcome, reason := range map[consensus.Outcome]consensus.Reason{consensus.Approved: "", consensus.Rejected: consensus.CutOff} {
			before := decide(ballots(signs))
			e := before.Expert(outcome, reason)
			if e.Outcome != outcome || e.Reason != consensus.ByExpert || e.RejectReason != reason || e.LogOdds != before.LogOdds || len(e.Votes) != len(before.Votes) {
				t.Errorf("%q, the expert says %s: %+v", signs, outcome, e)
			}
			if _, err := consensus.Replay(e); err != nil {
				t.Errorf("%q, the expert says %s: %v", signs, outcome, err)
			}
		}
	}
	if _, err := consensus.Replay(decide(ballots("++")).Expert(consensus.Escalated, "")); err == nil {
		t.Error("an expert may be in doubt")
	}
}

func TestWhatADecisionTeaches(t *testing.T) {
	votes := ballots("+++-")
	votes[1].Skill = crowd.Skill{}
	votes[2].Related = true
	p := consensus.DefaultPolicy()
	p.AcceptAtFirst = 0.9
	e := consensus.Decide(&p, 1, consensus.Language{}, votes)
	if e.Outcome != consensus.Undecided {
		t.Fatalf("%q at %v", e.Outcome, e.Posterior)
	}
	if _, ok := e.Lesson(e.Votes[0]); ok {
		t.Error("a clip in doubt teaches")
	}
	if l := e.Settle(crowd.Language{}); l != (crowd.Language{}) {
		t.Errorf("a clip in doubt tells of the language: %+v", l)
	}
	if _, ok := e.TimedOut().Lesson(e.Votes[0]); ok {
		t.Error("an escalated clip teaches")
	}
	votes = append(votes, ballots("++++++")[4:]...)
	if e = consensus.Decide(&p, 1, consensus.Language{}, votes); e.Outcome != consensus.Approved {
		t.Fatalf("%q at %v", e.Outcome, e.Posterior)
	}
	for i, v := range e.Votes {
		event, ok := e.Lesson(v)
		// The voter's own vote is left out.
		good := 1 / (1 + math.Exp(v.Weight-e.LogOdds))
		onGood := event.Counts.TP + event.Counts.FN
		if !ok || event.Source != crowd.FromVerdict || math.Abs(onGood.Answers()-good) > 1e-9 || event.Counts.Total() != crowd.Answer {
			t.Errorf("vote %d: %+v, want P(good) %v", i, event, good)
		}
		if (event.Counts.TP+event.Counts.FP == crowd.Answer) != (v.Choice == consensus.Approve) {
			t.Errorf("vote %d is another: %+v", i, event)
		}
	}
	if l := e.Settle(crowd.Language{}); l.Settled != crowd.Answer || math.Abs(l.Good.Answers()-e.Posterior) > 1e-9 {
		t.Errorf("the language learns %+v of posterior %v", l, e.Posterior)
	}
	rejected := e.Expert(consensus.Rejected, consensus.Other)
	for i, v := range rejected.Votes {
		event, ok := rejected.Lesson(v)
		if want := crowd.Exactly(crowd.FromExpert, crowd.Bad, v.Choice == consensus.Approve); !ok || event != want {
			t.Errorf("vote %d by the expert: %+v, want %+v", i, event, want)
		}
	}
	if l := rejected.Settle(crowd.Language{}); l != (crowd.Language{Settled: crowd.Answer}) {
		t.Errorf("the language learns %+v of the expert", l)
	}
}

func TestLabels(t *testing.T) {
	for outcome, want := range map[consensus.Outcome]crowd.Label{
		consensus.Approved: crowd.Good, consensus.Rejected: crowd.Bad, consensus.Escalated: crowd.Unknown, consensus.Undecided: crowd.Unknown,
	} {
		if got := outcome.Label(); got != want {
			t.Errorf("%q is %d, want %d", outcome, got, want)
		}
	}
}

func TestTheErrorThatControlsShow(t *testing.T) {
	full := consensus.Calibration{GoodApproved: 97, GoodRejected: 3, BadApproved: 10, BadRejected: 90}
	cases := []struct {
		name    string
		counts  consensus.Calibration
		outcome consensus.Outcome
		good    float64
		want    float64
	}{
		{"nothing", consensus.Calibration{}, consensus.Approved, 0.8, 0},
		{"too few good ones", consensus.Calibration{GoodApproved: 19, BadApproved: 10, BadRejected: 90}, consensus.Approved, 0.8, 0},
		{"too few bad ones", consensus.Calibration{GoodApproved: 97, BadRejected: 19}, consensus.Rejected, 0.8, 0},
		{"approved", full, consensus.Approved, 0.8, 0.2 * 10.5 / (0.2*10.5 + 0.8*97.5)},
		{"rejected", full, consensus.Rejected, 0.8, 0.8 * 3.5 / (0.8*3.5 + 0.2*90.5)},
		{"approved where half is bad", full, consensus.Approved, 0.5, 10.5 / (10.5 + 97.5)},
		{"never impossible", consensus.Calibration{GoodApproved: 20, BadRejected: 20}, consensus.Approved, 0.5, 0.5 / 21},
		{"in doubt", full, consensus.Escalated, 0.8, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := c.counts.Error(c.outcome, c.good); math.Abs(got-c.want) > 1e-9 {
				t.Errorf("%v, want %v", got, c.want)
			}
			p := consensus.DefaultPolicy()
			e := consensus.Decide(&p, 1, consensus.Language{Calibration: c.counts}, ballots("+++"))
			if (e.Calibration != nil) != (c.counts != consensus.Calibration{}) || e.CalibratedError != c.counts.Error(consensus.Approved, e.Prior) {
				t.Errorf("the explanation has %+v and %v", e.Calibration, e.CalibratedError)
			}
		})
	}
}
