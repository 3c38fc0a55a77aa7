package risk

import (
	"errors"
	"maps"
	"slices"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	rules "github.com/lingualink/lingualink/internal/risk"
)

// mostReasons of a cluster are stored, the weightiest.
const mostReasons = 20_000

// reasonRow is a reason as it is stored.
type reasonRow struct {
	A      string     `json:"a"`
	B      string     `json:"b"`
	Kind   rules.Kind `json:"kind"`
	Count  int64      `json:"count"`
	Points int64      `json:"points"`
}

func (r reasonRow) pair() rules.Pair { return rules.PairOf(r.A, r.B) }

func (r reasonRow) reason() rules.Reason {
	return rules.Reason{Pair: r.pair(), Kind: r.Kind, Count: r.Count, Points: r.Points}
}

// signalsOf are the signals that the reasons came from.
func signalsOf(reasons []reasonRow) []rules.Signal {
	signals := make([]rules.Signal, len(reasons))
	for i, r := range reasons {
		signals[i] = rules.Signal{Kind: r.Kind, A: r.A, B: r.B, Count: r.Count}
	}
	return signals
}

// looking is one look that acts.
type looking struct {
	*desk
	tx      core.App
	policy  rules.Policy
	version int64
}

// act writes what a cluster calls for, if it is not written yet. Whose freeze was
// confirmed is not asked about again; whose freeze waits is not watched.
func (l *looking) act(cluster rules.Cluster, decision rules.Decision) error {
	frozen, err := freezesOf(l.tx, cluster.People)
	if err != nil {
		return err
	}
	people := slices.DeleteFunc(slices.Clone(cluster.People), func(person string) bool {
		freeze, is := frozen[person]
		return is && (freeze.Confirmed || decision.Act == rules.Watch)
	})
	if len(people) == 0 {
		return nil
	}
	open, err := l.openClusters(people, frozen, decision.Act)
	if err != nil {
		return err
	}
	reasons := make([]reasonRow, len(decision.Reasons))
	for i, r := range decision.Reasons {
		reasons[i] = reasonRow{r.A, r.B, r.Kind, r.Count, r.Points}
	}
	kept, changed, err := l.merge(open, people, reasons, decision)
	if err != nil || !changed || decision.Act != rules.Freeze {
		return err
	}
	if err := l.relate(kept, cluster.Links); err != nil {
		return err
	}
	all := kept.GetStringSlice("people")
	if frozen, err = freezesOf(l.tx, all); err != nil {
		return err
	}
	for _, person := range all {
		if _, is := frozen[person]; is {
			continue // told before, here or in a cluster that is part of this one now
		}
		if err := l.freeze(kept, person, decision); err != nil {
			return err
		}
	}
	return nil
}

// freezeRow is a freeze that is on.
type freezeRow struct {
	ID        string `db:"id"`
	User      string `db:"user"`
	Cluster   string `db:"cluster"`
	Confirmed bool   `db:"confirmed"`
}

// freezesOf are the freezes of people that are on; one that was confirmed goes
// before one that waits.
func freezesOf(tx core.App, people []string) (map[string]freezeRow, error) {
	rows := []freezeRow{}
	err := tx.DB().NewQuery("SELECT id, user, cluster, confirmed FROM freezes WHERE state = 'frozen' AND user IN " + shell.Among("people") + " ORDER BY confirmed, created, id").
		Bind(dbx.Params{"people": shell.List(people)}).All(&rows)
	byUser := map[string]freezeRow{}
	for _, row := range rows {
		byUser[row.User] = row
	}
	return byUser, err
}

