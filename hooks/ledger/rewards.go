package ledger

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	book "github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/rewards"
)

const (
	jobSettle    = "rewards.settle"
	settleBatch  = 200
	releaseBatch = 200
	// maxReleases bounds one sweep, so that jobs get their turn; the next is a
	// second later.
	maxReleases = 25
)

// Earning is what a verdict brings, ready to be written.
type Earning struct {
	Clip, Verdict string
	Campaign      Campaign
	Rewards       []rewards.Reward
	PolicyVersion int64
	Hold          time.Duration
}

// Earn records the rewards of a verdict and posts those that the campaign can
// pay. The rest is unfunded and paid in order when funds come; while anything
// waits, nothing newer overtakes it.
func Earn(tx core.App, deps *shell.Deps, earning Earning) error {
	if len(earning.Rewards) == 0 {
		return nil
	}
	now := deps.Clock.Now()
	budget, err := balanceOf(tx, book.CampaignAccount(earning.Campaign.ID, earning.Campaign.Currency))
	if err != nil {
		return err
	}
	var seq, waiting int64
	err = tx.DB().NewQuery(`
		SELECT COALESCE((SELECT MAX(seq) FROM rewards), 0),
		       EXISTS (SELECT 1 FROM rewards WHERE campaign = {:campaign} AND state = 'unfunded')`).
		Bind(dbx.Params{"campaign": earning.Campaign.ID}).Row(&seq, &waiting)
	if err != nil {
		return err
	}
	postings := make([]book.Tx, 0, len(earning.Rewards))
	funded := make([]bool, len(earning.Rewards))
	for i, reward := range earning.Rewards {
		if waiting == 0 && reward.AmountMinor <= budget {
			funded[i] = true
			budget -= reward.AmountMinor
			postings = append(postings, earnedTx(reward.Key, reward.User, earning.Verdict, earning.Campaign, reward.AmountMinor))
		} else {
			waiting = 1
		}
	}
	posted, err := Post(tx, deps, postings...)
	if err != nil {
		return err
	}
	rows := make([]dbx.Params, len(earning.Rewards))
	waitingWallets := wallets{}
	for i, reward := range earning.Rewards {
		row := dbx.Params{
			"id": shell.NewID(), "key": reward.Key, "seq": seq + int64(i) + 1, "user": reward.User, "rule": string(reward.Rule),
			"clip": earning.Clip, "verdict": earning.Verdict, "campaign": earning.Campaign.ID, "currency": string(earning.Campaign.Currency),
			"amount_minor": reward.AmountMinor, "base_minor": reward.BaseMinor, "factor_bps": reward.FactorBps, "multiplier_bps": reward.MultiplierBps,
			"rate_version": reward.RateVersion, "policy_version": earning.PolicyVersion,
			"state": collections.RewardUnfunded, "tx": "", "available_at": shell.Stamp(now.Add(earning.Hold)), "created": shell.Stamp(now),
		}
		if funded[i] {
			row["state"], row["tx"] = collections.RewardPending, posted[0].ID
			posted = posted[1:]
		} else {
			waitingWallets.add(reward.User, earning.Campaign.Currency)
		}
		rows[i] = row
	}
	waitingWallets.announce(tx, deps)
	return shell.InsertAll(tx, "rewards", rows)
}

// earnedTx moves a reward from the campaign to the person's pending account.
func earnedTx(key, user, verdict string, campaign Campaign, amountMinor int64) book.Tx {
	return book.Tx{
		Kind: book.RewardEarned, Key: key, Actor: shell.System, SourceType: "verdicts", SourceID: verdict,
		Entries: book.Move(book.CampaignAccount(campaign.ID, campaign.Currency), book.UserAccount(user, book.Pending, campaign.Currency), amountMinor),
	}
}

// rewardRow is what settling and releasing need of a reward.
type rewardRow struct {
	ID       string         `db:"id"`
	Key      string         `db:"key"`
	Seq      int64          `db:"seq"`
	User     string         `db:"user"`
	Verdict  string         `db:"verdict"`
	Campaign string         `db:"campaign"`
	Currency money.Currency `db:"currency"`
	Amount   int64          `db:"amount_minor"`
}

