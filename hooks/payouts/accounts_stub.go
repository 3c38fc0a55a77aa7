package payouts

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
)

// accountUsable stands in until payout accounts are on main.
func (d *desk) accountUsable(app core.App, record *core.Record) (bool, error) {
	account, err := app.FindRecordById("payout_accounts", record.GetString("account"))
	if err != nil {
		return false, err
	}
	return account.GetString("status") == collections.AccountActive && account.GetString("recipient_code") == record.GetString("recipient_code"), nil
}
