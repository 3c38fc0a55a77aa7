package badges

import (
	"slices"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
)

// Revoke takes every badge of a person away for fraud: off the public card, and
// their certificates say that they are withdrawn. The actor is one of
// shell.ActorOf. A person who has none left stays as they are. It belongs into the
// transaction of the decision.
//
// A badge that was revoked is not earned again; [Restore] gives it back.
func Revoke(tx core.App, deps *shell.Deps, user, reason, actor string) error {
	return setRevoked(tx, deps, user, reason, actor, true)
}

// Restore undoes [Revoke], as when an appeal is upheld: every revoked badge of the
// person is back, with the certificate that it had.
func Restore(tx core.App, deps *shell.Deps, user, reason, actor string) error {
	return setRevoked(tx, deps, user, reason, actor, false)
}

func setRevoked(tx core.App, deps *shell.Deps, user, reason, actor string, revoked bool) error {
	now, action, which := deps.Clock.Now(), "badges.restore", "user = {:user} && revoked_at != ''"
	if revoked {
		action, which = "badges.revoke", "user = {:user} && revoked_at = ''"
	}
	rows, err := tx.FindRecordsByFilter("user_badges", which, "earned_at,id", 0, 0, dbx.Params{"user": user})
	if err != nil || len(rows) == 0 {
		return err
	}
	changed := []string{}
	for _, row := range rows {
		row.Set("revoked_at", "")
		if revoked {
			row.Set("revoked_at", shell.DateTime(now))
		}
		if err := tx.SaveNoValidate(row); err != nil {
			return err
		}
		changed = append(changed, row.GetString("badge"))
	}
	person, err := tx.FindRecordById("users", user)
	if err != nil {
		return err
	}
	card := slices.DeleteFunc(slices.Clone(person.GetStringSlice("badges")), func(badge string) bool { return slices.Contains(changed, badge) })
	if !revoked {
		card = append(card, changed...)
	}
	if err := setCard(tx, person, card); err != nil {
		return err
	}
	return shell.Audit(tx, now, shell.Act{
		Actor: actor, Action: action, SubjectType: "users", SubjectID: user, Reason: reason, Data: map[string]any{"badges": changed},
	})
}
