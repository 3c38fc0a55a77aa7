package crowd_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// good is somebody with sensitivity 0.94 and specificity 0.89.
var good = proven(12, 0, 6, 0)

// ballots makes votes of one skill: "+" approves, "-" rejects.
func ballots(skill crowd.Skill, signs string) []crowd.Ballot {
	votes := make([]crowd.Ballot, len(signs))
	for i, sign := range signs {
		votes[i] = crowd.Ballot{Approve: sign == '+', Skill: skill}
	}
	return votes
}

func TestDecide(t *testing.T) {
	cases := []struct {
		name, signs string
		skill       crowd.Skill
		language    crowd.Language
		outcome     crowd.Outcome
	}{
		{"no votes", "", good, crowd.Language{}, crowd.Undecided},
		{"one approval is never enough", "+", good, crowd.Language{}, crowd.Undecided},
		{"two good approvals", "++", good, crowd.Language{}, crowd.Accepted},
		{"two unknown approvals", "++", crowd.Skill{}, crowd.Language{}, crowd.Undecided},
		{"three unknown approvals", "+++", crowd.Skill{}, crowd.Language{}, crowd.Accepted},
		{"one rejection is never enough", "-", good, crowd.Language{}, crowd.Undecided},
		{"two good rejections", "--", good, crowd.Language{}, crowd.Rejected},
		{"two unknown rejections", "--", crowd.Skill{}, crowd.Language{}, crowd.Undecided},
		{"five unknown rejections", "-----", crowd.Skill{}, crowd.Language{}, crowd.Rejected},
		{"a split", "+-", good, crowd.Language{}, crowd.Undecided},
		{"seven in doubt", "+-+-+--", crowd.Skill{}, crowd.Language{}, crowd.Escalated},
		{"seven that weigh nothing", "+++++++", crowd.Skill{}, crowd.Language{GoldClips: 20}, crowd.Escalated},
		{"seven approvals of people who approve everything", "+++++++", proven(5, 0, 0, 5), crowd.Language{}, crowd.Escalated},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := crowd.Decide(ungated(), c.language, ballots(c.skill, c.signs))
			if d.Outcome != c.outcome {
				t.Errorf("outcome %d, want %d: %+v", d.Outcome, c.outcome, d)
			}
		})
	}
}

func TestDecideIsStricterBeforeThereIsGold(t *testing.T) {
	p := crowd.DefaultPolicy()
	skill := proven(4, 0, 1, 0) // two approvals reach 0.981
	few := crowd.Decide(&p, crowd.Language{GoldAnswers: 199}, ballots(skill, "++"))
	enough := crowd.Decide(&p, crowd.Language{GoldAnswers: 200}, ballots(skill, "++"))
	if few.Outcome != crowd.Undecided || enough.Outcome != crowd.Accepted || few.LogOdds != enough.LogOdds {
		t.Errorf("%+v with few gold answers, %+v with enough", few, enough)
	}
}

func TestTheHigherThresholdCounts(t *testing.T) {
	p := crowd.DefaultPolicy()
	p.AcceptAt, p.AcceptAtFirst = 0.995, 0.99
	for answers := range 300 {
		if at := p.AcceptanceAt(crowd.Language{GoldAnswers: answers}); at != 0.995 {
			t.Fatalf("with %d gold answers %v accepts", answers, at)
		}
	}
	p.AcceptAt = 0.98
	for answers, want := range map[int]float64{0: 0.99, 199: 0.99, 200: 0.98} {
		if at := p.AcceptanceAt(crowd.Language{GoldAnswers: answers}); at != want {
			t.Errorf("with %d gold answers %v accepts, want %v", answers, at, want)
		}
	}
}

