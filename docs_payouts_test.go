package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/internal/payout"
)

const payoutsGuide = "docs/payouts.md"

// TestThePayoutsGuideHasThePolicy compares both tables of values with the
// defaults in code.
func TestThePayoutsGuideHasThePolicy(t *testing.T) {
	encoded, err := json.Marshal(payout.DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	values, want := map[string]json.RawMessage{}, map[string]string{}
	if err := json.Unmarshal(encoded, &values); err != nil {
		t.Fatal(err)
	}
	for name, value := range values {
		limits := map[string]int64{}
		if json.Unmarshal(value, &limits) != nil {
			want[name] = string(value)
			continue
		}
		for limit, minor := range limits {
			want[name+"."+limit] = fmt.Sprint(minor)
		}
	}
	text, said := section(t, payoutsGuide, "Limits and policy"), map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([a-z0-9]+) \\| (.*) \\|$").FindAllStringSubmatch(text, -1) {
		cells := strings.Split(row[3], " | ")
		if len(cells) < 4 {
			said[row[1]] = row[2]
			continue
		}
		for i, currency := range []string{"NGN", "GHS", "KES", "ZAR"} {
			said[currency+"."+row[1]] = append([]string{row[2]}, cells...)[i]
		}
	}
	for name := range said {
		if want[name] == "" {
			t.Errorf("%s explains %s, which is no value of the policy", payoutsGuide, name)
		}
	}
	for name, value := range want {
		if said[name] != value {
			t.Errorf("%s says that %s is %q by default, it is %s", payoutsGuide, name, said[name], value)
		}
	}
}

// TestTheStateDiagramIsTheMatrix compares the diagram with what the state machine
// was seen to do.
func TestTheStateDiagramIsTheMatrix(t *testing.T) {
	drawn, done := map[string]bool{}, map[string]bool{}
	for _, line := range regexp.MustCompile(`(?m)^  (\S+) --> ([a-z_]+): .+$`).FindAllStringSubmatch(section(t, payoutsGuide, "States"), -1) {
		drawn[strings.Replace(line[1], "[*]", "new", 1)+" -> "+line[2]] = true
	}
	for _, line := range strings.Split(read(t, "internal/payout/testdata/matrix.txt"), "\n") {
		cells := strings.Split(line, " | ")
		if len(cells) < 3 || strings.HasPrefix(cells[2], "conflict") {
			continue
		}
		if from, _, _ := strings.Cut(cells[0], ","); from != cells[2] {
			done[from+" -> "+cells[2]] = true
		}
	}
	for transition := range done {
		if !drawn[transition] {
			t.Errorf("the diagram of %s lacks %s", payoutsGuide, transition)
		}
		delete(drawn, transition)
	}
	for transition := range drawn {
		t.Errorf("%s draws %s, which does not happen", payoutsGuide, transition)
	}
	if len(done) < 20 {
		t.Errorf("only %d transitions were read", len(done))
	}
}

// TestThePayoutsGuideHasEveryWord: statuses, alerts, causes of pauses, kinds of
// flags and hints that people meet are explained, and no others.
func TestThePayoutsGuideHasEveryWord(t *testing.T) {
	sources := ""
	for _, s := range tree(t) {
		if !s.test() && strings.HasPrefix(s.path, "hooks/payouts/") {
			sources += s.text
		}
	}
	in := func(text, pattern string) []string {
		words := []string{}
		for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			words = append(words, match[1])
		}
		return words
	}
	alerts := append(in(sources, `notice\{Kind: "([a-z_]+)"`), in(read(t, "internal/payout/effect.go"), `AlertKind = "([a-z_]+)"`)...)
	pauses := append(in(sources, `\.pause\([^,]+, (?:string\([^)]*\)|[A-Za-z.]+), "([a-z_]+)"`), in(sources, `pauseByAdmin\s+= "([a-z]+)"`)...)
	for name, words := range map[string][]string{
		"For people who are paid": collections.PayoutStatuses(), "Alerts": alerts, "Pauses": pauses,
		"Flags": in(sources, `flag[A-Z][A-Za-z]+\s+= "([a-z_]+)"`), "Deciding": in(sources, `\{"([a-z_]+)", [^"]*(?:item|record|large)`),
	} {
		text := part(t, payoutsGuide, name)
		if len(words) < 3 {
			t.Errorf("only %v were found for %q", words, name)
		}
		rows := ""
		for _, row := range regexp.MustCompile(`(?m)^\| (.+?) \|`).FindAllStringSubmatch(text, -1) {
			rows += row[1] + "\n"
		}
		for _, word := range words {
			if !strings.Contains(rows, "`"+word+"`") {
				t.Errorf("%s does not explain %s under %q", payoutsGuide, word, name)
			}
		}
		for _, word := range in(rows, "`([a-z_]+)`") {
			if !slices.Contains(words, word) {
				t.Errorf("%s explains %s under %q, which does not exist", payoutsGuide, word, name)
			}
		}
	}
}

// part is what stands below a heading of a page, up to the next one of any level.
func part(t *testing.T, page, name string) string {
	t.Helper()
	_, text, found := strings.Cut(read(t, page), "# "+name+"\n")
	if !found {
		t.Fatalf("%s has no heading %q", page, name)
	}
	text, _, _ = strings.Cut(text, "\n#")
	return text
}

// TestTheGuardsHaveTheirTests: a test that a guide names exists.
func TestTheGuardsHaveTheirTests(t *testing.T) {
	tests := map[string]bool{}
	for _, s := range tree(t) {
		for _, match := range regexp.MustCompile(`(?m)^func (Test\w+|Fuzz\w+)\(`).FindAllStringSubmatch(s.text, -1) {
			tests[match[1]] = true
		}
	}
	named := 0
	for _, page := range pages(t) {
		for _, match := range regexp.MustCompile("`((?:Test|Fuzz)[A-Z0-9]\\w*)`").FindAllStringSubmatch(read(t, page), -1) {
			if named++; !tests[match[1]] {
				t.Errorf("%s names %s, which does not exist", page, match[1])
			}
		}
	}
	if named < 30 {
		t.Errorf("only %d tests are named", named)
	}
}
