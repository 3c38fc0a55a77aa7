package ledger

import (
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	book "github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/rewards"
)

const accruedBatch = 200

// Accrued is what became known about somebody whose rewards accrue in a language.
type Accrued struct {
	User, Language   string
	FactorBps        int64 // share of the rate that their answers are worth, 0 to money.Unit
	ConsensusVersion int64 // of the policy that it was reckoned by
	SkillSeq         int64 // the last skill event that it rests on
}

// SettleAccrued turns a batch of a person's accruing rewards in a language into
// what they are worth, oldest first, and says whether there are more; the caller
// asks again, in a transaction of its own. A reward that comes to nothing is
// void. The campaign pays the others if it can and nothing of it waits.
//
// Those it cannot pay wait in the place that they had since their verdict, before
// younger ones: the order of payment is that of the verdicts, as the hold is. So
// the queue is looked at once more when something joins it in front.
//
// What is settled is settled: asking again finds nothing.
func SettleAccrued(tx core.App, deps *shell.Deps, known Accrued) (more bool, err error) {
	if known.FactorBps < 0 || known.FactorBps > money.Unit {
		return false, fmt.Errorf("ledger: the answers of %s are worth %d basis points", known.User, known.FactorBps)
	}
	rows := []rewardRow{}
	err = tx.DB().NewQuery("SELECT " + rewardColumns + ` FROM rewards
		WHERE user = {:user} AND language = {:language} AND state = 'accruing' ORDER BY seq LIMIT {:limit}`).
		Bind(dbx.Params{"user": known.User, "language": known.Language, "limit": accruedBatch + 1}).All(&rows)
	if err != nil {
		return false, err
	}
	if more = len(rows) > accruedBatch; more {
		rows = rows[:accruedBatch]
	}
	postings, err := price(tx, deps, known.FactorBps, rows)
	if err != nil {
		return false, err
	}
	posted, err := Post(tx, deps, postings...)
	if err != nil {
		return false, err
	}
	unpaid := wallets{} // posting announces the others
	for _, row := range rows {
		if row.State == collections.RewardPending {
			row.Tx, posted = posted[0].ID, posted[1:]
		} else {
			unpaid.add(row.User, row.Currency)
		}
		if err := known.settle(tx, row); err != nil {
			return false, err
		}
	}
	unpaid.announce(tx, deps)
	return more, nil
}

// price gives accruing rewards their amount and next state, and returns the
// postings of those that can be paid, in the same order.
func price(tx core.App, deps *shell.Deps, factorBps int64, rows []rewardRow) ([]book.Tx, error) {
	postings, budgets, woken := []book.Tx{}, budgets{}, map[string]bool{}
	for i := range rows {
		row := &rows[i]
		var err error
		if row.Amount, err = rewards.Pay(row.Base, factorBps, row.Multiplier); err != nil {
			return nil, err
		}
		if row.Amount == 0 {
			row.State = collections.RewardVoid
			continue
		}
		funded, err := budgets.take(tx, row.campaign(), row.Amount)
		if err != nil {
			return nil, err
		}
		if funded {
			row.State = collections.RewardPending
			postings = append(postings, row.earned())
			continue
		}
		row.State = collections.RewardUnfunded
		if woken[row.Campaign] {
			continue
		}
		woken[row.Campaign] = true
		if err := settleSoon(tx, deps, "accrued:"+row.ID, row.Campaign); err != nil {
			return nil, err
		}
	}
	return postings, nil
}

// settle stores what an accruing reward came to, once.
func (known Accrued) settle(tx core.App, row rewardRow) error {
	changed, err := shell.Exec(tx, `
		UPDATE rewards SET state = {:state}, amount_minor = {:amount}, tx = {:tx},
			factor_bps = {:factor}, consensus_version = {:version}, skill_seq = {:seq}
		WHERE id = {:id} AND state = 'accruing'`,
		dbx.Params{
			"id": row.ID, "state": row.State, "amount": row.Amount, "tx": row.Tx,
			"factor": known.FactorBps, "version": known.ConsensusVersion, "seq": known.SkillSeq,
		})
	if err == nil && changed != 1 {
		return fmt.Errorf("reward %s does not accrue any more", row.ID)
	}
	return err
}
