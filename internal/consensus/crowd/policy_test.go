package crowd_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/lingualink/lingualink/internal/consensus/crowd"
	"github.com/lingualink/lingualink/internal/fault"
)

func TestDefaultPolicy(t *testing.T) {
	want := `{"sensitivity_prior":{"hits":4,"misses":1},"specificity_prior":{"hits":2,"misses":1},` +
		`"prior_good":9,"prior_bad":1,"prior_floor":0.2,"prior_cap":0.8,` +
		`"accept_at":0.98,"accept_at_first":0.99,"accept_answers":200,"reject_at":0.97,` +
		`"min_votes":2,"max_votes":7,"min_rejects":2,` +
		`"gate_clips":20,"gate_answers":5,"out_answers":8,"out_below":0.2,` +
		`"pay_from":0.2,"pay_full":0.6,"pay_deviations":0.84,` +
		`"onboarding":10,"gold_share":0.05,"best_of":3,"random_share":0.2}`
	p, err := crowd.ParsePolicy(nil)
	if err != nil || p != crowd.DefaultPolicy() {
		t.Fatalf("no values: %+v, %v", p, err)
	}
	if got, err := json.Marshal(p); err != nil || string(got) != want {
		t.Errorf("%s, %v\nwant %s", got, err, want)
	}
}

func TestParsePolicyTakes(t *testing.T) {
	for _, values := range []string{
		`{}`, `{"accept_at":0.985}`, `{"accept_at":0.995}`, `{"accept_at_first":0.6}`, `{"sensitivity_prior":{"hits":8}}`, `{"gate_clips":0,"gate_answers":0}`,
		`{"out_below":0}`, `{"gold_share":0,"onboarding":0}`, `{"best_of":1,"random_share":1}`,
		`{"min_votes":1,"max_votes":15,"min_rejects":15}`, `{"pay_from":0,"pay_full":1,"pay_deviations":0}`,
	} {
		if _, err := crowd.ParsePolicy([]byte(values)); err != nil {
			t.Errorf("%s: %v", values, err)
		}
	}
}

func TestParsePolicyRefuses(t *testing.T) {
	cases := []struct{ values, field string }{
		{`{"quorum":3}`, "values"},
		{`{"min_votes":1.5}`, "values"},
		{`{"sensitivity_prior":{"hits":0}}`, "sensitivity_prior"},
		{`{"sensitivity_prior":{"hits":1001}}`, "sensitivity_prior"},
		{`{"specificity_prior":{"misses":-1}}`, "specificity_prior"},
		{`{"specificity_prior":{"hits":1,"misses":4}}`, "specificity_prior"},
		{`{"prior_good":0}`, "prior_good"},
		{`{"prior_bad":1001}`, "prior_bad"},
		{`{"prior_floor":0}`, "prior_floor"},
		{`{"prior_cap":0.1}`, "prior_cap"},
		{`{"prior_cap":0.98}`, "prior_cap"},
		{`{"prior_floor":0.02}`, "prior_cap"},
		{`{"accept_at":0.5}`, "accept_at"},
		{`{"accept_at":1}`, "accept_at"},
		{`{"accept_at_first":0.5}`, "accept_at_first"},
		{`{"accept_at_first":1}`, "accept_at_first"},
		{`{"accept_answers":-1}`, "accept_answers"},
		{`{"reject_at":1}`, "reject_at"},
		{`{"min_votes":0}`, "min_votes"},
		{`{"max_votes":0}`, "max_votes"},
		{`{"max_votes":1}`, "max_votes"},
		{`{"max_votes":16}`, "max_votes"},
		{`{"min_rejects":0}`, "min_rejects"},
		{`{"min_rejects":8}`, "min_rejects"},
		{`{"gate_clips":-1}`, "gate_clips"},
		{`{"gate_answers":-1}`, "gate_answers"},
		{`{"out_answers":0}`, "out_answers"},
		{`{"out_below":-0.1}`, "out_below"},
		{`{"onboarding":-1}`, "onboarding"},
		{`{"gold_share":0.51}`, "gold_share"},
		{`{"best_of":0}`, "best_of"},
		{`{"random_share":1.1}`, "random_share"},
		{`{"pay_from":-0.1}`, "pay_from"},
		{`{"pay_full":0.2}`, "pay_full"},
		{`{"pay_deviations":6}`, "pay_deviations"},
	}
	for _, c := range cases {
		_, err := crowd.ParsePolicy([]byte(c.values))
		var refused *fault.Error
		if !errors.As(err, &refused) || refused.Code != fault.PolicyInvalid || refused.Field != c.field {
			t.Errorf("%s: %v, want policy_invalid on %s", c.values, err, c.field)
		}
	}
}
