package risk

import (
	"maps"
	"slices"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	rules "github.com/lingualink/lingualink/internal/risk"
)

const (
	// Freezes lead from a person to their clusters; whoever is only watched has
	// none, but of those there are few that nobody has decided.
	linkedQuery = `
		SELECT EXISTS (SELECT 1 FROM relations WHERE a = {:a} AND b = {:b})
			OR EXISTS (SELECT 1 FROM relations WHERE a = {:b} AND b = {:a})
			OR EXISTS (SELECT 1 FROM freezes f JOIN freezes g ON g.user = {:b} AND g.cluster = f.cluster AND g.state = 'frozen'
				WHERE f.user = {:a} AND f.state = 'frozen')
			OR EXISTS (SELECT 1 FROM risk_clusters c WHERE c.state = 'open' AND c.act = 'watch'
				AND EXISTS (SELECT 1 FROM json_each(c.people) WHERE value = {:a}) AND EXISTS (SELECT 1 FROM json_each(c.people) WHERE value = {:b}))`

	circleQuery = `
		SELECT b AS person FROM relations WHERE a = {:me}
		UNION SELECT a FROM relations WHERE b = {:me}
		UNION SELECT g.user FROM freezes f JOIN freezes g ON g.cluster = f.cluster AND g.state = 'frozen' WHERE f.user = {:me} AND f.state = 'frozen'
		UNION SELECT p.value FROM risk_clusters c, json_each(c.people) p WHERE c.state = 'open' AND c.act = 'watch'
			AND EXISTS (SELECT 1 FROM json_each(c.people) WHERE value = {:me})`
)

// Linked tells whether two people are known to belong together: by a relation,
// or by a cluster that is open or was confirmed. Nobody is linked to themselves.
func Linked(tx core.App, a, b string) (bool, error) {
	if a == b {
		return false, nil
	}
	var linked bool
	err := tx.DB().NewQuery(linkedQuery).Bind(dbx.Params{"a": a, "b": b}).Row(&linked)
	return linked, err
}

// Frozen tells whether a person's money waits for somebody's decision, or was
// found to be kept back.
func Frozen(app core.App, user string) (bool, error) {
	var frozen bool
	err := app.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM freezes WHERE user = {:user} AND state = 'frozen')").
		Bind(dbx.Params{"user": user}).Row(&frozen)
	return frozen, err
}

// Circle is everybody who is linked to the person, in order and without the
// person: by relations, by clusters that are open or confirmed, or by what is
// seen of both at this moment, from the policy's watch on. Whom somebody cleared
// is not in it for what was seen then.
func Circle(tx core.App, person string) ([]string, error) {
	d, err := deskOf(tx)
	if err != nil {
		return nil, err
	}
	known := []string{}
	if err := tx.DB().NewQuery(circleQuery).Bind(dbx.Params{"me": person}).Column(&known); err != nil {
		return nil, err
	}
	policy, _, err := d.policy(tx)
	if err != nil {
		return nil, err
	}
	g := gathering{tx: tx, now: d.now(), policy: policy, seen: tally{}}
	if err := g.about([]string{person}); err != nil {
		return nil, err
	}
	circle := map[string]bool{}
	for _, other := range known {
		circle[other] = true
	}
	cleared, err := clearedAmong(tx, []string{person})
	if err != nil {
		return nil, err
	}
	for _, link := range rules.Links(policy, g.seen.signals()) {
		if !counts(policy, link, cleared) {
			continue
		}
		circle[link.A], circle[link.B] = circle[link.A] || link.B == person, circle[link.B] || link.A == person
	}
	delete(circle, person)
	maps.DeleteFunc(circle, func(_ string, in bool) bool { return !in })
	return slices.Sorted(maps.Keys(circle)), nil
}

// counts tells whether a link calls for anything: it is strong enough, and more
// than what somebody has cleared.
func counts(policy rules.Policy, link rules.Link, cleared rules.Cleared) bool {
	before, known := cleared[link.Pair]
	return link.Score >= policy.Watch && !(known && link.Score <= before)
}

// clearedAmong reads the pairs that somebody cleared of which one is among the
// people.
func clearedAmong(tx core.App, people []string) (rules.Cleared, error) {
	rows := []struct {
		A     string `db:"a"`
		B     string `db:"b"`
		Score int64  `db:"score"`
	}{}
	err := tx.DB().NewQuery(`
		SELECT a, b, score FROM cleared_pairs WHERE a IN ` + shell.Among("people") + `
		UNION SELECT a, b, score FROM cleared_pairs WHERE b IN ` + shell.Among("people")).
		Bind(dbx.Params{"people": shell.List(people)}).All(&rows)
	if err != nil {
		return nil, err
	}
	cleared := rules.Cleared{}
	for _, row := range rows {
		cleared[rules.PairOf(row.A, row.B)] = row.Score
	}
	return cleared, nil
}