// openClusters are the clusters, the oldest first, that a new one of the people
// is the same suspicion as: open ones of an act in which any of them is, and,
// for a freeze, those in which they are watched.
func (l *looking) openClusters(people []string, frozen map[string]freezeRow, act rules.Act) ([]*core.Record, error) {
	ids := map[string]bool{}
	if act == rules.Freeze {
		for _, person := range people {
			if freeze, is := frozen[person]; is {
				ids[freeze.Cluster] = true
			}
		}
	}
	watched := []string{}
	err := l.tx.DB().NewQuery(`
		SELECT c.id FROM risk_clusters c WHERE c.state = 'open' AND c.act = 'watch'
			AND EXISTS (SELECT 1 FROM json_each(c.people) p WHERE p.value IN ` + shell.Among("people") + `)`).
		Bind(dbx.Params{"people": shell.List(people)}).Column(&watched)
	if err != nil {
		return nil, err
	}
	for _, id := range watched {
		ids[id] = true
	}
	records := []*core.Record{}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		record, err := l.tx.FindRecordById("risk_clusters", id)
		if err != nil {
			return nil, err
		}
		if record.GetString("act") == string(rules.Watch) && act == rules.Freeze && !within(record.GetStringSlice("people"), people) {
			continue // others are watched there, who stay so
		}
		records = append(records, record)
	}
	slices.SortStableFunc(records, func(a, b *core.Record) int {
		if byAct := -compareActs(a, b); byAct != 0 {
			return byAct // a freeze goes on as the freeze that it is
		}
		return a.GetDateTime("created").Compare(b.GetDateTime("created"))
	})
	return records, nil
}

func compareActs(a, b *core.Record) int {
	rank := func(r *core.Record) int {
		if r.GetString("act") == string(rules.Freeze) {
			return 1
		}
		return 0
	}
	return rank(a) - rank(b)
}

// within tells whether all of some are among others.
func within(some, others []string) bool {
	return !slices.ContainsFunc(some, func(person string) bool { return !slices.Contains(others, person) })
}

// merge makes one cluster of those that are open and of what was seen now: the
// oldest takes everybody in, the others end as merged. It tells whether anything
// is new.
func (l *looking) merge(open []*core.Record, people []string, reasons []reasonRow, decision rules.Decision) (*core.Record, bool, error) {
	if len(open) == 0 {
		record, err := l.store(people, reasons, decision)
		return record, err == nil, err
	}
	kept := open[0]
	known := []reasonRow{}
	for _, record := range open {
		people = append(people, record.GetStringSlice("people")...)
		stored, err := reasonsOf(record)
		if err != nil {
			return nil, false, err
		}
		known = append(known, stored...)
	}
	slices.Sort(people)
	people = slices.Compact(people)
	reasons = united(known, reasons)
	before, err := reasonsOf(kept)
	if err != nil {
		return nil, false, err
	}
	score := decision.Score
	for _, record := range open {
		score = max(score, int64(record.GetInt("score")))
	}
	if len(open) == 1 && kept.GetString("act") == string(decision.Act) && int64(kept.GetInt("score")) == score &&
		slices.Equal(kept.GetStringSlice("people"), people) && slices.Equal(before, reasons) {
		return kept, false, nil
	}
	kept.Set("people", people)
	kept.Set("reasons", reasons)
	kept.Set("score", score)
	kept.Set("policy_version", l.version)
	if decision.Act == rules.Freeze && kept.GetString("act") != string(rules.Freeze) {
		kept.Set("act", string(rules.Freeze))
		kept.Set("decide_by", shell.DateTime(l.policy.DecideBy(l.now())))
	}
	if err := l.tx.Save(kept); err != nil {
		return nil, false, err
	}
	for _, record := range open[1:] {
		if err := l.mergeInto(kept, record); err != nil {
			return nil, false, err
		}
	}
	return kept, true, l.audit(kept, "risk_cluster.grow")
}

// united are the reasons that were known and those that are, of each pair and
// kind the one that counts more, the weightiest first.
func united(known, now []reasonRow) []reasonRow {
	type key struct {
		pair rules.Pair
		kind rules.Kind
	}
	most := map[key]reasonRow{}
	for _, r := range slices.Concat(known, now) {
		k := key{r.pair(), r.Kind}
		if r.Count >= most[k].Count {
			most[k] = r
		}
	}
	all := slices.Collect(maps.Values(most))
	slices.SortFunc(all, func(a, b reasonRow) int {
		if a.Points != b.Points {
			return int(b.Points - a.Points)
		}
		return slices.Compare([]string{string(a.Kind), a.A, a.B}, []string{string(b.Kind), b.A, b.B})
	})
	return all[:min(len(all), mostReasons)]
}

