package payouts

import "github.com/pocketbase/pocketbase/core"

// adminPerson is the person that an admin is, or nothing.
func adminPerson(_ core.App, admin *core.Record) (person string, err error) {
	return admin.GetString("person"), nil
}
