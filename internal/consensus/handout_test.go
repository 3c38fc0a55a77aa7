package consensus_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/lingualink/lingualink/internal/consensus"
)

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x71756575)) }

// handOuts lets n clips go out from a state and returns the numbers of those
// that were controls.
func handOuts(s *consensus.Slots, share float64, n int, rng *rand.Rand) []int64 {
	controls := []int64{}
	for range n {
		due := s.GoldDue(share, rng)
		if again := s.GoldDue(share, rng); again != due {
			panic("asking again changed the answer")
		}
		s.Handed++
		if due {
			controls = append(controls, s.Handed)
		}
	}
	return controls
}

func TestEveryBlockHasOneControl(t *testing.T) {
	for _, c := range []struct {
		share float64
		block int64
	}{{0.05, 20}, {0.5, 2}, {0.3, 3}, {0.01, 100}} {
		const blocks = 4000
		s := consensus.Slots{}
		places := map[int64]int{}
		controls := handOuts(&s, c.share, blocks*int(c.block), seeded(1))
		if len(controls) != blocks {
			t.Fatalf("share %v: %d controls in %d blocks", c.share, len(controls), blocks)
		}
		for i, n := range controls {
			if block := (n - 1) / c.block; block != int64(i) {
				t.Fatalf("share %v: control %d is in block %d", c.share, i, block)
			}
			places[(n-1)%c.block]++
		}
		for place := range c.block {
			want := blocks / float64(c.block)
			if got := float64(places[place]); math.Abs(got-want) > 5*math.Sqrt(want) {
				t.Errorf("share %v: place %d was drawn %v times, want about %v", c.share, place, got, want)
			}
		}
	}
}

// TestControlsKeepTheirShareWhereverTheBlocksBegin begins in the middle of a
// block, as after the onboarding, with a place of an earlier policy, or with one
// that was missed.
func TestControlsKeepTheirShareWhereverTheBlocksBegin(t *testing.T) {
	for name, begin := range map[string]consensus.Slots{
		"after the onboarding":            {Handed: 10},
		"at the end of a block":           {Handed: 20},
		"one before the end":              {Handed: 19},
		"the place was passed":            {Handed: 130, GoldAt: 3},
		"the place is far away":           {Handed: 130, GoldAt: 900},
		"there was no control when due":   {Handed: 45, GoldAt: 45},
		"the place lies in the block yet": {},
	} {
		const tries = 40_000
		rng, hits := seeded(2), 0
		for range tries {
			s := begin
			controls := handOuts(&s, 0.05, 40, rng)
			hits += len(controls)
			for i := 1; i < len(controls); i++ {
				if (controls[i]-1)/20 != (controls[i-1]-1)/20+1 {
					t.Fatalf("%s: controls at %v", name, controls)
				}
			}
		}
		// 45 lost its slot: of 46 to 85 only 61 to 85 and the first of the next
		// block but one can have one, so the mean is lower there.
		want := 2.0 * tries
		if name == "there was no control when due" {
			want = (40 - 15) / 20.0 * tries
		}
		if math.Abs(float64(hits)-want) > 0.01*want {
			t.Errorf("%s: %d controls in %d runs of 40, want %v", name, hits, tries, want)
		}
	}
}

func TestNoShareNoControls(t *testing.T) {
	for _, share := range []float64{0, 1e-300} {
		s := consensus.Slots{GoldAt: 1}
		if controls := handOuts(&s, share, 1000, seeded(3)); len(controls) != 0 {
			t.Errorf("share %v: controls at %v", share, controls)
		}
	}
}

func TestSecondVotesGoToTheBestOfThree(t *testing.T) {
	crowd := func(n int, informativeness float64) []float64 {
		others := make([]float64, n)
		for i := range others {
			others[i] = informativeness
		}
		return others
	}
	for _, c := range []struct {
		name        string
		own         float64
		others      []float64
		bestOf      int
		randomShare float64
		want        float64
	}{
		{"nobody else is there", 0.1, nil, 3, 0, 1},
		{"the best of all", 0.9, crowd(50, 0.8), 3, 0, 1},
		{"as good as everybody", 0.8, crowd(50, 0.8), 3, 0, 1},
		{"worse than everybody", 0.1, crowd(50, 0.8), 3, 0, 0},
		{"worse than everybody, but a share is anybody's", 0.1, crowd(50, 0.8), 3, 0.2, 0.2},
		{"worse than the only other", 0.1, crowd(1, 0.8), 3, 0, 0},
		{"the first of one", 0.1, crowd(50, 0.8), 1, 0, 1},
		// Neither of two drawn without replacement is among the better 5 of 10.
		{"better than half of them", 0.5, append(crowd(5, 0.2), crowd(5, 0.9)...), 3, 0, 5.0 / 10 * 4 / 9},
		{"everything is anybody's", 0.1, crowd(50, 0.8), 3, 1, 1},
	} {
		policy := consensus.DefaultPolicy()
		policy.BestOf, policy.RandomShare = c.bestOf, c.randomShare
		const draws = 20_000
		rng, taken := seeded(4), 0
		for range draws {
			if policy.MayTake(c.own, append([]float64(nil), c.others...), rng) {
				taken++
			}
		}
		got := float64(taken) / draws
		if tolerance := 4 * math.Sqrt(c.want*(1-c.want)/draws); math.Abs(got-c.want) > tolerance {
			t.Errorf("%s: takes %.4f of the clips, want %.4f", c.name, got, c.want)
		}
	}
}
