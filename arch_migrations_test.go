package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

var migrationNameRule = houseRule{
	name:   "migration names",
	reason: "migrations run in the order of their names, each once",
	check: func(sources []source) []string {
		problems, last := []string{}, ""
		for _, s := range slices.SortedFunc(slices.Values(sources), func(a, b source) int { return strings.Compare(a.path, b.path) }) {
			name := strings.TrimPrefix(s.path, migrationsDir+"/")
			if s.pkg() != migrationsDir || s.test() || name == "migrations.go" {
				continue
			}
			parts := migrationFile.FindStringSubmatch(name)
			switch {
			case parts == nil:
				problems = append(problems, s.path+" is not named <unix>_<name>.go")
			case parts[1] <= last:
				problems = append(problems, fmt.Sprintf("%s has the number of the one before it", s.path))
			default:
				last = parts[1]
			}
		}
		return problems
	},
	planted: []plant{
		{"migrations/init.go": "package migrations\n"},
		{"migrations/1795300000_Init.go": "package migrations\n"},
		{"migrations/17953000000_init.go": "package migrations\n"},
		{"migrations/1795300000_init.go": "package migrations\n", "migrations/1795300000_more.go": "package migrations\n"},
	},
	allowed: []plant{
		{"migrations/1795300000_init.go": "package migrations\n", "migrations/1795300001_more_2.go": "package migrations\n"},
		{"migrations/migrations.go": "package migrations\n", "migrations/seed/seed.go": "package seed\n"},
	},
}

// What has landed is never edited: servers that have run it would differ from
// new ones without anybody knowing.
func TestMigrationsAreFrozen(t *testing.T) {
	frozen, err := readFrozen(migrationsDir)
	if err != nil {
		t.Fatal(err)
	}
	now, err := hashMigrations(migrationsDir)
	if err != nil {
		t.Fatal(err)
	}
	if len(now) < 5 {
		t.Fatalf("only %d files were found", len(now))
	}
	thawed, fresh := compareFrozen(frozen, now)
	for _, problem := range thawed {
		t.Errorf("%s after it landed; put it back and write a new migration", problem)
	}
	for _, line := range fresh {
		t.Errorf("migrations/FROZEN has no line for a migration; before it lands run: go run . schema freeze\n%s", line)
	}
}

func TestCompareFrozen(t *testing.T) {
	frozen := map[string]string{"1_a.go": "aa", "1_a.json": "bb"}
	for name, c := range map[string]struct {
		change        func(now map[string]string)
		thawed, fresh string
	}{
		"as it was": {change: func(map[string]string) {}},
		"changed":   {change: func(now map[string]string) { now["1_a.go"] = "cc" }, thawed: "1_a.go was changed"},
		"gone":      {change: func(now map[string]string) { delete(now, "1_a.json") }, thawed: "1_a.json is gone"},
		"appended":  {change: func(now map[string]string) { now["2_b.go"] = "dd" }, fresh: "dd  2_b.go"},
	} {
		now := maps.Clone(frozen)
		c.change(now)
		thawed, fresh := compareFrozen(frozen, now)
		if strings.Join(thawed, "|") != c.thawed || strings.Join(fresh, "|") != c.fresh {
			t.Errorf("%s: %q and %q", name, thawed, fresh)
		}
	}
}
