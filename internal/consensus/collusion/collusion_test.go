package collusion_test

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/consensus/collusion"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// rates that differ from voter to voter, so that who is meant shows.
var rates = []crowd.Rates{
	{Sensitivity: 0.9, Specificity: 0.7}, {Sensitivity: 0.8, Specificity: 0.6}, {Sensitivity: 0.95, Specificity: 0.85},
	{Sensitivity: 0.7, Specificity: 0.9}, {Sensitivity: 0.6, Specificity: 0.5}, {Sensitivity: 0.98, Specificity: 0.02},
}

// clip is one that a, b, c ... voted on an hour apart: "+" approves, "-" rejects.
func clip(label crowd.Label, signs string) collusion.Clip {
	c := collusion.Clip{Owner: "owner", Language: "ha", Label: label, Good: 0.99}
	if label == crowd.Bad {
		c.Good = 0.02
	}
	for i, sign := range signs {
		c.Votes = append(c.Votes, collusion.Vote{
			Validator: string(rune('a' + i)), Approve: sign == '+', Rates: rates[i], At: noon.Add(time.Duration(i) * time.Hour),
		})
	}
	return c
}

// sums adds clips to fresh signals.
func sums(clips ...collusion.Clip) collusion.Signals {
	var s collusion.Signals
	for _, c := range clips {
		s.Add(c)
	}
	return s
}

func pair(a, b string) collusion.Pair { return collusion.Pair{A: a, B: b, Language: "ha"} }

// enumerated is P(i and j wrong | as many wrong as on the clip) by trying
// everything that the voters, each for himself, might have said.
func enumerated(c collusion.Clip, i, j int) float64 {
	right := func(v collusion.Vote) float64 {
		if c.Label == crowd.Good {
			return v.Rates.Sensitivity
		}
		return v.Rates.Specificity
	}
	count := 0
	for _, v := range c.Votes {
		if v.Approve != (c.Label == crowd.Good) {
			count++
		}
	}
	both, all := 0.0, 0.0
	for set := range uint(1) << len(c.Votes) {
		if bits.OnesCount(set) != count {
			continue
		}
		p := 1.0
		for k, v := range c.Votes {
			if set>>k&1 == 1 {
				p *= 1 - right(v)
			} else {
				p *= right(v)
			}
		}
		all += p
		if set>>i&1 == 1 && set>>j&1 == 1 {
			both += p
		}
	}
	return both / all
}

func TestWhatAPairIsExpectedToGetWrongTogether(t *testing.T) {
	for _, label := range []crowd.Label{crowd.Good, crowd.Bad} {
		for _, signs := range []string{"", "+", "++", "+-", "+-+", "--+", "+--+", "+-+-", "----++", "+++---", "-+-+-+", "++++++", "------"} {
			c := clip(label, signs)
			s := sums(c)
			wrong := make([]bool, len(signs))
			count := 0
			for i, v := range c.Votes {
				if wrong[i] = v.Approve != (label == crowd.Good); wrong[i] {
					count++
				}
			}
			for i := range signs {
				for j := i + 1; j < len(signs); j++ {
					got := s.Pairs[pair(c.Votes[i].Validator, c.Votes[j].Validator)].Wrong
					want := collusion.Tally{}
					if count >= 2 && count < len(signs) {
						p := enumerated(c, i, j)
						want = collusion.Tally{Clips: 1, Expected: collusion.Mass(p), Variance: collusion.Mass(p * (1 - p))}
						if wrong[i] && wrong[j] {
							want.Hits = 1
						}
					}
					if off := got.Expected - want.Expected; off < -1 || off > 1 || got.Clips != want.Clips || got.Hits != want.Hits {
						t.Errorf("label %d, %s, voters %d and %d: %+v, want %+v", label, signs, i, j, got, want)
					}
				}
			}
		}
	}
}

// TestAHardClipChangesNothing: where everybody errs more easily by the same
// factor, the same two are to be expected.
func TestAHardClipChangesNothing(t *testing.T) {
	easy, hard := clip(crowd.Good, "+-+--"), clip(crowd.Good, "+-+--")
	for i := range hard.Votes {
		r := hard.Votes[i].Rates.Sensitivity
		odds := 5 * (1 - r) / r
		hard.Votes[i].Rates.Sensitivity = 1 / (1 + odds)
	}
	a, b := sums(easy), sums(hard)
	for key, sum := range a.Pairs {
		if off := sum.Wrong.Expected - b.Pairs[key].Wrong.Expected; off < -1 || off > 1 {
			t.Errorf("%v: %+v on the easy clip, %+v on the hard one", key, sum.Wrong, b.Pairs[key].Wrong)
		}
	}
}

func TestVotesTogetherAndInBursts(t *testing.T) {
	for apart, burst := range map[time.Duration]int64{0: 1, 2 * time.Minute: 1, -2 * time.Minute: 1, 2*time.Minute + 1: 0, -3 * time.Minute: 0} {
		c := clip(crowd.Good, "+-")
		c.Votes[1].At = c.Votes[0].At.Add(apart)
		if got := sums(c).Pairs[pair("a", "b")]; got != (collusion.PairSum{Together: 1, Bursts: burst}) {
			t.Errorf("%v apart: %+v, want %d bursts", apart, got, burst)
		}
	}
}

