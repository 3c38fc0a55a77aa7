package risk

import (
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	rules "github.com/lingualink/lingualink/internal/risk"
)

// whenOf is how a person is told a time.
const whenOf = "2 January 2006"

// lost is an error unless one row was changed: the rows were read in the same
// transaction, so nobody can have been faster.
func lost(rows int64, what string) error {
	if rows == 1 {
		return nil
	}
	return fmt.Errorf("risk: the %s is not as it was read", what)
}

// freeze stops the release and the payout of a person's earnings until somebody
// decides, and tells them.
func (l *looking) freeze(cluster *core.Record, person string, decision rules.Decision) error {
	record, err := l.newFreeze(l.tx, cluster, person, decision.Public(person))
	if err != nil {
		return err
	}
	return shell.Notify(l.tx, l.deps, "freeze:"+record.Id, shell.Notice{
		User: person, Kind: "account_frozen", Title: "Your earnings wait for a check",
		Body: record.GetString("reason") + " Until somebody has looked at it, earnings are not released and payouts wait; nothing is taken away. " +
			"This is decided by " + cluster.GetDateTime("decide_by").Time().Format(whenOf) + " at the latest. You are told the reason then, and can appeal.",
		Data: map[string]any{"freeze": record.Id, "decide_by": cluster.GetString("decide_by"), "reason": record.GetString("reason")},
	})
}

// newFreeze writes the freeze of a person with its flag, and says so to the areas
// above.
func (d *desk) newFreeze(tx core.App, cluster *core.Record, person, reason string) (*core.Record, error) {
	before, err := Frozen(tx, person)
	if err != nil {
		return nil, err
	}
	collection, err := tx.FindCachedCollectionByNameOrId("freezes")
	if err != nil {
		return nil, err
	}
	record := core.NewRecord(collection)
	record.Load(map[string]any{
		"user": person, "cluster": cluster.Id, "reason": reason, "state": collections.FreezeOn, "decide_by": cluster.GetString("decide_by"),
	})
	record.Id = shell.NewID()
	if err := tx.Save(record); err != nil {
		return nil, err
	}
	now := shell.Stamp(d.now())
	err = shell.Insert(tx, "risk_flags", dbx.Params{
		"id": shell.NewID(), "user": person, "kind": FlagCluster, "subject_type": "risk_clusters", "subject_id": cluster.Id, "other": "",
		"detail": "Part of a cluster that somebody decides on.", "score": cluster.GetInt("score"), "state": collections.FlagOpen,
		"decided_by": "", "reason": "", "decided_at": "", "created": now, "updated": now,
	})
	if err != nil || before {
		return record, err
	}
	return record, OnFreeze(tx).Trigger(&FreezeEvent{App: tx, User: person, On: true})
}

// verdict is what somebody decided about people of a cluster.
type verdict struct {
	cluster *core.Record
	actor   string
	reason  string // the person reads it
}

