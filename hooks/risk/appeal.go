package risk

import (
	"database/sql"
	"errors"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/appeals"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
)

// registerAppeals lets people appeal against a freeze that somebody found to be
// right. One that nobody has decided on waits for that.
func (d *desk) registerAppeals(app core.App) {
	appeals.Handle(app, SubjectFreezes, appeals.Subject{May: d.mayAppeal, Decided: d.appealed})
}

// mayAppeal tells what was decided about the freeze, and whom it concerns.
func (d *desk) mayAppeal(tx core.App, user, id string) (appeals.Decision, error) {
	freeze, cluster, err := freezeOf(tx, user, id)
	if err != nil {
		return appeals.Decision{}, err
	}
	if !freeze.GetBool("confirmed") || freeze.GetString("state") != collections.FreezeOn {
		return appeals.Decision{}, fault.NothingToAppeal.On("subject_id")
	}
	reasons, err := reasonsOf(cluster)
	if err != nil {
		return appeals.Decision{}, err
	}
	return appeals.Decision{By: cluster.GetString("decided_by"), Concerned: concerned(cluster, reasons)}, nil
}

// freezeOf is a person's own freeze with its cluster; of others' it does not say
// whether they exist.
func freezeOf(tx core.App, user, id string) (freeze, cluster *core.Record, err error) {
	freeze, err = tx.FindRecordById("freezes", id)
	if errors.Is(err, sql.ErrNoRows) || err == nil && freeze.GetString("user") != user {
		return nil, nil, fault.NotFound.On("subject_id")
	}
	if err != nil {
		return nil, nil, err
	}
	cluster, err = tx.FindRecordById("risk_clusters", freeze.GetString("cluster"))
	return freeze, cluster, err
}

// appealed undoes the decision for the person if the appeal is granted. The rest
// of the cluster stays as it is.
func (d *desk) appealed(tx core.App, a appeals.Appeal) error {
	if !a.Overturned {
		return nil
	}
	_, cluster, err := freezeOf(tx, a.User, a.SubjectID)
	if err != nil {
		return err
	}
	v := verdict{cluster: cluster, actor: a.Actor, reason: a.Reason}
	if err := d.absolve(tx, v, a.User); err != nil {
		return err
	}
	lifted, err := d.lift(tx, v, a.User)
	if err != nil {
		return err
	}
	if !lifted {
		return lost(0, "freeze "+a.SubjectID)
	}
	err = shell.Audit(tx, d.now(), shell.Act{
		Actor: a.Actor, Action: "freeze.overturn", SubjectType: "freezes", SubjectID: a.SubjectID, Reason: a.Reason,
		Data: map[string]any{"user": a.User, "cluster": cluster.Id},
	})
	if err != nil {
		return err
	}
	return OnOverturned(tx).Trigger(&OverturnedEvent{App: tx, Cluster: cluster.Id, User: a.User, Actor: a.Actor, Reason: a.Reason})
}
