package consensus

import (
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"

	engine "github.com/lingualink/lingualink/internal/consensus"
)

// maxFindings bounds a report; more of them say nothing new.
const maxFindings = 100

// Report is what [Verify] saw.
type Report struct {
	Verdicts int64     `json:"verdicts"`
	Findings []Finding `json:"findings"`
}

// Finding is a verdict that does not follow from what is stored.
type Finding struct {
	Verdict string `json:"verdict"`
	What    string `json:"what"`
}

// verdictRow is a stored verdict with its clip's status.
type verdictRow struct {
	ID            string  `db:"id"`
	Clip          string  `db:"clip"`
	Outcome       string  `db:"outcome"`
	Confidence    float64 `db:"confidence"`
	Votes         int     `db:"votes"`
	PolicyVersion int64   `db:"policy_version"`
	Explanation   string  `db:"explanation"`
	Status        string  `db:"status"`
}

// Verify recomputes every verdict that db sees from its own explanation, and
// holds it against the stored votes and the clip. It streams; db should be one
// snapshot.
func Verify(db dbx.Builder) (Report, error) {
	report := Report{Findings: []Finding{}}
	rows, err := db.NewQuery(`
		SELECT v.id, v.clip, v.outcome, v.confidence, v.votes, v.policy_version, v.explanation, c.status
		FROM verdicts v JOIN clips c ON c.id = v.clip`).Rows()
	if err != nil {
		return report, err
	}
	defer rows.Close()
	for rows.Next() {
		var row verdictRow
		if err := rows.ScanStruct(&row); err != nil {
			return report, err
		}
		report.Verdicts++
		ballots := []voteRow{}
		err := db.NewQuery("SELECT id, verdict, reason FROM votes WHERE clip = {:clip}").Bind(dbx.Params{"clip": row.Clip}).All(&ballots)
		if err != nil {
			return report, err
		}
		if wrong := row.check(ballots); wrong != nil && len(report.Findings) < maxFindings {
			report.Findings = append(report.Findings, Finding{Verdict: row.ID, What: wrong.Error()})
		}
	}
	return report, rows.Err()
}

// check says why the verdict does not follow from its inputs, or nil.
func (row verdictRow) check(ballots []voteRow) error {
	stored, err := engine.ParseExplanation([]byte(row.Explanation))
	if err != nil {
		return err
	}
	again, err := engine.Replay(stored)
	if err != nil {
		return err
	}
	switch {
	case string(again.Outcome) != row.Outcome:
		return fmt.Errorf("it says %s, the explanation says %s", row.Outcome, again.Outcome)
	case confidence(again) != row.Confidence:
		return fmt.Errorf("its confidence is %v, recomputed it is %v", row.Confidence, confidence(again))
	case len(again.Votes) != row.Votes || again.PolicyVersion != row.PolicyVersion:
		return errors.New("its number of votes or its policy is not that of the explanation")
	case row.Status != row.Outcome && row.Status != "withdrawn":
		return fmt.Errorf("it says %s, the clip is %s", row.Outcome, row.Status)
	}
	cast := map[string]voteRow{}
	for _, ballot := range ballots {
		cast[ballot.ID] = ballot
	}
	if len(cast) != len(again.Votes) {
		return fmt.Errorf("it counts %d votes, %d are stored", len(again.Votes), len(cast))
	}
	for _, vote := range again.Votes {
		if ballot := cast[vote.ID]; ballot.Choice != vote.Choice || ballot.Reason != vote.Reason {
			return fmt.Errorf("vote %s is not stored as it was counted", vote.ID)
		}
	}
	return nil
}
