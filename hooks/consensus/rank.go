package consensus

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/trust"
)

// career is what the rank of a person hangs on. All of it is of assessments or
// counts votes of any kind.
type career struct {
	Policy    engine.Policy // the one for all languages
	Languages []trust.Assessment
	Votes     int64
	Days      int64 // with at least one vote
}

func loadCareer(app core.App, now time.Time, person string) (career, error) {
	c := career{}
	var err error
	if c.Policy, _, err = shell.ConsensusPolicy(app, now, ""); err != nil {
		return c, err
	}
	rows := []struct {
		State    string  `db:"state"`
		Accuracy float64 `db:"accuracy"`
		Answers  int64   `db:"answers"`
	}{}
	if err := app.DB().Select("state", "accuracy", "answers").From("trust").Where(dbx.HashExp{"validator": person}).All(&rows); err != nil {
		return c, err
	}
	for _, row := range rows {
		c.Languages = append(c.Languages, trust.Assessment{State: trust.State(row.State), Accuracy: row.Accuracy, Answers: row.Answers})
	}
	var counts struct {
		Votes int64 `db:"votes"`
		Days  int64 `db:"active_days"`
	}
	err = app.DB().Select("votes", "active_days").From("validators").Where(dbx.HashExp{"person": person}).One(&counts)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	c.Votes, c.Days = counts.Votes, counts.Days
	return c, err
}

// updateRank gives or takes the role validator. The person is read inside the
// transaction, so that no other role is lost. Somebody who may not act is not
// promoted.
func updateRank(tx core.App, deps *shell.Deps, now time.Time, person string, seq int64) error {
	c, err := loadCareer(tx, now, person)
	if err != nil {
		return err
	}
	record, err := tx.FindRecordById("users", person)
	if err != nil {
		return err
	}
	before := record.GetStringSlice("roles")
	holds := slices.Contains(before, collections.RoleValidator)
	earned := trust.Rank(&c.Policy, c.Votes, c.Days, c.Languages, holds)
	if earned == holds || earned && accounts.MayNotAct(record) {
		return nil
	}
	after := slices.DeleteFunc(slices.Clone(before), func(role string) bool { return role == collections.RoleValidator })
	notice := shell.Notice{
		User: person, Kind: "demoted", Title: "You no longer hold the rank of a validator",
		Body: "Your accuracy fell below what the rank needs. You can go on voting, and earn it again.",
	}
	if earned {
		after = append(after, collections.RoleValidator)
		notice.Kind, notice.Title = "promoted", "You hold the rank of a validator now"
		notice.Body = "Your votes over many days have been accurate. Thank you."
	}
	record.Set("roles", after)
	record.IgnoreUnchangedFields(true)
	if err := tx.SaveNoValidate(record); err != nil {
		return err
	}
	accuracy, _ := trust.Overall(c.Languages)
	err = shell.Audit(tx, now, shell.Act{
		Actor: shell.System, Action: "user.roles", SubjectType: "users", SubjectID: person, Reason: notice.Kind,
		Data: map[string]any{"from": before, "to": after, "accuracy": accuracy, "votes": c.Votes, "active_days": c.Days},
	})
	if err != nil {
		return err
	}
	return shell.Notify(tx, deps, fmt.Sprintf("rank:%d", seq), notice)
}
