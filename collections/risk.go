package collections

import "github.com/pocketbase/pocketbase/core"

// Kinds of sightings.
const (
	SeenDevice  = "device"
	SeenAddress = "address"
)

// States of a cluster of people and of the freeze of one of them.
const (
	ClusterOpen      = "open"
	ClusterCleared   = "cleared"
	ClusterConfirmed = "confirmed"
	ClusterMerged    = "merged" // its people are in a larger one now

	FreezeOn     = "frozen"
	FreezeLifted = "lifted"
)

// States of an appeal.
const (
	AppealOpen       = "open"
	AppealUpheld     = "upheld"     // the decision stays
	AppealOverturned = "overturned" // the decision is undone
)

// sightings are what devices and network addresses a person was seen with. Only
// keyed hashes are kept.
func sightings() *core.Collection {
	c := base("sightings",
		presentable(toUser("user", "Who was seen.")),
		presentable(oneOf("kind", "With what.", SeenDevice, SeenAddress)),
		required(text("hash", 64, "Keyed hash of it.")),
		&core.DateField{Name: "first_at", Required: true, Help: "First time (UTC)."},
		&core.DateField{Name: "last_at", Required: true, Help: "Last time (UTC)."},
	)
	c.AddIndex("idx_sightings_one", true, "kind, hash, user", "")
	c.AddIndex("idx_sightings_user", false, "user", "")
	c.AddIndex("idx_sightings_first_at", false, "kind, hash, first_at", "")
	c.AddIndex("idx_sightings_last_at", false, "kind, last_at", "")
	return c
}

// riskClusters are people who look like one person, or like people who take the
// programme together, for somebody to decide.
func riskClusters() *core.Collection {
	c := base("risk_clusters",
		presentable(oneOf("act", "What it calls for.", "watch", "freeze")),
		presentable(oneOf("state", "Open until somebody decides.", ClusterOpen, ClusterCleared, ClusterConfirmed, ClusterMerged)),
		presentable(count("score", "Weight of the strongest link, 0 to 10000.")),
		&core.JSONField{Name: "people", MaxSize: 50000, Help: "Ids of the people."},
		&core.JSONField{Name: "reasons", MaxSize: 4000000, Help: "What was seen of whom, the weightiest first."},
		count("policy_version", "Version of the risk policy; 0 is the default in code."),
		&core.DateField{Name: "decide_by", Help: "A person decides until then (UTC)."},
		text("decided_by", 80, "Who decided."),
		text("reason", 500, "Why it was decided so."),
		&core.DateField{Name: "decided_at", Help: "When (UTC)."},
		created(), updated(),
	)
	c.AddIndex("idx_risk_clusters_state", false, "state, act, created", "")
	c.AddIndex("idx_risk_clusters_decide_by", false, "decide_by", "state = 'open' AND act = 'freeze'")
	c.ListRule = rule(moderator + ` && people !~ @request.auth.id && reasons !~ @request.auth.id`) // nobody reads of themselves
	c.ViewRule = rule(moderator + ` && people !~ @request.auth.id && reasons !~ @request.auth.id`)
	return c
}

// freezes keep a person's earnings from being released and paid out.
func freezes() *core.Collection {
	c := base("freezes",
		presentable(toUser("user", "Whose money waits.")),
		secret(to("cluster", "risk_clusters", "What it is about.")),
		required(text("reason", 1000, "What the person is told.")),
		presentable(oneOf("state", "Frozen until somebody decides for the person.", FreezeOn, FreezeLifted)),
		&core.BoolField{Name: "confirmed", Help: "Somebody decided that the suspicion is true; it can be appealed."},
		text("decision", 500, "Why it was decided so, for the person."),
		&core.DateField{Name: "decide_by", Help: "A person decides until then (UTC)."},
		&core.DateField{Name: "ended_at", Help: "When it was lifted (UTC)."},
		created(), updated(),
	)
	c.AddIndex("idx_freezes_one", true, "user, cluster", "")
	c.AddIndex("idx_freezes_cluster", false, "cluster", "")
	c.AddIndex("idx_freezes_on", false, "user", "state = 'frozen'")
	c.ListRule = ownOrModerator("user")
	c.ViewRule = ownOrModerator("user")
	return c
}

// clearedPairs are two people whom somebody found innocent, with the score they
// had then: they are asked about again only when more is seen.
func clearedPairs() *core.Collection {
	c := base("cleared_pairs",
		presentable(toUser("a", "One person, the smaller id.")),
		presentable(toUser("b", "The other person.")),
		count("score", "Their score when they were cleared, 0 to 10000."),
		text("cleared_by", 80, "Who did."),
		&core.DateField{Name: "cleared_at", Required: true, Help: "When (UTC)."},
	)
	c.AddIndex("idx_cleared_pairs_one", true, "a, b", "")
	c.AddIndex("idx_cleared_pairs_b", false, "b", "")
	return c
}

// appeals are what a person says against a decision about them, once each.
func appeals() *core.Collection {
	c := base("appeals",
		presentable(toUser("user", "Who appeals.")),
		presentable(required(text("subject_type", 40, "Kind of the decision, for example freezes."))),
		presentable(required(text("subject_id", 15, "Id of the decision."))),
		required(text("text", 2000, "What they say.")),
		presentable(oneOf("state", "Open until somebody else than before decides.", AppealOpen, AppealUpheld, AppealOverturned)),
		text("reason", 500, "Why it was decided so, for the person."),
		secret(text("decided_by", 80, "Who decided.")),
		&core.DateField{Name: "decided_at", Help: "When (UTC)."},
		created(), updated(),
	)
	c.AddIndex("idx_appeals_one", true, "user, subject_type, subject_id", "")
	c.AddIndex("idx_appeals_state", false, "state, created", "")
	c.ListRule = ownOrModerator("user")
	c.ViewRule = ownOrModerator("user")
	c.CreateRule = rule(signedIn)
	return c
}
