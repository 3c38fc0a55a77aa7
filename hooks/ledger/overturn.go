package ledger

import (
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	book "github.com/lingualink/lingualink/internal/ledger"
)

// Overturned is what became of the money that a verdict brought to those who made
// the clip.
type Overturned struct {
	ReversedMinor int64 `json:"reversed_minor"` // was pending, went back to the campaign
	UnfundedMinor int64 `json:"unfunded_minor"` // waited for funds, is not owed any more
	ReleasedMinor int64 `json:"released_minor"` // stays: an honest error is not the speaker's debt
}

// Overturn takes back what a verdict that is superseded brought to the speaker
// and to the speaker of the clip that was remixed, as far as it is not released
// yet. Validators keep theirs: they were paid for listening, and whoever was
// wrong in good faith owes nothing. The caller has the new verdict paid after it,
// and keeps the audit row of the whole act.
//
// The reason is shown to the people in their statements: 1 to 300 characters, or
// fault.InvalidInput. A verdict that brought nothing, or was overturned before,
// is no error.
func Overturn(tx core.App, deps *shell.Deps, verdict, actor, reason string) (Overturned, error) {
	if !tx.IsTransactional() {
		return Overturned{}, errOutsideTransaction
	}
	if err := checkReason(reason); err != nil {
		return Overturned{}, err
	}
	rows := []rewardRow{}
	err := tx.DB().NewQuery("SELECT " + rewardColumns + ` FROM rewards
		WHERE verdict = {:verdict} AND rule IN ('clip', 'remix', 'remix_parent') ORDER BY seq`).
		Bind(dbx.Params{"verdict": verdict}).All(&rows)
	if err != nil {
		return Overturned{}, err
	}
	var sum Overturned
	changed := wallets{}
	for _, row := range rows {
		switch row.State {
		case collections.RewardReleased:
			sum.ReleasedMinor += row.Amount
		case collections.RewardPending:
			original, err := loadTx(tx, row.Tx)
			if err != nil {
				return Overturned{}, err
			}
			if _, err := takeBack(tx, deps, original, book.RewardReversed, actor, reason); err != nil {
				return Overturned{}, err
			}
			sum.ReversedMinor += row.Amount
		case collections.RewardUnfunded:
			if err := moveReward(tx, row.ID, collections.RewardUnfunded, collections.RewardReversed, ""); err != nil {
				return Overturned{}, err
			}
			// What waited behind it may be small enough to be paid now.
			if err := settleSoon(tx, deps, "overturn:"+row.ID, row.Campaign); err != nil {
				return Overturned{}, err
			}
			sum.UnfundedMinor += row.Amount
			changed.add(row.User, row.Currency)
		}
	}
	changed.announce(tx, deps)
	return sum, nil
}
