package consensus

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/collections"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// rebuilt is a skill as its history makes it.
type rebuilt struct {
	skill crowd.Skill
	seq   int64 // of the last event that is in it
}

// causedEvent is an event of the history.
type causedEvent struct {
	eventRow
	Caused bool `db:"caused"` // its cause is there, and is one for this person in this language
}

// historyQuery gives the whole history in its order. What gold teaches has causes
// of several kinds and is looked up by itself.
const historyQuery = `
	SELECT ` + eventColumns + `,
		CASE e.source
		WHEN {:gold} THEN 1
		WHEN {:fit} THEN EXISTS (
			SELECT 1 FROM fits f WHERE f.id = e.cause AND f.language = e.language AND f.state = {:accepted})
		WHEN {:review} THEN EXISTS (
			SELECT 1 FROM reviews r WHERE r.id = e.cause AND r.language = e.language AND r.validator = e.validator AND r.state = {:reinstated})
		ELSE EXISTS (
			SELECT 1 FROM verdicts d JOIN votes v ON v.clip = d.clip AND v.validator = e.validator
			WHERE d.id = e.cause AND d.[[by]] = CASE e.source WHEN {:expert} THEN {:by_expert} WHEN {:verdict} THEN {:by_crowd} END)
		END AS caused
	FROM skill_events e ORDER BY e.seq`

// history checks every lesson and rebuilds the skills from them. What verdicts
// taught was held against the verdicts; what a re-estimate found can't be
// recomputed, because the votes have grown since.
func (v *verifier) history() error {
	rows, err := v.db.NewQuery(historyQuery).Bind(dbx.Params{
		"gold": string(crowd.FromGold), "fit": string(crowd.FromFit), "review": string(crowd.FromReview),
		"expert": string(crowd.FromExpert), "verdict": string(crowd.FromVerdict), "accepted": FitAccepted,
		"reinstated": collections.ReviewReinstated, "by_expert": collections.ByExpert, "by_crowd": collections.ByCrowd,
	}).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	v.rebuilt = map[skillKey]rebuilt{}
	last := int64(0)
	for rows.Next() {
		var row causedEvent
		if err := rows.ScanStruct(&row); err != nil {
			return err
		}
		v.report.Lessons++
		wrong, err := v.checkEvent(row, last+1)
		if err != nil {
			return err
		}
		v.wrong("skill_events", fmt.Sprint(row.Seq), wrong)
		last = row.Seq
		key := skillKey{row.Validator, row.Language}
		v.rebuilt[key] = rebuilt{v.rebuilt[key].skill.Apply(row.event()), row.Seq}
	}
	return rows.Err()
}

// checkEvent says why an event, of which the one with the given number is
// expected, cannot be, or nil.
func (v *verifier) checkEvent(row causedEvent, next int64) (wrong, err error) {
	switch {
	case row.Seq != next:
		return fmt.Errorf("event %d is not there", next), nil
	case !row.Caused:
		return fmt.Errorf("its cause, %s %q, is not there", row.Source, row.Cause), nil
	case row.Source == crowd.FromReview && row.event().Counts != crowd.Counts{}:
		return errors.New("a review teaches nothing"), nil
	case row.Source == crowd.FromGold:
		return v.checkGold(row)
	}
	return nil, nil
}

// goldLesson is an answer on a control that can have taught something.
type goldLesson struct {
	Choice    engine.Choice `db:"choice"`
	Corrected bool          `db:"corrected"` // by an expert's later verdict on the recording
	Good      bool          `db:"good"`      // the recording is held for good, or was when the answer was given
	Bad       bool          `db:"bad"`
}

// checkGold holds what gold taught against the answer: the truth, by the vote
// that gave it, or the correction, by the expert's verdict that made the truth
// its opposite.
func (v *verifier) checkGold(row causedEvent) (wrong, err error) {
	said := func(outcome string) string {
		return "EXISTS (SELECT 1 FROM verdicts WHERE clip = g.source AND [[by]] = {:expert} AND outcome = {:" + outcome + "})"
	}
	lessons := []goldLesson{}
	err = v.db.NewQuery(`
		SELECT v.verdict AS choice, 0 AS corrected, g.truth = {:good} OR ` + said("approved") + ` AS good, g.truth = {:bad} OR ` + said("rejected") + ` AS bad
		FROM votes v JOIN clip_tallies t ON t.clip = v.clip JOIN gold_clips g ON g.id = t.gold
		WHERE v.id = {:cause} AND v.validator = {:validator} AND g.language = {:language}
		UNION ALL
		SELECT v.verdict, 1, d.outcome = {:approved}, d.outcome = {:rejected}
		FROM verdicts d JOIN gold_clips g ON g.source = d.clip
		JOIN gold_exposures x ON x.gold = g.id AND x.validator = {:validator} JOIN votes v ON v.id = x.vote
		WHERE d.id = {:cause} AND d.[[by]] = {:expert} AND g.language = {:language}`).
		Bind(dbx.Params{
			"cause": row.Cause, "validator": row.Validator, "language": row.Language, "good": collections.TruthGood, "bad": collections.TruthBad,
			"expert": collections.ByExpert, "approved": string(engine.Approved), "rejected": string(engine.Rejected),
		}).All(&lessons)
	if err != nil {
		return nil, err
	}
	for _, l := range lessons {
		for truth, held := range map[crowd.Label]bool{crowd.Good: l.Good, crowd.Bad: l.Bad} {
			event := crowd.Exactly(crowd.FromGold, truth, l.Choice == engine.Approve)
			if l.Corrected {
				event = crowd.Corrected(crowd.FromGold, truth, l.Choice == engine.Approve)
			}
			if held && event == row.event() {
				return nil, nil
			}
		}
	}
	return errors.New("it is not what an answer on gold teaches"), nil
}

// skills holds the stored skills against the rebuilt ones, bit for bit.
func (v *verifier) skills() error {
	rows, err := v.db.NewQuery("SELECT id, " + skillColumns + " FROM skills ORDER BY id").Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var row struct {
			ID string `db:"id"`
			skillRow
		}
		if err := rows.ScanStruct(&row); err != nil {
			return err
		}
		v.report.Skills++
		key := skillKey{row.Validator, row.Language}
		if v.rebuilt[key] != (rebuilt{row.skill(), row.Seq}) {
			v.wrong("skills", row.ID, errors.New("rebuilt from its history it is another"))
		}
		delete(v.rebuilt, key)
	}
	missing := slices.SortedFunc(maps.Keys(v.rebuilt), func(a, b skillKey) int { return strings.Compare(a.validator, b.validator) })
	for _, key := range missing {
		v.wrong("skills", key.validator, errors.New("the validator has a history and no skill"))
	}
	return rows.Err()
}
