// Package policy decides how the numbers that rule a subject (thresholds,
// limits, shares) are read: a stored JSON object laid over the defaults in
// code. It refuses unknown names, wrong types and values that the subject's own
// Validate refuses, so a typo cannot silently leave a default in force.
package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/lingualink/lingualink/internal/fault"
)

// Values is what a subject's policy struct offers.
type Values interface {
	// Validate returns a fault.PolicyInvalid error that names the bad value.
	Validate() error
}

// Merge lays the JSON object values over defaults and validates the result.
// Empty values, null and {} give the defaults themselves.
func Merge[P Values](defaults P, values []byte) (P, error) {
	merged := defaults
	if len(bytes.TrimSpace(values)) > 0 {
		decoder := json.NewDecoder(bytes.NewReader(values))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&merged); err != nil {
			return defaults, fault.PolicyInvalid.On("values").Saying("The values do not fit: " + err.Error() + ".")
		}
		if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
			return defaults, fault.PolicyInvalid.On("values").Saying("The values must be one JSON object.")
		}
	}
	if err := merged.Validate(); err != nil {
		return defaults, err
	}
	return merged, nil
}
