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
	"github.com/lingualink/lingualink/internal/consensus/crowd"
	"github.com/lingualink/lingualink/internal/fault"
)

// gold is a skill of so many answers on clips of known truth.
func gold(tp, fn, tn, fp crowd.Mass) crowd.Skill {
	return crowd.Skill{Gold: crowd.Counts{TP: tp * crowd.Answer, FN: fn * crowd.Answer, TN: tn * crowd.Answer, FP: fp * crowd.Answer}}
}

// usual is somebody with sensitivity 0.90 and specificity 0.75.
var usual = gold(5, 0, 4, 1)

// ballots makes votes of people of the usual skill: "+" approves, "-" rejects.
func ballots(signs string) []consensus.Vote {
	votes := make([]consensus.Vote, len(signs))
	for i, sign := range signs {
		votes[i] = consensus.Vote{
			ID: fmt.Sprintf("vote%02d", i), Validator: fmt.Sprintf("person%02d", i), Choice: consensus.Approve, Skill: usual,
		}
		if sign == '-' {
			votes[i].Choice, votes[i].Reason = consensus.Reject, consensus.WrongText
		}
	}
	return votes
}

// decide decides under the default policy in a language nothing is known of.
func decide(votes []consensus.Vote) consensus.Explanation {
	p := consensus.DefaultPolicy()
	return consensus.Decide(&p, 3, consensus.Language{}, votes)
}

// language has so many gold clips and answers.
func language(goldClips, goldAnswers int) consensus.Language {
	return consensus.Language{Language: crowd.Language{GoldClips: goldClips, GoldAnswers: goldAnswers}}
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
			e := decide(votes)
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

// TestTheLanguageMatters: its share of good clips is the prior, within limits,
// and with enough gold less is asked for to accept.
func TestTheLanguageMatters(t *testing.T) {
	p := consensus.DefaultPolicy()
	mostlyBad := language(0, 0)
	mostlyBad.Good, mostlyBad.Settled = 31*crowd.Answer, 90*crowd.Answer
	cases := []struct {
		name          string
		language      consensus.Language
		prior, accept float64
		outcome       consensus.Outcome // of two approvals by good people
	}{
		{"nothing is known", language(0, 0), 0.8, 0.99, consensus.Undecided},
		{"little gold", language(19, 199), 0.8, 0.99, consensus.Undecided},
		{"enough gold", language(19, 200), 0.8, 0.98, consensus.Approved},
		{"four clips of ten are good", mostlyBad, 0.4, 0.99, consensus.Undecided},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			votes := ballots("++")
			for i := range votes {
				votes[i].Skill = gold(6, 0, 2, 0) // 0.91 and 0.80
			}
			e := consensus.Decide(&p, 1, c.language, votes)
			if e.Prior != c.prior || e.AcceptAt != c.accept || e.RejectAt != p.RejectAt || e.Outcome != c.outcome {
				t.Errorf("prior %v, accept at %v, %q at %v; want %v, %v, %q", e.Prior, e.AcceptAt, e.Outcome, e.Posterior, c.prior, c.accept, c.outcome)
			}
		})
	}
}

func TestVotesThatWeighNothing(t *testing.T) {
	p := consensus.DefaultPolicy()
	cases := []struct {
		name     string
		language consensus.Language
		spoil    func(*consensus.Vote)
		want     crowd.Unweighed
	}{
		{"unproven where there is gold", language(20, 0), func(v *consensus.Vote) { v.Skill = gold(2, 0, 2, 0) }, crowd.Unproven},
		{"excluded", language(0, 0), func(v *consensus.Vote) { v.Skill = gold(5, 0, 0, 5) }, crowd.Excluded},
		{"no better than chance", language(0, 0), func(v *consensus.Vote) { v.Skill.Gold, v.Skill.Learned = crowd.Counts{}, gold(0, 9, 0, 9).Gold }, crowd.Uninformative},
		{"the same person again", language(0, 0), func(v *consensus.Vote) { v.Related = true }, crowd.Related},
		{"related and excluded", language(0, 0), func(v *consensus.Vote) { v.Skill, v.Related = gold(5, 0, 0, 5), true }, crowd.Related},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			votes := ballots("+++++++")
			for i := range votes[:6] {
				c.spoil(&votes[i])
			}
			e := consensus.Decide(&p, 1, c.language, votes[:6])
			if e.LogOdds != e.PriorLogOdds || e.Outcome != consensus.Undecided {
				t.Errorf("six weightless votes moved %v to %v (%q)", e.PriorLogOdds, e.LogOdds, e.Outcome)
			}
			for _, v := range e.Votes {
				if v.Unweighed != c.want || v.Weight != 0 {
					t.Errorf("%+v, want it %s", v, c.want)
				}
			}
			e = consensus.Decide(&p, 1, c.language, votes)
			if e.Outcome != consensus.Escalated || e.Votes[6].Unweighed != "" || e.Votes[6].Weight == 0 {
				t.Errorf("with seven votes, one of them good: %+v", e)
			}
		})
	}
}

