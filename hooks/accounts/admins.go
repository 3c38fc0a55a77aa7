package accounts

import (
	"database/sql"
	"errors"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
)

// ByCommand is the actor of what the operator does at the machine itself.
const ByCommand = "command"

// registerAdmins keeps watch over which user an admin is: who approves payouts is
// held against it, so nobody says it of themselves, and every change is in the
// audit log. An admin who makes a second account of their own can still give it
// any user; that is in the log, too.
func registerAdmins(app core.App, deps *shell.Deps) {
	app.OnRecordCreateRequest(core.CollectionNameSuperusers).Bind(&hook.Handler[*core.RecordRequestEvent]{
		Id:   "ll.superusers.create.person",
		Func: func(e *core.RecordRequestEvent) error { return watchPerson(e, deps) },
	})
	app.OnRecordUpdateRequest(core.CollectionNameSuperusers).Bind(&hook.Handler[*core.RecordRequestEvent]{
		Id:   "ll.superusers.update.person",
		Func: func(e *core.RecordRequestEvent) error { return watchPerson(e, deps) },
	})
}

func watchPerson(e *core.RecordRequestEvent, deps *shell.Deps) error {
	return shell.InTransaction(&e.App, func(tx core.App) error {
		from := ""
		if !e.Record.IsNew() {
			stored, err := tx.FindRecordById(core.CollectionNameSuperusers, e.Record.Id)
			if err != nil {
				return err
			}
			from = stored.GetString("person")
		}
		to := e.Record.GetString("person")
		if from == to {
			return e.Next()
		}
		if e.Auth != nil && e.Auth.IsSuperuser() && e.Auth.Id == e.Record.Id {
			return fault.OwnPerson.On("person")
		}
		if err := e.Next(); err != nil {
			return err
		}
		return auditPerson(tx, deps, shell.ActorOf(e.Auth), e.Record, from)
	})
}

func auditPerson(tx core.App, deps *shell.Deps, actor string, admin *core.Record, from string) error {
	return shell.Audit(tx, deps.Clock.Now(), shell.Act{
		Actor: actor, Action: "superuser.person", SubjectType: core.CollectionNameSuperusers, SubjectID: admin.Id,
		Data: map[string]any{"from": from, "to": admin.GetString("person")},
	})
}

// SetAdminPerson says which user an admin is, or with an empty one that they are
// none, for the command; both are found by their names.
func SetAdminPerson(app core.App, deps *shell.Deps, email, username string) error {
	return app.RunInTransaction(func(tx core.App) error {
		admin, err := tx.FindAuthRecordByEmail(core.CollectionNameSuperusers, email)
		if errors.Is(err, sql.ErrNoRows) {
			return fault.NotFound.On("email").Saying("There is no superuser with this address.")
		}
		if err != nil {
			return err
		}
		person := ""
		if username != "" {
			_, key, err := Username(username)
			if err != nil {
				return err
			}
			user, err := tx.FindFirstRecordByData("users", "username_key", key)
			if errors.Is(err, sql.ErrNoRows) {
				return fault.NotFound.On("username").Saying("There is no user with this name.")
			}
			if err != nil {
				return err
			}
			person = user.Id
		}
		from := admin.GetString("person")
		if from == person {
			return nil
		}
		admin.Set("person", person)
		if err := tx.Save(admin); err != nil {
			return err
		}
		return auditPerson(tx, deps, ByCommand, admin, from)
	})
}
