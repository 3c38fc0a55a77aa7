package live

import (
	"database/sql"
	"errors"
	"net/http"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/rooms"
)

const (
	messagesPerMinute = 60
	longestChatMute   = 24 * 60 // minutes
)

type hushBody struct {
	Person  string `json:"person" help:"Who may not write for a while."`
	Minutes int64  `json:"minutes" help:"For how long, up to a day; 0 takes it back."`
}

type pinBody struct {
	Message string `json:"message" help:"Id of the message; empty takes the pin off."`
}

func (t *streams) registerChat(app core.App) {
	shell.Repeatable(app, "stream_messages", "author", func(stored, sent *core.Record) bool {
		return stored.GetString("stream") == sent.GetString("stream") && stored.GetString("text") == sent.GetString("text")
	})
	app.OnRecordCreateRequest("stream_messages").Bind(&hook.Handler[*core.RecordRequestEvent]{
		Id: "ll.stream_messages.create.request", Priority: -30, // after the repeats
		Func: func(e *core.RecordRequestEvent) error {
			if err := t.limited(e.App, "chat", e.Record.GetString("author"), messagesPerMinute, time.Minute); err != nil {
				return err
			}
			return shell.InTransaction(&e.App, func(tx core.App) error {
				if err := t.checkMessage(tx, e.Record); err != nil {
					return err
				}
				return e.Next()
			})
		},
	})
	t.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/stream_messages/{id}/delete", Who: shell.Person, Data: map[string]any{},
		What:   "Delete a message: your own, or one of somebody below you in your stream. Moderators may delete any.",
		Faults: []*fault.Code{fault.NotFound, fault.NotAllowed},
		Handle: t.deleteMessage,
	})
	t.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/streams/{id}/hush", Who: shell.Person, Body: hushBody{}, Data: map[string]any{},
		What:   "Keep somebody from writing in the chat for a while.",
		Faults: []*fault.Code{fault.NotFound, fault.NotAllowed, fault.InvalidInput},
		Handle: t.hush,
	})
	t.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/streams/{id}/pin", Who: shell.Person, Body: pinBody{}, Data: map[string]any{},
		What:   "Pin a message of the chat, or take the pin off.",
		Faults: []*fault.Code{fault.NotFound, fault.NotAllowed, fault.InvalidInput},
		Handle: t.pin,
	})
}

// checkMessage refuses a message, or makes it what is stored. It is in one
// transaction with the INSERT: two messages at once are one after the other.
func (t *streams) checkMessage(tx core.App, message *core.Record) error {
	stream, err := findStream(tx, message.GetString("stream"))
	if err != nil {
		return err
	}
	author := message.GetString("author")
	v, err := t.visit(tx, stream, author)
	if err != nil {
		return err
	}
	if v.Blocked && v.Seat.Role != rooms.Moderator || stream.GetBool("hidden") {
		return fault.NotFound.On("stream")
	}
	who := rooms.Author{Role: v.Seat.Role, Standing: v.Standing, Removed: v.Seat.Removed}
	if v.Row != nil {
		who.MutedUntil = v.Row.GetDateTime("chat_muted_until").Time()
	}
	if who.Last, err = lastMessage(tx, stream.Id, author); err != nil {
		return err
	}
	policy, err := t.policy(tx)
	if err != nil {
		return err
	}
	now := t.now()
	text, err := rooms.CheckMessage(message.GetString("text"), who, rooms.State(stream.GetString("status")), int64(stream.GetInt("slow_seconds")), policy, now)
	if err != nil {
		return err
	}
	message.Set("text", text)
	message.Set("hidden", false)
	message.SetRaw("created", shell.DateTime(now)) // by the clock that decides about the next one
	return nil
}

// lastMessage is when the person wrote in the stream last, zero for never.
func lastMessage(app core.App, stream, author string) (time.Time, error) {
	var last string
	err := app.DB().NewQuery("SELECT created FROM stream_messages WHERE stream = {:stream} AND author = {:author} ORDER BY created DESC LIMIT 1").
		Bind(dbx.Params{"stream": stream, "author": author}).Row(&last)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	return shell.ParseStamp(last)
}

// chatRole is what a person may do in a chat as.
func (v visitor) chatRole() rooms.Role {
	if v.Seat.Role == rooms.Host || v.Seat.Role == rooms.CoHost && v.Seat.Removed == rooms.NotRemoved {
		return v.Seat.Role
	}
	if v.Staff {
		return rooms.Moderator
	}
	return rooms.Viewer
}

