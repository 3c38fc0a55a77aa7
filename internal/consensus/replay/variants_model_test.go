package replay

import (
	"math"

	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// variant is one setting of one family of models. The engine in force is the
// zero value with the numbers of [policy]; every other field turns one thing on.
type variant struct {
	mean, strength float64 // of the Beta of both coins
	mass           float64 // of the opinion that the labels are even, in items; infinite: they stay so

	oneCoin   bool      // one accuracy per worker, whatever the label
	toward    float64   // answers with which both coins are drawn to the worker's one accuracy
	empirical prior     // where the Betas come from
	bayes     bool      // variational: expected logarithms in place of the logarithm of the mean
	cautious  float64   // standard deviations from the mean down to the rate that weighs
	groups    int       // subtypes of items in each label, each with coins of its own (EBCC); 0: one
	levels    []float64 // easiness of items: factors on the log odds of a right answer (GLAD); nil: 1
	temper    float64   // factor on every vote's weight; 0: 1
	pairs     float64   // answers in common at which half of a pair's correlation is believed; 0: none is
	contrary  bool      // who is worse than chance is turned round, not ignored
	rounds    int       // of a fit; 0: as many as the engine
	starts    int       // of a fit with groups; the one with the best bound is taken; 0: one

	committee []variant // batch: the mean of the posteriors of these and of this one

	taper     float64 // threshold in log odds grows by this share with each vote after the second
	bestOf    int     // from the second vote on: the most informative of so many waiting voters
	nearest   int     // of so many open items the one nearest to a verdict takes the next vote; negative: the farthest
	calibrate bool    // threshold divided by what gold says of the posterior
	fits      int     // re-estimates in a run; 0: as many as the engine
	relabel   bool    // decided items take the label of the last re-estimate
}

// prior says where the Betas of the coins come from.
type prior int

const (
	given  prior = iota // the variant's mean and strength
	each                // one fitted to all workers for each coin (empirical Bayes)
	common              // one fitted for both coins
)

// mixture is the model of all variants: an item is in one of several states, each
// with a label, a group and a level, and a worker's chance to be right depends on
// the state. The two-coin engine has two states, EBCC two for every group, and
// item difficulty two for every level.
type mixture struct {
	variant
	workers, states int
	right, wrong    []float64     // answers by worker and state
	items           []float64     // by state
	betas           [2][2]float64 // by label: hits, misses
	logShare        []float64     // by state
	approve, reject []float64     // log likelihoods by worker and state
	silent          []bool        // workers whose votes weigh nothing
	agreement       []float64     // by pair of workers: sum of products of residuals
	together        []float64     // by pair of workers: items in common
	found           []float64     // by item: log odds in the last round of a fit
	scratch         []float64
}

func newMixture(v variant, workers int) *mixture {
	v.groups, v.starts = max(v.groups, 1), max(v.starts, 1)
	if v.levels == nil {
		v.levels = []float64{1}
	}
	if v.temper == 0 {
		v.temper = 1
	}
	if v.rounds == 0 {
		v.rounds = crowd.MostIterations
	}
	m := &mixture{variant: v, workers: workers, states: 2 * v.groups * len(v.levels)}
	m.right, m.wrong = make([]float64, workers*m.states), make([]float64, workers*m.states)
	m.approve, m.reject = make([]float64, workers*m.states), make([]float64, workers*m.states)
	m.items, m.logShare = make([]float64, m.states), make([]float64, m.states)
	m.silent = make([]bool, workers)
	if v.pairs > 0 {
		m.agreement, m.together = make([]float64, workers*workers), make([]float64, workers*workers)
	}
	hits := v.mean * v.strength
	m.betas = [2][2]float64{{hits, v.strength - hits}, {hits, v.strength - hits}}
	m.weighAll()
	return m
}

// A state is numbered by label, then group, then level.
func (m *mixture) good(state int) bool { return 2*state >= m.states }
func (m *mixture) level(state int) int { return state % len(m.levels) }
func (m *mixture) label(state int) int { return 2 * state / m.states }

// scores returns the log joint of every state with the votes.
func (m *mixture) scores(votes []vote) []float64 {
	m.scratch = append(m.scratch[:0], m.logShare...)
	for place, v := range votes {
		m.add(m.scratch, v, m.factor(votes, place))
	}
	return m.scratch
}

func (m *mixture) add(scores []float64, v vote, factor float64) {
	likelihood := m.reject
	if v.approve {
		likelihood = m.approve
	}
	for state, l := range likelihood[int(v.worker)*m.states : (int(v.worker)+1)*m.states] {
		scores[state] += factor * l
	}
}

// factor is what a vote's weight is multiplied with: less where the same people
// have erred together before.
func (m *mixture) factor(votes []vote, place int) float64 {
	if m.pairs == 0 {
		return m.temper
	}
	others := 0.0
	row := int(votes[place].worker) * m.workers
	for i, v := range votes {
		if i != place {
			pair := row + int(v.worker)
			others += max(0, m.agreement[pair]/(m.together[pair]+m.pairs))
		}
	}
	return m.temper / (1 + others)
}

// odds are the log odds of "good", with the number of votes that weigh.
func (m *mixture) odds(votes []vote) (odds float64, counted int) {
	for _, v := range votes {
		if !m.silent[v.worker] {
			counted++
		}
	}
	scores := m.scores(votes)
	return logSum(scores[m.states/2:]) - logSum(scores[:m.states/2]), counted
}

// decided learns from an item with a verdict, each voter's own vote left out of
// what it teaches about him.
func (m *mixture) decided(votes []vote) {
	scores := m.scores(votes)
	full := append([]float64(nil), scores...)
	without := make([]float64, m.states)
	normalise(scores)
	for state, r := range scores {
		m.items[state] += r
	}
	for place, v := range votes {
		copy(without, full)
		m.add(without, v, -m.factor(votes, place))
		normalise(without)
		m.teach(v, without)
	}
	m.weighShares()
	for _, v := range votes {
		m.weigh(int(v.worker))
	}
}

// told learns from an answer on an item of known label.
func (m *mixture) told(v vote, truth crowd.Label) {
	m.teach(v, m.among([]vote{}, truth))
	m.weigh(int(v.worker))
}

// among is the share of each state for an item of known label.
func (m *mixture) among(votes []vote, truth crowd.Label) []float64 {
	scores := append([]float64(nil), m.scores(votes)...)
	for state := range scores {
		if m.good(state) != (truth == crowd.Good) {
			scores[state] = math.Inf(-1)
		}
	}
	normalise(scores)
	return scores
}

func (m *mixture) teach(v vote, shares []float64) {
	at := int(v.worker) * m.states
	for state, r := range shares {
		if m.good(state) == v.approve {
			m.right[at+state] += r
		} else {
			m.wrong[at+state] += r
		}
	}
}

// informativeness of a worker over all states.
func (m *mixture) informativeness(worker int) float64 {
	if m.silent[worker] {
		return -1
	}
	at, last := worker*m.states, m.states-1
	return math.Exp(m.approve[at+last]) + math.Exp(m.reject[at]) - 1
}

// weighAll computes all likelihoods from what was learned.
func (m *mixture) weighAll() {
	if m.empirical != given {
		m.fitBetas()
	}
	m.weighShares()
	for worker := range m.workers {
		m.weigh(worker)
	}
}

// weighShares computes the shares of the states: label, group within label, level.
func (m *mixture) weighShares() {
	var labels [2]float64
	levels := make([]float64, len(m.levels))
	total := 0.0
	for state, n := range m.items {
		labels[m.label(state)] += n
		levels[m.level(state)] += n
		total += n
	}
	perLabel := m.states / 2
	for state := range m.items {
		label := m.label(state)
		m.logShare[state] = math.Log(0.5)
		if !math.IsInf(m.mass, 1) {
			m.logShare[state] = m.log(m.mass/2+labels[label], m.mass+total)
		}
		switch {
		case m.groups > 1: // Dirichlet of 0.1 in all, as in the paper's code
			m.logShare[state] += m.log(0.1/float64(m.groups)+m.items[state], 0.1+labels[label])
		case perLabel > 1:
			m.logShare[state] += math.Log((10 + levels[m.level(state)]) / (10*float64(perLabel) + total))
		}
	}
}

// log of a share n of all: of its mean, or the expected one.
func (m *mixture) log(n, all float64) float64 {
	if m.bayes {
		return digamma(n) - digamma(all)
	}
	return math.Log(n / all)
}

// weigh computes a worker's likelihoods.
func (m *mixture) weigh(worker int) {
	at := worker * m.states
	right, wrong := m.right[at:at+m.states], m.wrong[at:at+m.states]
	approve, reject := m.approve[at:at+m.states], m.reject[at:at+m.states]
	steps := len(m.levels)
	for first := 0; first < m.states; first += steps {
		hits, misses := m.pseudo(m.label(first), right, wrong)
		r, w := right[first:first+steps], wrong[first:first+steps]
		if m.oneCoin {
			r, w = m.pooled(right), m.pooled(wrong)
		}
		for i, p := range m.rates(hits, misses, r, w) {
			approve[first+i], reject[first+i] = p[1], p[0]
			if m.good(first) {
				approve[first+i], reject[first+i] = p[0], p[1]
			}
		}
	}
	if m.groups > 1 || m.contrary {
		return
	}
	// Rates are those of the first level.
	sensitivity, specificity := math.Exp(approve[m.states/2]), math.Exp(reject[0])
	if m.silent[worker] = sensitivity+specificity <= 1; m.silent[worker] {
		clear(approve)
		clear(reject)
	}
}

// pooled adds up both labels, by level.
func (m *mixture) pooled(answers []float64) []float64 {
	sums := make([]float64, len(m.levels))
	for state, n := range answers {
		sums[m.level(state)] += n
	}
	return sums
}

// pseudo are the answers that a worker is credited with before any.
func (m *mixture) pseudo(label int, right, wrong []float64) (hits, misses float64) {
	hits, misses = m.betas[label][0], m.betas[label][1]
	if m.toward == 0 {
		return hits, misses
	}
	r, w := hits, misses
	for state := range right {
		r, w = r+right[state], w+wrong[state]
	}
	return m.toward * r / (r + w), m.toward * w / (r + w)
}

// rates returns, by level, the log likelihoods of a right and of a wrong answer.
func (m *mixture) rates(hits, misses float64, right, wrong []float64) [][2]float64 {
	if len(right) == 1 {
		h, w := hits+right[0], misses+wrong[0]
		if m.bayes {
			return [][2]float64{{digamma(h) - digamma(h+w), digamma(w) - digamma(h+w)}}
		}
		p := h / (h + w)
		p -= m.cautious * math.Sqrt(p*(1-p)/(h+w+1))
		p = min(max(p, crowd.LeastRate), crowd.MostRate)
		return [][2]float64{{math.Log(p), math.Log(1 - p)}}
	}
	skill := math.Log(hits / misses)
	for range 8 { // Newton's method for the log odds of a right answer at easiness 1
		p := sigmoid(skill)
		slope, bend := hits*(1-p)-misses*p, (hits+misses)*p*(1-p)
		for i, easiness := range m.levels {
			p := sigmoid(easiness * skill)
			slope += easiness * (right[i]*(1-p) - wrong[i]*p)
			bend += easiness * easiness * (right[i] + wrong[i]) * p * (1 - p)
		}
		skill = min(max(skill+min(max(slope/bend, -1), 1), -4), 4)
	}
	logs := make([][2]float64, len(m.levels))
	for i, easiness := range m.levels {
		p := min(max(sigmoid(easiness*skill), crowd.LeastRate), crowd.MostRate)
		logs[i] = [2]float64{math.Log(p), math.Log(1 - p)}
	}
	return logs
}

// fitBetas fits the Betas to all workers by fixed-point steps on the likelihood of
// their answers (Minka, Estimating a Dirichlet distribution, 2000).
func (m *mixture) fitBetas() {
	for range 5 {
		var hits, misses, all [2]float64
		for worker := range m.workers {
			for label := range 2 {
				b, to := m.betas[label], label
				if m.empirical == common {
					to = 0
				}
				half := m.states / 2
				from := worker*m.states + label*half
				r, w := sum(m.right[from:from+half]), sum(m.wrong[from:from+half])
				if r+w > 0 {
					hits[to] += digamma(r+b[0]) - digamma(b[0])
					misses[to] += digamma(w+b[1]) - digamma(b[1])
					all[to] += digamma(r+w+b[0]+b[1]) - digamma(b[0]+b[1])
				}
			}
		}
		for label := range 2 {
			from := label
			if m.empirical == common {
				from = 0
			}
			if all[from] > 0 {
				m.betas[label][0] = min(max(m.betas[label][0]*hits[from]/all[from], 0.2), 40)
				m.betas[label][1] = min(max(m.betas[label][1]*misses[from]/all[from], 0.2), 40)
			}
		}
	}
}
