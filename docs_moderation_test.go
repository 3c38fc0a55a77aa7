package main

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lingualink/lingualink/internal/moderation"
)

const moderationGuide = "docs/moderation.md"

// flat are the values of a policy by their paths; the numbers for the four
// severities are one.
func flat(t *testing.T, prefix string, raw json.RawMessage, into map[string]string) {
	t.Helper()
	values := map[string]json.RawMessage{}
	if json.Unmarshal(raw, &values) != nil {
		into[strings.TrimPrefix(prefix, ".")] = string(raw)
		return
	}
	if low, four := values["low"]; four && len(values) == 4 {
		into[strings.TrimPrefix(prefix, ".")] = strings.Join([]string{string(low), string(values["medium"]), string(values["high"]), string(values["critical"])}, " | ")
		return
	}
	for name, value := range values {
		flat(t, prefix+"."+name, value, into)
	}
}

// TestTheModerationGuideHasThePolicy compares both tables with the defaults in code.
func TestTheModerationGuideHasThePolicy(t *testing.T) {
	encoded, err := json.Marshal(moderation.DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	want, said := map[string]string{}, map[string]string{}
	flat(t, "", encoded, want)
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\| (.*) \\|$").FindAllStringSubmatch(part(t, moderationGuide, "The policy"), -1) {
		cells := strings.Split(row[2], " | ")
		said[row[1]] = strings.Join(cells[:len(cells)-1], " | ")
	}
	for name, value := range want {
		if said[name] != value {
			t.Errorf("%s says that %s is %q by default, it is %s", moderationGuide, name, said[name], value)
		}
		delete(said, name)
	}
	for name := range said {
		t.Errorf("%s explains %s, which is no value of the policy", moderationGuide, name)
	}
	if len(want) < 40 {
		t.Errorf("only %d values were found", len(want))
	}
}

// TestTheModerationGuideHasEveryWord: actions and reasons of refusals, and no others.
func TestTheModerationGuideHasEveryWord(t *testing.T) {
	whys := map[string]bool{"changed": true, "exists": true} // of hooks/moderation
	for _, match := range regexp.MustCompile(`Why = "([a-z_]+)"`).FindAllStringSubmatch(read(t, "internal/moderation/case.go"), -1) {
		whys[match[1]] = true
	}
	actions := map[string]bool{}
	for _, action := range moderation.Actions() {
		actions[string(action)] = true
	}
	for name, words := range map[string]map[string]bool{"Reasons of a refusal": whys, "Deciding": actions} {
		rows := []string{}
		for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(part(t, moderationGuide, name), -1) {
			rows = append(rows, row[1])
		}
		slices.Sort(rows)
		if want := slices.Sorted(maps.Keys(words)); !slices.Equal(rows, want) {
			t.Errorf("%s has %v under %q, want %v", moderationGuide, rows, name, want)
		}
	}
}
