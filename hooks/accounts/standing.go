package accounts

import (
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
)

// StandingEvent is a change of a person's standing, in the transaction that
// makes it.
type StandingEvent struct {
	hook.Event
	App           core.App // the transaction
	User          *core.Record
	From, To      string // collections.Standing...
	Reason, Actor string
}

// OnStandingChange is triggered once per change, whatever made it, after the
// row was written and before the commit: an error undoes the change.
func OnStandingChange(app core.App) *hook.Hook[*StandingEvent] {
	return app.Store().GetOrSet("ll.accounts.standing", func() any {
		return &hook.Hook[*StandingEvent]{}
	}).(*hook.Hook[*StandingEvent])
}

// MayNotAct tells that a person is suspended or banned.
func MayNotAct(person *core.Record) bool { return isRestricted(person.GetString("standing")) }

func isRestricted(standing string) bool {
	return standing == collections.StandingSuspended || standing == collections.StandingBanned
}

// BannedSQL is true when the person in the given column of a statement is banned:
// what they recorded is out of sight for as long.
func BannedSQL(column string) string {
	return "EXISTS (SELECT 1 FROM users WHERE users.id = " + column + " AND users.standing = 'banned')"
}

// causeKey is where a record carries, in memory only, who changes its standing.
const causeKey = "@ll.cause"

type cause struct{ actor, reason string }

// SetStanding changes a person's standing with an audit row. A person who has
// the standing already stays as they are. The actor is one of shell.ActorOf.
func SetStanding(tx core.App, userID, standing, reason, actor string) error {
	if !tx.IsTransactional() {
		return errOutsideTransaction
	}
	person, err := tx.FindRecordById("users", userID)
	if err != nil {
		return err
	}
	person.Set("standing", standing)
	person.SetRaw(causeKey, cause{actor: actor, reason: reason})
	return tx.Save(person)
}

func registerStanding(app core.App, deps *shell.Deps) {
	app.OnRecordUpdateRequest("users").Bind(&hook.Handler[*core.RecordRequestEvent]{
		Id: "ll.users.update.cause",
		Func: func(e *core.RecordRequestEvent) error {
			e.Record.SetRaw(causeKey, cause{actor: shell.ActorOf(e.Auth)})
			return e.Next()
		},
	})
	app.OnRecordUpdateExecute("users").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.users.update.standing", Priority: aroundWrite,
		Func: func(e *core.RecordEvent) error {
			if e.Record.GetString("standing") == e.Record.Original().GetString("standing") {
				return e.Next() // nobody means to change it, and it is not written
			}
			return shell.InTransaction(&e.App, func(tx core.App) error { return changeStanding(tx, e, deps) })
		},
	})
}

// changeStanding writes a record whose standing was set, and fires for it if the
// stored standing is another one: the record in memory may be old.
func changeStanding(tx core.App, e *core.RecordEvent, deps *shell.Deps) error {
	event := &StandingEvent{App: tx, User: e.Record, To: e.Record.GetString("standing")}
	err := tx.DB().NewQuery("SELECT standing FROM users WHERE id = {:id}").
		Bind(dbx.Params{"id": e.Record.Id}).Row(&event.From)
	if err != nil {
		return err
	}
	if event.From == event.To {
		return e.Next()
	}
	if isRestricted(event.To) {
		e.Record.RefreshTokenKey() // every session ends now
	}
	if err := e.Next(); err != nil {
		return err
	}
	by, _ := e.Record.GetRaw(causeKey).(cause)
	if by.actor == "" {
		by.actor = shell.System
	}
	event.Actor, event.Reason = by.actor, by.reason
	err = shell.Audit(tx, deps.Clock.Now(), shell.Act{
		Actor: event.Actor, Action: "user.standing", SubjectType: "users", SubjectID: e.Record.Id, Reason: event.Reason,
		Data: map[string]any{"from": event.From, "to": event.To},
	})
	if err != nil {
		return err
	}
	return OnStandingChange(tx).Trigger(event)
}
