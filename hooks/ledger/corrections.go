package ledger

import (
	"net/http"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	book "github.com/lingualink/lingualink/internal/ledger"
)

type reverseBody struct {
	Reason string `json:"reason" help:"Why, for the audit log and the statement."`
}

type reverseData struct {
	Tx       string `json:"tx" help:"Id of the reversing transaction."`
	Reverses string `json:"reverses"`
}

// registerCorrections lets admins undo a funding or a reward that is still
// pending. An entry is never edited: the correction is a mirror of it.
func registerCorrections(deps *shell.Deps) {
	deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/ledger_txs/{id}/reverse", Who: shell.Superuser,
		What: "Correct a campaign funding or a pending reward by reversing it, once.",
		Body: reverseBody{}, Data: reverseData{},
		Faults: []*fault.Code{fault.NotFound, fault.AlreadyReversed, fault.NotReversible, fault.InsufficientFunds, fault.InvalidInput},
		Handle: func(e *core.RequestEvent) error {
			body, err := shell.Bind[reverseBody](e)
			if err != nil {
				return err
			}
			if n := utf8.RuneCountInString(body.Reason); n == 0 || n > maxMemoRunes {
				return fault.InvalidInput.On("reason").Saying("Say why, in at most 300 characters.")
			}
			var data reverseData
			err = e.App.RunInTransaction(func(tx core.App) error {
				data, err = reverse(tx, deps, e.Request.PathValue("id"), body.Reason, shell.ActorOf(e.Auth))
				return err
			})
			if err != nil {
				return err
			}
			return shell.OK(e, data, "The transaction is reversed.")
		},
	})
}

// settleSoon has the campaign that got a reward back pay what waits for funds.
func settleSoon(tx core.App, deps *shell.Deps, reversal, reward string) error {
	var campaign string
	err := tx.DB().NewQuery("SELECT campaign FROM rewards WHERE [[key]] = {:key}").Bind(dbx.Params{"key": reward}).Row(&campaign)
	if err != nil {
		return err
	}
	return deps.Outbox.Enqueue(tx, shell.Job{Kind: jobSettle, Key: reversal, Payload: settlePayload{Campaign: campaign}})
}

func reverse(tx core.App, deps *shell.Deps, id, reason, actor string) (reverseData, error) {
	original, err := loadTx(tx, id)
	if err != nil {
		return reverseData{}, err
	}
	if _, reversed, err := findTx(tx, "reverses = {:value} AND reverses != ''", id); err != nil {
		return reverseData{}, err
	} else if reversed {
		return reverseData{}, fault.AlreadyReversed.On("id")
	}
	switch original.Kind {
	case book.CampaignFunded:
	case book.RewardEarned:
		changed, err := shell.Exec(tx, "UPDATE rewards SET state = {:reversed} WHERE [[key]] = {:key} AND tx = {:tx} AND state = {:pending}",
			dbx.Params{"key": original.Key, "tx": id, "reversed": collections.RewardReversed, "pending": collections.RewardPending})
		if err != nil {
			return reverseData{}, err
		}
		if changed != 1 {
			return reverseData{}, fault.NotReversible.On("id").Saying("The reward is not pending any more.")
		}
	default:
		return reverseData{}, fault.NotReversible.On("id")
	}
	mirror, err := book.Reverse(original, "reverse:"+id, book.Correction, actor, reason, deps.Clock.Now())
	if err != nil {
		return reverseData{}, err
	}
	posted, err := Post(tx, deps, mirror)
	if err != nil {
		return reverseData{}, err
	}
	data := reverseData{Tx: posted[0].ID, Reverses: id}
	if original.Kind == book.RewardEarned {
		if err := settleSoon(tx, deps, data.Tx, original.Key); err != nil {
			return reverseData{}, err
		}
	}
	return data, shell.Audit(tx, deps.Clock.Now(), shell.Act{
		Actor: actor, Action: "ledger.reverse", SubjectType: "ledger_txs", SubjectID: id, Reason: reason, Data: data,
	})
}
