package gold_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
	"github.com/lingualink/lingualink/internal/consensus/gold"
)

var rules = consensus.DefaultPolicy().GoldRules // 10 honest answers, 40 %; 20 answers, 3 deviations

func TestLeaked(t *testing.T) {
	for name, c := range map[string]struct {
		record gold.Record
		leaked bool
	}{
		"too few answers":                {gold.Record{Answers: 19, Expected: 12, Variance: 4}, false},
		"enough, and nobody missed":      {gold.Record{Answers: 20, Expected: 12, Variance: 4}, true},
		"three deviations short is luck": {gold.Record{Answers: 20, Misses: 6, Expected: 12, Variance: 4}, false},
		"a little more is not":           {gold.Record{Answers: 20, Misses: 6, Expected: 12.01, Variance: 4}, true},
		"as many misses as expected":     {gold.Record{Answers: 50, Misses: 12, Expected: 12, Variance: 4}, false},
		"more misses than expected":      {gold.Record{Answers: 50, Misses: 40, Expected: 12, Variance: 4}, false},
		"no answers":                     {gold.Record{}, false},
	} {
		if got := c.record.Leaked(rules); got != c.leaked {
			t.Errorf("%s: %v, want %v", name, got, c.leaked)
		}
	}
}

func TestDoubted(t *testing.T) {
	for name, c := range map[string]struct {
		record  gold.Record
		doubted bool
	}{
		"too few honest answers":     {gold.Record{Answers: 50, Misses: 50, HonestAnswers: 9, HonestMisses: 9}, false},
		"four of ten are missed":     {gold.Record{HonestAnswers: 10, HonestMisses: 4}, false},
		"five of ten are":            {gold.Record{HonestAnswers: 10, HonestMisses: 5}, true},
		"only the dishonest miss it": {gold.Record{Answers: 60, Misses: 44, HonestAnswers: 20, HonestMisses: 4}, false},
		"eight of twenty":            {gold.Record{HonestAnswers: 20, HonestMisses: 8}, false},
		"nine of twenty":             {gold.Record{HonestAnswers: 20, HonestMisses: 9}, true},
		"no answers":                 {gold.Record{}, false},
	} {
		if got := c.record.Doubted(rules); got != c.doubted {
			t.Errorf("%s: %v, want %v", name, got, c.doubted)
		}
	}
}

// answers is a skill of so many right and wrong answers on gold, half of them on
// good clips.
func answers(right, wrong crowd.Mass) crowd.Skill {
	return crowd.Skill{Gold: crowd.Counts{
		TP: right * crowd.Answer / 2, FN: wrong * crowd.Answer / 2, TN: right * crowd.Answer / 2, FP: wrong * crowd.Answer / 2,
	}}
}