const rewardColumns = "id, [[key]], seq, user, verdict, campaign, currency, amount_minor"

type settlePayload struct {
	Campaign string `json:"campaign"`
}

// settleUnfunded pays the waiting rewards of a campaign, oldest first, until
// the money ends. More than a batch continues in a job of its own.
func settleUnfunded(tx core.App, deps *shell.Deps, job shell.Job) error {
	var payload settlePayload
	if err := json.Unmarshal(job.Raw, &payload); err != nil {
		return err
	}
	rows := []rewardRow{}
	err := tx.DB().NewQuery("SELECT " + rewardColumns + " FROM rewards WHERE campaign = {:campaign} AND state = 'unfunded' ORDER BY seq LIMIT {:batch}").
		Bind(dbx.Params{"campaign": payload.Campaign, "batch": settleBatch}).All(&rows)
	if err != nil || len(rows) == 0 {
		return err
	}
	budget, err := balanceOf(tx, book.CampaignAccount(payload.Campaign, rows[0].Currency))
	if err != nil {
		return err
	}
	postings := []book.Tx{}
	for _, row := range rows {
		if row.Amount > budget {
			break
		}
		budget -= row.Amount
		postings = append(postings, earnedTx(row.Key, row.User, row.Verdict, Campaign{ID: row.Campaign, Currency: row.Currency}, row.Amount))
	}
	posted, err := Post(tx, deps, postings...)
	if err != nil {
		return err
	}
	for i, p := range posted {
		if err := moveReward(tx, rows[i].ID, collections.RewardUnfunded, collections.RewardPending, p.ID); err != nil {
			return err
		}
	}
	if len(posted) == settleBatch {
		return deps.Outbox.Enqueue(tx, shell.Job{
			Kind: jobSettle, Key: fmt.Sprintf("%s:%d", payload.Campaign, rows[settleBatch-1].Seq), Payload: payload,
		})
	}
	return nil
}

// ReleaseDue makes rewards available whose hold time is over, a batch per
// transaction so that the writer is never held for long.
func ReleaseDue(app core.App, deps *shell.Deps) error {
	for range maxReleases {
		due := dbx.Params{"now": shell.Stamp(deps.Clock.Now()), "batch": releaseBatch}
		const query = "SELECT " + rewardColumns + " FROM rewards WHERE state = 'pending' AND available_at <= {:now} ORDER BY available_at, seq LIMIT {:batch}"
		rows := []rewardRow{}
		// Look without the writer first: mostly nothing is due.
		if err := app.ConcurrentDB().NewQuery(query).Bind(due).All(&rows); err != nil || len(rows) == 0 {
			return err
		}
		err := app.RunInTransaction(func(tx core.App) error {
			rows = rows[:0]
			if err := tx.DB().NewQuery(query).Bind(due).All(&rows); err != nil {
				return err
			}
			postings := make([]book.Tx, len(rows))
			for i, row := range rows {
				if err := moveReward(tx, row.ID, collections.RewardPending, collections.RewardReleased, ""); err != nil {
					return err
				}
				postings[i] = book.Tx{
					Kind: book.RewardReleased, Key: "release:" + row.Key, Actor: shell.System, SourceType: "rewards", SourceID: row.ID,
					Entries: book.Move(book.UserAccount(row.User, book.Pending, row.Currency), book.UserAccount(row.User, book.Available, row.Currency), row.Amount),
				}
			}
			_, err := Post(tx, deps, postings...)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// moveReward changes the state of a reward that is still in the state expected,
// and records the posting that paid it, if one did.
func moveReward(tx core.App, id, from, to, paidBy string) error {
	changed, err := shell.Exec(tx,
		"UPDATE rewards SET state = {:to}, tx = CASE WHEN {:tx} = '' THEN tx ELSE {:tx} END WHERE id = {:id} AND state = {:from}",
		dbx.Params{"id": id, "from": from, "to": to, "tx": paidBy})
	if err == nil && changed != 1 {
		return fmt.Errorf("reward %s is no longer %s", id, from)
	}
	return err
}
