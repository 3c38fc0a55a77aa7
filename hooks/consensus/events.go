package consensus

import (
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// VerdictEvent is a verdict that approves or rejects a clip, in the transaction
// in which it falls. Its row, that of the clip and the votes tell the rest; they
// never change, so whoever has much to do may do it later, in a job.
type VerdictEvent struct {
	hook.Event
	App     core.App // the transaction
	Verdict string
	Clip    string
	At      time.Time
}

// OnVerdict is triggered once for every verdict that approves or rejects, those
// that supersede another included, after everything of this area is written and
// before the commit: an error undoes the verdict.
func OnVerdict(app core.App) *hook.Hook[*VerdictEvent] {
	return eventHook[*VerdictEvent](app, "verdict")
}

// VotesEvent are votes that were cast, in their transaction.
type VotesEvent struct {
	hook.Event
	App    core.App // the transaction
	Voters []string // who cast them, each once
	At     time.Time
}

// OnVotes is triggered for every transaction in which votes are cast, before the
// commit: an error undoes the votes. Votes do not wait for anything that can be
// done later.
func OnVotes(app core.App) *hook.Hook[*VotesEvent] {
	return eventHook[*VotesEvent](app, "votes")
}

// TrustEvent is a change of what is known about a validator in a language: from
// unproven to proven, say, or to excluded.
type TrustEvent struct {
	hook.Event
	App                 core.App // the transaction
	Validator, Language string
	From, To            string // collections.Trust...
	At                  time.Time
}

// OnTrustChange is triggered for every assessment that changes the state of a
// validator, after it is written and before the commit: an error undoes it.
func OnTrustChange(app core.App) *hook.Hook[*TrustEvent] {
	return eventHook[*TrustEvent](app, "trust")
}

// EscalationEvent is a clip about which the experts are asked, or are no longer,
// in the transaction in which that becomes so.
type EscalationEvent struct {
	hook.Event
	App        core.App // the transaction
	Escalation string
	Clip       string
	Cause      string // collections.Cause...
	// Of the end: the expert's verdict, its outcome and whose word it is, as
	// shell.ActorOf; all empty where nothing is left to decide.
	Verdict, Outcome, Actor string
}

// OnEscalation is triggered once when the experts begin to be asked about a clip,
// before the commit: an error undoes it.
func OnEscalation(app core.App) *hook.Hook[*EscalationEvent] {
	return eventHook[*EscalationEvent](app, "escalation")
}

// OnEscalationEnd is triggered once when an escalation is decided or closed,
// before the commit: an error undoes it.
func OnEscalationEnd(app core.App) *hook.Hook[*EscalationEvent] {
	return eventHook[*EscalationEvent](app, "escalation_end")
}

func eventHook[E hook.Resolver](app core.App, name string) *hook.Hook[E] {
	return app.Store().GetOrSet("ll.consensus."+name, func() any {
		return &hook.Hook[E]{}
	}).(*hook.Hook[E])
}
