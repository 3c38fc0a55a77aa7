package rewards_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/rewards"
)

func TestDefaultPolicy(t *testing.T) {
	p, err := rewards.ParsePolicy(nil)
	if err != nil || p != rewards.DefaultPolicy() {
		t.Fatalf("no values: %+v, %v", p, err)
	}
	want := `{"validation_pay":"informativeness","hold_hours":168,"validator_bps":14000,"ambassador_bps":15000,"remix_parent_bps":3000}`
	if got, err := json.Marshal(p); err != nil || string(got) != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
	if p.Hold() != 7*24*time.Hour {
		t.Errorf("held for %v, want a week", p.Hold())
	}
}

func TestParsePolicy(t *testing.T) {
	cases := []struct{ values, field string }{ // no field: taken
		{`{}`, ""},
		{`{"hold_hours":0,"validator_bps":10000,"ambassador_bps":100000,"remix_parent_bps":0}`, ""},
		{`{"hold_hours":8760,"remix_parent_bps":10000}`, ""},
		{`{"validation_pay":"informativeness"}`, ""},
		{`{"validation_pay":"agreement"}`, ""},
		{`{"validation_pay":""}`, "validation_pay"},
		{`{"validation_pay":"Agreement"}`, "validation_pay"},
		{`{"validation_pay":1}`, "values"},
		{`{"hold_hours":-1}`, "hold_hours"},
		{`{"hold_hours":8761}`, "hold_hours"},
		{`{"validator_bps":9999}`, "validator_bps"},
		{`{"validator_bps":100001}`, "validator_bps"},
		{`{"ambassador_bps":0}`, "ambassador_bps"},
		{`{"remix_parent_bps":-1}`, "remix_parent_bps"},
		{`{"remix_parent_bps":10001}`, "remix_parent_bps"},
		{`{"validator_bps":14000.5}`, "values"},
		{`{"validator_pct":40}`, "values"},
	}
	for _, c := range cases {
		t.Run(c.values, func(t *testing.T) {
			_, err := rewards.ParsePolicy([]byte(c.values))
			if c.field == "" {
				if err != nil {
					t.Errorf("%v, want it taken", err)
				}
				return
			}
			var refusal *fault.Error
			if !errors.As(err, &refusal) || refusal.Code != fault.PolicyInvalid || refusal.Field != c.field {
				t.Errorf("%v, want policy_invalid on %s", err, c.field)
			}
		})
	}
}
