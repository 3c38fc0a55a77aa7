package consensus_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/fault"
)

// ballots makes votes of the default reliability: "+" approves, "-" rejects.
func ballots(signs string) []consensus.Vote {
	p := consensus.DefaultPolicy()
	votes := make([]consensus.Vote, len(signs))
	for i, sign := range signs {
		votes[i] = consensus.Vote{
			ID: fmt.Sprintf("vote%02d", i), Validator: fmt.Sprintf("person%02d", i),
			Choice: consensus.Approve, Sensitivity: p.Sensitivity, Specificity: p.Specificity,
		}
		if sign == '-' {
			votes[i].Choice, votes[i].Reason = consensus.Reject, consensus.WrongText
		}
	}
	return votes
}

func TestDecideUnderTheDefaultPolicy(t *testing.T) {
	cases := []struct {
		signs   string
		outcome consensus.Outcome
		reason  consensus.Basis
	}{
		{"", consensus.Undecided, consensus.ByNothingYet},
		{"+", consensus.Undecided, consensus.ByNothingYet},
		{"++", consensus.Undecided, consensus.ByNothingYet},
		{"+++", consensus.Approved, consensus.ByAcceptance},
		{"-", consensus.Undecided, consensus.ByNothingYet},
		{"--", consensus.Undecided, consensus.ByNothingYet},
		{"---", consensus.Rejected, consensus.ByRejection},
		{"++-", consensus.Undecided, consensus.ByNothingYet},
		{"+++-", consensus.Undecided, consensus.ByNothingYet},
		{"+++++-", consensus.Approved, consensus.ByAcceptance},
		{"----+", consensus.Rejected, consensus.ByRejection},
		{"+-+-+-", consensus.Undecided, consensus.ByNothingYet},
		{"+-+-+-+", consensus.Escalated, consensus.ByMaxVotes},
		{"+-+-+--", consensus.Escalated, consensus.ByMaxVotes},
		{"+++++--", consensus.Escalated, consensus.ByMaxVotes},
		{"+++-+++", consensus.Approved, consensus.ByAcceptance},
	}
	for _, c := range cases {
		t.Run(c.signs, func(t *testing.T) {
			votes := ballots(c.signs)
			odds := 4.0 // 0.80 to 0.20
			for _, v := range votes {
				if v.Choice == consensus.Approve {
					odds *= 3.6 // 0.90 to 0.25
				} else {
					odds *= 2.0 / 15 // 0.10 to 0.75
				}
			}
			e := consensus.Decide(consensus.DefaultPolicy(), 3, votes)
			if e.Outcome != c.outcome || e.Reason != c.reason {
				t.Errorf("%q for %q, want %q for %q", e.Outcome, e.Reason, c.outcome, c.reason)
			}
			if want := odds / (1 + odds); math.Abs(e.Posterior-want) > 1e-8 {
				t.Errorf("posterior %v, want %v", e.Posterior, want)
			}
			if e.Engine != consensus.Engine || e.PolicyVersion != 3 || len(e.Votes) != len(votes) {
				t.Errorf("the record is incomplete: %+v", e)
			}
		})
	}
}

func TestDecideCountsOnlyVotesThatWeigh(t *testing.T) {
	chance := func(v consensus.Vote) consensus.Vote { v.Sensitivity, v.Specificity = 0.6, 0.4; return v }
	contrary := func(v consensus.Vote) consensus.Vote { v.Sensitivity, v.Specificity = 0.1, 0.3; return v }
	unknown := func(v consensus.Vote) consensus.Vote { v.Choice = "skip"; return v }
	notANumber := func(v consensus.Vote) consensus.Vote {
		v.Sensitivity, v.Specificity = math.NaN(), math.NaN()
		return v
	}
	for name, spoil := range map[string]func(consensus.Vote) consensus.Vote{
		"no better than chance": chance, "worse than chance": contrary,
		"unknown choice": unknown, "not a number": notANumber,
	} {
		t.Run(name, func(t *testing.T) {
			votes := ballots("+++++++")
			for i := range votes[:6] {
				votes[i] = spoil(votes[i])
			}
			e := consensus.Decide(consensus.DefaultPolicy(), 1, votes[:6])
			if e.LogOdds != e.PriorLogOdds || e.Outcome != consensus.Undecided {
				t.Errorf("six weightless votes moved %v to %v (%q)", e.PriorLogOdds, e.LogOdds, e.Outcome)
			}
			if e = consensus.Decide(consensus.DefaultPolicy(), 1, votes); e.Outcome != consensus.Escalated {
				t.Errorf("with seven votes, one of them good: %q, want escalated", e.Outcome)
			}
		})
	}
}

