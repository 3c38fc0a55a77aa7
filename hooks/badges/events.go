package badges

import (
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	engine "github.com/lingualink/lingualink/internal/consensus"
)

// ContributionsEvent is one verdict that approves or rejects a clip, with
// everything about it that never changes, in the transaction of the job that
// counts it. Nothing in it depends on when the job runs.
//
// The verdicts of a clip come once each, usually in the order of their revisions,
// but not certainly: a job that failed comes later. So a handler either adds what
// this verdict says and takes off what the one before it said, which comes to the
// same in any order, or keeps the greatest revision it has seen of a clip.
type ContributionsEvent struct {
	hook.Event
	App      core.App // the transaction
	Verdict  string
	Clip     string
	Owner    string // the speaker
	Language string // of the clip: the id of its row
	Campaign string // that the clip is bound to
	Currency string // of the campaign
	// Revision is 1 for the first verdict of the clip. Escalations are revisions
	// too but no events: numbers may be missing.
	Revision int64
	Outcome  engine.Outcome // engine.Approved or engine.Rejected
	By       string         // collections.ByCrowd or ByExpert
	// Control tells that the clip is a control: a known recording that measures
	// validators. Its owner sent nothing and gets nothing; to its voters it is a
	// clip like any other, and they must not learn of it.
	Control    bool
	At         time.Time // when the verdict fell
	ClipSentAt time.Time
	// Votes are those that were cast until the verdict fell, in that order.
	Votes []Vote
}

// Vote is one vote on the clip of a [ContributionsEvent].
type Vote struct {
	ID        string
	Validator string
	Agrees    bool // with the outcome
	At        time.Time
}

// OnContributions is triggered once for every verdict that approves or rejects,
// those that supersede another included, in the transaction of the job that
// counts it and after its counts are written: an error undoes them, and the job
// is tried again.
func OnContributions(app core.App) *hook.Hook[*ContributionsEvent] {
	return app.Store().GetOrSet("ll.badges.contributions", func() any {
		return &hook.Hook[*ContributionsEvent]{}
	}).(*hook.Hook[*ContributionsEvent])
}
