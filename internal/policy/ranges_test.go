package policy_test

import (
	"errors"
	"testing"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/policy"
)

func TestInRanges(t *testing.T) {
	inside := policy.Range{Name: "inside", Value: 5, Least: 5, Most: 5}
	for name, field := range map[policy.Range]string{
		inside:                       "",
		{"low", 4, 5, 9}:             "low",
		{"high", 10, 5, 9}:           "high",
		{"impossible", 5, 6, 4}:      "impossible",
		{"negative", -1, -1, 1}:      "",
		{"far", 1 << 62, 0, 1 << 62}: "",
	} {
		err := policy.InRanges(inside, name, inside)
		var refusal *fault.Error
		if errors.As(err, &refusal); field == "" && err != nil || field != "" && (refusal == nil || refusal.Code != fault.PolicyInvalid || refusal.Field != field) {
			t.Errorf("%+v: %v", name, err)
		}
	}
}
