package payouts

import (
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// adminPerson is the user that an admin is, as it is stored now; false if that is
// not known.
func adminPerson(app core.App, admin *core.Record) (person string, ok bool) {
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

// samePerson tells whether an account that decides, a person or an admin, is a
// user, as far as is known. An admin's address counts whether or not the user has
// proven it: to be wrong costs another admin's minute, to be right saves money.
func samePerson(app core.App, who *core.Record, user string) (bool, error) {
	if !who.IsSuperuser() {
		return who.Id == user, nil
	}
	if person, known := adminPerson(app, who); known && person == user {
		return true, nil
	}
	record, err := app.FindRecordById("users", user)
	if err != nil {
		return false, err
	}
	return record.Email() != "" && strings.EqualFold(record.Email(), who.Email()), nil
}
