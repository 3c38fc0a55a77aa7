package simulate

import (
	"math"
	"math/rand/v2"

	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// The crowd.
const (
	clips     = 4000
	badShare  = 0.09
	ringShare = 0.05 // of the clips, all bad, where there is a ring
	ringReady = 0.5  // probability that a member of the ring is there to rush to a clip of the ring
)

// kind is how somebody answers.
type kind uint8

const (
	honest     kind = iota
	approver        // approves everything
	guesser         // tosses a coin
	ringMember      // approves the clips of the ring, is honest otherwise: also on gold
)

// person is a validator. An honest one approves good clips with probability
// sensitivity, about 0.95, and rejects bad ones with specificity, about 0.80.
type person struct {
	kind        kind
	sensitivity float64
	specificity float64
}

// clip is a recording; owner is -1 unless a member of the ring sent it.
type clip struct {
	good  bool
	owner int
}

func (c clip) ring() bool { return c.owner >= 0 }

func (c clip) label() crowd.Label {
	if c.good {
		return crowd.Good
	}
	return crowd.Bad
}

// world is one crowd with its clips, the same for all rules.
type world struct {
	people []person // attackers first
	clips  []clip
	ring   int // members of the ring: the first people
}

func newWorld(s scenario, rng *rand.Rand) *world {
	w := &world{people: make([]person, people), clips: make([]clip, clips)}
	for i := range w.people {
		w.people[i] = person{honest, beta(38, 2, rng), beta(16, 4, rng)}
		if i < s.attackers {
			w.people[i].kind = s.attack
		}
	}
	if s.attack == ringMember {
		w.ring = s.attackers
	}
	for i := range w.clips {
		w.clips[i] = clip{good: rng.Float64() >= badShare, owner: -1}
		if w.ring > 0 && rng.Float64() < ringShare {
			w.clips[i] = clip{good: false, owner: rng.IntN(w.ring)}
		}
	}
	return w
}

// approves says how somebody answers on a clip.
func (w *world) approves(who int, c clip, rng *rand.Rand) bool {
	p := w.people[who]
	switch {
	case p.kind == approver || p.kind == ringMember && c.ring():
		return true
	case p.kind == guesser:
		return rng.IntN(2) == 0
	case c.good:
		return rng.Float64() < p.sensitivity
	default:
		return rng.Float64() >= p.specificity
	}
}

// rushers are the members of the ring who are there for one of its clips.
func (w *world) rushers(c clip, rng *rand.Rand) []int {
	var ready []int
	if c.ring() {
		for _, who := range rng.Perm(w.ring) {
			if who != c.owner && rng.Float64() < ringReady {
				ready = append(ready, who)
			}
		}
	}
	return ready
}

// beta draws from a Beta distribution of whole parameters, as the ratio of two
// sums of exponentials.
func beta(a, b int, rng *rand.Rand) float64 {
	x, y := 0.0, 0.0
	for range a {
		x -= math.Log(1 - rng.Float64())
	}
	for range b {
		y -= math.Log(1 - rng.Float64())
	}
	return x / (x + y)
}

// tally collects the score of one rule.
type tally struct {
	world                        *world
	bad, badAccepted             int
	ring, ringAccepted           int
	good, goodRejected           int
	votes, escalated             int
	honestVotes, attackersVotes  int
	honestEarned, attackerEarned float64
}

// verdict counts the verdict on a clip.
func (t *tally) verdict(c clip, accepted bool) {
	switch {
	case c.good:
		t.good++
		t.goodRejected += count(!accepted)
	case c.ring():
		t.ring++
		t.ringAccepted += count(accepted)
		fallthrough
	default:
		t.bad++
		t.badAccepted += count(accepted)
	}
}

// earn counts so many votes of somebody that are each worth a share of the fee.
func (t *tally) earn(who, votes int, share float64) {
	if t.world.people[who].kind == honest {
		t.honestVotes += votes
		t.honestEarned += share * float64(votes)
	} else {
		t.attackersVotes += votes
		t.attackerEarned += share * float64(votes)
	}
}

func (t *tally) score() Score {
	return Score{
		BadAccepted:  share(float64(t.badAccepted), t.bad),
		RingAccepted: share(float64(t.ringAccepted), t.ring),
		GoodRejected: share(float64(t.goodRejected), t.good),
		VotesPerClip: share(float64(t.votes), t.bad+t.good),
		Escalated:    share(float64(t.escalated), t.bad+t.good),
		Pay:          Pay{share(t.honestEarned, t.honestVotes), share(t.attackerEarned, t.attackersVotes)},
	}
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// share is 0 of nothing.
func share(part float64, of int) float64 {
	if of == 0 {
		return 0
	}
	return part / float64(of)
}

// firstTo runs the rule that the first answer with k votes wins. Anybody may
// vote on anything, so whoever rushes comes first. The majority of the votes is
// paid the whole fee.
func (w *world) firstTo(k int, rng *rand.Rand) Score {
	t := &tally{world: w}
	for _, c := range w.clips {
		queue := w.rushers(c, rng)
		for _, who := range rng.Perm(people) {
			if who != c.owner && !has(queue, who) {
				queue = append(queue, who)
			}
		}
		var answers []bool
		approvals := 0
		for approvals < k && len(answers)-approvals < k {
			answers = append(answers, w.approves(queue[len(answers)], c, rng))
			approvals += count(answers[len(answers)-1])
		}
		accepted := approvals == k
		t.votes += len(answers)
		t.verdict(c, accepted)
		for i, approved := range answers {
			t.earn(queue[i], 1, float64(count(approved == accepted)))
		}
	}
	return t.score()
}

func has(people []int, who int) bool {
	for _, p := range people {
		if p == who {
			return true
		}
	}
	return false
}
