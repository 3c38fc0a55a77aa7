package replay

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// What docs/adr/0022-variants-tried.md reports is printed by
//
//	go test ./internal/consensus/replay -run Variants -v -timeout 60m -sets DIR
//
// where DIR holds a directory per set with votes.csv and truth.csv, as
// "consensus replay" reads them. -run Variants/online/GLAD does one family.
var setsDir = flag.String("sets", "", "directory of sets on which the variants are compared")

// Runs are reported on seeds from 0, as the command's, and settings chosen on others.
var replays = flag.Int("replays", 20, "seeds on which the variants are reported")

const (
	nominal     = 0.95  // threshold
	votePrice   = 0.016 // of accuracy that one vote more per item is worth (0013)
	firstTuning = 100
)

// family is a kind of variant with the settings from which the other sets choose.
// The first is preferred where they do not tell.
type family struct {
	name string
	grid []variant
	gold float64 // share told, online only
}

// inForce are the numbers of [policy].
func inForce() variant { return variant{mean: 0.8, strength: 3, mass: 20} }

// vary makes of every variant one for each value.
func vary(grid []variant, set func(*variant, float64), values ...float64) (wider []variant) {
	for _, v := range grid {
		for _, value := range values {
			w := v
			set(&w, value)
			wider = append(wider, w)
		}
	}
	return wider
}

func strength(v *variant, x float64) { v.strength = x }
func meanRate(v *variant, x float64) { v.mean = x }
func mass(v *variant, x float64)     { v.mass = x }
func groups(v *variant, x float64)   { v.groups = int(x) }
func rounds(v *variant, x float64)   { v.rounds = int(x) }

// unevenFamilies are settings that gain where the labels are even, one each:
// nothing is chosen.
func unevenFamilies() (f []family) {
	for _, x := range []float64{20, 10, 40, 80, 160, math.Inf(1)} {
		f = append(f, family{name: fmt.Sprintf("mass %v", x), grid: vary(one(), mass, x)})
	}
	for _, x := range []float64{2, 1.5, 1, 5} {
		f = append(f, family{name: fmt.Sprintf("strength %v", x), grid: vary(one(), strength, x)})
	}
	return f
}

// with turns something on in every variant of a grid.
func with(grid []variant, set func(*variant)) []variant {
	return vary(grid, func(v *variant, _ float64) { set(v) }, 0)
}

func hardness(v *variant, x float64) {
	v.levels = [][]float64{{1, 0.5}, {1, 0.3}, {1, 0}, {1, 2, 0.5}, {1, 2, 0.25}}[int(x)]
}

func one() []variant { return []variant{inForce()} }

// some is the part of the engine's own grid over which every family is chosen. The
// opinion on the labels stays: a stronger one wins where they are even and loses
// where they are not, see unevenFamilies.
func some() []variant { return vary(one(), strength, 3, 2, 5) }

// families of both engines.
func families() []family {
	return []family{
		{name: "engine in force", grid: one()},
		{name: "its numbers chosen anew", grid: vary(vary(vary(one(), meanRate, 0.8, 0.75, 0.85), strength, 3, 2, 5), mass, 20, 10, 40)},
		{name: "its strength alone", grid: vary(one(), strength, 3, 2, 1.5, 1, 5)},
		{name: "labels held even", grid: vary(vary(one(), strength, 3, 2, 5), mass, math.Inf(1))},
		{name: "more rounds", grid: vary(one(), rounds, 30, 60, 120)},
		{name: "one coin", grid: with(some(), func(v *variant) { v.oneCoin = true })},
		{name: "two coins drawn to one", grid: vary(some(), func(v *variant, x float64) { v.toward = x }, 3, 6, 12)},
		{name: "Beta per coin from the crowd", grid: with(some(), func(v *variant) { v.empirical = each })},
		{name: "one Beta from the crowd", grid: with(some(), func(v *variant) { v.empirical = common })},
		{name: "variational (iBCC)", grid: with(some(), func(v *variant) { v.bayes = true })},
		{name: "cautious rates", grid: vary(some(), func(v *variant, x float64) { v.cautious = x }, 0.25, 0.5, 1)},
		{name: "contrary turned round", grid: with(some(), func(v *variant) { v.contrary = true })},
		{name: "difficulty, one coin (GLAD)", grid: vary(with(vary(one(), strength, 3, 5), func(v *variant) { v.oneCoin = true }), hardness, 0, 1, 2, 3, 4)},
		{name: "difficulty, two coins", grid: vary(vary(one(), strength, 3, 2), hardness, 0, 1)},
		{name: "votes tempered", grid: vary(vary(one(), strength, 3, 2), func(v *variant, x float64) { v.temper = x }, 0.9, 0.8, 0.7)},
		{name: "pairs discounted", grid: vary(one(), func(v *variant, x float64) { v.pairs = x }, 5, 20, 50, 150)},
	}
}

func batchFamilies() []family {
	ebcc := vary(vary(vary(with(one(), func(v *variant) { v.bayes = true; v.rounds = 60; v.starts = 4 }), groups, 3, 2, 5, 10), strength, 5, 3), mass, 2)
	wide := vary(vary(vary(one(), meanRate, 0.8, 0.7, 0.75, 0.85, 0.9), strength, 3, 1, 2, 5, 10, 20), mass, 20, 2, 10, 40, 200)
	difficult := inForce()
	hardness(&difficult, 0)
	return append(families(),
		family{name: "its numbers, wide grid", grid: wide},
		family{name: "EBCC", grid: ebcc},
		family{name: "committee with EBCC and difficulty", grid: with(one(), func(v *variant) {
			v.committee = []variant{ebcc[0], difficult}
		})})
}

