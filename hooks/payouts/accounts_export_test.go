package payouts

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
)

// AccountUsable is what the worker asks before it sends.
func AccountUsable(app core.App, deps *shell.Deps, record *core.Record) (bool, error) {
	return (&desk{deps: deps}).accountUsable(app, record)
}

// SamePerson tells whether who decides is a user.
var SamePerson = accounts.SamePerson

// AdminPerson is the user that an admin is.
var AdminPerson = accounts.AdminPerson
