package collections

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// States of a validator in a language, as the person sees them.
const (
	TrustUnproven = "unproven" // too little is known
	TrustProven   = "proven"
	TrustExcluded = "excluded" // known to tell nothing; a person may review it
)

// Tiers of a validator in a language.
const (
	TierBronze = "bronze"
	TierSilver = "silver"
	TierGold   = "gold"
)

// States of a review.
const (
	ReviewOpen       = "open"
	ReviewReinstated = "reinstated"
	ReviewConfirmed  = "confirmed"
)

// validators is what the server keeps about a person as a validator over all
// languages: one row, touched by every vote.
func validators() *core.Collection {
	c := base("validators",
		presentable(toUser("person", "The person.")),
		presentable(count("votes", "Votes ever cast.")),
		&core.DateField{Name: "last_vote_at", Help: "When they last voted (UTC)."},
		&core.DateField{Name: "heard_until", Help: "Until when what they voted on has kept them listening (UTC)."},
		text("day", 10, "UTC day of the last vote, for the two counts below."),
		count("rewarded_today", "Votes of that day within the daily rewarded cap."),
		count("active_days", "UTC days with at least one vote."),
		&core.DateField{Name: "hour_start", Help: "Start of the running hour for the limit of votes (UTC)."},
		count("votes_in_hour", "Votes in that hour."),
	)
	c.AddIndex("idx_validators_person", true, "person", "")
	return c
}

// counts are a validator's answers by what the clip was, in billionths of one
// answer (crowd.Mass).
func counts(prefix, source string) []core.Field {
	mass := func(name, help string) core.Field {
		return &core.NumberField{Name: prefix + name, OnlyInt: true, Help: help + ", " + source + ", in billionths of an answer."}
	}
	return []core.Field{
		mass("tp", "Good clips approved"), mass("fn", "Good clips rejected"),
		mass("tn", "Bad clips rejected"), mass("fp", "Bad clips approved"),
	}
}

// skills is what is known about a validator in a language: the sum of their
// skill events.
func skills() *core.Collection {
	c := base("skills",
		presentable(toUser("validator", "The validator.")),
		presentable(to("language", "languages", "The language.")),
	)
	c.Fields.Add(counts("gold_", "from known truth")...)
	c.Fields.Add(counts("learned_", "from verdicts and re-estimates")...)
	c.Fields.Add(count("seq", "The last skill event that is in it."))
	c.AddIndex("idx_skills_pair", true, "validator, language", "")
	c.AddIndex("idx_skills_language", false, "language, seq", "")
	return c
}

// skillEvents is the append-only history of all skills. Triggers refuse changes.
func skillEvents() *core.Collection {
	c := base("skill_events",
		presentable(count("seq", "Place in the history, without gaps.")),
		presentable(toUser("validator", "Whose skill.")),
		to("language", "languages", "In which language."),
		presentable(oneOf("source", "How the truth was known.",
			string(crowd.FromGold), string(crowd.FromExpert), string(crowd.FromVerdict), string(crowd.FromFit), string(crowd.FromReview))),
		required(text("cause", 15, "Id of the vote on gold, the verdict, the re-estimate or the review.")),
	)
	c.Fields.Add(counts("", "added; a re-estimate replaces what was learned")...)
	c.Fields.Add(&core.DateField{Name: "created", Required: true, Help: "When it was learned (UTC)."})
	c.AddIndex("idx_skill_events_seq", true, "seq", "")
	c.AddIndex("idx_skill_events_cause", true, "validator, cause, source", "")
	c.AddIndex("idx_skill_events_skill", false, "language, validator, seq", "")
	return system(c)
}

