package policy_test

import (
	"errors"
	"testing"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/policy"
)

type limits struct {
	Max  int    `json:"max"`
	Mode string `json:"mode"`
}

func (l limits) Validate() error {
	if l.Max < 1 {
		return fault.PolicyInvalid.On("max")
	}
	return nil
}

func TestMerge(t *testing.T) {
	defaults := limits{Max: 3, Mode: "open"}
	cases := []struct {
		name, values string
		want         limits
		refused      bool
	}{
		{"nothing stored", "", defaults, false},
		{"empty object", " {} ", defaults, false},
		{"null", "null", defaults, false},
		{"one value", `{"max":5}`, limits{5, "open"}, false},
		{"all values", `{"max":5,"mode":"closed"}`, limits{5, "closed"}, false},
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