// TestBarIsWhatDecideComparesTo: a stored bar judges as the policy did.
func TestBarIsWhatDecideComparesTo(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	p := ungated()
	seen := map[crowd.Outcome]bool{}
	for range 500 {
		language := crowd.Language{Good: crowd.Mass(rng.Int64N(100)) * crowd.Answer, Settled: 100 * crowd.Answer}
		votes := crowdOf(rng.IntN(9), rng)
		want := crowd.Decide(p, language, votes)
		bar := p.Bar(language)
		if got := bar.Judge(votes); got != want || got != crowd.Judge(p, language, votes) {
			t.Fatalf("%+v, by the bar %+v", want, got)
		}
		if bar.Prior != want.Prior || bar.Accept != want.Accept || bar.Reject != want.Reject || bar.MaxVotes != p.MaxVotes {
			t.Fatalf("%+v does not say what %+v was compared to", bar, want)
		}
		seen[want.Outcome] = true
	}
	if len(seen) != 4 {
		t.Errorf("only the outcomes %v were seen", seen)
	}
	votes := ballots(good, "+-+-+-+-+-")
	if d := (crowd.Bar{Accept: 1e12, Reject: -1e12}).Judge(votes); d.Outcome != crowd.Undecided {
		t.Errorf("a bar without a maximum escalates: %+v", d)
	}
}

func TestDecideNeedsTwoRejections(t *testing.T) {
	p := ungated()
	p.MinVotes = 1
	certain, mostlyBad := proven(500, 0, 500, 0), crowd.Language{Settled: 1000 * crowd.Answer}
	for name, votes := range map[string][]crowd.Ballot{
		"one":                             ballots(certain, "-"),
		"one and one that weighs nothing": append(ballots(certain, "-"), ballots(proven(5, 0, 0, 5), "-")...),
	} {
		d := crowd.Decide(p, mostlyBad, votes)
		if d.LogOdds > d.Reject || d.Rejects != 1 || d.Outcome != crowd.Undecided {
			t.Errorf("%s: %+v", name, d)
		}
	}
	if d := crowd.Decide(p, mostlyBad, ballots(certain, "--")); d.Outcome != crowd.Rejected {
		t.Errorf("two: %+v", d)
	}
}

func TestPriorIsLearnedAndCapped(t *testing.T) {
	p := ungated()
	clips := func(good, bad crowd.Mass) crowd.Language {
		return crowd.Language{Good: good * crowd.Answer, Settled: (good + bad) * crowd.Answer}
	}
	cases := []struct {
		language     crowd.Language
		share, prior float64
	}{
		{crowd.Language{}, 0.9, 0.8},
		{clips(0, 10), 0.45, 0.45},
		{clips(1000, 0), 1009.0 / 1010, 0.8},
		{clips(0, 1000), 9.0 / 1010, 0.2},
	}
	for _, c := range cases {
		if s, pr := p.Share(c.language), p.Prior(c.language); math.Abs(s-c.share) > 1e-12 || math.Abs(pr-c.prior) > 1e-12 {
			t.Errorf("share %v, prior %v; want %v, %v", s, pr, c.share, c.prior)
		}
	}
}

