package shell

import (
	"database/sql"
	"errors"
	"net/http"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/internal/fault"
)

// Repeatable makes creating a record safe to repeat for clients that made its
// id: the same id, owner and content again answers 200 with the stored record
// and does nothing; anything else under a used id is 409 id_conflict. Two such
// requests at the same moment end the same way: the loser finds the winner's.
func Repeatable(app core.App, collection, ownerField string, same func(stored, sent *core.Record) bool) {
	bindRepeats(app, collection, ownerField, same, true)
}

// RepeatableOnRefusal is [Repeatable] for a collection whose own handler refuses a
// used id before it does anything. Only what it refused is looked for, which
// saves everybody else a query.
func RepeatableOnRefusal(app core.App, collection, ownerField string, same func(stored, sent *core.Record) bool) {
	bindRepeats(app, collection, ownerField, same, false)
}

func bindRepeats(app core.App, collection, ownerField string, same func(stored, sent *core.Record) bool, lookFirst bool) {
	app.OnRecordCreateRequest(collection).Bind(&hook.Handler[*core.RecordRequestEvent]{
		Id: "ll." + collection + ".create.repeat", Priority: -40, // after the guard
		Func: func(e *core.RecordRequestEvent) error {
			if e.HasSuperuserAuth() || e.Record.Id == "" {
				return e.Next()
			}
			if lookFirst {
				if stored, err := StoredTwin(e.App, e.Record, ownerField, same); err != nil {
					return err
				} else if stored != nil {
					return answerStored(e, stored)
				}
			}
			err := e.Next()
			if err == nil {
				return nil
			}
			stored, twinErr := StoredTwin(e.App, e.Record, ownerField, same)
			switch {
			case errors.Is(twinErr, fault.IDConflict.On("")):
				return twinErr
			case twinErr != nil || stored == nil:
				return err
			}
			return answerStored(e, stored)
		},
	})
}

// StoredTwin finds the record that a client-made id names already: nil when
// there is none, an error when it is not the same.
func StoredTwin(app core.App, sent *core.Record, ownerField string, same func(stored, sent *core.Record) bool) (*core.Record, error) {
	if sent.Id == "" {
		return nil, nil
	}
	stored, err := app.FindRecordById(sent.Collection(), sent.Id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if stored.GetString(ownerField) != sent.GetString(ownerField) || !same(stored, sent) {
		return nil, fault.IDConflict.On("id")
	}
	return stored, nil
}

func answerStored(e *core.RecordRequestEvent, stored *core.Record) error {
	if err := apis.EnrichRecord(e.RequestEvent, stored); err != nil {
		return err
	}
	return e.JSON(http.StatusOK, stored)
}
