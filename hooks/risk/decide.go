package risk

import (
	"database/sql"
	"errors"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
)

const (
	maxReason    = 500
	shownReasons = 200
)

type decideBody struct {
	Outcome string   `json:"outcome" help:"cleared: nothing in it; confirmed: true."`
	Reason  string   `json:"reason" help:"Why, in plain words; the people read it, so name nobody. At most 500 characters."`
	Spare   []string `json:"spare,omitempty" help:"With confirmed: ids of people of the cluster who have nothing to do with it."`
}

type clusterData struct {
	Cluster string   `json:"cluster"`
	State   string   `json:"state" help:"open, cleared, confirmed or merged."`
	People  []string `json:"people"`
	Spared  []string `json:"spared"`
}

type personData struct {
	ID       string `json:"id" db:"id"`
	Username string `json:"username" db:"username"`
	Created  string `json:"since" db:"created"`
	Standing string `json:"standing" db:"standing"`
	Frozen   bool   `json:"frozen" db:"frozen" help:"Their money waits, for this or another cluster."`
}

type caseData struct {
	Cluster  string       `json:"cluster"`
	Act      string       `json:"act" help:"freeze: their money waits; watch: nobody is kept from anything."`
	State    string       `json:"state"`
	Score    int64        `json:"score"`
	DecideBy string       `json:"decide_by"`
	People   []personData `json:"people"`
	Reasons  []string     `json:"reasons" help:"What was seen, in plain words, the weightiest first; at most 200."`
	Total    int          `json:"total" help:"Reasons in all."`
}

func (d *desk) registerDecisions() {
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodGet, Path: "/risk-clusters/{id}", Who: shell.Moderator, Data: caseData{},
		What:   "A cluster with its people and what was seen of them, in plain words. Not for who is in it or related to somebody in it.",
		Faults: []*fault.Code{fault.NotFound, fault.NotAllowed},
		Handle: d.show,
	})
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/risk-clusters/{id}/decide", Who: shell.Moderator, Body: decideBody{}, Data: clusterData{},
		What:   "Decide a cluster, once. Whoever is in it, or related to somebody in it, does not.",
		Faults: []*fault.Code{fault.InvalidInput, fault.NotFound, fault.NotAllowed, fault.ClusterDecided},
		Handle: d.decide,
	})
}

