package replay

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// TestTheVariantInForceIsTheEngine holds the experiment to what it compares with:
// with nothing turned on it is the engine, item by item and vote by vote.
func TestTheVariantInForceIsTheEngine(t *testing.T) {
	data := readSet(t, "testdata")
	for seed := range uint64(5) {
		for _, gold := range []int{0, 24} {
			shuffled := func() (*shuffle, *rand.Rand) {
				rng := rand.New(rand.NewPCG(seed, 1))
				return data.shuffle(gold, rng), rng
			}
			s, rng := shuffled()
			want := s.online(policy(nominal), rng)
			s, rng = shuffled()
			if got := s.onlineOf(inForce(), nominal, rng); !reflect.DeepEqual(got, want) {
				t.Errorf("seed %d, %d gold: online %+v, the engine %+v", seed, gold, got, want)
			}
			if got, want := s.batchOf(inForce()), s.batch(policy(nominal)); !reflect.DeepEqual(got, want) {
				t.Errorf("seed %d, %d gold: batch %+v, the engine %+v", seed, gold, got, want)
			}
		}
	}
}

// TestEveryFamilyIsSomethingElse: a setting that changes nothing would be a line
// of the table that was never tried.
func TestEveryFamilyIsSomethingElse(t *testing.T) {
	data := readSet(t, "testdata")
	play := func(v variant, gold float64, seed int) []guess {
		rng := rand.New(rand.NewPCG(uint64(seed), 1))
		return data.shuffle(int(gold*float64(data.known)), rng).onlineOf(v, nominal, rng)
	}
	for _, f := range onlineFamilies() {
		last := f.grid[len(f.grid)-1]
		if reflect.DeepEqual(last, inForce()) {
			continue // the engine, or the engine with gold
		}
		differs := false
		for seed := 0; seed < 20 && !differs; seed++ {
			got := play(last, f.gold, seed)
			if !reflect.DeepEqual(got, play(last, f.gold, seed)) {
				t.Errorf("%s: not the same twice", f.name)
			}
			differs = !reflect.DeepEqual(got, play(inForce(), f.gold, seed))
		}
		if !differs {
			t.Errorf("%s: the same as the engine in force", f.name)
		}
	}
}

// TestTheBoundPrefersGroupsWhereErrorsAreShared makes two crowds: in one, a third
// of the items misleads the same six of ten people; in the other everybody errs
// alone.
func TestTheBoundPrefersGroupsWhereErrorsAreShared(t *testing.T) {
	bound := func(shared bool, groups int) float64 {
		rng := rand.New(rand.NewPCG(3, 3))
		items := make([][]vote, 300)
		for i := range items {
			good, misleading := rng.IntN(2) == 0, shared && rng.IntN(3) == 0
			for worker := range int32(10) {
				right := rng.Float64() < 0.85
				if misleading && worker < 6 {
					right = rng.Float64() < 0.1
				}
				items[i] = append(items[i], vote{worker, right == good})
			}
		}
		v := variant{mean: 0.8, strength: 5, mass: 2, bayes: true, groups: groups, starts: 2, rounds: 100}
		return newMixture(v, 10).fitFrom(func(item int) []vote { return items[item] }, make([]crowd.Label, len(items)), 1)
	}
	if one, two := bound(true, 1), bound(true, 2); two <= one {
		t.Errorf("errors are shared: bound %v with one group, %v with two", one, two)
	}
	if one, two := bound(false, 1), bound(false, 2); two >= one {
		t.Errorf("errors are independent: bound %v with one group, %v with two", one, two)
	}
}

// TestSkillOnItemsOfOneEasinessIsTheMean: where all levels are alike, Newton's
// method finds what the Beta's mean is without it.
func TestSkillOnItemsOfOneEasinessIsTheMean(t *testing.T) {
	m := newMixture(variant{mean: 0.8, strength: 5, mass: 2, levels: []float64{1, 1}}, 1)
	want := math.Log((4 + 7 + 9.5) / (5 + 7 + 9.5 + 2 + 1.5))
	for _, p := range m.rates(4, 1, []float64{7, 9.5}, []float64{2, 1.5}) {
		if math.Abs(p[0]-want) > 1e-9 {
			t.Errorf("%v, want %v", p[0], want)
		}
	}
}

// TestBetasAreThoseOfTheCrowd draws workers' accuracies evenly from 0.5 to 0.9:
// mean 0.7, and the strength of a Beta of that spread is 14.75.
func TestBetasAreThoseOfTheCrowd(t *testing.T) {
	const workers = 400
	m := newMixture(variant{mean: 0.8, strength: 3, mass: 2, empirical: each}, workers)
	for worker := range workers {
		accuracy := 0.5 + 0.4*(float64(worker)+0.5)/workers
		for state := range 2 {
			m.right[2*worker+state], m.wrong[2*worker+state] = 200*accuracy, 200*(1-accuracy)
		}
	}
	for range 40 {
		m.fitBetas()
	}
	for _, b := range m.betas {
		mean, strength := b[0]/(b[0]+b[1]), b[0]+b[1]
		if math.Abs(mean-0.7) > 0.01 || math.Abs(strength-14.75) > 4 {
			t.Errorf("mean %v, strength %v", mean, strength)
		}
	}
}

func TestDigamma(t *testing.T) {
	const euler = 0.5772156649015329
	for x, want := range map[float64]float64{1: -euler, 2: 1 - euler, 0.5: -euler - 2*math.Ln2, 10: 2.251752589066721} {
		if got := digamma(x); math.Abs(got-want) > 1e-9 {
			t.Errorf("digamma(%v) = %v, want %v", x, got, want)
		}
	}
}

// TestASettingIsChosenOnTheOtherSets: what a setting is worth on a set has no say
// in what is reported on it.
func TestASettingIsChosenOnTheOtherSets(t *testing.T) {
	worth := [][]float64{{0.5, 0.5, 0.5}, {0.9, 0.5, 0.4}, {0.1, 0.6, 0.6}, {0.5, 0.5, 0.5}}
	for set, want := range []int{2, 1, 1} {
		if got := (family{}).choose(worth, set); got != want {
			t.Errorf("for set %d setting %d, want %d", set, got, want)
		}
	}
}
