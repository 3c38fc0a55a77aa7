package live

import (
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/screening"
	"github.com/lingualink/lingualink/hooks/shell"
	rules "github.com/lingualink/lingualink/internal/moderation"
)

// withinWrite runs inside of PocketBase's write, after everything has had its say
// about the row.
const withinWrite = 100

// registerTexts holds titles and messages against the lists of words. Both are of
// the moment: what a person would have to look at first is refused, too.
func (t *streams) registerTexts(app core.App) {
	title := func(e *core.RecordEvent) error {
		if !e.Record.IsNew() && e.Record.GetString("title") == e.Record.Original().GetString("title") {
			return e.Next()
		}
		return t.screened(e, "title", screening.Subject{
			Type: string(rules.Stream), ID: e.Record.Id, Owner: e.Record.GetString("host"), Language: e.Record.GetString("language"),
		})
	}
	app.OnRecordCreateExecute("streams").Bind(&hook.Handler[*core.RecordEvent]{Id: "ll.streams.create.texts", Priority: withinWrite, Func: title})
	app.OnRecordUpdateExecute("streams").Bind(&hook.Handler[*core.RecordEvent]{Id: "ll.streams.update.texts", Priority: withinWrite, Func: title})
	app.OnRecordCreateExecute("stream_messages").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.stream_messages.create.texts", Priority: withinWrite,
		Func: func(e *core.RecordEvent) error {
			about := screening.Subject{Type: string(rules.Message), ID: e.Record.Id, Owner: e.Record.GetString("author")}
			err := e.App.DB().Select("language").From("streams").Where(dbx.HashExp{"id": e.Record.GetString("stream")}).Row(&about.Language)
			if err != nil {
				return err
			}
			return t.screened(e, "text", about)
		},
	})
}

// screened writes a row unless a text of it is refused, and tells of what was found
// in the transaction of the write.
func (t *streams) screened(e *core.RecordEvent, field string, about screening.Subject) error {
	found, err := screening.Check(e.App, field, e.Record.GetString(field), about.Language)
	if err != nil {
		return err
	}
	if err := found.RefusalUnseen(); err != nil {
		return err
	}
	return shell.InTransaction(&e.App, func(tx core.App) error {
		if err := e.Next(); err != nil {
			return err
		}
		return screening.Report(tx, t.deps, about, found)
	})
}
