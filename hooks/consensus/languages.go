package consensus

import (
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// leastNewControls is how many controls must have been decided before explanations
// show new figures of them: with fewer, somebody who knows most of the votes could
// tell which clips they were.
const leastNewControls = 20

// languageRow is what is known about a language as a whole: all that is known, and
// the part that is in force.
type languageRow struct {
	Good         int64  `db:"good"`
	Settled      int64  `db:"settled"`
	GoldClips    int    `db:"gold_clips"`
	GoldAnswers  int    `db:"gold_answers"`
	Verdicts     int64  `db:"verdicts"`
	GoodApproved int64  `db:"good_approved"`
	GoodRejected int64  `db:"good_rejected"`
	BadApproved  int64  `db:"bad_approved"`
	BadRejected  int64  `db:"bad_rejected"`
	Stored       string `db:"in_force"`

	inForce languageInForce
}

// languageInForce is what decisions and assessments take of a language from one
// re-estimate to the next. Explanations show it to those who voted: figures that
// moved with a verdict on a clip, and did not with one on a control, or the other
// way round, would tell the one from the other.
type languageInForce struct {
	Good        crowd.Mass         `json:"good"`
	Settled     crowd.Mass         `json:"settled"`
	GoldAnswers int                `json:"gold_answers"`
	Calibration engine.Calibration `json:"calibration"`
}

const languageColumns = `good, settled, gold_clips, gold_answers, verdicts, good_approved, good_rejected, bad_approved, bad_rejected,
	COALESCE(in_force, '{}') AS in_force`

// loadLanguage reads what is known about a language; at first that is nothing.
func loadLanguage(app core.App, language string) (languageRow, error) {
	var row languageRow
	err := app.DB().NewQuery("SELECT " + languageColumns + " FROM language_stats WHERE language = {:language}").
		Bind(dbx.Params{"language": language}).One(&row)
	if errors.Is(err, sql.ErrNoRows) {
		return row, nil
	}
	if err != nil {
		return row, err
	}
	return row, json.Unmarshal([]byte(row.Stored), &row.inForce)
}

// language is what is in force. How many gold clips there are counts at once: they
// come and go by themselves.
func (row languageRow) language() engine.Language {
	return engine.Language{
		Language: crowd.Language{
			Good: row.inForce.Good, Settled: row.inForce.Settled, GoldAnswers: row.inForce.GoldAnswers, GoldClips: row.GoldClips,
		},
		Calibration: row.inForce.Calibration,
	}
}

// known is all that is known, in force or not.
func (row languageRow) known() crowd.Language {
	return crowd.Language{
		Good: crowd.Mass(row.Good), Settled: crowd.Mass(row.Settled), GoldClips: row.GoldClips, GoldAnswers: row.GoldAnswers,
	}
}

func (row languageRow) calibration() engine.Calibration {
	return engine.Calibration{
		GoodApproved: row.GoodApproved, GoodRejected: row.GoodRejected, BadApproved: row.BadApproved, BadRejected: row.BadRejected,
	}
}

// putIntoForce lets decisions take what is known now. It follows a re-estimate.
func putIntoForce(tx core.App, language string) error {
	row, err := loadLanguage(tx, language)
	if err != nil {
		return err
	}
	known := row.known()
	next := languageInForce{Good: known.Good, Settled: known.Settled, GoldAnswers: known.GoldAnswers, Calibration: row.inForce.Calibration}
	if c := row.calibration(); c.Controls()-next.Calibration.Controls() >= leastNewControls {
		next.Calibration = c
	}
	packed, err := json.Marshal(next)
	if err != nil {
		return err
	}
	_, err = shell.Exec(tx, "UPDATE language_stats SET in_force = {:in_force} WHERE language = {:language}",
		dbx.Params{"in_force": string(packed), "language": language})
	return err
}
