package consensus

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// skillKey names a validator in a language.
type skillKey struct{ validator, language string }

// lesson is one event for the history of skills. The cause is the id of what
// taught it (a vote on gold, a verdict, a re-estimate, a review); the same cause
// teaches a validator once.
type lesson struct {
	skillKey
	cause string
	event crowd.Event
}

// skillRow is a stored skill.
type skillRow struct {
	Validator string     `db:"validator"`
	Language  string     `db:"language"`
	GoldTP    crowd.Mass `db:"gold_tp"`
	GoldFN    crowd.Mass `db:"gold_fn"`
	GoldTN    crowd.Mass `db:"gold_tn"`
	GoldFP    crowd.Mass `db:"gold_fp"`
	LearnedTP crowd.Mass `db:"learned_tp"`
	LearnedFN crowd.Mass `db:"learned_fn"`
	LearnedTN crowd.Mass `db:"learned_tn"`
	LearnedFP crowd.Mass `db:"learned_fp"`
	Seq       int64      `db:"seq"`
}

const skillColumns = "validator, language, gold_tp, gold_fn, gold_tn, gold_fp, learned_tp, learned_fn, learned_tn, learned_fp, seq"

func (row skillRow) skill() crowd.Skill {
	return crowd.Skill{
		Gold:    crowd.Counts{TP: row.GoldTP, FN: row.GoldFN, TN: row.GoldTN, FP: row.GoldFP},
		Learned: crowd.Counts{TP: row.LearnedTP, FN: row.LearnedFN, TN: row.LearnedTN, FP: row.LearnedFP},
	}
}

// loadSkills reads the skills of the given pairs; who has none is a beginner.
func loadSkills(app core.App, keys []skillKey) (map[skillKey]skillRow, error) {
	pairs := make([][2]string, len(keys))
	for i, key := range keys {
		pairs[i] = [2]string{key.validator, key.language}
	}
	rows := []skillRow{}
	err := app.DB().NewQuery("SELECT " + skillColumns + " FROM skills WHERE (validator, language) IN (SELECT value ->> 0, value ->> 1 FROM json_each({:pairs}))").
		Bind(dbx.Params{"pairs": shell.List(pairs)}).All(&rows)
	if err != nil {
		return nil, err
	}
	skills := make(map[skillKey]skillRow, len(rows))
	for _, row := range rows {
		skills[skillKey{row.Validator, row.Language}] = row
	}
	return skills, nil
}

// learn appends lessons to the history and brings the skills up to date, in the
// transaction of what taught them. The skills it returns are the new ones.
func learn(tx core.App, now time.Time, lessons []lesson) (map[skillKey]skillRow, error) {
	if len(lessons) == 0 {
		return nil, nil
	}
	keys := []skillKey{}
	for _, l := range lessons {
		if !slices.Contains(keys, l.skillKey) {
			keys = append(keys, l.skillKey)
		}
	}
	skills, err := loadSkills(tx, keys)
	if err != nil {
		return nil, err
	}
	var seq int64
	if err := tx.DB().NewQuery("SELECT COALESCE(MAX(seq), 0) FROM skill_events").Row(&seq); err != nil {
		return nil, err
	}
	events := make([]dbx.Params, len(lessons))
	for i, l := range lessons {
		seq++
		c := l.event.Counts
		events[i] = dbx.Params{
			"id": shell.RowID(now), "seq": seq, "validator": l.validator, "language": l.language, "source": string(l.event.Source), "cause": l.cause,
			"tp": int64(c.TP), "fn": int64(c.FN), "tn": int64(c.TN), "fp": int64(c.FP), "created": shell.Stamp(now),
		}
		skills[l.skillKey] = skills[l.skillKey].after(l, seq)
	}
	if err := shell.InsertAll(tx, "skill_events", events); err != nil {
		return nil, err
	}
	rows := make([]dbx.Params, len(keys))
	for i, key := range keys {
		rows[i] = skills[key].params()
	}
	return skills, shell.UpsertAll(tx, "skills", []string{"validator", "language"}, rows)
}

// after is the skill once the lesson is in it.
func (row skillRow) after(l lesson, seq int64) skillRow {
	skill := row.skill().Apply(l.event)
	return skillRow{
		Validator: l.validator, Language: l.language, Seq: seq,
		GoldTP: skill.Gold.TP, GoldFN: skill.Gold.FN, GoldTN: skill.Gold.TN, GoldFP: skill.Gold.FP,
		LearnedTP: skill.Learned.TP, LearnedFN: skill.Learned.FN, LearnedTN: skill.Learned.TN, LearnedFP: skill.Learned.FP,
	}
}

func (row skillRow) params() dbx.Params {
	return dbx.Params{
		"id": shell.NewID(), "validator": row.Validator, "language": row.Language, "seq": row.Seq,
		"gold_tp": int64(row.GoldTP), "gold_fn": int64(row.GoldFN), "gold_tn": int64(row.GoldTN), "gold_fp": int64(row.GoldFP),
		"learned_tp": int64(row.LearnedTP), "learned_fn": int64(row.LearnedFN), "learned_tn": int64(row.LearnedTN), "learned_fp": int64(row.LearnedFP),
	}
}

// addToLanguage adds to what is known about a language. The columns are those of
// language_stats that count.
func addToLanguage(tx core.App, language string, more dbx.Params) error {
	columns, values, sets := []string{}, []string{}, []string{}
	params := dbx.Params{"id": shell.NewID(), "language": language}
	for _, column := range slices.Sorted(maps.Keys(more)) {
		columns, values = append(columns, column), append(values, "{:"+column+"}")
		sets = append(sets, column+" = "+column+" + excluded."+column)
		params[column] = more[column]
	}
	_, err := shell.Exec(tx, "INSERT INTO language_stats (id, language, in_force, "+strings.Join(columns, ", ")+") VALUES ({:id}, {:language}, '{}', "+
		strings.Join(values, ", ")+") ON CONFLICT (language) DO UPDATE SET "+strings.Join(sets, ", "), params)
	return err
}
