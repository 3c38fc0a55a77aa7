package collections

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/internal/rooms"
)

// calls are between people who ring each other. Who was called and must not know
// of it has no place among call_parties and so does not see the call.
func calls() *core.Collection {
	c := base("calls",
		presentable(toUser("caller", "Who began it.")),
		presentable(oneOf("status", "Where it stands; set by the server.",
			string(rooms.Ringing), string(rooms.Active), string(rooms.CallEnded))),
		&core.BoolField{Name: "video", Help: "Cameras may be on."},
		&core.BoolField{Name: "group", Help: "More than two were asked; the last one inside does not end it."},
		&core.JSONField{Name: "people", MaxSize: 20000, Help: "Everybody in it, the caller first: person, state, invited_by."},
		&core.DateField{Name: "started_at", Required: true, Help: "When it began to ring (UTC)."},
		&core.DateField{Name: "active_at", Help: "When somebody accepted first (UTC)."},
		&core.DateField{Name: "ended_at", Help: "When it ended (UTC)."},
		&core.SelectField{Name: "outcome", MaxSelect: 1, Help: "How it ended.", Values: []string{
			string(rooms.Completed), string(rooms.AllDeclined), string(rooms.NoAnswer), string(rooms.AllBusy), string(rooms.Cancelled), string(rooms.Broken),
		}},
		secret(text("room", 40, "The media server's name of its room, while there is one.")),
		secret(&core.JSONField{Name: "state", MaxSize: 60000, Help: "All that internal/rooms decides on."}),
		secret(count("rev", "Counts the changes: a decision on an old state is not stored.")),
		secret(&core.DateField{Name: "due_at", Help: "When time alone changes it (UTC)."}),
		created(), updated(),
	)
	c.AddIndex("idx_calls_due", false, "due_at", "status != 'ended'")
	c.AddIndex("idx_calls_room", true, "room", "room != ''")
	c.AddIndex("idx_calls_caller", false, "caller, started_at", "")
	mine := rule(`call_parties_via_call.person ?= @request.auth.id && ` + signedIn)
	c.ListRule = mine
	c.ViewRule = mine
	return c
}

// callParties are what a call is for one person: what rings, and later a line of
// the person's list of calls.
func callParties() *core.Collection {
	c := base("call_parties",
		presentable(to("call", "calls", "The call.")),
		presentable(toUser("person", "Whose view of the call it is.")),
		presentable(oneOf("direction", "Which way it went.", string(rooms.Outgoing), string(rooms.Incoming))),
		presentable(oneOf("state", "Where the person stands; ringing is what a client rings for.",
			string(rooms.Called), string(rooms.Accepted), string(rooms.Refused), string(rooms.Missed), string(rooms.Busy), string(rooms.Gone), string(rooms.Barred))),
		optional(toUser("invited_by", "Who asked the person; empty for the caller.")),
		text("device", 60, "The device that accepted; all others stop ringing."),
		&core.DateField{Name: "ring_until", Help: "While it rings: until when (UTC)."},
		presentable(oneOf("result", "What the call was for the person.",
			string(rooms.ResultOpen), string(rooms.ResultTalked), string(rooms.ResultAlone), string(rooms.ResultMissed), string(rooms.ResultDeclined),
			string(rooms.ResultBusy), string(rooms.ResultNoAnswer), string(rooms.ResultCancelled), string(rooms.ResultBroken))),
		&core.BoolField{Name: "missed", Help: "Counts for the badge until it is seen."},
		&core.BoolField{Name: "seen", Help: "The person has looked at it."},
		count("seconds", "How long the person was in the room together with somebody else."),
		&core.DateField{Name: "started_at", Required: true, Help: "When it began to ring for the person (UTC)."},
		created(), updated(),
	)
	c.AddIndex("idx_call_parties_pair", true, "call, person", "")
	c.AddIndex("idx_call_parties_person", false, "person, started_at", "")
	c.AddIndex("idx_call_parties_inside", false, "person", "state = 'accepted'")
	c.AddIndex("idx_call_parties_missed", false, "person", "missed = 1 AND seen = 0")
	c.ListRule = own("person")
	c.ViewRule = own("person")
	return c
}
