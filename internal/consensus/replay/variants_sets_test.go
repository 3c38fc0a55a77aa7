package replay

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// set is one data set with what has been measured on it.
type set struct {
	*dataset
	name string
}

// readSets reads the sets of -sets. Without the flag it is the small set of the
// golden replays and that set made uneven, on which the experiment is only checked.
func readSets(t *testing.T) (sets []set) {
	t.Helper()
	if *setsDir == "" {
		small := readSet(t, "testdata")
		return []set{{small, "testdata"}, {small.thin(crowd.Good), "testdata, few ones"}}
	}
	names, err := filepath.Glob(filepath.Join(*setsDir, "*", "votes.csv"))
	if err != nil || len(names) < 2 {
		t.Fatalf("-sets %s: %d sets, %v", *setsDir, len(names), err)
	}
	for _, name := range names {
		dir := filepath.Dir(name)
		sets = append(sets, set{readSet(t, dir), filepath.Base(dir)})
	}
	return sets
}

func readSet(t *testing.T, dir string) *dataset {
	t.Helper()
	votes, err := os.Open(filepath.Join(dir, "votes.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer votes.Close()
	truth, err := os.Open(filepath.Join(dir, "truth.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer truth.Close()
	data, err := read(votes, truth)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// tuningSeeds: more where a set is small and noisy, fewer where it is large.
func (s set) tuningSeeds() int { return min(max(200_000/len(s.votes), 2), 40) }

// uneven makes of every set whose items all have a truth two in which one label
// is left with every tenth of its items.
func uneven(sets []set) (thinned []set) {
	for _, s := range sets {
		if s.known == s.items() {
			thinned = append(thinned,
				set{s.thin(crowd.Good), s.name + ", few ones"},
				set{s.thin(crowd.Bad), s.name + ", few zeros"})
		}
	}
	return thinned
}

// thin keeps every tenth item of a label.
func (d *dataset) thin(label crowd.Label) *dataset {
	thin := &dataset{starts: []int{0}, workers: d.workers}
	seen := 0
	for item, truth := range d.truth {
		if truth == label {
			if seen++; seen%10 != 1 {
				continue
			}
		}
		thin.votes = append(thin.votes, d.votes[d.starts[item]:d.starts[item+1]]...)
		thin.starts = append(thin.starts, len(thin.votes))
		thin.truth = append(thin.truth, truth)
		thin.known++
	}
	return thin
}