func TestDecideDoesNotAllocate(t *testing.T) {
	p, votes := ungated(), ballots(good, "+-+-+-+")
	if n := testing.AllocsPerRun(100, func() { crowd.Decide(p, crowd.Language{}, votes) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// crowdOf draws voters of any skill.
func crowdOf(n int, rng *rand.Rand) []crowd.Ballot {
	votes := make([]crowd.Ballot, n)
	mass := func() crowd.Mass { return crowd.Mass(rng.Int64N(int64(30 * crowd.Answer))) }
	for i := range votes {
		votes[i].Approve = rng.IntN(2) == 0
		votes[i].Skill.Learned = crowd.Counts{TP: mass(), FN: mass() / 4, TN: mass(), FP: mass() / 4}
	}
	return votes
}

func TestTheOrderOfVotesDoesNotMatter(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 500 {
		votes := crowdOf(7, rng)
		want := crowd.Decide(ungated(), crowd.Language{}, votes)
		rng.Shuffle(len(votes), func(i, j int) { votes[i], votes[j] = votes[j], votes[i] })
		if got := crowd.Decide(ungated(), crowd.Language{}, votes); got != want {
			t.Fatalf("%+v, in another order %+v", want, got)
		}
	}
}

func TestAnApprovalNeverMakesAClipWorse(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for range 500 {
		votes := crowdOf(6, rng)
		before := crowd.Decide(ungated(), crowd.Language{}, votes)
		i := rng.IntN(len(votes))
		votes[i].Approve = true
		turned := crowd.Decide(ungated(), crowd.Language{}, votes)
		more := crowd.Decide(ungated(), crowd.Language{}, append(votes, crowd.Ballot{Approve: true, Skill: crowdOf(1, rng)[0].Skill}))
		if turned.LogOdds < before.LogOdds || more.LogOdds < turned.LogOdds {
			t.Fatalf("log odds %v, with an approval for a rejection %v, with one more %v", before.LogOdds, turned.LogOdds, more.LogOdds)
		}
	}
}

// symmetric is a policy that treats both labels alike.
func symmetric() *crowd.Policy {
	p := ungated()
	p.Sensitivity, p.Specificity = crowd.Beta{Hits: 4, Misses: 1}, crowd.Beta{Hits: 4, Misses: 1}
	p.PriorGood, p.PriorBad, p.PriorFloor, p.PriorCap = 5, 5, 0.2, 0.8
	p.AcceptAt, p.AcceptAtFirst, p.RejectAt, p.MinRejects = 0.97, 0.97, 0.97, 1
	return p
}

func TestSwappedLabelsGiveTheSwappedVerdict(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	decided := 0
	for range 500 {
		votes := crowdOf(5, rng)
		d := crowd.Decide(symmetric(), crowd.Language{}, votes)
		for i := range votes {
			c := &votes[i].Skill.Learned
			c.TP, c.TN, c.FN, c.FP = c.TN, c.TP, c.FP, c.FN
			votes[i].Approve = !votes[i].Approve
		}
		s := crowd.Decide(symmetric(), crowd.Language{}, votes)
		if s.LogOdds != -d.LogOdds || s.Outcome.Label() != -d.Outcome.Label() {
			t.Fatalf("%+v, swapped %+v", d, s)
		}
		if d.Outcome.Label() != crowd.Unknown {
			decided++
		}
	}
	if decided < 100 {
		t.Errorf("only %d of 500 were decided: the test shows little", decided)
	}
}

func FuzzDecide(f *testing.F) {
	f.Add([]byte("++-"), int64(5), int64(1), int64(2), uint8(0))
	f.Add([]byte{}, int64(0), int64(0), int64(0), uint8(30))
	f.Add([]byte("--------"), int64(1e12), int64(3), int64(1e15), uint8(255))
	f.Fuzz(func(t *testing.T, signs []byte, a, b, c int64, gold uint8) {
		bound := func(x int64) crowd.Mass { return crowd.Mass(max(x, -(x+1)) % 1e15) }
		p, language := crowd.DefaultPolicy(), crowd.Language{Good: bound(a) / 2, Settled: bound(a), GoldClips: int(gold), GoldAnswers: 4 * int(gold)}
		votes := make([]crowd.Ballot, min(len(signs), 20))
		for i := range votes {
			votes[i].Approve = signs[i] == '+'
			votes[i].Skill.Gold = crowd.Counts{TP: bound(a), FN: bound(b) * crowd.Mass(signs[i]%3), TN: bound(c), FP: bound(a ^ b)}
		}
		d := crowd.Decide(&p, language, votes)
		slices.Reverse(votes)
		if again := crowd.Decide(&p, language, votes); again != d {
			t.Fatalf("%+v, in reverse %+v", d, again)
		}
		sum := d.Prior
		for _, v := range votes {
			sum += v.Weight
			if v.Weight != 0 && v.Approve != (v.Weight > 0) {
				t.Fatalf("a vote counts the other way round: %+v", v)
			}
		}
		if sum != d.LogOdds {
			t.Fatalf("prior and weights make %v, not %v", sum, d.LogOdds)
		}
		switch d.Outcome {
		case crowd.Accepted:
			if d.LogOdds < d.Accept || d.Counted < p.MinVotes {
				t.Fatalf("accepted: %+v", d)
			}
		case crowd.Rejected:
			if d.LogOdds > d.Reject || d.Counted < p.MinVotes || d.Rejects < p.MinRejects {
				t.Fatalf("rejected: %+v", d)
			}
		case crowd.Escalated, crowd.Undecided:
			if (d.Outcome == crowd.Escalated) != (len(votes) >= p.MaxVotes) {
				t.Fatalf("in doubt after %d votes: %+v", len(votes), d)
			}
		}
	})
}
