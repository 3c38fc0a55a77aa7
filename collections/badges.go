package collections

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	badgerules "github.com/lingualink/lingualink/internal/badges"
	"github.com/lingualink/lingualink/internal/leaderboard"
)

// badges are what contributions are recognised with; admins add others beside
// those of the seed.
func badges() *core.Collection {
	measures, levels := []string{}, []string{string(badgerules.Bronze), string(badgerules.Silver), string(badgerules.Gold)}
	for _, measure := range badgerules.Measures() {
		measures = append(measures, string(measure))
	}
	c := base("badges",
		required(text("slug", 40, "Short name for ever, for example first-steps; it is in certificates.")),
		presentable(required(text("name", 60, "What people call it."))),
		required(text("description", 200, "What it is for, to whoever has it.")),
		oneOf("measure", "What is counted.", measures...),
		oneOf("level", "Metal.", levels...),
		&core.NumberField{Name: "threshold", Required: true, OnlyInt: true, Min: types.Pointer(1.0), Help: "So much of the measure earns it."},
		created(), updated(),
	)
	c.AddIndex("idx_badges_slug", true, "slug", "")
	c.AddIndex("idx_badges_measure", true, "measure, threshold", "")
	c.ListRule = anyone()
	c.ViewRule = anyone()
	return c
}

// userBadges are who earned which badge. They are visible on the public card by
// users.badges; this row has the code of the certificate.
func userBadges() *core.Collection {
	c := base("user_badges",
		presentable(toUser("user", "Who earned it.")),
		presentable(to("badge", "badges", "What was earned.")),
		required(text("code", 32, "Number of the certificate; whoever has it can see the certificate.")),
		&core.DateField{Name: "earned_at", Required: true, Help: "When the contribution that earned it was decided (UTC)."},
		&core.DateField{Name: "revoked_at", Help: "When it was taken away for fraud (UTC)."},
		created(),
	)
	c.AddIndex("idx_user_badges_pair", true, "user, badge", "")
	c.AddIndex("idx_user_badges_code", true, "code", "")
	c.ListRule = own("user")
	c.ViewRule = own("user")
	return c
}

// contributors are what each person did that stands, counted as it happens.
func contributors() *core.Collection {
	c := base("contributors",
		presentable(toUser("user", "Whose counts they are; one row each.")),
		presentable(minor("clips_approved", "Clips that are approved now.")),
		presentable(minor("validations", "Votes that agree with the verdict in force.")),
		presentable(minor("referrals", "People they brought who are active now.")),
		&core.JSONField{Name: "streak", MaxSize: 1000, Help: "Days in a row with a contribution, in the person's time zone."},
		&core.DateField{Name: "last_at", Help: "Latest contribution (UTC)."},
		&core.DateField{Name: "updated", Help: "Latest change (UTC)."},
	)
	c.AddIndex("idx_contributors_user", true, "user", "")
	return c
}

// leaderboardScores are one count per board, period, language and person.
func leaderboardScores() *core.Collection {
	boards := []string{}
	for _, board := range leaderboard.Boards() {
		boards = append(boards, string(board))
	}
	c := base("leaderboard_scores",
		presentable(oneOf("board", "What is counted.", boards...)),
		presentable(required(text("bucket", 10, "The period, for example 2027-W05, 2027-02 or all."))),
		optional(to("language", "languages", "Only in this language; empty counts all.")),
		presentable(toUser("user", "Whose count it is.")),
		presentable(minor("score", "How many.")),
	)
	c.AddIndex("idx_leaderboard_scores_one", true, "board, bucket, language, user", "")
	c.AddIndex("idx_leaderboard_scores_top", false, "board, bucket, language, score DESC, user", "")
	return c
}