// concerned are the people of a cluster and those whom its reasons name.
func concerned(cluster *core.Record, reasons []reasonRow) []string {
	all := cluster.GetStringSlice("people")
	for _, r := range reasons {
		all = append(all, r.A, r.B)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// clusterFor finds a cluster for somebody who may decide about it.
func clusterFor(app core.App, id string, by *core.Record) (*core.Record, []reasonRow, error) {
	cluster, err := app.FindRecordById("risk_clusters", id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, fault.NotFound.On("id")
	}
	if err != nil {
		return nil, nil, err
	}
	reasons, err := reasonsOf(cluster)
	if err != nil {
		return nil, nil, err
	}
	return cluster, reasons, accounts.MayDecideAbout(app, by, concerned(cluster, reasons)...)
}

func (d *desk) show(e *core.RequestEvent) error {
	cluster, reasons, err := clusterFor(e.App, e.Request.PathValue("id"), e.Auth)
	if err != nil {
		return err
	}
	data := caseData{
		Cluster: cluster.Id, Act: cluster.GetString("act"), State: cluster.GetString("state"), Score: int64(cluster.GetInt("score")),
		DecideBy: cluster.GetString("decide_by"), People: []personData{}, Reasons: []string{}, Total: len(reasons),
	}
	everybody := []personData{}
	err = e.App.DB().NewQuery(`
		SELECT id, username, created, standing, EXISTS (SELECT 1 FROM freezes f WHERE f.user = users.id AND f.state = 'frozen') AS frozen
		FROM users WHERE id IN ` + shell.Among("people") + ` ORDER BY created, id`).
		Bind(dbx.Params{"people": shell.List(concerned(cluster, reasons))}).All(&everybody)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, person := range everybody {
		names[person.ID] = person.Username
		if slices.Contains(cluster.GetStringSlice("people"), person.ID) {
			data.People = append(data.People, person)
		}
	}
	for _, r := range reasons[:min(len(reasons), shownReasons)] {
		data.Reasons = append(data.Reasons, r.reason().Says(func(id string) string { return names[id] }))
	}
	return shell.OK(e, data, "")
}

func (d *desk) decide(e *core.RequestEvent) error {
	body, err := shell.Bind[decideBody](e)
	if err != nil {
		return err
	}
	body.Reason = strings.TrimSpace(body.Reason)
	switch n := utf8.RuneCountInString(body.Reason); {
	case body.Outcome != collections.ClusterCleared && body.Outcome != collections.ClusterConfirmed:
		return fault.InvalidInput.On("outcome").Saying("The outcome is cleared or confirmed.")
	case n == 0 || n > maxReason:
		return fault.InvalidInput.On("reason").Saying("Say why, in at most 500 characters.")
	case len(body.Spare) > 0 && body.Outcome != collections.ClusterConfirmed:
		return fault.InvalidInput.On("spare").Saying("Nobody needs to be spared from what is cleared.")
	}
	data, err := shell.Transact(e.App, func(tx core.App) (clusterData, error) {
		return d.close(tx, e.Request.PathValue("id"), body, e.Auth)
	})
	if err != nil {
		return err
	}
	return shell.OK(e, data, "The cluster is decided.")
}

// split parts the people of a cluster into those whom the outcome is about and
// those who are spared.
func split(people, spare []string) (about, spared []string, err error) {
	about, spared = []string{}, []string{}
	if !within(spare, people) {
		return nil, nil, fault.InvalidInput.On("spare").Saying("Only people of the cluster can be spared.")
	}
	for _, person := range people {
		if slices.Contains(spare, person) {
			spared = append(spared, person)
		} else {
			about = append(about, person)
		}
	}
	if len(about) == 0 {
		return nil, nil, fault.InvalidInput.On("spare").Saying("If nobody is left, the cluster is cleared.")
	}
	return about, spared, nil
}

// close decides an open cluster in one transaction with all that follows.
func (d *desk) close(tx core.App, id string, body decideBody, by *core.Record) (clusterData, error) {
	cluster, _, err := clusterFor(tx, id, by)
	if err != nil {
		return clusterData{}, err
	}
	about, spared, err := split(cluster.GetStringSlice("people"), body.Spare)
	if err != nil {
		return clusterData{}, err
	}
	won, err := shell.Exec(tx, "UPDATE risk_clusters SET state = {:state} WHERE id = {:id} AND state = 'open'",
		dbx.Params{"id": id, "state": body.Outcome})
	if err != nil {
		return clusterData{}, err
	}
	if won != 1 {
		return clusterData{}, fault.ClusterDecided.On("id").With("state", cluster.GetString("state"))
	}
	v := verdict{cluster: cluster, actor: shell.ActorOf(by), reason: body.Reason}
	cluster.Set("state", body.Outcome)
	cluster.Set("decided_by", v.actor)
	cluster.Set("reason", v.reason)
	cluster.Set("decided_at", shell.DateTime(d.now()))
	if err := tx.Save(cluster); err != nil {
		return clusterData{}, err
	}
	if err := d.carryOut(tx, v, body.Outcome, about, spared); err != nil {
		return clusterData{}, err
	}
	err = shell.Audit(tx, d.now(), shell.Act{
		Actor: v.actor, Action: "risk_cluster.decide", SubjectType: "risk_clusters", SubjectID: id, Reason: v.reason,
		Data: map[string]any{"outcome": body.Outcome, "people": about, "spared": spared, "score": cluster.GetInt("score")},
	})
	if err != nil {
		return clusterData{}, err
	}
	err = OnDecided(tx).Trigger(&DecidedEvent{
		App: tx, Cluster: id, Outcome: body.Outcome, People: about, Spared: spared, Actor: v.actor, Reason: v.reason,
	})
	return clusterData{Cluster: id, State: body.Outcome, People: about, Spared: spared}, err
}

// carryOut lets the innocent go and keeps the rest.
func (d *desk) carryOut(tx core.App, v verdict, outcome string, about, spared []string) error {
	innocent, guilty := spared, about
	if outcome == collections.ClusterCleared {
		innocent, guilty = about, nil
	}
	if err := d.absolve(tx, v, innocent...); err != nil {
		return err
	}
	for _, person := range innocent {
		frozen, err := d.lift(tx, v, person)
		if err != nil {
			return err
		}
		if !frozen {
			continue // was watched and knows nothing of it
		}
		if err := d.tellLifted(tx, v, person); err != nil {
			return err
		}
	}
	for _, person := range guilty {
		if err := d.confirm(tx, v, person); err != nil {
			return err
		}
	}
	return nil
}
