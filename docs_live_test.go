package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/lingualink/lingualink/internal/rooms"
)

const liveGuide = "docs/live.md"

// TestTheLiveGuideHasThePolicy compares the table of values with the defaults in
// code, value by value.
func TestTheLiveGuideHasThePolicy(t *testing.T) {
	encoded, err := json.Marshal(rooms.DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	values, said := map[string]json.RawMessage{}, map[string]string{}
	if err := json.Unmarshal(encoded, &values); err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(read(t, liveGuide), "\n## The policy\n")
	table, _, _ = strings.Cut(table, "\n## ")
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([^|]+) \\|").FindAllStringSubmatch(table, -1) {
		said[row[1]] = row[2]
		if values[row[1]] == nil {
			t.Errorf("%s explains %s, which is no value of the policy", liveGuide, row[1])
		}
	}
	for name, value := range values {
		if said[name] != string(value) {
			t.Errorf("%s says that %s is %q by default, it is %s", liveGuide, name, said[name], value)
		}
	}
}

// TestTheLiveGuideHasTheStates: every state of a stream and every ending.
func TestTheLiveGuideHasTheStates(t *testing.T) {
	text := read(t, liveGuide)
	for _, state := range rooms.States() {
		if state != rooms.New && !strings.Contains(text, "| `"+string(state)+"` |") {
			t.Errorf("%s does not explain the state %s", liveGuide, state)
		}
	}
	for _, ending := range []rooms.Ending{
		rooms.EndedByHost, rooms.EndedByModerator, rooms.EndedHostGone, rooms.EndedHostBarred, rooms.EndedUnused, rooms.EndedTooLong,
	} {
		if !strings.Contains(text, "`"+string(ending)+"`") {
			t.Errorf("%s does not explain the ending %s", liveGuide, ending)
		}
	}
}
