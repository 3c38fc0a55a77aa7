// Package notifications decides how people are told: it turns jobs into rows of
// the inbox, which apps watch by realtime. It refuses to be imported by the
// areas whose events it tells of; they only write jobs. It refuses to tell anybody
// of the doings of a person whom they block or who blocks them.
package notifications

import (
	"encoding/json"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
)

// Register binds the handler of notices.
func Register(_ core.App, deps *shell.Deps) {
	deps.Outbox.Handle(shell.JobNotify, shell.JobHandler{InTx: deliver})
}

// deliver writes one notice into the inbox, in the transaction that marks its
// job done: nobody is told twice, and nobody is forgotten.
func deliver(tx core.App, job shell.Job) error {
	var notice shell.Notice
	if err := json.Unmarshal(job.Raw, &notice); err != nil {
		return err
	}
	if notice.From != "" {
		// Now, not when it was written: a block is in force at once.
		blocked, err := accounts.Blocked(tx, notice.User, notice.From)
		if blocked || err != nil {
			return err
		}
	}
	inbox, err := tx.FindCachedCollectionByNameOrId("notifications")
	if err != nil {
		return err
	}
	row := core.NewRecord(inbox)
	row.Set("user", notice.User)
	row.Set("kind", notice.Kind)
	row.Set("title", notice.Title)
	row.Set("body", notice.Body)
	row.Set("data", notice.Data)
	return tx.Save(row)
}
