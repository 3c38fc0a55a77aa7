package simulate

import (
	"math/rand/v2"
	"slices"

	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

const (
	openClips     = 100 // clips that take votes at a time
	estimateEvery = 500 // verdicts between two re-estimates
	goldClips     = 100 // active gold clips, every second one bad
)

// engine runs the engine under a policy: onboarding on gold, then clips that the
// server hands out with hidden gold between them, re-estimates on the way, and a
// perfect expert for what escalates.
func (w *world) engine(p *crowd.Policy, rng *rand.Rand) Score {
	e := newEngine(w, p, rng)
	for range min(p.Onboarding, goldClips) {
		for who := range w.people {
			e.goldVote(who)
		}
	}
	for next, decided := 0, 0; next < len(w.clips) || len(e.open) > 0; {
		for ; len(e.open) < openClips && next < len(w.clips); next++ {
			e.open = append(e.open, next)
			e.ready[next] = w.rushers(w.clips[next], rng)
		}
		place := rng.IntN(len(e.open))
		if e.step(e.open[place]) {
			e.open = slices.Delete(e.open, place, place+1)
			if decided++; decided%estimateEvery == 0 {
				e.estimate()
			}
		}
	}
	return e.score()
}

// engine is one run.
type engine struct {
	*world
	policy   *crowd.Policy
	rng      *rand.Rand
	language crowd.Language
	skills   []crowd.Skill // per person
	out      []bool        // per person, for good
	cast     []int         // per person: votes, gold included
	goldLeft [][]int       // per person: gold clips not seen yet
	gold     [][]answer    // per gold clip
	votes    [][]answer    // per clip
	verdicts []crowd.Label // per clip
	known    []bool        // per clip: an expert decided
	ready    [][]int       // per clip: members of the ring who wait for a chance
	open     []int
	ballots  []crowd.Ballot
	tally    tally
}

type answer struct {
	who     int
	approve bool
}

func newEngine(w *world, p *crowd.Policy, rng *rand.Rand) *engine {
	e := &engine{
		world: w, policy: p, rng: rng,
		language: crowd.Language{GoldClips: goldClips},
		skills:   make([]crowd.Skill, people), out: make([]bool, people), cast: make([]int, people),
		goldLeft: make([][]int, people), gold: make([][]answer, goldClips),
		votes: make([][]answer, clips), verdicts: make([]crowd.Label, clips), known: make([]bool, clips),
		ready: make([][]int, clips), tally: tally{world: w},
	}
	for who := range e.goldLeft {
		// Odd ones bad, so taking turns makes any even number half bad.
		good, bad := rng.Perm(goldClips/2), rng.Perm(goldClips/2)
		for i := range good {
			e.goldLeft[who] = append(e.goldLeft[who], 2*good[i], 2*bad[i]+1)
		}
	}
	return e
}

// step gets one vote for a clip and says whether the clip is decided.
func (e *engine) step(at int) bool {
	c := e.clips[at]
	who, found := e.assign(at)
	if found {
		e.votes[at] = append(e.votes[at], answer{who, e.approves(who, c, e.rng)})
		e.cast[who]++
		e.tally.votes++
		if e.rng.Float64() < e.policy.GoldShare {
			e.goldVote(who)
		}
	}
	d := e.decide(at)
	if d.Outcome == crowd.Undecided && found {
		return false
	}
	for i, v := range e.votes[at] {
		if event, ok := crowd.FromDecision(d, e.ballots[i]); ok {
			e.learn(v.who, event)
		}
	}
	e.language = e.language.Settle(d)
	e.verdicts[at] = d.Outcome.Label()
	if e.verdicts[at] == crowd.Unknown {
		e.expert(at)
	}
	e.tally.verdict(c, e.verdicts[at] == crowd.Good)
	return true
}

func (e *engine) decide(at int) crowd.Decision {
	e.ballots = e.ballots[:0]
	for _, v := range e.votes[at] {
		e.ballots = append(e.ballots, crowd.Ballot{Approve: v.approve, Skill: e.skills[v.who]})
	}
	return crowd.Decide(e.policy, e.language, e.ballots)
}

// expert decides a clip, and teaches as gold does.
func (e *engine) expert(at int) {
	truth := e.clips[at].label()
	e.verdicts[at], e.known[at] = truth, true
	e.language = e.language.SettleExactly(truth)
	e.tally.escalated++
	for _, v := range e.votes[at] {
		e.learn(v.who, crowd.Exactly(crowd.FromExpert, truth, v.approve))
	}
}

// goldVote hands somebody the next gold clip, if there is one.
func (e *engine) goldVote(who int) {
	if len(e.goldLeft[who]) == 0 {
		return
	}
	at := e.goldLeft[who][0]
	e.goldLeft[who] = e.goldLeft[who][1:]
	c := clip{good: at%2 == 0, owner: -1}
	approve := e.approves(who, c, e.rng)
	e.gold[at] = append(e.gold[at], answer{who, approve})
	e.cast[who]++
	e.language.GoldAnswers++
	e.learn(who, crowd.Exactly(crowd.FromGold, c.label(), approve))
}

func (e *engine) learn(who int, event crowd.Event) {
	e.skills[who] = e.skills[who].Apply(event)
	e.out[who] = e.out[who] || e.policy.Out(e.skills[who])
}

// assign says who votes next on a clip; false if nobody is left. The first vote,
// and a share of the later ones, goes to whoever comes: members of the ring
// first, on its own clips. The others go to the best of a few whom the server
// samples.
func (e *engine) assign(at int) (int, bool) {
	var eligible []int
	for who := range e.people {
		if !e.out[who] && who != e.clips[at].owner && !e.voted(at, who) {
			eligible = append(eligible, who)
		}
	}
	if len(eligible) == 0 {
		return 0, false
	}
	if len(e.votes[at]) == 0 || e.rng.Float64() < e.policy.RandomShare {
		for _, who := range e.ready[at] {
			if slices.Contains(eligible, who) {
				return who, true
			}
		}
		return eligible[e.rng.IntN(len(eligible))], true
	}
	best, most := 0, -2.0
	for range e.policy.BestOf {
		who := eligible[e.rng.IntN(len(eligible))]
		if j := e.policy.Rates(e.skills[who]).Informativeness(); j > most {
			best, most = who, j
		}
	}
	return best, true
}

func (e *engine) voted(at, who int) bool {
	return slices.ContainsFunc(e.votes[at], func(v answer) bool { return v.who == who })
}

// estimate puts a re-estimate on all votes into force, unless it fails its checks.
func (e *engine) estimate() {
	var log crowd.Log
	closeClip := func(votes []answer, c crowd.Clip) {
		for _, v := range votes {
			log.Vote(v.who, v.approve)
		}
		log.Close(c)
	}
	for at, votes := range e.gold {
		closeClip(votes, crowd.Clip{Known: clip{good: at%2 == 0}.label(), Gold: true})
	}
	for at, votes := range e.votes {
		c := crowd.Clip{Verdict: e.verdicts[at]}
		if e.known[at] {
			c.Known = e.verdicts[at]
		}
		closeClip(votes, c)
	}
	found := log.Estimate(e.policy)
	if found.Check(&log, e.policy, e.skills, e.language) != nil {
		return
	}
	for who, skill := range found.Skills {
		e.learn(who, crowd.Event{Source: crowd.FromFit, Counts: skill.Learned})
	}
	e.language.Good, e.language.Settled = found.Good, found.Settled
}

func (e *engine) score() Score {
	out, attackers, honestOut := 0, 0, 0
	for who, p := range e.people {
		e.tally.earn(who, e.cast[who], e.policy.PayShare(e.skills[who]))
		attackers += count(p.kind != honest)
		out += count(e.out[who])
		honestOut += count(e.out[who] && p.kind == honest)
	}
	s := e.tally.score()
	s.HonestExcluded = share(float64(honestOut), people-attackers)
	s.AttackersCaught = share(float64(out-honestOut), attackers)
	return s
}
