package crowd

// Log is all votes of one language, clip by clip, for [Log.Estimate]. A vote
// takes four bytes, a clip seven. Validators are numbered densely from 0 by the
// caller; a Log holds up to two billion of them and four billion votes.
type Log struct {
	codes  []uint32 // per vote: twice the validator, plus one if he approves
	ends   []uint32 // per clip: where its votes end in codes
	clips  []Clip
	voters int
}

// Clip is what is known about a clip besides its votes.
type Clip struct {
	Known   Label // the truth, if gold or an expert tells it: it stays fixed
	Gold    bool  // chosen as gold: says nothing about the share of good clips
	Verdict Label // what is in force, for [Estimate.Check]
}

// Vote adds a vote to the clip that the next call of Close ends. A validator has
// at most one vote on a clip.
func (l *Log) Vote(validator int, approve bool) {
	code := uint32(validator) << 1
	if approve {
		code |= 1
	}
	l.codes = append(l.codes, code)
	l.voters = max(l.voters, validator+1)
}

// Close ends a clip and returns its number.
func (l *Log) Close(c Clip) int {
	l.ends = append(l.ends, uint32(len(l.codes)))
	l.clips = append(l.clips, c)
	return len(l.clips) - 1
}

// Reset empties the log and keeps its memory.
func (l *Log) Reset() {
	l.codes, l.ends, l.clips, l.voters = l.codes[:0], l.ends[:0], l.clips[:0], 0
}

// Estimate is what [Log.Estimate] finds.
type Estimate struct {
	Skills     []Skill   // by validator
	LogOdds    []LogOdds // by clip, of "good" by its votes alone, also where the truth is known
	Good       Mass      // of the clips that tell the share of good ones, those that are good
	Settled    Mass      // the clips that tell it: not gold, and known or with two votes
	Iterations int
}

const (
	// MostIterations of an estimate.
	MostIterations = 15
	// leastVotes of a clip of unknown truth that teaches: one vote would only
	// tell its voter that he is right.
	leastVotes = 2
	// stillness is the largest move of any P(good) at which the iteration ends.
	stillness = Answer / 1_000_000
)

// Estimate re-estimates all skills of a language at once: expectation
// maximisation for the two-coin model under the policy's Beta priors (Dawid and
// Skene 1979, with the posterior means as rates), from the majority of each
// clip, until nothing moves, at most MostIterations times. The share of good
// clips is learned along and not capped here: the cap is for decisions.
//
// Known labels stay fixed and teach exactly (Skill.Gold). Clips of unknown truth
// teach from two votes on (Skill.Learned). The order of clips and of votes does
// not change a bit of the result. Memory is linear in the votes, time is votes
// times iterations; languages are independent of each other, so a caller may run
// them in parallel.
func (l *Log) Estimate(p *Policy) Estimate {
	f := newFit(l, p)
	f.expectMajority()
	for moved := Answer; moved > stillness && f.Iterations < MostIterations; f.Iterations++ {
		f.maximise()
		moved = f.expect()
	}
	f.Skills = make([]Skill, l.voters)
	for v := range f.Skills {
		f.Skills[v] = f.skill(v)
	}
	return f.Estimate
}

// fit is an estimate under way. Slices by code have, as in Log.codes, each
// validator's rejections and then his approvals.
type fit struct {
	Estimate
	log     *Log
	policy  *Policy
	answers []Mass    // by code: votes on clips of unknown truth that teach
	good    []Mass    // by code: the part of them on good clips, by the last round
	gold    []Mass    // by code: votes on clips of known truth
	golden  []Mass    // by code: the part of them on good clips
	weights []LogOdds // by code
	prior   LogOdds
	known   Mass // clips known to be good, without gold
}

func newFit(l *Log, p *Policy) *fit {
	codes := 2 * l.voters
	f := &fit{
		log: l, policy: p,
		answers: make([]Mass, codes), good: make([]Mass, codes),
		gold: make([]Mass, codes), golden: make([]Mass, codes),
		weights: make([]LogOdds, codes),
	}
	f.LogOdds = make([]LogOdds, len(l.clips))
	for i, c := range l.clips {
		votes := l.votes(i)
		switch {
		case c.Known != Unknown:
			f.remember(c, votes)
		case len(votes) >= leastVotes:
			f.Settled += Answer
			for _, code := range votes {
				f.answers[code] += Answer
			}
		}
	}
	return f
}

// votes returns the codes of a clip's votes.
func (l *Log) votes(clip int) []uint32 {
	start := uint32(0)
	if clip > 0 {
		start = l.ends[clip-1]
	}
	return l.codes[start:l.ends[clip]]
}

// remember counts a clip whose truth is known.
func (f *fit) remember(c Clip, votes []uint32) {
	truth := Mass(0)
	if c.Known == Good {
		truth = Answer
	}
	if !c.Gold {
		f.known += truth
		f.Settled += Answer
	}
	for _, code := range votes {
		f.gold[code] += Answer
		f.golden[code] += truth
	}
}

// expectMajority starts from each clip's share of approvals.
func (f *fit) expectMajority() {
	f.begin()
	for i := range f.log.clips {
		if votes := f.log.votes(i); f.teaches(i, votes) {
			f.teach(votes, approving(votes))
		}
	}
}

// approving is the share of approvals. The larger side has what the smaller
// leaves, so that rounding favours neither label.
func approving(votes []uint32) Mass {
	n, approvals := Mass(len(votes)), Mass(0)
	for _, code := range votes {
		approvals += Mass(code & 1)
	}
	if 2*approvals > n {
		return Answer - (n-approvals)*Answer/n
	}
	return approvals * Answer / n
}

// expect computes every clip's log odds from the present weights, and collects
// what the clips teach. It returns the largest move of any P(good).
func (f *fit) expect() Mass {
	f.begin()
	moved := Mass(0)
	for i := range f.log.clips {
		votes, sum := f.log.votes(i), f.prior
		for _, code := range votes {
			sum += f.weights[code]
		}
		before := f.LogOdds[i]
		f.LogOdds[i] = sum
		if !f.teaches(i, votes) {
			continue
		}
		good := sum.mass()
		f.teach(votes, good)
		if moved <= stillness && sum != before {
			was := before.mass()
			moved = max(moved, good-was, was-good)
		}
	}
	return moved
}

func (f *fit) begin() {
	clear(f.good)
	f.Good = f.known
}

func (f *fit) teaches(clip int, votes []uint32) bool {
	return f.log.clips[clip].Known == Unknown && len(votes) >= leastVotes
}

func (f *fit) teach(votes []uint32, good Mass) {
	f.Good += good
	for _, code := range votes {
		f.good[code] += good
	}
}

// maximise computes the weights and the prior from what the clips taught.
func (f *fit) maximise() {
	for v := range f.log.voters {
		w := f.policy.Rates(f.skill(v)).Weights()
		f.weights[2*v], f.weights[2*v+1] = w.Reject, w.Approve
	}
	f.prior = Logit(f.policy.Share(Language{Good: f.Good, Settled: f.Settled}))
}

// skill is what the last round taught about a validator.
func (f *fit) skill(v int) Skill {
	reject, approve := 2*v, 2*v+1
	return Skill{
		Gold: Counts{
			TP: f.golden[approve], FP: f.gold[approve] - f.golden[approve],
			FN: f.golden[reject], TN: f.gold[reject] - f.golden[reject],
		},
		Learned: Counts{
			TP: f.good[approve], FP: f.answers[approve] - f.good[approve],
			FN: f.good[reject], TN: f.answers[reject] - f.good[reject],
		},
	}
}
