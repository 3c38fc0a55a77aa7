package crowd_test

import (
	"math"
	"testing"

	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// The four traps that learning from a crowd's own verdicts falls into.

// Trap 1: with his own vote in the verdict, a voter confirms himself.
func TestAVoterDoesNotConfirmHimself(t *testing.T) {
	p, votes := ungated(), ballots(good, "++")
	votes = append(votes, ballots(crowd.Skill{}, "-")...)
	d := crowd.Decide(p, crowd.Language{}, votes)
	if d.Outcome != crowd.Accepted {
		t.Fatalf("%+v", d)
	}
	for i, v := range votes {
		e, ok := crowd.FromDecision(d, v)
		if !ok {
			t.Fatal("a verdict teaches nothing")
		}
		others := d.Prior
		for k, o := range votes {
			if k != i {
				others += o.Weight
			}
		}
		onGood := (e.Counts.TP + e.Counts.FN).Answers()
		if want := others.Probability(); math.Abs(onGood-want) > 1e-9 {
			t.Errorf("voter %d: the clip counts as good by %v, the others say %v", i, onGood, want)
		}
		if e.Counts.Total() != crowd.Answer || (e.Counts.TP+e.Counts.FP == crowd.Answer) != v.Approve {
			t.Errorf("voter %d: not one answer of his own: %+v", i, e.Counts)
		}
	}
}

// Trap 2: learning from clips in doubt makes the labels change places.
func TestClipsInDoubtTeachNothing(t *testing.T) {
	p := ungated()
	for _, signs := range []string{"+", "+-", "-+-+-+-"} {
		votes := ballots(crowd.Skill{}, signs)
		d := crowd.Decide(p, crowd.Language{}, votes)
		if d.Outcome.Label() != crowd.Unknown {
			t.Fatalf("%s is decided: %+v", signs, d)
		}
		if e, ok := crowd.FromDecision(d, votes[0]); ok || e != (crowd.Event{}) {
			t.Errorf("%s teaches %+v", signs, e)
		}
		if l := (crowd.Language{}).Settle(d); l != (crowd.Language{}) {
			t.Errorf("%s changes the language to %+v", signs, l)
		}
	}
}

// Trap 3: a clip with one vote tells its voter that he is right.
func TestClipsWithOneVoteTeachNothing(t *testing.T) {
	var log crowd.Log
	for range 50 {
		log.Vote(0, true)
		log.Close(crowd.Clip{})
	}
	log.Close(crowd.Clip{}) // a clip without any
	e := log.Estimate(ungated())
	if e.Skills[0] != (crowd.Skill{}) || e.Good != 0 || e.Settled != 0 {
		t.Errorf("learned %+v, %v good of %v", e.Skills[0], e.Good, e.Settled)
	}
	if e.LogOdds[0] <= e.LogOdds[50] {
		t.Error("a single vote should still speak for its clip")
	}
}

// Trap 4: where no verdict is in reach, nobody ever learns unless what escalates
// comes back with the expert's answer.
func TestEscalatedClipsTeachByTheExpert(t *testing.T) {
	p := ungated()
	p.AcceptAt, p.AcceptAtFirst, p.RejectAt = 0.999999, 0.999999, 0.999999
	people := make([]crowd.Skill, 7)
	first := 0
	for clip := range 40 {
		votes := make([]crowd.Ballot, len(people))
		for v := range people {
			votes[v] = crowd.Ballot{Approve: clip%2 == 0 && v < 5, Skill: people[v]}
		}
		d := crowd.Decide(p, crowd.Language{}, votes)
		if d.Outcome != crowd.Escalated {
			first = clip
			break
		}
		truth := crowd.Bad
		if clip%2 == 0 {
			truth = crowd.Good
		}
		for v, b := range votes {
			people[v] = people[v].Apply(crowd.Exactly(crowd.FromExpert, truth, b.Approve))
		}
	}
	if first == 0 {
		t.Error("the crowd never became able to decide")
	}
	if right, wrong := p.Rates(people[0]), p.Rates(people[6]); right.Informativeness() < 0.6 || wrong.Informativeness() > 0.2 {
		t.Errorf("after the experts' answers %+v and %+v", right, wrong)
	}
}

func TestGoldAndExpertsTeachExactly(t *testing.T) {
	cases := []struct {
		truth   crowd.Label
		approve bool
		want    crowd.Counts
	}{
		{crowd.Good, true, crowd.Counts{TP: crowd.Answer}},
		{crowd.Good, false, crowd.Counts{FN: crowd.Answer}},
		{crowd.Bad, false, crowd.Counts{TN: crowd.Answer}},
		{crowd.Bad, true, crowd.Counts{FP: crowd.Answer}},
	}
	for _, source := range []crowd.Source{crowd.FromGold, crowd.FromExpert} {
		for _, c := range cases {
			s := crowd.Skill{}.Apply(crowd.Exactly(source, c.truth, c.approve))
			if s != (crowd.Skill{Gold: c.want}) || s.GoldAnswers() != 1 {
				t.Errorf("%s, truth %d, approve %v: %+v", source, c.truth, c.approve, s)
			}
		}
	}
}

// TestACorrectionTakesTheFalseLessonBack: whatever was held for the truth first,
// the skill ends as if the truth had been known from the start.
func TestACorrectionTakesTheFalseLessonBack(t *testing.T) {
	before := crowd.Skill{Gold: proven(7, 2, 5, 3).Gold, Learned: proven(9, 1, 1, 1).Gold}
	for _, source := range []crowd.Source{crowd.FromGold, crowd.FromExpert} {
		for _, truth := range []crowd.Label{crowd.Good, crowd.Bad} {
			for _, approve := range []bool{true, false} {
				misled := before.Apply(crowd.Exactly(source, -truth, approve))
				correction := crowd.Corrected(source, truth, approve)
				if got, want := misled.Apply(correction), before.Apply(crowd.Exactly(source, truth, approve)); got != want {
					t.Errorf("%s, truth %d, approve %v: %+v, want %+v", source, truth, approve, got, want)
				}
				if correction.Source != source || correction.Counts.Total() != 0 {
					t.Errorf("%+v is a new answer", correction)
				}
			}
		}
	}
}

func TestAReviewForgetsEverythingBefore(t *testing.T) {
	s := crowd.Skill{Gold: proven(5, 0, 0, 9).Gold, Learned: proven(50, 0, 0, 9).Gold}
	if got := s.Apply(crowd.Event{Source: crowd.FromReview}); got != (crowd.Skill{}) {
		t.Errorf("remembered %+v", got)
	}
	anew := crowd.Exactly(crowd.FromGold, crowd.Bad, false)
	if got := s.Apply(crowd.Event{Source: crowd.FromReview}).Apply(anew); got != (crowd.Skill{Gold: crowd.Counts{TN: crowd.Answer}}) {
		t.Errorf("afterwards %+v", got)
	}
}

func TestNatsReadBackExactly(t *testing.T) {
	for _, l := range []crowd.LogOdds{0, 1, -1, 1386294361, -2014903021, 4_595_119_850, 123_456_789_012_345, math.MinInt32} {
		if back := crowd.FromNats(l.Nats()); back != l {
			t.Errorf("%d is read back as %d", l, back)
		}
	}
}

func TestARefitReplacesWhatWasLearnedAndKeepsGold(t *testing.T) {
	s := crowd.Skill{Gold: proven(3, 0, 2, 1).Gold, Learned: proven(9, 9, 9, 9).Gold}
	fit := crowd.Counts{TP: 7, TN: 5}
	if got := s.Apply(crowd.Event{Source: crowd.FromFit, Counts: fit}); got != (crowd.Skill{Gold: s.Gold, Learned: fit}) {
		t.Errorf("%+v", got)
	}
	if got := s.Apply(crowd.Event{Source: "rumour", Counts: fit}); got != s {
		t.Errorf("an unknown source taught %+v", got)
	}
}

func TestTheLanguageLearnsFromWhatIsSettled(t *testing.T) {
	l := crowd.Language{}.SettleExactly(crowd.Good).SettleExactly(crowd.Bad)
	if l.Good != crowd.Answer || l.Settled != 2*crowd.Answer {
		t.Errorf("experts: %+v", l)
	}
	d := crowd.Decide(ungated(), l, ballots(good, "++"))
	l = l.Settle(d)
	if want := 1 + d.LogOdds.Probability(); math.Abs(l.Good.Answers()-want) > 1e-9 || l.Settled != 3*crowd.Answer {
		t.Errorf("verdict: %+v, want %v good", l, want)
	}
}
