package moderation_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/moderation"
)

func TestDefaultPolicyIsValid(t *testing.T) {
	if err := moderation.DefaultPolicy().Validate(); err != nil {
		t.Error(err)
	}
	for _, r := range moderation.Reasons() {
		if moderation.DefaultPolicy().Severity(r) == 0 {
			t.Errorf("%s has no severity", r)
		}
	}
	if moderation.DefaultPolicy().Severity("nonsense") != 0 {
		t.Error("nonsense has a severity")
	}
}

// numbers walks through all whole numbers of a policy as it is stored.
func numbers(path string, value any, visit func(path string)) {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			numbers(strings.TrimPrefix(path+"."+name, "."), inner, visit)
		}
	case float64:
		visit(path)
	}
}

// TestEveryNumberHasARange: each is refused below and above, by its own name or by
// that of one that depends on it.
func TestEveryNumberHasARange(t *testing.T) {
	stored, err := json.Marshal(moderation.DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(stored, &tree); err != nil {
		t.Fatal(err)
	}
	count := 0
	numbers("", tree, func(path string) {
		count++
		for _, value := range []int64{-1, 1 << 60} {
			text := fmt.Sprint(value)
			names := strings.Split(path, ".")
			for i := len(names) - 1; i >= 0; i-- {
				text = fmt.Sprintf("{%q:%s}", names[i], text)
			}
			_, err := moderation.ParsePolicy([]byte(text))
			var refused *fault.Error
			if !errors.As(err, &refused) || refused.Code != fault.PolicyInvalid {
				t.Errorf("%s: %v", text, err)
			}
		}
	})
	if count < 80 {
		t.Errorf("only %d numbers", count)
	}
}

func TestParsePolicy(t *testing.T) {
	for values, field := range map[string]string{
		``:                              "",
		`{}`:                            "",
		`{"lease_minutes":20}`:          "",
		`{"lease_minutes":121}`:         "lease_minutes", // longer than the longest claim
		`{"leaseminutes":20}`:           "values",
		`{"lease_minutes":null}`:        "lease_minutes",
		`{"severity":{"spam":0}}`:       "severity.spam",
		`{"severity":{"spam":5}}`:       "severity.spam",
		`{"severity":{"spam":4}}`:       "",
		`{"severity":{"spams":4}}`:      "values",
		`{"prior_wrong":0}`:             "prior_wrong",
		`{"reliable_right":0}`:          "reliable_right",
		`{"hide_voices":{"high":1}}`:    "hide_voices.high", // nobody hides alone
		`{"hide_voices":{"low":1}}`:     "",                 // never anyway
		`{"hide_weight_bps":{"low":1}}`: "hide_voices.low",
		`{"hide_weight_bps":{"high":0},"hide_voices":{"high":0}}`: "", // never
		`{"suspend_points":6}`:                                "suspend_points",
		`{"suspend_days":15}`:                                 "suspend_days", // more points are never fewer days
		`{"long_points":8}`:                                   "long_points",
		`{"points":{"ban":{"low":101}}}`:                      "points.ban.low",
		`{"moderator_days":366}`:                              "moderator_days",
		`{"strip_by_moderators":true,"most_suspend_days":30}`: "",
		`{"strip_by_moderators":1}`:                           "values",
		`{"strike_days":{"low":0}}`:                           "strike_days.low",
		`{"reports_per_day":10}`:                              "reports_per_hour",
		`{"sla_minutes":{"low":60,"medium":60,"high":60}}`:    "",
		`{"hide_raise_bps":0}`:                                "hide_raise_bps", // a dismissal must count
	} {
		p, err := moderation.ParsePolicy([]byte(values))
		var refused *fault.Error
		switch {
		case field == "" && err != nil:
			t.Errorf("%s: %v", values, err)
		case field != "" && (!errors.As(err, &refused) || refused.Field != field || p != moderation.DefaultPolicy()):
			t.Errorf("%s: %v, want %s refused", values, err, field)
		}
	}
}

func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte(`{"lease_minutes":20,"severity":{"spam":4}}`))
	f.Fuzz(func(t *testing.T, values []byte) {
		p, err := moderation.ParsePolicy(values)
		if err == nil && p.Validate() != nil {
			t.Errorf("%s was taken", values)
		}
		if err != nil && p != moderation.DefaultPolicy() {
			t.Errorf("%s was refused and changed the policy", values)
		}
	})
}
