package payouts

import (
	"database/sql"
	"errors"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/payout/names"
)

func (d *desk) registerLegalNames(app core.App) {
	app.OnRecordUpdateExecute("private_profiles").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.private_profiles.update.accounts",
		Func: func(e *core.RecordEvent) error {
			return shell.InTransaction(&e.App, func(tx core.App) error { return d.changeProfile(tx, e) })
		},
	})
}

// changeProfile writes a profile and, if the stored legal name is another one,
// holds the person's accounts against the new one.
func (d *desk) changeProfile(tx core.App, e *core.RecordEvent) error {
	var before string
	err := tx.DB().NewQuery("SELECT legal_name FROM private_profiles WHERE id = {:id}").Bind(dbx.Params{"id": e.Record.Id}).Row(&before)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if err := e.Next(); err != nil {
		return err
	}
	if legal := e.Record.GetString("legal_name"); legal != before {
		return d.compareAgain(tx, e.Record.GetString("user"), legal)
	}
	return nil
}

// compareAgain flags a person whose proven accounts are no longer in their legal
// name: earlier ones, too, or taking an account away first would hide that
// somebody became somebody else. A new name never makes an account better: the
// person may have read it off the account.
func (d *desk) compareAgain(tx core.App, user, legal string) error {
	proven, err := tx.FindRecordsByFilter("payout_accounts", "user = {:user} && name_match = {:match}", "created", 0, 0,
		dbx.Params{"user": user, "match": collections.NameMatches})
	if err != nil {
		return err
	}
	for _, account := range proven {
		resolved := account.GetString("resolved_name")
		if names.Compare(legal, resolved) == names.Match {
			continue
		}
		if account.GetString("status") == collections.AccountActive {
			account.Set("name_match", collections.NameReview)
			account.Set("name_digests", d.nameDigests(legal, resolved))
			if err := tx.Save(account); err != nil {
				return err
			}
		}
		err := d.flag(tx, flag{
			User: user, Kind: flagName, SubjectType: "payout_accounts", SubjectID: account.Id, Score: scoreName,
			Detail: "The legal name was changed and no longer is the name that the bank gives for the account.",
		})
		if err != nil {
			return err
		}
	}
	return nil
}
