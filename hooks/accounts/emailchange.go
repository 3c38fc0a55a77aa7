package accounts

import (
	"net/http"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/mails"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/routine"
)

// registerEmailChange sends the mail of a change in the background, as
// PocketBase does with all others: otherwise how long the mail server takes, or
// that there is none, would tell a free address from a taken one.
func registerEmailChange(app core.App) {
	app.OnRecordRequestEmailChangeRequest().Bind(&hook.Handler[*core.RecordRequestEmailChangeRequestEvent]{
		Id: "ll.accounts.email", Priority: replacesAction,
		Func: func(e *core.RecordRequestEmailChangeRequestEvent) error {
			app, person, address := e.App, e.Record, e.NewEmail
			routine.FireAndForget(func() {
				if err := mails.SendRecordChangeEmail(app, person, address); err != nil {
					app.Logger().Error("the mail to a new address could not be sent", "user", person.Id, "error", err)
				}
			})
			return e.NoContent(http.StatusNoContent)
		},
	})
}