func TestWeigh(t *testing.T) {
	policy := consensus.DefaultPolicy()
	newcomer, four, five, seven, out := answers(0, 0), answers(4, 0), answers(4, 1), answers(0, 7), answers(0, 8)
	for name, c := range map[string]struct {
		truth   crowd.Label
		skill   crowd.Skill
		approve bool
		want    gold.Answer
	}{
		"a newcomer is right about a good clip": {crowd.Good, newcomer, true, gold.Answer{Chance: 0.2}},
		"a newcomer is wrong about a good clip": {crowd.Good, newcomer, false, gold.Answer{Chance: 0.2, Missed: true}},
		"a newcomer is right about a bad clip":  {crowd.Bad, newcomer, false, gold.Answer{Chance: 1.0 / 3}},
		"a newcomer is wrong about a bad clip":  {crowd.Bad, newcomer, true, gold.Answer{Chance: 1.0 / 3, Missed: true}},
		"four gold answers prove nothing":       {crowd.Good, four, true, gold.Answer{Chance: 1.0 / 7}},
		"five do":                               {crowd.Good, five, true, gold.Answer{Chance: 1.5 / 7.5, Honest: true}},
		"seven wrong answers are not out yet":   {crowd.Good, seven, false, gold.Answer{Chance: 4.5 / 8.5, Honest: true, Missed: true}},
		"who is out is not honest":              {crowd.Good, out, false, gold.Answer{Chance: 5.0 / 9, Missed: true}},
	} {
		got := gold.Weigh(&policy, c.truth, c.skill, c.approve)
		if got.Missed != c.want.Missed || got.Honest != c.want.Honest || math.Abs(got.Chance-c.want.Chance) > 1e-12 {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestAdd(t *testing.T) {
	record := gold.Record{}
	for _, a := range []gold.Answer{{Chance: 0.25}, {Chance: 0.5, Missed: true}, {Chance: 0.25, Honest: true}, {Chance: 0.5, Missed: true, Honest: true}} {
		record = record.Add(a)
	}
	want := gold.Record{Answers: 4, Misses: 2, Expected: 1.5, Variance: 0.875, HonestAnswers: 2, HonestMisses: 1}
	if record != want {
		t.Errorf("%+v, want %+v", record, want)
	}
}

// TestHowOftenTheRulesAreWrong lets fifty people answer, who miss a clip with the
// probability real where their skills say believed, and looks after each answer,
// as the server does. The figures are in docs/adr.
func TestHowOftenTheRulesAreWrong(t *testing.T) {
	const clips = 4000
	for name, c := range map[string]struct {
		real, believed            float64
		leastLeaked, mostLeaked   float64
		leastDoubted, mostDoubted float64
	}{
		"a crowd that is as good as its skills say":  {0.15, 0.15, 0, 0.001, 0, 0.05},
		"a hard clip of the right truth":             {0.25, 0.15, 0, 0.001, 0, 0.30},
		"a clip of the wrong truth":                  {0.85, 0.15, 0, 0, 1, 1},
		"newcomers, better on bad clips than feared": {0.20, 1.0 / 3, 0, 0.20, 0, 0.15},
		"newcomers who know that a clip is bad":      {0.02, 1.0 / 3, 0.99, 1, 0, 0.001},
		"newcomers who know that a clip is good":     {0.02, 0.20, 0.70, 1, 0, 0.001},
		// What everybody hears looks like what everybody was told: such a clip
		// retires early.
		"newcomers on a bad clip that is easy": {0.05, 1.0 / 3, 0.9, 1, 0, 0.001},
	} {
		r := rand.New(rand.NewPCG(1, 2))
		leaked, doubted := 0, 0
		for range clips {
			record, leak, doubt := gold.Record{}, false, false
			for range 50 {
				record = record.Add(gold.Answer{Missed: r.Float64() < c.real, Chance: c.believed, Honest: true})
				leak, doubt = leak || record.Leaked(rules), doubt || record.Doubted(rules)
			}
			if leak {
				leaked++
			}
			if doubt {
				doubted++
			}
		}
		l, d := float64(leaked)/clips, float64(doubted)/clips
		t.Logf("%s: leaked %.4f, doubted %.4f", name, l, d)
		if l < c.leastLeaked || l > c.mostLeaked {
			t.Errorf("%s: %.4f are called leaked, want %v to %v", name, l, c.leastLeaked, c.mostLeaked)
		}
		if d < c.leastDoubted || d > c.mostDoubted {
			t.Errorf("%s: %.4f are doubted, want %v to %v", name, d, c.leastDoubted, c.mostDoubted)
		}
	}
}

// TestEverySetIsHalfBad draws many lives of a validator.
func TestEverySetIsHalfBad(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, onboarding := range []int{0, 1, 2, 4, 5, 10, 20, 31} {
		firstGood, lives := 0, 2000
		for range lives {
			seen := map[crowd.Label]int{}
			for n := 1; n <= onboarding+40; n++ {
				order := gold.Order(gold.GoodNext(seen[crowd.Good], seen[crowd.Bad], onboarding), r.Float64())
				if n == 1 && order[0] == crowd.Good {
					firstGood++
				}
				seen[order[0]]++
				ends := n == onboarding || n > onboarding && (n-onboarding)%10 == 0
				if off := seen[crowd.Good] - seen[crowd.Bad]; ends && off != 0 && (n%2 == 0 || off*off != 1) {
					t.Fatalf("onboarding of %d: after %d, %d are good and %d bad", onboarding, n, seen[crowd.Good], seen[crowd.Bad])
				}
			}
		}
		if share := float64(firstGood) / float64(lives); share < 0.45 || share > 0.55 {
			t.Errorf("onboarding of %d: the first is good in %.3f of lives", onboarding, share)
		}
	}
}

// TestTheOrderTellsLittle is why turns are not taken: whoever knows all earlier
// answers guesses the next one little better than a coin.
func TestTheOrderTellsLittle(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	guessed, asked := 0, 0
	for range 2000 {
		seen := map[crowd.Label]int{}
		for range 100 {
			next := gold.GoodNext(seen[crowd.Good], seen[crowd.Bad], 10)
			guess := crowd.Bad
			if next >= 0.5 {
				guess = crowd.Good
			}
			truth := gold.Order(next, r.Float64())[0]
			seen[truth]++
			asked++
			if truth == guess {
				guessed++
			}
		}
	}
	if share := float64(guessed) / float64(asked); share > 0.68 {
		t.Errorf("%.3f of the answers can be guessed; taking turns would give .75", share)
	} else {
		t.Logf("%.3f of the answers can be guessed", share)
	}
}

func TestOrder(t *testing.T) {
	good, bad := crowd.Good, crowd.Bad
	for _, c := range []struct {
		next, draw float64
		want       []crowd.Label
	}{
		{1, 0.999, []crowd.Label{good}}, // the other would upset the balance
		{0, 0, []crowd.Label{bad}},
		{0.5, 0.49, []crowd.Label{good, bad}},
		{0.5, 0.5, []crowd.Label{bad, good}},
		{0.1, 0.05, []crowd.Label{good, bad}},
		{0.9, 0.95, []crowd.Label{bad, good}},
	} {
		if got := gold.Order(c.next, c.draw); !slices.Equal(got, c.want) {
			t.Errorf("%v drawn %v: %v, want %v", c.next, c.draw, got, c.want)
		}
	}
	for name, c := range map[string]struct {
		good, bad int
		want      float64
	}{
		"the first":           {0, 0, 0.5},
		"after one good":      {1, 0, 4.0 / 9},
		"four good are left":  {1, 5, 1},
		"none is left":        {5, 2, 0},
		"a new set":           {5, 5, 0.5},
		"truth turned round":  {9, 1, 0.1},
		"a set beyond rescue": {14, 1, 0},
	} {
		if got := gold.GoodNext(c.good, c.bad, 10); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
