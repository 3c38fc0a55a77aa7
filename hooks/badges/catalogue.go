package badges

import (
	"errors"
	"slices"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/shell"
	rules "github.com/lingualink/lingualink/internal/badges"
	"github.com/lingualink/lingualink/internal/fault"
)

// registerCatalogue holds badges that admins make or rename against those that
// there are. People who have the count of a new badge already get it with their
// next contribution.
func registerCatalogue(app core.App) {
	check := func(e *core.RecordEvent) error {
		return shell.InTransaction(&e.App, func(tx core.App) error {
			if err := fits(tx, e.Record); err != nil {
				return err
			}
			return e.Next()
		})
	}
	app.OnRecordCreate("badges").Bind(&hook.Handler[*core.RecordEvent]{Id: "ll.badges.create", Func: check})
	app.OnRecordUpdate("badges").Bind(&hook.Handler[*core.RecordEvent]{Id: "ll.badges.update", Func: check})
}

// fits holds a badge against all others.
func fits(tx core.App, record *core.Record) error {
	others, err := loadCatalogue(tx)
	if err != nil {
		return err
	}
	badge := rules.Badge{
		ID: record.GetString("slug"), Name: record.GetString("name"), Measure: rules.Measure(record.GetString("measure")),
		Level: rules.Level(record.GetString("level")), Threshold: int64(record.GetInt("threshold")),
	}
	if same, known := others[badge.ID]; known && same.id == record.Id {
		delete(others, badge.ID)
	}
	err = rules.Check(append(slices.Clone(others.all()), badge))
	var refusal *fault.Error
	if errors.As(err, &refusal) && refusal.Field == "id" {
		return fault.InvalidInput.On("slug").Saying("A slug has letters a-z, digits and single hyphens, and no other badge has it.")
	}
	return err
}