func TestDecideHoldsMinimaAgainstStrongVotes(t *testing.T) {
	p := consensus.DefaultPolicy()
	p.MinRejects = 3
	strong := ballots("---")
	for i := range strong {
		strong[i].Sensitivity, strong[i].Specificity = 0.98, 0.98
	}
	for n, want := range []consensus.Outcome{consensus.Undecided, consensus.Undecided, consensus.Undecided, consensus.Rejected} {
		if e := consensus.Decide(p, 1, strong[:n]); e.Outcome != want {
			t.Errorf("%d strong rejections of 3 asked: %q, want %q", n, e.Outcome, want)
		}
	}
	p.MinVotes = 4
	if e := consensus.Decide(p, 1, ballots("+++")); e.Outcome != consensus.Undecided {
		t.Errorf("three approvals of 4 votes asked: %q, want undecided", e.Outcome)
	}
}

func TestDecideNeverTakesAnybodyForInfallible(t *testing.T) {
	votes := ballots("+")
	votes[0].Sensitivity, votes[0].Specificity = 1, math.Inf(1)
	e := consensus.Decide(consensus.DefaultPolicy(), 1, votes)
	if v := e.Votes[0]; v.Sensitivity != 0.98 || v.Specificity != 0.98 || v.Weight != 3.891820298 {
		t.Errorf("counted as %+v, want 0.98, 0.98 and ln 49", v)
	}
}

func TestRejectReasonIsThePlurality(t *testing.T) {
	cases := []struct {
		name    string
		reasons []consensus.Reason // of three rejections
		want    consensus.Reason
	}{
		{"one mind", []consensus.Reason{"cut_off", "cut_off", "cut_off"}, "cut_off"},
		{"two of three", []consensus.Reason{"other", "offensive", "other"}, "other"},
		{"a tie goes by the list", []consensus.Reason{"background_noise", "unclear_audio", "cut_off"}, "cut_off"},
		{"the silent do not count", []consensus.Reason{"", "", "other"}, "other"},
		{"nobody says", []consensus.Reason{"", "", ""}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			votes := ballots("---")
			for i, r := range c.reasons {
				votes[i].Reason = r
			}
			e := consensus.Decide(consensus.DefaultPolicy(), 1, votes)
			if e.Outcome != consensus.Rejected || e.RejectReason != c.want {
				t.Errorf("%q because %q, want rejected because %q", e.Outcome, e.RejectReason, c.want)
			}
		})
	}
	if e := consensus.Decide(consensus.DefaultPolicy(), 1, ballots("+-+++++")); e.Outcome != consensus.Approved || e.RejectReason != "" {
		t.Errorf("%q because %q: an approved clip has no reject reason", e.Outcome, e.RejectReason)
	}
}

// someVotes draws up to most votes of people from worthless to excellent.
func someVotes(r *rand.Rand, most int) []consensus.Vote {
	votes := ballots(strings.Repeat("+", r.IntN(most+1)))
	for i := range votes {
		if r.IntN(2) == 0 {
			votes[i].Choice = consensus.Reject
			votes[i].Reason = consensus.Reasons()[r.IntN(len(consensus.Reasons()))]
		}
		votes[i].Sensitivity, votes[i].Specificity = r.Float64(), r.Float64()
	}
	return votes
}

func TestOrderOfVotesDoesNotMatter(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		votes := someVotes(r, 15)
		want := consensus.Decide(consensus.DefaultPolicy(), 1, votes)
		before := slices.Clone(votes)
		r.Shuffle(len(votes), func(i, j int) { votes[i], votes[j] = votes[j], votes[i] })
		shuffled := slices.Clone(votes)
		if got := consensus.Decide(consensus.DefaultPolicy(), 1, votes); !reflect.DeepEqual(got, want) {
			t.Fatalf("another order, another result:\n%+v\n%+v\n%+v", before, got, want)
		}
		if !reflect.DeepEqual(votes, shuffled) {
			t.Fatal("Decide rearranged its input")
		}
	}
}

