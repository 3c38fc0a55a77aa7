package appeals

import (
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
)

const (
	maxText = 2000 // runes
	// appealTries is how often a person may try in a day.
	appealTries = 20
)

func registerCreate(app core.App, deps *shell.Deps) {
	shell.Repeatable(app, "appeals", "user", func(stored, sent *core.Record) bool {
		return stored.GetString("subject_type") == sent.GetString("subject_type") && stored.GetString("subject_id") == sent.GetString("subject_id") &&
			stored.GetString("text") == strings.TrimSpace(sent.GetString("text"))
	})
	app.OnRecordCreateRequest("appeals").Bind(&hook.Handler[*core.RecordRequestEvent]{
		Id: "ll.appeals.create.request",
		Func: func(e *core.RecordRequestEvent) error {
			if err := prepare(e, deps); err != nil {
				return err
			}
			err := e.Next()
			if shell.IsUniqueViolation(err, "subject_id") {
				return fault.AlreadyAppealed.On("subject_id").Because(err) // the other of two at once
			}
			return err
		},
	})
	app.OnRecordCreateExecute("appeals").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.appeals.create.execute",
		Func: func(e *core.RecordEvent) error {
			return shell.InTransaction(&e.App, func(tx core.App) error { return store(tx, e, deps) })
		},
	})
}

// prepare judges what can be judged outside of a transaction.
func prepare(e *core.RecordRequestEvent, deps *shell.Deps) error {
	user, text := e.Record.GetString("user"), strings.TrimSpace(e.Record.GetString("text"))
	if e.Auth == nil || user != e.Auth.Id {
		return fault.SignInNeeded.On("authorization")
	}
	if n := utf8.RuneCountInString(text); n == 0 || n > maxText {
		return fault.InvalidInput.On("text").Saying("Say why you disagree, in at most 2000 characters.")
	}
	if _, known := subjects(e.App)[e.Record.GetString("subject_type")]; !known {
		return fault.InvalidInput.On("subject_type").Saying(
			"The kind of decision is one of " + strings.Join(slices.Sorted(maps.Keys(subjects(e.App))), ", ") + ".")
	}
	if deps.Config.RateLimits {
		if err := shell.TakeQuota(e.App, deps.Clock.Now(), "appeals:"+user, appealTries, 24*time.Hour); err != nil {
			return err
		}
	}
	e.Record.Set("text", text)
	e.Record.Set("state", collections.AppealOpen)
	e.Record.SetRaw(ipKey, e.RealIP())
	return nil
}

// store writes an appeal if there is, at this moment, something to appeal
// against.
func store(tx core.App, e *core.RecordEvent, deps *shell.Deps) error {
	appeal := e.Record
	user, kind, id := appeal.GetString("user"), appeal.GetString("subject_type"), appeal.GetString("subject_id")
	var before bool
	err := tx.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM appeals WHERE user = {:user} AND subject_type = {:type} AND subject_id = {:id})").
		Bind(dbx.Params{"user": user, "type": kind, "id": id}).Row(&before)
	if err != nil {
		return err
	}
	if before {
		return fault.AlreadyAppealed.On("subject_id")
	}
	subject, known := subjects(tx)[kind]
	if !known {
		return fault.InvalidInput.On("subject_type")
	}
	if _, err := subject.May(tx, user, id); err != nil {
		return err
	}
	if err := e.Next(); err != nil {
		return err
	}
	return shell.Audit(tx, deps.Clock.Now(), shell.Act{
		Actor: "user:" + user, Action: "appeal.make", SubjectType: "appeals", SubjectID: appeal.Id,
		Data: map[string]any{"subject_type": kind, "subject_id": id, "ip": AddressOf(appeal)},
	})
}
