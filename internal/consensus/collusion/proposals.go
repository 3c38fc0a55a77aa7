package collusion

import (
	"fmt"

	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// What is put before a moderator. These are proposals: they were tried on
// simulated crowds only (docs/adr/0020-collusion.md).
const (
	PairZ          = 4.0  // standard deviations by which a pair is wrong together too often
	AffinityZ      = 4.0  // the same for approvals of one speaker
	OneAnswerVotes = 100  // answers before anybody is said to give one answer only,
	OneAnswerBad   = 10   // among them answers on clips known to be bad,
	OneAnswerShare = 0.95 // and the share of them that is the same
)

// OneAnswer tells whether somebody gives nearly always the same answer in a
// language, though bad clips were among those he heard; and the share of his
// answers that approve.
func OneAnswer(s crowd.Skill) (approvals float64, only bool) {
	all := s.All()
	if all.Total() < OneAnswerVotes*crowd.Answer || s.Gold.TN+s.Gold.FP < OneAnswerBad*crowd.Answer {
		return 0, false
	}
	approvals = (all.TP + all.FP).Answers() / all.Total().Answers()
	return approvals, approvals >= OneAnswerShare || 1-approvals >= OneAnswerShare
}

// Says puts a pair's figures into plain words.
func (s PairSum) Says() string {
	return fmt.Sprintf("Of %s on which several voters were wrong, both of these were on %d; %.1f were to be expected (%.1f standard deviations). They voted on %s together, %d times within minutes of each other.",
		clips(s.Wrong.Clips), s.Wrong.Hits, s.Wrong.Expected.Answers(), s.Wrong.Z(), clips(s.Together), s.Bursts)
}

// AffinitySays puts the figures of a validator and a speaker into plain words.
func AffinitySays(t Tally) string {
	return fmt.Sprintf("Approved %d of %s of this speaker; %.1f were to be expected (%.1f standard deviations).",
		t.Hits, clips(t.Clips), t.Expected.Answers(), t.Z())
}

// OneAnswerSays puts the share of approvals of somebody who gives one answer
// into plain words.
func OneAnswerSays(approvals float64) string {
	verb, share := "Approves", approvals
	if approvals < 0.5 {
		verb, share = "Rejects", 1-approvals
	}
	return fmt.Sprintf("%s %.0f %% of all clips, though %d or more were known to be bad.", verb, 100*share, OneAnswerBad)
}

func clips(n int64) string {
	if n == 1 {
		return "1 clip"
	}
	return fmt.Sprintf("%d clips", n)
}
