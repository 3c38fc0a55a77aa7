package moderation

import (
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/shell"
	rules "github.com/lingualink/lingualink/internal/moderation"
)

// takenMemo is what people read in their statements; why stands in the decision.
const takenMemo = "Taken back after a decision of the moderators."

// brought are the rewards that the subject brought its owner: those of the clip
// and of its remixes, or all of a person's.
func brought(tx core.App, subject rules.Subject) ([]string, error) {
	query := "SELECT id FROM rewards WHERE user = {:owner} ORDER BY seq"
	if subject.Type == rules.Clip {
		query = `
			SELECT id FROM rewards WHERE clip = {:id} AND user = {:owner} AND rule IN ('clip', 'remix')
			UNION ALL
			SELECT r.id FROM clips c JOIN rewards r ON r.clip = c.id AND r.rule = 'remix_parent' AND r.user = {:owner} WHERE c.parent = {:id}`
	}
	ids := []string{}
	err := tx.DB().NewQuery(query).Bind(dbx.Params{"id": subject.ID, "owner": subject.Owner}).Column(&ids)
	return ids, err
}

// takeRewards takes back what the subject brought, released or not, and writes
// down what that was.
func (x *deed) takeRewards() error {
	ids, err := brought(x.tx, x.after.Subject)
	if err != nil {
		return err
	}
	owed, err := ledger.Owed(x.tx, ids)
	if err != nil {
		return err
	}
	rows := make([]dbx.Params, len(owed))
	for i, reward := range owed {
		rows[i] = dbx.Params{
			"id": shell.RowID(x.at), "case": x.record.Id, "reward": reward.ID, "was": reward.State, "amount_minor": reward.AmountMinor,
			"restored": false, "created": shell.Stamp(x.at),
		}
	}
	if err := shell.InsertAll(x.tx, "taken_rewards", rows); err != nil {
		return err
	}
	taken, err := ledger.TakeBack(x.tx, x.d.deps, ids, true, x.by.actor, takenMemo)
	x.came["money"] = taken
	return err
}

// restoreRewards gives again exactly what the case took.
func (x *deed) restoreRewards() error {
	taken := []ledger.TakenReward{}
	err := x.tx.DB().NewQuery(`
		SELECT t.reward AS id, t.was AS state, t.amount_minor FROM taken_rewards t JOIN rewards r ON r.id = t.reward
		WHERE t.[[case]] = {:case} AND t.restored = 0 ORDER BY r.seq`).Bind(dbx.Params{"case": x.record.Id}).All(&taken)
	if err != nil {
		return err
	}
	if err := ledger.Restore(x.tx, x.d.deps, x.record.Id, taken...); err != nil {
		return err
	}
	sum := int64(0)
	for _, reward := range taken {
		sum += reward.AmountMinor
	}
	x.came["restored_minor"] = sum
	_, err = shell.Exec(x.tx, "UPDATE taken_rewards SET restored = 1 WHERE [[case]] = {:case}", dbx.Params{"case": x.record.Id})
	return err
}
