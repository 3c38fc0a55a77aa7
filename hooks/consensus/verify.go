package consensus

import (
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// maxFindings bounds a report; more of them say nothing new.
const maxFindings = 100

// Report is what [Verify] saw.
type Report struct {
	Verdicts  int64     `json:"verdicts"`
	Lessons   int64     `json:"lessons"` // events in the history of skills
	Skills    int64     `json:"skills"`
	OpenClips int64     `json:"open_clips"`
	Broken    int64     `json:"broken"`   // rows that do not follow
	Findings  []Finding `json:"findings"` // the first of them
}

// Finding is a row that does not follow from what is stored.
type Finding struct {
	Table string `json:"table"`
	Row   string `json:"row"`
	What  string `json:"what"`
}

// Verify proves that what is stored about votes follows from them: every verdict
// from its own explanation and the votes, every lesson from its cause, every
// skill from the lessons, every running count of an open clip from its votes. It
// streams, with memory linear in the validators; db should be one snapshot.
func Verify(db dbx.Builder) (Report, error) {
	v := &verifier{db: db, report: Report{Findings: []Finding{}}}
	for _, part := range []func() error{v.loadPolicies, v.verdicts, v.undecided, v.history, v.skills, v.openClips} {
		if err := part(); err != nil {
			return v.report, err
		}
	}
	return v.report, nil
}

// verifier is a verification under way.
type verifier struct {
	db       dbx.Builder
	report   Report
	policies map[int64]bool // versions of policies of consensus
	rebuilt  map[skillKey]rebuilt
}

// wrong notes a row that does not follow; nil is one that does.
func (v *verifier) wrong(table, row string, err error) {
	if err == nil {
		return
	}
	v.report.Broken++
	if len(v.report.Findings) < maxFindings {
		v.report.Findings = append(v.report.Findings, Finding{table, row, err.Error()})
	}
}

func (v *verifier) loadPolicies() error {
	versions := []int64{}
	err := v.db.NewQuery("SELECT version FROM policies WHERE subject = {:subject}").
		Bind(dbx.Params{"subject": shell.PolicyConsensus}).Column(&versions)
	v.policies = map[int64]bool{0: true} // the defaults in code
	for _, version := range versions {
		v.policies[version] = true
	}
	return err
}

// verdictRow is a stored verdict with its clip.
type verdictRow struct {
	ID            string        `db:"id"`
	Clip          string        `db:"clip"`
	Revision      int           `db:"revision"`
	Newest        int           `db:"newest"` // revision of the clip
	By            string        `db:"by"`
	Outcome       string        `db:"outcome"`
	Confidence    float64       `db:"confidence"`
	Votes         int           `db:"votes"`
	Reason        engine.Reason `db:"reason"`
	PolicyVersion int64         `db:"policy_version"`
	Explanation   string        `db:"explanation"`
	Created       string        `db:"created"`
	Status        string        `db:"status"`
	Language      string        `db:"language"`
	Control       bool          `db:"control"`

	earlier string // what the expert before said about the clip, if one did
}

// castVote is a stored vote with what a verdict taught its voter.
type castVote struct {
	voteRow
	Source   crowd.Source `db:"source"` // empty: it taught nothing
	Language string       `db:"language"`
	TP       crowd.Mass   `db:"tp"`
	FN       crowd.Mass   `db:"fn"`
	TN       crowd.Mass   `db:"tn"`
	FP       crowd.Mass   `db:"fp"`
}

const verdictsQuery = `
	SELECT d.id, d.clip, d.revision, (SELECT MAX(revision) FROM verdicts WHERE clip = d.clip) AS newest, d.[[by]], d.outcome, d.confidence,
		d.votes, d.reason, d.policy_version, d.explanation, d.created,
		COALESCE(c.status, '') AS status, COALESCE(c.language, '') AS language, COALESCE(t.gold, '') != '' AS control
	FROM verdicts d LEFT JOIN clips c ON c.id = d.clip LEFT JOIN clip_tallies t ON t.clip = d.clip
	ORDER BY d.clip, d.revision`

const castQuery = `
	SELECT v.id, v.validator, v.verdict, v.reason, v.created, COALESCE(e.source, '') AS source, COALESCE(e.language, '') AS language,
		COALESCE(e.tp, 0) AS tp, COALESCE(e.fn, 0) AS fn, COALESCE(e.tn, 0) AS tn, COALESCE(e.fp, 0) AS fp
	FROM votes v LEFT JOIN skill_events e ON e.validator = v.validator AND e.cause = {:verdict} AND e.source IN ({:crowd}, {:expert})
	WHERE v.clip = {:clip}`

func (v *verifier) verdicts() (err error) {
	cast := v.db.NewQuery(castQuery).Prepare()
	defer func() { err = errors.Join(err, cast.Close()) }()
	rows, err := v.db.NewQuery(verdictsQuery).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	var before verdictRow
	for rows.Next() {
		var row verdictRow
		if err := rows.ScanStruct(&row); err != nil {
			return err
		}
		v.report.Verdicts++
		if before.Clip != row.Clip {
			before = verdictRow{}
		}
		if row.earlier = before.earlier; before.By == collections.ByExpert {
			row.earlier = before.Outcome
		}
		votes := []castVote{}
		err := cast.Bind(dbx.Params{
			"clip": row.Clip, "verdict": row.ID, "crowd": string(crowd.FromVerdict), "expert": string(crowd.FromExpert),
		}).All(&votes)
		if err != nil {
			return err
		}
		v.wrong("verdicts", row.ID, v.checkVerdict(row, before.Revision+1, votes))
		before = row
	}
	return rows.Err()
}

// checkVerdict says why a verdict, of which the clip's next is expected, does not
// follow from its inputs, or nil.
func (v *verifier) checkVerdict(row verdictRow, next int, votes []castVote) error {
	stored, err := engine.ParseExplanation([]byte(row.Explanation))
	if err != nil {
		return err
	}
	again, err := engine.Replay(stored)
	if err != nil {
		return err
	}
	if row.Revision != next {
		return fmt.Errorf("it is revision %d of the clip, revision %d is not there", row.Revision, next)
	}
	if !v.policies[row.PolicyVersion] {
		return fmt.Errorf("there is no policy %d", row.PolicyVersion)
	}
	for _, check := range []error{row.agrees(again), row.counts(again, votes), row.taught(again, votes)} {
		if check != nil {
			return check
		}
	}
	return nil
}

// agrees holds the columns against the explanation, and the newest verdict
// against the clip.
func (row verdictRow) agrees(again engine.Explanation) error {
	switch {
	case string(again.Outcome) != row.Outcome:
		return fmt.Errorf("it says %s, the explanation says %s", row.Outcome, again.Outcome)
	case confidence(again) != row.Confidence:
		return fmt.Errorf("its confidence is %v, recomputed it is %v", row.Confidence, confidence(again))
	case len(again.Votes) != row.Votes || again.PolicyVersion != row.PolicyVersion || again.RejectReason != row.Reason:
		return errors.New("its number of votes, its policy or its reason is not that of the explanation")
	case (row.By == collections.ByExpert) != (again.Reason == engine.ByExpert):
		return fmt.Errorf("it is by %q, the explanation rests on %q", row.By, again.Reason)
	case row.Status == "":
		return errors.New("its clip is missing")
	case row.Revision == row.Newest && row.Status != row.Outcome && row.Status != collections.ClipWithdrawn:
		return fmt.Errorf("it says %s, the clip is %s", row.Outcome, row.Status)
	}
	return nil
}

// counts holds the votes that were counted against those that are stored. After
// the first verdict nobody votes any more.
func (row verdictRow) counts(again engine.Explanation, votes []castVote) error {
	cast := map[string]voteRow{}
	for _, vote := range votes {
		cast[vote.ID] = vote.voteRow
	}
	if len(cast) != len(again.Votes) {
		return fmt.Errorf("it counts %d votes, %d are stored", len(again.Votes), len(cast))
	}
	for _, vote := range again.Votes {
		stored := cast[vote.ID]
		if stored.Choice != vote.Choice || stored.Reason != vote.Reason {
			return fmt.Errorf("vote %s is not stored as it was counted", vote.ID)
		}
		if stored.Created > row.Created {
			return fmt.Errorf("vote %s was cast after it", vote.ID)
		}
	}
	return nil
}

// taught holds what the voters learned from the verdict against what it teaches.
func (row verdictRow) taught(again engine.Explanation, votes []castVote) error {
	counted := map[string]engine.ExplainedVote{}
	for _, vote := range again.Votes {
		counted[vote.ID] = vote
	}
	for _, vote := range votes {
		learned := crowd.Event{Source: vote.Source, Counts: crowd.Counts{TP: vote.TP, FN: vote.FN, TN: vote.TN, FP: vote.FP}}
		if !row.mayTeach(again, counted[vote.ID], learned) || vote.Source != "" && vote.Language != row.Language {
			return fmt.Errorf("what it taught the voter of %s is not what it teaches", vote.ID)
		}
	}
	return nil
}

// mayTeach tells whether the verdict teaches a voter exactly this; the zero event
// is nothing. A control teaches when it is answered and not by its verdict. An
// expert who agrees with the one before teaches nothing more, and one who does
// not takes the false lesson back, from whoever has not begun anew since.
func (row verdictRow) mayTeach(again engine.Explanation, vote engine.ExplainedVote, learned crowd.Event) bool {
	truth, approve := again.Outcome.Label(), vote.Choice == engine.Approve
	switch {
	case row.Control || again.Engine != engine.Engine || row.By == collections.ByExpert && row.earlier == row.Outcome:
		return learned == crowd.Event{}
	case row.By == collections.ByExpert:
		return learned == crowd.Exactly(crowd.FromExpert, truth, approve) ||
			row.earlier != "" && learned == crowd.Corrected(crowd.FromExpert, truth, approve)
	default:
		event, _ := again.Lesson(vote)
		return learned == event
	}
}

// undecided finds clips that have the status of a verdict and no verdict.
func (v *verifier) undecided() error {
	rows := []struct {
		ID     string `db:"id"`
		Status string `db:"status"`
	}{}
	err := v.db.NewQuery(`
		SELECT id, status FROM clips WHERE status IN ({:approved}, {:rejected}, {:escalated})
		AND NOT EXISTS (SELECT 1 FROM verdicts WHERE clip = clips.id)`).
		Bind(dbx.Params{"approved": collections.ClipApproved, "rejected": collections.ClipRejected, "escalated": collections.ClipEscalated}).All(&rows)
	for _, row := range rows {
		v.wrong("clips", row.ID, fmt.Errorf("it is %s without a verdict", row.Status))
	}
	return err
}

// storedTally is the running count of an open clip and what the votes say.
type storedTally struct {
	Clip       string `db:"clip"`
	Status     string `db:"status"`
	Votes      int64  `db:"votes"`
	Approvals  int64  `db:"approvals"`
	Rejections int64  `db:"rejections"`
	Cast       int64  `db:"cast"`
	Approving  int64  `db:"approving"`
}

func (v *verifier) openClips() error {
	rows, err := v.db.NewQuery(`
		SELECT t.clip, c.status, t.votes, t.approvals, t.rejections,
			(SELECT COUNT(*) FROM votes WHERE clip = t.clip) AS [[cast]],
			(SELECT COUNT(*) FROM votes WHERE clip = t.clip AND verdict = {:approve}) AS approving
		FROM clip_tallies t JOIN clips c ON c.id = t.clip WHERE t.open = 1 ORDER BY t.seq`).
		Bind(dbx.Params{"approve": string(engine.Approve)}).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var row storedTally
		if err := rows.ScanStruct(&row); err != nil {
			return err
		}
		v.report.OpenClips++
		switch {
		case row.Status != collections.ClipPending:
			v.wrong("clip_tallies", row.Clip, fmt.Errorf("it waits for votes, the clip is %s", row.Status))
		case row.Votes != row.Cast || row.Approvals != row.Approving || row.Rejections != row.Cast-row.Approving:
			v.wrong("clip_tallies", row.Clip, fmt.Errorf("it counts %d votes, %d for and %d against; stored are %d, %d for",
				row.Votes, row.Approvals, row.Rejections, row.Cast, row.Approving))
		}
	}
	return rows.Err()
}
