package ledger

import (
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	book "github.com/lingualink/lingualink/internal/ledger"
)

// Taken is what became of rewards that were to be taken back.
type Taken struct {
	ReversedMinor int64 `json:"reversed_minor"` // was pending, went back to the campaign
	UnfundedMinor int64 `json:"unfunded_minor"` // waited for funds or accrued, is not owed any more
	ClawedMinor   int64 `json:"clawed_minor"`   // was released, went back; the person may owe it now
	KeptMinor     int64 `json:"kept_minor"`     // was released, and stays
}

// Add sums up.
func (t Taken) Add(other Taken) Taken {
	return Taken{
		ReversedMinor: t.ReversedMinor + other.ReversedMinor, UnfundedMinor: t.UnfundedMinor + other.UnfundedMinor,
		ClawedMinor: t.ClawedMinor + other.ClawedMinor, KeptMinor: t.KeptMinor + other.KeptMinor,
	}
}

// TakeBack takes rewards back by their ids, whatever they are for: what is
// pending is reversed, what waits or accrues is owed no more. What is released
// stays, unless fraud says that it is clawed back: then the person's available
// money may go below zero, and what they earn next fills it up. What was taken
// back before changes nothing, so a repeat takes nothing.
//
// The reason is shown in the person's statement: 1 to 300 characters, or
// fault.InvalidInput. The caller keeps the audit row of the whole act.
func TakeBack(tx core.App, deps *shell.Deps, ids []string, fraud bool, actor, reason string) (Taken, error) {
	var sum Taken
	if !tx.IsTransactional() {
		return sum, errOutsideTransaction
	}
	if err := checkReason(reason); err != nil {
		return sum, err
	}
	rows := []rewardRow{}
	err := tx.DB().NewQuery("SELECT " + rewardColumns + " FROM rewards WHERE id IN " + shell.Among("ids") + " ORDER BY seq").
		Bind(dbx.Params{"ids": shell.List(ids)}).All(&rows)
	if err != nil {
		return sum, err
	}
	changed, gone := wallets{}, []rewardRow{}
	for _, row := range rows {
		part, err := takeBackOne(tx, deps, row, fraud, actor, reason)
		if err != nil {
			return Taken{}, err
		}
		sum = sum.Add(part)
		if part.UnfundedMinor > 0 {
			changed.add(row.User, row.Currency)
		}
		if part.ReversedMinor+part.UnfundedMinor+part.ClawedMinor > 0 {
			gone = append(gone, row)
		}
	}
	changed.announce(tx, deps)
	return sum, takenBack(tx, deps.Clock.Now(), gone...)
}

func takeBackOne(tx core.App, deps *shell.Deps, row rewardRow, fraud bool, actor, reason string) (Taken, error) {
	switch row.State {
	case collections.RewardPending:
		original, err := loadTx(tx, row.Tx)
		if err != nil {
			return Taken{}, err
		}
		_, err = takeBack(tx, deps, original, book.RewardReversed, actor, reason)
		return Taken{ReversedMinor: row.Amount}, err
	case collections.RewardUnfunded:
		if err := moveReward(tx, row.ID, row.State, collections.RewardReversed, ""); err != nil {
			return Taken{}, err
		}
		// What waited behind it may be small enough to be paid now.
		return Taken{UnfundedMinor: row.Amount}, settleSoon(tx, deps, "takeback:"+row.ID, row.Campaign)
	case collections.RewardAccruing:
		none := Accrued{User: row.User, Language: row.Language}
		most := row.Amount
		row.State, row.Amount = collections.RewardVoid, 0
		return Taken{UnfundedMinor: most}, none.settle(tx, row)
	case collections.RewardReleased:
		if !fraud {
			return Taken{KeptMinor: row.Amount}, nil
		}
		return Taken{ClawedMinor: row.Amount}, clawBack(tx, deps, row, actor, reason)
	}
	return Taken{}, nil
}

// clawBack takes released money back from what the person has or will have.
func clawBack(tx core.App, deps *shell.Deps, row rewardRow, actor, reason string) error {
	if err := moveReward(tx, row.ID, collections.RewardReleased, collections.RewardClawed, ""); err != nil {
		return err
	}
	posted, err := Post(tx, deps, book.Tx{
		Kind: book.Clawback, Key: "clawback:" + row.Key, Actor: actor, SourceType: "rewards", SourceID: row.ID, Memo: reason,
		Entries: book.Move(book.UserAccount(row.User, book.Available, row.Currency), book.CampaignAccount(row.Campaign, row.Currency), row.Amount),
	})
	if err != nil {
		return err
	}
	return settleSoon(tx, deps, posted[0].ID, row.Campaign)
}
