package consensus

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
)

func registerEscalations(app core.App, deps *shell.Deps) {
	app.OnRecordUpdateExecute("clips").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.clips.update.escalations",
		Func: func(e *core.RecordEvent) error {
			withdrawn := collections.ClipWithdrawn
			if e.Record.GetString("status") != withdrawn || e.Record.Original().GetString("status") == withdrawn {
				return e.Next()
			}
			return shell.InTransaction(&e.App, func(tx core.App) error {
				if err := e.Next(); err != nil {
					return err
				}
				return closeEscalation(tx, deps.Clock.Now(), e.Record.Id, "", "")
			})
		},
	})
}

// escalate asks the experts about a clip, for one of collections.Cause.... A clip
// that they are asked about already stays as it is. The clip's status is the
// caller's matter: on an audit, doubt about gold or a dispute it keeps what it has.
func escalate(tx core.App, deps *shell.Deps, now time.Time, clip, cause string) error {
	return openEscalation(tx, now, clip, cause, "")
}

// openEscalation is [escalate] with the words of the speaker, which also reach an
// escalation that is open already.
func openEscalation(tx core.App, now time.Time, clip, cause, text string) error {
	record, err := findOpenEscalation(tx, clip)
	if err != nil {
		return err
	}
	if record != nil {
		if text == "" {
			return nil
		}
		record.Set("text", text)
		record.IgnoreUnchangedFields(true)
		return tx.SaveNoValidate(record)
	}
	var row struct {
		Language string `db:"language"`
		Owner    string `db:"owner"`
		Status   string `db:"status"`
		Control  bool   `db:"control"`
	}
	err = tx.DB().NewQuery("SELECT language, owner, status, control FROM clips WHERE id = {:clip}").Bind(dbx.Params{"clip": clip}).One(&row)
	switch {
	case err != nil:
		return err
	case row.Control:
		return fmt.Errorf("clip %s is a control: what it is is known", clip)
	case row.Status == collections.ClipWithdrawn:
		return nil // nobody is to decide it any more
	}
	collection, err := tx.FindCachedCollectionByNameOrId("escalations")
	if err != nil {
		return err
	}
	record = core.NewRecord(collection)
	record.Set("clip", clip)
	record.Set("language", row.Language)
	record.Set("owner", row.Owner)
	record.Set("cause", cause)
	record.Set("state", collections.EscalationOpen)
	record.Set("text", text)
	record.SetRaw("created", shell.DateTime(now)) // the order of the queue
	if err := tx.SaveNoValidate(record); err != nil {
		return err
	}
	return OnEscalation(tx).Trigger(&EscalationEvent{App: tx, Escalation: record.Id, Clip: clip, Cause: cause})
}

// findOpenEscalation is nil where the clip has none.
func findOpenEscalation(tx core.App, clip string) (*core.Record, error) {
	var id string
	err := tx.DB().NewQuery("SELECT id FROM escalations WHERE clip = {:clip} AND state = 'open'").Bind(dbx.Params{"clip": clip}).Row(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return tx.FindRecordById("escalations", id)
}

// closeEscalation ends what the experts were asked about a clip: with the verdict
// of whoever decided, an expert or an admin, or without one.
func closeEscalation(tx core.App, now time.Time, clip, verdict, actor string) error {
	record, err := findOpenEscalation(tx, clip)
	if err != nil || record == nil {
		return err
	}
	record.Set("state", collections.EscalationClosed)
	if verdict != "" {
		record.Set("state", collections.EscalationDecided)
		record.Set("verdict", verdict)
	}
	if actor != "user:"+record.GetString("claimed_by") {
		record.Set("claimed_by", "") // somebody else was faster
	}
	record.Set("claim_until", "")
	record.Set("decided_at", now)
	record.IgnoreUnchangedFields(true)
	if err := tx.SaveNoValidate(record); err != nil {
		return err
	}
	event := &EscalationEvent{App: tx, Escalation: record.Id, Clip: clip, Cause: record.GetString("cause"), Verdict: verdict}
	if verdict != "" {
		event.Actor = actor
		if err := tx.DB().NewQuery("SELECT outcome FROM verdicts WHERE id = {:id}").Bind(dbx.Params{"id": verdict}).Row(&event.Outcome); err != nil {
			return err
		}
	}
	return OnEscalationEnd(tx).Trigger(event)
}
