package collections

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/internal/rooms"
)

// What a room of the media server belongs to.
const (
	PresentInStream = "streams"
	PresentInCall   = "calls"
)

// States of a recording of a stream.
const (
	RecordingWaits  = "waiting" // the recorder is on its way
	RecordingOn     = "recording"
	RecordingClip   = "clip" // it became a clip
	RecordingFailed = "failed"
)

// visibleStream is what anybody sees of streams: those that are on the air, to
// come or over, less those between people of whom one has blocked the other.
const visibleStream = `(hidden = false && status != "backstage" && (@request.auth.id = ""` +
	` || (host.blocks_via_user.blocked != @request.auth.id` +
	` && host.blocks_via_blocked.user != @request.auth.id)))`

func streams() *core.Collection {
	statuses, endings := []string{}, []string{}
	for _, state := range rooms.States() {
		if state != rooms.New {
			statuses = append(statuses, string(state))
		}
	}
	for _, ending := range []rooms.Ending{
		rooms.EndedByHost, rooms.EndedByModerator, rooms.EndedHostGone, rooms.EndedHostBarred, rooms.EndedUnused, rooms.EndedTooLong,
	} {
		endings = append(endings, string(ending))
	}
	c := base("streams",
		presentable(toUser("host", "Who streams.")),
		presentable(required(text("title", 120, "What it is about, in the host's words."))),
		to("language", "languages", "Language spoken."),
		presentable(oneOf("status", "Where it stands; set by the server.", statuses...)),
		&core.BoolField{Name: "hidden", Help: "Taken out of sight by moderation; set by the server."},
		&core.DateField{Name: "starts_at", Help: "What it is announced for (UTC)."},
		&core.DateField{Name: "backstage_at", Help: "When its room was opened (UTC)."},
		&core.DateField{Name: "live_at", Help: "When it went live (UTC)."},
		&core.DateField{Name: "away_until", Help: "While the host is away: until when the stream waits (UTC)."},
		&core.DateField{Name: "ended_at", Help: "When it ended (UTC)."},
		&core.SelectField{Name: "ending", MaxSelect: 1, Values: endings, Help: "Why it ended."},
		count("viewers", "People inside now, besides the host."),
		count("peak_viewers", "Most people inside at once."),
		count("unique_viewers", "People who were inside at all."),
		count("watch_seconds", "Seconds that all of them were inside."),
		count("slow_seconds", "Slow mode of the chat: seconds between two messages of one person; 0 is off."),
		text("pinned", 15, "Id of the message that is pinned."),
		secret(text("room", 40, "The media server's name of its room, while there is one.")),
		secret(&core.DateField{Name: "due_at", Help: "When time alone changes it (UTC)."}),
		secret(count("rooms", "Rooms it has had.")),
		secret(count("losses", "Times that the media server lost its room.")),
		created(), updated(),
	)
	c.AddIndex("idx_streams_open", true, "host", "status IN ('backstage', 'live', 'host_away')")
	c.AddIndex("idx_streams_room", true, "room", "room != ''")
	c.AddIndex("idx_streams_discover", false, "status, hidden, language, viewers", "")
	c.AddIndex("idx_streams_due", false, "due_at", "due_at != ''")
	c.AddIndex("idx_streams_host", false, "host, created", "")
	ownRow := ` || (host = @request.auth.id && ` + signedIn + `)`
	c.ListRule = rule(visibleStream + ownRow + ` || ` + moderator)
	c.ViewRule = rule(visibleStream + ownRow + ` || ` + moderator)
	return c
}

// streamSeats are the places of those of whom there is more to say than that
// they listen.
func streamSeats() *core.Collection {
	c := base("stream_seats",
		presentable(to("stream", "streams", "The stream.")),
		presentable(toUser("person", "Whose place it is.")),
		presentable(oneOf("role", "What the person is in the stream.",
			string(rooms.Host), string(rooms.CoHost), string(rooms.Speaker), string(rooms.Viewer), string(rooms.Moderator))),
		&core.SelectField{Name: "hand", MaxSelect: 1, Values: []string{string(rooms.Raised), string(rooms.Invited)}, Help: "On the way to the stage; empty is down."},
		&core.BoolField{Name: "muted", Help: "The microphone is taken away."},
		&core.SelectField{Name: "removed", MaxSelect: 1, Values: []string{string(rooms.RemovedByHost), string(rooms.RemovedByModerator)}, Help: "Who threw the person out, if anybody."},
		&core.DateField{Name: "chat_muted_until", Help: "May not write in the chat until then (UTC)."},
		&core.DateField{Name: "since", Help: "Latest change of the place: the order of raised hands (UTC)."},
		created(), updated(),
	)
	c.AddIndex("idx_stream_seats_pair", true, "stream, person", "")
	c.AddIndex("idx_stream_seats_person", false, "person", "")
	// A moderator who looks on is not seen, by the host neither.
	seen := `((person = @request.auth.id || (stream.host = @request.auth.id && role != "moderator")) && ` + signedIn + `) || ` + moderator
	c.ListRule = rule(seen)
	c.ViewRule = rule(seen)
	return c
}

