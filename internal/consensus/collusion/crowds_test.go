package collusion_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/consensus/collusion"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// world is a made-up crowd whose clips the engine decides: it learns, stops when
// it is sure, and asks an expert who knows. Nine clips of a hundred are bad.
type world struct {
	people, clips, owners int
	hard                  float64 // share of clips on which everybody is closer to guessing
	ring                  int     // the first so many people approve each other's bad clips, 5 % of all
	copies                bool    // the first two people are one
}

// person answers right with these probabilities.
type person struct {
	crowd.Rates
	skill crowd.Skill
}

func (w world) settle(rng *rand.Rand) []collusion.Clip {
	p := crowd.DefaultPolicy()
	language := crowd.Language{}
	people := make([]person, w.people)
	for i := range people {
		people[i].Rates = crowd.Rates{Sensitivity: 0.85 + 0.14*rng.Float64(), Specificity: 0.65 + 0.3*rng.Float64()}
		for k := range 10 {
			people[i].goldAnswer(k%2 == 0, rng)
		}
		language.GoldAnswers += 10
	}
	clips := make([]collusion.Clip, w.clips)
	for n := range clips {
		good, owner := rng.Float64() >= 0.09, rng.IntN(w.owners)
		ringClip := w.ring > 0 && rng.Float64() < 0.05
		if ringClip {
			good, owner = false, rng.IntN(w.ring)
		}
		ease := 1.0
		if rng.Float64() < w.hard {
			ease = 0.3
		}
		order := slices.DeleteFunc(rng.Perm(w.people), func(who int) bool { return who == owner })
		if ringClip { // its members come first
			slices.SortStableFunc(order, func(a, b int) int { return count(a >= w.ring) - count(b >= w.ring) })
		}
		answer := func(who int) bool {
			switch {
			case ringClip && who < w.ring:
				return true
			case good:
				return rng.Float64() < 0.5+(people[who].Sensitivity-0.5)*ease
			default:
				return rng.Float64() >= 0.5+(people[who].Specificity-0.5)*ease
			}
		}
		clips[n] = w.decide(&p, &language, people, order, owner, good, answer, noon.Add(time.Duration(n)*time.Hour))
		for range clips[n].Votes { // hidden gold
			if rng.Float64() < p.GoldShare {
				people[rng.IntN(w.people)].goldAnswer(rng.IntN(2) == 0, rng)
			}
		}
	}
	return clips
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func (p *person) goldAnswer(good bool, rng *rand.Rand) {
	label, right := crowd.Bad, p.Specificity
	if good {
		label, right = crowd.Good, p.Sensitivity
	}
	p.skill = p.skill.Apply(crowd.Exactly(crowd.FromGold, label, (rng.Float64() < right) == good))
}

// decide collects votes until the engine is sure, or asks the expert.
func (w world) decide(p *crowd.Policy, language *crowd.Language, people []person, order []int, owner int, good bool, answer func(int) bool, at time.Time) collusion.Clip {
	c := collusion.Clip{Owner: id(owner), Language: "ha"}
	var ballots []crowd.Ballot
	copied := map[bool]bool{}
	for _, who := range order {
		approve := answer(who)
		if w.copies && who < 2 {
			if said, ok := copied[true]; ok {
				approve = said
			}
			copied[true] = approve
		}
		c.Votes = append(c.Votes, collusion.Vote{Validator: id(who), Approve: approve, Rates: p.Rates(people[who].skill), At: at.Add(time.Duration(len(ballots)) * 5 * time.Minute)})
		ballots = append(ballots, crowd.Ballot{Approve: approve, Skill: people[who].skill})
		if crowd.Decide(p, *language, ballots).Outcome != crowd.Undecided {
			break
		}
	}
	d := crowd.Decide(p, *language, ballots)
	c.Label, c.Good = d.Outcome.Label(), d.LogOdds.Probability()
	*language = language.Settle(d)
	if c.Label == crowd.Unknown {
		c.Label, c.Good = crowd.Bad, 0
		if good {
			c.Label, c.Good = crowd.Good, 1
		}
		*language = language.SettleExactly(c.Label)
	}
	for i, b := range ballots {
		event, taught := crowd.FromDecision(d, b)
		if !taught {
			event = crowd.Exactly(crowd.FromExpert, c.Label, b.Approve)
		}
		voter := &people[order[i]]
		voter.skill = voter.skill.Apply(event)
	}
	return c
}

func id(who int) string { return fmt.Sprintf("person%03d", who) }

// spread is how the z of many tallies lie.
type spread struct {
	n, beyond       int
	mean, sd, most  float64
	sum, sumSquares float64
}

func (s *spread) add(tally collusion.Tally) {
	if tally.Variance < collusion.LeastVariance {
		return
	}
	z := tally.Z()
	s.n++
	s.sum, s.sumSquares, s.most = s.sum+z, s.sumSquares+z*z, max(s.most, z)
	s.mean = s.sum / float64(s.n)
	s.sd = math.Sqrt(s.sumSquares/float64(s.n) - s.mean*s.mean)
	if z > 4 {
		s.beyond++
	}
}

// TestHonestPeopleAreInconspicuous: whoever judges for himself has a z about
// N(0,1), in large and small crowds, also where some clips are hard for all.
func TestHonestPeopleAreInconspicuous(t *testing.T) {
	for name, w := range map[string]world{
		"many people":             {people: 60, clips: 20_000, owners: 40},
		"many people, hard clips": {people: 60, clips: 20_000, owners: 40, hard: 0.1},
		"few people":              {people: 12, clips: 5_000, owners: 20},
		"few people, hard clips":  {people: 12, clips: 5_000, owners: 20, hard: 0.1},
		"one busy speaker":        {people: 12, clips: 3_000, owners: 1},
	} {
		t.Run(name, func(t *testing.T) {
			var pairs, speakers spread
			for seed := range uint64(3) {
				s := sums(w.settle(rand.New(rand.NewPCG(seed, 3)))...)
				for _, sum := range s.Pairs {
					pairs.add(sum.Wrong)
				}
				for _, tally := range s.Affinities {
					speakers.add(tally)
				}
			}
			for what, s := range map[string]spread{"pairs": pairs, "speakers": speakers} {
				t.Logf("%s: %d with evidence, mean %.3f, sd %.3f, %d beyond 4, at most %.1f", what, s.n, s.mean, s.sd, s.beyond, s.most)
				if s.n < 30 {
					t.Errorf("%s: only %d have enough evidence", what, s.n)
				}
				// In small crowds the rates are known no better than the few verdicts are.
				if s.mean < -0.35 || s.mean > 0.35 || s.sd < 0.7 || s.sd > 1.3 || s.beyond*500 > s.n {
					t.Errorf("%s: mean %.3f, sd %.3f, %d of %d beyond 4", what, s.mean, s.sd, s.beyond, s.n)
				}
			}
		})
	}
}

func TestARingIsConspicuous(t *testing.T) {
	var pairs, others, speakers spread
	for seed := range uint64(3) {
		s := sums(world{people: 60, clips: 12_000, owners: 40, ring: 4}.settle(rand.New(rand.NewPCG(seed, 4)))...)
		for key, sum := range s.Pairs {
			switch {
			case key.B < id(4):
				pairs.add(sum.Wrong)
			case key.A >= id(4):
				others.add(sum.Wrong)
			}
		}
		for key, tally := range s.Affinities {
			if key.Validator < id(4) && key.Owner < id(4) {
				speakers.add(tally)
			}
		}
	}
	t.Logf("pairs of the ring: mean z %.1f, at most %.1f; other pairs: at most %.1f; the ring's speakers: mean %.1f", pairs.mean, pairs.most, others.most, speakers.mean)
	if pairs.mean < collusion.PairZ || speakers.mean < collusion.AffinityZ || others.beyond*500 > others.n {
		t.Errorf("pairs of the ring %+v, their speakers %+v, other pairs %+v", pairs, speakers, others)
	}
}

func TestOnePersonWithTwoAccountsIsConspicuous(t *testing.T) {
	for seed := range uint64(5) {
		s := sums(world{people: 12, clips: 4_000, owners: 20, copies: true}.settle(rand.New(rand.NewPCG(seed, 5)))...)
		twins := s.Pairs[collusion.Pair{A: id(0), B: id(1), Language: "ha"}]
		if z := twins.Wrong.Z(); z < 2*collusion.PairZ {
			t.Errorf("seed %d: z = %.1f: %+v", seed, z, twins)
		}
	}
}
