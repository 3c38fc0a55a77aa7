package payouts

import (
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// adminPerson is the user that an admin is, as it is stored now, or nobody.
func adminPerson(app core.App, admin *core.Record) (person string, err error) {
	if !admin.IsSuperuser() {
		return "", nil
	}
	stored, err := app.FindRecordById(core.CollectionNameSuperusers, admin.Id)
	if err != nil {
		return "", err
	}
	return stored.GetString("person"), nil
}

// samePerson tells whether an account that decides, a person or an admin, is a
// user, as far as is known. An admin's address counts whether or not the user has
// proven it: to be wrong costs another admin's minute, to be right saves money.
func samePerson(app core.App, who *core.Record, user string) (bool, error) {
	if !who.IsSuperuser() {
		return who.Id == user, nil
	}
	person, err := adminPerson(app, who)
	if err != nil || person == user {
		return err == nil, err
	}
	record, err := app.FindRecordById("users", user)
	if err != nil {
		return false, err
	}
	return record.Email() != "" && strings.EqualFold(record.Email(), who.Email()), nil
}