// streamMessages are the chat. A deleted message keeps its words for moderators.
func streamMessages() *core.Collection {
	c := base("stream_messages",
		presentable(to("stream", "streams", "The stream.")),
		presentable(toUser("author", "Who wrote it; set by the server.")),
		presentable(required(text("text", 5000, "What was written."))),
		&core.BoolField{Name: "hidden", Help: "Deleted, or taken out of sight by moderation."},
		secret(text("deleted_by", 15, "Who deleted it.")),
		created(), updated(),
	)
	c.AddIndex("idx_stream_messages_stream", false, "stream, created", "")
	c.AddIndex("idx_stream_messages_author", false, "stream, author, created", "")
	// Who blocks somebody does not read them, anywhere.
	c.ListRule = rule(`(hidden = false && stream.hidden = false && ` + signedIn + ` && author.blocks_via_user.blocked != @request.auth.id` +
		` && author.blocks_via_blocked.user != @request.auth.id) || ` + moderator)
	c.ViewRule = c.ListRule
	c.CreateRule = rule(signedIn)
	return c
}

// streamRecordings are the consents of speakers to one sentence of theirs becoming
// a clip, and what came of it.
func streamRecordings() *core.Collection {
	c := base("stream_recordings",
		presentable(to("stream", "streams", "The stream.")),
		presentable(toUser("speaker", "Whose voice it is; who asked for the recording.")),
		&core.DateField{Name: "consented_at", Required: true, Help: "When the speaker agreed to it (UTC)."},
		presentable(oneOf("state", "Waiting, recording, a clip, or failed.", RecordingWaits, RecordingOn, RecordingClip, RecordingFailed)),
		count("seconds", "Longest recording that was asked for."),
		text("phrase", 500, "What is going to be said."),
		optional(to("clip", "clips", "What it became.")),
		text("reason", 300, "Why it became nothing."),
		created(), updated(),
	)
	c.AddIndex("idx_stream_recordings_open", true, "speaker", "state IN ('waiting', 'recording')")
	c.AddIndex("idx_stream_recordings_stream", false, "stream, created", "")
	c.ListRule = own("speaker")
	c.ViewRule = own("speaker")
	return c
}

// livePresence are the connections of people to rooms of streams and calls.
func livePresence() *core.Collection {
	c := base("live_presence",
		presentable(oneOf("subject_type", "What the room belongs to.", PresentInStream, PresentInCall)),
		presentable(required(text("subject_id", 15, "The stream or call."))),
		required(text("room", 40, "The media server's name of the room.")),
		required(text("sid", 80, "The media server's id of the participant.")),
		presentable(toUser("person", "Who was there.")),
		text("role", 20, "What the person came as."),
		&core.DateField{Name: "joined_at", Help: "From when (UTC)."},
		&core.DateField{Name: "left_at", Help: "Until when (UTC); empty while connected."},
		count("misses", "Looks at the media server in a row that did not find it."),
	)
	c.AddIndex("idx_live_presence_sid", true, "room, sid", "")
	c.AddIndex("idx_live_presence_subject", false, "subject_id, person", "")
	c.AddIndex("idx_live_presence_open", false, "person, room", "left_at = ''")
	c.AddIndex("idx_live_presence_left", false, "left_at", "")
	return c
}

// liveEvents are the events of the media server that came, each once. Of what
// they tell, only this is kept.
func liveEvents() *core.Collection {
	c := base("live_events",
		presentable(required(text("event", 80, "The media server's id of it."))),
		presentable(text("kind", 60, "What it tells.")),
		text("room", 80, "Of which room."),
		text("person", 80, "About whom."),
		&core.DateField{Name: "received_at", Required: true, Help: "When it came (UTC)."},
	)
	c.AddIndex("idx_live_events_event", true, "event", "")
	c.AddIndex("idx_live_events_received", false, "received_at", "")
	return c
}

func follows() *core.Collection {
	c := base("follows",
		presentable(toUser("user", "Who follows.")),
		presentable(toUser("followed", "Whose streams they are told of.")),
		created(),
	)
	c.AddIndex("idx_follows_pair", true, "user, followed", "")
	c.AddIndex("idx_follows_followed", false, "followed, id", "")
	c.ListRule = own("user")
	c.ViewRule = own("user")
	c.CreateRule = rule(signedIn)
	c.DeleteRule = own("user")
	return c
}

// followCounts are public. They have rows of their own: a person who saves their
// card would write back old counts.
func followCounts() *core.Collection {
	c := base("follow_counts",
		presentable(toUser("user", "Whose counts they are.")),
		presentable(count("followers", "People who follow them.")),
		presentable(count("following", "People whom they follow.")),
	)
	c.AddIndex("idx_follow_counts_user", true, "user", "")
	c.ListRule = rule(signedIn)
	c.ViewRule = rule(signedIn)
	return c
}
