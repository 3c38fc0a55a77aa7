package collections

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/lingualink/lingualink/internal/consensus"
)

// States of an assignment. A lease that ran out is dead by its time; a sweep
// marks it soon after and puts the clip back into the queue.
const (
	AssignmentLive    = "live"
	AssignmentVoted   = "voted"
	AssignmentSkipped = "skipped"
	AssignmentExpired = "expired"
)

// Who decided a verdict.
const (
	ByCrowd  = "crowd"
	ByExpert = "expert"
)

func rejectReasons() []string {
	names := make([]string, 0, len(consensus.Reasons()))
	for _, reason := range consensus.Reasons() {
		names = append(names, string(reason))
	}
	return names
}

func assignments() *core.Collection {
	c := base("assignments",
		presentable(to("clip", "clips", "The clip handed out.")),
		presentable(toUser("validator", "Who may vote on it.")),
		to("language", "languages", "Copied from the clip, for the queue's index."),
		toUser("owner", "The speaker, copied from the clip: nobody judges too many of one speaker's clips."),
		count("owner_seq", "Copied from the clip: the speaker's first, second, third ... clip."),
		oneOf("state", "Live until voted, skipped or expired.", AssignmentLive, AssignmentVoted, AssignmentSkipped, AssignmentExpired),
		&core.DateField{Name: "leased_at", Required: true, Help: "When it was handed out last (UTC)."},
		&core.DateField{Name: "lease_until", Required: true, Help: "Votes are taken until this time (UTC)."},
		text("reason", 200, "Why it was skipped."),
	)
	c.AddIndex("idx_assignments_pair", true, "clip, validator", "")
	c.AddIndex("idx_assignments_validator", false, "validator, language, state, lease_until", "")
	c.AddIndex("idx_assignments_owner", false, "validator, owner, owner_seq", "")
	c.AddIndex("idx_assignments_due", false, "lease_until", "state = 'live'")
	return c
}

// queueCursors are how far each validator has come in the queue of a language.
func queueCursors() *core.Collection {
	c := base("queue_cursors",
		presentable(toUser("validator", "The validator.")),
		presentable(to("language", "languages", "The language.")),
		count("seq", "Turn up to which clips without votes were handed out or passed over."),
		count("started", "The same for clips with votes."),
		count("handed", "Clips handed out, controls included."),
		count("onboarding", "Controls still to be handed out before anything else."),
		count("gold_at", "The value of handed at which the next control comes."),
		&core.DateField{Name: "seen_at", Help: "When they last asked (UTC)."},
	)
	c.AddIndex("idx_queue_cursors_pair", true, "validator, language", "")
	c.AddIndex("idx_queue_cursors_seen", false, "language, seen_at", "")
	return c
}

func votes() *core.Collection {
	c := base("votes",
		presentable(to("clip", "clips", "The clip voted on.")),
		presentable(toUser("validator", "Who voted; set by the server.")),
		presentable(oneOf("verdict", "What the validator says.", string(consensus.Approve), string(consensus.Reject))),
		&core.SelectField{Name: "reason", MaxSelect: 1, Values: rejectReasons(), Help: "Why it was rejected; reaches the speaker with the verdict."},
		text("feedback", 500, "Words for the speaker; reach them with the verdict."),
		secret(&core.BoolField{Name: "rewarded", Help: "Within the daily rewarded cap when it was cast."}),
		secret(&core.NumberField{Name: "sensitivity", Help: "Of the validator when it was cast: P(approve) of a good clip."}),
		secret(&core.NumberField{Name: "specificity", Help: "Of the validator when it was cast: P(reject) of a bad clip."}),
		secret(&core.NumberField{Name: "weight", Help: "What it added to the log-odds when it was cast, in nats; 0: it did not count."}),
		secret(text("engine", 40, "Engine that weighed it.")),
		created(),
	)
	c.AddIndex("idx_votes_pair", true, "clip, validator", "")
	c.AddIndex("idx_votes_validator", false, "validator, created", "")
	c.ListRule = own("validator")
	c.ViewRule = own("validator")
	c.CreateRule = rule(signedIn)
	return c
}

func verdicts() *core.Collection {
	c := base("verdicts",
		presentable(to("clip", "clips", "The clip decided.")),
		toUser("owner", "The speaker, for the read rule."),
		&core.NumberField{Name: "revision", OnlyInt: true, Min: types.Pointer(1.0), Help: "1 for the first verdict of the clip."},
		presentable(oneOf("outcome", "What was decided.",
			string(consensus.Approved), string(consensus.Rejected), string(consensus.Escalated))),
		oneOf("by", "The crowd's votes, or an expert whose word is final.", ByCrowd, ByExpert),
		secret(text("actor", 80, "Who decided, of an expert's verdict.")),
		secret(text("note", 500, "Words of the expert for moderators.")),
		&core.NumberField{Name: "confidence", Min: types.Pointer(0.0), Max: types.Pointer(1.0), Help: "Nominal probability of the outcome under the model."},
		count("votes", "Votes that decided it."),
		&core.SelectField{Name: "reason", MaxSelect: 1, Values: rejectReasons(), Help: "The most frequent reason among the rejecting votes."},
		&core.JSONField{Name: "feedback", MaxSize: 20000, Help: "Words of the validators for the speaker."},
		count("policy_version", "Version of the consensus policy it was decided by; 0 is the default in code."),
		&core.JSONField{Name: "explanation", MaxSize: 100000, Help: "Everything needed to recompute the outcome."},
		created(),
	)
	c.AddIndex("idx_verdicts_clip", true, "clip, revision", "")
	c.AddIndex("idx_verdicts_owner", false, "owner, created", "")
	// While experts are to decide, moderators do not read how the crowd voted.
	readable := `(` + signedIn + ` && ((owner = @request.auth.id && clip.control = false) || clip.votes_via_clip.validator ?= @request.auth.id))` +
		` || (` + activeModerator + ` && clip.status != "escalated" && clip.escalations_via_clip.state != "open")`
	c.ListRule = rule(readable)
	c.ViewRule = rule(readable)
	return c
}
