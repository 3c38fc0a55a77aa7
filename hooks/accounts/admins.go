package accounts

import (
	"database/sql"
	"errors"
	"strings"

	"github.com/pocketbase/dbx"
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

// AdminPerson is the user that an admin is, as it is stored now; false if that is
// not known.
func AdminPerson(app core.App, admin *core.Record) (person string, ok bool) {
	if !admin.IsSuperuser() {
		return "", false
	}
	stored, err := app.FindRecordById(core.CollectionNameSuperusers, admin.Id)
	if err != nil {
		return "", false
	}
	person = stored.GetString("person")
	return person, person != ""
}

// SamePerson tells whether an account that decides, a person or an admin, is a
// user, as far as is known. An admin's address counts whether or not the user has
// proven it: to be wrong costs another admin's minute, to be right saves money.
func SamePerson(app core.App, who *core.Record, user string) (bool, error) {
	if !who.IsSuperuser() {
		return who.Id == user, nil
	}
	if person, known := AdminPerson(app, who); known && person == user {
		return true, nil
	}
	record, err := app.FindRecordById("users", user)
	if err != nil {
		return false, err
	}
	return record.Email() != "" && strings.EqualFold(record.Email(), who.Email()), nil
}

// ShareAddress tells whether two users are one by an e-mail address, of the user or
// of an admin that the user is. The address counts whether or not it was proven, as
// in [SamePerson].
func ShareAddress(app core.App, person, other string) (bool, error) {
	var shared bool
	err := app.DB().NewQuery(`
		WITH addresses AS (
			SELECT id AS person, lower(email) AS address FROM users WHERE email != ''
			UNION ALL SELECT person, lower(email) FROM _superusers WHERE person != ''
		)
		SELECT EXISTS (SELECT 1 FROM addresses a JOIN addresses b ON b.address = a.address WHERE a.person = {:person} AND b.person = {:other})`).
		Bind(dbx.Params{"person": person, "other": other}).Row(&shared)
	return shared, err
}