func onlineFamilies() []family {
	ebcc := vary(vary(with(one(), func(v *variant) { v.bayes = true; v.rounds = 15 }), groups, 2, 3), strength, 5)
	return append(families(),
		family{name: "EBCC", grid: ebcc},
		family{name: "bar grows or falls", grid: vary(one(), func(v *variant, x float64) { v.taper = x }, 0.1, 0.05, -0.05, -0.1)},
		family{name: "re-estimates more or less often", grid: vary(one(), func(v *variant, x float64) { v.fits = int(x) }, 40, 10)},
		family{name: "verdicts relabelled", grid: with(one(), func(v *variant) { v.relabel = true })},
		family{name: "best of so many", grid: vary(one(), func(v *variant, x float64) { v.bestOf = int(x) }, 3, 2, 5)},
		family{name: "nearest to a verdict first", grid: vary(one(), func(v *variant, x float64) { v.nearest = int(x) }, 2, 3, 6)},
		family{name: "farthest from a verdict first", grid: vary(one(), func(v *variant, x float64) { v.nearest = int(x) }, -2, -3, -6)},
		family{name: "5 % gold", grid: one(), gold: 0.05},
		family{name: "5 % gold, calibrated", grid: with(one(), func(v *variant) { v.calibrate = true }), gold: 0.05})
}

// TestVariants chooses each family's setting for every set on the other sets
// only, and prints what that setting reaches on it.
func TestVariants(t *testing.T) {
	sets := readSets(t)
	online := func(s set, v variant, gold float64, first, seeds int) []Stopping {
		return parallel(seeds, func(seed int) Stopping {
			rng := rand.New(rand.NewPCG(uint64(first+seed), 1))
			shuffled := s.shuffle(int(gold*float64(s.known)+0.5), rng)
			return shuffled.score(shuffled.onlineOf(v, nominal, rng))
		})
	}
	compare(t, "batch", sets, batchFamilies(), func(s set, v variant, _ float64, _, _ int) []Stopping {
		shuffled := s.shuffle(0, rand.New(rand.NewPCG(0, 1)))
		return []Stopping{{Accuracy: shuffled.score(shuffled.batchOf(v)).Accuracy}}
	})
	compare(t, "online", sets, onlineFamilies(), online)
	compare(t, "uneven", uneven(sets), unevenFamilies(), online)
}

type measure func(s set, v variant, gold float64, first, seeds int) []Stopping

func compare(t *testing.T, engine string, sets []set, families []family, m measure) {
	t.Run(engine, func(t *testing.T) {
		base := make([][]Stopping, len(sets))
		for i, s := range sets {
			base[i] = m(s, inForce(), 0, 0, *replays)
		}
		if *setsDir == "" {
			families = families[:1] // the engine itself, or as it is compared with
		}
		for i, f := range families {
			t.Run(f.name, func(t *testing.T) {
				row, gain := f.row(sets, base, m)
				fmt.Println(engine + " | " + row)
				if i == 0 && gain != 0 {
					t.Errorf("the engine in force gains %v over itself", gain)
				}
			})
		}
	})
}

// row is a line of the table: by set accuracy @ votes, then their mean, and by how
// much that is better than the engine in force at votePrice a vote, with the
// standard error over the seeds.
func (f family) row(sets []set, base [][]Stopping, m measure) (row string, gain float64) {
	worth := make([][]float64, len(f.grid)) // by setting and set, on tuning seeds
	for i, v := range f.grid {
		worth[i] = make([]float64, len(sets))
		for k, s := range sets {
			if len(f.grid) > 1 {
				worth[i][k] = value(average(m(s, v, f.gold, firstTuning, s.tuningSeeds())))
			}
		}
	}
	var cells, chosen []string
	results := make([][]Stopping, len(sets))
	var total Stopping
	for k, s := range sets {
		best := f.choose(worth, k)
		results[k] = m(s, f.grid[best], f.gold, 0, *replays)
		a := average(results[k])
		total.add(a, float64(len(sets)))
		cells = append(cells, show(a))
		chosen = append(chosen, fmt.Sprint(best))
	}
	gain, doubt := difference(results, base)
	row = fmt.Sprintf("%s | %s | %s | %+.4f ± %.4f | %s of %d", f.name, strings.Join(cells, " | "), show(total), gain, doubt, strings.Join(chosen, " "), len(f.grid))
	return row, gain
}

// choose is the setting that is best on the mean of all sets but one.
func (f family) choose(worth [][]float64, without int) int {
	best, most := 0, math.Inf(-1)
	for i, w := range worth {
		if others := sum(w) - w[without]; others > most+1e-9 {
			best, most = i, others
		}
	}
	return best
}

func value(s Stopping) float64 { return s.Accuracy - votePrice*s.VotesPerItem }

func average(results []Stopping) (a Stopping) {
	for _, r := range results {
		a.add(r, float64(len(results)))
	}
	return a
}

// difference of the means over sets, paired by seed.
func difference(results, base [][]Stopping) (mean, deviation float64) {
	seeds := len(results[0])
	square := 0.0
	for seed := range seeds {
		d := 0.0
		for k := range results {
			d += (value(results[k][seed]) - value(base[k][seed])) / float64(len(results))
		}
		mean += d / float64(seeds)
		square += d * d / float64(seeds)
	}
	return mean, math.Sqrt(max(square-mean*mean, 0) / float64(max(seeds-1, 1)))
}

func show(s Stopping) string {
	if s.VotesPerItem == 0 {
		return fmt.Sprintf("%.4f", s.Accuracy)
	}
	return fmt.Sprintf("%.4f@%.2f", s.Accuracy, s.VotesPerItem)
}
