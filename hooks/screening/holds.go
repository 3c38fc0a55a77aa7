package screening

import (
	"slices"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/shell"
	rules "github.com/lingualink/lingualink/internal/moderation"
	"github.com/lingualink/lingualink/internal/moderation/screen"
)

// States of a text that waits.
const (
	held     = "held"
	released = "released"
	removed  = "removed"
)

// registerKeeping writes what was found in the transaction that writes the row.
func registerKeeping(app core.App, deps *shell.Deps) {
	keeping := func(e *core.RecordEvent) error {
		found := take(e.Record)
		if len(found) == 0 {
			return e.Next()
		}
		isNew := e.Record.IsNew()
		return shell.InTransaction(&e.App, func(tx core.App) error {
			if err := e.Next(); err != nil {
				return err
			}
			return keepFound(tx, deps, e.Record, isNew, found)
		})
	}
	app.OnRecordCreateExecute("users").Bind(&hook.Handler[*core.RecordEvent]{Id: "ll.users.create.texts", Priority: withinWrite, Func: keeping})
	app.OnRecordUpdateExecute("users").Bind(&hook.Handler[*core.RecordEvent]{Id: "ll.users.update.texts", Priority: withinWrite, Func: keeping})
	app.OnRecordCreateExecute("clips").Bind(&hook.Handler[*core.RecordEvent]{Id: "ll.clips.create.texts", Priority: withinWrite, Func: keeping})
}

// keepFound writes what waits, drops what waited for the field before, and tells.
func keepFound(tx core.App, deps *shell.Deps, record *core.Record, isNew bool, found []Finding) error {
	subject := subjectOf(record)
	for _, text := range found {
		known := false
		var err error
		switch {
		case text.Action == screen.Hold:
			known, err = hold(tx, subject, text)
		case !isNew:
			err = end(tx, removed, subject.Type, subject.ID, text.Field)
		}
		if err != nil {
			return err
		}
		if known {
			continue // it waits already
		}
		if err := Report(tx, deps, subject, text); err != nil {
			return err
		}
	}
	return nil
}

// hold lets a text wait in the place of any that waited for the field before. It is
// true where the very same one did.
func hold(tx core.App, subject Subject, found Finding) (known bool, err error) {
	waiting, err := waitingTexts(tx, subject.Type, subject.ID)
	if err != nil {
		return false, err
	}
	at := slices.IndexFunc(waiting, func(row *core.Record) bool { return row.GetString("field") == found.Field })
	var row *core.Record
	if at >= 0 {
		row = waiting[at]
		if row.GetString("text") == found.Text {
			return true, nil
		}
	} else {
		collection, err := tx.FindCachedCollectionByNameOrId("text_holds")
		if err != nil {
			return false, err
		}
		row = core.NewRecord(collection)
		row.Load(map[string]any{"subject_type": subject.Type, "subject_id": subject.ID, "field": found.Field, "user": subject.Owner, "state": held})
	}
	row.Set("text", found.Text)
	row.Set("hits", ownWords(found.Hits))
	return false, tx.Save(row)
}

// ownWords are hits without the words of the list, for their writer.
func ownWords(hits []Hit) []Hit {
	own := slices.Clone(hits)
	for i := range own {
		own[i].Word = ""
	}
	return own
}

func waitingTexts(tx core.App, subjectType, subjectID string) ([]*core.Record, error) {
	rows := []*core.Record{}
	err := tx.RecordQuery("text_holds").
		AndWhere(dbx.HashExp{"subject_type": subjectType, "subject_id": subjectID, "state": held}).OrderBy("field").All(&rows)
	return rows, err
}

// end ends the waiting of the subject's texts; without a field, of all.
func end(tx core.App, state, subjectType, subjectID, field string) error {
	waiting, err := waitingTexts(tx, subjectType, subjectID)
	if err != nil {
		return err
	}
	for _, row := range waiting {
		if field != "" && row.GetString("field") != field {
			continue
		}
		row.Set("state", state)
		if err := tx.Save(row); err != nil {
			return err
		}
	}
	return nil
}

// Release publishes what waits of a subject: texts are put in their places, a clip is
// hidden no longer. Where nothing waits it does nothing. It belongs into the
// transaction of the decision.
func Release(tx core.App, subjectType, subjectID string) error {
	waiting, err := waitingTexts(tx, subjectType, subjectID)
	if err != nil || len(waiting) == 0 {
		return err
	}
	collection := map[string]string{string(rules.User): "users", string(rules.Clip): "clips"}[subjectType]
	if collection != "" {
		record, err := tx.FindRecordById(collection, subjectID)
		if err != nil {
			return err
		}
		for _, row := range waiting {
			if subjectType == string(rules.Clip) {
				record.Set("hidden", false)
			} else {
				record.Set(row.GetString("field"), row.GetString("text"))
			}
		}
		if err := tx.Save(record); err != nil {
			return err
		}
	}
	return end(tx, released, subjectType, subjectID, "")
}

// Remove refuses what waits of a subject: the old texts stay, a clip stays hidden.
func Remove(tx core.App, subjectType, subjectID string) error {
	return end(tx, removed, subjectType, subjectID, "")
}