func reasonsOf(cluster *core.Record) ([]reasonRow, error) {
	reasons := []reasonRow{}
	err := cluster.UnmarshalJSONField("reasons", &reasons)
	return reasons, err
}

// store writes a new cluster.
func (l *looking) store(people []string, reasons []reasonRow, decision rules.Decision) (*core.Record, error) {
	collection, err := l.tx.FindCachedCollectionByNameOrId("risk_clusters")
	if err != nil {
		return nil, err
	}
	record := core.NewRecord(collection)
	record.Id = shell.NewID()
	record.Load(map[string]any{
		"act": string(decision.Act), "state": collections.ClusterOpen, "score": decision.Score,
		"people": people, "reasons": united(nil, reasons), "policy_version": l.version,
	})
	if decision.Act == rules.Freeze {
		record.Set("decide_by", shell.DateTime(l.policy.DecideBy(l.now())))
	}
	if err := l.tx.Save(record); err != nil {
		return nil, err
	}
	return record, l.audit(record, "risk_cluster."+string(decision.Act))
}

// mergeInto ends a cluster whose people are in a larger one now. Their freezes
// and flags go with them: nobody is told the same again.
func (l *looking) mergeInto(kept, merged *core.Record) error {
	won, err := shell.Exec(l.tx, "UPDATE risk_clusters SET state = 'merged' WHERE id = {:id} AND state = 'open'", dbx.Params{"id": merged.Id})
	if err != nil || won != 1 {
		return errors.Join(err, lost(won, "cluster "+merged.Id))
	}
	merged.Set("state", collections.ClusterMerged)
	merged.Set("reason", "Its people are in cluster "+kept.Id+".")
	if err := l.tx.Save(merged); err != nil {
		return err
	}
	freezes, err := l.tx.FindRecordsByFilter("freezes", "cluster = {:id} && state = 'frozen'", "id", 0, 0, dbx.Params{"id": merged.Id})
	if err != nil {
		return err
	}
	for _, freeze := range freezes {
		freeze.Set("cluster", kept.Id)
		if err := l.tx.Save(freeze); err != nil {
			return err
		}
	}
	_, err = shell.Exec(l.tx, "UPDATE risk_flags SET subject_id = {:kept}, updated = {:now} WHERE kind = {:kind} AND subject_id = {:id} AND state = 'open'",
		dbx.Params{"id": merged.Id, "kept": kept.Id, "kind": FlagCluster, "now": shell.Stamp(l.now())})
	return err
}

// audit writes what the server did to a cluster into the log.
func (l *looking) audit(cluster *core.Record, action string) error {
	return shell.Audit(l.tx, l.now(), shell.Act{
		Actor: shell.System, Action: action, SubjectType: "risk_clusters", SubjectID: cluster.Id,
		Data: map[string]any{"people": cluster.GetStringSlice("people"), "score": cluster.GetInt("score"), "policy_version": cluster.GetInt("policy_version")},
	})
}

// relate links the people of every strong link, so that they do not vote on each
// other either.
func (l *looking) relate(cluster *core.Record, links []rules.Link) error {
	rows := []dbx.Params{}
	for _, link := range links {
		if link.Score < l.policy.Freeze {
			continue
		}
		kinds := ""
		for _, r := range link.Reasons {
			kinds += " " + string(r.Kind)
		}
		rows = append(rows, dbx.Params{
			"id": shell.RowID(l.now()), "a": link.A, "b": link.B, "kind": RelationRisk, "note": "Cluster " + cluster.Id + ":" + kinds, "created": shell.Stamp(l.now()),
		})
	}
	return shell.ExecEach(l.tx, `INSERT INTO relations (id, a, b, kind, note, created) VALUES ({:id}, {:a}, {:b}, {:kind}, {:note}, {:created})
		ON CONFLICT (a, b, kind) DO NOTHING`, rows)
}
