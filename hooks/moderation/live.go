package moderation

import (
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/live"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/rooms"
)

// endReason stands beside a stream that a decision ends, in the audit log.
const endReason = "Ended by the decision of a case."

// streamSubject are streams. Ending one hides it, and everybody is out at once.
func (d *desk) streamSubject() Subject {
	return Subject{
		Find: func(tx core.App, id string) (About, error) {
			stream, err := found(tx, "streams", id)
			if err != nil {
				return About{}, err
			}
			return About{
				ID: stream.Id, Owner: stream.GetString("host"), Language: stream.GetString("language"),
				Hidden: stream.GetBool("hidden"), Gone: stream.GetString("status") == string(rooms.Killed),
			}, nil
		},
		Visible:  visibleRecord("streams"),
		Hide:     setHidden("streams", true),
		Unhide:   setHidden("streams", false),
		End:      func(tx core.App, id, actor string) error { return live.Kill(tx, d.deps, id, actor, endReason) },
		Previews: streamPreviews,
	}
}

// messageSubject are what people write in the chats of streams.
func messageSubject() Subject {
	return Subject{
		Find: func(tx core.App, id string) (About, error) {
			message, err := found(tx, "stream_messages", id)
			if err != nil {
				return About{}, err
			}
			return About{
				ID: message.Id, Owner: message.GetString("author"), Hidden: message.GetBool("hidden"), Gone: message.GetString("deleted_by") != "",
			}, nil
		},
		Visible:  visibleRecord("stream_messages"),
		Hide:     setHidden("stream_messages", true),
		Unhide:   setHidden("stream_messages", false),
		Previews: messagePreviews,
	}
}

// visibleRecord tells whether somebody sees a row by the rule of its collection.
func visibleRecord(collection string) func(tx core.App, id string, viewer *core.Record) (bool, error) {
	return func(tx core.App, id string, viewer *core.Record) (bool, error) {
		record, err := found(tx, collection, id)
		if err != nil {
			return false, err
		}
		return tx.CanAccessRecord(record, &core.RequestInfo{Auth: viewer, Context: core.RequestInfoContextDefault}, record.Collection().ViewRule)
	}
}

// setHidden takes a row out of sight, or back; what is so already stays as it is.
func setHidden(collection string, hidden bool) func(tx core.App, id string) error {
	return func(tx core.App, id string) error {
		record, err := tx.FindRecordById(collection, id)
		if err != nil || record.GetBool("hidden") == hidden {
			return err
		}
		record.Set("hidden", hidden)
		record.IgnoreUnchangedFields(true)
		return tx.Save(record)
	}
}

func streamPreviews(app core.App, ids []string) (map[string]map[string]any, error) {
	rows := []struct {
		ID       string `db:"id"`
		Host     string `db:"host"`
		Username string `db:"username"`
		Title    string `db:"title"`
		Status   string `db:"status"`
		Viewers  int64  `db:"viewers"`
		Hidden   bool   `db:"hidden"`
	}{}
	err := app.DB().Select("s.id", "s.host", "u.username", "s.title", "s.status", "s.viewers", "s.hidden").
		From("streams s").InnerJoin("users u", dbx.NewExp("u.id = s.host")).Where(shell.In("s.id", ids)).All(&rows)
	previews := map[string]map[string]any{}
	for _, row := range rows {
		previews[row.ID] = map[string]any{
			"host": row.Host, "username": row.Username, "title": row.Title, "status": row.Status, "viewers": row.Viewers, "hidden": row.Hidden,
		}
	}
	return previews, err
}

func messagePreviews(app core.App, ids []string) (map[string]map[string]any, error) {
	rows := []struct {
		ID       string `db:"id"`
		Stream   string `db:"stream"`
		Author   string `db:"author"`
		Username string `db:"username"`
		Text     string `db:"text"`
		Hidden   bool   `db:"hidden"`
	}{}
	err := app.DB().Select("m.id", "m.stream", "m.author", "u.username", "m.text", "m.hidden").
		From("stream_messages m").InnerJoin("users u", dbx.NewExp("u.id = m.author")).Where(shell.In("m.id", ids)).All(&rows)
	previews := map[string]map[string]any{}
	for _, row := range rows {
		previews[row.ID] = map[string]any{
			"stream": row.Stream, "author": row.Author, "username": row.Username, "text": row.Text, "hidden": row.Hidden,
		}
	}
	return previews, err
}
