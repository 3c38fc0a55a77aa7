package risk

import (
	"cmp"
	"slices"
	"strings"
)

// Act is what a cluster calls for.
type Act string

// The acts.
const (
	Nothing Act = "nothing"
	Watch   Act = "watch"  // a moderator looks; nobody is kept from anything
	Freeze  Act = "freeze" // no release and no payout until a person decides
)

// Cluster is people who are joined by what was seen of them.
type Cluster struct {
	People []string // in order
	Links  []Link   // of at least the policy's watch, the strongest first
}

// Cleared are pairs that a person found innocent, with the score they had then.
type Cleared map[Pair]int64

// Build joins people into clusters, in order of their first person.
//
// People whom a strong link joins, over however many others, are one cluster. A
// weaker link, from the policy's watch on, does not pull anybody into a freeze:
// those whom only such links join are clusters of their own, which name their
// links to frozen people too.
func Build(p Policy, signals []Signal, cleared Cleared) []Cluster {
	var strong, weak []Link
	for _, l := range Links(p, signals) {
		before, known := cleared[l.Pair]
		switch {
		case l.Score < p.Watch || known && l.Score <= before:
		case l.Score >= p.Freeze:
			strong = append(strong, l)
		default:
			weak = append(weak, l)
		}
	}
	frozen := forest{}
	for _, l := range strong {
		frozen.join(l.A, l.B)
	}
	watched := forest{}
	for _, l := range weak {
		_, a := frozen[l.A]
		_, b := frozen[l.B]
		switch {
		case a && b: // both wait for a person already
		case a:
			watched.join(l.B, l.B)
		case b:
			watched.join(l.A, l.A)
		default:
			watched.join(l.A, l.B)
		}
	}
	clusters := append(frozen.clusters(append(slices.Clone(strong), weak...), true), watched.clusters(weak, false)...)
	slices.SortFunc(clusters, func(a, b Cluster) int { return cmp.Compare(a.People[0], b.People[0]) })
	return clusters
}

// clusters are the trees of the forest with their links. Between frozen people
// both ends must be in the tree, else one suffices.
func (f forest) clusters(links []Link, bothEnds bool) []Cluster {
	members, byRoot := map[string][]string{}, map[string]*Cluster{}
	for person := range f {
		root := f.root(person)
		members[root] = append(members[root], person)
	}
	for root, people := range members {
		slices.Sort(people)
		byRoot[root] = &Cluster{People: people}
	}
	for _, l := range links {
		a, b := f.find(l.A), f.find(l.B)
		if bothEnds && a != b {
			continue
		}
		if a == "" {
			a = b
		}
		if c := byRoot[a]; c != nil {
			c.Links = append(c.Links, l)
		}
	}
	clusters := make([]Cluster, 0, len(byRoot))
	for _, c := range byRoot {
		slices.SortFunc(c.Links, func(a, b Link) int {
			return cmp.Or(cmp.Compare(b.Score, a.Score), comparePairs(a.Pair, b.Pair))
		})
		clusters = append(clusters, *c)
	}
	return clusters
}

// forest is a union-find: everybody's parent, roots are their own.
type forest map[string]string

// find is the root of somebody's tree, or nothing.
func (f forest) find(person string) string {
	if _, known := f[person]; !known {
		return ""
	}
	return f.root(person)
}

func (f forest) root(person string) string {
	for f[person] != person {
		f[person] = f[f[person]] // halves the path for the next one
		person = f[person]
	}
	return person
}

func (f forest) join(a, b string) {
	for _, person := range []string{a, b} {
		if _, known := f[person]; !known {
			f[person] = person
		}
	}
	a, b = f.root(a), f.root(b)
	f[max(a, b)] = min(a, b)
}

// Decision is what a cluster calls for and why.
type Decision struct {
	Act     Act
	Score   int64
	Reasons []Reason // all that was seen, the weightiest first
}

// Decide says what a cluster calls for.
func Decide(p Policy, c Cluster) Decision {
	d := Decision{Act: Nothing}
	for _, l := range c.Links {
		d.Score = max(d.Score, l.Score)
		d.Reasons = append(d.Reasons, l.Reasons...)
	}
	switch {
	case d.Score >= p.Freeze:
		d.Act = Freeze
	case d.Score >= p.Watch:
		d.Act = Watch
	}
	slices.SortFunc(d.Reasons, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(b.Points, a.Points), cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)), comparePairs(a.Pair, b.Pair))
	})
	return d
}

// Public is what one of those concerned is told: what was seen of them, without
// a word on others or on numbers.
func (d Decision) Public(person string) string {
	var says []string
	for _, r := range d.Reasons {
		text := publicTexts[r.Kind]
		if text != "" && (r.A == person || r.B == person) && !slices.Contains(says, text) {
			says = append(says, text)
		}
	}
	if len(says) == 0 {
		return publicText
	}
	return strings.Join(says, " ")
}