func TestDecideHoldsMinimaAgainstStrongVotes(t *testing.T) {
	p := consensus.DefaultPolicy()
	p.MinRejects = 3
	strong := ballots("---")
	for i := range strong {
		strong[i].Skill = gold(500, 0, 500, 0)
	}
	for n, want := range []consensus.Outcome{consensus.Undecided, consensus.Undecided, consensus.Undecided, consensus.Rejected} {
		if e := consensus.Decide(&p, 1, consensus.Language{}, strong[:n]); e.Outcome != want {
			t.Errorf("%d strong rejections of 3 asked: %q, want %q", n, e.Outcome, want)
		}
	}
	strong[1].Related = true
	if e := consensus.Decide(&p, 1, consensus.Language{}, strong); e.Outcome != consensus.Undecided {
		t.Errorf("two people, three rejections: %q, want undecided", e.Outcome)
	}
	p.MinVotes = 4
	if e := consensus.Decide(&p, 1, consensus.Language{}, ballots("+++")); e.Outcome != consensus.Undecided {
		t.Errorf("three approvals of 4 votes asked: %q, want undecided", e.Outcome)
	}
}

func TestDecideNeverTakesAnybodyForInfallible(t *testing.T) {
	votes := ballots("+")
	votes[0].Skill = gold(1_000_000, 0, 1_000_000, 0)
	if v := decide(votes).Votes[0]; v.Sensitivity != 0.98 || v.Specificity != 0.98 || v.Weight != 3.891820298 {
		t.Errorf("counted as %+v, want 0.98, 0.98 and ln 49", v)
	}
}

func TestRejectReasonIsThePlurality(t *testing.T) {
	cases := []struct {
		name    string
		reasons []consensus.Reason // of four rejections, the last of which weighs nothing
		want    consensus.Reason
	}{
		{"one mind", []consensus.Reason{"cut_off", "cut_off", "cut_off", "other"}, "cut_off"},
		{"two of three", []consensus.Reason{"other", "offensive", "other", "offensive"}, "other"},
		{"a tie goes by the list", []consensus.Reason{"background_noise", "unclear_audio", "cut_off", "background_noise"}, "cut_off"},
		{"the silent do not count", []consensus.Reason{"", "", "other", ""}, "other"},
		{"nobody who weighs says", []consensus.Reason{"", "", "", "other"}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			votes := ballots("----")
			for i, r := range c.reasons {
				votes[i].Reason = r
			}
			votes[3].Related = true
			if e := decide(votes); e.Outcome != consensus.Rejected || e.RejectReason != c.want {
				t.Errorf("%q because %q, want rejected because %q", e.Outcome, e.RejectReason, c.want)
			}
		})
	}
	if e := decide(ballots("+-+++++")); e.Outcome != consensus.Approved || e.RejectReason != "" {
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
		votes[i].Skill, votes[i].Related = someSkill(r), r.IntN(9) == 0
	}
	return votes
}

func someSkill(r *rand.Rand) crowd.Skill {
	mass := func(most int64) crowd.Mass { return crowd.Mass(r.Int64N(most * int64(crowd.Answer))) }
	return crowd.Skill{
		Gold:    crowd.Counts{TP: mass(6), FN: mass(3), TN: mass(6), FP: mass(3)},
		Learned: crowd.Counts{TP: mass(40), FN: mass(20), TN: mass(40), FP: mass(20)},
	}
}

func TestOrderOfVotesDoesNotMatter(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		votes := someVotes(r, 15)
		want := decide(votes)
		before := slices.Clone(votes)
		r.Shuffle(len(votes), func(i, j int) { votes[i], votes[j] = votes[j], votes[i] })
		shuffled := slices.Clone(votes)
		if got := decide(votes); !reflect.DeepEqual(got, want) {
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
		added := consensus.Vote{ID: fmt.Sprintf("vote%02d", r.IntN(9)), Skill: someSkill(r)}
		now := consensus.Decide(&p, 1, consensus.Language{}, votes)

		added.Choice = consensus.Approve
		up := consensus.Decide(&p, 1, consensus.Language{}, append(slices.Clone(votes), added))
		added.Choice = consensus.Reject
		down := consensus.Decide(&p, 1, consensus.Language{}, append(slices.Clone(votes), added))

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
	p.Sensitivity, p.Specificity = crowd.Beta{Hits: 4, Misses: 1}, crowd.Beta{Hits: 4, Misses: 1}
	p.PriorGood, p.PriorBad, p.AcceptAt, p.AcceptAtFirst, p.RejectAt, p.MinRejects = 5, 5, 0.97, 0.97, 0.97, 1
	seen := map[consensus.Outcome]int{}
	for range 5000 {
		votes := someVotes(r, 7)
		other := slices.Clone(votes)
		for i := range other {
			for _, c := range []*crowd.Counts{&other[i].Skill.Gold, &other[i].Skill.Learned} {
				c.TP, c.TN, c.FN, c.FP = c.TN, c.TP, c.FP, c.FN
			}
			other[i].Choice = consensus.Approve
			if votes[i].Choice == consensus.Approve {
				other[i].Choice = consensus.Reject
			}
		}
		a, b := consensus.Decide(&p, 1, consensus.Language{}, votes), consensus.Decide(&p, 1, consensus.Language{}, other)
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
		if e := consensus.Decide(&p, 1, consensus.Language{}, votes); e.Outcome != consensus.Escalated {
			b.Fatal(e.Outcome)
		}
	}
}
