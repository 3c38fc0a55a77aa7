package collections

import "github.com/pocketbase/pocketbase/core"

// What a gold clip is.
const (
	TruthGood = "good"
	TruthBad  = "bad"
)

// States of a gold clip.
const (
	GoldActive  = "active"
	GoldSuspect = "suspect" // honest validators miss it: a person looks again
	GoldRetired = "retired"
)

// goldClips are recordings of known truth by which validators are measured.
// They are shown as controls: clips of their own that look like any other.
func goldClips() *core.Collection {
	c := base("gold_clips",
		presentable(to("source", "clips", "The recording that an expert labelled.")),
		presentable(to("language", "languages", "Copied from the recording.")),
		presentable(oneOf("truth", "What the expert said.", TruthGood, TruthBad)),
		presentable(oneOf("state", "Active, suspect or retired.", GoldActive, GoldSuspect, GoldRetired)),
		text("reason", 300, "Why it is no longer active."),
		required(text("actor", 80, "Who made it gold.")),
		count("exposures", "Validators it was handed to."),
		count("answers", "Answers it got."),
		count("misses", "Wrong answers."),
		&core.NumberField{Name: "expected_misses", Help: "Wrong answers to be expected from the skills of those who answered."},
		&core.NumberField{Name: "variance", Help: "Variance of that number."},
		count("honest_answers", "Answers of proven validators who are not excluded."),
		count("honest_misses", "Wrong answers of those."),
		&core.DateField{Name: "ended_at", Help: "When it was retired (UTC)."},
		created(),
	)
	c.AddIndex("idx_gold_clips_source", true, "source", "")
	c.AddIndex("idx_gold_clips_active", false, "language, truth", "state = 'active'")
	return c
}

// goldExposures remember who was handed which gold clip: each once in a life.
func goldExposures() *core.Collection {
	c := base("gold_exposures",
		presentable(to("gold", "gold_clips", "The gold clip.")),
		presentable(toUser("validator", "Who got it.")),
		to("clip", "clips", "The control that showed it."),
		&core.DateField{Name: "handed_at", Required: true, Help: "When it was handed out (UTC)."},
		optional(to("vote", "votes", "The answer, once there is one.")),
		&core.BoolField{Name: "missed", Help: "The answer was wrong."},
	)
	c.AddIndex("idx_gold_exposures_pair", true, "gold, validator", "")
	c.AddIndex("idx_gold_exposures_validator", false, "validator", "")
	c.AddIndex("idx_gold_exposures_clip", false, "clip", "")
	return c
}

// goldView shows admins how the gold clips of each language do.
func goldView() *core.Collection {
	return view("v_gold", `
SELECT g.id, g.source, l.name AS language, c.phrase, g.truth, g.state, g.reason, g.exposures, g.answers, g.misses,
       CAST(ROUND(g.expected_misses, 2) AS REAL) AS expected_misses, g.honest_answers, g.honest_misses, g.created
FROM gold_clips g
JOIN clips c ON c.id = g.source
JOIN languages l ON l.id = g.language`)
}
