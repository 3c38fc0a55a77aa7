package collections

import (
	"github.com/pocketbase/pocketbase/core"
)

// Why an expert is asked.
const (
	CauseMaxVotes = "max_votes" // the votes do not agree
	CauseTimeout  = "timeout"   // nobody is left who could vote
	CauseGold     = "gold"      // honest validators miss a gold clip
	CauseAudit    = "audit"     // the re-estimate strongly contradicts a verdict
	CauseDispute  = "dispute"   // somebody disputes the verdict
)

// States of an escalation.
const (
	EscalationOpen    = "open"
	EscalationDecided = "decided"
	EscalationClosed  = "closed" // nothing to decide any more
)

// escalations are the experts' queue: clips on which somebody with more
// experience has the last word. An expert fetches them by a route, which keeps
// apart who voted or is related.
func escalations() *core.Collection {
	c := base("escalations",
		presentable(to("clip", "clips", "The clip.")),
		presentable(to("language", "languages", "Copied from the clip.")),
		toUser("owner", "The speaker, copied from the clip."),
		presentable(oneOf("cause", "Why an expert is asked.", CauseMaxVotes, CauseTimeout, CauseGold, CauseAudit, CauseDispute)),
		presentable(oneOf("state", "Open, decided or closed.", EscalationOpen, EscalationDecided, EscalationClosed)),
		text("text", 1000, "Words of the speaker who disputes the verdict; empty where nobody does."),
		optional(toUser("claimed_by", "The expert who has it at the moment.")),
		&core.DateField{Name: "claim_until", Help: "The claim ends at this time (UTC)."},
		optional(toUser("proposed_by", "The expert who said the first word; another one says the second.")),
		&core.SelectField{Name: "proposed", MaxSelect: 1, Values: []string{"approved", "rejected"}, Help: "What the first word was."},
		text("proposed_reason", 40, "The reason of a rejection that was proposed."),
		text("proposed_note", 500, "The first expert's words."),
		&core.DateField{Name: "proposed_at", Help: "When (UTC)."},
		&core.BoolField{Name: "contested", Help: "Two experts disagree: a moderator decides."},
		optional(toUser("contested_by", "The expert who disagreed with the first.")),
		optional(to("verdict", "verdicts", "The expert's verdict.")),
		&core.DateField{Name: "decided_at", Help: "When it was decided or closed (UTC)."},
		created(), updated(),
	)
	// Of two columns, though one would do: PocketBase does not read the condition and
	// would take a clip to have one escalation, so that rules looked at one of them.
	c.AddIndex("idx_escalations_open", true, "clip, state", "state = 'open'")
	c.AddIndex("idx_escalations_clip", false, "clip", "")
	c.AddIndex("idx_escalations_queue", false, "state, language, created", "")
	c.AddIndex("idx_escalations_claimed", false, "claimed_by, state", "")
	c.ListRule = rule(moderator)
	c.ViewRule = rule(moderator)
	return c
}

// pairSignals count how often two validators are wrong together, of what their
// skills let expect, given how many were wrong on the clip.
func pairSignals() *core.Collection {
	c := base("pair_signals",
		presentable(toUser("a", "One validator.")),
		presentable(toUser("b", "The other; the greater id.")),
		to("language", "languages", "The language."),
		count("clips", "Clips of both on which several voters, but not all, were wrong."),
		count("agreements", "Of these, clips on which both were."),
		real("expected", "Agreements that their skills let expect."),
		real("variance", "Variance of that number."),
		presentable(real("z", "Standard deviations of the agreements above what is expected.")),
		count("together", "Clips that both voted on."),
		count("bursts", "Of these, with votes within minutes of each other."),
		updated(),
	)
	c.AddIndex("idx_pair_signals_pair", true, "a, b, language", "")
	c.AddIndex("idx_pair_signals_b", false, "b", "")
	c.AddIndex("idx_pair_signals_z", false, "z", "")
	c.AddIndex("idx_pair_signals_updated", false, "updated", "z >= 2") // the least that any policy asks about
	c.ListRule = rule(moderator)
	c.ViewRule = rule(moderator)
	return c
}

// pairOwners count the clips of one speaker that the same two validators decided.
func pairOwners() *core.Collection {
	c := base("pair_owners",
		presentable(toUser("a", "One validator.")),
		presentable(toUser("b", "The other; the greater id.")),
		presentable(toUser("owner", "The speaker.")),
		count("clips", "Clips of the speaker on which both votes counted."),
		presentable(real("share", "Of the speaker's decided clips, when this was last updated.")),
		updated(),
	)
	c.AddIndex("idx_pair_owners_trio", true, "a, b, owner", "")
	c.AddIndex("idx_pair_owners_b", false, "b", "")
	c.AddIndex("idx_pair_owners_owner", false, "owner, clips", "")
	c.ListRule = rule(moderator)
	c.ViewRule = rule(moderator)
	return c
}

// ownerSignals count how often a validator approves a speaker, of what the
// clips and the validator's skills let expect.
func ownerSignals() *core.Collection {
	c := base("owner_signals",
		presentable(toUser("validator", "The validator.")),
		presentable(toUser("owner", "The speaker.")),
		to("language", "languages", "The language."),
		count("clips", "Clips of the speaker that the validator voted on and that have a verdict."),
		count("approvals", "Of these, approved by the validator."),
		real("expected", "Approvals to be expected."),
		real("variance", "Variance of that number."),
		presentable(real("z", "Standard deviations of the approvals above what is expected.")),
		updated(),
	)
	c.AddIndex("idx_owner_signals_pair", true, "validator, owner, language", "")
	c.AddIndex("idx_owner_signals_owner", false, "owner", "")
	c.AddIndex("idx_owner_signals_z", false, "z", "")
	c.AddIndex("idx_owner_signals_updated", false, "updated", "z >= 2") // the least that any policy asks about
	c.ListRule = rule(moderator)
	c.ViewRule = rule(moderator)
	return c
}

func real(name, help string) *core.NumberField {
	return &core.NumberField{Name: name, Help: help}
}
