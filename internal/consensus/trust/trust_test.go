package trust_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
	"github.com/lingualink/lingualink/internal/consensus/trust"
)

// gold is somebody with so many answers on clips of known truth.
func gold(tp, fn, tn, fp int64) crowd.Skill {
	return crowd.Skill{Gold: counts(tp, fn, tn, fp)}
}

// learned is the same from verdicts.
func learned(tp, fn, tn, fp int64) crowd.Skill {
	return crowd.Skill{Learned: counts(tp, fn, tn, fp)}
}

func counts(tp, fn, tn, fp int64) crowd.Counts {
	return crowd.Counts{
		TP: crowd.Mass(tp) * crowd.Answer, FN: crowd.Mass(fn) * crowd.Answer,
		TN: crowd.Mass(tn) * crowd.Answer, FP: crowd.Mass(fp) * crowd.Answer,
	}
}

// The languages: nine of ten settled clips are good, as almost everywhere, with
// gold to prove oneself by and without.
var (
	settled = crowd.Language{Good: 900 * crowd.Answer, Settled: 1000 * crowd.Answer}
	gated   = crowd.Language{Good: 900 * crowd.Answer, Settled: 1000 * crowd.Answer, GoldClips: 20}
)

func policy() *consensus.Policy {
	p := consensus.DefaultPolicy()
	return &p
}

