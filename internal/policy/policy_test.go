package policy_test

import (
	"errors"
	"testing"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/policy"
)

type limits struct {
	Max   int    `json:"max"`
	Mode  string `json:"mode"`
	Share share  `json:"share"`
}

type share struct {
	Of int `json:"of"`
}

func (l limits) Validate() error {
	if l.Max < 1 {
		return fault.PolicyInvalid.On("max")
	}
	return nil
}

func TestMerge(t *testing.T) {
	defaults := limits{Max: 3, Mode: "open", Share: share{7}}
	cases := []struct {
		name, values string
		want         limits
		refused      bool
	}{
		{"nothing stored", "", defaults, false},
		{"empty object", " {} ", defaults, false},
		{"null", "null", defaults, false},
		{"one value", `{"max":5}`, limits{5, "open", share{7}}, false},
		{"all values", `{"max":5,"mode":"closed"}`, limits{5, "closed", share{7}}, false},
		{"unknown name", `{"maximum":5}`, defaults, true},
		{"wrong type", `{"max":"5"}`, defaults, true},
		{"refused by the subject", `{"max":0}`, defaults, true},
		{"an array", `[1]`, defaults, true},
		{"two objects", `{"max":5}{"max":6}`, defaults, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := policy.Merge(defaults, []byte(c.values))
			if refused := errors.Is(err, fault.PolicyInvalid.On("")); refused != c.refused {
				t.Fatalf("refused = %v, want %v (%v)", refused, c.refused, err)
			}
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// TestNullIsNoValue: encoding/json takes null for "leave it as it is", so it would
// pass as the default.
func TestNullIsNoValue(t *testing.T) {
	defaults := limits{Max: 3, Mode: "open", Share: share{7}}
	for values, name := range map[string]string{
		`{"max":null}`:                        "max",
		`{"max":5,"mode":null}`:               "mode",
		`{"share":null}`:                      "share",
		`{"share":{"of":null}}`:               "share.of",
		`{"max":null,"max":5}`:                "", // the last one counts
		`{"max":5,"max":null}`:                "max",
		"\n{ \"mode\" : null , \"max\":null}": "max",
	} {
		got, err := policy.Merge(defaults, []byte(values))
		if name == "" {
			if err != nil || got.Max != 5 {
				t.Errorf("%s: %+v, %v", values, got, err)
			}
			continue
		}
		var refused *fault.Error
		if !errors.As(err, &refused) || refused.Code != fault.PolicyInvalid || refused.Field != name || got != defaults {
			t.Errorf("%s: %+v, %v, want %s refused", values, got, err, name)
		}
	}
}
