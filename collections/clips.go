package collections

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/internal/audio"
)

// States of a clip.
const (
	ClipPending   = "pending"
	ClipEscalated = "escalated"
	ClipApproved  = "approved"
	ClipRejected  = "rejected"
	ClipWithdrawn = "withdrawn"
)

// MediaMaxBytes bounds one media file whatever the policy says.
const MediaMaxBytes = 128 << 20

// visibleClip is what the public sees, less the clips between people of whom
// one has blocked the other. Comparing with != asks that no block row matches;
// a guest, whose id is empty, would match the absence of one. A recording that
// serves as gold is reserved: its label could be looked up. What a banned person
// recorded is out of sight for as long as the ban lasts; hidden stays as it is, so
// that the end of a ban shows what was not hidden for itself.
const visibleClip = `(status = "approved" && hidden = false && reserved = false && owner.standing != "banned" && (@request.auth.id = ""` +
	` || (owner.blocks_via_user.blocked != @request.auth.id` +
	` && owner.blocks_via_blocked.user != @request.auth.id)))`

func clips() *core.Collection {
	c := base("clips",
		presentable(toUser("owner", "The speaker.")),
		oneOf("kind", "Voice or video.", string(audio.Voice), string(audio.Video)),
		&core.FileField{
			Name: "media", Required: true, MaxSelect: 1, MaxSize: MediaMaxBytes, Protected: true,
			MimeTypes: audio.StoredMIMETypes,
			Help:      "The recording. Until it is approved only its owner, moderators and assigned validators can fetch it.",
		},
		presentable(to("language", "languages", "Language spoken.")),
		text("dialect", 80, "Dialect in the speaker's words."),
		optional(to("prompt", "prompts", "The prompt that was read, if any.")),
		presentable(text("phrase", 500, "What was said; copied from the prompt when there is one.")),
		optional(to("parent", "clips", "The approved clip this one is a duet or remix of.")),
		optional(to("root", "clips", "First clip of the chain; set by the server.")),
		count("depth", "0 for an original, one more than the parent's otherwise; set by the server."),
		oneOf("status", "Set by the server.", ClipPending, ClipEscalated, ClipApproved, ClipRejected, ClipWithdrawn),
		&core.BoolField{Name: "hidden", Help: "Taken out of sight by moderation; set by the server."},
		secret(&core.BoolField{Name: "reserved", Help: "Serves as gold: out of public sight until it retires."}),
		secret(&core.BoolField{Name: "control", Help: "Shows a reserved recording to validators once more, to measure them; never listed."}),
		secret(text("shown_to", 20000, "Who voted on a control, by id: after its verdict they find it as any other clip.")),
		secret(to("campaign", "campaigns", "Who pays for it; bound at upload.")),
		count("duration_ms", "Measured length in milliseconds."),
		count("size_bytes", "Size of the file in bytes."),
		text("container", 20, "Measured file format, for example ogg."),
		text("codec", 20, "Measured audio codec, for example opus."),
		count("sample_rate_hz", "Measured sample rate."),
		count("channels", "Measured number of audio channels."),
		&core.SelectField{Name: "quality", MaxSelect: 1, Values: []string{"good", "quiet", "clipped", "unknown"}, Help: "What the server heard; unknown where it cannot decode the codec."},
		&core.JSONField{Name: "loudness_lufs", MaxSize: 64, Help: "Integrated loudness (ITU-R BS.1770), null where it was not measured."},
		secret(text("media_sha256", 64, "SHA-256 of the bytes; refuses the same recording twice.")),
		&core.DateField{Name: "decided_at", Help: "When the verdict fell (UTC)."},
		&core.DateField{Name: "withdrawn_at", Help: "When the speaker withdrew it (UTC)."},
		created(), updated(),
	)
	c.AddIndex("idx_clips_media_sha256", true, "media_sha256", "")
	c.AddIndex("idx_clips_created", false, "created", "")
	c.AddIndex("idx_clips_feed", false, "status, hidden, language, created", "")
	c.AddIndex("idx_clips_owner", false, "owner, created", "")
	c.AddIndex("idx_clips_parent", false, "parent", "")
	owners := ` || (owner = @request.auth.id && ` + signedIn + ` && control = false)`
	moderators := ` || (status != "withdrawn" && ` + moderator
	// The feed does not show one recording many times. Who voted on a control finds it
	// like any other clip, or its absence would tell.
	listed := `(control = false || (@request.auth.id != "" && shown_to ~ @request.auth.id))`
	c.ListRule = rule(`(` + visibleClip + ` && ` + listed + `)` + owners + moderators + ` && control = false)`)
	c.ViewRule = rule(visibleClip + owners + moderators + `)`)
	c.CreateRule = rule(signedIn)
	return c
}

// clipTallies is the validators' queue and the running count of each clip. No
// client can read it: before the verdict a vote changes nothing anybody sees.
func clipTallies() *core.Collection {
	c := base("clip_tallies",
		presentable(to("clip", "clips", "The clip.")),
		to("language", "languages", "Copied from the clip, for the queue's index."),
		toUser("owner", "Copied from the clip, for the queue's index."),
		presentable(count("seq", "Place in the order of arrival; grows with every clip.")),
		count("owner_seq", "The owner's first, second, third ... clip."),
		optional(to("gold", "gold_clips", "What the clip is a control of, if it is one.")),
		&core.BoolField{Name: "open", Help: "Waiting for votes."},
		&core.BoolField{Name: "ready", Help: "Open, and wanting one more validator than hold a lease on it."},
		&core.BoolField{Name: "started", Help: "Has a vote: handed out before those that have none."},
		&core.BoolField{Name: "passed", Help: "Was kept back from somebody for a better validator to come."},
		&core.BoolField{Name: "anybody", Help: "Nobody better came: the next who asks gets it."},
		count("turn", "Place in the queue; a new one, at its end, whenever the clip comes back to it."),
		&core.DateField{Name: "turned_at", Help: "When it got its turn (UTC)."},
		count("leases", "Validators who hold it at the moment."),
		count("votes", "Votes so far."),
		count("approvals", "Approving votes so far."),
		count("rejections", "Rejecting votes so far."),
		&core.NumberField{Name: "log_odds", Help: "Running log-odds that the clip is good, natural logarithm."},
		&core.BoolField{Name: "watched", Help: "Its verdict was looked at for signs of collusion."},
	)
	c.AddIndex("idx_clip_tallies_clip", true, "clip", "")
	c.AddIndex("idx_clip_tallies_seq", true, "seq", "")
	c.AddIndex("idx_clip_tallies_turn", false, "turn", "")
	c.AddIndex("idx_clip_tallies_owner", false, "owner, owner_seq", "")
	c.AddIndex("idx_clip_tallies_owner_open", false, "owner, language, started, turn", "ready = 1")
	c.AddIndex("idx_clip_tallies_queue", false, "language, open, seq", "")
	c.AddIndex("idx_clip_tallies_ready", false, "language, started, turn", "ready = 1 AND gold = ''")
	c.AddIndex("idx_clip_tallies_passed", false, "turned_at", "ready = 1 AND passed = 1")
	c.AddIndex("idx_clip_tallies_age", false, "seq", "open = 1 AND gold = ''")
	c.AddIndex("idx_clip_tallies_gold", false, "gold, open", "gold != ''")
	c.AddIndex("idx_clip_tallies_unwatched", false, "seq", "open = 0 AND watched = 0 AND gold = ''")
	return c
}