func TestAnotherVoteNeverMovesTheOtherWay(t *testing.T) {
	// How far from rejection; in between lie the clips in doubt.
	rank := map[consensus.Outcome]int{consensus.Rejected: 0, consensus.Undecided: 1, consensus.Escalated: 1, consensus.Approved: 2}
	r := rand.New(rand.NewPCG(3, 4))
	p := consensus.DefaultPolicy()
	p.MinVotes, p.MinRejects, p.MaxVotes = 1, 1, 7
	for range 5000 {
		votes := someVotes(r, 8)
		for i := range votes {
			votes[i].ID += "a" // the added vote may come anywhere in the order
		}
		added := consensus.Vote{ID: fmt.Sprintf("vote%02d", r.IntN(9)), Sensitivity: r.Float64(), Specificity: r.Float64()}
		now := consensus.Decide(p, 1, votes)

		added.Choice = consensus.Approve
		up := consensus.Decide(p, 1, append(slices.Clone(votes), added))
		added.Choice = consensus.Reject
		down := consensus.Decide(p, 1, append(slices.Clone(votes), added))

		if up.LogOdds < now.LogOdds || up.Posterior < now.Posterior || rank[up.Outcome] < rank[now.Outcome] {
			t.Fatalf("an approval moved %v %q to %v %q", now.LogOdds, now.Outcome, up.LogOdds, up.Outcome)
		}
		if down.LogOdds > now.LogOdds || down.Posterior > now.Posterior || rank[down.Outcome] > rank[now.Outcome] {
			t.Fatalf("a rejection moved %v %q to %v %q", now.LogOdds, now.Outcome, down.LogOdds, down.Outcome)
		}
	}
}

func TestRelabellingMirrorsTheResult(t *testing.T) {
	mirror := map[consensus.Outcome]consensus.Outcome{
		consensus.Approved: consensus.Rejected, consensus.Rejected: consensus.Approved,
		consensus.Undecided: consensus.Undecided, consensus.Escalated: consensus.Escalated,
	}
	r := rand.New(rand.NewPCG(5, 6))
	p := consensus.DefaultPolicy()
	p.Prior, p.AcceptAt, p.RejectAt, p.MinRejects = 0.5, 0.97, 0.97, 1
	seen := map[consensus.Outcome]int{}
	for range 5000 {
		votes := someVotes(r, 7)
		other := slices.Clone(votes)
		for i := range votes {
			votes[i].Specificity = votes[i].Sensitivity
			other[i].Specificity = votes[i].Sensitivity
			other[i].Choice = consensus.Approve
			if votes[i].Choice == consensus.Approve {
				other[i].Choice = consensus.Reject
			}
		}
		a, b := consensus.Decide(p, 1, votes), consensus.Decide(p, 1, other)
		if a.LogOdds != -b.LogOdds || mirror[a.Outcome] != b.Outcome {
			t.Fatalf("%v %q is mirrored by %v %q", a.LogOdds, a.Outcome, b.LogOdds, b.Outcome)
		}
		seen[a.Outcome]++
	}
	if len(seen) != 4 {
		t.Errorf("the draws did not reach every outcome: %v", seen)
	}
}

func TestParseChoiceAndReason(t *testing.T) {
	for _, c := range []consensus.Choice{consensus.Approve, consensus.Reject} {
		if got, err := consensus.ParseChoice(string(c)); got != c || err != nil {
			t.Errorf("%q: %q, %v", c, got, err)
		}
	}
	for _, r := range []string{"unclear_audio", "wrong_text", "wrong_language", "background_noise", "cut_off", "offensive", "other"} {
		if got, err := consensus.ParseReason(r); string(got) != r || err != nil {
			t.Errorf("%q: %q, %v", r, got, err)
		}
	}
	if n := len(consensus.Reasons()); n != 7 {
		t.Errorf("%d reasons, want 7", n)
	}
	for _, bad := range []string{"", "Approve", "skip", "approved"} {
		if _, err := consensus.ParseChoice(bad); !errors.Is(err, fault.InvalidInput.On("")) {
			t.Errorf("choice %q: %v, want invalid_input", bad, err)
		}
		if _, err := consensus.ParseReason(bad); !errors.Is(err, fault.InvalidInput.On("")) {
			t.Errorf("reason %q: %v, want invalid_input", bad, err)
		}
	}
}

func BenchmarkDecideSevenVotes(b *testing.B) {
	p, votes := consensus.DefaultPolicy(), ballots("+-+-+-+")
	b.ReportAllocs()
	for b.Loop() {
		if e := consensus.Decide(p, 1, votes); e.Outcome != consensus.Escalated {
			b.Fatal(e.Outcome)
		}
	}
}
