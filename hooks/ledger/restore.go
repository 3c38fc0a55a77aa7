package ledger

import (
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
)

// TakenReward is one reward that was taken back, as it was before.
type TakenReward struct {
	ID          string `db:"id"`
	State       string `db:"state"` // collections.Reward...
	AmountMinor int64  `db:"amount_minor"`
}

// Owed are those of the rewards that [TakeBack] would take for fraud, as they are
// now, oldest first: what [Restore] needs to undo it.
func Owed(tx core.App, ids []string) ([]TakenReward, error) {
	rows := []TakenReward{}
	err := tx.DB().NewQuery(`
		SELECT id, state, amount_minor FROM rewards
		WHERE id IN ` + shell.Among("ids") + ` AND state IN ('accruing', 'unfunded', 'pending', 'released') ORDER BY seq`).
		Bind(dbx.Params{"ids": shell.List(ids)}).All(&rows)
	return rows, err
}

// restoring is a row of rewards as it is copied.
type restoring struct {
	rewardRow
	Clip             string `db:"clip"`
	Cut              string `db:"cut"`
	Factor           int64  `db:"factor_bps"`
	Rate             int64  `db:"rate_version"`
	ConsensusVersion int64  `db:"consensus_version"`
	SkillSeq         int64  `db:"skill_seq"`
	AvailableAt      string `db:"available_at"`
}

// Restore owes again exactly what was taken back, reward by reward, each as a new
// one whose key is that of the old with ":" and the suffix, 1 to 20 characters
// that name the occasion. What it was for, how it was reckoned and when it is
// released stay the same: a hold that is over is over. It joins what waits for the
// campaign at the end, and what accrued accrues again.
//
// What was restored under the suffix before is left alone; a reward that is not
// taken back is an error.
func Restore(tx core.App, deps *shell.Deps, suffix string, taken ...TakenReward) error {
	if !tx.IsTransactional() {
		return errOutsideTransaction
	}
	if suffix == "" || len(suffix) > 20 {
		return fmt.Errorf("ledger: %q names no occasion", suffix)
	}
	due := []owed{}
	for _, reward := range taken {
		var row restoring
		err := tx.DB().NewQuery("SELECT " + rewardColumns + ", clip, cut, factor_bps, rate_version, consensus_version, skill_seq, available_at FROM rewards WHERE id = {:id}").
			Bind(dbx.Params{"id": reward.ID}).One(&row)
		if err != nil {
			return err
		}
		gone := map[string]string{
			collections.RewardAccruing: collections.RewardVoid, collections.RewardUnfunded: collections.RewardReversed,
			collections.RewardPending: collections.RewardReversed, collections.RewardReleased: collections.RewardClawed,
		}[reward.State]
		if gone == "" || row.State != gone || reward.State != collections.RewardAccruing && row.Amount != reward.AmountMinor {
			return fmt.Errorf("ledger: reward %s is %s %d, that is not %s %d taken back", row.ID, row.State, row.Amount, reward.State, reward.AmountMinor)
		}
		row.Key += ":" + suffix
		var before bool
		if err := tx.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM rewards WHERE [[key]] = {:key})").Bind(dbx.Params{"key": row.Key}).Row(&before); err != nil {
			return err
		}
		if !before {
			due = append(due, row.again(reward))
		}
	}
	return owe(tx, deps, due)
}

// again is the reward as it is owed once more.
func (row restoring) again(reward TakenReward) owed {
	row.Amount = reward.AmountMinor
	accruing := reward.State == collections.RewardAccruing
	state := collections.RewardUnfunded
	if accruing {
		state, row.Factor, row.ConsensusVersion, row.SkillSeq = collections.RewardAccruing, 0, 0, 0
	}
	return owed{
		rewardRow: row.rewardRow, accruing: accruing,
		row: dbx.Params{
			"key": row.Key, "user": row.User, "rule": string(row.Rule),
			"clip": row.Clip, "verdict": row.Verdict, "language": row.Language, "referral": row.Referral, "subject": row.Subject, "cut": row.Cut,
			"campaign": row.Campaign, "currency": string(row.Currency),
			"amount_minor": row.Amount, "base_minor": row.Base, "factor_bps": row.Factor, "multiplier_bps": row.Multiplier,
			"rate_version": row.Rate, "policy_version": row.Version, "consensus_version": row.ConsensusVersion, "skill_seq": row.SkillSeq,
			"state": state, "tx": "", "available_at": row.AvailableAt,
		},
	}
}
