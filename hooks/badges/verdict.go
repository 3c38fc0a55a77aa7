package badges

import (
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
)

// jobVerdict counts one verdict; its key is the verdict's id. The migration that
// brought the counts has made such jobs for the verdicts before it.
const jobVerdict = "badges.verdict"

type verdictJob struct {
	Verdict string `json:"verdict"`
}

// countVerdict adds what a verdict says and takes off what it supersedes. Jobs of
// two revisions may run in either order: the sums are the same.
func countVerdict(tx core.App, deps *shell.Deps, job shell.Job) error {
	var about verdictJob
	if err := json.Unmarshal(job.Raw, &about); err != nil {
		return err
	}
	event, err := loadContributions(tx, about.Verdict)
	if err != nil {
		return err
	}
	sum := &counts{now: deps.Clock.Now()}
	sum.addVerdict(event, event.Outcome, event.At, +1)
	before, err := superseded(tx, event)
	if err != nil {
		return err
	}
	if before.outcome != engine.Undecided {
		sum.addVerdict(event, before.outcome, before.at, -1)
	}
	if err := sum.store(tx); err != nil {
		return err
	}
	if err := award(tx, deps, sum.gained(), event.At); err != nil {
		return err
	}
	return OnContributions(tx).Trigger(event)
}

// loadContributions reads what never changes about a verdict.
func loadContributions(tx core.App, verdict string) (*ContributionsEvent, error) {
	var row struct {
		Clip     string         `db:"clip"`
		Owner    string         `db:"owner"`
		Language string         `db:"language"`
		Campaign string         `db:"campaign"`
		Currency string         `db:"currency"`
		Revision int64          `db:"revision"`
		Outcome  engine.Outcome `db:"outcome"`
		By       string         `db:"by"`
		Control  bool           `db:"control"`
		At       string         `db:"at"`
		SentAt   string         `db:"sent_at"`
	}
	err := tx.DB().NewQuery(`
		SELECT c.id AS clip, c.owner, c.language, c.campaign, COALESCE(m.currency, '') AS currency, v.revision, v.outcome, v.[[by]], c.control,
			v.created AS at, c.created AS sent_at
		FROM verdicts v JOIN clips c ON c.id = v.clip LEFT JOIN campaigns m ON m.id = c.campaign
		WHERE v.id = {:verdict}`).Bind(dbx.Params{"verdict": verdict}).One(&row)
	if err != nil {
		return nil, err
	}
	event := &ContributionsEvent{
		App: tx, Verdict: verdict, Clip: row.Clip, Owner: row.Owner, Language: row.Language, Campaign: row.Campaign, Currency: row.Currency,
		Revision: row.Revision, Outcome: row.Outcome, By: row.By, Control: row.Control,
	}
	if event.At, err = shell.ParseStamp(row.At); err != nil {
		return nil, err
	}
	if event.ClipSentAt, err = shell.ParseStamp(row.SentAt); err != nil {
		return nil, err
	}
	event.Votes, err = loadVotes(tx, event)
	return event, err
}

func loadVotes(tx core.App, event *ContributionsEvent) ([]Vote, error) {
	rows := []struct {
		ID        string        `db:"id"`
		Validator string        `db:"validator"`
		Choice    engine.Choice `db:"verdict"`
		Created   string        `db:"created"`
	}{}
	err := tx.DB().NewQuery("SELECT id, validator, verdict, created FROM votes WHERE clip = {:clip} AND created <= {:at} ORDER BY created, id").
		Bind(dbx.Params{"clip": event.Clip, "at": shell.Stamp(event.At)}).All(&rows)
	if err != nil {
		return nil, err
	}
	votes := make([]Vote, len(rows))
	for i, row := range rows {
		votes[i] = Vote{ID: row.ID, Validator: row.Validator, Agrees: agrees(row.Choice, event.Outcome)}
		if votes[i].At, err = shell.ParseStamp(row.Created); err != nil {
			return nil, err
		}
	}
	return votes, nil
}

func agrees(choice engine.Choice, outcome engine.Outcome) bool {
	return (choice == engine.Approve) == (outcome == engine.Approved)
}

// earlier is a verdict that another one superseded; none has no outcome.
type earlier struct {
	outcome engine.Outcome
	at      time.Time
}

// superseded is the newest revision before the event's that approved or rejected.
func superseded(tx core.App, event *ContributionsEvent) (earlier, error) {
	var row struct {
		Outcome engine.Outcome `db:"outcome"`
		At      string         `db:"created"`
	}
	err := tx.DB().NewQuery(`
		SELECT outcome, created FROM verdicts
		WHERE clip = {:clip} AND revision < {:revision} AND outcome IN ('approved', 'rejected')
		ORDER BY revision DESC LIMIT 1`).Bind(dbx.Params{"clip": event.Clip, "revision": event.Revision}).One(&row)
	if errors.Is(err, sql.ErrNoRows) {
		return earlier{}, nil
	}
	if err != nil {
		return earlier{}, err
	}
	at, err := shell.ParseStamp(row.At)
	return earlier{row.Outcome, at}, err
}