// languageStats is what is known about a language as a whole.
func languageStats() *core.Collection {
	c := base("language_stats",
		presentable(to("language", "languages", "The language.")),
		count("good", "Settled clips that are good, in billionths of a clip."),
		count("settled", "Settled clips, in billionths of a clip."),
		presentable(count("gold_clips", "Active gold clips.")),
		count("gold_answers", "Answers given on gold clips."),
		count("verdicts", "Verdicts since the last re-estimate."),
		count("good_approved", "Good controls that the crowd approved."),
		count("good_rejected", "Good controls that the crowd rejected."),
		count("bad_approved", "Bad controls that the crowd approved."),
		count("bad_rejected", "Bad controls that the crowd rejected."),
		&core.DateField{Name: "fitted_at", Help: "Last re-estimate, put into force or refused (UTC)."},
		&core.JSONField{Name: "in_force", MaxSize: 1000, Help: "What decisions take of the above until the next re-estimate: what moved with each verdict would tell which clips are controls."},
	)
	c.AddIndex("idx_language_stats_language", true, "language", "")
	return c
}

// fits are the re-estimates of all skills of a language.
func fits() *core.Collection {
	c := base("fits",
		presentable(to("language", "languages", "The language.")),
		presentable(oneOf("state", "Put into force, or refused by a guard.", "accepted", "refused")),
		text("reason", 300, "Why it was refused."),
		count("policy_version", "Version of the consensus policy."),
		count("clips", "Clips it looked at."),
		count("votes", "Votes it looked at."),
		count("validators", "Validators it re-estimated."),
		count("iterations", "Rounds until nothing moved."),
		&core.NumberField{Name: "good_share", Help: "Share of good clips it found."},
		count("seq", "The last skill event that it knew."),
		created(),
	)
	c.AddIndex("idx_fits_language", false, "language, created", "")
	return c
}

// trust is what a validator is shown about their own accuracy, as of the last
// assessment: what moved at once would tell which clip was gold.
func trust() *core.Collection {
	c := base("trust",
		presentable(toUser("validator", "The validator.")),
		presentable(to("language", "languages", "The language.")),
		presentable(oneOf("state", "Unproven while too little is known, proven, or excluded.", TrustUnproven, TrustProven, TrustExcluded)),
		&core.SelectField{Name: "tier", MaxSelect: 1, Values: []string{TierBronze, TierSilver, TierGold}, Help: "Of a proven validator."},
		&core.NumberField{Name: "accuracy", Help: "Expected share of right answers, 0 to 1."},
		&core.NumberField{Name: "low", Help: "Lower end of the 90 % credible interval of the accuracy."},
		&core.NumberField{Name: "high", Help: "Upper end of the interval."},
		count("answers", "Answers it rests on, rounded down."),
		count("pay_bps", "Share of the fee that their answers are worth, in basis points."),
		&core.DateField{Name: "assessed_at", Help: "When it was reckoned (UTC)."},
		&core.DateField{Name: "retake_at", Help: "When the onboarding was last taken again (UTC)."},
		secret(count("seq", "The last skill event that is in it.")),
		secret(count("policy_version", "Version of the consensus policy; 0 is the default in code.")),
	)
	c.AddIndex("idx_trust_pair", true, "validator, language", "")
	c.AddIndex("idx_trust_tier", false, "language, tier", "")
	c.AddIndex("idx_trust_assessed", false, "assessed_at", "")
	c.ListRule = own("validator")
	c.ViewRule = own("validator")
	return c
}

// reviews are requests of excluded validators that a person looks at them.
func reviews() *core.Collection {
	c := base("reviews",
		presentable(toUser("validator", "Who asks.")),
		presentable(to("language", "languages", "In which language.")),
		required(text("text", 1000, "Why, in their words.")),
		presentable(oneOf("state", "Open, reinstated or confirmed.", ReviewOpen, ReviewReinstated, ReviewConfirmed)),
		text("reason", 500, "Why it was decided so."),
		secret(text("actor", 80, "Who decided.")),
		&core.DateField{Name: "decided_at", Help: "When it was decided (UTC)."},
		created(), updated(),
	)
	c.AddIndex("idx_reviews_open", true, "validator, language", "state = 'open'")
	c.AddIndex("idx_reviews_state", false, "state, created", "")
	readable := `(validator = @request.auth.id && ` + signedIn + `) || ` + moderator
	c.ListRule = rule(readable)
	c.ViewRule = rule(readable)
	return c
}
