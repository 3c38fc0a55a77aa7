package risk

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	rules "github.com/lingualink/lingualink/internal/risk"
)

// mostPeople bounds how many people one look follows links over. A cluster that is
// larger is found in parts, which merge as looks begin elsewhere in it.
const mostPeople = 500

func (d *desk) registerLook() {
	d.deps.Outbox.Handle(jobLook, shell.JobHandler{InTx: func(tx core.App, job shell.Job) error {
		var o order
		if err := json.Unmarshal(job.Raw, &o); err != nil {
			return err
		}
		return d.look(tx, o.People)
	}})
}

// look gathers what is known of the people and of everybody whom strong links
// reach, and acts on the clusters that come out.
func (d *desk) look(tx core.App, people []string) error {
	policy, version, err := d.policy(tx)
	if err != nil {
		return err
	}
	g := gathering{tx: tx, now: d.now(), policy: policy, seen: tally{}}
	cleared, err := g.reach(people)
	if err != nil {
		return err
	}
	l := looking{desk: d, tx: tx, policy: policy, version: version}
	clusters := rules.Build(policy, g.seen.signals(), cleared)
	// Freezes first: who is in one is not watched as well.
	for _, act := range []rules.Act{rules.Freeze, rules.Watch} {
		for _, cluster := range clusters {
			if decision := rules.Decide(policy, cluster); decision.Act == act {
				if err := l.act(cluster, decision); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// reach asks about the people, then about those whom links lead to, breadth
// first. A weak link leads to somebody of whom only strong links lead on.
func (g *gathering) reach(people []string) (rules.Cleared, error) {
	cleared := rules.Cleared{}
	asked, weakly := map[string]bool{}, map[string]bool{}
	next := slices.Compact(slices.Sorted(slices.Values(people)))
	for len(next) > 0 && len(asked) < mostPeople {
		next = next[:min(len(next), mostPeople-len(asked))]
		for _, person := range next {
			asked[person] = true
		}
		if err := g.about(next); err != nil {
			return nil, err
		}
		more, err := clearedAmong(g.tx, next)
		if err != nil {
			return nil, err
		}
		maps.Copy(cleared, more)
		next = g.beyond(cleared, asked, weakly)
	}
	return cleared, nil
}

// beyond are the people whom links lead to and who were not asked about, in
// order. Those to whom no strong link leads are noted as weakly linked.
func (g *gathering) beyond(cleared rules.Cleared, asked, weakly map[string]bool) []string {
	found := map[string]bool{} // true: by a strong link
	for _, link := range rules.Links(g.policy, g.seen.signals()) {
		if !counts(g.policy, link, cleared) {
			continue
		}
		strong := link.Score >= g.policy.Freeze
		for _, step := range [2][2]string{{link.A, link.B}, {link.B, link.A}} {
			from, to := step[0], step[1]
			if asked[from] && !asked[to] && (strong || !weakly[from]) {
				found[to] = found[to] || strong
			}
		}
	}
	for person, strong := range found {
		weakly[person] = !strong
	}
	return slices.Sorted(maps.Keys(found))
}