// deleteMessage hides a message. Its words stay for whoever decides about them.
func (t *streams) deleteMessage(e *core.RequestEvent) error {
	var message *core.Record
	err := e.App.RunInTransaction(func(tx core.App) (err error) {
		message, err = tx.FindRecordById("stream_messages", e.Request.PathValue("id"))
		if errors.Is(err, sql.ErrNoRows) {
			return fault.NotFound.On("message")
		}
		if err != nil {
			return err
		}
		stream, err := tx.FindRecordById("streams", message.GetString("stream"))
		if err != nil {
			return err
		}
		actor, author, err := t.both(tx, stream, e.Auth.Id, message.GetString("author"))
		if err != nil {
			return err
		}
		own := actor.Person == author.Person
		if !rooms.MayDelete(actor.chatRole(), own, author.chatRole()) {
			return fault.NotAllowed.On("message")
		}
		if message.GetBool("hidden") {
			return nil
		}
		message.Set("hidden", true)
		message.Set("deleted_by", e.Auth.Id)
		if err := tx.Save(message); err != nil {
			return err
		}
		if stream.GetString("pinned") == message.Id {
			stream.Set("pinned", "")
			if err := tx.Save(stream); err != nil {
				return err
			}
		}
		return t.auditChat(tx, e, actor, own, "stream.message.delete", "stream_messages", message.Id)
	})
	if err != nil {
		return err
	}
	return shell.OK(e, map[string]any{"id": message.Id}, "The message is deleted.")
}

// both looks up who acts and whom it is about.
func (t *streams) both(tx core.App, stream *core.Record, actor, person string) (visitor, visitor, error) {
	if err := accounts.RequireGoodStanding(tx, actor); err != nil {
		return visitor{}, visitor{}, err
	}
	a, err := t.visit(tx, stream, actor)
	if err != nil {
		return visitor{}, visitor{}, err
	}
	b, err := t.visit(tx, stream, person)
	return a, b, err
}

// auditChat remembers what moderators do in others' chats.
func (t *streams) auditChat(tx core.App, e *core.RequestEvent, actor visitor, own bool, action, collection, id string) error {
	if own || actor.chatRole() != rooms.Moderator {
		return nil
	}
	return shell.Audit(tx, t.now(), shell.Act{Actor: shell.ActorOf(e.Auth), Action: action, SubjectType: collection, SubjectID: id})
}

// hush keeps a person from writing for a while.
func (t *streams) hush(e *core.RequestEvent) error {
	body, err := shell.Bind[hushBody](e)
	if err != nil {
		return err
	}
	if body.Minutes < 0 || body.Minutes > longestChatMute {
		return fault.InvalidInput.On("minutes").With("most", longestChatMute).Saying("Send 0 to 1440 minutes.")
	}
	var row *core.Record
	err = e.App.RunInTransaction(func(tx core.App) error {
		stream, err := t.readable(tx, e)
		if err != nil {
			return err
		}
		actor, v, err := t.both(tx, stream, e.Auth.Id, body.Person)
		if err != nil {
			return err
		}
		if !rooms.MayMute(actor.chatRole(), v.chatRole()) {
			return fault.NotAllowed.On("person")
		}
		if row = v.Row; row == nil {
			v.Seat.Since = t.now()
			if row, err = saveSeat(tx, nil, stream.Id, v.Seat); err != nil {
				return err
			}
		}
		row.Set("chat_muted_until", "")
		if body.Minutes > 0 {
			row.Set("chat_muted_until", shell.Stamp(t.now().Add(time.Duration(body.Minutes)*time.Minute)))
		}
		if err := tx.Save(row); err != nil {
			return err
		}
		return t.auditChat(tx, e, actor, false, "stream.chat.hush", "stream_seats", row.Id)
	})
	if err != nil {
		return err
	}
	return answer(e, row, "It is done.")
}

// pin puts a message above the chat.
func (t *streams) pin(e *core.RequestEvent) error {
	body, err := shell.Bind[pinBody](e)
	if err != nil {
		return err
	}
	var stream *core.Record
	err = e.App.RunInTransaction(func(tx core.App) (err error) {
		if stream, err = t.readable(tx, e); err != nil {
			return err
		}
		actor, _, err := t.both(tx, stream, e.Auth.Id, e.Auth.Id)
		if err != nil {
			return err
		}
		if !rooms.MayPin(actor.chatRole()) {
			return fault.NotAllowed.On("message")
		}
		if body.Message != "" {
			message, err := tx.FindRecordById("stream_messages", body.Message)
			if errors.Is(err, sql.ErrNoRows) || err == nil && (message.GetString("stream") != stream.Id || message.GetBool("hidden")) {
				return fault.NotFound.On("message")
			}
			if err != nil {
				return err
			}
		}
		stream.Set("pinned", body.Message)
		if err := tx.Save(stream); err != nil {
			return err
		}
		return t.auditChat(tx, e, actor, false, "stream.pin", "streams", stream.Id)
	})
	if err != nil {
		return err
	}
	return answer(e, stream, "It is done.")
}
