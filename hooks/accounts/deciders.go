package accounts

import (
	"database/sql"
	"errors"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/internal/fault"
)

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

// PersonBehind is the user who an actor of the audit log is: themselves, or who an
// admin is. It is nobody for the server, and for an admin of whom that is not known.
func PersonBehind(app core.App, actor string) (string, error) {
	if user, ok := strings.CutPrefix(actor, "user:"); ok {
		return user, nil
	}
	id, ok := strings.CutPrefix(actor, "superuser:")
	if !ok {
		return "", nil
	}
	admin, err := app.FindRecordById(core.CollectionNameSuperusers, id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	person, _ := AdminPerson(app, admin)
	return person, nil
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

// MayDecideAbout refuses who may not act any more, and who is, as far as is known,
// one of the people in question or related to one of them. Nobody decides about
// an empty id.
func MayDecideAbout(tx core.App, by *core.Record, concerned ...string) error {
	me := by.Id
	if by.IsSuperuser() {
		me, _ = AdminPerson(tx, by) // an admin who is nobody is related to nobody
	} else if err := RequireGoodStanding(tx, by.Id); err != nil {
		return err
	}
	for _, them := range concerned {
		if them == "" {
			continue
		}
		same, err := SamePerson(tx, by, them)
		if err != nil {
			return err
		}
		var related bool
		err = tx.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM relations WHERE a = {:me} AND b = {:them}) OR EXISTS (SELECT 1 FROM relations WHERE a = {:them} AND b = {:me})").
			Bind(dbx.Params{"me": me, "them": them}).Row(&related)
		if err != nil {
			return err
		}
		if same || related {
			return fault.NotAllowed.On("id").Saying("Somebody else decides this.")
		}
	}
	return nil
}
