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
// a guest, whose id is empty, would match the absence of one.
const visibleClip = `(status = "approved" && hidden = false && (@request.auth.id = ""` +
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
	readable := visibleClip + ` || (owner = @request.auth.id && ` + signedIn + `) || (status != "withdrawn" && ` + moderator + `)`
	c.ListRule = rule(readable)
	c.ViewRule = rule(readable)
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
		presentable(count("seq", "Place in the queue; grows with every clip.")),
		&core.BoolField{Name: "open", Help: "Waiting for votes."},
		count("votes", "Votes so far."),
		count("approvals", "Approving votes so far."),
		count("rejections", "Rejecting votes so far."),
		&core.NumberField{Name: "log_odds", Help: "Running log-odds that the clip is good, natural logarithm."},
	)
	c.AddIndex("idx_clip_tallies_clip", true, "clip", "")
	c.AddIndex("idx_clip_tallies_seq", true, "seq", "")
	c.AddIndex("idx_clip_tallies_owner", false, "owner, open, language, seq", "")
	c.AddIndex("idx_clip_tallies_queue", false, "language, open, seq", "")
	return c
}