// freezeIn is a person's freeze in a cluster that is on, or nil.
func freezeIn(tx core.App, cluster, person string) (*core.Record, error) {
	found, err := tx.FindRecordsByFilter("freezes", "user = {:user} && cluster = {:cluster} && state = 'frozen'", "", 1, 0,
		dbx.Params{"user": person, "cluster": cluster})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// lift ends a person's freeze in a cluster, if there is one, and tells whether
// there was one.
func (d *desk) lift(tx core.App, v verdict, person string) (bool, error) {
	if err := d.settleFlag(tx, v, person, collections.FlagCleared); err != nil {
		return false, err
	}
	freeze, err := freezeIn(tx, v.cluster.Id, person)
	if err != nil || freeze == nil {
		return false, err
	}
	won, err := shell.Exec(tx, "UPDATE freezes SET state = 'lifted' WHERE id = {:id} AND state = 'frozen'", dbx.Params{"id": freeze.Id})
	if err != nil || won != 1 {
		return false, errors.Join(err, lost(won, "freeze "+freeze.Id))
	}
	freeze.Set("state", collections.FreezeLifted)
	freeze.Set("decision", v.reason)
	freeze.Set("ended_at", shell.DateTime(d.now()))
	if err := tx.Save(freeze); err != nil {
		return false, err
	}
	if still, err := Frozen(tx, person); err != nil || still {
		return true, err
	}
	return true, OnFreeze(tx).Trigger(&FreezeEvent{App: tx, User: person})
}

// confirm makes a person's freeze one that somebody found to be right. Whoever was
// only watched is frozen by it.
func (d *desk) confirm(tx core.App, v verdict, person string) error {
	freeze, err := freezeIn(tx, v.cluster.Id, person)
	if err != nil {
		return err
	}
	if freeze == nil {
		reasons, err := reasonsOf(v.cluster)
		if err != nil {
			return err
		}
		said := rules.Decision{}
		for _, r := range reasons {
			said.Reasons = append(said.Reasons, r.reason())
		}
		if freeze, err = d.newFreeze(tx, v.cluster, person, said.Public(person)); err != nil {
			return err
		}
	}
	freeze.Set("confirmed", true)
	freeze.Set("decision", v.reason)
	if err := tx.Save(freeze); err != nil {
		return err
	}
	if err := d.settleFlag(tx, v, person, collections.FlagConfirmed); err != nil {
		return err
	}
	return shell.Notify(tx, d.deps, "freeze:"+freeze.Id+":confirmed", shell.Notice{
		User: person, Kind: "freeze_confirmed", Title: "Your earnings stay on hold",
		Body: "Somebody has looked at your account and decided: " + v.reason +
			" If you disagree, appeal once; somebody else decides then.",
		Data: map[string]any{"freeze": freeze.Id, "reason": v.reason},
	})
}

// tellLifted tells a person that their money moves again.
func (d *desk) tellLifted(tx core.App, v verdict, person string) error {
	return shell.Notify(tx, d.deps, "risk_cluster:"+v.cluster.Id+":lifted", shell.Notice{
		User: person, Kind: "account_unfrozen", Title: "Your earnings move again",
		Body: "Somebody has looked at your account and found nothing against you. Earnings that were due are released, and you can ask for payouts.",
		Data: map[string]any{},
	})
}

// settleFlag decides the person's flag of the cluster with it.
func (d *desk) settleFlag(tx core.App, v verdict, person, state string) error {
	now := shell.Stamp(d.now())
	_, err := shell.Exec(tx, `
		UPDATE risk_flags SET state = {:state}, decided_by = {:by}, reason = {:reason}, decided_at = {:now}, updated = {:now}
		WHERE user = {:user} AND kind = {:kind} AND subject_id = {:cluster}`,
		dbx.Params{"user": person, "kind": FlagCluster, "cluster": v.cluster.Id, "state": state, "by": v.actor, "reason": v.reason, "now": now})
	return err
}

// absolve remembers every pair of the cluster that one of the people is in as
// cleared, with the score that it has, and takes the relations away that were
// made of it.
func (d *desk) absolve(tx core.App, v verdict, people ...string) error {
	innocent := map[string]bool{}
	for _, person := range people {
		innocent[person] = true
	}
	reasons, err := reasonsOf(v.cluster)
	if err != nil {
		return err
	}
	policy, _, err := d.policy(tx)
	if err != nil {
		return err
	}
	now := shell.Stamp(d.now())
	for _, link := range rules.Links(policy, signalsOf(reasons)) {
		if !innocent[link.A] && !innocent[link.B] {
			continue
		}
		_, err := shell.Exec(tx, `
			INSERT INTO cleared_pairs (id, a, b, score, cleared_by, cleared_at) VALUES ({:id}, {:a}, {:b}, {:score}, {:by}, {:now})
			ON CONFLICT (a, b) DO UPDATE SET score = MAX(score, excluded.score), cleared_by = excluded.cleared_by, cleared_at = excluded.cleared_at`,
			dbx.Params{"id": shell.RowID(d.now()), "a": link.A, "b": link.B, "score": link.Score, "by": v.actor, "now": now})
		if err != nil {
			return err
		}
		relations, err := tx.FindRecordsByFilter("relations", "a = {:a} && b = {:b} && kind = {:kind}", "", 0, 0,
			dbx.Params{"a": link.A, "b": link.B, "kind": RelationRisk})
		if err != nil {
			return err
		}
		for _, relation := range relations {
			if err := tx.Delete(relation); err != nil { // by Delete: the queue turns back for both
				return err
			}
		}
	}
	return nil
}
