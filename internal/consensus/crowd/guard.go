package crowd

import "errors"

// Why a re-estimate is not put into force.
var (
	ErrGold  = errors.New("crowd: the re-estimate is wrong about more clips of known truth than the skills in force")
	ErrPrior = errors.New("crowd: the re-estimate moves the share of good clips by more than a tenth")
	ErrFlips = errors.New("crowd: the re-estimate would turn more than one verdict in fifty round")
)

const (
	mostMove  = 0.1 // of the share of good clips
	flipShare = 50  // one verdict in so many may turn round
)

// Check says whether the estimate of the log may be put into force in place of
// the skills and the language as they are: nil, or one of ErrGold, ErrPrior and
// ErrFlips. Skills are by validator; those who have none yet may be missing at
// the end. All three are symptoms of labels that changed places, which expectation
// maximisation cannot tell from the truth.
func (e Estimate) Check(l *Log, p *Policy, skills []Skill, before Language) error {
	after := Language{Good: e.Good, Settled: e.Settled}
	if move := p.Share(after) - p.Share(before); move > mostMove || move < -mostMove {
		return ErrPrior
	}
	scores := l.score(p, skills, before)
	right, rightBefore, verdicts, flips := 0, 0, 0, 0
	for i, c := range l.clips {
		switch {
		case c.Known != Unknown:
			right += agrees(c.Known, e.LogOdds[i])
			rightBefore += agrees(c.Known, scores[i])
		case c.Verdict != Unknown:
			verdicts++
			flips += agrees(-c.Verdict, e.LogOdds[i])
		}
	}
	switch {
	case right < rightBefore:
		return ErrGold
	case flips*flipShare > verdicts:
		return ErrFlips
	}
	return nil
}

// score computes every clip's log odds with the skills in force.
func (l *Log) score(p *Policy, skills []Skill, language Language) []LogOdds {
	weights := make([]Weights, l.voters)
	for v := range weights {
		skill := Skill{}
		if v < len(skills) {
			skill = skills[v]
		}
		weights[v] = p.Rates(skill).Weights()
	}
	prior := Logit(p.Share(language))
	scores := make([]LogOdds, len(l.clips))
	for i := range scores {
		scores[i] = prior
		for _, code := range l.votes(i) {
			scores[i] += weights[code>>1].Of(code&1 == 1)
		}
	}
	return scores
}

// agrees is 1 if the log odds are on the label's side.
func agrees(label Label, l LogOdds) int {
	if l.Label() == label {
		return 1
	}
	return 0
}
