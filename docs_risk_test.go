package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/risk"
)

const riskGuide = "docs/risk.md"

// TestTheRiskGuideHasThePolicy compares both tables of values, and what people are
// told of the numbers, with the defaults in code.
func TestTheRiskGuideHasThePolicy(t *testing.T) {
	p := risk.DefaultPolicy()
	encoded, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	values, want := map[string]json.RawMessage{}, map[string]string{}
	if err := json.Unmarshal(encoded, &values); err != nil {
		t.Fatal(err)
	}
	for name, value := range values {
		var weight risk.Weight
		if json.Unmarshal(value, &weight) == nil {
			want[name] = fmt.Sprintf("%d of %d", weight.Points, weight.Most)
		} else {
			want[name] = string(value)
		}
	}
	text, said := part(t, riskGuide, "Policy"), map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([0-9]+) \\| ([0-9]+) \\| ").FindAllStringSubmatch(text, -1) {
		said[row[1]] = row[2] + " of " + row[3]
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([0-9]+) \\| [a-z]").FindAllStringSubmatch(text, -1) {
		said[row[1]] = row[2]
	}
	for name := range said {
		if want[name] == "" {
			t.Errorf("%s explains %s, which is no value of the policy", riskGuide, name)
		}
	}
	for name, value := range want {
		if said[name] != value {
			t.Errorf("%s says that %s is %q by default, it is %q", riskGuide, name, said[name], value)
		}
	}
	flat := strings.Join(strings.Fields(read(t, riskGuide)), " ")
	for _, says := range []string{
		fmt.Sprintf("somebody decides, within %d days.", time.Duration(p.DecisionHours)*time.Hour/(24*time.Hour)),
		fmt.Sprintf("of addresses for %d days.", p.SignalDays),
		fmt.Sprintf("the sum, at most %d.", risk.Most),
	} {
		if !strings.Contains(flat, says) {
			t.Errorf("%s does not say %q", riskGuide, says)
		}
	}
}
