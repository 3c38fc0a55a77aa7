package ledger

import (
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/internal/rewards"
)

// Reward is a reward as the areas above hear of it.
type Reward struct {
	ID, Key     string
	Rule        rewards.Rule
	User        string
	Language    string // of the clip behind it, if any
	Campaign    Campaign
	AmountMinor int64
}

// RewardsEvent says what became of some rewards, in the transaction in which it
// did.
type RewardsEvent struct {
	hook.Event
	App     core.App // the transaction
	At      time.Time
	Rewards []Reward
}

// OnReleased is triggered when rewards become available, once for each, after
// their postings and before the commit: an error undoes the release.
func OnReleased(app core.App) *hook.Hook[*RewardsEvent] { return rewardsHook(app, "released") }

// OnTakenBack is triggered when rewards are reversed or clawed back, once for
// each, before the commit: an error undoes it.
func OnTakenBack(app core.App) *hook.Hook[*RewardsEvent] { return rewardsHook(app, "taken_back") }

func rewardsHook(app core.App, name string) *hook.Hook[*RewardsEvent] {
	return app.Store().GetOrSet("ll.ledger."+name, func() any {
		return &hook.Hook[*RewardsEvent]{}
	}).(*hook.Hook[*RewardsEvent])
}

func released(tx core.App, at time.Time, rows []rewardRow) error {
	return tellOf(OnReleased(tx), tx, at, rows)
}

func takenBack(tx core.App, at time.Time, rows ...rewardRow) error {
	return tellOf(OnTakenBack(tx), tx, at, rows)
}

func tellOf(who *hook.Hook[*RewardsEvent], tx core.App, at time.Time, rows []rewardRow) error {
	if len(rows) == 0 {
		return nil
	}
	event := &RewardsEvent{App: tx, At: at, Rewards: make([]Reward, len(rows))}
	for i, row := range rows {
		event.Rewards[i] = Reward{
			ID: row.ID, Key: row.Key, Rule: row.Rule, User: row.User, Language: row.Language, Campaign: row.campaign(), AmountMinor: row.Amount,
		}
	}
	return who.Trigger(event)
}
