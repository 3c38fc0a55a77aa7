package ledger

import (
	"database/sql"
	"errors"
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
			if err := checkReason(body.Reason); err != nil {
				return err
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

// checkReason refuses a correction that does not say why, in words that fit the
// memo of a posting.
func checkReason(reason string) error {
	if n := utf8.RuneCountInString(reason); n == 0 || n > maxMemoRunes {
		return fault.InvalidInput.On("reason").Saying("Say why, in at most 300 characters.")
	}
	return nil
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
	data := reverseData{Reverses: id}
	switch original.Kind {
	case book.CampaignFunded:
		data.Tx, err = mirror(tx, deps, original, book.Correction, actor, reason)
	case book.RewardEarned:
		data.Tx, err = correct(tx, deps, original, actor, reason)
	default:
		err = fault.NotReversible.On("id")
	}
	if err != nil {
		return reverseData{}, err
	}
	return data, shell.Audit(tx, deps.Clock.Now(), shell.Act{
		Actor: actor, Action: "ledger.reverse", SubjectType: "ledger_txs", SubjectID: id, Reason: reason, Data: data,
	})
}

// correct takes back a reward that should not have been.
func correct(tx core.App, deps *shell.Deps, original book.Posted, actor, reason string) (string, error) {
	id, err := takeBack(tx, deps, original, book.Correction, actor, reason)
	if err != nil {
		return "", err
	}
	var row rewardRow
	err = tx.DB().NewQuery("SELECT " + rewardColumns + " FROM rewards WHERE [[key]] = {:key}").Bind(dbx.Params{"key": original.Key}).One(&row)
	if err != nil {
		return "", err
	}
	return id, takenBack(tx, deps.Clock.Now(), row)
}

// takeBack reverses the posting of a reward that is still pending, and returns
// the id of the posting that does. What came back pays what waits for funds. Any
// other reward is fault.NotReversible: released money is its owner's.
func takeBack(tx core.App, deps *shell.Deps, original book.Posted, kind book.Kind, actor, reason string) (string, error) {
	var campaign string
	err := tx.DB().NewQuery("UPDATE rewards SET state = {:reversed} WHERE [[key]] = {:key} AND tx = {:tx} AND state = {:pending} RETURNING campaign").
		Bind(dbx.Params{"key": original.Key, "tx": original.ID, "reversed": collections.RewardReversed, "pending": collections.RewardPending}).Row(&campaign)
	if errors.Is(err, sql.ErrNoRows) {
		return "", fault.NotReversible.On("id").Saying("The reward is not pending any more.")
	}
	if err != nil {
		return "", err
	}
	id, err := mirror(tx, deps, original, kind, actor, reason)
	if err != nil {
		return "", err
	}
	return id, settleSoon(tx, deps, id, campaign)
}

// mirror posts the exact opposite of a transaction and returns its id.
func mirror(tx core.App, deps *shell.Deps, original book.Posted, kind book.Kind, actor, reason string) (string, error) {
	opposite, err := book.Reverse(original, "reverse:"+original.ID, kind, actor, reason, deps.Clock.Now())
	if err != nil {
		return "", err
	}
	posted, err := Post(tx, deps, opposite)
	if err != nil {
		return "", err
	}
	return posted[0].ID, nil
}