func TestASpeakersApprovals(t *testing.T) {
	c := clip(crowd.Bad, "+-")
	c.Good = 0.25
	s := sums(c, c)
	for who, want := range map[string]struct{ expected, hits float64 }{
		"a": {2 * (0.25*0.9 + 0.75*0.3), 2}, "b": {2 * (0.25*0.8 + 0.75*0.4), 0},
	} {
		got := s.Affinities[collusion.Affinity{Validator: who, Owner: "owner", Language: "ha"}]
		p := want.expected / 2
		if got.Clips != 2 || float64(got.Hits) != want.hits || math.Abs(got.Expected.Answers()-want.expected) > 1e-8 || math.Abs(got.Variance.Answers()-2*p*(1-p)) > 1e-8 {
			t.Errorf("%s: %+v, want %+v", who, got, want)
		}
	}
}

func TestPairsThatDecideASpeakersClips(t *testing.T) {
	s := sums(clip(crowd.Good, "++-"), clip(crowd.Good, "+-+"), clip(crowd.Bad, "--+"), clip(crowd.Bad, "+++"))
	want := map[collusion.PairOwner]int64{{A: "a", B: "b", Owner: "owner"}: 2, {A: "a", B: "c", Owner: "owner"}: 1}
	if !reflect.DeepEqual(s.PairOwners, want) {
		t.Errorf("%v, want %v", s.PairOwners, want)
	}
}

func TestZ(t *testing.T) {
	tally := func(hits int64, expected, variance float64) collusion.Tally {
		return collusion.Tally{Clips: 100, Hits: hits, Expected: collusion.Mass(expected), Variance: collusion.Mass(variance)}
	}
	cases := []struct {
		tally collusion.Tally
		want  float64
	}{
		{collusion.Tally{}, 0},
		{tally(9, 0.4, 0.499999999), 0},
		{tally(2, 1, 0.5), math.Sqrt2},
		{tally(20, 10, 4), 5},
		{tally(0, 10, 4), -5},
	}
	for _, c := range cases {
		if got := c.tally.Z(); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%+v: z = %v, want %v", c.tally, got, c.want)
		}
	}
}

// TestSumsDoNotDependOnOrderOrParts adds the same clips in another order, with
// their votes in another order, and in two parts.
func TestSumsDoNotDependOnOrderOrParts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	clips := world{people: 9, clips: 600, owners: 5, hard: 0.2}.settle(rng)
	want := sums(clips...)
	var first, second collusion.Signals
	for _, i := range rng.Perm(len(clips)) {
		c := clips[i]
		rng.Shuffle(len(c.Votes), func(a, b int) { c.Votes[a], c.Votes[b] = c.Votes[b], c.Votes[a] })
		if i%3 == 0 {
			first.Add(c)
		} else {
			second.Add(c)
		}
	}
	for key, sum := range second.Pairs {
		first.Pairs[key] = first.Pairs[key].Plus(sum)
	}
	for key, sum := range second.Affinities {
		first.Affinities[key] = first.Affinities[key].Plus(sum)
	}
	for key, n := range second.PairOwners {
		first.PairOwners[key] += n
	}
	if !reflect.DeepEqual(first, want) {
		t.Error("another order, or two parts, give other sums")
	}
	for _, sum := range want.Pairs {
		if back := collusion.Mass(sum.Wrong.Expected.Answers()); back != sum.Wrong.Expected {
			t.Fatalf("%d is read back as %d", sum.Wrong.Expected, back)
		}
	}
}

func TestMassReadsBackWhatIsStored(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for range 10_000 {
		m := crowd.Mass(rng.Int64N(2_000_000 * int64(crowd.Answer)))
		if back := collusion.Mass(m.Answers()); back != m {
			t.Fatalf("%d is read back as %d", m, back)
		}
	}
}

func FuzzAdd(f *testing.F) {
	f.Add([]byte{1, 200, 40, 0, 9, 250, 1, 128, 128}, true, 0.98)
	f.Add([]byte{0, 0, 0, 0, 255, 255, 0, 1, 2, 1, 3, 4}, false, 0.0)
	f.Fuzz(func(t *testing.T, raw []byte, good bool, p float64) {
		c := collusion.Clip{Owner: "o", Language: "l", Label: crowd.Bad, Good: min(max(p, 0), 1)}
		if p != p {
			c.Good = 0.5
		}
		if good {
			c.Label = crowd.Good
		}
		rate := func(b byte) float64 {
			return crowd.LeastRate + (crowd.MostRate-crowd.LeastRate)*float64(b)/255
		}
		for ; len(raw) >= 3 && len(c.Votes) < 15; raw = raw[3:] {
			c.Votes = append(c.Votes, collusion.Vote{
				Validator: fmt.Sprintf("v%02d", len(c.Votes)), Approve: raw[0]&1 == 1,
				Rates: crowd.Rates{Sensitivity: rate(raw[1]), Specificity: rate(raw[2])}, At: noon.Add(time.Duration(raw[0]) * time.Minute),
			})
		}
		s := sums(c)
		check := func(tally collusion.Tally) {
			if tally.Hits > tally.Clips || tally.Expected < 0 || tally.Expected > collusion.Mass(float64(tally.Clips)) || tally.Variance < 0 || tally.Variance > crowd.Answer/4 {
				t.Fatalf("%+v", tally)
			}
		}
		expected, pairs := crowd.Mass(0), crowd.Mass(0)
		for _, sum := range s.Pairs {
			check(sum.Wrong)
			expected += sum.Wrong.Expected
			pairs += crowd.Mass(sum.Wrong.Hits) * crowd.Answer
		}
		for _, tally := range s.Affinities {
			check(tally)
		}
		// Of the pairs as many are wrong as there must be: that was the condition.
		if off := expected - pairs; off < -200 || off > 200 {
			t.Fatalf("%v pairs are expected wrong, %v are", expected.Answers(), pairs.Answers())
		}
	})
}
