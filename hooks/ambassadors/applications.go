package ambassadors

import (
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
)

// applicationsPerDay bounds how often a person applies: each is work for an admin.
const applicationsPerDay = 3

// applicationTexts are what a person writes in an application.
var applicationTexts = []string{"country", "region", "motivation", "experience"}

func registerApplications(app core.App, deps *shell.Deps) {
	shell.Repeatable(app, "ambassador_applications", "user", func(stored, sent *core.Record) bool {
		for _, field := range applicationTexts {
			if stored.GetString(field) != strings.TrimSpace(sent.GetString(field)) {
				return false
			}
		}
		return true
	})
	app.OnRecordCreate("ambassador_applications").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.ambassador_applications.create",
		Func: func(e *core.RecordEvent) error {
			err := e.Next()
			if shell.IsUniqueViolation(err, "user") { // the index decides, also between two at once
				return fault.ApplicationPending.On("user").Because(err)
			}
			return err
		},
	})
	app.OnRecordCreateRequest("ambassador_applications").Bind(&hook.Handler[*core.RecordRequestEvent]{
		Id: "ll.ambassador_applications.create.request", Priority: -30, // after the repeats
		Func: func(e *core.RecordRequestEvent) error {
			return shell.InTransaction(&e.App, func(tx core.App) error { return apply(tx, deps, e) })
		},
	})
}

// apply stores an application of somebody who may apply. How long the texts are is
// looked at by the collection's fields.
func apply(tx core.App, deps *shell.Deps, e *core.RecordRequestEvent) error {
	person := e.Record.GetString("user")
	if err := accounts.RequireGoodStanding(tx, person); err != nil {
		return err
	}
	for _, field := range applicationTexts {
		e.Record.Set(field, strings.TrimSpace(e.Record.GetString(field)))
	}
	if region := e.Record.GetString("region"); region != "" && foldRegion(region) == "" {
		return fault.InvalidInput.On("region").Saying("Name the state or region.")
	}
	active, err := isAmbassador(tx, person)
	if err != nil {
		return err
	}
	if active {
		return fault.AlreadyAmbassador.On("user").Saying("You are an ambassador already.")
	}
	if deps.Config.RateLimits {
		if err := shell.TakeQuota(tx, deps.Clock.Now(), "ambassador_applications:"+person, applicationsPerDay, 24*time.Hour); err != nil {
			return err
		}
	}
	e.Record.Set("state", collections.ApplicationPending)
	return e.Next()
}

func isAmbassador(app core.App, person string) (bool, error) {
	var active bool
	err := app.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM ambassadors WHERE user = {:user} AND ended_at = '')").
		Bind(dbx.Params{"user": person}).Row(&active)
	return active, err
}
