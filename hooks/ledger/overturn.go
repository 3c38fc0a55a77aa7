package ledger

import (
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
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
	ids := []string{}
	err := tx.DB().NewQuery("SELECT id FROM rewards WHERE verdict = {:verdict} AND rule IN ('clip', 'remix', 'remix_parent') ORDER BY seq").
		Bind(dbx.Params{"verdict": verdict}).Column(&ids)
	if err != nil {
		return Overturned{}, err
	}
	taken, err := TakeBack(tx, deps, ids, false, actor, reason)
	return Overturned{ReversedMinor: taken.ReversedMinor, UnfundedMinor: taken.UnfundedMinor, ReleasedMinor: taken.KeptMinor}, err
}
