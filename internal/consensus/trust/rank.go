package trust

import "github.com/lingualink/lingualink/internal/consensus"

// Overall is the accuracy of a person over all languages, weighted by answers.
// Only languages in which the person is no longer unproven say anything; the
// second value is false if none does.
func Overall(languages []Assessment) (accuracy float64, known bool) {
	var sum, answers float64
	for _, a := range languages {
		if a.State != Unproven {
			sum += a.Accuracy * float64(a.Answers)
			answers += float64(a.Answers)
		}
	}
	if answers == 0 {
		return 0, false
	}
	return rounded(sum / answers), true
}

// Rank says whether a person holds the role validator after being assessed: it
// is earned by votes, active days and accuracy, lost below a lower accuracy, and
// between the two what was stays. Whoever is excluded from the language they
// answered most in neither earns nor keeps it. While nothing is known, what was
// stays too.
func Rank(p *consensus.Policy, votes, activeDays int64, languages []Assessment, holds bool) bool {
	accuracy, known := Overall(languages)
	switch {
	case !known:
		return holds
	case excluded(languages), accuracy < p.DemoteAccuracy:
		return false
	case votes >= p.PromoteVotes && activeDays >= p.PromoteDays && accuracy >= p.PromoteAccuracy:
		return true
	}
	return holds
}

// excluded tells whether the person is excluded from a language that no other
// has more answers in.
func excluded(languages []Assessment) bool {
	var most int64
	for _, a := range languages {
		most = max(most, a.Answers)
	}
	for _, a := range languages {
		if a.State == Excluded && a.Answers == most {
			return true
		}
	}
	return false
}