func TestAssess(t *testing.T) {
	cases := []struct {
		name     string
		language crowd.Language
		skill    crowd.Skill
		want     trust.Assessment
	}{
		// 0.8 x 4/5 + 0.2 x 2/3; variances 4/150 and 2/36
		{"nobody knows", gated, crowd.Skill{},
			trust.Assessment{State: trust.Unproven, Accuracy: 0.7733, Low: 0.5449, High: 1}},
		{"four of five on gold do not prove", gated, gold(2, 0, 2, 0),
			trust.Assessment{State: trust.Unproven, Accuracy: 0.8457, Low: 0.6743, High: 1, Answers: 4}},
		{"five do", gated, gold(3, 0, 2, 0),
			trust.Assessment{State: trust.Proven, Tier: trust.Bronze, Accuracy: 0.86, Low: 0.7053, High: 1, Answers: 5, PayBps: 7737}},
		{"verdicts prove nobody where there is gold", gated, learned(180, 5, 14, 1),
			trust.Assessment{State: trust.Unproven, Accuracy: 0.9525, Low: 0.9235, High: 0.9815, Answers: 200}},
		{"where there is none, nineteen do not", settled, learned(17, 0, 2, 0),
			trust.Assessment{State: trust.Unproven, Accuracy: 0.9236, Low: 0.8452, High: 1, Answers: 19}},
		{"but twenty do", settled, learned(18, 0, 2, 0),
			trust.Assessment{State: trust.Proven, Tier: trust.Bronze, Accuracy: 0.9252, Low: 0.8485, High: 1, Answers: 20, PayBps: 10_000}},

		{"approves everything, one short of out", gated, gold(3, 0, 0, 4),
			trust.Assessment{State: trust.Proven, Tier: trust.Bronze, Accuracy: 0.7571, Low: 0.6029, High: 0.9114, Answers: 7}},
		{"approves everything", gated, gold(4, 0, 0, 4),
			trust.Assessment{State: trust.Excluded, Accuracy: 0.7683, Low: 0.6273, High: 0.9092, Answers: 8}},
		{"approves everything for a year", gated, gold(500, 0, 0, 500),
			trust.Assessment{State: trust.Excluded, Accuracy: 0.788, Low: 0.7852, High: 0.7908, Answers: 1000}},
		{"rejects everything", gated, gold(0, 500, 500, 0),
			trust.Assessment{State: trust.Excluded, Accuracy: 0.212, Low: 0.2068, High: 0.2172, Answers: 1000}},
		{"guesses", gated, gold(25, 25, 25, 25),
			trust.Assessment{State: trust.Excluded, Accuracy: 0.5237, Low: 0.4331, High: 0.6143, Answers: 100}},
		{"is always wrong", gated, gold(0, 50, 0, 50),
			trust.Assessment{State: trust.Excluded, Accuracy: 0.0657, Low: 0.0193, High: 0.1122, Answers: 100}},
		{"verdicts alone exclude nobody", settled, learned(500, 0, 0, 500),
			trust.Assessment{State: trust.Proven, Tier: trust.Bronze, Accuracy: 0.788, Low: 0.7852, High: 0.7908, Answers: 1000}},

		{"an honest beginner", gated, gold(5, 0, 4, 1),
			trust.Assessment{State: trust.Proven, Tier: trust.Bronze, Accuracy: 0.87, Low: 0.7419, High: 0.9981, Answers: 10, PayBps: 7672}},
		{"one answer short of silver", gated, gold(53, 3, 34, 9),
			trust.Assessment{State: trust.Proven, Tier: trust.Bronze, Accuracy: 0.9041, Low: 0.8582, High: 0.9499, Answers: 99, PayBps: 10_000}},
		{"silver", gated, gold(54, 3, 34, 9),
			trust.Assessment{State: trust.Proven, Tier: trust.Silver, Accuracy: 0.9049, Low: 0.8596, High: 0.9502, Answers: 100, PayBps: 10_000}},
		{"the honest crowd, one answer short of gold", gated, gold(141, 8, 120, 30),
			trust.Assessment{State: trust.Proven, Tier: trust.Silver, Accuracy: 0.9127, Low: 0.8857, High: 0.9397, Answers: 299, PayBps: 10_000}},
		{"the honest crowd, gold", gated, gold(142, 8, 120, 30),
			trust.Assessment{State: trust.Proven, Tier: trust.Gold, Accuracy: 0.913, Low: 0.8862, High: 0.9399, Answers: 300, PayBps: 10_000}},
		{"many answers of middling quality stay bronze", gated, gold(400, 100, 400, 100),
			trust.Assessment{State: trust.Proven, Tier: trust.Bronze, Accuracy: 0.7998, Low: 0.7757, High: 0.824, Answers: 1000, PayBps: 9451}},
		{"of good quality silver", gated, gold(440, 60, 420, 80),
			trust.Assessment{State: trust.Proven, Tier: trust.Silver, Accuracy: 0.8712, Low: 0.8513, High: 0.891, Answers: 1000, PayBps: 10_000}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := trust.Assess(policy(), c.language, c.skill); got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

// TestTiersBeginAtTheVeryFigure moves the policy's bounds to the assessment and
// one step beyond.
func TestTiersBeginAtTheVeryFigure(t *testing.T) {
	skill := gold(142, 8, 120, 30)
	low := trust.Assess(policy(), gated, skill).Low
	for _, c := range []struct {
		answers  int64
		accuracy float64
		silver   trust.Tier // with these as the bounds of silver, and of gold
		gold     trust.Tier
	}{
		{300, low, trust.Silver, trust.Gold},
		{301, low, trust.Bronze, trust.Silver},
		{300, low + 0.0001, trust.Bronze, trust.Silver},
	} {
		p := policy()
		p.SilverAnswers, p.SilverAccuracy, p.GoldTierAnswers, p.GoldTierAccuracy = c.answers, c.accuracy, 1000, 0.99
		if got := trust.Assess(p, gated, skill).Tier; got != c.silver {
			t.Errorf("silver from %d answers and %v: %s", c.answers, c.accuracy, got)
		}
		p = policy()
		p.GoldTierAnswers, p.GoldTierAccuracy = c.answers, c.accuracy
		if got := trust.Assess(p, gated, skill).Tier; got != c.gold {
			t.Errorf("gold from %d answers and %v: %s", c.answers, c.accuracy, got)
		}
	}
}

// TestApprovingEverythingIsNoMerit compares the accuracy with the share of right
// answers where 95 of 100 clips are good.
func TestApprovingEverythingIsNoMerit(t *testing.T) {
	rich := crowd.Language{Good: 9500 * crowd.Answer, Settled: 10_000 * crowd.Answer}
	a := trust.Assess(policy(), rich, learned(950, 0, 0, 50))
	if a.Accuracy >= policy().SilverAccuracy || a.Tier != trust.Bronze || a.PayBps != 0 {
		t.Errorf("who approves 1000 clips of which 950 are good is %+v", a)
	}
	if honest := trust.Assess(policy(), rich, learned(902, 48, 40, 10)); honest.Low <= a.High {
		t.Errorf("an honest validator (%+v) is not told from who approves everything (%+v)", honest, a)
	}
}

func TestTheIntervalHoldsNinetyPercent(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, skill := range []crowd.Skill{gold(20, 3, 15, 6), gold(100, 10, 60, 20), learned(300, 9, 25, 4)} {
		a := trust.Assess(policy(), settled, skill)
		const draws = 20_000
		inside := 0
		for range draws {
			all := skill.All()
			sens := draw(rng, 4+int(all.TP/crowd.Answer), 1+int(all.FN/crowd.Answer))
			spec := draw(rng, 2+int(all.TN/crowd.Answer), 1+int(all.FP/crowd.Answer))
			if accuracy := 0.8*sens + 0.2*spec; a.Low <= accuracy && accuracy <= a.High {
				inside++
			}
		}
		if share := float64(inside) / draws; share < 0.885 || share > 0.915 {
			t.Errorf("%.3f of the posterior lies in %v to %v, want 0.9", share, a.Low, a.High)
		}
	}
}

// draw takes a Beta of whole parameters: the a-th smallest of a+b-1 uniforms.
func draw(rng *rand.Rand, a, b int) float64 {
	u := make([]float64, a+b-1)
	for i := range u {
		u[i] = rng.Float64()
	}
	slices.Sort(u)
	return u[a-1]
}

// TestAnswersPullTheRightWay adds one answer to made-up skills: a right one never
// makes anything worse, a wrong one nothing better.
func TestAnswersPullTheRightWay(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	enough := int64(policy().OutAnswers) // the answer that makes it enough may exclude, right or wrong
	rank := map[trust.Tier]int{trust.NoTier: 0, trust.Bronze: 1, trust.Silver: 2, trust.Gold: 3}
	for range 20_000 {
		language := gated
		if rng.IntN(2) == 0 {
			language = settled
		}
		size := 1 + rng.Int64N(1+rng.Int64N(500))
		skill := gold(rng.Int64N(size), rng.Int64N(size), rng.Int64N(size), rng.Int64N(size))
		skill.Learned = counts(rng.Int64N(size), rng.Int64N(size), rng.Int64N(size), rng.Int64N(size))
		before := trust.Assess(policy(), language, skill)
		if !(0 <= before.Low && before.Low <= before.Accuracy && before.Accuracy <= before.High && before.High <= 1) {
			t.Fatalf("%+v: %+v", skill, before)
		}
		if before.PayBps < 0 || before.PayBps > 10_000 || before.State != trust.Proven && (before.PayBps != 0 || before.Tier != trust.NoTier) {
			t.Fatalf("%+v: %+v", skill, before)
		}
		truth, approve := crowd.Good, rng.IntN(2) == 0
		if rng.IntN(2) == 0 {
			truth = crowd.Bad
		}
		after := trust.Assess(policy(), language, skill.Apply(crowd.Exactly(crowd.FromGold, truth, approve)))
		if approve == (truth == crowd.Good) {
			worse := after.PayBps < before.PayBps || rank[after.Tier] < rank[before.Tier] || after.State == trust.Excluded && before.State != trust.Excluded
			if after.Accuracy < before.Accuracy || after.Low < before.Low || worse && skill.GoldAnswers() != enough-1 {
				t.Fatalf("a right answer turned %+v into %+v (%+v)", before, after, skill)
			}
		} else if after.Accuracy > before.Accuracy || before.State == trust.Excluded && after.State != trust.Excluded {
			t.Fatalf("a wrong answer turned %+v into %+v (%+v)", before, after, skill)
		}
	}
}

func TestLessons(t *testing.T) {
	for _, c := range []struct {
		gate   int
		proven int64
		want   int
	}{{5, 20, 5}, {100, 100, 5}, {3, 20, 3}, {5, 2, 2}, {0, 20, 1}} {
		p := policy()
		p.GateAnswers, p.ProvenAnswers = c.gate, c.proven
		if got := trust.Lessons(p); got != c.want {
			t.Errorf("%d gold answers or %d of any kind prove: %d lessons, want %d", c.gate, c.proven, got, c.want)
		}
	}
}
