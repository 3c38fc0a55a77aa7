package replay

import (
	"math/rand/v2"
	"slices"

	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

const (
	openItems = 100 // items that take votes at a time
	estimates = 20  // re-estimates per run: one every 5 % of the items
)

// run is the online engine at work on one shuffle.
type run struct {
	*shuffle
	policy   *crowd.Policy
	language crowd.Language
	skills   []crowd.Skill   // per worker
	weights  []crowd.Weights // per worker, of his skill
	taken    []int           // per item: how many of its votes were taken
	verdict  []crowd.Decision
	open     []int // items that take votes
	dry      []int // items in doubt that have no votes left
	log      crowd.Log
	ballots  []crowd.Ballot
}

// online plays the votes one by one: always so many items are open, and a random
// one of them takes its next vote. What has run dry in doubt is judged anew after
// each re-estimate, and guessed in the end with all that was learned.
//
// A gold item takes all of its votes, as gold clips go on being handed out, and
// every answer teaches at once.
func (s *shuffle) online(p *crowd.Policy, rng *rand.Rand) []guess {
	items := s.data.items()
	r := &run{
		shuffle: s, policy: p,
		skills: make([]crowd.Skill, s.data.workers), weights: make([]crowd.Weights, s.data.workers),
		taken: make([]int, items), verdict: make([]crowd.Decision, items),
	}
	for worker := range r.weights {
		r.learn(worker, crowd.Event{})
	}
	every := max(1, items/estimates)
	waiting, closed := s.order, 0
	for {
		n := min(openItems-len(r.open), len(waiting))
		r.open, waiting = append(r.open, waiting[:n]...), waiting[n:]
		if len(r.open) == 0 {
			break
		}
		if r.step(rng.IntN(len(r.open))) {
			if closed++; closed%every == 0 {
				r.estimate()
			}
		}
	}
	r.estimate()
	guesses := make([]guess, items)
	for item, d := range r.verdict {
		guesses[item] = guess{d.LogOdds.Label(), r.taken[item], d.Outcome == crowd.Undecided}
	}
	return guesses
}

// step takes the next vote on an open item and says whether that closed it.
func (r *run) step(place int) bool {
	item := r.open[place]
	v := r.of(item)[r.taken[item]]
	r.taken[item]++
	empty := r.taken[item] == len(r.of(item))
	if truth := r.gold[item]; truth != crowd.Unknown {
		r.learn(int(v.worker), crowd.Exactly(crowd.FromGold, truth, v.approve))
	} else if r.judge(item) {
		empty = true
	} else if empty {
		r.dry = append(r.dry, item)
	}
	if empty {
		last := len(r.open) - 1
		r.open[place] = r.open[last]
		r.open = r.open[:last]
	}
	return empty
}

// judge decides an item if it can, and learns from it.
func (r *run) judge(item int) bool {
	votes := r.of(item)[:r.taken[item]]
	r.ballots = r.ballots[:0]
	for _, v := range votes {
		r.ballots = append(r.ballots, crowd.Ballot{Approve: v.approve, Weight: r.weights[v.worker].Of(v.approve)})
	}
	d := crowd.Judge(r.policy, r.language, r.ballots)
	r.verdict[item] = d
	r.language = r.language.Settle(d)
	for i, v := range votes {
		if event, ok := crowd.FromDecision(d, r.ballots[i]); ok {
			r.learn(int(v.worker), event)
		}
	}
	return d.Outcome != crowd.Undecided
}

func (r *run) learn(worker int, e crowd.Event) {
	r.skills[worker] = r.skills[worker].Apply(e)
	r.weights[worker] = r.policy.Weigh(r.language, r.skills[worker])
}

// estimate puts a re-estimate on all votes taken so far into force, and judges
// what has run dry anew. An open item is judged with its next vote: every look
// at the same votes is one more chance to stop too early.
func (r *run) estimate() {
	r.log.Reset()
	for item, taken := range r.taken {
		for _, v := range r.of(item)[:taken] {
			r.log.Vote(int(v.worker), v.approve)
		}
		r.log.Close(crowd.Clip{Known: r.gold[item], Verdict: r.verdict[item].Outcome.Label()})
	}
	found := r.log.Estimate(r.policy)
	for worker := range r.skills {
		var learned crowd.Counts
		if worker < len(found.Skills) {
			learned = found.Skills[worker].Learned
		}
		r.learn(worker, crowd.Event{Source: crowd.FromFit, Counts: learned})
	}
	r.language.Good, r.language.Settled = found.Good, found.Settled
	r.dry = slices.DeleteFunc(r.dry, r.judge)
}
