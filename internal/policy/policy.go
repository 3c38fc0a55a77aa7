// Package policy decides how the numbers that rule a subject (thresholds,
// limits, shares) are read: a stored JSON object laid over the defaults in
// code. It refuses unknown names, wrong types, null in the place of a value and
// values that the subject's own Validate refuses, so a typo cannot silently leave
// a default in force.
package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"

	"github.com/lingualink/lingualink/internal/fault"
)

// Values is what a subject's policy struct offers.
type Values interface {
	// Validate returns a fault.PolicyInvalid error that names the bad value.
	Validate() error
}

// Merge lays the JSON object values over defaults and validates the result.
// Empty values, null and {} give the defaults themselves; null inside the object
// is no value.
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
		// The decoder takes null for "leave it as it is".
		if name := missing(values); name != "" {
			return defaults, fault.PolicyInvalid.On(name).Saying(name + " is null: send a value, or leave it out for the default.")
		}
	}
	if err := merged.Validate(); err != nil {
		return defaults, err
	}
	return merged, nil
}

// missing is the path of the first null inside a JSON object, in the order of
// names, or empty.
func missing(object []byte) string {
	var value any
	if err := json.Unmarshal(object, &value); err != nil || value == nil {
		return ""
	}
	return nullIn("", value)
}

func nullIn(path string, value any) string {
	inside := func(name string, value any) string {
		if path != "" {
			name = path + "." + name
		}
		return nullIn(name, value)
	}
	switch typed := value.(type) {
	case nil:
		return path
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(typed)) {
			if found := inside(name, typed[name]); found != "" {
				return found
			}
		}
	case []any:
		for i, item := range typed {
			if found := inside(strconv.Itoa(i), item); found != "" {
				return found
			}
		}
	}
	return ""
}
